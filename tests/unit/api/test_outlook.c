/* SPDX-License-Identifier: Apache-2.0 */
/* `cert numbers`: renewals, ages, what is to come, failures, times and limits, with known truth. */
#include "fixture.h"

#include "conf/conf.h"
#include "outlook/outlook.h"
#include "policy/limits.h"
#include "store/accounts.h"
#include "store/agents.h"
#include "store/authorizations.h"
#include "store/orders.h"

#define AGO(n) (WORLD_NOW - (n)*WHEN_DAY)
#define IN(n) (WORLD_NOW + (n)*WHEN_DAY)

static struct id account, staging;

enum old { IN_TIME, LATE, REVOKED, OLDS };

struct made {
    unsigned serial;
    when_t begins, ends, issued;
    const struct id *replaces, *order;
    bool staging;
};

static enum rc add(struct store_txn *txn, const struct made *m, struct id *out)
{
    unsigned char serial[] = {0x42, (unsigned char)m->serial};
    struct store_name name = {STORE_NAME_DNS, STR("ward.hospital.example")};
    struct store_certificate c = {
        .issuer = ca_issuer_find(world.ca, STR("rsa-1"))->id,
        .serial = str_bytes(serial, sizeof(serial)),
        .der = STR("not looked at"),
        .hierarchy = m->staging ? STR("staging") : STR("intranet"),
        .profile = STR("default"),
        .not_before = m->begins,
        .not_after = m->ends,
        .authority_key_id = STR("key"),
        .names = &name,
        .n_names = 1,
        .origin = STR("acme"),
        .issued = m->issued,
        .replaces = m->replaces ? *m->replaces : (struct id){},
        .order = m->order ? *m->order : (struct id){},
    };

    TRY(id_new(&c.id));
    c.logical = c.id;
    *out = c.id;
    return store_certificate_add(txn, &c, &(struct id){});
}

/* Of 90 days; their digests are 0, so they are due first of all, from day 54.9 to 56.7. */
static enum rc add_renewals(struct store_txn *txn)
{
    const struct made old[OLDS] = {
        [IN_TIME] = {1, AGO(55), IN(35), AGO(55)},
        [LATE] = {2, AGO(85), IN(5), AGO(85)},
        [REVOKED] = {3, AGO(85), IN(5), AGO(85)},
    };
    struct id ids[OLDS], unused;

    for (size_t i = 0; i < OLDS; i++)
        TRY(add(txn, &old[i], &ids[i]));
    TRY(store_certificate_revoke(txn, &ids[REVOKED], AGO(2), 4));
    TRY(add(txn, &(struct made){4, AGO(0), IN(90), AGO(0), &ids[IN_TIME]}, &unused));
    TRY(add(txn, &(struct made){5, AGO(3), IN(87), AGO(3), &ids[LATE]}, &unused));
    TRY(add(txn, &(struct made){6, AGO(2), IN(88), AGO(2), &ids[REVOKED]}, &unused));
    TRY(add(txn, &(struct made){7, AGO(8), IN(82), AGO(8), &ids[IN_TIME]}, &unused));
    TRY(add(txn, &(struct made){8, AGO(1), IN(89), AGO(1), &ids[LATE], NULL, true}, &unused));
    return add(txn, &(struct made){9, AGO(400), IN(400), AGO(400)}, &unused);
}

static enum rc add_account(struct store_txn *txn, bool is_staging, struct id *out)
{
    struct store_account a = {.status = STORE_ACCOUNT_VALID,
                              .jwk = STR("{}"),
                              .thumbprint = {{is_staging}},
                              .staging = is_staging,
                              .created = AGO(9)};

    TRY(id_new(&a.id));
    *out = a.id;
    return store_account_add(txn, &a);
}

static enum rc add_order(struct store_txn *txn, const struct id *whose, when_t created,
                         struct id *out)
{
    struct store_authorization authz = {.account = *whose,
                                        .name = {STORE_NAME_DNS, STR("ward.hospital.example")},
                                        .expires = IN(1),
                                        .created = created};
    struct store_order_name name = {.name = authz.name};
    struct store_order o = {
        .account = *whose, .expires = IN(1), .created = created, .names = &name, .n_names = 1};

    TRY(id_new(&authz.id));
    TRY(store_authorization_add(txn, &authz));
    name.authorization = authz.id;
    TRY(id_new(&o.id));
    *out = o.id;
    return store_order_add(txn, &o);
}

static enum rc add_failure(struct store_txn *txn, const struct id *whose, when_t created,
                           const char *error)
{
    struct id id;

    TRY(add_order(txn, whose, created, &id));
    return store_order_fail(txn, &id, STORE_ORDER_PENDING, str_of(error));
}

