/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/ui.h"

#include "base/text.h"
#include "http/exchange.h"
#include "http/problem.h"
#include "ui/assets.h"
#include "ui/shell.h"

/* RFC 6265bis section 4.1.3.2: only this host, only over TLS. */
#define COOKIE UI_COOKIE
#define KNOWN_COOKIE "__Host-autarky-known"
#define HTML "text/html; charset=utf-8"

enum { PAGE_FIELD_MAX = 300 /* longer than any name, or password */ };
/* So long front need not ask for an asset again; its clients may keep it forever. */
#define ASSET_KEPT WHEN_DAY

MSG(msg_nothing, "ui.nothing-there", "there is nothing at {0}; the dashboard is at /ui/");
MSG(msg_method, "ui.method", "{0} is not possible here");

static bool is(const struct http_exchange *x, const char *path)
{
    return str_eq(x->req.path, str_of(path));
}

static bool reads(const struct http_exchange *x)
{
    return str_eq(x->req.method, STR("GET")) || str_eq(x->req.method, STR("HEAD"));
}

/* Nothing of it is kept by anybody, framed, or told to others in a Referer. */
static void guard(struct http_exchange *x)
{
    http_header_add(x, "Cache-Control", STR("no-store"));
    /* Not no-referrer, with which browsers do not say in Origin where a form comes from. */
    http_header_add(x, "Referrer-Policy", STR("same-origin"));
    http_header_add(
        x, "Content-Security-Policy",
        STR("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'"));
}

/* Not 401: there is no challenge that a form answers (RFC 9110 section 15.5.2). */
static void signed_out_as(struct http_exchange *x, int status, const char *why, const char *shown)
{
    ui_page_signed_out(why, shown, &x->res.body);
    guard(x);
    http_reply(x, status, HTML);
}

static void signed_out(struct http_exchange *x, int status, const char *why)
{
    signed_out_as(x, status, why, "");
}

/* The page where somebody signs in, who may have shown a certificate for that. */
static void ask_who(const struct ui *ui, struct http_exchange *x, int status, const char *why)
{
    char name[OPERATORS_NAME_MAX + 1] = "";

    if (!ui->options.shown(ui->options.arg, x, name))
        name[0] = '\0';
    signed_out_as(x, status, why, name);
}

static void see(struct http_exchange *x, const char *where)
{
    guard(x);
    http_header_add(x, "Location", str_of(where));
    http_reply_text(x, 303, "text/plain; charset=utf-8", STR(""));
}

static void refuse(struct http_exchange *x, const struct msg *m, struct str arg, int status)
{
    struct err err = ERR_INIT;

    IGNORE_RC(err_set(&err, RC_NOTFOUND, m, (struct err_at){__FILE__, __LINE__}, &arg, 1));
    err.status = status;
    http_problem(x, &err);
}

/* The field of a form (WHATWG URL, application/x-www-form-urlencoded), in the exchange's memory;
 * empty when it is missing, too long or broken. */
static struct str field(struct http_exchange *x, struct str form, const char *name)
{
    CLEANUP(buf_done) struct buf value = BUF_INIT(PAGE_FIELD_MAX);
    CLEANUP(buf_done) struct buf spaced = BUF_INIT(PAGE_FIELD_MAX);
    struct str pair, key, text, kept = {NULL, 0};

    while (str_next(&form, '&', &pair)) {
        str_cut(pair, '=', &key, &text);
        if (!str_eq(key, str_of(name)))
            continue;
        for (size_t i = 0; i < text.n; i++)
            buf_u8(&spaced, text.p[i] == '+' ? ' ' : (uint8_t)text.p[i]);
        if (buf_rc(&spaced) != RC_OK || text_unpercent(buf_str(&spaced), &value) != RC_OK ||
            arena_str(&x->arena, buf_str(&value), &kept) != RC_OK)
            return (struct str){NULL, 0};
        return kept;
    }
    return kept;
}

static bool is_form(const struct http_exchange *x)
{
    return str_starts(http_header_get(&x->req, STR("content-type")),
                      STR("application/x-www-form-urlencoded"));
}

/* ---- sessions */

static struct str cookie(struct str all, const char *wanted)
{
    struct str one, name, value;

    while (str_next(&all, ';', &one))
        if (str_cut(str_trim(one), '=', &name, &value) && str_eq(name, str_of(wanted)))
            return value;
    return (struct str){NULL, 0};
}

struct ui_session *ui_session_of(struct ui *ui, struct str cookies, when_t now)
{
    struct ui_session *s = ui_session_find(&ui->sessions, cookie(cookies, COOKIE), now);

