/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by reader.c, which drives llhttp and keeps the text, and rules.c, which judges a head. */
#pragma once

#include <llhttp.h>

#include "base/buf.h"
#include "http/reader.h"

struct http_reader_field {
    uint32_t name, value; /* where they lie in `text` */
    uint32_t value_n;
    uint16_t name_n;
    uint8_t what; /* enum http_name */
};

/* The fields of HTTP/2 that stand for the first line. */
enum http_pseudo {
    HTTP_METHOD,
    HTTP_SCHEME,
    HTTP_AUTHORITY,
    HTTP_PATH,
    HTTP_PROTOCOL,
    HTTP_PSEUDOS
};

struct http_reader {
    llhttp_t ll;
    const struct http_reader_conf *conf;
    enum http_phase phase;
    bool headless;
    bool cr, blank; /* an empty line before the request: its CR, all of it */
    bool versioned;
    bool lists;     /* Connection names other fields */
    bool bare;      /* of HTTP/2: the body has no framing in it */
    bool websocket; /* may be granted */
    int status;     /* not 0: refused */
    const char *why;
    enum rc rc;     /* RC_NOMEM */
    const char *in; /* what llhttp is being fed */
    uint64_t fed;   /* bytes of the head so far, or of body with framing */
    uint64_t body;
    size_t target_n;
    struct str piece;
    struct http_head head;
    size_t n_fields, n_trailers;
    struct buf text;                               /* target, names, values, one after the other */
    struct buf host;                               /* of an absolute target */
    struct http_reader_field pseudo[HTTP_PSEUDOS]; /* of HTTP/2; `what` is 1 when it is there */
    struct http_reader_field fields[HTTP_HEADERS_MAX];
};

/* The value of a callback that ends the parsing. */
int http_reader_refuse(struct http_reader *r, int status, const char *why);
/* Appends to r->text; 0, or the value of http_reader_refuse. */
int http_reader_append(struct http_reader *r, const char *at, size_t n);
/* What no header's value may have. */
bool http_reader_controls(const char *at, size_t n);
/* Why it was refused. */
enum rc http_reader_failed(const struct http_reader *r, struct err *err);
/* Judges the head and fills r->head; 0, or the value of http_reader_refuse. */
int http_rules_check(struct http_reader *r);
/* The same for fields of HTTP/2; `whole`: no body follows. */
int http_rules_check_fields(struct http_reader *r, bool whole);
