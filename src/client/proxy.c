/* SPDX-License-Identifier: Apache-2.0 */
#include "client/proxy.h"

#include "base/text.h"
#include "http/url.h"

MSG(msg_url, "client.proxy-url",
    "\"{0}\" is no proxy: http://HOST:PORT, perhaps with USER:PASSWORD@ before the host");
MSG(msg_scheme, "client.proxy-scheme",
    "\"{0}\": proxies are spoken to by http alone, not by https or SOCKS");
MSG(msg_rule, "client.proxy-exception",
    "\"{0}\" is no exception from the proxy: a name, an address, a network as in 10.0.0.0/8, or *");
MSG(msg_many, "client.proxy-exceptions", "there are more exceptions from the proxy than {0}");
MSG(msg_refused, "client.proxy-refused", "the proxy refuses: {0}");
MSG(msg_secret, "client.proxy-secret",
    "the proxy wants a user and a password ({0}): give them in HTTPS_PROXY, as in "
    "http://USER:PASSWORD@HOST:PORT");
MSG(msg_nonsense, "client.proxy-nonsense", "the proxy does not answer as HTTP has it: \"{0}\"");
MSG(msg_more, "client.proxy-more",
    "the proxy said more than it was asked, before TLS: there is somebody in between");
MSG(msg_long, "client.proxy-long", "the head of the proxy's answer is too long");

enum { DEFAULT_PORT = 3128, SHOWN = 80 };

/* ---- settings */

static enum rc take_secret(struct str userinfo, struct client_proxy *out)
{
    CLEANUP(buf_wipe) struct buf plain = BUF_INIT(CLIENT_PROXY_SECRET_MAX);
    CLEANUP(buf_wipe) struct buf b = BUF_INIT(CLIENT_PROXY_SECRET_MAX);

    TRY(text_unpercent(userinfo, &plain));
    text_b64(&b, buf_str(&plain));
    TRY(buf_rc(&b));
    return str_copyz(buf_str(&b), out->secret, sizeof(out->secret));
}

static enum rc parse(struct str rest, struct client_proxy *out)
{
    struct http_authority at;

    while (str_ends(rest, STR("/")))
        rest.n--;
    for (size_t i = rest.n; i > 0; i--) {
        if (rest.p[i - 1] != '@')
            continue;
        TRY(take_secret(str_head(rest, i - 1), out));
        rest = str_skip(rest, i);
        break;
    }
    TRY(http_authority_parse(rest, &at));
    out->port = at.port ? at.port : DEFAULT_PORT;
    return str_copyz(at.host, out->host, sizeof(out->host));
}

enum rc client_proxy_parse(struct str url, struct client_proxy *out, struct err *err)
{
    struct client_proxy p = {};
    struct str rest = url;
    enum rc rc;

    if (str_ieq(str_head(url, 7), STR("http://")))
        rest = str_skip(url, 7);
    for (size_t i = 0; i + 3 <= rest.n; i++)
        if (str_eq(str_bytes(rest.p + i, 3), STR("://")))
            return ERR(err, RC_UNSUPPORTED, msg_scheme, str_head(url, i));
    rc = parse(rest, &p);
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK) /* there may be a password in it */
        return ERR(err, RC_PARSE, msg_url, str_find(url, '@') < url.n ? STR("...") : url);
    memcpy(out->host, p.host, sizeof(out->host));
    memcpy(out->secret, p.secret, sizeof(out->secret));
    out->port = p.port;
    return RC_OK;
}

