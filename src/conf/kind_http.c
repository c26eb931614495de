/* SPDX-License-Identifier: Apache-2.0 */
/* The types of values that go into HTTP messages. */
#include "conf/kind_int.h"

MSG(msg_target, "conf.target",
    "\"{0}\" is no path of URLs, as in /health: visible characters of ASCII, \"/\" first");
MSG(msg_redirect, "conf.redirect",
    "\"{0}\" is neither a path nor an http URL, as in https://www.hospital.example/*");
MSG(msg_header, "conf.header", "\"{0}\" is no header, as in \"X-Frame-Options: DENY\"");
MSG(msg_header_own, "conf.header-own",
    "\"{0}\" is the gateway's own business: what frames a message, or says who the client is");

enum { TARGET_BYTES_MAX = 1024, HEADER_BYTES_MAX = 1024 };

static bool visible(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '#')
            return false;
    return s.n > 0 && s.n <= TARGET_BYTES_MAX;
}

/* A path, with or without a query. */
static enum rc parse_target(const struct conf_key *, const struct conf_scalar *in, struct arena *a,
                            void *out, struct err *err)
{
    if (!visible(in->s) || in->s.p[0] != '/')
        return ERR(err, RC_INVAL, msg_target, conf_shown(in->s));
    return conf_store_str(a, in->s, out);
}

static enum rc parse_redirect(const struct conf_key *, const struct conf_scalar *in,
                              struct arena *a, void *out, struct err *err)
{
    bool url = str_starts(in->s, STR("https://")) || str_starts(in->s, STR("http://"));
    bool path = in->s.n && in->s.p[0] == '/' && !str_starts(in->s, STR("//"));

    if (!visible(in->s) || !(url || path))
        return ERR(err, RC_INVAL, msg_redirect, conf_shown(in->s));
    return conf_store_str(a, in->s, out);
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' ||
            str_find(STR("\"(),/:;<=>?@[\\]{}"), s.p[i]) < sizeof("\"(),/:;<=>?@[\\]{}") - 1)
            return false;
    return s.n > 0;
}

static bool is_own(struct str name)
{
    static const struct str names[] = {
        STR("host"),   STR("connection"),     STR("content-length"), STR("transfer-encoding"),
        STR("te"),     STR("trailer"),        STR("upgrade"),        STR("keep-alive"),
        STR("expect"), STR("forwarded"),      STR("x-real-ip"),      STR("x-request-id"),
        STR("date"),   STR("http2-settings"),
    };
    static const struct str starts[] = {STR("proxy-"), STR("x-forwarded-"), STR("sec-websocket-")};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq(names[i], name))
            return true;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        if (str_starts(name, starts[i]))
            return true;
    return false;
}

/* Stored as "name: value", or "name: ". */
static enum rc parse_header(const struct conf_key *, const struct conf_scalar *in, struct arena *a,
                            void *out, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(HEADER_BYTES_MAX + 2);
    struct str name, value;

    if (in->s.n > HEADER_BYTES_MAX || conf_has_control(in->s) ||
        !str_cut(in->s, ':', &name, &value) || !is_token(name))
        return ERR(err, RC_INVAL, msg_header, conf_shown(in->s));
    buf_puts(&text, name);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] >= 'A' && text.p[i] <= 'Z')
            text.p[i] |= 0x20;
    TRY(buf_rc(&text));
    if (is_own(buf_str(&text)))
        return ERR(err, RC_INVAL, msg_header_own, conf_shown(name));
    buf_putz(&text, ": ");
    buf_puts(&text, str_trim(value));
    TRY(buf_rc(&text));
    return conf_store_str(a, buf_str(&text), out);
}

const struct conf_kind conf_kind_target = {sizeof(struct str), parse_target, conf_print_str};
const struct conf_kind conf_kind_redirect = {sizeof(struct str), parse_redirect, conf_print_str};
const struct conf_kind conf_kind_header = {sizeof(struct str), parse_header, conf_print_str};
