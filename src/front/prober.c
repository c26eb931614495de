/* SPDX-License-Identifier: Apache-2.0 */
/* Probers on other hosts, which connect here by TLS on the api listeners (ALPN FRONT_PROBER_ALPN).
 *
 * The handshake proves a key, the configuration says whose it is, and core's register that the
 * certificate is one of ours and not revoked; before all three are known nothing is sent but a
 * ping. From then on the bytes of the connection go through a pump to an end of a socket pair, at
 * whose other end is a channel like any other, in which the prober may say what ipc's table allows
 * and nothing else. Core asks by the prober's name, never over the channel itself. */
#include "front/front_int.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "conf/conf.h"
#include "conf/text.h"
#include "crypto/hash.h"
#include "ev/clock.h"
#include "ipc/probe_messages.h"
#include "log/log.h"
#include "net/pump.h"
#include "tls/conn.h"

MSG(msg_version, "front.prober-version",
    "the prober is version {0}, and the CA is version {1}: install the same program on both hosts");
MSG(msg_twice, "front.prober-joined-twice", "the prober has joined already");
MSG(msg_no_core, "front.prober-no-core", "the CA is just starting; join again in a while");
MSG(msg_draining, "front.prober-draining", "this process of the CA is about to end; join again");
MSG(msg_here_not, "front.prober-away", "the prober {0} is not connected");

enum { ARENA_BYTES = 256 * 1024, TEXT_BYTES = 65, HEX_DIGITS = 2 * CRYPTO_SHA256_BYTES };

struct front_prober {
    struct list link;
    struct front *front;
    void *owner; /* http_server's */
    struct addr client;
    struct net_pump *pump;
    struct ipc_chan *chan; /* NULL: it ends as soon as its last words are out */
    struct ipc_req *joining;
    struct ipc_call *asked, *told, *pinged;
    struct ev_timer tick; /* at first: until it has joined */
    struct ev_defer end;
    when_t since;
    bool joined;
    bool ended;
    char name[TEXT_BYTES], program[TEXT_BYTES];
    char key[HEX_DIGITS + 1];
    unsigned char settings[CRYPTO_SHA256_BYTES]; /* hash of those that it has */
    struct buf certificate;
};

static struct front_prober *at(struct list *link)
{
    return LIST_ENTRY(link, struct front_prober, link);
}

/* ---- the end */

static void on_end(void *arg)
{
    struct front_prober *p = arg;

    http_server_closed(p->owner);
}

static void end_soon(struct front_prober *p)
{
    ev_timer_stop(&p->tick);
    ev_defer(p->front->env->ev, &p->end);
}

static void on_core_heard(void *, const struct ipc_answer *)
{
}

static void tell_gone(const struct front_prober *p)
{
    struct ipc_prober msg = {.name = str_of(p->name), .address = p->client, .since = p->since};
    struct ipc_ask ask = {IPC_PROBER, &msg,          FRONT_PROBER_CORE_SECONDS * WHEN_SECOND,
                          NULL,       on_core_heard, NULL};

    /* Core finds out by itself when it hears no more of it. */
    if (p->front->core)
        IGNORE_RC(ipc_call(p->front->core, &ask, NULL));
}

/* The channel is closed, and with it the requests of core; what was written still goes out. */
static void retire(struct front_prober *p)
{
    if (p->ended)
        return;
    p->ended = true;
    if (p->joined)
        tell_gone(p);
    p->joined = false;
    if (p->asked)
        ipc_cancel(p->asked);
    if (p->told)
        ipc_cancel(p->told);
    ipc_chan_free(MOVE(p->chan));
    ev_timer_start(&p->tick, FRONT_PROBER_LINGER_SECONDS * WHEN_SECOND, 0);
}

static void cut(struct front_prober *p, const char *why, const struct err *err)
{
    char client[ADDR_TEXT];

    if (p->ended)
        return;
    log_warn("front.prober-cut", LOG_Z("prober", p->name),
             LOG_Z("client", addr_text(&p->client, client)), LOG_Z("why", why), LOG_ERR(err));
    retire(p);
}

static void on_close(void *arg, enum rc why, const struct err *err)
{
    struct front_prober *p = arg;

    cut(p, why == RC_CLOSED ? "it has closed the connection" : "it broke the rules", err);
}

static void on_pump_end(void *arg)
{
    struct front_prober *p = arg;

    if (!p->ended)
        log_info("front.prober-gone", LOG_Z("prober", p->name));
    retire(p);
    end_soon(p);
}

/* ---- is it there? */

