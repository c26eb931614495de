/* SPDX-License-Identifier: Apache-2.0 */
/* What is obtained, renewed and asked when. Sites without a certificate come first, then what is
 * due for renewal, then questions for ARI; KEEPER_ORDERS_MAX at a time. Each issuance has a fresh
 * key. Making one of RSA 2048 takes about a tenth of a second and blocks this process's loop for so
 * long: one is begun in a turn of the loop, so that messages and timers have their turn in between.
 */
#include "keeper/keeper_int.h"

#include <stdio.h>

#include "base/window.h"
#include "ev/clock.h"
#include "log/log.h"

MSG(msg_big, "keeper.chain-big",
    "the certificate chain has more than {0} KiB, and the gateway takes no more");
MSG(msg_soon, "keeper.certificate-ends-soon",
    "the certificate ends at {0}, which is too soon to put it in force");

#define LOOK_EVERY WHEN_HOUR /* clocks are set, machines sleep: a timer alone may come late */

enum { RANK_BARE, RANK_BARE_RSA, RANK_RENEWAL, RANK_LOOK, RANKS };

static when_t now_of(const struct keeper *k)
{
    return clock_now(k->env->clock);
}

static struct keeper_slot *slot_at(struct list *link)
{
    return LIST_ENTRY(link, struct keeper_slot, link);
}

/* ---- when */

/* The last tenth of a certificate's life is left for attempts that fail. */
static when_t latest(const struct keeper_slot *slot)
{
    return slot->not_after - (slot->not_after - slot->not_before) / 10;
}

/* Of TLCP's two, the other one is of a later renewal: each has dice of its own, and may fail. What
 * is a little older only was obtained with it. */
static bool is_behind(const struct keeper_slot *slot)
{
    int64_t slack = (slot->not_after - slot->not_before) / 10;
    const struct keeper_slot *other = slot->other;

    if (!slot->pair || !other || !other->pair)
        return false;
    return other->not_before - slot->not_before > (slack < WHEN_DAY ? slack : WHEN_DAY);
}

/* Whatever the server's window or an old state say. Who is behind waits no longer, but for what
 * `least` is for: dates may be such that one is behind however often it is renewed. */
static when_t renewal_due(const struct keeper_slot *slot)
{
    when_t due = slot->renewal.due, most = now_of(slot->keeper) + WHEN_DAY, behind;

    if (is_behind(slot)) {
        behind = slot->renewal.least > most ? 0 : slot->renewal.least;
        due = behind < due ? behind : due;
    }
    return due < latest(slot) ? due : latest(slot);
}

/* What is due then, in the next window of the configuration (base/window.h), which nothing waits
 * for longer than that. */
static when_t in_window(const struct keeper_slot *slot, when_t due)
{
    when_t now = now_of(slot->keeper), end = latest(slot);
    struct windows w;

    if (slot->window.n == 0 || slot->forced || windows_parse(slot->window, &w) != RC_OK)
        return due;
    due = due < now ? now : due;
    if (due >= end)
        return due;
    due = windows_next(&w, due);
    return due < end ? due : end;
}

/* A pause that ends later than any that is made was made while the clock was wrong. */
static when_t pause_end(const struct keeper_slot *slot)
{
    when_t most = now_of(slot->keeper) + KEEPER_PAUSE_HOURS_MAX * WHEN_HOUR;

    return slot->next_at > most ? 0 : slot->next_at;
}

when_t keeper_issue_renewal(const struct keeper_slot *slot)
{
    return in_window(slot, renewal_due(slot));
}

/* One of another profile than is configured now. */
static bool is_other(const struct keeper_slot *slot)
{
    return slot->issued_profile && !str_eq(shared_str(slot->issued_profile), slot->profile);
}

/* When its next order at our own CA is due. */
static when_t order_due(const struct keeper_slot *slot)
{
    when_t due = 0, pause = pause_end(slot);

    if (!(slot->keeper->possible & 1u << slot->algorithm))
        return WHEN_MAX;
    if (slot->pair && slot->directory && slot->first)
        due = keeper_public_end(slot);
    else if (slot->pair && !slot->directory && !is_other(slot))
        return in_window(slot, renewal_due(slot) < pause ? pause : renewal_due(slot));
    return due < pause ? pause : due;
}

