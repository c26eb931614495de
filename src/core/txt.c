/* SPDX-License-Identifier: Apache-2.0 */
#include "core/txt.h"

#include <stdio.h>

#include "audit/audit.h"
#include "base/text.h"
#include "core/core_int.h"
#include "core/txt_ask.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"
#include "ev/clock.h"
#include "ipc/text_messages.h"
#include "log/log.h"
#include "store/txt.h"

enum { UUID_BYTES = 16, SECRET_BYTES = 30 /* 40 characters */ };

struct core_txt {
    struct core *core;
    struct ipc_chan *server; /* NULL: away */
    struct ev_timer again;
    bool first;     /* of all pages */
    uint64_t after; /* the last account of the page before */
    bool whole;     /* the page under way is the last one */
    size_t changes; /* under way */
};

/* A request whose answer waits for the disk and for txt; in its exchange's memory. */
struct change {
    struct core *core;
    struct http_exchange *x;
    struct store_txt account;
    struct str value;
    uint64_t most;
    when_t now;
    enum rc (*apply)(struct store_txn *txn, struct change *c);
    void (*answer)(struct change *c, enum rc rc); /* RC_OK: txt has it */
    char password[CORE_TXT_PASSWORD + 1];
};

/* ---- answers */

static void reply_json(struct http_exchange *x, int status, struct json_out *o)
{
    http_header_add(x, "Cache-Control", STR("no-store"));
    if (json_out_done(o) != RC_OK)
        buf_fail(&x->res.body, RC_NOMEM);
    http_reply(x, status, "application/json");
}

/* As acme-dns says it. */
static void refuse(struct http_exchange *x, int status, const char *word)
{
    struct json_out o;

    buf_reset(&x->res.body);
    json_out_init(&o, &x->res.body, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "error", word);
    json_end(&o);
    if (status == 503)
        http_header_add(x, "Retry-After", STR("5"));
    reply_json(x, status, &o);
}

static void refuse_rc(struct http_exchange *x, enum rc rc)
{
    if (rc == RC_IO || rc == RC_NOMEM || rc == RC_CORRUPT)
        refuse(x, 500, "db_error");
    else
        refuse(x, 503, "unavailable");
}

/* ---- what txt is told */

static void fill_text(const struct store_txt *account, struct str values[static 2],
                      struct ipc_text *out)
{
    size_t n = 0;

    if (account->newer.n)
        values[n++] = account->newer;
    if (account->older.n)
        values[n++] = account->older;
    *out = (struct ipc_text){account->subdomain, {values, n}};
}

static enum rc tell(struct core_txt *t, const struct ipc_texts *msg, ipc_answer_fn fn, void *arg)
{
    struct ipc_ask ask = {.type = IPC_TEXTS,
                          .msg = msg,
                          .timeout = CORE_TXT_SECONDS * WHEN_SECOND,
                          .fn = fn,
                          .arg = arg};

    return t->server ? ipc_call(t->server, &ask, NULL) : RC_CLOSED;
}

static void told_page(void *arg, const struct ipc_answer *answer);

/* A page is read and sent in one go: a change that is on disk later is told later. */
static enum rc tell_page(struct core_txt *t)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(STORE_TXT_PAGE * 4096);
    struct ipc_text *texts = ARENA_ARRAY(&a, struct ipc_text, STORE_TXT_PAGE);
    struct str *values = ARENA_ARRAY(&a, struct str, 2 * STORE_TXT_PAGE);
    struct store_cursor at = {.at = (int64_t)t->after};
    struct store_txt *all;
    size_t n;

    if (!texts || !values)
        return RC_NOMEM;
    TRY(store_txt_list(store_read(t->core->store), &a, &at, STORE_TXT_PAGE, &all, &n));
    for (size_t i = 0; i < n; i++)
        fill_text(&all[i], &values[2 * i], &texts[i]);
    t->whole = at.end;
    TRY(tell(t, &(struct ipc_texts){t->first, t->whole, {texts, n}}, told_page, t));
    t->first = false;
    if (n)
        t->after = all[n - 1].n;
    return RC_OK;
}

static void tell_more(struct core_txt *t)
{
    enum rc rc = tell_page(t);

    if (rc == RC_OK || rc == RC_CLOSED)
        return;
    log_warn("core.txt-not-told", LOG_RC(rc), LOG_TEXT("the values of the zone; tried again"));
    ev_timer_start(&t->again, CORE_TXT_AGAIN * WHEN_SECOND, 0);
}