static void on_pong(void *arg, const struct ipc_answer *answer)
{
    struct front_prober *p = arg;

    p->pinged = NULL;
    if (answer->rc != RC_OK && answer->rc != RC_CLOSED)
        cut(p, "it does not answer", answer->err);
}

static void ping(struct front_prober *p)
{
    struct ipc_ask ask = {IPC_REMOTE_PING, NULL, FRONT_PROBER_PONG_SECONDS * WHEN_SECOND, NULL,
                          on_pong,         p};
    struct err err = ERR_INIT;

    if (p->pinged)
        return;
    err.rc = ipc_call(p->chan, &ask, &p->pinged);
    if (err.rc != RC_OK)
        cut(p, "it cannot be asked", &err);
}

/* Whether core still wants it: revoked or expired certificates end here. */
static void on_told(void *arg, const struct ipc_answer *answer)
{
    struct front_prober *p = arg;

    p->told = NULL;
    if (answer->rc == RC_DENIED)
        cut(p, "core does not want it", answer->err);
}

static enum rc ask_core(struct front_prober *p, ipc_answer_fn fn, struct ipc_call **out)
{
    struct ipc_prober msg = {
        .name = str_of(p->name),
        .here = true,
        .address = p->client,
        .program = str_of(p->program),
        .certificate = buf_str(&p->certificate),
        .since = p->since,
    };
    struct ipc_ask ask = {IPC_PROBER, &msg, FRONT_PROBER_CORE_SECONDS * WHEN_SECOND, NULL, fn, p};

    return p->front->core ? ipc_call(p->front->core, &ask, out) : RC_CLOSED;
}

static void tell_core(struct front_prober *p)
{
    /* Without core nobody asks this prober anything; the next one is told as soon as it is there.
     */
    if (p->joined && !p->told)
        IGNORE_RC(ask_core(p, on_told, &p->told));
}

static void on_tick(void *arg)
{
    struct front_prober *p = arg;

    if (p->ended) {
        end_soon(p);
        return;
    }
    if (!p->joined) {
        cut(p, "it has not joined in time", NULL);
        return;
    }
    ev_timer_start(&p->tick, FRONT_PROBER_PING_SECONDS * WHEN_SECOND, 0);
    tell_core(p);
    ping(p);
}

/* ---- joining */

static void refuse(struct front_prober *p, struct ipc_req *req, const struct err *err)
{
    ipc_reply_err(req, err);
    cut(p, "it may not join", err);
}

/* Of two connections of one prober the newer one counts: the older may be dead without knowing. */
static void replace(const struct front_prober *p)
{
    LIST_FOREACH (link, &p->front->probers) {
        struct front_prober *old = at(link);

        if (old == p || !old->joined || !str_eq(str_of(old->name), str_of(p->name)))
            continue;
        old->joined = false; /* it is not gone: it is here anew */
        cut(old, "it has connected anew", NULL);
    }
}

static enum rc put_settings(const struct front_prober *p, struct buf *out)
{
    const struct conf *conf = p->front->env->conf;
    const struct conf_prober *mine = conf_prober_find(conf, str_of(p->name));

    if (!mine)
        return RC_NOTFOUND;
    conf_prober_settings(conf, mine, out);
    return buf_rc(out);
}

static void on_core_answer(void *arg, const struct ipc_answer *answer)
{
    struct front_prober *p = arg;
    CLEANUP(buf_done) struct buf settings = BUF_INIT(CONF_PROBER_SETTINGS_MAX);
    struct ipc_joined joined = {.name = str_of(p->name)};
    struct ipc_req *req = MOVE(p->joining);
    char client[ADDR_TEXT];
    struct err err = {.rc = answer->rc};

    p->asked = NULL;
    if (p->ended) {
        ipc_req_drop(req);
        return;
    }
    if (answer->err)
        err = *answer->err;
    if (err.rc == RC_OK)
        err.rc = put_settings(p, &settings);
    if (err.rc == RC_OK)
        err.rc = crypto_sha256(buf_str(&settings), p->settings);
    joined.settings = buf_str(&settings);
    if (err.rc != RC_OK) {
        refuse(p, req, &err);
        return;
    }
    err.rc = ipc_reply(req, &joined);
    if (err.rc != RC_OK) {
        cut(p, "it cannot be answered", &err);
        return;
    }
    replace(p);
    p->joined = true;
    log_info("front.prober-joined", LOG_Z("prober", p->name),
             LOG_Z("client", addr_text(&p->client, client)));
    ev_timer_start(&p->tick, FRONT_PROBER_PING_SECONDS * WHEN_SECOND, 0);
}

