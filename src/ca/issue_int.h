/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the issuing pipeline share: issue.c (begin, reserve), wait.c (until
 * the signer has room), sign.c (sign, compare, commit, void), recover.c. */
#pragma once

#include "base/list.h"
#include "ca/issue.h"
#include "conf/conf.h"
#include "ev/ev.h"
#include "json/out.h"
#include "policy/policy.h"
#include "store/issuances.h"
#include "store/issuers.h"

struct ca {
    struct ev *ev;
    struct store *store;
    const struct conf *conf;
    const struct ca_order_ops *orders;
    struct ipc_chan *signer;
    struct ca_clock_guard guard;
    struct ev_timer recover_timer;
    /* Every authority there ever was, oldest first; jobs point at them, so none goes before the
     * end. */
    struct arena arena;
    struct ca_issuer *issuers[CA_REGISTER_MAX];
    size_t n_issuers;
    struct ca_cross *crosses[CA_REGISTER_MAX];
    size_t n_crosses;
    struct list jobs;
    size_t n_jobs;
    size_t n_recovered;  /* of these */
    bool more;           /* recovery left some for later */
    struct list waiting; /* for the signer to have room, in the order of their turns */
    uint64_t turn;       /* of the one that was sent last */
};

struct ca_job {
    struct list link;
    struct list wait;   /* in ca->waiting, or in no list */
    uint64_t turn;      /* while it waits */
    int64_t wait_until; /* clock_mono */
    bool recovered;
    struct ca *ca;
    struct arena arena;
    struct ca_request req;
    struct id logical;  /* "": its own */
    struct id replaces; /* "": none */
    const struct ca_issuer *issuer;
    struct ca_leaf leaf;
    struct store_issuance issuance;
    struct store_certificate cert;
    struct err err;
    when_t now;
    ca_done done; /* NULL: recovered, nobody waits */
    void *arg;
};

/* Adds an empty job to the list; RC_QUOTA, RC_NOMEM. */
enum rc ca_job_new(struct ca *ca, struct ca_job **out);
/* Tells who waits and frees the job. */
void ca_job_end(struct ca_job *job, enum rc rc);
/* Failures that another attempt may mend: no signer just now, too busy, no memory, a database that
 * cannot be read. They never void a reservation. */
bool ca_transient(enum rc rc);
/* In the transaction of the reservation: logical id and predecessor of a job, by its lineage or by
 * what its request names; neither where it has none. */
enum rc ca_lineage_find(struct store_txn *txn, struct ca_job *job);
/* escrow.c. In the transaction of the certificate, behind it: the key that was made for it, where
 * it is to be kept, and the event that says so. */
enum rc ca_job_escrow(struct store_txn *txn, const struct ca_job *job);
/* "names": all of them, for an event's detail. */
void ca_job_put_names(struct json_out *o, const struct ca_job *job);
/* In a transaction: RC_DENIED and why when the key was revoked as compromised. */
enum rc ca_job_blocked(struct store_txn *txn, struct ca_job *job);
/* With everything in the job reserved on disk: asks the signer, at once or in its turn. */
void ca_job_sign(struct ca_job *job);
/* The same without waiting: RC_QUOTA when the signer has no room, and the job is as it was;
 * anything else: the job is on its way or at its end. */
enum rc ca_job_send(struct ca_job *job);
/* wait.c. Queues it: each account, and the system as one more, in its turn. */
void ca_wait_add(struct ca_job *job);
/* Sends as many as the signer takes. */
void ca_wait_send(struct ca *ca);
/* Leaves to recovery what has waited too long. */
void ca_wait_expire(struct ca *ca);
/* Gives the reservation up for the reason in job->err. */
void ca_job_void(struct ca_job *job);
/* issuers.c */
/* What an issuer has to be able to do. */
struct ca_need {
    struct str hierarchy;
    enum crypto_key_type type;
    const struct policy_names *names; /* NULL: not asked */
    const struct str *emails; /* whose hosts are among `names`; constraints have their own */
    size_t n_emails;
    when_t lifetime; /* 0: not asked; else the one that outlives it comes first */
    when_t now;
};
/* RC_NOTFOUND with what is missing: none of that kind, or none whose constraints permit a name. */
enum rc ca_issuer_for(const struct ca *ca, const struct ca_need *need, const struct ca_issuer **out,
                      struct err *err);
void ca_recover_tick(void *arg);
/* One that recovery had taken up is at its end. */
void ca_recover_ended(struct ca *ca, enum rc rc);
