/* SPDX-License-Identifier: Apache-2.0 */
#include "http/url.h"

#include "base/text.h"

MSG(msg_url, "http.url", "\"{0}\" is not a URL of the form http://host/path or https://host/path");
MSG(msg_scheme, "http.url-scheme", "\"{0}\" has a scheme other than http and https");
MSG(msg_long, "http.url-long", "the URL is longer than {0} bytes");

enum { PORT_DIGITS = 5 };

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static enum rc parse_port(struct str s, uint16_t *out)
{
    uint64_t port;

    if (s.n == 0 || s.n > PORT_DIGITS || str_u64(s, UINT16_MAX, &port) != RC_OK || port == 0)
        return RC_PARSE;
    *out = (uint16_t)port;
    return RC_OK;
}

static enum rc parse_name(struct str s)
{
    if (s.n == 0)
        return RC_PARSE;
    if (s.n > HTTP_HOST_NAME_MAX)
        return RC_TOOBIG;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '.' && s.p[i] != '_')
            return RC_PARSE;
    return s.p[0] == '.' ? RC_PARSE : RC_OK;
}

static enum rc parse_bracketed(struct str s, struct http_authority *at, struct str *out_rest)
{
    size_t end = str_find(s, ']');

    if (end == s.n)
        return RC_PARSE;
    at->host = str_head(str_skip(s, 1), end - 1);
    *out_rest = str_skip(s, end + 1);
    /* addr_parse makes IPv4 of a mapped address, so the text decides what may stand in brackets. */
    if (str_find(at->host, ':') == at->host.n)
        return RC_PARSE;
    return addr_parse(at->host, &at->addr);
}

enum rc http_authority_parse(struct str s, struct http_authority *out)
{
    struct http_authority at = {.port = 0};
    struct str rest;

    if (s.n && s.p[0] == '[') {
        TRY(parse_bracketed(s, &at, &rest));
    } else {
        at.host = str_head(s, str_find(s, ':'));
        rest = str_skip(s, at.host.n);
        TRY(parse_name(at.host));
        if (addr_parse(at.host, &at.addr) != RC_OK)
            at.addr = (struct addr){.n = 0};
    }
    if (rest.n) {
        if (rest.p[0] != ':')
            return RC_PARSE;
        TRY(parse_port(str_skip(rest, 1), &at.port));
    }
    *out = at;
    return RC_OK;
}

void http_authority_put(const struct http_authority *at, struct buf *out)
{
    bool v6 = str_find(at->host, ':') < at->host.n;

    if (v6)
        buf_putz(out, "[");
    buf_puts(out, at->host);
    if (v6)
        buf_putz(out, "]");
    if (at->port)
        buf_printf(out, ":%u", at->port);
}

/* pchar, '/' and '?' of RFC 3986, escapes complete. */
static bool valid_chars(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '%') {
            if (s.n - i < 3 || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
                return false;
            i += 2;
        } else if (!is_alnum(c) && (c == 0 || !strchr("-._~!$&'()*+,;=:@/?", c))) {
            return false;
        }
    }
    return true;
}

bool http_target_valid(struct str s)
{
    return s.n && s.p[0] == '/' && valid_chars(s);
}

/* Everything from the authority on. `s` is what stands behind the scheme's "//". */
static enum rc parse_rest(struct str s, struct http_url *url)
{
    size_t end = 0;
    struct str query;

    while (end < s.n && s.p[end] != '/' && s.p[end] != '?')
        end++;
    TRY(http_authority_parse(str_head(s, end), &url->at));
    url->port = url->at.port ? url->at.port : url->tls ? 443 : 80;
    s = str_skip(s, end);
    if (!valid_chars(s))
        return RC_PARSE;
    if (str_cut(s, '?', &url->path, &query))
        url->query = query.p ? query : STR("");
    else
        url->query = (struct str){NULL, 0};
    if (url->path.n == 0)
        url->path = STR("/");
    return RC_OK;
}

static size_t scheme_end(struct str s)
{
    size_t i = 0;

    while (i < s.n && (is_alnum(s.p[i]) || s.p[i] == '+' || s.p[i] == '-' || s.p[i] == '.'))
        i++;
    return i > 0 && i < s.n && s.p[i] == ':' ? i : 0;
}

enum rc http_url_parse(struct str s, struct http_url *out, struct err *err)
{
    struct http_url url = {.tls = false};
    size_t scheme = scheme_end(s);
    struct str rest;

