/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/issue.h"

#include "audit/audit.h"
#include "ca/issue_int.h"
#include "ev/clock.h"
#include "json/out.h"
#include "store/keys.h"
#include "store/meta.h"
#include "store/store.h"

MSG(msg_over, "ca.over",
    "the certificate would end at {0}, which is past; ask for a later notAfter in a new order");
MSG(msg_no_issuer, "ca.no-issuer",
    "this CA has no active issuer for {0} keys; `autarky status` shows what there is");
MSG(msg_no_issuers, "ca.register-without-issuers",
    "the register names no issuer; the data directory is not one that `autarky init` finished");
MSG(msg_profile, "ca.no-profile",
    "the configuration has no profile \"{0}\"; it has to be under \"profiles:\"");
MSG(msg_blocked, "ca.key-blocked",
    "this public key was revoked as compromised at {0} and is never certified again; make a new "
    "key");
MSG(msg_busy, "ca.busy",
    "as many certificates as this CA issues at a time are under way; try again in a few seconds");

/* ---- the authority */

static enum rc load_issuers(struct ca *ca, struct err *err)
{
    size_t n;

    TRY(store_issuer_list(store_read(ca->store), &ca->arena, 1u << STORE_ISSUER_ACTIVE, &ca->rows,
                          &n));
    if (n == 0)
        return ERR(err, RC_NOTFOUND, msg_no_issuers);
    ca->issuers = ARENA_ARRAY(&ca->arena, struct ca_issuer, n);
    if (!ca->issuers)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++) {
        struct ca_issuer *issuer = &ca->issuers[ca->n_issuers];

        issuer->id = ca->rows[i].id;
        issuer->ref = ca->rows[i].name;
        TRY(x509_cert_parse(&ca->arena, ca->rows[i].certificate, &issuer->cert, err));
        TRY(x509_cert_key(&issuer->cert, &issuer->key, err));
        ca->n_issuers++;
    }
    return RC_OK;
}

enum rc ca_new(const struct ca_options *options, struct ca **out, struct err *err)
{
    CLEANUP(ca_freep) struct ca *ca = MEM_NEW(struct ca);
    when_t high;

    if (!ca)
        return RC_NOMEM;
    ca->ev = options->ev;
    ca->store = options->store;
    ca->orders = options->orders;
    ca->conf = conf_ref(options->conf);
    list_init(&ca->jobs);
    list_init(&ca->waiting);
    ev_timer_init(&ca->recover_timer, ca->ev, ca_recover_tick, ca);
    arena_init(&ca->arena, 4 * 1024 * 1024);
    TRY(load_issuers(ca, err));
    TRY(store_clock_high(store_read(ca->store), &high));
    ca_clock_guard_init(&ca->guard, ev_clock(ca->ev), high);
    ev_timer_start(&ca->recover_timer, CA_RECOVER_SECONDS * WHEN_SECOND,
                   CA_RECOVER_SECONDS * WHEN_SECOND);
    *out = MOVE(ca);
    return RC_OK;
}

void ca_free(struct ca *ca)
{
    if (!ca)
        return;
    LIST_FOREACH (link, &ca->jobs)
        ca_job_end(LIST_ENTRY(link, struct ca_job, link), RC_CANCELLED);
    ev_timer_stop(&ca->recover_timer);
    for (size_t i = 0; i < ca->n_issuers; i++)
        crypto_key_unref(ca->issuers[i].key);
    conf_unref(ca->conf);
    arena_done(&ca->arena);
    mem_free(ca);
}

void ca_set_conf(struct ca *ca, const struct conf *conf)
{
    const struct conf *old = ca->conf;

    ca->conf = conf_ref(conf);
    conf_unref(old);
}

void ca_set_signer(struct ca *ca, struct ipc_chan *signer)
{
    ca->signer = signer;
    ca_wait_send(ca); /* without one, what waits is for recovery */
    if (signer)
        ca_recover(ca);
}