    if (!s || !id_str(&s->user.certificate).n || ui->options.holds(ui->options.arg, &s->user))
        return s;
    ui_session_end(s);
    return NULL;
}

static struct ui_session *session(struct ui *ui, const struct http_exchange *x, when_t now)
{
    return ui_session_of(ui, http_header_get(&x->req, STR("cookie")), now);
}

bool ui_same_origin(struct str origin, struct str host)
{
    return host.n && str_starts(origin, STR("https://")) &&
           str_ieq(str_skip(origin, strlen("https://")), host);
}

/* Browsers say with each form where it comes from; what says nothing is no browser, and sends no
 * cookie that it was not given by its user. */
static bool comes_from_elsewhere(const struct http_exchange *x)
{
    return ui_from_elsewhere(http_header_get(&x->req, STR("origin")),
                             http_header_get(&x->req, STR("sec-fetch-site")), x->req.host);
}

bool ui_from_elsewhere(struct str origin, struct str site, struct str host)
{
    if (origin.n)
        return !ui_same_origin(origin, host);
    return site.n && !str_eq(site, STR("same-origin")) && !str_eq(site, STR("none"));
}

static void set_cookie(struct http_exchange *x, const char *token)
{
    http_header_addf(x, "Set-Cookie", COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict",
                     token);
}

static void recorded(struct http_exchange *x, enum rc rc)
{
    if (rc == RC_OK) {
        see(x, "/ui/");
        return;
    }
    x->res.n_headers = 0; /* no cookie: nobody holds that session, and it dies of idleness */
    signed_out(x, 503, "Signing in could not be put on record. Ask for another link.");
}

static void sign_in_by_link(struct ui *ui, struct http_exchange *x, when_t now)
{
    char token[UI_TOKEN_TEXT];
    enum rc rc = ui_link_use(&ui->sessions, field(x, x->req.body, "token"), now, token);

    if (rc != RC_OK) {
        signed_out(x, rc == RC_DENIED ? 403 : 503, "This link has been used, or is too old.");
        return;
    }
    set_cookie(x, token);
    ui->options.signed_in(ui->options.arg, x, recorded);
}

/* Whoever had a session in this browser has ended it by signing in anew. */
static void signed_in(struct ui_try *t, const char *token)
{
    struct ui_session *before = session(t->ui, t->x, t->now);

    if (before)
        ui_session_end(before);
    set_cookie(t->x, token);
    if (t->knows[0])
        http_header_addf(t->x, "Set-Cookie",
                         KNOWN_COOKIE
                         "=%s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%lld",
                         t->knows, (long long)(OPERATORS_KNOWN_LIFE / WHEN_SECOND));
    see(t->x, "/ui/");
}

/* The same words, whether there is such a user or not, and whatever was wrong. */
static void tried(struct ui_try *t, enum rc rc)
{
    struct http_exchange *x = t->x;
    char token[UI_TOKEN_TEXT];
    when_t left = t->until - t->now;

    if (rc == RC_OK)
        rc = ui_session_new(&t->ui->sessions, &t->is, &x->req.client, t->now, token);
    if (rc == RC_OK) {
        signed_in(t, token);
    } else if (rc == RC_DENIED && t->shown) {
        signed_out(x, 403, "This certificate is not a user's, or is good no more.");
    } else if (rc == RC_DENIED) {
        signed_out(x, 403,
                   "That was not right. User, password and code have to be, and a code "
                   "counts once.");
    } else if (rc == RC_QUOTA) {
        http_header_addf(x, "Retry-After", "%lld",
                         (long long)((left + WHEN_SECOND - 1) / WHEN_SECOND));
        signed_out(x, 429, "There were too many tries. Wait a little.");
    } else {
        signed_out(x, 503, "Signing in is not possible at the moment. Try again.");
    }
}

static void sign_in_by_user(struct ui *ui, struct http_exchange *x, when_t now)
{
    struct ui_try *t = ARENA_NEW(&x->arena, struct ui_try);

    if (!t) {
        signed_out(x, 503, "There is no memory for that. Try again.");
        return;
    }
    *t = (struct ui_try){.ui = ui, .x = x, .now = now, .then = tried};
    t->shown = field(x, x->req.body, "certificate").n > 0;
    t->user = field(x, x->req.body, "user");
    t->password = field(x, x->req.body, "password");
    t->code = str_trim(field(x, x->req.body, "code"));
    t->known = cookie(http_header_get(&x->req, STR("cookie")), KNOWN_COOKIE);
    ui->options.check(ui->options.arg, t);
}

