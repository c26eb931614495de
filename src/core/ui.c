/* SPDX-License-Identifier: Apache-2.0 */
/* What the dashboard's page shows, gathered in three steps: the supervisor is asked for the
 * processes, the keeper for the sites, the register for certificates. Who does not answer leaves a
 * gap, not an error. */
#include <stdio.h>

#include "audit/audit.h"
#include "core/core_int.h"
#include "core/operators.h"
#include "ev/clock.h"
#include "http/exchange.h"
#include "log/log.h"

enum {
    SUPERVISOR_SECONDS = 5,
    ANSWER_MAX = 4 * 1024 * 1024,
    NEWEST_SHOWN = 25,
    EXPIRING_SHOWN = 10,
    ARGS_MAX = 1024,
};

struct gathering {
    struct core *core;
    struct http_exchange *x;
    struct str under, form;
    struct json_doc *status, *doctor, *sites, *expiring, *certs;
};

typedef enum rc (*answer_fn)(const struct api_view *v, struct json_out *o);

/* An answer as a document; NULL, and the page has a gap, when it failed. */
static void keep(struct json_doc **out, struct buf *text, enum rc rc)
{
    if (rc == RC_OK)
        rc = buf_rc(text);
    if (rc == RC_OK)
        rc = json_parse(buf_str(text), ANSWER_MAX, out, NULL);
    if (rc != RC_OK)
        log_warn("core.dashboard-gap", LOG_RC(rc));
}

static void take(const struct api_view *v, answer_fn fn, struct json_doc **out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct json_out o;
    enum rc rc;

    json_out_init(&o, &text, JSON_COMPACT);
    rc = fn(v, &o);
    keep(out, &text, rc == RC_OK ? json_out_done(&o) : rc);
}

/* ---- certificates */

static enum rc put_args(const char *sort, struct str under, unsigned limit, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "sort", sort);
    json_kv_u64(&o, "limit", limit);
    if (under.n)
        json_kv_str(&o, "under", under);
    else if (str_eq(str_of(sort), STR("expiry")))
        json_kv_z(&o, "status", "valid");
    json_end(&o);
    return json_out_done(&o);
}

static void list(struct gathering *g, const char *sort, struct str under, unsigned limit,
                 struct json_doc **out)
{
    CLEANUP(buf_done) struct buf args = BUF_INIT(ARGS_MAX);
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct api_view v = core_view(g->core, NULL);
    struct err err = ERR_INIT;
    struct json_out o;
    enum rc rc = put_args(sort, under, limit, &args);

    if (rc == RC_OK)
        rc = json_parse(buf_str(&args), ARGS_MAX, &doc, NULL);
    if (rc == RC_OK) {
        json_out_init(&o, &text, JSON_COMPACT);
        rc = api_cert_list(&v, json_root(doc), &o, &err);
    }
    if (rc == RC_INVAL && under.n)
        return; /* no name can be like that: nothing is found */
    keep(out, &text, rc);
}

/* ---- step by step */

static const struct json *root(const struct json_doc *doc)
{
    return doc ? json_root(doc) : NULL;
}

static void finish(struct gathering *g)
{
    struct http_exchange *x = g->x;
    struct ui_overview in = {.search = g->under, .form = g->form};

    list(g, "expiry", STR(""), EXPIRING_SHOWN, &g->expiring);
    list(g, "newest", g->under, NEWEST_SHOWN, &g->certs);
    in.status = root(g->status);
    in.doctor = root(g->doctor);
    in.sites = root(g->sites);
    in.expiring = root(g->expiring);
    in.certs = root(g->certs);
    in.now = clock_now(ev_clock(g->core->ev));
    ui_put_overview(x, &in);
    json_free(g->status);
    json_free(g->doctor);
    json_free(g->sites);
    json_free(g->expiring);
    json_free(g->certs);
    ui_reply(x);
}

static void got_sites(void *arg, const struct api_sites *sites, const struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct gathering *g = arg;
    struct json_out o;
    enum rc rc;

    (void)err; /* the page says that nothing is known */
    if (sites) {
        json_out_init(&o, &text, JSON_COMPACT);
        rc = api_sites_put(sites, &o);
        keep(&g->sites, &text, rc == RC_OK ? json_out_done(&o) : rc);
    }
    finish(g);
}

