/* SPDX-License-Identifier: Apache-2.0 */
#include "http/exchange.h"
#include "http/reader_int.h"
#include "http/url.h"

enum { LENGTH_DIGITS = 15 };

/* The one header of this kind; *out_n tells how many there are. */
static struct str find(const struct http_reader *r, enum http_name what, size_t *out_n)
{
    struct str found = {NULL, 0};

    *out_n = 0;
    for (size_t i = 0; i < r->n_fields; i++)
        if (r->fields[i].what == what && (*out_n)++ == 0)
            found = http_reader_field(r, i).value;
    return found;
}

static int check_version(struct http_reader *r)
{
    if (r->ll.http_major != 1 || r->ll.http_minor > 1)
        return http_reader_refuse(r, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    r->head.minor = r->ll.http_minor;
    return 0;
}

static int check_method(struct http_reader *r)
{
    r->head.method = str_of(llhttp_method_name((llhttp_method_t)r->ll.method));
    if (!r->conf->methods)
        return 0;
    for (size_t i = 0; i < r->conf->n_methods; i++)
        if (str_eq(r->conf->methods[i], r->head.method))
            return 0;
    return http_reader_refuse(r, 501, "this method is not used here");
}

static int check_status(struct http_reader *r)
{
    r->head.status = r->ll.status_code;
    if (r->head.status < 100)
        return http_reader_refuse(r, 502, "its status is malformed");
    if (r->head.status == 101 && !r->websocket)
        return http_reader_refuse(r, 502, "it changes the protocol, which nobody asked for");
    return 0;
}

static int check_length(struct http_reader *r, struct str length)
{
    uint64_t n = 0;

    if (length.n == 0 || str_u64(length, UINT64_MAX, &n) != RC_OK)
        return http_reader_refuse(r, 400, "Content-Length is not a number");
    if (length.n > LENGTH_DIGITS || n > r->conf->body_max)
        return http_reader_refuse(r, 413, "the body is longer than what is taken here");
    r->head.length = n;
    return 0;
}

/* RFC 9112 section 6.3: who has no body, whatever the headers say. */
static bool bodiless(const struct http_reader *r)
{
    int status = r->head.status;

    return r->conf->responses && (r->headless || status < 200 || status == 204 || status == 304);
}

static enum http_framing framing(const struct http_reader *r, bool length, bool chunked)
{
    if (bodiless(r) || (length && r->head.length == 0))
        return HTTP_FRAMING_NONE;
    if (chunked)
        return HTTP_FRAMING_CHUNKED;
    if (length)
        return HTTP_FRAMING_LENGTH;
    return r->conf->responses ? HTTP_FRAMING_CLOSE : HTTP_FRAMING_NONE;
}

/* Section 6: how long the body is must be beyond doubt. */
static int check_framing(struct http_reader *r)
{
    size_t n_lengths, n_codings;
    struct str length = find(r, HTTP_NAME_CONTENT_LENGTH, &n_lengths);
    struct str coding = find(r, HTTP_NAME_TRANSFER_ENCODING, &n_codings);
    int e = n_lengths ? check_length(r, length) : 0;

    if (n_lengths && e == 0 && r->head.length != r->ll.content_length)
        return http_reader_refuse(r, 400, "Content-Length is malformed");
    if (n_lengths && n_codings)
        return http_reader_refuse(r, 400, "it has both Content-Length and Transfer-Encoding");
    if (n_lengths > 1 || n_codings > 1)
        return http_reader_refuse(r, 400, "Content-Length or Transfer-Encoding stands there twice");
    if (n_codings && (r->head.minor == 0 || !str_ieq(coding, STR("chunked"))))
        return http_reader_refuse(
            r, 400, "the only Transfer-Encoding accepted is \"chunked\", with HTTP/1.1");
    if (n_codings && !(r->ll.flags & F_CHUNKED))
        return http_reader_refuse(r, 400, "Transfer-Encoding is malformed");
    r->head.framing = framing(r, n_lengths, n_codings);
    if (bodiless(r))
        r->ll.flags |= F_SKIPBODY;
    return e;
}

/* Section 3.2: exactly one, and a host. */
static int check_host(struct http_reader *r)
{
    struct http_authority at;
    size_t n;
    struct str host = find(r, HTTP_NAME_HOST, &n);

    if (n > 1)
        return http_reader_refuse(r, 400, "it has more than one Host header");
    if (n == 0 && r->head.minor == 1)
        return http_reader_refuse(r, 400, "it has no Host header");
    if (n && (host.n > HTTP_HOST_MAX || http_authority_parse(host, &at) != RC_OK))
        return http_reader_refuse(r, 400, "the Host header is not a host with or without a port");
    r->head.host = host;
    return 0;
}

/* Section 3.2.2: an absolute URL, whose authority counts more than the Host header. */
static int absolute_target(struct http_reader *r, struct str target)
{
    struct http_url url;

    if (str_find(target, '#') < target.n || http_url_parse(target, &url, NULL) != RC_OK)
        return http_reader_refuse(r, 400, "the request target is neither a path nor an http URL");
    http_authority_put(&url.at, &r->host);
    if (buf_rc(&r->host) != RC_OK) {
        r->rc = buf_rc(&r->host);
        return HPE_USER;
    }
    r->head.host_differs = r->head.host.n && !str_ieq(r->head.host, buf_str(&r->host));
    r->head.host = buf_str(&r->host);
    r->head.path = url.path;
    r->head.query = url.query;
    return 0;
}

/* What browsers send goes beyond RFC 3986 ("?ids[]=1|2"); how long a request is cannot depend on
 * it. */
static bool visible(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '#')
            return false;
    return true;
}

