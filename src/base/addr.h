/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses and networks as canonical bytes: 4 for IPv4, 16 for IPv6; IPv4-mapped IPv6
 * (::ffff:0:0/96) becomes IPv4, so that one host has one form. Text as RFC 5952. */
#pragma once

#include "base/buf.h"

struct addr {
    uint8_t n; /* 4 or 16; 0: none */
    uint8_t b[16];
};

struct addr_net {
    struct addr base; /* host bits zero */
    uint8_t bits;
};

struct addr_port {
    struct addr addr;
    uint16_t port;
};

enum { ADDR_TEXT = 64 }; /* "[v6]:port" with its terminator */

/* Plain text form, no brackets, no zone; dotted quads of exactly four decimal numbers without
 * leading zeros. */
enum rc addr_parse(struct str s, struct addr *out);
/* RC_PARSE unless there are 4 or 16. */
enum rc addr_from_bytes(struct str bytes, struct addr *out);
/* RFC 5952, never with a dotted quad inside IPv6; "-" for none. Returns `text`. */
const char *addr_text(const struct addr *a, char text[static ADDR_TEXT]);
static inline struct str addr_bytes(const struct addr *a)
{
    return str_bytes(a->b, a->n);
}
bool addr_eq(const struct addr *a, const struct addr *b);

/* "10.0.0.0/8" or a single address; RC_PARSE, and RC_INVAL when host bits are set. */
enum rc addr_net_parse(struct str s, struct addr_net *out);
bool addr_net_has(const struct addr_net *net, const struct addr *a);

/* "10.0.0.1:80", "[::1]:443"; the port is required, 0 is allowed. */
enum rc addr_port_parse(struct str s, struct addr_port *out);
const char *addr_port_text(const struct addr_port *ap, char text[static ADDR_TEXT]);

/* What RFC 6890 and its successors set apart. An address that NAT64 translates (64:ff9b::/96) is of
 * the kind of the IPv4 address in it. */
enum addr_kind {
    ADDR_PUBLIC,
    ADDR_PRIVATE, /* RFC 1918, RFC 4193, shared 100.64.0.0/10 */
    ADDR_LOOPBACK,
    ADDR_LINK_LOCAL, /* with the metadata services of clouds wherever they are: fd00:ec2::254 and
                        the like */
    ADDR_MULTICAST,
    ADDR_UNSPECIFIED, /* 0.0.0.0/8, :: */
    ADDR_RESERVED,    /* documentation, benchmarking, 240/4 and the rest */
};
enum addr_kind addr_kind(const struct addr *a);
