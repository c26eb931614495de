/* SPDX-License-Identifier: Apache-2.0 */
/* Renewing without being asked (RFC 8739 section 2.2). What is due stands in the store; taking it
 * is part of the transaction that reserves the serial, so a crash leaves it due or reserved, never
 * both and never neither, and recovery (ca/recover.c) ends what is reserved. Each time all is
 * judged again that may have changed since: account, authorizations given up, rules, CAA, the last
 * certificate. The proof of control itself is not: the order was allowed to go on until its end.
 * An obstacle that may pass (a signer that is away, a DNS server that does not answer) is met again
 * after a growing pause; one that will not (star.h: acme_star_for_ever) ends the order. */
#include <assert.h>

#include "acme/star.h"
#include "acme/state.h"
#include "ca/issue.h"
#include "crypto/key.h"
#include "ev/clock.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "x509/csr.h"

enum {
    RENEWAL_ARENA = 4 * 1024 * 1024,
    UNDER_WAY_MAX = 16,
    DUE_BATCH = 2 * UNDER_WAY_MAX,
    LOOK_SECONDS = 5, /* when nothing is known to be due sooner */
};

MSG(msg_account, "acme.star-account", "the account of the order is {0}");
MSG(msg_authorization, "acme.star-authorization", "the authorization of {0} is {1}");
MSG(msg_vouched, "acme.star-no-longer-vouched",
    "{0} was never proven, because a policy rule took the word of the account's key for it, and "
    "none "
    "does any more");
MSG(msg_below, "acme.star-subdomains",
    "no policy rule lets a proof of {0} count for what is below it any more");
MSG(msg_revoked, "acme.star-revoked", "its certificate was revoked at {0}");
MSG(msg_never, "acme.star-never", "no certificate could be made before the order's end");

enum { ISSUED, VAIN, ENDED };
static const char *const results[] = {"issued", "retry", "ended"};
METRIC_COUNTER_BY(star_total, "acme_star_renewals_total",
                  "Certificates of orders that renew themselves: issued, to be tried again, ended",
                  "result", results);

struct acme_renewal {
    struct list link;
    struct arena arena;
    struct acme_request r; /* nobody's: no exchange, the order's account */
    struct id id;
    struct store_order order;
    struct acme_judged judged;
    enum crypto_key_type key;
    struct ca_request ask;
    when_t now;
    bool ends; /* not worth another attempt */
    struct str problem;
};

static struct acme_renewal *renewal_new(struct acme *a, const struct id *order)
{
    struct acme_renewal *w = MEM_NEW(struct acme_renewal);

    if (!w)
        return NULL;
    arena_init(&w->arena, RENEWAL_ARENA);
    w->id = *order;
    w->now = clock_now(ev_clock(a->ev));
    w->r.acme = a;
    w->r.arena = &w->arena;
    w->r.now = w->now;
    w->r.data = w;
    list_init(&w->link);
    list_push(&a->renewals, &w->link);
    a->n_renewals++;
    return w;
}

static void renewal_free(struct acme_renewal *w)
{
    struct acme *a = w->r.acme;

    list_remove(&w->link);
    a->n_renewals--;
    arena_done(&w->arena);
    mem_free(w);
}

/* There is a place for another. */
static void renewal_end(struct acme_renewal *w)
{
    struct acme *a = w->r.acme;

    renewal_free(w);
    acme_star_look(a);
}

static enum rc audit(struct store_txn *txn, when_t now, const char *action, const struct id *order,
                     struct str detail)
{
    struct audit_event event = {
        .at = now,
        .actor_kind = AUDIT_SYSTEM,
        .action = action,
        .object_kind = "order",
        .object = id_str(order),
        .detail = detail,
    };

    return audit_append(txn, &event, NULL);
}

/* ---- not now, or not any more */

/* RFC 8739 section 3.3: an order that ends as it should stays valid. */
static enum rc end_fn(struct store_txn *txn, void *arg)
{
    struct acme_renewal *w = arg;
    const struct id *id = &w->id;

    if (w->order.status == STORE_ORDER_PROCESSING) {
        assert(acme_order_may(STORE_ORDER_PROCESSING, STORE_ORDER_INVALID));
        TRY(store_order_fail(txn, id, STORE_ORDER_PROCESSING, w->problem));
        TRY(store_star_over(txn, id));
        return audit(txn, w->now, "order.failed", id, w->problem);
    }
    if (w->order.star->end <= w->now)
        return store_star_over(txn, id);
    assert(acme_order_may(STORE_ORDER_VALID, STORE_ORDER_CANCELED));
    TRY(store_star_cancel(txn, id, w->problem, w->now));
    return audit(txn, w->now, "order.canceled", id, w->problem);
}