static void with_processes(struct gathering *g, const struct ipc_status *processes)
{
    struct api_view v = core_view(g->core, processes);

    take(&v, api_status, &g->status);
    take(&v, api_doctor, &g->doctor);
    if (core_sites_ask(g->core, &g->x->arena, got_sites, g) != RC_OK)
        finish(g);
}

static void got_processes(void *arg, const struct ipc_answer *a)
{
    with_processes(arg, a->rc == RC_OK ? a->msg : NULL);
}

static void overview(void *arg, struct http_exchange *x, struct str under, struct str form)
{
    struct core *core = arg;
    struct gathering *g = ARENA_NEW(&x->arena, struct gathering);
    struct ipc_ask ask = {
        .type = IPC_STATUS,
        .timeout = SUPERVISOR_SECONDS * WHEN_SECOND,
        .fn = got_processes,
        .arg = g,
    };

    if (!g) {
        http_reply_text(x, 503, "text/plain; charset=utf-8", STR("out of memory\n"));
        return;
    }
    *g = (struct gathering){.core = core, .x = x, .under = under, .form = form};
    if (!core->supervisor || ipc_call(core->supervisor, &ask, NULL) != RC_OK)
        with_processes(g, NULL);
}

/* ---- signing in */

struct signing_in {
    struct http_exchange *x;
    struct audit_event event;
    void (*then)(struct http_exchange *x, enum rc rc);
};

static enum rc record(struct store_txn *txn, void *arg)
{
    const struct signing_in *s = arg;

    return audit_append(txn, &s->event, NULL);
}

static void recorded(enum rc rc, void *arg)
{
    const struct signing_in *s = arg;

    s->then(s->x, rc);
}

static void signed_in(void *arg, struct http_exchange *x,
                      void (*then)(struct http_exchange *x, enum rc rc))
{
    struct core *core = arg;
    struct signing_in *s = ARENA_NEW(&x->arena, struct signing_in);
    enum rc rc = s ? RC_OK : RC_NOMEM;

    if (rc == RC_OK) {
        *s = (struct signing_in){.x = x, .then = then};
        s->event = (struct audit_event){
            .at = clock_now(ev_clock(core->ev)),
            .actor_kind = AUDIT_OPERATOR,
            .actor = STR("dashboard"),
            .action = "dashboard.signed-in",
            .object_kind = "session",
            .request = id_str(&x->id),
            .address = x->req.client,
        };
        rc = store_write(core->store, record, recorded, s);
    }
    if (rc != RC_OK)
        then(x, rc);
}

static bool shown(void *arg, const struct http_exchange *x,
                  char name[static OPERATORS_NAME_MAX + 1])
{
    struct core_who who = {};
    struct err err = ERR_INIT;

    return x->req.shown.n_serial && core_shown_check(arg, &x->req.shown, &who, &err) == RC_OK &&
           str_copyz(str_of(who.name), name, OPERATORS_NAME_MAX + 1) == RC_OK;
}

static bool holds(void *arg, const struct ui_user *user)
{
    return core_shown_holds(arg, &user->certificate, user->n);
}

void core_ui_init(struct core *core)
{
    core->ui.options = (struct ui_options){.overview = overview,
                                           .signed_in = signed_in,
                                           .check = core_sign_in,
                                           .shown = shown,
                                           .holds = holds,
                                           .arg = core};
}

enum rc core_ui_link(struct core *core, const struct json *, struct json_out *o, struct err *)
{
    when_t now = clock_now(ev_clock(core->ev));
    char token[UI_TOKEN_TEXT], path[UI_TOKEN_TEXT + sizeof("/ui/sign-in?token=")];

    TRY(ui_link_new(&core->ui.sessions, now, token));
    snprintf(path, sizeof(path), "/ui/sign-in?token=%s", token);
    json_obj(o);
    json_kv_z(o, "path", path);
    json_kv_when(o, "expires", now + UI_LINK_LIFE);
    json_end(o);
    return RC_OK;
}
