/* SPDX-License-Identifier: Apache-2.0 */
/* A list, from its number to its publication: number (on disk), entries (one snapshot), signature,
 * comparison, publication (on disk). A crash in between costs a number; it never gives one number
 * two contents. */
#include <stdio.h>

#include "crypto/crypto.h"
#include "http/problem.h"
#include "http/response.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "revocation/revocation_int.h"

MSG(msg_differs, "revocation.crl-differs",
    "the signer returned another list than was asked for; it was not published. The signer's "
    "configuration or program may differ from core's: restart `autarky serve`");

enum { CRL_ARENA = 32 << 20, PARSE_ARENA = 8 << 20 };

static const char *const kinds[] = {"complete", "delta"};
METRIC_COUNTER_BY(published_total, "crls_published_total", "Revocation lists published", "kind",
                  kinds);
METRIC_COUNTER(failed_total, "crls_failed_total", "Revocation lists that could not be made");
static const int64_t bounds[] = {5'000,   10'000,  25'000,    50'000,    100'000,
                                 250'000, 500'000, 1'000'000, 2'500'000, 10'000'000};
METRIC_TIMES(crl_seconds, "crl_seconds",
             "From taking up a shard to the publication of its revocation list", bounds);

struct crl_job {
    struct list link;
    struct revocation *r;
    const struct ca_issuer *issuer;
    struct store_shard shard;
    bool delta, scheduled;
    int64_t began; /* clock_mono */
    uint64_t number;
    struct arena arena; /* entries, message, list */
    struct ipc_sign_crl msg;
    struct ipc_call *call;
    struct store_publication publication;
    when_t postponed;
    struct err err;
};

static when_t now_of(const struct revocation *r)
{
    return clock_now(ev_clock(r->ev));
}

/* New lists come twice in the life of one at least, so that one that fails does no harm. */
static when_t every_of(const struct revocation *r)
{
    when_t half = r->conf->revocation.crl.lifetime / 2;

    return r->conf->revocation.crl.every < half ? r->conf->revocation.crl.every : half;
}

static void job_end(struct crl_job *job)
{
    struct revocation *r = job->r;

    list_remove(&job->link);
    r->n_lists--;
    arena_done(&job->arena);
    mem_free(job);
    revocation_look_soon(r);
}

void revocation_crls_stop(struct revocation *r)
{
    LIST_FOREACH (link, &r->lists) {
        struct crl_job *job = LIST_ENTRY(link, struct crl_job, link);

        list_remove(&job->link);
        arena_done(&job->arena);
        mem_free(job);
    }
    r->n_lists = 0;
}

bool revocation_crl_under_way(const struct revocation *r, const struct store_shard *shard)
{
    LIST_FOREACH (link, &r->lists) {
        const struct crl_job *job = LIST_ENTRY(link, struct crl_job, link);

        if (job->shard.shard == shard->shard &&
            str_eq(id_str(&job->shard.issuer), id_str(&shard->issuer)))
            return true;
    }
    return false;
}

/* ---- when it fails */

static enum rc postpone_fn(struct store_txn *txn, void *arg)
{
    const struct crl_job *job = arg;

    return store_shard_postpone(txn, &job->shard.issuer, job->shard.shard, job->postponed);
}

static void postpone_done(enum rc rc, void *arg)
{
    IGNORE_RC(rc); /* then it is still due, and looked at with the others */
    job_end(arg);
}

static void fail(struct crl_job *job, enum rc rc)
{
    struct revocation *r = job->r;

    if (job->err.rc == RC_OK)
        job->err.rc = rc;
    metric_add(&failed_total, 0, 1);
    log_error("revocation.crl-failed", LOG_STR("issuer", job->issuer ? job->issuer->ref : STR("")),
              LOG_INT("shard", job->shard.shard), LOG_ERR(&job->err));
    /* Whose key is elsewhere never gets a list here. */
    job->postponed = job->issuer && !job->issuer->has_key
                         ? INT64_MAX
                         : now_of(r) + REVOCATION_RETRY_SECONDS * WHEN_SECOND;
    if (store_write(r->store, postpone_fn, postpone_done, job) != RC_OK)
        job_end(job);
}

/* ---- publication */

