/* SPDX-License-Identifier: Apache-2.0 */
#include "http/problem.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "revocation/revocation_int.h"
#include "store/issuers.h"

MSG(msg_nothing, "revocation.nothing-there", "there is nothing at {0}");
MSG(msg_no_issuer, "revocation.no-issuer", "the register has no issuer \"{0}\"");
MSG(msg_number, "revocation.crl-number",
    "the list has number {0}, and one with that number or a later one is published already");
MSG(msg_no_number, "revocation.crl-no-number",
    "the list of {0} has no number, is a delta, or is for a part of the certificates only; a "
    "complete one is wanted");
MSG(msg_times, "revocation.crl-times",
    "the list of {0} is good from {1} to {2}, and it is {3} here; set the clocks of both machines "
    "right, and make another one where the root's key is: `autarky root sign --crl`");

MSG(msg_left_out, "revocation.crl-left-out",
    "the list of {0} lacks {1}, which the register has as revoked: another command was at work at "
    "the same time; give this one again");
MSG(msg_dropped, "revocation.crl-dropped",
    "the list of {0} lacks {1}, which stands on the list that is served: what is revoked stays "
    "revoked. Give the root's machine the list that is served (`autarky root sign` takes in "
    "autarky-{0}.crl on the media), and have another one made");
MSG(msg_not_revoked, "revocation.crl-not-revoked",
    "the list of {0} has {1}, which the register does not have as revoked; `autarky issuer import` "
    "takes both at once, and where the root's key is here, `autarky issuer revoke {1} --yes` "
    "does");

enum { DUE_ARENA = 64 * 1024, REGISTER_ARENA = 32 * 1024 * 1024 };

METRIC_GAUGE(shards_gauge, "crl_shards", "Shards of issuers that have revocation lists");
METRIC_GAUGE(published_gauge, "crls", "Complete revocation lists that are published");
METRIC_GAUGE(entries_gauge, "crl_entries", "Certificates on them");
METRIC_GAUGE(bytes_gauge, "crl_bytes", "Bytes of them");
METRIC_GAUGE_TIME(age_gauge, "crl_age_seconds", "Age of the oldest of them");
METRIC_GAUGE_TIME(left_gauge, "crl_left_seconds",
                  "Until the first of them ends; negative when one has");
METRIC_GAUGE(overdue_gauge, "crls_overdue", "Lists that have ended and were not replaced");
METRIC_GAUGE(behind_gauge, "crls_behind", "Shards that have been due for minutes");
METRIC_GAUGE(kept_gauge, "ocsp_answers_kept", "OCSP answers that core keeps");

/* ---- what is due */

static void look(void *arg);

static when_t now_of(const struct revocation *r)
{
    return clock_now(ev_clock(r->ev));
}

void revocation_look_soon(struct revocation *r)
{
    if (!r->stopping)
        ev_timer_start(&r->look, 0, 0);
}

static void arm(struct revocation *r)
{
    int64_t wait = REVOCATION_LOOK_SECONDS * WHEN_SECOND;
    when_t next;

    if (store_shards_next(store_read(r->store), &next) == RC_OK) {
        int64_t left = next - now_of(r);

        /* What is due and was not begun waits for a place, a signer, or another minute. */
        if (left > 0 && left < wait)
            wait = left;
    }
    ev_timer_start(&r->look, wait, 0);
}

static void look(void *arg)
{
    struct revocation *r = arg;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(DUE_ARENA);
    struct store_shard *list = NULL;
    size_t n = 0;
    enum rc rc;

    if (r->signer && r->conf->urls.plain.n && r->n_lists < REVOCATION_CRLS_MAX) {
        rc = store_shards_due(store_read(r->store), &a, now_of(r), REVOCATION_DUE_MAX, &list, &n);
        if (rc != RC_OK)
            log_error("revocation.not-looked", LOG_RC(rc));
        for (size_t i = 0; i < n && r->n_lists < REVOCATION_CRLS_MAX; i++)
            if (!revocation_crl_under_way(r, &list[i]))
                revocation_crl_begin(r, &list[i]);
    }
    arm(r);
}

/* ---- shards */

struct make {
    struct revocation *r;
    when_t due;
    size_t n;
    struct {
        struct id id;
        unsigned shards;
    } issuers[];
};

static enum rc make_fn(struct store_txn *txn, void *arg)
{
    const struct make *m = arg;

    for (size_t i = 0; i < m->n; i++)
        TRY(store_shards_make(txn, &m->issuers[i].id, m->issuers[i].shards, m->due));
    return RC_OK;
}

