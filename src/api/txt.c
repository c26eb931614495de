/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts of the server of TXT records. */
#include "api/admin.h"

#include "api/page.h"
#include "base/name.h"
#include "store/store.h"
#include "store/txt.h"

MSG(msg_cursor, "api.txt-cursor", "\"cursor\" is \"{0}\"; it has to be what \"next\" was before");

enum { LIST_ARENA = 4 * 1024 * 1024, CURSOR_SHOWN = 32 };

static void put_account(const struct api_view *v, const struct store_txt *t, struct json_out *o)
{
    CLEANUP(buf_done) struct buf name = BUF_INIT(NAME_MAX_BYTES + 1 + STORE_TXT_UUID);
    struct str networks = t->allow, one;

    buf_printf(&name, "%.*s.%.*s", STR_ARG(t->subdomain), STR_ARG(v->conf->txt.zone));
    json_obj(o);
    json_kv_str(o, "name", t->subdomain);
    json_kv_str(o, "fulldomain", v->conf->txt.zone.n ? buf_str(&name) : t->subdomain);
    json_key(o, "allow");
    json_arr(o);
    while (str_next(&networks, ' ', &one))
        json_put_str(o, one);
    json_end(o);
    json_key(o, "values");
    json_arr(o);
    if (t->newer.n)
        json_put_str(o, t->newer);
    if (t->older.n)
        json_put_str(o, t->older);
    json_end(o);
    json_kv_when(o, "created", t->created);
    if (t->updated)
        json_kv_when(o, "updated", t->updated);
    json_end(o);
}

enum rc api_txt_list(const struct api_view *v, const struct json *args, struct json_out *o,
                     struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    CLEANUP(buf_done) struct buf next = BUF_INIT(CURSOR_SHOWN);
    struct store_txt *list;
    struct str cursor;
    uint64_t after = 0;
    size_t n;

    TRY(api_arg_text(args, "cursor", &cursor, err));
    if (cursor.n && str_u64(cursor, INT64_MAX, &after) != RC_OK)
        return ERR(err, RC_INVAL, msg_cursor, str_head(cursor, CURSOR_SHOWN));
    TRY(store_txt_page(store_read(v->store), &a, after, &list, &n));
    json_obj(o);
    json_key(o, "items");
    json_arr(o);
    for (size_t i = 0; i < n; i++)
        put_account(v, &list[i], o);
    json_end(o);
    json_key(o, "next");
    if (n < STORE_TXT_PAGE) {
        json_put_null(o);
    } else {
        buf_printf(&next, "%llu", (unsigned long long)list[n - 1].n);
        json_put_str(o, buf_str(&next));
    }
    json_end(o);
    return RC_OK;
}
