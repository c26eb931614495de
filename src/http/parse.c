/* SPDX-License-Identifier: Apache-2.0 */
#include "http/parse.h"

#include <llhttp.h>

#include "http/url.h"

MSG(msg_refused, "http.refused", "the request was refused: {0}");

enum { LENGTH_DIGITS = 15 };

/* Where a name or value lies in `head`. */
struct span {
    uint32_t at;
    uint32_t n;
};

struct field {
    struct span name, value;
};

struct http_parser {
    llhttp_t ll;
    enum http_phase phase;
    bool cr, blank; /* an empty line before the request: its CR, all of it */
    bool versioned, expects, keep_alive;
    int status; /* not 0: refused */
    const char *why;
    enum rc rc;     /* RC_NOMEM */
    const char *in; /* what llhttp is being fed */
    size_t fed;     /* bytes of the head so far, or of body with framing */
    struct span method, target;
    struct field *fields; /* HTTP_HEADERS_MAX, while there is a head */
    size_t n_fields;
    size_t n_trailers;
    struct buf head; /* method, target, names, values, one after the other */
    struct buf body;
    struct http_exchange *x;
};

static const struct str methods[] = {STR("GET"),    STR("HEAD"),  STR("POST"),   STR("PUT"),
                                     STR("DELETE"), STR("PATCH"), STR("OPTIONS")};

static const struct str kept[] = {STR("accept"),    STR("accept-language"),   STR("content-type"),
                                  STR("cookie"),    STR("if-modified-since"), STR("if-none-match"),
                                  STR("user-agent")};

/* The value of a callback that ends the parsing. */
static int refuse(struct http_parser *p, int status, const char *why)
{
    if (p->status == 0) {
        p->status = status;
        p->why = why;
    }
    return HPE_USER;
}

static int out_of_memory(struct http_parser *p)
{
    p->rc = RC_NOMEM;
    return HPE_USER;
}

static struct str text(const struct http_parser *p, struct span s)
{
    return str_bytes(p->head.p + s.at, s.n);
}

static int append(struct http_parser *p, struct span *s, const char *at, size_t n)
{
    if (s->n == 0)
        s->at = (uint32_t)p->head.n;
    buf_put(&p->head, at, n);
    if (buf_rc(&p->head) == RC_NOMEM)
        return out_of_memory(p);
    if (buf_rc(&p->head) != RC_OK)
        return refuse(p, 431, "request line and headers are longer than 32 KiB");
    s->n += (uint32_t)n;
    return 0;
}

static int on_method(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;

    return append(p, &p->method, at, n);
}

static int on_target(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;

    if (p->target.n + n > HTTP_TARGET_MAX)
        return refuse(p, 414, "the request target is longer than 4096 bytes");
    return append(p, &p->target, at, n);
}

/* llhttp lets several spaces pass between the three parts of the request line, which others read
 * otherwise. */
static int on_version(llhttp_t *ll, const char *at, size_t)
{
    struct http_parser *p = ll->data;
    size_t from = p->fed + (size_t)(at - p->in);

    if (p->versioned)
        return 0;
    p->versioned = true;
    if (from != p->method.n + 1 + p->target.n + 1 + sizeof("HTTP/") - 1)
        return refuse(p, 400, "the request line has more than two spaces");
    return 0;
}

static int on_name(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;
    size_t from = p->head.n;
    int e;

    if (p->phase == HTTP_PHASE_BODY)
        return 0;
    if (p->n_fields == HTTP_HEADERS_MAX)
        return refuse(p, 431, "there are more than 100 headers");
    e = append(p, &p->fields[p->n_fields].name, at, n);
    for (; e == 0 && from < p->head.n; from++)
        if (p->head.p[from] >= 'A' && p->head.p[from] <= 'Z')
            p->head.p[from] |= 0x20;
    return e;
}

static int on_value(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;

    if (p->phase == HTTP_PHASE_BODY)
        return 0;
    return append(p, &p->fields[p->n_fields].value, at, n);
}

static int on_field_end(llhttp_t *ll)
{
    struct http_parser *p = ll->data;

    if (p->phase != HTTP_PHASE_BODY) {
        p->n_fields++;
        return 0;
    }
    p->n_trailers++;
    return p->n_trailers + p->n_fields > HTTP_HEADERS_MAX
               ? refuse(p, 431, "there are more than 100 headers")
               : 0;
}

static int on_extension(llhttp_t *ll, const char *, size_t)
{
    return refuse(ll->data, 400, "a chunk has an extension");
}