enum rc ca_ready(struct ca *ca, struct err *err)
{
    when_t now;

    return ca_clock_guard_look(&ca->guard, &now, err);
}

size_t ca_pending(const struct ca *ca)
{
    return ca->n_jobs;
}

const struct ca_issuer *ca_issuer_by_id(const struct ca *ca, const struct id *id)
{
    for (size_t i = 0; i < ca->n_issuers; i++)
        if (str_eq(id_str(&ca->issuers[i].id), id_str(id)))
            return &ca->issuers[i];
    return NULL;
}

const struct ca_issuer *ca_issuer_find(const struct ca *ca, struct str ref)
{
    for (size_t i = 0; i < ca->n_issuers; i++)
        if (str_eq(ca->issuers[i].ref, ref))
            return &ca->issuers[i];
    return NULL;
}

enum rc ca_chain_pem(const struct ca *ca, const struct id *issuer, struct str leaf, struct buf *out)
{
    const struct ca_issuer *at = ca_issuer_by_id(ca, issuer);

    if (!at)
        return RC_NOTFOUND;
    x509_cert_put_pem(leaf, out);
    /* A root is self-issued, and the client has it already or must not learn it here. */
    for (size_t i = 0; at && !x509_cert_self_issued(&at->cert) && i < X509_CHAIN_MAX; i++) {
        x509_cert_put_pem(at->cert.der, out);
        at = ca_issuer_by_id(ca, &ca->rows[at - ca->issuers].parent);
    }
    return buf_rc(out);
}

/* ---- jobs */

enum rc ca_job_new(struct ca *ca, struct ca_job **out)
{
    struct ca_job *job = ca->n_jobs < CA_ISSUES_MAX ? MEM_NEW(struct ca_job) : NULL;

    if (!job)
        return ca->n_jobs < CA_ISSUES_MAX ? RC_NOMEM : RC_QUOTA;
    job->ca = ca;
    arena_init(&job->arena, CA_JOB_ARENA);
    list_init(&job->link);
    list_init(&job->wait);
    list_push(&ca->jobs, &job->link);
    ca->n_jobs++;
    *out = job;
    return RC_OK;
}

void ca_job_end(struct ca_job *job, enum rc rc)
{
    list_remove(&job->link);
    list_remove(&job->wait);
    job->ca->n_jobs--;
    if (job->recovered)
        ca_recover_ended(job->ca, rc);
    if (job->done)
        job->done(job->arg, rc, rc == RC_OK ? &job->cert : NULL, &job->err);
    arena_done(&job->arena);
    mem_free(job);
}

/* An issuer whose own signatures are of the kind of the key, so that a client that can check the
 * one can check the other; any other rather than none. Roots have no key here and are not asked. */
static const struct ca_issuer *choose_issuer(const struct ca *ca, enum crypto_key_type type)
{
    struct str wanted = type == CRYPTO_KEY_RSA ? STR("rsa") : STR("ecdsa");
    const struct ca_issuer *any = NULL;

    for (size_t i = 0; i < ca->n_issuers; i++) {
        if (ca->rows[i].key_ref.n == 0)
            continue;
        if (str_eq(ca->rows[i].algorithm, wanted))
            return &ca->issuers[i];
        any = any ? any : &ca->issuers[i];
    }
    return any;
}

static enum rc copy_strs(struct arena *a, const struct str *from, size_t n, const struct str **out)
{
    struct str *copy = ARENA_ARRAY(a, struct str, n);

    if (!copy)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++)
        TRY(arena_str(a, from[i], &copy[i]));
    *out = copy;
    return RC_OK;
}

static enum rc copy_request(struct ca_job *job, const struct ca_request *req)
{
    struct arena *a = &job->arena;
    struct addr *ips = ARENA_ARRAY(a, struct addr, req->n_ips);
    struct str *texts[] = {&job->req.profile, &job->req.spki, &job->req.origin,  &job->req.reason,
                           &job->req.owner,   &job->req.team, &job->req.service, &job->req.lineage};

