/* SPDX-License-Identifier: Apache-2.0 */
/* One DNS message as bytes (RFC 1035, RFC 6891): a query is written, its response is read. Pure.
 * The reading of records is ldns's; only this folder includes it. */
#pragma once

#include "base/addr.h"
#include "base/arena.h"

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_DNAME = 39,
    DNS_CAA = 257,
};

enum dns_rcode {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
    DNS_BADVERS = 16,
};

enum {
    DNS_NAME_MAX = 253,      /* as text, without the final dot */
    DNS_UDP_MAX = 1232,      /* what we say that we take by UDP, and take */
    DNS_MESSAGE_MAX = 65535, /* by TCP */
    DNS_QUERY_MAX = 512,
    DNS_RECORDS_MAX = 256, /* of an answer; more are refused */
};

struct dns_query {
    uint16_t id;
    enum dns_type type;
    struct str name; /* labels of 1 to 63 printable characters without '.', no final dot */
    bool recurse;
    bool edns;
};

struct dns_record {
    struct str owner; /* lower case, no final dot; empty when it has other bytes than names have */
    enum dns_type type;
    uint32_t ttl;
    struct addr addr; /* of A and AAAA; IPv4-mapped becomes IPv4 */
    struct str text;  /* CNAME, DNAME, NS: the target, as owner; TXT: all its strings joined; CAA:
                         its value */
    struct str tag;   /* of CAA, as sent */
    uint8_t flags;    /* of CAA */
};

struct dns_reply {
    unsigned rcode; /* extended by EDNS */
    bool truncated; /* then there are no records: ask by TCP */
    bool authoritative;
    bool recursion_available;
    struct dns_record *records; /* of the answer section, class IN, the types of enum dns_type */
    size_t n;
};

/* "A", "AAAA", "CNAME", "TXT" ... */
const char *dns_type_text(enum dns_type type);
/* "NOERROR", "NXDOMAIN" ...; "RCODE" and a number is written into `text` for the rest. */
const char *dns_rcode_text(unsigned rcode, char text[static 16]);

/* Appends it; RC_INVAL when the name is none. */
enum rc dns_query_put(const struct dns_query *q, struct buf *out);

/* Reads the response to `q`, records into the arena. RC_NOTFOUND: these bytes are not its response
 * (another id or question, a query): wait on. RC_PARSE: it is, and malformed; RC_TOOBIG past
 * DNS_RECORDS_MAX; RC_NOMEM. */
enum rc dns_reply_parse(struct str wire, const struct dns_query *q, struct arena *a,
                        struct dns_reply *out);
