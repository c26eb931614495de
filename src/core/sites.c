/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper, on core's side: whose account core vouches for, and what the keeper tells
 * administrators of the sites' certificates. What it says of them is shown and decides nothing. */
#include <assert.h>
#include <string.h>

#include "audit/audit.h"
#include "base/name.h"
#include "core/core_int.h"
#include "ev/clock.h"
#include "ipc/public_messages.h"
#include "ipc/site_messages.h"
#include "log/log.h"

enum {
    PAGE_SITES = 64, /* an answer holds 256 certificates */
    KEEPER_SECONDS = 10,
    REASON_MAX = 2048,
    ANSWER_MAX = 4 * 1024 * 1024,
};
static_assert(PAGE_SITES * CONF_SITE_KEYS <= 256);

MSG(msg_thumbprint, "core.vouch-thumbprint",
    "the thumbprint is not 43 characters of base64url (RFC 7638, SHA-256)");
MSG(msg_name, "core.site-name", "\"name\" is missing: say which site");
MSG(msg_no_site, "core.site-unknown",
    "the configuration has no site {0}; `autarky site list` shows those that there are");
MSG(msg_no_keeper, "core.keeper-away",
    "the keeper is not running, so nothing was renewed; `autarky status` says how the processes "
    "are, and the log of `autarky serve` why");

/* ---- vouching */

void core_sites_keeper(struct core *core, struct ipc_chan *chan)
{
    if (chan == core->keeper)
        return;
    core->keeper = chan;
    IGNORE_RC(acme_set_vouched(core->acme, (struct str){NULL, 0})); /* to forget cannot fail */
}

void core_on_vouch(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    struct core *core = env->state;
    const struct ipc_vouch *m = msg;
    struct err err = ERR_INIT;
    enum rc rc = m->thumbprint.n ? acme_set_vouched(core->acme, m->thumbprint) : RC_INVAL;

    if (rc != RC_OK) {
        log_error("core.vouch-refused", LOG_RC(rc));
        IGNORE_RC(ERR(&err, rc, msg_thumbprint));
        ipc_reply_err(req, &err);
        return;
    }
    log_info("core.vouches", LOG_STR("thumbprint", m->thumbprint));
    IGNORE_RC(ipc_reply(req, NULL)); /* on failure the keeper has been told, by ipc_reply itself */
}

/* ---- certificates of other CAs, for the audit log */

struct noted {
    struct ipc_req *req;
    struct buf detail;
    struct audit_event event;
};

static enum rc append_noted(struct store_txn *txn, void *arg)
{
    const struct noted *n = arg;

    return audit_append(txn, &n->event, NULL);
}

static void noted_written(enum rc rc, void *arg)
{
    struct noted *n = arg;

    if (rc == RC_OK)
        IGNORE_RC(ipc_reply(n->req, NULL)); /* on failure the keeper has been told */
    else
        ipc_reply_err(n->req, &(struct err){.rc = rc});
    buf_done(&n->detail);
    mem_free(n);
}

/* The longest text of what is noted, as its messages have it. */
enum { TEXT_MAX = 2048 };

/* Reasons have words of strangers, servers and hooks: what is not printable ASCII is a '?' each,
 * for a text with one such byte must not be missing here. */
static void put_printable(struct json_out *o, const char *key, struct str text)
{
    char shown[TEXT_MAX];
    size_t n = text.n < sizeof(shown) ? text.n : sizeof(shown);

    for (size_t i = 0; i < n; i++)
        shown[i] = text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?';
    if (n)
        json_kv_str(o, key, str_bytes(shown, n));
}

static enum rc describe_noted(struct noted *n, const struct ipc_public *m)
{
    struct json_out o;

