/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the ACME client: client.c (the account's object), setup.c (directory and account,
 * once for all runs), nonce.c, request.c (one request until it has its answer), run.c (the life of
 * a run), order.c, authorization.c, certificate.c,
 * alternate.c, look.c (its steps). */
#pragma once

#include "base/list.h"
#include "client/client.h"
#include "crypto/key.h"
#include "ev/ev.h"
#include "jose/jwk.h"
#include "jose/jws.h"

enum {
    CLIENT_ARENA_MAX = 1 << 20,       /* of one document, or of what a run keeps */
    CLIENT_CHAIN_ARENA_MAX = 4 << 20, /* of a chain taken apart */
};

/* ---- nonces: the newest first, the oldest pushed out */

struct client_nonces {
    char z[CLIENT_NONCES_MAX][JOSE_NONCE_MAX + 1];
    size_t n, newest;
};

/* Keeps it if it is one; "" is none. */
void client_nonce_put(struct client_nonces *p, struct str nonce);
/* False when there is none. */
bool client_nonce_take(struct client_nonces *p, char out[static JOSE_NONCE_MAX + 1]);

/* ---- one request */

/* What is borrowed lives until the callback. */
struct client_reply {
    enum rc rc; /* RC_OK: 2xx */
    struct err *err;
    struct str problem;
    when_t retry_at;
    const struct client_answer *answer; /* NULL when there is none */
};

struct client_request {
    struct client *c;
    const char *what; /* for messages: "newOrder" */
    struct str url, accept;
    struct str payload; /* of a POST; empty: POST-as-GET */
    bool get;           /* unsigned */
    bool with_key;      /* signed with the key itself: there is no account yet */
    size_t max_body;
    void (*fn)(void *arg, const struct client_reply *reply);
    void *arg;

    struct client_exchange *exchange;
    struct ev_timer again;
    unsigned tries, bad_nonces;
    int64_t began;   /* monotonic, of the first attempt */
    bool unanswered; /* nobody answered; `again` will try once more */
};

void client_request_init(struct client_request *r, struct client *c);
/* What is set in *r, all of it borrowed until the callback, which never comes from inside. */
void client_request_start(struct client_request *r);
/* Makes the next attempt now, if it waits because nobody answered the last one. */
void client_request_hurry(struct client_request *r);
/* Gives up; allowed always. */
void client_request_stop(struct client_request *r);

/* ---- directory and account */

struct client {
    struct ev *ev;
    struct client_transport *transport;
    const struct client_solver *solvers;
    size_t n_solvers;
    struct crypto_key *key;
    struct jose_jwk *jwk;
    struct arena arena; /* of what comes with the configuration */
    struct str directory_url;
    const struct str *roots;
    size_t n_roots;
    bool only_existing, agree_terms, any_root, one_host;
    const struct str *contacts;
    size_t n_contacts;
    struct str eab_kid, eab_key;

    struct client_nonces nonces;
    struct list runs;    /* all of them */
    struct list waiting; /* for directory and account, by `wait` */
    size_t n_runs;

    struct arena directory_arena;
    struct client_directory directory;
    char kid[CLIENT_URL_MAX + 1]; /* URL of the account; "": not known */
    bool stale;                   /* read again before the next use */
    int64_t fresh_until;          /* monotonic */
    struct client_request setup;
    struct buf payload; /* of `setup` */
    bool setting_up;
    int64_t patience; /* 0: there is no limit but that of tries */
    bool heard;       /* it has answered since the directory was asked for */
};

void client_setup_init(struct client *c);
void client_setup_done(struct client *c);
/* Calls client_run_go or client_run_fail, now or later. */
void client_setup_wait(struct client_run *run);

/* ---- runs */

struct client_run {
    struct list link, wait;
    struct client *c;
    struct arena arena; /* of what was asked for */
    const struct str *dns;
    const struct addr *ips;
    size_t n_dns, n_ips;
    struct crypto_key *key; /* NULL: client_look */
    struct str profile, replaces, certid, chain_choice;

    struct client_request request;
    struct buf payload;
    struct ev_defer begin;
    struct ev_timer pause, deadline, decide;
    int64_t timeout, patience; /* the second: as client_want.decide */
    bool deciding;             /* the server is, about this order */
    when_t decided_at;         /* and does not want to be asked before; 0: it names no time */
    void (*then)(struct client_run *run);
    unsigned polls, finalizes, preflights;
    bool again;   /* the account had to be looked up anew */
    bool account; /* which is all that is wanted */
    bool ours;    /* the failure: a proof could not be made */

    struct arena order_arena;
    struct client_order order;
    struct str order_url; /* in `arena` */
    struct str resumed;   /* the URL of one of before; empty: none, or no more */
    enum rc (*keep)(void *arg, struct str order, struct err *err); /* NULL: none, or it did */
    void *keep_arg;

    struct arena alternates_arena;
    const struct str *alternates; /* URLs of other chains */
    size_t n_alternates, next_alternate;
    struct buf first; /* the first chain as it came, should none of these be the one */

    size_t at; /* authorization under way */
    struct arena authorization_arena, proof_arena;
    const struct client_solver *solver; /* whose proof is presented, or being made */
    struct client_proof proof;
    struct str challenge_url; /* in proof_arena */
    /* All proofs of the order, of a solver that wants them so; in proof_arena. */
    struct client_batch {
        struct client_proof *proofs;
        struct str *urls; /* of their challenges */
        size_t *of;       /* their authorizations */
        size_t n, at;     /* how many; which one the server is asked to look for */
        bool gathering;   /* they are not presented yet */
        const struct client_solver *solver; /* who will */
    } batch;

    client_result_fn fn;
    void *arg;
};

/* Directory and account are there. */
void client_run_go(struct client_run *run);
/* Ends it; `reply` may be NULL. */
void client_run_fail(struct client_run *run, enum rc rc, struct err *err,
                     const struct client_reply *reply);
void client_run_finish(struct client_run *run, struct client_result *result);
/* A signed POST of run->payload, or POST-as-GET when that is empty. */
void client_run_post(struct client_run *run, const char *what, struct str url,
                     void (*fn)(void *arg, const struct client_reply *reply));
/* The server has the order, and is asked for it again at `at`, or after the next pause. */
void client_run_undecided(struct client_run *run, when_t at);
/* Goes on with `then` at `at`, or after the next pause of polling when that is 0. */
void client_run_pause(struct client_run *run, when_t at, void (*then)(struct client_run *run));

void client_order_begin(struct client_run *run);
/* Reads the order again, and goes on from what it says. */
void client_order_look(struct client_run *run);
/* All authorizations, from the first. */
void client_authorizations_begin(struct client_run *run);
/* Takes away what was presented. */
void client_proof_drop(struct client_run *run);
void client_certificate_begin(struct client_run *run);
/* What came for the certificate, checked; ends the run. */
void client_certificate_take(struct client_run *run, struct str pem, bool chosen);
/* Whether the chain is the one that is wanted; RC_NOTFOUND: it is not. */
enum rc client_alternate_fits(const struct client_run *run, struct str pem);
/* Asks for the other chains, one after the other, until one is; `first` and its links are what came
 * for the certificate. Ends the run. */
void client_alternates_begin(struct client_run *run, const struct client_answer *first);
void client_look_begin(struct client_run *run);
