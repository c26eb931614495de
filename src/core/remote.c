/* SPDX-License-Identifier: Apache-2.0 */
/* Probers on other hosts, as core sees them: whether one may take part, which of them validates
 * what, and what it said. Front holds the connections and has found out whose key it is. What comes
 * from there decides about the prober's own names and networks and about nothing else. */
#include "base/text.h"
#include "core/core_int.h"
#include "crypto/hash.h"
#include "ev/clock.h"
#include "ipc/probe_messages.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "store/certificates.h"
#include "x509/cert.h"

enum { CERT_ARENA = 256 * 1024, SEEN_MAX = 9 * 1024, EVIDENCE_MAX = 8 * 1024 };

MSG(msg_unknown, "core.prober-unknown",
    "there is no prober {0} in the configuration with this key");
MSG(msg_not_ours, "core.prober-not-ours",
    "the certificate of the prober {0} is none of this CA; issue one with `autarky cert issue "
    "--profile client`");
MSG(msg_revoked, "core.prober-revoked", "the certificate of the prober {0} is revoked");
MSG(msg_over, "core.prober-expired",
    "the certificate of the prober {0} is valid from {1} to {2} only; issue another one");
MSG(msg_not_client, "core.prober-not-client",
    "the certificate of the prober {0} is not for clients; issue one with --profile client");
MSG(msg_away, "core.remote-away",
    "the prober {0}, which alone validates {1}, is not connected; start `autarky prober` on its "
    "host, or see its log");
MSG(msg_busy, "core.remote-busy",
    "the prober {0}, which alone validates {1}, has not answered earlier questions yet");
MSG(msg_garbage, "core.remote-garbage", "the prober {0} answered with what is no evidence");

METRIC_GAUGE(configured, "remote_probers_configured",
             "Probers on other hosts in the configuration");
METRIC_GAUGE(connected, "remote_probers_connected", "Those of them that are connected");
enum { PROVEN, NOT_PROVEN, FAILED, AWAY };
static const char *const results[] = {"proven", "not-proven", "failed", "away"};
METRIC_COUNTER_BY(attempts_total, "remote_prober_attempts_total",
                  "Validations that are a remote prober's", "result", results);

/* ---- who is there */

static struct core_remote *find(struct core *core, struct str name)
{
    for (size_t i = 0; i < CONF_PROBERS_MAX; i++)
        if (str_eq(str_of(core->remotes[i].name), name))
            return &core->remotes[i];
    return NULL;
}

/* Those that the configuration has no more make room. Attempts under way keep theirs. */
static struct core_remote *take(struct core *core, struct str name)
{
    struct core_remote *r = find(core, name);

    for (size_t i = 0; !r && i < CONF_PROBERS_MAX; i++) {
        struct core_remote *at = &core->remotes[i];

        if (at->under_way == 0 && !conf_prober_find(core->conf, str_of(at->name)))
            r = at;
    }
    if (r && !str_eq(str_of(r->name), name)) {
        *r = (struct core_remote){.under_way = 0};
        if (str_copyz(name, r->name, sizeof(r->name)) != RC_OK)
            return NULL;
    }
    return r;
}

static bool is_here(const struct core *core, const struct core_remote *r)
{
    return r && r->here && core->front &&
           clock_mono(ev_clock(core->ev)) - r->heard < CORE_REMOTE_SILENCE;
}

static enum rc check_use(const struct x509_cert *cert, const struct ipc_prober *m, when_t now,
                         struct err *err)
{
    char from[WHEN_TEXT], to[WHEN_TEXT];

    if (now < cert->not_before || now >= cert->not_after)
        return ERR(err, RC_DENIED, msg_over, m->name, str_of(when_text(cert->not_before, from)),
                   str_of(when_text(cert->not_after, to)));
    if (!cert->has_eku || !(cert->eku & X509_EKU_CLIENT_AUTH))
        return ERR(err, RC_DENIED, msg_not_client, m->name);
    return RC_OK;
}

/* The key is the one that the configuration gives this prober, and the certificate stands in our
 * own register, byte for byte, and holds today. That its issuer is ours needs no other proof. */
