/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 8.3 against web servers and name servers that misbehave; nothing leaves the
 * process, and the clock moves only when told to. */
#include "check.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "conf/load.h"
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
    int results;
    enum rc rc;
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

static const struct dns_fake_rr names[] = {
    {"www.hospital.example", 1, "10.0.0.1"},
    {"both.hospital.example", 28, "fd00::1"},
    {"both.hospital.example", 1, "10.0.0.1"},
    {"other.hospital.example", 1, "10.0.0.2"},
    {"alias.hospital.example", 5, "www.hospital.example"},
    {"txt.hospital.example", 16, "no address"},
    {"local.hospital.example", 1, "127.0.0.1"},
    {"mixed.hospital.example", 1, "127.0.0.1"},
    {"mixed.hospital.example", 1, "10.0.0.1"},
    {"metadata.hospital.example", 1, "169.254.169.254"},
    {"six.hospital.example", 28, "::ffff:127.0.0.1"},
    {"four.hospital.example", 1, "10.0.0.1"},
    {"four.hospital.example", 1, "10.0.0.2"},
    {"four.hospital.example", 1, "10.0.0.3"},
    {"four.hospital.example", 1, "10.0.0.4"},
    {"four.hospital.example", 1, "10.0.0.5"},
    {NULL, 0, NULL},
};

#define WITH_WORLD(validation, ...)                                                                \
    static const struct page pages[] = {__VA_ARGS__ __VA_OPT__(, ){NULL, NULL, NULL}};             \
    CLEANUP(world_done) struct world w = {.results = 0};                                           \
    CHECK_OK(world_open(&w, names, pages, validation))

#define FAILS(identifier, problem, words)                                                          \
    CHECK_RC(validate(&w, identifier), RC_DENIED);                                                 \
    CHECK_STR(str_of(w.type), problem);                                                            \
    if (!strstr(w.text, words) && !mem_fail_fired())                                               \
    fail_msg("%s:%d: %s", __FILE__, __LINE__, w.text)

static void proven(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)});
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    CHECK_OK(validate(&w, "www.hospital.example"));
    CHECK(strstr(w.request, "\r\nHost: www.hospital.example\r\n"));
    CHECK_OK(json_parse(str_of(w.evidence), VALIDATE_EVIDENCE_MAX, &doc, NULL));
    CHECK(strstr(w.evidence, "\"address\":\"10.0.0.1:80\",\"result\":\"connected\""));
    CHECK(strstr(w.evidence, "\"server\":\"10.0.0.53:53\""));
    CHECK_OK(validate(&w, "alias.hospital.example"));
    CHECK(strstr(w.request, "\r\nHost: alias.hospital.example\r\n"));
    CHECK_OK(validate(&w, "10.0.0.1"));
    CHECK(strstr(w.request, "\r\nHost: 10.0.0.1\r\n"));
}

static void other_ports_and_ipv6(void)
{
    WITH_WORLD("validation: {http_port: 5002}", {"10.0.0.1:5002", PATH, OK(KEY_AUTHORIZATION)},
               {"[fd00::1]:5002", PATH, OK(KEY_AUTHORIZATION)});

    CHECK_OK(validate(&w, "www.hospital.example"));
    CHECK(strstr(w.request, "\r\nHost: www.hospital.example:5002\r\n"));
    CHECK_OK(validate(&w, "fd00::1"));
    CHECK(strstr(w.request, "\r\nHost: [fd00::1]:5002\r\n"));
    CHECK_OK(validate(&w, "both.hospital.example"));
    CHECK(strstr(w.evidence, "\"address\":\"[fd00::1]:5002\",\"result\":\"connected\""));
}

