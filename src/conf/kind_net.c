/* SPDX-License-Identifier: Apache-2.0 */
/* The types of values that are names, addresses and URLs. */
#include <stdio.h>

#include "base/addr.h"
#include "base/name.h"
#include "conf/kind_int.h"
#include "conf/suffix.h"

MSG(msg_name, "conf.name", "\"{0}\" is no domain name");
MSG(msg_name_long, "conf.name-long", "\"{0}\" is too long for a domain name");
MSG(msg_name_ascii, "conf.name-ascii",
    "\"{0}\" has letters outside of ASCII; write the A-label, as in xn--mnchen-3ya.example");
MSG(msg_name_address, "conf.name-address", "\"{0}\" is an IP address, no domain name");
MSG(msg_single_label, "conf.single-label",
    "\"{0}\" is a whole top-level domain; the domain of an organization has two labels or more, as "
    "in hospital.example");
MSG(msg_public, "conf.public-suffix",
    "\"{0}\" is a top-level domain of the public Internet, for which a private CA may not vouch");
MSG(msg_suffix, "conf.public-domain",
    "\"{0}\" is a public suffix: names below it belong to strangers; give the organization's own "
    "domain, as in hospital.{0}");
MSG(msg_not_single, "conf.not-single", "\"{0}\" has a dot; a name of a single label is needed");
MSG(msg_pattern, "conf.pattern",
    "\"{0}\" is no pattern: a name, \"*.\" and a name, or \"*\" alone are, and names with a \"*\" "
    "inside of a label, as in web-*.hospital.example");
MSG(msg_stars, "conf.pattern-stars",
    "\"{0}\" is no pattern: behind a \"*.\" in front it may have {1} stars, never two of them side "
    "by side and none in the last label");
MSG(msg_client, "conf.client-certificate",
    "\"{0}\" names no client certificate: give a DNS name that is in it, without stars, as in "
    "pump-7.hospital.example, or team: or owner: with 1 to {1} bytes behind, or sha256: with 64 "
    "digits 0 to 9, a to f");
MSG(msg_net, "conf.net", "\"{0}\" is no network, as in 10.1.0.0/16, 2001:db8::/32 or 10.1.2.3");
MSG(msg_net_host, "conf.net-host", "\"{0}\" has bits set behind its prefix; the network is {1}");
MSG(msg_listen, "conf.listen", "\"{0}\" is no address and port, as in 0.0.0.0:80 or [::]:80");
MSG(msg_server, "conf.server",
    "\"{0}\" is no address, as in 10.0.0.53, 10.0.0.53:5353 or [2001:db8::53]:53");
MSG(msg_log_server, "conf.log-server",
    "\"{0}\" is no address and port, as in 10.0.0.9:6514 or [2001:db8::9]:6514");
MSG(msg_url, "conf.url", "\"{0}\" is no URL, as in {1}://www.hospital.example/page");
MSG(msg_base_url, "conf.base-url",
    "\"{0}\" is no base of URLs: {1}://, a name or address, a port if need be, and nothing more");

enum { URL_BYTES_MAX = 1024 };

static enum rc name_error(enum rc rc, struct str s, struct err *err)
{
    if (rc == RC_TOOBIG)
        return ERR(err, RC_INVAL, msg_name_long, conf_shown(s));
    if (rc == RC_UNSUPPORTED)
        return ERR(err, RC_INVAL, msg_name_ascii, conf_shown(s));
    if (rc == RC_INVAL)
        return ERR(err, RC_INVAL, msg_name_address, conf_shown(s));
    return ERR(err, RC_INVAL, msg_name, conf_shown(s));
}

/* The canonical form of a name, with a message when there is none. */
static enum rc canonical(struct str s, char name[static NAME_MAX_BYTES + 1], struct err *err)
{
    enum rc rc = name_canonical(s, false, name);

    return rc == RC_OK ? RC_OK : name_error(rc, s, err);
}

static enum rc parse_domain(const struct conf_key *, const struct conf_scalar *in, struct arena *a,
                            void *out, struct err *err)
{
    char name[NAME_MAX_BYTES + 1];

    TRY(canonical(in->s, name, err));
    if (name_labels(str_of(name)) < 2)
        return ERR(err, RC_INVAL, msg_single_label, str_of(name));
    if (conf_public_suffix(str_of(name)))
        return ERR(err, RC_INVAL, msg_suffix, str_of(name));
    return conf_store_str(a, str_of(name), out);
}

/* What is fine inside, but not when the Internet has it: two letters are a country, today or
 * tomorrow. */
static bool public_label(struct str name)
{
    return (name_labels(name) == 1 && name.n == 2) || conf_public_suffix(name);
}

