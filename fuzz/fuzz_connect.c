/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: client_proxy_answer, client_proxy_parse, client_proxy_except, client_proxy_applies. */
#include "client/proxy.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct client_proxy p = {};
    struct str in = str_bytes(data, n);
    struct addr one = {};
    struct err err = ERR_INIT;
    enum rc rc = client_proxy_answer(in, &err);

    if (rc == RC_OK && (!str_starts(in, STR("HTTP/1.")) || !str_ends(in, STR("\r\n\r\n"))))
        __builtin_trap();
    if (rc == RC_AGAIN && n >= CLIENT_PROXY_ANSWER_MAX)
        __builtin_trap();
    if (client_proxy_parse(in, &p, &err) == RC_OK && (!p.host[0] || !p.port))
        __builtin_trap();
    IGNORE_RC(client_proxy_except(&p, in, &err)); /* any outcome is allowed */
    if (addr_parse(STR("10.0.0.7"), &one) == RC_OK && client_proxy_applies(&p, in, &one, 1))
        __builtin_trap(); /* never for private ones */
    return client_proxy_applies(&p, in, NULL, 0) && !p.host[0] ? __builtin_trap(), 0 : 0;
}
