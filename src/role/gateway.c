/* SPDX-License-Identifier: Apache-2.0 */
/* gateway
 * owns     client connections of the gateway's listeners, and the keys of its sites, in memory, or
 *          with gateway.keys "keeper" none but those of TLCP
 * may      accept, ask name servers, and connect out to the backends of the configuration; give the
 *          courier lines of the access log
 * may not  open a file (resolv.conf is read before confinement), listen, execute, or ask anybody
 *          else anything, but the keeper for signatures of handshakes and the waf for verdicts on
 *          requests: it has no channel to core
 * asked by keeper, and nobody else, which pushes certificates with their keys, the keys of session
 * tickets, and proofs of names for other CAs. There are several of these processes, which share
 * nothing but the port. What comes from clients and from backends is taken apart by http/reader.
 */
#include <assert.h>
#include <unistd.h>

#include "base/name.h"
#include "base/segment.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "dns/zones.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "gateway/gateway.h"
#include "gateway/lines.h"
#include "ipc/public_messages.h"
#include "ipc/site_messages.h"
#include "log/log.h"
#include "net/net.h"
#include "role/handshakes.h"
#include "role/inspections.h"
#include "role/resolv.h"
#include "role/roles.h"
#include "tlcp/identity.h"
#include "tls/shelf.h"
#include "x509/cert.h"
#include "x509/challenge.h"

MSG(msg_no_listener, "gateway.no-listener", "the supervisor handed over no listener for sites");
MSG(msg_key, "gateway.key-place",
    "the key of {0} came where none is wanted, or did not come: the keeper has another "
    "configuration, and sends it again");
MSG(msg_segment, "gateway.segment",
    "the certificate for {0} is said to be where this worker cannot see it");
MSG(msg_no_site, "gateway.no-site", "the configuration has no site {0}");

/* Two descriptors for each request under way, and the connections kept to backends. */
enum { FILES = 2 * GATEWAY_CONNECTIONS_MAX + 4096 };

static const struct sandbox sandbox = {
    .user = "autarky-gateway",
    .promises = SB_STDIO | SB_FDPASS | SB_ACCEPT | SB_INET_CONNECT,
    .files = FILES,
};

static void on_logged(void *arg);

/* For the certificates that the keeper pushes to a new process: until then nobody is accepted who
 * would only be refused. A site that can have none does not keep the others waiting: when nothing
 * more has come for a while, that was all that there is. */
enum { PATIENCE_SECONDS = 5, PAUSE_SECONDS = 1 };

struct worker;

/* Lines of one format that the log took, since nobody else is there; that is said a moment later.
 */
struct logged {
    struct worker *worker;
    struct ev_defer told;
};

struct worker {
    struct role_env *env;
    struct logged logged[2]; /* by CONF_ACCESS_COMBINED */
    struct ev_timer patience;
    int64_t deadline; /* monotonic */
    bool started;
    struct net *net;
    struct gateway *gateway;
    struct handshakes handshakes;
    struct inspections inspections;
    struct tls_shelf *shelf; /* of the identities that the keeper pushes */
    struct segment *segment; /* of the keeper's, the last one; NULL: none yet */
    uint64_t segment_number;
    bool away; /* the keys are the keeper's; a change of that takes another process */
    struct gateway_plan *next; /* of the configuration that was prepared */
    struct addr_port servers[DNS_RESOLV_CONF_MAX];
    size_t n_servers;
};

/* ---- life */

static void start_serving(void *arg)
{
    struct worker *w = arg;

    ev_timer_stop(&w->patience);
    w->started = true;
    gateway_start(w->gateway);
    role_ready(w->env);
}

static enum rc gateway_role_open(struct role_env *env, struct err *err)
{
    struct worker *w = MEM_NEW(struct worker);

    (void)err;
    if (!w)
        return RC_NOMEM;
    env->state = w;
    w->env = env;
    handshakes_init(&w->handshakes);
    inspections_init(&w->inspections, env->ev);
    for (size_t i = 0; i < 2; i++) {
        w->logged[i].worker = w;
        ev_defer_init(&w->logged[i].told, on_logged, &w->logged[i]);
    }
    w->away = env->conf->gateway.keys == CONF_KEYS_KEEPER;
    ev_timer_init(&w->patience, env->ev, start_serving, w);
    w->n_servers = role_resolv_conf("backends", w->servers);
    return crypto_init();
}

static void gateway_role_abort(struct role_env *env)
{
    struct worker *w = env->state;

    gateway_plan_free(MOVE(w->next));
}

