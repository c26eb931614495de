/* SPDX-License-Identifier: Apache-2.0 */
/* front: the process that strangers reach. It ends TLS, parses HTTP and hands each whole request to
 * core as a message; what core says becomes the answer. It decides nothing.
 *
 * It holds the client connections of the listeners `api` (TLS), `plain` and `private` (a Unix
 * socket, for the keeper's user alone and for nothing but ACME and OCSP), and the key of the
 * API's own certificate, made here, in DATA/front (key.pem 0600, chain.pem); no key of the CA, of a
 * site or of an account. It may accept, read and write connections, read and write DATA/front, and
 * ask core HTTP and API_CERT; the keeper has it show proofs of sites' names at `plain`. It may not
 * connect out, execute, or reach the database or any other file.
 *
 * What a reload takes live and what restarts it, overlapping, is conf/schema.c's to say. It trusts
 * nobody: clients go through http/parse, core through ipc's table and http/response. */
#include "front/front_int.h"

#include <unistd.h>

#include "base/file.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "http/response.h"
#include "ipc/public_messages.h"
#include "ipc/status_messages.h"
#include "log/log.h"
#include "net/net.h"
#include "sandbox/users.h"

MSG(msg_no_listener, "front.no-listener",
    "the supervisor handed over no listener for api or plain");
MSG(msg_address, "front.listener-address", "\"{0}\" is not the address of a listener");

enum { FILES = 2 * HTTP_CONNECTIONS_MAX + 1024 };

#define USER "autarky-front"
#define KEEPER_USER "autarky-keeper"

static const struct sandbox front_sandbox = {
    .user = USER,
    .promises = SB_STDIO | SB_FDPASS | SB_ACCEPT | SB_RPATH | SB_WPATH,
    .files = FILES,
    .paths = {{"front", SB_READ | SB_WRITE}},
};

static void on_request(void *arg, struct http_exchange *x)
{
    front_http_request(arg, x);
}

static void on_answered(void *, const struct http_exchange *x, const struct http_answered *how)
{
    front_http_answered(x, how);
}

static void on_failed(void *, const struct addr *client, const struct err *err)
{
    char text[ADDR_TEXT];

    log_info("front.connection-failed", LOG_Z("client", addr_text(client, text)), LOG_ERR(err));
}

static void ready(struct front *f)
{
    if (f->ready || !f->started)
        return;
    f->ready = true;
    ev_timer_stop(&f->patience);
    role_ready(f->env);
}

static void out_of_patience(void *arg)
{
    struct front *f = arg;

    log_error("front.no-certificate",
              LOG_TEXT("there is no certificate for the API yet; its clients wait until there is"));
    ready(f);
}

void front_certified(struct front *f)
{
    if (!f->started)
        return;
    for (size_t i = 0; i < f->n_servers; i++)
        if (f->secure[i])
            http_server_start(f->servers[i]);
    ready(f);
}

/* DATA/front, for the user that this process is about to become. */
static enum rc make_directory(struct front *f, struct err *err)
{
    struct file_owner owner = FILE_OWNER_SELF;

    if (geteuid() == 0)
        TRY(sandbox_user_find(USER, &owner.uid, &owner.gid, err));
    return file_mkdir(f->env->data, "front", 0700, owner, err);
}

static const struct listener_kind {
    const char *name; /* kept as the name of the server */
    bool secure;
    bool private; /* a Unix socket, for the keeper */
} kinds[] = {{"api", true, false}, {"plain", false, false}, {"private", false, true}};

static const struct listener_kind *find_kind(const char *kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (str_eq(str_of(kinds[i].name), str_of(kind)))
            return &kinds[i];
    return NULL;
}

/* Before confinement, for afterwards no user can be looked up. */
static enum rc find_keeper(struct front *f, struct err *err)
{
    gid_t gid;

    f->keeper = geteuid();
    for (size_t i = 0; f->keeper == 0 && i < f->env->n_listeners; i++)
        if (str_eq(str_of(f->env->listeners[i].kind), STR("private")))
            return sandbox_user_find(KEEPER_USER, &f->keeper, &gid, err);
    return RC_OK;
}

bool front_admits(void *front, int fd)
{
    const struct front *f = front;
    struct net_cred cred = {.uid = (uid_t)-1};

    if (net_peer_cred(fd, &cred) == RC_OK && cred.uid == f->keeper)
        return true;
    log_warn("front.private-refused", LOG_INT("uid", cred.uid), LOG_INT("pid", cred.pid),
             LOG_TEXT("only the keeper may use the private listener"));
    return false;
}

static enum rc add_listener(struct front *f, const struct role_listener *l, struct err *err)
{
    const struct listener_kind *kind = find_kind(l->kind);
    bool secure = kind && kind->secure;
    struct http_server_conf conf = {
        .ev = f->env->ev,
        .name = kind ? kind->name : NULL,
        .tls = secure ? f->tls : NULL,
        .on_request = on_request,
        .on_answered = on_answered,
        .on_failed = on_failed,
        .other = &front_prober_speaker,
        .other_protocol = STR(FRONT_PROBER_ALPN),
        .arg = f,
    };
    struct addr_port at = {.port = 0};

    if (!kind)
        return RC_OK;
    if (kind->private) {
        conf.admits = front_admits;
        conf.connections = FRONT_PRIVATE_MAX;
        conf.per_client = FRONT_PRIVATE_MAX;
    } else if (addr_port_parse(str_of(l->address), &at) != RC_OK) {
        return ERR(err, RC_INVAL, msg_address, str_of(l->address));
    }
    if (secure && f->api_port == 0)
        f->api_port = at.port;
    TRY(http_server_new(&conf, l->fd, &f->servers[f->n_servers]));
    f->secure[f->n_servers++] = secure;
    return RC_OK;
}

