/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: tlcp_guard_open, tlcp_guard_seal, tlcp_cbc_check. The first byte of the input chooses
 * the suite. Nothing that was not sealed is opened; what is sealed, is. */
#include "crypto/crypto.h"
#include "tlcp/conn.h"
#include "tlcp/record_int.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const unsigned char key[TLCP_MAC] = "no secret, as everybody reads it";
    const struct tlcp_suite *suite =
        tlcp_suite_find(n > 0 && data[0] & 1 ? TLCP_ECC_SM4_CBC_SM3 : TLCP_ECC_SM4_GCM_SM3);
    CLEANUP(tlcp_guard_done) struct tlcp_guard seals = {}, opens = {};
    CLEANUP(buf_done) struct buf copy = BUF_INIT(TLCP_RECORD_MAX), out = BUF_INIT(TLCP_RECORD_MAX);
    struct str in = str_head(str_skip(str_bytes(data, n), 1), TLCP_PLAIN_MAX), plain;

    if (crypto_init() != RC_OK ||
        tlcp_guard_init(&seals, suite, true, (struct tlcp_guard_keys){key, key, key}) != RC_OK ||
        tlcp_guard_init(&opens, suite, false, (struct tlcp_guard_keys){key, key, key}) != RC_OK)
        return 0;
    buf_puts(&copy, in);
    if (copy.n &&
        tlcp_guard_open(&opens, TLCP_DATA, (unsigned char *)copy.p, copy.n, &plain) == RC_OK)
        __builtin_trap();
    opens.sequence = 0;
    if (tlcp_guard_seal(&seals, TLCP_DATA, in, &out) != RC_OK ||
        tlcp_guard_open(&opens, TLCP_DATA, (unsigned char *)out.p + TLCP_RECORD_HEADER,
                        out.n - TLCP_RECORD_HEADER, &plain) != RC_OK ||
        !str_eq(plain, in))
        __builtin_trap();
    return 0;
}
