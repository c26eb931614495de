/* SPDX-License-Identifier: Apache-2.0 */
/* The types of values. */
#include <inttypes.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/name.h"
#include "base/text.h"
#include "base/window.h"
#include "conf/kind_int.h"
#include "conf/value.h"

MSG(msg_control, "conf.control", "holds a control character");
MSG(msg_length, "conf.length", "has {0} characters; {1} to {2} are possible");
MSG(msg_space, "conf.space", "begins or ends with a space");
MSG(msg_country, "conf.country", "\"{0}\" is no country code of two letters, as in CH");
MSG(msg_number, "conf.number", "\"{0}\" is no whole number from {1} to {2}");
MSG(msg_quoted, "conf.quoted", "\"{0}\" is a text; write the number without quotes");
MSG(msg_span, "conf.span", "\"{0}\" is no length of time, as in 90d, 12h, 5m or 1d 12h");
MSG(msg_rate, "conf.rate",
    "\"{0}\" is no rate, as in 50/1d or 10/1h: so often in at most 366d; or none");
MSG(msg_time, "conf.time", "\"{0}\" is no time, as in 2027-01-31T00:00:00Z (RFC 3339)");
MSG(msg_span_range, "conf.span-range", "{0} is outside of {1} to {2}");
MSG(msg_choice, "conf.choice", "\"{0}\" is not one of {1}");
MSG(msg_choice_near, "conf.choice-near", "\"{0}\" is not one of {1}; did you mean \"{2}\"?");
MSG(msg_bool, "conf.bool", "\"{0}\" is neither true nor false, without quotes");
MSG(msg_windows, "conf.windows",
    "\"{0}\" is no list of times; write them as in \"Sun 02:00-04:00\", \"Mon-Fri 22:00-05:00; "
    "Sat,Sun\" or \"1st Wed 20:00-22:00 UTC\"");
MSG(msg_sha256, "conf.sha256", "\"{0}\" is no SHA-256 in hexadecimal: 64 digits, without colons");
MSG(msg_oid, "conf.oid",
    "\"{0}\" is no object identifier: numbers with dots between, as in 1.3.6.1.4.1.32473.1, the "
    "first 0, 1 or 2, the second below 40 after 0 or 1");
MSG(msg_any_policy, "conf.any-policy",
    "anyPolicy (2.5.29.32.0) is for the certificates of CAs; name the policies themselves");
MSG(msg_ident, "conf.ident",
    "\"{0}\" is no name of letters, digits, \"-\", \"_\" and \".\", beginning with a letter or "
    "digit");
MSG(msg_template, "conf.template", "\"{0}\" is no name of a CA: it needs {1}, and may have {2}");
MSG(msg_size, "conf.size", "\"{0}\" is no size, as in 512KiB, 100MiB or 1GiB");
MSG(msg_size_range, "conf.size-range", "\"{0}\" is not between {1} and {2} bytes");
MSG(msg_path, "conf.path", "is no path of a file: 1 to {0} bytes without control characters");

enum {
    SHA256_DIGITS = 64,
    PATH_BYTES_MAX = 4095,
    IDENT_BYTES_MAX = 64,
    DECIMAL_TEXT = 24,
    OID_BYTES_MAX = 128,
    OID_ARC_MAX = INT32_MAX, /* as OpenSSL's and others' readers take without trouble */
};

static struct str decimal(char text[static DECIMAL_TEXT], int64_t v)
{
    return (struct str){text, (size_t)snprintf(text, DECIMAL_TEXT, "%" PRId64, v)};
}

enum rc conf_store_str(struct arena *a, struct str s, void *out)
{
    struct str copy;

    TRY(arena_str(a, s, &copy));
    memcpy(out, &copy, sizeof(copy));
    return RC_OK;
}

static struct str stored_str(const void *field)
{
    struct str s;

    memcpy(&s, field, sizeof(s));
    return s;
}

/* What any YAML reader takes for the same text, inside of [] and {} too. */
static bool plain_enough(struct str s)
{
    static const char *const nulls[] = {"null", "Null", "NULL"};

    if (s.n == 0 || !(str_find(STR("-."), s.p[0]) == 2))
        return false;
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
        if (str_eq(s, str_of(nulls[i])))
            return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!letter && !(c >= '0' && c <= '9') && str_find(STR("-._/"), c) == 4)
            return false;
    }
    return true;
}

void conf_put_scalar(struct str s, struct buf *out)
{
    if (plain_enough(s)) {
        buf_puts(out, s);
        return;
    }
    buf_putz(out, "\"");
    text_json_escape(out, s);
    buf_putz(out, "\"");
}

