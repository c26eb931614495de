/* SPDX-License-Identifier: Apache-2.0 */
/* A validator among web servers and name servers that misbehave, for the tests of this folder:
 * nothing leaves the process, and the clock moves only when told to. */
#pragma once

#include "check.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "conf/load.h"
#include "crypto/crypto.h"
#include "dns/zones.h"
#include "dns_fake.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "json/json.h"
#include "validate/validate.h"

enum { ROUNDS = 30, STEPS = 80, WEB_SOCKETS = 32, REQUEST = 1024 };
#define STEP (WHEN_SECOND / 4)
#define TOKEN "DGyRejmCefe7v4NfDGDKfA"
#define THUMBPRINT "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define KEY_AUTHORIZATION TOKEN "." THUMBPRINT
#define PATH "/.well-known/acme-challenge/" TOKEN
#define OK(body) "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" body
#define TO(url) "HTTP/1.1 302 Found\r\nLocation: " url "\r\nContent-Length: 0\r\n\r\n"

struct page {
    const char *at, *path, *response; /* NULL response: takes the request and is silent */
};

struct world {
    struct clock_fake clock;
    struct ev *ev;
    struct net *net;
    struct dns_fake dns;
    struct dns_fake_server *server;
    const struct conf *conf;
    struct dns_zones *zones;
    struct validator *validator;
    const struct page *pages; /* ends with a NULL address */
    struct {
        int fd;
        struct addr_port to;
    } web[WEB_SOCKETS];
    size_t n_web;
    char request[REQUEST]; /* the last */
    const char *challenge; /* NULL: http-01 */
    bool wildcard, caa_only;
    const char *account;
    const char *key; /* authorization; NULL: KEY_AUTHORIZATION */
    int results;
    enum rc rc;
    when_t until;
    char type[64], text[2048], evidence[VALIDATE_EVIDENCE_MAX + 1];
};

static void world_done(struct world *w)
{
    validator_free(w->validator);
    dns_zones_unref(w->zones);
    conf_unref(w->conf);
    for (size_t i = 0; i < w->n_web; i++)
        fd_close(&w->web[i].fd);
    if (w->net)
        dns_fake_done(&w->dns);
    net_free(w->net);
    ev_free(w->ev);
}

static enum rc load(const char *validation, const struct conf **out)
{
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);

    conf_input_init(&in);
    conf_report_init(&report);
    buf_printf(&text,
               "organization: Example Hospital\ndomain: hospital.example\n"
               "resolvers: [{zone: \".\", servers: [10.0.0.53]}]\n%s\n",
               validation);
    TRY(buf_rc(&text));
    TRY(conf_input_add(&in, STR("autarky.yaml"), buf_str(&text)));
    return conf_load(&in, out, &report);
}

static enum rc world_open(struct world *w, const struct dns_fake_rr *rrs, const struct page *pages,
                          const char *validation)
{
    struct addr_port at;

    TRY(crypto_init());
    clock_fake_init(&w->clock, WHEN_DAY);
    TRY(ev_new(&w->clock.clock, &w->ev));
    TRY(net_fake_new(w->ev, &w->net));
    dns_fake_init(&w->dns, w->net);
    w->server = dns_fake_add(&w->dns, "10.0.0.53:53", rrs);
    w->pages = pages;
    for (const struct page *p = pages; p->at; p++) {
        TRY(addr_port_parse(str_of(p->at), &at));
        TRY(net_fake_rule(w->net, &at, NET_FAKE_ACCEPT));
    }
    TRY(load(validation, &w->conf));
    TRY(dns_zones_of_conf(w->conf, NULL, 0, &w->zones));
    return validator_new(w->ev, w->net, w->conf, w->zones, &w->validator);
}

static void on_result(void *arg, const struct validate_result *r)
{
    struct world *w = arg;

    w->results++;
    w->rc = r->rc;
    w->until = r->until;
    w->type[0] = w->text[0] = '\0';
    if (r->err) {
        snprintf(w->type, sizeof(w->type), "%s", r->err->type ? r->err->type : "");
        err_textz(r->err, w->text, sizeof(w->text));
    }
    snprintf(w->evidence, sizeof(w->evidence), "%.*s", STR_ARG(r->evidence));
}

