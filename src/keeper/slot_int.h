/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of one certificate: slot.c and load.c write and read it, issue.c and public.c
 * change it. */
#pragma once

#include "base/list.h"
#include "base/name.h"
#include "client/client.h"
#include "client/renewal.h"
#include "conf/conf.h"
#include "keeper/pair_int.h"
#include "keeper/public_int.h"
#include "keeper/staple_int.h"

struct keeper;
struct x509_cert;

enum { KEEPER_CERTID_MAX = 128 };

/* One certificate of one site. */
struct keeper_slot {
    struct list link; /* in keeper.slots, in the order of the configuration */
    struct list turn; /* in keeper.turns */
    struct keeper *keeper;
    enum conf_key_algorithm algorithm;
    /* SM2: TLCP takes two certificates, one that signs and this one, to which is encrypted. Each
     * has a slot; they are shown, renewed and handed to the gateway as one. */
    bool encrypts;
    bool listed;               /* in keeper.slots: the configuration has it */
    bool loaded;               /* looked for on disk */
    bool forced;               /* somebody wants another, whatever the window is */
    bool certid;               /* the one in force has what ARI calls it: keeper_slot_certid */
    bool try_second;           /* of other CAs the first one has just failed */
    bool unreached;            /* the last failure was that nobody answered */
    struct keeper_slot *other; /* of the two; NULL where there is one alone */
    struct str profile;        /* wanted; of the configuration */
    struct str window;         /* of renewals, as base/window.h; likewise; empty: none */
    struct list unchecked;     /* in keeper.unchecked: load.c */

    /* In force, NULL and 0: none. */
    struct keeper_pair *pair;
    struct keeper_pair *before; /* the one before it: handshakes may still show that, until: */
    when_t before_until;
    when_t not_before, not_after;
    struct x509_serial serial;
    char *directory;  /* of the other CA that issued it, URL; NULL: ours did */
    uint64_t version; /* rises with each one, and each OCSP answer; 0: none */
    struct keeper_staple staple;
    bool tls_sm; /* keeper_staple_shown */

    /* Kept on disk. */
    struct client_renewal renewal;
    struct shared *issued_profile; /* of the one in force; NULL: not known */
    unsigned failures;             /* in a row */
    when_t next_at;                /* not before, after a failure */
    struct err *why;               /* of the last failure; keeper_why */

    /* Other CAs; NULL: none. */
    struct keeper_ca *first, *second;
    struct keeper_try public; /* kept on disk */

    /* Under way. */
    struct client_run *run;
    struct keeper_ca *at; /* the other CA whose order `run` is; NULL: ours, or a question for ARI */
    struct keeper_ca *counted; /* among the runs of it; NULL: of our own CA */
    struct crypto_key *fresh;  /* NULL while `run` asks for ARI */
    char name[];
};

/* Why something failed, kept apart, for most never fail. NULL is an err without words. */
const struct err *keeper_why(const struct err *why);
/* Without memory it is NULL afterwards. */
void keeper_why_set(struct err **at, const struct err *why);
void keeper_why_clear(struct err **at);

/* Of SM2 the one that signs. */
struct keeper_slot *keeper_slot_find(struct keeper *k, struct str name,
                                     enum conf_key_algorithm algorithm);
/* "rsa", "ecdsa", "sm2", "sm2-enc": of the directory, and in the log. */
const char *keeper_slot_text(const struct keeper_slot *slot);
/* Makes what the configuration has and the keeper has not, in k->next; nothing changes. */
enum rc keeper_slots_prepare(struct keeper *k, const struct conf *next);
/* Takes them, drops what is gone, and looks on disk for the new ones. */
void keeper_slots_commit(struct keeper *k, const struct conf *conf);
void keeper_slots_abort(struct keeper *k);
void keeper_slots_free(struct keeper *k);
/* Looks on disk for it; load.c. */
void keeper_slot_load(struct keeper_slot *slot);
void keeper_load_init(struct keeper *k);
/* What was checked becomes the pair in force, issued by the CA with that directory, or by ours: the
 * chain, leaf first, and the key, PKCS#8 in DER. On failure nothing has changed. */
enum rc keeper_slot_set(struct keeper_slot *slot, const struct x509_cert *certs, size_t n,
                        struct str key, struct str directory);
/* What ARI (RFC 9773) calls the one in force, appended, KEEPER_CERTID_MAX bytes at most. RC_NOMEM;
 * what client_certid says. */
enum rc keeper_slot_certid(const struct keeper_slot *slot, struct buf *out);
/* The profile of the one in force; empty: it is not known. Without memory it is not. */
void keeper_slot_issued_as(struct keeper_slot *slot, struct str profile);
/* None is in force any more. */
void keeper_slot_drop(struct keeper_slot *slot);
/* It was issued by the CA with that directory; empty: by ours. RC_NOMEM, not for the empty one. */
enum rc keeper_slot_issued_by(struct keeper_slot *slot, struct str url);
enum { KEEPER_PATH_MAX = 1024 };
/* "TOP/NAME/ALGORITHM" and `behind`; that NULL: of the directory above. */
enum rc keeper_slot_path(const struct keeper_slot *slot, const char *top, const char *behind,
                         char out[static KEEPER_PATH_MAX]);
/* Takes chain and key of slot->fresh into use and on disk. */
enum rc keeper_slot_take(struct keeper_slot *slot, const struct client_result *result,
                         struct err *err);
/* What is told of a failure to write it is a line in the log. */
void keeper_slot_save(const struct keeper_slot *slot);