/* From the beginning. */
static void tell_all(void *arg)
{
    struct core_txt *t = arg;

    t->first = true;
    t->after = 0;
    if (t->server)
        tell_more(t);
}

static void told_page(void *arg, const struct ipc_answer *answer)
{
    struct core_txt *t = arg;

    if (answer->rc == RC_OK && !t->whole)
        tell_more(t);
    else if (answer->rc != RC_OK && answer->rc != RC_CLOSED && t->server)
        ev_timer_start(&t->again, CORE_TXT_AGAIN * WHEN_SECOND, 0);
}

void core_txt_server(struct core *core, struct ipc_chan *chan)
{
    struct core_txt *t = core->txt;

    if (!t)
        return;
    t->server = chan;
    ev_timer_stop(&t->again);
    if (chan)
        tell_all(t);
}

void core_txt_forget(struct core *core)
{
    if (!core->txt)
        return;
    ev_timer_stop(&core->txt->again);
    tell_all(core->txt);
}

/* ---- a change: to the disk, to txt, to the client */

static void told_change(void *arg, const struct ipc_answer *answer)
{
    struct change *c = arg;

    c->core->txt->changes--;
    c->answer(c, answer->rc);
}

/* What is told is what is there now, not what this change made of it: of two that come after one
 * another the newer state reaches txt in any case. */
static enum rc tell_change(struct change *c)
{
    struct str values[2];
    struct ipc_text text;

    TRY(store_txt_find(store_read(c->core->store), &c->x->arena, c->account.username, &c->account));
    fill_text(&c->account, values, &text);
    return tell(c->core->txt, &(struct ipc_texts){false, false, {&text, 1}}, told_change, c);
}

static void written(enum rc rc, void *arg)
{
    struct change *c = arg;
    bool kept = rc == RC_OK;

    if (kept)
        rc = tell_change(c);
    if (rc == RC_OK)
        return;
    c->core->txt->changes--;
    if (kept)
        c->answer(c, RC_CLOSED);
    else
        c->answer(c, rc);
}

static enum rc apply(struct store_txn *txn, void *arg)
{
    struct change *c = arg;

    return c->apply(txn, c);
}

static void begin(struct change *c)
{
    struct core_txt *t = c->core->txt;
    enum rc rc = RC_QUOTA;

    if (t->changes < CORE_TXT_CHANGES_MAX) {
        t->changes++;
        rc = store_write(c->core->store, apply, written, c);
        if (rc != RC_OK)
            t->changes--;
    }
    if (rc != RC_OK)
        refuse_rc(c->x, rc);
}

static struct change *change_new(struct core *core, struct http_exchange *x)
{
    struct change *c = ARENA_NEW(&x->arena, struct change);

    if (!c) {
        refuse_rc(x, RC_NOMEM);
        return NULL;
    }
    *c = (struct change){.core = core, .x = x, .now = clock_now(ev_clock(core->ev))};
    return c;
}

/* ---- register */

/* RFC 9562 section 5.4. */
static enum rc make_uuid(struct arena *a, struct str *out)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * UUID_BYTES);
    unsigned char b[UUID_BYTES];
    const char *h;

    TRY(crypto_random(b, sizeof(b)));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    text_hex(&hex, str_bytes(b, sizeof(b)));
    TRY(buf_rc(&hex));
    h = buf_str(&hex).p;
    *out = arena_printf(a, "%.8s-%.4s-%.4s-%.4s-%.12s", h, h + 8, h + 12, h + 16, h + 20);
    return out->p ? RC_OK : RC_NOMEM;
}

static enum rc make_password(struct change *c)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(CORE_TXT_PASSWORD);
    unsigned char b[SECRET_BYTES];

    TRY(crypto_random(b, sizeof(b)));
    text_b64url(&text, str_bytes(b, sizeof(b)));
    explicit_bzero(b, sizeof(b));
    TRY(buf_rc(&text));
    TRY(str_copyz(buf_str(&text), c->password, sizeof(c->password)));
    return crypto_sha256(buf_str(&text), c->account.password.b);
}

static enum rc add_account(struct store_txn *txn, struct change *c)
{
    struct audit_event event = {.at = c->now,
                                .actor_kind = AUDIT_SYSTEM,
                                .action = "txt-account.registered",
                                .object_kind = "txt-account",
                                .object = c->account.subdomain,
                                .request = id_str(&c->x->id),
                                .address = c->x->req.client};

    TRY(store_txt_add(txn, &c->account, c->most));
    return audit_append(txn, &event, NULL);
}

static void put_allow(struct json_out *o, struct str networks)
{
    struct str one;

    json_key(o, "allowfrom");
    json_arr(o);
    while (str_next(&networks, ' ', &one))
        json_put_str(o, one);
    json_end(o);
}

