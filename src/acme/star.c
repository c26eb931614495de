/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8739: orders whose certificate this server renews by itself: what may be asked for, how it is
 * shown, when which certificate is due, and the end that the client asks for. The renewing is
 * star_renew.c. */
#include "acme/star.h"

#include <assert.h>

#include "acme/state.h"

MSG(msg_off, "acme.star-off",
    "this server renews no certificates by itself: \"meta\" in its directory has no "
    "\"auto-renewal\"; leave it out, and renew with a new order");
MSG(msg_form, "acme.star-form",
    "\"auto-renewal\" has to be an object with \"end-date\" and \"lifetime\" (RFC 8739 section "
    "3.1.1)");
MSG(msg_value, "acme.star-value",
    "\"{0}\" of \"auto-renewal\" is not what it can be: {1} (RFC 8739 section 3.1.1)");
MSG(msg_dates, "acme.star-dates",
    "\"notBefore\" and \"notAfter\" have no meaning in an order that renews itself; use "
    "\"start-date\" and \"end-date\" (RFC 8739 section 3.1.1)");
MSG(msg_end, "acme.star-end",
    "\"end-date\" is {0}; it has to lie ahead, behind \"start-date\", and until {1} at the latest");
MSG(msg_start, "acme.star-start",
    "\"start-date\" is {0}; it can be until {1}, for no proof of control counts for longer");
MSG(msg_lifetime, "acme.star-lifetime",
    "\"lifetime\" is {0} seconds; it has to be {1} at least, and with what comes before each "
    "certificate's nominal date ({2}) below {3}, as profile \"{4}\" has it");
MSG(msg_vouched, "acme.star-vouched",
    "the certificates of this account are this server's own, which its keeper renews");
MSG(msg_room, "acme.star-room",
    "this account has {0} orders that renew themselves, and may have {1} (acme.star.orders); "
    "cancel one, or wait for the end of one");
MSG(msg_status, "acme.order-status",
    "an order is changed by \"status\" \"canceled\" alone, and only one that renews itself (RFC "
    "8739 "
    "section 3.1.2)");
MSG(msg_cancel, "acme.star-cancel", "the order is {0}; only a valid one can be canceled");

/* So much of a lifetime before its nominal date each certificate is made. RFC 8739 section 3.5 has
 * half at least; the rest is for what comes in between. */
enum { AHEAD_PERCENT = 55 };

/* ---- when */

when_t acme_star_nominal(const struct store_star *s, when_t now)
{
    int64_t i = now + s->adjust > s->first ? (now + s->adjust - s->first) / s->lifetime : 0;
    int64_t last = (s->end - s->first - 1) / s->lifetime;

    if (s->issued == 0)
        i = now > s->first ? (now - s->first) / s->lifetime : 0;
    return s->first + (i < last ? i : last) * s->lifetime;
}

void acme_star_span(const struct store_star *s, when_t now, when_t *out_from, when_t *out_until)
{
    when_t nominal = acme_star_nominal(s, now);

    *out_from = nominal - s->adjust;
    if (*out_from < s->start)
        *out_from = s->start;
    *out_until = nominal + s->lifetime < s->end ? nominal + s->lifetime : s->end;
}

when_t acme_star_next(const struct store_star *s, when_t not_after, when_t now)
{
    when_t pause = s->lifetime / 8 > WHEN_SECOND ? s->lifetime / 8 : WHEN_SECOND;
    when_t next = not_after - s->adjust;

    if (not_after >= s->end)
        return 0;
    return next > now + pause ? next : now + pause;
}

when_t acme_star_pause(const struct store_star *s)
{
    when_t longest = s->lifetime / 16 > WHEN_SECOND ? s->lifetime / 16 : WHEN_SECOND;
    when_t pause = 5 * WHEN_SECOND << (s->vain < 16 ? s->vain : 16);

    return pause < longest ? pause : longest;
}

/* ---- what is asked for */

static enum rc bad(struct acme_request *r, const char *name, const char *what)
{
    return ACME_ERR(r, RC_INVAL, "malformed", msg_value, str_of(name), str_of(what));
}

