/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: parsers of base/addr; the canonical text means the same address. */
#include "base/addr.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct str in = str_bytes(data, n);
    struct addr_port port, port_again;
    struct addr_net net;
    struct addr a, again;
    char text[ADDR_TEXT];

    if (addr_parse(in, &a) == RC_OK &&
        (addr_parse(str_of(addr_text(&a, text)), &again) != RC_OK || !addr_eq(&a, &again)))
        __builtin_trap();
    if (addr_from_bytes(in, &a) == RC_OK &&
        (addr_parse(str_of(addr_text(&a, text)), &again) != RC_OK || !addr_eq(&a, &again) ||
         addr_kind(&a) > ADDR_RESERVED))
        __builtin_trap();
    if (addr_net_parse(in, &net) == RC_OK &&
        (net.bits > net.base.n * 8 || !addr_net_has(&net, &net.base)))
        __builtin_trap();
    if (addr_port_parse(in, &port) == RC_OK &&
        (addr_port_parse(str_of(addr_port_text(&port, text)), &port_again) != RC_OK ||
         port.port != port_again.port || !addr_eq(&port.addr, &port_again.addr)))
        __builtin_trap();
    return 0;
}