/* It is on disk: if txt is away it learns of the name when it is back, and nobody has pointed
 * there yet. */
static void answer_account(struct change *c, enum rc rc)
{
    struct http_exchange *x = c->x;
    struct str zone = c->core->conf->txt.zone;
    struct json_out o;

    if (rc == RC_QUOTA && c->account.n == 0) {
        refuse(x, 403, "too_many_accounts");
        return;
    }
    if (rc != RC_OK && c->account.n == 0) {
        refuse_rc(x, rc);
        return;
    }
    json_out_init(&o, &x->res.body, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "username", c->account.username);
    json_kv_z(&o, "password", c->password);
    json_kv_str(&o, "fulldomain",
                arena_printf(&x->arena, "%.*s.%.*s", STR_ARG(c->account.subdomain), STR_ARG(zone)));
    json_kv_str(&o, "subdomain", c->account.subdomain);
    put_allow(&o, c->account.allow);
    json_end(&o);
    explicit_bzero(c->password, sizeof(c->password));
    reply_json(x, 201, &o);
}

static enum rc make_account(struct change *c, const char **out_why)
{
    CLEANUP(buf_done) struct buf allow = BUF_INIT(STORE_TXT_ALLOW);

    TRY(core_txt_read_register(c->x->req.body, &allow, out_why));
    TRY(arena_str(&c->x->arena, buf_str(&allow), &c->account.allow));
    TRY(make_uuid(&c->x->arena, &c->account.username));
    TRY(make_uuid(&c->x->arena, &c->account.subdomain));
    TRY(make_password(c));
    c->account.created = c->now;
    return RC_OK;
}

static void register_account(struct core *core, struct http_exchange *x)
{
    const struct conf_nets *allow = &core->conf->txt.allow;
    struct change *c;
    const char *why = NULL;
    bool may = false;
    enum rc rc;

    for (size_t i = 0; i < allow->n; i++)
        may = may || addr_net_has(&allow->p[i], &x->req.client);
    if (!may) {
        refuse(x, 403, "registration_not_allowed_from_here");
        return;
    }
    c = change_new(core, x);
    if (!c)
        return;
    rc = make_account(c, &why);
    c->most = core->conf->txt.accounts;
    c->apply = add_account;
    c->answer = answer_account;
    if (why)
        refuse(x, 400, why);
    else if (rc != RC_OK)
        refuse_rc(x, rc);
    else
        begin(c);
}

/* ---- update, present, cleanup */

/* Whoever has no account takes as long as whoever has another password. RC_DENIED. */
static enum rc open_account(struct change *c, struct str username, struct str password)
{
    struct http_exchange *x = c->x;
    struct store_hash digest;
    enum rc rc;

    if (username.n != STORE_TXT_UUID || password.n != CORE_TXT_PASSWORD)
        return RC_DENIED;
    TRY(crypto_sha256(password, digest.b));
    rc = store_txt_find(store_read(c->core->store), &x->arena, username, &c->account);
    if (rc == RC_INVAL)
        rc = RC_NOTFOUND;
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    if (!str_eq_ct(str_bytes(digest.b, STORE_SHA256),
                   str_bytes(c->account.password.b, STORE_SHA256)) ||
        rc == RC_NOTFOUND || !core_txt_allows(c->account.allow, &x->req.client))
        return RC_DENIED;
    return RC_OK;
}

static enum rc present(struct store_txn *txn, struct change *c)
{
    return store_txt_present(txn, c->account.username, c->value, c->now);
}

static enum rc cleanup(struct store_txn *txn, struct change *c)
{
    return store_txt_cleanup(txn, c->account.username, c->value, c->now);
}

/* With the value, where that is what clients read. */
static void answer_with(struct change *c, enum rc rc, struct str value)
{
    struct json_out o;

    if (rc != RC_OK) {
        refuse_rc(c->x, rc);
        return;
    }
    json_out_init(&o, &c->x->res.body, JSON_COMPACT);
    json_obj(&o);
    if (value.n)
        json_kv_str(&o, "txt", value);
    json_end(&o);
    reply_json(c->x, 200, &o);
}

static void answer_update(struct change *c, enum rc rc)
{
    answer_with(c, rc, c->value);
}

static void answer_httpreq(struct change *c, enum rc rc)
{
    answer_with(c, rc, STR(""));
}

