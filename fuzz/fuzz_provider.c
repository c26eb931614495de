/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: provider_parse, provider_take, provider_ask. The first byte chooses the kind and whether
 * a record is removed, the second token, zone, list and status; the rest is settings, answer and
 * accounts.
 */
#include "fuzz_provider.h"

#include "client/client.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    const struct client_proof proof = {.identifier = STR("www.lan")};
    CLEANUP(provider_freep) struct provider *any = NULL, *p = NULL;
    CLEANUP(provider_ask_done) struct provider_ask ask = PROVIDER_ASK_INIT;
    size_t which = n ? (data[0] & 15) % (sizeof(kinds) / sizeof(kinds[0])) : 0;
    const struct provider_kind *kind = provider_kind_find(str_of(kinds[which].name));
    struct str rest = str_skip(str_bytes(data, n), 2);
    struct provider_call call;

    if (n < 2 || crypto_init() != RC_OK)
        return 0;
    if (provider_parse(kind, rest, STR("f"), &any, NULL) == RC_OK && !any->values[PROVIDER_URL].n)
        __builtin_trap();
    if (provider_parse(kind, str_of(kinds[which].settings), STR("f"), &p, NULL) != RC_OK ||
        provider_call_init(&call, p, &proof, data[0] & 64) != RC_OK)
        __builtin_trap();
    buf_puts(&p->accounts, rest);
    p->token_end = data[1] & 128; /* of those that log in */
    buf_puts(&p->token, data[1] & 128 ? STR("t") : STR(""));
    call.zone = data[1] & 32 ? STR("z") : STR("");
    call.listed = data[1] & 16;
    IGNORE_RC(provider_take(&call, data[1] & 64 ? 400 + data[1] % 16 : 200, rest, NULL));
    if (provider_ask(&call, &ask, NULL) == RC_OK && ask.method && !ask.url.n)
        __builtin_trap();
    provider_call_done(&call);
    return 0;
}