static enum rc check(struct core *core, const struct ipc_prober *m, struct arena *a,
                     struct x509_cert *cert, struct err *err)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(CRYPTO_SHA256_BYTES * 2);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    const struct conf_prober *prober;
    struct store_certificate known;
    enum rc rc;

    TRY(x509_cert_parse(a, m->certificate, cert, err));
    TRY(crypto_sha256(cert->spki, digest));
    text_hex(&hex, str_bytes(digest, sizeof(digest)));
    TRY(buf_rc(&hex));
    prober = conf_prober_with_key(core->conf, buf_str(&hex));
    if (!prober || !str_eq(prober->name, m->name))
        return ERR(err, RC_DENIED, msg_unknown, m->name);
    rc = store_certificate_by_serial(store_read(core->store), a,
                                     str_bytes(cert->serial.b, cert->serial.n), &known);
    if (rc == RC_NOTFOUND || (rc == RC_OK && !str_eq(known.der, m->certificate)))
        return ERR(err, RC_DENIED, msg_not_ours, m->name);
    TRY(rc);
    if (known.status != STORE_CERTIFICATE_VALID)
        return ERR(err, RC_DENIED, msg_revoked, m->name);
    return check_use(cert, m, clock_now(ev_clock(core->ev)), err);
}

static enum rc arrived(struct core *core, const struct ipc_prober *m, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(CERT_ARENA);
    struct core_remote *r = take(core, m->name);
    struct x509_cert cert;
    bool was;
    enum rc rc = check(core, m, &a, &cert, err);

    if (rc != RC_OK) {
        if (r && rc == RC_DENIED)
            r->here = false;
        /* No verdict on the certificate, so no reason to cut it. */
        return rc == RC_DENIED || rc == RC_PARSE ? RC_DENIED : RC_AGAIN;
    }
    if (!r)
        return RC_AGAIN;
    was = is_here(core, r);
    TRY(str_copyz(m->program, r->program, sizeof(r->program)));
    r->here = true;
    r->heard = clock_mono(ev_clock(core->ev));
    r->seen = clock_now(ev_clock(core->ev));
    r->since = m->since;
    r->address = m->address;
    r->expires = cert.not_after;
    if (!was) {
        log_info("core.prober-here", LOG_STR("prober", m->name));
        acme_validate_due(core->acme);
    }
    return RC_OK;
}

void core_on_prober(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    const struct ipc_prober *m = msg;
    struct core *core = env->state;
    struct core_remote *r;
    struct err err = ERR_INIT;

    if (m->here) {
        err.rc = arrived(core, m, &err);
    } else {
        r = find(core, m->name);
        if (r && r->since == m->since)
            r->here = false;
    }
    if (err.rc == RC_OK)
        IGNORE_RC(ipc_reply(req, NULL)); /* front asks again */
    else
        ipc_reply_err(req, &err);
}

/* ---- what it is asked */

/* One attempt that is a remote prober's; `fn` is called later, whatever happens. */
struct far {
    struct core *core;
    struct core_remote *remote; /* NULL: was not asked */
    acme_validated_fn fn;
    void *arg;
    struct str name; /* borrowed from `text` */
    char text[sizeof(((struct core_remote *)NULL)->name)];
    struct list link; /* of those that wait to be told why they were not asked */
    struct ev_defer soon;
    struct err why;
};

static void far_end(struct far *f, const struct acme_validated *result)
{
    list_remove(&f->link);
    if (f->remote)
        f->remote->under_way--;
    f->fn(f->arg, result);
    mem_free(f);
}

static void on_soon(void *arg)
{
    struct far *f = arg;
    struct acme_validated result = {.rc = f->why.rc, .why = &f->why};

    far_end(f, &result);
}

void core_remotes_stop(struct core *core)
{
    while (!list_empty(&core->far)) {
        struct far *f = LIST_ENTRY(core->far.next, struct far, link);

        ev_defer_cancel(&f->soon);
        list_remove(&f->link);
        mem_free(f);
    }
}

/* Named in the trail: whose word it was. The evidence is one value of JSON, or none. */
static enum rc put_evidence(const struct far *f, struct str evidence, struct buf *out)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    if (evidence.n)
        TRY(json_parse(evidence, EVIDENCE_MAX, &doc, NULL));
    buf_printf(out, "{\"prober\":\"%.*s\",\"seen\":", STR_ARG(f->name));
    buf_puts(out, evidence.n ? evidence : STR("null"));
    buf_putz(out, "}");
    return buf_rc(out);
}

static void on_far(void *arg, const struct ipc_answer *answer)
{
    CLEANUP(buf_done) struct buf evidence = BUF_INIT(SEEN_MAX);
    struct far *f = arg;
    struct acme_validated result = {.rc = answer->rc, .why = answer->err};
    const struct ipc_validate_reply *reply = answer->msg;
    struct err err = ERR_INIT;

    if (answer->rc == RC_OK) {
        result.rc = reply->ok ? RC_OK : RC_DENIED;
        result.why = reply->ok ? NULL : &reply->why;
        result.until = reply->ok ? reply->until : 0;
        if (put_evidence(f, reply->evidence, &evidence) != RC_OK) {
            result.rc = ERR(&err, RC_IO, msg_garbage, f->name);
            result.why = &err;
            buf_reset(&evidence);
        }
    } else if (result.rc == RC_DENIED) {
        result.rc = RC_IO; /* what the channel refused is no verdict on the challenge */
    }
    result.evidence = buf_str(&evidence);
    metric_add(&attempts_total,
               result.rc == RC_OK       ? PROVEN
               : result.rc == RC_DENIED ? NOT_PROVEN
                                        : FAILED,
               1);
    far_end(f, &result);
}

