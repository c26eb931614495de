/* SPDX-License-Identifier: Apache-2.0 */
/* What the page says to browsers that know SM2, where there is a root of it. */
#include "world.h"

#include <stdio.h>

#include "trust/trust.h"

static struct world world = {.dir.fd = -1};

static void answered(struct http_exchange *, void *arg)
{
    *(bool *)arg = true;
}

static struct http_exchange *page(void)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    bool done = false;

    if (http_exchange_new(answered, &done, &x) != RC_OK)
        return NULL;
    x->req.listener = STR("plain");
    x->req.method = STR("GET");
    x->req.path = STR("/trust/");
    trust_handle(world.ca, x);
    x->done_arg = NULL;
    return done ? MOVE(x) : NULL;
}

static size_t at(const struct http_exchange *x, const char *text)
{
    struct str body = buf_str(&x->res.body);
    const char *p = body.n ? memmem(body.p, body.n, text, strlen(text)) : NULL;

    return p ? (size_t)(p - body.p) : SIZE_MAX;
}

static bool has(const struct http_exchange *x, const char *text)
{
    return at(x, text) != SIZE_MAX;
}

static void the_sm2_root_has_a_section(void)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = page();
    const struct ca_issuer *root = ca_issuer_find(world.ca, STR("root-sm2"));
    unsigned char digest[CRYPTO_SHA256_BYTES];
    char first[16];
    size_t gm;

    CHECK(x && root);
    CHECK_INT(x->res.status, 200);
    gm = at(x, "<h2 id=\"gm\">");
    CHECK(gm != SIZE_MAX);
    CHECK_OK(x509_cert_fingerprint(&root->cert, digest));
    snprintf(first, sizeof(first), "<code>%02X:%02X:", digest[0], digest[1]);
    CHECK(at(x, first) > gm && has(x, first));
    CHECK(has(x, "href=\"root-sm2.pem\"") && at(x, "href=\"root-sm2.cer\"") > gm);
    CHECK(has(x, "lang=\"zh\"") && has(x, "国密浏览器") && has(x, "只信任内置根证书的版本"));
    CHECK(has(x, "360 Enterprise Browser") && has(x, "Qi An Xin") && has(x, "ZT Browser") &&
          has(x, "Red Lotus") && has(x, "红莲花") && has(x, "奇安信") && has(x, "零信"));
    /* The root for everybody comes first, and no other stands there for machines to install. */
    CHECK(at(x, "href=\"root-rsa.pem\"") < gm);
    CHECK(!has(x, "Other roots"));
    CHECK(has(x, "cp root-rsa.pem"));
}

static bool start(void)
{
    world_set_kinds(4 | 1);
    return world_start(&world, NULL);
}

CHECK_MAIN_WITH(start(), world_done(&world), CHECK_TEST(the_sm2_root_has_a_section))
