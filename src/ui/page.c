/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/page.h"

#include "json/json.h"
#include "ui/html_int.h"

enum { SOON_DAYS = 7, NAMES_SHOWN = 4 };

/* A coloured word; `kind` is "ok", "warning" or "failed". */
static void put_state(struct buf *b, const char *kind, struct str word)
{
    buf_printf(b, "<span class=\"s %s\">", kind);
    text_html_escape(b, word);
    buf_putz(b, "</span>");
}

/* Whole days until then. False when it is no time. */
static bool days_left(struct str at, when_t now, long long *out)
{
    when_t t;

    if (!at.n || when_parse(at, &t) != RC_OK)
        return false;
    *out = t < now ? -1 : (t - now) / WHEN_DAY;
    return true;
}

static void put_days(struct buf *b, struct str at, when_t now)
{
    long long days;

    buf_putz(b, "<td class=\"n\">");
    if (!days_left(at, now, &days))
        buf_putz(b, "\xe2\x80\x93");
    else if (days < 0)
        put_state(b, "failed", STR("expired"));
    else if (days < SOON_DAYS)
        buf_printf(b, "<span class=\"s warning\">%lld</span>", days);
    else
        buf_printf(b, "%lld", days);
    buf_putz(b, "</td>");
}

static void put_date(struct buf *b, struct str at)
{
    ui_html_cell(b, str_head(at, sizeof("2026-01-01") - 1));
}

static void put_names(struct buf *b, const struct json *names)
{
    struct json_iter all = json_iter(names);
    const struct json *name;
    struct str text;
    size_t n = 0;

    buf_putz(b, "<td>");
    while (json_next(&all, NULL, &name)) {
        if (n < NAMES_SHOWN && json_str(name, &text) == RC_OK) {
            buf_putz(b, n ? "<br>" : "");
            text_html_escape(b, text);
        }
        n++;
    }
    if (n > NAMES_SHOWN)
        buf_printf(b, "<br><small>and %zu more</small>", n - NAMES_SHOWN);
    buf_putz(b, "</td>");
}

/* ---- is anything wrong */

static size_t count_state(const struct json *doctor, const char *state)
{
    struct json_iter checks = json_iter(json_get(doctor, "checks"));
    const struct json *check;
    size_t n = 0;

    while (json_next(&checks, NULL, &check))
        n += str_eq(json_shown(check, "state"), str_of(state));
    return n;
}

static void put_findings(struct buf *b, const struct json *doctor, const char *state)
{
    struct json_iter checks = json_iter(json_get(doctor, "checks"));
    const struct json *check;

    while (json_next(&checks, NULL, &check)) {
        if (!str_eq(json_shown(check, "state"), str_of(state)))
            continue;
        buf_putz(b, "<tr><td>");
        put_state(b, state, str_of(state));
        buf_putz(b, "</td>");
        ui_html_cell(b, json_shown(check, "name"));
        buf_putz(b, "<td>");
        text_html_escape(b, json_shown(check, "text"));
        if (json_shown(check, "cure").n) {
            buf_putz(b, "<br><small>");
            text_html_escape(b, json_shown(check, "cure"));
            buf_putz(b, "</small>");
        }
        buf_putz(b, "</td></tr>\n");
    }
}

static void put_health(struct buf *b, const struct json *doctor)
{
    size_t failed = count_state(doctor, "failed"), warnings = count_state(doctor, "warning");

    buf_putz(b, "<section aria-labelledby=\"health\">\n<h2 id=\"health\">Health ");
    if (!doctor)
        put_state(b, "warning", STR("not known"));
    else if (failed)
        put_state(b, "failed", STR("something needs a person"));
    else
        put_state(b, "ok", STR("nothing has failed"));
    buf_putz(b, "</h2>\n");
    if (failed + warnings) {
        buf_putz(b, "<table>\n<tr><th>State</th><th>What</th><th>Finding and cure</th></tr>\n");
        put_findings(b, doctor, "failed");
        put_findings(b, doctor, "warning");
        buf_putz(b, "</table>\n");
    }
    buf_printf(b,
               "<p class=\"faint\">%zu checks passed. <code>autarky doctor</code> shows all.</p>\n",
               count_state(doctor, "ok"));
    buf_putz(b, "</section>\n");
}

static void put_tile(struct buf *b, uint64_t n, const char *what)
{
    buf_printf(b, "<div class=\"tile\"><b>%llu</b>%s</div>\n", (unsigned long long)n, what);
}

static size_t length(const struct json *list)
{
    struct json_iter all = json_iter(list);
    const struct json *one;
    size_t n = 0;

    while (json_next(&all, NULL, &one))
        n++;
    return n;
}