void revocation_crl_tag(struct str ref, unsigned shard, bool delta, char tag[static IPC_TAG_MAX])
{
    snprintf(tag, IPC_TAG_MAX, "crl %.*s %u%s", STR_ARG(str_head(ref, CA_REF_MAX)), shard,
             delta ? " delta" : "");
}

static enum rc publish_fn(struct store_txn *txn, void *arg)
{
    const struct crl_job *job = arg;

    return revocation_publish(txn, &job->publication, now_of(job->r));
}

static void begin_number(struct crl_job *job);

/* With deltas, each complete list is followed by one, which replaces what was before it. */
static bool goes_on(struct crl_job *job)
{
    if (job->delta || job->r->conf->revocation.crl.delta != CONF_ON || job->r->stopping)
        return false;
    job->delta = true;
    arena_done(&job->arena);
    arena_init(&job->arena, CRL_ARENA);
    begin_number(job);
    return true;
}

static void published(enum rc rc, void *arg)
{
    struct crl_job *job = arg;
    struct revocation *r = job->r;
    char tag[IPC_TAG_MAX];

    if (rc != RC_OK) {
        fail(job, rc);
        return;
    }
    revocation_crl_tag(job->issuer->ref, job->shard.shard, job->delta, tag);
    r->forget(r->arg, str_of(tag));
    metric_add(&published_total, job->delta, 1);
    metric_observe(&crl_seconds, 0, clock_mono(ev_clock(r->ev)) - job->began);
    log_info("revocation.crl-published", LOG_STR("issuer", job->issuer->ref),
             LOG_INT("shard", job->shard.shard), LOG_BOOL("delta", job->delta),
             LOG_INT("number", job->number), LOG_INT("entries", job->msg.entries.n),
             LOG_INT("bytes", job->publication.crl.der.n));
    if (!goes_on(job))
        job_end(job);
}

/* Up to a tenth earlier than it must be, so that shards do not all come due together. */
static when_t jitter(when_t span)
{
    uint32_t random = 0;

    IGNORE_RC(crypto_random(&random, sizeof(random)));
    return span / 10 * (random % 1024) / 1024;
}

static when_t due_of(const struct crl_job *job)
{
    when_t every = every_of(job->r);

    /* A delta leaves the complete list's date as it is. */
    if (job->delta)
        return job->shard.full_update + every - jitter(every);
    return job->msg.this_update + every - jitter(every);
}

static void publish(struct crl_job *job, struct str der)
{
    enum rc rc;

    job->publication = (struct store_publication){
        .crl = {.issuer = job->shard.issuer,
                .shard = job->shard.shard,
                .delta = job->delta,
                .number = job->number,
                .change = job->shard.change,
                .this_update = job->msg.this_update,
                .next_update = job->msg.next_update,
                .entries = job->msg.entries.n,
                .der = der},
        .due = due_of(job),
        .expired_before = job->shard.scheduled,
        .scheduled = job->scheduled,
    };
    rc = store_write(job->r->store, publish_fn, published, job);
    if (rc != RC_OK)
        fail(job, rc);
}

/* ---- signature and comparison */

static enum rc build_wanted(struct crl_job *job, struct buf *out)
{
    struct x509_crl_entry *entries =
        ARENA_ARRAY(&job->arena, struct x509_crl_entry, job->msg.entries.n);
    CLEANUP(ca_status_urls_done) struct ca_status_urls urls = {};
    struct x509_crl_in in;

    if (!entries)
        return RC_NOMEM;
    TRY(ca_status_crl_in(job->r->conf, job->issuer, &job->msg, entries, &urls, &in));
    return x509_crl_build(&in, out, &job->err);
}

/* The signer is another process: what it returns counts only if it is, to the byte, what was
 * wanted, under a signature that the issuer's certificate verifies. */
static enum rc compare(struct crl_job *job, struct str der)
{
    CLEANUP(buf_done) struct buf wanted = BUF_INIT(X509_CRL_MAX);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(PARSE_ARENA);
    struct x509_crl crl;

    TRY(build_wanted(job, &wanted));
    TRY(x509_crl_parse(&a, der, &crl, &job->err));
    if (!str_eq(crl.tbs, buf_str(&wanted)))
        return ERR(&job->err, RC_CORRUPT, msg_differs);
    return x509_crl_check(&crl, &job->issuer->cert, job->issuer->key, &job->err);
}

