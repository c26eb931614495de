/* SPDX-License-Identifier: Apache-2.0 */
/* What front does with requests and with its certificate, beside a core that this test plays. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "ev/clock.h"
#include "front/front_int.h"
#include "ipc/messages.h"
#include "ipc/table.h"
#include "log/log.h"
#include "metrics/view.h"
#include "net/net.h"
#include "role/child_int.h"
#include "role/roles.h"
#include "sandbox/users.h"
#include "x509/csr.h"

enum { ASKED_MAX = 400 };

#define NOW (20'000 * WHEN_DAY)
#define LIFE (90 * WHEN_DAY)

struct world {
    struct clock_fake clock;
    struct conf conf;
    struct role_env env;
    struct front front;
    struct check_dir dir;
    struct ipc_chan *here, *there; /* front's end and core's */
    /* core */
    struct ipc_req *asked[ASKED_MAX];
    size_t n_asked, n_certs;
    struct str target;
    struct buf last; /* what the last request was, in words */
    struct addr client;
    bool no_certs, no_numbers;
    /* the client */
    uint8_t host;     /* of its address */
    const char *asks; /* its Host header; NULL: ca.example:80 */
    size_t n_done;
    int status;
    struct buf body, location, challenge;
    bool retry, token; /* the next request has a token, a cookie and a key */
};

static void quiet(void *, enum log_level, struct str)
{
}

/* ---- core */

static void on_http(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct world *w = arg;
    const struct ipc_http *m = msg;

    w->client = m->client;
    buf_reset(&w->last);
    buf_printf(&w->last, "%.*s %.*s %.*s %.*s [%.*s]", STR_ARG(m->listener), STR_ARG(m->method),
               STR_ARG(m->target), STR_ARG(m->content_type), STR_ARG(m->body));
    for (size_t i = 0; i < m->headers.n; i++)
        buf_printf(&w->last, " %.*s=%.*s", STR_ARG(m->headers.v[i].name),
                   STR_ARG(m->headers.v[i].value));
    w->asked[w->n_asked++] = req;
}

static enum rc make_chain(const struct world *w, struct str csr_der, struct arena *a,
                          struct buf *pem)
{
    static const struct str names[] = {STR("ca.example"), STR("localhost")};
    CLEANUP(crypto_key_unrefp) struct crypto_key *ca = NULL;
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    CLEANUP(buf_done) struct buf issuer = BUF_INIT(1024);
    struct x509_csr csr;
    struct x509_tbs_in in = {
        .sig_alg = CRYPTO_SIG_ECDSA_SHA256,
        .not_before = w->clock.now,
        .not_after = w->clock.now + LIFE,
        .dns = names,
        .n_dns = 2,
        .basic = X509_BASIC_LEAF,
        .pathlen = -1,
        .key_usage = X509_KU_DIGITAL_SIGNATURE,
        .eku = X509_EKU_SERVER_AUTH,
    };
    struct x509_subject subject = {.common_name = STR("Test CA")};

    TRY(x509_csr_parse(a, csr_der, X509_CSR_STRICT, &csr, NULL));
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &ca));
    TRY(x509_serial_random(&in.serial));
    TRY(x509_name_build(&subject, &issuer));
    in.issuer = buf_str(&issuer);
    in.spki = csr.spki;
    TRY(x509_tbs_build(&in, &tbs, NULL));
    TRY(x509_sign_tbs(ca, buf_str(&tbs), &der));
    x509_cert_put_pem(buf_str(&der), pem);
    return buf_rc(pem);
}

MSG(msg_no, "test.no", "no");

static void on_api_cert(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct world *w = arg;
    const struct ipc_api_cert *m = msg;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(32768);
    struct ipc_api_cert_reply reply = {.not_after = w->clock.now + LIFE};
    struct err err = ERR_INIT;

    w->n_certs++;
    if (w->no_certs || make_chain(w, m->csr, ipc_req_arena(req), &pem) != RC_OK) {
        IGNORE_RC(ERR(&err, RC_DENIED, msg_no));
        ipc_reply_err(req, &err);
        return;
    }
    reply.chain = buf_str(&pem);
    IGNORE_RC(ipc_reply(req, &reply));
}

/* Core is the same program and has the same table; what it says need not fit. */
static void on_metrics(void *arg, struct ipc_req *req, const void *, int)
{
    struct world *w = arg;
    CLEANUP(buf_done) struct buf snapshot = BUF_INIT(METRICS_SNAPSHOT_MAX);
    struct ipc_measured all[] = {{.role = ROLE_CORE}, {.role = ROLE_GATEWAY, .number = 1}};
    struct ipc_gathered reply;

    if (w->no_numbers)
        buf_putz(&snapshot, "\x01nonsense");
    else
        metrics_snapshot(&snapshot);
    all[0].snapshot = all[1].snapshot = buf_str(&snapshot);
    reply.processes.v = all;
    reply.processes.n = 2;
    IGNORE_RC(ipc_reply(req, &reply));
}