    json_out_init(&o, &n->detail, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "algorithm", conf_site_key_name(m->algorithm));
    put_printable(&o, "directory", m->directory);
    put_printable(&o, "serial", m->serial);
    put_printable(&o, "sha256", m->sha256);
    if (m->not_after > 0)
        json_kv_when(&o, "not_after", m->not_after);
    if (m->what == IPC_PUBLIC_FAILED) {
        put_printable(&o, "problem", m->reason);
        json_kv_u64(&o, "failures", m->failures);
    }
    json_end(&o);
    TRY(json_out_done(&o));
    n->event.detail = buf_str(&n->detail);
    return buf_rc(&n->detail);
}

/* n->req is answered when it is written, or cannot be: `rc` is how its description went. Takes `n`.
 */
static void write_noted(struct core *core, struct noted *n, struct str site, enum rc rc)
{
    struct ipc_req *req = n->req;

    n->event.at = clock_now(ev_clock(core->ev));
    n->event.actor_kind = AUDIT_SYSTEM;
    n->event.object_kind = "site";
    if (rc == RC_OK)
        rc = str_printable(site) ? arena_str(ipc_req_arena(req), site, &n->event.object) : RC_INVAL;
    if (rc == RC_OK)
        rc = store_write(core->store, append_noted, noted_written, n);
    if (rc == RC_OK)
        return;
    buf_done(&n->detail);
    mem_free(n);
    ipc_reply_err(req, &(struct err){.rc = rc});
}

/* NULL: there is no memory, and whoever asked is told. */
static struct noted *new_noted(struct ipc_req *req, const char *action)
{
    struct noted *n = MEM_NEW(struct noted);

    if (!n) {
        ipc_reply_err(req, &(struct err){.rc = RC_NOMEM});
        return NULL;
    }
    n->req = req;
    n->event.action = action;
    buf_init(&n->detail, AUDIT_DETAIL_MAX);
    return n;
}

void core_on_public(void *arg, struct ipc_req *req, const void *msg, int)
{
    static const char *const actions[IPC_PUBLIC_WHATS] = {
        [IPC_PUBLIC_ORDERED] = "site.certificate-ordered",
        [IPC_PUBLIC_INSTALLED] = "site.certificate-installed",
        [IPC_PUBLIC_FAILED] = "site.certificate-failed",
    };
    const struct role_env *env = arg;
    const struct ipc_public *m = msg;
    struct noted *n = new_noted(req, actions[m->what]);

    if (n)
        write_noted(env->state, n, m->site, describe_noted(n, m));
}

/* ---- records of DNS that prove their names */

static enum rc describe_changed(struct noted *n, const struct ipc_changed *m)
{
    struct json_out o;

    json_out_init(&o, &n->detail, JSON_COMPACT);
    json_obj(&o);
    if (m->reason.n)
        json_kv_z(&o, "change", m->removed ? "removed" : "added");
    put_printable(&o, "zone", m->zone);
    put_printable(&o, "record", m->name);
    put_printable(&o, "server", m->server);
    if (m->at > 0)
        json_kv_when(&o, "at", m->at);
    put_printable(&o, "problem", m->reason);
    json_end(&o);
    TRY(json_out_done(&o));
    n->event.detail = buf_str(&n->detail);
    return buf_rc(&n->detail);
}

void core_on_changed(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    const struct ipc_changed *m = msg;
    struct noted *n = new_noted(req, m->reason.n  ? "site.record-failed"
                                     : m->removed ? "site.record-removed"
                                                  : "site.record-added");

    if (n)
        write_noted(env->state, n, m->site, describe_changed(n, m));
}

/* ---- what the keeper tells */

struct asking {
    struct core *core;
    struct arena *arena;
    struct api_sites sites;
    uint32_t from; /* the page under way */
    size_t at;     /* where the last site was found: the next one is near */
    core_sites_fn fn;
    void *arg;
};

static void end(struct asking *a, const struct err *err)
{
    const struct conf *conf = a->sites.conf;

    a->fn(a->arg, err ? NULL : &a->sites, err);
    conf_unref(conf);
}

