/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/name.h"

#include "x509/oid.h"

static const struct {
    enum x509_oid oid;
    size_t at; /* in struct x509_subject */
} fields[] = {
    {X509_OID_COUNTRY, offsetof(struct x509_subject, country)},
    {X509_OID_STATE, offsetof(struct x509_subject, state)},
    {X509_OID_LOCALITY, offsetof(struct x509_subject, locality)},
    {X509_OID_ORGANIZATION, offsetof(struct x509_subject, organization)},
    {X509_OID_UNIT, offsetof(struct x509_subject, unit)},
    {X509_OID_CN, offsetof(struct x509_subject, common_name)},
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static const struct str *field_of(const struct x509_subject *s, size_t i)
{
    return (const struct str *)(const void *)((const char *)s + fields[i].at);
}

/* ---- writing ---- */

/* Characters, not bytes: the limits of RFC 5280 count those. */
static size_t utf8_count(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool valid(enum x509_oid oid, struct str v)
{
    if (oid == X509_OID_COUNTRY)
        return v.n == 2 && is_upper(v.p[0]) && is_upper(v.p[1]);
    if (!str_utf8(v) || utf8_count(v) > X509_ATTR_MAX)
        return false;
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char)v.p[i] < 0x20)
            return false; /* str_utf8 lets tabs and line ends pass */
    return true;
}

enum rc x509_name_build(const struct x509_subject *s, struct buf *out)
{
    struct x509_der w = x509_der_of(out);

    for (size_t i = 0; i < FIELDS; i++)
        if (field_of(s, i)->n && !valid(fields[i].oid, *field_of(s, i)))
            return RC_INVAL;
    x509_der_open(&w, X509_DER_SEQUENCE);
    for (size_t i = 0; i < FIELDS; i++) {
        struct str v = *field_of(s, i);

        if (v.n == 0)
            continue;
        x509_der_open(&w, X509_DER_SET);
        x509_der_open(&w, X509_DER_SEQUENCE);
        x509_oid_put(&w, fields[i].oid);
        x509_der_put(&w, fields[i].oid == X509_OID_COUNTRY ? X509_DER_PRINTABLE : X509_DER_UTF8, v);
        x509_der_close(&w);
        x509_der_close(&w);
    }
    x509_der_close(&w);
    return x509_der_end(&w);
}

/* ---- reading ---- */

/* Walks over all attributes of all RDNs; the next one, or false at the end or when `names` or `set`
 * has failed. */
static bool next_attr(struct rd *names, struct rd *set, struct str *out_oid, uint8_t *out_tag,
                      struct str *out_value)
{
    struct rd attr, value;

    if (set->failed || (set->left == 0 && names->left == 0))
        return false;
    if (set->left == 0)
        *set = x509_der_in(names, X509_DER_SET);
    attr = x509_der_in(set, X509_DER_SEQUENCE);
    *out_oid = x509_der_get(&attr, X509_DER_OID);
    value = rd_of(x509_der_any(&attr, out_tag));
    if (rd_done(&attr) != RC_OK) {
        rd_fail(set);
        return false;
    }
    *out_value = x509_der_get(&value, *out_tag);
    return true;
}

static bool is_text(uint8_t tag)
{
    return tag == X509_DER_UTF8 || tag == X509_DER_PRINTABLE || tag == X509_DER_IA5 ||
           tag == X509_DER_TELETEX;
}

/* The empty field of `s` that the attribute fills. */
static struct str *empty_field(struct x509_subject *s, struct str oid)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (str_eq(oid, x509_oid_der(fields[i].oid))) {
            struct str *f = (struct str *)(void *)((char *)s + fields[i].at);

            return f->n ? NULL : f;
        }
    return NULL;
}

enum rc x509_name_parse(struct str name, struct x509_subject *out, size_t *out_others)
{
    struct rd r = rd_of(name), names = x509_der_in(&r, X509_DER_SEQUENCE),
              set = rd_of((struct str){"", 0});
    struct x509_subject s = {.country = {NULL, 0}};
    size_t others = 0, n = 0;
    struct str oid, value;
    uint8_t tag = 0;

    TRY(rd_done(&r));
    for (; next_attr(&names, &set, &oid, &tag, &value); n++) {
        struct str *f = is_text(tag) && value.n ? empty_field(&s, oid) : NULL;

        if (n >= X509_NAME_ATTRS_MAX)
            return RC_PARSE;
        if (f)
            *f = value;
        else
            others++;
    }
    TRY(rd_done(&set));
    TRY(rd_done(&names));
    *out = s;
    if (out_others)
        *out_others = others;
    return RC_OK;
}

size_t x509_name_count(struct str name, struct str oid)
{
    struct rd r = rd_of(name), names = x509_der_in(&r, X509_DER_SEQUENCE);
    struct rd set = rd_of((struct str){"", 0});
    struct str type, value;
    uint8_t tag = 0;
    size_t n = 0;

    while (next_attr(&names, &set, &type, &tag, &value))
        n += str_eq(type, oid);
    return set.failed ? 0 : n;
}

static void put_label(struct buf *out, struct str oid)
{
    static const struct {
        enum x509_oid oid;
        const char *label;
    } labels[] = {
        {X509_OID_CN, "CN"},
        {X509_OID_COUNTRY, "C"},
        {X509_OID_LOCALITY, "L"},
        {X509_OID_STATE, "ST"},
        {X509_OID_ORGANIZATION, "O"},
        {X509_OID_UNIT, "OU"},
        {X509_OID_SERIAL_NUMBER, "serialNumber"},
        {X509_OID_EMAIL, "emailAddress"},
        {X509_OID_DC, "DC"},
    };
    char text[X509_OID_TEXT];

    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
        if (str_eq(oid, x509_oid_der(labels[i].oid))) {
            buf_putz(out, labels[i].label);
            return;
        }
    buf_putz(out, x509_oid_text(oid, text));
}

/* Terminals and logs see this: whatever is not plain text becomes \XX. */
static void put_value(struct buf *out, uint8_t tag, struct str v)
{
    bool text = tag == X509_DER_UTF8 ? str_utf8(v) : is_text(tag) && str_printable(v);

    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];

        if (!text || c < 0x20 || c == 0x7f)
            buf_printf(out, "\\%02X", c);
        else if (c == ',' || c == '+' || c == '"' || c == '\\' || c == '<' || c == '>' || c == ';')
            buf_printf(out, "\\%c", c);
        else
            buf_u8(out, c);
    }
}

void x509_name_text(struct str name, struct buf *out)
{
    struct rd r = rd_of(name), names = x509_der_in(&r, X509_DER_SEQUENCE),
              set = rd_of((struct str){"", 0});
    struct x509_subject s;
    struct str oid, value;
    uint8_t tag = 0;
    bool first = true;

    if (x509_name_parse(name, &s, NULL) != RC_OK) {
        buf_u8(out, '?');
        return;
    }
    while (next_attr(&names, &set, &oid, &tag, &value)) {
        if (!first)
            buf_putz(out, ", ");
        first = false;
        put_label(out, oid);
        buf_putz(out, " = ");
        put_value(out, tag, value);
    }
    if (first)
        buf_u8(out, '-');
}