static void on_close(void *, enum rc, const struct err *)
{
}

static void turn(struct world *w)
{
    for (int i = 0; i < 20 && w->env.ev; i++)
        ev_run_once(w->env.ev, EV_NOWAIT);
}

static void core_answers(struct world *w, size_t i, const char *body)
{
    struct ipc_pair headers[] = {{STR("Content-Type"), STR("text/plain")}};
    struct ipc_http_reply reply = {.status = 200, .body = str_of(body)};

    reply.headers.v = headers;
    reply.headers.n = 1;
    IGNORE_RC(ipc_reply(w->asked[i], &reply));
    w->asked[i] = NULL;
    turn(w);
}

/* As the frame tells it. */
static void peer(struct world *w, struct ipc_chan *chan)
{
    w->front.core = chan;
    if (chan) {
        front_relay_resume(&w->front.relay);
        front_cert_check(&w->front.cert);
    }
    turn(w);
}

static enum rc core_comes(struct world *w)
{
    static const struct ipc_handler handlers[] = {
        {IPC_HTTP, on_http}, {IPC_API_CERT, on_api_cert}, {IPC_METRICS, on_metrics}};
    struct ipc_chan_conf front = {ROLE_FRONT, ROLE_CORE, NULL, 0, on_close, w};
    struct ipc_chan_conf core = {ROLE_CORE, ROLE_FRONT, handlers, 3, on_close, w};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(w->env.ev, fds[0], &front, &w->here));
    TRY(ipc_chan_new(w->env.ev, fds[1], &core, &w->there));
    peer(w, w->here);
    return RC_OK;
}

static void core_dies(struct world *w)
{
    for (size_t i = 0; i < w->n_asked; i++)
        ipc_req_drop(MOVE(w->asked[i]));
    w->n_asked = 0;
    ipc_chan_free(MOVE(w->there));
    w->front.core = NULL;
    ipc_chan_free(MOVE(w->here));
    turn(w);
}

/* ---- the client */

static void on_done(struct http_exchange *x, void *arg)
{
    struct world *w = arg;

    w->n_done++;
    w->status = x->res.status;
    buf_reset(&w->body);
    buf_puts(&w->body, buf_str(&x->res.body));
    buf_reset(&w->location);
    buf_reset(&w->challenge);
    w->retry = false;
    for (size_t i = 0; i < x->res.n_headers; i++) {
        if (str_ieq(x->res.headers[i].name, STR("location")))
            buf_puts(&w->location, x->res.headers[i].value);
        if (str_ieq(x->res.headers[i].name, STR("www-authenticate")))
            buf_puts(&w->challenge, x->res.headers[i].value);
        w->retry = w->retry || str_ieq(x->res.headers[i].name, STR("retry-after"));
    }
    http_exchange_free(x);
}

static enum rc request(struct world *w, const char *listener, const char *method, const char *path)
{
    struct http_exchange *x;

    TRY(http_exchange_new(on_done, w, &x));
    IGNORE_RC(id_new(&x->id));
    x->req.listener = str_of(listener);
    x->req.method = str_of(method);
    x->req.path = str_of(path);
    x->req.host = str_of(w->asks ? w->asks : "ca.example:80");
    x->req.body = STR("body");
    x->req.client = (struct addr){4, {10, 0, 0, w->host}};
    x->req.query = str_eq(x->req.path, STR("/old")) ? STR("q=1") : STR("");
    x->req.headers[0] = (struct http_header){STR("content-type"), STR("a/b")};
    x->req.headers[1] = (struct http_header){STR("user-agent"), STR("test")};
    x->req.n_headers = 2;
    if (w->token) {
        x->req.headers[2] = (struct http_header){STR("authorization"), STR("Bearer t")};
        x->req.headers[3] = (struct http_header){STR("cookie"), STR("c=d")};
        x->req.headers[4] = (struct http_header){STR("idempotency-key"), STR("k")};
        x->req.n_headers = 5;
    }
    w->status = 0;
    front_http_request(&w->front, x);
    turn(w);
    return RC_OK;
}

static void front_closes(struct world *w)
{
    front_relay_done(&w->front.relay);
    front_cert_done(&w->front.cert);
    tls_context_free(MOVE(w->front.tls));
}

static void world_done(struct world *w)
{
    if (w->front.env)
        front_closes(w);
    core_dies(w);
    ev_free(w->env.ev);
    buf_done(&w->last);
    buf_done(&w->body);
    buf_done(&w->location);
    buf_done(&w->challenge);
    check_dir_done(&w->dir);
    crypto_done();
}

static enum rc front_opens(struct world *w)
{
    struct tls_context_conf tls = {STR("")};

    memset(&w->front, 0, sizeof(w->front));
    w->front.env = &w->env;
    w->front.api_port = 8555;
    front_relay_init(&w->front.relay, &w->front);
    TRY(tls_context_new(&tls, &w->front.tls));
    return front_cert_open(&w->front.cert, &w->front, NULL);
}

