/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt, for the files of validate/: validate.c (life and limits), hop.c (a host looked up,
 * its addresses judged and dialled), http01.c, alpn01.c, dns01.c and persist01.c (what the
 * challenges do), caa.c (who may issue at all), evidence.c (the record of it). */
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "dns/resolver.h"
#include "validate/fetch.h"
#include "validate/validate.h"

enum {
    HTTP01_REDIRECTS_MAX = 10, /* RFC 8555 section 8.3 leaves the number to us; the field has 10 */
    HOPS_MAX = HTTP01_REDIRECTS_MAX + 1,
    HOP_DIALS_MAX = 4, /* addresses tried for a hop */
    HTTP01_BODY_MAX = 512,
    CAA_STEPS_MAX = 16, /* labels climbed; a name with more is refused */
    VALIDATION_ARENA = 4 * 1024 * 1024,
};

struct validate_dial {
    struct addr_port to;
    enum rc rc;
    struct str why; /* when not RC_OK */
    int64_t micros;
};

/* One URL: the challenge's own, or where a redirect led; or what tls-alpn-01 connects to. */
struct validate_hop {
    struct http_url url;
    struct str text; /* of the URL */
    struct str host; /* in lower case, without a final dot */
    const struct dns_answer *aaaa, *a;
    struct validate_dial dials[HOP_DIALS_MAX];
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
    struct list preflights;
    size_t n_preflights;
};

/* What a challenge is. */
struct validate_method {
    const char *name;
    bool ips; /* proves control of addresses too (RFC 8738) */
    void (*begin)(struct validation *run);
    void (*late)(struct validation *run); /* the deadline has passed */
};

struct validation {
    struct list link;
    struct validator *owner;
    const struct conf *conf;
    const struct validate_method *method;
    struct validate_ask ask;
    struct str what; /* "http-01 for www.hospital.example" */
    validate_fn fn;
    void *arg;
    struct arena arena;
    struct ev_timer timer;
    struct ev_defer soon;
    int64_t began, deadline;
    bool is_ip;
    /* hop.c */
    struct validate_hop hops[HOPS_MAX];
    size_t n_hops;
    struct dns_lookup *lookup_a, *lookup_aaaa;
    struct addr addrs[HOP_DIALS_MAX];
    size_t n_addrs, next_addr;
    int64_t dialled;
    struct validate_fetch fetch;
    struct str alpn, server_name;
    /* A hop that was reached is over: as validate_fetch_fn, with fetch.connected. */
    void (*on_hop)(struct validation *run, enum rc rc, const struct err *err);
    /* dns01.c */
    struct dns_lookup *lookup_txt;
    const struct dns_answer *txt;
    struct str txt_name;
    void (*on_txt)(struct validation *run); /* run->txt is there, whatever it says */
    when_t until;                           /* of the proof; 0: no end of its own */
    /* caa.c */
    bool in_caa;
    struct dns_lookup *lookup_caa;
    struct str caa_at;
    const struct dns_answer *caa[CAA_STEPS_MAX];
    size_t n_caa;
    struct err err;
};

/* Ends the attempt: RC_OK, RC_DENIED with run->err set, or our own trouble. `run` is gone. */
void validate_finish(struct validation *run, enum rc rc);
/* Ends it with run->err, which was just set. */
void validate_fail(struct validation *run, const char *type);
/* Control is proven; what is left is whether this CA may issue. */
void validate_proven(struct validation *run);
/* A message as text that lives as long as the attempt. */
struct str validate_text(struct validation *run, const struct err *err);
int64_t validate_now(const struct validation *run);
int64_t validate_left(const struct validation *run);

/* hop.c. Looks up and dials the last of the hops, which has its URL; goes on with run->on_hop, or
 * ends the attempt when nothing could be reached. */
void validate_hop(struct validation *run);
struct validate_hop *validate_hop_last(struct validation *run);
/* Adds the first hop. */
enum rc validate_hop_first(struct validation *run, const struct http_url *url);
enum rc validate_hop_put(struct validation *run, const struct http_url *url,
                         struct validate_hop *out);
void validate_hop_late(struct validation *run);

/* dns01.c. Where the TXT records of that challenge stand (dns-account-01: `ask->account` must be
 * given); for one that reads none, where those of dns-01 would. RC_NOMEM, RC_CRYPTO. */
enum rc validate_txt_name(struct arena *arena, const struct validate_ask *ask, struct str *out);
/* Looks that up, leaves the name in run->txt_name and goes on with run->on_txt, or ends the
 * attempt. */
void validate_txt(struct validation *run);
void validate_txt_late(struct validation *run);

extern const struct validate_method validate_http01, validate_alpn01, validate_dns01,
    validate_dns_account01, validate_dns_persist01;

/* caa.c. Ends the attempt. */
void validate_caa(struct validation *run);
void validate_caa_late(struct validation *run);

/* preflight.c: ends the one with that link. */
void validate_preflight_end(struct list *link);

/* Appends the evidence; leaves out detail rather than pass VALIDATE_EVIDENCE_MAX. */
enum rc validate_evidence(const struct validation *run, struct buf *out);