static enum rc parse_internal(const struct conf_key *, const struct conf_scalar *in,
                              struct arena *a, void *out, struct err *err)
{
    char name[NAME_MAX_BYTES + 1];

    TRY(canonical(in->s, name, err));
    /* RFC 8375 gives it to every home network; the list has it because it is in the DNS. */
    if (public_label(str_of(name)) && !str_eq(str_of(name), STR("home.arpa")))
        return ERR(err, RC_INVAL, msg_public, str_of(name));
    return conf_store_str(a, str_of(name), out);
}

static enum rc parse_single(const struct conf_key *, const struct conf_scalar *in, struct arena *a,
                            void *out, struct err *err)
{
    char name[NAME_MAX_BYTES + 1];

    TRY(canonical(in->s, name, err));
    if (name_labels(str_of(name)) != 1)
        return ERR(err, RC_INVAL, msg_not_single, str_of(name));
    if (public_label(str_of(name)))
        return ERR(err, RC_INVAL, msg_public, str_of(name));
    return conf_store_str(a, str_of(name), out);
}

static enum rc parse_host(const struct conf_key *, const struct conf_scalar *in, struct arena *a,
                          void *out, struct err *err)
{
    char name[NAME_MAX_BYTES + 1];

    TRY(canonical(in->s, name, err));
    return conf_store_str(a, str_of(name), out);
}

static enum rc parse_zone(const struct conf_key *key, const struct conf_scalar *in, struct arena *a,
                          void *out, struct err *err)
{
    if (str_eq(in->s, STR(".")))
        return conf_store_str(a, in->s, out);
    return parse_host(key, in, a, out, err);
}

/* Behind the front there are not too many of them, none beside another, none in the last label. */
static bool stars_right(struct str s, size_t front)
{
    size_t stars = 0, last = 0;

    for (size_t i = 0; i + 1 < s.n; i++)
        last = s.p[i] == '.' ? i : last;
    for (size_t i = front; i < s.n; i++) {
        if (s.p[i] != '*')
            continue;
        if (++stars > CONF_PATTERN_STARS_MAX || i >= last || (i > front && s.p[i - 1] == '*'))
            return false;
    }
    return true;
}

/* Stars inside: each could be any letter, so what has one in its place has to be a name. */
static enum rc parse_glob(struct str s, char name[static NAME_MAX_BYTES + 1], struct err *err)
{
    size_t front = str_starts(s, STR("*.")) ? 2 : 0;
    char filled[NAME_MAX_BYTES + 2];
    struct str shown = conf_shown(s);
    enum rc rc;

    if (s.n >= sizeof(filled))
        return name_error(RC_TOOBIG, s, err);
    if (!stars_right(s, front))
        return ERR(err, RC_INVAL, msg_stars, shown, STR("4"));
    for (size_t i = 0; i < s.n; i++)
        filled[i] = (char)(i >= front && s.p[i] == '*' ? 'x' : s.p[i]);
    rc = name_canonical(str_bytes(filled, s.n), true, name);
    if (rc != RC_OK)
        return rc == RC_PARSE ? ERR(err, RC_INVAL, msg_pattern, shown) : name_error(rc, s, err);
    for (size_t i = front; name[i]; i++)
        if (s.p[i] == '*')
            name[i] = '*';
    return RC_OK;
}

static enum rc parse_pattern(const struct conf_key *, const struct conf_scalar *in, struct arena *a,
                             void *out, struct err *err)
{
    char name[NAME_MAX_BYTES + 1];
    enum rc rc;

    if (str_eq(in->s, STR("*")))
        return conf_store_str(a, in->s, out);
    if (str_find(str_skip(in->s, 1), '*') + 1 < in->s.n ||
        (str_starts(in->s, STR("*")) && !str_starts(in->s, STR("*.")))) {
        TRY(parse_glob(in->s, name, err));
        return conf_store_str(a, str_of(name), out);
    }
    rc = name_canonical(in->s, true, name);
    if (rc == RC_PARSE)
        return ERR(err, RC_INVAL, msg_pattern, conf_shown(in->s));
    if (rc != RC_OK)
        return name_error(rc, in->s, err);
    return conf_store_str(a, str_of(name), out);
}

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
            return false;
    return s.n == 64;
}

