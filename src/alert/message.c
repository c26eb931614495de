/* SPDX-License-Identifier: Apache-2.0 */
/* What receivers are sent. It is made once, when it is written down; every attempt sends the same
 * bytes, so that a receiver that got them already can see it. */
#include <stdio.h>

#include "alert/alert.h"
#include "json/out.h"
#include "store/deliveries.h"

enum { RECIPIENTS_MAX = 8 * 1024, SUBJECT_MAX = 400, VERSION = 1 };
/* Until an Alertmanager takes it for over, unless it hears of it again. */
#define ALERTMANAGER_ENDS 3

/* ---- to whom */

static struct str word(const struct store_alert *alert, struct str to)
{
    if (str_eq(to, STR("owner")))
        return conf_mailbox_good(alert->owner) ? alert->owner : STR("");
    if (str_eq(to, STR("team")))
        return conf_mailbox_good(alert->team) ? alert->team : STR("");
    return to;
}

static bool is_word(struct str to)
{
    return str_eq(to, STR("owner")) || str_eq(to, STR("team"));
}

/* Owner and team where they can be reached, the others where they cannot. */
enum rc alert_recipients(struct arena *a, const struct conf_receiver *r,
                         const struct store_alert *alert, struct str *out)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(RECIPIENTS_MAX);
    bool words = false;

    for (size_t i = 0; i < r->to.n; i++)
        words |= is_word(r->to.p[i]);
    for (int pass = words ? 0 : 1; pass < 2 && b.n == 0; pass++)
        for (size_t i = 0; i < r->to.n; i++) {
            struct str to = word(alert, r->to.p[i]);

            if (to.n && is_word(r->to.p[i]) == (pass == 0))
                buf_printf(&b, "%s%.*s", b.n ? "," : "", STR_ARG(to));
        }
    TRY(buf_rc(&b));
    return arena_str(a, buf_str(&b), out);
}

/* ---- bodies */

static bool is_over(const struct alert_group *g)
{
    return g->n > 0 && g->v[0].resolved;
}

static enum store_severity worst(const struct alert_group *g)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i].severity == STORE_CRITICAL)
            return STORE_CRITICAL;
    return STORE_WARNING;
}

static void put_optional(struct json_out *o, const char *name, struct str value)
{
    if (value.n)
        json_kv_str(o, name, value);
}

static void put_alert(struct json_out *o, const struct store_alert *a)
{
    json_obj(o);
    json_kv_id(o, "id", &a->id);
    json_kv_str(o, "key", a->key);
    json_kv_str(o, "kind", a->kind);
    json_kv_z(o, "severity", store_severity_text(a->severity));
    json_kv_z(o, "status", a->resolved ? "resolved" : "firing");
    put_optional(o, "object", a->object);
    json_kv_str(o, "summary", a->summary);
    put_optional(o, "action", a->action);
    put_optional(o, "owner", a->owner);
    put_optional(o, "team", a->team);
    json_kv_when(o, "started", a->started);
    if (a->ends)
        json_kv_when(o, "ends", a->ends);
    if (a->resolved)
        json_kv_when(o, "resolved", a->resolved);
    json_end(o);
}

static void put_webhook(const struct alert_group *g, const struct id *delivery, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_u64(&o, "version", VERSION);
    json_kv_id(&o, "delivery", delivery);
    json_kv_str(&o, "receiver", g->receiver->name);
    json_kv_str(&o, "organization", g->conf->organization);
    json_kv_str(&o, "domain", g->conf->domain);
    json_kv_when(&o, "created", g->now);
    json_kv_z(&o, "status", is_over(g) ? "resolved" : "firing");
    json_key(&o, "alerts");
    json_arr(&o);
    for (size_t i = 0; i < g->n; i++)
        put_alert(&o, &g->v[i]);
    json_end(&o);
    json_end(&o);
    IGNORE_RC(json_out_done(&o)); /* it is in `out` */
}

