/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the keeper: keeper.c (life, account), slot.c (one certificate of one site,
 * and on disk), load.c (at the start), pair_int.h (in memory), issue.c (what is obtained and
 * renewed when), fresh.c (which are newer than what somebody has), push.c (what the gateway's
 * workers get, and the memory that they share), handshake.c (what they have signed), staple.c (the
 * OCSP answers with it), public_int.h (other CAs), tell.c (what core may ask), measure.c
 * (numbers). */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/name.h"
#include "client/client.h"
#include "client/renewal.h"
#include "conf/conf.h"
#include "ev/ev.h"
#include "ipc/site_messages.h"
#include "keeper/fresh_int.h"
#include "keeper/pair_int.h"
#include "keeper/public_int.h"
#include "keeper/slot_int.h"
#include "keeper/staple_int.h"
#include "role/role.h"

enum {
    KEEPER_ORDERS_MAX = 4, /* under way at a time: core and signer have others to serve */
    KEEPER_ROOTS_MAX = CLIENT_ROOTS_MAX,
    KEEPER_SLOTS_MAX = 1'000'000, /* of all sites */
    KEEPER_FILE_MAX = 256 * 1024,
    KEEPER_CHAIN_MAX = IPC_IDENTITY_CHAIN_MAX, /* bytes of one that workers can be handed */
    KEEPER_STATE_MAX = 8 * 1024,               /* bytes of one state file */
    KEEPER_PUSHES_MAX = 8,                     /* identities under way to one worker */
    KEEPER_PUSH_SECONDS = 20,                  /* a worker may take for one */
    KEEPER_PUSH_SECONDS_FIRST =
        1, /* after it refused one, which it may not know yet; doubling ... */
    KEEPER_PUSH_SECONDS_LAST = 60, /* ... up to this */
    KEEPER_PUSH_TRIES_MAX = 10,    /* of one identity, at a worker that keeps refusing it */
    KEEPER_VOUCH_SECONDS = 20,
    KEEPER_VOUCH_SECONDS_FIRST = 1, /* after core refused; doubling ... */
    KEEPER_VOUCH_SECONDS_LAST = 60, /* ... up to this */
    KEEPER_BEFORE_SECONDS = 600,    /* that a replaced key signs handshakes under way */
    KEEPER_CHECK_AT_ONCE =
        256,                 /* certificates that are looked at closely before they are used ... */
    KEEPER_CHECK_EVERY = 10, /* ... the others one by one, in so many milliseconds each */
    KEEPER_QUEUE_SECONDS = 10, /* until what is due is queued anew behind what waits */
    KEEPER_SETTLE_SECONDS = 1, /* after a change of the configuration */
    KEEPER_DRAIN_SECONDS = 3,  /* for what is under way */
    KEEPER_TICKETS = 3,        /* next, in force, previous */
    KEEPER_TICKET_BYTES = 80,
    KEEPER_TICKET_HOURS = 8,
    /* Between attempts, doubling: while the site has a certificate, and while it has none. */
    KEEPER_BACKOFF_SECONDS = 60,
    KEEPER_BACKOFF_SECONDS_MAX = 6 * 3600,
    KEEPER_BACKOFF_SECONDS_WITHOUT = 5,
    KEEPER_BACKOFF_SECONDS_WITHOUT_MAX = 900,
    KEEPER_PAUSE_HOURS_MAX = 24, /* when the server asks for more */
};

struct keeper;

/* A worker of the gateway. */
struct keeper_worker {
    struct list link;
    struct keeper *keeper;
    uint8_t instance;
    struct ipc_chan *chan; /* borrowed until the frame says that it is gone */
    uint64_t sent;         /* version of the newest identity on its way or there */
    uint64_t segment;      /* number of the one that it has */
    struct list pushes;    /* on their way */
    unsigned pushing, refusals;
    uint64_t back;  /* the oldest version refused since `again` was set; 0: none */
    uint64_t stuck; /* that of the time before, and how often it was in a row */
    unsigned tries;
    uint64_t tickets; /* generation that it has, or is being sent */
    bool ticketing;
    struct ev_timer again;
};

/* Of an external account at another CA. */
struct keeper_binding {
    struct str url;     /* of the directory */
    struct secret *key; /* NULL: it could not be read, for this reason */
    struct err why;
};

