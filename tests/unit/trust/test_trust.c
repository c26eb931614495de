/* SPDX-License-Identifier: Apache-2.0 */
/* What machines fetch to trust us: the page, the root in both forms, the intermediates, and
 * everything that is not there. The organisation's name tries to be HTML. */
#include "world.h"

#include <stdio.h>

#include "crypto/hash.h"
#include "http/problem.h"
#include "trust/trust.h"
#include "x509/cert.h"

static void answered(struct http_exchange *x, void *arg)
{
    (void)x;
    *(bool *)arg = true;
}

/* Made by main: nothing here changes it, and the failing-allocation mode is to be about answers. */
static struct world world = {.dir.fd = -1};

/* The answer to a request, or NULL; the caller frees it. */
static struct http_exchange *ask(const char *method, const char *path)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    bool done = false;

    if (http_exchange_new(answered, &done, &x) != RC_OK)
        return NULL;
    x->req.listener = STR("plain");
    x->req.method = str_of(method);
    x->req.path = str_of(path);
    trust_handle(world.ca, x);
    x->done_arg = NULL;
    return done ? MOVE(x) : NULL;
}

static bool has(const struct http_exchange *x, const char *text)
{
    struct str body = buf_str(&x->res.body);

    return body.n && memmem(body.p, body.n, text, strlen(text)) != NULL;
}

static void page_shows_root(void)
{
    static const char digits[] = "0123456789ABCDEF";
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    unsigned char digest[CRYPTO_SHA256_BYTES];
    char print[3 * CRYPTO_SHA256_BYTES] = "";

    x = ask("GET", "/trust/");
    CHECK(x != NULL);
    CHECK_INT(x->res.status, 200);
    CHECK_STR(world_header(x, "Content-Type"), "text/html; charset=utf-8");
    CHECK_STR(world_header(x, "Cache-Control"), "no-cache");
    CHECK_STR(world_header(x, "Content-Security-Policy"), "default-src 'none'");
    CHECK_OK(crypto_sha256(ca_issuer_find(world.ca, STR("root-rsa"))->cert.der, digest));
    for (size_t i = 0; i < sizeof(digest); i++) {
        print[3 * i] = digits[digest[i] / 16];
        print[3 * i + 1] = digits[digest[i] % 16];
        print[3 * i + 2] = i + 1 < sizeof(digest) ? ':' : '\0';
    }
    CHECK(has(x, print));
    CHECK(has(x, "href=\"root-rsa.pem\"") && has(x, "href=\"root-rsa.cer\"") &&
          has(x, "href=\"roots.pem\""));
    CHECK(!has(x, "GM browsers") && !has(x, "lang=\"zh\"")); /* there is no root of SM2 */
}

static void organisation_is_text_not_html(void)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;

    x = ask("GET", "/trust/");
    CHECK(x != NULL);
    CHECK_INT(x->res.status, 200);
    CHECK(has(x, "&lt;script"));
    CHECK(has(x, "&amp;"));
    CHECK(has(x, "&quot;Co&#39;s"));
    CHECK(!has(x, "<script"));
    CHECK(!has(x, "</script"));
}

static void root_as_pem_and_der(void)
{
    static const char *const pems[] = {"/trust/root-rsa.pem", "/trust/roots.pem",
                                       "/trust/roots-all.pem"};
    CLEANUP(http_exchange_freep) struct http_exchange *der = NULL;
    const struct ca_issuer *root;

    root = ca_issuer_find(world.ca, STR("root-rsa"));
    for (size_t i = 0; i < 3; i++) {
        CLEANUP(http_exchange_freep) struct http_exchange *x = ask("GET", pems[i]);
        CLEANUP(arena_done) struct arena arena = ARENA_INIT(1 << 20);
        struct x509_cert *certs;
        size_t n;

        CHECK(x != NULL);
        CHECK_INT(x->res.status, 200);
        CHECK_STR(world_header(x, "Content-Type"), "application/x-pem-file");
        CHECK_STR(world_header(x, "Cache-Control"), "no-cache");
        CHECK_OK(x509_cert_read_pem(&arena, buf_str(&x->res.body), 4, &certs, &n, NULL));
        CHECK_INT(n, 1);
        CHECK(str_eq(certs[0].der, root->cert.der));
    }
    der = ask("GET", "/trust/root-rsa.cer");
    CHECK(der != NULL);
    CHECK_INT(der->res.status, 200);
    CHECK_STR(world_header(der, "Content-Type"), "application/x-x509-ca-cert");
    CHECK_STR(world_header(der, "Cache-Control"), "no-cache");
    CHECK(str_eq(buf_str(&der->res.body), root->cert.der));
}