/* Seconds, 0 when there is no such member; WHEN_MAX bounds what the sums below are made of. */
static enum rc read_seconds(struct acme_request *r, const struct json *v, const char *name,
                            when_t *out)
{
    const struct json *value = json_get(v, name);
    uint64_t seconds = 0;

    if (value && (json_u64(value, &seconds) != RC_OK || seconds > WHEN_MAX / WHEN_SECOND / 4))
        return bad(r, name, "a number of seconds");
    *out = (when_t)seconds * WHEN_SECOND;
    return RC_OK;
}

/* Certificates have whole seconds. */
static enum rc read_when(struct acme_request *r, const struct json *v, const char *name,
                         when_t *out)
{
    TRY(acme_order_date(r, v, name, out));
    *out -= *out % WHEN_SECOND;
    return RC_OK;
}

static enum rc read_members(struct acme_request *r, struct store_star *s)
{
    const struct json *v = json_get(r->payload, "auto-renewal");
    const struct json *get = json_get(v, "allow-certificate-get");

    if (json_type(v) != JSON_OBJECT || !json_get(v, "end-date") || !json_get(v, "lifetime"))
        return ACME_ERR(r, RC_INVAL, "malformed", msg_form);
    TRY(read_when(r, v, "start-date", &s->start));
    TRY(read_when(r, v, "end-date", &s->end));
    TRY(read_seconds(r, v, "lifetime", &s->lifetime));
    TRY(read_seconds(r, v, "lifetime-adjust", &s->adjust));
    if (get && json_bool(get, &s->get) != RC_OK)
        return bad(r, "allow-certificate-get", "true or false");
    s->get = s->get && r->acme->conf->acme.star.get;
    return RC_OK;
}

static enum rc check_dates(struct acme_request *r, const struct store_star *s)
{
    when_t from = s->start > r->now ? s->start : r->now;
    when_t latest = from + r->acme->conf->acme.star.max_duration;
    char text[WHEN_TEXT], limit[WHEN_TEXT];

    if (s->start > r->now + ACME_AUTHORIZATION_LIFE)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_start, str_of(when_text(s->start, text)),
                        str_of(when_text(r->now + ACME_AUTHORIZATION_LIFE, limit)));
    if (s->end <= from || s->end > latest)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_end, str_of(when_text(s->end, text)),
                        str_of(when_text(latest, limit)));
    return RC_OK;
}

/* Whatever comes before the nominal date counts as part of what the profile lets live. The value is
 * shown to the client as it will be (section 3.1.1 lets the server change it). */
static enum rc check_lifetime(struct acme_request *r, const struct store_order *order,
                              struct store_star *s)
{
    const struct conf_profile *profile = conf_profile_find(r->acme->conf, order->profile);
    when_t least = r->acme->conf->acme.star.min_lifetime;
    when_t most = profile ? profile->lifetime - profile->backdate : 0;

    if (s->adjust > s->lifetime)
        s->adjust = s->lifetime;
    if (s->adjust < s->lifetime / 100 * AHEAD_PERCENT)
        s->adjust = s->lifetime / 100 * AHEAD_PERCENT;
    s->adjust -= s->adjust % WHEN_SECOND;
    if (s->lifetime >= least && s->lifetime + s->adjust < most)
        return RC_OK;
    return ACME_ERR(r, RC_INVAL, "malformed", msg_lifetime,
                    arena_printf(r->arena, "%lld", (long long)(s->lifetime / WHEN_SECOND)),
                    arena_printf(r->arena, "%lld", (long long)(least / WHEN_SECOND)),
                    arena_printf(r->arena, "%lld", (long long)(s->adjust / WHEN_SECOND)),
                    arena_printf(r->arena, "%lld", (long long)(most / WHEN_SECOND)),
                    order->profile);
}

static enum rc check_room(struct acme_request *r)
{
    uint64_t most = r->acme->conf->acme.star.orders, n;

    TRY(store_star_count(store_read(r->acme->store), &r->account.id, r->now, &n));
    if (n < most)
        return RC_OK;
    r->retry_at = r->now + WHEN_HOUR;
    return ACME_ERR(r, RC_QUOTA, "rateLimited", msg_room,
                    arena_printf(r->arena, "%llu", (unsigned long long)n),
                    arena_printf(r->arena, "%llu", (unsigned long long)most));
}