static bool is_apart(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Lower case, without what stands for "all below" and without a port. */
static enum rc take_name(struct str word, char out[static CLIENT_PROXY_HOST_MAX + 1])
{
    if (str_starts(word, STR("*.")))
        word = str_skip(word, 2);
    else if (str_starts(word, STR(".")))
        word = str_skip(word, 1);
    word = str_head(word, str_find(word, ':'));
    if (word.n == 0 || !str_printable(word) || str_find(word, '/') < word.n)
        return RC_PARSE;
    TRY(str_copyz(word, out, CLIENT_PROXY_HOST_MAX + 1));
    for (size_t i = 0; i < word.n; i++)
        out[i] = (char)str_lower(out[i]);
    return RC_OK;
}

static enum rc take_rule(struct client_proxy *p, struct str word, struct err *err)
{
    struct client_proxy_rule *r = &p->rules[p->n_rules];

    if (str_eq(word, STR("*"))) {
        p->never = true;
        return RC_OK;
    }
    if (p->n_rules == CLIENT_PROXY_RULES_MAX)
        return ERR(err, RC_TOOBIG, msg_many, STR("64"));
    *r = (struct client_proxy_rule){};
    if (addr_net_parse(word, &r->net) != RC_OK && take_name(word, r->name) != RC_OK)
        return ERR(err, RC_PARSE, msg_rule, str_head(word, SHOWN));
    p->n_rules++;
    return RC_OK;
}

enum rc client_proxy_except(struct client_proxy *p, struct str list, struct err *err)
{
    if (list.n > CLIENT_PROXY_LIST_MAX)
        return ERR(err, RC_TOOBIG, msg_many, STR("64"));
    for (size_t i = 0; i < list.n;) {
        size_t end = i;

        while (end < list.n && !is_apart(list.p[end]))
            end++;
        if (end > i)
            TRY(take_rule(p, str_bytes(list.p + i, end - i), err));
        i = end + 1;
    }
    return RC_OK;
}

/* ---- whether */

static bool is_below(struct str host, struct str name)
{
    size_t cut = host.n >= name.n ? host.n - name.n : 0;

    if (host.n < name.n || !str_ieq(str_skip(host, cut), name))
        return false;
    return cut == 0 || host.p[cut - 1] == '.';
}

static bool is_excepted(const struct client_proxy_rule *r, struct str host,
                        const struct addr *addrs, size_t n)
{
    if (r->name[0])
        return is_below(host, str_of(r->name));
    for (size_t i = 0; i < n; i++)
        if (addr_net_has(&r->net, &addrs[i]))
            return true;
    return false;
}

static bool is_near(const struct addr *addrs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum addr_kind kind = addr_kind(&addrs[i]);

        if (kind != ADDR_PRIVATE && kind != ADDR_LOOPBACK && kind != ADDR_LINK_LOCAL)
            return false;
    }
    return n > 0;
}

bool client_proxy_applies(const struct client_proxy *p, struct str host, const struct addr *addrs,
                          size_t n)
{
    if (!p || !p->host[0] || p->never || (!p->for_private && is_near(addrs, n)))
        return false;
    for (size_t i = 0; i < p->n_rules; i++)
        if (is_excepted(&p->rules[i], host, addrs, n))
            return false;
    return true;
}

/* ---- what is said */

enum rc client_proxy_ask(const struct client_proxy *p, struct str where, struct buf *out)
{
    buf_printf(out, "CONNECT %.*s HTTP/1.1\r\nHost: %.*s\r\n", STR_ARG(where), STR_ARG(where));
    if (p->secret[0])
        buf_printf(out, "Proxy-Authorization: Basic %s\r\n", p->secret);
    buf_putz(out, "\r\n");
    return buf_rc(out);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum rc judge(struct str line, struct err *err)
{
    struct str status = str_skip(line, 9), shown = str_head(line, SHOWN);

    if (!str_starts(line, STR("HTTP/1.")) || line.n < 12 || !is_digit(line.p[7]) ||
        line.p[8] != ' ' || !is_digit(status.p[0]) || !is_digit(status.p[1]) ||
        !is_digit(status.p[2]) || (status.n > 3 && status.p[3] != ' '))
        return ERR(err, RC_PARSE, msg_nonsense, shown);
    if (status.p[0] == '2')
        return RC_OK;
    if (str_starts(status, STR("407")))
        return ERR(err, RC_DENIED, msg_secret, str_head(status, SHOWN));
    return ERR(err, RC_DENIED, msg_refused, str_head(status, SHOWN));
}

enum rc client_proxy_answer(struct str in, struct err *err)
{
    size_t line = 0;

    if (in.n && !str_starts(STR("HTTP/1."), str_head(in, 7)))
        return ERR(err, RC_PARSE, msg_nonsense, str_head(in, SHOWN));
    for (size_t i = 0; i + 4 <= in.n && i < CLIENT_PROXY_ANSWER_MAX; i++) {
        if (!line && in.p[i] == '\r' && in.p[i + 1] == '\n')
            line = i;
        if (!str_eq(str_bytes(in.p + i, 4), STR("\r\n\r\n")))
            continue;
        TRY(judge(str_head(in, line), err));
        return i + 4 == in.n ? RC_OK : ERR(err, RC_CONFLICT, msg_more);
    }
    return in.n < CLIENT_PROXY_ANSWER_MAX ? RC_AGAIN : ERR(err, RC_TOOBIG, msg_long);
}
