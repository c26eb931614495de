/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asked about which names: an immutable table, shared by count within one thread. */
#pragma once

#include "base/addr.h"
#include "base/mem.h"

enum {
    DNS_SERVERS_MAX = 16,    /* of a zone that are asked; those behind are not */
    DNS_RESOLV_CONF_MAX = 3, /* servers of resolv.conf that count, as in libc */
    DNS_RESOLV_CONF_BYTES = 64 * 1024,
};

struct dns_zone {
    struct str name; /* canonical; "." for all names */
    const struct addr_port *servers;
    size_t n_servers;   /* 0 with `authoritative`: found by NS records; else nobody is there */
    bool authoritative; /* they hold the zone: asked without recursion, and must say so */
    size_t agree;       /* so many of the servers must say the same; 0 and 1: one answer will do */
};

struct conf;
struct dns_zones;

/* Copies; RC_NOMEM. */
enum rc dns_zones_new(const struct dns_zone *zones, size_t n, struct dns_zones **out);
/* Those of a configuration, with the servers of resolv.conf (`defaults`) for all names that no zone
 * of it has. RC_NOMEM. */
enum rc dns_zones_of_conf(const struct conf *conf, const struct addr_port *defaults, size_t n,
                          struct dns_zones **out);
struct dns_zones *dns_zones_ref(struct dns_zones *z);
void dns_zones_unref(struct dns_zones *z);
DEFINE_FREEP(dns_zones_unref, struct dns_zones)

/* The longest zone that `name` (lower case, no final dot) is in; NULL when there is none. */
const struct dns_zone *dns_zones_find(const struct dns_zones *z, struct str name);
/* The same among those whose servers are known and find out by themselves; the servers of
 * resolv.conf if no other. For finding the servers of a zone that names none. */
const struct dns_zone *dns_zones_find_recursive(const struct dns_zones *z, struct str name);

/* The servers of resolv.conf(5), at port 53; lines that name none are passed over. `out` has room
 * for DNS_RESOLV_CONF_MAX; returns how many. */
size_t dns_resolv_conf(struct str text, struct addr_port *out);
