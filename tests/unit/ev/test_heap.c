/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "ev/heap_int.h"

enum { N = 500 };

static uint32_t state = 1;

static uint32_t next_random(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static void fill(struct ev_timer *t, size_t n, struct ev_timer **root)
{
    for (size_t i = 0; i < n; i++) {
        t[i] = (struct ev_timer){.due = next_random() % 100, .seq = i};
        ev_heap_add(root, &t[i]);
    }
}

static bool before(const struct ev_timer *a, const struct ev_timer *b)
{
    return a->due != b->due ? a->due < b->due : a->seq < b->seq;
}

static void comes_out_in_order(void)
{
    static struct ev_timer t[N];
    struct ev_timer *root = NULL;
    struct ev_timer *last = NULL;
    size_t n = 0;

    fill(t, N, &root);
    while (root) {
        struct ev_timer *first = root;

        ev_heap_remove(&root, first);
        CHECK(!last || before(last, first));
        CHECK(!first->back);
        last = first;
        n++;
    }
    CHECK_INT(n, N);
}

static void any_may_leave(void)
{
    static struct ev_timer t[N];
    struct ev_timer *root = NULL;
    struct ev_timer *last = NULL;
    size_t left = N;

    fill(t, N, &root);
    /* Some leave from the middle and some of those come back, with another due time. */
    for (size_t i = 0; i < N; i += 3) {
        ev_heap_remove(&root, &t[i]);
        left--;
        if (i % 2) {
            t[i].due = next_random() % 100;
            ev_heap_add(&root, &t[i]);
            left++;
        }
    }
    for (; root; left--) {
        struct ev_timer *first = root;

        ev_heap_remove(&root, first);
        CHECK(!last || before(last, first));
        last = first;
    }
    CHECK_INT(left, 0);
}

CHECK_MAIN(CHECK_TEST(comes_out_in_order), CHECK_TEST(any_may_leave))
