/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts of the server of TXT records. */
#include "api/admin.h"

#include "api/page.h"
#include "base/name.h"
#include "store/store.h"
#include "store/txt.h"

static enum rc put_account(const void *arg, const void *row, struct json_out *o)
{
    const struct api_view *v = arg;
    const struct store_txt *t = row;
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
    return RC_OK;
}

static enum rc read_accounts(const void *arg, struct arena *a, struct store_cursor *at,
                             unsigned limit, const void **out, size_t *out_n)
{
    const struct api_view *v = arg;
    struct store_txt *list;

    TRY(store_txt_list(store_read(v->store), a, at, limit, &list, out_n));
    *out = list;
    return RC_OK;
}

enum rc api_txt_list(const struct api_view *v, const struct json *args, struct json_out *o,
                     struct err *err)
{
    static const struct api_rows rows = {.name = "items",
                                         .size = sizeof(struct store_txt),
                                         .at = offsetof(struct store_txt, n),
                                         .order = API_BY_NUMBER,
                                         .read = read_accounts,
                                         .put = put_account};

    json_obj(o);
    TRY(api_list(&rows, args, v, o, err));
    json_end(o);
    return RC_OK;
}
