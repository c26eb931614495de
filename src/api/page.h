/* SPDX-License-Identifier: Apache-2.0 */
/* What the questions for lists have in common: their arguments, and pages. Each takes "limit" and
 * "cursor" and answers {NAME:[...],"next"}, "next" being what the next page takes as "cursor", null
 * at the end. Pages go on behind a row, by what never changes of it, so rows that come and go
 * meanwhile make no other appear twice or not at all. A page may be shorter than its limit. */
#pragma once

#include "base/err.h"
#include "base/when.h"
#include "json/out.h"
#include "store/types.h"

struct arena;
struct json;

enum {
    API_SHOWN_MAX = 80,               /* bytes of what was given, in messages */
    API_PAGE_BYTES = 2 * 1024 * 1024, /* a page that has grown to that ends: an answer is one
                                         message to the other process */
};

/* "limit": 1 to API_LIST_MAX, otherwise API_LIST_DEFAULT. RC_INVAL. */
enum rc api_page_limit(const struct json *args, unsigned *out, struct err *err);
/* "cursor": what api_page_next gave, or the beginning. RC_INVAL. */
enum rc api_page_cursor(const struct json *args, struct store_cursor *at, struct err *err);
/* The same of a list of API_BY_NUMBER. */
enum rc api_page_number(const struct json *args, struct store_cursor *at, struct err *err);
/* The same of a list in the order of names as base/name.h has them; empty: the beginning. */
enum rc api_page_name(const struct json *args, struct str *out, struct err *err);
/* Writes "next": a text, or null when there is nothing more. */
void api_page_next(struct json_out *o, const struct store_cursor *at, bool more);

/* By what the rows of a list are in order, and its cursor goes on. */
enum api_order {
    API_BY_TIME,   /* a time, and the id: "TIME-ID" */
    API_BY_NUMBER, /* a number that each has to itself, from 1 on: "NUMBER" */
};

/* A list: how its rows are read and written. */
struct api_rows {
    const char *name; /* of the member: "items" */
    size_t size;      /* of a row */
    size_t at;        /* where in it the time or number stands, an int64_t */
    size_t id;        /* and the struct id; of API_BY_NUMBER anything */
    enum api_order order;
    /* Those behind the cursor, `limit` at most, copied into the arena or static; sets its `end`.
     * NULL: they are in memory, and api_list_of has them. */
    enum rc (*read)(const void *arg, struct arena *a, struct store_cursor *at, unsigned limit,
                    const void **out, size_t *out_n);
    /* Writes one element; or nothing, where the row is not shown. */
    enum rc (*put)(const void *arg, const void *row, struct json_out *o);
};
/* Writes the members NAME and "next" of the page that "limit" and "cursor" of `args` say, within an
 * open object. Without a limit it has API_LIST_MAX rows: lists gave all they had before they had
 * pages. RC_INVAL. */
enum rc api_list(const struct api_rows *rows, const struct json *args, const void *arg,
                 struct json_out *o, struct err *err);
/* The same of `n` rows in memory, of API_BY_NUMBER and in order, from the highest down where
 * `down`. */
struct api_memory {
    const void *rows;
    size_t n;
    bool down;
};
enum rc api_list_of(const struct api_rows *rows, const struct api_memory *memory,
                    const struct json *args, const void *arg, struct json_out *o, struct err *err);

/* The text of a member; empty when it is not there. RC_INVAL. */
enum rc api_arg_text(const struct json *args, const char *name, struct str *out, struct err *err);
/* The same for a time in RFC 3339; unchanged when it is not there. RC_INVAL. */
enum rc api_arg_when(const struct json *args, const char *name, when_t *out, struct err *err);