/* Whose certificate it is, or which; see conf_rule.client_certificates. */
static enum rc parse_client(const struct conf_key *, const struct conf_scalar *in, struct arena *a,
                            void *out, struct err *err)
{
    struct str kind, rest;
    char name[NAME_MAX_BYTES + 1], most[24];
    bool good;

    if (!str_cut(in->s, ':', &kind, &rest)) {
        if (name_canonical(in->s, false, name) == RC_OK)
            return conf_store_str(a, str_of(name), out);
        good = false;
    } else if (str_eq(kind, STR("sha256"))) {
        good = is_hex(rest);
    } else {
        good = (str_eq(kind, STR("team")) || str_eq(kind, STR("owner"))) && rest.n > 0 &&
               rest.n <= CONF_CLIENT_TEXT_MAX;
    }
    snprintf(most, sizeof(most), "%d", CONF_CLIENT_TEXT_MAX);
    return good ? conf_store_str(a, in->s, out)
                : ERR(err, RC_INVAL, msg_client, conf_shown(in->s), str_of(most));
}

static void put_net(const struct addr_net *net, struct buf *out)
{
    char text[ADDR_TEXT];

    buf_printf(out, "%s/%u", addr_text(&net->base, text), (unsigned)net->bits);
}

/* The text of a network with its host bits cleared, when `s` is an address and a prefix. */
static bool masked(struct str s, struct buf *out)
{
    struct addr_net net = {};
    struct str base, bits;
    uint64_t n;

    if (!str_cut(s, '/', &base, &bits) || addr_parse(base, &net.base) != RC_OK ||
        str_u64(bits, (uint64_t)net.base.n * 8, &n) != RC_OK)
        return false;
    net.bits = (uint8_t)n;
    for (size_t i = 0; i < (size_t)net.base.n * 8; i++)
        if (i >= n)
            net.base.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    put_net(&net, out);
    return true;
}

static enum rc parse_net(const struct conf_key *, const struct conf_scalar *in, struct arena *,
                         void *out, struct err *err)
{
    CLEANUP(buf_done) struct buf right = BUF_INIT(2 * ADDR_TEXT);
    struct addr_net net;
    enum rc rc = addr_net_parse(in->s, &net);

    if (rc == RC_INVAL && masked(in->s, &right)) {
        TRY(buf_rc(&right));
        return ERR(err, RC_INVAL, msg_net_host, conf_shown(in->s), buf_str(&right));
    }
    if (rc != RC_OK)
        return ERR(err, RC_INVAL, msg_net, conf_shown(in->s));
    memcpy(out, &net, sizeof(net));
    return RC_OK;
}

static void print_net(const struct conf_key *, const void *field, struct buf *out)
{
    struct addr_net net;

    memcpy(&net, field, sizeof(net));
    buf_putz(out, "\"");
    put_net(&net, out);
    buf_putz(out, "\"");
}

static enum rc parse_listen(const struct conf_key *, const struct conf_scalar *in, struct arena *,
                            void *out, struct err *err)
{
    struct addr_port at;

    if (addr_port_parse(in->s, &at) != RC_OK)
        return ERR(err, RC_INVAL, msg_listen, conf_shown(in->s));
    memcpy(out, &at, sizeof(at));
    return RC_OK;
}

static enum rc parse_server(const struct conf_key *, const struct conf_scalar *in, struct arena *,
                            void *out, struct err *err)
{
    struct addr_port at = {.port = 53};

    if (addr_parse(in->s, &at.addr) != RC_OK &&
        (addr_port_parse(in->s, &at) != RC_OK || at.port == 0))
        return ERR(err, RC_INVAL, msg_server, conf_shown(in->s));
    memcpy(out, &at, sizeof(at));
    return RC_OK;
}

/* Kept as text, so that one that is not there is empty. */
static enum rc parse_log_server(const struct conf_key *, const struct conf_scalar *in,
                                struct arena *a, void *out, struct err *err)
{
    struct addr_port at;
    char text[ADDR_TEXT];

    if (addr_port_parse(in->s, &at) != RC_OK || at.port == 0)
        return ERR(err, RC_INVAL, msg_log_server, conf_shown(in->s));
    return conf_store_str(a, str_of(addr_port_text(&at, text)), out);
}

static void print_port(const struct conf_key *, const void *field, struct buf *out)
{
    char text[ADDR_TEXT];
    struct addr_port at;

    memcpy(&at, field, sizeof(at));
    buf_printf(out, "\"%s\"", addr_port_text(&at, text));
}

/* "[v6]", "v4" or a name, in canonical form. */
static enum rc put_host(struct str host, struct buf *out)
{
    char text[ADDR_TEXT], name[NAME_MAX_BYTES + 1];
    struct addr addr;

    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        TRY(addr_parse(str_bytes(host.p + 1, host.n - 2), &addr));
        buf_printf(out, "[%s]", addr_text(&addr, text));
        return addr.n == 16 ? RC_OK : RC_PARSE;
    }
    if (addr_parse(host, &addr) == RC_OK && addr.n == 4) {
        buf_putz(out, addr_text(&addr, text));
        return RC_OK;
    }
    TRY(name_canonical(host, false, name));
    buf_putz(out, name);
    return RC_OK;
}