static void ipv4_when_ipv6_is_refused(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)});
    struct addr_port six;
    int64_t began;

    CHECK_OK(validate(&w, "both.hospital.example"));
    CHECK(strstr(w.evidence, "\"address\":\"[fd00::1]:80\",\"result\":\""));
    CHECK(!strstr(w.evidence, "\"[fd00::1]:80\",\"result\":\"connected\""));
    CHECK(strstr(w.evidence, "\"address\":\"10.0.0.1:80\",\"result\":\"connected\""));
    /* Silence leaves time for the other one, too. */
    CHECK_OK(addr_port_parse(STR("[fd00::1]:80"), &six));
    CHECK_OK(net_fake_rule(w.net, &six, NET_FAKE_SILENT));
    began = w.clock.mono;
    CHECK_OK(validate(&w, "both.hospital.example"));
    CHECK(w.clock.mono - began >= 4 * WHEN_SECOND && w.clock.mono - began <= 5 * WHEN_SECOND);
}

/* What answers, answers for the name: the next address is for connecting only. */
static void no_second_opinion(void)
{
    WITH_WORLD("", {"[fd00::1]:80", PATH, OK("wrong")},
               {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)});

    FAILS("both.hospital.example", "incorrectResponse", "[fd00::1]:80 holds 5 bytes");
}

static void white_space_at_the_end(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION " \t\r\n\n")},
               {"10.0.0.2:80", PATH, OK(" " KEY_AUTHORIZATION)});

    CHECK_OK(validate(&w, "www.hospital.example"));
    FAILS("other.hospital.example", "incorrectResponse", "not this challenge's key authorization");
}

static void wrong_content(void)
{
    static const char *const found[][2] = {
        {"", "holds nothing,"},
        {"\n", "holds nothing,"},
        {"<secret>", "holds 8 bytes of something else,"},
        {KEY_AUTHORIZATION "x", "bytes of something else,"},
        {TOKEN, "bytes of something else,"},
        {TOKEN ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
         "holds the key authorization of another account,"},
        {"other.LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0",
         "holds the key authorization of another challenge,"},
    };
    static char response[512];
    WITH_WORLD("", {"10.0.0.1:80", PATH, response});

    for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
        snprintf(response, sizeof(response), OK("%s"), found[i][0]);
        FAILS("www.hospital.example", "incorrectResponse", found[i][1]);
        CHECK(!strstr(w.text, "secret") && !strstr(w.evidence, "secret"));
    }
}

static void too_long(void)
{
    static char response[2048];
    WITH_WORLD("", {"10.0.0.1:80", PATH, response});

    snprintf(response, sizeof(response), OK(KEY_AUTHORIZATION "%600s"), "");
    FAILS("www.hospital.example", "incorrectResponse", "holds more than 512 bytes,");
    snprintf(response, sizeof(response), OK(KEY_AUTHORIZATION "%400s"), "");
    CHECK_OK(validate(&w, "www.hospital.example"));
}

static void other_statuses(void)
{
    WITH_WORLD("", {"10.0.0.2:80", PATH, "HTTP/1.1 503 No\r\n\r\n" KEY_AUTHORIZATION},
               {"10.0.0.1:80", "/other", ""});

    FAILS("www.hospital.example", "unauthorized",
          "http://www.hospital.example" PATH " at 10.0.0.1:80 answered 404, not 200");
    FAILS("other.hospital.example", "unauthorized", "answered 503");
}

static void not_http(void)
{
    static const char *const responses[] = {
        "SSH-2.0-OpenSSH_9.2p1\r\n",
        "HTTP/2.0 200 OK\r\n\r\n" KEY_AUTHORIZATION,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    };
    static const char *const cut =
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" KEY_AUTHORIZATION;
    static struct page pages[] = {{"10.0.0.1:80", PATH, NULL}, {NULL, NULL, NULL}};
    CLEANUP(world_done) struct world w = {.results = 0};

    CHECK_OK(world_open(&w, names, pages, ""));
    for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++) {
        pages[0].response = responses[i];
        FAILS("www.hospital.example", "incorrectResponse", "cannot be understood");
    }
    pages[0].response = cut;
    FAILS("www.hospital.example", "connection", "ended before the answer was complete");
    pages[0].response = "";
    FAILS("www.hospital.example", "connection", "ended before the answer was complete");
}

