/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators do with agents. A token is told once and kept as a digest. */
#include "core/agents.h"

#include <assert.h>

#include "api/agents.h"
#include "base/text.h"
#include "core/change.h"
#include "core/operators.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"

MSG(msg_off, "core.agents-off",
    "agents may not enrol: set `agents: {enabled: true}` in autarky.yaml, and `autarky reload`");
MSG(msg_name, "core.agent-name",
    "\"name\" has to be 1 to 64 letters, digits, \"-\", \"_\", \".\" and \"@\", the first a letter "
    "or digit");
MSG(msg_within, "core.agent-within", "\"within\" is {0} days at most");
MSG(msg_taken, "core.agent-taken",
    "there is an agent \"{0}\" already; `autarky agent remove {0}` makes room for another");
MSG(msg_full, "core.agent-tokens-full",
    "{0} tokens are waiting to be used; `autarky agent list` shows them, `autarky agent remove ID` "
    "takes one back");
MSG(msg_none, "core.agent-unknown",
    "there is no agent \"{0}\", and no token of that id that waits; `autarky agent list` shows "
    "both");

enum { TOKEN_TEXT = 64, LIST_ARENA = 8 << 20 };

enum rc core_agent_lineage(const struct id *agent, struct arena *a, struct str *out)
{
    *out = arena_printf(a, "agent %s", agent->z);
    return out->p ? RC_OK : RC_NOMEM;
}

/* ---- agent token */

static enum rc put_text(const unsigned char bytes[static CORE_AGENT_TOKEN_BYTES], struct buf *out)
{
    buf_putz(out, CORE_AGENT_TOKEN_PREFIX);
    text_b64url(out, str_bytes(bytes, CORE_AGENT_TOKEN_BYTES));
    return buf_rc(out);
}

static void put_new(struct core_change *c, struct json_out *o)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(TOKEN_TEXT);

    api_agent_token_put(o, &c->agent_token);
    if (!c->dry && put_text(c->once, &text) == RC_OK)
        json_kv_str(o, "token", buf_str(&text));
    explicit_bzero(c->once, sizeof(c->once));
}

static enum rc add_token(struct store_txn *txn, struct core_change *c)
{
    enum rc rc = store_agent_token_add(txn, &c->agent_token);

    if (rc == RC_QUOTA)
        return ERR(&c->err, rc, msg_full, STR("10000"));
    TRY(rc);
    return core_change_audit(txn, c, "agent.token-created", "agent-token", &c->agent_token.id,
                             c->agent_token.name);
}

static enum rc make_token(struct core_change *c)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(TOKEN_TEXT);

    static_assert((int)CORE_AGENT_TOKEN_BYTES <= (int)CORE_ONCE_MAX);
    TRY(crypto_random(c->once, CORE_AGENT_TOKEN_BYTES));
    TRY(put_text(c->once, &text));
    return crypto_sha256(buf_str(&text), c->agent_token.digest.b);
}

static enum rc read_name(struct core_change *c)
{
    struct store_agent_token *t = &c->agent_token;
    enum rc rc;

    TRY(core_change_text(c, "name", STORE_TEXT_MAX, &t->name));
    if (t->name.n == 0)
        return RC_OK;
    if (!operators_name_good(t->name))
        return ERR(&c->err, RC_INVAL, msg_name);
    rc = store_agent_find(store_read(c->core->store), c->a, t->name, &c->agent);
    if (rc == RC_OK)
        return ERR(&c->err, RC_EXISTS, msg_taken, t->name);
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc read_token(struct core_change *c)
{
    struct store_agent_token *t = &c->agent_token;

    if (!c->core->conf->agents.enabled)
        return ERR(&c->err, RC_DENIED, msg_off);
    TRY(read_name(c));
    TRY(core_change_when(c, "within", &t->expires));
    if (t->expires == 0)
        t->expires = c->now + CORE_AGENT_TOKEN_LIFE;
    if (t->expires > c->now + CORE_AGENT_TOKEN_LIFE_MAX)
        return ERR(&c->err, RC_INVAL, msg_within, STR("30"));
    TRY(id_new(&t->id));
    TRY(make_token(c));
    t->created = c->now;
    t->created_by = c->asker;
    c->write = add_token;
    c->put = put_new;
    return RC_OK;
}

void core_agent_token(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who)
{
    core_change_run(core, req, args, who, read_token);
}

/* ---- agent remove */

static void add_result(struct revocation_result *all, const struct revocation_result *one)
{
    for (size_t i = 0; i < one->n; i++) {
        all->more = all->more || all->n == REVOCATION_RESULTS_MAX;
        if (all->n < REVOCATION_RESULTS_MAX)
            all->changed[all->n++] = one->changed[i];
    }
    all->more = all->more || one->more;
}

/* What it shows elsewhere than here counts for no more either. */
static enum rc revoke(struct store_txn *txn, struct core_change *c)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    struct store_certificate_filter filter = {.statuses = 1u << STORE_CERTIFICATE_VALID,
                                              .not_after_from = c->now,
                                              .without_der = true,
                                              .limit = CORE_AGENT_REVOKED_MAX};
    struct store_cursor at = {};
    struct store_certificate *list;
    struct id fresh;
    struct str lineage;
    size_t n;