static enum rc world_init(struct world *w)
{
    struct log_conf quietly = {.role = "test", .sink = quiet};

    memset(w, 0, sizeof(*w));
    log_init(&quietly);
    check_dir_init(&w->dir);
    buf_init(&w->last, 4096);
    buf_init(&w->body, 1 << 20);
    buf_init(&w->location, 4096);
    buf_init(&w->challenge, 4096);
    clock_fake_init(&w->clock, NOW);
    w->env.clock = &w->clock.clock;
    w->env.conf = &w->conf;
    w->env.data = w->dir.fd;
    TRY(crypto_init());
    TRY(ev_new(&w->clock.clock, &w->env.ev));
    if (mkdirat(w->dir.fd, "front", 0700) != 0)
        return RC_IO;
    return front_opens(w);
}

#define BEGIN(w)                                                                                   \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w))

static void pass(struct world *w, when_t micros)
{
    clock_fake_advance(&w->clock, micros);
    turn(w);
}

/* ---- requests */

static void asks_core(void)
{
    BEGIN(w);
    CHECK_OK(core_comes(&w));
    CHECK_OK(request(&w, "api", "POST", "/acme/new-order"));
    CHECK_INT(w.n_asked, 1);
    CHECK_STR(buf_str(&w.last), "api POST /acme/new-order a/b [body] user-agent=test");
    core_answers(&w, 0, "answer");
    CHECK_INT(w.status, 200);
    CHECK_STR(buf_str(&w.body), "answer");
}

static void core_refuses(struct world *w, int status)
{
    struct err err = ERR_INIT;

    IGNORE_RC(ERR(&err, RC_DENIED, msg_no));
    err.status = status;
    ipc_reply_err(w->asked[--w->n_asked], &err);
    w->asked[w->n_asked] = NULL;
    turn(w);
}

/* Tokens and cookies go where they are for, and nowhere else. */
static void who_somebody_says_to_be(void)
{
    static const struct {
        const char *path;
        bool token;
        const char *headers;
        int status;
        const char *challenge;
    } cases[] = {
        {"/api/v1/status", true, " authorization=Bearer t cookie=c=d idempotency-key=k", 401,
         "Bearer realm=\"autarky\", error=\"invalid_token\""},
        {"/api/v1/status", true, " authorization=Bearer t cookie=c=d idempotency-key=k", 403,
         "Bearer realm=\"autarky\", error=\"insufficient_scope\""},
        {"/api/v1/status", true, " authorization=Bearer t cookie=c=d idempotency-key=k", 404, ""},
        {"/api/v1/status", false, "", 401, "Bearer realm=\"autarky\""},
        {"/api/v1/status", false, "", 403, ""},
        {"/ui/", true, " cookie=c=d", 403, ""},
        {"/acme/new-order", true, "", 403, ""},
    };

    BEGIN(w);
    CHECK_OK(core_comes(&w));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char last[128];

        w.token = cases[i].token;
        CHECK_OK(request(&w, "api", "GET", cases[i].path));
        CHECK_INT(w.n_asked, 1);
        (void)snprintf(last, sizeof(last), "api GET %s a/b [body] user-agent=test%s", cases[i].path,
                       cases[i].headers);
        CHECK_STR(buf_str(&w.last), last);
        core_refuses(&w, cases[i].status);
        CHECK_INT(w.status, cases[i].status);
        CHECK_STR(buf_str(&w.challenge), cases[i].challenge);
    }
}

static void knows_what_goes_where(void)
{
    static const struct {
        const char *listener, *method, *path;
        int status; /* 0: core's */
    } cases[] = {
        {"api", "GET", "/acme/directory", 0},
        {"api", "GET", "/healthz", 0},
        {"api", "GET", "/readyz", 0},
        {"api", "GET", "/trust/", 0},
        {"api", "GET", "/", 404},
        {"api", "GET", "/acme", 404},
        {"api", "POST", "/healthz/x", 404},
        {"api", "GET", "/acmex/", 404},
        {"plain", "GET", "/trust/x.pem", 0},
        {"plain", "HEAD", "/healthz", 0},
        {"plain", "GET", "/issuer/rsa-1.cer", 0},
        {"plain", "GET", "/readyz", 308},
        {"plain", "GET", "/acme/directory", 308},
        {"plain", "HEAD", "/", 308},
        {"plain", "POST", "/acme/new-order", 403},
        {"private", "GET", "/acme/directory", 0},
        {"private", "POST", "/acme/new-order", 0},
        {"private", "GET", "/acme", 404},
        {"private", "GET", "/trust/", 404},
        {"private", "GET", "/healthz", 404},
        {"private", "GET", "/", 404},
    };

    BEGIN(w);
    CHECK_OK(core_comes(&w));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t asked = w.n_asked;

        CHECK_OK(request(&w, cases[i].listener, cases[i].method, cases[i].path));
        CHECK_INT(w.status, cases[i].status);
        CHECK_INT(w.n_asked - asked, cases[i].status == 0);
    }
}

