/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as every role sees it: immutable, shared by count, every field checked and with
 * its default filled in. It is loaded from bytes (conf/load.h): the supervisor alone reads files
 * and hands each role the same. Each key is documented in its line of schema.c. */
#pragma once

#include "conf/alert.h"
#include "conf/parts.h"
#include "conf/profile.h"
#include "conf/proof.h"

struct conf {
    struct str organization;
    struct str country, locality, unit; /* empty: none; the country in upper case */
    struct str domain;                  /* canonical, two labels or more, no public suffix */
    struct {
        struct conf_strs internal; /* canonical domains beside `domain` that the CA may vouch for */
        struct conf_strs single;   /* names of one label, canonical, none of the public DNS */
    } names;
    struct {
        struct str api;   /* "https://ca.hospital.example:8555", no final slash; empty: not set */
        struct str plain; /* "http://ca.hospital.example" */
    } urls;
    struct {
        struct conf_ports api, plain; /* never empty */
        struct conf_ports gateway;    /* never empty; bound only while there are sites */
    } listen;
    struct conf_gateway gateway;
    enum conf_database database;
    const struct conf_resolver *resolvers;
    size_t n_resolvers;
    struct {
        uint64_t http_port;
        uint64_t tls_port;
        struct conf_numbers redirect_ports; /* beside http_port */
        enum conf_caa caa;
        struct conf_nets allow; /* lifts the default denial of special addresses */
        struct conf_nets deny;  /* stronger than allow */
        when_t timeout;         /* of one attempt */
        uint64_t attempts;
    } validation;
    const struct conf_prober *probers;
    size_t n_probers;
    const struct conf_profile *profiles; /* sorted by name; the built-in ones always exist */
    size_t n_profiles;
    const struct conf_group *groups;
    size_t n_groups;
    const struct conf_rule *policy;
    size_t n_policy;
    struct {
        struct str terms_of_service; /* empty: none */
        struct str website;          /* empty: none */
        enum conf_binding eab;       /* external account binding */
        uint64_t orders_open;        /* of one account */
        struct {
            when_t authorizations; /* how long after its proof one is used again */
            bool orders;           /* an open one for the same names is */
        } reuse;
        struct {
            uint64_t at;     /* percent of the lifetime */
            uint64_t spread; /* percent of the lifetime */
        } renewal;
        struct { /* orders that renew themselves (RFC 8739) */
            bool enabled;
            when_t min_lifetime;
            when_t max_duration;
            bool get;        /* anybody may read a certificate whose order says so */
            uint64_t orders; /* of one account, that are not over */
        } star;
        struct conf_strs caa_identities; /* canonical domains, as configured; none: the default */
        struct conf_strs identities;     /* the same with the default filled in; never empty */
    } acme;
    struct {
        when_t orders;       /* and authorizations, after they have expired */
        when_t certificates; /* after their end */
    } keep;
    struct {
        enum conf_constraints constraints; /* of issuers of the intranet that are made */
        unsigned constrained_root;         /* 1: of its roots as well */
        bool sm2_empty_id; /* requests of SM2 may be signed over the empty identifier */
        struct {
            struct str root, issuer; /* templates of common names */
        } names;
        struct {
            when_t lifetime; /* of an issuer */
            when_t before;   /* its end, a replacement is due */
            when_t overlap;  /* from the replacement's being made to its first signature */
        } rotation;
        struct {
            enum conf_passphrase_from from;
            struct str name; /* of the credential */
            struct str file; /* absolute, or relative to DATA */
        } passphrase;
        struct {
            struct str module; /* path of the PKCS#11 module; empty: none */
            struct str server; /* path of a p11-kit server's socket; empty: none */
            struct {
                enum conf_passphrase_from from;
                struct str name;
                struct str file;
            } pin;
        } pkcs11;
        struct conf_strs weak_keys; /* paths of lists, or of directories with such */
        struct str escrow;          /* the file with the key of escrow; empty: there is none */
        struct str escrow_key;      /* what is in it, PEM without a private key */
    } ca;
    struct {
        struct {
            when_t lifetime; /* from thisUpdate to nextUpdate */
            when_t every;    /* a new list is made, although nothing changed */
            when_t within;   /* a revocation is on a list */
            enum conf_switch delta;
        } crl;
        struct { /* of answers */
            when_t lifetime;
        } ocsp;
    } revocation;
    struct {
        when_t interval; /* between two signed heads, at least */
        const struct conf_forward *forward;
        size_t n_forward;
    } audit;
    const struct conf_receiver *receivers; /* of alerts */
    size_t n_receivers;
    const struct conf_route *routes;
    size_t n_routes;
    struct {
        const struct conf_owner *owners; /* the first that fits counts */
        size_t n_owners;
    } inventory;
    struct {
        struct conf_rate rates[CONF_LIMITS]; /* count 0: none */
        const struct conf_override *overrides;
        size_t n_overrides;
    } limits;
    struct conf_locks locks;
    struct conf_txt txt;
    struct { /* who may read /metrics */
        struct conf_nets allow;
    } metrics;
    struct {
        unsigned two_persons;    /* bit 1 << enum conf_two_persons */
        struct conf_strs people; /* users of this host who decide on approvals */
        const struct conf_operator *operators;
        size_t n_operators;
        when_t approval_wait; /* how long a certificate waits for approval, a grant for its use */
        enum conf_reasons reasons;
        bool certificates; /* clients of the API are asked for theirs */
    } control;
    struct conf_agents agents;
    struct conf_backup backup;
    struct {
        enum conf_log_level level;
        enum conf_log_format format;
    } log;
};

/* Shared ownership, counted, within one thread. conf_unref takes NULL. */
const struct conf *conf_ref(const struct conf *conf);
void conf_unref(const struct conf *conf);
static inline void conf_unrefp(const struct conf **conf)
{
    conf_unref(*conf);
}

/* "off", "warn", "on"; the key below `limits`. */
const char *conf_automatic_text(enum conf_automatic automatic);
const char *conf_limit_text(enum conf_limit limit);
/* NULL when there is no profile of that name. */
const struct conf_profile *conf_profile_find(const struct conf *conf, struct str name);
/* What the profile's revocation comes to. */
bool conf_profile_crl(const struct conf *conf, const struct conf_profile *profile);
bool conf_profile_ocsp(const struct conf *conf, const struct conf_profile *profile);
/* NULL when there is no group of that name. */
const struct conf_group *conf_group_find(const struct conf *conf, struct str name);
/* The prober whose zone is the longest that holds the canonical name, or whose network the
 * narrowest that holds the address (canonical text as well); NULL: that of this host. */
const struct conf_prober *conf_prober_for(const struct conf *conf, struct str identifier);
/* NULL when there is none of that name; the one that has this key, in hexadecimal. */
const struct conf_prober *conf_prober_find(const struct conf *conf, struct str name);
const struct conf_prober *conf_prober_with_key(const struct conf *conf, struct str key);
/* NULL when the audit log goes to nothing of that name. */
const struct conf_forward *conf_forward_find(const struct conf *conf, struct str name);
/* NULL when the gateway has no site of that canonical name. */
const struct conf_site *conf_site_find(const struct conf *conf, struct str name);
/* Whether it is in gateway.names. */
bool conf_site_named(const struct conf *conf, struct str name);