    TRY(id_new(&fresh));
    TRY(core_agent_lineage(&c->agent.id, &a, &lineage));
    TRY(store_certificate_logical(txn, lineage, &fresh, &filter.logical));
    TRY(store_certificate_list(txn, &a, &filter, &at, &list, &n));
    *c->revoked = (struct revocation_result){};
    for (size_t i = 0; i < n; i++) {
        struct revocation_result one = {};
        struct revocation_ask ask = {.certificate = list[i].id,
                                     .reason = X509_REASON_CESSATION,
                                     .now = c->now,
                                     .within = c->core->conf->revocation.crl.within,
                                     .by = REVOCATION_BY_OPERATOR,
                                     .actor = c->asker,
                                     .words = c->why};

        TRY(revocation_revoke(txn, &ask, &one, &c->err));
        add_result(c->revoked, &one);
    }
    c->certificates = n;
    return RC_OK;
}

static enum rc drop(struct store_txn *txn, struct core_change *c)
{
    TRY(store_agent_remove(txn, &c->agent.id, c->now));
    TRY(revoke(txn, c));
    return core_change_audit(txn, c, "agent.removed", "agent", &c->agent.id, c->agent.name);
}

static void put_removed(struct core_change *c, struct json_out *o)
{
    struct api_view v = core_view(c->core, NULL);

    if (!c->dry)
        revocation_changed(c->core->revocation, c->revoked);
    api_agent_put(o, &v, &c->agent);
    json_kv_u64(o, "revoked", c->certificates);
}

static enum rc drop_token(struct store_txn *txn, struct core_change *c)
{
    TRY(store_agent_token_revoke(txn, &c->agent_token.id, c->now));
    return core_change_audit(txn, c, "agent.token-revoked", "agent-token", &c->agent_token.id,
                             c->agent_token.name);
}

static void put_dropped(struct core_change *c, struct json_out *o)
{
    api_agent_token_put(o, &c->agent_token);
    json_kv_z(o, "state", "token taken back");
}

static enum rc find_token(struct core_change *c)
{
    struct store_agent_token *t = &c->agent_token;
    struct str name = json_shown(c->args, "name");
    struct id id;
    enum rc rc = RC_NOTFOUND;

    if (id_parse(name, &id) == RC_OK)
        rc = store_agent_token_get(store_read(c->core->store), c->a, &id, t);
    if (rc == RC_NOTFOUND || (rc == RC_OK && (t->used || t->revoked || t->expires <= c->now)))
        return ERR(&c->err, RC_NOTFOUND, msg_none, str_head(name, CORE_CHANGE_SHOWN));
    TRY(rc);
    c->write = drop_token;
    c->put = put_dropped;
    return RC_OK;
}

static enum rc find_agent(struct core_change *c)
{
    struct api_view v = core_view(c->core, NULL);

    return api_agent_find(&v, c->args, c->a, &c->agent, &c->err);
}

static enum rc read_remove(struct core_change *c)
{
    enum rc rc = find_agent(c);

    if (rc == RC_NOTFOUND)
        return find_token(c);
    TRY(rc);
    c->revoked = ARENA_NEW(c->a, struct revocation_result);
    c->write = drop;
    c->put = put_removed;
    return c->revoked ? RC_OK : RC_NOMEM;
}

void core_agent_remove(struct core *core, struct ipc_req *req, const struct json *args,
                       struct core_who who)
{
    core_change_run(core, req, args, who, read_remove);
}

/* ---- agent renew */

static enum rc ask(struct store_txn *txn, struct core_change *c)
{
    TRY(store_agent_ask(txn, &c->agent.id, c->now));
    return core_change_audit(txn, c, "agent.renewal-asked", "agent", &c->agent.id, c->agent.name);
}

static void put_asked(struct core_change *c, struct json_out *o)
{
    struct api_view v = core_view(c->core, NULL);

    c->agent.asked = c->now;
    api_agent_put(o, &v, &c->agent);
}

static enum rc read_renew(struct core_change *c)
{
    TRY(find_agent(c));
    c->write = ask;
    c->put = put_asked;
    return RC_OK;
}

void core_agent_renew(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who)
{
    core_change_run(core, req, args, who, read_renew);
}
