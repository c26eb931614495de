/* SPDX-License-Identifier: Apache-2.0 */
#include "ev/heap_int.h"

/* `back` is the address of the pointer that points here: of the root, of the parent's `child` or of
 * the elder sibling's `next`. With it a timer leaves the middle of the heap without a search. */
static void point(struct ev_timer **at, struct ev_timer *t)
{
    *at = t;
    if (t)
        t->back = at;
}

static bool earlier(const struct ev_timer *a, const struct ev_timer *b)
{
    return a->due != b->due ? a->due < b->due : a->seq < b->seq;
}

/* Two heaps, neither empty nor with siblings, become one. */
static struct ev_timer *meld(struct ev_timer *a, struct ev_timer *b)
{
    struct ev_timer *first = earlier(b, a) ? b : a;
    struct ev_timer *second = first == a ? b : a;

    point(&second->next, first->child);
    point(&first->child, second);
    return first;
}

/* Melds a list of siblings in pairs from the left, then all of them from the right: the order that
 * gives the heap its logarithmic cost. Iterative, for there may be as many siblings as timers. */
static struct ev_timer *meld_siblings(struct ev_timer *list)
{
    struct ev_timer *pairs = NULL;
    struct ev_timer *all = NULL;
    struct ev_timer *next;

    while (list) {
        struct ev_timer *a = list;
        struct ev_timer *b = a->next;

        next = b ? b->next : NULL;
        a->next = NULL;
        if (b) {
            b->next = NULL;
            a = meld(a, b);
        }
        a->next = pairs;
        pairs = a;
        list = next;
    }
    for (; pairs; pairs = next) {
        next = pairs->next;
        pairs->next = NULL;
        all = all ? meld(all, pairs) : pairs;
    }
    return all;
}

void ev_heap_add(struct ev_timer **root, struct ev_timer *t)
{
    t->child = NULL;
    t->next = NULL;
    point(root, *root ? meld(*root, t) : t);
}

void ev_heap_remove(struct ev_timer **root, struct ev_timer *t)
{
    struct ev_timer *rest = meld_siblings(t->child);

    point(t->back, t->next);
    t->back = NULL;
    t->child = NULL;
    t->next = NULL;
    if (rest)
        point(root, *root ? meld(*root, rest) : rest);
}
