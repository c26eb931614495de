/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: jose_jws_parse, jose_jws_verify, jose_jwk_*. A JWK that came along is read back from its
 * canonical form as the same key. */
#include "crypto/crypto.h"
#include "jose/jws.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void check(const struct jose_jws *j)
{
    CLEANUP(jose_jwk_freep) struct jose_jwk *again = NULL;

    if (j->url.n == 0 || (j->kid.n == 0) == !j->jwk)
        __builtin_trap();
    if (!j->jwk)
        return;
    IGNORE_RC(jose_jws_verify(j, jose_jwk_key(j->jwk), NULL)); /* it rarely holds */
    if (jose_jwk_parse(jose_jwk_json(j->jwk), &again, NULL) != RC_OK ||
        !str_eq(str_of(jose_jwk_thumbprint(j->jwk)), str_of(jose_jwk_thumbprint(again))))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    for (enum jose_kind kind = JOSE_REQUEST; kind <= JOSE_INNER; kind++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        CLEANUP(jose_jws_done) struct jose_jws j = {.jwk = NULL};

        if (crypto_init() == RC_OK &&
            jose_jws_parse(&a, str_bytes(data, n), kind, &j, NULL) == RC_OK)
            check(&j);
    }
    return 0;
}
