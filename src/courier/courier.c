/* SPDX-License-Identifier: Apache-2.0 */
/* courier: brings records of the audit log to where audit.forward says, and nothing else.
 *
 * owns     DATA/forward; connections to the syslog servers of the configuration
 * may      make and write files in that directory, connect out
 * may not  listen, execute, open another file (roots are read before confinement), read the
 *          database, hold a key, ask anybody
 * asked by core, and nobody else: DELIVER, which is answered when the destination has the records
 *
 * It is a process of its own because neither of the others may be it: core must not connect out or
 * wait for a disk, the prober talks to whom strangers name and would then hold everybody's names
 * and addresses, and could say that records are safe that are not; the runner can become any user.
 * This one speaks to configured addresses alone, and waits (fsync) where it has to: nobody waits
 * for it. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "courier/courier_int.h"
#include "crypto/crypto.h"
#include "log/log.h"
#include "net/net.h"
#include "role/roles.h"
#include "sandbox/users.h"
#include "tls/trust.h"

MSG(msg_roots, "courier.roots", "audit.forward: the roots of {0}, {1}, cannot be used: {2}");
MSG(msg_no_roots, "courier.no-roots", "no CA certificate is in it");
MSG(msg_directory, "courier.directory", "DATA/forward cannot be opened: {0}");
MSG(msg_unknown, "courier.unknown", "there is no destination {0} in audit.forward");
MSG(msg_busy, "courier.busy", "records are on their way to {0} already");
MSG(msg_closed, "courier.closed", "this process is about to end");

#define USER "autarky-courier"

static const struct sandbox sandbox = {
    .user = USER,
    .promises = SB_STDIO | SB_FDPASS | SB_INET_CONNECT | SB_RPATH | SB_WPATH,
    .files = 256,
    .paths = {{COURIER_DIRECTORY, SB_READ | SB_WRITE}},
};

/* ---- before confinement */

static enum rc read_roots(const struct role_env *env, struct courier_dest *d, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(COURIER_ROOTS_MAX);
    struct err why = ERR_INIT;
    char path[4096], text[512];
    size_t n = 0;
    enum rc rc;

    TRY(str_copyz(d->conf->roots, path, sizeof(path)));
    TRY(tls_trust_new(&d->trust));
    rc = file_read(env->data, path, &pem, &why);
    if (rc == RC_OK)
        rc = tls_trust_add(d->trust, buf_str(&pem), &n);
    if (rc == RC_OK && n == 0)
        rc = ERR(&why, RC_INVAL, msg_no_roots);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    return ERR(err, rc, msg_roots, d->conf->name, d->conf->roots,
               why.msg ? str_of(err_textz(&why, text, sizeof(text))) : str_of(rc_text(rc)));
}

static enum rc open_dest(struct courier *c, const struct conf_forward *f, struct err *err)
{
    struct courier_dest *d = &c->dests[c->n_dests++];

    *d = (struct courier_dest){.courier = c, .conf = f, .fd = -1};
    if (f->server.n == 0)
        return RC_OK;
    TRY(addr_port_parse(f->server, &d->server));
    return f->plain ? RC_OK : read_roots(c->env, d, err);
}

/* Its files are for a group, whose members may read them. */
static enum rc open_directory(struct courier *c, struct err *err)
{
    struct file_owner owner = FILE_OWNER_SELF;

    if (geteuid() == 0)
        TRY(sandbox_user_find(USER, &owner.uid, &owner.gid, err));
    TRY(file_mkdir(c->env->data, COURIER_DIRECTORY, 0750, owner, err));
    c->dir =
        openat(c->env->data, COURIER_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return c->dir >= 0 ? RC_OK : ERR(err, RC_IO, msg_directory, str_of(strerrordesc_np(errno)));
}

/* RFC 5424 section 6.2.4: what this host is called, or "-". */
static void read_host(char host[static COURIER_HOST_MAX + 1])
{
    bool good = gethostname(host, COURIER_HOST_MAX + 1) == 0;

    host[COURIER_HOST_MAX] = 0;
    for (const char *p = host; *p; p++)
        good = good && *p > ' ' && *p < 0x7f;
    if (!good || !host[0])
        memcpy(host, "-", 2);
}

/* A server that takes nothing does not hold up the end: core sends it again. */
static void out_of_patience(void *arg)
{
    struct courier *c = arg;

    for (size_t i = 0; i < c->n_dests; i++)
        courier_syslog_stop(&c->dests[i]);
}

static enum rc courier_open(struct role_env *env, struct err *err)
{
    struct courier *c = MEM_NEW(struct courier);

