/* SPDX-License-Identifier: Apache-2.0 */
/* Users who operate the CA from elsewhere than the host's own control socket, and tokens of
 * programs. Rows stay when they are ended, for they are the record; a name is never given again. */
#pragma once

#include "store/types.h"

enum { STORE_PASSWORD_MAX = 256, STORE_TOTP_MAX = 256 };

struct store_user {
    int64_t n; /* given by the store, from 1 */
    struct id id;
    struct str name;     /* unique, also after its end */
    unsigned roles;      /* bits of operators/roles.h */
    int64_t host_user;   /* the user id on this host of the same person; -1: none */
    struct str password; /* as crypto/password.h keeps it */
    struct str totp;     /* the key of one-time codes, sealed */
    uint64_t totp_step;  /* of the last code that was used */
    when_t created;
    struct str created_by;
    when_t signed_in; /* the last time; 0: never */
    when_t removed;   /* 0: may sign in */
};

struct store_token {
    int64_t n; /* given by the store, from 1 */
    struct id id;
    struct str name; /* unique, also after its end */
    struct store_hash digest;
    unsigned roles;
    int64_t person;  /* who made it: what it asks for, that person has asked for */
    int64_t made_by; /* the user who did, with whom it ends; 0: one of the host's */
    when_t created;
    struct str created_by;
    when_t expires;
    when_t revoked; /* 0: not */
};

/* `n` is not looked at. RC_EXISTS: the name is taken. */
enum rc store_user_add(struct store_txn *txn, const struct store_user *user);
/* Also of one that was removed. */
enum rc store_user_find(struct store_txn *txn, struct arena *a, struct str name,
                        struct store_user *out);
enum rc store_user_get(struct store_txn *txn, struct arena *a, int64_t n, struct store_user *out);
/* A page in the order of creation, those that were removed too. */
enum rc store_user_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                        unsigned limit, struct store_user **out, size_t *out_n);
/* Each of these changes one that is not removed: RC_CONFLICT when it is, RC_NOTFOUND. */
enum rc store_user_remove(struct store_txn *txn, const struct id *id, when_t now);
enum rc store_user_set_password(struct store_txn *txn, const struct id *id, struct str password);
/* Codes of the old key count no more; the steps begin anew. */
enum rc store_user_set_totp(struct store_txn *txn, const struct id *id, struct str totp);
enum rc store_user_set_roles(struct store_txn *txn, const struct id *id, unsigned roles);
/* Compare and set: RC_CONFLICT also when a code of that step or a later one was used before, or
 * password, key of codes or roles are not those of `user` any more. */
enum rc store_user_sign_in(struct store_txn *txn, const struct store_user *user, uint64_t step,
                           when_t now);

/* A certificate of the register by which somebody is a user. Rows stay, as those of users. */
struct store_user_certificate {
    int64_t n; /* given by the store, from 1 */
    struct id certificate;
    struct str serial; /* big endian, without the sign byte */
    int64_t user;      /* struct store_user's n; exists */
    when_t added;
    struct str added_by;
    when_t removed; /* 0: not */
};

/* RC_EXISTS: it is somebody's, or RC_CONFLICT, the user was removed. */
enum rc store_user_certificate_add(struct store_txn *txn, const struct store_user_certificate *c);
/* RC_NOTFOUND: it is not that user's. */
enum rc store_user_certificate_remove(struct store_txn *txn, const struct id *certificate,
                                      int64_t user, when_t now);
/* Whose it is now; RC_NOTFOUND: nobody's. A user who was removed has none. */
enum rc store_user_of_certificate(struct store_txn *txn, struct arena *a,
                                  const struct id *certificate, struct store_user *out);
/* A page of those that are not removed, of all users, in the order in which they were added. */
enum rc store_user_certificate_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                                    unsigned limit, struct store_user_certificate **out,
                                    size_t *out_n);
/* As store_user_sign_in, of whoever has shown that certificate: RC_CONFLICT when the roles are not
 * those of `user` any more, or the certificate is not the user's. */
enum rc store_user_sign_in_shown(struct store_txn *txn, const struct store_user *user,
                                 const struct id *certificate, when_t now);

enum rc store_token_add(struct store_txn *txn, const struct store_token *token);
/* Also of one that was revoked or has expired. */
enum rc store_token_find(struct store_txn *txn, struct arena *a, const struct store_hash *digest,
                         struct store_token *out);
enum rc store_token_by_name(struct store_txn *txn, struct arena *a, struct str name,
                            struct store_token *out);
/* A page in the order of creation, those that have ended too. */
enum rc store_token_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                         unsigned limit, struct store_token **out, size_t *out_n);
/* All that a user made and that are not revoked. */
enum rc store_tokens_revoke_of(struct store_txn *txn, int64_t made_by, when_t now, uint64_t *out_n);
/* RC_CONFLICT: it is revoked already. */
enum rc store_token_revoke(struct store_txn *txn, const struct id *id, when_t now);
