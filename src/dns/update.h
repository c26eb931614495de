/* SPDX-License-Identifier: Apache-2.0 */
/* Dynamic updates (RFC 2136) as far as proofs need them: one TXT record added to a name, or one
 * taken away, beside whatever else is there; and which zone a name is in, by the SOA record that a
 * name server shows for it. Pure: bytes in, bytes out. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "dns/wire.h"

enum { DNS_UPDATE_MAX = 2048, DNS_TXT_MAX = 1024, DNS_TYPE_SOA = 6 };

struct dns_update {
    uint16_t id;
    struct str zone, name; /* as in struct dns_query */
    struct str text;       /* of the record; at most DNS_TXT_MAX */
    bool remove;           /* else it is added */
    uint32_t ttl;
};

/* Appends the message. RC_INVAL for a name that is none, RC_TOOBIG. */
enum rc dns_update_put(const struct dns_update *u, struct buf *out);
/* What the server says to it: its RCODE, below 16. RC_PARSE: this is no answer to that message. */
enum rc dns_update_read(struct str wire, uint16_t id, unsigned *out_rcode);
/* "NXRRSET", "NOTAUTH" ...; as dns_rcode_text for the rest. */
const char *dns_update_rcode_text(unsigned rcode, char text[static 16]);

/* Asks for the SOA record of a name; `recurse`: of a resolver. */
enum rc dns_soa_put(uint16_t id, struct str name, bool recurse, struct buf *out);

struct dns_soa {
    unsigned rcode;
    char zone[DNS_NAME_MAX + 1];  /* owner of the SOA record, in answer or authority; "": none */
    char alias[DNS_NAME_MAX + 1]; /* where the name's CNAME leads; "": it has none */
};
/* Reads the answer. RC_PARSE: it is none, or broken. Names with other bytes than names have count
 * as broken. */
enum rc dns_soa_read(struct str wire, uint16_t id, struct dns_soa *out);

/* ---- shared with tsig.c */

/* Appends a name as labels, lower case. RC_INVAL. */
enum rc dns_name_put(struct str name, struct buf *out);
/* Steps over a name at *at, compressed or not; RC_PARSE. `text` (may be NULL) gets it in lower case
 * without the final dot, "" for the root. */
enum rc dns_name_read(struct str wire, size_t *at, char *text);

enum { DNS_HEADER = 12 };

struct dns_rr {
    uint16_t type, class;
    uint32_t ttl;
    size_t data, n; /* where RDATA begins, and its length */
    size_t start;   /* of the whole record */
};
/* Steps over a record; as dns_name_read. */
enum rc dns_rr_read(struct str wire, size_t *at, char *owner, struct dns_rr *out);
uint16_t dns_u16(struct str wire, size_t at);
