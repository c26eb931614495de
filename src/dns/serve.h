/* SPDX-License-Identifier: Apache-2.0 */
/* What an authoritative server of one small zone answers (RFC 1034 section 4.3.2, RFC 1035): SOA,
 * NS and the addresses of its own name, TXT at names of one label below the zone, and nothing else.
 * EDNS (RFC 6891), ANY answered shortly (RFC 8482), negative answers with the SOA record (RFC
 * 2308), names compared without case and given back as they were asked. Never asks anybody, never
 * answers a response. Pure: bytes in, bytes out. */
#pragma once

#include "base/addr.h"
#include "base/buf.h"
#include "dns/wire.h"

enum {
    DNS_SERVE_TEXTS = 2,     /* TXT records of one name */
    DNS_SERVE_TEXT_MAX = 64, /* bytes of each */
    DNS_SERVE_ADDRS = 8,     /* of the server's own name */
    DNS_SERVE_RRS_MAX = 8,   /* records behind the question that are looked at */
    DNS_SERVE_UDP_MIN = 512, /* that everybody takes by UDP */
    DNS_SERVE_ANSWER_MAX = 1232,
    DNS_SERVE_TTL = 1,         /* seconds, of TXT and of what is not there: it is just being made */
    DNS_SERVE_ZONE_TTL = 3600, /* of SOA, NS and addresses */
    DNS_SERVE_ZONE_MAX = 200,  /* bytes of its name, so that names below it fit */
};

struct dns_serve_texts {
    struct str v[DNS_SERVE_TEXTS];
    size_t n;
};

struct dns_serve_zone {
    struct str zone;                    /* canonical */
    struct str server;                  /* its name server, canonical; in the zone or elsewhere */
    struct str contact;                 /* SOA's RNAME, as a name */
    struct addr addrs[DNS_SERVE_ADDRS]; /* of `server`, where that is in the zone */
    size_t n_addrs;
    uint32_t serial;
    bool ready; /* else SERVFAIL: the values are not known yet */
    /* Is there a name of this label (lower case)? If so with which texts, which may be none. */
    bool (*find)(void *arg, struct str label, struct dns_serve_texts *out);
    void *arg;
};

enum dns_serve_way {
    DNS_SERVE_UDP,
    DNS_SERVE_TCP,
    DNS_SERVE_SHORT, /* UDP, and the answer is only that one should ask by TCP */
};

/* Appends the answer; *out_rcode is what it says. RC_NOTFOUND: there is nothing to be answered,
 * this is no question; RC_NOMEM. */
enum rc dns_serve(const struct dns_serve_zone *zone, struct str wire, enum dns_serve_way way,
                  struct buf *out, unsigned *out_rcode);
