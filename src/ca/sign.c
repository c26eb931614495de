/* SPDX-License-Identifier: Apache-2.0 */
/* The second half of an issuance: the reservation is on disk; from here it ends as a certificate,
 * as a voided serial, or stays for recovery. */
#include "audit/audit.h"
#include "ca/issue_int.h"
#include "ipc/chan.h"
#include "json/out.h"
#include "metrics/metrics.h"
#include "store/store.h"

MSG(msg_differs, "ca.certificate-differs",
    "the signer returned another certificate than was reserved under serial {0}; it was not given "
    "out. The signer's configuration or program may differ from core's: restart `autarky serve`");

static struct str serial_text(const struct ca_job *job, char text[static X509_SERIAL_TEXT])
{
    return str_of(x509_serial_text(&job->leaf.serial, text));
}

enum { ORIGIN_ACME, ORIGIN_SYSTEM, ORIGIN_OTHER };
static const char *const algorithms[] = {"rsa", "ecdsa", "other"};
static const char *const origins[] = {"acme", "system", "other"};
METRIC_COUNTER_BY2(issued_total, "issued_total",
                   "Certificates issued, by the algorithm of their issuer", "algorithm", algorithms,
                   "origin", origins);
METRIC_COUNTER(voided_total, "issuances_voided_total",
               "Serial numbers that were reserved and given up");

static void count_issued(const struct ca_job *job)
{
    struct str origin = job->req.origin;
    struct str by = job->issuer->algorithm;
    size_t alg = str_eq(by, STR("rsa")) ? 0 : str_eq(by, STR("ecdsa")) ? 1 : 2;

    metric_add(&issued_total,
               metric_at(&issued_total, alg,
                         str_eq(origin, STR("acme"))     ? ORIGIN_ACME
                         : str_eq(origin, STR("system")) ? ORIGIN_SYSTEM
                                                         : ORIGIN_OTHER),
               1);
}

/* ---- commit */

static void fill_certificate(struct ca_job *job, struct str der)
{
    const struct ca_request *req = &job->req;

    job->cert = (struct store_certificate){
        .id = job->cert.id,
        .serial = job->issuance.serial,
        .der = der,
        .issuer = job->issuance.issuer,
        .hierarchy = job->issuer->hierarchy,
        .profile = req->profile,
        .not_before = job->leaf.not_before,
        .not_after = job->leaf.not_after,
        .spki_sha256 = job->issuance.spki_sha256,
        .authority_key_id = job->issuer->cert.ski,
        .names = job->issuance.names,
        .n_names = job->issuance.n_names,
        .origin = req->origin,
        .account = req->account,
        .order = req->order,
        .requester = req->requester,
        .shown = req->shown,
        .reason = req->reason,
        .owner = req->owner,
        .team = req->team,
        .service = req->service,
        .logical = job->logical.z[0] ? job->logical : job->cert.id,
        .replaces = job->replaces,
        .issued = job->now,
        .status = STORE_CERTIFICATE_VALID,
    };
}

static enum rc audit_end(struct store_txn *txn, struct ca_job *job, const char *action,
                         const char *kind, const struct id *object, struct str detail)
{
    struct audit_event event = {
        .at = job->now,
        .actor_kind = AUDIT_SYSTEM,
        .action = action,
        .object_kind = kind,
        .object = id_str(object),
        .request = id_str(&job->req.request),
        .address = job->req.requester,
        .reason = job->req.reason,
        .detail = detail,
    };

    return audit_append(txn, &event, NULL);
}

/* All that who reads a copy of the log needs to know which certificate it is, and to find it. */
static enum rc audit_issued(struct store_txn *txn, struct ca_job *job)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    char serial[X509_SERIAL_TEXT];
    struct json_out o;

    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "serial", serial_text(job, serial));
    json_kv_id(&o, "account", &job->req.account);
    json_kv_id(&o, "issuance", &job->issuance.id);
    json_kv_str(&o, "origin", job->req.origin);
    if (job->req.rules.n)
        json_kv_str(&o, "rules", job->req.rules);
    if (job->replaces.z[0])
        json_kv_id(&o, "replaces", &job->replaces);
    json_kv_b64url(&o, "sha256", str_bytes(job->cert.fingerprint.b, STORE_SHA256));
    json_kv_when(&o, "not_before", job->cert.not_before);
    json_kv_when(&o, "not_after", job->cert.not_after);
    ca_job_put_names(&o, job);
    json_end(&o);
    TRY(json_out_done(&o));
    return audit_end(txn, job, "certificate.issued", "certificate", &job->cert.id,
                     buf_str(&detail));
}

static enum rc commit_fn(struct store_txn *txn, void *arg)
{
    struct ca_job *job = arg;

    /* A reservation may have waited for the signer while its key was given up. */
    TRY(ca_job_blocked(txn, job));
    TRY(store_certificate_add(txn, &job->cert, &job->issuance.id));
    TRY(ca_job_escrow(txn, job));
    TRY(store_issuance_finish(txn, &job->issuance.id, job->now));
    if (job->req.order.z[0])
        TRY(job->ca->orders->finish(txn, &job->req.order, &job->cert));
    return audit_issued(txn, job);
}

/* ---- void */

static enum rc void_fn(struct store_txn *txn, void *arg)
{
    struct ca_job *job = arg;
    CLEANUP(buf_done) struct buf why = BUF_INIT(STORE_TEXT_MAX);