when_t keeper_issue_due(const struct keeper_slot *slot)
{
    when_t ours = order_due(slot), others = keeper_public_due(slot);

    return ours < others ? ours : others;
}

/* Who is asked about the certificate in force; NULL: nobody that is known. */
static struct client *issuer(const struct keeper_slot *slot)
{
    struct keeper_ca *ca = keeper_public_issuer(slot);

    return ca ? ca->client : slot->directory ? NULL : slot->keeper->client;
}

static when_t look_due(const struct keeper_slot *slot)
{
    when_t most = now_of(slot->keeper) + CLIENT_LOOK_MOST, look = slot->renewal.look_at;

    if (!slot->pair || !slot->certid || !look || !issuer(slot) ||
        keeper_public_busy(keeper_public_issuer(slot)))
        return WHEN_MAX;
    return look > most ? 0 : look; /* the clock, as above */
}

/* At our own CA, or (`outside`) at another. */
static when_t order_due_at(const struct keeper_slot *slot, bool outside)
{
    return outside ? keeper_public_due(slot) : order_due(slot);
}

static when_t slot_due(const struct keeper_slot *slot, bool outside)
{
    when_t order = order_due_at(slot, outside);
    when_t look = outside == (slot->directory != NULL) ? look_due(slot) : WHEN_MAX;

    return order < look ? order : look;
}

static bool is_due(const struct keeper_slot *slot, bool outside, when_t now)
{
    return !slot->run && slot_due(slot, outside) <= now;
}

/* How pressing it is, least first. */
static size_t rank_of(const struct keeper_slot *slot, bool outside, when_t now)
{
    if (order_due_at(slot, outside) > now)
        return RANK_LOOK;
    if (slot->pair)
        return RANK_RENEWAL;
    return slot->algorithm == CONF_KEY_RSA ? RANK_BARE_RSA : RANK_BARE;
}

/* What is due takes its place in the queues: one look at all of them for many that are due. One
 * that is due at both kinds of CAs comes to the other when it has been at the first. */
static void queue(struct keeper *k, when_t now)
{
    struct list ranks[2][RANKS];

    for (size_t i = 0; i < 2 * RANKS; i++)
        list_init(&ranks[i / RANKS][i % RANKS]);
    LIST_FOREACH (it, &k->slots) {
        struct keeper_slot *slot = slot_at(it);

        list_remove(&slot->turn);
        for (int outside = 0; outside < 2; outside++)
            if (list_empty(&slot->turn) && is_due(slot, outside, now))
                list_push(&ranks[outside][rank_of(slot, outside, now)], &slot->turn);
    }
    for (size_t i = 0; i < 2 * RANKS; i++)
        list_splice(&k->turns[i / RANKS], &ranks[i / RANKS][i % RANKS]);
    k->requeue = false;
}

/* The next one that is still due; NULL when there is none. */
static struct keeper_slot *choose(struct keeper *k, bool outside, when_t now)
{
    for (struct list *it; (it = list_pop(&k->turns[outside])) != NULL;) {
        struct keeper_slot *slot = LIST_ENTRY(it, struct keeper_slot, turn);

        if (is_due(slot, outside, now))
            return slot;
    }
    return NULL;
}

static bool has_place(const struct keeper *k, bool outside)
{
    return outside ? k->outside < KEEPER_PUBLIC_MAX : k->active < KEEPER_ORDERS_MAX;
}

/* Until something is due for which there is a place; what waits for a place alone needs no timer,
 * for whatever ends looks again. */
