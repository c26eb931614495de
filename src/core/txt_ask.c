/* SPDX-License-Identifier: Apache-2.0 */
#include "core/txt_ask.h"

#include "base/name.h"
#include "base/text.h"

static const char malformed[] = "malformed_json_payload";

static enum rc wrong(const char *why, const char **out_why)
{
    *out_why = why;
    return RC_INVAL;
}

static enum rc read_object(struct str body, struct json_doc **out, const char **out_why)
{
    enum rc rc = json_parse(body, CORE_TXT_BODY_MAX, out, NULL);

    if (rc == RC_NOMEM)
        return rc;
    return rc == RC_OK && json_type(json_root(*out)) == JSON_OBJECT ? RC_OK
                                                                    : wrong(malformed, out_why);
}

/* A digest as base64url (RFC 8555 section 8.4): nothing else has to be in this zone. */
static bool is_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-' && c != '_')
            return false;
    }
    return s.n == CORE_TXT_VALUE;
}

enum rc core_txt_read_update(struct str body, struct json_doc **out_doc,
                             struct core_txt_change *out, const char **out_why)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct core_txt_change c;

    TRY(read_object(body, &doc, out_why));
    if (json_str(json_get(json_root(doc), "subdomain"), &c.name) != RC_OK)
        return wrong("bad_subdomain", out_why);
    if (json_str(json_get(json_root(doc), "txt"), &c.value) != RC_OK || !is_value(c.value))
        return wrong("bad_txt", out_why);
    *out = c;
    *out_doc = MOVE(doc);
    return RC_OK;
}

enum rc core_txt_read_httpreq(struct str body, struct json_doc **out_doc,
                              struct core_txt_change *out, const char **out_why)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct core_txt_change c;

    TRY(read_object(body, &doc, out_why));
    if (json_str(json_get(json_root(doc), "fqdn"), &c.name) != RC_OK ||
        c.name.n > NAME_MAX_BYTES + 1)
        return wrong("bad_fqdn", out_why);
    if (json_str(json_get(json_root(doc), "value"), &c.value) != RC_OK || !is_value(c.value))
        return wrong("bad_value", out_why);
    *out = c;
    *out_doc = MOVE(doc);
    return RC_OK;
}

/* acme-dns takes "192.168.100.1/24" as the network that the address is in, and IPv6 in brackets. */
static enum rc read_network(struct str s, struct addr *out, uint64_t *out_bits)
{
    struct str address, bits;

    if (!str_cut(s, '/', &address, &bits))
        return RC_PARSE;
    if (str_starts(address, STR("[")) && str_ends(address, STR("]")))
        address = str_head(str_skip(address, 1), address.n - 2);
    TRY(addr_parse(address, out));
    return str_u64(bits, 8 * (uint64_t)out->n, out_bits);
}

static bool is_in(const struct addr *net, uint64_t bits, const struct addr *client)
{
    if (net->n != client->n)
        return false;
    for (uint64_t i = 0; i < bits; i++)
        if ((net->b[i / 8] ^ client->b[i / 8]) >> (7 - i % 8) & 1)
            return false;
    return true;
}

bool core_txt_allows(struct str networks, const struct addr *client)
{
    struct str one;
    struct addr net;
    uint64_t bits;

    if (networks.n == 0)
        return true;
    while (str_next(&networks, ' ', &one))
        if (read_network(one, &net, &bits) == RC_OK && is_in(&net, bits, client))
            return true;
    return false;
}

static enum rc put_networks(const struct json *list, struct buf *out, const char **out_why)
{
    struct json_iter it = json_iter(list);
    const struct json *v;
    struct str one;
    struct addr net;
    uint64_t bits;

    if (json_type(list) != JSON_ARRAY || json_len(list) > CORE_TXT_NETWORKS_MAX)
        return wrong("invalid_allowfrom_cidr", out_why);
    while (json_next(&it, NULL, &v)) {
        if (json_str(v, &one) != RC_OK || one.n > CORE_TXT_NETWORK_MAX ||
            read_network(one, &net, &bits) != RC_OK)
            return wrong("invalid_allowfrom_cidr", out_why);
        if (out->n)
            buf_u8(out, ' ');
        buf_puts(out, one);
    }
    return buf_rc(out);
}

enum rc core_txt_read_register(struct str body, struct buf *out_allow, const char **out_why)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *list;

    if (str_trim(body).n == 0)
        return RC_OK;
    TRY(read_object(body, &doc, out_why));
    list = json_get(json_root(doc), "allowfrom");
    return !list || json_is_null(list) ? RC_OK : put_networks(list, out_allow, out_why);
}

enum rc core_txt_basic(struct str authorization, struct buf *room, struct str *out_user,
                       struct str *out_password)
{
    struct str scheme, word;

    if (!str_cut(authorization, ' ', &scheme, &word) || !str_ieq(scheme, STR("Basic")) ||
        word.n > CORE_TXT_BASIC_MAX)
        return RC_PARSE;
    TRY(text_unb64(str_trim(word), room));
    TRY(buf_rc(room));
    return str_cut(buf_str(room), ':', out_user, out_password) ? RC_OK : RC_PARSE;
}

bool core_txt_is_name(struct str name, struct str label, struct str zone)
{
    const struct str alias = STR("_acme-challenge.");

    if (str_ieq(str_head(name, alias.n), alias))
        return true;
    if (str_ends(name, STR(".")))
        name = str_head(name, name.n - 1);
    return name.n == label.n + 1 + zone.n && str_ieq(str_head(name, label.n), label) &&
           name.p[label.n] == '.' && str_ieq(str_skip(name, label.n + 1), zone);
}
