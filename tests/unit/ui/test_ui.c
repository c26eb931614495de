/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "crypto/crypto.h"
#include "http/exchange.h"
#include "ui/assets.h"
#include "ui/ui.h"

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND)
#define FORM "application/x-www-form-urlencoded"

static struct ui ui;
static struct {
    enum rc record;
    int recorded;
    char under[64], form[UI_TOKEN_TEXT];
    char user[64], password[64], code[16];
    enum rc check; /* what comes of a try */
    unsigned roles;
    bool by_certificate; /* the last try */
    bool lost;           /* the certificate of whoever has a session is good no more */
} saw;

static void overview(void *, struct http_exchange *x, struct str under, struct str form)
{
    IGNORE_RC(str_copyz(under, saw.under, sizeof(saw.under)));
    IGNORE_RC(str_copyz(form, saw.form, sizeof(saw.form)));
    ui_put_overview(x, &(struct ui_overview){.form = form, .search = under, .now = NOW});
    ui_reply(x);
}

static void signed_in(void *, struct http_exchange *x,
                      void (*then)(struct http_exchange *x, enum rc rc))
{
    saw.recorded++;
    then(x, saw.record);
}

static void check(void *, struct ui_try *t)
{
    IGNORE_RC(str_copyz(t->user, saw.user, sizeof(saw.user)));
    IGNORE_RC(str_copyz(t->password, saw.password, sizeof(saw.password)));
    IGNORE_RC(str_copyz(t->code, saw.code, sizeof(saw.code)));
    t->is = (struct ui_user){.n = 7, .name = "alice", .roles = saw.roles};
    saw.by_certificate = t->shown;
    if (t->shown)
        IGNORE_RC(id_parse(STR("0000000000000000000000000a"), &t->is.certificate));
    t->until = NOW + 3 * WHEN_SECOND / 2;
    t->then(t, saw.check);
}

static bool shown(void *, const struct http_exchange *x, char name[static OPERATORS_NAME_MAX + 1])
{
    return x->req.shown.n_serial && str_copyz(STR("alice"), name, OPERATORS_NAME_MAX + 1) == RC_OK;
}

static bool holds(void *, const struct ui_user *)
{
    return !saw.lost;
}

static void start(void)
{
    ui = (struct ui){.options = {overview, signed_in, check, shown, holds, NULL}};
    memset(&saw, 0, sizeof(saw));
}

/* The exchange when it is answered, the caller's. */
static void answered(struct http_exchange *x, void *arg)
{
    struct http_exchange **out = arg;

    *out = x;
}

static struct http_exchange *ask(const char *method, const char *path, const char *query,
                                 const char *cookie, const char *body)
{
    struct http_exchange *x = NULL, *out = NULL;

    if (http_exchange_new(answered, &out, &x) != RC_OK)
        return NULL;
    x->req.method = str_of(method);
    x->req.path = str_of(path);
    x->req.query = str_of(query);
    if (cookie)
        x->req.headers[x->req.n_headers++] = (struct http_header){STR("cookie"), str_of(cookie)};
    if (body) {
        x->req.headers[x->req.n_headers++] = (struct http_header){STR("content-type"), STR(FORM)};
        x->req.body = str_of(body);
    }
    ui_handle(&ui, x, NOW);
    return out;
}

static struct str header(const struct http_exchange *x, const char *name)
{
    for (size_t i = 0; i < x->res.n_headers; i++)
        if (str_eq(x->res.headers[i].name, str_of(name)))
            return x->res.headers[i].value;
    return (struct str){NULL, 0};
}

#define CHECK_ASK(want, ...)                                                                       \
    do {                                                                                           \
        http_exchange_free(MOVE(x));                                                               \
        x = ask(__VA_ARGS__);                                                                      \
        CHECK(x);                                                                                  \
        CHECK_INT(x->res.status, want);                                                            \
    } while (0)

static void without_a_session(void)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;

    start();
    CHECK_OK(crypto_init());
    CHECK_ASK(403, "GET", "/ui/", "", NULL, NULL);
    CHECK_ASK(403, "GET", "/ui/", "", "__Host-autarky=0000000000000000000000000a", NULL);
    CHECK_STR(header(x, "Cache-Control"), "no-store");
    CHECK(str_starts(header(x, "Content-Security-Policy"), STR("default-src 'none'")));
    CHECK_ASK(403, "GET", "/ui/sign-in", "token=0000000000000000000000000a", NULL, NULL);
    CHECK_ASK(403, "POST", "/ui/sign-in", "", NULL, "token=");
    CHECK_ASK(303, "POST", "/ui/sign-out", "", NULL, "");
    CHECK_ASK(405, "DELETE", "/ui/", "", NULL, NULL);
    CHECK_ASK(404, "GET", "/ui/secret", "", NULL, NULL);
    CHECK_ASK(303, "GET", "/ui", "", NULL, NULL);
    CHECK_STR(header(x, "Location"), "/ui/");
    CHECK_ASK(403, "GET", "/ui/plain", "", NULL, NULL);
    CHECK_ASK(403, "GET", "/ui/certificates", "", NULL, NULL);
    CHECK_INT(saw.recorded, 0);
}

