/* SPDX-License-Identifier: Apache-2.0 */
#include "http/exchange.h"

#include <stdarg.h>
#include <stdio.h>

enum { HEADER_VALUE_MAX = 2048 };

enum rc http_exchange_new(http_done done, void *arg, struct http_exchange **out)
{
    struct http_exchange *x = MEM_NEW(struct http_exchange);

    if (!x)
        return RC_NOMEM;
    arena_init(&x->arena, HTTP_EXCHANGE_ARENA);
    buf_init(&x->res.body, HTTP_RESPONSE_BODY_MAX);
    x->done = done;
    x->done_arg = arg;
    *out = x;
    return RC_OK;
}

void http_exchange_free(struct http_exchange *x)
{
    if (!x)
        return;
    buf_done(&x->res.body);
    arena_done(&x->arena);
    mem_free(x);
}

struct str http_header_get(const struct http_request *req, struct str name)
{
    for (size_t i = 0; i < req->n_headers; i++)
        if (str_eq(req->headers[i].name, name))
            return req->headers[i].value;
    return (struct str){NULL, 0};
}

void http_header_add(struct http_exchange *x, const char *name, struct str value)
{
    struct http_response *res = &x->res;
    struct http_header h;

    if (res->n_headers == HTTP_RESPONSE_HEADERS_MAX || !str_printable(value) ||
        arena_str(&x->arena, str_of(name), &h.name) != RC_OK ||
        arena_str(&x->arena, value, &h.value) != RC_OK) {
        buf_fail(&res->body, RC_TOOBIG);
        return;
    }
    res->headers[res->n_headers++] = h;
}

void http_header_addf(struct http_exchange *x, const char *name, const char *fmt, ...)
{
    CLEANUP(buf_done) struct buf value = BUF_INIT(HEADER_VALUE_MAX);
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&value, fmt, ap);
    va_end(ap);
    if (buf_rc(&value) != RC_OK)
        buf_fail(&x->res.body, buf_rc(&value));
    else
        http_header_add(x, name, buf_str(&value));
}

void http_finish(struct http_exchange *x)
{
    struct http_response *res = &x->res;

    if (res->status == 0 || buf_rc(&res->body) != RC_OK) {
        buf_reset(&res->body);
        res->n_headers = 0;
        res->status = 500;
    }
    x->done(x, x->done_arg);
}

void http_reply(struct http_exchange *x, int status, const char *content_type)
{
    x->res.status = status;
    http_header_add(x, "Content-Type", str_of(content_type));
    http_finish(x);
}

void http_reply_text(struct http_exchange *x, int status, const char *content_type, struct str text)
{
    buf_reset(&x->res.body);
    buf_puts(&x->res.body, text);
    http_reply(x, status, content_type);
}
