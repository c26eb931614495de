/* SPDX-License-Identifier: Apache-2.0 */
#include "api/alerts.h"

#include "api/page.h"
#include "store/deliveries.h"
#include "store/store.h"

MSG(msg_none, "api.alert-none", "there is no alert \"{0}\"; `autarky alert list` shows them");
MSG(msg_id, "api.alert-id", "say which alert: \"id\", as `autarky alert list` shows it");

enum { LIST_ARENA = 16 << 20, SHOWN = 64 };

static void put_text(struct json_out *o, const char *name, struct str text)
{
    if (text.n)
        json_kv_str(o, name, text);
}

static void put_when(struct json_out *o, const char *name, when_t at)
{
    if (at)
        json_kv_when(o, name, at);
}

void api_alert_put(struct json_out *o, const struct store_alert *a)
{
    json_kv_id(o, "id", &a->id);
    json_kv_str(o, "key", a->key);
    json_kv_str(o, "kind", a->kind);
    json_kv_z(o, "severity", store_severity_text(a->severity));
    put_text(o, "object", a->object);
    json_kv_str(o, "summary", a->summary);
    put_text(o, "action", a->action);
    put_text(o, "owner", a->owner);
    put_text(o, "team", a->team);
    put_when(o, "ends", a->ends);
    json_kv_when(o, "started", a->started);
    json_kv_when(o, "updated", a->updated);
    put_when(o, "resolved", a->resolved);
    if (!a->acked)
        return;
    json_key(o, "acked");
    json_obj(o);
    json_kv_when(o, "at", a->acked);
    json_kv_str(o, "by", a->acked_by);
    put_text(o, "reason", a->acked_why);
    json_end(o);
}

void api_silence_put(struct json_out *o, const struct store_silence *s)
{
    json_kv_id(o, "id", &s->id);
    put_text(o, "kind", s->kind);
    put_text(o, "object", s->object);
    put_text(o, "owner", s->owner);
    json_kv_when(o, "until", s->until);
    put_text(o, "reason", s->reason);
    json_kv_str(o, "set_by", s->set_by);
    json_kv_when(o, "set", s->set);
    put_when(o, "ended", s->ended);
    put_text(o, "ended_by", s->ended_by);
}

/* ---- lists */

struct alerts {
    const struct api_view *v;
    struct store_alert_filter filter;
};

static enum rc read_alerts(const void *arg, struct arena *a, struct store_cursor *at,
                           unsigned limit, const void **out, size_t *out_n)
{
    const struct alerts *asked = arg;
    struct store_alert_filter filter = asked->filter;
    struct store_alert *list;
    uint64_t next;

    filter.limit = limit;
    filter.after = (uint64_t)at->at;
    TRY(store_alert_list(store_read(asked->v->store), a, &filter, &list, out_n, &next));
    at->end = next == 0;
    *out = list;
    return RC_OK;
}

static enum rc put_alert(const void *, const void *row, struct json_out *o)
{
    json_obj(o);
    api_alert_put(o, row);
    json_end(o);
    return RC_OK;
}

static enum rc put_silence(const void *, const void *row, struct json_out *o)
{
    json_obj(o);
    api_silence_put(o, row);
    json_end(o);
    return RC_OK;
}

static enum rc put_silences(const struct api_view *v, struct json_out *o)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    struct store_silence *list;
    size_t n;

    TRY(store_silence_list(store_read(v->store), &a, v->now, &list, &n));
    json_key(o, "silences");
    json_arr(o);
    for (size_t i = 0; i < n; i++)
        TRY(put_silence(NULL, &list[i], o));
    json_end(o);
    return RC_OK;
}

enum rc api_alert_list(const struct api_view *v, const struct json *args, struct json_out *o,
                       struct err *err)
{
    static const struct api_rows rows = {.name = "items",
                                         .size = sizeof(struct store_alert),
                                         .at = offsetof(struct store_alert, n),
                                         .order = API_BY_NUMBER,
                                         .read = read_alerts,
                                         .put = put_alert};
    struct alerts asked = {.v = v};

    asked.filter.kind = json_shown(args, "kind");
    asked.filter.owner = json_shown(args, "owner");
    IGNORE_RC(json_bool(json_get(args, "over"), &asked.filter.over)); /* false */
    json_obj(o);
    TRY(api_list(&rows, args, &asked, o, err));
    if (!json_shown(args, "cursor").n)
        TRY(put_silences(v, o));
    json_end(o);
    return RC_OK;
}

static enum rc read_silences(const void *arg, struct arena *a, struct store_cursor *at,
                             unsigned limit, const void **out, size_t *out_n)
{
    const struct api_view *v = arg;
    const struct store_silence_filter filter = {.now = v->now, .limit = limit};
    struct store_silence *list;

    TRY(store_silence_page(store_read(v->store), a, &filter, at, &list, out_n));
    *out = list;
    return RC_OK;
}

enum rc api_alert_silences(const struct api_view *v, const struct json *args, struct json_out *o,
                           struct err *err)
{
    static const struct api_rows rows = {.name = "items",
                                         .size = sizeof(struct store_silence),
                                         .at = offsetof(struct store_silence, n),
                                         .order = API_BY_NUMBER,
                                         .read = read_silences,
                                         .put = put_silence};

    json_obj(o);
    TRY(api_list(&rows, args, v, o, err));
    json_end(o);
    return RC_OK;
}

