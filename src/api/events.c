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

static enum rc read_filter(const struct json *args, uint64_t last, struct store_event_filter *f,
                           struct err *err)
{
    f->below = last + 1;
    if (json_get(args, "below") &&
        (json_u64(json_get(args, "below"), &f->below) != RC_OK || !f->below))
        return ERR(err, RC_INVAL, msg_below);
    if (f->below > last + 1)
        f->below = last + 1;
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
    struct store_event *items;
    uint64_t last, next;
    size_t n;

    TRY(store_event_last(txn, &last));
    TRY(read_filter(args, last, &f, err));
    TRY(store_event_list(txn, &a, &f, &items, &n));
    next = n == f.limit ? items[n - 1].sequence : f.after + 1;
    json_obj(o);
    json_key(o, "items");
    json_arr(o);
    for (size_t i = 0; i < n; i++)
        put_event(o, &items[i]);
    json_end(o);
    if (next > 1)
        json_kv_u64(o, "next", next);
    else
        json_kv_null(o, "next");
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
