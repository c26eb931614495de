/* SPDX-License-Identifier: Apache-2.0 */
/* An authority as core and signer hold it. */
#pragma once

#include "base/id.h"
#include "ca/ref.h"
#include "store/issuers.h"
#include "x509/cert.h"

/* Its certificate, and what the certificates it signs point to. The signer reads no register: there
 * ref, hierarchy, algorithm, crl_shards, revoked ones' state, cert and key are set, and nothing
 * else. */
struct ca_issuer {
    struct str ref; /* "rsa-1" */
    struct id id;
    struct id parent;              /* "": a root */
    struct str hierarchy;          /* "intranet", "special", "staging" */
    struct str algorithm;          /* "rsa", "ecdsa", "sm2", "mldsa": of its signatures' family */
    enum store_issuer_state state; /* as the register has it: see ca_issuer_state */
    bool has_key;                  /* the signer has it */
    unsigned crl_shards;
    when_t activates, retires, created;
    struct x509_cert cert;
    struct crypto_key *key; /* public half in core, both in the signer */
};

/* One authority's name and key, certified by another. */
struct ca_cross {
    struct str ref;
    struct id id;
    struct id subject, signer;
    struct x509_cert cert;
    when_t revoked; /* from then on it is in no chain; 0: it is not */
    int reason;     /* enum x509_reason, where it is */
};