void conf_print_str(const struct conf_key *, const void *field, struct buf *out)
{
    struct str s = stored_str(field);

    if (s.n)
        conf_put_scalar(s, out);
}

bool conf_has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c == 0x7f)
            return true;
        /* U+0080 to U+009F */
        if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0)
            return true;
    }
    return false;
}

static int64_t characters(struct str s)
{
    int64_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static enum rc parse_text(const struct conf_key *key, const struct conf_scalar *in, struct arena *a,
                          void *out, struct err *err)
{
    int64_t n = characters(in->s);
    char z[3][DECIMAL_TEXT];

    if (conf_has_control(in->s))
        return ERR(err, RC_INVAL, msg_control);
    if (str_trim(in->s).n != in->s.n)
        return ERR(err, RC_INVAL, msg_space);
    if (n < key->min || n > key->max)
        return ERR(err, RC_INVAL, msg_length, decimal(z[0], n), decimal(z[1], key->min),
                   decimal(z[2], key->max));
    return conf_store_str(a, in->s, out);
}

static enum rc parse_country(const struct conf_key *, const struct conf_scalar *in, struct arena *a,
                             void *out, struct err *err)
{
    char upper[2];

    if (in->s.n != 2)
        return ERR(err, RC_INVAL, msg_country, conf_shown(in->s));
    for (size_t i = 0; i < 2; i++) {
        char c = in->s.p[i];

        upper[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        if (upper[i] < 'A' || upper[i] > 'Z')
            return ERR(err, RC_INVAL, msg_country, conf_shown(in->s));
    }
    return conf_store_str(a, str_bytes(upper, 2), out);
}

static enum rc parse_ident(const struct conf_key *, const struct conf_scalar *in, struct arena *a,
                           void *out, struct err *err)
{
    TRY(conf_ident_check(in->s, err));
    return conf_store_str(a, in->s, out);
}

enum rc conf_ident_check(struct str s, struct err *err)
{
    static const struct str marks = {"-_.", 3};

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!plain && (i == 0 || str_find(marks, c) == marks.n))
            return ERR(err, RC_INVAL, msg_ident, conf_shown(s));
    }
    if (s.n == 0 || s.n > IDENT_BYTES_MAX)
        return ERR(err, RC_INVAL, msg_ident, conf_shown(s));
    return RC_OK;
}

/* Two authorities of the same name could not be told apart by clients. */
static enum rc parse_template(const struct conf_key *key, const struct conf_scalar *in,
                              struct arena *a, void *out, struct err *err)
{
    struct str rest = in->s, before;
    bool algorithm = false, number = false, unknown = false;

    while (str_cut(rest, '{', &before, &rest)) {
        algorithm |= str_starts(rest, STR("algorithm}"));
        number |= str_starts(rest, STR("number}"));
        unknown |= !str_starts(rest, STR("algorithm}")) && !str_starts(rest, STR("number}")) &&
                   !str_starts(rest, STR("organization}"));
    }
    if (!algorithm || !number || unknown)
        return ERR(err, RC_INVAL, msg_template, conf_shown(in->s), STR("{algorithm} and {number}"),
                   STR("{organization}"));
    return parse_text(key, in, a, out, err);
}

static enum rc parse_path(const struct conf_key *, const struct conf_scalar *in, struct arena *a,
                          void *out, struct err *err)
{
    char z[DECIMAL_TEXT];

    if (in->s.n == 0 || in->s.n > PATH_BYTES_MAX || conf_has_control(in->s))
        return ERR(err, RC_INVAL, msg_path, decimal(z, PATH_BYTES_MAX));
    return conf_store_str(a, in->s, out);
}

static enum rc parse_number(const struct conf_key *key, const struct conf_scalar *in,
                            struct arena *, void *out, struct err *err)
{
    char z[2][DECIMAL_TEXT];
    uint64_t v;

    if (str_u64(in->s, (uint64_t)key->max, &v) != RC_OK || v < (uint64_t)key->min)
        return ERR(err, RC_INVAL, msg_number, conf_shown(in->s), decimal(z[0], key->min),
                   decimal(z[1], key->max));
    if (!in->plain)
        return ERR(err, RC_INVAL, msg_quoted, conf_shown(in->s));
    memcpy(out, &v, sizeof(v));
    return RC_OK;
}

static void print_number(const struct conf_key *, const void *field, struct buf *out)
{
    uint64_t v;

    memcpy(&v, field, sizeof(v));
    buf_printf(out, "%" PRIu64, v);
}

