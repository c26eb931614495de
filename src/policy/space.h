/* SPDX-License-Identifier: Apache-2.0 */
/* Which hierarchy may vouch for a name at all, whatever the rules say; and the names that the CA
 * vouches for by itself, the gateway's sites. */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "conf/conf.h"

enum policy_identifier_type { POLICY_DNS, POLICY_IP };

enum policy_space {
    POLICY_INTRANET, /* at or below the domain or an internal suffix, one of names.single, an
                        address that is reserved for use inside */
    POLICY_SPECIAL,  /* what belongs to others: other names and addresses */
    POLICY_NOWHERE,  /* a single label that names.single does not have */
};

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

/* Core vouches for exactly the names of the gateway's sites, which the operator has written into
 * the configuration, and only to the account of its own keeper (acme_set_vouched). The site of that
 * name; NULL: not vouched for. */
const struct conf_site *policy_vouch(const struct conf *conf, enum policy_identifier_type type,
                                     struct str value);

/* For that account: RC_OK and the site; RC_DENIED with a rejectedIdentifier problem when it is
 * none, or when its name is outside of what the CA may vouch for. */
enum rc policy_judge_vouched(const struct conf *conf, enum policy_identifier_type type,
                             struct str value, const struct conf_site **out, struct err *err);
