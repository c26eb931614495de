/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky inventory`: pages, filters, and everything that is no question. */
#include "fixture.h"

#include "api/inventory.h"
#include "inventory/record.h"
#include "store/endpoints.h"

enum { ENDPOINTS = 120, LARGE = 110, NAMES = 15000 };
#define SEEN_AT (WORLD_NOW - WHEN_DAY)

static const struct row rows[] = {
    {"wiki.hospital.example", STORE_NAME_DNS, 1, SEEN_AT, WORLD_NOW + WHEN_DAY, false},
    {"pacs.hospital.example", STORE_NAME_DNS, 2, SEEN_AT, WORLD_NOW + WHEN_DAY, true},
    {"none.hospital.example", STORE_NAME_DNS, 3, SEEN_AT, WORLD_NOW + WHEN_DAY, false},
};

/* 0 shows the first certificate, 1 the second, the others strangers' of many names. */
static enum rc add_endpoint(struct store_txn *txn, unsigned i, struct str names)
{
    unsigned char serial[] = {0x41, i < 2 ? 0 : 9, (unsigned char)(i + 1)};
    struct store_endpoint e = {
        .protocol = STR("tls"),
        .address = {4, {10, 0, (uint8_t)(i / 100), (uint8_t)(i % 100)}},
        .port = 443,
        .state = STORE_ENDPOINT_TLS,
        .versions = STR("TLSv1.2 TLSv1.3"),
        .shown = true,
        .seen = {.der = STR("DER"),
                 .serial = str_bytes(serial, sizeof(serial)),
                 .names = i < 2 ? STR("[\"wiki.hospital.example\"]") : names,
                 .not_before = SEEN_AT,
                 .not_after = WORLD_NOW + (i + 1) * WHEN_HOUR},
        .last_seen = SEEN_AT + i,
    };
    char text[64];

    snprintf(text, sizeof(text), "10.0.%u.%u:443", i / 100, i % 100);
    e.endpoint = str_of(text);
    e.name = i == 1 ? STR("pacs.hospital.example") : e.name;
    memcpy(e.seen.sha256.b, serial, sizeof(serial));
    TRY(id_new(&e.id));
    TRY(store_endpoint_see(txn, &e));
    if (i)
        return RC_OK;
    e.owner = STR("web");
    e.last_seen++;
    e.verdicts = INVENTORY_WEAK;
    TRY(store_endpoint_see(txn, &e));
    return store_endpoint_set_owner(txn, &e, WORLD_NOW);
}

static enum rc fill(struct store_txn *txn, void *)
{
    CLEANUP(buf_done) struct buf names = BUF_INIT(STORE_SEEN_NAMES_MAX);

    buf_putz(&names, "[\"");
    for (int i = 0; i < NAMES; i++)
        buf_putz(&names, "x");
    buf_putz(&names, "\"]");
    TRY(buf_rc(&names));
    for (unsigned i = 0; i < ENDPOINTS; i++)
        TRY(add_endpoint(txn, i, i >= ENDPOINTS - LARGE ? buf_str(&names) : STR("[]")));
    return RC_OK;
}

/* The member of the i-th item. */
static struct str item(const struct answer *a, size_t i, const char *member)
{
    struct json_iter it = json_iter(json_get(a->root, "items"));
    const struct json *v = NULL;

    while (json_next(&it, NULL, &v) && i--)
        ;
    return text_of(v, member);
}

static size_t items(const struct answer *a)
{
    return json_len(json_get(a->root, "items"));
}

static void one(void)
{
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    const struct json *c, *change = NULL;
    struct json_iter it;

    CHECK_OK(ask_of(api_inventory_show, "{\"endpoint\":\"10.0.0.1:443\"}", &a));
    CHECK_STR(text_of(a.root, "name"), "pacs.hospital.example");
    c = json_get(a.root, "certificate");
    CHECK_STR(text_of(c, "serial"), "410002");
    CHECK_STR(text_of(c, "pem"), "-----BEGIN CERTIFICATE-----\nREVS\n-----END CERTIFICATE-----\n");
    CHECK_INT(json_len(json_get(c, "names")), 1);
    CHECK_INT(json_len(json_get(a.root, "versions")), 2);
    CHECK_INT(json_len(json_get(a.root, "verdicts")), 2); /* ours, revoked */
    CHECK_OK(ask_of(api_inventory_show, "{\"endpoint\":\"10.0.0.0:443\"}", &a));
    CHECK_STR(text_of(a.root, "owner"), "web");
    CHECK_STR(text_of(a.root, "owner_from"), "hand");
    CHECK_OK(ask_of(api_inventory_history, "{\"endpoint\":\"10.0.0.0:443\"}", &a));
    it = json_iter(json_get(a.root, "changes"));
    CHECK_INT(json_len(json_get(a.root, "changes")), 3);
    CHECK(json_next(&it, NULL, &change) && json_next(&it, NULL, &change));
    CHECK_STR(text_of(change, "what"), "verdicts");
    CHECK_STR(text_of(change, "old"), "");
    CHECK_STR(text_of(change, "new"), "weak");
    CHECK_RC(ask_of(api_inventory_show, "{\"endpoint\":\"10.0.0.1\"}", &a), RC_NOTFOUND);
    CHECK_RC(ask_of(api_inventory_history, "{}", &a), RC_NOTFOUND);
    CHECK_RC(ask_of(api_inventory_show, "{\"endpoint\":7}", &a), RC_INVAL);
}

static void filters(void)
{
    CLEANUP(answer_done) struct answer a = {.doc = NULL};

    CHECK_OK(ask_of(api_inventory_list, "{\"verdict\":\"revoked,current\"}", &a));
    CHECK_INT(items(&a), 2);
    CHECK_STR(item(&a, 0, "endpoint"), "10.0.0.0:443");
    CHECK_STR(item(&a, 1, "endpoint"), "10.0.0.1:443");
    CHECK(json_is_null(json_get(a.root, "next")));
    CHECK_OK(ask_of(api_inventory_list, "{\"under\":\"hospital.example\"}", &a));
    CHECK_INT(items(&a), 1);
    CHECK_OK(ask_of(api_inventory_list, "{\"owner\":\"web\"}", &a));
    CHECK_INT(items(&a), 1);
    CHECK_OK(ask_of(api_inventory_list, "{\"network\":\"10.0.0.0/29\",\"port\":443}", &a));
    CHECK_INT(items(&a), 8);
    CHECK_OK(ask_of(api_inventory_list, "{\"network\":\"10.0.0.9\",\"protocol\":\"tls\"}", &a));
    CHECK_INT(items(&a), 1);
    CHECK_OK(ask_of(api_inventory_list, "{\"network\":\"::/0\"}", &a));
    CHECK_INT(items(&a), 0);
    CHECK_OK(ask_of(api_inventory_list, "{\"sort\":\"expiry\",\"limit\":3}", &a));
    CHECK_INT(items(&a), 3);
    CHECK_STR(item(&a, 0, "endpoint"), "10.0.0.0:443");
    CHECK_OK(ask_of(api_inventory_orphans, "{}", &a));
    CHECK_INT(items(&a), 1);
    CHECK_STR(item(&a, 0, "serial"), "410003");
}

/* Strangers' certificates may be large; a page ends before the answer would not fit. */
/* Once more in few questions, for each allocation to fail. */
static void filtered(void)
{
    CLEANUP(answer_done) struct answer a = {.doc = NULL};

    CHECK_OK(ask_of(api_inventory_list,
                    "{\"verdict\":\"revoked,current\",\"network\":\"10.0.0.0/29\",\"port\":443}",
                    &a));
    CHECK_INT(items(&a), 2);
    CHECK_RC(ask_of(api_inventory_list, "{\"network\":\"10.1/16\"}", &a), RC_INVAL);
}

static void pages(void)
{
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    CLEANUP(buf_done) struct buf args = BUF_INIT(256);
    struct str next = STR("");
    size_t n = 0, pages = 0;

    for (; pages < 4; pages++) {
        buf_reset(&args);
        buf_printf(&args, "{\"limit\":%d,\"cursor\":%s%.*s%s}", 100, next.n ? "\"" : "",
                   STR_ARG(next.n ? next : STR("null")), next.n ? "\"" : "");
        CHECK_OK(ask_of(api_inventory_list, buf_z(&args), &a));
        n += items(&a);
        next = text_of(a.root, "next");
        if (!next.n)
            break;
        CHECK(items(&a) == 100 || a.text.n > 1024 * 1024);
    }
    CHECK_INT(n, ENDPOINTS);
    CHECK(pages >= 1);
}

static void no_questions(void)
{
    static const char *const args[] = {
        "{\"limit\":0}",
        "{\"limit\":1001}",
        "{\"cursor\":\"x\"}",
        "{\"verdict\":\"best\"}",
        "{\"network\":\"10.1/16\"}",
        "{\"port\":65536}",
        "{\"port\":\"443\"}",
        "{\"sort\":\"name\"}",
        "{\"seen_before\":\"now\"}",
        "{\"under\":7}",
        "{\"verdict\":\"ours,\\u0000\"}",
    };
    CLEANUP(answer_done) struct answer a = {.doc = NULL};

    for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
        CHECK_RC(ask_of(api_inventory_list, args[i], &a), RC_INVAL);
}

int main(void)
{
    static const struct check_test tests[] = {CHECK_TEST(one), CHECK_TEST_ONCE(filters),
                                              CHECK_TEST(filtered), CHECK_TEST_ONCE(pages),
                                              CHECK_TEST_ONCE(no_questions)};

    return run_and(fill, rows, sizeof(rows) / sizeof(rows[0]), tests,
                   sizeof(tests) / sizeof(tests[0]));
}
