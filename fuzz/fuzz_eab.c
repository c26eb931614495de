/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: jose_eab_parse, jose_eab_verify. What parses has all its parts, and is not signed with a
 * key that the input cannot know. */
#include "jose/eab.h"

#include "crypto/crypto.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    unsigned char key[32];
    struct jose_eab e;

    if (crypto_init() != RC_OK || crypto_random(key, sizeof(key)) != RC_OK ||
        json_parse(str_bytes(data, n), 64 * 1024, &doc, NULL) != RC_OK ||
        jose_eab_parse(&a, json_root(doc), &e, NULL) != RC_OK)
        return 0;
    if (e.kid.n == 0 || e.url.n == 0 || e.signed_part.n == 0)
        __builtin_trap();
    if (jose_eab_verify(&e, str_bytes(key, sizeof(key)), NULL) == RC_OK)
        __builtin_trap();
    return 0;
}
