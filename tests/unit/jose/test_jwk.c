/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "crypto/sign.h"
#include "jose/jwk.h"
#include "keys.h"

#define N7638                                                                                      \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"      \
    "BJECPebWKRX"                                                                                  \
    "jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"                \
    "FDW2QvzqY368QQMicAtaS"                                                                        \
    "qzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"                                 \
    "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksIN"                                                       \
    "HaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
#define N7515                                                                                      \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"                        \
    "4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-"                                                                \
    "yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"                           \
    "bSf63kpaSHSXndS5z5rexMdbBYUsLA9e"                                                             \
    "-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-"        \
    "DWNmoudF8NAco"                                                                                \
    "9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define X7515 "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y7515 "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define X8037 "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define EC "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X7515 "\",\"y\":\"" Y7515 "\""
#define RSA "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" N7515 "\""
#define OKP "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X8037 "\""

static enum rc parse(const char *json, struct jose_jwk **out, struct err *err)
{
    TRY(crypto_init());
    return jose_jwk_parse(str_of(json), out, err);
}

/* RFC 7638 section 3.1 and RFC 8037 appendix A.3 */
static void thumbprints_as_in_the_rfcs(void)
{
    CLEANUP(jose_jwk_freep) struct jose_jwk *rsa = NULL, *ed = NULL;

    CHECK_OK(parse("{\"kty\":\"RSA\",\"n\":\"" N7638
                   "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
                   &rsa, NULL));
    CHECK_STR(str_of(jose_jwk_thumbprint(rsa)), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    CHECK_STR(jose_jwk_json(rsa), "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" N7638 "\"}");
    CHECK_OK(parse(OKP "}", &ed, NULL));
    CHECK_STR(str_of(jose_jwk_thumbprint(ed)), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    CHECK_STR(jose_jwk_json(ed), "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" X8037 "\"}");
}

static enum rc verify(const char *json, enum crypto_sig_alg alg, const char *message,
                      const char *signature)
{
    CLEANUP(jose_jwk_freep) struct jose_jwk *j = NULL;
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);

    TRY(parse(json, &j, NULL));
    TRY(text_unb64url(str_of(signature), &sig));
    return crypto_verify(jose_jwk_key(j), alg, CRYPTO_SIG_RAW, str_of(message), buf_str(&sig));
}

#define PAYLOAD                                                                                    \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"

/* RFC 7515 appendices A.2 and A.3 */
static void signatures_as_in_the_rfc(void)
{
    CHECK_OK(
        verify(RSA "}", CRYPTO_SIG_RSA_SHA256, "eyJhbGciOiJSUzI1NiJ9." PAYLOAD,
               "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5Y"
               "Kt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6x"
               "BArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6"
               "BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_I"
               "oypGlUPQGe77Rw"));
    CHECK_OK(verify(
        EC "}", CRYPTO_SIG_ECDSA_SHA256, "eyJhbGciOiJFUzI1NiJ9." PAYLOAD,
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"));
    CHECK_RC(verify(EC "}", CRYPTO_SIG_ECDSA_SHA256, "eyJhbGciOiJFUzI1NiJ9." PAYLOAD "x",
                    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
                    "F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
             RC_DENIED);
}

static void keys_become_jwks_and_back(void)
{
    static const char *const keys[] = {key_rsa, key_p256, key_p384, key_ed25519};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(keys[i]);
        CLEANUP(jose_jwk_freep) struct jose_jwk *j = NULL, *again = NULL;

        CHECK(k != NULL);
        CHECK_OK(jose_jwk_from_key(k, &j));
        CHECK(jose_jwk_key(j) == k);
        CHECK_INT(strlen(jose_jwk_thumbprint(j)), JOSE_THUMBPRINT);
        CHECK_OK(jose_jwk_parse(jose_jwk_json(j), &again, NULL));
        CHECK(crypto_key_same(k, jose_jwk_key(again)) &&
              !crypto_key_has_private(jose_jwk_key(again)));
        CHECK(str_eq(jose_jwk_json(j), jose_jwk_json(again)));
        CHECK_STR(str_of(jose_jwk_thumbprint(again)), jose_jwk_thumbprint(j));
    }
}

static void other_members_are_weighed(void)
{
    static const char *const good[] = {
        EC ",\"use\":\"sig\"}",
        EC ",\"alg\":\"ES256\",\"kid\":\"x\",\"unknown\":[1,{}]}",
        EC ",\"key_ops\":[\"sign\",\"verify\"]}",
        RSA ",\"alg\":\"RS256\"}",
        RSA ",\"alg\":\"PS256\"}",
        OKP ",\"alg\":\"EdDSA\"}",
    };
    static const struct {
        const char *json;
        const char *code;
    } bad[] = {
        {EC ",\"use\":\"enc\"}", "jose.jwk-use"},
        {EC ",\"use\":1}", "jose.jwk-member"},
        {EC ",\"key_ops\":[\"sign\"]}", "jose.jwk-use"},
        {EC ",\"key_ops\":[]}", "jose.jwk-use"},
        {EC ",\"key_ops\":\"verify\"}", "jose.jwk-use"},
        {EC ",\"alg\":\"RS256\"}", "jose.jwk-alg"},
        {EC ",\"alg\":\"ES384\"}", "jose.jwk-alg"},
        {EC ",\"alg\":\"none\"}", "jose.jwk-alg"},
        {EC ",\"alg\":null}", "jose.jwk-member"},
        {RSA ",\"alg\":\"ES256\"}", "jose.jwk-alg"},
        {EC ",\"d\":\"AAAA\"}", "jose.jwk-private"},
        {EC ",\"d\":null}", "jose.jwk-private"},
        {RSA ",\"p\":\"AAAA\"}", "jose.jwk-private"},
        {RSA ",\"oth\":[]}", "jose.jwk-private"},
        {OKP ",\"d\":\"\"}", "jose.jwk-private"},
        {EC ",\"k\":\"AAAA\"}", "jose.jwk-private"},
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CLEANUP(jose_jwk_freep) struct jose_jwk *j = NULL;

        CHECK_OK(parse(good[i], &j, NULL));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct jose_jwk *j = NULL;
        struct err err = ERR_INIT;

        CHECK_RC(parse(bad[i].json, &j, &err), RC_INVAL);
        CHECK(err.msg != NULL);
        CHECK_STR(str_of(err.msg->code), bad[i].code);
        CHECK_STR(str_of(err.type), "badPublicKey");
    }
}

static void bad_keys_are_refused(void)
{
    static const struct {
        const char *json;
        enum rc rc;
        const char *code;
    } cases[] = {
        {"{}", RC_INVAL, "jose.jwk-member"},
        {"{\"kty\":\"oct\",\"x\":\"AAAA\"}", RC_UNSUPPORTED, "jose.jwk-kty"},
        {"{\"kty\":\"rsa\"}", RC_UNSUPPORTED, "jose.jwk-kty"},
        {"{\"kty\":\"EC\"}", RC_INVAL, "jose.jwk-member"},
        {"{\"kty\":\"EC\",\"crv\":\"P-521\"}", RC_UNSUPPORTED, "jose.jwk-crv"},
        {"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X8037 "\"}", RC_UNSUPPORTED,
         "jose.jwk-crv"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", RC_INVAL, "crypto.ed25519"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
         "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
         RC_DENIED, "crypto.weak-small-order"},
        /* y of another point, a swapped pair, the wrong curve, a zero byte too many, padding */
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X7515 "\",\"y\":\"" X7515 "\"}", RC_INVAL,
         "crypto.ec-point"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" Y7515 "\",\"y\":\"" X7515 "\"}", RC_INVAL,
         "crypto.ec-point"},
        {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" X7515 "\",\"y\":\"" Y7515 "\"}", RC_INVAL,
         "crypto.ec-point"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"" Y7515 "\"}", RC_INVAL,
         "crypto.ec-point"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X7515 "=\",\"y\":\"" Y7515 "\"}", RC_INVAL,
         "jose.jwk-member"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":1,\"y\":\"" Y7515 "\"}", RC_INVAL,
         "jose.jwk-member"},
        {"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", RC_INVAL, "jose.jwk-member"},
        {"{\"kty\":\"RSA\",\"e\":\"Aw\",\"n\":\"" N7515 "\"}", RC_INVAL, "crypto.rsa-exponent"},
        {"{\"kty\":\"RSA\",\"e\":\"AAEAAQ\",\"n\":\"" N7515 "\"}", RC_INVAL, "crypto.rsa-form"},
        {"{\"kty\":\"RSA\",\"e\":\"\",\"n\":\"" N7515 "\"}", RC_INVAL, "crypto.rsa-form"},
        {"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"AQAB\"}", RC_INVAL, "crypto.rsa-bits"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct jose_jwk *j = NULL;
        struct err err = ERR_INIT;

        CHECK_RC(parse(cases[i].json, &j, &err), cases[i].rc);
        CHECK(err.msg != NULL);
        CHECK_STR(str_of(err.msg->code), cases[i].code);
        CHECK_STR(str_of(err.type), "badPublicKey");
        CHECK_INT(err.status, 400);
    }
}

static void no_json_is_malformed(void)
{
    static const char *const bad[] = {
        "", "{", "[]", "1", "\"x\"", EC, EC "} ,", EC ",\"x\":\"" X7515 "\"}" /* twice */};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct jose_jwk *j = NULL;
        struct err err = ERR_INIT;
        enum rc rc = parse(bad[i], &j, &err);

        CHECK(rc == RC_PARSE || rc == RC_INVAL);
        CHECK_STR(str_of(err.type), "malformed");
    }
    jose_jwk_free(NULL);
}

CHECK_MAIN(CHECK_TEST(thumbprints_as_in_the_rfcs), CHECK_TEST(signatures_as_in_the_rfc),
           CHECK_TEST(keys_become_jwks_and_back), CHECK_TEST(other_members_are_weighed),
           CHECK_TEST(bad_keys_are_refused), CHECK_TEST(no_json_is_malformed))