static const struct page *page_for(const struct world *w, const struct addr_port *to)
{
    char at[ADDR_TEXT], line[REQUEST];

    addr_port_text(to, at);
    for (const struct page *p = w->pages; p->at; p++) {
        snprintf(line, sizeof(line), "GET %s HTTP/1.1\r\n", p->path);
        if (strcmp(p->at, at) == 0 && strncmp(w->request, line, strlen(line)) == 0)
            return p;
    }
    return NULL;
}

static void serve_web(struct world *w)
{
    if (w->dns.other >= 0 && w->n_web < WEB_SOCKETS) {
        w->web[w->n_web].to = w->dns.other_target.to;
        w->web[w->n_web++].fd = fd_move(&w->dns.other);
    }
    for (size_t i = 0; i < w->n_web; i++) {
        char bytes[REQUEST];
        ssize_t n = w->web[i].fd >= 0 ? recv(w->web[i].fd, bytes, REQUEST - 1, MSG_DONTWAIT) : -1;
        const struct page *page;
        const char *text = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

        if (n <= 0)
            continue;
        memcpy(w->request, bytes, (size_t)n);
        w->request[n] = '\0';
        page = page_for(w, &w->web[i].to);
        if (page && !page->response)
            continue;
        text = page ? page->response : text;
        (void)!send(w->web[i].fd, text, strlen(text), MSG_NOSIGNAL);
        fd_close(&w->web[i].fd);
    }
}

static void pump(struct world *w)
{
    for (int i = 0; i < ROUNDS; i++) {
        ev_run_once(w->ev, EV_NOWAIT);
        dns_fake_serve(&w->dns);
        serve_web(w);
    }
}

static struct validate_ask ask_for(const char *identifier)
{
    struct addr addr;

    return (struct validate_ask){
        .challenge = STR("http-01"),
        .identifier_type = addr_parse(str_of(identifier), &addr) == RC_OK ? STR("ip") : STR("dns"),
        .identifier = str_of(identifier),
        .token = STR(TOKEN),
        .key_authorization = STR(KEY_AUTHORIZATION),
        .attempt = 1,
    };
}

/* The whole attempt; RC_AGAIN when it does not end, RC_CONFLICT when it ends more than once. */
static enum rc validate(struct world *w, const char *identifier)
{
    struct validate_ask ask = ask_for(identifier);

    if (w->challenge)
        ask.challenge = str_of(w->challenge);
    ask.wildcard = w->wildcard;
    ask.caa_only = w->caa_only;
    if (w->key)
        ask.key_authorization = str_of(w->key);
    ask.account = str_of(w->account ? w->account : "");
    w->results = 0;
    TRY(validate_start(w->validator, &ask, on_result, w, NULL));
    pump(w);
    for (int i = 0; i < STEPS && !w->results; i++) {
        clock_fake_advance(&w->clock, STEP);
        pump(w);
    }
    if (validator_count(w->validator) != 0 || w->results != 1)
        return w->results ? RC_CONFLICT : RC_AGAIN;
    return w->rc;
}

#define WITH_WORLD(validation, ...)                                                                \
    static const struct page pages[] = {__VA_ARGS__ __VA_OPT__(, ){NULL, NULL, NULL}};             \
    CLEANUP(world_done) struct world w = {.results = 0};                                           \
    CHECK_OK(world_open(&w, names, pages, validation))

#define FAILS(identifier, problem, words)                                                          \
    CHECK_RC(validate(&w, identifier), RC_DENIED);                                                 \
    CHECK_STR(str_of(w.type), problem);                                                            \
    if (!strstr(w.text, words) && !mem_fail_fired())                                               \
    fail_msg("%s:%d: %s", __FILE__, __LINE__, w.text)