static void nobody_there(void)
{
    WITH_WORLD("");
    struct addr_port at;

    FAILS("www.hospital.example", "connection", "cannot fetch http://www.hospital.example" PATH);
    FAILS("four.hospital.example", "connection", "cannot fetch");
    CHECK(strstr(w.evidence, "10.0.0.4:80") && !strstr(w.evidence, "10.0.0.5:80"));
    CHECK_OK(addr_port_parse(STR("10.0.0.1:80"), &at));
    CHECK_OK(net_fake_rule(w.net, &at, NET_FAKE_SILENT));
    FAILS("www.hospital.example", "connection", "A server must listen there");
}

static void slow_server(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, NULL});
    int64_t began = w.clock.mono;

    FAILS("www.hospital.example", "connection",
          "10.0.0.1:80 was asked for http://www.hospital.example" PATH
          " and did not answer within 10s");
    CHECK_INT(w.clock.mono - began, 10 * WHEN_SECOND);
}

static void name_server_troubles(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)});

    FAILS("none.hospital.example", "dns", "there is no name none.hospital.example, says 10.0.0.53");
    FAILS("txt.hospital.example", "dns", "has no A record");
    w.server->rcode = 2;
    FAILS("www.hospital.example", "dns", "10.0.0.53:53 (SERVFAIL)");
    w.server->rcode = 0;
    w.server->silent = true;
    FAILS("www.hospital.example", "dns", "asked were 10.0.0.53:53");
}

static void denied_addresses(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)},
               {"127.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)},
               {"169.254.169.254:80", PATH, OK(KEY_AUTHORIZATION)});

    FAILS("local.hospital.example", "rejectedIdentifier", "127.0.0.1 is a loopback address");
    FAILS("metadata.hospital.example", "rejectedIdentifier", "169.254.169.254 is a link-local");
    FAILS("six.hospital.example", "rejectedIdentifier", "127.0.0.1 is a loopback address");
    FAILS("127.0.0.1", "rejectedIdentifier", "127.0.0.1 is a loopback address");
    FAILS("::1", "rejectedIdentifier", "::1 is a loopback address");
    CHECK_INT(w.n_web, 0);
    /* One that may be dialled is, and no other. */
    CHECK_OK(validate(&w, "mixed.hospital.example"));
    CHECK_INT(w.n_web, 1);
}

