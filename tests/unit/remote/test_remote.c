/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of a remote prober's connection over loopback TLS: the prober as it is, front's side as
 * it is, and a core that this test plays. */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "base/fd.h"
#include "base/text.h"
#include "conf/load.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"
#include "ev/clock.h"
#include "front/front_int.h"
#include "http/exchange.h"
#include "ipc/frame.h"
#include "ipc/probe_messages.h"
#include "log/log.h"
#include "net/pump.h"
#include "remote/remote_int.h"
#include "tls/client.h"
#include "tls/conn.h"
#include "x509/tbs.h"

enum { ROUNDS = 4000, PEM_MAX = 16 * 1024 };

struct end {
    struct tls_identity *identity;
    struct buf pem;
    char key[2 * CRYPTO_SHA256_BYTES + 1];
};

struct world {
    struct clock_fake clock;
    struct ev *ev;
    struct role_env env;
    struct front front;
    struct http_server *server;
    int listener;
    struct ipc_chan *here, *there; /* front's end of the channel to core, and core's */
    struct end ca, prober, stranger;
    struct remote remote, second; /* the second for a while in the place of the first */
    struct remote_options options;
    const struct conf *conf;
    /* core */
    size_t joins, gone;
    struct ipc_req *held;
    bool refuses, slow;
    char name[64];
    /* what came back */
    bool answered;
    size_t answers;
    enum rc rc;
    char why[512];
};

static void quiet(void *, enum log_level, struct str)
{
}

MSG(msg_no, "test.no", "not with that certificate");

/* ---- certificates */

static enum rc make(struct end *e, const char *name)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX), der = BUF_INIT(X509_CERT_MAX);
    CLEANUP(buf_done) struct buf issuer = BUF_INIT(1024);
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * CRYPTO_SHA256_BYTES);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    const struct str names[] = {str_of(name)};
    when_t now = (when_t)time(NULL) * WHEN_SECOND; /* OpenSSL's clock */
    struct x509_subject subject = {.common_name = str_of(name)};
    struct x509_tbs_in in = {.not_before = now - WHEN_HOUR,
                             .not_after = now + WHEN_HOUR,
                             .dns = names,
                             .n_dns = 1,
                             .sig_alg = CRYPTO_SIG_ECDSA_SHA256,
                             .basic = X509_BASIC_LEAF,
                             .pathlen = -1,
                             .key_usage = X509_KU_DIGITAL_SIGNATURE,
                             .eku = X509_EKU_SERVER_AUTH | X509_EKU_CLIENT_AUTH};

    buf_init(&e->pem, PEM_MAX);
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    TRY(crypto_sha256(crypto_key_spki(key), digest));
    text_hex(&hex, str_bytes(digest, sizeof(digest)));
    TRY(str_copyz(buf_str(&hex), e->key, sizeof(e->key)));
    TRY(x509_serial_random(&in.serial));
    TRY(x509_name_build(&subject, &issuer));
    in.issuer = buf_str(&issuer);
    in.subject = subject;
    in.spki = crypto_key_spki(key);
    TRY(x509_tbs_build(&in, &tbs, NULL));
    TRY(x509_sign_tbs(key, buf_str(&tbs), &der));
    x509_cert_put_pem(buf_str(&der), &e->pem);
    return tls_identity_new(buf_str(&e->pem), key, &e->identity, NULL);
}

static void end_done(struct end *e)
{
    tls_identity_unref(e->identity);
    buf_done(&e->pem);
}

/* ---- core */

static void on_prober(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct world *w = arg;
    const struct ipc_prober *m = msg;
    struct err err = ERR_INIT;

    w->joins += m->here;
    w->gone += !m->here;
    IGNORE_RC(str_copyz(m->name, w->name, sizeof(w->name)));
    if (w->slow) {
        w->held = req;
        return;
    }
    if (w->refuses) {
        IGNORE_RC(ERR(&err, RC_DENIED, msg_no));
        ipc_reply_err(req, &err);
        return;
    }
    IGNORE_RC(ipc_reply(req, NULL));
}

static void on_close(void *, enum rc, const struct err *)
{
}

static void on_request(void *, struct http_exchange *x)
{
    http_reply_text(x, 200, "text/plain", STR("ok\n"));
}

