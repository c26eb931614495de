/* SPDX-License-Identifier: Apache-2.0 */
/* External account bindings: made here, and read as a server does. */
#include "check.h"

#include "crypto/crypto.h"
#include "jose/eab.h"
#include "json/json.h"

static const struct jose_eab_in in = {.kid = STR("kid-1"),
                                      .url = STR("https://ca.example/new-account"),
                                      .jwk = STR("{\"kty\":\"EC\"}"),
                                      .key = STR("0123456789abcdef")};

static void made_and_read(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct jose_eab e;
    struct err err = ERR_INIT;

    CHECK_OK(crypto_init());
    CHECK_OK(jose_eab_sign(&in, &text));
    CHECK_OK(json_parse(buf_str(&text), 1 << 16, &doc, NULL));
    CHECK_OK(jose_eab_parse(&a, json_root(doc), &e, NULL));
    CHECK_STR(e.kid, "kid-1");
    CHECK_STR(e.url, "https://ca.example/new-account");
    CHECK_STR(e.payload, "{\"kty\":\"EC\"}");
    CHECK_OK(jose_eab_verify(&e, in.key, NULL));
    CHECK_RC(jose_eab_verify(&e, STR("another"), &err), RC_DENIED);
}

static void not_made(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);
    struct jose_eab_in bad = in;
    char kid[JOSE_EAB_KID_MAX + 1];

    CHECK_OK(crypto_init());
    bad.kid = STR("");
    CHECK_RC(jose_eab_sign(&bad, &text), RC_INVAL);
    memset(kid, 'k', sizeof(kid));
    bad.kid = str_bytes(kid, sizeof(kid));
    CHECK_RC(jose_eab_sign(&bad, &text), RC_INVAL);
    bad = in;
    bad.key = STR("");
    CHECK_RC(jose_eab_sign(&bad, &text), RC_INVAL);
}

CHECK_MAIN(CHECK_TEST(made_and_read), CHECK_TEST(not_made))
