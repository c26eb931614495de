/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log and the configuration, to read. */
#include "store/events.h"
#include "api/admin.h"
#include "api/page.h"
#include "conf/text.h"
#include "store/store.h"

enum { EVENTS_ARENA = 80 * 1024 * 1024, CONFIG_MAX = 2 * 1024 * 1024 };

MSG(msg_below, "api.audit-below", "\"below\" has to be the number of an event, from 1 on");

static void put_text(struct json_out *o, const char *name, struct str text)
{
    if (text.n)
        json_kv_str(o, name, text);
    else
        json_kv_null(o, name);
}

static void put_event(struct json_out *o, const struct store_event *e)
{
    json_obj(o);
    json_kv_u64(o, "sequence", e->sequence);
    json_kv_when(o, "at", e->at);
    json_kv_str(o, "action", e->action);
    put_text(o, "actor_kind", e->actor_kind);
    put_text(o, "actor", e->actor);
    put_text(o, "object_kind", e->object_kind);
    put_text(o, "object", e->object);
    json_key(o, "event");
    json_put_raw(o, e->bytes);
    json_end(o);
}

/* A cursor is the number of the last event that was shown or looked at. */
static enum rc read_below(const struct json *args, uint64_t last, uint64_t *out, struct err *err)
{
    struct store_cursor at = {};
    uint64_t below = last + 1;

    if (json_get(args, "below") && (json_u64(json_get(args, "below"), &below) != RC_OK || !below))
        return ERR(err, RC_INVAL, msg_below);
    TRY(api_page_number(args, &at, err));
    if (at.at && (uint64_t)at.at < below)
        below = (uint64_t)at.at;
    *out = below > last + 1 ? last + 1 : below;
    return RC_OK;
}

static enum rc read_filter(const struct json *args, uint64_t last, struct store_event_filter *f,
                           struct err *err)
{
    TRY(read_below(args, last, &f->below, err));
    f->after = f->below > API_AUDIT_LOOK + 1 ? f->below - API_AUDIT_LOOK - 1 : 0;
    TRY(api_page_limit(args, &f->limit, err));
    TRY(api_arg_text(args, "action", &f->action, err));
    TRY(api_arg_text(args, "actor", &f->actor, err));
    TRY(api_arg_text(args, "object", &f->object, err));
    TRY(api_arg_text(args, "request", &f->request, err));
    TRY(api_arg_when(args, "from", &f->from, err));
    return api_arg_when(args, "before", &f->before, err);
}

enum rc api_audit_list(const struct api_view *v, const struct json *args, struct json_out *o,
                       struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(EVENTS_ARENA);
    struct store_txn *txn = store_read(v->store);
    struct store_event_filter f = {.newest = true};
    struct store_cursor at = {};
    struct store_event *items;
    size_t n, i, begin;
    uint64_t last;

    TRY(store_event_last(txn, &last));
    TRY(read_filter(args, last, &f, err));
    TRY(store_event_list(txn, &a, &f, &items, &n));
    at.at = (int64_t)f.after + 1;
    json_obj(o);
    json_key(o, "items");
    json_arr(o);
    begin = o->b->n;
    for (i = 0; i < n && o->b->n - begin < API_PAGE_BYTES; i++)
        put_event(o, &items[i]);
    json_end(o);
    if (i && (i < n || n == f.limit))
        at.at = (int64_t)items[i - 1].sequence;
    api_page_next(o, &at, at.at > 1);
    json_kv_u64(o, "last", last);
    json_end(o);
    return RC_OK;
}

enum rc api_config_show(const struct api_view *v, const struct json *args, struct json_out *o,
                        struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CONFIG_MAX);

    (void)args;
    (void)err;
    conf_dump_json(v->conf, &text);
    TRY(buf_rc(&text));
    json_put_raw(o, str_trim(buf_str(&text)));
    return RC_OK;
}