static void redirects_to_what_is_ours(void)
{
    BEGIN(w);
    CHECK_OK(request(&w, "plain", "GET", "/old"));
    CHECK_INT(w.status, 308);
    CHECK_STR(buf_str(&w.location), "https://localhost:8555/old?q=1");
    CHECK_OK(core_comes(&w));
    CHECK_INT(w.n_certs, 1);
    CHECK_OK(request(&w, "plain", "GET", "//elsewhere.example/x"));
    CHECK_STR(buf_str(&w.location), "https://ca.example:8555//elsewhere.example/x");
    w.front.api_port = 443;
    CHECK_OK(request(&w, "plain", "GET", "/x"));
    CHECK_STR(buf_str(&w.location), "https://ca.example/x");
    w.conf.urls.api = STR("https://pki.example:9");
    CHECK_OK(request(&w, "plain", "GET", "/x"));
    CHECK_STR(buf_str(&w.location), "https://pki.example:9/x");
}

/* By plain HTTP for a site of the gateway: the client is sent there, and not to the API. */
static void sends_to_sites(void)
{
    static const struct str names[] = {STR("ca.example"), STR("pki.example"), STR("plain.example"),
                                       STR("wiki.example")};
    struct addr_port ports[] = {{.port = 8443}, {.port = 443}};
    static const struct {
        const char *host, *method, *path, *location; /* NULL: not by this */
    } cases[] = {
        {"wiki.example", "GET", "/old", "https://wiki.example/old?q=1"},
        {"WIKI.example.:8080", "HEAD", "/", "https://wiki.example/"},
        {"wiki.example:80", "GET", "//elsewhere.example/x",
         "https://wiki.example//elsewhere.example/x"},
        {"wiki.example", "GET", "/trust/", "https://wiki.example/trust/"},
        {"ca.example", "GET", "/x", "https://ca.example:8555/x"},
        {"other.example", "GET", "/x", "https://localhost:8555/x"},
        {"10.0.0.1", "GET", "/x", "https://localhost:8555/x"},
        {"w@iki.example", "GET", "/x", "https://localhost:8555/x"},
        {"wiki.example", "POST", "/x", NULL},
    };

    BEGIN(w);
    w.conf.gateway.names = (struct conf_strs){names, 4};
    w.conf.listen.gateway = (struct conf_ports){ports, 2};
    CHECK_OK(core_comes(&w));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        w.asks = cases[i].host;
        CHECK_OK(request(&w, "plain", cases[i].method, cases[i].path));
        CHECK_INT(w.status, cases[i].location ? 308 : 403);
        if (cases[i].location)
            CHECK_STR(buf_str(&w.location), cases[i].location);
        else
            CHECK(memmem(w.body.p, w.body.n, "https://wiki.example", 20));
    }
    /* Names that are the authority's own stay so, whatever else they are. */
    w.conf.urls.plain = STR("http://plain.example");
    w.conf.urls.api = STR("https://pki.example:9");
    w.asks = "plain.example";
    CHECK_OK(request(&w, "plain", "GET", "/x"));
    CHECK_STR(buf_str(&w.location), "https://pki.example:9/x");
    w.asks = "pki.example";
    CHECK_OK(request(&w, "plain", "GET", "/trust/"));
    CHECK_INT(w.status, 0);
    /* Another port is named; one that the system chooses is not known. */
    w.conf.listen.gateway.n = 1;
    w.asks = "wiki.example";
    CHECK_OK(request(&w, "plain", "GET", "/x"));
    CHECK_STR(buf_str(&w.location), "https://wiki.example:8443/x");
    ports[0].port = 0;
    CHECK_OK(request(&w, "plain", "GET", "/x"));
    CHECK_STR(buf_str(&w.location), "https://pki.example:9/x");
    /* The API is asked for itself, by whatever name. */
    ports[0].port = 8443;
    CHECK_OK(request(&w, "api", "GET", "/x"));
    CHECK_INT(w.status, 404);
}

static void holds_while_core_is_away(void)
{
    BEGIN(w);
    CHECK_OK(request(&w, "api", "GET", "/acme/directory"));
    CHECK_OK(request(&w, "api", "GET", "/acme/directory"));
    pass(&w, FRONT_HOLD_SECONDS * WHEN_SECOND - 1);
    CHECK_INT(w.n_done, 0);
    CHECK_OK(core_comes(&w));
    CHECK_INT(w.n_asked, 2);
    core_answers(&w, 0, "a");
    core_answers(&w, 1, "b");
    CHECK_INT(w.n_done, 2);
    CHECK_INT(w.status, 200);
}

static void not_for_ever(void)
{
    BEGIN(w);
    CHECK_OK(request(&w, "api", "POST", "/acme/new-order"));
    pass(&w, FRONT_HOLD_SECONDS * WHEN_SECOND);
    CHECK_INT(w.n_done, 1);
    CHECK_INT(w.status, 503);
    CHECK(w.retry);
}

