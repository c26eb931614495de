/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/target.h"

#include <stdio.h>

#include "base/name.h"
#include "crypto/hash.h"
#include "net/lookup.h"
#include "prove/target.h"
#include "starttls/starttls.h"

MSG(msg_target, "scan.target",
    "\"{0}\" is not a target: give an address, a network as in 10.1.0.0/16, a DNS name, or "
    "[PROTOCOL:]HOST:PORT, and behind any of them /NAME for the name that is asked for; IPv6 "
    "addresses with a port stand in brackets");
MSG(msg_bits, "scan.target-bits",
    "{0} is an address inside a network and not the network: set the bits behind the prefix to "
    "zero");
MSG(msg_wide, "scan.target-wide", "{0} has more than {1} addresses: scan its parts");
MSG(msg_many, "scan.target-many",
    "there are more than {0} targets, each address of a name counted");
MSG(msg_ports, "scan.ports",
    "\"{0}\" is not a list of ports: write numbers, ranges and PROTOCOL:PORT with commas between "
    "them, as in 443,8000-8010,smtp:25; protocols are tls, {1}");
MSG(msg_ports_many, "scan.ports-many", "more than {0} ports");
MSG(msg_endpoints, "scan.endpoints",
    "that are {0} endpoints, and at most {1} are looked at in one scan: name fewer ports or "
    "smaller "
    "networks");
MSG(msg_lookup, "scan.lookup", "{0} has no address here: {1}");
MSG(msg_line, "scan.line", "line {0}: {1}");

const char scan_default_ports[] =
    "443,8443,9443,4443,8555,636,993,995,465,990,853,6443,8883,5061,2376,5986,"
    "smtp:25,smtp:587,imap:143,pop3:110,ldap:389,ftp:21,postgres:5432,mysql:3306,xmpp:5222,"
    "xmpp-server:5269";

enum { PORT_MAX = 65535, NUMBER = 24, HOST_BITS_MAX = 24 };
enum { PLAIN, PORTED };

struct scan_unit {
    struct addr base;
    uint64_t n;     /* addresses from there on */
    uint64_t first; /* those of all units before it */
    struct scan_port at;
    struct str name;
};

void scan_targets_init(struct scan_targets *t)
{
    *t = (struct scan_targets){};
    arena_init(&t->arena, SCAN_TARGETS_MEMORY);
}

void scan_targets_done(struct scan_targets *t)
{
    for (size_t i = 0; i < 2; i++)
        mem_free(t->units[i]);
    arena_done(&t->arena);
}

static const char *number(uint64_t n, char text[static NUMBER])
{
    snprintf(text, NUMBER, "%llu", (unsigned long long)n);
    return text;
}

/* ---- ports */

static enum rc add_port(struct scan_targets *t, const struct starttls_protocol *p, uint64_t port,
                        struct err *err)
{
    char text[NUMBER];

    for (size_t i = 0; i < t->n_ports; i++)
        if (t->ports[i].port == port && t->ports[i].protocol == p)
            return RC_OK;
    if (t->n_ports == SCAN_PORTS_MAX)
        return ERR(err, RC_TOOBIG, msg_ports_many, str_of(number(SCAN_PORTS_MAX, text)));
    t->ports[t->n_ports++] = (struct scan_port){p, (uint16_t)port};
    return RC_OK;
}

static enum rc add_range(struct scan_targets *t, struct str field, struct err *err)
{
    const struct starttls_protocol *p = NULL;
    struct str protocol, ports, from, to;
    uint64_t first = 0, last = 0;
    bool named = str_cut(field, ':', &protocol, &ports);

    if (!named)
        ports = field;
    else if (!str_eq(protocol, STR("tls")) && !(p = starttls_find(protocol)))
        return ERR(err, RC_INVAL, msg_ports, field, starttls_names());
    if (!str_cut(ports, '-', &from, &to))
        to = from;
    if (str_u64(from, PORT_MAX, &first) != RC_OK || str_u64(to, PORT_MAX, &last) != RC_OK ||
        first == 0 || last < first)
        return ERR(err, RC_INVAL, msg_ports, field, starttls_names());
    for (; first <= last; first++)
        TRY(add_port(t, p, first, err));
    return RC_OK;
}

enum rc scan_ports_parse(struct scan_targets *t, struct str text, struct err *err)
{
    struct str field, whole = text;

    t->n_ports = 0;
    t->ports = arena_calloc(&t->arena, SCAN_PORTS_MAX, sizeof(*t->ports));
    if (!t->ports)
        return RC_NOMEM;
    while (str_next(&text, ',', &field))
        TRY(add_range(t, str_trim(field), err));
    return t->n_ports ? RC_OK : ERR(err, RC_INVAL, msg_ports, whole, starttls_names());
}

/* ---- targets */