static void make_done(enum rc rc, void *arg)
{
    struct make *m = arg;

    if (rc != RC_OK)
        log_error("revocation.no-shards", LOG_RC(rc));
    revocation_look_soon(m->r);
    mem_free(m);
}

/* Roots' lists come from where their keys are. */
static bool signs_lists(const struct ca_issuer *issuer)
{
    return issuer->has_key && issuer->parent.z[0];
}

static enum rc make_shards(struct revocation *r)
{
    CLEANUP(mem_freep) struct make *m = NULL;
    size_t n = 0;
    enum rc rc;

    while (ca_issuer_at(r->ca, n))
        n++;
    m = mem_calloc(1, sizeof(*m) + n * sizeof(m->issuers[0]));
    if (!m)
        return RC_NOMEM;
    m->r = r;
    m->due = now_of(r);
    for (size_t i = 0; i < n; i++) {
        const struct ca_issuer *issuer = ca_issuer_at(r->ca, i);

        if (!signs_lists(issuer))
            continue;
        m->issuers[m->n].id = issuer->id;
        m->issuers[m->n++].shards = issuer->crl_shards;
    }
    rc = store_write(r->store, make_fn, make_done, m);
    if (rc == RC_OK)
        m = NULL;
    return rc;
}

void revocation_issuers_changed(struct revocation *r)
{
    enum rc rc = make_shards(r);

    if (rc != RC_OK)
        log_error("revocation.no-shards", LOG_RC(rc));
    r->forget(r->arg, STR("trust"));
}

/* ---- life */

enum rc revocation_new(const struct revocation_options *options, struct revocation **out)
{
    CLEANUP(revocation_freep) struct revocation *r = MEM_NEW(struct revocation);

    if (!r)
        return RC_NOMEM;
    r->ev = options->ev;
    r->store = options->store;
    r->ca = options->ca;
    r->conf = conf_ref(options->conf);
    r->forget = options->forget;
    r->arg = options->arg;
    list_init(&r->lists);
    list_init(&r->asks);
    revocation_answers_init(&r->answers);
    revocation_tally_init(r);
    ev_timer_init(&r->look, r->ev, look, r);
    r->token_at = clock_mono(ev_clock(r->ev));
    r->tokens = INT64_C(1000000) * REVOCATION_LIVE_BURST;
    TRY(make_shards(r));
    *out = MOVE(r);
    return RC_OK;
}

void revocation_free(struct revocation *r)
{
    if (!r)
        return;
    r->stopping = true;
    ev_timer_stop(&r->look);
    revocation_crls_stop(r);
    revocation_ocsp_stop(r);
    revocation_answers_done(&r->answers);
    revocation_tally_done(r);
    conf_unref(r->conf);
    mem_free(r);
}

static enum rc hasten_fn(struct store_txn *txn, void *arg)
{
    const struct revocation *r = arg;
    struct id all = {};

    return store_shards_hasten(txn, &all, r->hasten_at);
}

static void hasten_done(enum rc rc, void *arg)
{
    if (rc != RC_OK)
        log_error("revocation.not-hastened", LOG_RC(rc));
    revocation_look_soon(arg);
}

static void hasten(struct revocation *r)
{
    enum rc rc;

    r->hasten_at = now_of(r);
    rc = store_write(r->store, hasten_fn, hasten_done, r);

    if (rc != RC_OK)
        hasten_done(rc, r);
}

static bool same_lists(const struct conf *a, const struct conf *b)
{
    return str_eq(a->urls.plain, b->urls.plain) &&
           a->revocation.crl.lifetime == b->revocation.crl.lifetime &&
           a->revocation.crl.every == b->revocation.crl.every &&
           a->revocation.crl.delta == b->revocation.crl.delta;
}

void revocation_set_conf(struct revocation *r, const struct conf *conf)
{
    const struct conf *old = r->conf;

    r->conf = conf_ref(conf);
    if (!same_lists(old, conf))
        hasten(r);
    conf_unref(old);
}

void revocation_set_signer(struct revocation *r, struct ipc_chan *signer)
{
    r->signer = signer;
    if (signer)
        revocation_look_soon(r);
}

/* ---- revoking */

void revocation_changed(struct revocation *r, const struct revocation_result *result)
{
    for (size_t i = 0; i < result->n; i++) {
        const struct ca_issuer *issuer = ca_issuer_by_id(r->ca, &result->changed[i].issuer);

        if (issuer)
            revocation_ocsp_changed(r, issuer, &result->changed[i].serial);
    }
    if (result->more)
        revocation_ocsp_changed_all(r);
    revocation_look_soon(r);
}

struct submission {
    struct revocation *r;
    struct arena arena;
    struct revocation_ask ask;
    struct revocation_result result;
    struct err err;
    revocation_done done;
    void *arg;
};

