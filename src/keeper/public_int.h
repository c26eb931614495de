/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of sites from other CAs: public.c (these CAs, and which one a slot asks), outside.c
 * (the way there: the emissary carries requests), proof.c (names are proven), record.c (what core
 * is told for the audit log). */
#pragma once

#include "base/list.h"
#include "client/client.h"
#include "conf/conf.h"
#include "ipc/public_messages.h"

struct ipc_chan;
struct keeper;
struct keeper_slot;
struct secret;

enum {
    KEEPER_PUBLIC_MAX = 8,       /* orders at other CAs at a time, ... */
    KEEPER_PUBLIC_EACH_MAX = 2,  /* ... and at one: one that hangs holds up no other */
    KEEPER_CAS_MAX = 64,         /* each with each kind of proof */
    KEEPER_PROOFS_MAX = 64,      /* to be seen at a time */
    KEEPER_PROOF_SECONDS = 15,   /* until front or a worker shows one */
    KEEPER_RECORD_SECONDS = 600, /* until a record can be seen at all of a zone's name servers */
    KEEPER_EVENTS_MAX = 256,     /* that core has not heard */
    KEEPER_EVENT_SECONDS = 20,
    /* Between attempts, doubling, with a certificate or without. */
    KEEPER_PUBLIC_SECONDS = 60,
    KEEPER_PUBLIC_SECONDS_MAX = 6 * 3600, /* and from one certificate to the next order */
    KEEPER_PUBLIC_HOURS_LEAST = 2,        /* that a certificate from there must still last */
};

/* An account at another CA, and one way to prove names there. */
struct keeper_ca {
    struct client_transport transport; /* first: by the emissary */
    struct list link;
    struct keeper *keeper;
    char url[CLIENT_URL_MAX + 1];
    enum conf_site_challenge challenge;
    struct crypto_key *account;
    struct client_solver solver;
    struct client *client; /* NULL: it cannot be used, for ... */
    struct err why;        /* ... this reason: a file of its own is missing or damaged, say */
    struct list exchanges; /* under way */
    unsigned active;       /* runs */
};

/* What became of attempts at other CAs; kept on disk. */
struct keeper_try {
    unsigned failures; /* in a row */
    when_t next_at;    /* not before; after a success, too */
    struct err *why;   /* of the last one; keeper_why */
};

/* ---- public.c */

/* Reads the keys of bindings; before confinement. One that cannot be used is a line in the log, and
 * fails the orders at its CA. */
enum rc keeper_public_open(struct keeper *k);
/* Makes accounts and clients that `next` needs; those that are there stay. What keeps one CA from
 * being used (`why` of it) is no failure: everything else goes on without it. */
enum rc keeper_public_prepare(struct keeper *k, const struct conf *next, struct err *err);
/* That site's CAs, for that slot. */
void keeper_public_set(struct keeper_slot *slot, const struct conf_site *site);
/* Which of them issued what is in force; NULL: none that is configured. */
struct keeper_ca *keeper_public_issuer(const struct keeper_slot *slot);
/* As many runs are under way there as may be; NULL: ours, which is counted elsewhere. */
bool keeper_public_busy(const struct keeper_ca *ca);
/* When its next order at another CA is due; WHEN_MAX: never, or not while another run is under way.
 */
when_t keeper_public_due(const struct keeper_slot *slot);
/* What is in force, from another CA, is about to end: an internal certificate has to serve from
 * then on. */
when_t keeper_public_end(const struct keeper_slot *slot);
/* Sets slot->at, where the next order is made; an error: nothing can be ordered there. */
enum rc keeper_public_choose(struct keeper_slot *slot, struct err *err);
/* Begins an order there. */
enum rc keeper_public_order(struct keeper_slot *slot, const struct client_want *want,
                            client_result_fn fn);
/* What is under way at slot->at has failed; true: the fallback is asked. */
bool keeper_public_failed(struct keeper_slot *slot, const struct client_result *result);
void keeper_public_succeeded(struct keeper_slot *slot);
/* The channel to the emissary is now that; NULL: there is none. */
void keeper_public_emissary(struct keeper *k, struct ipc_chan *chan);
void keeper_public_free(struct keeper *k);

/* ---- outside.c */

extern const struct client_transport_ops keeper_outside_ops;

/* ---- proof.c */

void keeper_proof_solver(struct keeper_ca *ca);
/* A worker or front has come: it is told of what is to be seen. */
void keeper_proof_peer(struct keeper *k, struct ipc_chan *chan);
void keeper_proof_free(struct keeper *k);

/* ---- record.c */

void keeper_record(struct keeper_slot *slot, enum ipc_public_what what, const struct err *why);
/* Core is there. */
void keeper_record_look(struct keeper *k);
void keeper_record_free(struct keeper *k);
