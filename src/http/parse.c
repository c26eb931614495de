/* SPDX-License-Identifier: Apache-2.0 */
#include "http/parse.h"

MSG(msg_refused, "http.refused-header", "the request was refused: {0}");

struct http_parser {
    struct http_reader *reader; /* from the first byte of a request until it is reset */
    int status;                 /* not 0: refused here, and not by the reader */
    const char *why;
    bool expects;
    struct buf body;
};

static const struct str methods[] = {STR("GET"),    STR("HEAD"),  STR("POST"),   STR("PUT"),
                                     STR("DELETE"), STR("PATCH"), STR("OPTIONS")};

static const struct http_reader_conf conf = {
    .strict_target = true,
    .target_max = HTTP_TARGET_MAX,
    .body_max = HTTP_BODY_MAX,
    .chunk_framing = 1,
    .methods = methods,
    .n_methods = sizeof(methods) / sizeof(methods[0]),
};

static const struct str kept[] = {
    STR("accept"),        STR("accept-language"), STR("authorization"),     STR("content-type"),
    STR("cookie"),        STR("idempotency-key"), STR("if-modified-since"), STR("if-none-match"),
    STR("last-event-id"), STR("origin"),          STR("sec-fetch-site"),    STR("user-agent"),
    STR("x-api-key"),     STR("x-api-user"),
};

enum rc http_parser_new(struct http_parser **out)
{
    struct http_parser *p = MEM_NEW(struct http_parser);

    if (!p)
        return RC_NOMEM;
    buf_init(&p->body, HTTP_BODY_MAX);
    *out = p;
    return RC_OK;
}

void http_parser_reset(struct http_parser *p)
{
    http_reader_free(MOVE(p->reader));
    buf_done(&p->body);
    p->status = 0;
    p->expects = false;
}

void http_parser_free(struct http_parser *p)
{
    if (!p)
        return;
    http_parser_reset(p);
    mem_free(p);
}

static enum rc refuse(struct http_parser *p, int status, const char *why)
{
    p->status = status;
    p->why = why;
    return RC_DENIED;
}

static enum rc keep(struct http_parser *p, struct http_exchange *x, const struct http_field *f)
{
    struct http_request *req = &x->req;
    struct http_header *h = &req->headers[req->n_headers];

    if (req->n_headers == HTTP_REQUEST_HEADERS_MAX || f->value.n > HTTP_KEPT_VALUE_MAX)
        return refuse(p, 431, "a header is too long or repeated too often");
    if (str_eq(f->name, STR("content-type"))) {
        if (f->value.n > HTTP_CONTENT_TYPE_MAX)
            return refuse(p, 431, "Content-Type is too long");
        if (http_header_get(req, f->name).p)
            return refuse(p, 400, "it has more than one Content-Type");
    }
    TRY(arena_str(&x->arena, f->name, &h->name));
    TRY(arena_str(&x->arena, f->value, &h->value));
    req->n_headers++;
    return RC_OK;
}

static enum rc take_head(struct http_parser *p, struct http_exchange *x)
{
    const struct http_head *head = http_reader_get(p->reader);
    struct http_request *req = &x->req;

    TRY(arena_str(&x->arena, head->method, &req->method));
    TRY(arena_str(&x->arena, head->host, &req->host));
    TRY(arena_str(&x->arena, head->path, &req->path));
    TRY(arena_str(&x->arena, head->query, &req->query));
    p->expects = head->expects;
    for (size_t i = 0; i < http_reader_fields(p->reader); i++) {
        struct http_field f = http_reader_field(p->reader, i);

        for (size_t k = 0; k < sizeof(kept) / sizeof(kept[0]); k++)
            if (str_eq(f.name, kept[k]))
                TRY(keep(p, x, &f));
    }
    return RC_OK;
}

/* RC_OK when the request is complete. */
static enum rc take_body(struct http_parser *p, struct http_exchange *x, struct str *in,
                         struct err *err)
{
    struct str piece;
    enum rc rc;

    while ((rc = http_reader_body(p->reader, in, &piece, err)) == RC_OK) {
        p->expects = false;
        buf_puts(&p->body, piece);
        TRY(buf_rc(&p->body)); /* the reader keeps the limit */
    }
    if (rc != RC_CLOSED)
        return rc;
    p->expects = false;
    return arena_str(&x->arena, buf_str(&p->body), &x->req.body);
}

static enum rc feed(struct http_parser *p, struct http_exchange *x, struct str *in, struct err *err)
{
    if (!p->reader)
        TRY(http_reader_new(&conf, &p->reader));
    if (http_reader_phase(p->reader) == HTTP_PHASE_DONE)
        return RC_OK;
    if (http_reader_phase(p->reader) != HTTP_PHASE_BODY) {
        TRY(http_reader_head(p->reader, in, err));
        TRY(take_head(p, x));
    }
    return take_body(p, x, in, err);
}

enum rc http_parser_feed(struct http_parser *p, struct http_exchange *x, struct str *in,
                         struct err *err)
{
    enum rc rc = p->status ? RC_DENIED : feed(p, x, in, err);

    if (!p->status)
        return rc;
    return err_problem(err, ERR(err, rc, msg_refused, str_of(p->why)), "malformed", p->status);
}

enum http_phase http_parser_phase(const struct http_parser *p)
{
    return p->reader ? http_reader_phase(p->reader) : HTTP_PHASE_IDLE;
}

size_t http_parser_body(const struct http_parser *p)
{
    return p->body.n;
}

bool http_parser_expects_continue(const struct http_parser *p)
{
    return p->expects;
}

bool http_parser_keep_alive(const struct http_parser *p)
{
    return p->reader && http_reader_get(p->reader)->keep_alive;
}