/* What makes one alert the same one there is its labels, so what may change is in annotations. */
static void put_prometheus(struct json_out *o, const struct alert_group *g,
                           const struct store_alert *a)
{
    when_t ends = g->now + ALERTMANAGER_ENDS * (g->repeat ? g->repeat : WHEN_DAY);

    if (a->resolved)
        ends = a->resolved;
    else if (g->once)
        ends = g->now + WHEN_MINUTE;
    json_obj(o);
    json_key(o, "labels");
    json_obj(o);
    json_kv_z(o, "alertname", "Autarky");
    json_kv_str(o, "kind", a->kind);
    json_kv_str(o, "key", a->key);
    put_optional(o, "object", a->object);
    json_kv_z(o, "severity", store_severity_text(a->severity));
    json_kv_str(o, "authority", g->conf->domain);
    json_end(o);
    json_key(o, "annotations");
    json_obj(o);
    json_kv_str(o, "summary", a->summary);
    put_optional(o, "action", a->action);
    put_optional(o, "owner", a->owner);
    put_optional(o, "team", a->team);
    json_end(o);
    json_kv_when(o, "startsAt", a->started);
    json_kv_when(o, "endsAt", ends);
    if (g->conf->urls.api.n)
        json_kv_str(o, "generatorURL", g->conf->urls.api);
    json_end(o);
}

static void put_alertmanager(const struct alert_group *g, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_arr(&o);
    for (size_t i = 0; i < g->n; i++)
        put_prometheus(&o, g, &g->v[i]);
    json_end(&o);
    IGNORE_RC(json_out_done(&o)); /* it is in `out` */
}

static void put_line(struct buf *out, const char *label, struct str value)
{
    if (value.n)
        buf_printf(out, "  %-9s %.*s\n", label, STR_ARG(value));
}

static void put_mail(const struct alert_group *g, const struct id *delivery, struct buf *out)
{
    char at[WHEN_TEXT];

    for (size_t i = 0; i < g->n; i++) {
        const struct store_alert *a = &g->v[i];

        buf_printf(out, "%s: %.*s\n", a->resolved ? "over" : store_severity_text(a->severity),
                   STR_ARG(a->summary));
        put_line(out, "since", str_of(when_text(a->started, at)));
        if (a->resolved)
            put_line(out, "until", str_of(when_text(a->resolved, at)));
        if (a->ends)
            put_line(out, "ends", str_of(when_text(a->ends, at)));
        put_line(out, "object", a->object);
        put_line(out, "owner", a->owner);
        put_line(out, "team", a->team);
        put_line(out, "see", a->action);
        buf_printf(out, "  %-9s autarky alert ack %s --reason TEXT\n\n", "known?", a->id.z);
    }
    buf_printf(out, "Certificate authority of %.*s (%.*s), delivery %s\n",
               STR_ARG(g->conf->organization), STR_ARG(g->conf->domain), delivery->z);
}

/* A line an alert; the courier puts a header in front of each. */
static void put_syslog(const struct alert_group *g, struct buf *out)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct store_alert *a = &g->v[i];

        buf_printf(out, "%s %s %.*s: %.*s\n", a->resolved ? "resolved" : "firing",
                   store_severity_text(a->severity), STR_ARG(a->key), STR_ARG(a->summary));
    }
}

void alert_message_put(const struct alert_group *g, const struct id *delivery, struct buf *out)
{
    switch (g->receiver->kind) {
    case CONF_RECEIVER_WEBHOOK:
    case CONF_RECEIVER_EXEC:
        put_webhook(g, delivery, out);
        break;
    case CONF_RECEIVER_ALERTMANAGER:
        put_alertmanager(g, out);
        break;
    case CONF_RECEIVER_MAIL:
        put_mail(g, delivery, out);
        break;
    case CONF_RECEIVER_SYSLOG:
    case CONF_RECEIVER_KINDS:
        put_syslog(g, out);
        break;
    }
}

void alert_subject_put(const struct alert_group *g, struct buf *out)
{
    struct str what = g->n ? g->v[0].summary : STR("");

    buf_printf(out, "[%.*s] %s: ", STR_ARG(g->conf->domain),
               is_over(g) ? "over" : store_severity_text(worst(g)));
    if (g->n > 1)
        buf_printf(out, "%zu alerts, first: ", g->n);
    buf_puts(out, str_utf8_head(what, SUBJECT_MAX / 2));
}

enum rc alert_group_send(struct store_txn *txn, const struct alert_group *g,
                         struct id *out_delivery)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(STORE_BLOB_MAX);
    CLEANUP(buf_done) struct buf subject = BUF_INIT(STORE_TEXT_MAX);
    struct store_delivery d = {.receiver = g->receiver->name,
                               .recipients = g->recipients,
                               .created = g->now,
                               .next = g->once ? 0 : g->now};

    TRY(id_new(&d.id));
    alert_message_put(g, &d.id, &body);
    alert_subject_put(g, &subject);
    TRY(buf_rc(&body));
    TRY(buf_rc(&subject));
    d.body = buf_str(&body);
    d.subject = buf_str(&subject);
    TRY(store_delivery_add(txn, &d));
    *out_delivery = d.id;
    return RC_OK;
}
