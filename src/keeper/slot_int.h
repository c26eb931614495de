/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of one certificate: slot.c writes it down, issue.c and public.c change it. */
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

/* One certificate of one site. */
struct keeper_slot {
    struct list link; /* in keeper.slots, in the order of the configuration */
    struct list turn; /* in keeper.turns */
    struct keeper *keeper;
    enum conf_key_algorithm algorithm;
    /* SM2: TLCP takes two certificates, one that signs and this one, to which is encrypted. Each
     * has a slot; they are shown, renewed and handed to the gateway as one. */
    bool encrypts;
    struct keeper_slot *other;         /* of the two; NULL where there is one alone */
    char profile[CLIENT_TYPE_MAX + 1]; /* wanted; "" after one that is no longer configured */
    bool listed;                       /* in keeper.slots: the configuration has it */
    bool loaded;                       /* looked for on disk */
    struct list unchecked;             /* in keeper.unchecked: load.c */

    /* In force, NULL and 0: none. */
    struct keeper_pair *pair;
    struct keeper_pair *before; /* the one before it: handshakes may still show that, until: */
    when_t before_until;
    when_t not_before, not_after;
    struct x509_serial serial;
    char certid[128]; /* ARI; "": none */
    char *directory;  /* of the other CA that issued it, URL; NULL: ours did */
    char sha256[65];  /* of the certificate, hexadecimal */
    uint64_t version; /* rises with each one, and each OCSP answer; 0: none */
    struct keeper_staple staple;

    /* Kept on disk. */
    struct client_renewal renewal;
    char issued_profile[CLIENT_TYPE_MAX + 1]; /* of the one in force */
    unsigned failures;                        /* in a row */
    when_t next_at;                           /* not before, after a failure */
    struct err *why;                          /* of the last failure; keeper_why */

    /* Other CAs; NULL: none. */
    struct keeper_ca *first, *second;
    struct keeper_try public; /* kept on disk */
    bool try_second;          /* the first one has just failed */

    /* Under way. */
    struct client_run *run;
    struct keeper_ca *at; /* the other CA whose order `run` is; NULL: ours, or a question for ARI */
    struct keeper_ca *counted; /* among the runs of it; NULL: of our own CA */
    struct crypto_key *fresh;  /* NULL while `run` asks for ARI */
    bool unreached;            /* the last failure was that nobody answered */
    char name[];
};

/* Why something failed, kept apart, for most never fail. NULL is an err without words. */
const struct err *keeper_why(const struct err *why);
/* Without memory it is NULL afterwards. */
void keeper_why_set(struct err **at, const struct err *why);
void keeper_why_clear(struct err **at);
