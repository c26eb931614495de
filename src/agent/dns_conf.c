/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dns_conf.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "agent/place.h"
#include "agent/sealed.h"
#include "agent/trust.h"
#include "base/name.h"
#include "base/text.h"
#include "dns/update.h"
#include "provider/lines.h"

MSG(msg_line, "agent.dns-line",
    "{0}: there is no setting \"{1}\"; there are server, key, algorithm, secret, key_file, zone, "
    "ttl, wait and timeout");
MSG(msg_value, "agent.dns-value", "{0}: {1} cannot be \"{2}\"; {3}");
MSG(msg_no_server, "agent.dns-no-server",
    "{0}: \"server\" is missing: the address of the name server that takes updates");
MSG(msg_half, "agent.dns-half-a-key", "{0}: \"key\" and \"secret\" belong together");
MSG(msg_key_file, "agent.dns-key-file",
    "the key file has no key statement with name, algorithm and secret, as tsig-keygen(8) writes "
    "it");
MSG(msg_lookup, "agent.dns-server", "the name server {0} cannot be looked up: {1}");

#define TTL_DEFAULT 60
#define TIMEOUT_DEFAULT (2 * WHEN_MINUTE)
enum { TTL_MAX = 86400, DNS_PORT = 53, WORD_MAX = 600, SECRET_TEXT_MAX = 512 };

struct reading {
    struct agent_dns_conf *c;
    struct str file; /* for messages */
    bool looks;      /* without secrets that are elsewhere */
    struct err *err;
};

static enum rc bad(const struct reading *r, const char *name, struct str value, const char *what)
{
    return ERR(r->err, RC_PARSE, msg_value, r->file, str_of(name), value, str_of(what));
}

/* ---- values */

static enum rc take_secret(struct str base64, struct dns_tsig_key *key)
{
    CLEANUP(buf_wipe) struct buf b = BUF_INIT(DNS_TSIG_SECRET_MAX);

    if (text_unb64(base64, &b) != RC_OK || b.n == 0)
        return RC_PARSE;
    memcpy(key->secret, b.p, b.n);
    key->n = b.n;
    return RC_OK;
}

/* A name as it may stand in a zone: with underscores, and a final dot perhaps. */
static enum rc take_name(struct str s, char out[static DNS_NAME_MAX + 1])
{
    CLEANUP(buf_done) struct buf wire = BUF_INIT(DNS_NAME_MAX + 2);

    if (s.n > 1 && str_ends(s, STR(".")))
        s.n--;
    TRY(dns_name_put(s, &wire));
    for (size_t i = 0; i < s.n; i++)
        out[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
    out[s.n] = '\0';
    return RC_OK;
}

static enum rc set_server(const struct reading *r, struct str v)
{
    return str_copyz(v, r->c->server, sizeof(r->c->server)) == RC_OK
               ? RC_OK
               : bad(r, "server", v, "it is an address or a name, and a port if it is not 53");
}

static enum rc set_key(const struct reading *r, struct str v)
{
    return take_name(v, r->c->key.name) == RC_OK ? RC_OK
                                                 : bad(r, "key", v, "it is the name of the key");
}

static enum rc set_algorithm(const struct reading *r, struct str v)
{
    return dns_tsig_alg_parse(v, &r->c->key.alg) == RC_OK
               ? RC_OK
               : bad(r, "algorithm", v, "it is hmac-sha256, hmac-sha384 or hmac-sha512");
}

static enum rc set_secret(const struct reading *r, struct str v)
{
    CLEANUP(buf_wipe) struct buf line = BUF_INIT(SECRET_TEXT_MAX);

    r->c->plain = !agent_sealed(v);
    if (!r->c->plain && r->looks)
        return RC_OK;
    if (!r->c->plain) {
        TRY(agent_sealed_line(v, &line, r->err));
        v = buf_str(&line);
    }
    return take_secret(v, &r->c->key) == RC_OK
               ? RC_OK
               : bad(r, "secret", STR("..."), "it is up to 256 bytes in base64");
}

static enum rc set_key_file(const struct reading *r, struct str v)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(AGENT_DNS_FILE_MAX);