    if (!c)
        return RC_NOMEM;
    env->state = c;
    c->env = env;
    ev_timer_init(&c->patience, env->ev, out_of_patience, c);
    c->dir = -1;
    c->conf = conf_ref(env->conf);
    TRY(crypto_init());
    read_host(c->host);
    role_mend(env, COURIER_DIRECTORY, 0750);
    TRY(open_directory(c, err));
    for (size_t i = 0; i < c->conf->audit.n_forward && i < CONF_FORWARDS_MAX; i++)
        TRY(open_dest(c, &c->conf->audit.forward[i], err));
    return RC_OK;
}

/* ---- life */

static enum rc courier_start(struct role_env *env, struct err *err)
{
    struct courier *c = env->state;

    (void)err;
    return c->net ? RC_OK : net_system(env->ev, &c->net);
}

void courier_look_drained(struct courier *c)
{
    for (size_t i = 0; i < c->n_dests; i++)
        if (c->dests[i].job)
            return;
    if (c->draining)
        role_drained(c->env);
}

/* What is under way may come to its end, if it does so soon: core is told, and need not send it
 * again. */
static void courier_drain(struct role_env *env)
{
    struct courier *c = env->state;

    c->draining = true;
    ev_timer_start(&c->patience, COURIER_DRAIN_SECONDS * WHEN_SECOND, 0);
    courier_look_drained(c);
}

static void courier_close(struct role_env *env)
{
    struct courier *c = env->state;

    if (!c)
        return;
    c->draining = false; /* nobody is told any more */
    ev_timer_stop(&c->patience);
    for (size_t i = 0; i < c->n_dests; i++) {
        courier_syslog_stop(&c->dests[i]);
        courier_file_close(&c->dests[i]);
        tls_trust_free(c->dests[i].trust);
    }
    net_free(c->net);
    fd_close(&c->dir);
    conf_unref(c->conf);
    mem_free(c);
    env->state = NULL;
    crypto_done();
}

/* ---- what core asks */

static struct courier_dest *find(struct courier *c, struct str name)
{
    for (size_t i = 0; i < c->n_dests; i++)
        if (str_eq(c->dests[i].conf->name, name))
            return &c->dests[i];
    return NULL;
}

static void to_file(struct courier_dest *d, struct ipc_req *req, const struct ipc_deliver *m)
{
    struct err err = ERR_INIT;
    struct ipc_delivered reply = {m->records.v[m->records.n - 1].sequence};

    err.rc = courier_file_append(d, m, &err);
    if (err.rc != RC_OK)
        ipc_reply_err(req, &err);
    else
        IGNORE_RC(ipc_reply(req, &reply)); /* on failure core has been told */
}

static void on_deliver(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    struct courier *c = env->state;
    const struct ipc_deliver *m = msg;
    struct courier_dest *d = find(c, m->name);
    struct err err = ERR_INIT;

    if (c->draining)
        err.rc = ERR(&err, RC_CLOSED, msg_closed);
    else if (!d || m->records.n == 0)
        err.rc = ERR(&err, RC_NOTFOUND, msg_unknown, m->name);
    else if (d->job)
        err.rc = ERR(&err, RC_QUOTA, msg_busy, m->name);
    if (err.rc != RC_OK)
        ipc_reply_err(req, &err);
    else if (d->conf->server.n)
        courier_syslog_send(d, req, m);
    else
        to_file(d, req, m);
}

static const struct ipc_handler handlers[] = {{IPC_DELIVER, on_deliver}};

const struct role_def role_courier = {
    .role = ROLE_COURIER,
    .sandbox = &sandbox,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .wanted = role_wanted_with_forwards,
    .drain_order = 2, /* core asks it */
    .open = courier_open,
    .start = courier_start,
    .drain = courier_drain,
    .close = courier_close,
};