static enum rc core_comes(struct world *w)
{
    static const struct ipc_handler of_core[] = {{IPC_PROBER, on_prober}};
    static const struct ipc_handler of_front[] = {{IPC_FAR_VALIDATE, front_prober_on_validate},
                                                  {IPC_FAR_PREFLIGHT, front_prober_on_preflight}};
    const struct ipc_chan_conf core = {ROLE_CORE, ROLE_FRONT, of_core, 1, on_close, w};
    const struct ipc_chan_conf front = {ROLE_FRONT, ROLE_CORE, of_front, 2, on_close, &w->env};
    CLEANUP(fd_closep) int a = -1;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    a = fds[1];
    TRY(ipc_chan_new(w->ev, fds[0], &front, &w->here));
    TRY(ipc_chan_new(w->ev, fd_move(&a), &core, &w->there));
    w->front.core = w->here;
    return RC_OK;
}

/* ---- the world */

static enum rc load_conf(struct world *w, const char *key, const char *more)
{
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
    const struct conf *old = w->conf;

    conf_input_init(&in);
    conf_report_init(&report);
    buf_putz(&text, "organization: X\ndomain: hospital.example\n");
    if (key)
        buf_printf(&text,
                   "probers: [{name: ward, zones: [ward.hospital.example], keys: [\"%s\"]}]\n",
                   key);
    buf_putz(&text, more);
    TRY(conf_input_add(&in, STR("a.yaml"), buf_str(&text)));
    TRY(conf_load(&in, &w->conf, &report));
    conf_unref(old);
    w->env.conf = w->conf;
    return RC_OK;
}

static enum rc listen_there(struct world *w)
{
    struct http_server_conf conf = {.ev = w->ev,
                                    .name = "api",
                                    .tls = w->front.tls,
                                    .on_request = on_request,
                                    .other = &front_prober_speaker,
                                    .other_protocol = STR(FRONT_PROBER_ALPN),
                                    .arg = &w->front};
    struct addr_port at = {.addr = {4, {127, 0, 0, 1}}}, got;

    TRY(net_listen(&at, &w->listener, &got, NULL));
    TRY(http_server_new(&conf, w->listener, &w->server));
    http_server_start(w->server);
    w->options.host = STR("ca.example");
    w->options.port = got.port;
    w->options.roots = buf_str(&w->ca.pem);
    w->options.identity = w->prober.identity;
    return RC_OK;
}

static void again(void *arg)
{
    remote_reach(arg);
}

static enum rc world_init(struct world *w)
{
    struct tls_context_conf tls = {.certified = STR(FRONT_PROBER_ALPN)};

