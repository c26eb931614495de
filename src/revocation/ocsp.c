/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP: from a request to an answer that is kept, or signed now. */
#include <stdio.h>

#include "base/text.h"
#include "http/response.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "revocation/revocation_int.h"

MSG(msg_differs, "revocation.ocsp-differs",
    "the signer answered something else than was asked; it was not given out. The signer's "
    "configuration or program may differ from core's: restart `autarky serve`");

enum { ASK_ARENA = 256 * 1024, ANSWER_ARENA = 512 * 1024, TOKEN = 1'000'000 };

static const char *const sources[] = {"kept", "signed", "nonce", "refused"};
enum { SOURCE_KEPT, SOURCE_SIGNED, SOURCE_LIVE, SOURCE_REFUSED };
METRIC_COUNTER_BY(answers_total, "ocsp_answers_total",
                  "OCSP answers that core gave: kept ones, signed to be kept, signed for one "
                  "request, and refusals",
                  "source", sources);

/* An answer being signed. */
struct ocsp_ask {
    struct list link;
    struct revocation *r;
    const struct ca_issuer *issuer;
    struct arena arena;
    struct x509_ocsp_id *ids;
    size_t n;
    struct str nonce;
    bool keep;                 /* for all who ask the same, by `key` */
    struct revocation_key key; /* of the one certificate */
    bool stale;                /* something changed since the register was asked */
    struct ipc_sign_ocsp msg;
    struct list waiters; /* struct waiter */
    struct ipc_call *call;
};

/* In the exchange's memory. */
struct waiter {
    struct list link;
    struct http_exchange *x;
};

static when_t now_of(const struct revocation *r)
{
    return clock_now(ev_clock(r->ev));
}

/* ---- answers to HTTP */

static void put_date(struct http_exchange *x, const char *name, when_t t)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(64);

    http_put_date(t, &text);
    http_header_add(x, name, buf_str(&text));
}

/* Those have no date and are not cached (RFC 5019 section 6). */
static void refuse(struct http_exchange *x, enum x509_ocsp_outcome outcome)
{
    metric_add(&answers_total, SOURCE_REFUSED, 1);
    x509_ocsp_put_failure(outcome, &x->res.body);
    http_header_add(x, "Cache-Control", STR("no-store"));
    http_reply(x, 200, "application/ocsp-response");
}

static void reply_once(struct http_exchange *x, struct str der)
{
    metric_add(&answers_total, SOURCE_LIVE, 1);
    http_header_add(x, "Cache-Control", STR("no-store"));
    http_reply_text(x, 200, "application/ocsp-response", der);
}

static void ocsp_tag(struct str ref, const struct x509_serial *serial, char tag[static IPC_TAG_MAX])
{
    char text[X509_SERIAL_TEXT];

    snprintf(tag, IPC_TAG_MAX, "ocsp %.*s %s", STR_ARG(str_head(ref, CA_REF_MAX)),
             x509_serial_text(serial, text));
}

/* Half of its life: then there is a new one. */
static when_t fresh_until(when_t this_update, when_t next_update)
{
    return this_update + (next_update - this_update) / 2;
}

/* The headers of RFC 5019 section 6.2. */
static void reply_kept(const struct revocation *r, struct http_exchange *x,
                       const struct ca_issuer *issuer, const struct x509_serial *serial,
                       const struct revocation_answer *a)
{
    when_t now = now_of(r), until = fresh_until(a->this_update, a->next_update);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    CLEANUP(buf_done) struct buf etag = BUF_INIT(128);
    struct str der = str_bytes(a->der, a->n);
    char tag[IPC_TAG_MAX];

    /* The new one is being made: a few seconds more of this one. */
    if (until < now + 5 * WHEN_SECOND)
        until = now + 5 * WHEN_SECOND;
    if (until > a->next_update)
        until = a->next_update;
    ocsp_tag(issuer->ref, serial, tag);
    if (arena_str(&x->arena, str_of(tag), &x->res.tag) == RC_OK)
        x->res.keep_until = until;
    buf_putz(&etag, "\"");
    if (crypto_sha256(der, digest) == RC_OK)
        text_b64url(&etag, str_bytes(digest, 16));
    buf_putz(&etag, "\"");
    http_header_add(x, "ETag", buf_str(&etag));
    put_date(x, "Last-Modified", a->this_update);
    put_date(x, "Expires", a->next_update);
    http_header_addf(x, "Cache-Control", "max-age=%lld, public, no-transform, must-revalidate",
                     (long long)((until - now) / WHEN_SECOND));
    http_reply_text(x, 200, "application/ocsp-response", der);
}

