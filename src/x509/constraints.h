/* SPDX-License-Identifier: Apache-2.0 */
/* Name constraints of a CA certificate (RFC 5280 section 4.2.1.10), for DNS names, addresses and
 * mail domains. */
#pragma once

#include "base/addr.h"
#include "base/arena.h"
#include "base/err.h"
#include "x509/der.h"

enum { X509_CONSTRAINTS_MAX = 64 }; /* in each list */

/* "hospital.example" covers itself and all below it. In a mail list it is the addresses at exactly
 * this host, and ".hospital.example" those at hosts below it. An empty permitted list forbids
 * nothing; to forbid a kind altogether, exclude "" or 0.0.0.0/0 and ::/0. */
struct x509_constraints {
    const struct str *permitted_dns;
    const struct str *excluded_dns;
    const struct addr_net *permitted_ip;
    const struct addr_net *excluded_ip;
    const struct str *permitted_email;
    const struct str *excluded_email;
    size_t n_permitted_dns, n_excluded_dns, n_permitted_ip, n_excluded_ip, n_permitted_email,
        n_excluded_email;
    size_t n_other; /* read, but of a kind not listed here: nothing can be said about names of that
                       kind */
};

bool x509_constraints_empty(const struct x509_constraints *c);
/* Appends the extension's value. RC_INVAL for names that are not canonical, RC_TOOBIG past
 * X509_CONSTRAINTS_MAX. */
enum rc x509_constraints_put(const struct x509_constraints *c, struct buf *out);
/* Reads one; lists live in the arena, names are borrowed. RC_PARSE also for minimum and maximum,
 * which RFC 5280 forbids. */
enum rc x509_constraints_parse(struct arena *a, struct str value, struct x509_constraints *out);

/* RC_DENIED and the rule when the name (canonical; a wildcard counts as the names it stands for, so
 * it must lie wholly inside what is permitted and touch nothing excluded) may not be issued. */
enum rc x509_constraints_dns(const struct x509_constraints *c, struct str name, struct err *err);
enum rc x509_constraints_ip(const struct x509_constraints *c, const struct addr *ip,
                            struct err *err);
/* `email` canonical (base/name.h). RFC 5280 section 4.2.1.10: a constraint is a whole address, a
 * host, or with a dot in front all hosts below. */
enum rc x509_constraints_email(const struct x509_constraints *c, struct str email, struct err *err);