static void signed_fn(void *arg, const struct ipc_answer *answer)
{
    struct crl_job *job = arg;
    struct str der = {NULL, 0};
    enum rc rc = answer->rc;

    job->call = NULL;
    if (job->r->stopping)
        return;
    if (rc == RC_OK) {
        const struct ipc_sign_crl_reply *reply = answer->msg;

        rc = compare(job, reply->crl);
        if (rc == RC_OK)
            rc = arena_str(&job->arena, reply->crl, &der);
    } else if (answer->err) {
        job->err = *answer->err;
    }
    if (rc == RC_OK)
        publish(job, der);
    else
        fail(job, rc);
}

/* ---- entries */

static enum rc fill(struct crl_job *job, const struct store_revocation *list, size_t n)
{
    const struct conf *conf = job->r->conf;
    struct ipc_revoked *entries = ARENA_ARRAY(&job->arena, struct ipc_revoked, n);
    when_t now = now_of(job->r);

    if (!entries)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++)
        entries[i] = (struct ipc_revoked){
            .serial = str_bytes(list[i].serial, list[i].serial_n),
            .at = list[i].revoked - list[i].revoked % WHEN_SECOND,
            .reason = (uint8_t)list[i].reason,
        };
    now -= now % WHEN_SECOND;
    job->msg = (struct ipc_sign_crl){
        .issuer = job->issuer->ref,
        .shard = job->shard.shard,
        .delta = job->delta,
        .number = job->number,
        .base = job->delta ? job->shard.base_number : 0,
        .this_update = now,
        /* A delta is replaced with the complete list at the latest. */
        .next_update = now + (job->delta ? every_of(job->r) : conf->revocation.crl.lifetime),
        .entries = {entries, n},
    };
    return RC_OK;
}

/* Shard and entries at one moment. */
static enum rc read_entries(struct crl_job *job, struct store_txn *txn)
{
    struct store_crl_filter filter;
    struct store_revocation *list;
    size_t n;

    TRY(store_shard_get(txn, &job->shard.issuer, job->shard.shard, &job->shard));
    filter =
        (struct store_crl_filter){job->delta ? job->shard.base_change : 0, job->shard.scheduled};
    TRY(store_crl_entries(txn, &job->arena, &job->shard, &filter, &list, &n));
    return fill(job, list, n);
}

static enum rc ask_signer(struct crl_job *job)
{
    struct revocation *r = job->r;
    struct ipc_ask ask = {
        .type = IPC_SIGN_CRL,
        .msg = &job->msg,
        .timeout = REVOCATION_SIGN_SECONDS * WHEN_SECOND,
        .fn = signed_fn,
        .arg = job,
    };
    struct store_txn *txn;
    enum rc rc;

    TRY(store_read_begin(r->store, &txn));
    rc = read_entries(job, txn);
    store_read_end(txn);
    TRY(rc);
    return r->signer ? ipc_call(r->signer, &ask, &job->call) : RC_CLOSED;
}

/* ---- number */

static enum rc number_fn(struct store_txn *txn, void *arg)
{
    struct crl_job *job = arg;

    return store_crl_number(txn, &job->shard.issuer, job->shard.shard, &job->number);
}

static void numbered(enum rc rc, void *arg)
{
    struct crl_job *job = arg;

    if (job->r->stopping)
        return;
    if (rc == RC_OK)
        rc = ask_signer(job);
    if (rc != RC_OK)
        fail(job, rc);
}

static void begin_number(struct crl_job *job)
{
    enum rc rc = store_write(job->r->store, number_fn, numbered, job);

    if (rc != RC_OK)
        fail(job, rc);
}

/* ---- beginning */

/* A complete list when the calendar wants one, or there are no deltas. */
static void choose(struct crl_job *job)
{
    const struct revocation *r = job->r;
    const struct store_shard *s = &job->shard;
    when_t every = every_of(r);
    bool calendar = s->full_number == 0 || now_of(r) >= s->full_update + every - every / 10;

    job->scheduled = calendar;
    job->delta =
        r->conf->revocation.crl.delta == CONF_ON && !calendar && s->change > s->full_change;
}

