/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of agents: what they may say, and how much of it. */
#include "check.h"

#include "api/agent_report.h"

#define HEAD "{\"version\":\"1.2\",\"at\":\"2026-11-29T03:00:00Z\","
#define COUNTS "\"counts\":{\"certificates\":3,\"failing\":2,\"unproven\":1},"
#define NONE "\"certificates\":[]}"

static const char *read(const char *text, struct api_report *r, struct buf *kept)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct err err = ERR_INIT;

    err.rc = api_report_read(&a, str_of(text), r, kept, &err);
    return err.rc == RC_OK ? "" : err.rc == RC_NOMEM ? "memory" : err.msg ? err.msg->code : "?";
}

static void what_is_kept(void)
{
    static const char text[] = HEAD COUNTS
        "\"heard\":7,\"renews\":true,\"next\":\"2026-12-01T00:00:00Z\",\"more\":4,\"later\":[1],"
        "\"certificates\":[{\"directory\":\"/etc/ssl\",\"names\":[\"a.example\"],\"failures\":2,"
        "\"why\":\"d\\u00e9j\\u00e0 "
        "vu\",\"secret\":\"x\",\"unproven\":false,\"issue_ms\":12,\"window\":\"2026-11-30T02:00:"
        "00Z\"}]}";
    CLEANUP(buf_done) struct buf kept = BUF_INIT(STORE_REPORT_MAX);
    struct api_report r = {};

    CHECK_STR(str_of(read(text, &r, &kept)), "");
    CHECK_INT(r.heard, 7);
    CHECK_INT(r.summary.certificates, 3);
    CHECK_INT(r.summary.failing, 2);
    CHECK_INT(r.summary.unproven, 1);
    CHECK(r.summary.next > r.at);
    CHECK_STR(buf_str(&kept),
              "{\"at\":\"2026-11-29T03:00:00Z\",\"renews\":true,\"more\":4,\"certificates\":"
              "[{\"directory\":\"/etc/ssl\",\"names\":[\"a.example\"],\"failures\":2,"
              "\"why\":\"d\xc3\xa9j\xc3\xa0 vu\",\"unproven\":false,\"issue_ms\":12,"
              "\"window\":\"2026-11-30T02:00:00Z\"}]}");
}

