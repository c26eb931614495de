/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { V4_BYTES = 4, V6_BYTES = 16, V6_GROUPS = 8, MAPPED_BITS = 96, PORT_MAX = 65535 };

static const unsigned char mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

enum rc addr_from_bytes(struct str bytes, struct addr *out)
{
    struct addr a = {0};

    if (bytes.n != V4_BYTES && bytes.n != V6_BYTES)
        return RC_PARSE;
    if (bytes.n == V6_BYTES && memcmp(bytes.p, mapped_prefix, sizeof(mapped_prefix)) == 0)
        bytes = str_skip(bytes, sizeof(mapped_prefix));
    a.n = (uint8_t)bytes.n;
    memcpy(a.b, bytes.p, bytes.n);
    *out = a;
    return RC_OK;
}

enum rc addr_parse(struct str s, struct addr *out)
{
    unsigned char b[V6_BYTES];
    char z[INET6_ADDRSTRLEN];

    if (str_copyz(s, z, sizeof(z)) != RC_OK)
        return RC_PARSE;
    if (inet_pton(AF_INET, z, b) == 1)
        return addr_from_bytes(str_bytes(b, V4_BYTES), out);
    if (inet_pton(AF_INET6, z, b) == 1)
        return addr_from_bytes(str_bytes(b, V6_BYTES), out);
    return RC_PARSE;
}

/* The first of the longest runs of zero groups, two at least; V6_GROUPS when there is none. */
static int longest_run(const unsigned group[static V6_GROUPS], int *out_n)
{
    int best = V6_GROUPS;

    *out_n = 1;
    for (int i = 0; i < V6_GROUPS; i++) {
        int n = 0;

        while (i + n < V6_GROUPS && group[i + n] == 0)
            n++;
        if (n > *out_n) {
            best = i;
            *out_n = n;
        }
    }
    return best;
}

/* Not inet_ntop, which writes ::/96 with a dotted quad. */
static void v6_text(const struct addr *a, char text[static ADDR_TEXT])
{
    unsigned group[V6_GROUPS];
    size_t at = 0;
    int run_n;
    int run;

    for (size_t i = 0; i < V6_GROUPS; i++)
        group[i] = (unsigned)a->b[2 * i] << 8 | a->b[2 * i + 1];
    run = longest_run(group, &run_n);
    for (int i = 0; i < V6_GROUPS; i++) {
        if (i == run) {
            at += (size_t)snprintf(text + at, ADDR_TEXT - at, "::");
            i += run_n - 1;
            continue;
        }
        at += (size_t)snprintf(text + at, ADDR_TEXT - at, "%s%x",
                               i == 0 || i == run + run_n ? "" : ":", group[i]);
    }
}

const char *addr_text(const struct addr *a, char text[static ADDR_TEXT])
{
    if (a->n == V6_BYTES)
        v6_text(a, text);
    else if (a->n == V4_BYTES)
        snprintf(text, ADDR_TEXT, "%u.%u.%u.%u", a->b[0], a->b[1], a->b[2], a->b[3]);
    else
        memcpy(text, "-", 2);
    return text;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
    return str_eq(addr_bytes(a), addr_bytes(b));
}

/* Decimal as in canonical text: no leading zero. */
static enum rc plain_number(struct str s, uint64_t max, uint64_t *out)
{
    if (s.n > 1 && s.p[0] == '0')
        return RC_PARSE;
    return str_u64(s, max, out) == RC_OK ? RC_OK : RC_PARSE;
}

