/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/access.h"

#include <assert.h>

#include "conf/conf.h"
#include "ev/clock.h"
#include "gateway/account.h"
#include "gateway/gateway_int.h"
#include "tls/conn.h"

enum { DIGITS = 20, STAMP = 40 };

/* ---- text */

static void put_number(struct buf *out, uint64_t v)
{
    char text[DIGITS];
    size_t at = DIGITS;

    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_put(out, text + at, DIGITS - at);
}

static bool plain(char c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* What is in quotes: a byte that is not plain as \u00e4, or \xe4 as Apache writes it. */
static void put_escaped(struct buf *out, struct str s, size_t most, unsigned format)
{
    static const char hex[] = "0123456789abcdef";

    s = str_head(s, most);
    while (s.n) {
        size_t n = 0;
        unsigned char c;

        while (n < s.n && plain(s.p[n]))
            n++;
        buf_put(out, s.p, n);
        s = str_skip(s, n);
        if (s.n == 0)
            return;
        c = (unsigned char)s.p[0];
        if (c == '"' || c == '\\') {
            buf_u8(out, '\\');
            buf_u8(out, c);
        } else {
            buf_putz(out, format == CONF_ACCESS_JSON ? "\\u00" : "\\x");
            buf_u8(out, (uint8_t)hex[c >> 4]);
            buf_u8(out, (uint8_t)hex[c & 15]);
        }
        s = str_skip(s, 1);
    }
}

/* The first header of that name; empty: none. */
static struct str header(const struct http_reader *r, struct str name)
{
    for (size_t i = 0; i < http_reader_fields(r); i++) {
        struct http_field f = http_reader_field(r, i);

        if (str_eq(f.name, name))
            return f.value;
    }
    return (struct str){NULL, 0};
}

/* Where the client comes from, which may be a page of this site with secrets behind its "?". */
static struct str referrer(const struct http_reader *r, bool query)
{
    struct str s = header(r, STR("referer"));

    return query ? s : str_head(s, str_find(s, '?'));
}

static const char *protocol(const struct gateway_exchange *x)
{
    if (x->front->protocol)
        return x->front->protocol;
    return http_reader_get(x->up.reader)->minor ? "HTTP/1.1" : "HTTP/1.0";
}

/* When its first byte came. */
static when_t begun(const struct gateway *g, int64_t micros)
{
    return clock_now(ev_clock(g->conf.ev)) - micros;
}

/* ---- JSON */

static void put_key(struct buf *out, const char *key)
{
    if (out->n && out->p[out->n - 1] != '{')
        buf_u8(out, ',');
    buf_u8(out, '"');
    buf_putz(out, key);
    buf_putz(out, "\":");
}

/* Nothing where there is nothing. */
static void put_text(struct buf *out, const char *key, struct str s, size_t most)
{
    if (s.n == 0)
        return;
    put_key(out, key);
    buf_u8(out, '"');
    put_escaped(out, s, most, CONF_ACCESS_JSON);
    buf_u8(out, '"');
}

static void put_z(struct buf *out, const char *key, const char *z)
{
    if (z)
        put_text(out, key, str_of(z), GATEWAY_ACCESS_TEXT_MAX);
}

static void put_int(struct buf *out, const char *key, int64_t v)
{
    put_key(out, key);
    put_number(out, v < 0 ? 0 : (uint64_t)v);
}

static void put_bool(struct buf *out, const char *key, bool v)
{
    put_key(out, key);
    buf_putz(out, v ? "true" : "false");
}

static void put_time(struct buf *out, when_t t)
{
    struct when_civil c = {};

    if (when_to_civil(t, &c) != RC_OK)
        return;
    put_key(out, "time");
    buf_printf(out, "\"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ\"", c.year, c.month, c.day, c.hour,
               c.minute, c.second, c.micros);
}

static void put_tls(struct buf *out, const struct gateway_peer *p)
{
    struct tls_facts f;

    if (!p->tls)
        return;
    tls_conn_facts(p->tls, &f);
    put_z(out, "tls", f.version);
    put_z(out, "cipher", f.cipher);
    put_z(out, "group", f.group);
    put_z(out, "signature", f.signature);
    put_z(out, "key", f.key);
    put_bool(out, "resumed", f.resumed);
}

static void put_reason(struct buf *out, const struct err *why)
{
    if (why->rc != RC_OK)
        put_z(out, "reason", why->msg ? why->msg->code : rc_text(why->rc));
}

static void put_inspected(struct buf *out, const struct gateway_inspection *i)
{
    char ids[GATEWAY_IDS_TEXT];

    if (i->verdict == GATEWAY_NOT_INSPECTED)
        return;
    put_z(out, "waf", gateway_verdict_name(i->verdict));
    put_z(out, "waf_rules", gateway_matches_text(&i->found, ids));
    if (i->found.score)
        put_int(out, "waf_score", i->found.score);
}

static void put_json(struct buf *out, bool query, const struct gateway_exchange *x, int64_t micros,
                     bool complete)
{
    const struct http_head *head = http_reader_get(x->up.reader);
    const struct gateway_peer *p = x->peer;
    char text[ADDR_TEXT];

    buf_u8(out, '{');
    put_time(out, begun(x->gateway, micros));
    put_z(out, "site", p->site ? p->site->name : NULL);
    put_z(out, "client", gateway_client_text(x, text));
    put_text(out, "method", head->method, GATEWAY_ACCESS_TEXT_MAX);
    put_text(out, "path", head->path, GATEWAY_ACCESS_PATH_MAX);
    if (query)
        put_text(out, "query", head->query, GATEWAY_ACCESS_PATH_MAX);
    put_z(out, "protocol", protocol(x));
    put_int(out, "status", x->status);
    put_int(out, "received", (int64_t)x->up.body);
    put_int(out, "sent", (int64_t)x->down.body);
    put_int(out, "micros", micros);
    if (x->backend)
        put_text(out, "backend", x->backend->key, GATEWAY_ACCESS_TEXT_MAX);
    if (x->heard)
        put_int(out, "backend_micros", x->heard - x->sought);
    put_bool(out, "complete", complete);
    put_inspected(out, &x->inspection);
    put_tls(out, p);
    put_text(out, "referrer", referrer(x->up.reader, query), GATEWAY_ACCESS_TEXT_MAX);
    put_text(out, "user_agent", header(x->up.reader, STR("user-agent")), GATEWAY_ACCESS_TEXT_MAX);
    put_text(out, "request_id", id_str(&x->id), GATEWAY_ACCESS_TEXT_MAX);
    put_reason(out, &x->why);
    buf_putz(out, "}\n");
}

/* Of one that was passed on nothing is known but how much it was. */
static void put_passed_json(struct buf *out, const struct gateway_passed *p, when_t began)
{
    buf_u8(out, '{');
    put_time(out, began);
    put_z(out, "site", p->site);
    put_z(out, "client", p->client);
    put_z(out, "protocol", GATEWAY_ACCESS_PASSED);
    put_int(out, "received", (int64_t)p->up);
    put_int(out, "sent", (int64_t)p->down);
    put_int(out, "micros", p->micros);
    put_text(out, "backend", p->backend, GATEWAY_ACCESS_TEXT_MAX);
    put_bool(out, "complete", p->why->rc == RC_OK);
    put_reason(out, p->why);
    buf_putz(out, "}\n");
}

/* ---- as Apache and nginx call it: combined */

static void put_date(struct buf *out, when_t t)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct when_civil c = {.month = 1};

    if (when_to_civil(t, &c) != RC_OK)
        c = (struct when_civil){.year = 1970, .month = 1, .day = 1};
    buf_printf(out, "[%02d/%s/%04d:%02d:%02d:%02d +0000]", c.day, months[c.month - 1], c.year,
               c.hour, c.minute, c.second);
}

