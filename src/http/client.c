/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client.h"

#include <llhttp.h>

MSG(msg_bad, "http.response", "the answer is not HTTP/1.1: {0}");
MSG(msg_cut, "http.response-cut", "the connection ended before the answer was complete");

struct field {
    uint32_t name, name_n, value, value_n;
};

struct http_client {
    llhttp_t ll;
    struct buf head; /* names and values, one after the other */
    struct buf body;
    size_t max_body, head_fed;
    struct field fields[HTTP_CLIENT_HEADERS_MAX];
    size_t n_fields;
    size_t interim;
    int status;
    bool head_done, done, too_big;
    bool head_only, keep_alive;
    enum rc rc; /* RC_NOMEM */
    const char *why;
};

static int refuse(struct http_client *c, const char *why)
{
    c->why = c->why ? c->why : why;
    return HPE_USER;
}

static int append(struct http_client *c, uint32_t *at, uint32_t *n, struct str s)
{
    if (*n == 0)
        *at = (uint32_t)c->head.n;
    buf_puts(&c->head, s);
    if (buf_rc(&c->head) == RC_NOMEM)
        c->rc = RC_NOMEM;
    if (buf_rc(&c->head) != RC_OK)
        return refuse(c, "its headers are longer than 32 KiB");
    *n += (uint32_t)s.n;
    return 0;
}

static int on_name(llhttp_t *ll, const char *at, size_t n)
{
    struct http_client *c = ll->data;
    struct field *f = &c->fields[c->n_fields];
    size_t from = c->head.n;
    int e;

    if (c->head_done)
        return 0;
    if (c->n_fields == HTTP_CLIENT_HEADERS_MAX)
        return refuse(c, "it has more than 100 headers");
    e = append(c, &f->name, &f->name_n, str_bytes(at, n));
    for (; e == 0 && from < c->head.n; from++)
        if (c->head.p[from] >= 'A' && c->head.p[from] <= 'Z')
            c->head.p[from] |= 0x20;
    return e;
}

static int on_value(llhttp_t *ll, const char *at, size_t n)
{
    struct http_client *c = ll->data;
    struct field *f = &c->fields[c->n_fields];

    return c->head_done ? 0 : append(c, &f->value, &f->value_n, str_bytes(at, n));
}

static int on_field_end(llhttp_t *ll)
{
    struct http_client *c = ll->data;

    if (!c->head_done)
        c->n_fields++;
    return 0;
}

static int on_head_end(llhttp_t *ll)
{
    struct http_client *c = ll->data;

    if (ll->http_major != 1)
        return refuse(c, "its version is not 1.0 or 1.1");
    if (ll->status_code == 101)
        return refuse(c, "it changes the protocol, which nobody asked for");
    ll->upgrade = 0;
    if (ll->status_code >= 200) {
        c->status = ll->status_code;
        c->head_done = true;
        return c->head_only; /* 1: no body follows */
    }
    return 0;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
    struct http_client *c = ll->data;
    size_t room = c->max_body - c->body.n;

    buf_put(&c->body, at, n < room ? n : room);
    if (buf_rc(&c->body) != RC_OK)
        c->rc = buf_rc(&c->body);
    c->too_big = n > room;
    return c->too_big || c->rc != RC_OK ? HPE_USER : 0;
}

static int on_end(llhttp_t *ll)
{
    struct http_client *c = ll->data;

    if (!c->head_done) {
        c->n_fields = 0;
        buf_reset(&c->head);
        memset(c->fields, 0, sizeof(c->fields));
        return ++c->interim > HTTP_CLIENT_INTERIM_MAX ? refuse(c, "too many interim answers") : 0;
    }
    c->done = true;
    c->keep_alive = llhttp_should_keep_alive(ll);
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_field_end,
    .on_headers_complete = on_head_end,
    .on_body = on_body,
    .on_message_complete = on_end,
};