static void wait(struct keeper *k)
{
    when_t now = now_of(k), next = now + LOOK_EVERY;
    const bool place[2] = {has_place(k, false), has_place(k, true)};

    LIST_FOREACH (it, &k->slots) {
        const struct keeper_slot *slot = slot_at(it);

        for (int outside = 0; outside < 2 && !slot->run; outside++) {
            when_t due = slot_due(slot, outside);

            if (due < next && (place[outside] || due > now))
                next = due;
        }
    }
    ev_timer_start(&k->due, next > now ? next - now : 0, 0);
}

/* ---- how it ended */

/* A run at that CA begins; NULL: at ours. */
static void count(struct keeper_slot *slot, struct keeper_ca *ca)
{
    slot->counted = ca;
    if (ca) {
        slot->keeper->outside++;
        ca->active++;
    } else {
        slot->keeper->active++;
    }
}

static void uncount(struct keeper_slot *slot)
{
    if (slot->counted) {
        slot->keeper->outside--;
        slot->counted->active--;
    } else {
        slot->keeper->active--;
    }
}

static void ended(struct keeper_slot *slot)
{
    slot->run = NULL;
    uncount(slot);
    crypto_key_unref(MOVE(slot->fresh));
    /* At another CA a place has become free, or the fallback's turn has come. */
    slot->keeper->requeue |= slot->first != NULL;
    ev_defer(slot->keeper->env->ev, &slot->keeper->pump);
}

static int64_t backoff(const struct keeper_slot *slot)
{
    int64_t first = slot->pair ? KEEPER_BACKOFF_SECONDS : KEEPER_BACKOFF_SECONDS_WITHOUT;
    int64_t most = slot->pair ? KEEPER_BACKOFF_SECONDS_MAX : KEEPER_BACKOFF_SECONDS_WITHOUT_MAX;

    return client_backoff(slot->failures, first * WHEN_SECOND, most * WHEN_SECOND);
}

static void failed(struct keeper_slot *slot, enum rc rc, const struct err *err, when_t retry_at)
{
    when_t now = now_of(slot->keeper), most = now + KEEPER_PAUSE_HOURS_MAX * WHEN_HOUR, next;
    char at[WHEN_TEXT], until[WHEN_TEXT];
    struct err why = *err;

    slot->failures++;
    why.rc = rc;
    keeper_why_set(&slot->why, &why);
    slot->unreached = rc == RC_NET || rc == RC_NOTFOUND || rc == RC_CLOSED || rc == RC_TIMEOUT;
    next = now + backoff(slot);
    slot->next_at = next > retry_at ? next : retry_at;
    if (slot->next_at > most)
        slot->next_at = most;
    log_error("keeper.certificate-failed", LOG_Z("site", slot->name),
              LOG_Z("algorithm", keeper_slot_text(slot)), LOG_ERR(&why),
              LOG_INT("failures", slot->failures), LOG_Z("again_at", when_text(slot->next_at, at)),
              LOG_Z("old_until", slot->pair ? when_text(slot->not_after, until) : "none"));
    keeper_slot_save(slot);
}

/* What no worker could be handed is as good as none, and what another CA lets end at once would be
 * ordered anew without a pause. */
static enum rc judge(const struct keeper_slot *slot, const struct client_result *result,
                     struct err *err)
{
    when_t least = now_of(slot->keeper) + KEEPER_PUBLIC_HOURS_LEAST * WHEN_HOUR;
    char digits[24], until[WHEN_TEXT];

    if (result->chain.n > KEEPER_CHAIN_MAX) {
        snprintf(digits, sizeof(digits), "%d", KEEPER_CHAIN_MAX / 1024);
        return ERR(err, RC_TOOBIG, msg_big, str_of(digits));
    }
    if (slot->at && result->certs[0].not_after < least)
        return ERR(err, RC_CRYPTO, msg_soon, str_of(when_text(result->certs[0].not_after, until)));
    return RC_OK;
}

