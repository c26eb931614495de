/* SPDX-License-Identifier: Apache-2.0 */
/* `audit list`: pages from the newest on, filters; and `config show`. */
#include "fixture.h"

#include "audit/audit.h"

enum { EVENTS = 7 };

static const struct row rows[] = {
    {"a.hospital.example", STORE_NAME_DNS, 1, WORLD_NOW, WORLD_NOW + WHEN_DAY, false},
};

static enum rc add_events(struct store_txn *txn, void *)
{
    static const char *const actions[EVENTS] = {"test.first", "test.second", "other.one",
                                                "test.third", "other.two",   "test.fourth",
                                                "tester.last"};

    for (size_t i = 0; i < EVENTS; i++) {
        struct audit_event e = {
            .at = WORLD_NOW + (when_t)i * WHEN_SECOND,
            .actor_kind = AUDIT_OPERATOR,
            .actor = i % 2 ? STR("alice") : STR("bob"),
            .action = actions[i],
            .object_kind = "thing",
            .object = STR("it"),
            .reason = STR("because"),
        };

        TRY(audit_append(txn, &e, NULL));
    }
    return RC_OK;
}

static enum rc ask(const char *args, struct answer *a)
{
    return ask_of(api_audit_list, args, a);
}

static const struct json *item(const struct answer *a, size_t i)
{
    struct json_iter it = json_iter(json_get(a->root, "items"));
    const struct json *v = NULL;

    for (size_t k = 0; k <= i; k++)
        if (!json_next(&it, NULL, &v))
            return NULL;
    return v;
}

static void newest_first(void)
{
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    char next[24];
    int64_t last;

    CHECK_OK(ask("{\"limit\":2}", &a));
    last = number_of(a.root, "last");
    CHECK(last >= EVENTS);
    CHECK_INT(json_len(json_get(a.root, "items")), 2);
    CHECK_STR(text_of(item(&a, 0), "action"), "tester.last");
    CHECK_INT(number_of(item(&a, 0), "sequence"), last);
    CHECK_STR(text_of(item(&a, 0), "actor"), "bob");
    CHECK_STR(text_of(item(&a, 0), "object_kind"), "thing");
    CHECK_STR(text_of(json_get(item(&a, 0), "event"), "reason"), "because");
    CHECK_STR(text_of(item(&a, 1), "action"), "test.fourth");
    snprintf(next, sizeof(next), "%lld", (long long)last - 1);
    CHECK_STR(text_of(a.root, "next"), next);
}

static void filters_and_pages(void)
{
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    char args[64];

    CHECK_OK(ask("{\"action\":\"test.\"}", &a));
    CHECK_INT(json_len(json_get(a.root, "items")), 4);
    CHECK_STR(text_of(item(&a, 3), "action"), "test.first");
    CHECK(json_is_null(json_get(a.root, "next")));
    CHECK_OK(ask("{\"action\":\"test.\",\"actor\":\"alice\"}", &a));
    CHECK_INT(json_len(json_get(a.root, "items")), 3);
    CHECK_OK(ask("{\"action\":\"test.\",\"limit\":3}", &a));
    snprintf(args, sizeof(args), "{\"action\":\"test.\",\"cursor\":\"%.*s\"}",
             STR_ARG(text_of(a.root, "next")));
    CHECK_OK(ask(args, &a));
    CHECK_INT(json_len(json_get(a.root, "items")), 1);
    CHECK_STR(text_of(item(&a, 0), "action"), "test.first");
    CHECK_OK(ask("{\"below\":4,\"cursor\":\"3\",\"limit\":1}", &a));
    CHECK_INT(number_of(item(&a, 0), "sequence"), 2);
    CHECK_OK(ask("{\"below\":1}", &a));
    CHECK_INT(json_len(json_get(a.root, "items")), 0);
    CHECK_OK(ask("{\"below\":9999999,\"limit\":1}", &a));
    CHECK_STR(text_of(item(&a, 0), "action"), "tester.last");
    CHECK_OK(ask("{\"action\":\"nothing\"}", &a));
    CHECK_INT(json_len(json_get(a.root, "items")), 0);
}

static void no_questions(void)
{
    CLEANUP(answer_done) struct answer a = {.doc = NULL};

    CHECK_RC(ask("{\"below\":0}", &a), RC_INVAL);
    CHECK_RC(ask("{\"below\":\"x\"}", &a), RC_INVAL);
    CHECK_RC(ask("{\"cursor\":\"0\"}", &a), RC_INVAL);
    CHECK_RC(ask("{\"cursor\":\"x\"}", &a), RC_INVAL);
    CHECK_RC(ask("{\"limit\":0}", &a), RC_INVAL);
    CHECK_RC(ask("{\"from\":\"yesterday\"}", &a), RC_INVAL);
    CHECK_RC(ask("{\"action\":1}", &a), RC_INVAL);
}

static void configuration(void)
{
    CLEANUP(store_closep) struct store *s = NULL;
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    struct api_view v;

    CHECK_OK(visit(&s));
    v = view(s);
    answer_begin(&a);
    CHECK_OK(answer_end(&a, api_config_show(&v, NULL, &a.out, &a.err)));
    CHECK_STR(text_of(a.root, "organization"), "Example Hospital");
    CHECK(json_get(a.root, "policy"));
}

int main(void)
{
    static const struct check_test tests[] = {CHECK_TEST(newest_first),
                                              CHECK_TEST(filters_and_pages),
                                              CHECK_TEST(no_questions), CHECK_TEST(configuration)};

    return run_and(add_events, rows, 1, tests, sizeof(tests) / sizeof(tests[0]));
}