/* ---- asking the signer */

static void ask_end(struct ocsp_ask *ask, enum x509_ocsp_outcome outcome)
{
    for (struct list *link; (link = list_pop(&ask->waiters));)
        refuse(LIST_ENTRY(link, struct waiter, link)->x, outcome);
    list_remove(&ask->link);
    ask->r->n_asks--;
    arena_done(&ask->arena);
    mem_free(ask);
}

void revocation_ocsp_stop(struct revocation *r)
{
    LIST_FOREACH (link, &r->asks)
        ask_end(LIST_ENTRY(link, struct ocsp_ask, link), X509_OCSP_TRY_LATER);
}

/* Good only what exists: a serial of another issuer, or one that is only reserved, is unknown. */
static enum rc look_up(const struct ocsp_ask *ask, const struct x509_ocsp_id *id,
                       struct ipc_cert_status *out)
{
    struct store_status s;
    enum rc rc = store_status_get(store_read(ask->r->store), x509_serial_bytes(&id->serial), &s);

    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    *out = (struct ipc_cert_status){
        .hash = (uint8_t)id->hash,
        .serial = x509_serial_bytes(&id->serial),
        .status = X509_OCSP_UNKNOWN,
    };
    if (rc == RC_NOTFOUND || !str_eq(id_str(&s.issuer), id_str(&ask->issuer->id)))
        return RC_OK;
    out->status = X509_OCSP_GOOD;
    if (s.revoked) {
        out->status = X509_OCSP_REVOKED;
        out->at = s.revoked - s.revoked % WHEN_SECOND;
        out->reason = (uint8_t)s.reason;
    }
    return RC_OK;
}

static void answered(void *arg, const struct ipc_answer *answer);

static enum rc send(struct ocsp_ask *ask)
{
    struct revocation *r = ask->r;
    struct ipc_cert_status *about = ARENA_ARRAY(&ask->arena, struct ipc_cert_status, ask->n);
    when_t now = now_of(r);
    struct ipc_ask call = {
        .type = IPC_SIGN_OCSP,
        .msg = &ask->msg,
        .timeout = REVOCATION_SIGN_SECONDS * WHEN_SECOND,
        .fn = answered,
        .arg = ask,
    };

    if (!about)
        return RC_NOMEM;
    for (size_t i = 0; i < ask->n; i++)
        TRY(look_up(ask, &ask->ids[i], &about[i]));
    now -= now % WHEN_SECOND;
    ask->stale = false;
    ask->msg = (struct ipc_sign_ocsp){
        .issuer = ask->issuer->ref,
        .about = {about, ask->n},
        .this_update = now,
        .next_update = now + r->conf->revocation.ocsp.lifetime,
        .nonce = ask->nonce,
    };
    return r->signer ? ipc_call(r->signer, &call, &ask->call) : RC_CLOSED;
}

static bool says(const struct ipc_cert_status *wanted, const struct x509_ocsp_single *got,
                 const struct ipc_sign_ocsp *msg)
{
    return got->id.hash == wanted->hash &&
           str_eq(x509_serial_bytes(&got->id.serial), wanted->serial) &&
           got->status == wanted->status && got->reason == wanted->reason &&
           got->revoked == wanted->at && got->this_update == msg->this_update &&
           got->next_update == msg->next_update;
}

/* What the signer returns counts only if it says what was asked for, and verifies. */
static enum rc compare(struct ocsp_ask *ask, struct arena *a, struct str der,
                       struct x509_ocsp_answer *out, struct err *err)
{
    struct x509_ocsp_issuer names;
    bool same;

