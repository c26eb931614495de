/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for clients that show a certificate: by a name in it, its team, its digest; one that does
 * not count is none; an order that renews itself is judged without. Which certificates count is
 * core's (tests/unit/core, tests/scenario/shown.py). */
#include "acme_client.h"

#include <stdio.h>

#include "store/certificates.h"

#define RULES(who)                                                                                 \
    "organization: Example Hospital\ncountry: DE\ndomain: hospital.example\n"                      \
    "urls: {api: \"https://ca.hospital.example:8555\"}\n"                                          \
    "acme: {star: {enabled: true}}\ncontrol: {certificates: true}\n"                               \
    "groups: [{name: wards, client_certificates: [\"owner:carol\"]}]\n"                            \
    "policy: [{name: pumps, allow: [\"*.hospital.example\"], " who "}]\n"
#define BY_NAME RULES("client_certificates: [pump.hospital.example]")

struct lab {
    struct world w;
    struct client c;
};

static void lab_done(struct lab *l)
{
    client_done(&l->c);
    world_done(&l->w);
}

static const struct store_name names[] = {{STORE_NAME_DNS, STR("www.hospital.example")},
                                          {STORE_NAME_DNS, STR("pump.hospital.example")},
                                          {STORE_NAME_IP, STR("10.0.0.1")}};

static bool lab_start(struct lab *l, const char *config)
{
    if (!world_start(&l->w, NULL) || !world_reload(&l->w, config) || !client_start(&l->c, &l->w) ||
        !client_register(&l->c))
        return false;
    l->w.shown = (struct http_shown){.serial = {7}, .n_serial = 1};
    l->w.shown_as = (struct store_certificate){
        .names = names, .n_names = 3, .team = STR("wards"), .owner = STR("carol")};
    memset(l->w.shown_as.fingerprint.b, 0xab, STORE_SHA256);
    return id_new(&l->w.shown_as.id) == RC_OK;
}

static void by_what_it_is_named(void)
{
    static const struct {
        const char *rules;
        bool fits;
    } cases[] = {
        {BY_NAME, true},
        {RULES("client_certificates: [ward.hospital.example, \"team:wards\"]"), true},
        {RULES("client_certificates: [\"owner:carol\"]"), true},
        {RULES("groups: [wards]"), true},
        {RULES("client_certificates: "
               "[\"sha256:abababababababababababababababababababababababababababababababab\"]"),
         true},
        {RULES("client_certificates: [ward.hospital.example, \"team:pumps\", \"owner:wards\"]"),
         false},
        {RULES("client_certificates: "
               "[\"sha256:acababababababababababababababababababababababababababababababab\"]"),
         false},
        {RULES("eab: [pumps]"), false},
    };
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    char order[256];

    CHECK(lab_start(&l, BY_NAME));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(world_reload(&l.w, cases[i].rules));
        CHECK_INT(client_order(&l.c, "a.hospital.example", order), cases[i].fits);
    }
}

/* And when it counts no more, an order that it made is worth nothing either. */
static void only_while_it_counts(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply refused = {.x = NULL};
    CLEANUP(reply_done) struct reply late = {.x = NULL};
    CLEANUP(reply_done) struct reply done = {.x = NULL};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4 << 20);
    struct store_certificate_filter of_account = {.origin = STR("acme")};
    struct store_cursor at = {0};
    struct store_certificate *list;
    char order[256];
    size_t n;

    CHECK(lab_start(&l, BY_NAME));
    CHECK(client_order(&l.c, "a.hospital.example", order));
    CHECK(client_validate(&l.c, order));
    l.w.shown_rc = RC_DENIED;
    late = client_finalize(&l.c, order, "a.hospital.example");
    CHECK_STR(reply_problem(&late), "rejectedIdentifier");
    refused =
        client_post(&l.c, "/acme/new-order",
                    "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"b.hospital.example\"}]}");
    CHECK_STR(reply_problem(&refused), "rejectedIdentifier");
    l.w.shown_rc = RC_OK;
    done = client_finalize(&l.c, order, "a.hospital.example");
    CHECK_STR(reply_text(&done, "status"), "valid");
    CHECK_OK(store_certificate_list(store_read(l.w.store), &a, &of_account, &at, &list, &n));
    CHECK_INT(n, 1);
    CHECK_STR(id_str(&list[0].shown), l.w.shown_as.id.z);
}

/* Nothing is decided while the register cannot be read. */
static void not_known(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    char order[256];

    CHECK(lab_start(&l, RULES("groups: [wards]")));
    l.w.shown_rc = RC_IO;
    CHECK(!client_order(&l.c, "a.hospital.example", order));
    l.w.shown.n_serial = 0; /* none is shown */
    CHECK(!client_order(&l.c, "a.hospital.example", order));
    l.w.shown = (struct http_shown){.serial = {7}, .n_serial = 1};
    l.w.shown_rc = RC_OK;
    CHECK(client_order(&l.c, "a.hospital.example", order));
}

static void not_for_orders_that_renew_themselves(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply star = {.x = NULL};

    CHECK(lab_start(&l, BY_NAME));
    star = client_post(&l.c, "/acme/new-order",
                       "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.hospital.example\"}],"
                       "\"auto-renewal\":{\"end-date\":\"2027-02-15T08:00:00Z\","
                       "\"lifetime\":172800}}");
    CHECK_STR(reply_problem(&star), "rejectedIdentifier");
}

CHECK_MAIN(CHECK_TEST_ONCE(by_what_it_is_named), CHECK_TEST_ONCE(only_while_it_counts),
           CHECK_TEST_ONCE(not_known), CHECK_TEST_ONCE(not_for_orders_that_renew_themselves))