bool revocation_crl_begin(struct revocation *r, const struct store_shard *shard)
{
    struct crl_job *job = MEM_NEW(struct crl_job);

    if (!job)
        return false;
    job->r = r;
    job->shard = *shard;
    job->issuer = ca_issuer_by_id(r->ca, &shard->issuer);
    job->began = clock_mono(ev_clock(r->ev));
    arena_init(&job->arena, CRL_ARENA);
    list_init(&job->link);
    list_push(&r->lists, &job->link);
    r->n_lists++;
    if (!job->issuer || !job->issuer->has_key) {
        fail(job, RC_NOTFOUND);
        return true;
    }
    choose(job);
    begin_number(job);
    return true;
}

/* ---- HTTP */

MSG(msg_nothing, "revocation.no-crl", "there is no revocation list at {0}");
MSG(msg_method, "revocation.crl-method", "{0} is not possible here; only GET and HEAD are");

/* "/crl/rsa-1/3.crl", "/crl/rsa-1/3-delta.crl" */
static enum rc read_path(const struct revocation *r, struct str path,
                         const struct ca_issuer **out_issuer, unsigned *out_shard, bool *out_delta)
{
    struct str rest = str_skip(path, strlen("/crl/")), ref, name;
    uint64_t shard;

    if (!str_cut(rest, '/', &ref, &name) || !str_ends(name, STR(".crl")))
        return RC_NOTFOUND;
    name = str_head(name, name.n - strlen(".crl"));
    *out_delta = str_ends(name, STR("-delta"));
    if (*out_delta)
        name = str_head(name, name.n - strlen("-delta"));
    if (name.n > 1 && name.p[0] == '0')
        return RC_NOTFOUND;
    *out_issuer = ca_issuer_find(r->ca, ref);
    if (!*out_issuer || str_u64(name, CA_SHARDS_MAX - 1, &shard) != RC_OK)
        return RC_NOTFOUND;
    *out_shard = (unsigned)shard;
    return RC_OK;
}

static void put_date(struct http_exchange *x, const char *name, when_t t)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(64);

    http_put_date(t, &text);
    http_header_add(x, name, buf_str(&text));
}

/* A list is replaced long before it ends, so caches ask again soon; what it is now front knows, as
 * it is told when there is another. One that has ended is given out all the same: it is better than
 * none, and says itself how old it is. */
static void reply_list(struct revocation *r, struct http_exchange *x,
                       const struct ca_issuer *issuer, const struct store_crl *crl)
{
    when_t now = now_of(r), left = crl->next_update - now;
    when_t fresh = left < REVOCATION_CRL_FRESH ? left : REVOCATION_CRL_FRESH;
    char tag[IPC_TAG_MAX];

    revocation_crl_tag(issuer->ref, crl->shard, crl->delta, tag);
    if (arena_str(&x->arena, str_of(tag), &x->res.tag) == RC_OK)
        x->res.keep_until = left > 0 ? crl->next_update : now + WHEN_MINUTE;
    http_header_addf(x, "ETag", "\"%llu%s\"", (unsigned long long)crl->number,
                     crl->delta ? "d" : "");
    http_header_addf(x, "Cache-Control", "max-age=%lld, public, no-transform, must-revalidate",
                     (long long)(fresh > 0 ? fresh / WHEN_SECOND : 0));
    put_date(x, "Last-Modified", crl->this_update);
    put_date(x, "Expires", now + (fresh > 0 ? fresh : 0));
    http_reply_text(x, 200, "application/pkix-crl", crl->der);
}

static void refuse(struct http_exchange *x, const struct msg *m, struct str arg, int status)
{
    struct err err = ERR_INIT;

    IGNORE_RC(err_set(&err, RC_NOTFOUND, m, (struct err_at){__FILE__, __LINE__}, &arg, 1));
    err.status = status;
    if (status == 405)
        http_header_add(x, "Allow", STR("GET, HEAD"));
    http_problem(x, &err);
}

void revocation_crl_handle(struct revocation *r, struct http_exchange *x)
{
    const struct ca_issuer *issuer;
    struct store_crl crl;
    unsigned shard;
    bool delta;

    if (!str_eq(x->req.method, STR("GET")) && !str_eq(x->req.method, STR("HEAD"))) {
        refuse(x, &msg_method, x->req.method, 405);
        return;
    }
    if (read_path(r, x->req.path, &issuer, &shard, &delta) != RC_OK ||
        store_crl_get(store_read(r->store), &x->arena, &issuer->id, shard, delta, &crl) != RC_OK) {
        refuse(x, &msg_nothing, x->req.path, 404);
        return;
    }
    reply_list(r, x, issuer, &crl);
}