/* Host and port, the scheme's own port left out. */
static enum rc put_authority(const char *scheme, struct str s, struct buf *out)
{
    struct str host = s, digits = STR("");
    uint64_t port, usual = strcmp(scheme, "http") == 0 ? 80 : 443;

    /* The colons of an IPv6 address stand in brackets. */
    for (size_t i = s.n; i > 0 && s.p[i - 1] != ']'; i--) {
        if (s.p[i - 1] != ':')
            continue;
        host = str_head(s, i - 1);
        digits = str_skip(s, i);
        if (digits.n == 0)
            return RC_PARSE;
        break;
    }
    TRY(put_host(host, out));
    if (digits.n == 0)
        return RC_OK;
    TRY(str_u64(digits, 65535, &port));
    if (port == 0)
        return RC_PARSE;
    if (port != usual)
        buf_printf(out, ":%u", (unsigned)port);
    return RC_OK;
}

/* Scheme and authority in canonical form; what follows (from its slash) is in *path. */
static enum rc put_base(const struct conf_key *key, struct str s, struct str *path, struct buf *out)
{
    for (const char *const *scheme = key->names; *scheme; scheme++) {
        struct str rest = str_skip(s, strlen(*scheme));
        size_t slash;

        if (!str_ieq(str_head(s, strlen(*scheme)), str_of(*scheme)) ||
            !str_starts(rest, STR("://")))
            continue;
        rest = str_skip(rest, 3);
        slash = str_find(rest, '/');
        *path = str_skip(rest, slash);
        buf_printf(out, "%s://", *scheme);
        return put_authority(*scheme, str_head(rest, slash), out);
    }
    return RC_PARSE;
}

static enum rc parse_base_url(const struct conf_key *key, const struct conf_scalar *in,
                              struct arena *a, void *out, struct err *err)
{
    CLEANUP(buf_done) struct buf url = BUF_INIT(URL_BYTES_MAX + NAME_MAX_BYTES);
    struct str path;

    if (put_base(key, in->s, &path, &url) != RC_OK || path.n > 1)
        return ERR(err, RC_INVAL, msg_base_url, conf_shown(in->s), str_of(key->names[0]));
    TRY(buf_rc(&url));
    return conf_store_str(a, buf_str(&url), out);
}

static enum rc parse_url(const struct conf_key *key, const struct conf_scalar *in, struct arena *a,
                         void *out, struct err *err)
{
    CLEANUP(buf_done) struct buf url = BUF_INIT(URL_BYTES_MAX + NAME_MAX_BYTES);
    struct str path;

    if (put_base(key, in->s, &path, &url) != RC_OK || in->s.n > URL_BYTES_MAX ||
        !str_printable(path) || str_find(path, ' ') < path.n)
        return ERR(err, RC_INVAL, msg_url, conf_shown(in->s), str_of(key->names[0]));
    buf_puts(&url, path);
    TRY(buf_rc(&url));
    return conf_store_str(a, buf_str(&url), out);
}

const struct conf_kind conf_kind_domain = {sizeof(struct str), parse_domain, conf_print_str};
const struct conf_kind conf_kind_internal = {sizeof(struct str), parse_internal, conf_print_str};
const struct conf_kind conf_kind_single = {sizeof(struct str), parse_single, conf_print_str};
const struct conf_kind conf_kind_zone = {sizeof(struct str), parse_zone, conf_print_str};
const struct conf_kind conf_kind_host = {sizeof(struct str), parse_host, conf_print_str};
const struct conf_kind conf_kind_client = {sizeof(struct str), parse_client, conf_print_str};
const struct conf_kind conf_kind_pattern = {sizeof(struct str), parse_pattern, conf_print_str};
const struct conf_kind conf_kind_base_url = {sizeof(struct str), parse_base_url, conf_print_str};
const struct conf_kind conf_kind_url = {sizeof(struct str), parse_url, conf_print_str};
const struct conf_kind conf_kind_listen = {sizeof(struct addr_port), parse_listen, print_port};
const struct conf_kind conf_kind_server = {sizeof(struct addr_port), parse_server, print_port};
const struct conf_kind conf_kind_log_server = {sizeof(struct str), parse_log_server,
                                               conf_print_str};
const struct conf_kind conf_kind_net = {sizeof(struct addr_net), parse_net, print_net};