/* The one header of this name; *out_n tells how many there are. */
static struct str find(const struct http_parser *p, const char *name, size_t *out_n)
{
    struct str found = {NULL, 0};

    *out_n = 0;
    for (size_t i = 0; i < p->n_fields; i++)
        if (str_eq(text(p, p->fields[i].name), str_of(name)) && (*out_n)++ == 0)
            found = str_trim(text(p, p->fields[i].value));
    return found;
}

static int check_values(struct http_parser *p)
{
    for (size_t i = 0; i < p->n_fields; i++) {
        struct str v = text(p, p->fields[i].value);

        for (size_t k = 0; k < v.n; k++)
            if (((unsigned char)v.p[k] < 0x20 && v.p[k] != '\t') || v.p[k] == 0x7f)
                return refuse(p, 400, "a header has a control character");
    }
    return 0;
}

static int check_version(struct http_parser *p)
{
    if (p->ll.http_major != 1 || p->ll.http_minor > 1)
        return refuse(p, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (str_eq(methods[i], text(p, p->method)))
            return 0;
    return refuse(p, 501, "this method is not used here");
}

static int check_length(struct http_parser *p, struct str length)
{
    uint64_t n = 0;

    if (length.n == 0 || str_u64(length, UINT64_MAX, &n) != RC_OK)
        return refuse(p, 400, "Content-Length is not a number");
    if (length.n > LENGTH_DIGITS || n > HTTP_BODY_MAX)
        return refuse(p, 413, "the body is longer than 256 KiB");
    if (n != p->ll.content_length)
        return refuse(p, 400, "Content-Length is malformed");
    return 0;
}

/* RFC 9112 section 6: how long the body is must be beyond doubt. */
static int check_framing(struct http_parser *p)
{
    size_t n_lengths, n_codings;
    struct str length = find(p, "content-length", &n_lengths);
    struct str coding = find(p, "transfer-encoding", &n_codings);

    if (n_lengths && n_codings)
        return refuse(p, 400, "it has both Content-Length and Transfer-Encoding");
    if (n_lengths > 1 || n_codings > 1)
        return refuse(p, 400, "Content-Length or Transfer-Encoding stands there twice");
    if (n_codings && (p->ll.http_minor == 0 || !str_ieq(coding, STR("chunked"))))
        return refuse(p, 400, "the only Transfer-Encoding accepted is \"chunked\", with HTTP/1.1");
    if (n_codings && !(p->ll.flags & F_CHUNKED))
        return refuse(p, 400, "Transfer-Encoding is malformed");
    return n_lengths ? check_length(p, length) : 0;
}

/* RFC 9112 section 3.2: exactly one, and a host. */
static int check_host(struct http_parser *p)
{
    struct http_authority at;
    size_t n;
    struct str host = find(p, "host", &n);

    if (n > 1)
        return refuse(p, 400, "it has more than one Host header");
    if (n == 0 && p->ll.http_minor == 1)
        return refuse(p, 400, "it has no Host header");
    if (n && (host.n > HTTP_HOST_MAX || http_authority_parse(host, &at) != RC_OK))
        return refuse(p, 400, "the Host header is not a host with or without a port");
    p->x->req.host = host;
    return 0;
}

/* Section 3.2.2: an absolute URL, whose authority counts more than the Host header. */
static int absolute_target(struct http_parser *p, struct buf *host)
{
    struct http_request *req = &p->x->req;
    struct http_url url;

    if (str_find(req->path, '#') < req->path.n || http_url_parse(req->path, &url, NULL) != RC_OK)
        return refuse(p, 400, "the request target is neither a path nor an http URL");
    http_authority_put(&url.at, host);
    req->host = buf_str(host);
    req->path = url.path;
    req->query = url.query;
    return 0;
}

static int check_target(struct http_parser *p)
{
    struct http_request *req = &p->x->req;
    CLEANUP(buf_done) struct buf host = BUF_INIT(HTTP_TARGET_MAX);
    struct str target = text(p, p->target);

    str_cut(target, '?', &req->path, &req->query);
    if (target.n == 0 || target.p[0] != '/') {
        int e;

        req->path = target;
        e = absolute_target(p, &host);
        if (e)
            return e;
    } else if (!http_target_valid(target)) {
        return refuse(p, 400, "the request target has a character that must be escaped");
    }
    if (arena_str(&p->x->arena, req->host, &req->host) != RC_OK ||
        arena_str(&p->x->arena, req->path, &req->path) != RC_OK ||
        arena_str(&p->x->arena, req->query, &req->query) != RC_OK)
        return out_of_memory(p);
    return 0;
}

static int check_expect(struct http_parser *p)
{
    size_t n;
    struct str expect = find(p, "expect", &n);

    if (n == 0 || p->ll.http_minor == 0)
        return 0;
    if (n > 1 || !str_ieq(expect, STR("100-continue")))
        return refuse(p, 417, "the only expectation met is 100-continue");
    p->expects = (p->ll.flags & F_CHUNKED) || p->ll.content_length > 0;
    return 0;
}

static int keep(struct http_parser *p, struct str name, struct str value)
{
    struct http_request *req = &p->x->req;
    struct http_header *h = &req->headers[req->n_headers];

    if (req->n_headers == HTTP_REQUEST_HEADERS_MAX || value.n > HTTP_KEPT_VALUE_MAX)
        return refuse(p, 431, "a header is too long or repeated too often");
    if (str_eq(name, STR("content-type"))) {
        if (value.n > HTTP_CONTENT_TYPE_MAX)
            return refuse(p, 431, "Content-Type is too long");
        if (http_header_get(req, name).p)
            return refuse(p, 400, "it has more than one Content-Type");
    }
    if (arena_str(&p->x->arena, name, &h->name) != RC_OK ||
        arena_str(&p->x->arena, value, &h->value) != RC_OK)
        return out_of_memory(p);
    req->n_headers++;
    return 0;
}

static int keep_all(struct http_parser *p)
{
    for (size_t i = 0; i < p->n_fields; i++) {
        struct str name = text(p, p->fields[i].name);

        for (size_t k = 0; k < sizeof(kept) / sizeof(kept[0]); k++) {
            int e =
                str_eq(name, kept[k]) ? keep(p, name, str_trim(text(p, p->fields[i].value))) : 0;

            if (e)
                return e;
        }
    }
    return 0;
}

static int on_head_end(llhttp_t *ll)
{
    static int (*const steps[])(struct http_parser *) = {check_version, check_values, check_framing,
                                                         check_host,    check_target, check_expect,
                                                         keep_all};
    struct http_parser *p = ll->data;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        int e = steps[i](p);

        if (e)
            return e;
    }
    if (arena_str(&p->x->arena, text(p, p->method), &p->x->req.method) != RC_OK)
        return out_of_memory(p);
    /* An offer to change the protocol is declined by taking no notice of it. */
    ll->upgrade = 0;
    p->keep_alive = ll->http_minor == 1 && llhttp_should_keep_alive(ll);
    p->phase = HTTP_PHASE_BODY;
    p->fed = 0;
    return 0;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;

    p->expects = false;
    buf_put(&p->body, at, n);
    if (buf_rc(&p->body) == RC_NOMEM)
        return out_of_memory(p);
    return buf_rc(&p->body) == RC_OK ? 0 : refuse(p, 413, "the body is longer than 256 KiB");
}

