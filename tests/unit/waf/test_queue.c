/* SPDX-License-Identifier: Apache-2.0 */
/* Turns of sites, and the share of each. */
#include "check.h"

#include "waf/queue.h"

enum { JOBS = 6 };

struct world {
    struct waf_queue q;
    struct waf_job jobs[JOBS];
    bool in[JOBS];
};

static void world_init(struct world *w)
{
    waf_queue_init(&w->q);
}

static enum rc put(struct world *w, size_t i, const char *site)
{
    enum rc rc = waf_queue_put(&w->q, &w->jobs[i], str_of(site));

    w->in[i] = rc == RC_OK;
    return rc;
}

static void drop(struct world *w, size_t i)
{
    waf_queue_drop(&w->q, &w->jobs[i]);
    w->in[i] = false;
}

static void world_done(struct world *w)
{
    for (size_t i = 0; i < JOBS; i++)
        if (w->in[i])
            drop(w, i);
    waf_queue_done(&w->q);
}

#define WORLD                                                                                      \
    CLEANUP(world_done) struct world w = {};                                                       \
    world_init(&w)

/* Which one it is; -1: nobody's turn. */
static int take(struct world *w, unsigned share)
{
    const struct waf_job *j = waf_queue_take(&w->q, share);

    return j ? (int)(j - w->jobs) : -1;
}

static void takes_turns(void)
{
    WORLD;
    CHECK_INT(take(&w, 9), -1);
    for (size_t i = 0; i < 3; i++)
        CHECK_OK(put(&w, i, "a.example"));
    CHECK_OK(put(&w, 3, "b.example"));
    CHECK_OK(put(&w, 4, "c.example"));
    CHECK_INT(take(&w, 9), 0);
    CHECK_INT(take(&w, 9), 3);
    CHECK_INT(take(&w, 9), 4);
    CHECK_INT(take(&w, 9), 1);
    CHECK_INT(take(&w, 9), 2);
    CHECK_INT(take(&w, 9), -1);
}

static void gives_each_its_share(void)
{
    WORLD;
    for (size_t i = 0; i < 3; i++)
        CHECK_OK(put(&w, i, "a.example"));
    CHECK_INT(take(&w, 1), 0);
    CHECK_INT(take(&w, 1), -1);
    CHECK_OK(put(&w, 3, "b.example"));
    CHECK_INT(take(&w, 1), 3);
    CHECK_INT(take(&w, 1), -1);
    drop(&w, 0);
    CHECK_INT(take(&w, 1), 1);
    CHECK_INT(take(&w, 2), 2);
}

static void forgets(void)
{
    WORLD;
    CHECK_OK(put(&w, 0, "a.example"));
    CHECK_OK(put(&w, 1, "a.example"));
    CHECK_OK(put(&w, 2, ""));
    drop(&w, 0);
    CHECK_INT(take(&w, 1), 1);
    CHECK_INT(take(&w, 1), 2);
    CHECK(map_get(&w.q.sites, STR("a.example")));
    drop(&w, 1);
    CHECK(!map_get(&w.q.sites, STR("a.example")));
    CHECK_OK(put(&w, 0, "a.example"));
    drop(&w, 0);
    CHECK_INT(take(&w, 1), -1);
    CHECK(!map_get(&w.q.sites, STR("a.example")));
}

CHECK_MAIN(CHECK_TEST(takes_turns), CHECK_TEST(gives_each_its_share), CHECK_TEST(forgets))