/* RFC 5280 section 4.2.2.1: DER, application/pkix-cert. */
static void intermediates_as_der(void)
{
    static const char *const names[] = {"rsa-1", "ecdsa-1", "root-rsa"};

    for (size_t i = 0; i < 3; i++) {
        char path[64];
        CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;

        snprintf(path, sizeof(path), "/issuer/%s.cer", names[i]);
        x = ask("GET", path);
        CHECK(x != NULL);
        CHECK_INT(x->res.status, 200);
        CHECK_STR(world_header(x, "Content-Type"), "application/pkix-cert");
        CHECK_STR(world_header(x, "Cache-Control"), "max-age=86400");
        CHECK(str_eq(buf_str(&x->res.body), ca_issuer_find(world.ca, str_of(names[i]))->cert.der));
    }
}

/* The connection leaves the body out; what stands in the head is the same. */
static void head_is_as_get(void)
{
    static const char *const paths[] = {"/trust/", "/trust/roots.pem", "/issuer/rsa-1.cer",
                                        "/trust/nothing"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        CLEANUP(http_exchange_freep) struct http_exchange *head = ask("HEAD", paths[i]);
        CLEANUP(http_exchange_freep) struct http_exchange *get = ask("GET", paths[i]);

        CHECK(head && get);
        CHECK_INT(head->res.status, get->res.status);
        CHECK_INT(head->res.n_headers, get->res.n_headers);
        CHECK(str_eq(buf_str(&head->res.body), buf_str(&get->res.body)));
    }
}

static void unknown_paths(void)
{
    static const char *const paths[] = {
        "/trust/x",
        "/trust/root-rsa.key",
        "/trust/../root/root-rsa.key",
        "/trust/roots.pem/",
        "/trust/%72oots.pem",
        "/issuer/",
        "/issuer/.cer",
        "/issuer/none-1.cer",
        "/issuer/rsa-1.pem",
        "/issuer/rsa-1",
        "/issuer/rsa-1.cer/",
        "/issuer/../ca/rsa-1.key",
        "/issuer/root-sm2-9.cer",
        "/trust/rsa-1.pem",
        "/trust/rsa-1.cer",
        "/trust/roots-special.pem",
        "/trust/.pem",
    };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        CLEANUP(http_exchange_freep) struct http_exchange *x = ask("GET", paths[i]);

        CHECK(x != NULL);
        CHECK_INT(x->res.status, 404);
        CHECK_STR(world_header(x, "Content-Type"), "application/problem+json");
        CHECK_STR(world_header(x, "Cache-Control"), "");
    }
}

static void other_methods(void)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "get"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        CLEANUP(http_exchange_freep)
        struct http_exchange *x = ask(methods[i], "/trust/roots.pem");

        CHECK(x != NULL);
        CHECK_INT(x->res.status, 405);
        CHECK_STR(world_header(x, "Allow"), "GET, HEAD");
        CHECK(!has(x, "BEGIN CERTIFICATE"));
    }
}

int main(void)
{
    static const struct check_test tests[] = {
        CHECK_TEST(page_shows_root),     CHECK_TEST(organisation_is_text_not_html),
        CHECK_TEST(root_as_pem_and_der), CHECK_TEST(intermediates_as_der),
        CHECK_TEST(head_is_as_get),      CHECK_TEST(unknown_paths),
        CHECK_TEST(other_methods)};
    int failed = 1;

    world_config = "organization: 'Haus <script>alert(1)</script> & \"Co''s\"'\n"
                   "domain: hospital.example\n";
    if (world_start(&world, NULL))
        failed = check_run(tests, sizeof(tests) / sizeof(tests[0]));
    world_done(&world);
    return failed;
}