static int on_end(llhttp_t *ll)
{
    struct http_parser *p = ll->data;

    p->expects = false;
    if (arena_str(&p->x->arena, buf_str(&p->body), &p->x->req.body) != RC_OK)
        return out_of_memory(p);
    p->phase = HTTP_PHASE_DONE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_target,
    .on_version = on_version,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_field_end,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_headers_complete = on_head_end,
    .on_body = on_body,
    .on_message_complete = on_end,
};

enum rc http_parser_new(struct http_parser **out)
{
    struct http_parser *p = MEM_NEW(struct http_parser);

    if (!p)
        return RC_NOMEM;
    buf_init(&p->head, HTTP_HEAD_MAX);
    buf_init(&p->body, HTTP_BODY_MAX);
    http_parser_reset(p);
    *out = p;
    return RC_OK;
}

void http_parser_reset(struct http_parser *p)
{
    struct buf head = p->head, body = p->body;

    buf_done(&head);
    buf_done(&body);
    mem_free(p->fields);
    *p = (struct http_parser){.head = head, .body = body};
    llhttp_init(&p->ll, HTTP_REQUEST, &settings);
    p->ll.data = p;
}

void http_parser_free(struct http_parser *p)
{
    if (!p)
        return;
    buf_done(&p->head);
    buf_done(&p->body);
    mem_free(p->fields);
    mem_free(p);
}

static enum rc failed(const struct http_parser *p, struct err *err)
{
    enum rc rc = p->rc;