static void in_and_out(void)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    char token[UI_TOKEN_TEXT], query[64], cookie[128], form[64];
    struct str set;

    start();
    CHECK_OK(crypto_init());
    CHECK_OK(ui_link_new(&ui.sessions, NOW, token));
    snprintf(query, sizeof(query), "token=%s", token);
    CHECK_ASK(200, "GET", "/ui/sign-in", query, NULL, NULL); /* looking does not use it */
    CHECK_ASK(303, "POST", "/ui/sign-in", "", NULL, query);
    CHECK_STR(header(x, "Location"), "/ui/");
    set = header(x, "Set-Cookie");
    CHECK(str_ends(set, STR("; Path=/; Secure; HttpOnly; SameSite=Strict")));
    snprintf(cookie, sizeof(cookie), "a=b; %.*s", (int)str_find(set, ';'), set.p);
    CHECK_INT(saw.recorded, 1);
    CHECK_ASK(403, "POST", "/ui/sign-in", "", NULL, query);

    CHECK_ASK(200, "GET", "/ui/", "", cookie, NULL);
    CHECK(str_find(header(x, "Content-Security-Policy"), '*') ==
          header(x, "Content-Security-Policy").n);
    CHECK_STR(header(x, "Cache-Control"), "no-store");
    CHECK(strcmp(saw.under, "") == 0); /* what it shows, its script asks for */
    CHECK_ASK(200, "GET", "/ui/plain", "under=a%2eb+c", cookie, NULL);
    CHECK(strcmp(saw.under, "a.b c") == 0);
    CHECK_ASK(200, "HEAD", "/ui/", "", cookie, NULL);
    CHECK_ASK(403, "POST", "/ui/sign-out", "", cookie, "form=x");
    CHECK_ASK(403, "POST", "/ui/sign-out", "", cookie, NULL);
    CHECK_ASK(200, "GET", "/ui/", "", cookie, NULL);
    snprintf(form, sizeof(form), "form=%s", saw.form);
    CHECK_ASK(303, "POST", "/ui/sign-out", "", cookie, form);
    CHECK(str_ends(header(x, "Set-Cookie"), STR("Max-Age=0")));
    CHECK_ASK(403, "GET", "/ui/", "", cookie, NULL);
}

static void a_sign_in_that_cannot_be_recorded(void)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    char token[UI_TOKEN_TEXT], body[64];

    start();
    saw.record = RC_IO;
    CHECK_OK(crypto_init());
    CHECK_OK(ui_link_new(&ui.sessions, NOW, token));
    snprintf(body, sizeof(body), "token=%s", token);
    CHECK_ASK(503, "POST", "/ui/sign-in", "", NULL, body);
    CHECK_INT(header(x, "Set-Cookie").n, 0);
}

#define TRY_IN "user=alice&password=a%26b+c&code=+123456"

static void by_password(void)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    char cookie[128];
    struct str set;

    start();
    CHECK_OK(crypto_init());
    CHECK_ASK(200, "GET", "/ui/sign-in", "", NULL, NULL);
    saw.check = RC_DENIED;
    CHECK_ASK(403, "POST", "/ui/sign-in", "", NULL, TRY_IN);
    CHECK_STR(str_of(saw.user), "alice");
    CHECK_STR(str_of(saw.password), "a&b c");
    CHECK_STR(str_of(saw.code), "123456");
    CHECK_INT(header(x, "Set-Cookie").n, 0);
    saw.check = RC_QUOTA;
    CHECK_ASK(429, "POST", "/ui/sign-in", "", NULL, TRY_IN);
    CHECK_STR(header(x, "Retry-After"), "2");
    saw.check = RC_IO;
    CHECK_ASK(503, "POST", "/ui/sign-in", "", NULL, TRY_IN);
    saw.check = RC_OK;
    saw.roles = 1u << OPERATORS_VIEWER;
    CHECK_ASK(303, "POST", "/ui/sign-in", "", NULL, TRY_IN);
    set = header(x, "Set-Cookie");
    snprintf(cookie, sizeof(cookie), "%.*s", (int)str_find(set, ';'), set.p);
    CHECK_ASK(200, "GET", "/ui/", "", cookie, NULL);
    ui_sessions_end_user(&ui.sessions, 8);
    CHECK_ASK(200, "GET", "/ui/", "", cookie, NULL);
    ui_sessions_end_user(&ui.sessions, 7);
    CHECK_ASK(403, "GET", "/ui/", "", cookie, NULL);
    saw.roles = 1u << OPERATORS_APPROVER; /* who sees approvals alone */
    CHECK_ASK(303, "POST", "/ui/sign-in", "", NULL, TRY_IN);
    set = header(x, "Set-Cookie");
    snprintf(cookie, sizeof(cookie), "%.*s", (int)str_find(set, ';'), set.p);
    CHECK_ASK(200, "GET", "/ui/", "", cookie, NULL);
    CHECK_ASK(403, "GET", "/ui/plain", "", cookie, NULL);
}

