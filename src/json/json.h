/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON from strangers, strictly by RFC 8259: one value, well-formed UTF-8, nothing behind
 * it, no comments, no byte order mark. Beyond that, two equal member names in one object are
 * refused (RFC 7515 section 4 asks for it) and values nest at most JSON_DEPTH_MAX deep. Every role
 * reads with this; only this folder knows yyjson.
 *
 * A document owns its values and texts; `const struct json *` and `struct str` from it are borrowed
 * and end with it. */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

struct json_doc;
struct json;

enum { JSON_DEPTH_MAX = 32 };

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Parses `text`, of at most `max` bytes; the input is not needed afterwards. While the document
 * lives it takes up to about 13 bytes of memory per byte of input. RC_TOOBIG past `max`, RC_PARSE
 * with the byte position and the reason in `err` for all else that is wrong with the text. */
enum rc json_parse(struct str text, size_t max, struct json_doc **out, struct err *err);
void json_free(struct json_doc *doc);
DEFINE_FREEP(json_free, struct json_doc)

/* The outermost value; never NULL. */
const struct json *json_root(const struct json_doc *doc);

/* The type; JSON_NULL for NULL too. */
enum json_type json_type(const struct json *v);
/* "string", "object" ... with its article where a message wants one: "a string". */
const char *json_type_text(enum json_type type);

/* The member of that name; NULL when `obj` is NULL, no object, or has none. */
const struct json *json_get(const struct json *obj, const char *name);

/* The getters: RC_NOTFOUND when `v` is NULL (a member that is not there), RC_INVAL when it is of
 * another type or does not fit. So a member is read by one line: TRY(json_str(json_get(obj, "alg"),
 * &alg)); */

/* RC_INVAL also when the text holds a NUL (escaped as \u0000). */
enum rc json_str(const struct json *v, struct str *out);
/* The same, with NULs as part of the text. */
enum rc json_str_nul(const struct json *v, struct str *out);
/* Integers only: 1.0 and 1e3 are refused, as is what does not fit in 64 bits. */
enum rc json_i64(const struct json *v, int64_t *out);
enum rc json_u64(const struct json *v, uint64_t *out);
enum rc json_bool(const struct json *v, bool *out);
/* True for the value null, false for a member that is not there. */
bool json_is_null(const struct json *v);

/* A member that must be there with that type; otherwise RC_NOTFOUND or RC_INVAL with a message
 * naming both. */
enum rc json_want(const struct json *obj, const char *name, enum json_type type,
                  const struct json **out, struct err *err);
/* The same for a string without NUL. */
enum rc json_want_str(const struct json *obj, const char *name, struct str *out, struct err *err);

/* For showing documents of our own, where a gap is better than no page: a member that is missing or
 * of another type is the empty str, or 0. */
struct str json_shown(const struct json *obj, const char *name);
uint64_t json_shown_u64(const struct json *obj, const char *name);

/* Members of an object, elements of an array; 0 for all else, NULL included. */
size_t json_len(const struct json *v);

/* Iteration over an array or object in the order of the text; all else has no elements.
 *     struct json_iter it = json_iter(v);
 *     while (json_next(&it, &name, &member)) */
struct json_iter {
    const struct json *at;
    size_t left;
    bool members;
};
struct json_iter json_iter(const struct json *v);
/* False at the end. `out_name` (may be NULL) is empty for elements of an array; a name may hold
 * NULs. */
bool json_next(struct json_iter *it, struct str *out_name, const struct json **out);
