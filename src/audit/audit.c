/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/audit.h"

#include "audit/canonical.h"
#include "json/json.h"
#include "store/events.h"
#include "store/store.h"

enum { ACTION_MAX = 64 };

static const char *const actors[] = {
    [AUDIT_SYSTEM] = "system",
    [AUDIT_ACCOUNT] = "account",
    [AUDIT_OPERATOR] = "operator",
};

/* "order.created" */
static bool action_good(struct str action)
{
    size_t dots = 0;

    for (size_t i = 0; i < action.n; i++) {
        char c = action.p[i];
        bool dot = c == '.' && i > 0 && i + 1 < action.n;

        if (!dot && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
        dots += dot;
    }
    return dots == 1 && action.n <= ACTION_MAX;
}

/* Members come in the order of their names: that is the sorting. */
static void put_name(struct buf *out, const char *name)
{
    buf_printf(out, ",\"%s\":", name);
}

static void put_str(struct buf *out, const char *name, struct str s)
{
    put_name(out, name);
    if (s.n)
        canonical_put_str(out, s);
    else
        buf_putz(out, "null");
}

static void put_thing(struct buf *out, const char *name, struct str id, const char *kind)
{
    put_name(out, name);
    buf_putz(out, "{\"id\":");
    if (id.n)
        canonical_put_str(out, id);
    else
        buf_putz(out, "null");
    put_str(out, "kind", str_of(kind));
    buf_u8(out, '}');
}

static enum rc put_detail(struct buf *out, struct str detail)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    put_name(out, "detail");
    if (!detail.n) {
        buf_putz(out, "null");
        return RC_OK;
    }
    TRY(json_parse(detail, AUDIT_DETAIL_MAX, &doc, NULL));
    if (json_type(json_root(doc)) != JSON_OBJECT)
        return RC_INVAL;
    return canonical_put(out, json_root(doc));
}

enum rc audit_encode(const struct audit_event *e, const struct store_node *node, uint64_t sequence,
                     struct buf *out)
{
    char address[ADDR_TEXT];
    struct str action = str_of(e->action);

    if (!action_good(action) || sequence == 0 || e->at <= 0)
        return RC_INVAL;
    buf_putz(out, "{\"action\":");
    canonical_put_str(out, action);
    put_thing(out, "actor", e->actor, actors[e->actor_kind]);
    put_str(out, "address",
            e->address.n ? str_of(addr_text(&e->address, address)) : (struct str){NULL, 0});
    put_name(out, "at");
    buf_printf(out, "%lld", (long long)e->at);
    put_name(out, "boot");
    buf_printf(out, "%llu", (unsigned long long)node->boot);
    TRY(put_detail(out, e->detail));
    put_str(out, "node", id_str(&node->id));
    put_thing(out, "object", e->object, e->object_kind);
    put_name(out, "prev");
    buf_putz(out, "null");
    put_str(out, "reason", e->reason);
    put_str(out, "request", e->request);
    put_name(out, "sequence");
    buf_printf(out, "%llu", (unsigned long long)sequence);
    put_name(out, "v");
    buf_printf(out, "%d}", AUDIT_VERSION);
    return buf_rc(out);
}

enum rc audit_append(struct store_txn *txn, const struct audit_event *e, uint64_t *out_sequence)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(AUDIT_EVENT_MAX);
    uint64_t last;

    TRY(store_event_last(txn, &last));
    TRY(audit_encode(e, store_txn_node(txn), last + 1, &bytes));
    TRY(store_event_add(txn, &(struct store_event){
                                 .sequence = last + 1,
                                 .at = e->at,
                                 .action = str_of(e->action),
                                 .actor_kind = str_of(actors[e->actor_kind]),
                                 .actor = e->actor,
                                 .object_kind = str_of(e->object_kind),
                                 .object = e->object,
                                 .request = e->request,
                                 .bytes = buf_str(&bytes),
                             }));
    if (out_sequence)
        *out_sequence = last + 1;
    return RC_OK;
}
