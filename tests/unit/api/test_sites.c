/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <string.h>

#include "api/sites.h"
#include "json/json.h"

static const struct str backends[] = {{"http://a", 8}, {"http://b", 8}};
static const struct conf_site sites[] = {
    {.name = {"wiki.hospital.example", 21},
     .backends = {backends, 2},
     .algorithms = 1 << CONF_KEY_RSA | 1 << CONF_KEY_ECDSA,
     .profile = {"default", 7}},
    {.name = {"intra", 5},
     .backends = {backends, 1},
     .algorithms = 1 << CONF_KEY_RSA,
     .profile = {"short", 5}},
};

#define UNKNOWN(a)                                                                                 \
    "{\"algorithm\":\"" a "\",\"state\":\"unknown\",\"serial\":null,\"not_after\":null,"           \
    "\"next_at\":null,\"failures\":0,\"reason\":null,\"staple\":\"none\","                         \
    "\"staple_at\":null,\"staple_until\":null,\"directory\":null}"
#define INTRA(certificates)                                                                        \
    "{\"name\":\"intra\",\"backends\":[\"http://"                                                  \
    "a\"],\"profile\":\"short\",\"passes\":false,\"directory\":null,\"certificates\":"             \
    "[" certificates "]}"

static enum rc put(const struct api_sites *in, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    TRY(api_sites_put(in, &o));
    return json_out_done(&o);
}

/* As without a server: the same shape, and nothing known. */
static void the_configuration_alone(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
    struct conf conf = {.gateway = {.sites = &sites[1], .n_sites = 1}};

    CHECK_OK(put(&(struct api_sites){.conf = &conf}, &text));
    CHECK_STR(buf_str(&text),
              "{\"keeper\":\"not running\",\"items\":[" INTRA(UNKNOWN("rsa")) "],\"next\":null}");
}

static void what_the_keeper_told(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
    struct conf conf = {.gateway = {.sites = sites, .n_sites = 2}};
    struct api_site_state of[2][CONF_SITE_KEYS] = {
        {[CONF_KEY_RSA] = {.state = IPC_SITE_VALID,
                           .serial = STR("0A1B"),
                           .not_after = INT64_C(1'800'000'000) * WHEN_SECOND,
                           .next_at = INT64_C(1'799'000'000) * WHEN_SECOND,
                           .staple = IPC_STAPLE_GOOD,
                           .staple_at = INT64_C(1'799'000'000) * WHEN_SECOND,
                           .staple_until = INT64_C(1'800'000'000) * WHEN_SECOND},
         [CONF_KEY_ECDSA] = {.state = IPC_SITE_WAITING,
                             .failures = 3,
                             .reason = STR("no \"way\""),
                             .staple = IPC_STAPLE_MISSING}}};

    CHECK_OK(put(&(struct api_sites){.conf = &conf, .running = true, .of = of}, &text));
    CHECK_STR(
        buf_str(&text),
        "{\"keeper\":\"running\",\"items\":[" INTRA(UNKNOWN(
            "rsa")) ",{\"name\":\"wiki.hospital.example\","
                    "\"backends\":[\"http://a\",\"http://"
                    "b\"],\"profile\":\"default\",\"passes\":false,\"directory\":null,"
                    "\"certificates\":["
                    "{\"algorithm\":\"rsa\",\"state\":\"valid\",\"serial\":\"0A1B\","
                    "\"not_after\":\"2027-01-15T08:00:00Z\",\"next_at\":\"2027-01-03T18:13:20Z\","
                    "\"failures\":0,\"reason\":null,\"staple\":\"good\",\"staple_at\":\"2027-01-"
                    "03T18:13:20Z\","
                    "\"staple_until\":\"2027-01-15T08:00:00Z\",\"directory\":null},"
                    "{\"algorithm\":\"ecdsa\",\"state\":\"waiting\",\"serial\":null,\"not_after\":"
                    "null,"
                    "\"next_at\":null,\"failures\":3,\"reason\":\"no "
                    "\\\"way\\\"\",\"staple\":\"missing\","
                    "\"staple_at\":null,\"staple_until\":null,\"directory\":null}]}],\"next\":"
                    "null}");
}

/* A page goes on behind a name, which need not be there any more. */
static enum rc page(const char *args, struct buf *out)
{
    struct conf conf = {.gateway = {.sites = sites, .n_sites = 2}};
    CLEANUP(json_freep) struct json_doc *asked = NULL;
    struct err err = ERR_INIT;
    struct json_out o;

    buf_reset(out);
    TRY(json_parse(str_of(args), 1024, &asked, NULL));
    json_out_init(&o, out, JSON_COMPACT);
    TRY(api_sites_list(&(struct api_sites){.conf = &conf}, json_root(asked), &o, &err));
    return json_out_done(&o);
}

static bool has(const struct buf *text, const char *what)
{
    return memmem(text->p, text->n, what, strlen(what)) != NULL;
}

static void pages_by_name(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);

    CHECK_OK(page("{\"limit\":1}", &text));
    CHECK(has(&text, "\"name\":\"intra\"") && !has(&text, "\"name\":\"wiki"));
    CHECK(has(&text, "\"next\":\"intra\"}"));
    CHECK_OK(page("{\"limit\":1,\"cursor\":\"intra\"}", &text));
    CHECK(has(&text, "\"name\":\"wiki") && has(&text, "\"next\":null}"));
    CHECK_OK(page("{\"cursor\":\"removed.hospital.example\"}", &text));
    CHECK(has(&text, "\"name\":\"wiki") && !has(&text, "\"name\":\"intra"));
    CHECK_RC(page("{\"cursor\":\"Intra\"}", &text), RC_INVAL);
    CHECK_RC(page("{\"cursor\":\"a b\"}", &text), RC_INVAL);
    CHECK_RC(page("{\"limit\":0}", &text), RC_INVAL);
}

CHECK_MAIN(CHECK_TEST(the_configuration_alone), CHECK_TEST(what_the_keeper_told),
           CHECK_TEST(pages_by_name))
