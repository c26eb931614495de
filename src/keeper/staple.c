/* SPDX-License-Identifier: Apache-2.0 */
/* The OCSP answers that are shown with certificates: asked for over the private listener like
 * certificates are, checked as a client would, handed to the workers as part of the identity, and
 * asked for again after half of their life. What is held stays until it ends, whatever happens to
 * the responder; none is shown that has ended. KEEPER_STAPLES_MAX are under way at a time, and
 * each has its own moment, so that ten thousand sites are a trickle. */
#include "keeper/keeper_int.h"

#include <stdio.h>

#include "ev/clock.h"
#include "log/log.h"

MSG(msg_status, "keeper.staple-status", "the responder answers {0} with status {1}");

#define LOOK_EVERY WHEN_HOUR /* clocks are set, machines sleep: a timer alone may come late */
/* Where front listens; the path says the rest. */
#define RESPONDER "https://localhost"

enum { ARENA_BYTES = 4 << 20, URL_BYTES = 128 };

static when_t now_of(const struct keeper *k)
{
    return clock_now(k->env->clock);
}

static struct keeper_slot *slot_at(struct list *link)
{
    return LIST_ENTRY(link, struct keeper_slot, link);
}

static bool holds(const struct keeper_staple *s, when_t now)
{
    return s->der.n && s->said.until > now;
}

enum ipc_staple keeper_staple_state(const struct keeper_slot *slot)
{
    const struct keeper_staple *s = &slot->staple;

    if (!slot->pair || !s->path)
        return IPC_STAPLE_NONE;
    if (!holds(s, now_of(slot->keeper)))
        return IPC_STAPLE_MISSING;
    return s->said.revoked ? IPC_STAPLE_REVOKED : IPC_STAPLE_GOOD;
}

bool keeper_staple_awaited(const struct keeper_slot *slot)
{
    const struct keeper_staple *s = &slot->staple;
    when_t now = now_of(slot->keeper);

    return s->must && s->path && !holds(s, now) && s->awaited_until > now &&
           s->awaited_until <= now + KEEPER_STAPLE_AWAIT_SECONDS * WHEN_SECOND;
}

/* ---- when */

static void arm(struct keeper *k, when_t at)
{
    when_t now = now_of(k), most = now + LOOK_EVERY;

    if (at > most)
        at = most;
    if (ev_timer_running(&k->staple_due) && k->staple_at <= at)
        return;
    k->staple_at = at;
    ev_timer_start(&k->staple_due, at > now ? at - now : 0, 0);
}

static void again(struct keeper_slot *slot)
{
    struct keeper_staple *s = &slot->staple;

    s->tries++;
    s->next_at =
        now_of(slot->keeper) + client_backoff(s->tries, KEEPER_STAPLE_SECONDS_FIRST * WHEN_SECOND,
                                              KEEPER_STAPLE_SECONDS_LAST * WHEN_SECOND);
}

static void failed(struct keeper_slot *slot, const struct err *err)
{
    struct keeper_staple *s = &slot->staple;
    char until[WHEN_TEXT];

    if (s->failures++ == 0)
        log_warn("keeper.staple-failed", LOG_Z("site", slot->name),
                 LOG_Z("algorithm", keeper_slot_text(slot)), LOG_ERR(err),
                 LOG_Z("old_until", s->der.n ? when_text(s->said.until, until) : "none"));
    again(slot);
}

/* ---- the answer */

/* What is asked and answered is about this. */
static enum rc make_of(struct arena *a, const struct keeper_slot *slot,
                       struct client_staple_of *out, struct err *err)
{
    const struct keeper *k = slot->keeper;
    CLEANUP(buf_done) struct buf ders = BUF_INIT(KEEPER_CHAIN_MAX);
    struct client_staple_chain chain = {.roots = k->roots, .n_roots = k->n_roots};
    struct x509_cert *certs;
    struct str kept;

    TRY(keeper_pair_chain(slot->pair, &ders));
    TRY(arena_str(a, buf_str(&ders), &kept));
    TRY(x509_cert_read_der(a, kept, X509_CHAIN_MAX, &certs, &chain.n, err));
    chain.certs = certs;
    *out = (struct client_staple_of){.serial = &slot->serial, .now = now_of(k)};
    return client_staple_issuer(a, &chain, &out->issuer, err);
}

/* What says that it is revoked is shown like any other answer: clients that ask have a right to
 * know. A new certificate is ordered at once, so the site is not without one for long. */
static void on_revoked(struct keeper_slot *slot)
{
    log_warn("keeper.certificate-revoked", LOG_Z("site", slot->name),
             LOG_Z("algorithm", keeper_slot_text(slot)),
             LOG_TEXT("a new one is ordered now; a site that should have none is to be removed "
                      "from the configuration"));
    keeper_issue_force(slot);
}

