/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky site check`: what a browser would get, looked at from here with a client's eyes. */
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/name.h"
#include "base/when.h"
#include "client/possible.h"
#include "cmd/cmd.h"
#include "cmd/examine.h"
#include "cmd/site_int.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "http/url.h"
#include "tls/look.h"
#include "x509/cert.h"
#include "x509/ocsp.h"
#include "x509/verify.h"

MSG(msg_one, "cmd.site-check-one", "one certificate is served where TLCP takes two");

MSG(msg_staple, "cmd.site-check-staple",
    "the OCSP answer that comes with the certificate is about another one, or no longer good");

enum {
    TEXT_MAX = 1024 * 1024,
    ROOTS_MAX = 64,
    ARENA_MAX = 16 * 1024 * 1024,
    LINE_BYTES = 1024,
    STATUS_SERVER_ERROR = 500,
    OWN_MAX = 64, /* addresses of this host, or of the name; more are not looked at */
};

static const enum tls_look_key looks[CONF_SITE_KEYS] = {
    [CONF_KEY_RSA] = TLS_LOOK_RSA,
    [CONF_KEY_ECDSA] = TLS_LOOK_ECDSA,
    [CONF_KEY_SM2] = TLS_LOOK_SM2,
    [CONF_KEY_MLDSA] = TLS_LOOK_MLDSA65,
};

struct check {
    struct examination e;
    const struct conf *conf;
    const struct conf_site *site;
    struct addr_port gateway; /* addr.n == 0: none listens */
    struct arena arena;
    struct x509_cert *roots;
    size_t n_roots;
};

static void failed(struct check *c, const char *what, const struct err *err, const char *cure)
{
    char text[LINE_BYTES];

    cmd_finding(&c->e, what, STR("failed"), str_of(err_textz(err, text, sizeof(text))),
                str_of(cure));
}

/* ---- where the gateway is */

static const char *gateway_host(const struct check *c, char text[static ADDR_TEXT])
{
    static const unsigned char none[sizeof(c->gateway.addr.b)];

    if (memcmp(c->gateway.addr.b, none, c->gateway.addr.n) != 0)
        return addr_text(&c->gateway.addr, text);
    return c->gateway.addr.n == 4 ? "127.0.0.1" : "localhost";
}

static enum rc read_roots(struct check *c, int data)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(TEXT_MAX);

    TRY(file_read(data, "trust/roots-all.pem", &pem, NULL));
    return x509_cert_read_pem(&c->arena, buf_str(&pem), ROOTS_MAX, &c->roots, &c->n_roots, NULL);
}

static void read_data(struct check *c)
{
    CLEANUP(fd_closep) int data = -1;

    if (!cmd_listener(cmd_data(c->e.args), "gateway", &c->gateway))
        c->gateway = (struct addr_port){};
    if (cmd_open_data(c->e.args, &data, NULL) != RC_OK)
        return;
    if (read_roots(c, data) != RC_OK)
        cmd_finding(&c->e, "roots", STR("failed"),
                    STR("trust/roots-all.pem of the data directory cannot be read"),
                    STR("run as root, or as the user that runs the server"));
}

/* ---- the findings */

static bool is_own(const struct addr *all, size_t n, const struct addr *a)
{
    for (size_t i = 0; i < n; i++)
        if (addr_eq(&all[i], a))
            return true;
    return false;
}

static void add_own(struct addr *all, size_t *n, const struct addr *a)
{
    if (a->n && *n < OWN_MAX && !is_own(all, *n, a))
        all[(*n)++] = *a;
}

static struct addr addr_of(const struct sockaddr *sa)
{
    struct addr a = {.n = 0};

    if (sa && sa->sa_family == AF_INET) {
        a.n = sizeof(struct in_addr);
        memcpy(a.b, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, a.n);
    } else if (sa && sa->sa_family == AF_INET6) {
        a.n = sizeof(struct in6_addr);
        memcpy(a.b, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, a.n);
    }
    return a;
}

/* Where the gateway can be reached: what it listens on; of this host, where that is everywhere. */
static size_t own_addresses(const struct conf *conf, struct addr all[static OWN_MAX])
{
    static const unsigned char none[sizeof(all->b)];
    struct ifaddrs *list = NULL;
    bool anywhere = false;
    size_t n = 0;

    for (size_t i = 0; i < conf->listen.gateway.n; i++) {
        const struct addr *a = &conf->listen.gateway.p[i].addr;

        if (memcmp(a->b, none, a->n) == 0)
            anywhere = true;
        else
            add_own(all, &n, a);
    }
    if (!anywhere || getifaddrs(&list) != 0)
        return n;
    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        struct addr a = addr_of(i->ifa_addr);

        add_own(all, &n, &a);
    }
    freeifaddrs(list);
    return n;
}

static void put_addresses(const struct addr *all, size_t n, struct buf *out)
{
    char text[ADDR_TEXT];

    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%s", i ? ", " : "", addr_text(&all[i], text));
    if (n == 0)
        buf_putz(out, "none");
}

/* Who resolves the name here need not be who does for the clients, but mostly it is. */
static void judge_addresses(struct check *c, const struct addr *found, size_t n)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(2 * LINE_BYTES);
    struct addr own[OWN_MAX], others[OWN_MAX];
    size_t n_own = own_addresses(c->conf, own), n_others = 0;

    for (size_t i = 0; i < n; i++)
        if (!is_own(own, n_own, &found[i]))
            others[n_others++] = found[i];
    buf_putz(&text, "leads to ");
    put_addresses(found, n, &text);
    if (n_others == 0) {
        buf_putz(&text, ", which the gateway has");
        cmd_finding(&c->e, "name", STR("ok"), buf_str(&text), STR(""));
        return;
    }
    buf_putz(&text, "; the gateway here has ");
    put_addresses(own, n_own, &text);
    buf_putz(&text, ", and not ");
    put_addresses(others, n_others, &text);
    cmd_finding(&c->e, "name", STR("warning"), buf_str(&text),
                STR("let the record in your DNS lead to the gateway, unless a load balancer, an "
                    "address translation or another gateway is there"));
}

static void check_name(struct check *c)
{
    struct addrinfo *list = NULL, want = {.ai_socktype = SOCK_STREAM};
    char name[NAME_MAX_BYTES + 1];
    struct addr found[OWN_MAX];
    size_t n = 0;

    if (str_copyz(c->site->name, name, sizeof(name)) == RC_OK &&
        getaddrinfo(name, NULL, &want, &list) == 0)
        for (const struct addrinfo *i = list; i; i = i->ai_next) {
            struct addr a = addr_of(i->ai_addr);

            add_own(found, &n, &a);
        }
    if (list)
        freeaddrinfo(list);
    if (n)
        judge_addresses(c, found, n);
    else
        cmd_finding(&c->e, "name", STR("warning"), STR("has no address on this host"),
                    STR("make a record in your DNS that points to the gateway"));
}

/* Chain, name and time, as a client that trusts our roots sees them. */
static enum rc verify(struct check *c, const struct x509_cert *chain, size_t n, size_t leaf,
                      struct err *err)
{
    struct str roots[ROOTS_MAX], above[X509_CHAIN_MAX];
    struct x509_verify_in in = {
        .leaf = chain[leaf].der,
        .chain = above,
        .roots = roots,
        .n_roots = c->n_roots,
        .at = clock_now(clock_system()),
        .purpose = X509_FOR_SERVER,
        .dns = c->site->name,
    };

    for (size_t i = 0; i < c->n_roots; i++)
        roots[i] = c->roots[i].der;
    for (size_t i = 1; i < n; i++)
        above[in.n_chain++] = chain[i].der;
    return x509_verify(&in, err);
}

struct served {
    struct str pem;
    size_t leaves;
    struct str staple; /* empty: none came */
};

static enum rc read_staple(struct check *c, const struct x509_cert *chain, struct str der,
                           const struct x509_ocsp_single **out, struct err *err)
{
    when_t now = clock_now(clock_system());
    struct x509_ocsp_issuer names;
    struct x509_ocsp_answer answer;

    TRY(x509_ocsp_answer_parse(&c->arena, der, &answer, err));
    TRY(x509_ocsp_issuer_of(&chain[1], &names));
    *out = answer.outcome == X509_OCSP_SUCCESSFUL
               ? x509_ocsp_answer_find(&answer, &names, &chain[0].serial)
               : NULL;
    if (!*out || (*out)->next_update <= now)
        return ERR(err, RC_CRYPTO, msg_staple);
    return x509_ocsp_answer_check(&c->arena, &answer, &chain[1], now, err);
}

/* The OCSP answer that came with a certificate which names a responder. */
static void judge_staple(struct check *c, const struct x509_cert *chain, size_t n, struct str der)
{
    static const char *const said[] = {"good", "revoked", "unknown"};
    when_t now = clock_now(clock_system());
    const struct x509_ocsp_single *s;
    struct err err = ERR_INIT;
    char text[LINE_BYTES];

    if (chain[0].n_ocsp_urls == 0 || n < 2)
        return;
    if (der.n == 0) {
        cmd_finding(&c->e, "staple", str_of(chain[0].must_staple ? "failed" : "warning"),
                    STR("no OCSP answer comes with the certificate"),
                    STR("it takes a moment after a start; the log has lines "
                        "`keeper.staple-failed` that say why"));
        return;
    }
    err.rc = read_staple(c, chain, der, &s, &err);
    if (err.rc != RC_OK) {
        failed(c, "staple", &err, "restart `autarky serve` if the clock is right");
        return;
    }
    snprintf(text, sizeof(text),
             "the OCSP answer that comes with it says %s; %lld hours old, "
             "good for %lld more",
             said[s->status], (long long)((now - s->this_update) / WHEN_HOUR),
             (long long)((s->next_update - now) / WHEN_HOUR));
    cmd_finding(&c->e, "staple", str_of(s->status == X509_OCSP_GOOD ? "ok" : "failed"),
                str_of(text),
                str_of(s->status == X509_OCSP_GOOD ? "" : "autarky site renew gets a new one"));
}

/* Whether its certificate of that kind may be from another CA. */
static bool has_other(const struct check *c, enum conf_key_algorithm a)
{
    return c->site->directory.n && (a == CONF_KEY_ECDSA || a == CONF_KEY_RSA);
}

/* Who trusts the other CA is not known here: name and time are looked at, and whether it is there.
 */
static void judge_other(struct check *c, const char *what, const struct x509_cert *chain, size_t n)
{
    when_t now = clock_now(clock_system());
    struct err err = ERR_INIT;
    char text[LINE_BYTES];

    err.rc = verify(c, chain, n, 0, &err);
    if (err.rc == RC_OK) {
        cmd_finding(&c->e, what, STR("warning"),
                    STR("an internal certificate serves, for that of the other CA is not there"),
                    STR("`autarky site list` says what is in the way"));
        return;
    }
    if (!x509_cert_has_dns(&chain[0], c->site->name) || chain[0].not_after <= now) {
        failed(c, what, &err, "autarky site renew with the name of the site gets a new one");
        return;
    }
    snprintf(text, sizeof(text), "served, from another CA; %lld days left",
             (long long)((chain[0].not_after - now) / WHEN_DAY));
    cmd_finding(&c->e, what, STR("ok"), str_of(text), STR(""));
}

/* Of two leaves, as TLCP has them, the first that does not verify is told of. */
static void judge(struct check *c, enum conf_key_algorithm a, const struct served *served)
{
    const char *what = conf_site_key_name(a);
    when_t now = clock_now(clock_system());
    struct x509_cert *chain;
    struct err err = ERR_INIT;
    char text[LINE_BYTES];
    size_t n;

    err.rc = x509_cert_read_pem(&c->arena, served->pem, X509_CHAIN_MAX, &chain, &n, &err);
    if (err.rc == RC_OK && has_other(c, a)) {
        judge_other(c, what, chain, n);
        return;
    }
    for (size_t i = 0; err.rc == RC_OK && i < served->leaves; i++)
        err.rc = i < n ? verify(c, chain, n, i, &err) : ERR(&err, RC_CRYPTO, msg_one);
    if (err.rc != RC_OK) {
        failed(c, what, &err, "autarky site renew with the name of the site gets a new one");
        return;
    }
    snprintf(text, sizeof(text), "served, and trusted by who trusts the root; %lld days left",
             (long long)((chain[0].not_after - now) / WHEN_DAY));
    cmd_finding(&c->e, what, STR("ok"), str_of(text), STR(""));
    if (served->leaves == 1)
        judge_staple(c, chain, n, served->staple);
}

static void check_served(struct check *c, enum conf_key_algorithm a)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(TLS_LOOK_CHAIN_MAX);
    CLEANUP(buf_done) struct buf staple = BUF_INIT(X509_OCSP_MAX);
    CLEANUP(fd_closep) int fd = -1;
    const char *name = conf_site_key_name(a);
    char text[ADDR_TEXT];
    struct err err = ERR_INIT;

    if (c->gateway.addr.n == 0)
        return;
    if (c->roots && !has_other(c, a) && !client_possible(c->roots, c->n_roots, a)) {
        cmd_finding(&c->e, name, STR("skipped"), STR("this CA has no root for such keys"), STR(""));
        return;
    }
    err.rc = site_connect(str_of(gateway_host(c, text)), c->gateway.port, &fd, &err);
    if (err.rc == RC_OK)
        err.rc = tls_look(fd, c->site->name, looks[a], &pem, &staple, &err);
    if (err.rc == RC_OK)
        judge(c, a, &(struct served){buf_str(&pem), a == CONF_KEY_SM2 ? 2 : 1, buf_str(&staple)});
    else
        failed(c, name, &err,
               "`autarky site list` says whether there is a certificate, and if not, why");
}

/* One that speaks HTTP is asked; `target` is what the gateway would ask for. */
static void ask_backend(struct check *c, struct str base, struct str target)
{
    bool h2 = str_starts(base, STR("h2:"));
    struct err err = ERR_INIT;
    char text[LINE_BYTES];
    int status = 0;

    err.rc = site_ask_backend(c->site, base, target, &status, &err);
    if (err.rc == RC_CRYPTO || err.rc == RC_DENIED) {
        failed(c, "backend", &err,
               "give it a certificate that fits, or correct `backend_ca`, `backend_keys` or "
               "`backend_name`");
        return;
    }
    if (err.rc != RC_OK) {
        failed(c, "backend", &err, "start what should answer there, or correct `backends`");
        return;
    }
    if (h2)
        snprintf(text, sizeof(text), "%.*s proves who it is, and speaks HTTP/2", STR_ARG(base));
    else
        snprintf(text, sizeof(text), "%.*s answers %.*s with status %d", STR_ARG(base),
                 STR_ARG(target), status);
    cmd_finding(&c->e, "backend", status < STATUS_SERVER_ERROR ? STR("ok") : STR("warning"),
                str_of(text), STR(""));
}

/* TLS ends there, so what it shows is its own affair; or HTTP/2 is spoken in the clear, which is
 * not spoken here: it has to take connections. */
static void check_taker(struct check *c, struct str base)
{
    struct str rest = str_skip(base, str_find(base, ':') + 3);
    uint16_t usual = str_starts(base, STR("h2c:")) ? 80 : 443;
    CLEANUP(fd_closep) int fd = -1;
    struct err err = ERR_INIT;
    struct http_authority at;
    char text[LINE_BYTES];

    err.rc = http_authority_parse(rest, &at);
    if (err.rc == RC_OK)
        err.rc = site_connect(at.host, at.port ? at.port : usual, &fd, &err);
    if (err.rc != RC_OK) {
        failed(c, "backend", &err, "start what should answer there, or correct `backends`");
        return;
    }
    snprintf(text, sizeof(text), "%.*s takes connections", STR_ARG(base));
    cmd_finding(&c->e, "backend", STR("ok"), str_of(text), STR(""));
}

static void check_backend(struct check *c, struct str base, struct str target)
{
    if (str_starts(base, STR("http")) || str_starts(base, STR("h2:")))
        ask_backend(c, base, target);
    else
        check_taker(c, base);
}

/* Those of the site, by the path of its checks if it has one, and those of its paths. */
static void check_backends(struct check *c)
{
    const struct conf_site *s = c->site;

    for (size_t i = 0; i < s->backends.n; i++)
        check_backend(c, s->backends.p[i], s->check.n ? s->check : STR("/"));
    for (size_t i = 0; i < c->conf->gateway.n_paths; i++) {
        const struct conf_path *p = &c->conf->gateway.paths[i];

        for (size_t k = 0; str_eq(p->site, s->name) && k < p->backends.n; k++)
            check_backend(c, p->backends.p[k], p->replace.n ? p->replace : p->path);
    }
}

/* What a client is shown over the gateway, which has no certificate for it. */
static void check_passed(struct check *c)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(TLS_LOOK_CHAIN_MAX);
    CLEANUP(fd_closep) int fd = -1;
    char text[ADDR_TEXT];
    struct err err = ERR_INIT;

    cmd_finding(&c->e, "tls", STR("ok"),
                STR("is not ended here: connections go to the backends as they are, and the "
                    "certificates are theirs"),
                STR(""));
    if (c->gateway.addr.n == 0)
        return;
    err.rc = site_connect(str_of(gateway_host(c, text)), c->gateway.port, &fd, &err);
    if (err.rc == RC_OK)
        err.rc = tls_look(fd, c->site->name, TLS_LOOK_ANY, &pem, NULL, &err);
    if (err.rc == RC_OK)
        cmd_finding(&c->e, "passed", STR("ok"), STR("a backend answers with a certificate"),
                    STR(""));
    else
        failed(c, "passed", &err, "the log of the gateway has lines `gateway.passed` that say why");
}

static int check(const struct cmd_args *args, const struct conf *conf, const struct conf_site *site)
{
    struct check c = {.conf = conf, .site = site};
    int status;

    arena_init(&c.arena, ARENA_MAX);
    cmd_examine_begin(&c.e, args);
    read_data(&c);
    check_name(&c);
    if (c.gateway.addr.n == 0)
        cmd_finding(&c.e, "gateway", STR("failed"), STR("no gateway runs here"),
                    STR("autarky serve, or autarky reload if the site is new"));
    for (unsigned a = 0; a < CONF_SITE_KEYS; a++)
        if (site->algorithms & 1u << a)
            check_served(&c, a);
    if (site->passes)
        check_passed(&c);
    check_backends(&c);
    status = cmd_examine_show(&c.e, RC_OK);
    cmd_examine_done(&c.e);
    arena_done(&c.arena);
    return status;
}

int cmd_site_check(const struct cmd_args *args)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(buf_done) struct buf problems = BUF_INIT(TEXT_MAX);
    char name[NAME_MAX_BYTES + 1];
    const struct conf_site *site;
    int status;

    if (name_canonical(str_of(args->operand), false, name) != RC_OK)
        return cmd_usagef("\"%s\" is no domain name", args->operand);
    if (cmd_load_config(args, &conf, &problems) != RC_OK)
        return cmd_show_problems(buf_str(&problems));
    site = conf_site_find(conf, str_of(name));
    if (!site)
        return cmd_failf(
            "%s is not a site of the gateway; `autarky site list` shows those that are", name);
    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL's default provider is missing; run script/bootstrap again");
    status = check(args, conf, site);
    crypto_done();
    return status;
}
