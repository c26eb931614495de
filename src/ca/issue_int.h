/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the issuing pipeline share: issue.c (begin, reserve), sign.c (sign, compare,
 * commit, void), recover.c. */
#pragma once

#include "base/list.h"
#include "ca/issue.h"
#include "conf/conf.h"
#include "ev/ev.h"
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
    struct arena arena; /* issuers */
    struct store_issuer *rows;
    struct ca_issuer *issuers;
    size_t n_issuers;
    struct list jobs;
    size_t n_jobs;
};

struct ca_job {
    struct list link;
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
/* In the transaction of the reservation: logical id and predecessor of a job with a lineage. */
enum rc ca_lineage_find(struct store_txn *txn, struct ca_job *job);
/* With everything in the job reserved on disk: asks the signer. */
void ca_job_sign(struct ca_job *job);
/* Gives the reservation up for the reason in job->err. */
void ca_job_void(struct ca_job *job);
const struct ca_issuer *ca_issuer_by_id(const struct ca *ca, const struct id *id);
void ca_recover_tick(void *ca);