    job->req = *req;
    if (!ips)
        return RC_NOMEM;
    if (req->n_ips)
        memcpy(ips, req->ips, req->n_ips * sizeof(*ips));
    job->req.ips = ips;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        TRY(arena_str(a, *texts[i], texts[i]));
    return copy_strs(a, req->dns, req->n_dns, &job->req.dns);
}

/* The names as the register wants them. */
static enum rc list_names(struct ca_job *job)
{
    const struct ca_request *req = &job->req;
    struct store_name *names = ARENA_ARRAY(&job->arena, struct store_name, req->n_dns + req->n_ips);
    char text[ADDR_TEXT];

    if (!names)
        return RC_NOMEM;
    for (size_t i = 0; i < req->n_dns; i++)
        names[i] = (struct store_name){STORE_NAME_DNS, req->dns[i]};
    for (size_t i = 0; i < req->n_ips; i++) {
        struct store_name *name = &names[req->n_dns + i];

        name->type = STORE_NAME_IP;
        TRY(arena_str(&job->arena, str_of(addr_text(&req->ips[i], text)), &name->value));
    }
    job->issuance.names = names;
    job->issuance.n_names = req->n_dns + req->n_ips;
    return RC_OK;
}

static enum rc fill_leaf(struct ca_job *job, const struct conf_profile *profile)
{
    const struct ca *ca = job->ca;
    struct ca_leaf *leaf = &job->leaf;
    char over[WHEN_TEXT];

    *leaf = (struct ca_leaf){
        .profile = job->req.profile,
        .spki = job->req.spki,
        .dns = job->req.dns,
        .n_dns = job->req.n_dns,
        .ips = job->req.ips,
        .n_ips = job->req.n_ips,
    };
    /* Whole seconds, because that is what a certificate can say. The last second counts as valid
     * (RFC 5280 section 4.1.2.5), hence the one that is taken off. A leaf never outlives its
     * issuer. */
    leaf->not_before = (job->now - ca->conf->ca.backdate) / WHEN_SECOND * WHEN_SECOND;
    leaf->not_after = leaf->not_before + profile->lifetime - WHEN_SECOND;
    if (job->req.not_before > leaf->not_before)
        leaf->not_before = job->req.not_before / WHEN_SECOND * WHEN_SECOND;
    if (job->req.not_after && leaf->not_after > job->req.not_after)
        leaf->not_after = job->req.not_after / WHEN_SECOND * WHEN_SECOND;
    if (leaf->not_after > job->issuer->cert.not_after)
        leaf->not_after = job->issuer->cert.not_after;
    if (leaf->not_after <= job->now)
        return PROBLEM(&job->err, RC_DENIED, "malformed", msg_over,
                       str_of(when_text(leaf->not_after, over)));
    return x509_serial_random(&leaf->serial);
}

static enum rc fill_issuance(struct ca_job *job)
{
    struct store_issuance *row = &job->issuance;
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);

    TRY(ca_leaf_tbs(&job->leaf, job->issuer, job->req.key_type, job->ca->conf, &tbs, &job->err));
    TRY(arena_str(&job->arena, buf_str(&tbs), &row->tbs));
    TRY(crypto_sha256(row->tbs, row->tbs_sha256.b));
    TRY(crypto_sha256(job->req.spki, row->spki_sha256.b));
    TRY(id_new(&row->id));
    row->order = job->req.order;
    row->serial = x509_serial_bytes(&job->leaf.serial);
    row->issuer = job->issuer->id;
    row->profile = job->req.profile;
    row->origin = job->req.origin;
    row->created = job->now;
    return list_names(job);
}

