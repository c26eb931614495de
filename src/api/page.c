/* SPDX-License-Identifier: Apache-2.0 */
#include "api/page.h"

#include "api/admin.h"
#include "base/arena.h"
#include "json/json.h"
#include "store/types.h"

enum {
    CURSOR_TEXT = 64,
    PAGE_ARENA = 32 * 1024 * 1024,
    PAGE_ROWS = 50, /* of the store at a time */
};

MSG(msg_limit, "api.list-limit", "\"limit\" has to be a number from 1 to {0}");
MSG(msg_cursor, "api.list-cursor", "\"cursor\" is not one that an earlier page gave as \"next\"");
MSG(msg_when, "api.list-when",
    "\"{0}\" is \"{1}\"; it has to be a time as in 2026-11-20T18:24:00Z");
MSG(msg_word, "api.list-text", "\"{0}\" has to be a text");

enum rc api_page_limit(const struct json *args, unsigned *out, struct err *err)
{
    const struct json *value = json_get(args, "limit");
    uint64_t limit = API_LIST_DEFAULT;

    if (value && (json_u64(value, &limit) != RC_OK || limit == 0 || limit > API_LIST_MAX))
        return ERR(err, RC_INVAL, msg_limit, STR("1000"));
    *out = (unsigned)limit;
    return RC_OK;
}

/* "TIME-ID", or "NUMBER"; empty: the beginning. */
static enum rc read_cursor(const struct json *args, enum api_order order, struct store_cursor *at,
                           struct err *err)
{
    const struct json *value = json_get(args, "cursor");
    struct str text, number, id;
    struct id parsed = {};
    uint64_t n;

    if (!value || json_is_null(value))
        return RC_OK;
    if (json_str(value, &text) != RC_OK)
        return ERR(err, RC_INVAL, msg_cursor);
    number = text;
    if (order == API_BY_TIME &&
        (!str_cut(text, '-', &number, &id) || id_parse(id, &parsed) != RC_OK))
        return ERR(err, RC_INVAL, msg_cursor);
    if (str_u64(number, INT64_MAX, &n) != RC_OK || (order == API_BY_NUMBER && n == 0))
        return ERR(err, RC_INVAL, msg_cursor);
    *at = (struct store_cursor){.at = (int64_t)n, .id = parsed};
    return RC_OK;
}

enum rc api_page_cursor(const struct json *args, struct store_cursor *at, struct err *err)
{
    return read_cursor(args, API_BY_TIME, at, err);
}

enum rc api_page_number(const struct json *args, struct store_cursor *at, struct err *err)
{
    return read_cursor(args, API_BY_NUMBER, at, err);
}

enum rc api_page_name(const struct json *args, struct str *out, struct err *err)
{
    const struct json *value = json_get(args, "cursor");
    char name[NAME_MAX_BYTES + 1];
    struct str text;

    *out = (struct str){NULL, 0};
    if (!value || json_is_null(value))
        return RC_OK;
    if (json_str(value, &text) != RC_OK || name_canonical(text, false, name) != RC_OK ||
        !str_eq(text, str_of(name)))
        return ERR(err, RC_INVAL, msg_cursor);
    *out = text;
    return RC_OK;
}

enum rc api_arg_text(const struct json *args, const char *name, struct str *out, struct err *err)
{
    const struct json *value = json_get(args, name);

    *out = (struct str){NULL, 0};
    if (!value || json_is_null(value) || json_str(value, out) == RC_OK)
        return RC_OK;
    return ERR(err, RC_INVAL, msg_word, str_of(name));
}

enum rc api_arg_when(const struct json *args, const char *name, when_t *out, struct err *err)
{
    struct str text;

    TRY(api_arg_text(args, name, &text, err));
    if (text.n == 0 || when_parse(text, out) == RC_OK)
        return RC_OK;
    return ERR(err, RC_INVAL, msg_when, str_of(name), str_head(text, API_SHOWN_MAX));
}

void api_page_next(struct json_out *o, const struct store_cursor *at, bool more)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CURSOR_TEXT);

    json_key(o, "next");
    if (!more) {
        json_put_null(o);
        return;
    }
    buf_printf(&text, "%lld%s%s", (long long)at->at, at->id.z[0] ? "-" : "", at->id.z);
    json_put_str(o, buf_str(&text));
}

/* ---- lists */

/* Where a page goes on, and how many rows it can still have. */
struct page {
    struct store_cursor at;
    unsigned left;
    size_t begin; /* of what is written */
};

static struct store_cursor cursor_of(const struct api_rows *rows, const char *row)
{
    struct store_cursor at = {};

    memcpy(&at.at, row + rows->at, sizeof(at.at));
    if (rows->order == API_BY_TIME)
        memcpy(&at.id, row + rows->id, sizeof(at.id));
    return at;
}

static bool is_full(const struct page *p, const struct json_out *o)
{
    return p->left == 0 || o->b->n - p->begin >= API_PAGE_BYTES;
}

static enum rc put_rows(const struct api_rows *rows, struct page *p, const void *list, size_t n,
                        const void *arg, struct json_out *o)
{
    const char *row = list;

    for (size_t i = 0; i < n && !is_full(p, o); i++, row += rows->size) {
        TRY(rows->put(arg, row, o));
        p->at = cursor_of(rows, row);
        p->left--;
    }
    return RC_OK;
}

static enum rc put_some(const struct api_rows *rows, struct page *p, const void *arg,
                        struct json_out *o)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(PAGE_ARENA);
    struct store_cursor at = p->at;
    const void *list;
    unsigned before = p->left;
    size_t n;

    TRY(rows->read(arg, &a, &at, p->left < PAGE_ROWS ? p->left : PAGE_ROWS, &list, &n));
    TRY(put_rows(rows, p, list, n, arg, o));
    p->at.end = before - p->left == n && (at.end || n == 0);
    return RC_OK;
}

static enum rc begin(const struct api_rows *rows, const struct json *args, struct page *p,
                     struct json_out *o, struct err *err)
{
    p->left = API_LIST_MAX;
    if (json_get(args, "limit"))
        TRY(api_page_limit(args, &p->left, err));
    TRY(read_cursor(args, rows->order, &p->at, err));
    json_key(o, rows->name);
    json_arr(o);
    p->begin = o->b->n;
    return RC_OK;
}

enum rc api_list(const struct api_rows *rows, const struct json *args, const void *arg,
                 struct json_out *o, struct err *err)
{
    struct page p = {};

    TRY(begin(rows, args, &p, o, err));
    while (!p.at.end && !is_full(&p, o))
        TRY(put_some(rows, &p, arg, o));
    json_end(o);
    api_page_next(o, &p.at, !p.at.end);
    return RC_OK;
}

enum rc api_list_of(const struct api_rows *rows, const struct api_memory *memory,
                    const struct json *args, const void *arg, struct json_out *o, struct err *err)
{
    const char *row = memory->rows;
    size_t left = memory->n;
    unsigned before;
    struct page p = {};

    TRY(begin(rows, args, &p, o, err));
    for (; left && p.at.at; left--, row += rows->size) {
        int64_t number = cursor_of(rows, row).at;

        if (memory->down ? number < p.at.at : number > p.at.at)
            break;
    }
    before = p.left;
    TRY(put_rows(rows, &p, row, left, arg, o));
    json_end(o);
    api_page_next(o, &p.at, before - p.left < left);
    return RC_OK;
}