static enum rc later_fn(struct store_txn *txn, void *arg)
{
    struct acme_renewal *w = arg;

    return store_star_later(txn, &w->id, w->now + acme_star_pause(w->order.star));
}

static void settled(enum rc rc, void *arg)
{
    struct acme_renewal *w = arg;

    if (rc == RC_OK)
        metric_add(&star_total, w->ends ? ENDED : VAIN, 1);
    renewal_end(w);
}

/* With the order read, and what is in the way in w->r.err. What cannot be written is found due
 * again by the next look. */
static void settle(struct acme_renewal *w, enum rc rc)
{
    struct acme *a = w->r.acme;

    if (w->r.err.rc == RC_OK)
        w->r.err.rc = rc;
    log_warn("acme.not-renewed", LOG_STR("order", id_str(&w->id)),
             LOG_Z("then", w->ends ? "ended" : "again"), LOG_ERR(&w->r.err));
    w->now = clock_now(ev_clock(a->ev));
    if (w->ends && acme_problem_json(&w->arena, &w->r.err, NULL, 0, &w->problem) != RC_OK)
        w->ends = false;
    if (store_write(a->store, w->ends ? end_fn : later_fn, settled, w) != RC_OK)
        renewal_free(w);
}

/* ---- what may have changed */

static enum rc ends(struct acme_renewal *w, enum rc rc)
{
    w->ends = true;
    return rc;
}

/* A record that stays proves until it ends, and nothing is issued by it afterwards
 * (draft-ietf-acme- dns-persist section 4.4): what it has proven is no longer good than its
 * authorization. */
static bool has_run_out(const struct acme_renewal *w, const struct store_authorization *z)
{
    struct str persist = str_of(conf_challenge_name(CONF_CHALLENGE_DNS_PERSIST_01));

    for (size_t i = 0; i < z->n_challenges; i++)
        if (z->challenges[i].status == STORE_CHALLENGE_VALID &&
            str_eq(z->challenges[i].type, persist))
            return z->expires <= w->now;
    return false;
}

/* RFC 9444: whether a proof counts for what is below it is for the rules to say, each time anew. As
 * with every other rule, what they forbid today they may allow tomorrow. */
static enum rc check_below(struct acme_renewal *w, const struct store_name *name,
                           const struct store_authorization *z)
{
    if (!z->subdomains || acme_name_eq(name, &z->name) ||
        acme_subdomains_allowed(&w->r, z->name.value))
        return RC_OK;
    return ACME_ERR(&w->r, RC_DENIED, "rejectedIdentifier", msg_below, z->name.value);
}

/* An authorization that has expired has served: it was asked for once (RFC 8739 section 2.1). One
 * that its owner gave up is a word of its own. */
static enum rc check_authorizations(struct acme_renewal *w)
{
    for (size_t i = 0; i < w->order.n_names; i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1024 * 1024);
        struct store_authorization z;

        TRY(store_authorization_get(store_read(w->r.acme->store), &a,
                                    &w->order.names[i].authorization, &z));
        if (has_run_out(w, &z))
            z.status = STORE_AUTHORIZATION_EXPIRED;
        else if (z.status == STORE_AUTHORIZATION_EXPIRED)
            z.status = STORE_AUTHORIZATION_VALID;
        if (z.status != STORE_AUTHORIZATION_VALID)
            return ends(w,
                        ACME_ERR(&w->r, RC_DENIED, "unauthorized", msg_authorization, z.name.value,
                                 str_of(store_authorization_status_text(z.status))));
        TRY(check_below(w, &w->order.names[i].name, &z));
    }
    return RC_OK;
}

/* A rule that takes the word of a key may come back, as any other that allows a name may. */
static enum rc check_vouched(struct acme_renewal *w)
{
    for (size_t i = 0; i < w->order.n_names; i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1024 * 1024);
        struct store_authorization z;

        TRY(store_authorization_get(store_read(w->r.acme->store), &a,
                                    &w->order.names[i].authorization, &z));
        if (z.evidence.n && !w->judged.names[i].vouched)
            return ACME_ERR(&w->r, RC_DENIED, "unauthorized", msg_vouched, z.name.value);
    }
    return RC_OK;
}

