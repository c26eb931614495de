/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cert_int.h"
#include "api/names.h"
#include "api/page.h"
#include "base/text.h"
#include "ca/issue.h"
#include "store/store.h"
#include "x509/serial.h"

MSG(msg_sort, "api.list-sort", "\"sort\" is \"{0}\"; it can be newest or expiry");

enum { LIST_ARENA = 64 * 1024 * 1024, SHOWN_MAX = API_SHOWN_MAX };

MSG(msg_under, "api.list-under", "\"{0}\" is not a domain: {1}");
MSG(msg_serial, "api.list-serial", "\"serial\" is \"{0}\", which is no hexadecimal number");
MSG(msg_key, "api.list-key",
    "\"key\" is \"{0}\"; it has to be the SHA-256 of a SubjectPublicKeyInfo, 64 hexadecimal "
    "digits");
MSG(msg_issuer, "api.list-issuer",
    "there is no issuer \"{0}\"; `autarky status` shows those there are");
MSG(msg_bool, "api.list-bool", "\"{0}\" has to be true or false");
MSG(msg_status, "api.list-status", "\"status\" is \"{0}\"; it can be valid or revoked");

static enum rc read_name(const struct json *args, struct arena *a,
                         struct store_certificate_filter *f, struct err *err)
{
    struct store_name *name;
    struct str text;

    TRY(api_arg_text(args, "name", &text, err));
    if (!json_get(args, "name"))
        return RC_OK;
    name = ARENA_NEW(a, struct store_name);
    if (!name)
        return RC_NOMEM;
    f->name = name;
    return api_name_read(a, text, name, err);
}

static enum rc read_serial(const struct json *args, struct arena *a,
                           struct store_certificate_filter *f, struct err *err)
{
    struct x509_serial serial;
    struct str text;

    TRY(api_arg_text(args, "serial", &text, err));
    if (text.n == 0)
        return RC_OK;
    if (x509_serial_parse(text, &serial) != RC_OK)
        return ERR(err, RC_INVAL, msg_serial, str_head(text, SHOWN_MAX));
    return arena_str(a, x509_serial_bytes(&serial), &f->serial);
}

static enum rc read_key(const struct json *args, struct arena *a,
                        struct store_certificate_filter *f, struct err *err)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(STORE_SHA256);
    struct store_hash *hash;
    struct str text, raw;

    TRY(api_arg_text(args, "key", &text, err));
    if (text.n == 0)
        return RC_OK;
    if (text_unhex(text, &bytes) != RC_OK)
        return ERR(err, RC_INVAL, msg_key, str_head(text, SHOWN_MAX));
    raw = buf_str(&bytes);
    if (!raw.p || raw.n != STORE_SHA256)
        return ERR(err, RC_INVAL, msg_key, str_head(text, SHOWN_MAX));
    hash = ARENA_NEW(a, struct store_hash);
    if (!hash)
        return RC_NOMEM;
    memcpy(hash->b, raw.p, STORE_SHA256);
    f->spki = hash;
    return RC_OK;
}

static enum rc read_issuer(const struct api_view *v, const struct json *args,
                           struct store_certificate_filter *f, struct err *err)
{
    const struct ca_issuer *issuer;
    struct str text;

    TRY(api_arg_text(args, "issuer", &text, err));
    if (text.n == 0)
        return RC_OK;
    issuer = ca_issuer_find(v->ca, text);
    if (!issuer)
        return ERR(err, RC_NOTFOUND, msg_issuer, str_head(text, SHOWN_MAX));
    f->issuer = issuer->id;
    return RC_OK;
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

/* What was issued to try something out is in nobody's way, unless it was asked for: by "staging",
 * or by what can be of one certificate or issuer only. */
static enum rc read_staging(const struct json *args, struct store_certificate_filter *f,
                            struct err *err)
{
    const struct json *value = json_get(args, "staging");
    bool only = false;

    if (value && json_bool(value, &only) != RC_OK)
        return ERR(err, RC_INVAL, msg_bool, STR("staging"));
    if (only)
        f->staging = STORE_STAGING_ONLY;
    else if (!f->serial.n && !f->spki && !f->issuer.z[0])
        f->staging = STORE_STAGING_NOT;
    return RC_OK;
}

static enum rc read_filter(const struct api_view *v, const struct json *args, struct arena *a,
                           struct store_certificate_filter *f, struct err *err)
{
    TRY(api_page_limit(args, &f->limit, err));
    TRY(read_name(args, a, f, err));
    TRY(read_status(args, f, err));
    TRY(read_sort(args, v->now, f, err));
    TRY(read_serial(args, a, f, err));
    TRY(read_key(args, a, f, err));
    TRY(read_issuer(v, args, f, err));
    TRY(read_staging(args, f, err));
    TRY(api_arg_text(args, "owner", &f->owner, err));
    TRY(api_arg_text(args, "profile", &f->profile, err));
    TRY(api_arg_when(args, "expires_after", &f->not_after_from, err));
    return api_arg_when(args, "expires_before", &f->not_after_before, err);
}

enum rc api_cert_list(const struct api_view *v, const struct json *args, struct json_out *o,
                      struct err *err)
{
    struct store_certificate_filter filter = {.without_der = true};
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(LIST_ARENA);
    char under[NAME_MAX_BYTES + 1];
    struct store_certificate *items;
    struct store_cursor at = {0};
    size_t n;

    TRY(api_page_cursor(args, &at, err));
    TRY(read_under(args, under, err));
    TRY(read_filter(v, args, &arena, &filter, err));
    filter.under = str_of(under);
    TRY(store_certificate_list(store_read(v->store), &arena, &filter, &at, &items, &n));
    json_obj(o);
    json_key(o, "items");
    json_arr(o);
    for (size_t i = 0; i < n; i++) {
        json_obj(o);
        api_cert_put_fields(v, &items[i], o);
        json_end(o);
    }
    json_end(o);
    api_page_next(o, &at, !at.end && n == filter.limit);
    json_end(o);
    return RC_OK;
}
