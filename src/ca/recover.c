/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations that nobody works on: a crash, or a signer that was away. Their bytes are on disk,
 * so the signer is asked for exactly the same certificate again. */
#include "ca/issue_int.h"
#include "store/accounts.h"
#include "store/orders.h"
#include "store/store.h"

enum { RECOVER_BATCH = 32, RECOVER_ARENA = 8 * 1024 * 1024 };

MSG(msg_restart, "ca.voided-restart",
    "the request ended before its certificate was signed, and nobody waits for it any more");
MSG(msg_unreadable, "ca.voided-unreadable",
    "what was reserved cannot be signed any more as it was: {0}; ask again");

static bool under_way(const struct ca *ca, const struct id *issuance)
{
    LIST_FOREACH (link, &ca->jobs) {
        const struct ca_job *job = LIST_ENTRY(link, struct ca_job, link);

        if (str_eq(id_str(&job->issuance.id), id_str(issuance)))
            return true;
    }
    return false;
}

/* What the certificate's row will say comes from the order again. */
static enum rc refill_request(struct ca_job *job, struct store_txn *txn)
{
    struct store_order order;

    TRY(store_order_get(txn, &job->arena, &job->issuance.order, &order));
    job->req.account = order.account;
    job->req.order = order.id;
    job->req.requester = order.created_from;
    job->req.profile = job->issuance.profile;
    job->req.origin = job->issuance.origin;
    job->req.reason = job->issuance.why;
    job->req.shown = job->issuance.shown;
    job->logical = job->issuance.logical;
    job->replaces = job->issuance.replaces;
    return RC_OK;
}

static enum rc refill_leaf(struct ca_job *job)
{
    struct x509_cert tbs;

    job->issuer = ca_issuer_by_id(job->ca, &job->issuance.issuer);
    if (!job->issuer)
        return RC_NOTFOUND;
    TRY(x509_tbs_parse(&job->arena, job->issuance.tbs, &tbs, &job->err));
    job->leaf = (struct ca_leaf){
        .profile = job->issuance.profile,
        .serial = tbs.serial,
        .spki = tbs.spki,
        .dns = tbs.dns,
        .n_dns = tbs.n_dns,
        .ips = tbs.ips,
        .n_ips = tbs.n_ips,
        .emails = tbs.emails,
        .n_emails = tbs.n_emails,
        .uris = tbs.uris,
        .n_uris = tbs.n_uris,
        .common_name = tbs.common_name,
        .not_before = tbs.not_before,
        .not_after = tbs.not_after,
    };
    return RC_OK;
}

static void give_up(struct ca_job *job, enum rc rc)
{
    char text[256];
    struct err why = job->err;

    why.rc = rc;
    IGNORE_RC(ERR(&job->err, rc, msg_unreadable, str_of(err_textz(&why, text, sizeof(text)))));
    ca_job_void(job);
}

static void resume(struct ca *ca, struct store_txn *txn, const struct id *issuance, when_t now)
{
    struct ca_job *job;
    enum rc rc;

    if (ca_job_new(ca, &job) != RC_OK)
        return; /* the next look finds it again */
    job->recovered = true;
    ca->n_recovered++;
    job->now = now;
    job->issuance.id = *issuance;
    rc = store_issuance_get(txn, &job->arena, issuance, &job->issuance);
    if (rc != RC_OK) {
        ca_job_end(job, rc);
        return;
    }
    if (!job->issuance.order.z[0]) {
        IGNORE_RC(ERR(&job->err, RC_CANCELLED, msg_restart));
        ca_job_void(job);
        return;
    }
    rc = refill_request(job, txn);
    if (rc == RC_OK)
        rc = refill_leaf(job);
    if (rc == RC_OK)
        ca_job_sign(job);
    else if (ca_transient(rc))
        ca_job_end(job, rc);
    else
        give_up(job, rc);
}

/* A page of reservations at a time, so that many big ones need no more memory than few. */
static enum rc recover_page(struct ca *ca, struct store_cursor *at, when_t now)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(RECOVER_ARENA);
    struct store_issuance *rows;
    size_t n;

    TRY(store_issuance_reserved(store_read(ca->store), &a, RECOVER_BATCH, at, &rows, &n));
    for (size_t i = 0; i < n; i++) {
        if (under_way(ca, &rows[i].id))
            continue;
        ca->more = ca->n_recovered >= CA_RECOVERS_MAX;
        if (ca->more)
            return RC_QUOTA;
        resume(ca, store_read(ca->store), &rows[i].id, now);
    }
    return RC_OK;
}

/* Not while the clock is wrong: what is reserved waits, as what is asked for now has to. */
void ca_recover(struct ca *ca)
{
    struct store_cursor at = {0};
    when_t now;

    ca->more = false;
    /* A leap is seen here even when nothing is being issued. */
    if (ca_clock_guard_look(&ca->guard, &now, NULL) != RC_OK)
        return;
    while (ca->signer && !at.end)
        if (recover_page(ca, &at, now) != RC_OK)
            return; /* the next look finds them again */
}

/* The next few of many follow at once, unless something is wrong: then with the next tick. */
void ca_recover_ended(struct ca *ca, enum rc rc)
{
    ca->n_recovered--;
    if (ca->more && ca->n_recovered == 0 && rc == RC_OK)
        ev_timer_start(&ca->recover_timer, 0, CA_RECOVER_SECONDS * WHEN_SECOND);
}

void ca_recover_tick(void *arg)
{
    struct ca *ca = arg;

    ca_wait_expire(ca);
    ca_wait_send(ca);
    ca_recover(ca);
}
