/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "corpus.h"
#include "jose/jws.h"
#include "keys.h"

#define URL "https://ca.hospital.example:8555/acme/new-order"
#define KID "https://ca.hospital.example:8555/acme/account/0123"

static enum rc load(struct arena *a, const char *name, enum jose_kind kind, struct jose_jws *j,
                    struct err *err)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(JOSE_JWS_MAX);
    char path[100];

    snprintf(path, sizeof(path), "jws/%s", name);
    TRY(crypto_init());
    TRY(corpus_read(path, &body));
    return jose_jws_parse(a, buf_str(&body), kind, j, err);
}

/* Made with Python's cryptography. */
static void others_jws_are_read_and_hold(void)
{
    static const struct {
        const char *name;
        enum jose_alg alg;
        const char *payload;
    } cases[] = {
        {"es256-jwk.json", JOSE_ES256, "{\"termsOfServiceAgreed\":true}"},
        {"rs256-jwk.json", JOSE_RS256, "{}"},
        {"es384-jwk.json", JOSE_ES384, "{}"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        CLEANUP(jose_jws_done) struct jose_jws j = {.jwk = NULL};

        CHECK_OK(load(&a, cases[i].name, JOSE_REQUEST, &j, NULL));
        CHECK_INT(j.alg, cases[i].alg);
        CHECK_STR(j.payload, cases[i].payload);
        CHECK_STR(j.nonce, "bm9uY2U");
        CHECK_STR(j.url, URL);
        CHECK(j.kid.n == 0 && j.jwk != NULL);
        CHECK_OK(jose_jws_verify(&j, jose_jwk_key(j.jwk), NULL));
    }
}

static void kid_leaves_the_key_to_the_caller(void)
{
    CLEANUP(crypto_key_unrefp)
    struct crypto_key *right = key_load(key_p256), *other = NULL, *rsa = key_load(key_rsa);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(jose_jws_done) struct jose_jws j = {.jwk = NULL};
    struct err err = ERR_INIT;

    CHECK(right && rsa);
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &other));
    CHECK_OK(load(&a, "post-as-get.json", JOSE_REQUEST, &j, NULL));
    CHECK(j.jwk == NULL && j.payload.n == 0);
    CHECK_STR(j.kid, KID);
    CHECK_OK(jose_jws_verify(&j, right, NULL));
    CHECK_RC(jose_jws_verify(&j, other, &err), RC_DENIED);
    CHECK_STR(str_of(err.type), "malformed");
    CHECK_RC(jose_jws_verify(&j, rsa, &err), RC_UNSUPPORTED);
    CHECK_STR(str_of(err.type), "badSignatureAlgorithm");
}