/* As the configuration in force has it. */
static void ask_certificates(struct front *f)
{
    const struct conf *conf = f->env->conf;

    tls_context_set_asks(f->tls, conf->control.certificates);
    tls_context_set_certified(f->tls, STR(FRONT_AGENT_ALPN), conf->agents.enabled);
    front_probers_commit(f);
}

static enum rc front_open(struct role_env *env, struct err *err)
{
    struct tls_context_conf tls = {.plain_answer = http_plain_answer,
                                   .certified = STR(FRONT_PROBER_ALPN " " FRONT_AGENT_ALPN)};
    struct front *f = MEM_NEW(struct front);

    if (!f)
        return RC_NOMEM;
    env->state = f;
    f->env = env;
    f->core = role_peer(env, ROLE_CORE);
    front_relay_init(&f->relay, f);
    front_keep_init(&f->keep, f);
    list_init(&f->probers);
    http_proofs_init(&f->proofs);
    ev_timer_init(&f->patience, env->ev, out_of_patience, f);
    TRY(crypto_init());
    role_mend(env, "front", 0700);
    role_mend(env, FRONT_KEY_FILE, 0600);
    role_mend(env, FRONT_CHAIN_FILE, 0644);
    TRY(make_directory(f, err));
    TRY(find_keeper(f, err));
    TRY(tls_context_new(&tls, &f->tls));
    ask_certificates(f);
    return front_cert_open(&f->cert, f, err);
}

static enum rc front_start(struct role_env *env, struct err *err)
{
    struct front *f = env->state;

    for (size_t i = 0; i < env->n_listeners; i++)
        TRY(add_listener(f, &env->listeners[i], err));
    if (f->n_servers == 0)
        return ERR(err, RC_INVAL, msg_no_listener);
    f->started = true;
    for (size_t i = 0; i < f->n_servers; i++)
        if (!f->secure[i] || tls_context_has_identity(f->tls))
            http_server_start(f->servers[i]);
    front_cert_check(&f->cert);
    if (f->api_port == 0 || tls_context_has_identity(f->tls)) {
        f->ready = true;
        return RC_OK;
    }
    ev_timer_start(&f->patience, FRONT_READY_SECONDS * WHEN_SECOND, 0);
    return RC_AGAIN;
}

static void front_peer(struct role_env *env, enum role role, struct ipc_chan *chan)
{
    struct front *f = env->state;

    if (!f)
        return;
    if (role == ROLE_KEEPER) /* another one begins anew */
        http_proofs_clear(&f->proofs);
    if (role != ROLE_CORE)
        return;
    f->core = chan;
    /* What another core said may have changed without a word; until there is a new one it stands.
     */
    if (chan)
        front_keep_forget(&f->keep, STR(""));
    if (!chan || !f->started)
        return;
    front_relay_resume(&f->relay);
    front_cert_check(&f->cert);
    front_probers_tell(f);
}

static void front_commit(struct role_env *env)
{
    struct front *f = env->state;

    f->cert.settled = false;
    ask_certificates(f);
    if (f->started)
        front_cert_check(&f->cert);
}

static void on_drained(void *arg)
{
    struct front *f = arg;

    if (--f->draining == 0)
        role_drained(f->env);
}

static void front_drain(struct role_env *env)
{
    struct front *f = env->state;

    f->leaving = true;
    f->draining = f->n_servers + 1;
    for (size_t i = 0; i < f->n_servers; i++)
        http_server_drain(f->servers[i], on_drained, f);
    front_relay_hurry(&f->relay);
    on_drained(f);
}

static void front_close(struct role_env *env)
{
    struct front *f = env->state;

    if (!f)
        return;
    ev_timer_stop(&f->patience);
    for (size_t i = 0; i < f->n_servers; i++)
        http_server_free(f->servers[i]);
    front_relay_done(&f->relay);
    front_keep_done(&f->keep);
    http_proofs_clear(&f->proofs);
    front_cert_done(&f->cert);
    tls_context_free(f->tls);
    mem_free(f);
    env->state = NULL;
    crypto_done();
}

static void on_forget(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    const struct role_env *env = arg;
    const struct ipc_forget *forget = msg;
    struct front *f = env->state;

    (void)req;
    (void)fd;
    if (str_eq(forget->tag, IPC_FORGET_CHAIN))
        front_cert_renew(&f->cert);
    else
        front_keep_forget(&f->keep, forget->tag);
}

static void on_proof(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    const struct ipc_proof *m = msg;
    struct front *f = env->state;
    struct err err = ERR_INIT;

    if (m->challenge != CONF_SITE_HTTP_01)
        err.rc = RC_UNSUPPORTED;
    else if (m->shown)
        err.rc = http_proofs_add(&f->proofs, m->site, m->token, m->key_authorization);
    else
        http_proofs_remove(&f->proofs, m->site, m->key_authorization);
    if (err.rc == RC_OK)
        IGNORE_RC(ipc_reply(req, NULL)); /* on failure the keeper has been told */
    else
        ipc_reply_err(req, &err);
}

static const struct ipc_handler handlers[] = {{IPC_PLAIN_PROOF, on_proof},
                                              {IPC_FORGET, on_forget},
                                              {IPC_FAR_VALIDATE, front_prober_on_validate},
                                              {IPC_FAR_PREFLIGHT, front_prober_on_preflight}};

const struct role_def role_front = {
    .role = ROLE_FRONT,
    .sandbox = &front_sandbox,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .site_names = true,
    .drain_order = 0, /* it asks core */
    .overlaps = true,
    .open = front_open,
    .start = front_start,
    .peer = front_peer,
    .commit = front_commit,
    .drain = front_drain,
    .close = front_close,
};