/* What can fail is done here, so that commit cannot. */
static enum rc gateway_role_prepare(struct role_env *env, const struct conf *next, struct err *err)
{
    CLEANUP(dns_zones_unrefp) struct dns_zones *zones = NULL;
    struct worker *w = env->state;

    gateway_role_abort(env);
    TRY(dns_zones_of_conf(next, w->servers, w->n_servers, &zones));
    return gateway_prepare(w->gateway, next, zones, &w->next, err);
}

static void gateway_role_commit(struct role_env *env)
{
    struct worker *w = env->state;

    gateway_commit(w->gateway, MOVE(w->next));
}

/* ---- the access log: written by the courier, which may wait for a disk */

static_assert((int)GATEWAY_LINES_BATCH == (int)IPC_ACCESS_BYTES);

/* Of one format; one question of each is under way at most. */
static void on_written(struct worker *w, enum conf_access format, const struct ipc_answer *a)
{
    gateway_access_told(w->gateway, format, a->rc, a->err);
}

static void on_json(void *arg, const struct ipc_answer *a)
{
    on_written(arg, CONF_ACCESS_JSON, a);
}

static void on_combined(void *arg, const struct ipc_answer *a)
{
    on_written(arg, CONF_ACCESS_COMBINED, a);
}

static void on_logged(void *arg)
{
    struct logged *l = arg;
    struct worker *w = l->worker;
    bool combined = l == &w->logged[1];

    gateway_access_told(w->gateway, combined ? CONF_ACCESS_COMBINED : CONF_ACCESS_JSON, RC_OK,
                        NULL);
}

/* The program that takes over writes the file now. */
static enum rc log_lines(struct worker *w, enum conf_access format, struct str lines)
{
    struct str line;

    while (str_next(&lines, '\n', &line))
        if (line.n)
            log_info("gateway.access-line", LOG_STR("line", line));
    ev_defer(w->env->ev, &w->logged[format == CONF_ACCESS_COMBINED].told);
    return RC_OK;
}

static enum rc write_lines(void *arg, unsigned format, struct str lines)
{
    struct worker *w = arg;
    struct ipc_chan *courier = role_peer(w->env, ROLE_COURIER);
    const struct ipc_access msg = {.format = (uint8_t)format, .lines = lines};
    const struct ipc_ask ask = {.type = IPC_ACCESS,
                                .msg = &msg,
                                .fn = format == CONF_ACCESS_JSON ? on_json : on_combined,
                                .arg = w};

    if (!courier && w->env->alone && !w->env->supervisor)
        return log_lines(w, format, lines);
    return courier ? ipc_call(courier, &ask, NULL) : RC_CLOSED;
}

static void gateway_role_peer(struct role_env *env, enum role role, struct ipc_chan *chan)
{
    struct worker *w = env->state;

    if (role == ROLE_COURIER && chan)
        gateway_access_push(w->gateway);
    if (role == ROLE_WAF)
        inspections_waf(&w->inspections, chan);
    if (role == ROLE_KEEPER) { /* another one begins anew */
        gateway_prove_nothing(w->gateway);
        handshakes_keeper(&w->handshakes, chan);
    }
}

/* ---- life */

static enum rc gateway_role_start(struct role_env *env, struct err *err)
{
    struct worker *w = env->state;
    struct gateway_conf conf = {.ev = env->ev,
                                .write = write_lines,
                                .arg = w,
                                .inspect = w->inspections.ask,
                                .away = w->away};
    size_t n = 0;

    TRY(net_system(env->ev, &w->net));
    TRY(tls_shelf_new(TLS_SHELF_OPEN, &w->shelf));
    conf.net = w->net;
    TRY(gateway_new(&conf, &w->gateway));
    TRY(gateway_role_prepare(env, env->conf, err));
    gateway_role_commit(env);
    for (size_t i = 0; i < env->n_listeners; i++) {
        if (!str_eq(str_of(env->listeners[i].kind), STR("gateway")))
            continue;
        TRY(gateway_listen(w->gateway, env->listeners[i].fd));
        n++;
    }
    if (n == 0)
        return ERR(err, RC_INVAL, msg_no_listener);
    w->deadline = clock_mono(env->clock) + PATIENCE_SECONDS * WHEN_SECOND;
    ev_timer_start(&w->patience, PATIENCE_SECONDS * WHEN_SECOND, 0);
    return RC_AGAIN;
}

static void on_written_out(void *arg)
{
    role_drained(((struct worker *)arg)->env);
}

static void on_drained(void *arg)
{
    struct worker *w = arg;

    gateway_access_end(w->gateway, on_written_out, w);
}

