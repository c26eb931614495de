/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client.h"

#include "http/reader.h"

MSG(msg_interim, "http.response-interim",
    "the server sent interim answer after interim answer instead of one that counts");
MSG(msg_cut, "http.response-cut", "the connection ended before the answer was complete");

struct http_client {
    struct http_reader *reader;
    struct buf body;
    size_t max_body;
    size_t interim;
    bool head_only;
    bool in_body; /* of an interim answer, or of the one that counts */
    int status;   /* of the one that counts; 0: its head is not complete */
    bool done;
    bool too_big;
    bool more; /* came than belongs to the answer */
};

/* The body's limit is ours, so that what fits is there all the same. Chunk extensions are skipped:
 * nobody reads behind us what came. */
static const struct http_reader_conf answers = {
    .responses = true,
    .body_max = UINT64_MAX,
    .chunk_framing = HTTP_CHUNK_FRAMING_LEAST,
    .chunk_extensions = true,
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
    else if (strcmp(req->method, "POST") == 0) /* RFC 9110 section 8.6; some refuse it without */
        buf_putz(out, "\r\nContent-Length: 0");
    buf_printf(out, "\r\n%.*s", STR_ARG(req->headers));
    buf_putz(out, req->keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
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
    CLEANUP(http_client_freep) struct http_client *c = MEM_NEW(struct http_client);

    if (!c)
        return RC_NOMEM;
    buf_init(&c->body, max_body);
    c->max_body = max_body;
    TRY(http_reader_new(&answers, &c->reader));
    *out = MOVE(c);
    return RC_OK;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    http_reader_free(c->reader);
    buf_done(&c->body);
    mem_free(c);
}

void http_client_expect_head(struct http_client *c)
{
    c->head_only = true;
    http_reader_next(c->reader, true);
}

static enum rc read_head(struct http_client *c, struct str *in, struct err *err)
{
    int status;

    TRY(http_reader_head(c->reader, in, err));
    c->in_body = true;
    status = http_reader_get(c->reader)->status;
    c->status = status >= 200 ? status : 0;
    return RC_OK;
}

/* RC_CLOSED: it is complete. */
static enum rc read_body(struct http_client *c, struct str *in, struct err *err)
{
    struct str piece;
    enum rc rc;

    while ((rc = http_reader_body(c->reader, in, &piece, err)) == RC_OK) {
        size_t room = c->max_body - c->body.n;

        buf_puts(&c->body, str_head(piece, room));
        TRY(buf_rc(&c->body));
        c->too_big = piece.n > room;
        if (c->too_big)
            return RC_TOOBIG;
    }
    return rc;
}

enum rc http_client_feed(struct http_client *c, struct str in, struct err *err)
{
    enum rc rc;

    if (c->too_big)
        return RC_TOOBIG;
    while (!c->done) {
        if (!c->in_body)
            TRY(read_head(c, &in, err));
        rc = read_body(c, &in, err);
        if (rc != RC_CLOSED)
            return rc;
        c->done = c->status != 0;
        if (c->done)
            break;
        if (c->interim == HTTP_CLIENT_INTERIM_MAX)
            return ERR(err, RC_PARSE, msg_interim);
        c->interim++;
        http_reader_next(c->reader, c->head_only);
        c->in_body = false;
    }
    c->more |= in.n > 0;
    return RC_OK;
}

enum rc http_client_eof(struct http_client *c, struct err *err)
{
    if (c->too_big)
        return RC_TOOBIG;
    c->done |= c->status != 0 && http_reader_eof(c->reader);
    return c->done ? RC_OK : ERR(err, RC_CLOSED, msg_cut);
}

int http_client_status(const struct http_client *c)
{
    return c->status;
}

struct str http_client_header_at(const struct http_client *c, struct str name, size_t skip)
{
    for (size_t i = 0; c->status && i < http_reader_fields(c->reader); i++) {
        struct http_field f = http_reader_field(c->reader, i);

        if (str_eq(f.name, name) && skip-- == 0)
            return f.value;
    }
    return (struct str){NULL, 0};
}

struct str http_client_header(const struct http_client *c, struct str name)
{
    return http_client_header_at(c, name, 0);
}

struct str http_client_body(const struct http_client *c)
{
    return buf_str(&c->body);
}

bool http_client_keep_alive(const struct http_client *c)
{
    return c->done && !c->more && http_reader_get(c->reader)->keep_alive;
}
