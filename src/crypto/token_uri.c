/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token_uri.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

MSG(msg_scheme, "crypto.token-uri",
    "\"{0}\" is no PKCS#11 URI of at most 1024 characters; one looks like "
    "pkcs11:token=CA;object=rsa-1 (RFC 7512)");
MSG(msg_attribute, "crypto.token-uri-attribute",
    "the PKCS#11 URI has an attribute \"{0}\"; understood are token, manufacturer, serial, model, "
    "slot-id, object, id and type=private");
MSG(msg_query, "crypto.token-uri-query",
    "the PKCS#11 URI has a query part; module and PIN are set by ca.pkcs11 in autarky.yaml");
MSG(msg_twice, "crypto.token-uri-twice", "the PKCS#11 URI has the attribute \"{0}\" twice");
MSG(msg_value, "crypto.token-uri-value",
    "the PKCS#11 URI's attribute \"{0}\" is empty, too long or escaped in a wrong way");

/* Those that are text. */
static const struct {
    struct str name;
    size_t offset;
    size_t max;
} texts[] = {
    {STR("token"), offsetof(struct crypto_token_uri, token), CRYPTO_TOKEN_LABEL},
    {STR("manufacturer"), offsetof(struct crypto_token_uri, manufacturer), CRYPTO_TOKEN_LABEL},
    {STR("serial"), offsetof(struct crypto_token_uri, serial), CRYPTO_TOKEN_SERIAL},
    {STR("model"), offsetof(struct crypto_token_uri, model), CRYPTO_TOKEN_SERIAL},
    {STR("object"), offsetof(struct crypto_token_uri, object), CRYPTO_TOKEN_OBJECT},
};
enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes into `out`, which has room for `max` bytes; 0 when it is empty, longer or wrong. An id
 * may hold every byte, so this is not text_unpercent. */
static size_t unescape(struct str s, unsigned char *out, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; n++) {
        if (n == max)
            return 0;
        if (s.p[i] != '%') {
            if (s.p[i] <= ' ' || s.p[i] > '~')
                return 0;
            out[n] = (unsigned char)s.p[i++];
            continue;
        }
        if (s.n - i < 3 || digit(s.p[i + 1]) < 0 || digit(s.p[i + 2]) < 0)
            return 0;
        out[n] = (unsigned char)(digit(s.p[i + 1]) << 4 | digit(s.p[i + 2]));
        i += 3;
    }
    return n;
}

static bool take_text(struct str value, size_t i, struct crypto_token_uri *uri)
{
    char *field = (char *)uri + texts[i].offset;
    size_t n = unescape(value, (unsigned char *)field, texts[i].max);

    field[n] = '\0';
    for (size_t k = 0; k < n; k++)
        if (str_is_control((unsigned char)field[k]) && (unsigned char)field[k] < 0x80)
            return false;
    return n > 0 && str_utf8(str_bytes(field, n));
}

/* `which` counts the attributes that are no text behind those that are. */
static bool take_other(struct str value, size_t which, struct crypto_token_uri *uri)
{
    switch (which) {
    case TEXTS:
        uri->id_n = unescape(value, uri->id, sizeof(uri->id));
        return uri->id_n > 0;
    case TEXTS + 1:
        uri->has_slot = str_u64(value, UINT32_MAX, &uri->slot) == RC_OK;
        return uri->has_slot;
    default:
        return str_eq(value, STR("private"));
    }
}

static bool attribute_of(struct str name, size_t *out)
{
    static const struct str others[] = {STR("id"), STR("slot-id"), STR("type")};

    for (size_t i = 0; i < TEXTS; i++)
        if (str_eq(name, texts[i].name)) {
            *out = i;
            return true;
        }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (str_eq(name, others[i])) {
            *out = TEXTS + i;
            return true;
        }
    return false;
}

static enum rc take_attribute(struct str field, unsigned *seen, struct crypto_token_uri *uri,
                              struct err *err)
{
    struct str name, value;
    size_t which;

    if (!str_cut(field, '=', &name, &value) || !attribute_of(name, &which))
        return ERR(err, RC_UNSUPPORTED, msg_attribute, name);
    if (*seen & 1U << which)
        return ERR(err, RC_INVAL, msg_twice, name);
    *seen |= 1U << which;
    if (!(which < TEXTS ? take_text(value, which, uri) : take_other(value, which, uri)))
        return ERR(err, RC_PARSE, msg_value, name);
    return RC_OK;
}

enum rc crypto_token_uri_parse(struct str text, struct crypto_token_uri *out, struct err *err)
{
    static const struct str scheme = STR("pkcs11:");
    struct crypto_token_uri uri = {};
    struct str rest = str_skip(text, scheme.n);
    struct str field;
    unsigned seen = 0;

    if (!str_starts(text, scheme) || rest.n == 0 || text.n > CRYPTO_TOKEN_URI_MAX)
        return ERR(err, RC_PARSE, msg_scheme, text);
    if (str_find(rest, '?') < rest.n)
        return ERR(err, RC_UNSUPPORTED, msg_query);
    while (str_next(&rest, ';', &field))
        TRY(take_attribute(field, &seen, &uri, err));
    *out = uri;
    return RC_OK;
}

static void put_name(const char *name, struct buf *out)
{
    const char *z = buf_z(out);
    size_t n = buf_str(out).n;

    if (n && z[n - 1] != ':')
        buf_putz(out, ";");
    buf_putz(out, name);
    buf_putz(out, "=");
}

void crypto_token_uri_put(const struct crypto_token_uri *uri, struct buf *out)
{
    buf_putz(out, "pkcs11:");
    for (size_t i = 0; i < TEXTS; i++) {
        struct str value = str_of((const char *)uri + texts[i].offset);

        if (value.n == 0)
            continue;
        put_name(texts[i].name.p, out);
        text_percent(out, value);
    }
    if (uri->id_n) {
        put_name("id", out);
        for (size_t i = 0; i < uri->id_n; i++)
            buf_printf(out, "%%%02x", uri->id[i]);
    }
    if (uri->has_slot) {
        put_name("slot-id", out);
        buf_printf(out, "%llu", (unsigned long long)uri->slot);
    }
}

bool crypto_token_uri_same_token(const struct crypto_token_uri *a, const struct crypto_token_uri *b)
{
    return strcmp(a->token, b->token) == 0 && strcmp(a->manufacturer, b->manufacturer) == 0 &&
           strcmp(a->serial, b->serial) == 0 && strcmp(a->model, b->model) == 0 &&
           a->has_slot == b->has_slot && a->slot == b->slot;
}
