/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: tlcp_server_hello_read, tlcp_extensions_read, tlcp_alpn_read_one. */
#include "fuzz_tlcp_body.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct str body = str_bytes(data, n), name = {NULL, 0};
    struct tlcp_server_hello h;

    if (tlcp_server_hello_read(body, &h) != RC_OK)
        return 0;
    if (h.random.n != TLCP_RANDOM || h.session_id.n > TLCP_SESSION_ID)
        __builtin_trap();
    within(body, h.random);
    within(body, h.session_id);
    within(body, h.extensions.server_name);
    within(body, h.extensions.ticket);
    if (tlcp_alpn_read_one(h.extensions.alpn, &name) == RC_OK && !name.n)
        __builtin_trap();
    within(h.extensions.alpn, name);
    return 0;
}
