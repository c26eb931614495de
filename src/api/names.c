/* SPDX-License-Identifier: Apache-2.0 */
#include "api/names.h"

#include "x509/csr.h"

MSG(msg_text, "api.names-text", "\"names\" has to be a list of texts");
MSG(msg_many, "api.names-many", "a certificate holds at most 100 names");
MSG(msg_name, "api.names-name",
    "\"{0}\" is neither a DNS name nor an address, and so cannot be certified: {1}");
MSG(msg_email, "api.names-email",
    "\"{0}\" is no mail address: letters and digits of ASCII, \"@\", and a DNS name");
MSG(msg_uri, "api.names-uri",
    "\"{0}\" is no URI that a certificate can hold: a scheme and a host, both in lower case, "
    "neither user nor fragment");

enum { SHOWN_MAX = 100 };

static bool holds(struct str text, struct str part)
{
    for (size_t i = 0; i + part.n <= text.n; i++)
        if (str_starts(str_skip(text, i), part))
            return true;
    return false;
}

static enum rc read_host(struct arena *a, struct str text, struct store_name *out, struct err *err)
{
    char name[NAME_MAX_BYTES + 1];
    struct addr addr;
    enum rc rc;

    if (addr_parse(text, &addr) == RC_OK) {
        out->type = STORE_NAME_IP;
        return arena_str(a, str_of(addr_text(&addr, name)), &out->value);
    }
    rc = name_canonical(text, true, name);
    if (rc != RC_OK)
        return ERR(err, RC_INVAL, msg_name, str_head(text, SHOWN_MAX), str_of(rc_text(rc)));
    out->type = STORE_NAME_DNS;
    return arena_str(a, str_of(name), &out->value);
}

enum rc api_name_read(struct arena *a, struct str text, struct store_name *out, struct err *err)
{
    char email[NAME_EMAIL_MAX + 1];

    if (holds(text, STR("://"))) {
        if (name_uri_check(text) != RC_OK)
            return ERR(err, RC_INVAL, msg_uri, str_head(text, SHOWN_MAX));
        out->type = STORE_NAME_URI;
        return arena_str(a, text, &out->value);
    }
    if (str_find(text, '@') < text.n) {
        if (name_email_canonical(text, email) != RC_OK)
            return ERR(err, RC_INVAL, msg_email, str_head(text, SHOWN_MAX));
        out->type = STORE_NAME_EMAIL;
        return arena_str(a, str_of(email), &out->value);
    }
    return read_host(a, text, out, err);
}

static enum rc add(const struct store_name *name, struct api_names *names)
{
    if (name->type == STORE_NAME_IP)
        return addr_parse(name->value, &names->ips[names->n_ips++]);
    if (name->type == STORE_NAME_EMAIL)
        names->emails[names->n_emails++] = name->value;
    else if (name->type == STORE_NAME_URI)
        names->uris[names->n_uris++] = name->value;
    else
        names->dns[names->n_dns++] = name->value;
    return RC_OK;
}

enum rc api_names_read(struct arena *a, const struct json *list, struct api_names *out,
                       struct err *err)
{
    size_t n = json_len(list);
    struct json_iter it = json_iter(list);
    struct api_names names = {
        .dns = ARENA_ARRAY(a, struct str, n),
        .ips = ARENA_ARRAY(a, struct addr, n),
        .emails = ARENA_ARRAY(a, struct str, n),
        .uris = ARENA_ARRAY(a, struct str, n),
    };
    const struct json *value;

    if (json_type(list) != JSON_ARRAY)
        return ERR(err, RC_INVAL, msg_text);
    if (n > X509_NAMES_MAX)
        return ERR(err, RC_TOOBIG, msg_many);
    if (!names.dns || !names.ips || !names.emails || !names.uris)
        return RC_NOMEM;
    while (json_next(&it, NULL, &value)) {
        struct store_name name;
        struct str text;

        if (json_str(value, &text) != RC_OK)
            return ERR(err, RC_INVAL, msg_text);
        TRY(api_name_read(a, text, &name, err));
        TRY(add(&name, &names));
    }
    names.n_dns = x509_texts_sort(names.dns, names.n_dns);
    names.n_ips = x509_addrs_sort(names.ips, names.n_ips);
    names.n_emails = x509_texts_sort(names.emails, names.n_emails);
    names.n_uris = x509_texts_sort(names.uris, names.n_uris);
    *out = names;
    return RC_OK;
}