static void nor_too_many(void)
{
    BEGIN(w);
    for (size_t i = 0; i < FRONT_HELD_MAX; i++, w.host++)
        CHECK_OK(request(&w, "api", "GET", "/readyz"));
    CHECK_INT(w.n_done, 0);
    CHECK_OK(request(&w, "api", "GET", "/readyz"));
    CHECK_INT(w.n_done, 1);
    CHECK_INT(w.status, 503);
}

static void asks_the_next_core_once(void)
{
    BEGIN(w);
    CHECK_OK(core_comes(&w));
    CHECK_OK(request(&w, "api", "POST", "/acme/new-order"));
    CHECK_INT(w.n_asked, 1);
    core_dies(&w);
    CHECK_INT(w.n_done, 0);
    CHECK_OK(core_comes(&w));
    CHECK_INT(w.n_asked, 1);
    core_dies(&w);
    CHECK_INT(w.n_done, 1);
    CHECK_INT(w.status, 503);
}

static void other_posts_are_not_repeated(void)
{
    BEGIN(w);
    CHECK_OK(core_comes(&w));
    CHECK_OK(request(&w, "api", "POST", "/trust/x"));
    core_dies(&w);
    CHECK_INT(w.status, 503);
    CHECK(w.retry);
}

static void slow_core(void)
{
    BEGIN(w);
    CHECK_OK(core_comes(&w));
    CHECK_OK(request(&w, "api", "GET", "/acme/directory"));
    pass(&w, FRONT_CORE_SECONDS * WHEN_SECOND);
    CHECK_INT(w.status, 503);
    CHECK(w.retry);
}

static void full_core(void)
{
    BEGIN(w);
    CHECK_OK(core_comes(&w));
    for (size_t i = 0; i < IPC_HTTP_CREDITS; i++, w.host++)
        CHECK_OK(request(&w, "api", "GET", "/acme/directory"));
    CHECK_INT(w.n_done, 0);
    CHECK_OK(request(&w, "api", "GET", "/acme/directory"));
    CHECK_INT(w.n_done, 1);
    CHECK_INT(w.status, 503);
    CHECK(w.retry);
}

/* One client has half of the credits at most, whether core is there or not, and gets back what is
 * answered. */
static void one_client_has_its_share(void)
{
    BEGIN(w);
    for (size_t i = 0; i < FRONT_CLIENT_MAX / 2; i++)
        CHECK_OK(request(&w, "api", "GET", "/acme/directory"));
    CHECK_OK(core_comes(&w));
    for (size_t i = 0; i < FRONT_CLIENT_MAX / 2; i++)
        CHECK_OK(request(&w, "api", "GET", "/acme/directory"));
    CHECK_INT(w.n_asked, FRONT_CLIENT_MAX);
    CHECK_INT(w.n_done, 0);
    CHECK_OK(request(&w, "api", "GET", "/acme/directory"));
    CHECK_INT(w.n_done, 1);
    CHECK_INT(w.status, 503);
    CHECK(w.retry);
    w.host = 9;
    CHECK_OK(request(&w, "api", "GET", "/acme/directory"));
    CHECK_INT(w.n_asked, FRONT_CLIENT_MAX + 1);
    w.host = 0;
    core_answers(&w, 0, "answer");
    CHECK_OK(request(&w, "api", "GET", "/acme/directory"));
    CHECK_INT(w.n_asked, FRONT_CLIENT_MAX + 2);
}

static void core_fails(void)
{
    struct err err = ERR_INIT;

    BEGIN(w);
    CHECK_OK(core_comes(&w));
    CHECK_OK(request(&w, "api", "GET", "/acme/directory"));
    CHECK_INT(w.n_asked, 1);
    IGNORE_RC(ERR(&err, RC_CORRUPT, msg_no));
    ipc_reply_err(MOVE(w.asked[0]), &err);
    turn(&w);
    CHECK_INT(w.status, 500);
}

/* ---- numbers */

static const struct addr_net allowed = {.base = {4, {10, 0, 0, 0}}, .bits = 30};

static bool shows(const struct world *w, const char *line)
{
    struct str rest = buf_str(&w->body), one;

    while (str_next(&rest, '\n', &one))
        if (str_eq(one, str_of(line)))
            return true;
    return false;
}

