/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 messages (RFC 9112) read piece by piece, one after the other: requests as a server gets
 * them, or responses as a client does. llhttp takes them apart with every lenient flag off; what it
 * lets pass and two parsers could read differently is refused here, before anything of the body is
 * handed out. The body is not kept: its pieces lie in the bytes that were given. Pure: no sockets,
 * no clock. */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "http/names.h"

enum {
    HTTP_HEAD_MAX = 32 * 1024,           /* first line and headers, as sent; 431 */
    HTTP_HEADERS_MAX = 100,              /* trailers included; 431 */
    HTTP_CHUNK_OVERHEAD_MAX = 16 * 1024, /* bytes of chunk framing beyond `chunk_framing`; 400 */
    HTTP_CHUNK_FRAMING_LEAST =
        6, /* bytes to a byte of body: what chunks of one byte need, and one */
    HTTP_CONNECTION_OPTIONS_MAX = 16,    /* 400 */
    HTTP_HEAD_BORNE = 4 * HTTP_HEAD_MAX, /* of HTTP/2: bytes that are read and dropped after 431 */
};

enum http_phase {
    HTTP_PHASE_IDLE, /* nothing of a message yet */
    HTTP_PHASE_HEAD,
    HTTP_PHASE_BODY,
    HTTP_PHASE_DONE, /* until http_reader_next */
};

enum http_framing {
    HTTP_FRAMING_NONE, /* there is no body */
    HTTP_FRAMING_LENGTH,
    HTTP_FRAMING_CHUNKED,
    HTTP_FRAMING_CLOSE, /* responses: it ends with the connection */
};

struct http_reader_conf {
    bool responses;
    bool strict_target;        /* of requests: RFC 3986, instead of all that is visible ASCII */
    size_t target_max;         /* of requests; 414 */
    uint64_t body_max;         /* 413 */
    unsigned chunk_framing;    /* bytes of chunk framing that each byte of body excuses */
    bool chunk_extensions;     /* are skipped, instead of refused */
    const struct str *methods; /* of HTTP/1.1 requests: the only ones; 501. NULL: any */
    size_t n_methods;
};

/* The first line, and what the headers say of the connection. Borrowed from the reader until
 * http_reader_next. */
struct http_head {
    struct str method; /* requests */
    struct str path;   /* percent-encoded; begins with '/', or is "*" */
    struct str query;  /* behind the '?', without it; p == NULL: there was none */
    struct str host;   /* of an absolute target, else the Host header; empty in HTTP/1.0 */
    bool host_differs; /* the target is absolute, and the Host header says something else */
    int status;        /* responses */
    unsigned minor;    /* HTTP/1.0 or 1.1 */
    enum http_framing framing;
    uint64_t length; /* HTTP_FRAMING_LENGTH */
    bool keep_alive; /* more messages may follow: HTTP/1.1 without "Connection: close" */
    bool expects;    /* requests: the client waits for "100 Continue" */
    bool trailers;   /* requests: TE says that the client takes them */
    /* A request to speak WebSocket on this connection (RFC 6455 section 4.1), or on this stream
     * (RFC 8441), of which nothing is left then but what a request of HTTP/1.1 has; an answer of
     * 101 that grants it. What comes behind the head is not HTTP. */
    bool websocket;
};

struct http_field {
    enum http_name what;
    struct str name; /* lower case */
    struct str value;
};

struct http_reader;

/* `conf` is kept. RC_NOMEM. */
enum rc http_reader_new(const struct http_reader_conf *conf, struct http_reader **out);
void http_reader_free(struct http_reader *r);
DEFINE_FREEP(http_reader_free, struct http_reader)
/* Begins the next message; keeps a little memory for it. `headless`: it is the response to HEAD. */
void http_reader_next(struct http_reader *r, bool headless);
/* After http_reader_next, of responses: WebSocket was asked for, so 101 may grant it. */
void http_reader_allow_websocket(struct http_reader *r);

/* Each takes bytes from the front of *in, and all of them with RC_AGAIN, more are needed. RC_DENIED
 * (a request), RC_PARSE (a response): refused, `err` says why and, of a request, err->status how to
 * answer; the connection must be closed afterwards. RC_NOMEM.
 *
 * Refused: what breaks the grammar, a bare LF or CR, folded headers, space before a colon, control
 * characters, a target that is neither a path nor an absolute http URL, Host missing, doubled or
 * malformed, Content-Length doubled, malformed or beside Transfer-Encoding, any Transfer-Encoding
 * but one "chunked", and that in HTTP/1.0, chunk extensions (but see `conf`), versions other
 * than 1.0 and 1.1 (505), an Expect other than 100-continue (417), status 101 unless it grants
 * what was asked for, and the limits. */

/* RC_OK: the head is complete, what is left in *in is body or belongs to the next message. */
enum rc http_reader_head(struct http_reader *r, struct str *in, struct err *err);
/* After the head. RC_OK: *out_piece, not empty, is the next piece of the body, and lies in *in.
 * RC_CLOSED: the message is complete, and what is left in *in belongs to the next one. */
enum rc http_reader_body(struct http_reader *r, struct str *in, struct str *out_piece,
                         struct err *err);
/* The head of a request of HTTP/2 (RFC 9113 section 8.3), in place of http_reader_head: one field
 * after the other as HPACK gives them, by the same rules and limits; refused as well are upper
 * case, fields of the connection, pseudo-fields that are doubled, unknown, late or missing, an
 * :authority that Host contradicts, a Content-Length where no body follows, and CONNECT but for
 * WebSocket. What is wrong is
 * told at the end. RC_TOOBIG: so much has come that whoever sends it is better not listened to any
 * more. */
enum rc http_reader_put(struct http_reader *r, struct str name, struct str value);
/* All of them are there; `whole`: no body follows. The body is then what http_reader_body is given,
 * without framing, up to Content-Length or http_reader_eof. RC_OK, RC_DENIED, RC_NOMEM. */
enum rc http_reader_put_end(struct http_reader *r, bool whole, struct err *err);
/* The peer sends no more. True when that completes the message. */
bool http_reader_eof(struct http_reader *r);

enum http_phase http_reader_phase(const struct http_reader *r);
const struct http_head *http_reader_get(const struct http_reader *r);
/* The headers, and behind them, once a response is complete, its trailers; those of requests are
 * dropped. */
size_t http_reader_fields(const struct http_reader *r);
size_t http_reader_trailers(const struct http_reader *r);
struct http_field http_reader_field(const struct http_reader *r, size_t i);
/* The value of the first header of that kind; p == NULL: there is none. */
struct str http_reader_value(const struct http_reader *r, enum http_name what);
/* True when a Connection header names this one, and may. */
bool http_reader_listed(const struct http_reader *r, const struct http_field *f);