    *w = (struct world){.listener = -1};
    log_init(&(struct log_conf){.role = "test", .sink = quiet});
    signal(SIGPIPE, SIG_IGN);
    clock_fake_init(&w->clock, 20'000 * WHEN_DAY);
    TRY(crypto_init());
    TRY(ev_new(&w->clock.clock, &w->ev));
    w->env.ev = w->ev;
    w->env.clock = &w->clock.clock;
    w->env.state = &w->front;
    w->front.env = &w->env;
    list_init(&w->front.probers);
    TRY(make(&w->ca, "ca.example"));
    TRY(make(&w->prober, "prober.example"));
    TRY(make(&w->stranger, "stranger.example"));
    TRY(load_conf(w, w->prober.key, ""));
    TRY(tls_context_new(&tls, &w->front.tls));
    tls_context_set_identity(w->front.tls, w->ca.identity);
    front_probers_commit(&w->front);
    TRY(core_comes(w));
    TRY(listen_there(w));
    w->remote.options = &w->options;
    w->remote.ev = w->ev;
    ev_timer_init(&w->remote.again, w->ev, again, &w->remote);
    return net_system(w->ev, &w->remote.net);
}

static void world_done(struct world *w)
{
    ev_timer_stop(&w->remote.again);
    if (w->remote.options)
        remote_reach_stop(&w->remote);
    remote_uplink_free(w->remote.uplink);
    if (w->second.options)
        ev_timer_stop(&w->second.again);
    remote_uplink_free(w->second.uplink);
    http_server_free(w->server);
    if (w->held)
        ipc_req_drop(MOVE(w->held));
    ipc_chan_free(w->there);
    w->front.core = NULL;
    ipc_chan_free(w->here);
    net_free(w->remote.net);
    tls_context_free(w->front.tls);
    fd_close(&w->listener);
    conf_unref(w->conf);
    end_done(&w->ca);
    end_done(&w->prober);
    end_done(&w->stranger);
    ev_free(w->ev);
    crypto_done();
}

#define BEGIN(w)                                                                                   \
    CLEANUP(world_done) struct world w = {.listener = -1};                                         \
    CHECK_OK(world_init(&w))

static void dial_from(const struct world *w, struct remote *from)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)},
                             .sin_port = htons(w->options.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_INT(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    ev_timer_stop(&from->again);
    remote_reached(from, fd);
}

static void dial(struct world *w)
{
    dial_from(w, &w->remote);
}

static bool is_joined(const struct world *w)
{
    return w->remote.uplink && w->joins && !list_empty(&w->front.probers);
}

static void turn(struct world *w)
{
    for (int i = 0; i < 200; i++)
        ev_run_once(w->ev, EV_NOWAIT);
}

/* Until the prober waits for its next attempt. */
static void until_over(struct world *w)
{
    for (int i = 0; i < ROUNDS && w->remote.uplink; i++)
        ev_run_once(w->ev, EV_NOWAIT);
}

static void on_answer(void *arg, const struct ipc_answer *a)
{
    struct world *w = arg;
    const struct ipc_validate_reply *reply = a->msg;

    w->answered = true;
    w->answers++;
    w->rc = a->rc == RC_OK && !reply->ok ? RC_DENIED : a->rc;
    w->why[0] = '\0';
    if (a->err)
        err_textz(a->err, w->why, sizeof(w->why));
    else if (a->rc == RC_OK && !reply->ok)
        err_textz(&reply->why, w->why, sizeof(w->why));
}

static void begin_to_ask(struct world *w, const char *prober)
{
    const struct ipc_far_validate msg = {str_of(prober),
                                         {.challenge = STR("http-01"),
                                          .identifier_type = STR("ip"),
                                          .identifier = STR("127.0.0.1"),
                                          .token = STR("t"),
                                          .key_authorization = STR("t.k"),
                                          .attempt = 1}};
    const struct ipc_ask ask = {IPC_FAR_VALIDATE, &msg, 20 * WHEN_SECOND, NULL, on_answer, w};

    w->answered = false;
    CHECK_OK(ipc_call(w->there, &ask, NULL));
}

static void ask(struct world *w, const char *prober)
{
    begin_to_ask(w, prober);
    for (int i = 0; i < ROUNDS && !w->answered; i++)
        ev_run_once(w->ev, EV_NOWAIT);
}

static void connect_and_join(struct world *w)
{
    dial(w);
    for (int i = 0; i < ROUNDS && !is_joined(w); i++)
        ev_run_once(w->ev, EV_NOWAIT);
    turn(w);
}

/* ---- what is to hold */

/* What it is asked it validates, by its own eyes: loopback is out of bounds. */
static void joins_and_validates(void)
{
    BEGIN(w);
    connect_and_join(&w);
    CHECK_INT(w.joins, 1);
    CHECK_STR(str_of(w.name), "ward");
    ask(&w, "ward");
    CHECK_RC(w.rc, RC_DENIED);
    CHECK(strstr(w.why, "127.0.0.1") || mem_fail_fired());
    ask(&w, "other");
    CHECK_RC(w.rc, RC_CLOSED);
    CHECK(strstr(w.why, "the prober other is not connected") || mem_fail_fired());
}

/* A key that nobody has in the configuration: not a word is said, and core does not hear of it. */
static void strangers_are_nobody(void)
{
    BEGIN(w);
    w.options.identity = w.stranger.identity;
    dial(&w);
    until_over(&w);
    CHECK(!w.remote.uplink);
    CHECK_INT(w.joins, 0);
    CHECK(list_empty(&w.front.probers));
    CHECK_INT(w.front.n_probers, 0);
    w.options.identity = NULL; /* nor does it help to show none */
    dial(&w);
    until_over(&w);
    CHECK_INT(w.joins, 0);
    CHECK(list_empty(&w.front.probers));
}

/* Without `probers` nobody is asked for a certificate, and the protocol is not spoken. */
static void nothing_is_offered(void)
{
    BEGIN(w);
    CHECK_OK(load_conf(&w, NULL, ""));
    front_probers_commit(&w.front);
    dial(&w);
    until_over(&w);
    CHECK(!w.remote.uplink);
    CHECK_INT(w.joins, 0);
}

/* Nor does the prober speak to a server that is not its own. */
static void other_servers(void)
{
    BEGIN(w);
    w.options.roots = buf_str(&w.stranger.pem);
    dial(&w);
    until_over(&w);
    CHECK_INT(w.joins, 0);
    w.options.roots = buf_str(&w.ca.pem);
    w.options.host = STR("other.example");
    dial(&w);
    until_over(&w);
    CHECK_INT(w.joins, 0);
    CHECK_INT(w.front.n_probers, 0);
}

static void core_decides(void)
{
    BEGIN(w);
    w.refuses = true;
    dial(&w);
    until_over(&w);
    CHECK_INT(w.joins, 1);
    turn(&w);
    ask(&w, "ward");
    CHECK_RC(w.rc, RC_CLOSED);
    w.refuses = false;
    connect_and_join(&w);
    CHECK_INT(w.joins, 2);
    w.refuses = true; /* revoked, say */
    clock_fake_advance(&w.clock, FRONT_PROBER_PING_SECONDS * WHEN_SECOND);
    until_over(&w);
    CHECK_INT(w.joins, 3);
    CHECK_INT(w.gone, 1);
    CHECK(!w.remote.uplink);
}

/* Two with one key: the newer one counts. */
static void the_newer_counts(void)
{
    BEGIN(w);
    connect_and_join(&w);
    w.second.options = &w.options;
    w.second.ev = w.ev;
    w.second.net = w.remote.net;
    ev_timer_init(&w.second.again, w.ev, again, &w.second);
    dial_from(&w, &w.second);
    for (int i = 0; i < ROUNDS && w.remote.uplink; i++)
        ev_run_once(w.ev, EV_NOWAIT);
    CHECK_INT(w.joins, 2);
    CHECK_INT(w.gone, 0);
    CHECK(!w.remote.uplink);
    CHECK(w.second.uplink != NULL);
    ev_timer_stop(&w.remote.again);
    turn(&w);
    clock_fake_advance(&w.clock, FRONT_PROBER_LINGER_SECONDS * WHEN_SECOND);
    turn(&w);
    CHECK_INT(w.front.n_probers, 1);
    ask(&w, "ward");
    CHECK_RC(w.rc, RC_DENIED);
}

static void settings_change(void)
{
    BEGIN(w);
    connect_and_join(&w);
    CHECK_OK(load_conf(&w, w.prober.key, "log: {level: warn}\n"));
    front_probers_commit(&w.front);
    turn(&w);
    CHECK(w.remote.uplink != NULL);
    CHECK_INT(w.gone, 0);
    CHECK_OK(load_conf(&w, w.prober.key, "validation: {http_port: 81}\n"));
    front_probers_commit(&w.front);
    until_over(&w);
    CHECK(!w.remote.uplink);
    turn(&w);
    CHECK_INT(w.gone, 1);
    connect_and_join(&w);
    CHECK_OK(load_conf(&w, w.stranger.key, ""));
    front_probers_commit(&w.front);
    until_over(&w);
    CHECK(!w.remote.uplink);
}

/* Each end gives up on the other when it hears nothing, and front on one that does not join. */
static void silence(void)
{
    BEGIN(w);
    w.slow = true; /* core says nothing, and so nobody has joined */
    dial(&w);
    for (int i = 0; i < ROUNDS && !w.held; i++)
        ev_run_once(w.ev, EV_NOWAIT);
    CHECK(w.held != NULL);
    clock_fake_advance(&w.clock, FRONT_PROBER_JOIN_SECONDS * WHEN_SECOND);
    until_over(&w);
    CHECK(!w.remote.uplink);
    ipc_req_drop(MOVE(w.held));
    w.slow = false;
    connect_and_join(&w);
    ipc_chan_free(MOVE(w.there)); /* core is away: that is no reason to part */
    w.front.core = NULL;
    turn(&w);
    CHECK(w.remote.uplink != NULL);
    clock_fake_advance(&w.clock, REMOTE_SILENCE_SECONDS * WHEN_SECOND + 1);
    until_over(&w);
    CHECK(!w.remote.uplink);
}

/* ---- a prober that is not ours: its key was stolen, and it says what it likes */

struct hostile {
    struct world *w;
    struct tls_client *tls;
    struct net_pump *pump;
    int fd; /* what is written there front reads */
    bool open, over;
    struct ipc_parser parser;
    uint64_t call; /* the last one that it was asked to validate by; 0: none */
    size_t asked;
};

static enum rc any(void *, const struct ipc_header *, uint32_t *out_max)
{
    *out_max = IPC_PAYLOAD_MAX;
    return RC_OK;
}

static void on_hostile_open(void *arg, enum rc rc, const struct err *)
{
    struct hostile *h = arg;

    h->open = rc == RC_OK;
}

static void on_hostile_end(void *arg)
{
    struct hostile *h = arg;

    h->over = true;
}

static void hostile_done(struct hostile *h)
{
    tls_client_free(h->tls);
    net_pump_free(h->pump);
    fd_close(&h->fd);
    ipc_parser_done(&h->parser);
}

static void say(const struct hostile *h, uint16_t type, uint8_t kind, uint64_t call,
                struct str payload)
{
    const struct ipc_header head = {.type = type, .kind = kind, .call = call};
    CLEANUP(buf_done) struct buf b = BUF_INIT(64 * 1024);

    ipc_frame_begin(&b, &head);
    buf_puts(&b, payload);
    ipc_frame_end(&b);
    CHECK_OK(buf_rc(&b));
    CHECK_INT(send(h->fd, b.p, b.n, MSG_NOSIGNAL), b.n);
}

/* "It is proven", with so many bytes of evidence; more than the encoder would write as well. */
static void put_proof(struct buf *out, uint32_t evidence)
{
    const struct ipc_validate_reply yes = {.ok = true};
    CLEANUP(buf_done) struct buf b = BUF_INIT(1024);
    size_t until = 8, length = 4;

    CHECK_OK(ipc_fields_encode(&ipc_validate_reply_fields, &yes, &b));
    buf_put(out, b.p, b.n - until - length);
    buf_u32(out, evidence);
    for (uint32_t i = 0; i < evidence; i++)
        buf_u8(out, '1');
    buf_put(out, b.p + b.n - until, until);
    CHECK_OK(buf_rc(out));
}

static void prove(const struct hostile *h, uint16_t type, uint64_t call, uint32_t evidence)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(32 * 1024);

    put_proof(&b, evidence);
    say(h, type, IPC_REPLY, call, buf_str(&b));
}