static void sign_in(struct ui *ui, struct http_exchange *x, when_t now)
{
    if (!is_form(x))
        signed_out(x, 403, "That was no form.");
    else if (field(x, x->req.body, "user").n || field(x, x->req.body, "certificate").n)
        sign_in_by_user(ui, x, now);
    else
        sign_in_by_link(ui, x, now);
}

static void show_sign_in(const struct ui *ui, struct http_exchange *x, when_t now)
{
    struct str token = field(x, x->req.query, "token");

    if (!token.n) {
        ask_who(ui, x, 200, "");
        return;
    }
    if (!ui_link_good(&ui->sessions, token, now)) {
        signed_out(x, 403, "This link has been used, or is too old.");
        return;
    }
    ui_page_sign_in(token, &x->res.body);
    guard(x);
    http_reply(x, 200, HTML);
}

static void sign_out(struct ui *ui, struct http_exchange *x, when_t now)
{
    struct ui_session *s = session(ui, x, now);

    if (s && (!is_form(x) || !ui_session_form(s, field(x, x->req.body, "form")))) {
        signed_out(x, 403, "That did not come from the dashboard's own button.");
        return;
    }
    if (s)
        ui_session_end(s);
    http_header_add(x, "Set-Cookie",
                    STR(COOKIE "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"));
    see(x, "/ui/");
}

static void overview(struct ui *ui, struct http_exchange *x, when_t now)
{
    const struct ui_session *s = session(ui, x, now);
    struct str form;

    if (!s)
        ask_who(ui, x, 403, "The dashboard is for those who operate this CA.");
    else if (!(operators_action_find(STR("status"))->roles & s->user.roles))
        signed_out(x, 403, "The overview is not for your roles; /api/v1/ has what is.");
    else if (arena_str(&x->arena, str_of(s->form), &form) != RC_OK)
        signed_out(x, 503, "There is no memory for the page. Try again.");
    else
        ui->options.overview(ui->options.arg, x, field(x, x->req.query, "under"), form);
}

/* Any session has it: what its roles may see, the script learns from the page. */
static void shell(struct ui *ui, struct http_exchange *x, when_t now)
{
    const struct ui_session *s = session(ui, x, now);

    if (!s) {
        ask_who(ui, x, 403, "The dashboard is for those who operate this CA.");
        return;
    }
    ui_page_shell(s, &x->res.body);
    ui_reply(x);
}

static const struct ui_asset *asset(const struct http_exchange *x)
{
    for (size_t i = 0; i < ui_assets_n; i++)
        if (is(x, ui_assets[i].path))
            return &ui_assets[i];
    return NULL;
}

/* Compressed only: every browser takes gzip, and so does whoever does not say what it takes (RFC
 * 9110 section 12.5.3). */
static void put_asset(struct http_exchange *x, const struct ui_asset *a, when_t now)
{
    http_header_add(x, "Content-Encoding", STR("gzip"));
    http_header_add(x, "Cache-Control", STR("public, max-age=31536000, immutable"));
    http_header_add(x, "Cross-Origin-Resource-Policy", STR("same-origin"));
    x->res.keep_until = now + ASSET_KEPT;
    buf_puts(&x->res.body, str_bytes(a->gzip, a->n));
    http_reply(x, 200, a->type);
}

void ui_put_overview(struct http_exchange *x, const struct ui_overview *in)
{
    ui_page_overview(in, &x->res.body);
}

void ui_reply(struct http_exchange *x)
{
    guard(x);
    http_reply(x, 200, HTML);
}

void ui_handle(struct ui *ui, struct http_exchange *x, when_t now)
{
    bool posts = str_eq(x->req.method, STR("POST"));

    if (posts && comes_from_elsewhere(x)) {
        signed_out(x, 403, "That came from another site.");
    } else if (is(x, "/ui/sign-in") && posts) {
        sign_in(ui, x, now);
    } else if (is(x, "/ui/sign-out") && posts) {
        sign_out(ui, x, now);
    } else if (!reads(x)) {
        refuse(x, &msg_method, x->req.method, 405);
    } else if (is(x, "/ui")) {
        see(x, "/ui/");
    } else if (ui_shell_has(x->req.path)) {
        shell(ui, x, now);
    } else if (is(x, "/ui/plain")) {
        overview(ui, x, now);
    } else if (is(x, "/ui/sign-in")) {
        show_sign_in(ui, x, now);
    } else if (is(x, "/ui/licences")) {
        see(x, ui_path_licences);
    } else if (asset(x)) {
        put_asset(x, asset(x), now);
    } else {
        refuse(x, &msg_nothing, x->req.path, 404);
    }
}