static void succeeded(struct keeper_slot *slot, const struct client_result *result)
{
    char until[WHEN_TEXT], renew[WHEN_TEXT];
    bool renewed = slot->pair != NULL;
    uint64_t before = slot->version;
    struct err err = ERR_INIT;
    enum rc rc = judge(slot, result, &err);

    if (rc == RC_OK)
        rc = keeper_slot_take(slot, result, &err);
    if (slot->version == before) {
        const struct client_result none = {
            .rc = rc, .err = &err, .ill = slot->at && rc != RC_NOMEM};

        if (slot->at)
            keeper_public_failed(slot, &none);
        else
            failed(slot, rc, &err, 0);
        return;
    }
    if (rc != RC_OK) {
        err.rc = rc;
        log_error("keeper.certificate-not-stored", LOG_Z("site", slot->name),
                  LOG_Z("algorithm", keeper_slot_text(slot)), LOG_ERR(&err));
    }
    slot->unreached = false;
    log_info("keeper.certificate", LOG_Z("site", slot->name),
             LOG_Z("algorithm", keeper_slot_text(slot)), LOG_BOOL("renewed", renewed),
             LOG_Z("until", when_text(slot->not_after, until)),
             LOG_Z("renew_at", when_text(slot->renewal.due, renew)));
    slot->keeper->requeue |= slot->other != NULL; /* it may be behind now */
    keeper_push_look(slot->keeper);
}

static void on_obtained(void *arg, const struct client_result *result)
{
    struct keeper_slot *slot = arg;

    if (result->rc == RC_OK)
        succeeded(slot, result);
    else if (slot->at)
        keeper_public_failed(slot, result);
    else
        failed(slot, result->rc, result->err, result->retry_at);
    ended(slot);
}

/* An ARI that cannot be had is no reason for anything: the plan by lifetime holds. */
static void on_looked(void *arg, const struct client_result *result)
{
    struct keeper_slot *slot = arg;
    when_t now = now_of(slot->keeper), before = slot->renewal.due;
    char at[WHEN_TEXT];

    if (result->rc == RC_OK)
        client_renewal_window(&slot->renewal, &result->window, result->retry_at, now);
    else if (result->rc == RC_UNSUPPORTED)
        slot->renewal.look_at = 0;
    else
        client_renewal_unknown(&slot->renewal, now);
    if (slot->renewal.due != before)
        log_info("keeper.renewal-moved", LOG_Z("site", slot->name),
                 LOG_Z("algorithm", keeper_slot_text(slot)),
                 LOG_Z("renew_at", when_text(slot->renewal.due, at)),
                 LOG_STR("explanation", result->window.explanation));
    keeper_slot_save(slot);
    ended(slot);
}

/* ---- begun */

static enum rc order(struct keeper_slot *slot, bool outside, struct err *err)
{
    static const struct crypto_key_spec specs[CONF_SITE_KEYS] = {
        [CONF_KEY_RSA] = {CRYPTO_KEY_RSA, 2048},
        [CONF_KEY_ECDSA] = {CRYPTO_KEY_P256, 0},
        [CONF_KEY_SM2] = {CRYPTO_KEY_SM2, 0},
        [CONF_KEY_MLDSA] = {CRYPTO_KEY_MLDSA65, 0},
    };
    struct str name = str_of(slot->name);
    /* Core knows the site's profile itself, and which two there are for TLCP. */
    struct client_want want = {.dns = &name, .n_dns = 1};
    CLEANUP(buf_done) struct buf certid = BUF_INIT(KEEPER_CERTID_MAX);

    if (slot->algorithm == CONF_KEY_SM2)
        want.profile = slot->profile;
    if (slot->pair && slot->certid && (outside || !slot->directory)) {
        TRY(keeper_slot_certid(slot, &certid));
        want.replaces = buf_str(&certid);
    }
    if (outside) /* first: whatever fails from here on has failed there */
        TRY(keeper_public_choose(slot, err));
    TRY(crypto_key_generate(specs[slot->algorithm], &slot->fresh));
    want.key = slot->fresh;
    if (outside)
        return keeper_public_order(slot, &want, on_obtained);
    return client_obtain(slot->keeper->client, &want, on_obtained, slot, &slot->run);
}