    if (rc == RC_OK) {
        rc = ERR(err, RC_DENIED, msg_refused, str_of(p->why));
        rc = err_problem(err, rc, "malformed", p->status);
    }
    return rc;
}

/* One empty line before a request is forgiven (RFC 9112 section 2.2), exactly CR LF; then a method
 * must begin. */
static enum rc begin(struct http_parser *p, struct str *in)
{
    while (in->n) {
        char c = in->p[0];

        if (c >= 'A' && c <= 'Z' && !p->cr) {
            p->fields = mem_calloc(HTTP_HEADERS_MAX, sizeof(p->fields[0]));
            p->rc = p->fields ? RC_OK : RC_NOMEM;
            p->phase = HTTP_PHASE_HEAD;
            return p->rc;
        }
        if (c == '\n' && p->cr) {
            p->cr = false;
            p->blank = true;
        } else if (c == '\r' && !p->cr && !p->blank) {
            p->cr = true;
        } else {
            refuse(p, 400, "it does not begin with a method");
            return RC_DENIED;
        }
        *in = str_skip(*in, 1);
    }
    return RC_AGAIN;
}

/* Reasons that llhttp finds itself, in our words. */
static void refused_by_llhttp(struct http_parser *p, llhttp_errno_t e)
{
    if (e == HPE_INVALID_METHOD)
        refuse(p, 400, "the method is malformed or unknown");
    else if (e == HPE_INVALID_VERSION)
        refuse(p, 400, "its version is not HTTP/1.0 or HTTP/1.1");
    else if (e == HPE_PAUSED_H2_UPGRADE)
        refuse(p, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    else if (e == HPE_INVALID_CONTENT_LENGTH || e == HPE_UNEXPECTED_CONTENT_LENGTH)
        refuse(p, 400, "Content-Length is malformed, doubled, or beside Transfer-Encoding");
    else if (e == HPE_INVALID_TRANSFER_ENCODING)
        refuse(p, 400, "Transfer-Encoding is malformed");
    else if (e == HPE_INVALID_CHUNK_SIZE)
        refuse(p, 400, "a chunk's size is malformed");
    else
        refuse(p, 400, "it is malformed");
}

/* As much of `in` as may be looked at before the limits must be asked again. */
static size_t portion(const struct http_parser *p, struct str in)
{
    size_t room = p->phase == HTTP_PHASE_HEAD ? HTTP_HEAD_MAX - p->fed : in.n;

    return in.n < room ? in.n : room;
}

static void check_portion(struct http_parser *p, enum http_phase before, size_t n)
{
    if (p->phase != before)
        return;
    p->fed += n;
    if (p->phase == HTTP_PHASE_HEAD && p->fed >= HTTP_HEAD_MAX)
        refuse(p, 431, "request line and headers are longer than 32 KiB");
    if (p->phase == HTTP_PHASE_BODY && p->fed > 2 * p->body.n + HTTP_CHUNK_OVERHEAD_MAX)
        refuse(p, 400, "there is more chunk framing than body");
}

enum rc http_parser_feed(struct http_parser *p, struct http_exchange *x, struct str *in,
                         struct err *err)
{
    enum rc rc = RC_OK;

    p->x = x;
    if (p->phase == HTTP_PHASE_DONE)
        return RC_OK;
    if (p->phase == HTTP_PHASE_IDLE && p->status == 0)
        rc = begin(p, in);
    if (rc == RC_AGAIN)
        return rc;
    while (in->n && p->status == 0 && p->rc == RC_OK) {
        enum http_phase before = p->phase;
        size_t n = portion(p, *in);
        llhttp_errno_t e;

        p->in = in->p;
        e = llhttp_execute(&p->ll, in->p, n);

        if (p->phase == HTTP_PHASE_DONE && e == HPE_PAUSED) {
            *in = str_skip(*in, (size_t)(llhttp_get_error_pos(&p->ll) - in->p));
            return RC_OK;
        }
        if (e != HPE_OK && p->status == 0 && p->rc == RC_OK)
            refused_by_llhttp(p, e);
        *in = str_skip(*in, n);
        check_portion(p, before, n);
    }
    return p->status || p->rc != RC_OK ? failed(p, err) : RC_AGAIN;
}

enum http_phase http_parser_phase(const struct http_parser *p)
{
    return p->phase;
}

bool http_parser_expects_continue(const struct http_parser *p)
{
    return p->expects;
}

bool http_parser_keep_alive(const struct http_parser *p)
{
    return p->keep_alive;
}
