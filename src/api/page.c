/* SPDX-License-Identifier: Apache-2.0 */
#include "api/page.h"

#include "api/admin.h"
#include "json/json.h"
#include "store/types.h"

enum { CURSOR_TEXT = 64 };

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

/* "TIME-ID" */
enum rc api_page_cursor(const struct json *args, struct store_cursor *at, struct err *err)
{
    const struct json *value = json_get(args, "cursor");
    struct str text, micros, id;
    uint64_t t;

    if (!value || json_is_null(value))
        return RC_OK;
    if (json_str(value, &text) != RC_OK || !str_cut(text, '-', &micros, &id) ||
        str_u64(micros, INT64_MAX, &t) != RC_OK || id_parse(id, &at->id) != RC_OK)
        return ERR(err, RC_INVAL, msg_cursor);
    at->at = (int64_t)t;
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
    buf_printf(&text, "%lld-%s", (long long)at->at, at->id.z);
    json_put_str(o, buf_str(&text));
}