    TRY(x509_ocsp_answer_parse(a, der, out, err));
    TRY(x509_ocsp_issuer_of(&ask->issuer->cert, &names));
    same =
        out->outcome == X509_OCSP_SUCCESSFUL && out->n == ask->n && str_eq(out->nonce, ask->nonce);
    for (size_t i = 0; same && out->singles && i < ask->n; i++)
        same = x509_ocsp_id_is(&out->singles[i].id, &names) &&
               says(&ask->msg.about.v[i], &out->singles[i], &ask->msg);
    if (!same)
        return ERR(err, RC_CORRUPT, msg_differs);
    return x509_ocsp_answer_check(a, out, &ask->issuer->cert, now_of(ask->r), err);
}

static void deliver(struct ocsp_ask *ask, const struct x509_ocsp_answer *a, struct str der)
{
    struct revocation *r = ask->r;
    const struct revocation_answer *kept = NULL;

    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as many as were asked for, see above */
    if (ask->keep && a->singles[0].status != X509_OCSP_UNKNOWN) {
        metric_add(&answers_total, SOURCE_SIGNED, 1);
        revocation_answers_keep(&r->answers, &ask->key, &a->singles[0], der);
        kept = revocation_answers_find(&r->answers, &ask->key, now_of(r));
    }
    for (struct list *link; (link = list_pop(&ask->waiters));) {
        struct http_exchange *x = LIST_ENTRY(link, struct waiter, link)->x;

        if (kept)
            reply_kept(r, x, ask->issuer, &ask->ids[0].serial, kept);
        else
            reply_once(x, der);
    }
    ask_end(ask, X509_OCSP_TRY_LATER);
}

static void answered(void *arg, const struct ipc_answer *answer)
{
    struct ocsp_ask *ask = arg;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ANSWER_ARENA);
    const struct ipc_sign_ocsp_reply *reply = answer->msg;
    struct err err = ERR_INIT;
    struct x509_ocsp_answer parsed;
    enum rc rc = answer->rc;

    ask->call = NULL;
    if (ask->r->stopping)
        return;
    if (rc == RC_OK)
        revocation_tally(ask->r, ask->issuer); /* whether or not anybody gets to see it */
    if (rc == RC_OK && ask->stale)
        rc = send(ask);
    else if (rc == RC_OK)
        rc = compare(ask, &a, reply->response, &parsed, &err);
    else if (answer->err)
        err = *answer->err;
    if (rc == RC_OK && !ask->call) {
        deliver(ask, &parsed, reply->response);
        return;
    }
    if (rc == RC_OK)
        return; /* on its way again */
    err.rc = rc;
    log_warn("revocation.ocsp-failed", LOG_STR("issuer", ask->issuer->ref), LOG_ERR(&err));
    ask_end(ask, rc == RC_CORRUPT ? X509_OCSP_INTERNAL : X509_OCSP_TRY_LATER);
}

static enum rc ask_new(struct revocation *r, const struct ca_issuer *issuer,
                       const struct x509_ocsp_request *q, struct ocsp_ask **out)
{
    struct ocsp_ask *ask = r->n_asks < REVOCATION_ASKS_MAX ? MEM_NEW(struct ocsp_ask) : NULL;
    enum rc rc;

    if (!ask)
        return r->n_asks < REVOCATION_ASKS_MAX ? RC_NOMEM : RC_QUOTA;
    ask->r = r;
    ask->issuer = issuer;
    ask->n = q->n;
    arena_init(&ask->arena, ASK_ARENA);
    list_init(&ask->waiters);
    list_init(&ask->link);
    ask->ids = ARENA_ARRAY(&ask->arena, struct x509_ocsp_id, q->n);
    rc = ask->ids ? arena_str(&ask->arena, q->nonce, &ask->nonce) : RC_NOMEM;
    if (rc != RC_OK) {
        arena_done(&ask->arena);
        mem_free(ask);
        return rc;
    }
    /* Only hash and serial are looked at from here on. */
    memcpy(ask->ids, q->ids, q->n * sizeof(*ask->ids));
    list_push(&r->asks, &ask->link);
    r->n_asks++;
    *out = ask;
    return RC_OK;
}

/* `x` may be NULL: nobody waits. */
static void begin(struct revocation *r, const struct ca_issuer *issuer,
                  const struct x509_ocsp_request *q, const struct revocation_key *key,
                  struct http_exchange *x)
{
    struct waiter *w = x ? ARENA_NEW(&x->arena, struct waiter) : NULL;
    struct ocsp_ask *ask;