/* What ARI says of the one in force. */
static enum rc look(struct keeper_slot *slot)
{
    CLEANUP(buf_done) struct buf certid = BUF_INIT(KEEPER_CERTID_MAX);

    TRY(keeper_slot_certid(slot, &certid));
    return client_look(issuer(slot), buf_str(&certid), on_looked, slot, &slot->run);
}

static void start(struct keeper_slot *slot, bool outside)
{
    struct keeper *k = slot->keeper;
    bool ordering = order_due_at(slot, outside) <= now_of(k);
    struct err err = ERR_INIT;
    struct client_result none = {.err = &err};
    enum rc rc;

    if (ordering)
        rc = order(slot, outside, &err);
    else
        rc = look(slot);
    if (rc == RC_OK) {
        count(slot, ordering ? slot->at : keeper_public_issuer(slot));
        return;
    }
    crypto_key_unref(MOVE(slot->fresh));
    none.rc = rc;
    none.ill = slot->at && !slot->at->client; /* the fallback may be of use */
    if (ordering && slot->at)
        keeper_public_failed(slot, &none);
    else if (ordering)
        failed(slot, rc, &err, 0);
    else
        client_renewal_unknown(&slot->renewal, now_of(k));
}

static void on_pump(void *arg)
{
    struct keeper *k = arg;
    struct keeper_slot *slot = NULL;
    bool outside = false;

    if (k->draining && k->active + k->outside == 0)
        role_drained(k->env);
    if (!k->client || k->draining || !k->vouched)
        return;
    if (k->requeue)
        queue(k, now_of(k));
    if (has_place(k, false))
        slot = choose(k, false, now_of(k));
    if (!slot && has_place(k, true)) {
        slot = choose(k, true, now_of(k));
        outside = slot != NULL;
    }
    if (slot) {
        start(slot, outside);
        ev_defer(k->env->ev, &k->pump);
    } else if (list_empty(&k->turns[0]) && list_empty(&k->turns[1])) {
        wait(k);
    } else {
        ev_timer_start(&k->due, KEEPER_QUEUE_SECONDS * WHEN_SECOND, 0);
    }
}

static void on_due(void *arg)
{
    keeper_issue_look(arg);
}

void keeper_issue_look(struct keeper *k)
{
    k->requeue = true;
    ev_defer(k->env->ev, &k->pump);
}

void keeper_issue_soon(struct keeper *k)
{
    ev_timer_start(&k->due, KEEPER_SETTLE_SECONDS * WHEN_SECOND, 0);
}

/* What failed because nobody answered need not wait for its pause. */
void keeper_issue_reached(struct keeper *k)
{
    LIST_FOREACH (it, &k->slots) {
        struct keeper_slot *slot = slot_at(it);

        if (slot->unreached)
            slot->next_at = 0;
        slot->unreached = false;
    }
    client_hurry(k->client);
    keeper_issue_look(k);
}

void keeper_issue_force(struct keeper_slot *slot)
{
    /* An internal one that serves meanwhile need not be another. */
    if (!slot->first || slot->directory) {
        slot->renewal.due = now_of(slot->keeper);
        slot->renewal.least = 0;
        slot->forced = true;
    }
    slot->next_at = 0;
    slot->public.next_at = 0;
    keeper_issue_look(slot->keeper);
}

void keeper_issue_cancel(struct keeper_slot *slot)
{
    if (!slot->run)
        return;
    client_cancel(MOVE(slot->run));
    uncount(slot);
    slot->at = NULL;
    crypto_key_unref(MOVE(slot->fresh));
}

void keeper_issue_init(struct keeper *k)
{
    list_init(&k->turns[0]);
    list_init(&k->turns[1]);
    ev_timer_init(&k->due, k->env->ev, on_due, k);
    ev_defer_init(&k->pump, on_pump, k);
}

void keeper_issue_stop(struct keeper *k)
{
    LIST_FOREACH (it, &k->slots)
        keeper_issue_cancel(slot_at(it));
    ev_timer_stop(&k->due);
    ev_defer_cancel(&k->pump);
}
