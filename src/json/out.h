/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON into a struct buf, piece by piece, without a tree: commas, quotes and escapes are
 * done here, limits and failures are the buffer's (sticky; look once, at the end). Wrong nesting is
 * a programmer's error and asserts.
 *
 *     json_out_init(&o, &b, JSON_COMPACT);
 *     json_obj(&o);
 *     json_kv_str(&o, "status", status);
 *     json_key(&o, "identifiers");
 *     json_arr(&o);
 *     ...
 *     json_end(&o);
 *     json_end(&o);
 *     TRY(json_out_done(&o));
 */
#pragma once

#include "base/buf.h"
#include "base/id.h"
#include "base/when.h"

enum { JSON_OUT_DEPTH_MAX = 32 };

enum json_style {
    JSON_COMPACT,
    JSON_PRETTY, /* two spaces a level, and a final newline: for people */
};

struct json_out {
    struct buf *b;
    enum json_style style;
    unsigned depth;
    uint32_t in_object; /* bit per level, lowest is the outermost */
    uint32_t has_items;
    bool after_key;
    bool complete;
};

/* Appends to `b`, which outlives `o`. Nothing to free. */
void json_out_init(struct json_out *o, struct buf *b, enum json_style style);
/* After the one outermost value is complete (asserted); RC_OK or why the buffer failed. */
enum rc json_out_done(struct json_out *o);

/* Opens an object or array; json_end closes the innermost one. */
void json_obj(struct json_out *o);
void json_arr(struct json_out *o);
void json_end(struct json_out *o);

/* The name of the next member. Names are not checked for being different. */
void json_key(struct json_out *o, const char *name);
void json_key_str(struct json_out *o, struct str name);

/* A value: an element of the array, the member after json_key, or the outermost value. */
void json_put_str(struct json_out *o, struct str s);
/* NULL is written as null. */
void json_put_z(struct json_out *o, const char *z);
void json_put_i64(struct json_out *o, int64_t v);
void json_put_u64(struct json_out *o, uint64_t v);
void json_put_bool(struct json_out *o, bool v);
void json_put_null(struct json_out *o);
/* RFC 3339 in UTC, whole seconds; null when out of range. */
void json_put_when(struct json_out *o, when_t t);
void json_put_id(struct json_out *o, const struct id *id);
/* The bytes as base64url without padding, as RFC 7515 has them. */
void json_put_b64url(struct json_out *o, struct str bytes);
/* Text that is JSON already, taken as it is: one whole value. */
void json_put_raw(struct json_out *o, struct str json);

/* Name and value at once. */
void json_kv_str(struct json_out *o, const char *name, struct str s);
void json_kv_z(struct json_out *o, const char *name, const char *z);
void json_kv_i64(struct json_out *o, const char *name, int64_t v);
void json_kv_u64(struct json_out *o, const char *name, uint64_t v);
void json_kv_bool(struct json_out *o, const char *name, bool v);
void json_kv_null(struct json_out *o, const char *name);
void json_kv_when(struct json_out *o, const char *name, when_t t);
void json_kv_id(struct json_out *o, const char *name, const struct id *id);
void json_kv_b64url(struct json_out *o, const char *name, struct str bytes);
/* An array of strings. */
void json_kv_strs(struct json_out *o, const char *name, const struct str *list, size_t n);
/* A text of strangers' that is to be shown: the first `max` bytes, control characters as blanks and
 * what is no UTF-8 as "?". Nothing where it is empty. */
void json_kv_printable(struct json_out *o, const char *name, struct str text, size_t max);