static void put_quoted(struct buf *out, struct str s)
{
    buf_putz(out, " \"");
    put_escaped(out, s.n ? s : STR("-"), GATEWAY_ACCESS_TEXT_MAX, CONF_ACCESS_COMBINED);
    buf_u8(out, '"');
}

static void put_asked(struct buf *out, bool query, const struct gateway_exchange *x)
{
    const struct http_head *head = http_reader_get(x->up.reader);
    enum conf_access format = CONF_ACCESS_COMBINED;

    buf_putz(out, " \"");
    if (head->method.n == 0) {
        buf_putz(out, "-\"");
        return;
    }
    put_escaped(out, head->method, GATEWAY_ACCESS_TEXT_MAX, format);
    buf_u8(out, ' ');
    put_escaped(out, head->path, GATEWAY_ACCESS_PATH_MAX, format);
    if (query && head->query.p) {
        buf_u8(out, '?');
        put_escaped(out, head->query, GATEWAY_ACCESS_PATH_MAX, format);
    }
    buf_u8(out, ' ');
    buf_putz(out, protocol(x));
    buf_u8(out, '"');
}

static void put_combined(struct buf *out, bool query, const struct gateway_exchange *x,
                         int64_t micros)
{
    char text[ADDR_TEXT];

    buf_putz(out, gateway_client_text(x, text));
    buf_putz(out, " - - ");
    put_date(out, begun(x->gateway, micros));
    put_asked(out, query, x);
    buf_u8(out, ' ');
    put_number(out, x->status < 0 ? 0 : (uint64_t)x->status);
    buf_u8(out, ' ');
    put_number(out, x->down.body);
    put_quoted(out, referrer(x->up.reader, query));
    put_quoted(out, header(x->up.reader, STR("user-agent")));
    buf_u8(out, '\n');
}