    if ((x && !w) || ask_new(r, issuer, q, &ask) != RC_OK) {
        if (x)
            refuse(x, X509_OCSP_TRY_LATER);
        return;
    }
    ask->keep = key != NULL;
    if (key)
        ask->key = *key;
    if (w) {
        w->x = x;
        list_push(&ask->waiters, &w->link);
    }
    if (send(ask) != RC_OK)
        ask_end(ask, X509_OCSP_TRY_LATER);
}

static struct ocsp_ask *find_ask(const struct revocation *r, const struct revocation_key *key)
{
    LIST_FOREACH (link, &r->asks) {
        struct ocsp_ask *ask = LIST_ENTRY(link, struct ocsp_ask, link);

        if (ask->keep && strcmp(ask->key.z, key->z) == 0)
            return ask;
    }
    return NULL;
}

/* ---- what has changed */

void revocation_ocsp_changed(struct revocation *r, const struct ca_issuer *issuer,
                             const struct x509_serial *serial)
{
    char tag[IPC_TAG_MAX];

    LIST_FOREACH (link, &r->asks) {
        struct ocsp_ask *ask = LIST_ENTRY(link, struct ocsp_ask, link);

        for (size_t i = 0; i < ask->n; i++)
            ask->stale |= x509_serial_eq(&ask->ids[i].serial, serial);
    }
    ocsp_tag(issuer->ref, serial, tag);
    r->forget(r->arg, str_of(tag));
    for (enum x509_ocsp_hash h = X509_OCSP_SHA1; h < X509_OCSP_HASHES; h++) {
        struct revocation_key key = revocation_key_of(h, issuer->ref, serial);
        struct x509_ocsp_id id = {.hash = h, .serial = *serial};
        struct x509_ocsp_request q = {.ids = &id, .n = 1};

        if (revocation_answers_drop(&r->answers, &key) && !find_ask(r, &key))
            begin(r, issuer, &q, &key, NULL);
    }
}

void revocation_ocsp_changed_all(struct revocation *r)
{
    LIST_FOREACH (link, &r->asks)
        LIST_ENTRY(link, struct ocsp_ask, link)->stale = true;
    revocation_answers_clear(&r->answers);
    r->forget(r->arg, STR(""));
}

/* ---- requests */

/* One more signature for one request. A token is a second's worth of microseconds. */
static bool take_token(struct revocation *r)
{
    int64_t now = clock_mono(ev_clock(r->ev)), passed = now - r->token_at;
    int64_t most = (int64_t)TOKEN * REVOCATION_LIVE_BURST;

    r->tokens += (passed < most ? passed : most) * REVOCATION_LIVE_PER_SECOND;
    r->token_at = now;
    if (r->tokens > most)
        r->tokens = most;
    if (r->tokens < TOKEN)
        return false;
    r->tokens -= TOKEN;
    return true;
}

/* A few of those that are made anew at half of their life. */
static void refresh(struct revocation *r, const struct ca_issuer *issuer,
                    const struct x509_ocsp_request *q, const struct revocation_answer *a)
{
    if (now_of(r) >= fresh_until(a->this_update, a->next_update) && !find_ask(r, &a->key)) {
        struct revocation_key key = a->key;

        begin(r, issuer, q, &key, NULL);
    }
}

/* About one certificate, without a nonce, or with one that there is no room for (RFC 6960 section
 * 4.4.1 and RFC 5019 section 4 leave that to the responder). */
static void answer_kept(struct revocation *r, const struct ca_issuer *issuer,
                        const struct x509_ocsp_request *q, struct http_exchange *x)
{
    struct revocation_key key = revocation_key_of(q->ids[0].hash, issuer->ref, &q->ids[0].serial);
    struct x509_ocsp_request plain = {.ids = q->ids, .n = 1};
    const struct revocation_answer *a = revocation_answers_find(&r->answers, &key, now_of(r));
    struct ocsp_ask *ask = find_ask(r, &key);
    struct waiter *w;

    if (a) {
        metric_add(&answers_total, SOURCE_KEPT, 1);
        refresh(r, issuer, &plain, a);
        a = revocation_answers_find(&r->answers, &key, now_of(r));
    }
    if (a) {
        reply_kept(r, x, issuer, &q->ids[0].serial, a);
        return;
    }
    w = ask ? ARENA_NEW(&x->arena, struct waiter) : NULL;
    if (w) {
        w->x = x;
        list_push(&ask->waiters, &w->link);
        return;
    }
    begin(r, issuer, &plain, &key, x);
}