static int check_target(struct http_reader *r, struct str target)
{
    bool valid = r->conf->strict_target ? http_target_valid(target) : visible(target);

    if (!r->conf->strict_target && str_eq(target, STR("*")) &&
        str_eq(r->head.method, STR("OPTIONS"))) {
        r->head.path = target;
        return 0;
    }
    if (target.n == 0 || target.p[0] != '/')
        return r->pseudo[HTTP_PATH].what
                   ? http_reader_refuse(r, 400, "the request target is not a path")
                   : absolute_target(r, target);
    if (!valid)
        return http_reader_refuse(r, 400,
                                  "the request target has a character that must be escaped");
    if (!str_cut(target, '?', &r->head.path, &r->head.query))
        r->head.query.p = NULL;
    return 0;
}

static int check_line_target(struct http_reader *r)
{
    return check_target(r, str_bytes(r->text.p, r->target_n));
}

static int check_expect(struct http_reader *r)
{
    size_t n;
    struct str expect = find(r, HTTP_NAME_EXPECT, &n);

    if (n == 0 || r->head.minor == 0)
        return 0;
    if (n > 1 || !str_ieq(expect, STR("100-continue")))
        return http_reader_refuse(r, 417, "the only expectation met is 100-continue");
    r->head.expects = r->head.framing != HTTP_FRAMING_NONE;
    return 0;
}

static void check_te(struct http_reader *r, struct str rest)
{
    struct str option;

    while (str_next(&rest, ',', &option))
        r->head.trailers = r->head.trailers || str_ieq(str_trim(option), STR("trailers"));
}

static size_t count(const struct http_reader *r, struct str name)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_fields; i++)
        n += str_eq(http_reader_field(r, i).name, name);
    return n;
}

/* RFC 6455 sections 4.1 and 4.2.2, as far as it is the business of who passes it on. */
static bool to_websocket(const struct http_reader *r)
{
    size_t n;
    struct str upgrade = find(r, HTTP_NAME_UPGRADE, &n);

    if (n != 1 || !str_ieq(upgrade, STR("websocket")) || r->head.minor == 0)
        return false;
    if (r->conf->responses)
        return r->head.status == 101 && count(r, STR("sec-websocket-accept")) == 1;
    return str_eq(r->head.method, STR("GET")) && r->head.framing == HTTP_FRAMING_NONE &&
           count(r, STR("sec-websocket-key")) == 1 && count(r, STR("sec-websocket-version")) == 1;
}

/* Any other offer to change the protocol is declined by taking no notice of it. */
static int check_upgrade(struct http_reader *r, bool upgrades)
{
    r->ll.upgrade = 0;
    r->head.websocket = upgrades && to_websocket(r);
    if (r->head.status == 101 && r->conf->responses && !r->head.websocket)
        return http_reader_refuse(r, 502, "it changes to another protocol than was asked for");
    return 0;
}

static int check_connection(struct http_reader *r)
{
    size_t options = 0;
    bool upgrades = false;

    for (size_t i = 0; i < r->n_fields; i++) {
        struct str rest = http_reader_field(r, i).value, option;

        if (r->fields[i].what == HTTP_NAME_TE) {
            check_te(r, rest);
        } else if (r->fields[i].what == HTTP_NAME_CONNECTION) {
            while (str_next(&rest, ',', &option)) {
                option = str_trim(option);
                options++;
                upgrades = upgrades || str_ieq(option, STR("upgrade"));
                r->lists = r->lists || !(str_ieq(option, STR("keep-alive")) ||
                                         str_ieq(option, STR("close")) || option.n == 0);
            }
        }
    }
    if (options > HTTP_CONNECTION_OPTIONS_MAX)
        return http_reader_refuse(r, 400, "Connection names more than 16 options");
    r->head.keep_alive = r->head.minor == 1 && llhttp_should_keep_alive(&r->ll);
    return check_upgrade(r, upgrades);
}