static void put_tiles(struct buf *b, const struct ui_overview *in)
{
    const struct json *c = json_get(in->status, "certificates");

    buf_putz(b, "<section class=\"tiles\" aria-label=\"In numbers\">\n");
    put_tile(b, length(json_get(in->sites, "items")), "sites");
    put_tile(b, json_shown_u64(c, "valid"), "valid certificates");
    put_tile(b, json_shown_u64(c, "expiring_in_30d"), "expire within 30 days");
    put_tile(b, json_shown_u64(c, "revoked"), "revoked");
    buf_putz(b, "</section>\n");
}

/* ---- sites */

static const char *kind_of(struct str state)
{
    if (str_eq(state, STR("valid")))
        return "ok";
    return str_eq(state, STR("waiting")) ? "failed" : "warning";
}

static void put_site_certificate(struct buf *b, const struct json *site, const struct json *c,
                                 bool first, when_t now)
{
    struct str state = json_shown(c, "state"), reason = json_shown(c, "reason");

    buf_putz(b, "<tr>");
    if (first)
        ui_html_cell(b, json_shown(site, "name"));
    else
        buf_putz(b, "<td></td>");
    ui_html_cell(b, json_shown(c, "algorithm"));
    buf_putz(b, "<td>");
    put_state(b, kind_of(state), state);
    if (reason.n) {
        buf_putz(b, "<br><small>");
        text_html_escape(b, reason);
        buf_putz(b, "</small>");
    }
    buf_putz(b, "</td>");
    put_days(b, json_shown(c, "not_after"), now);
    put_date(b, json_shown(c, "next_at"));
    buf_putz(b, "</tr>\n");
}

static void put_sites(struct buf *b, const struct json *sites, when_t now)
{
    struct json_iter all = json_iter(json_get(sites, "items"));
    const struct json *site, *c;

    buf_putz(b, "<section aria-labelledby=\"sites\">\n<h2 id=\"sites\">Sites</h2>\n");
    if (!length(json_get(sites, "items"))) {
        buf_putz(b, "<p>There is none yet. <code>autarky site add NAME --backend URL</code> puts a "
                    "plain web site on HTTPS.</p>\n</section>\n");
        return;
    }
    buf_putz(b, "<table>\n<tr><th>Name</th><th>Key</th><th>Certificate</th><th class=\"n\">Days "
                "left</th><th>Next renewal</th></tr>\n");
    while (json_next(&all, NULL, &site)) {
        struct json_iter certificates = json_iter(json_get(site, "certificates"));

        bool first = true;

        for (; json_next(&certificates, NULL, &c); first = false)
            put_site_certificate(b, site, c, first, now);
        if (!first)
            continue;
        buf_putz(b, "<tr>");
        ui_html_cell(b, json_shown(site, "name"));
        buf_putz(b, "<td></td><td colspan=\"3\">none: its connections are passed on</td></tr>\n");
    }
    buf_putz(b, "</table>\n</section>\n");
}

/* ---- certificates */

static void put_certificates(struct buf *b, const struct json *list, when_t now)
{
    struct json_iter items = json_iter(json_get(list, "items"));
    const struct json *c;

    if (!length(json_get(list, "items"))) {
        buf_putz(b, "<p class=\"faint\">None.</p>\n");
        return;
    }
    buf_putz(b, "<table>\n<tr><th>Names</th><th>From</th><th>Profile</th><th>State</th>"
                "<th class=\"n\">Days left</th><th>Issued</th><th>Serial</th></tr>\n");
    while (json_next(&items, NULL, &c)) {
        struct str status = json_shown(c, "status");

        buf_putz(b, "<tr>");
        put_names(b, json_get(c, "names"));
        ui_html_cell(b, json_shown(c, "origin"));
        ui_html_cell(b, json_shown(c, "profile"));
        buf_putz(b, "<td>");
        put_state(b, str_eq(status, STR("valid")) ? "ok" : "failed", status);
        buf_putz(b, "</td>");
        put_days(b, json_shown(c, "not_after"), now);
        put_date(b, json_shown(c, "issued"));
        buf_putz(b, "<td><code>");
        text_html_escape(b, json_shown(c, "serial"));
        buf_putz(b, "</code></td></tr>\n");
    }
    buf_putz(b, "</table>\n");
}

static void put_search(struct buf *b, const struct ui_overview *in)
{
    buf_putz(b, "<section aria-labelledby=\"certs\">\n<div class=\"top\"><h2 id=\"certs\">");
    buf_putz(b, in->search.n ? "Certificates found" : "Newest certificates");
    buf_putz(b,
             "</h2><form action=\"/ui/plain\" method=\"get\" role=\"search\"><label>Name or domain "
             "<input name=\"under\" value=\"");
    text_html_escape(b, in->search);
    buf_putz(b, "\"></label> <button>Search</button></form></div>\n");
    put_certificates(b, in->certs, in->now);
    buf_putz(b, "</section>\n");
}

