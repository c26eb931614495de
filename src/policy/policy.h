/* SPDX-License-Identifier: Apache-2.0 */
/* Who may have which names: the rules of the configuration, judged. Nothing is allowed but by a
 * rule. Runs in core, at newOrder, before validation and again at finalize. */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "conf/conf.h"

enum policy_identifier_type { POLICY_DNS, POLICY_IP };

/* Which hierarchy may vouch for a name at all, whatever the rules say. */
enum policy_space {
    POLICY_INTRANET, /* at or below the domain or an internal suffix, one of names.single, an
                        address that is reserved for use inside */
    POLICY_SPECIAL,  /* what belongs to others: other names and addresses */
    POLICY_NOWHERE,  /* a single label that names.single does not have */
};

struct policy_query {
    enum policy_identifier_type type;
    struct str value;      /* canonical name (a wildcard with its "*."), or text of an address */
    struct addr requester; /* where the request came from */
    bool special;          /* the special hierarchy exists, so its space is open */
    struct str eab;        /* name of the key that the account was bound with; empty: none */
};

struct policy_verdict {
    struct str rule;     /* name of the rule that allows it, borrowed from the configuration */
    unsigned challenges; /* bit 1 << enum conf_challenge: which of them may prove control */
};

/* RC_OK and the verdict of the first rule, in file order, that allows the identifier to this
 * requester; RC_DENIED with a rejectedIdentifier problem otherwise, saying which names the rules
 * would allow from there. A rule says itself whether its
 * wildcards, too, and which addresses. */
enum rc policy_judge(const struct conf *conf, const struct policy_query *q,
                     struct policy_verdict *out, struct err *err);

/* The first rule that allows this requester everything below a name (the query's, no wildcard) and
 * lets one proof count for all of it ("subdomains", RFC 9444); whether the name itself, is not
 * asked. RC_DENIED when there is none. */
enum rc policy_judge_below(const struct conf *conf, const struct policy_query *q,
                           struct policy_verdict *out);

/* The one place where no proof of control is asked for: core vouches for exactly the names of the
 * gateway's sites, which the operator has written into the configuration, and only to the account
 * of its own keeper (acme_set_vouched). The site of that name; NULL: not vouched for. */
const struct conf_site *policy_vouch(const struct conf *conf, enum policy_identifier_type type,
                                     struct str value);

/* For that account instead of policy_judge: RC_OK and the site; RC_DENIED with a rejectedIdentifier
 * problem when it is none, or when its name is outside of what the CA may vouch for. Rules and
 * their networks play no part: the keeper is on this host. */
enum rc policy_judge_vouched(const struct conf *conf, const struct policy_query *q,
                             const struct conf_site **out, struct err *err);

enum policy_space policy_space_of(const struct conf *conf, enum policy_identifier_type type,
                                  struct str value);

/* Names and addresses of one certificate, canonical. */
struct policy_names {
    const struct str *dns;
    size_t n_dns;
    const struct addr *ips;
    size_t n_ips;
};
/* The one hierarchy for all of them, POLICY_INTRANET or POLICY_SPECIAL. RC_DENIED, with a
 * rejectedIdentifier problem that names two of them, when they are of both; when one is of none; or
 * of special, which does not exist. */
enum rc policy_space_of_all(const struct conf *conf, const struct policy_names *names, bool special,
                            enum policy_space *out, struct err *err);
/* "intranet", "special". */
struct str policy_space_text(enum policy_space space);

/* The addresses of the intranet, as networks: RFC 6890 and its successors, those that a host of an
 * organisation can have. */
enum { POLICY_RESERVED_NETS = 15 };
void policy_reserved_nets(struct addr_net out[static POLICY_RESERVED_NETS]);

/* `pattern` fits the canonical name: "*" fits every name, "*.d" every name below d, anything else
 * itself only. */
bool policy_pattern_fits(struct str pattern, struct str name);
