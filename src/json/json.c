/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include <stdio.h>
#include <yyjson.h>

#include "base/map.h"

MSG(msg_syntax, "json.syntax", "not JSON: {0} at byte {1}");
MSG(msg_too_long, "json.too-long", "{0} bytes of JSON where at most {1} are accepted");
MSG(msg_too_deep, "json.too-deep", "JSON nested deeper than {0} levels");
MSG(msg_duplicate, "json.duplicate", "the member \"{0}\" occurs twice in one object");
MSG(msg_no_object, "json.no-object", "{1} where an object with the member \"{0}\" was expected");
MSG(msg_missing, "json.missing", "the member \"{0}\" is missing");
MSG(msg_type, "json.type", "the member \"{0}\" is {1}, not {2}");
MSG(msg_nul, "json.nul", "the member \"{0}\" holds a NUL character");

/* Up to here comparing all pairs is cheaper than hashing. */
enum { PAIRS_MAX = 16 };

/* Arguments of an error are text. */
struct decimal {
    char z[24];
};

static struct str decimal(struct decimal *d, size_t v)
{
    int n = snprintf(d->z, sizeof(d->z), "%zu", v);

    return str_bytes(d->z, (size_t)n);
}

static void *alc_malloc(void *, size_t n)
{
    return mem_alloc(n);
}

static void *alc_realloc(void *, void *p, size_t, size_t n)
{
    return mem_realloc(p, n);
}

static void alc_free(void *, void *p)
{
    mem_free(p);
}

static const yyjson_alc alc = {alc_malloc, alc_realloc, alc_free, NULL};

static yyjson_val *val(const struct json *v)
{
    return (yyjson_val *)(uintptr_t)v;
}

static const struct json *json(yyjson_val *v)
{
    return (const struct json *)v;
}

static struct str text(yyjson_val *v)
{
    return str_bytes(unsafe_yyjson_get_str(v), unsafe_yyjson_get_len(v));
}

static enum rc names_differ_pairs(yyjson_val *obj, struct err *err)
{
    struct str seen[PAIRS_MAX];
    size_t n = 0;
    yyjson_obj_iter it = yyjson_obj_iter_with(obj);

    for (yyjson_val *name; (name = yyjson_obj_iter_next(&it));) {
        for (size_t i = 0; i < n; i++) {
            if (str_eq(seen[i], text(name)))
                return ERR(err, RC_PARSE, msg_duplicate, text(name));
        }
        seen[n++] = text(name);
    }
    return RC_OK;
}

static enum rc names_differ_hashed(yyjson_val *obj, struct err *err)
{
    CLEANUP(map_done) struct map seen = {};
    yyjson_obj_iter it = yyjson_obj_iter_with(obj);

    map_init(&seen, yyjson_obj_size(obj));
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&it));) {
        enum rc rc = map_add(&seen, text(name), name);

        if (rc == RC_EXISTS)
            return ERR(err, RC_PARSE, msg_duplicate, text(name));
        TRY(rc);
    }
    return RC_OK;
}

static enum rc check(yyjson_val *v, unsigned depth, struct err *err);

static enum rc check_object(yyjson_val *obj, unsigned depth, struct err *err)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(obj);

    TRY(yyjson_obj_size(obj) <= PAIRS_MAX ? names_differ_pairs(obj, err)
                                          : names_differ_hashed(obj, err));
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&it));)
        TRY(check(yyjson_obj_iter_get_val(name), depth, err));
    return RC_OK;
}

/* What the library leaves to its callers. `depth` is that of the value's container. */
static enum rc check(yyjson_val *v, unsigned depth, struct err *err)
{
    struct decimal limit;

    if (!yyjson_is_ctn(v))
        return RC_OK;
    if (depth == JSON_DEPTH_MAX)
        return ERR(err, RC_PARSE, msg_too_deep, decimal(&limit, JSON_DEPTH_MAX));
    if (yyjson_is_obj(v))
        return check_object(v, depth + 1, err);

    yyjson_arr_iter it = yyjson_arr_iter_with(v);

    for (yyjson_val *element; (element = yyjson_arr_iter_next(&it));)
        TRY(check(element, depth + 1, err));
    return RC_OK;
}