static void submission_free(struct submission *s)
{
    if (s)
        arena_done(&s->arena);
    mem_free(s);
}
DEFINE_FREEP(submission_free, struct submission)

static enum rc submit_fn(struct store_txn *txn, void *arg)
{
    struct submission *s = arg;

    s->err = ERR_INIT;
    return revocation_revoke(txn, &s->ask, &s->result, &s->err);
}

static void submit_done(enum rc rc, void *arg)
{
    struct submission *s = arg;

    if (rc == RC_OK)
        revocation_changed(s->r, &s->result);
    s->err.rc = rc;
    s->done(s->arg, rc, rc == RC_OK || rc == RC_CONFLICT ? &s->result : NULL, &s->err);
    submission_free(s);
}

enum rc revocation_submit(struct revocation *r, const struct revocation_ask *ask,
                          revocation_done done, void *arg)
{
    CLEANUP(submission_freep) struct submission *s = MEM_NEW(struct submission);

    if (!s)
        return RC_NOMEM;
    arena_init(&s->arena, 64 * 1024);
    s->r = r;
    s->ask = *ask;
    s->ask.within = r->conf->revocation.crl.within;
    s->done = done;
    s->arg = arg;
    TRY(arena_str(&s->arena, ask->actor, &s->ask.actor));
    TRY(arena_str(&s->arena, ask->words, &s->ask.words));
    TRY(store_write(r->store, submit_fn, submit_done, s));
    (void)MOVE(s);
    return RC_OK;
}

/* ---- lists from elsewhere */

static enum rc check_given(const struct revocation_given *g, const struct x509_crl *crl, when_t now,
                           struct arena *a, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    char from[WHEN_TEXT], to[WHEN_TEXT], here[WHEN_TEXT];
    struct x509_cert cert;

    if (!crl->has_number || crl->delta || crl->has_scope)
        return ERR(err, RC_INVAL, msg_no_number, g->ref);
    if (crl->next_update <= now || crl->this_update > now + REVOCATION_GIVEN_SKEW)
        return ERR(err, RC_INVAL, msg_times, g->ref, str_of(when_text(crl->this_update, from)),
                   str_of(when_text(crl->next_update, to)), str_of(when_text(now, here)));
    TRY(x509_cert_parse(a, g->cert, &cert, err));
    TRY(x509_cert_key(&cert, &key, err));
    return x509_crl_check(crl, &cert, key, err);
}

/* What the list that is served has stays on all that follow it, known to the register or not. */
static enum rc check_kept(struct store_txn *txn, const struct revocation_given *g,
                          const struct x509_crl *crl, struct arena *a, struct err *err)
{
    char serial[X509_SERIAL_TEXT];
    struct store_crl served;
    struct x509_crl before;
    enum rc rc = store_crl_get(txn, a, &g->id, 0, false, &served);

    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    TRY(x509_crl_parse(a, served.der, &before, err));
    for (size_t i = 0; i < before.n; i++)
        if (!x509_crl_find(crl, &before.entries[i].serial))
            return ERR(err, RC_CONFLICT, msg_dropped, g->ref,
                       str_of(x509_serial_text(&before.entries[i].serial, serial)));
    return RC_OK;
}

/* One that the root has signed: it is on the list when the register has it as revoked, and only
 * then. */
static enum rc check_one(const struct revocation_given *g, const struct x509_crl *crl,
                         const struct store_issuer *row, struct arena *a, struct err *err)
{
    bool revoked = row->state == STORE_ISSUER_REVOKED, listed;
    struct x509_cert cert;

    TRY(x509_cert_parse(a, row->certificate, &cert, err));
    listed = x509_crl_find(crl, &cert.serial) != NULL;
    if (revoked && !listed)
        return ERR(err, RC_CONFLICT, msg_left_out, g->ref, row->name);
    return listed && !revoked ? ERR(err, RC_CONFLICT, msg_not_revoked, g->ref, row->name) : RC_OK;
}

static enum rc check_complete(struct store_txn *txn, const struct revocation_given *g,
                              const struct x509_crl *crl, when_t now, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(REGISTER_ARENA);
    struct store_issuer *rows;
    struct store_cross *crosses;
    size_t n, n_crosses;

    TRY(store_issuer_list(txn, &a, 0, &rows, &n));
    TRY(store_cross_list(txn, &a, &crosses, &n_crosses));
    for (size_t i = 0; i < n; i++)
        if (str_eq(id_str(&rows[i].parent), id_str(&g->id)) && rows[i].not_after > now)
            TRY(check_one(g, crl, &rows[i], &a, err));
    for (size_t i = 0; i < n_crosses; i++) {
        const struct store_issuer row = {.name = crosses[i].name,
                                         .certificate = crosses[i].certificate,
                                         .state = crosses[i].revoked ? STORE_ISSUER_REVOKED
                                                                     : STORE_ISSUER_ACTIVE};

        if (str_eq(id_str(&crosses[i].signer), id_str(&g->id)) && crosses[i].not_after > now)
            TRY(check_one(g, crl, &row, &a, err));
    }
    return check_kept(txn, g, crl, &a, err);
}