/* Whoever revoked it (an operator: its owner cannot) wants no other in its place. */
static enum rc check_last(struct acme_renewal *w)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1024 * 1024);
    struct store_certificate c;
    char at[WHEN_TEXT];

    if (w->order.status != STORE_ORDER_VALID)
        return RC_OK;
    TRY(store_certificate_get(store_read(w->r.acme->store), &a, &w->order.certificate, &c));
    if (c.status == STORE_CERTIFICATE_VALID)
        return RC_OK;
    return ends(w, ACME_ERR(&w->r, RC_DENIED, "unauthorized", msg_revoked,
                            str_of(when_text(c.revoked, at))));
}

static enum rc read_key(struct acme_renewal *w)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    TRY(crypto_key_from_spki(w->order.star->spki, &key, NULL));
    w->key = crypto_key_type(key);
    return RC_OK;
}

static enum rc check(struct acme_renewal *w)
{
    struct acme *a = w->r.acme;
    struct store_account *account = &w->r.account;

    if (w->order.star->end <= w->now)
        return ends(w, ACME_ERR(&w->r, RC_DENIED, "autoRenewalExpired", msg_never));
    TRY(store_account_get(store_read(a->store), &w->arena, &w->order.account, account));
    w->r.staging = account->staging;
    w->r.client = w->order.created_from;
    if (account->status != STORE_ACCOUNT_VALID)
        return ends(w, ACME_ERR(&w->r, RC_DENIED, "unauthorized", msg_account,
                                str_of(store_account_status_text(account->status))));
    TRY(check_authorizations(w));
    TRY(check_last(w));
    TRY(read_key(w));
    TRY(acme_order_judge(&w->r, &w->order, false, w->key, &w->judged));
    return check_vouched(w);
}

/* ---- one renewal */

static enum rc reserve(struct store_txn *txn, void *arg, struct err *err)
{
    struct acme_renewal *w = arg;

    (void)err;
    TRY(store_star_take(txn, &w->id, w->order.star->issued));
    return audit(txn, w->now, "order.renewing", &w->id, (struct str){NULL, 0});
}

/* RC_AGAIN: reserved, and recovery is at it. RC_CONFLICT: canceled or taken meanwhile. */
static void issued(void *arg, enum rc rc, const struct store_certificate *certificate,
                   const struct err *err)
{
    struct acme_renewal *w = arg;

    (void)certificate;
    if (rc == RC_OK)
        metric_add(&star_total, ISSUED, 1);
    if (rc == RC_OK || rc == RC_AGAIN || rc == RC_CONFLICT || rc == RC_CANCELLED) {
        renewal_end(w);
        return;
    }
    w->r.err = *err;
    w->ends = acme_star_for_ever(err);
    settle(w, rc);
}

static enum rc fill_names(struct acme_renewal *w)
{
    const struct store_order *o = &w->order;
    struct str *dns = ARENA_ARRAY(&w->arena, struct str, o->n_names);
    struct addr *ips = ARENA_ARRAY(&w->arena, struct addr, o->n_names);

    if (!dns || !ips)
        return RC_NOMEM;
    for (size_t i = 0; i < o->n_names; i++)
        if (o->names[i].name.type == STORE_NAME_IP)
            TRY(addr_parse(o->names[i].name.value, &ips[w->ask.n_ips++]));
        else
            dns[w->ask.n_dns++] = o->names[i].name.value;
    w->ask.n_dns = x509_texts_sort(dns, w->ask.n_dns);
    w->ask.n_ips = x509_addrs_sort(ips, w->ask.n_ips);
    w->ask.dns = dns;
    w->ask.ips = ips;
    return RC_OK;
}

static enum rc fill_ask(struct acme_renewal *w)
{
    const struct store_order *o = &w->order;

    w->ask = (struct ca_request){
        .profile = o->profile,
        .spki = o->star->spki,
        .key_type = w->key,
        .origin = STR("acme"),
        .rules = w->judged.rules,
        .reason = w->judged.reason,
        .requester = o->created_from,
        .account = o->account,
        .order = o->id,
        .reserve = reserve,
        .reserve_arg = w,
        .lineage = acme_star_lineage(&w->arena, &o->id),
        .staging = w->r.staging,
        .renews = o->certificate,
    };
    if (!w->ask.lineage.p)
        return RC_NOMEM;
    acme_star_span(o->star, w->now, &w->ask.not_before, &w->ask.not_after);
    acme_judged_limit(&w->r, o, &w->judged, &w->ask);
    return fill_names(w);
}