static bool prefix_eq(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static bool host_bits_zero(const struct addr *a, unsigned bits)
{
    for (unsigned i = bits; i < a->n * 8u; i++)
        if (a->b[i / 8] & 0x80 >> i % 8)
            return false;
    return true;
}

enum rc addr_net_parse(struct str s, struct addr_net *out)
{
    struct str host;
    struct str length;
    struct addr a;
    bool v6 = str_find(s, ':') < s.n;
    uint64_t bits = v6 ? V6_BYTES * 8 : V4_BYTES * 8;
    bool has_length = str_cut(s, '/', &host, &length);

    TRY(addr_parse(host, &a));
    if (has_length)
        TRY(plain_number(length, bits, &bits));
    if (v6 && a.n == V4_BYTES) {
        if (bits < MAPPED_BITS)
            return RC_INVAL;
        bits -= MAPPED_BITS;
    }
    if (!host_bits_zero(&a, (unsigned)bits))
        return RC_INVAL;
    *out = (struct addr_net){a, (uint8_t)bits};
    return RC_OK;
}

bool addr_net_has(const struct addr_net *net, const struct addr *a)
{
    return a->n == net->base.n && a->n && prefix_eq(a->b, net->base.b, net->bits);
}

enum rc addr_port_parse(struct str s, struct addr_port *out)
{
    bool bracket = str_starts(s, STR("["));
    struct str host;
    struct str port;
    struct addr a;
    uint64_t v;

    if (bracket) {
        if (!str_cut(str_skip(s, 1), ']', &host, &port) || !str_starts(port, STR(":")))
            return RC_PARSE;
        port = str_skip(port, 1);
    } else if (!str_cut(s, ':', &host, &port)) {
        return RC_PARSE;
    }
    if (bracket != (str_find(host, ':') < host.n))
        return RC_PARSE;
    TRY(addr_parse(host, &a));
    TRY(plain_number(port, PORT_MAX, &v));
    *out = (struct addr_port){a, (uint16_t)v};
    return RC_OK;
}

const char *addr_port_text(const struct addr_port *ap, char text[static ADDR_TEXT])
{
    char host[ADDR_TEXT];

    addr_text(&ap->addr, host);
    snprintf(text, ADDR_TEXT, ap->addr.n == V6_BYTES ? "[%.46s]:%u" : "%.46s:%u", host, ap->port);
    return text;
}

struct special {
    uint8_t b[V6_BYTES];
    uint8_t bits;
    enum addr_kind kind;
};

/* IANA's registries of special-purpose addresses; the first that fits counts. Services that hand a
 * cloud machine its credentials count as link-local: nobody may be made to ask them. */
static const struct special special_v4[] = {
    {{100, 100, 100, 200}, 32, ADDR_LINK_LOCAL},
    {{168, 63, 129, 16}, 32, ADDR_LINK_LOCAL},
    {{192, 0, 0, 192}, 32, ADDR_LINK_LOCAL},
    {{0}, 8, ADDR_UNSPECIFIED},
    {{10}, 8, ADDR_PRIVATE},
    {{100, 64}, 10, ADDR_PRIVATE},
    {{127}, 8, ADDR_LOOPBACK},
    {{169, 254}, 16, ADDR_LINK_LOCAL},
    {{172, 16}, 12, ADDR_PRIVATE},
    {{192, 0, 0}, 24, ADDR_RESERVED},
    {{192, 0, 2}, 24, ADDR_RESERVED},
    {{192, 88, 99}, 24, ADDR_RESERVED},
    {{192, 168}, 16, ADDR_PRIVATE},
    {{198, 18}, 15, ADDR_RESERVED},
    {{198, 51, 100}, 24, ADDR_RESERVED},
    {{203, 0, 113}, 24, ADDR_RESERVED},
    {{224}, 4, ADDR_MULTICAST},
    {{240}, 4, ADDR_RESERVED},
    {{0}, 0, ADDR_PUBLIC},
};

static const struct special special_v6[] = {
    {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54}, 128, ADDR_LINK_LOCAL},
    {{0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54}, 128, ADDR_LINK_LOCAL},
    {{0}, 128, ADDR_UNSPECIFIED},
    {{[15] = 1}, 128, ADDR_LOOPBACK},
    {{0x20, 0x01}, 23, ADDR_RESERVED},             /* protocol assignments, Teredo, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, ADDR_RESERVED}, /* documentation */
    {{0x20, 0x02}, 16, ADDR_RESERVED},             /* 6to4 */
    {{0x3f, 0xff}, 20, ADDR_RESERVED},             /* documentation, RFC 9637 */
    {{0x20}, 3, ADDR_PUBLIC},
    {{0xfc}, 7, ADDR_PRIVATE},
    {{0xfe, 0x80}, 10, ADDR_LINK_LOCAL},
    {{0xff}, 8, ADDR_MULTICAST},
    {{0}, 0, ADDR_RESERVED}, /* what nobody has been given yet */
};

static const struct special nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96, ADDR_RESERVED};

enum addr_kind addr_kind(const struct addr *a)
{
    bool translated = a->n == V6_BYTES && prefix_eq(a->b, nat64.b, nat64.bits);
    const uint8_t *b = translated ? a->b + V6_BYTES - V4_BYTES : a->b;
    const struct special *at = translated || a->n == V4_BYTES ? special_v4 : special_v6;

    if (a->n == 0)
        return ADDR_UNSPECIFIED;
    /* The last row of both tables fits every address. */
    while (!prefix_eq(b, at->b, at->bits))
        at++;
    return at->kind;
}