enum rc json_parse(struct str text, size_t max, struct json_doc **out, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct decimal a, b;
    yyjson_read_err bad;

    if (text.n > max)
        return ERR(err, RC_TOOBIG, msg_too_long, decimal(&a, text.n), decimal(&b, max));
    if (text.n == 0)
        return ERR(err, RC_PARSE, msg_syntax, STR("no content"), STR("0"));
    /* Not written to: in-place parsing is not asked for. Numbers past 64 bits are kept as text,
     * not rounded. */
    doc = (struct json_doc *)yyjson_read_opts((char *)(uintptr_t)text.p, text.n,
                                              YYJSON_READ_BIGNUM_AS_RAW, &alc, &bad);
    if (!doc && bad.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return RC_NOMEM;
    if (!doc)
        return ERR(err, RC_PARSE, msg_syntax, str_of(bad.msg), decimal(&a, bad.pos));
    TRY(check(val(json_root(doc)), 0, err));
    *out = MOVE(doc);
    return RC_OK;
}

void json_free(struct json_doc *doc)
{
    yyjson_doc_free((yyjson_doc *)doc);
}

const struct json *json_root(const struct json_doc *doc)
{
    return json(yyjson_doc_get_root((yyjson_doc *)(uintptr_t)doc));
}

enum json_type json_type(const struct json *v)
{
    static const enum json_type types[] = {
        [YYJSON_TYPE_RAW] = JSON_NUMBER, [YYJSON_TYPE_NULL] = JSON_NULL,
        [YYJSON_TYPE_BOOL] = JSON_BOOL,  [YYJSON_TYPE_NUM] = JSON_NUMBER,
        [YYJSON_TYPE_STR] = JSON_STRING, [YYJSON_TYPE_ARR] = JSON_ARRAY,
        [YYJSON_TYPE_OBJ] = JSON_OBJECT,
    };

    return v ? types[unsafe_yyjson_get_type(val(v))] : JSON_NULL;
}

const char *json_type_text(enum json_type type)
{
    static const char *const texts[] = {
        [JSON_NULL] = "null",       [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
        [JSON_STRING] = "a string", [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object",
    };

    return texts[type];
}

const struct json *json_get(const struct json *obj, const char *name)
{
    return json(yyjson_obj_get(val(obj), name));
}

enum rc json_str_nul(const struct json *v, struct str *out)
{
    if (!v)
        return RC_NOTFOUND;
    if (!yyjson_is_str(val(v)))
        return RC_INVAL;
    *out = text(val(v));
    return RC_OK;
}

enum rc json_str(const struct json *v, struct str *out)
{
    struct str s;

    TRY(json_str_nul(v, &s));
    if (s.n && memchr(s.p, 0, s.n))
        return RC_INVAL;
    *out = s;
    return RC_OK;
}

enum rc json_i64(const struct json *v, int64_t *out)
{
    if (!v)
        return RC_NOTFOUND;
    if (yyjson_is_sint(val(v)))
        *out = unsafe_yyjson_get_sint(val(v));
    else if (yyjson_is_uint(val(v)) && unsafe_yyjson_get_uint(val(v)) <= INT64_MAX)
        *out = (int64_t)unsafe_yyjson_get_uint(val(v));
    else
        return RC_INVAL;
    return RC_OK;
}

enum rc json_u64(const struct json *v, uint64_t *out)
{
    if (!v)
        return RC_NOTFOUND;
    if (!yyjson_is_uint(val(v)))
        return RC_INVAL;
    *out = unsafe_yyjson_get_uint(val(v));
    return RC_OK;
}

enum rc json_bool(const struct json *v, bool *out)
{
    if (!v)
        return RC_NOTFOUND;
    if (!yyjson_is_bool(val(v)))
        return RC_INVAL;
    *out = unsafe_yyjson_get_bool(val(v));
    return RC_OK;
}

bool json_is_null(const struct json *v)
{
    return v && yyjson_is_null(val(v));
}

enum rc json_want(const struct json *obj, const char *name, enum json_type type,
                  const struct json **out, struct err *err)
{
    const struct json *v = json_get(obj, name);
    enum json_type got = json_type(v);

    if (json_type(obj) != JSON_OBJECT)
        return ERR(err, RC_INVAL, msg_no_object, str_of(name),
                   obj ? str_of(json_type_text(json_type(obj))) : STR("nothing"));
    if (!v)
        return ERR(err, RC_NOTFOUND, msg_missing, str_of(name));
    if (got != type)
        return ERR(err, RC_INVAL, msg_type, str_of(name), str_of(json_type_text(got)),
                   str_of(json_type_text(type)));
    *out = v;
    return RC_OK;
}

enum rc json_want_str(const struct json *obj, const char *name, struct str *out, struct err *err)
{
    const struct json *v;

    TRY(json_want(obj, name, JSON_STRING, &v, err));
    if (json_str(v, out) != RC_OK)
        return ERR(err, RC_INVAL, msg_nul, str_of(name));
    return RC_OK;
}

struct str json_shown(const struct json *obj, const char *name)
{
    struct str s = {NULL, 0};

    IGNORE_RC(json_str(json_get(obj, name), &s)); /* by the contract */
    return s;
}

uint64_t json_shown_u64(const struct json *obj, const char *name)
{
    uint64_t n = 0;

    IGNORE_RC(json_u64(json_get(obj, name), &n)); /* by the contract */
    return n;
}

size_t json_len(const struct json *v)
{
    return v && yyjson_is_ctn(val(v)) ? unsafe_yyjson_get_len(val(v)) : 0;
}

struct json_iter json_iter(const struct json *v)
{
    size_t n = json_len(v);

    return (struct json_iter){n ? json(unsafe_yyjson_get_first(val(v))) : NULL, n,
                              n && yyjson_is_obj(val(v))};
}

bool json_next(struct json_iter *it, struct str *out_name, const struct json **out)
{
    yyjson_val *v = val(it->at);

    if (it->left == 0)
        return false;
    if (out_name)
        *out_name = it->members ? text(v) : (struct str){NULL, 0};
    if (it->members)
        v++;
    *out = json(v);
    it->left--;
    it->at = it->left ? json(unsafe_yyjson_get_next(v)) : NULL;
    return true;
}