static void what_is_refused(void)
{
    static const struct {
        const char *text, *code;
    } cases[] = {
        {HEAD COUNTS NONE, ""},
        {"[]", "api.report-object"},
        {HEAD NONE, "api.report-member"},
        {"{\"at\":\"2026-11-29T03:00:00Z\"," COUNTS NONE, "api.report-member"},
        {"{\"version\":\"1\"," COUNTS NONE, "api.report-member"},
        {"{\"version\":\"\",\"at\":\"2026-11-29T03:00:00Z\"," COUNTS NONE, "api.report-member"},
        {"{\"version\":\"1\",\"at\":\"1969-11-29T03:00:00Z\"," COUNTS NONE, "api.report-member"},
        {HEAD COUNTS "\"heard\":-1," NONE, "api.report-member"},
        {HEAD COUNTS "\"next\":5," NONE, "api.report-member"},
        {HEAD COUNTS "\"renews\":1," NONE, "api.report-member"},
        {HEAD COUNTS "\"more\":1000001," NONE, "api.report-member"},
        {HEAD COUNTS "\"certificates\":{}}", "api.report-member"},
        {HEAD COUNTS "\"certificates\":[1]}", "api.report-member"},
        {HEAD COUNTS "\"certificates\":[{\"names\":[]}]}", "api.report-member"},
        {HEAD COUNTS "\"certificates\":[{\"directory\":\"a\\u001bb\"}]}", "api.report-member"},
        {HEAD COUNTS "\"certificates\":[{\"directory\":\"a\\u009bb\"}]}", "api.report-member"},
        {HEAD COUNTS "\"certificates\":[{\"directory\":\"a\",\"names\":[7]}]}",
         "api.report-member"},
        {HEAD COUNTS "\"certificates\":[{\"directory\":\"a\",\"failures\":\"1\"}]}",
         "api.report-member"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf kept = BUF_INIT(STORE_REPORT_MAX);
        struct api_report r;

        CHECK_STR(str_of(read(cases[i].text, &r, &kept)), cases[i].code);
    }
}

static void how_much(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(API_REPORT_MAX + 1000);
    CLEANUP(buf_done) struct buf kept = BUF_INIT(STORE_REPORT_MAX);
    struct api_report r;

    buf_putz(&text, HEAD COUNTS "\"certificates\":[{\"directory\":\"a\"}");
    for (size_t i = 1; i < API_REPORT_CERTIFICATES; i++)
        buf_putz(&text, ",{\"directory\":\"a\"}");
    buf_putz(&text, "]}");
    CHECK_STR(str_of(read(buf_z(&text), &r, &kept)), "");
    text.n -= 2;
    buf_putz(&text, ",{\"directory\":\"a\"}]}");
    CHECK_STR(str_of(read(buf_z(&text), &r, &kept)), "api.report-many");
    while (text.n <= API_REPORT_MAX)
        buf_putz(&text, " ");
    CHECK_STR(str_of(read(buf_z(&text), &r, &kept)), "api.report-big");
}

#define CHANGE(N, MORE)                                                                            \
    "{\"directory\":\"/etc/ssl\",\"n\":" N ",\"at\":\"2026-11-29T03:00:00Z\"," MORE "}"
#define ADDED "\"what\":\"record-added\",\"subject\":\"_acme-challenge.x\",\"by\":\"hook\""

static void what_was_changed(void)
{
    static const struct {
        const char *changes, *code;
    } cases[] = {
        {"[]", ""},
        {"[" CHANGE("1", ADDED) "," CHANGE("2", "\"what\":\"reloaded\",\"why\":\"no\"") "]", ""},
        {"{}", "api.report-change"},
        {"[7]", "api.report-change"},
        {"[" CHANGE("0", ADDED) "]", "api.report-change"},
        {"[" CHANGE("-1", ADDED) "]", "api.report-change"},
        {"[" CHANGE("1", "\"what\":\"stolen\"") "]", "api.report-change"},
        {"[" CHANGE("1", "\"what\":\"installed\",\"subject\":\"\\u001b[2J\"") "]",
         "api.report-change"},
        {"[" CHANGE("1", "\"what\":\"installed\",\"by\":[]") "]", "api.report-change"},
        {"[{\"n\":1,\"at\":\"2026-11-29T03:00:00Z\",\"what\":\"installed\"}]", "api.report-change"},
        {"[{\"directory\":\"/\",\"n\":1,\"what\":\"installed\"}]", "api.report-change"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf text = BUF_INIT(API_REPORT_MAX);
        CLEANUP(buf_done) struct buf kept = BUF_INIT(STORE_REPORT_MAX);
        struct api_report r;

        buf_printf(&text, "%s\"changes\":%s,%s", HEAD COUNTS, cases[i].changes, NONE);
        CHECK_OK(CHECK_SPARED(buf_rc(&text)));
        CHECK_STR(str_of(read(buf_z(&text), &r, &kept)), cases[i].code);
    }
}

/* `from` to `to`, as a report has them. */
static void put_changes(struct buf *b, unsigned from, unsigned to)
{
    buf_putz(b, HEAD COUNTS "\"changes\":[");
    for (unsigned i = from; i <= to; i++)
        buf_printf(b,
                   "%s{\"directory\":\"/d%u\",\"n\":%u,\"at\":\"2026-11-29T03:00:00Z\",\"what\":"
                   "\"installed\"}",
                   i == from ? "" : ",", i % 2, i);
    buf_putz(b, "]," NONE);
}

/* The report `from` to `to` after `before`, which becomes what is kept: how many are new. */
static size_t report(struct buf *before, unsigned from, unsigned to)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf text = BUF_INIT(API_REPORT_MAX);
    CLEANUP(buf_done) struct buf kept = BUF_INIT(STORE_REPORT_MAX);
    CLEANUP(buf_done) struct buf merged = BUF_INIT(STORE_REPORT_MAX);
    struct api_report r = {};

    put_changes(&text, from, to);
    if (api_report_read(&a, buf_str(&text), &r, &kept, NULL) != RC_OK ||
        api_changes_merge(&a, buf_str(before), buf_str(&kept), &r.changes, &r.n_changes, &merged) !=
            RC_OK)
        return SIZE_MAX;
    buf_reset(before);
    buf_puts(before, buf_str(&merged));
    return r.n_changes;
}

static size_t kept_changes(const struct buf *kept)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    if (json_parse(buf_str(kept), STORE_REPORT_MAX, &doc, NULL) != RC_OK)
        return SIZE_MAX;
    return json_len(json_get(json_root(doc), "changes"));
}

/* The answer to a report may be lost: what comes again is known. */
static void what_comes_again(void)
{
    CLEANUP(buf_done) struct buf kept = BUF_INIT(STORE_REPORT_MAX);

    CHECK_INT(report(&kept, 1, 20), 20);
    CHECK_INT(report(&kept, 1, 20), 0);
    CHECK_INT(report(&kept, 11, 40), 20);
    CHECK_INT(kept_changes(&kept), 40);
    CHECK_INT(report(&kept, 41, 72), 32);
    CHECK_INT(kept_changes(&kept), API_CHANGES_KEPT);
    CHECK_INT(report(&kept, 41, 72), 0);
    CHECK_INT(report(&kept, 73, 73), 1);
    CHECK_INT(kept_changes(&kept), API_CHANGES_KEPT);
    buf_reset(&kept);
    buf_putz(&kept, "{\"changes\":[1]}"); /* not read any more */
    CHECK_INT(report(&kept, 1, 2), 2);
}

static void too_many_changes(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(API_REPORT_MAX);
    CLEANUP(buf_done) struct buf kept = BUF_INIT(STORE_REPORT_MAX);
    struct api_report r;

    put_changes(&text, 1, API_CHANGES + 1);
    CHECK_STR(str_of(read(buf_z(&text), &r, &kept)), "api.report-changes");
}

CHECK_MAIN(CHECK_TEST(what_is_kept), CHECK_TEST(what_is_refused), CHECK_TEST_ONCE(how_much),
           CHECK_TEST(what_was_changed), CHECK_TEST_ONCE(what_comes_again),
           CHECK_TEST_ONCE(too_many_changes))
