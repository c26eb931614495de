/* SPDX-License-Identifier: Apache-2.0 */
/* Another policy takes a second person: asked for once, granted for exactly that, used once. */
#include "world.h"

#include "core/core_int.h"
#include "log/log.h"

struct play {
    struct world w;
    struct conf conf;
    struct core core;
};

static const struct core_who alice = {.uid = 1000, .login = CORE_NO_LOGIN};
static const struct core_who bob = {.uid = 1001, .login = CORE_NO_LOGIN};

static void quiet(void *, enum log_level, struct str)
{
}

static void play_done(struct play *p)
{
    core_policy_abort(&p->core);
    world_done(&p->w);
}

static bool play_init(struct play *p)
{
    struct log_conf quietly = {.role = "test", .sink = quiet};

    log_init(&quietly);
    if (!world_start(&p->w, NULL))
        return false;
    p->conf = *p->w.conf;
    p->conf.control.two_persons = 1u << CONF_TWO_POLICY;
    p->core = (struct core){.ev = p->w.ev, .store = p->w.store, .conf = &p->conf};
    return true;
}

#define BEGIN(p)                                                                                   \
    CLEANUP(play_done) struct play p = {.w.dir.fd = -1};                                           \
    CHECK(play_init(&p))

/* The code of the message, "" when nothing speaks against it. */
static const char *reload(struct play *p, const struct conf *next, const struct core_who *who)
{
    struct err err = ERR_INIT, told = ERR_INIT;
    enum rc rc, said = RC_OK;

    if (who)
        core_policy_asks(&p->core, who, STR("INC-1"));
    rc = core_policy_prepare(&p->core, next, &err);
    if (who)
        said = core_policy_asked(&p->core, who, &told);
    if (rc == RC_OK)
        return said == RC_OK ? "" : "told otherwise";
    if (rc != RC_DENIED || !err.msg)
        return "failed";
    if (who && (said != RC_DENIED || told.msg != err.msg))
        return "told nothing";
    return err.msg->code;
}

static bool waits(struct play *p, const struct conf *next, const struct core_who *who)
{
    return strcmp(reload(p, next, who), API_APPROVAL_WAITS) == 0;
}

static struct store_approval newest(struct play *p, struct arena *a, size_t *out_n)
{
    struct store_approval *list = NULL;

    *out_n = 0;
    if (store_approval_list(store_read(p->w.store), a, &(struct store_cursor){}, 0, &list, out_n) !=
            RC_OK ||
        *out_n == 0)
        return (struct store_approval){};
    return list[0];
}

static enum rc grant(struct store_txn *txn, void *id)
{
    return store_approval_move(txn, id, STORE_APPROVAL_PENDING, STORE_APPROVAL_GRANTED, 1001,
                               WORLD_NOW);
}

static void what_is_no_policy(void)
{
    struct conf next;

    BEGIN(p);
    next = p.conf;
    CHECK_STR(str_of(reload(&p, &next, NULL)), "");
    next.log.level = next.log.level == CONF_LOG_DEBUG ? CONF_LOG_INFO : CONF_LOG_DEBUG;
    CHECK_STR(str_of(reload(&p, &next, NULL)), "");
    next.control.approval_wait += WHEN_HOUR;
    CHECK_STR(str_of(reload(&p, &next, NULL)), "core.policy-signal");
    p.conf.control.two_persons = 0;
    CHECK_STR(str_of(reload(&p, &next, NULL)), "");
}

static void exactly_that_and_once(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4 << 20);
    struct conf next, other;
    struct store_approval row;
    size_t n;

    BEGIN(p);
    next = p.conf;
    next.control.approval_wait += WHEN_HOUR;
    other = p.conf;
    other.control.two_persons = 0; /* it does not excuse itself */
    CHECK(waits(&p, &next, &alice));
    row = newest(&p, &a, &n);
    CHECK_INT(n, 1);
    CHECK_INT(row.asked_by, 1000);
    CHECK_STR(row.action, "policy.change");
    CHECK_STR(row.reason, "INC-1");
    CHECK(str_starts(row.what, STR("policy.change: control.approval_wait; SHA-256")));
    CHECK_STR(id_str(&p.core.policy_change.last), row.id.z);
    CHECK(waits(&p, &next, &alice)); /* nobody is asked a second time */
    (void)newest(&p, &a, &n);
    CHECK_INT(n, 1);
    CHECK_OK(store_write_now(p.w.store, grant, &row.id));
    CHECK(waits(&p, &other, &alice));
    CHECK(waits(&p, &next, &bob)); /* it was granted to alice */
    CHECK_STR(str_of(reload(&p, &next, &alice)), "");
    core_policy_abort(&p.core); /* another process could not live with it */
    CHECK_STR(str_of(reload(&p, &next, &alice)), "");
    core_policy_used(&p.core);
    CHECK(!p.core.policy_change.last.z[0]);
    CHECK_OK(store_approval_get(store_read(p.w.store), &a, &row.id, &row));
    CHECK_INT(row.state, STORE_APPROVAL_USED);
    CHECK(waits(&p, &next, &alice));
}

CHECK_MAIN(CHECK_TEST_ONCE(what_is_no_policy), CHECK_TEST_ONCE(exactly_that_and_once))