int http_rules_check(struct http_reader *r)
{
    static int (*const request[])(struct http_reader *) = {
        check_version,     check_method, check_framing,    check_host,
        check_line_target, check_expect, check_connection, NULL};
    static int (*const response[])(struct http_reader *) = {check_version, check_status,
                                                            check_framing, check_connection, NULL};

    for (int (*const *step)(struct http_reader *) = r->conf->responses ? response : request; *step;
         step++) {
        int e = (*step)(r);

        if (e)
            return e;
    }
    return 0;
}

/* ---- requests of HTTP/2 (RFC 9113 sections 8.2 and 8.3) */

static struct str pseudo(const struct http_reader *r, enum http_pseudo which)
{
    const struct http_reader_field *f = &r->pseudo[which];

    return f->what ? str_bytes(r->text.p + f->value, f->value_n) : (struct str){NULL, 0};
}

/* RFC 8441 section 4: CONNECT of a stream for another protocol, which is GET in HTTP/1.1. */
static int check_protocol(struct http_reader *r, struct str method)
{
    if (!str_eq(method, STR("CONNECT")))
        return http_reader_refuse(r, 400, "a protocol is named, and the method is not CONNECT");
    if (!str_eq(pseudo(r, HTTP_PROTOCOL), STR("websocket")))
        return http_reader_refuse(r, 501, "the only protocol for CONNECT is websocket");
    r->head.method = STR("GET");
    r->head.websocket = true;
    return 0;
}

static int check_pseudo(struct http_reader *r)
{
    struct str method = pseudo(r, HTTP_METHOD), scheme = pseudo(r, HTTP_SCHEME);

    if (!method.p || !scheme.p || !pseudo(r, HTTP_PATH).p)
        return http_reader_refuse(r, 400, "a pseudo-field is missing");
    if (!str_eq(scheme, STR("https")) && !str_eq(scheme, STR("http")))
        return http_reader_refuse(r, 400, "the scheme is not https");
    if (pseudo(r, HTTP_PROTOCOL).p)
        return check_protocol(r, method);
    for (size_t i = 0; i < r->conf->n_methods; i++) {
        if (!str_eq(r->conf->methods[i], method))
            continue;
        r->head.method = r->conf->methods[i];
        return 0;
    }
    return http_reader_refuse(r, http_is_token(method) ? 501 : 400, "this method is not used here");
}

/* What only means something in HTTP/1.1, where it could change how the next reader frames it. */
static int check_no_connection(struct http_reader *r)
{
    for (size_t i = 0; i < r->n_fields; i++) {
        struct http_field f = http_reader_field(r, i);

        if (f.what == HTTP_NAME_CONNECTION || f.what == HTTP_NAME_TRANSFER_ENCODING ||
            str_eq(f.name, STR("keep-alive")) || str_eq(f.name, STR("proxy-connection")) ||
            f.what == HTTP_NAME_UPGRADE)
            return http_reader_refuse(r, 400, "a header concerns connections of HTTP/1.1");
        if (f.what == HTTP_NAME_TE && !str_ieq(f.value, STR("trailers")))
            return http_reader_refuse(r, 400, "TE is something else than \"trailers\"");
        if (f.what == HTTP_NAME_TE)
            r->head.trailers = true;
    }
    return 0;
}

/* :authority stands for Host, which may repeat it. */
static int check_authority(struct http_reader *r)
{
    struct str authority = pseudo(r, HTTP_AUTHORITY);
    struct http_authority at;
    int e = 0;

    r->head.minor = authority.p ? 0 : 1; /* which need no Host, and one */
    e = check_host(r);
    r->head.minor = 1;
    if (e || !authority.p)
        return e;
    if (authority.n > HTTP_HOST_MAX || http_authority_parse(authority, &at) != RC_OK)
        return http_reader_refuse(r, 400, "the authority is not a host with or without a port");
    r->head.host_differs = r->head.host.n && !str_ieq(r->head.host, authority);
    r->head.host = authority;
    return 0;
}

