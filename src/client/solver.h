/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges (RFC 8555 section 8): how names are proven, where the server asks for it. */
#pragma once

#include "base/err.h"
#include "base/str.h"

/* dns-persist-01 (draft-ietf-acme-dns-persist) has no token: a record stays that names the CA and
 * the account. */
#define CLIENT_PERSIST "dns-persist-01"

/* Borrowed until cleanup returns. */
struct client_proof {
    struct str type; /* "http-01" */
    struct str identifier_type, identifier;
    bool wildcard;
    struct str token, key_authorization;
    /* Of CLIENT_PERSIST: the domains by which the CA goes, at least one, and our account's URL,
     * which is at the host that has the order. */
    const struct str *issuers;
    size_t n_issuers;
    struct str account;
    /* To solvers that write TXT records: name and text, in place of those of dns-01; empty: none.
     */
    struct str record, record_value;
    bool proven; /* in cleanup: the server has found it */
};

typedef void (*client_presented_fn)(void *arg, enum rc rc, const struct err *err);

struct client_solver {
    const char *type; /* of challenge */
    /* Makes the proof visible to the server, then calls `fn` once, perhaps from inside. */
    void (*present)(void *arg, const struct client_proof *proof, client_presented_fn fn,
                    void *fn_arg);
    /* Takes it away, or stops making it: `fn` does not come any more. */
    void (*cleanup)(void *arg, const struct client_proof *proof);
    void *arg;
    /* Both, or neither: all proofs of an order are made visible before the server looks for the
     * first of them, and taken away together, in place of one after the other. `proofs` is
     * borrowed until cleanup_all returns. */
    void (*present_all)(void *arg, const struct client_proof *proofs, size_t n,
                        client_presented_fn fn, void *fn_arg);
    void (*cleanup_all)(void *arg, const struct client_proof *proofs, size_t n);
};
