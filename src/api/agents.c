/* SPDX-License-Identifier: Apache-2.0 */
#include "api/agents.h"

#include "api/page.h"
#include "conf/conf.h"
#include "store/certificates.h"
#include "store/store.h"
#include "x509/serial.h"

MSG(msg_none, "api.agent-none", "there is no agent \"{0}\"; `autarky agent list` shows all");

enum { LIST_ARENA = 16 << 20, ONE_ARENA = 512 * 1024, MILLISECOND = 1000 };

static const char *state_of(const struct api_view *v, const struct store_agent *g)
{
    when_t heard = g->reported ? g->reported : g->enrolled;

    if (v->now - heard > v->conf->agents.silent)
        return "silent";
    if (!g->reported)
        return "new";
    return g->summary.failing || g->summary.unproven ? "failing" : "good";
}

static void put_reported(struct json_out *o, const struct store_agent *g)
{
    const struct store_agent_summary *s = &g->summary;
    char address[ADDR_TEXT];

    json_kv_when(o, "reported", g->reported);
    if (g->address.n)
        json_kv_z(o, "address", addr_text(&g->address, address));
    json_kv_str(o, "version", s->program);
    json_kv_u64(o, "certificates", s->certificates);
    json_kv_u64(o, "failing", s->failing);
    json_kv_u64(o, "unproven", s->unproven);
    if (s->next)
        json_kv_when(o, "next", s->next);
    json_kv_i64(o, "skew_ms", s->skew / MILLISECOND);
}

void api_agent_put(struct json_out *o, const struct api_view *v, const struct store_agent *agent)
{
    json_kv_id(o, "id", &agent->id);
    json_kv_str(o, "name", agent->name);
    json_kv_z(o, "state", state_of(v, agent));
    json_kv_when(o, "enrolled", agent->enrolled);
    json_kv_str(o, "enrolled_by", agent->enrolled_by);
    if (agent->reported)
        put_reported(o, agent);
    if (agent->asked)
        json_kv_when(o, "renewal_asked", agent->asked);
}

void api_agent_token_put(struct json_out *o, const struct store_agent_token *token)
{
    json_kv_id(o, "id", &token->id);
    if (token->name.n)
        json_kv_str(o, "name", token->name);
    json_kv_when(o, "created", token->created);
    json_kv_str(o, "created_by", token->created_by);
    json_kv_when(o, "expires", token->expires);
}

/* ---- list */

static enum rc put_tokens(const struct api_view *v, struct arena *a, struct json_out *o)
{
    struct store_agent_token *list;
    size_t n;

    TRY(store_agent_token_list(store_read(v->store), a, v->now, &list, &n));
    json_key(o, "tokens");
    json_arr(o);
    for (size_t i = 0; i < n; i++) {
        json_obj(o);
        api_agent_token_put(o, &list[i]);
        json_end(o);
    }
    json_end(o);
    return RC_OK;
}

static enum rc put_counts(const struct api_view *v, struct json_out *o)
{
    struct store_agent_counts counts;

    TRY(store_agent_count(store_read(v->store), v->now - v->conf->agents.silent, &counts));
    json_kv_bool(o, "enabled", v->conf->agents.enabled);
    json_kv_u64(o, "agents", counts.agents);
    json_kv_u64(o, "silent", counts.silent);
    json_kv_u64(o, "failing", counts.failing);
    return RC_OK;
}

static enum rc put_item(const void *arg, const void *row, struct json_out *o)
{
    json_obj(o);
    api_agent_put(o, arg, row);
    json_end(o);
    return RC_OK;
}

static enum rc read_agents(const void *arg, struct arena *a, struct store_cursor *at,
                           unsigned limit, const void **out, size_t *out_n)
{
    const struct api_view *v = arg;
    struct store_agent *list;

    TRY(store_agent_list(store_read(v->store), a, at, limit, &list, out_n));
    *out = list;
    return RC_OK;
}

enum rc api_agent_list(const struct api_view *v, const struct json *args, struct json_out *o,
                       struct err *err)
{
    static const struct api_rows rows = {.name = "items",
                                         .size = sizeof(struct store_agent),
                                         .at = offsetof(struct store_agent, n),
                                         .order = API_BY_NUMBER,
                                         .read = read_agents,
                                         .put = put_item};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);

    json_obj(o);
    TRY(api_list(&rows, args, v, o, err));
    TRY(put_counts(v, o));
    if (!json_shown(args, "cursor").n)
        TRY(put_tokens(v, &a, o));
    json_end(o);
    return RC_OK;
}

/* ---- tokens */

static enum rc put_token(const void *, const void *row, struct json_out *o)
{
    json_obj(o);
    api_agent_token_put(o, row);
    json_end(o);
    return RC_OK;
}

static enum rc read_tokens(const void *arg, struct arena *a, struct store_cursor *at,
                           unsigned limit, const void **out, size_t *out_n)
{
    const struct api_view *v = arg;
    const struct store_agent_token_filter filter = {.now = v->now, .limit = limit};
    struct store_agent_token *list;

    TRY(store_agent_token_page(store_read(v->store), a, &filter, at, &list, out_n));
    *out = list;
    return RC_OK;
}

enum rc api_agent_tokens(const struct api_view *v, const struct json *args, struct json_out *o,
                         struct err *err)
{
    static const struct api_rows rows = {.name = "items",
                                         .size = sizeof(struct store_agent_token),
                                         .at = offsetof(struct store_agent_token, n),
                                         .order = API_BY_NUMBER,
                                         .read = read_tokens,
                                         .put = put_token};

    json_obj(o);
    TRY(api_list(&rows, args, v, o, err));
    json_end(o);
    return RC_OK;
}

/* ---- show */

enum rc api_agent_find(const struct api_view *v, const struct json *args, struct arena *a,
                       struct store_agent *out, struct err *err)
{
    struct str name;
    struct id id;
    enum rc rc;

    TRY(api_arg_text(args, "name", &name, err));
    rc = store_agent_find(store_read(v->store), a, name, out);
    if (rc == RC_NOTFOUND && id_parse(name, &id) == RC_OK)
        rc = store_agent_get(store_read(v->store), a, &id, out);
    if (rc == RC_NOTFOUND || (rc == RC_OK && out->removed))
        return ERR(err, RC_NOTFOUND, msg_none, str_head(name, API_SHOWN_MAX));
    return rc;
}

static void put_certificate(const struct api_view *v, const struct store_agent *g, struct arena *a,
                            struct json_out *o)
{
    char text[X509_SERIAL_TEXT];
    struct store_certificate c;
    struct x509_serial serial;

    if (!g->certificate.z[0] ||
        store_certificate_get(store_read(v->store), a, &g->certificate, &c) != RC_OK ||
        x509_serial_from_bytes(c.serial, &serial) != RC_OK)
        return;
    json_kv_z(o, "certificate", x509_serial_text(&serial, text));
    json_kv_when(o, "certificate_ends", c.not_after);
}

enum rc api_agent_show(const struct api_view *v, const struct json *args, struct json_out *o,
                       struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ONE_ARENA);
    struct store_agent agent;

    TRY(api_agent_find(v, args, &a, &agent, err));
    json_obj(o);
    api_agent_put(o, v, &agent);
    put_certificate(v, &agent, &a, o);
    json_key(o, "report");
    if (agent.report.n)
        json_put_raw(o, agent.report);
    else
        json_put_null(o);
    json_end(o);
    return RC_OK;
}
