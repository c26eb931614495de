/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky status` and `autarky doctor`: what is healthy, and that each thing which is not is named
 * with its cure. */
#include "fixture.h"
#include "store/revocations.h"

#define CONFINED "user: on: autarky-core\nseccomp: on: 60 calls\n"

static const struct ipc_process calm[] = {
    {.role = ROLE_SUPERVISOR,
     .pid = 10,
     .state = {"ready", 5},
     .sandbox = {"seccomp: off: none", 18}},
    {.role = ROLE_CORE,
     .pid = 11,
     .state = {"ready", 5},
     .restarts = 2,
     .started_at = WORLD_NOW,
     .sandbox = {CONFINED, sizeof(CONFINED) - 1}},
};

static const struct ipc_status quiet = {.generation = 7, .processes = {calm, 2}};

static const struct row rows[] = {
    {"a.hospital.example", STORE_NAME_DNS, 1, WORLD_NOW - WHEN_DAY, WORLD_NOW + 90 * WHEN_DAY,
     false},
    {"b.hospital.example", STORE_NAME_DNS, 2, WORLD_NOW - WHEN_DAY, WORLD_NOW + 29 * WHEN_DAY,
     false},
    {"c.hospital.example", STORE_NAME_DNS, 3, WORLD_NOW - 9 * WHEN_DAY, WORLD_NOW - WHEN_DAY,
     false},
    {"d.hospital.example", STORE_NAME_DNS, 4, WORLD_NOW - WHEN_DAY, WORLD_NOW + 90 * WHEN_DAY,
     true},
};

static enum rc ask_status(const struct api_view *v, struct answer *a)
{
    answer_begin(a);
    return answer_end(a, api_status(v, &a->out));
}

static enum rc ask_doctor(const struct api_view *v, struct answer *a)
{
    answer_begin(a);
    return answer_end(a, api_doctor(v, &a->out));
}

/* The n-th check of that name, or NULL. */
static const struct json *check_of(const struct answer *a, const char *name, size_t n)
{
    struct json_iter it = json_iter(json_get(a->root, "checks"));
    const struct json *check;

    while (json_next(&it, NULL, &check))
        if (str_eq(text_of(check, "name"), str_of(name)) && n-- == 0)
            return check;
    return NULL;
}

/* The check of the issuer rsa-1. */
static const struct json *rsa_of(const struct answer *a)
{
    const struct json *check;

    for (size_t i = 0; (check = check_of(a, "issuer", i)) != NULL; i++)
        if (str_starts(text_of(check, "text"), STR("issuer rsa-1 ")))
            return check;
    return NULL;
}

static void status_counts_certificates(void)
{
    CLEANUP(store_closep) struct store *s = NULL;
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    const struct json *certificates, *p = NULL;
    struct json_iter it;
    struct api_view v;

    CHECK_OK(visit(&s));
    v = view(s);
    v.processes = &quiet;
    CHECK_OK(ask_status(&v, &a));
    certificates = json_get(a.root, "certificates");
    CHECK_INT(number_of(certificates, "issued"), 4);
    CHECK_INT(number_of(certificates, "valid"), 2);
    CHECK_INT(number_of(certificates, "expiring_in_30d"), 1);
    CHECK_INT(number_of(certificates, "revoked"), 1);
    CHECK_STR(text_of(a.root, "organization"), "Example Hospital");
    CHECK_STR(text_of(a.root, "domain"), "hospital.example");
    CHECK_INT(number_of(a.root, "generation"), 7);
    CHECK(truth_of(a.root, "healthy"));
    CHECK_INT(json_len(json_get(a.root, "issuers")), 3);
    it = json_iter(json_get(a.root, "processes"));
    CHECK(json_next(&it, NULL, &p) && json_next(&it, NULL, &p));
    CHECK_STR(text_of(p, "role"), "core");
    CHECK_STR(text_of(p, "state"), "ready");
    CHECK_INT(number_of(p, "pid"), 11);
    CHECK_INT(number_of(p, "restarts"), 2);
    CHECK_STR(text_of(p, "started"), "2027-01-15T08:00:00Z");
    CHECK_STR(text_of(p, "sandbox"), CONFINED);
}

/* One thing missing is enough. */
static void status_is_unhealthy_without(void)
{
    CLEANUP(store_closep) struct store *s = NULL;

    CHECK_OK(visit(&s));
    for (int missing = 0; missing < 4; missing++) {
        CLEANUP(answer_done) struct answer a = {.doc = NULL};
        struct api_view v = view(s);
        enum rc rc;

        v.processes = missing == 0 ? NULL : &quiet;
        v.signer = missing != 1;
        v.prober = missing != 2;
        if (missing == 3)
            clock_fake_set(&world.clock, WORLD_NOW + WHEN_DAY);
        rc = ask_status(&v, &a);
        clock_fake_set(&world.clock, WORLD_NOW);
        CHECK_OK(rc);
        CHECK(!truth_of(a.root, "healthy"));
        CHECK_INT(number_of(a.root, "generation"), missing == 0 ? 0 : 7);
    }
}

static void doctor_finds_nothing(void)
{
    CLEANUP(store_closep) struct store *s = NULL;
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    struct json_iter it;
    const struct json *check;
    struct api_view v;

    CHECK_OK(visit(&s));
    v = view(s);
    v.processes = &quiet;
    CHECK_OK(ask_doctor(&v, &a));
    CHECK(truth_of(a.root, "healthy"));
    it = json_iter(json_get(a.root, "checks"));
    while (json_next(&it, NULL, &check)) {
        CHECK_STR(text_of(check, "state"), "ok");
        CHECK(json_is_null(json_get(check, "cure")));
        CHECK(text_of(check, "text").n > 0);
    }
    CHECK(check_of(&a, "issuer", 1) != NULL);
    CHECK(check_of(&a, "root", 0) != NULL);
    CHECK(check_of(&a, "confinement", 0) != NULL);
}

static void doctor_names_processes(void)
{
    CLEANUP(store_closep) struct store *s = NULL;
    static const struct ipc_process ill[] = {
        {.role = ROLE_FRONT, .state = {"failing", 7}, .restarts = 9, .sandbox = {"", 0}},
        {.role = ROLE_SIGNER,
         .pid = 5,
         .state = {"ready", 5},
         .sandbox = {"user: off: not root\nlandlock: partly: ABI 2\nseccomp: on: x\n", 59}},
    };
    static const struct ipc_status bad = {.processes = {ill, 2}};
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    CLEANUP(answer_done) struct answer alone = {.doc = NULL};
    struct api_view v;

    CHECK_OK(visit(&s));
    v = view(s);
    v.processes = &bad;
    CHECK_OK(ask_doctor(&v, &a));
    CHECK(!truth_of(a.root, "healthy"));
    CHECK_STR(text_of(check_of(&a, "process", 0), "state"), "failed");
    CHECK_STR(text_of(check_of(&a, "process", 0), "text"), "front is failing, restarted 9 times");
    CHECK(text_of(check_of(&a, "process", 0), "cure").n > 0);
    CHECK_STR(text_of(check_of(&a, "process", 1), "state"), "ok");
    CHECK_STR(text_of(check_of(&a, "confinement", 0), "state"), "warning");
    CHECK_STR(text_of(check_of(&a, "confinement", 0), "text"),
              "signer is not fully confined: user: off: not root; landlock: partly: ABI 2");
    CHECK(check_of(&a, "confinement", 1) == NULL);
    v.processes = NULL;
    CHECK_OK(ask_doctor(&v, &alone));
    CHECK(!truth_of(alone.root, "healthy"));
    CHECK_STR(text_of(check_of(&alone, "supervisor", 0), "state"), "failed");
    CHECK(check_of(&alone, "confinement", 0) == NULL);
}

/* Near the end a warning, after it a failure. */
static void doctor_counts_the_issuers_days(void)
{
    CLEANUP(store_closep) struct store *s = NULL;
    CLEANUP(answer_done) struct answer late = {.doc = NULL};
    CLEANUP(answer_done) struct answer over = {.doc = NULL};
    when_t end;
    struct api_view v;

    CHECK_OK(visit(&s));
    end = ca_issuer_find(world.ca, STR("rsa-1"))->cert.not_after;
    v = view(s);
    v.processes = &quiet;
    v.now = end - 179 * WHEN_DAY;
    CHECK_OK(ask_doctor(&v, &late));
    CHECK_STR(text_of(rsa_of(&late), "state"), "warning");
    CHECK(text_of(rsa_of(&late), "cure").n > 0);
    CHECK(truth_of(late.root, "healthy"));
    v.now = end + WHEN_SECOND;
    CHECK_OK(ask_doctor(&v, &over));
    CHECK_STR(text_of(rsa_of(&over), "state"), "failed");
    CHECK(str_starts(text_of(rsa_of(&over), "text"), STR("issuer rsa-1 was valid")));
    CHECK(!truth_of(over.root, "healthy"));
}

static enum rc put_list(struct store_txn *txn, void *arg)
{
    static uint64_t number;
    const struct ca_issuer *root = ca_issuer_find(world.ca, STR("root-rsa"));
    struct store_publication p = {.due = INT64_MAX,
                                  .crl = {.issuer = root->id,
                                          .number = number + 1,
                                          .this_update = WORLD_NOW,
                                          .next_update = *(const when_t *)arg,
                                          .der = STR("a list")}};

    number++;
    TRY(store_shards_make(txn, &root->id, 1, INT64_MAX));
    TRY(store_crl_number_least(txn, &root->id, 0, number));
    return store_crl_publish(txn, &p);
}

/* A list of root-rsa until then, in the place of none or of an earlier one. */
static enum rc list_until(when_t until)
{
    CLEANUP(store_closep) struct store *s = NULL;
    struct store_options o = {.dir = world.db, .now = WORLD_NOW, .sync = STORE_SYNC_OFF};

    TRY(CHECK_SPARED(store_open(&o, &s, NULL)));
    return CHECK_SPARED(store_write_now(s, put_list, &until));
}

/* Nothing points to it in this world; where something does, the last is a failure. */
static void doctor_counts_the_days_of_a_roots_list(void)
{
    static const struct {
        when_t left;
        const char *state, *text;
    } cases[] = {{31 * WHEN_DAY, "ok", " is good until "},
                 {30 * WHEN_DAY, "warning", " is good until "},
                 {0, "warning", " was good until "}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(store_closep) struct store *s = NULL;
        CLEANUP(answer_done) struct answer a = {.doc = NULL};
        const struct json *check;
        struct api_view v;
        struct str text;

        CHECK_OK(list_until(WORLD_NOW + cases[i].left));
        CHECK_OK(visit(&s));
        v = view(s);
        v.processes = &quiet;
        CHECK_OK(ask_doctor(&v, &a));
        check = check_of(&a, "root list", 0);
        text = text_of(check, "text");
        CHECK_STR(text_of(check, "state"), cases[i].state);
        CHECK(memmem(text.p, text.n, cases[i].text, strlen(cases[i].text)));
        CHECK_INT(text_of(check, "cure").n > 0, i > 0);
    }
}

static void doctor_looks_at_clock_and_policy(void)
{
    CLEANUP(store_closep) struct store *s = NULL;
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    struct conf conf;
    struct api_view v;
    enum rc rc;

    CHECK_OK(visit(&s));
    conf = *world.conf;
    conf.n_policy = 0;
    conf.urls.api = (struct str){NULL, 0};
    v = view(s);
    v.processes = &quiet;
    v.conf = &conf;
    clock_fake_set(&world.clock, WORLD_NOW + WHEN_DAY);
    rc = ask_doctor(&v, &a);
    clock_fake_set(&world.clock, WORLD_NOW);
    CHECK_OK(rc);
    CHECK(!truth_of(a.root, "healthy"));
    CHECK_STR(text_of(check_of(&a, "clock", 0), "state"), "failed");
    CHECK_STR(text_of(check_of(&a, "clock", 0), "cure"), "timedatectl");
    CHECK_STR(text_of(check_of(&a, "policy", 0), "state"), "warning");
    CHECK_STR(text_of(check_of(&a, "urls", 0), "state"), "warning");
    CHECK_STR(text_of(check_of(&a, "database", 0), "state"), "ok");
}

/* An answer past the buffer's limit is an error, not half an answer. */
static void no_half_answers(void)
{
    CLEANUP(store_closep) struct store *s = NULL;
    CLEANUP(buf_done) struct buf small = BUF_INIT(100);
    struct json_out o;
    struct api_view v;

    CHECK_OK(visit(&s));
    v = view(s);
    json_out_init(&o, &small, JSON_COMPACT);
    CHECK_OK(api_doctor(&v, &o));
    CHECK_RC(json_out_done(&o), RC_TOOBIG);
    CHECK_INT(buf_str(&small).n, 0);
}

int main(void)
{
    static const struct check_test tests[] = {CHECK_TEST(status_counts_certificates),
                                              CHECK_TEST(status_is_unhealthy_without),
                                              CHECK_TEST(doctor_finds_nothing),
                                              CHECK_TEST(doctor_names_processes),
                                              CHECK_TEST(doctor_counts_the_issuers_days),
                                              CHECK_TEST(doctor_counts_the_days_of_a_roots_list),
                                              CHECK_TEST(doctor_looks_at_clock_and_policy),
                                              CHECK_TEST(no_half_answers)};

    return run_with(rows, 4, tests, sizeof(tests) / sizeof(tests[0]));
}
