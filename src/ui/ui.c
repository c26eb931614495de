/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/ui.h"

#include "base/text.h"
#include "http/exchange.h"
#include "http/problem.h"

/* RFC 6265bis section 4.1.3.2: only this host, only over TLS. */
#define COOKIE "__Host-autarky"
#define HTML "text/html; charset=utf-8"

enum { PAGE_FIELD_MAX = 300 };

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
    http_header_add(x, "Referrer-Policy", STR("no-referrer"));
    http_header_add(
        x, "Content-Security-Policy",
        STR("default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"));
}

static void signed_out(struct http_exchange *x, int status, const char *why)
{
    ui_page_signed_out(why, &x->res.body);
    guard(x);
    http_reply(x, status, HTML);
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

static struct str cookie(const struct http_exchange *x)
{
    struct str all = http_header_get(&x->req, STR("cookie")), one, name, value;

    while (str_next(&all, ';', &one))
        if (str_cut(str_trim(one), '=', &name, &value) && str_eq(name, STR(COOKIE)))
            return value;
    return (struct str){NULL, 0};
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

static void sign_in(struct ui *ui, struct http_exchange *x, when_t now)
{
    char token[UI_TOKEN_TEXT];
    enum rc rc = is_form(x) ? ui_link_use(&ui->sessions, field(x, x->req.body, "token"), now, token)
                            : RC_DENIED;

    if (rc != RC_OK) {
        signed_out(x, rc == RC_DENIED ? 403 : 503, "This link has been used, or is too old.");
        return;
    }
    http_header_addf(x, "Set-Cookie", COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict",
                     token);
    ui->options.signed_in(ui->options.arg, x, recorded);
}

static void show_sign_in(const struct ui *ui, struct http_exchange *x, when_t now)
{
    struct str token = field(x, x->req.query, "token");

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
    struct ui_session *s = ui_session_find(&ui->sessions, cookie(x), now);

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
    const struct ui_session *s = ui_session_find(&ui->sessions, cookie(x), now);
    struct str form;

    if (!s)
        signed_out(x, 401, "The dashboard is for administrators.");
    else if (arena_str(&x->arena, str_of(s->form), &form) != RC_OK)
        signed_out(x, 503, "There is no memory for the page. Try again.");
    else
        ui->options.overview(ui->options.arg, x, field(x, x->req.query, "under"), form);
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

    if (is(x, "/ui/sign-in") && posts) {
        sign_in(ui, x, now);
    } else if (is(x, "/ui/sign-out") && posts) {
        sign_out(ui, x, now);
    } else if (!reads(x)) {
        refuse(x, &msg_method, x->req.method, 405);
    } else if (is(x, "/ui")) {
        see(x, "/ui/");
    } else if (is(x, "/ui/")) {
        overview(ui, x, now);
    } else if (is(x, "/ui/sign-in")) {
        show_sign_in(ui, x, now);
    } else if (is(x, "/ui/style.css")) {
        http_header_add(x, "Cache-Control", STR("max-age=3600"));
        http_reply_text(x, 200, "text/css; charset=utf-8", ui_style());
    } else {
        refuse(x, &msg_nothing, x->req.path, 404);
    }
}