static enum rc parse_size(const struct conf_key *key, const struct conf_scalar *in, struct arena *,
                          void *out, struct err *err)
{
    char z[2][DECIMAL_TEXT];
    uint64_t v;

    if (conf_size_parse(in->s, &v) != RC_OK)
        return ERR(err, RC_INVAL, msg_size, conf_shown(in->s));
    if (v < (uint64_t)key->min || v > (uint64_t)key->max)
        return ERR(err, RC_INVAL, msg_size_range, conf_shown(in->s), decimal(z[0], key->min),
                   decimal(z[1], key->max));
    memcpy(out, &v, sizeof(v));
    return RC_OK;
}

/* In the largest unit that leaves nothing over. */
static void print_size(const struct conf_key *, const void *field, struct buf *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    size_t unit = 0;
    uint64_t v;

    memcpy(&v, field, sizeof(v));
    for (; v && v % 1024 == 0 && unit < 3; unit++)
        v /= 1024;
    buf_printf(out, "%" PRIu64 "%s", v, units[unit]);
}

static enum rc span_outside(const struct conf_key *key, when_t span, struct err *err)
{
    CLEANUP(buf_done) struct buf at = BUF_INIT(128);
    CLEANUP(buf_done) struct buf min = BUF_INIT(128);
    CLEANUP(buf_done) struct buf max = BUF_INIT(128);

    when_put_span(&at, span);
    when_put_span(&min, key->min);
    when_put_span(&max, key->max);
    TRY(buf_rc(&at));
    TRY(buf_rc(&min));
    TRY(buf_rc(&max));
    return ERR(err, RC_INVAL, msg_span_range, buf_str(&at), buf_str(&min), buf_str(&max));
}

static enum rc parse_span(const struct conf_key *key, const struct conf_scalar *in, struct arena *,
                          void *out, struct err *err)
{
    when_t span;

    if (conf_span_parse(in->s, &span) != RC_OK)
        return ERR(err, RC_INVAL, msg_span, conf_shown(in->s));
    if (span < key->min || span > key->max)
        return span_outside(key, span, err);
    memcpy(out, &span, sizeof(span));
    return RC_OK;
}

static void print_span(const struct conf_key *, const void *field, struct buf *out)
{
    when_t span;

    memcpy(&span, field, sizeof(span));
    when_put_span(out, span);
}

static enum rc parse_rate(const struct conf_key *, const struct conf_scalar *in, struct arena *,
                          void *out, struct err *err)
{
    struct conf_rate rate = {.count = 0};

    if (!str_eq(in->s, STR("none")) && conf_rate_parse(in->s, &rate) != RC_OK)
        return ERR(err, RC_INVAL, msg_rate, conf_shown(in->s));
    if (rate.count && (rate.per > CONF_RATE_PER_MAX || rate.per / (when_t)rate.count == 0))
        return ERR(err, RC_INVAL, msg_rate, conf_shown(in->s));
    memcpy(out, &rate, sizeof(rate));
    return RC_OK;
}

static void print_rate(const struct conf_key *, const void *field, struct buf *out)
{
    struct conf_rate rate;

    memcpy(&rate, field, sizeof(rate));
    if (rate.count == 0) {
        buf_putz(out, "none");
        return;
    }
    buf_printf(out, "%llu/", (unsigned long long)rate.count);
    when_put_span(out, rate.per);
}

static enum rc parse_time(const struct conf_key *, const struct conf_scalar *in, struct arena *,
                          void *out, struct err *err)
{
    when_t t;

    if (when_parse(in->s, &t) != RC_OK)
        return ERR(err, RC_INVAL, msg_time, conf_shown(in->s));
    memcpy(out, &t, sizeof(t));
    return RC_OK;
}

static void print_time(const struct conf_key *, const void *field, struct buf *out)
{
    char text[WHEN_TEXT];
    when_t t;

    memcpy(&t, field, sizeof(t));
    buf_putz(out, when_text(t, text));
}

static enum rc not_a_choice(const struct conf_key *key, struct str s, struct err *err)
{
    CLEANUP(buf_done) struct buf all = BUF_INIT(512);
    struct str nearest = conf_names_nearest(key->names, s);

    for (const char *const *name = key->names; *name; name++) {
        buf_putz(&all, all.n ? ", " : "");
        buf_putz(&all, *name);
    }
    TRY(buf_rc(&all));
    if (nearest.n)
        return ERR(err, RC_INVAL, msg_choice_near, conf_shown(s), buf_str(&all), nearest);
    return ERR(err, RC_INVAL, msg_choice, conf_shown(s), buf_str(&all));
}

static enum rc parse_choice(const struct conf_key *key, const struct conf_scalar *in,
                            struct arena *, void *out, struct err *err)
{
    for (unsigned i = 0; key->names[i]; i++) {
        if (!str_eq(in->s, str_of(key->names[i])))
            continue;
        memcpy(out, &i, sizeof(i));
        return RC_OK;
    }
    return not_a_choice(key, in->s, err);
}

