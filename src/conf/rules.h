/* SPDX-License-Identifier: Apache-2.0 */
/* Who may have which certificates, as the configuration has it; policy/ judges by it. Part of
 * conf/conf.h. */
#pragma once

#include "base/addr.h"
#include "conf/profile.h"
#include "conf/proof.h"
#include "conf/value.h"

enum {
    CONF_RULES_MAX = 10000,
    CONF_RULE_LIST_MAX = 1000, /* names, networks, keys ... of one rule or group, each */
    CONF_GROUPS_MAX = 1000,
    CONF_PATTERN_STARS_MAX = 4, /* beside a "*." in front */
    CONF_RULE_NAMES_MAX = 100,  /* of one certificate */
    CONF_APPROVERS_MAX = 2,
    CONF_CLIENT_TEXT_MAX = 128, /* of an owner or a team whose certificates are meant */
};

/* Several clients by one name. */
struct conf_group {
    struct str name; /* unique */
    struct conf_strs eab, accounts, client_certificates;
};

/* Who asks: a client by ACME, the gateway's keeper for its sites, whoever may use `autarky cert`.
 */
enum conf_from { CONF_FROM_CLIENTS, CONF_FROM_GATEWAY, CONF_FROM_OPERATORS, CONF_FROM_COUNT };
/* "clients", "gateway", "operators". */
const char *conf_from_name(enum conf_from from);

/* Of a rule whose names a wildcard fits. */
enum conf_wildcards {
    CONF_WILDCARDS_FALSE,    /* the rule is not about it; another may be */
    CONF_WILDCARDS_TRUE,     /* allowed */
    CONF_WILDCARDS_NEVER,    /* refused, whatever less specific rules say */
    CONF_WILDCARDS_ALLOW,    /* as true */
    CONF_WILDCARDS_APPROVAL, /* when persons have allowed it (conf_rule.approvers) */
};
static inline bool conf_wildcards_allowed(enum conf_wildcards w)
{
    return w == CONF_WILDCARDS_TRUE || w == CONF_WILDCARDS_ALLOW || w == CONF_WILDCARDS_APPROVAL;
}

enum conf_together {
    CONF_TOGETHER_ANY,
    CONF_TOGETHER_PROJECT, /* all names of a certificate lie below one pattern's domain */
};

/* Bit of conf_rule.challenges beside those of enum conf_challenge: nothing has to be proven, for
 * the account's key is the proof. It stands alone then. */
enum { CONF_PROOF_NONE = CONF_CHALLENGE_COUNT };

/* One rule of the policy. Of those that name requester and name, the most specific decides; a name
 * that no rule has is refused. */
struct conf_rule {
    struct str name;           /* for messages and the audit trail; unique */
    unsigned from;             /* bit 1 << enum conf_from; never 0 */
    struct conf_strs accounts; /* ids; of this and the next three, one has to fit; none: anybody */
    struct conf_strs eab;      /* names of keys one of which the account was made with */
    /* Of this CA, that the client shows: a DNS name in it, or "team:", "owner:" of the register or
     * "sha256:" of it with what is meant behind. */
    struct conf_strs client_certificates;
    struct conf_strs groups;   /* exist */
    struct conf_nets networks; /* where the request may come from; none: from anywhere */
    /* At least one: "host.d" itself, "*.d" everything below d, "*" every name; a star within a
     * label behind that stands for anything in this label, as in "web-*.d". */
    struct conf_strs allow;
    struct conf_nets addresses; /* that certificates may name */
    uint64_t labels;            /* at most, that "*." stands for; 0: any number */
    enum conf_wildcards wildcards;
    uint64_t names_max; /* of one certificate */
    enum conf_together together;
    struct conf_strs profiles;     /* exist; none: any */
    when_t lifetime;               /* at most; 0: the profile's */
    unsigned key_algorithms;       /* bit 1 << enum conf_key_algorithm; never 0 */
    unsigned challenges;           /* bit 1 << enum conf_challenge, or CONF_PROOF_NONE; never 0 */
    bool subdomains;               /* a proof for d may count for all below it (RFC 9444) */
    struct conf_rate certificates; /* of clients, so often; count 0: as limits has it */
    bool reuse;                    /* proofs may be used again, as acme.reuse has it */
    bool approval;                 /* persons have to allow each certificate, wildcard or not */
    bool reason;                   /* each certificate carries a reason, or a ticket */
    uint64_t approvers;            /* how many of control.people that takes, or a wildcard does */
};

/* It names clients one by one. */
static inline bool conf_rule_has_clients(const struct conf_rule *r)
{
    return r->accounts.n + r->eab.n + r->client_certificates.n + r->groups.n > 0;
}

/* Some of what it has takes persons who allow it. */
bool conf_rule_approves(const struct conf_rule *rule);

/* For one kind of requester alone. */
static inline bool conf_rule_from_one(const struct conf_rule *r)
{
    return (r->from & (r->from - 1)) == 0;
}