/* No request, no status: the name that was asked for stands where a path does. */
static void put_passed_combined(struct buf *out, const struct gateway_passed *p, when_t began)
{
    buf_putz(out, p->client);
    buf_putz(out, " - - ");
    put_date(out, began);
    buf_putz(out, " \"- ");
    put_escaped(out, str_of(p->site ? p->site : "-"), GATEWAY_ACCESS_TEXT_MAX,
                CONF_ACCESS_COMBINED);
    buf_putz(out, " " GATEWAY_ACCESS_PASSED "\" - ");
    put_number(out, p->down);
    buf_putz(out, " \"-\" \"-\"\n");
}

void gateway_access_put(struct buf *out, unsigned format, bool query,
                        const struct gateway_exchange *x, int64_t micros, bool complete)
{
    if (format == CONF_ACCESS_JSON)
        put_json(out, query, x, micros, complete);
    else
        put_combined(out, query, x, micros);
}

/* ---- the log */

static_assert((int)GATEWAY_ACCESS_FORMATS == (int)CONF_ACCESS_COMBINED);

void gateway_access_init(struct gateway_access *a, struct ev *ev, gateway_lines_send send,
                         void *arg)
{
    buf_init(&a->line, GATEWAY_ACCESS_LINE_MAX);
    for (unsigned i = 0; send && i < GATEWAY_ACCESS_FORMATS; i++)
        gateway_lines_init(&a->by[i], ev, send, arg, i + 1);
}

void gateway_access_free(struct gateway_access *a)
{
    for (unsigned i = 0; i < GATEWAY_ACCESS_FORMATS; i++)
        gateway_lines_free(&a->by[i]);
    buf_done(&a->line);
}

/* Where no site is known yet, or no more, the gateway's word counts. */
static bool wanted(const struct gateway_site *s, const struct gateway_route *route)
{
    if (route)
        return route->access_log;
    return !s || !s->route || s->route->access_log;
}

/* Where a line goes, which is begun; NULL: nowhere. */
static struct gateway_lines *begin(struct gateway_access *a, const struct gateway_site *s,
                                   const struct gateway_route *route)
{
    struct gateway_lines *l;

    if (a->format == CONF_ACCESS_OFF || !wanted(s, route))
        return NULL;
    l = &a->by[a->format - 1];
    buf_reset(&a->line);
    return l->ev ? l : NULL;
}

static void end(struct gateway_access *a, struct gateway_lines *l)
{
    if (buf_rc(&a->line) == RC_OK)
        gateway_lines_put(l, buf_str(&a->line));
    else
        gateway_lines_drop(l);
}

void gateway_access_tell(struct gateway_access *a, const struct gateway_exchange *x, int64_t micros,
                         bool complete)
{
    struct gateway_lines *l = begin(a, x->peer->site, x->route);

    if (!l)
        return;
    gateway_access_put(&a->line, a->format, a->query, x, micros, complete);
    end(a, l);
}

void gateway_access_passed(struct gateway *g, const struct gateway_passed *p,
                           const struct gateway_site *site, const struct gateway_route *route)
{
    struct gateway_access *a = &g->access;
    struct gateway_lines *l = begin(a, site, route);

    if (!l)
        return;
    if (a->format == CONF_ACCESS_JSON)
        put_passed_json(&a->line, p, begun(g, p->micros));
    else
        put_passed_combined(&a->line, p, begun(g, p->micros));
    end(a, l);
}

static void on_ended(void *arg)
{
    struct gateway_access *a = arg;

    if (--a->ending == 0)
        a->done(a->done_arg);
}

void gateway_access_end(struct gateway *g, void (*done)(void *arg), void *arg)
{
    struct gateway_access *a = &g->access;

    a->done = done;
    a->done_arg = arg;
    a->ending = GATEWAY_ACCESS_FORMATS + 1;
    for (unsigned i = 0; i < GATEWAY_ACCESS_FORMATS; i++) {
        if (a->by[i].ev)
            gateway_lines_end(&a->by[i], on_ended, a);
        else
            on_ended(a);
    }
    on_ended(a);
}

void gateway_access_told(struct gateway *g, unsigned format, enum rc rc, const struct err *err)
{
    gateway_lines_told(&g->access.by[format - 1], rc, err);
}

void gateway_access_push(struct gateway *g)
{
    for (unsigned i = 0; i < GATEWAY_ACCESS_FORMATS; i++)
        if (g->access.by[i].ev)
            gateway_lines_push(&g->access.by[i]);
}
