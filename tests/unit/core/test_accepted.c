/* SPDX-License-Identifier: Apache-2.0 */
/* The accepted policy: what a start may take alone, and what takes a second person. */
#include "world.h"

#include "conf/policy.h"
#include "core/core_int.h"
#include "log/log.h"
#include "store/events.h"
#include "store/meta.h"

struct play {
    struct world w;
    struct conf conf;
    struct core core;
};

static void quiet(void *, enum log_level, struct str)
{
}

static void play_done(struct play *p)
{
    buf_done(&p->core.policy_override);
    world_done(&p->w);
}

static bool play_init(struct play *p, unsigned two_persons)
{
    struct log_conf quietly = {.role = "test", .sink = quiet};

    log_init(&quietly);
    if (!world_start(&p->w, NULL))
        return false;
    p->conf = *p->w.conf;
    p->conf.control.two_persons = two_persons;
    p->core = (struct core){.ev = p->w.ev, .store = p->w.store, .conf = &p->conf};
    buf_init(&p->core.policy_override, CONF_POLICY_MAX);
    return true;
}

#define TWO (1u << CONF_TWO_POLICY)
#define BEGIN(p, two)                                                                              \
    CLEANUP(play_done) struct play p = {.w.dir.fd = -1};                                           \
    CHECK(play_init(&p, two))

/* The code of what speaks against it; "" when nothing does. */
static const char *start(struct play *p)
{
    struct err err = ERR_INIT;
    enum rc rc = core_accepted_start(&p->core, &err);

    return rc == RC_OK ? "" : rc == RC_DENIED && err.msg ? err.msg->code : "failed";
}

/* How many there are; the bytes of the last one in the arena. */
static size_t accepted(struct play *p, struct arena *a, struct str *last)
{
    struct store_event_filter filter = {.action = STR("policy.accepted")};
    struct store_event *list;
    size_t n = 0;

    *last = STR("");
    if (store_event_list(store_read(p->w.store), a, &filter, &list, &n) == RC_OK && n)
        *last = list[n - 1].bytes;
    return n;
}