/* Everybody may have them: they are the same in every installation. */
static void assets(void)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;

    start();
    CHECK(ui_assets_n >= 3);
    for (size_t i = 0; i < ui_assets_n; i++) {
        CHECK_ASK(200, "GET", ui_assets[i].path, "", NULL, NULL);
        CHECK_STR(header(x, "Content-Encoding"), "gzip");
        CHECK(str_ends(header(x, "Cache-Control"), STR("immutable")));
        CHECK_STR(header(x, "Content-Type"), ui_assets[i].type);
        CHECK_INT(x->res.body.n, ui_assets[i].n);
        CHECK(x->res.keep_until > NOW);
    }
    CHECK_ASK(200, "GET", ui_path_script, "", NULL, NULL);
    CHECK_ASK(200, "GET", ui_path_sheet, "", NULL, NULL);
    CHECK_ASK(303, "GET", "/ui/licences", "", NULL, NULL);
    CHECK_STR(header(x, "Location"), ui_path_licences);
    CHECK_ASK(404, "GET", "/ui/script-00000000.js", "", NULL, NULL);
    CHECK_ASK(405, "PUT", ui_path_script, "", NULL, NULL);
}

static void origins(void)
{
    CHECK(ui_same_origin(STR("https://ca.example:8555"), STR("ca.example:8555")));
    CHECK(ui_same_origin(STR("https://CA.example"), STR("ca.example")));
    CHECK(!ui_same_origin(STR("https://ca.example"), STR("ca.example:8555")));
    CHECK(!ui_same_origin(STR("http://ca.example"), STR("ca.example")));
    CHECK(!ui_same_origin(STR("https://ca.example.evil.example"), STR("ca.example")));
    CHECK(!ui_same_origin(STR("null"), STR("ca.example")));
    CHECK(!ui_same_origin(STR(""), STR("")));
    CHECK(!ui_same_origin(STR("https://"), STR("")));
}

static void by_certificate(void)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    char cookie[160];
    struct str set;

    start();
    CHECK_OK(crypto_init());
    saw.check = RC_DENIED;
    CHECK_ASK(403, "POST", "/ui/sign-in", "", NULL, "certificate=1");
    CHECK(saw.by_certificate);
    saw.check = RC_OK;
    saw.roles = OPERATORS_ALL;
    CHECK_ASK(303, "POST", "/ui/sign-in", "", NULL, "certificate=1");
    set = header(x, "Set-Cookie");
    CHECK(set.p &&
          !memmem(set.p, set.n, "known", 5)); /* by which browsers are known that had a password */
    snprintf(cookie, sizeof(cookie), "%.*s", (int)str_find(set, ';'), set.p);
    CHECK_ASK(200, "GET", "/ui/", "", cookie, NULL);
    saw.lost = true;
    CHECK_ASK(403, "GET", "/ui/", "", cookie, NULL);
    saw.lost = false; /* it has ended, and does not come back */
    CHECK_ASK(403, "GET", "/ui/", "", cookie, NULL);
    CHECK_ASK(303, "POST", "/ui/sign-in", "", NULL, "user=alice&password=x&code=1");
    CHECK(!saw.by_certificate);
}

CHECK_MAIN(CHECK_TEST(without_a_session), CHECK_TEST(in_and_out), CHECK_TEST(by_password),
           CHECK_TEST(origins), CHECK_TEST(assets), CHECK_TEST(by_certificate),
           CHECK_TEST(a_sign_in_that_cannot_be_recorded))