#define PROBLEM_OF(type) "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"x\"}"

static enum rc add_failures(struct store_txn *txn)
{
    TRY(add_failure(txn, &account, AGO(0), PROBLEM_OF("dns")));
    TRY(add_failure(txn, &account, AGO(3), PROBLEM_OF("dns")));
    TRY(add_failure(txn, &account, AGO(6), PROBLEM_OF("connection")));
    TRY(add_failure(txn, &account, AGO(0), "{\"type\":\"<script>alert(1)</script>\"}"));
    TRY(add_failure(txn, &account, AGO(0), "no JSON"));
    TRY(add_failure(txn, &account, AGO(8), PROBLEM_OF("caa")));   /* too long ago */
    return add_failure(txn, &staging, AGO(0), PROBLEM_OF("caa")); /* of no account that counts */
}

/* Of twelve more types, long ago. */
static enum rc add_old_failures(struct store_txn *txn)
{
    for (int c = 'a'; c <= 'l'; c++) {
        char problem[96];

        snprintf(problem, sizeof(problem), PROBLEM_OF("x%c"), c);
        TRY(add_failure(txn, &account, AGO(20), problem));
    }
    return RC_OK;
}

/* Certificates n seconds after their orders, n from 1 to 20. */
static enum rc add_waits(struct store_txn *txn)
{
    struct id order, unused;

    for (unsigned n = 1; n <= 20; n++) {
        when_t made = WORLD_NOW - WHEN_HOUR;

        TRY(add_order(txn, &account, made, &order));
        TRY(add(txn, &(struct made){100 + n, made, IN(90), made + n * WHEN_SECOND, NULL, &order},
                &unused));
    }
    return RC_OK;
}

static enum rc add_agent(struct store_txn *txn, unsigned n, const char *report)
{
    struct store_agent_token token = {
        .created = AGO(1), .created_by = STR("root"), .expires = IN(1), .digest = {{(uint8_t)n}}};
    char name[] = {'h', 'o', 's', 't', (char)('a' + n), '\0'};
    struct store_agent agent = {.name = str_of(name),
                                .spki = {{(uint8_t)n}},
                                .enrolled = AGO(1),
                                .enrolled_by = STR("root"),
                                .certified = AGO(1),
                                .certificate = {},
                                .address = {4, {10}},
                                .reported = WORLD_NOW - WHEN_HOUR};

    TRY(id_new(&token.id));
    TRY(id_new(&agent.id));
    agent.token = token.id;
    agent.certificate = account;
    TRY(store_agent_token_add(txn, &token));
    TRY(store_agent_add(txn, &agent));
    agent.summary = (struct store_agent_summary){.program = STR("1"), .failing = n == 1};
    agent.report = str_of(report);
    return store_agent_report(txn, &agent, 0);
}

/* limits.certificates: what is taken, and fills up again. */
static struct conf limited;

static enum rc take(struct store_txn *txn)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(16 * 1024);
    const struct policy_limit_ask all = {.now = WORLD_NOW};
    struct policy_limits limits;
    when_t at;

    limited = *world.conf;
    limited.limits.rates[CONF_LIMIT_CERTIFICATES] = (struct conf_rate){48, WHEN_DAY};
    TRY(policy_limits_of(&limited, &all, 1u << CONF_LIMIT_CERTIFICATES, &arena, &limits));
    for (int i = 0; i < 10; i++)
        TRY(policy_limits_take(txn, &limits, WORLD_NOW, &at, NULL));
    return RC_OK;
}

/* As many as its number are taken of the limit of each rule, of 40; of two there is none, and of
 * one it is 4. */
enum { RULES = 20 };
static struct conf ruled;

static enum rc take_rule(struct store_txn *txn, const struct conf_rule *rule, unsigned n)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(16 * 1024);
    const struct policy_verdict verdict = {.rule = rule->name, .terms = rule};
    const struct policy_limit_ask one = {.verdicts = &verdict, .n_verdicts = 1, .now = WORLD_NOW};
    struct policy_limits limits;
    when_t at;

    TRY(policy_limits_of(&ruled, &one, 1u << CONF_LIMIT_CERTIFICATES_PER_RULE, &arena, &limits));
    for (unsigned i = 0; i < n && limits.n; i++)
        TRY(policy_limits_take(txn, &limits, WORLD_NOW, &at, NULL));
    return RC_OK;
}

static enum rc take_rules(struct store_txn *txn)
{
    static struct conf_rule rules[RULES];
    static char names[RULES][16];

