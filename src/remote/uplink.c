/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/load.h"
#include "conf/text.h"
#include "ev/clock.h"
#include "ipc/probe_messages.h"
#include "log/log.h"
#include "net/pump.h"
#include "remote/remote_int.h"
#include "tls/client.h"

MSG(msg_alpn, "remote.alpn",
    "the server answers, and expects no prober: it is no Autarky, or its configuration has none in "
    "`probers`");
MSG(msg_slow, "remote.slow", "the server did not finish the handshake within {0} seconds");
MSG(msg_silent, "remote.silent", "nothing came from the server for {0} seconds");
MSG(msg_closed, "remote.closed", "the server has closed the connection");
MSG(msg_unwanted, "remote.unwanted",
    "the server closed the connection without a word: `probers` of its configuration has no entry "
    "with the key of this certificate, or it serves too many already");
MSG(msg_settings, "remote.settings", "the settings that the server sent do not load: {0}");

enum { PROBLEMS_MAX = 16 * 1024 };

struct remote_uplink {
    struct remote *remote;
    struct tls_client *tls; /* until it is a stream */
    struct net_pump *pump;
    struct ipc_chan *chan;
    struct ev_timer patience; /* for the handshake; then for the next ping */
    struct ev_defer lost;
    int64_t joined; /* monotonic; 0: not yet */
    bool greeted;   /* the server has said something */
    bool over;
    struct err why;
    const struct conf *conf;
    struct probing probing;
};

/* ---- the end */

static void on_lost(void *arg)
{
    struct remote_uplink *u = arg;
    struct remote *r = u->remote;
    int64_t now = clock_mono(ev_clock(r->ev));
    bool steady = u->joined && now - u->joined >= REMOTE_STEADY_SECONDS * WHEN_SECOND;
    struct err why = u->why;

    remote_lost(r, steady, &why);
}

/* The first reason counts; the connection goes away a little later, outside of its own callbacks.
 */
static void give_up(struct remote_uplink *u, const struct err *err)
{
    if (u->over)
        return;
    u->over = true;
    u->why = *err;
    ev_timer_stop(&u->patience);
    ev_defer(u->remote->ev, &u->lost);
}

static void on_impatient(void *arg)
{
    struct remote_uplink *u = arg;
    struct err err = ERR_INIT;

    if (u->chan)
        IGNORE_RC(ERR(&err, RC_TIMEOUT, msg_silent, STR("60")));
    else
        IGNORE_RC(ERR(&err, RC_TIMEOUT, msg_slow, STR("10")));
    give_up(u, &err);
}

static void on_close(void *arg, enum rc why, const struct err *err)
{
    struct remote_uplink *u = arg;
    struct err mine = ERR_INIT;

    if (why == RC_CLOSED && !u->greeted)
        IGNORE_RC(ERR(&mine, why, msg_unwanted));
    else if (why == RC_CLOSED)
        IGNORE_RC(ERR(&mine, why, msg_closed));
    else
        mine = *err;
    give_up(u, &mine);
}

/* The channel reads what came last, and then its own end. */
static void on_pump_end(void *arg)
{
    struct remote_uplink *u = arg;

    net_pump_free(MOVE(u->pump));
}

/* ---- joined */

static void wait_for_ping(struct remote_uplink *u)
{
    u->greeted = true;
    if (!u->over)
        ev_timer_start(&u->patience, REMOTE_SILENCE_SECONDS * WHEN_SECOND, 0);
}

static enum rc load(struct remote_uplink *u, struct str settings, struct err *err)
{
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(PROBLEMS_MAX);
    enum rc rc;

    conf_input_init(&in);
    conf_report_init(&report);
    TRY(conf_input_add(&in, STR("settings"), settings));
    rc = conf_load(&in, &u->conf, &report);
    if (rc != RC_INVAL)
        return rc;
    conf_report_text(&report, &text);
    return ERR(err, RC_INVAL, msg_settings, buf_str(&text));
}

static enum rc take_settings(struct remote_uplink *u, struct str settings, struct err *err)
{
    CLEANUP(dns_zones_unrefp) struct dns_zones *zones = NULL;
    struct remote *r = u->remote;

    TRY(load(u, settings, err));
    TRY(dns_zones_of_conf(u->conf, r->servers, r->n_servers, &zones));
    return validator_new(r->ev, r->net, u->conf, zones, &u->probing.validator);
}