static void gateway_role_drain(struct role_env *env)
{
    struct worker *w = env->state;

    ev_timer_stop(&w->patience);
    gateway_drain(w->gateway, on_drained, w);
}

static void gateway_role_close(struct role_env *env)
{
    struct worker *w = env->state;

    if (!w)
        return;
    gateway_role_abort(env);
    ev_timer_stop(&w->patience);
    for (size_t i = 0; i < 2; i++)
        ev_defer_cancel(&w->logged[i].told);
    gateway_free(w->gateway);
    handshakes_done(&w->handshakes);
    inspections_done(&w->inspections);
    tls_shelf_free(w->shelf);
    segment_unref(w->segment);
    net_free(w->net);
    mem_free(w);
    env->state = NULL;
    crypto_done();
}

/* ---- what the keeper pushes */

static void answer(struct ipc_req *req, enum rc rc, struct err *err)
{
    if (rc == RC_OK) {
        IGNORE_RC(ipc_reply(req, NULL)); /* the keeper pushes again */
        return;
    }
    err->rc = rc;
    ipc_reply_err(req, err);
}

/* The keeper has sent something. */
static void look_at_all(struct worker *w)
{
    int64_t left = w->deadline - clock_mono(w->env->clock), pause = PAUSE_SECONDS * WHEN_SECOND;

    if (w->started)
        return;
    if (gateway_certified(w->gateway))
        start_serving(w);
    else if (left > 0)
        ev_timer_start(&w->patience, left < pause ? left : pause, 0);
}

/* tlcp/ takes PEM. */
static enum rc take_tlcp(struct worker *w, const struct ipc_identity *m, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *sign = NULL, *encrypt = NULL;
    CLEANUP(tlcp_identity_unrefp) struct tlcp_identity *id = NULL;
    CLEANUP(buf_done) struct buf signs = BUF_INIT(4 * IPC_IDENTITY_CHAIN_MAX);
    CLEANUP(buf_done) struct buf encrypts = BUF_INIT(2 * IPC_IDENTITY_CHAIN_MAX);
    struct tlcp_identity_in in = {};

    TRY(x509_cert_put_pems(m->leaf, &signs));
    TRY(x509_cert_put_pems(m->issuers, &signs));
    TRY(x509_cert_put_pems(m->encrypt_chain, &encrypts));
    TRY(crypto_key_read_der(m->key, &sign, err));
    TRY(crypto_key_read_der(m->encrypt_key, &encrypt, err));
    in.sign_pem = buf_str(&signs);
    in.encrypt_pem = buf_str(&encrypts);
    in.sign_key = sign;
    in.encrypt_key = encrypt;
    TRY(tlcp_identity_new(&in, &id, err));
    TRY(gateway_set_tlcp(w->gateway, m->site, id));
    return m->staple.n ? gateway_staple_sm2(w->gateway, m->site, m->staple, m->staple_until)
                       : RC_OK;
}

/* Where leaf and key are. */
static enum rc find(const struct worker *w, const struct ipc_identity *m, struct tls_shelved *out,
                    struct err *err)
{
    out->issuers = m->issuers;
    out->leaf = m->leaf;
    out->key = m->key;
    if (m->segment == 0)
        return RC_OK;
    out->segment = w->segment;
    /* What the end of the leaf is added to does not overflow: it is in the segment. */
    if (m->segment != w->segment_number ||
        !segment_look(w->segment, m->at, m->leaf_n, &out->leaf) ||
        !segment_look(w->segment, m->at + m->leaf_n, m->key_n, &out->key))
        return ERR(err, RC_INVAL, msg_segment, m->site);
    return RC_OK;
}

static enum rc take_tls(struct worker *w, const struct ipc_identity *m, struct err *err)
{
    static const unsigned kinds[CONF_SITE_KEYS] = {[CONF_KEY_RSA] = TLS_KIND_RSA,
                                                   [CONF_KEY_ECDSA] = TLS_KIND_EC,
                                                   [CONF_KEY_MLDSA] = TLS_KIND_MLDSA};
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    CLEANUP(buf_done) struct buf about = BUF_INIT(TLS_ABOUT_MAX);
    struct tls_shelved in = {};

    TRY(find(w, m, &in, err));
    if (w->away != (in.key.n == 0) || m->algorithm >= CONF_SITE_KEYS || !kinds[m->algorithm])
        return ERR(err, RC_DENIED, msg_key, m->site);
    in.kind = kinds[m->algorithm];
    if (w->away) {
        buf_printf(&about, "%c%.*s", 'a' + m->algorithm, STR_ARG(m->site));
        TRY(buf_rc(&about));
        in.signer = &w->handshakes.signer;
        in.about = buf_str(&about);
    }
    TRY(tls_shelf_put(w->shelf, &in, &id, err));
    if (m->staple.n)
        TRY(tls_identity_staple(id, m->staple, m->staple_until));
    return gateway_set_identity(w->gateway, m->site, id);
}

