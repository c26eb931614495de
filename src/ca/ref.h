/* SPDX-License-Identifier: Apache-2.0 */
/* What authorities are called in files, URLs, messages and the register: "root-rsa", "root-rsa-2",
 * "ecdsa-1", and in the special hierarchy "root-rsa-s", "ecdsa-1-s". */
#pragma once

#include "base/err.h"
#include "crypto/key.h"

enum {
    CA_REF_MAX = 64,
    CA_NUMBER_MAX = 9999, /* generations of one algorithm */
    CA_CRL_SHARDS = 16,   /* of an issuer's CRL, fixed at its making; a root's is one */
    /* Issuers whose keys are here, ca/REF.crt, as those that have ended remain: two hierarchies of
     * four algorithms, each replaced every second year for thirty years, and as often again because
     * of other names. */
    CA_ISSUERS_MAX = 256,
};

struct ca_ref {
    struct str algorithm; /* "rsa", "ecdsa", "sm2", "mldsa"; constant */
    unsigned number;      /* from 1 */
    bool root;
    bool special;
};

/* RC_PARSE when it is none, spelt in another way included. */
enum rc ca_ref_parse(struct str text, struct ca_ref *out);
/* Returns `text`. */
const char *ca_ref_text(const struct ca_ref *ref, char text[static CA_REF_MAX + 1]);
/* "intranet" or "special". */
struct str ca_hierarchy(bool special);
struct str ca_ref_hierarchy(const struct ca_ref *ref);
/* Of the issuers that certify such keys, so that a client that can check the one signature can
 * check the other. */
struct str ca_algorithm_of(enum crypto_key_type type);