static bool holds(struct str text, const char *part)
{
    return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

#define CHECK_ACCEPTED(p, n)                                                                       \
    CLEANUP(arena_done) struct arena a_##n = ARENA_INIT(4 << 20);                                  \
    struct str last_##n;                                                                           \
    CHECK_INT(accepted(&(p), &a_##n, &last_##n), n)

static void without_two_a_start_is_enough(void)
{
    BEGIN(p, 0);
    CHECK_STR(str_of(start(&p)), "");
    CHECK_STR(str_of(start(&p)), "");
    CHECK_ACCEPTED(p, 1);
    CHECK(holds(last_1, "the first start"));
    p.conf.control.approval_wait = 3 * WHEN_HOUR;
    CHECK_STR(str_of(start(&p)), "");
    CHECK_ACCEPTED(p, 2);
    CHECK(holds(last_2, "{\"key\":\"control.approval_wait\",\"now\":\"3h\",\"was\":\"\"}"));
    p.conf.control.approval_wait = p.w.conf->control.approval_wait;
    CHECK_STR(str_of(start(&p)), "");
    CHECK_ACCEPTED(p, 3);
    CHECK(holds(last_3, "{\"key\":\"control.approval_wait\",\"now\":\"\",\"was\":\"3h\"}"));
}

/* Nor does a configuration excuse itself. */
static void where_it_takes_two_it_is_not(void)
{
    BEGIN(p, TWO);
    CHECK_STR(str_of(start(&p)), "");
    p.conf.control.approval_wait = 3 * WHEN_HOUR;
    CHECK_STR(str_of(start(&p)), "core.policy-not-accepted");
    p.conf.control.two_persons = 0;
    CHECK_STR(str_of(start(&p)), "core.policy-not-accepted");
    p.conf.control.approval_wait = p.w.conf->control.approval_wait;
    CHECK_STR(str_of(start(&p)), "core.policy-not-accepted");
    p.conf.control.two_persons = TWO;
    p.conf.log.level = p.conf.log.level == CONF_LOG_DEBUG ? CONF_LOG_INFO : CONF_LOG_DEBUG;
    CHECK_STR(str_of(start(&p)), "");
    CHECK_ACCEPTED(p, 1);
}

/* Core died between the grant and the change. */
static void what_was_granted_is_taken(void)
{
    struct id approval = {"approvalapprovalappro"};
    struct conf next;

    BEGIN(p, TWO);
    CHECK_STR(str_of(start(&p)), "");
    next = p.conf;
    next.control.approval_wait = 3 * WHEN_HOUR;
    CHECK_OK(core_accepted_announce(&p.core, &next, &approval));
    CHECK_STR(str_of(start(&p)), ""); /* it did not come after all, and that is over */
    p.core.conf = &next;
    CHECK_STR(str_of(start(&p)), "core.policy-not-accepted");
    p.core.conf = &p.conf;
    CHECK_OK(core_accepted_announce(&p.core, &next, &approval));
    p.core.conf = &next;
    CHECK_STR(str_of(start(&p)), "");
    CHECK_ACCEPTED(p, 2);
    CHECK(holds(last_2, "\"approval\":\"approvalapprovalappro\""));
}

/* Somebody else objected to that reload; the grant is still good, but takes another one. */
static void what_was_called_off_is_not(void)
{
    struct id approval = {"approvalapprovalappro"};
    struct conf next;

    BEGIN(p, TWO);
    CHECK_STR(str_of(start(&p)), "");
    next = p.conf;
    next.control.approval_wait = 3 * WHEN_HOUR;
    core_accepted_called_off(&p.core); /* nothing was announced */
    CHECK_OK(core_accepted_announce(&p.core, &next, &approval));
    core_accepted_called_off(&p.core);
    p.core.conf = &next;
    CHECK_STR(str_of(start(&p)), "core.policy-not-accepted");
    CHECK_ACCEPTED(p, 1);
}

static void a_reload_says_whose_it_is(void)
{
    static const struct core_who alice = {.uid = 1000, .login = CORE_NO_LOGIN};

    BEGIN(p, 0);
    CHECK_STR(str_of(start(&p)), "");
    core_accepted_reloaded(&p.core);
    CHECK_ACCEPTED(p, 1);
    p.conf.control.two_persons = TWO;
    core_policy_asks(&p.core, &alice, STR("INC-7"));
    core_accepted_reloaded(&p.core);
    CHECK_ACCEPTED(p, 2);
    CHECK(holds(last_2, "uid 1000") && holds(last_2, "INC-7"));
    CHECK_STR(str_of(start(&p)), "");
}

static enum rc root_says(struct play *p, when_t at, const struct conf *conf)
{
    CLEANUP(buf_done) struct buf policy = BUF_INIT(CONF_POLICY_MAX);
    struct conf_policy_override o = {at, STR("uid 0"), STR("she left"), {}};

    TRY(conf_policy_text(conf, &policy));
    o.policy = buf_str(&policy);
    buf_reset(&p->core.policy_override);
    conf_policy_override_put(&o, &p->core.policy_override);
    return buf_rc(&p->core.policy_override);
}

static void root_says_so_of_exactly_that_and_once(void)
{
    struct conf first;

    BEGIN(p, TWO);
    CHECK_STR(str_of(start(&p)), "");
    first = p.conf;
    CHECK_OK(root_says(&p, WORLD_NOW + WHEN_HOUR, &p.conf));
    p.conf.control.approval_wait = 3 * WHEN_HOUR;
    CHECK_STR(str_of(start(&p)), "core.policy-not-accepted"); /* it said so of another one */
    CHECK_OK(root_says(&p, WORLD_NOW - WHEN_HOUR, &p.conf));
    CHECK_STR(str_of(start(&p)), "core.policy-not-accepted"); /* before the last one was accepted */
    CHECK_OK(root_says(&p, WORLD_NOW + WHEN_HOUR, &p.conf));
    CHECK_STR(str_of(start(&p)), "");
    CHECK_ACCEPTED(p, 2);
    CHECK(holds(last_2, "\"second_person\":false") && holds(last_2, "she left"));
    p.core.conf = &first;
    CHECK_STR(str_of(start(&p)), "core.policy-not-accepted");
}

static enum rc older_program(struct store_txn *txn, void *)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf row = BUF_INIT(1 << 20);
    static const char mine[] = "\"program\":\"" AUTARKY_VERSION "\"";
    struct str text;
    const char *at;

    TRY(store_meta_get(txn, &a, STORE_META_POLICY, &text));
    at = memmem(text.p, text.n, mine, strlen(mine));
    if (!at)
        return RC_CORRUPT;
    buf_puts(&row, str_head(text, (size_t)(at - text.p)));
    buf_putz(&row, "\"program\":\"0.0\"");
    buf_puts(&row, str_skip(text, (size_t)(at - text.p) + strlen(mine)));
    TRY(buf_rc(&row));
    return store_meta_set(txn, STORE_META_POLICY, buf_str(&row));
}

/* Which may print the same keys otherwise; the supervisor has compared the files. */
static void another_program_has_other_words(void)
{
    BEGIN(p, TWO);
    CHECK_STR(str_of(start(&p)), "");
    CHECK_OK(store_write_now(p.w.store, older_program, NULL));
    p.conf.control.approval_wait = 3 * WHEN_HOUR;
    CHECK_STR(str_of(start(&p)), "core.policy-not-accepted"); /* nothing was compared */
    p.core.policy_kept = true;
    CHECK_STR(str_of(start(&p)), "");
    CHECK_ACCEPTED(p, 2);
    CHECK(holds(last_2, "another version of the program"));
    CHECK(holds(last_2, "\"second_person\":false"));
    p.conf.control.approval_wait = 4 * WHEN_HOUR;
    CHECK_STR(str_of(start(&p)), "core.policy-not-accepted");
}

CHECK_MAIN(CHECK_TEST_ONCE(without_two_a_start_is_enough),
           CHECK_TEST_ONCE(where_it_takes_two_it_is_not),
           CHECK_TEST_ONCE(what_was_granted_is_taken), CHECK_TEST_ONCE(what_was_called_off_is_not),
           CHECK_TEST_ONCE(a_reload_says_whose_it_is),
           CHECK_TEST_ONCE(root_says_so_of_exactly_that_and_once),
           CHECK_TEST_ONCE(another_program_has_other_words))