enum rc acme_star_read(struct acme_request *r, struct store_order *order)
{
    struct store_star *s;

    if (!json_get(r->payload, "auto-renewal"))
        return RC_OK;
    if (!r->acme->conf->acme.star.enabled)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_off);
    if (acme_vouches_for(r, &r->account.thumbprint))
        return ACME_ERR(r, RC_DENIED, "unauthorized", msg_vouched);
    if (json_get(r->payload, "notBefore") || json_get(r->payload, "notAfter"))
        return ACME_ERR(r, RC_INVAL, "malformed", msg_dates);
    s = ARENA_NEW(r->arena, struct store_star);
    if (!s)
        return RC_NOMEM;
    TRY(read_members(r, s));
    TRY(check_dates(r, s));
    TRY(check_lifetime(r, order, s));
    TRY(check_room(r));
    order->star = s;
    return RC_OK;
}

/* ---- how it is shown */

static void put_seconds(struct json_out *o, const char *name, when_t span)
{
    json_kv_i64(o, name, span / WHEN_SECOND);
}

void acme_star_put_meta(struct json_out *o, const struct conf *conf)
{
    if (!conf->acme.star.enabled)
        return;
    json_key(o, "auto-renewal");
    json_obj(o);
    put_seconds(o, "min-lifetime", conf->acme.star.min_lifetime);
    put_seconds(o, "max-duration", conf->acme.star.max_duration);
    if (conf->acme.star.get)
        json_kv_bool(o, "allow-certificate-get", true);
    json_end(o);
}

void acme_star_put(struct acme_request *r, struct json_out *o, const struct store_order *order)
{
    const struct store_star *s = order->star;

    json_key(o, "auto-renewal");
    json_obj(o);
    if (s->start)
        json_kv_when(o, "start-date", s->start);
    json_kv_when(o, "end-date", s->end);
    put_seconds(o, "lifetime", s->lifetime);
    put_seconds(o, "lifetime-adjust", s->adjust);
    if (s->get)
        json_kv_bool(o, "allow-certificate-get", true);
    json_end(o);
    if (order->status == STORE_ORDER_VALID) {
        json_key(o, "star-certificate");
        acme_put_url(o, r, "/acme/star-certificate/", &order->id, NULL);
    }
}

/* ---- canceled */

static enum rc not_valid(struct acme_request *r, enum store_order_status status)
{
    return ACME_ERR(r, RC_CONFLICT, "autoRenewalCancellationInvalid", msg_cancel,
                    str_of(store_order_status_text(status)));
}

static enum rc cancel(struct store_txn *txn, struct acme_request *r)
{
    struct store_order *order = r->data;
    enum rc rc;

    assert(acme_order_may(STORE_ORDER_VALID, STORE_ORDER_CANCELED));
    rc = store_star_cancel(txn, &order->id, (struct str){NULL, 0}, r->now);
    if (rc == RC_CONFLICT) /* another request was a moment faster */
        return not_valid(r, STORE_ORDER_CANCELED);
    TRY(rc);
    return acme_audit(txn, r, "order.canceled", "order", &order->id, (struct str){NULL, 0});
}

static void canceled(struct acme_request *r)
{
    struct store_order *order = r->data;
    enum rc rc = store_order_get(store_read(r->acme->store), r->arena, &order->id, order);

    if (rc == RC_OK)
        acme_order_reply(r, order, 200);
    else
        acme_reply_fail(r, rc);
}

enum rc acme_star_cancel(struct acme_request *r, const struct store_order *order)
{
    struct store_order *kept = ARENA_NEW(r->arena, struct store_order);
    struct str status;

    if (!kept)
        return RC_NOMEM;
    if (json_str(json_get(r->payload, "status"), &status) != RC_OK ||
        !str_eq(status, STR("canceled")) || !order->star)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_status);
    if (order->status != STORE_ORDER_VALID)
        return not_valid(r, acme_order_seen(order, r->now));
    *kept = *order;
    r->data = kept;
    return acme_write(r, cancel, canceled);
}