static void allowed_and_denied_by_configuration(void)
{
    WITH_WORLD("validation: {allow: [127.0.0.0/8], deny: [10.0.0.0/24]}",
               {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)},
               {"127.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)});

    CHECK_OK(validate(&w, "local.hospital.example"));
    FAILS("www.hospital.example", "rejectedIdentifier", "(validation.deny) forbids");
}

static void redirects(void)
{
    WITH_WORLD("validation: {http_port: 5002}",
               {"10.0.0.1:5002", PATH, TO("http://other.hospital.example/a/b?c")},
               {"10.0.0.2:80", "/a/b?c", TO("../d")},
               {"10.0.0.2:80", "/d", TO("http://WWW.hospital.example:5002/end")},
               {"10.0.0.1:5002", "/end", OK(KEY_AUTHORIZATION)});

    CHECK_OK(validate(&w, "www.hospital.example"));
    CHECK(strstr(w.evidence, "\"redirects\":3"));
}

static void bad_redirects(void)
{
    static const char *const cases[][3] = {
        {"http://local.hospital.example/", "connection", "127.0.0.1 is a loopback address"},
        {"http://127.0.0.1/", "connection", "127.0.0.1 is a loopback address"},
        {"http://[::ffff:127.0.0.1]/", "connection", "127.0.0.1 is a loopback address"},
        {"http://169.254.169.254/latest/meta-data/", "connection",
         "169.254.169.254 is a link-local"},
        {"http://other.hospital.example:8555/", "connection",
         "port 80 and validation.http_port only"},
        {"https://other.hospital.example/", "connection", "does not follow redirects to https"},
        {"http://www.hospital.example" PATH, "connection", "run in a circle"},
        {"//www.hospital.example" PATH, "connection", "run in a circle"},
        {"file:///etc/passwd", "incorrectResponse", "redirects to file:///etc/passwd"},
        {"gopher://other.hospital.example/", "incorrectResponse", "redirects to gopher:"},
        {"http://user@other.hospital.example/", "incorrectResponse", "redirects to"},
        {"http://none.hospital.example/", "dns", "there is no name none.hospital.example"},
        {"http://2130706433/", "dns", "there is no name 2130706433"},
    };
    static char response[512];
    WITH_WORLD("", {"10.0.0.1:80", PATH, response}, {"127.0.0.1:80", "/", OK(KEY_AUTHORIZATION)},
               {"169.254.169.254:80", "/latest/meta-data/", OK(KEY_AUTHORIZATION)},
               {"10.0.0.2:8555", "/", OK(KEY_AUTHORIZATION)});

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(response, sizeof(response), TO("%s"), cases[i][0]);
        FAILS("www.hospital.example", cases[i][1], cases[i][2]);
    }
    CHECK_INT(w.n_web, sizeof(cases) / sizeof(cases[0]));
    snprintf(response, sizeof(response), "HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n");
    FAILS("www.hospital.example", "incorrectResponse", "answered 301 without saying where");
}

static void too_many_redirects(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, TO("/1")}, {"10.0.0.1:80", "/1", TO("/2")},
               {"10.0.0.1:80", "/2", TO("/3")}, {"10.0.0.1:80", "/3", TO("/4")},
               {"10.0.0.1:80", "/4", TO("/5")}, {"10.0.0.1:80", "/5", TO("/6")},
               {"10.0.0.1:80", "/6", TO("/7")}, {"10.0.0.1:80", "/7", TO("/8")},
               {"10.0.0.1:80", "/8", TO("/9")}, {"10.0.0.1:80", "/9", TO("/10")},
               {"10.0.0.1:80", "/10", TO("/11")}, {"10.0.0.1:80", "/11", OK(KEY_AUTHORIZATION)});
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    FAILS("www.hospital.example", "connection", "one redirect more than 10");
    CHECK_OK(json_parse(str_of(w.evidence), VALIDATE_EVIDENCE_MAX, &doc, NULL));
}

/* What a name says when it is asked again plays no part: every hop is judged by what is dialled. */
static void rebinding(void)
{
    static struct dns_fake_rr changing[] = {{"www.hospital.example", 1, "10.0.0.1"},
                                            {NULL, 0, NULL}};
    static const struct page pages[] = {{"10.0.0.1:80", PATH, TO("/again")},
                                        {"10.0.0.1:80", "/again", OK(KEY_AUTHORIZATION)},
                                        {"127.0.0.1:80", "/again", OK(KEY_AUTHORIZATION)},
                                        {NULL, NULL, NULL}};
    CLEANUP(world_done) struct world w = {.results = 0};
    struct validate_ask ask = ask_for("www.hospital.example");

    changing[0].data = "10.0.0.1";
    CHECK_OK(world_open(&w, changing, pages, ""));
    CHECK_OK(validate_start(w.validator, &ask, on_result, &w, NULL));
    for (int i = 0; i < 100 && !w.n_web; i++) {
        ev_run_once(w.ev, EV_NOWAIT);
        dns_fake_serve(&w.dns);
        serve_web(&w);
    }
    CHECK_INT(w.n_web, 1);
    changing[0].data = "127.0.0.1";
    pump(&w);
    CHECK_INT(w.results, 1);
    CHECK_RC(w.rc, RC_DENIED);
    CHECK(strstr(w.text, "127.0.0.1 is a loopback address"));
    CHECK_INT(w.n_web, 1);
}

