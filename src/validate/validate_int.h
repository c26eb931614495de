/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt, for the files of validate/: validate.c (life and limits), http01.c (what http-01
 * does), evidence.c (the record of it). */
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "dns/resolver.h"
#include "validate/fetch.h"
#include "validate/validate.h"

enum {
    HTTP01_REDIRECTS_MAX = 10, /* RFC 8555 section 8.3 leaves the number to us; the field has 10 */
    HTTP01_HOPS_MAX = HTTP01_REDIRECTS_MAX + 1,
    HTTP01_DIALS_MAX = 4, /* addresses tried for a hop */
    HTTP01_BODY_MAX = 512,
    VALIDATION_ARENA = 1024 * 1024,
};

struct validate_dial {
    struct addr_port to;
    enum rc rc;
    struct str why; /* when not RC_OK */
    int64_t micros;
};

/* One URL: the challenge's own, or where a redirect led. */
struct validate_hop {
    struct http_url url;
    struct str text; /* of the URL */
    const struct dns_answer *aaaa, *a;
    struct validate_dial dials[HTTP01_DIALS_MAX];
    size_t n_dials;
    int status;
    size_t body_n;
};

struct validator {
    struct ev *ev;
    struct net *net;
    const struct conf *conf;
    struct dns_resolver *resolver;
    struct list runs;
    size_t n_runs;
};

struct validation {
    struct list link;
    struct validator *owner;
    const struct conf *conf;
    struct validate_ask ask;
    validate_fn fn;
    void *arg;
    struct arena arena;
    struct ev_timer timer;
    struct ev_defer soon;
    int64_t began, deadline;
    struct validate_hop hops[HTTP01_HOPS_MAX];
    size_t n_hops;
    struct dns_lookup *lookup_a, *lookup_aaaa;
    struct addr addrs[HTTP01_DIALS_MAX];
    size_t n_addrs, next_addr;
    int64_t dialled;
    struct validate_fetch fetch;
    struct err err;
};

/* Ends the attempt: RC_OK, RC_DENIED with run->err set, or our own trouble. `run` is gone. */
void validate_finish(struct validation *run, enum rc rc);

/* Takes the first step; called from the loop. */
void validate_http01(struct validation *run);
/* The deadline has passed. */
void validate_http01_timeout(struct validation *run);

/* Appends the evidence; leaves out detail rather than pass VALIDATE_EVIDENCE_MAX. */
enum rc validate_evidence(const struct validation *run, struct buf *out);