static void numbers_for_those_who_may(void)
{
    BEGIN(w);
    w.conf.metrics.allow = (struct conf_nets){&allowed, 1};
    CHECK_OK(core_comes(&w));
    w.host = 3;
    CHECK_OK(request(&w, "api", "GET", "/metrics"));
    CHECK_INT(w.status, 200);
    CHECK(shows(&w, "autarky_core_up{role=\"front\"} 1"));
    CHECK(shows(&w, "autarky_front_queue_length{role=\"front\",queue=\"asked\"} 0"));
    CHECK(shows(&w, "autarky_build_info{role=\"front\",version=\"" AUTARKY_VERSION "\"} 1"));
    CHECK_INT(w.n_asked, 0);
    /* What this process has shown once is in the snapshot of those that it plays. */
    CHECK_OK(request(&w, "api", "GET", "/metrics"));
    CHECK(shows(&w, "autarky_core_up{role=\"core\"} 1"));
    CHECK(shows(&w, "autarky_core_up{role=\"gateway-1\"} 1"));
    w.host = 4;
    CHECK_OK(request(&w, "api", "GET", "/metrics"));
    CHECK_INT(w.status, 403);
    CHECK(!shows(&w, "autarky_core_up{role=\"front\"} 1"));
    w.conf.metrics.allow.n = 0;
    w.host = 3;
    CHECK_OK(request(&w, "api", "GET", "/metrics"));
    CHECK_INT(w.status, 403);
    w.conf.metrics.allow.n = 1;
    CHECK_OK(request(&w, "plain", "GET", "/metrics"));
    CHECK_INT(w.status, 308);
    CHECK_OK(request(&w, "api", "POST", "/metrics"));
    CHECK_INT(w.status, 404);
}

/* Its absence is seen, and so is nonsense. */
static void numbers_without_core(void)
{
    BEGIN(w);
    w.conf.metrics.allow = (struct conf_nets){&allowed, 1};
    CHECK_OK(request(&w, "api", "GET", "/metrics"));
    CHECK_INT(w.status, 200);
    CHECK(shows(&w, "autarky_core_up{role=\"front\"} 0"));
    w.no_numbers = true;
    CHECK_OK(core_comes(&w));
    CHECK_OK(request(&w, "api", "GET", "/metrics"));
    CHECK_INT(w.status, 200);
    CHECK(shows(&w, "autarky_core_up{role=\"front\"} 0"));
}