static void print_choice(const struct conf_key *key, const void *field, struct buf *out)
{
    unsigned i;

    memcpy(&i, field, sizeof(i));
    buf_putz(out, key->names[i]);
}

static enum rc parse_bool(const struct conf_key *, const struct conf_scalar *in, struct arena *,
                          void *out, struct err *err)
{
    bool v = str_eq(in->s, STR("true"));

    if (!in->plain || (!v && !str_eq(in->s, STR("false"))))
        return ERR(err, RC_INVAL, msg_bool, conf_shown(in->s));
    memcpy(out, &v, sizeof(v));
    return RC_OK;
}

static void print_bool(const struct conf_key *, const void *field, struct buf *out)
{
    bool v;

    memcpy(&v, field, sizeof(v));
    buf_putz(out, v ? "true" : "false");
}

/* X.660: the second arc is below 40 where the first is 0 or 1, for DER writes both as one. */
static bool is_oid(struct str s)
{
    uint64_t first = 0, arc;
    struct str field;
    size_t n = 0;

    if (s.n > OID_BYTES_MAX || str_ends(s, STR(".")))
        return false;
    for (; str_next(&s, '.', &field); n++) {
        if (str_u64(field, OID_ARC_MAX, &arc) != RC_OK || (field.n > 1 && field.p[0] == '0'))
            return false;
        if ((n == 0 && arc > 2) || (n == 1 && first < 2 && arc > 39))
            return false;
        first = n == 0 ? arc : first;
    }
    return n >= 2;
}

static enum rc parse_oid(const struct conf_key *, const struct conf_scalar *in, struct arena *a,
                         void *out, struct err *err)
{
    if (!is_oid(in->s))
        return ERR(err, RC_INVAL, msg_oid, conf_shown(in->s));
    if (str_eq(in->s, STR("2.5.29.32.0")))
        return ERR(err, RC_INVAL, msg_any_policy);
    return conf_store_str(a, in->s, out);
}

static enum rc parse_sha256(const struct conf_key *, const struct conf_scalar *in, struct arena *a,
                            void *out, struct err *err)
{
    char lower[SHA256_DIGITS];

    if (in->s.n != SHA256_DIGITS)
        return ERR(err, RC_INVAL, msg_sha256, conf_shown(in->s));
    for (size_t i = 0; i < SHA256_DIGITS; i++) {
        char c = in->s.p[i];

        lower[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
        if (!((lower[i] >= '0' && lower[i] <= '9') || (lower[i] >= 'a' && lower[i] <= 'f')))
            return ERR(err, RC_INVAL, msg_sha256, conf_shown(in->s));
    }
    return conf_store_str(a, str_bytes(lower, SHA256_DIGITS), out);
}

static enum rc parse_windows(const struct conf_key *, const struct conf_scalar *in, struct arena *a,
                             void *out, struct err *err)
{
    struct windows w;

    if (in->s.n && windows_parse(in->s, &w) != RC_OK)
        return ERR(err, RC_INVAL, msg_windows, conf_shown(in->s));
    return conf_store_str(a, in->s, out);
}

const struct conf_kind conf_kind_text = {sizeof(struct str), parse_text, conf_print_str};
const struct conf_kind conf_kind_country = {sizeof(struct str), parse_country, conf_print_str};
const struct conf_kind conf_kind_ident = {sizeof(struct str), parse_ident, conf_print_str};
const struct conf_kind conf_kind_template = {sizeof(struct str), parse_template, conf_print_str};
const struct conf_kind conf_kind_path = {sizeof(struct str), parse_path, conf_print_str};
const struct conf_kind conf_kind_number = {sizeof(uint64_t), parse_number, print_number};
const struct conf_kind conf_kind_size = {sizeof(uint64_t), parse_size, print_size};
const struct conf_kind conf_kind_span = {sizeof(when_t), parse_span, print_span};
const struct conf_kind conf_kind_rate = {sizeof(struct conf_rate), parse_rate, print_rate};
const struct conf_kind conf_kind_time = {sizeof(when_t), parse_time, print_time};
const struct conf_kind conf_kind_choice = {sizeof(unsigned), parse_choice, print_choice};
const struct conf_kind conf_kind_bool = {sizeof(bool), parse_bool, print_bool};
const struct conf_kind conf_kind_oid = {sizeof(struct str), parse_oid, conf_print_str};
const struct conf_kind conf_kind_sha256 = {sizeof(struct str), parse_sha256, conf_print_str};
const struct conf_kind conf_kind_windows = {sizeof(struct str), parse_windows, conf_print_str};