enum rc revocation_given_publish(struct store_txn *txn, const struct revocation_given *g,
                                 when_t now, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(8 << 20);
    struct store_publication p = {.due = INT64_MAX};
    struct x509_crl crl;
    enum rc rc;

    TRY(x509_crl_parse(&a, g->der, &crl, err));
    TRY(check_given(g, &crl, now, &a, err));
    TRY(check_complete(txn, g, &crl, now, err));
    p.crl = (struct store_crl){.issuer = g->id,
                               .number = crl.number,
                               .this_update = crl.this_update,
                               .next_update = crl.next_update,
                               .entries = crl.n,
                               .der = g->der};
    TRY(store_shards_make(txn, &g->id, 1, INT64_MAX));
    TRY(store_crl_number_least(txn, &g->id, 0, crl.number));
    rc = revocation_publish(txn, &p, now);
    if (rc == RC_CONFLICT)
        return ERR(err, rc, msg_number, arena_printf(&a, "%llu", (unsigned long long)crl.number));
    return rc;
}

void revocation_given_done(struct revocation *r, const struct revocation_given *g)
{
    char tag[IPC_TAG_MAX];

    revocation_crl_tag(g->ref, 0, false, tag);
    r->forget(r->arg, str_of(tag));
    log_info("revocation.crl-given", LOG_STR("issuer", g->ref), LOG_INT("bytes", g->der.n));
}

struct given_job {
    struct revocation_given given;
    when_t now;
    struct err *err;
};

static enum rc given_fn(struct store_txn *txn, void *arg)
{
    const struct given_job *job = arg;

    return revocation_given_publish(txn, &job->given, job->now, job->err);
}

enum rc revocation_crl_given(struct revocation *r, struct str ref, struct str der, struct err *err)
{
    const struct ca_issuer *issuer = ca_issuer_find(r->ca, ref);
    struct given_job job = {.now = now_of(r), .err = err};

    if (!issuer)
        return ERR(err, RC_NOTFOUND, msg_no_issuer, ref);
    job.given = (struct revocation_given){issuer->ref, issuer->id, issuer->cert.der, der};
    TRY(store_write_now(r->store, given_fn, &job));
    revocation_given_done(r, &job.given);
    return RC_OK;
}

/* ---- to be looked at */

enum rc revocation_health(struct revocation *r, struct revocation_health *out)
{
    when_t now = now_of(r);

    out->answers = r->answers.n;
    return store_crl_summarize(store_read(r->store), now,
                               now - REVOCATION_LATE_SECONDS * WHEN_SECOND, &out->crls);
}

void revocation_measure(struct revocation *r)
{
    struct revocation_health h;
    when_t now = now_of(r);

    if (revocation_health(r, &h) != RC_OK)
        return;
    metric_set(&shards_gauge, 0, (int64_t)h.crls.shards);
    metric_set(&published_gauge, 0, (int64_t)h.crls.published);
    metric_set(&entries_gauge, 0, (int64_t)h.crls.entries);
    metric_set(&bytes_gauge, 0, (int64_t)h.crls.bytes);
    metric_set(&overdue_gauge, 0, (int64_t)h.crls.overdue);
    metric_set(&behind_gauge, 0, r->conf->urls.plain.n ? (int64_t)h.crls.behind : 0);
    metric_set(&kept_gauge, 0, (int64_t)h.answers);
    if (h.crls.published == 0)
        return;
    metric_set(&age_gauge, 0, now - h.crls.oldest);
    metric_set(&left_gauge, 0, h.crls.next_update - now);
}

void revocation_handle(struct revocation *r, struct http_exchange *x)
{
    struct err err = ERR_INIT;

    if (str_starts(x->req.path, STR("/ocsp/"))) {
        revocation_ocsp_handle(r, x);
        return;
    }
    if (str_starts(x->req.path, STR("/crl/"))) {
        revocation_crl_handle(r, x);
        return;
    }
    IGNORE_RC(ERR(&err, RC_NOTFOUND, msg_nothing, x->req.path));
    err.status = 404;
    http_problem(x, &err);
}