/* Numbers that were never given out cost a look-up and, as long as there are tokens, a signature.
 */
static bool is_known(const struct revocation *r, const struct ca_issuer *issuer,
                     const struct x509_ocsp_request *q)
{
    struct store_status s;

    for (size_t i = 0; i < q->n; i++)
        if (store_status_get(store_read(r->store), x509_serial_bytes(&q->ids[i].serial), &s) !=
                RC_OK ||
            !str_eq(id_str(&s.issuer), id_str(&issuer->id)))
            return false;
    return true;
}

/* There is an answer that needs no look at the database: only what is known is kept. */
static bool is_kept(struct revocation *r, const struct ca_issuer *issuer,
                    const struct x509_ocsp_request *q)
{
    struct revocation_key key;

    if (q->n != 1 || q->nonce.n)
        return false;
    key = revocation_key_of(q->ids[0].hash, issuer->ref, &q->ids[0].serial);
    return revocation_answers_find(&r->answers, &key, now_of(r)) != NULL;
}

static bool all_of(const struct ca_issuer *issuer, const struct x509_ocsp_request *q)
{
    struct x509_ocsp_issuer names;

    if (x509_ocsp_issuer_of(&issuer->cert, &names) != RC_OK)
        return false;
    for (size_t i = 0; i < q->n; i++)
        if (!x509_ocsp_id_is(&q->ids[i], &names))
            return false;
    return true;
}

static void answer(struct revocation *r, const struct ca_issuer *issuer, struct str der,
                   struct http_exchange *x)
{
    struct x509_ocsp_request q;
    bool known;

    if (x509_ocsp_request_parse(&x->arena, der, &q, NULL) != RC_OK) {
        refuse(x, X509_OCSP_MALFORMED);
        return;
    }
    if (!issuer || !issuer->has_key || !issuer->parent.z[0] || !all_of(issuer, &q)) {
        refuse(x, X509_OCSP_UNAUTHORIZED);
        return;
    }
    known = is_kept(r, issuer, &q) || is_known(r, issuer, &q);
    if ((q.n > 1 || q.nonce.n || !known) && take_token(r))
        begin(r, issuer, &q, NULL, x);
    else if (q.n == 1 && known)
        answer_kept(r, issuer, &q, x);
    else
        refuse(x, known ? X509_OCSP_TRY_LATER : X509_OCSP_UNAUTHORIZED);
}

/* "/ocsp/rsa-1/BASE64", percent-encoded as RFC 6960 appendix A.1 says; some do not. */
static enum rc get_request(struct str text, struct buf *out)
{
    CLEANUP(buf_done) struct buf plain = BUF_INIT(2 * X509_OCSP_REQUEST_MAX);

    TRY(text_unpercent(text, &plain));
    TRY(buf_rc(&plain));
    return text_unb64(buf_str(&plain), out);
}

void revocation_ocsp_handle(struct revocation *r, struct http_exchange *x)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_REQUEST_MAX);
    struct str rest = str_skip(x->req.path, strlen("/ocsp/")), ref = rest, text = {NULL, 0};
    bool more = str_cut(rest, '/', &ref, &text);
    bool get = str_eq(x->req.method, STR("GET")) || str_eq(x->req.method, STR("HEAD"));

    if (!more)
        ref = rest;
    if (get && get_request(text, &der) != RC_OK) {
        refuse(x, X509_OCSP_MALFORMED);
        return;
    }
    if (!get && (!str_eq(x->req.method, STR("POST")) || text.n)) {
        refuse(x, X509_OCSP_MALFORMED);
        return;
    }
    answer(r, ca_issuer_find(r->ca, ref), get ? buf_str(&der) : x->req.body, x);
}
