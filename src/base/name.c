/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"

#include "base/addr.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static enum rc check_label(struct str label)
{
    if (label.n == 0 || !is_alnum(label.p[0]) || !is_alnum(label.p[label.n - 1]))
        return RC_PARSE;
    for (size_t i = 0; i < label.n; i++)
        if (!is_alnum(label.p[i]) && label.p[i] != '-')
            return RC_PARSE;
    return label.n > NAME_LABEL_MAX ? RC_TOOBIG : RC_OK;
}

/* inet_aton(3) and with it most resolvers read 010, 0x7f and 2130706433 as (parts of) an IPv4
 * address. */
static bool is_number(struct str label)
{
    bool hex = label.n >= 2 && label.p[0] == '0' && (label.p[1] == 'x' || label.p[1] == 'X');

    for (size_t i = hex ? 2 : 0; i < label.n; i++)
        if (hex ? !is_hex(label.p[i]) : !is_digit(label.p[i]))
            return false;
    return true;
}

static enum rc check_labels(struct str s)
{
    struct str label = {NULL, 0};
    bool more = true;

    while (more) {
        more = str_cut(s, '.', &label, &s);
        TRY(check_label(label));
    }
    return is_number(label) ? RC_INVAL : RC_OK;
}

enum rc name_canonical(struct str s, bool wildcard, char out[static NAME_MAX_BYTES + 1])
{
    char lower[NAME_MAX_BYTES + 1];
    struct addr ip;

    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return RC_UNSUPPORTED;
    if (addr_parse(s, &ip) == RC_OK)
        return RC_INVAL;
    if (str_ends(s, STR(".")))
        s.n--;
    if (s.n > NAME_MAX_BYTES)
        return RC_TOOBIG;
    TRY(check_labels(wildcard && name_is_wildcard(s) ? str_skip(s, 2) : s));
    for (size_t i = 0; i < s.n; i++)
        lower[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
    return str_copyz(str_bytes(lower, s.n), out, NAME_MAX_BYTES + 1);
}

enum rc name_reverse(struct str name, char out[static NAME_MAX_BYTES + 1])
{
    char reversed[NAME_MAX_BYTES + 1];
    struct str rest = name;
    size_t at = name.n;
    bool more = name.n > 0;

    if (name.n > NAME_MAX_BYTES)
        return RC_TOOBIG;
    while (more) {
        struct str label;

        more = str_cut(rest, '.', &label, &rest);
        at -= label.n;
        if (label.n)
            memcpy(reversed + at, label.p, label.n);
        if (more)
            reversed[--at] = '.';
    }
    return str_copyz(str_bytes(reversed, name.n), out, NAME_MAX_BYTES + 1);
}

bool name_under(struct str name, struct str domain)
{
    if (str_eq(name, domain))
        return true;
    return domain.n && name.n > domain.n && str_ends(name, domain) &&
           name.p[name.n - domain.n - 1] == '.';
}

bool name_is_wildcard(struct str name)
{
    return str_starts(name, STR("*."));
}

size_t name_labels(struct str name)
{
    size_t n = name.n ? 1 : 0;

    for (size_t i = 0; i < name.n; i++)
        n += name.p[i] == '.';
    return n;
}

/* ---- mail addresses and URIs ---- */

enum { LOCAL_PART_MAX = 64 };

static bool is_among(char c, struct str set)
{
    return str_find(set, c) < set.n;
}

/* atext of RFC 5322 section 3.2.3, with dots only between. */
static enum rc check_local_part(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool dot = s.p[i] == '.';

        if (dot && (i == 0 || i + 1 == s.n || s.p[i - 1] == '.'))
            return RC_PARSE;
        if (!dot && !is_alnum(s.p[i]) && !is_among(s.p[i], STR("!#$%&'*+-/=?^_`{|}~")))
            return RC_PARSE;
    }
    return s.n == 0 ? RC_PARSE : s.n > LOCAL_PART_MAX ? RC_TOOBIG : RC_OK;
}

enum rc name_email_canonical(struct str s, char out[static NAME_EMAIL_MAX + 1])
{
    char domain[NAME_MAX_BYTES + 1], email[NAME_EMAIL_MAX + 1];
    struct str local, host;
    enum rc rc;

    if (!str_cut(s, '@', &local, &host))
        return RC_PARSE;
    rc = name_canonical(host, false, domain);
    TRY(rc == RC_INVAL ? RC_PARSE : rc);
    TRY(check_local_part(local));
    if (local.n + 1 + strlen(domain) > NAME_EMAIL_MAX)
        return RC_TOOBIG;
    memcpy(email, local.p, local.n);
    email[local.n] = '@';
    TRY(str_copyz(str_of(domain), email + local.n + 1, sizeof(email) - local.n - 1));
    return str_copyz(str_of(email), out, NAME_EMAIL_MAX + 1);
}

struct str name_email_domain(struct str email)
{
    return str_skip(email, str_find(email, '@') + 1);
}

static bool is_scheme(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool lower = s.p[i] >= 'a' && s.p[i] <= 'z';

        if (!lower && (i == 0 || (!is_digit(s.p[i]) && !is_among(s.p[i], STR("+-.")))))
            return false;
    }
    return s.n > 0;
}

/* pchar of RFC 3986 section 3.3, "/" and "?". */
static bool is_path(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%') {
            if (s.n - i < 3 || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
                return false;
            i += 2;
        } else if (!is_alnum(s.p[i]) && !is_among(s.p[i], STR("-._~!$&'()*+,;=:@/?"))) {
            return false;
        }
    }
    return true;
}

static size_t authority_end(struct str s)
{
    size_t slash = str_find(s, '/'), query = str_find(s, '?');

    return slash < query ? slash : query;
}

/* Host and port; the host without the brackets of an IPv6 address. */
static bool is_authority(struct str s, struct str *out_host)
{
    char canonical[NAME_MAX_BYTES + 1], text[ADDR_TEXT];
    struct str host = s, port = {NULL, 0};
    struct addr ip;
    uint64_t n;

    if (str_starts(s, STR("["))) {
        if (!str_cut(str_skip(s, 1), ']', &host, &port))
            return false;
        if (port.n && port.p[0] != ':')
            return false;
        port = str_skip(port, 1);
    } else {
        str_cut(s, ':', &host, &port);
    }
    if (host.n + port.n < s.n && str_ends(s, STR(":")))
        return false;
    if (port.n && str_u64(port, UINT16_MAX, &n) != RC_OK)
        return false;
    *out_host = host;
    if (addr_parse(host, &ip) == RC_OK)
        return str_eq(host, str_of(addr_text(&ip, text))) && (ip.n == 16) == (host.p != s.p);
    return host.p == s.p && name_canonical(host, false, canonical) == RC_OK &&
           str_eq(host, str_of(canonical));
}

static enum rc take_uri(struct str uri, struct str *out_host)
{
    struct str scheme, rest;
    size_t end;

    if (uri.n > NAME_URI_MAX)
        return RC_TOOBIG;
    if (!str_cut(uri, ':', &scheme, &rest) || !is_scheme(scheme) || !str_starts(rest, STR("//")))
        return RC_PARSE;
    rest = str_skip(rest, 2);
    end = authority_end(rest);
    if (!is_authority(str_head(rest, end), out_host) || !is_path(str_skip(rest, end)))
        return RC_PARSE;
    return RC_OK;
}

enum rc name_uri_check(struct str uri)
{
    struct str host;

    return take_uri(uri, &host);
}

struct str name_uri_host(struct str uri)
{
    struct str host;

    return take_uri(uri, &host) == RC_OK ? host : (struct str){NULL, 0};
}