/* As acme-dns: a body that cannot be read names no subdomain, so not that of the account. */
static void update(struct core *core, struct http_exchange *x)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct core_txt_change asked = {};
    struct change *c = change_new(core, x);
    const char *why = NULL;
    enum rc rc;

    if (!c)
        return;
    rc = open_account(c, http_header_get(&x->req, STR("x-api-user")),
                      http_header_get(&x->req, STR("x-api-key")));
    if (rc == RC_OK)
        rc = core_txt_read_update(x->req.body, &doc, &asked, &why);
    if (rc == RC_OK && !str_eq(asked.name, c->account.subdomain))
        rc = RC_DENIED;
    if (rc == RC_OK)
        rc = arena_str(&x->arena, asked.value, &c->value);
    c->apply = present;
    c->answer = answer_update;
    if (rc == RC_DENIED)
        refuse(x, 401, "forbidden");
    else if (why)
        refuse(x, 400, why);
    else if (rc != RC_OK)
        refuse_rc(x, rc);
    else
        begin(c);
}

static enum rc read_httpreq(struct change *c, const char **out_why)
{
    CLEANUP(buf_wipe) struct buf room = BUF_INIT(CORE_TXT_BASIC_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct http_exchange *x = c->x;
    struct core_txt_change asked;
    struct str user, password;
    enum rc rc =
        core_txt_basic(http_header_get(&x->req, STR("authorization")), &room, &user, &password);

    if (rc == RC_PARSE || rc == RC_TOOBIG)
        return RC_DENIED;
    TRY(rc);
    TRY(open_account(c, user, password));
    TRY(core_txt_read_httpreq(x->req.body, &doc, &asked, out_why));
    if (!core_txt_is_name(asked.name, c->account.subdomain, c->core->conf->txt.zone)) {
        *out_why = "bad_fqdn";
        return RC_INVAL;
    }
    return arena_str(&x->arena, asked.value, &c->value);
}

static void httpreq(struct core *core, struct http_exchange *x, bool away)
{
    struct change *c = change_new(core, x);
    const char *why = NULL;
    enum rc rc;

    if (!c)
        return;
    rc = read_httpreq(c, &why);
    c->apply = away ? cleanup : present;
    c->answer = answer_httpreq;
    if (rc == RC_DENIED) {
        http_header_add(x, "WWW-Authenticate", STR("Basic realm=\"autarky\""));
        refuse(x, 401, "forbidden");
    } else if (why)
        refuse(x, 400, why);
    else if (rc != RC_OK)
        refuse_rc(x, rc);
    else
        begin(c);
}

static void httpreq_present(struct core *core, struct http_exchange *x)
{
    httpreq(core, x, false);
}

static void httpreq_cleanup(struct core *core, struct http_exchange *x)
{
    httpreq(core, x, true);
}

static void health(struct core *, struct http_exchange *x)
{
    http_reply(x, 200, "application/json");
}

/* ---- which request is which */

static const struct {
    struct str path;
    const char *method;
    void (*handle)(struct core *core, struct http_exchange *x);
} paths[] = {
    {STR("/acme-dns/register"), "POST", register_account},
    {STR("/acme-dns/update"), "POST", update},
    {STR("/acme-dns/health"), "GET", health},
    {STR("/httpreq/present"), "POST", httpreq_present},
    {STR("/httpreq/cleanup"), "POST", httpreq_cleanup},
};

bool core_txt_serves(const struct core *core, const struct http_exchange *x)
{
    if (!core->txt || core->conf->txt.zone.n == 0 || !str_eq(x->req.listener, STR("api")))
        return false;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (str_eq(x->req.path, paths[i].path))
            return true;
    return false;
}

void core_txt_handle(struct core *core, struct http_exchange *x)
{
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (!str_eq(x->req.path, paths[i].path))
            continue;
        if (str_eq(x->req.method, str_of(paths[i].method))) {
            paths[i].handle(core, x);
            return;
        }
        http_header_add(x, "Allow", str_of(paths[i].method));
        refuse(x, 405, "method_not_allowed");
        return;
    }
}

/* ---- life */

enum rc core_txt_new(struct core *core)
{
    struct core_txt *t = MEM_NEW(struct core_txt);

    if (!t)
        return RC_NOMEM;
    t->core = core;
    ev_timer_init(&t->again, core->ev, tell_all, t);
    core->txt = t;
    return RC_OK;
}

void core_txt_stop(struct core *core)
{
    if (!core->txt)
        return;
    ev_timer_stop(&core->txt->again);
    core->txt->server = NULL;
}

void core_txt_free(struct core *core)
{
    core_txt_stop(core);
    mem_free(core->txt);
    core->txt = NULL;
}