static void caa_checked(struct acme_request *r, enum rc rc)
{
    struct acme_renewal *w = r->data;

    if (rc == RC_OK)
        rc = fill_ask(w);
    if (rc == RC_OK)
        rc = ca_issue(r->acme->ca, &w->ask, issued, w, &r->err);
    if (rc != RC_OK)
        settle(w, rc);
}

static void renew(struct acme *a, const struct id *order)
{
    struct acme_renewal *w = renewal_new(a, order);
    enum rc rc;

    if (!w)
        return; /* the next look finds it again */
    rc = store_order_get(store_read(a->store), &w->arena, order, &w->order);
    if (rc != RC_OK || !w->order.star || !w->order.star->next) {
        renewal_free(w);
        return;
    }
    rc = check(w);
    if (rc == RC_OK)
        acme_caa_check(&w->r, &w->order, caa_checked);
    else
        settle(w, rc);
}

/* ---- what is due */

static bool under_way(const struct acme *a, const struct id *order)
{
    LIST_FOREACH (link, &a->renewals) {
        const struct acme_renewal *w = LIST_ENTRY(link, struct acme_renewal, link);

        if (str_eq(id_str(&w->id), id_str(order)))
            return true;
    }
    return false;
}

static void start_timer(struct acme *a, when_t now)
{
    when_t wait = LOOK_SECONDS * WHEN_SECOND;
    when_t next;

    /* While all places are taken, the next one to end looks again. */
    if (store_star_next(store_read(a->store), now, &next) == RC_OK && next && next - now < wait)
        wait = next - now;
    ev_timer_start(&a->star, wait, 0);
}

/* While the clock is wrong, or nobody can sign, all waits: nothing is tried in vain. */
static void look(void *arg)
{
    struct acme *a = arg;
    when_t now = clock_now(ev_clock(a->ev));
    struct id due[DUE_BATCH];
    size_t n = 0;

    if (ca_ready(a->ca, NULL) != RC_OK ||
        store_star_due(store_read(a->store), now, DUE_BATCH, due, &n) != RC_OK)
        n = 0;
    for (size_t i = 0; i < n && a->n_renewals < UNDER_WAY_MAX; i++)
        if (!under_way(a, &due[i]))
            renew(a, &due[i]);
    start_timer(a, now);
}

void acme_star_look(struct acme *a)
{
    ev_timer_start(&a->star, 0, 0);
}

void acme_star_start(struct acme *a)
{
    ev_timer_init(&a->star, a->ev, look, a);
    acme_star_look(a);
}

void acme_star_stop(struct acme *a)
{
    ev_timer_stop(&a->star);
    LIST_FOREACH (link, &a->renewals)
        renewal_free(LIST_ENTRY(link, struct acme_renewal, link));
}

/* ---- how an issuance ends */

bool acme_star_for_ever(const struct err *why)
{
    return why->type && str_eq(str_of(why->type), STR("badPublicKey"));
}

struct str acme_star_lineage(struct arena *a, const struct id *order)
{
    return arena_printf(a, "star %s", order->z);
}

enum rc acme_star_finish(struct store_txn *txn, const struct id *order,
                         const struct store_certificate *certificate)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1024 * 1024);
    struct store_order o;

    TRY(store_order_get(txn, &a, order, &o));
    if (!o.star)
        return RC_CONFLICT;
    if (o.status == STORE_ORDER_CANCELED)
        return RC_DENIED;
    return store_star_finish(txn, order, &certificate->id,
                             acme_star_next(o.star, certificate->not_after, certificate->issued));
}

enum rc acme_star_fail(struct store_txn *txn, const struct id *order, const struct err *why,
                       when_t now)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1024 * 1024);
    struct store_order o;
    struct str problem;

    TRY(store_order_get(txn, &a, order, &o));
    if (!o.star)
        return RC_CONFLICT;
    if (o.status == STORE_ORDER_CANCELED)
        return RC_OK;
    if (!acme_star_for_ever(why))
        return store_star_again(txn, order, now + acme_star_pause(o.star));
    TRY(acme_problem_json(&a, why, NULL, 0, &problem));
    TRY(store_star_cancel(txn, order, problem, now));
    return audit(txn, now, "order.canceled", order, problem);
}
