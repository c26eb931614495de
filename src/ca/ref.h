/* SPDX-License-Identifier: Apache-2.0 */
/* What authorities are called in files, URLs, messages and the register: "root-rsa", "root-rsa-2",
 * "ecdsa-1", in the special hierarchy "root-rsa-s", "ecdsa-1-s", and in that for trying things out
 * "root-rsa-staging", "ecdsa-1-staging". */
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

/* Each has roots of its own, so that whoever trusts those of one trusts nothing of another. */
enum ca_hierarchy {
    CA_INTRANET,
    CA_SPECIAL, /* for names of others (policy_space) */
    CA_STAGING, /* the intranet once more, for clients that are being set up; nobody trusts it */
    CA_HIERARCHIES
};

struct ca_ref {
    struct str algorithm; /* "rsa", "ecdsa", "sm2", "mldsa"; constant */
    unsigned number;      /* from 1 */
    bool root;
    enum ca_hierarchy hierarchy;
};

/* RC_PARSE when it is none, spelt in another way included. */
enum rc ca_ref_parse(struct str text, struct ca_ref *out);
/* Returns `text`. */
const char *ca_ref_text(const struct ca_ref *ref, char text[static CA_REF_MAX + 1]);
/* "intranet", "special", "staging". */
struct str ca_hierarchy_text(enum ca_hierarchy hierarchy);
struct str ca_ref_hierarchy(const struct ca_ref *ref);
/* What stands behind the names of files that are of one of them: "", "-special", "-staging". */
const char *ca_hierarchy_ending(enum ca_hierarchy hierarchy);
/* Of the issuers that certify such keys, so that a client that can check the one signature can
 * check the other. */
struct str ca_algorithm_of(enum crypto_key_type type);