static enum rc take(struct keeper_slot *slot, const struct client_answer *answer, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    struct keeper_staple *s = &slot->staple;
    struct client_staple_of of;
    struct client_staple said;
    char status[16];

    snprintf(status, sizeof(status), "%d", answer->status);
    if (answer->status != 200)
        return ERR(err, RC_AGAIN, msg_status, shared_str(s->path), str_of(status));
    TRY(make_of(&a, slot, &of, err));
    TRY(client_staple_check(&a, answer->body, &of, &said, err));
    if (holds(s, of.now) && (said.since < s->said.since ||
                             (said.since == s->said.since && said.revoked == s->said.revoked)))
        return RC_EXISTS;
    buf_reset(&s->der);
    buf_puts(&s->der, answer->body);
    TRY(buf_rc(&s->der));
    keeper_slot_touch(slot);
    if (said.revoked && !s->said.revoked)
        on_revoked(slot);
    s->said = said;
    return RC_OK;
}

static void look_again(struct keeper_slot *slot)
{
    arm(slot->keeper, slot->staple.next_at);
    ev_defer(slot->keeper->env->ev, &slot->keeper->staple_pump);
}

static void on_answer(void *arg, const struct client_answer *answer)
{
    struct keeper_slot *slot = arg;
    struct keeper_staple *s = &slot->staple;
    struct err err = ERR_INIT;
    enum rc rc = answer->rc;

    s->ask = NULL;
    slot->keeper->stapling--;
    if (rc == RC_OK)
        rc = take(slot, answer, &err);
    else if (answer->err)
        err = *answer->err;
    err.rc = rc;
    if (rc == RC_OK) {
        if (s->failures)
            log_info("keeper.staple-again", LOG_Z("site", slot->name),
                     LOG_Z("algorithm", keeper_slot_text(slot)));
        s->failures = s->tries = 0;
        s->next_at = client_staple_next(&s->said);
        keeper_push_look(slot->keeper);
    } else if (rc == RC_EXISTS) {
        again(slot); /* the one we have: the next one is being made */
    } else {
        failed(slot, &err);
    }
    look_again(slot);
}

/* ---- asking */

static enum rc put_request(const struct keeper_slot *slot, struct buf *out, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    struct client_staple_of of;

    TRY(make_of(&a, slot, &of, err));
    return client_staple_request(&of, out);
}

static enum rc ask(struct keeper_slot *slot, struct err *err)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(X509_OCSP_REQUEST_MAX);
    struct keeper *k = slot->keeper;
    char url[URL_BYTES];
    struct client_ask ask = {.method = "POST",
                             .content_type = STR("application/ocsp-request"),
                             .accept = STR("application/ocsp-response"),
                             .max_body = KEEPER_STAPLE_MAX,
                             .timeout = KEEPER_STAPLE_SECONDS * WHEN_SECOND};

    snprintf(url, sizeof(url), RESPONDER "%.*s", STR_ARG(shared_str(slot->staple.path)));
    ask.url = str_of(url);
    TRY(put_request(slot, &body, err));
    ask.body = buf_str(&body);
    TRY(client_transport_send(k->transport, &ask, on_answer, slot, &slot->staple.ask));
    k->stapling++;
    return RC_OK;
}

static void on_pump(void *arg)
{
    struct keeper *k = arg;
    struct list *link;

    while (k->vouched && !k->draining && k->stapling < KEEPER_STAPLES_MAX &&
           (link = list_pop(&k->staples))) {
        struct keeper_slot *slot = LIST_ENTRY(link, struct keeper_slot, staple.link);
        struct err err = ERR_INIT;

        slot->staple.queued = false;
        err.rc = ask(slot, &err);
        if (err.rc != RC_OK) {
            failed(slot, &err);
            arm(k, slot->staple.next_at);
        }
    }
}

static void queue(struct keeper_slot *slot)
{
    struct keeper_staple *s = &slot->staple;

    if (s->queued || s->ask)
        return;
    s->queued = true;
    list_push(&slot->keeper->staples, &s->link);
    ev_defer(slot->keeper->env->ev, &slot->keeper->staple_pump);
}

/* Waited for no longer, whether or not it is being asked for just now; else it lowers *next. */
static bool release(struct keeper_slot *slot, when_t now, when_t *next)
{
    struct keeper_staple *s = &slot->staple;

    if (!s->must || !s->awaited_until)
        return false;
    if (s->awaited_until > now) {
        if (s->awaited_until < *next)
            *next = s->awaited_until;
        return false;
    }
    s->awaited_until = 0;
    if (!holds(s, now))
        keeper_slot_touch(slot); /* the workers may have newer ones already */
    return true;
}

/* Queues what is due, and notes when the next is. */
static void on_due(void *arg)
{
    struct keeper *k = arg;
    when_t now = now_of(k), next = now + LOOK_EVERY;
    bool released = false;

    LIST_FOREACH (it, &k->slots) {
        struct keeper_slot *slot = slot_at(it);
        struct keeper_staple *s = &slot->staple;

        if (!s->path)
            continue;
        released |= release(slot, now, &next);
        if (s->queued || s->ask)
            continue;
        /* One that lies further ahead than any that is chosen was chosen while the clock was
         * wrong. */
        if (s->next_at <= now || (s->der.n && s->next_at > s->said.until))
            queue(slot);
        else if (s->next_at < next)
            next = s->next_at;
    }
    arm(k, next);
    if (released)
        keeper_push_look(k);
}

