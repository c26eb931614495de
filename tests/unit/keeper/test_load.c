/* SPDX-License-Identifier: Apache-2.0 */
/* Of many certificates on disk those beyond the first are used at once, and looked at closely
 * after. */
#include "world.h"

#define SITE "wiki.hospital.example"

/* As many have been loaded already as are looked at before they are used. */
static enum rc starts_as_if_many(struct world *w)
{
    struct keeper *k;

    TRY(role_keeper.open(w->env, NULL));
    k = w->env->state;
    k->transport = &w->fake.transport;
    k->loaded = KEEPER_CHECK_AT_ONCE;
    TRY(role_keeper.start(w->env, NULL));
    w->running = true;
    return RC_OK;
}

static enum rc others_come(struct world *w)
{
    TRY(core_comes(w));
    for (unsigned i = 0; i < WORKERS; i++)
        TRY(worker_comes(w, (uint8_t)i));
    return RC_OK;
}

static void in_use_before_it_was_looked_at(void)
{
    const struct keeper *k;

    BEGIN(w);
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 2);
    keeper_ends(&w);
    CHECK_OK(starts_as_if_many(&w));
    k = w.env->state;
    CHECK(slot_of(&w, SITE)->pair);
    CHECK(!list_empty(&k->unchecked));
    CHECK_OK(others_come(&w));
    pass(&w, 2 * WHEN_SECOND, WHEN_SECOND / 10);
    CHECK(list_empty(&k->unchecked));
    CHECK(slot_of(&w, SITE)->pair);
    CHECK_INT(w.fake.n_orders, 2);
    CHECK_INT(count(&w.workers[0].seen, ";"), 2);
    CHECK_INT(w.workers[0].wrong, 0);
}

static void replaced_when_it_was_looked_at(void)
{
    static const char *const files[] = {"privkey.pem", "fullchain.pem"};

    for (size_t i = 0; i < 4; i++) {
        BEGIN(w);
        CLEANUP(buf_done) struct buf other = BUF_INIT(1 << 16);
        char path[128], from[128];
        const struct keeper *k;

        CHECK_OK(keeper_starts_with_all(&w));
        pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
        keeper_ends(&w);
        snprintf(path, sizeof(path), "sites/" SITE "/ecdsa/%s", files[i % 2]);
        snprintf(from, sizeof(from), "sites/lab.hospital.example/ecdsa/%s", files[i % 2]);
        CHECK_OK(file_read(w.dir.fd, from, &other, NULL));
        CHECK_OK(file_write(w.dir.fd, path, i < 2 ? buf_str(&other) : STR("garbage"), 0600,
                            FILE_OWNER_SELF, NULL));
        CHECK_OK(starts_as_if_many(&w));
        k = w.env->state;
        CHECK(!slot_of(&w, SITE)->pair == (i >= 2)); /* garbage is none at once */
        CHECK_OK(others_come(&w));
        pass(&w, 5 * WHEN_SECOND, WHEN_SECOND / 10);
        CHECK(list_empty(&k->unchecked));
        CHECK_INT(w.fake.n_orders, 3);
        CHECK_INT(slot_of(&w, SITE)->failures, 0);
        CHECK(slot_of(&w, SITE)->pair);
        CHECK_INT(count(&w.workers[0].seen, SITE " 1;"), 1); /* the right one */
        keeper_ends(&w);
        CHECK_OK(keeper_starts_with_all(&w)); /* what is on disk is right again */
        pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
        CHECK_INT(w.fake.n_orders, 3);
    }
}

CHECK_MAIN(CHECK_TEST_ONCE(in_use_before_it_was_looked_at),
           CHECK_TEST_ONCE(replaced_when_it_was_looked_at))
