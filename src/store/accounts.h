/* SPDX-License-Identifier: Apache-2.0 */
/* ACME accounts (RFC 8555 section 7.1.2). One key, one account in each of the directories: the
 * thumbprint is unique, also after deactivation. */
#pragma once

#include "store/types.h"

enum store_account_status {
    STORE_ACCOUNT_VALID,
    STORE_ACCOUNT_DEACTIVATED,
    STORE_ACCOUNT_REVOKED,
    STORE_ACCOUNT_STATUSES
};
/* As RFC 8555 spells it. */
const char *store_account_status_text(enum store_account_status status);

struct store_account {
    struct id id;
    enum store_account_status status;
    struct str jwk; /* canonical JSON: required members in order (RFC 7638) */
    /* RFC 7638; of an account of the staging directory a digest of it, so that the same key may
     * have one account there and one here. */
    struct store_hash thumbprint;
    const struct str *contacts; /* URIs */
    size_t n_contacts;
    when_t terms_at;    /* when it agreed; 0: did not */
    struct str eab_key; /* name of the key of its external account binding; empty: none */
    bool system;        /* Autarky's own: freezes, limits and rules do not reach it */
    when_t created;
    struct addr created_from;
    bool staging; /* of the staging directory */
    when_t ahead; /* until when an authorization may count that it made ahead of orders; 0: none */
};

/* RC_EXISTS: the key has an account, find it by its thumbprint. */
enum rc store_account_add(struct store_txn *txn, const struct store_account *account);
enum rc store_account_get(struct store_txn *txn, struct arena *a, const struct id *id,
                          struct store_account *out);
/* A number that is another one as soon as a change of any account is answered: who read an account
 * after asking for it has what is in the database for as long as it stays the same. From any
 * thread. */
uint64_t store_accounts_generation(struct store *s);
/* With what it points to, into the arena. */
enum rc store_account_copy(struct arena *a, const struct store_account *from,
                           struct store_account *out);
enum rc store_account_find(struct store_txn *txn, struct arena *a,
                           const struct store_hash *thumbprint, struct store_account *out);
/* Compare and set: RC_CONFLICT when the status is not `from`. */
enum rc store_account_move(struct store_txn *txn, const struct id *id,
                           enum store_account_status from, enum store_account_status to);
enum rc store_account_set_contacts(struct store_txn *txn, const struct id *id,
                                   const struct str *contacts, size_t n);
enum rc store_account_set_terms(struct store_txn *txn, const struct id *id, when_t at);
enum rc store_account_set_ahead(struct store_txn *txn, const struct id *id, when_t until);
/* Key change (RFC 8555 section 7.3.5): compare and set on the old thumbprint; RC_EXISTS when
 * another account has it. */
enum rc store_account_set_key(struct store_txn *txn, const struct id *id,
                              const struct store_hash *old, struct str jwk,
                              const struct store_hash *thumbprint);

struct store_account_filter {
    unsigned statuses;  /* bits 1 << status; 0: all */
    struct str eab_key; /* empty: any */
    enum store_staging staging;
    when_t certified_before; /* with a certificate issued before that; 0: any */
    unsigned limit;          /* 0: STORE_PAGE_MAX */
};
/* By time of creation, oldest first. */
enum rc store_account_list(struct store_txn *txn, struct arena *a,
                           const struct store_account_filter *filter, struct store_cursor *at,
                           struct store_account **out, size_t *out_n);
enum rc store_account_count(struct store_txn *txn, const struct store_account_filter *filter,
                            uint64_t *out);