static enum rc add_unit(struct scan_targets *t, const struct scan_unit *unit, struct err *err)
{
    size_t i = unit->at.port ? PORTED : PLAIN, n = t->n_units[i];
    char text[NUMBER];

    if (t->n_units[PLAIN] + t->n_units[PORTED] == SCAN_TARGETS_MAX)
        return ERR(err, RC_TOOBIG, msg_many, str_of(number(SCAN_TARGETS_MAX, text)));
    if (n == t->cap[i]) {
        size_t cap = n ? n * 2 : 16;
        struct scan_unit *moved = mem_realloc(t->units[i], cap * sizeof(*moved));

        if (!moved)
            return RC_NOMEM;
        t->units[i] = moved;
        t->cap[i] = cap;
    }
    t->units[i][n] = *unit;
    t->units[i][n].first = t->hosts[i];
    t->hosts[i] += unit->n;
    t->n_units[i]++;
    return RC_OK;
}

/* `unit` says what is asked for there. */
static enum rc add_network(struct scan_targets *t, const struct addr_net *net,
                           struct scan_unit unit, struct str text, struct err *err)
{
    unsigned host_bits = net->base.n * 8u - net->bits;
    char most[NUMBER];

    if (host_bits > HOST_BITS_MAX)
        return ERR(err, RC_TOOBIG, msg_wide, text, str_of(number(SCAN_HOSTS_MAX, most)));
    unit.base = net->base;
    unit.n = UINT64_C(1) << host_bits;
    return add_unit(t, &unit, err);
}

static enum rc add_host(struct scan_targets *t, struct str host, struct scan_unit unit,
                        struct err *err)
{
    struct addr found[SCAN_NAME_ADDRESSES_MAX];
    struct err why = ERR_INIT;
    char name[NAME_MAX_BYTES + 1], text[256];
    size_t n = 0;
    enum rc rc;

    unit.n = 1;
    if (addr_parse(host, &unit.base) == RC_OK)
        return add_unit(t, &unit, err);
    TRY(name_canonical(host, false, name));
    rc = net_lookup(str_of(name), found, SCAN_NAME_ADDRESSES_MAX, &n, &why);
    if (rc != RC_OK)
        return ERR(err, rc, msg_lookup, host, str_of(err_textz(&why, text, sizeof(text))));
    if (!unit.name.n)
        TRY(arena_str(&t->arena, str_of(name), &unit.name));
    for (size_t i = 0; i < n && i < SCAN_NAME_ADDRESSES_MAX; i++) {
        unit.base = found[i];
        TRY(add_unit(t, &unit, err));
    }
    return RC_OK;
}

/* "NETWORK:PORT"; RC_PARSE: it is something else. */
static enum rc ported_network(struct str text, struct addr_net *net, uint64_t *port)
{
    size_t slash = str_find(text, '/');
    struct str bits, digits, whole;

    if (slash == text.n || !str_cut(str_skip(text, slash), ':', &bits, &digits))
        return RC_PARSE;
    whole = str_head(text, slash + bits.n);
    if (addr_net_parse(whole, net) != RC_OK)
        return RC_PARSE;
    return str_u64(digits, PORT_MAX, port) == RC_OK && *port ? RC_OK : RC_PARSE;
}

/* "2x" and the like: a slip of who meant the bits of a network. */
static bool is_slip(struct str name)
{
    return name.n && name.p[0] >= '0' && name.p[0] <= '9' && str_find(name, '.') == name.n;
}

/* Behind the last "/" may stand a name instead of the bits of a network. */
static enum rc cut_name(struct scan_targets *t, struct str *text, struct str *out)
{
    char name[NAME_MAX_BYTES + 1];
    size_t n = text->n;

    while (n > 0 && text->p[n - 1] != '/')
        n--;
    if (n == 0 || is_slip(str_skip(*text, n)) ||
        name_canonical(str_skip(*text, n), false, name) != RC_OK)
        return RC_OK;
    *text = str_head(*text, n - 1);
    return arena_str(&t->arena, str_of(name), out);
}

enum rc scan_target_add(struct scan_targets *t, struct str text, struct err *err)
{
    char name[NAME_MAX_BYTES + 1];
    struct scan_unit unit = {};
    struct prove_target ported;
    struct str where = text;
    struct addr_net net;
    uint64_t port = 0;
    enum rc rc;

    TRY(cut_name(t, &where, &unit.name));
    rc = addr_net_parse(where, &net);
    if (rc == RC_OK)
        return add_network(t, &net, unit, text, err);
    if (rc == RC_INVAL)
        return ERR(err, RC_INVAL, msg_bits, text);
    if (ported_network(where, &net, &port) == RC_OK) {
        unit.at.port = (uint16_t)port;
        return add_network(t, &net, unit, text, err);
    }
    if (name_canonical(where, false, name) == RC_OK)
        return add_host(t, where, unit, err);
    if (prove_target_parse(where, &ported, NULL) != RC_OK || !ported.host.n || ported.tlcp)
        return ERR(err, RC_INVAL, msg_target, text);
    unit.at = (struct scan_port){ported.protocol, ported.port};
    return add_host(t, ported.host, unit, err);
}