static bool has_content(struct str method)
{
    return str_eq(method, STR("POST")) || str_eq(method, STR("PUT")) ||
           str_eq(method, STR("PATCH"));
}

/* One who sends no body with a method that has one gets a length of 0, without which HTTP/1.1
 * servers refuse it (RFC 9110 section 8.6). */
static int add_length(struct http_reader *r)
{
    if (!has_content(r->head.method))
        return 0;
    return http_reader_put(r, STR("content-length"), STR("0")) != RC_OK || r->status ||
                   r->rc != RC_OK
               ? HPE_USER
               : 0;
}

/* What follows a CONNECT is no body. It becomes a request of HTTP/1.1, which would be one for
 * something else without what RFC 6455 section 4.1 wants. */
static int check_connect(struct http_reader *r, bool whole)
{
    size_t n;

    (void)find(r, HTTP_NAME_CONTENT_LENGTH, &n);
    if (n || whole)
        return http_reader_refuse(r, 400, "a CONNECT has a length or an end");
    if (count(r, STR("sec-websocket-version")) != 1 || count(r, STR("sec-websocket-key")) > 1)
        return http_reader_refuse(r, 400, "a CONNECT has not one Sec-WebSocket-Version");
    r->head.framing = HTTP_FRAMING_NONE;
    return 0;
}

/* How a backend is told of the body: its length if it is known. */
static int check_content(struct http_reader *r, bool whole)
{
    size_t n;
    struct str length = find(r, HTTP_NAME_CONTENT_LENGTH, &n);
    int e = n ? check_length(r, length) : 0;

    if (e)
        return e;
    if (n > 1 || (whole && r->head.length))
        return http_reader_refuse(r, 400, "Content-Length is doubled, or not true");
    r->head.framing = n ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_CHUNKED;
    if (whole || (n && r->head.length == 0))
        r->head.framing = HTTP_FRAMING_NONE;
    return whole && n == 0 ? add_length(r) : 0;
}

static bool is_cookie(const struct http_reader *r, size_t i)
{
    return str_eq(http_reader_field(r, i).name, STR("cookie"));
}

/* The crumbs of a cookie (section 8.2.3) become one, in the place of the first. The room for them
 * is made first, so that the text does not move under them. */
static int join_cookies(struct http_reader *r)
{
    struct http_reader_field *joined = NULL;
    size_t kept = 0, crumbs = 0, bytes = 0;
    int e = 0;

    for (size_t i = 0; i < r->n_fields; i++) {
        crumbs += is_cookie(r, i);
        bytes += is_cookie(r, i) ? r->fields[i].value_n + 2 : 0;
    }
    if (crumbs < 2)
        return 0;
    (void)buf_reserve(&r->text, bytes); /* when it fails, so does what follows */
    for (size_t i = 0; i < r->n_fields && e == 0; i++) {
        struct str crumb = http_reader_field(r, i).value;

        if (!is_cookie(r, i) || !joined)
            r->fields[kept++] = r->fields[i];
        if (!is_cookie(r, i))
            continue;
        if (joined)
            e = http_reader_append(r, "; ", 2);
        e = e ? e : http_reader_append(r, crumb.p, crumb.n);
        if (!joined) {
            joined = &r->fields[kept - 1];
            joined->value = (uint32_t)(r->text.n - crumb.n);
        }
    }
    if (joined)
        joined->value_n = (uint32_t)r->text.n - joined->value;
    r->n_fields = kept;
    return e;
}

int http_rules_check_fields(struct http_reader *r, bool whole)
{
    /* The first four may add text, which moves what there is: only then may r->head borrow it. */
    int e = check_pseudo(r);

    e = e ? e : check_no_connection(r);
    e = e ? e : join_cookies(r);
    if (e == 0)
        e = r->head.websocket ? check_connect(r, whole) : check_content(r, whole);
    e = e ? e : check_authority(r);
    e = e ? e : check_target(r, pseudo(r, HTTP_PATH));
    e = e ? e : check_expect(r);
    r->head.keep_alive = true;
    return e;
}

bool http_reader_listed(const struct http_reader *r, const struct http_field *f)
{
    if (!r->lists || f->what != HTTP_NAME_OTHER)
        return false;
    for (size_t i = 0; i < r->n_fields; i++) {
        struct str rest = {NULL, 0}, option;

        if (r->fields[i].what == HTTP_NAME_CONNECTION)
            rest = http_reader_field(r, i).value;
        while (str_next(&rest, ',', &option))
            if (str_ieq(str_trim(option), f->name))
                return true;
    }
    return false;
}