static void fail(struct asking *a, enum rc rc)
{
    struct err err = ERR_INIT;

    err.rc = rc;
    end(a, &err);
}

static void not_running(struct asking *a)
{
    size_t bytes = a->sites.conf->gateway.n_sites * sizeof(a->sites.of[0]);

    a->sites.running = false;
    if (bytes)
        memset(a->sites.of, 0, bytes);
    end(a, NULL);
}

/* NULL: it tells of a site that this configuration does not have, or no longer. */
static struct api_site_state *find(struct asking *a, const struct ipc_site *s)
{
    const struct conf *conf = a->sites.conf;

    if (s->algorithm >= CONF_SITE_KEYS)
        return NULL;
    for (size_t i = 0; i < conf->gateway.n_sites; i++) {
        size_t at = (a->at + i) % conf->gateway.n_sites;

        if (str_eq(conf->gateway.sites[at].name, s->name)) {
            a->at = at;
            return &a->sites.of[at][s->algorithm];
        }
    }
    return NULL;
}

static enum rc take(struct asking *a, const struct ipc_site *s)
{
    struct api_site_state *state = find(a, s);
    CLEANUP(buf_done) struct buf reason = BUF_INIT(REASON_MAX);

    if (!state)
        return RC_OK;
    *state = (struct api_site_state){
        .state = s->state,
        .not_after = s->not_after,
        .next_at = s->next_at,
        .failures = s->failures,
        .staple = s->staple,
        .staple_at = s->staple_at,
        .staple_until = s->staple_until,
    };
    if (str_printable(s->serial))
        TRY(arena_str(a->arena, s->serial, &state->serial));
    if (str_printable(s->directory))
        TRY(arena_str(a->arena, s->directory, &state->directory));
    if (s->why.rc == RC_OK)
        return RC_OK;
    err_text(&s->why, &reason);
    if (buf_rc(&reason) != RC_OK)
        return arena_str(a->arena, str_of(rc_text(s->why.rc)), &state->reason);
    return arena_str(a->arena, buf_str(&reason), &state->reason);
}

static void ask_page(struct asking *a);

static void got_page(void *arg, const struct ipc_answer *answer)
{
    struct asking *a = arg;
    const struct ipc_sites *m = answer->msg;
    enum rc rc = RC_OK;

    if (answer->rc == RC_CLOSED || answer->rc == RC_CANCELLED) {
        not_running(a);
        return;
    }
    if (answer->rc != RC_OK) {
        end(a, answer->err);
        return;
    }
    for (size_t i = 0; i < m->sites.n && rc == RC_OK; i++)
        rc = take(a, &m->sites.v[i]);
    if (rc != RC_OK) {
        fail(a, rc);
        return;
    }
    a->from += PAGE_SITES;
    ask_page(a);
}

static void ask_page(struct asking *a)
{
    struct ipc_sites_ask msg = {a->from, PAGE_SITES};
    struct ipc_ask ask = {
        .type = IPC_SITES,
        .msg = &msg,
        .timeout = KEEPER_SECONDS * WHEN_SECOND,
        .fn = got_page,
        .arg = a,
    };
    enum rc rc;

    if (a->from >= a->sites.conf->gateway.n_sites) {
        end(a, NULL);
        return;
    }
    rc = a->core->keeper ? ipc_call(a->core->keeper, &ask, NULL) : RC_CLOSED;
    if (rc == RC_CLOSED)
        not_running(a);
    else if (rc != RC_OK)
        fail(a, rc);
}

enum rc core_sites_ask(struct core *core, struct arena *arena, core_sites_fn fn, void *arg)
{
    struct asking *a = ARENA_NEW(arena, struct asking);