void http_client_put(const struct http_client_request *req, struct buf *out)
{
    struct http_authority at = req->url->at;

    at.port = req->url->port == (req->url->tls ? 443 : 80) ? 0 : req->url->port;
    buf_printf(out, "%s %.*s", req->method, STR_ARG(req->url->path));
    if (req->url->query.p)
        buf_printf(out, "?%.*s", STR_ARG(req->url->query));
    buf_putz(out, " HTTP/1.1\r\nHost: ");
    http_authority_put(&at, out);
    buf_printf(out, "\r\nUser-Agent: %.*s", STR_ARG(req->user_agent));
    buf_printf(out, "\r\nAccept: %.*s", STR_ARG(req->accept.n ? req->accept : STR("*/*")));
    if (req->content_type.n)
        buf_printf(out, "\r\nContent-Type: %.*s\r\nContent-Length: %zu", STR_ARG(req->content_type),
                   req->body.n);
    buf_putz(out, req->keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n");
    if (req->content_type.n)
        buf_puts(out, req->body);
}

void http_client_put_get(const struct http_url *url, struct str user_agent, struct buf *out)
{
    http_client_put(
        &(struct http_client_request){.method = "GET", .url = url, .user_agent = user_agent}, out);
}

enum rc http_client_new(size_t max_body, struct http_client **out)
{
    struct http_client *c = MEM_NEW(struct http_client);

    if (!c)
        return RC_NOMEM;
    buf_init(&c->head, HTTP_CLIENT_HEAD_MAX);
    buf_init(&c->body, max_body);
    c->max_body = max_body;
    llhttp_init(&c->ll, HTTP_RESPONSE, &settings);
    c->ll.data = c;
    *out = c;
    return RC_OK;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    buf_done(&c->head);
    buf_done(&c->body);
    mem_free(c);
}

void http_client_expect_head(struct http_client *c)
{
    c->head_only = true;
}

static enum rc verdict(struct http_client *c, llhttp_errno_t e, struct err *err)
{
    if (c->done)
        return RC_OK;
    if (c->rc != RC_OK)
        return c->rc;
    if (c->too_big)
        return RC_TOOBIG;
    if (c->why)
        return ERR(err, RC_PARSE, msg_bad, str_of(c->why));
    if (e == HPE_OK)
        return RC_AGAIN;
    c->why = llhttp_get_error_reason(&c->ll);
    if (!c->why || !*c->why)
        c->why = "it is malformed";
    return ERR(err, RC_PARSE, msg_bad, str_of(c->why));
}

enum rc http_client_feed(struct http_client *c, struct str in, struct err *err)
{
    llhttp_errno_t e = HPE_OK;
    enum rc rc = verdict(c, e, err);

    while (rc == RC_AGAIN && in.n) {
        size_t n = in.n, room = HTTP_CLIENT_HEAD_MAX - c->head_fed;

        if (!c->head_done)
            n = n < room ? n : room;
        e = llhttp_execute(&c->ll, in.p, n);
        if (c->done && llhttp_get_error_pos(&c->ll) != in.p + in.n)
            c->keep_alive = false;
        in = str_skip(in, n);
        if (!c->head_done && (c->head_fed += n) >= HTTP_CLIENT_HEAD_MAX)
            refuse(c, "its headers are longer than 32 KiB");
        rc = verdict(c, e, err);
    }
    return rc;
}

enum rc http_client_eof(struct http_client *c, struct err *err)
{
    enum rc rc = verdict(c, HPE_OK, err);

    if (rc != RC_AGAIN)
        return rc;
    if (llhttp_finish(&c->ll) == HPE_OK && c->head_done)
        c->done = true;
    return c->done ? RC_OK : ERR(err, RC_CLOSED, msg_cut);
}

int http_client_status(const struct http_client *c)
{
    return c->status;
}

struct str http_client_header(const struct http_client *c, struct str name)
{
    for (size_t i = 0; i < c->n_fields; i++) {
        const struct field *f = &c->fields[i];

        if (str_eq(str_bytes(c->head.p + f->name, f->name_n), name))
            return str_trim(str_bytes(c->head.p + f->value, f->value_n));
    }
    return (struct str){NULL, 0};
}

struct str http_client_body(const struct http_client *c)
{
    return buf_str(&c->body);
}

bool http_client_keep_alive(const struct http_client *c)
{
    return c->done && c->keep_alive;
}