static void bad_ones_are_refused(void)
{
    static const struct {
        const char *name;
        const char *code;
        const char *type;
    } cases[] = {
        {"both.json", "jose.jws-which-key", "malformed"},
        {"neither.json", "jose.jws-which-key", "malformed"},
        {"no-alg.json", "jose.jws-header-missing", "malformed"},
        {"no-url.json", "jose.jws-header-missing", "malformed"},
        {"no-nonce.json", "jose.jws-header-missing", "badNonce"},
        {"nonce-bad.json", "jose.jws-nonce", "badNonce"},
        {"none.json", "jose.jws-alg", "badSignatureAlgorithm"},
        {"hs256.json", "jose.jws-alg", "badSignatureAlgorithm"},
        {"eddsa.json", "jose.jws-alg", "badSignatureAlgorithm"},
        {"alg-confusion.json", "jose.jws-alg-key", "badSignatureAlgorithm"},
        {"crit.json", "jose.jws-header-forbidden", "malformed"},
        {"private.json", "jose.jwk-private", "badPublicKey"},
        {"off-curve.json", "crypto.ec-point", "badPublicKey"},
        {"long-x.json", "crypto.ec-point", "badPublicKey"},
        {"header.json", "jose.jws-body", "malformed"},
        {"signatures.json", "jose.jws-body", "malformed"},
        {"types.json", "jose.jws-body", "malformed"},
        {"object.json", "jose.jws-body", "malformed"},
        {"array.json", "jose.jws-body", "malformed"},
        {"compact.json", "jose.jws-body", "malformed"},
        {"padding.json", "jose.jws-body", "malformed"},
        {"not-base64.json", "jose.jws-body", "malformed"},
        {"header-twice.json", "jose.jws-header", "malformed"},
        {"twice.json", NULL, "malformed"},
        {"compact.txt", NULL, "malformed"},
        {"empty.json", NULL, "malformed"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        struct jose_jws j = {.jwk = NULL};
        struct err err = ERR_INIT;
        enum rc rc;

        rc = load(&a, cases[i].name, JOSE_REQUEST, &j, &err);
        CHECK(rc != RC_OK && j.jwk == NULL);
        CHECK(err.msg != NULL && err.type != NULL);
        if (cases[i].code && strcmp(err.msg->code, cases[i].code) != 0 && !mem_fail_fired())
            fail_msg("%s: %s", cases[i].name, err.msg->code);
        CHECK(!cases[i].code || strcmp(err.msg->code, cases[i].code) == 0);
        CHECK_STR(str_of(err.type), cases[i].type);
        CHECK_INT(err.status, 400);
    }
}

static void forged_ones_do_not_hold(void)
{
    static const char *const names[] = {"wrong-signature.json", "der-signature.json"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        CLEANUP(jose_jws_done) struct jose_jws j = {.jwk = NULL};
        struct err err = ERR_INIT;

        CHECK_OK(load(&a, names[i], JOSE_REQUEST, &j, NULL));
        CHECK_RC(jose_jws_verify(&j, jose_jwk_key(j.jwk), &err), RC_DENIED);
        CHECK(err.msg != NULL);
        CHECK_STR(str_of(err.msg->code), "jose.jws-signature");
    }
}

static void inner_ones_have_no_nonce(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(jose_jws_done) struct jose_jws j = {.jwk = NULL};
    struct jose_jws none = {.jwk = NULL};
    struct err err = ERR_INIT;

    CHECK_OK(load(&a, "inner.json", JOSE_INNER, &j, NULL));
    CHECK(j.nonce.n == 0 && j.jwk != NULL);
    CHECK_OK(jose_jws_verify(&j, jose_jwk_key(j.jwk), NULL));
    CHECK_RC(load(&a, "es256-jwk.json", JOSE_INNER, &none, &err), RC_INVAL);
    CHECK(err.msg != NULL);
    CHECK_STR(str_of(err.msg->code), "jose.jws-header-forbidden");
    CHECK_RC(load(&a, "inner.json", JOSE_REQUEST, &none, &err), RC_INVAL);
    CHECK_STR(str_of(err.type), "badNonce");
}

static void signed_and_read(void)
{
    static const char *const keys[] = {key_rsa, key_p256, key_p384};

    for (size_t i = 0; i < 2 * sizeof(keys) / sizeof(keys[0]); i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(keys[i / 2]);
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        CLEANUP(jose_jws_done) struct jose_jws j = {.jwk = NULL};
        CLEANUP(buf_done) struct buf body = BUF_INIT(JOSE_JWS_MAX);
        struct jose_jws_in in = {
            .key = k, .nonce = STR("abc"), .url = STR(URL), .payload = STR("{\"a\":1}")};

        CHECK(k != NULL);
        if (i % 2)
            in.kid = STR(KID);
        CHECK_OK(jose_jws_sign(&in, &body));
        CHECK_OK(jose_jws_parse(&a, buf_str(&body), JOSE_REQUEST, &j, NULL));
        CHECK_STR(j.payload, "{\"a\":1}");
        CHECK_STR(j.kid, i % 2 ? KID : "");
        CHECK(!j.jwk == (i % 2 == 1));
        CHECK(!j.jwk || crypto_key_same(jose_jwk_key(j.jwk), k));
        CHECK_OK(jose_jws_verify(&j, k, NULL));
    }
}

static void impossible_ones_are_not_signed(void)
{
    CLEANUP(crypto_key_unrefp)
    struct crypto_key *ed = key_load(key_ed25519), *k = key_load(key_p256), *pub = NULL;
    CLEANUP(buf_done) struct buf body = BUF_INIT(JOSE_JWS_MAX);
    struct jose_jws_in in = {.key = ed, .url = STR(URL)};

    CHECK(ed && k);
    CHECK_RC(jose_jws_sign(&in, &body), RC_UNSUPPORTED);
    CHECK_OK(crypto_key_from_spki(crypto_key_spki(k), &pub, NULL));
    in.key = pub;
    CHECK_RC(jose_jws_sign(&in, &body), RC_INVAL);
    CHECK_INT(buf_str(&body).n, 0);
}

/* The header as text, signed with the P-256 key: what a program gone wrong may send. */
static enum rc parse_header(struct arena *a, const char *header, struct err *err)
{
    CLEANUP(jose_jws_done) struct jose_jws j = {.jwk = NULL};
    CLEANUP(buf_done) struct buf body = BUF_INIT(JOSE_JWS_MAX);

    TRY(crypto_init());
    buf_putz(&body, "{\"protected\":\"");
    text_b64url(&body, str_of(header));
    buf_putz(&body, "\",\"payload\":\"\",\"signature\":\"\"}");
    TRY(buf_rc(&body));
    return jose_jws_parse(a, buf_str(&body), JOSE_REQUEST, &j, err);
}

static void header_values_have_types_and_limits(void)
{
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "{\"alg\":1,\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"k\"}",
        "{\"alg\":\"ES256\",\"nonce\":1,\"url\":\"u\",\"kid\":\"k\"}",
        "{\"alg\":\"ES256\",\"nonce\":\"a\",\"url\":[],\"kid\":\"k\"}",
        "{\"alg\":\"ES256\",\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"\"}",
        "{\"alg\":\"ES256\",\"nonce\":\"a\",\"url\":\"u\",\"kid\":null}",
        "{\"alg\":\"ES256\",\"nonce\":\"a\",\"url\":\"u\",\"jwk\":\"k\"}",
        "{\"alg\":\"ES256\",\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"k\",\"jku\":\"x\"}",
        "{\"alg\":\"ES256\",\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"k\\u0000\"}",
    };
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf header = BUF_INIT(1 << 16);

    CHECK_OK(parse_header(
        &a, "{\"alg\":\"ES256\",\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"k\",\"typ\":1}", NULL));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err = ERR_INIT;
        enum rc rc = parse_header(&a, bad[i], &err);

        CHECK(rc == RC_INVAL || rc == RC_PARSE);
        CHECK_STR(str_of(err.type), "malformed");
    }
    for (int n = JOSE_URL_MAX; n <= JOSE_URL_MAX + 1; n++) {
        buf_reset(&header);
        buf_printf(&header, "{\"alg\":\"ES256\",\"nonce\":\"a\",\"kid\":\"k\",\"url\":\"%0*d\"}", n,
                   0);
        CHECK_OK(buf_rc(&header));
        CHECK_RC(parse_header(&a, buf_z(&header), NULL), n == JOSE_URL_MAX ? RC_OK : RC_INVAL);
    }
    buf_reset(&header);
    buf_printf(&header,
               "{\"alg\":\"ES256\",\"nonce\":\"a\",\"kid\":\"k\",\"url\":\"u\",\"x\":\"%0*d\"}",
               JOSE_HEADER_MAX, 0);
    CHECK_OK(buf_rc(&header));
    CHECK_RC(parse_header(&a, buf_z(&header), NULL), RC_TOOBIG);
}