    if (!a)
        return RC_NOMEM;
    *a = (struct asking){.core = core, .arena = arena, .fn = fn, .arg = arg};
    a->sites.running = core->keeper != NULL;
    a->sites.of = arena_calloc(arena, core->conf->gateway.n_sites + 1, sizeof(a->sites.of[0]));
    if (!a->sites.of)
        return RC_NOMEM;
    a->sites.conf = conf_ref(core->conf);
    ask_page(a);
    return RC_OK;
}

/* ---- admin commands */

struct listing {
    struct ipc_req *req;
    struct json_doc *args;
};

static void listed(void *arg, const struct api_sites *sites, const struct err *err)
{
    const struct listing *l = arg;
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    CLEANUP(json_freep) struct json_doc *args = l->args;
    struct err why = ERR_INIT;
    struct json_out o;
    enum rc rc;

    if (!sites) {
        core_admin_refuse(l->req, err);
        return;
    }
    json_out_init(&o, &text, JSON_COMPACT);
    rc = api_sites_list(sites, json_root(args), &o, &why);
    if (rc == RC_OK) {
        core_admin_reply(l->req, &o, &text);
        return;
    }
    why.rc = rc;
    core_admin_refuse(l->req, &why);
}

void core_site_list(struct core *core, struct ipc_req *req, struct json_doc *args)
{
    struct listing *l = ARENA_NEW(ipc_req_arena(req), struct listing);
    struct err err = ERR_INIT;

    err.rc = RC_NOMEM;
    if (l) {
        *l = (struct listing){req, args};
        err.rc = core_sites_ask(core, ipc_req_arena(req), listed, l);
    }
    if (err.rc == RC_OK)
        return;
    json_free(args);
    core_admin_refuse(req, &err);
}

struct renewing {
    struct ipc_req *req;
    struct str name;
};

static void renewed(void *arg, const struct ipc_answer *answer)
{
    const struct renewing *r = arg;
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;
    struct json_out o;

    if (answer->rc == RC_CLOSED || answer->rc == RC_CANCELLED) {
        IGNORE_RC(ERR(&err, RC_CLOSED, msg_no_keeper));
        core_admin_refuse(r->req, &err);
        return;
    }
    if (answer->rc != RC_OK) {
        core_admin_refuse(r->req, answer->err);
        return;
    }
    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "name", r->name);
    json_end(&o);
    core_admin_reply(r->req, &o, &text);
}

static enum rc find_site(const struct core *core, const struct json *args, struct arena *arena,
                         struct str *out, struct err *err)
{
    char name[NAME_MAX_BYTES + 1];
    struct str given;

    if (json_str(json_get(args, "name"), &given) != RC_OK)
        return ERR(err, RC_INVAL, msg_name);
    if (name_canonical(given, false, name) == RC_OK && conf_site_find(core->conf, str_of(name)))
        return arena_str(arena, str_of(name), out);
    return ERR(err, RC_NOTFOUND, msg_no_site, given);
}

static enum rc renew(struct core *core, struct ipc_req *req, const struct json *args,
                     struct err *err)
{
    struct renewing *r = ARENA_NEW(ipc_req_arena(req), struct renewing);
    struct ipc_renew msg;
    struct ipc_ask ask = {
        .type = IPC_RENEW,
        .msg = &msg,
        .timeout = KEEPER_SECONDS * WHEN_SECOND,
        .fn = renewed,
        .arg = r,
    };
    enum rc rc;

    if (!r)
        return RC_NOMEM;
    r->req = req;
    TRY(find_site(core, args, ipc_req_arena(req), &r->name, err));
    msg.site = r->name;
    rc = core->keeper ? ipc_call(core->keeper, &ask, NULL) : RC_CLOSED;
    return rc == RC_CLOSED ? ERR(err, rc, msg_no_keeper) : rc;
}

void core_site_renew(struct core *core, struct ipc_req *req, const struct json *args)
{
    struct err err = ERR_INIT;
    enum rc rc = renew(core, req, args, &err);

    if (rc == RC_OK)
        return;
    err.rc = rc;
    core_admin_refuse(req, &err);
}