static void put_issuers(struct buf *b, const struct json *status, when_t now)
{
    struct json_iter all = json_iter(json_get(status, "issuers"));
    const struct json *issuer;

    buf_putz(b, "<section aria-labelledby=\"issuers\">\n<h2 id=\"issuers\">Issuers</h2>\n<table>\n"
                "<tr><th>Name</th><th>Subject</th><th>Key</th><th>State</th><th class=\"n\">Days "
                "left</th></tr>\n");
    while (json_next(&all, NULL, &issuer)) {
        buf_putz(b, "<tr>");
        ui_html_cell(b, json_shown(issuer, "name"));
        ui_html_cell(b, json_shown(issuer, "subject"));
        ui_html_cell(b, json_shown(issuer, "algorithm"));
        ui_html_cell(b, json_shown(issuer, "state"));
        put_days(b, json_shown(issuer, "not_after"), now);
        buf_putz(b, "</tr>\n");
    }
    buf_putz(b, "</table>\n</section>\n");
}

static void put_header(struct buf *b, const struct ui_overview *in)
{
    buf_putz(b, "<header><b>");
    text_html_escape(b, json_shown(in->status, "organization"));
    buf_putz(b, "</b><span>");
    text_html_escape(b, json_shown(in->status, "domain"));
    buf_putz(b, "</span><form action=\"/ui/sign-out\" method=\"post\"><input type=\"hidden\" "
                "name=\"form\" value=\"");
    text_html_escape(b, in->form);
    buf_putz(b, "\"><button>Sign out</button></form></header>\n<main>\n<h1>Overview</h1>\n");
}

void ui_page_overview(const struct ui_overview *in, struct buf *out)
{
    ui_html_begin(out, "Overview \xe2\x80\x93 Autarky");
    put_header(out, in);
    put_tiles(out, in);
    put_health(out, in->doctor);
    put_sites(out, in->sites, in->now);
    buf_putz(out, "<section aria-labelledby=\"soon\">\n<h2 id=\"soon\">Soonest to expire</h2>\n");
    put_certificates(out, in->expiring, in->now);
    buf_putz(out, "</section>\n");
    put_search(out, in);
    put_issuers(out, in->status, in->now);
    ui_html_end(out);
}

void ui_page_sign_in(struct str token, struct buf *out)
{
    ui_html_begin(out, "Sign in \xe2\x80\x93 Autarky");
    buf_putz(out, "<main>\n<section>\n<h1>Sign in</h1>\n<p>This link works once.</p>\n"
                  "<form action=\"/ui/sign-in\" method=\"post\"><input type=\"hidden\" "
                  "name=\"token\" value=\"");
    text_html_escape(out, token);
    buf_putz(out, "\"><button class=\"go\">Sign in</button></form>\n</section>\n");
    ui_html_end(out);
}

static void put_shown(const char *user, struct buf *out)
{
    buf_putz(out, "<form action=\"/ui/sign-in\" method=\"post\">\n"
                  "<input type=\"hidden\" name=\"certificate\" value=\"1\">\n"
                  "<button class=\"go\">Sign in as ");
    text_html_escape(out, str_of(user));
    buf_putz(out, ", by certificate</button></form>\n");
}

void ui_page_signed_out(const char *why, const char *shown, struct buf *out)
{
    ui_html_begin(out, "Sign in \xe2\x80\x93 Autarky");
    buf_putz(out, "<main>\n<section>\n<h1>Sign in</h1>\n");
    if (why[0])
        buf_printf(out, "<p role=\"alert\">%s</p>\n", why);
    if (shown[0])
        put_shown(shown, out);
    buf_putz(out,
             "<form action=\"/ui/sign-in\" method=\"post\">\n"
             "<p><label>User <input name=\"user\" autocomplete=\"username\" required "
             "maxlength=\"64\"></label></p>\n"
             "<p><label>Password <input name=\"password\" type=\"password\" "
             "autocomplete=\"current-password\" required maxlength=\"256\"></label></p>\n"
             "<p><label>Code <input name=\"code\" inputmode=\"numeric\" "
             "autocomplete=\"one-time-code\" required pattern=\"[0-9]{6}\" "
             "maxlength=\"6\"></label></p>\n"
             "<button class=\"go\">Sign in</button></form>\n"
             "<p class=\"faint\">Without a user: on the host where Autarky runs, <code>autarky ui "
             "link</code> prints a link that signs you in once.</p>\n</section>\n");
    ui_html_end(out);
}