static void body_is_limited(void)
{
    CLEANUP(mem_freep) char *spaces = mem_alloc(JOSE_JWS_MAX + 1);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct jose_jws j = {.jwk = NULL};
    struct err err = ERR_INIT;

    CHECK(spaces != NULL);
    memset(spaces, ' ', JOSE_JWS_MAX + 1);
    CHECK_RC(jose_jws_parse(&a, str_bytes(spaces, JOSE_JWS_MAX + 1), JOSE_REQUEST, &j, &err),
             RC_TOOBIG);
    CHECK_STR(str_of(err.type), "malformed");
}

static void algorithms_have_names(void)
{
    for (enum jose_alg a = 1; a < JOSE_ALG_COUNT; a++)
        CHECK_INT(jose_alg_find(str_of(jose_alg_name(a))), a);
    CHECK_STR(str_of(jose_alg_name(JOSE_ES384)), "ES384");
    CHECK_INT(jose_alg_find(STR("none")), 0);
    CHECK_INT(jose_alg_find(STR("es256")), 0);
    CHECK_STR(str_of(jose_alg_name(0)), "?");
}

CHECK_MAIN(CHECK_TEST(others_jws_are_read_and_hold), CHECK_TEST(kid_leaves_the_key_to_the_caller),
           CHECK_TEST(bad_ones_are_refused), CHECK_TEST(forged_ones_do_not_hold),
           CHECK_TEST(inner_ones_have_no_nonce), CHECK_TEST(signed_and_read),
           CHECK_TEST(impossible_ones_are_not_signed),
           CHECK_TEST(header_values_have_types_and_limits), CHECK_TEST(body_is_limited),
           CHECK_TEST(algorithms_have_names))
