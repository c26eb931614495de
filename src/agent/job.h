/* SPDX-License-Identifier: Apache-2.0 */
/* One certificate being obtained or renewed, from what is remembered of it to files in their place:
 * account, proof, order, installation. It runs a loop of its own until it has ended, and does
 * nothing that needs a server of ours. */
#pragma once

#include "agent/key.h"
#include "agent/server.h"
#include "agent/silence.h"

struct agent_options {
    const char *dir; /* where the certificate is, or is to be */
    /* As agent_world.say. */
    void (*say)(void *arg, bool warn, const char *line);
    void *arg;
    bool dry_run;
    bool force;              /* renew although it is not due */
    enum agent_key_wish key; /* of the next certificate */
    bool despite_window;     /* now, whatever the windows of the plan say */
    /* The first server is known to give no answer just now: it is not asked where there is a second
     * one, and once, briefly, where there is none. */
    bool first_silent;
    /* For a server that has all it needs and has not decided; 0: as long as usual, and a look at
     * an order that had to wait before. */
    int64_t decide;
    /* Of agent_obtain: no service is told yet, and what an earlier run has held is not ordered
     * again; but where there was nothing in the directory before, the files are there already. */
    bool holds;
    bool takes; /* of agent_renew: into use now, whatever it was held for, and failed of */
    struct agent_silence *silence; /* the same of all servers, learnt and used; NULL: nobody's */
};

struct agent_outcome {
    bool issued;      /* a new certificate is in place */
    bool fallback;    /* by the second server */
    when_t not_after; /* of the one in place; 0: there is none */
    when_t renew_at;  /* 0: not known */
    when_t retry_at;  /* after a failure: not before; 0: the server names no time */
    /* It was obtained, and was not taken into use, or is not seen to be: agent/deploy.h. Where
     * there was one before, that is in place. The next renewal begins there. */
    bool unproven;
    /* A rehearsal came so far as to ask the server, which says that it is so late; 0: it does not.
     */
    bool asked;
    when_t server_time;
    bool undecided;  /* the server has the order and has not decided: retry_at says when to look */
    when_t waits;    /* after failures nothing was tried before then; 0: it was, or is not due */
    bool due;        /* a rehearsal: something would be done now */
    bool stapled;    /* the OCSP answer in place is another one */
    when_t ready_at; /* a new certificate is there, and waits for its window then; 0: it does not */
    bool held;       /* and not for a window, but for others that one service shows */
};

/* Obtains a certificate by `plan`, and remembers it. Where the plan has a second server there is an
 * account at it afterwards, or a warning. On failure what was in the directory is as it
 * was. RC_AGAIN: another autarky is at work there; the same with out->undecided: the server has the
 * order, which the next run goes on with, as agent_renew does where there was nothing before;
 * RC_CANCELLED: a signal ended it; as agent_deploy with out->unproven; as client results and as
 * agent_place_install otherwise. */
enum rc agent_obtain(const struct agent_options *o, const struct agent_plan *plan,
                     const struct agent_binding *binding, struct agent_outcome *out,
                     struct err *err);
/* Renews what was obtained in the directory, if that is due: by ARI where the server has it, else
 * by lifetime, at the latest in its last tenth. A failure is remembered, and until a pause that
 * grows has passed nothing is tried again (RC_OK, nothing issued) unless `force`. RC_AGAIN with
 * out->undecided is no failure: the next run looks at the same order. RC_NOTFOUND: nothing was
 * obtained there. */
enum rc agent_renew(const struct agent_options *o, struct agent_outcome *out, struct err *err);
