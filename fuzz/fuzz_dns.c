/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: dns_reply_parse, and what it is given of ldns; dns_resolv_conf. */
#include "base/mem.h"
#include "dns/wire.h"
#include "dns/zones.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* The first two bytes choose the query; the rest is made its response, so that the input gets past
 * the comparison of ids. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const enum dns_type types[] = {DNS_A,  DNS_AAAA, DNS_TXT,  DNS_CNAME,
                                          DNS_NS, DNS_CAA,  DNS_DNAME};
    struct dns_query q = {.type = DNS_A, .name = {"www.lan", 7}};
    struct addr_port servers[DNS_RESOLV_CONF_MAX];
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct dns_reply r = {.n = 0};

    if (dns_resolv_conf(str_bytes(data, n), servers) > DNS_RESOLV_CONF_MAX)
        __builtin_trap();
    if (n < 4)
        return 0;
    q.type = types[data[0] % 7];
    q.id = (uint16_t)(data[2] << 8 | data[3]);
    if (dns_reply_parse(str_bytes(data + 2, n - 2), &q, &a, &r) != RC_OK)
        return 0;
    for (size_t i = 0; i < r.n; i++)
        if (r.records[i].owner.n > DNS_NAME_MAX ||
            (r.records[i].type == DNS_A && r.records[i].addr.n != 4 && r.records[i].addr.n != 16))
            __builtin_trap();
    return 0;
}