static enum rc prepare(struct ca_job *job, const struct ca_request *req)
{
    struct ca *ca = job->ca;
    const struct conf_profile *profile = conf_profile_find(ca->conf, req->profile);

    if (!profile)
        return ERR(&job->err, RC_NOTFOUND, msg_profile, req->profile);
    TRY(ca_clock_guard_look(&ca->guard, &job->now, &job->err));
    job->issuer = choose_issuer(ca, req->key_type);
    if (!job->issuer)
        return ERR(&job->err, RC_NOTFOUND, msg_no_issuer,
                   str_of(crypto_key_type_text(req->key_type)));
    TRY(copy_request(job, req));
    TRY(fill_leaf(job, profile));
    return fill_issuance(job);
}

/* ---- reserve: one transaction, on the writer's thread */

static enum rc check_blocked(struct store_txn *txn, struct ca_job *job)
{
    struct store_blocked_key blocked;
    char at[WHEN_TEXT];
    enum rc rc = store_key_blocked(txn, &job->arena, &job->issuance.spki_sha256, &blocked);

    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    return PROBLEM(&job->err, RC_DENIED, "badPublicKey", msg_blocked,
                   str_of(when_text(blocked.blocked, at)));
}

static enum rc audit_reserved(struct store_txn *txn, struct ca_job *job)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    char serial[X509_SERIAL_TEXT];
    struct json_out o;
    struct audit_event event = {
        .at = job->now,
        .actor_kind = job->req.account.z[0] ? AUDIT_ACCOUNT : AUDIT_SYSTEM,
        .actor = id_str(&job->req.account),
        .action = "certificate.reserved",
        .object_kind = "issuance",
        .object = id_str(&job->issuance.id),
        .request = id_str(&job->req.request),
        .address = job->req.requester,
        .reason = job->req.reason,
    };

    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "serial", x509_serial_text(&job->leaf.serial, serial));
    json_kv_str(&o, "issuer", job->issuer->ref);
    json_kv_str(&o, "profile", job->req.profile);
    json_kv_id(&o, "order", &job->req.order);
    json_key(&o, "names");
    json_arr(&o);
    for (size_t i = 0; i < job->issuance.n_names; i++)
        json_put_str(&o, job->issuance.names[i].value);
    json_end(&o);
    json_end(&o);
    TRY(json_out_done(&o));
    event.detail = buf_str(&detail);
    return audit_append(txn, &event, NULL);
}

static enum rc reserve_fn(struct store_txn *txn, void *arg)
{
    struct ca_job *job = arg;

    job->err = ERR_INIT;
    if (job->req.reserve)
        TRY(job->req.reserve(txn, job->req.reserve_arg, &job->err));
    TRY(check_blocked(txn, job));
    TRY(store_clock_raise(txn, job->now));
    if (job->req.lineage.n)
        TRY(ca_lineage_find(txn, job));
    TRY(store_issuance_reserve(txn, &job->issuance));
    return audit_reserved(txn, job);
}

static void reserve_done(enum rc rc, void *arg)
{
    struct ca_job *job = arg;

    if (rc != RC_OK) {
        ca_job_end(job, rc);
        return;
    }
    ca_clock_guard_raised(&job->ca->guard, job->now);
    ca_job_sign(job);
}

enum rc ca_issue(struct ca *ca, const struct ca_request *request, ca_done done, void *arg,
                 struct err *err)
{
    struct ca_job *job;
    enum rc rc = ca_job_new(ca, &job);

    if (rc == RC_QUOTA)
        return ERR(err, RC_QUOTA, msg_busy);
    TRY(rc);
    rc = prepare(job, request);
    if (rc == RC_OK)
        rc = store_write(ca->store, reserve_fn, reserve_done, job);
    if (rc != RC_OK) {
        if (err)
            *err = job->err;
        ca_job_end(job, rc); /* nobody is told: done is not set yet */
        return rc;
    }
    job->done = done;
    job->arg = arg;
    return RC_OK;
}