    ruled = *world.conf;
    ruled.policy = rules;
    ruled.n_policy = RULES;
    for (unsigned i = 0; i < RULES; i++) {
        snprintf(names[i], sizeof(names[i]), "rule-%u", i);
        rules[i].name = str_of(names[i]);
        if (i % 10)
            rules[i].certificates = (struct conf_rate){i == 3 ? 4 : 40, WHEN_DAY};
        TRY(take_rule(txn, &rules[i], i));
    }
    return RC_OK;
}

static enum rc everything(struct store_txn *txn, void *)
{
    TRY(take_rules(txn));
    TRY(add_account(txn, false, &account));
    TRY(add_account(txn, true, &staging));
    TRY(add_renewals(txn));
    TRY(add_failures(txn));
    TRY(add_old_failures(txn));
    TRY(add_waits(txn));
    TRY(add_agent(txn, 1,
                  "{\"certificates\":[{\"issued\":\"2027-01-14T08:00:00Z\",\"prove_ms\":700},"
                  "{\"issued\":\"2026-11-01T00:00:00Z\",\"prove_ms\":9000},"
                  "{\"issued\":\"2028-01-01T00:00:00Z\",\"prove_ms\":9000},"
                  "{\"issued\":\"2027-01-14T08:00:00Z\",\"prove_ms\":-1},"
                  "{\"issued\":7,\"prove_ms\":1},5]}"));
    TRY(add_agent(txn, 2,
                  "{\"certificates\":[{\"issued\":\"2027-01-13T08:00:00Z\",\"prove_ms\":300}]}"));
    TRY(add_agent(txn, 3, "[1"));
    return take(txn);
}

/* ---- */

static int64_t nth(const struct json *list, size_t i, const char *name)
{
    struct json_iter it = json_iter(list);
    const struct json *v = NULL;
    int64_t n = -1;

    for (size_t k = 0; k <= i; k++)
        if (!json_next(&it, NULL, &v))
            return -2;
    return json_i64(name ? json_get(v, name) : v, &n) == RC_OK ? n : -1;
}

static void check_failure(const struct json *list, const char *reason, int64_t day, int64_t week)
{
    struct json_iter it = json_iter(list);
    const struct json *v;

    while (json_next(&it, NULL, &v)) {
        if (!str_eq(text_of(v, "reason"), str_of(reason)))
            continue;
        CHECK_INT(number_of(v, "day"), day);
        CHECK_INT(number_of(v, "week"), week);
        return;
    }
    fail_msg("no order failed by %s", reason);
}

static void check_spans(const struct json *v, int64_t n, int64_t median, int64_t p95)
{
    CHECK_INT(number_of(v, "n"), n);
    CHECK_INT(number_of(v, "median"), median);
    CHECK_INT(number_of(v, "p95"), p95);
}

static void all_that_is_known(void)
{
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    const struct json *r, *failures, *forecast;
    int64_t coming = 0;

    CHECK_OK(ask_of(api_cert_numbers, "{}", &a));
    r = json_get(a.root, "renewals");
    CHECK_INT(number_of(r, "day"), 1);
    CHECK_INT(number_of(r, "week"), 3);
    CHECK_INT(number_of(r, "looked"), 2);
    CHECK_INT(number_of(r, "late"), 1);
    CHECK_INT(nth(json_get(a.root, "ages"), 0, "n"), 23);
    CHECK_INT(nth(json_get(a.root, "ages"), 1, "n"), 1);
    CHECK_INT(nth(json_get(a.root, "ages"), 2, "n"), 1);
    CHECK_INT(nth(json_get(a.root, "ages"), 3, "n"), 1);
    CHECK_INT(nth(json_get(a.root, "ages"), 6, "n"), 1);
    failures = json_get(a.root, "failures");
    CHECK_INT(json_len(failures), 3);
    check_failure(failures, "dns", 1, 2);
    check_failure(failures, "connection", 0, 1);
    check_failure(failures, "other", 2, 2);
    CHECK_INT(number_of(a.root, "failures_looked"), 5);
    check_spans(json_get(a.root, "issue_ms"), 20, 10000, 19000);
    check_spans(json_get(a.root, "proof_ms"), 2, 300, 700);
    CHECK_INT(number_of(a.root, "agents_failing"), 1);
    forecast = json_get(a.root, "forecast");
    CHECK_INT(json_len(forecast), 30);
    for (size_t i = 0; i < 30; i++)
        coming += nth(forecast, i, NULL);
    CHECK_INT(coming, 0); /* those that are due have been renewed */
    CHECK(json_is_null(json_get(a.root, "limit")));
}

