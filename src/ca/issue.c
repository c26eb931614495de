/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/issue.h"

#include "audit/audit.h"
#include "ca/issue_int.h"
#include "ca/lock.h"
#include "ev/clock.h"
#include "json/out.h"
#include "log/log.h"
#include "store/keys.h"
#include "store/meta.h"
#include "store/store.h"

MSG(msg_over, "ca.over",
    "the certificate would end at {0}, which is past; ask for a later notAfter in a new order");
MSG(msg_profile, "ca.no-profile",
    "the configuration has no profile \"{0}\"; it has to be under \"profiles:\"");
MSG(msg_repeated, "ca.key-repeated",
    "this key is in a certificate of another account; make a new one, which nobody else has");
MSG(msg_blocked, "ca.key-blocked",
    "this public key was revoked as compromised at {0} and is never certified again; make a new "
    "key");
MSG(msg_busy, "ca.busy",
    "as many certificates as this CA issues at a time are under way; try again in a few seconds");

/* ---- the authority */

enum { ISSUERS_ARENA = 32 * 1024 * 1024 };

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
    arena_init(&ca->arena, ISSUERS_ARENA);
    TRY(ca_reload_issuers(ca, err));
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
        crypto_key_unref(ca->issuers[i]->key);
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

enum rc ca_request_hosts(const struct ca_request *req, struct arena *a, struct policy_names *out)
{
    struct str *dns = ARENA_ARRAY(a, struct str, req->n_dns + req->n_emails + req->n_uris);
    struct addr *ips = ARENA_ARRAY(a, struct addr, req->n_ips + req->n_uris);
    struct policy_names names = {dns, 0, ips, 0};

    if (!dns || !ips)
        return RC_NOMEM;
    for (size_t i = 0; i < req->n_dns; i++)
        dns[names.n_dns++] = req->dns[i];
    for (size_t i = 0; i < req->n_ips; i++)
        ips[names.n_ips++] = req->ips[i];
    for (size_t i = 0; i < req->n_emails; i++)
        dns[names.n_dns++] = name_email_domain(req->emails[i]);
    for (size_t i = 0; i < req->n_uris; i++) {
        struct str host = name_uri_host(req->uris[i]);

        if (addr_parse(host, &ips[names.n_ips]) == RC_OK)
            names.n_ips++;
        else
            dns[names.n_dns++] = host;
    }
    *out = names;
    return RC_OK;
}

/* By the names: the hierarchy that may vouch for all of them, and in it an issuer that is made for
 * them. */
static enum rc choose_issuer(struct ca_job *job, const struct ca_request *req, when_t lifetime)
{
    struct policy_names names;
    struct ca_need need = {.type = req->key_type,
                           .names = &names,
                           .emails = req->emails,
                           .n_emails = req->n_emails,
                           .lifetime = lifetime,
                           .now = job->now};

    TRY(ca_request_hosts(req, &job->arena, &names));
    TRY(ca_hierarchy_for(job->ca, &names, req->staging, &need.hierarchy, &job->err));
    return ca_issuer_for(job->ca, &need, &job->issuer, &job->err);
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
    struct str *texts[] = {&job->req.profile, &job->req.spki,    &job->req.common_name,
                           &job->req.origin,  &job->req.reason,  &job->req.owner,
                           &job->req.team,    &job->req.service, &job->req.lineage,
                           &job->req.asker,   &job->req.rules,   &job->req.escrow};

    job->req = *req;
    if (!ips)
        return RC_NOMEM;
    if (req->n_ips)
        memcpy(ips, req->ips, req->n_ips * sizeof(*ips));
    job->req.ips = ips;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        TRY(arena_str(a, *texts[i], texts[i]));
    TRY(copy_strs(a, req->dns, req->n_dns, &job->req.dns));
    TRY(copy_strs(a, req->emails, req->n_emails, &job->req.emails));
    return copy_strs(a, req->uris, req->n_uris, &job->req.uris);
}

/* The names as the register wants them. */
static enum rc list_names(struct ca_job *job)
{
    const struct ca_request *req = &job->req;
    size_t n = req->n_dns + req->n_ips + req->n_emails + req->n_uris;
    struct store_name *names = ARENA_ARRAY(&job->arena, struct store_name, n);
    char text[ADDR_TEXT];

    if (!names)
        return RC_NOMEM;
    job->issuance.names = names;
    job->issuance.n_names = n;
    for (size_t i = 0; i < req->n_dns; i++)
        *names++ = (struct store_name){STORE_NAME_DNS, req->dns[i]};
    for (size_t i = 0; i < req->n_ips; i++, names++) {
        names->type = STORE_NAME_IP;
        TRY(arena_str(&job->arena, str_of(addr_text(&req->ips[i], text)), &names->value));
    }
    for (size_t i = 0; i < req->n_emails; i++)
        *names++ = (struct store_name){STORE_NAME_EMAIL, req->emails[i]};
    for (size_t i = 0; i < req->n_uris; i++)
        *names++ = (struct store_name){STORE_NAME_URI, req->uris[i]};
    return RC_OK;
}

static enum rc fill_leaf(struct ca_job *job, const struct conf_profile *profile)
{
    struct ca_leaf *leaf = &job->leaf;
    char until[WHEN_TEXT];