static void not_asked_well(void)
{
    WITH_WORLD("");
    struct validate_ask ask = ask_for("www.hospital.example");

    ask.challenge = STR("dns-01");
    CHECK_RC(validate_start(w.validator, &ask, on_result, &w, NULL), RC_UNSUPPORTED);
    ask = ask_for("www.hospital.example");
    ask.token = STR("../../etc/passwd");
    CHECK_RC(validate_start(w.validator, &ask, on_result, &w, NULL), RC_INVAL);
    ask = ask_for("www.hospital.example");
    ask.key_authorization = STR("other." THUMBPRINT);
    CHECK_RC(validate_start(w.validator, &ask, on_result, &w, NULL), RC_INVAL);
    ask = ask_for("10.0.0.1");
    ask.identifier_type = STR("dns");
    CHECK_RC(validate_start(w.validator, &ask, on_result, &w, NULL), RC_INVAL);
    ask = ask_for("www.hospital.example");
    ask.identifier_type = STR("ip");
    CHECK_RC(validate_start(w.validator, &ask, on_result, &w, NULL), RC_INVAL);
    CHECK_INT(validator_count(w.validator), 0);
}

static void limit_and_cancel(void)
{
    WITH_WORLD("");
    struct validate_ask ask = ask_for("www.hospital.example");
    struct validation *runs[VALIDATE_MAX];

    w.server->silent = true;
    for (int i = 0; i < VALIDATE_MAX; i++)
        CHECK_OK(validate_start(w.validator, &ask, on_result, &w, &runs[i]));
    CHECK_RC(validate_start(w.validator, &ask, on_result, &w, NULL), RC_QUOTA);
    for (int i = 16; i < VALIDATE_MAX; i++)
        validate_cancel(runs[i]); /* before they began */
    pump(&w);
    for (int i = 8; i < 16; i++)
        validate_cancel(runs[i]); /* while they wait for a name server */
    CHECK_INT(validator_count(w.validator), 8);
    CHECK_OK(validate_start(w.validator, &ask, on_result, &w, NULL));
    validator_free(w.validator);
    w.validator = NULL;
    clock_fake_advance(&w.clock, WHEN_MINUTE);
    pump(&w);
    CHECK_INT(w.results, 0);
}

/* A reload while an attempt is under way: it ends as it began, the next is under the new rules. */
static void new_configuration(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)});
    CLEANUP(conf_unrefp) const struct conf *next = NULL;
    struct validate_ask ask = ask_for("www.hospital.example");

    CHECK_OK(load("validation: {deny: [10.0.0.0/8]}", &next));
    CHECK_OK(validate_start(w.validator, &ask, on_result, &w, NULL));
    validator_set(w.validator, next, w.zones);
    pump(&w);
    CHECK_INT(w.results, 1);
    CHECK_OK(w.rc);
    FAILS("www.hospital.example", "rejectedIdentifier", "validation.deny");
}

CHECK_MAIN(CHECK_TEST(proven), CHECK_TEST(other_ports_and_ipv6),
           CHECK_TEST(ipv4_when_ipv6_is_refused), CHECK_TEST(no_second_opinion),
           CHECK_TEST(white_space_at_the_end), CHECK_TEST(wrong_content), CHECK_TEST(too_long),
           CHECK_TEST(other_statuses), CHECK_TEST(not_http), CHECK_TEST(nobody_there),
           CHECK_TEST(slow_server), CHECK_TEST(name_server_troubles), CHECK_TEST(denied_addresses),
           CHECK_TEST(allowed_and_denied_by_configuration), CHECK_TEST(redirects),
           CHECK_TEST(bad_redirects), CHECK_TEST(too_many_redirects), CHECK_TEST(rebinding),
           CHECK_TEST(not_asked_well), CHECK_TEST_ONCE(limit_and_cancel),
           CHECK_TEST(new_configuration))