/* RC_OK and the one to ask; else why not, in `err`. */
static enum rc choose(struct core *core, struct str prober, struct str identifier,
                      struct core_remote **out, struct err *err)
{
    struct core_remote *r = find(core, prober);

    if (!is_here(core, r))
        return ERR(err, RC_CLOSED, msg_away, prober, identifier);
    /* Its share, so that one that does not answer cannot hold up what others validate. */
    if (r->under_way >= CORE_REMOTE_SHARE)
        return ERR(err, RC_QUOTA, msg_busy, prober, identifier);
    *out = r;
    return RC_OK;
}

static enum rc ask(struct far *f, const struct ipc_far_validate *msg)
{
    struct core *core = f->core;
    struct core_remote *r;
    struct ipc_ask ask = {
        .type = IPC_FAR_VALIDATE,
        .msg = msg,
        .timeout = core->conf->validation.timeout + CORE_PROBE_SLACK,
        .fn = on_far,
        .arg = f,
    };

    TRY(choose(core, msg->prober, msg->ask.identifier, &r, &f->why));
    TRY(ipc_call(core->front, &ask, NULL));
    f->remote = r;
    r->under_way++;
    r->attempts++;
    return RC_OK;
}

enum rc core_remote_validate(struct core *core, const struct conf_prober *prober,
                             const struct ipc_validate *what, acme_validated_fn fn, void *arg)
{
    const struct ipc_far_validate msg = {prober->name, *what};
    struct far *f = MEM_NEW(struct far);

    if (!f)
        return RC_NOMEM;
    *f = (struct far){.core = core, .fn = fn, .arg = arg};
    list_init(&f->link);
    ev_defer_init(&f->soon, on_soon, f);
    IGNORE_RC(str_copyz(prober->name, f->text, sizeof(f->text))); /* conf has no longer ones */
    f->name = str_of(f->text);
    f->why.rc = ask(f, &msg);
    if (f->why.rc == RC_OK)
        return RC_OK;
    metric_add(&attempts_total, AWAY, 1);
    log_warn("core.remote-not-asked", LOG_STR("identifier", what->identifier), LOG_ERR(&f->why));
    list_push(&core->far, &f->link);
    ev_defer(core->ev, &f->soon);
    return RC_OK;
}

enum rc core_remote_away(const struct conf_prober *prober, struct str identifier, struct err *err)
{
    return ERR(err, RC_CLOSED, msg_away, prober->name, identifier);
}

enum rc core_remote_look(struct core *core, const struct conf_prober *prober,
                         const struct ipc_preflight *what, struct ipc_ask *ask)
{
    const struct ipc_far_preflight msg = {prober->name, *what};
    struct core_remote *r;

    TRY(choose(core, prober->name, what->identifier, &r, NULL));
    ask->type = IPC_FAR_PREFLIGHT;
    ask->msg = &msg;
    return ipc_call(core->front, ask, NULL);
}

/* ---- for people */

size_t core_remotes_show(const struct core *core, struct api_prober out[static CONF_PROBERS_MAX])
{
    size_t n = 0;

    for (; n < core->conf->n_probers && n < CONF_PROBERS_MAX; n++) {
        const struct conf_prober *p = &core->conf->probers[n];
        const struct core_remote *r = NULL;

        out[n] = (struct api_prober){.name = p->name};
        for (size_t i = 0; i < CONF_PROBERS_MAX; i++)
            if (str_eq(str_of(core->remotes[i].name), p->name))
                r = &core->remotes[i];
        if (!r)
            continue;
        out[n].connected = is_here(core, r);
        out[n].since = r->since;
        out[n].seen = r->seen;
        out[n].expires = r->expires;
        out[n].address = r->address;
        out[n].program = str_of(r->program);
        out[n].attempts = r->attempts;
        out[n].under_way = r->under_way;
    }
    return n;
}

void core_remotes_measure(const struct core *core)
{
    struct api_prober all[CONF_PROBERS_MAX];
    size_t n = core_remotes_show(core, all), here = 0;

    for (size_t i = 0; i < n; i++)
        here += all[i].connected;
    metric_set(&configured, 0, (int64_t)n);
    metric_set(&connected, 0, (int64_t)here);
}