/* Pings it answers, as who wants to stay does. */
static void hear(struct hostile *h, const struct ipc_header *head)
{
    if (head->type == IPC_REMOTE_PING)
        say(h, IPC_REMOTE_PING, IPC_REPLY, head->call, STR(""));
    if (head->type != IPC_REMOTE_VALIDATE)
        return;
    h->call = head->call;
    h->asked++;
}

static void listen_to(struct hostile *h)
{
    char bytes[4096];
    ssize_t n;

    while ((n = recv(h->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        for (struct str in = str_bytes(bytes, (size_t)n); in.n;)
            if (ipc_parser_feed(&h->parser, &in) == RC_OK && h->parser.h.kind == IPC_REQUEST)
                hear(h, &h->parser.h);
}

static void turn_with(struct hostile *h)
{
    for (int i = 0; i < 200; i++) {
        ev_run_once(h->w->ev, EV_NOWAIT);
        listen_to(h);
    }
}

/* Shakes hands and joins, as who has the key can. */
static void break_in(struct hostile *h, struct world *w)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)},
                             .sin_port = htons(w->options.port)};
    struct tls_client_conf conf = {.ev = w->ev,
                                   .server_name = STR("ca.example"),
                                   .alpn = STR(REMOTE_ALPN),
                                   .roots = buf_str(&w->ca.pem),
                                   .identity = w->prober.identity,
                                   .on_open = on_hostile_open,
                                   .arg = h};
    const struct ipc_join join = {STR(AUTARKY_VERSION)};
    CLEANUP(buf_done) struct buf b = BUF_INIT(1024);
    struct net_stream *inner;
    int pair[2], fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    h->w = w;
    CHECK_INT(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
    ipc_parser_init(&h->parser, any, NULL);
    CHECK_INT(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    CHECK_OK(tls_client_new(&conf, fd, &h->tls));
    for (int i = 0; i < ROUNDS && !h->open; i++)
        ev_run_once(w->ev, EV_NOWAIT);
    CHECK(h->open);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    h->fd = pair[0];
    CHECK_OK(net_stream_fd(w->ev, pair[1], &inner));
    CHECK_OK(net_pump_new(tls_client_stream(MOVE(h->tls)), inner, on_hostile_end, h, &h->pump));
    CHECK_OK(ipc_fields_encode(&ipc_join_fields, &join, &b));
    say(h, IPC_JOIN, IPC_REQUEST, 1, buf_str(&b));
    turn_with(h);
    CHECK_INT(w->joins, 1);
}

#define BREAK_IN(w, h)                                                                             \
    BEGIN(w);                                                                                      \
    CLEANUP(hostile_done) struct hostile h = {.fd = -1};                                           \
    break_in(&h, &w)

static void question(struct world *w, struct hostile *h)
{
    begin_to_ask(w, "ward");
    turn_with(h);
    CHECK(h->call != 0);
    CHECK(!w->answered);
}

/* Front has parted from it, and core was told; what it was asked has not been proven. */
static void is_cut(struct world *w, struct hostile *h)
{
    turn_with(h);
    CHECK_INT(w->gone, 1);
    CHECK_INT(w->answers, 1);
    ask(w, "ward");
    CHECK_RC(w->rc, RC_CLOSED);
}

static void answers_twice(void)
{
    BREAK_IN(w, h);
    question(&w, &h);
    prove(&h, IPC_REMOTE_VALIDATE, h.call, 1);
    turn_with(&h);
    CHECK_INT(w.answers, 1);
    CHECK_OK(w.rc); /* core judges the proof: it is about a name of this prober's */
    prove(&h, IPC_REMOTE_VALIDATE, h.call, 1);
    is_cut(&w, &h);
}

/* The number of a question that it was never asked, or one of another kind. */
static void answers_for_another(void)
{
    for (int other = 0; other < 2; other++) {
        BREAK_IN(w, h);
        question(&w, &h);
        prove(&h, other ? IPC_REMOTE_PREFLIGHT : IPC_REMOTE_VALIDATE, h.call + !other, 1);
        turn_with(&h);
        CHECK(w.answered && w.rc != RC_OK && w.rc != RC_DENIED);
        is_cut(&w, &h);
    }
}

/* After core has given up: it proves neither that nor what is asked next. */
static void answers_late(void)
{
    uint64_t first;

    BREAK_IN(w, h);
    question(&w, &h);
    first = h.call;
    clock_fake_advance(&w.clock, 21 * WHEN_SECOND);
    turn_with(&h);
    CHECK(w.answered && w.rc != RC_OK && w.rc != RC_DENIED);
    begin_to_ask(&w, "ward");
    prove(&h, IPC_REMOTE_VALIDATE, first, 1);
    turn_with(&h);
    CHECK_INT(h.asked, 2);
    CHECK(!w.answered);
    prove(&h, IPC_REMOTE_VALIDATE, h.call, 1);
    turn_with(&h);
    CHECK_INT(w.answers, 2);
    CHECK_OK(w.rc);
}

/* More evidence than a reply may have: by the length of the frame, and of the field alone. */
static void answers_at_length(void)
{
    static const uint32_t sizes[] = {9 * 1024, 20 * 1024};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        BREAK_IN(w, h);
        question(&w, &h);
        prove(&h, IPC_REMOTE_VALIDATE, h.call, sizes[i]);
        turn_with(&h);
        CHECK(w.answered && w.rc != RC_OK && w.rc != RC_DENIED);
        is_cut(&w, &h);
    }
}

/* It takes part in nothing but its own questions. */
static void asks_what_it_may_not(void)
{
    static const uint16_t types[] = {IPC_PROBER, IPC_HTTP, IPC_FAR_VALIDATE, IPC_REMOTE_VALIDATE,
                                     IPC_SIGN};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        BREAK_IN(w, h);
        say(&h, types[i], IPC_REQUEST, 2, STR(""));
        turn_with(&h);
        CHECK_INT(w.gone, 1);
        CHECK_INT(w.joins, 1);
    }
}

CHECK_MAIN(CHECK_TEST(joins_and_validates), CHECK_TEST(strangers_are_nobody),
           CHECK_TEST(nothing_is_offered), CHECK_TEST(other_servers), CHECK_TEST(core_decides),
           CHECK_TEST(the_newer_counts), CHECK_TEST(settings_change), CHECK_TEST(silence),
           CHECK_TEST_ONCE(answers_twice), CHECK_TEST_ONCE(answers_for_another),
           CHECK_TEST_ONCE(answers_late), CHECK_TEST_ONCE(answers_at_length),
           CHECK_TEST_ONCE(asks_what_it_may_not))