static void on_joined(void *arg, const struct ipc_answer *answer)
{
    struct remote_uplink *u = arg;
    const struct ipc_joined *m = answer->msg;
    struct err err = {.rc = answer->rc};

    if (u->over || answer->rc == RC_CLOSED || answer->rc == RC_CANCELLED)
        return; /* on_close says why */
    if (answer->err)
        err = *answer->err;
    if (err.rc == RC_OK)
        err.rc = take_settings(u, m->settings, &err);
    if (err.rc != RC_OK) {
        give_up(u, &err);
        return;
    }
    u->joined = clock_mono(ev_clock(u->remote->ev));
    u->probing.closed = false;
    log_info("remote.joined", LOG_STR("prober", m->name),
             LOG_STR("server", u->remote->options->host));
}

static void on_ping(void *arg, struct ipc_req *req, const void *, int)
{
    wait_for_ping(arg);
    IGNORE_RC(ipc_reply(req, NULL)); /* a lost answer is what a ping is for */
}

static void on_validate(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct remote_uplink *u = arg;

    probing_validate(&u->probing, req, msg);
}

static void on_preflight(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct remote_uplink *u = arg;

    probing_look(&u->probing, req, msg);
}

static const struct ipc_handler handlers[] = {{IPC_REMOTE_PING, on_ping},
                                              {IPC_REMOTE_VALIDATE, on_validate},
                                              {IPC_REMOTE_PREFLIGHT, on_preflight}};

/* ---- from the socket to the channel */

static enum rc make_channel(struct remote_uplink *u)
{
    const struct ipc_chan_conf conf = {.self = ROLE_REMOTE,
                                       .peer = ROLE_FRONT,
                                       .handlers = handlers,
                                       .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
                                       .on_close = on_close,
                                       .arg = u};
    struct net_stream *inner;
    CLEANUP(fd_closep) int ours = -1;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return RC_IO;
    ours = pair[0];
    TRY(net_stream_fd(u->remote->ev, pair[1], &inner));
    TRY(net_pump_new(tls_client_stream(MOVE(u->tls)), inner, on_pump_end, u, &u->pump));
    return ipc_chan_new(u->remote->ev, fd_move(&ours), &conf, &u->chan);
}

static enum rc join(struct remote_uplink *u, struct err *err)
{
    const struct ipc_join msg = {STR(AUTARKY_VERSION)};
    const struct ipc_ask ask = {IPC_JOIN, &msg,      REMOTE_JOIN_SECONDS * WHEN_SECOND,
                                NULL,     on_joined, u};

    if (!str_eq(tls_client_alpn(u->tls), STR(REMOTE_ALPN)))
        return ERR(err, RC_UNSUPPORTED, msg_alpn);
    TRY(make_channel(u));
    return ipc_call(u->chan, &ask, NULL);
}

static void on_open(void *arg, enum rc rc, const struct err *err)
{
    struct remote_uplink *u = arg;
    struct err mine = err ? *err : (struct err){.rc = rc};

    if (rc == RC_OK)
        mine.rc = join(u, &mine);
    if (mine.rc != RC_OK)
        give_up(u, &mine);
    else
        ev_timer_start(&u->patience, REMOTE_SILENCE_SECONDS * WHEN_SECOND, 0);
}

enum rc remote_uplink_new(struct remote *r, int fd, struct remote_uplink **out)
{
    struct remote_uplink *u = MEM_NEW(struct remote_uplink);
    struct tls_client_conf conf = {.ev = r->ev,
                                   .alpn = STR(REMOTE_ALPN),
                                   .roots = r->options->roots,
                                   .identity = r->options->identity,
                                   .on_open = on_open,
                                   .arg = u};
    struct addr ip;
    enum rc rc;

    if (!u) {
        close(fd);
        return RC_NOMEM;
    }
    u->remote = r;
    u->probing.closed = true;
    ev_timer_init(&u->patience, r->ev, on_impatient, u);
    ev_defer_init(&u->lost, on_lost, u);
    if (addr_parse(r->options->host, &ip) == RC_OK)
        conf.ip = &ip;
    else
        conf.server_name = r->options->host;
    rc = tls_client_new(&conf, fd, &u->tls);
    if (rc != RC_OK) {
        mem_free(u);
        return rc;
    }
    ev_timer_start(&u->patience, REMOTE_SHAKE_SECONDS * WHEN_SECOND, 0);
    *out = u;
    return RC_OK;
}

void remote_uplink_free(struct remote_uplink *u)
{
    if (!u)
        return;
    u->over = true;
    ev_timer_stop(&u->patience);
    ev_defer_cancel(&u->lost);
    ipc_chan_free(u->chan); /* what is under way is cancelled by it */
    net_pump_free(u->pump);
    tls_client_free(u->tls);
    validator_free(u->probing.validator);
    conf_unref(u->conf);
    mem_free(u);
}