/* ---- of a slot */

/* The responder is our own, whatever urls.plain was when it was issued: what counts is what stands
 * behind /ocsp/. Empty: it is another. */
static struct str ref_of(struct str url)
{
    size_t at = url.n;
    struct str ref;

    while (at && url.p[at - 1] != '/')
        at--;
    if (!str_ends(str_head(url, at), STR("/ocsp/")))
        return STR("");
    ref = str_skip(url, at);
    for (size_t i = 0; i < ref.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", ref.p[i]))
            return STR("");
    return ref;
}

enum rc keeper_staple_responder(const struct keeper_slot *slot, const struct x509_cert *leaf,
                                struct shared **out)
{
    char path[KEEPER_STAPLE_PATH_MAX];
    struct str ref;

    *out = NULL;
    if (slot->algorithm == CONF_KEY_SM2 && !slot->tls_sm)
        return RC_OK;
    if (leaf->n_ocsp_urls == 0)
        return RC_OK;
    ref = ref_of(leaf->ocsp_urls[0]);
    if (ref.n == 0 || ref.n > sizeof(path) - sizeof("/ocsp/"))
        return RC_OK;
    snprintf(path, sizeof(path), "/ocsp/%.*s", STR_ARG(ref));
    return shared_take(&slot->keeper->words, str_of(path), out);
}

void keeper_staple_begin(struct keeper_slot *slot, struct shared *path, bool must)
{
    struct keeper_staple *s = &slot->staple;

    s->must = must;
    s->path = path;
    if (!path)
        return;
    s->awaited_until =
        now_of(slot->keeper) + (s->must ? KEEPER_STAPLE_AWAIT_SECONDS * WHEN_SECOND : 0);
    queue(slot);
    if (s->must)
        arm(slot->keeper, s->awaited_until);
}

/* As if the certificate had come just now. */
static enum rc begin_again(struct keeper_slot *slot)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    struct shared *path = NULL;
    struct x509_cert *leaf;
    size_t n;

    TRY(x509_cert_read_der(&a, keeper_pair_leaf(slot->pair), 1, &leaf, &n, NULL));
    if (!slot->directory)
        TRY(keeper_staple_responder(slot, leaf, &path));
    keeper_staple_drop(slot);
    keeper_slot_touch(slot);
    keeper_staple_begin(slot, path, leaf->must_staple);
    return RC_OK;
}

void keeper_staple_shown(struct keeper_slot *slot, bool tls_sm)
{
    bool is = slot->algorithm == CONF_KEY_SM2 && !slot->encrypts && tls_sm;
    enum rc rc;

    if (slot->tls_sm == is)
        return;
    slot->tls_sm = is;
    rc = slot->pair ? begin_again(slot) : RC_OK;
    if (rc == RC_OK)
        return;
    slot->tls_sm = !is; /* the next reload tries it again */
    log_error("keeper.staple-failed", LOG_Z("site", slot->name),
              LOG_Z("algorithm", keeper_slot_text(slot)), LOG_RC(rc));
}

void keeper_staple_drop(struct keeper_slot *slot)
{
    struct keeper_staple *s = &slot->staple;

    if (s->ask) {
        client_transport_cancel(slot->keeper->transport, MOVE(s->ask));
        slot->keeper->stapling--;
    }
    if (s->queued)
        list_remove(&s->link);
    buf_done(&s->der);
    shared_drop(s->path, NULL);
    *s = (struct keeper_staple){};
    buf_init(&s->der, KEEPER_STAPLE_MAX);
}

/* ---- of all of them */

void keeper_staple_reached(struct keeper *k)
{
    LIST_FOREACH (it, &k->slots) {
        struct keeper_slot *slot = slot_at(it);

        if (slot->staple.path && slot->staple.failures)
            queue(slot);
    }
    arm(k, now_of(k) + LOOK_EVERY);
    ev_defer(k->env->ev, &k->staple_pump);
}

void keeper_staple_init(struct keeper *k)
{
    list_init(&k->staples);
    ev_timer_init(&k->staple_due, k->env->ev, on_due, k);
    ev_defer_init(&k->staple_pump, on_pump, k);
}

void keeper_staple_stop(struct keeper *k)
{
    LIST_FOREACH (it, &k->slots) {
        struct keeper_slot *slot = slot_at(it);

        if (slot->staple.ask) {
            client_transport_cancel(k->transport, MOVE(slot->staple.ask));
            k->stapling--;
        }
    }
    ev_timer_stop(&k->staple_due);
    ev_defer_cancel(&k->staple_pump);
}
