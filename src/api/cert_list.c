/* SPDX-License-Identifier: Apache-2.0 */
#include "api/admin.h"
#include "store/certificates.h"
#include "store/store.h"
#include "x509/serial.h"

MSG(msg_sort, "api.list-sort", "\"sort\" is \"{0}\"; it can be newest or expiry");

enum { LIST_ARENA = 64 * 1024 * 1024, CURSOR_TEXT = 64 };

MSG(msg_limit, "api.list-limit", "\"limit\" has to be a number from 1 to {0}");
MSG(msg_cursor, "api.list-cursor", "\"cursor\" is not one that an earlier page gave as \"next\"");
MSG(msg_name, "api.list-name", "\"{0}\" is neither a name nor an address: {1}");
MSG(msg_under, "api.list-under", "\"{0}\" is not a domain: {1}");
MSG(msg_status, "api.list-status", "\"status\" is \"{0}\"; it can be valid or revoked");

static enum rc read_limit(const struct json *args, struct store_certificate_filter *f,
                          struct err *err)
{
    const struct json *value = json_get(args, "limit");
    uint64_t limit = API_LIST_DEFAULT;

    if (value && (json_u64(value, &limit) != RC_OK || limit == 0 || limit > API_LIST_MAX))
        return ERR(err, RC_INVAL, msg_limit, STR("1000"));
    f->limit = (unsigned)limit;
    return RC_OK;
}

/* "TIME-ID" */
static enum rc read_cursor(const struct json *args, struct store_cursor *at, struct err *err)
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

/* What certificates hold: an address, or a name that may be a wildcard. `value` lies in `room`. */
static enum rc read_name(const struct json *args, struct store_name *name,
                         char room[static NAME_MAX_BYTES + 1], struct err *err)
{
    struct str text = {NULL, 0};
    struct addr addr;
    enum rc rc;

    room[0] = '\0';
    if (!json_get(args, "name"))
        return RC_OK;
    rc = json_str(json_get(args, "name"), &text);
    if (rc == RC_OK && addr_parse(text, &addr) == RC_OK) {
        name->type = STORE_NAME_IP;
        addr_text(&addr, room);
    } else if (rc == RC_OK) {
        rc = name_canonical(text, true, room);
    }
    name->value = str_of(room);
    return rc == RC_OK ? RC_OK : ERR(err, RC_INVAL, msg_name, text, str_of(rc_text(rc)));
}

static enum rc read_under(const struct json *args, char out[static NAME_MAX_BYTES + 1],
                          struct err *err)
{
    struct str text = {NULL, 0};
    enum rc rc;

    out[0] = '\0';
    if (!json_get(args, "under"))
        return RC_OK;
    rc = json_str(json_get(args, "under"), &text);
    if (rc == RC_OK)
        rc = name_canonical(text, false, out);
    return rc == RC_OK ? RC_OK : ERR(err, RC_INVAL, msg_under, text, str_of(rc_text(rc)));
}

static enum rc read_status(const struct json *args, struct store_certificate_filter *f,
                           struct err *err)
{
    const struct json *value = json_get(args, "status");
    struct str text = {NULL, 0};

    if (!value)
        return RC_OK;
    if (json_str(value, &text) == RC_OK)
        for (unsigned s = 0; s < STORE_CERTIFICATE_STATUSES; s++)
            if (str_eq(text, str_of(store_certificate_status_text(s)))) {
                f->statuses = 1u << s;
                return RC_OK;
            }
    return ERR(err, RC_INVAL, msg_status, text);
}

static enum rc read_sort(const struct json *args, when_t now, struct store_certificate_filter *f,
                         struct err *err)
{
    const struct json *value = json_get(args, "sort");
    struct str text = {NULL, 0};

    if (!value || (json_str(value, &text) == RC_OK && str_eq(text, STR("newest"))))
        return RC_OK;
    if (!str_eq(text, STR("expiry")))
        return ERR(err, RC_INVAL, msg_sort, text);
    f->sort = STORE_CERTIFICATE_BY_EXPIRY;
    f->not_after_from = now;
    return RC_OK;
}

static void put_item(struct json_out *o, const struct store_certificate *c)
{
    char serial[X509_SERIAL_TEXT] = "";
    char from[ADDR_TEXT];
    struct x509_serial s;

    if (x509_serial_from_bytes(c->serial, &s) == RC_OK)
        x509_serial_text(&s, serial);
    json_obj(o);
    json_kv_id(o, "id", &c->id);
    json_kv_z(o, "serial", serial);
    json_key(o, "names");
    json_arr(o);
    for (size_t i = 0; i < c->n_names; i++)
        json_put_str(o, c->names[i].value);
    json_end(o);
    json_kv_str(o, "profile", c->profile);
    json_kv_str(o, "origin", c->origin);
    json_kv_when(o, "not_before", c->not_before);
    json_kv_when(o, "not_after", c->not_after);
    json_kv_when(o, "issued", c->issued);
    json_kv_z(o, "status", store_certificate_status_text(c->status));
    if (c->status == STORE_CERTIFICATE_REVOKED) {
        json_kv_when(o, "revoked", c->revoked);
        json_kv_i64(o, "reason", c->revocation_reason);
    }
    json_key(o, "account");
    if (c->account.z[0])
        json_put_id(o, &c->account);
    else
        json_put_null(o);
    json_kv_z(o, "requester", c->requester.n ? addr_text(&c->requester, from) : NULL);
    json_end(o);
}

static void put_next(struct json_out *o, const struct store_cursor *at, bool more)
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

enum rc api_cert_list(const struct api_view *v, const struct json *args, struct json_out *o,
                      struct err *err)
{
    struct store_certificate_filter filter = {.without_der = true};
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(LIST_ARENA);
    char name[NAME_MAX_BYTES + 1], under[NAME_MAX_BYTES + 1];
    struct store_name exact = {STORE_NAME_DNS, {NULL, 0}};
    struct store_certificate *items;
    struct store_cursor at = {0};
    size_t n;

    TRY(read_limit(args, &filter, err));
    TRY(read_cursor(args, &at, err));
    TRY(read_name(args, &exact, name, err));
    TRY(read_under(args, under, err));
    TRY(read_status(args, &filter, err));
    TRY(read_sort(args, v->now, &filter, err));
    filter.name = exact.value.n ? &exact : NULL;
    filter.under = str_of(under);
    TRY(store_certificate_list(store_read(v->store), &arena, &filter, &at, &items, &n));
    json_obj(o);
    json_key(o, "items");
    json_arr(o);
    for (size_t i = 0; i < n; i++)
        put_item(o, &items[i]);
    json_end(o);
    put_next(o, &at, !at.end && n == filter.limit);
    json_end(o);
    return RC_OK;
}
