/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: crypto_token_uri_parse, crypto_token_uri_put; what was read is read again as written.
 */
#include "crypto/token_uri.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(3 * CRYPTO_TOKEN_URI_MAX);
    struct crypto_token_uri uri, again;

    if (crypto_token_uri_parse(str_bytes(data, n), &uri, NULL) != RC_OK)
        return 0;
    crypto_token_uri_put(&uri, &text);
    if (buf_rc(&text) != RC_OK)
        __builtin_trap();
    /* Escapes may make it longer than what is read, and `type` alone leaves nothing. */
    if (buf_str(&text).n <= CRYPTO_TOKEN_URI_MAX && buf_str(&text).n > sizeof("pkcs11:") - 1 &&
        crypto_token_uri_parse(buf_str(&text), &again, NULL) != RC_OK)
        __builtin_trap();
    return 0;
}