/* ---- one of them */

static void put_delivery(struct json_out *o, const struct store_delivery *d)
{
    json_kv_u64(o, "attempts", d->attempts);
    if (d->done && !d->given_up)
        json_kv_when(o, "delivered", d->done);
    json_kv_bool(o, "given_up", d->given_up);
    put_text(o, "error", d->error);
}

static enum rc put_told(const struct api_view *v, struct arena *a, const struct id *id,
                        struct json_out *o)
{
    struct store_told *told;
    size_t n;

    TRY(store_alert_told(store_read(v->store), a, id, &told, &n));
    json_key(o, "told");
    json_arr(o);
    for (size_t i = 0; i < n; i++) {
        struct store_delivery d;

        json_obj(o);
        json_kv_str(o, "receiver", told[i].receiver);
        json_kv_bool(o, "over", told[i].rung == STORE_TOLD_OVER);
        if (told[i].rung >= 0 && told[i].rung < WHEN_MAX)
            json_kv_i64(o, "left", told[i].rung / WHEN_SECOND);
        json_kv_when(o, "at", told[i].at);
        if (store_delivery_get(store_read(v->store), a, &told[i].delivery, &d) == RC_OK) {
            json_kv_id(o, "delivery", &d.id);
            put_delivery(o, &d);
        }
        json_end(o);
    }
    json_end(o);
    return RC_OK;
}

enum rc api_alert_show(const struct api_view *v, const struct json *args, struct json_out *o,
                       struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    struct store_alert alert;
    struct str text;
    struct id id;
    enum rc rc;

    if (json_str(json_get(args, "id"), &text) != RC_OK)
        return ERR(err, RC_INVAL, msg_id);
    rc = id_parse(text, &id) == RC_OK ? store_alert_get(store_read(v->store), &a, &id, &alert)
                                      : RC_NOTFOUND;
    if (rc == RC_NOTFOUND)
        return ERR(err, rc, msg_none, str_head(text, SHOWN));
    TRY(rc);
    json_obj(o);
    api_alert_put(o, &alert);
    TRY(put_told(v, &a, &id, o));
    json_end(o);
    return RC_OK;
}

/* ---- deliveries */

static enum rc read_deliveries(const void *arg, struct arena *a, struct store_cursor *at,
                               unsigned limit, const void **out, size_t *out_n)
{
    const struct api_view *v = arg;
    struct store_delivery *list;

    TRY(store_delivery_list(store_read(v->store), a, at, limit, &list, out_n));
    *out = list;
    return RC_OK;
}

static enum rc put_listed(const void *, const void *row, struct json_out *o)
{
    const struct store_delivery *d = row;

    json_obj(o);
    json_kv_id(o, "id", &d->id);
    json_kv_str(o, "receiver", d->receiver);
    json_kv_str(o, "subject", d->subject);
    json_kv_when(o, "created", d->created);
    put_when(o, "next", d->next);
    put_delivery(o, d);
    json_end(o);
    return RC_OK;
}

enum rc api_alert_deliveries(const struct api_view *v, const struct json *args, struct json_out *o,
                             struct err *err)
{
    static const struct api_rows rows = {.name = "items",
                                         .size = sizeof(struct store_delivery),
                                         .at = offsetof(struct store_delivery, n),
                                         .order = API_BY_NUMBER,
                                         .read = read_deliveries,
                                         .put = put_listed};

    json_obj(o);
    TRY(api_list(&rows, args, v, o, err));
    json_end(o);
    return RC_OK;
}

/* ---- for status and doctor */

void api_alerts_put(const struct api_view *v, struct json_out *o)
{
    struct store_delivery_counts d = {};
    uint64_t n[STORE_SEVERITIES] = {};

    /* Shown as 0; doctor reports the store. */
    IGNORE_RC(store_alert_count(store_read(v->store), n));
    IGNORE_RC(store_delivery_count(store_read(v->store), v->now - WHEN_DAY, &d));
    json_key(o, "alerts");
    json_obj(o);
    json_kv_u64(o, "warning", n[STORE_WARNING]);
    json_kv_u64(o, "critical", n[STORE_CRITICAL]);
    json_kv_u64(o, "waiting", d.waiting);
    json_kv_u64(o, "failing", d.failing);
    put_when(o, "oldest", d.oldest);
    json_end(o);
}

const char *api_alerts_judge(const struct api_view *v, struct buf *out, const char **out_cure)
{
    struct store_delivery_counts d = {};
    uint64_t n[STORE_SEVERITIES] = {};
    char since[WHEN_TEXT];

    IGNORE_RC(store_alert_count(store_read(v->store), n));
    IGNORE_RC(store_delivery_count(store_read(v->store), v->now - WHEN_DAY, &d));
    *out_cure = NULL;
    buf_printf(out, "%llu alerts are critical, %llu are warnings",
               (unsigned long long)n[STORE_CRITICAL], (unsigned long long)n[STORE_WARNING]);
    if (d.failing) {
        buf_printf(out, "; %llu messages wait for receivers in vain, the oldest since %s",
                   (unsigned long long)d.failing, when_text(d.oldest, since));
        *out_cure = "autarky alert deliveries; autarky alert test RECEIVER";
        return "failed";
    }
    if (v->conf->n_receivers == 0 || v->conf->n_routes == 0)
        buf_putz(out, "; nobody is told of them, for `receivers` or `alerts` are not configured");
    return "ok";
}