/* The server's clock is set back or forth: nothing is negative, nothing is counted twice. */
static void clocks_move(void)
{
    static const when_t moves[] = {-400 * WHEN_DAY, -WHEN_DAY, 45 * WHEN_DAY, 3000 * WHEN_DAY};
    int64_t coming = 0;

    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        CLEANUP(store_closep) struct store *s = NULL;
        CLEANUP(answer_done) struct answer a = {.doc = NULL};
        struct api_view v;

        CHECK_OK(visit(&s));
        v = view(s);
        v.now += moves[i];
        answer_begin(&a);
        CHECK_OK(answer_end(&a, api_cert_numbers(&v, NULL, &a.out, &a.err)));
        CHECK(number_of(json_get(a.root, "renewals"), "day") >= 0);
        for (size_t k = 0; k < 7; k++)
            CHECK(nth(json_get(a.root, "ages"), k, "n") >= 0);
        for (size_t k = 0; k < 30 && moves[i] == 45 * WHEN_DAY; k++)
            coming += nth(json_get(a.root, "forecast"), k, NULL);
        CHECK(moves[i] < WHEN_DAY || json_is_null(json_get(a.root, "issue_ms")));
        CHECK(moves[i] < 3000 * WHEN_DAY || nth(json_get(a.root, "ages"), 6, "n") == 0);
    }
    CHECK_INT(coming, 24); /* all those of 90 days that are newer than 45 */
}

/* What is beyond those that are shown is one, with what was "other" before. */
static void many_reasons(void)
{
    CLEANUP(store_closep) struct store *s = NULL;
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    const struct json *failures;
    struct api_view v;

    CHECK_OK(visit(&s));
    v = view(s);
    v.now = AGO(14);
    answer_begin(&a);
    CHECK_OK(answer_end(&a, api_cert_numbers(&v, NULL, &a.out, &a.err)));
    failures = json_get(a.root, "failures");
    CHECK_INT(json_len(failures), OUTLOOK_REASONS);
    check_failure(failures, "dns", 2, 2);
    check_failure(failures, "xh", 0, 1);
    check_failure(failures, "other", 2, 6);
    CHECK_INT(nth(failures, OUTLOOK_REASONS - 1, "week"), 6);
    CHECK_INT(number_of(a.root, "failures_looked"), 18);
}

static void limits_fill_again(void)
{
    static const struct {
        when_t later;
        int64_t taken;
    } rows[] = {{0, 10}, {WHEN_MINUTE, 10}, {2 * WHEN_HOUR, 6}, {WHEN_DAY, 0}, {-WHEN_DAY, 48}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CLEANUP(store_closep) struct store *look = NULL;
        CLEANUP(answer_done) struct answer a = {.doc = NULL};
        struct api_view v;

        CHECK_OK(visit(&look));
        v = view(look);
        v.conf = &limited;
        v.now += rows[i].later;
        answer_begin(&a);
        CHECK_OK(answer_end(&a, api_cert_numbers(&v, NULL, &a.out, &a.err)));
        CHECK_INT(number_of(json_get(a.root, "limit"), "count"), 48);
        CHECK_INT(number_of(json_get(a.root, "limit"), "per"), 86400);
        CHECK_INT(number_of(json_get(a.root, "limit"), "taken"), rows[i].taken);
    }
}

static struct str text_at(const struct json *list, size_t i, const char *name)
{
    struct json_iter it = json_iter(list);
    const struct json *one = NULL;

    for (size_t k = 0; k <= i; k++)
        if (!json_next(&it, NULL, &one))
            return (struct str){};
    return json_shown(one, name);
}

/* Those that have one, the fullest first. */
static void limits_of_rules(void)
{
    CLEANUP(store_closep) struct store *look = NULL;
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    const struct json *list;
    struct api_view v;

    CHECK_OK(visit(&look));
    v = view(look);
    v.conf = &ruled;
    answer_begin(&a);
    CHECK_OK(answer_end(&a, api_cert_numbers(&v, NULL, &a.out, &a.err)));
    list = json_get(a.root, "rule_limits");
    CHECK_INT(json_len(list), OUTLOOK_RULES);
    CHECK_STR(text_at(list, 0, "rule"), "rule-3");
    CHECK_INT(nth(list, 0, "taken"), 3);
    CHECK_INT(nth(list, 0, "count"), 4);
    CHECK_STR(text_at(list, 1, "rule"), "rule-19");
    CHECK_INT(nth(list, 1, "taken"), 19);
    CHECK_INT(nth(list, 1, "per"), 86400);
    CHECK_STR(text_at(list, OUTLOOK_RULES - 1, "rule"), "rule-8");
}

int main(void)
{
    static const struct check_test tests[] = {
        CHECK_TEST(all_that_is_known), CHECK_TEST_ONCE(clocks_move), CHECK_TEST_ONCE(many_reasons),
        CHECK_TEST_ONCE(limits_fill_again), CHECK_TEST_ONCE(limits_of_rules)};

    return run_and(everything, NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
