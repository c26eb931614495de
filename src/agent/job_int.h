/* SPDX-License-Identifier: Apache-2.0 */
/* One certificate's job, among the files that do it. */
#pragma once

#include "agent/job.h"
#include "agent/proxy.h"
#include "agent/token.h"
#include "client/renewal.h"
#include "ev/ev.h"

enum { CERTID_MAX = 128, SERVERS = 2 };

/* Of a server that does not answer, while there is another one to ask, or nothing urgent: what one
 * takes to start anew; and of one that is known not to answer, which is asked once. */
#define AGENT_PATIENCE (5 * WHEN_SECOND)
#define AGENT_NO_PATIENCE INT64_C(1)
/* Of a server that has had an order since an earlier run, to say what has become of it. */
#define AGENT_LOOK_PATIENCE (5 * WHEN_SECOND)
/* For a certificate by a hook: the daemon kills what takes two hours. */
#define AGENT_RUN_MOST (100 * WHEN_MINUTE)

struct job {
    const struct agent_options *o;
    struct agent_world world;
    struct agent_place place;
    struct agent_proxies proxies;
    struct agent_tokens tokens;
    struct agent_server servers[SERVERS], *at; /* the first and the second; who is asked */
    const struct agent_binding *binding;
    struct agent_solver *solver;
    struct client_run *run;
    struct ev_signal *interrupt, *terminate;
    struct agent_key key;
    bool key_refused; /* by the server, or what it is asked with */
    bool no_reuse;    /* in this run, for it was */
    struct buf chain; /* that came */
    int status;       /* of the server's refusal */
    struct client_trouble trouble;
    bool kept;      /* the order that runs is on disk (agent/kept.h), ... */
    when_t kept_at; /* ... of then, if it was begun before, else 0, ... */
    unsigned tries; /* ... and then so many runs have had it */
    bool waited;    /* the server had not decided about it then */
    struct agent_state state;
    struct arena arena;
    bool ended, stopped;
    bool silent;      /* the first server is, as far as is known */
    struct err cause; /* found here, when it was asked when to renew; no message: it was not */
    bool remembered;  /* the failure is */
    bool renews;      /* by the plan that is in the place */
    /* of the chain in force */
    char certid[CERTID_MAX];
    when_t not_before, not_after;
    when_t latest; /* of the one in place when a new one is ordered: it can wait so long; 0: there
                      is none */
    /* Monotonic: the order, its end, and when its certificate was taken into use; the clock may
     * leap in between. */
    int64_t began, obtained, used;
    bool outside; /* of its windows it is */
    bool stapled; /* an OCSP answer came with the one that is taken into use */
    struct agent_outcome *out;
    struct err *err;
    enum rc rc;
};

when_t agent_job_now(const struct job *j);
int64_t agent_job_mono(const struct job *j);
/* Runs the loop until what was begun has ended, or a signal came. */
void agent_job_wait(struct job *j);
/* RC_CANCELLED, and what to say then. */
enum rc agent_job_stopped(struct err *err);
/* The first or the second server, opened, becomes j->at. */
enum rc agent_job_server(struct job *j, bool fallback, struct err *err);
/* Whether whoever was asked has answered; it is the first server that counts. */
void agent_job_heard(struct job *j, bool answered);
/* Takes what is remembered of a certificate while it is looked at. */
enum rc agent_job_times(struct job *j, const struct x509_cert *leaf);

/* order.c. Orders a certificate, naming the one before where that was the same server's, and writes
 * it as a generation that is pending. */
enum rc agent_job_order(struct job *j, struct str replaces);

/* use.c. The one that is pending: written down as held for others, and in its place where there was
 * none before; or taken into use, as agent_deploy. What went wrong is remembered, and told. */
enum rc agent_job_hold(struct job *j);
enum rc agent_job_take(struct job *j);

/* refresh.c. The OCSP answer, where the plan wants one; what fails is said and remembered. Of the
 * one that is pending, before it is taken into use; and when it was, with what went wrong in
 * telling of it. */
void agent_job_staple_new(struct job *j);
void agent_job_staple_used(struct job *j, const struct err *untold);
/* Of the one in use: whether it is time, and fetched and put in place then. True: there is another
 * one than before, which is to be told of. */
bool agent_job_staple_due(const struct job *j);
bool agent_job_staple(struct job *j);
void agent_job_staple_tell(struct job *j, bool fresh);

/* remember.c. Writes it down. */
enum rc agent_job_save(struct job *j, struct err *err);
/* The one that is pending was issued; is in use. */
void agent_job_issued(struct job *j);
void agent_job_used(struct job *j, bool proven);
/* No pause follows where nobody was asked: what is wrong is on this machine. */
void agent_job_cause(struct job *j);
/* A pause follows. */
void agent_job_failed(struct job *j);
/* The server has the order: no failure, and the next run looks at it. */
void agent_job_undecided(struct job *j);
/* The one that is pending waits for its window, until out->ready_at. */
bool agent_job_waits(struct job *j);
/* Says so, and writes it down. */
enum rc agent_job_wait_ready(struct job *j);
/* It is taken into use now; it is renewed now: said, where that is outside of its windows. */
void agent_job_use(struct job *j);
void agent_job_renews(const struct job *j);