    enum rc rc = agent_sealed_read_shared(v, &text, r->err);

    if (rc != RC_OK && rc != RC_NOMEM && r->looks)
        return str_copyz(STR("(of key_file)"), r->c->key.name, sizeof(r->c->key.name));
    TRY(rc);
    return agent_dns_key_parse(buf_str(&text), &r->c->key, r->err);
}

static enum rc set_zone(const struct reading *r, struct str v)
{
    return take_name(v, r->c->zone) == RC_OK ? RC_OK : bad(r, "zone", v, "it is the zone's name");
}

static enum rc set_ttl(const struct reading *r, struct str v)
{
    uint64_t ttl;

    if (str_u64(v, TTL_MAX, &ttl) != RC_OK)
        return bad(r, "ttl", v, "it is a number of seconds up to 86400");
    r->c->ttl = (uint32_t)ttl;
    return RC_OK;
}

static enum rc set_wait(const struct reading *r, struct str v)
{
    if (str_eq(v, STR("all")) || str_eq(v, STR("primary"))) {
        r->c->wait = str_eq(v, STR("all")) ? AGENT_WAIT_ALL : AGENT_WAIT_PRIMARY;
        return RC_OK;
    }
    if (when_parse_span(v, &r->c->pause) != RC_OK || r->c->pause > WHEN_HOUR)
        return bad(r, "wait", v, "it is all, primary, or a time up to 1h, as in 30s");
    r->c->wait = AGENT_WAIT_TIME;
    return RC_OK;
}

static enum rc set_timeout(const struct reading *r, struct str v)
{
    if (when_parse_span(v, &r->c->timeout) == RC_OK && r->c->timeout > 0 &&
        r->c->timeout <= WHEN_HOUR)
        return RC_OK;
    return bad(r, "timeout", v, "it is a time up to 1h, as in 2m");
}

static const struct {
    const char *name;
    enum rc (*set)(const struct reading *r, struct str value);
} settings[] = {
    {"server", set_server}, {"key", set_key},   {"algorithm", set_algorithm},
    {"secret", set_secret}, {"zone", set_zone}, {"key_file", set_key_file},
    {"ttl", set_ttl},       {"wait", set_wait}, {"timeout", set_timeout},
};

/* ---- lines */

static enum rc take_line(const struct reading *r, struct str line)
{
    struct str name, value;

    if (!provider_line(line, &name, &value))
        return RC_OK;
    for (size_t s = 0; s < sizeof(settings) / sizeof(settings[0]); s++)
        if (str_eq(name, str_of(settings[s].name)))
            return settings[s].set(r, value);
    return ERR(r->err, RC_PARSE, msg_line, r->file, name);
}

static enum rc parse(struct str text, struct str file, bool looks, struct agent_dns_conf *c,
                     struct err *err)
{
    const struct reading r = {c, file, looks, err};
    struct str line;

    *c = (struct agent_dns_conf){
        .key.alg = CRYPTO_SHA256, .ttl = TTL_DEFAULT, .timeout = TIMEOUT_DEFAULT};
    while (str_next(&text, '\n', &line))
        TRY(take_line(&r, line));
    if (!c->server[0])
        return ERR(err, RC_PARSE, msg_no_server, file);
    return looks || !c->key.name[0] == !c->key.n ? RC_OK : ERR(err, RC_PARSE, msg_half, file);
}

enum rc agent_dns_conf_parse(struct str text, struct agent_dns_conf *out, struct err *err)
{
    return parse(text, STR("the DNS configuration"), false, out, err);
}

/* ---- a key statement: key "name" { algorithm hmac-sha256; secret "..."; }; */

static bool next_word(struct str *rest, struct str *out)
{
    static const char apart[] = " \t\r\n{};";
    size_t i = 0;

    while (rest->n && strchr(apart, rest->p[0]))
        *rest = str_skip(*rest, 1);
    while (i < rest->n && !strchr(apart, rest->p[i]))
        i++;
    *out = provider_unquote(str_head(*rest, i));
    *rest = str_skip(*rest, i);
    return i > 0;
}

