/* SPDX-License-Identifier: Apache-2.0 */
/* Looks names up at the servers of their zone (dns/zones), without a cache and with evidence: which
 * server said what, and how long it took. A server that times out is asked up to three times, in
 * turn with the others, for 1, 1 and 2 seconds; one that refuses, fails or answers nonsense is not
 * asked again. Aliases (CNAME, DNAME) are followed, each asked of the servers of its own zone.
 *
 * A zone that names no servers has its own found first: the NS records nearest above the name, and
 * their addresses, asked of the recursive resolvers (find.c); then they are asked themselves, so
 * that no cache, least of all one of what was not there a minute ago, stands between. Of a zone in
 * which several must agree each server is asked for itself, all at the same time (agree.c). */
#pragma once

#include "base/err.h"
#include "dns/wire.h"
#include "dns/zones.h"

struct ev;
struct json_out;
struct net;
struct dns_resolver;
struct dns_lookup;

enum {
    DNS_LOOKUPS_MAX = 1024, /* at a time, each part of one counted */
    DNS_ALIASES_MAX = 8,
    DNS_TRIES_MAX = 24, /* questions to servers, for one lookup */
    DNS_AGREE_MAX = 8,  /* servers that are asked where several must agree */
    DNS_FOUND_MAX = 8,  /* addresses of servers that are found by NS */
};

enum dns_status {
    DNS_FOUND,
    DNS_NO_NAME,   /* NXDOMAIN: there is no such name */
    DNS_NO_DATA,   /* the name exists, without records of this type */
    DNS_FAILED,    /* no server gave an answer that could be used */
    DNS_TIMED_OUT, /* none answered at all */
    DNS_LOOP,      /* aliases in a circle, or more than DNS_ALIASES_MAX */
    DNS_NO_SERVER, /* no zone of the configuration has the name, or no NS record was found */
    DNS_DISAGREE,  /* fewer servers than must agree say the same */
};

/* One question put to one server. */
struct dns_try {
    struct addr_port server;
    bool tcp;
    enum rc rc;     /* as of dns_exchange_cb */
    bool lame;      /* RC_OK, but the server does not know: no recursion, no authority */
    unsigned rcode; /* RC_OK */
    int64_t micros;
    struct str name; /* asked: an alias from the second on */
};

struct dns_answer {
    enum dns_status status;
    enum dns_type type;
    struct str name;            /* looked up */
    struct str zone;            /* the servers asked last were found as those of this; or empty */
    bool agreed;                /* as many servers as must said so */
    struct str canonical;       /* behind all aliases */
    struct dns_record *records; /* of `type` and `canonical` */
    size_t n;
    struct str aliases[DNS_ALIASES_MAX]; /* the names gone through, `canonical` last */
    size_t n_aliases;
    struct dns_try tries[DNS_TRIES_MAX];
    size_t n_tries;
    int64_t micros;
};

/* RC_OK with an answer, of whatever status; it lives in the arena. RC_NOMEM, RC_IO: no answer. */
typedef void (*dns_answer_fn)(void *arg, enum rc rc, const struct dns_answer *answer);

struct dns_question {
    struct str name;    /* lower case, no final dot; copied */
    enum dns_type type; /* not DNS_CNAME */
    int64_t timeout; /* of all of it, microseconds; a server that is just answering by TCP may pass
                        it by 2 s */
    struct arena *arena; /* must outlive the lookup; holds the answer */
};

/* Loop and net must outlive it; `zones` is shared. RC_NOMEM. */
enum rc dns_resolver_new(struct ev *ev, struct net *net, struct dns_zones *zones,
                         struct dns_resolver **out);
/* What is under way ends without a callback. */
void dns_resolver_free(struct dns_resolver *r);
DEFINE_FREEP(dns_resolver_free, struct dns_resolver)
/* Which addresses that NS records lead to may be asked; without it all. */
void dns_resolver_set_filter(struct dns_resolver *r,
                             bool (*may)(void *arg, const struct addr *addr), void *arg);
/* Borrowed. */
struct dns_zones *dns_resolver_zones(const struct dns_resolver *r);
/* For lookups that begin from now on. */
void dns_resolver_set_zones(struct dns_resolver *r, struct dns_zones *zones);

/* The callback comes once, never from inside this function. RC_QUOTA past DNS_LOOKUPS_MAX, RC_INVAL
 * for a name that is none, RC_NOMEM. `out` (may be NULL) is valid until the callback. */
enum rc dns_lookup_start(struct dns_resolver *r, const struct dns_question *q, dns_answer_fn fn,
                         void *arg, struct dns_lookup **out);
/* The callback does not come. */
void dns_lookup_cancel(struct dns_lookup *l);

/* Why there are no records, for people: returns RC_OK for DNS_FOUND, else RC_NOTFOUND (no name, no
 * data), RC_TIMEOUT, RC_NET (failed, no server), RC_CONFLICT (disagree) or RC_INVAL (loop), with a
 * message that names name and servers. */
enum rc dns_answer_err(const struct dns_answer *answer, struct err *err);
/* The evidence as a JSON object. */
void dns_answer_put(struct json_out *o, const struct dns_answer *answer);