struct keeper {
    struct role_env *env;
    struct arena arena; /* roots */
    struct str roots[KEEPER_ROOTS_MAX];
    size_t n_roots;
    unsigned possible; /* algorithms of keys, bits 1 << enum conf_key_algorithm, that these roots
                          certify: of others no certificate can be had */
    struct crypto_key *account;
    struct client_transport *transport; /* a test's, if there is one at the start */
    struct client *client;              /* NULL until started */

    struct ipc_chan *core;
    struct ipc_call *vouch;
    bool vouched;
    struct ev_timer vouch_again;
    unsigned vouch_failures;

    struct shared_pool words; /* names of profiles, paths of responders */
    struct keeper_pairs pairs;
    uint64_t segment;      /* number of that of `pairs`, 1 or more */
    struct list unchecked; /* slots whose certificates are still to be looked at closely */
    size_t loaded;         /* at once */
    struct ev_timer check;
    struct list slots;
    struct list next;        /* new ones of the configuration that was prepared */
    struct map index;        /* both, by what they are for */
    struct keeper_row *rows; /* fresh.c */
    size_t n_rows, max_rows;
    size_t active;  /* runs at our CA */
    size_t outside; /* at others */
    struct ipc_chan *emissary, *front, *runner;
    struct keeper_binding bindings[CONF_DIRECTORIES_MAX];
    size_t n_bindings;
    struct list cas, proofs, events;
    size_t n_cas, n_proofs, n_events;
    struct ipc_call *telling; /* core, of an event */
    struct ev_timer tell_again;
    uint64_t version;     /* the newest of all slots */
    struct list turns[2]; /* slots that are due, the most pressing first: at our CA, at others */
    bool requeue;         /* others may be due */
    struct ev_timer due;
    struct ev_defer pump;

    struct list staples; /* slots that wait to ask for an OCSP answer */
    size_t stapling;     /* under way */
    struct ev_timer staple_due;
    when_t staple_at; /* when that is */
    struct ev_defer staple_pump;

    struct list workers;
    size_t n_workers;
    struct secret *tickets; /* newest first: next, in force, previous */
    uint64_t tickets_made;  /* generations so far */
    struct ev_timer rotate;

    bool draining;
    struct ev_timer patience;
};

/* ---- measure.c */

/* role_def.measure. */
void keeper_measure(struct role_env *env);

/* ---- issue.c */

/* When what is in force is renewed. */
when_t keeper_issue_renewal(const struct keeper_slot *slot);
/* Looks what is due, in the next turn of the loop. */
void keeper_issue_look(struct keeper *k);
/* The same in a moment, after a change of the configuration: all roles take it at once, but core
 * may be a little later than this one, and would then not know a new site, or its new profile. */
void keeper_issue_soon(struct keeper *k);
/* Core is there and vouches, or is not. */
void keeper_issue_reached(struct keeper *k);
/* When its next order is due; 0: at once. */
when_t keeper_issue_due(const struct keeper_slot *slot);
void keeper_issue_init(struct keeper *k);
void keeper_issue_stop(struct keeper *k);
/* Gives up what is under way for it. */
void keeper_issue_cancel(struct keeper_slot *slot);
/* Renews now, whatever the time. */
void keeper_issue_force(struct keeper_slot *slot);

/* ---- push.c */

enum rc keeper_push_init(struct keeper *k);
void keeper_push_done(struct keeper *k);
/* That worker has come, or has gone (NULL). */
void keeper_push_peer(struct keeper *k, uint8_t instance, struct ipc_chan *chan);
/* All pairs go into a new segment, of which workers learn with what is pushed next. */
void keeper_segment_renew(struct keeper *k);
/* There are new identities. */
void keeper_push_look(struct keeper *k);

/* ---- handshake.c */

/* Signs for a worker; a handler, `arg` is the role_env. */
void keeper_on_handshake(void *arg, struct ipc_req *req, const void *msg, int fd);

/* ---- tell.c */

/* Handlers; `arg` is the role_env. */
void keeper_on_sites(void *arg, struct ipc_req *req, const void *msg, int fd);
void keeper_on_renew(void *arg, struct ipc_req *req, const void *msg, int fd);