enum rc agent_dns_key_parse(struct str text, struct dns_tsig_key *out, struct err *err)
{
    struct str word, value;
    enum rc rc = RC_OK;
    bool alg = false;

    while (rc == RC_OK && next_word(&text, &word) && next_word(&text, &value)) {
        if (str_eq(word, STR("key")))
            rc = take_name(value, out->name);
        else if (str_eq(word, STR("algorithm")))
            rc = dns_tsig_alg_parse(value, &out->alg);
        else if (str_eq(word, STR("secret")))
            rc = take_secret(value, out);
        alg = alg || str_eq(word, STR("algorithm"));
    }
    if (rc == RC_OK && out->name[0] && out->n && alg)
        return RC_OK;
    return rc == RC_NOMEM ? rc : ERR(err, RC_PARSE, msg_key_file);
}

/* ---- the server */

static void take_addr(struct agent_dns_conf *c, const struct sockaddr *sa, uint16_t port)
{
    const struct sockaddr_in *v4 = (const void *)sa;
    const struct sockaddr_in6 *v6 = (const void *)sa;
    struct addr_port *to = &c->servers[c->n_servers];
    struct str bytes =
        sa->sa_family == AF_INET ? str_bytes(&v4->sin_addr, 4) : str_bytes(&v6->sin6_addr, 16);

    if ((sa->sa_family != AF_INET && sa->sa_family != AF_INET6) ||
        c->n_servers == AGENT_DNS_SERVERS_MAX || addr_from_bytes(bytes, &to->addr) != RC_OK)
        return;
    to->port = port;
    c->n_servers++;
}

static enum rc look_up(struct agent_dns_conf *c, struct err *err)
{
    const struct addrinfo want = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[sizeof(c->server)];
    struct str name, number;
    uint64_t port = DNS_PORT;
    int e;

    if (addr_port_parse(str_of(c->server), &c->servers[0]) == RC_OK ||
        addr_parse(str_of(c->server), &c->servers[0].addr) == RC_OK) {
        if (!c->servers[0].port)
            c->servers[0].port = DNS_PORT;
        c->n_servers = 1;
        return RC_OK;
    }
    if (str_cut(str_of(c->server), ':', &name, &number) &&
        str_u64(number, UINT16_MAX, &port) != RC_OK)
        return ERR(err, RC_PARSE, msg_lookup, str_of(c->server), STR("its port is no number"));
    TRY(str_copyz(name, host, sizeof(host)));
    e = getaddrinfo(host, NULL, &want, &found);
    if (e != 0)
        return ERR(err, RC_NOTFOUND, msg_lookup, str_of(c->server), str_of(gai_strerror(e)));
    for (const struct addrinfo *at = found; at; at = at->ai_next)
        take_addr(c, at->ai_addr, (uint16_t)port);
    freeaddrinfo(found);
    return RC_OK;
}

static enum rc load(struct str path, bool looks, struct agent_dns_conf *out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(AGENT_DNS_FILE_MAX);
    char file[AGENT_PATH_MAX];

    TRY(str_copyz(path, file, sizeof(file)));
    TRY(agent_sealed(path) ? agent_sealed_read(path, &text, err)
                           : agent_file_read(path, &text, err));
    TRY(parse(buf_str(&text), path, looks, out, err));
    if (out->plain && !agent_sealed(path))
        TRY(agent_sealed_check(AT_FDCWD, file, err));
    return look_up(out, err);
}

enum rc agent_dns_conf_load(struct str path, struct agent_dns_conf *out, struct err *err)
{
    return load(path, false, out, err);
}

enum rc agent_dns_conf_look(struct str path, struct agent_dns_conf *out, struct err *err)
{
    return load(path, true, out, err);
}

void agent_dns_conf_done(struct agent_dns_conf *c)
{
    explicit_bzero(c, sizeof(*c));
}