    if (s.n > HTTP_URL_MAX)
        return ERR(err, RC_TOOBIG, msg_long, STR("4096"));
    if (scheme == 0 || !str_starts(str_skip(s, scheme), STR("://")))
        return ERR(err, RC_PARSE, msg_url, s);
    if (str_ieq(str_head(s, scheme), STR("https")))
        url.tls = true;
    else if (!str_ieq(str_head(s, scheme), STR("http")))
        return ERR(err, RC_UNSUPPORTED, msg_scheme, s);
    rest = str_skip(s, scheme + 3);
    if (parse_rest(str_head(rest, str_find(rest, '#')), &url) != RC_OK)
        return ERR(err, RC_PARSE, msg_url, s);
    *out = url;
    return RC_OK;
}

void http_url_put(const struct http_url *url, struct buf *out)
{
    struct http_authority at = url->at;

    at.port = url->port == (url->tls ? 443 : 80) ? 0 : url->port;
    buf_putz(out, url->tls ? "https://" : "http://");
    http_authority_put(&at, out);
    buf_puts(out, url->path);
    if (url->query.p) {
        buf_putz(out, "?");
        buf_puts(out, url->query);
    }
}

/* RFC 3986 section 5.2.4 on a path that begins with '/', segment by segment; `start` is where it
 * begins in `out`. */
static void put_normal(struct str path, struct buf *out, size_t start)
{
    struct str segment;

    while (http_segment_next(&path, &segment)) {
        bool last = path.n == 0;

        if (str_eq(segment, STR(".."))) {
            while (buf_rc(out) == RC_OK && out->n > start && out->p[--out->n] != '/')
                ;
        } else if (!str_eq(segment, STR("."))) {
            buf_putz(out, "/");
            buf_puts(out, segment);
            continue;
        }
        if (last)
            buf_putz(out, "/");
    }
}

static void put_relative(const struct http_url *base, struct str ref, struct buf *out)
{
    struct http_url root = *base;
    size_t path_end = str_find(ref, '?'), start;
    struct str path = str_head(ref, path_end);
    CLEANUP(buf_done) struct buf merged = BUF_INIT(2 * HTTP_URL_MAX);

    if (path.n == 0) {
        buf_puts(&merged, base->path);
    } else {
        if (path.p[0] != '/') {
            size_t cut = base->path.n;

            while (cut && base->path.p[cut - 1] != '/')
                cut--;
            buf_puts(&merged, str_head(base->path, cut));
        }
        buf_puts(&merged, path);
    }
    root.path = root.query = (struct str){NULL, 0};
    http_url_put(&root, out);
    start = out->n;
    put_normal(buf_str(&merged), out, start);
    if (buf_rc(&merged) != RC_OK)
        buf_fail(out, buf_rc(&merged));
    buf_puts(out, str_skip(ref, path_end));
    if (ref.n == 0 && base->query.p) {
        buf_putz(out, "?");
        buf_puts(out, base->query);
    }
}

enum rc http_url_resolve(struct arena *a, const struct http_url *base, struct str ref,
                         struct http_url *out, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(3 * HTTP_URL_MAX);
    struct str kept;

    if (ref.n > HTTP_URL_MAX)
        return ERR(err, RC_TOOBIG, msg_long, STR("4096"));
    ref = str_head(ref, str_find(ref, '#'));
    if (scheme_end(ref)) {
        buf_puts(&text, ref);
    } else if (str_starts(ref, STR("//"))) {
        buf_putz(&text, base->tls ? "https:" : "http:");
        buf_puts(&text, ref);
    } else {
        put_relative(base, ref, &text);
    }
    TRY(buf_rc(&text));
    TRY(arena_str(a, buf_str(&text), &kept));
    return http_url_parse(kept, out, err);
}

bool http_url_same_origin(const struct http_url *a, const struct http_url *b)
{
    return a->tls == b->tls && a->port == b->port && str_ieq(a->at.host, b->at.host);
}

bool http_segment_next(struct str *rest, struct str *out_segment)
{
    struct str s;
    size_t end;

    if (rest->n == 0 || rest->p[0] != '/')
        return false;
    s = str_skip(*rest, 1);
    end = str_find(s, '/');
    *out_segment = str_head(s, end);
    *rest = str_skip(s, end);
    return true;
}

enum rc http_segment_decode(struct str segment, struct buf *out)
{
    size_t start = out->n;

    if (segment.n == 0)
        return buf_rc(out);
    TRY(text_unpercent(segment, out));
    if (str_find(str_bytes(out->p + start, out->n - start), '/') == out->n - start)
        return RC_OK;
    out->n = start;
    return RC_PARSE;
}
