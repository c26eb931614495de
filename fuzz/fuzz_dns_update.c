/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: dns_soa_read, dns_update_read, dns_tsig_check; client_alternates_read, agent_state_read.
 */
#include "agent/plan.h"
#include "client/documents.h"
#include "crypto/crypto.h"
#include "dns/tsig.h"
#include "dns/update.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    const struct dns_tsig_key key = {.name = "acme", .alg = CRYPTO_SHA256, .secret = "x", .n = 1};
    const struct dns_tsig_sent sent = {.n = 32};
    struct str bytes = str_bytes(data, n), urls[2];
    struct agent_state state;
    struct dns_soa soa;
    unsigned rcode = 0;
    size_t found = 0;

    IGNORE_RC(crypto_init());                             /* any outcome of all */
    IGNORE_RC(agent_state_read(&a, bytes, &state, NULL)); /* of these is allowed */
    if (client_alternates_read(&a, bytes, urls, 2, &found) == RC_OK && found > 2)
        __builtin_trap();
    if (n < DNS_HEADER)
        return 0;
    if (dns_soa_read(bytes, dns_u16(bytes, 0), &soa) == RC_OK &&
        (strlen(soa.zone) > DNS_NAME_MAX || strlen(soa.alias) > DNS_NAME_MAX))
        __builtin_trap();
    if (dns_update_read(bytes, dns_u16(bytes, 0), &rcode) == RC_OK && rcode > 15)
        __builtin_trap();
    /* Nobody but the holder of the secret makes one that holds. */
    return dns_tsig_check(&key, &sent, bytes, NOW, NULL) == RC_OK ? __builtin_trap(), 0 : 0;
}