static enum rc take_join(struct front_prober *p, const struct ipc_join *m, struct err *err)
{
    if (p->joined || p->joining)
        return ERR(err, RC_CONFLICT, msg_twice);
    if (p->front->leaving)
        return ERR(err, RC_AGAIN, msg_draining);
    if (!str_eq(m->program, STR(AUTARKY_VERSION)))
        return ERR(err, RC_VERSION, msg_version, m->program, STR(AUTARKY_VERSION));
    TRY(str_copyz(m->program, p->program, sizeof(p->program)));
    if (ask_core(p, on_core_answer, &p->asked) != RC_OK)
        return ERR(err, RC_AGAIN, msg_no_core);
    return RC_OK;
}

static void on_join(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct front_prober *p = arg;
    struct err err = ERR_INIT;

    err.rc = take_join(p, msg, &err);
    if (err.rc == RC_OK)
        p->joining = req;
    else
        refuse(p, req, &err);
}

/* ---- from the handshake to the channel */

/* Whose key it is. RC_DENIED: nobody's. */
static enum rc recognise(struct front_prober *p, const struct tls_conn *tls)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(ARENA_BYTES);
    CLEANUP(buf_done) struct buf hex = BUF_INIT(HEX_DIGITS);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    const struct conf_prober *prober;
    struct x509_cert cert;
    char client[ADDR_TEXT];

    TRY(tls_conn_certificate(tls, &p->certificate));
    TRY(x509_cert_parse(&arena, buf_str(&p->certificate), &cert, NULL));
    TRY(crypto_sha256(cert.spki, digest));
    text_hex(&hex, str_bytes(digest, sizeof(digest)));
    TRY(buf_rc(&hex));
    TRY(str_copyz(buf_str(&hex), p->key, sizeof(p->key)));
    prober = conf_prober_with_key(p->front->env->conf, buf_str(&hex));
    if (prober)
        return str_copyz(prober->name, p->name, sizeof(p->name));
    log_info("front.prober-unknown", LOG_Z("client", addr_text(&p->client, client)),
             LOG_STR("key", buf_str(&hex)),
             LOG_TEXT("no entry of `probers` in autarky.yaml has this key"));
    return RC_DENIED;
}

static const struct ipc_handler handlers[] = {{IPC_JOIN, on_join}};

/* Takes over the stream, also on failure. */
static enum rc make_channel(struct front_prober *p, struct net_stream *t)
{
    const struct ipc_chan_conf conf = {.self = ROLE_FRONT,
                                       .peer = ROLE_REMOTE,
                                       .handlers = handlers,
                                       .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
                                       .on_close = on_close,
                                       .arg = p};
    CLEANUP(net_stream_freep) struct net_stream *outer = t, *inner = NULL;
    CLEANUP(fd_closep) int ours = -1;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return RC_IO;
    ours = pair[0];
    TRY(net_stream_fd(p->front->env->ev, pair[1], &inner));
    TRY(net_pump_new(MOVE(outer), MOVE(inner), on_pump_end, p, &p->pump));
    return ipc_chan_new(p->front->env->ev, fd_move(&ours), &conf, &p->chan);
}

static void prober_free(struct front_prober *p)
{
    if (!p)
        return;
    ev_timer_stop(&p->tick);
    ev_defer_cancel(&p->end);
    p->ended = true;
    if (p->joined)
        tell_gone(p);
    if (p->asked)
        ipc_cancel(p->asked);
    if (p->told)
        ipc_cancel(p->told);
    list_remove(&p->link);
    ipc_chan_free(MOVE(p->chan));
    net_pump_free(p->pump);
    buf_done(&p->certificate);
    mem_free(p);
}
DEFINE_FREEP(prober_free, struct front_prober)

static enum rc speaker_new(void *arg, struct net_stream *t, struct tls_conn *tls,
                           const struct addr *client, void *owner, void **out)
{
    CLEANUP(net_stream_freep) struct net_stream *own = t;
    CLEANUP(prober_freep) struct front_prober *p = MEM_NEW(struct front_prober);
    struct front *f = arg;

    if (!p)
        return RC_NOMEM;
    p->front = f;
    p->owner = owner;
    p->client = *client;
    p->since = clock_now(f->env->clock);
    list_init(&p->link);
    ev_timer_init(&p->tick, f->env->ev, on_tick, p);
    ev_defer_init(&p->end, on_end, p);
    buf_init(&p->certificate, TLS_CLIENT_CERTS_MAX);
    if (f->n_probers == FRONT_PROBERS_MAX)
        return RC_QUOTA;
    TRY(recognise(p, tls));
    TRY(make_channel(p, MOVE(own)));
    list_push(&f->probers, &p->link);
    f->n_probers++;
    *out = MOVE(p);
    return RC_OK;
}

