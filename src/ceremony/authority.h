/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of authorities there are, and how one of them is called. One table: an algorithm is a
 * row. Runs in commands, as root or as the one who runs Autarky. */
#pragma once

#include "ca/issuer.h"
#include "conf/conf.h"

struct ceremony_kind {
    const char *algorithm;           /* "rsa" */
    const char *label;               /* in names: "RSA" */
    const char *root;                /* whose root signs it: "rsa" signs "ecdsa" as well */
    struct crypto_key_spec root_key; /* where it has a root of its own; else type 0 */
    struct crypto_key_spec issuer_key;
};

enum { CEREMONY_KINDS = 4 };
extern const struct ceremony_kind ceremony_kinds[CEREMONY_KINDS];
/* NULL when there is none. */
const struct ceremony_kind *ceremony_kind_find(struct str algorithm);

/* A set of kinds, bit 1 << its place in the table. "rsa,ecdsa": RC_INVAL and which word is none. */
enum rc ceremony_kinds_parse(struct str list, unsigned *out, struct err *err);

/* An authority to be made. Certificates begin an hour before `now`. */
struct ceremony_plan {
    struct ca_ref ref;
    const struct conf *conf;
    when_t now;
    when_t not_after; /* 0: by what it is, a root's 20 years (10 of SM2), an issuer's
                         ca.rotation.lifetime */
};

/* By the templates of the configuration: "Example Hospital RSA CA 1", in special with " S" behind
 * it, in staging with "STAGING " in front; the organisation is cut so that the whole fits RFC
 * 5280's 64 characters. In the arena. */
enum rc ceremony_subject(const struct ceremony_plan *plan, struct arena *a,
                         struct x509_subject *out);
struct crypto_key_spec ceremony_key_spec(const struct ca_ref *ref);
