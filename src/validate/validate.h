/* SPDX-License-Identifier: Apache-2.0 */
/* Proof that whoever holds an account controls an identifier, and that this CA may certify it: the
 * challenges http-01 and dns-01 (RFC 8555 section 8), tls-alpn-01 (RFC 8737), dns-account-01
 * (draft-ietf-acme-dns-account-label), dns-persist-01 (draft-ietf-acme-dns-persist), for names and,
 * the first and the third, addresses (RFC 8738); behind each, for names, CAA (RFC 8659, RFC 8657).
 * Runs in the prober. One attempt at a time for each call: trying again is core's business. */
#pragma once

#include "base/err.h"
#include "conf/conf.h"

struct dns_zones;
struct ev;
struct net;
struct validator;
struct validation;

enum {
    VALIDATE_MAX = 64,                /* under way at a time */
    VALIDATE_EVIDENCE_MAX = 8 * 1024, /* bytes of JSON */
    VALIDATE_TOKEN_MAX = 128,
};

/* For CAA, kept for it if the challenge used up the rest. */
#define VALIDATE_CAA_TIME (3 * WHEN_SECOND)

/* Borrowed until the callback or validate_cancel. */
struct validate_ask {
    struct str challenge;       /* "http-01" ... */
    struct str identifier_type; /* "dns", "ip" */
    struct str identifier;      /* canonical; of a wildcard, what is behind "*." */
    bool wildcard;
    bool caa_only;      /* the challenge was won before: only whether CAA still allows it by that */
    struct str account; /* its URL, as CAA records and record names have it; empty: unknown */
    struct str token;   /* empty with caa_only, like the next */
    struct str key_authorization;
    uint32_t attempt;
};

struct validate_result {
    /* RC_OK: proven. RC_DENIED: not proven, `err` has message and problem type for the client. All
     * else: our own trouble, which says nothing about the identifier. */
    enum rc rc;
    const struct err *err; /* not NULL unless RC_OK */
    when_t until;          /* when proven: nothing may rest on it afterwards; 0: no such end */
    struct str
        evidence; /* JSON: addresses, name servers, redirects, times; empty if there is none */
};

typedef void (*validate_fn)(void *arg, const struct validate_result *result);

/* Loop and net must outlive it; shares conf and zones. RC_NOMEM. */
enum rc validator_new(struct ev *ev, struct net *net, const struct conf *conf,
                      struct dns_zones *zones, struct validator **out);
/* What is under way ends without a callback. */
void validator_free(struct validator *v);
DEFINE_FREEP(validator_free, struct validator)
/* For attempts that begin from now on. */
void validator_set(struct validator *v, const struct conf *conf, struct dns_zones *zones);
size_t validator_count(const struct validator *v);

/* The callback comes once, never from inside this function, after validation.timeout and
 * VALIDATE_CAA_TIME at the latest.
 * RC_QUOTA past VALIDATE_MAX; RC_UNSUPPORTED for another challenge; RC_INVAL for a token or an
 * identifier that cannot be right; RC_NOMEM. `out` (may be NULL) is valid until the callback. */
enum rc validate_start(struct validator *v, const struct validate_ask *ask, validate_fn fn,
                       void *arg, struct validation **out);
/* The callback does not come. */
void validate_cancel(struct validation *run);