enum rc scan_targets_read(struct scan_targets *t, struct str text, scan_unknown_fn unknown,
                          void *arg, struct err *err)
{
    struct str line;

    for (uint64_t n = 1; str_next(&text, '\n', &line); n++) {
        struct str target = str_trim(str_head(line, str_find(line, '#')));
        struct err why = ERR_INIT;
        char digits[NUMBER], said[512];
        enum rc rc = target.n ? scan_target_add(t, target, &why) : RC_OK;

        if (rc == RC_OK)
            continue;
        if (rc == RC_NOTFOUND) {
            unknown(arg, &why);
            continue;
        }
        return ERR(err, rc, msg_line, str_of(number(n, digits)),
                   str_of(err_textz(&why, said, sizeof(said))));
    }
    return RC_OK;
}

/* ---- the row */

enum rc scan_targets_count(const struct scan_targets *t, uint64_t *out, struct err *err)
{
    /* Below 2^58: SCAN_TARGETS_MAX networks of SCAN_HOSTS_MAX at SCAN_PORTS_MAX ports. */
    uint64_t n = t->hosts[PLAIN] * t->n_ports + t->hosts[PORTED];
    char is[NUMBER], most[NUMBER];

    if (n > SCAN_ENDPOINTS_MAX)
        return ERR(err, RC_TOOBIG, msg_endpoints, str_of(number(n, is)),
                   str_of(number(SCAN_ENDPOINTS_MAX, most)));
    *out = n;
    return RC_OK;
}

/* The unit that holds the n-th host of its kind. */
static const struct scan_unit *unit_of(const struct scan_targets *t, size_t kind, uint64_t n)
{
    const struct scan_unit *units = t->units[kind];
    size_t low = 0, high = t->n_units[kind];

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (units[middle].first <= n)
            low = middle;
        else
            high = middle;
    }
    return &units[low];
}

static void advance(struct addr *a, uint64_t by)
{
    for (size_t i = a->n; i > 0 && by; i--) {
        by += a->b[i - 1];
        a->b[i - 1] = (uint8_t)by;
        by >>= 8;
    }
}

struct scan_endpoint scan_targets_at(const struct scan_targets *t, uint64_t n)
{
    uint64_t plain = t->hosts[PLAIN] * t->n_ports;
    size_t kind = n < plain ? PLAIN : PORTED;
    uint64_t host = kind == PLAIN ? n % t->hosts[PLAIN] : n - plain;
    const struct scan_unit *unit = unit_of(t, kind, host);
    struct scan_port at = kind == PLAIN ? t->ports[n / t->hosts[PLAIN]] : unit->at;
    struct scan_endpoint e = {
        .to = {.addr = unit->base, .port = at.port}, .protocol = at.protocol, .name = unit->name};

    advance(&e.to.addr, host - unit->first);
    return e;
}

static enum rc digest_kind(const struct scan_targets *t, size_t kind, struct crypto_hasher *h)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(1024);

    for (size_t i = 0; i < t->n_units[kind]; i++) {
        const struct scan_unit *u = &t->units[kind][i];

        buf_reset(&b);
        buf_lstr(&b, addr_bytes(&u->base));
        buf_u64(&b, u->n);
        buf_u16(&b, u->at.port);
        buf_lstr(&b, u->at.protocol ? str_of(starttls_name(u->at.protocol)) : STR(""));
        buf_lstr(&b, u->name);
        TRY(buf_rc(&b));
        TRY(crypto_hasher_add(h, buf_str(&b)));
    }
    return RC_OK;
}

enum rc scan_targets_digest(const struct scan_targets *t, unsigned char out[static 32])
{
    CLEANUP(crypto_hasher_freep) struct crypto_hasher *h = NULL;
    CLEANUP(buf_done) struct buf b = BUF_INIT(SCAN_PORTS_MAX * 32);
    unsigned char digest[CRYPTO_HASH_MAX];

    TRY(crypto_hasher_new(CRYPTO_SHA256, &h));
    for (size_t i = 0; i < t->n_ports; i++) {
        buf_u16(&b, t->ports[i].port);
        buf_lstr(&b, t->ports[i].protocol ? str_of(starttls_name(t->ports[i].protocol)) : STR(""));
    }
    TRY(buf_rc(&b));
    TRY(crypto_hasher_add(h, buf_str(&b)));
    TRY(digest_kind(t, PLAIN, h));
    TRY(digest_kind(t, PORTED, h));
    TRY(crypto_hasher_end(h, digest));
    memcpy(out, digest, CRYPTO_SHA256_BYTES);
    return RC_OK;
}