    err_text(&job->err, &why);
    if (buf_rc(&why) != RC_OK) {
        buf_reset(&why);
        buf_putz(&why, rc_text(job->err.rc));
    }
    TRY(store_issuance_void(txn, &job->issuance.id, job->now, buf_str(&why)));
    if (job->req.order.z[0])
        TRY(job->ca->orders->fail(txn, &job->req.order, &job->err, job->now));
    return audit_end(txn, job, "issuance.voided", "issuance", &job->issuance.id,
                     (struct str){NULL, 0});
}

static void void_done(enum rc rc, void *arg)
{
    struct ca_job *job = arg;

    if (rc == RC_OK)
        metric_add(&voided_total, 0, 1);
    ca_job_end(job, rc == RC_OK ? job->err.rc : RC_AGAIN);
}

void ca_job_void(struct ca_job *job)
{
    if (store_write(job->ca->store, void_fn, void_done, job) != RC_OK)
        ca_job_end(job, RC_AGAIN);
}

static void commit_done(enum rc rc, void *arg)
{
    struct ca_job *job = arg;

    if (rc == RC_DENIED) {
        job->err.rc = rc;
        ca_job_void(job);
        return;
    }
    if (rc == RC_OK)
        count_issued(job);
    /* What could not be written stays reserved; recovery signs the same bytes again. */
    ca_job_end(job, rc == RC_OK ? RC_OK : RC_AGAIN);
}

/* ---- sign and compare */

/* The signer is another process with its own copy of everything: what it returns counts only if it
 * is, to the byte, what was reserved, under a signature that the issuer's certificate verifies. */
static enum rc compare(struct ca_job *job, struct str der)
{
    char serial[X509_SERIAL_TEXT];
    struct str kept;
    enum rc rc;

    TRY(arena_str(&job->arena, der, &kept));
    rc = x509_cert_check_tbs(kept, job->issuance.tbs, job->issuer->key, &job->err);
    if (rc == RC_CONFLICT)
        return ERR(&job->err, RC_CORRUPT, msg_differs, serial_text(job, serial));
    TRY(rc);
    TRY(id_new(&job->cert.id));
    fill_certificate(job, kept);
    return crypto_sha256(kept, job->cert.fingerprint.b);
}

bool ca_transient(enum rc rc)
{
    return rc == RC_CLOSED || rc == RC_TIMEOUT || rc == RC_QUOTA || rc == RC_AGAIN ||
           rc == RC_CANCELLED || rc == RC_NOMEM || rc == RC_IO;
}

static void take_answer(struct ca_job *job, const struct ipc_answer *answer)
{
    enum rc rc = answer->rc;

    if (rc == RC_OK) {
        const struct ipc_sign_reply *reply = answer->msg;

        rc = compare(job, reply->certificate);
    } else if (answer->err) {
        job->err = *answer->err;
    }
    if (rc == RC_OK && store_write(job->ca->store, commit_fn, commit_done, job) == RC_OK)
        return;
    if (rc == RC_OK || ca_transient(rc)) {
        ca_job_end(job, RC_AGAIN);
        return;
    }
    if (job->err.rc == RC_OK)
        job->err.rc = rc;
    ca_job_void(job);
}

/* An answer gives a credit back. */
static void signed_fn(void *arg, const struct ipc_answer *answer)
{
    struct ca_job *job = arg;
    struct ca *ca = job->ca;

    take_answer(job, answer);
    ca_wait_send(ca);
}

static enum rc ask_signer(struct ca_job *job)
{
    struct ipc_address *addresses = ARENA_ARRAY(&job->arena, struct ipc_address, job->leaf.n_ips);
    struct ipc_sign msg = {
        .issuer = job->issuer->ref,
        .profile = job->leaf.profile,
        .serial = x509_serial_bytes(&job->leaf.serial),
        .spki = job->leaf.spki,
        .names = {job->leaf.dns, job->leaf.n_dns},
        .addresses = {addresses, job->leaf.n_ips},
        .emails = {job->leaf.emails, job->leaf.n_emails},
        .uris = {job->leaf.uris, job->leaf.n_uris},
        .common_name = job->leaf.common_name,
        .not_before = job->leaf.not_before,
        .not_after = job->leaf.not_after,
        .reference = job->issuance.id,
    };
    struct ipc_ask ask = {
        .type = IPC_SIGN,
        .msg = &msg,
        .timeout = CA_SIGN_SECONDS * WHEN_SECOND,
        .about = job->req.request.z[0] ? &job->req.request : NULL,
        .fn = signed_fn,
        .arg = job,
    };

    if (!addresses)
        return RC_NOMEM;
    for (size_t i = 0; i < job->leaf.n_ips; i++)
        addresses[i].addr = job->leaf.ips[i];
    return job->ca->signer ? ipc_call(job->ca->signer, &ask, NULL) : RC_CLOSED;
}

enum rc ca_job_send(struct ca_job *job)
{
    enum rc rc = ask_signer(job);

    if (rc == RC_QUOTA)
        return rc;
    list_remove(&job->wait);
    if (rc == RC_OK)
        return rc;
    if (ca_transient(rc)) {
        ca_job_end(job, RC_AGAIN);
        return rc;
    }
    job->err.rc = rc;
    ca_job_void(job);
    return rc;
}

void ca_job_sign(struct ca_job *job)
{
    struct ca *ca = job->ca;

    if (!list_empty(&ca->waiting) || ca_job_send(job) == RC_QUOTA)
        ca_wait_add(job);
}