static enum rc take_identity(struct worker *w, const struct ipc_identity *m, struct err *err)
{
    enum rc rc = m->encrypt_key.n ? take_tlcp(w, m, err) : take_tls(w, m, err);

    return rc == RC_NOTFOUND ? ERR(err, rc, msg_no_site, m->site) : rc;
}

static void on_identity(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    struct role_env *env = arg;
    struct worker *w = env->state;
    const struct ipc_identity *m = msg;
    struct err err = ERR_INIT;
    enum rc rc = take_identity(w, m, &err);

    (void)fd;
    /* With an OCSP answer it comes again twice a day. */
    if (rc == RC_OK && m->staple.n)
        log_debug("gateway.certificate-stapled", LOG_STR("site", m->site),
                  LOG_Z("algorithm", conf_site_key_name(m->algorithm)));
    else if (rc == RC_OK)
        log_info("gateway.certificate", LOG_STR("site", m->site),
                 LOG_Z("algorithm", conf_site_key_name(m->algorithm)));
    else
        log_error("gateway.bad-certificate", LOG_STR("site", m->site), LOG_RC(rc), LOG_ERR(&err));
    answer(req, rc, &err);
    look_at_all(w);
}

/* Those who have something of the one before it keep that. */
static void on_segment(void *arg, struct ipc_req *, const void *msg, int fd)
{
    struct role_env *env = arg;
    struct worker *w = env->state;
    const struct ipc_segment *m = msg;
    struct segment *next = NULL;
    enum rc rc = segment_open(fd, &next);

    close(fd);
    if (rc != RC_OK) {
        role_fail(env, &(struct err){.rc = rc});
        return;
    }
    segment_unref(w->segment);
    w->segment = next;
    w->segment_number = m->number;
}

static void on_tickets(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    struct role_env *env = arg;
    struct worker *w = env->state;
    const struct ipc_tickets *m = msg;
    struct err err = ERR_INIT;
    enum rc rc = gateway_set_ticket_keys(w->gateway, m->keys.v, m->keys.n);

    (void)fd;
    if (rc != RC_OK)
        log_error("gateway.bad-ticket-keys", LOG_RC(rc));
    answer(req, rc, &err);
    look_at_all(w);
}

static enum rc prove_tls(struct worker *w, const struct ipc_proof *m, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(TLS_CHAIN_PEM_MAX);

    if (!m->shown)
        return gateway_prove_tls(w->gateway, m->site, NULL);
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    TRY(x509_challenge_build(m->site, m->key_authorization, key, clock_now(w->env->clock), &pem,
                             err));
    TRY(tls_identity_new(buf_str(&pem), key, &id, err));
    return gateway_prove_tls(w->gateway, m->site, id);
}

static enum rc prove(struct worker *w, const struct ipc_proof *m, struct err *err)
{
    if (m->challenge == CONF_SITE_HTTP_01)
        return gateway_prove_http(w->gateway, m->shown, m->site, m->token, m->key_authorization);
    return m->challenge == CONF_SITE_TLS_ALPN_01 ? prove_tls(w, m, err) : RC_UNSUPPORTED;
}

static void on_proof(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct role_env *env = arg;
    struct worker *w = env->state;
    const struct ipc_proof *m = msg;
    struct err err = ERR_INIT;
    enum rc rc = prove(w, m, &err);

    answer(req, rc == RC_NOTFOUND ? ERR(&err, rc, msg_no_site, m->site) : rc, &err);
}

static const struct ipc_handler handlers[] = {{IPC_IDENTITY, on_identity},
                                              {IPC_SEGMENT, on_segment},
                                              {IPC_TICKETS, on_tickets},
                                              {IPC_PROOF, on_proof}};

const struct role_def role_gateway = {
    .role = ROLE_GATEWAY,
    .sites = true,
    .sandbox = &sandbox,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .wanted = role_wanted_workers,
    .drain_order = 0,
    .overlaps = true,
    .open = gateway_role_open,
    .start = gateway_role_start,
    .peer = gateway_role_peer,
    .prepare = gateway_role_prepare,
    .commit = gateway_role_commit,
    .abort = gateway_role_abort,
    .drain = gateway_role_drain,
    .close = gateway_role_close,
};