    *leaf = (struct ca_leaf){
        .profile = job->req.profile,
        .spki = job->req.spki,
        .dns = job->req.dns,
        .n_dns = job->req.n_dns,
        .ips = job->req.ips,
        .n_ips = job->req.n_ips,
        .emails = job->req.emails,
        .n_emails = job->req.n_emails,
        .uris = job->req.uris,
        .n_uris = job->req.n_uris,
        .common_name = job->req.common_name,
    };
    TRY(ca_leaf_check_names(leaf, profile, &job->err));
    /* Whole seconds, because that is what a certificate can say. The last second counts as valid
     * (RFC 5280 section 4.1.2.5), hence the one that is taken off. A leaf lies within the time of
     * its issuer. */
    leaf->not_before = (job->now - profile->backdate) / WHEN_SECOND * WHEN_SECOND;
    if (leaf->not_before < job->issuer->cert.not_before)
        leaf->not_before = job->issuer->cert.not_before;
    leaf->not_after = leaf->not_before + profile->lifetime - WHEN_SECOND;
    if (job->req.not_before > leaf->not_before)
        leaf->not_before = job->req.not_before / WHEN_SECOND * WHEN_SECOND;
    if (job->req.not_after && leaf->not_after > job->req.not_after)
        leaf->not_after = job->req.not_after / WHEN_SECOND * WHEN_SECOND;
    if (leaf->not_after > job->issuer->cert.not_after) {
        leaf->not_after = job->issuer->cert.not_after;
        log_info("ca.lifetime-cut", LOG_STR("issuer", job->issuer->ref),
                 LOG_STR("profile", profile->name),
                 LOG_Z("not_after", when_text(leaf->not_after, until)),
                 LOG_TEXT("no certificate outlives its issuer; `autarky issuer rotate` makes its "
                          "replacement"));
    }
    if (leaf->not_after <= job->now)
        return PROBLEM(&job->err, RC_DENIED, "malformed", msg_over,
                       str_of(when_text(leaf->not_after, until)));
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
    row->why = job->req.reason;
    row->shown = job->req.shown;
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
    TRY(choose_issuer(job, req, profile->lifetime));
    TRY(copy_request(job, req));
    TRY(fill_leaf(job, profile));
    return fill_issuance(job);
}

/* ---- reserve: one transaction, on the writer's thread */

enum rc ca_job_blocked(struct store_txn *txn, struct ca_job *job)
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

/* Two that have one private key can each read, and speak for, what is the other's. Whoever acts for
 * no account is an administrator, who may have reasons. Staging and the rest do not count each
 * other's: a client tries things out under another account. */
static enum rc check_repeated(struct store_txn *txn, struct ca_job *job)
{
    struct store_certificate_filter with_key = {
        .spki = &job->issuance.spki_sha256,
        .staging = job->req.staging ? STORE_STAGING_ONLY : STORE_STAGING_NOT,
    };
    uint64_t all, own;

    if (!job->req.account.z[0] || job->req.renews.z[0])
        return RC_OK;
    TRY(store_certificate_count(txn, &with_key, &all));
    if (all == 0)
        return RC_OK;
    with_key.account = job->req.account;
    TRY(store_certificate_count(txn, &with_key, &own));
    return own == all ? RC_OK : PROBLEM(&job->err, RC_DENIED, "badPublicKey", msg_repeated);
}

void ca_job_put_names(struct json_out *o, const struct ca_job *job)
{
    json_key(o, "names");
    json_arr(o);
    for (size_t i = 0; i < job->issuance.n_names; i++)
        json_put_str(o, job->issuance.names[i].value);
    json_end(o);
}

static enum rc audit_reserved(struct store_txn *txn, struct ca_job *job)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    char serial[X509_SERIAL_TEXT];
    struct json_out o;
    struct audit_event event = {
        .at = job->now,
        .actor_kind = job->req.asker.n        ? AUDIT_OPERATOR
                      : job->req.account.z[0] ? AUDIT_ACCOUNT
                                              : AUDIT_SYSTEM,
        .actor = job->req.asker.n ? job->req.asker : id_str(&job->req.account),
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
    if (job->req.rules.n)
        json_kv_str(&o, "rules", job->req.rules);
    if (job->req.shown.z[0])
        json_kv_id(&o, "client_certificate", &job->req.shown);
    json_kv_str(&o, "origin", job->req.origin);
    if (job->req.key_made)
        json_kv_bool(&o, "key_made", true);
    json_kv_id(&o, "order", &job->req.order);
    ca_job_put_names(&o, job);
    json_end(&o);
    TRY(json_out_done(&o));
    event.detail = buf_str(&detail);
    return audit_append(txn, &event, NULL);
}

/* What this program lives on itself has to go on, or nobody could lift a lock. */
static enum rc check_locks(struct store_txn *txn, struct ca_job *job)
{
    struct ca_lock_ask ask = {
        .names = job->issuance.names,
        .n_names = job->issuance.n_names,
        .issuer = job->issuer->ref,
        .account = job->req.account,
        .renews = job->req.renews.z[0] != '\0',
    };

    if (str_eq(job->req.origin, STR("system")))
        return RC_OK;
    return ca_lock_judge(txn, &job->arena, &ask, job->now, &job->err);
}

static enum rc reserve_fn(struct store_txn *txn, void *arg)
{
    struct ca_job *job = arg;

    job->err = ERR_INIT;
    if (job->req.reserve)
        TRY(job->req.reserve(txn, job->req.reserve_arg, &job->err));
    TRY(check_locks(txn, job));
    TRY(ca_job_blocked(txn, job));
    TRY(check_repeated(txn, job));
    TRY(store_clock_raise(txn, job->now));
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
