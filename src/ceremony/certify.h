/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of authorities: made from a plan and a key, linted, signed with the key of a root.
 * Nothing here reads or writes a file. Names, times and constraints follow the configuration; what
 * a request says beside its key is not looked at. */
#pragma once

#include "base/arena.h"
#include "ceremony/authority.h"

/* Who signs. */
struct ceremony_signer {
    struct str ref;               /* for URLs in what it signs */
    const struct x509_cert *cert; /* of a root */
    const struct crypto_key *key; /* with its private half */
    /* Shown what is about to be signed; what it returns but RC_OK ends it unsigned. NULL: not
     * asked. */
    enum rc (*confirm)(void *arg, const struct x509_cert *tbs, struct err *err);
    void *arg;
};

/* A root, signed by itself. */
enum rc ceremony_certify_root(const struct ceremony_plan *plan, const struct crypto_key *key,
                              struct arena *a, struct x509_cert *out, struct err *err);
/* An intermediate: it may sign leaves and nothing else (pathLen 0), for TLS and nothing else
 * (serverAuth, clientAuth), and in the intranet for the names and addresses of the configuration
 * and nothing else (RFC 5280 section 4.2.1.10). It ends with its root at the latest. */
enum rc ceremony_certify_issuer(const struct ceremony_plan *plan, struct str spki,
                                const struct ceremony_signer *root, struct arena *a,
                                struct x509_cert *out, struct err *err);
/* The subject's name and key under another root's signature, as long as both last. Of the plan,
 * configuration and time count, and of the configuration urls.plain alone. */
enum rc ceremony_certify_cross(const struct ceremony_plan *plan, const struct x509_cert *subject,
                               const struct ceremony_signer *signer, struct arena *a,
                               struct x509_cert *out, struct err *err);
/* Whether `cert`, made elsewhere, is what ceremony_certify_cross makes here of these: the same
 * bytes but for serial number and first day, which has come, under the signer's signature, and by
 * the linter's rules. Of the signer's key the public half is enough, and nobody is asked. RC_DENIED
 * and what is otherwise. */
enum rc ceremony_check_cross(const struct ceremony_plan *plan, const struct x509_cert *subject,
                             const struct ceremony_signer *signer, const struct x509_cert *cert,
                             struct err *err);