static void answers_are_counted(void)
{
    static const struct {
        const char *listener, *path, *line;
        int status;
    } cases[] = {
        {"api", "/acme/order/x/finalize",
         "autarky_acme_requests_total{role=\"front\",op=\"finalize\",code=\"503\"} 1", 503},
        {"api", "/acme/order/x",
         "autarky_acme_requests_total{role=\"front\",op=\"order\",code=\"200\"} 1", 200},
        {"api", "/acme/no-such-thing/finalize",
         "autarky_acme_requests_total{role=\"front\",op=\"other\",code=\"404\"} 1", 404},
        {"private", "/acme/directory",
         "autarky_http_requests_total{role=\"front\",listener=\"private\",code=\"200\"} 1", 200},
        {"plain", "/trust/",
         "autarky_http_requests_total{role=\"front\",listener=\"plain\",code=\"other\"} 1", 418},
    };
    struct http_answered how = {.micros = 1500};

    BEGIN(w);
    w.conf.metrics.allow = (struct conf_nets){&allowed, 1};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_exchange x = {.res = {.status = cases[i].status}};

        x.req.listener = str_of(cases[i].listener);
        x.req.path = str_of(cases[i].path);
        front_http_answered(&x, &how);
    }
    CHECK_OK(request(&w, "api", "GET", "/metrics"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK(shows(&w, cases[i].line));
    CHECK(shows(&w, "autarky_acme_request_seconds_bucket{role=\"front\",le=\"0.0025\"} 4"));
}

/* ---- the certificate */

static void gets_a_certificate_and_keeps_it(void)
{
    struct stat st;

    BEGIN(w);
    CHECK(!tls_context_has_identity(w.front.tls));
    CHECK_OK(core_comes(&w));
    CHECK_INT(w.n_certs, 1);
    CHECK(tls_context_has_identity(w.front.tls));
    CHECK(front_cert_names(&w.front.cert, STR("CA.example")));
    CHECK(!front_cert_names(&w.front.cert, STR("other.example")));
    CHECK_INT(fstatat(w.dir.fd, "front/key.pem", &st, 0), 0);
    CHECK_INT(st.st_mode & 07777, 0600);
    front_closes(&w);
    CHECK_OK(front_opens(&w));
    CHECK(tls_context_has_identity(w.front.tls));
    peer(&w, w.here);
    CHECK_INT(w.n_certs, 1);
}

/* As core says when what stands in the chain was revoked: the old one serves until then. */
static void another_one_at_once(void)
{
    BEGIN(w);
    front_cert_renew(&w.front.cert); /* there is nobody to ask */
    CHECK(!tls_context_has_identity(w.front.tls));
    CHECK_OK(core_comes(&w));
    CHECK_INT(w.n_certs, 1);
    front_cert_renew(&w.front.cert);
    front_cert_renew(&w.front.cert); /* one is on its way */
    CHECK(tls_context_has_identity(w.front.tls));
    turn(&w);
    CHECK_INT(w.n_certs, 2);
    CHECK(tls_context_has_identity(w.front.tls));
}

static void makes_a_new_one_instead_of_a_bad_one(void)
{
    static const char *const files[] = {"front/key.pem", "front/chain.pem"};

    for (size_t i = 0; i < 2; i++) {
        BEGIN(w);
        CHECK_OK(core_comes(&w));
        CHECK_INT(w.n_certs, 1);
        front_closes(&w);
        CHECK_OK(file_write(w.dir.fd, files[i], STR("broken"), 0600, FILE_OWNER_SELF, NULL));
        CHECK_OK(front_opens(&w));
        CHECK(!tls_context_has_identity(w.front.tls));
        peer(&w, w.here);
        CHECK_INT(w.n_certs, 2);
        CHECK(tls_context_has_identity(w.front.tls));
    }
}

static void another_key_is_not_taken(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

    BEGIN(w);
    CHECK_OK(core_comes(&w));
    front_closes(&w);
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    CHECK_OK(crypto_pem_put_clear(key, &pem));
    CHECK_OK(file_write(w.dir.fd, "front/key.pem", buf_str(&pem), 0600, FILE_OWNER_SELF, NULL));
    CHECK_OK(front_opens(&w));
    CHECK(!tls_context_has_identity(w.front.tls));
}

static void expired_is_not_shown(void)
{
    BEGIN(w);
    CHECK_OK(core_comes(&w));
    front_closes(&w);
    clock_fake_advance(&w.clock, LIFE);
    CHECK_OK(front_opens(&w));
    CHECK(!tls_context_has_identity(w.front.tls));
}

static void renews_after_two_thirds(void)
{
    BEGIN(w);
    CHECK_OK(core_comes(&w));
    CHECK_INT(w.n_certs, 1);
    for (when_t t = 0; t < LIFE / 3 * 2 - WHEN_HOUR; t += WHEN_HOUR)
        pass(&w, WHEN_HOUR);
    CHECK_INT(w.n_certs, 1);
    pass(&w, WHEN_HOUR);
    CHECK_INT(w.n_certs, 2);
    pass(&w, WHEN_DAY);
    CHECK_INT(w.n_certs, 2);
}

static void a_failed_renewal_keeps_the_old_one(void)
{
    size_t n;

    BEGIN(w);
    CHECK_OK(core_comes(&w));
    w.no_certs = true;
    clock_fake_advance(&w.clock, LIFE / 3 * 2);
    turn(&w);
    CHECK_INT(w.n_certs, 2);
    CHECK(tls_context_has_identity(w.front.tls));
    pass(&w, WHEN_SECOND);
    CHECK_INT(w.n_certs, 3);
    pass(&w, WHEN_SECOND);
    CHECK_INT(w.n_certs, 3);
    pass(&w, WHEN_SECOND);
    CHECK_INT(w.n_certs, 4);
    n = w.n_certs;
    for (int i = 0; i < 24; i++)
        pass(&w, WHEN_HOUR);
    CHECK(w.n_certs > n + 20 && w.n_certs < n + 40);
    w.no_certs = false;
    pass(&w, WHEN_HOUR);
    n = w.n_certs;
    pass(&w, WHEN_HOUR);
    CHECK_INT(w.n_certs, n);
    CHECK(w.front.cert.leaf.not_after > w.clock.now + LIFE - WHEN_DAY);
}

static void asks_when_the_host_changes(void)
{
    BEGIN(w);
    CHECK_OK(core_comes(&w));
    CHECK_INT(w.n_certs, 1);
    w.conf.urls.api = STR("https://ca.example:8555");
    w.front.cert.settled = false;
    front_cert_check(&w.front.cert);
    turn(&w);
    CHECK_INT(w.n_certs, 1);
    w.conf.urls.api = STR("https://new.example:8555");
    front_cert_check(&w.front.cert);
    turn(&w);
    CHECK_INT(w.n_certs, 2);
    /* Core left it out all the same: once is enough. */
    front_cert_check(&w.front.cert);
    turn(&w);
    CHECK_INT(w.n_certs, 2);
}

/* ---- the private listener */

/* Front with that one listener, from its start on. */
struct whole {
    struct world w;
    struct role_child child;
    char path[128];
    int client;
};

static void whole_done(struct whole *h)
{
    fd_close(&h->client);
    for (size_t i = 0; i < h->w.front.n_servers; i++)
        http_server_free(h->w.front.servers[i]);
    if (h->child.env.state && h->child.env.state != &h->w.front)
        role_front.close(&h->child.env);
    fd_close(&h->child.env.listeners[0].fd);
    world_done(&h->w);
}

static enum rc whole_init(struct whole *h)
{
    struct role_listener *l = &h->child.env.listeners[0];

    l->fd = -1;
    TRY(world_init(&h->w));
    h->child.env = h->w.env;
    h->child.def = &role_front;
    list_init(&h->child.links);
    snprintf(h->path, sizeof(h->path), "%s/acme.sock", h->w.dir.path);
    TRY(net_listen_unix(h->path, 0600, &l->fd, NULL));
    h->child.env.n_listeners = 1;
    return str_copyz(STR("private"), l->kind, sizeof(l->kind));
}

static enum rc whole_start(struct whole *h)
{
    TRY(whole_init(h));
    h->w.front.env = &h->child.env;
    h->w.front.api_port = 0;
    h->w.front.keeper = geteuid();
    h->child.env.state = &h->w.front;
    return role_front.start(&h->child.env, NULL);
}

/* Sends and gives back the status of the answer; 0: closed without one, -1: none yet. */
static int exchange(struct whole *h, const char *request)
{
    char in[4096];
    ssize_t n;

    if (h->client < 0 && net_connect_unix(h->path, &h->client, NULL) != RC_OK)
        return -2;
    turn(&h->w);
    if (send(h->client, request, strlen(request), MSG_NOSIGNAL) < 0)
        return 0;
    turn(&h->w);
    if (h->w.n_asked && h->w.asked[h->w.n_asked - 1])
        core_answers(&h->w, h->w.n_asked - 1, "answer");
    n = read(h->client, in, sizeof(in));
    if (n < 0)
        return errno == EAGAIN ? -1 : 0;
    return n < 12 ? 0 : (in[9] - '0') * 100 + (in[10] - '0') * 10 + in[11] - '0';
}

#define HEAD " HTTP/1.1\r\nHost: localhost\r\n\r\n"

static void serves_the_keeper(void)
{
    CLEANUP(whole_done) struct whole h = {.client = -1};

    CHECK_OK(whole_start(&h));
    CHECK_INT(h.w.front.n_servers, 1);
    CHECK_OK(core_comes(&h.w));
    CHECK_INT(exchange(&h, "GET /acme/directory" HEAD), 200);
    CHECK(str_starts(buf_str(&h.w.last), STR("private GET /acme/directory")));
    CHECK_INT(h.w.client.n, 0);
    CHECK_INT(exchange(&h, "GET /trust/" HEAD), 404);
    CHECK_INT(h.w.n_asked, 1);
}

/* Everybody who reaches the socket's file with another user's rights. */
static void and_nobody_else(void)
{
    CLEANUP(whole_done) struct whole h = {.client = -1};
    int fds[2];

    CHECK_OK(whole_start(&h));
    CHECK_OK(core_comes(&h.w));
    CHECK(!front_admits(&h.w.front, h.w.dir.fd)); /* no socket at all */
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    CHECK(front_admits(&h.w.front, fds[0]));
    close(fds[0]);
    close(fds[1]);
    h.w.front.keeper++;
    CHECK_INT(exchange(&h, "GET /acme/directory" HEAD), 0);
    CHECK_INT(h.w.n_asked, 0);
}

static void knows_who_the_keeper_is(void)
{
    CLEANUP(whole_done) struct whole h = {.client = -1};
    uid_t keeper = geteuid(), other;
    gid_t gid;
    enum rc rc;

    CHECK_OK(whole_init(&h));
    rc = role_front.open(&h.child.env, NULL);
    if (geteuid() == 0 && (sandbox_user_find("autarky-front", &other, &gid, NULL) != RC_OK ||
                           sandbox_user_find("autarky-keeper", &keeper, &gid, NULL) != RC_OK)) {
        CHECK_RC(rc, RC_NOTFOUND);
        return;
    }
    CHECK_OK(rc);
    CHECK_INT(((struct front *)h.child.env.state)->keeper, keeper);
}

CHECK_MAIN(CHECK_TEST(asks_core), CHECK_TEST(who_somebody_says_to_be),
           CHECK_TEST_ONCE(knows_what_goes_where), CHECK_TEST_ONCE(redirects_to_what_is_ours),
           CHECK_TEST_ONCE(sends_to_sites), CHECK_TEST_ONCE(holds_while_core_is_away),
           CHECK_TEST(not_for_ever), CHECK_TEST_ONCE(nor_too_many),
           CHECK_TEST_ONCE(asks_the_next_core_once), CHECK_TEST_ONCE(other_posts_are_not_repeated),
           CHECK_TEST_ONCE(slow_core), CHECK_TEST_ONCE(full_core),
           CHECK_TEST_ONCE(one_client_has_its_share), CHECK_TEST(core_fails),
           CHECK_TEST(numbers_for_those_who_may), CHECK_TEST(numbers_without_core),
           CHECK_TEST_ONCE(answers_are_counted), CHECK_TEST(gets_a_certificate_and_keeps_it),
           CHECK_TEST(another_one_at_once), CHECK_TEST_ONCE(makes_a_new_one_instead_of_a_bad_one),
           CHECK_TEST_ONCE(another_key_is_not_taken), CHECK_TEST_ONCE(expired_is_not_shown),
           CHECK_TEST_ONCE(renews_after_two_thirds),
           CHECK_TEST_ONCE(a_failed_renewal_keeps_the_old_one),
           CHECK_TEST_ONCE(asks_when_the_host_changes), CHECK_TEST_ONCE(serves_the_keeper),
           CHECK_TEST_ONCE(and_nobody_else), CHECK_TEST_ONCE(knows_who_the_keeper_is))