/* The first ping goes out at once: a program of another version finds out by it that it is one. */
static void speaker_start(void *conn)
{
    struct front_prober *p = conn;

    ev_timer_start(&p->tick, FRONT_PROBER_JOIN_SECONDS * WHEN_SECOND, 0);
    ping(p);
}

static void speaker_refuse(void *conn)
{
    end_soon(conn);
}

/* It connects anew, to the process that takes this one's place, and what it was asked is asked
 * again. */
static void speaker_drain(void *conn)
{
    struct front_prober *p = conn;

    retire(p);
}

static void speaker_free(void *conn)
{
    struct front_prober *p = conn;

    p->front->n_probers--;
    prober_free(p);
}

const struct http_server_speaker front_prober_speaker = {speaker_new, speaker_start, speaker_refuse,
                                                         speaker_drain, speaker_free};

/* ---- what core wants of it */

static struct front_prober *find(const struct front *f, struct str name)
{
    LIST_FOREACH (link, &f->probers)
        if (at(link)->joined && str_eq(str_of(at(link)->name), name))
            return at(link);
    return NULL;
}

/* In the memory of core's request. */
struct errand {
    struct ipc_req *req;
    struct ipc_call *call;
};

static void on_errand(void *arg, const struct ipc_answer *answer)
{
    struct errand *e = arg;
    struct err err = {.rc = answer->rc};

    e->call = NULL;
    if (answer->rc == RC_OK)
        IGNORE_RC(ipc_reply(e->req, answer->msg)); /* core tries again what has no answer */
    else
        ipc_reply_err(e->req, answer->err ? answer->err : &err);
}

static void on_given_up(void *arg)
{
    struct errand *e = arg;

    if (e->call)
        ipc_cancel(e->call);
}

static void hand_on(struct front *f, struct ipc_req *req, struct str prober, struct ipc_ask *ask)
{
    struct front_prober *p = find(f, prober);
    struct errand *e = ARENA_NEW(ipc_req_arena(req), struct errand);
    int64_t left = ipc_req_deadline(req) - clock_mono(f->env->clock);
    struct err err = ERR_INIT;

    if (!p) {
        IGNORE_RC(ERR(&err, RC_CLOSED, msg_here_not, prober));
    } else if (!e) {
        err.rc = RC_NOMEM;
    } else {
        e->req = req;
        ask->timeout = left < FRONT_PROBER_ERRAND_SECONDS * WHEN_SECOND
                           ? left
                           : FRONT_PROBER_ERRAND_SECONDS * WHEN_SECOND;
        ask->fn = on_errand;
        ask->arg = e;
        err.rc = left > 0 ? ipc_call(p->chan, ask, &e->call) : RC_TIMEOUT;
    }
    if (err.rc == RC_OK)
        ipc_req_on_cancel(req, on_given_up, e);
    else
        ipc_reply_err(req, &err);
}

void front_prober_on_validate(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    const struct ipc_far_validate *m = msg;
    struct ipc_ask ask = {.type = IPC_REMOTE_VALIDATE, .msg = &m->ask, .about = ipc_req_id(req)};

    hand_on(env->state, req, m->prober, &ask);
}

void front_prober_on_preflight(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    const struct ipc_far_preflight *m = msg;
    struct ipc_ask ask = {.type = IPC_REMOTE_PREFLIGHT, .msg = &m->ask, .about = ipc_req_id(req)};

    hand_on(env->state, req, m->prober, &ask);
}

/* ---- life */

void front_probers_tell(struct front *f)
{
    LIST_FOREACH (link, &f->probers)
        tell_core(at(link));
}

/* The same key still means the same prober, which has been told all that counts now. */
static bool is_up_to_date(const struct front_prober *p)
{
    CLEANUP(buf_done) struct buf settings = BUF_INIT(CONF_PROBER_SETTINGS_MAX);
    const struct conf_prober *mine = conf_prober_with_key(p->front->env->conf, str_of(p->key));
    unsigned char digest[CRYPTO_SHA256_BYTES];

    return mine && str_eq(mine->name, str_of(p->name)) &&
           (!p->joined || (put_settings(p, &settings) == RC_OK &&
                           crypto_sha256(buf_str(&settings), digest) == RC_OK &&
                           str_eq(str_bytes(digest, sizeof(digest)),
                                  str_bytes(p->settings, sizeof(p->settings)))));
}

void front_probers_commit(struct front *f)
{
    tls_context_set_certified(f->tls, STR(FRONT_PROBER_ALPN), f->env->conf->n_probers > 0);
    LIST_FOREACH (link, &f->probers)
        if (!is_up_to_date(at(link)))
            cut(at(link), "the configuration has changed", NULL);
}
