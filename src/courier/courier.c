/* SPDX-License-Identifier: Apache-2.0 */
/* courier: brings records of the audit log to where audit.forward says, and lines of the gateway's
 * access log into its file; tells receivers of alerts.
 *
 * owns     DATA/forward and DATA/access; connections to the syslog servers and the receivers of the
 *          configuration, with the secrets and passwords for these
 * may      make and write files in these directories, connect out
 * may not  listen, execute, open another file (roots and secrets are read before confinement),
 *          read the database, hold a key of the authority, ask anybody
 * asked by core: DELIVER, which is answered when the destination has the records, and NOTICE, when
 *          the receiver has the message; by the gateway: ACCESS, when the lines are written
 *
 * It is a process of its own because neither of the others may be it: core must not connect out or
 * wait for a disk, the prober talks to whom strangers name and would then hold everybody's names
 * and addresses, and could say that records are safe that are not; the runner can become any user.
 * This one speaks to configured addresses alone, and waits (fsync) where it has to: nobody waits
 * for it. The gateway's workers must not wait for a disk either, nor hold a directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "courier/courier_int.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "log/log.h"
#include "net/net.h"
#include "role/roles.h"
#include "sandbox/users.h"
#include "tls/trust.h"

MSG(msg_roots, "courier.roots", "the roots of {0}, {1}, cannot be used: {2}");
MSG(msg_no_roots, "courier.no-roots", "no CA certificate is in it");
MSG(msg_directory, "courier.directory", "DATA/{0} cannot be opened: {1}");
MSG(msg_lines, "courier.access-lines",
    "these are no lines of an access log: whole ones of printable ASCII, in a format that is "
    "written");
MSG(msg_unknown, "courier.unknown", "there is no destination {0} in audit.forward");
MSG(msg_busy, "courier.busy", "records are on their way to {0} already");
MSG(msg_closed, "courier.closed", "this process is about to end");

#define USER "autarky-courier"

static const struct sandbox sandbox = {
    .user = USER,
    .promises = SB_STDIO | SB_FDPASS | SB_INET_CONNECT | SB_RPATH | SB_WPATH,
    .files = 256,
    .paths = {{COURIER_DIRECTORY, SB_READ | SB_WRITE}, {COURIER_ACCESS, SB_READ | SB_WRITE}},
};

/* ---- before confinement */

enum rc courier_roots_read(const struct role_env *env, struct str name, struct str path,
                           struct tls_trust **out, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(COURIER_ROOTS_MAX);
    struct err why = ERR_INIT;
    char file[4096], text[512];
    size_t n = 0;
    enum rc rc;

    TRY(str_copyz(path, file, sizeof(file)));
    TRY(tls_trust_new(out));
    rc = file_read(env->data, file, &pem, &why);
    if (rc == RC_OK)
        rc = tls_trust_add(*out, buf_str(&pem), &n);
    if (rc == RC_OK && n == 0)
        rc = ERR(&why, RC_INVAL, msg_no_roots);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    return ERR(err, rc, msg_roots, name, path,
               why.msg ? str_of(err_textz(&why, text, sizeof(text))) : str_of(rc_text(rc)));
}

static enum rc open_dest(struct courier *c, const struct conf_forward *f, struct err *err)
{
    struct courier_dest *d = &c->dests[c->n_dests++];

    *d = (struct courier_dest){.courier = c, .conf = f};
    d->file = (struct courier_file){.where = COURIER_DIRECTORY,
                                    .dir = c->dir,
                                    .name = f->name,
                                    .suffix = ".jsonl",
                                    .limit = f->size,
                                    .keep = f->keep,
                                    .sync = true,
                                    .fd = -1};
    if (f->server.n == 0)
        return RC_OK;
    TRY(addr_port_parse(f->server, &d->server));
    return f->plain ? RC_OK : courier_roots_read(c->env, f->name, f->roots, &d->trust, err);
}

/* Its files are for a group, whose members may read them. */
static enum rc open_directory(const struct courier *c, const char *name, int *out, struct err *err)
{
    struct file_owner owner = FILE_OWNER_SELF;

    role_mend(c->env, name, 0750);
    if (geteuid() == 0)
        TRY(sandbox_user_find(USER, &owner.uid, &owner.gid, err));
    TRY(file_mkdir(c->env->data, name, 0750, owner, err));
    *out = openat(c->env->data, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*out >= 0)
        return RC_OK;
    return ERR(err, RC_IO, msg_directory, str_of(name), str_of(strerrordesc_np(errno)));
}

static enum rc open_access(struct courier *c, struct err *err)
{
    static const char *const suffixes[CONF_ACCESS_COMBINED] = {".jsonl", ".log"};

    TRY(open_directory(c, COURIER_ACCESS, &c->directory, err));
    for (size_t i = 0; i < CONF_ACCESS_COMBINED; i++)
        c->access[i] = (struct courier_file){.where = COURIER_ACCESS,
                                             .dir = c->directory,
                                             .name = STR("access"),
                                             .suffix = suffixes[i],
                                             .fd = -1};
    return RC_OK;
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
    for (size_t i = 0; i < c->n_receivers; i++) {
        courier_notice_stop(&c->receivers[i]);
        courier_syslog_stop(&c->receivers[i].dest);
    }
}

static enum rc courier_open(struct role_env *env, struct err *err)
{
    struct courier *c = MEM_NEW(struct courier);

    if (!c)
        return RC_NOMEM;
    env->state = c;
    c->env = env;
    ev_timer_init(&c->patience, env->ev, out_of_patience, c);
    c->dir = c->directory = -1;
    for (size_t i = 0; i < CONF_ACCESS_COMBINED; i++)
        c->access[i].fd = -1;
    c->conf = conf_ref(env->conf);
    TRY(crypto_init());
    read_host(c->host);
    TRY(open_directory(c, COURIER_DIRECTORY, &c->dir, err));
    TRY(open_access(c, err));
    for (size_t i = 0; i < c->conf->audit.n_forward && i < CONF_FORWARDS_MAX; i++)
        TRY(open_dest(c, &c->conf->audit.forward[i], err));
    for (size_t i = 0; i < c->conf->n_receivers && i < CONF_RECEIVERS_MAX; i++)
        if (c->conf->receivers[i].kind != CONF_RECEIVER_EXEC) /* the runner's */
            TRY(courier_receiver_open(c, &c->conf->receivers[i], err));
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
    for (size_t i = 0; i < c->n_receivers; i++)
        if (c->receivers[i].notice || c->receivers[i].dest.job)
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
        courier_file_close(&c->dests[i].file);
        tls_trust_free(c->dests[i].trust);
    }
    for (size_t i = 0; i < c->n_receivers; i++)
        courier_receiver_close(&c->receivers[i]);
    for (size_t i = 0; i < CONF_ACCESS_COMBINED; i++)
        courier_file_close(&c->access[i]);
    net_free(c->net);
    fd_close(&c->dir);
    fd_close(&c->directory);
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

static enum rc append(struct courier_file *f, const struct ipc_deliver *m, struct err *err)
{
    CLEANUP(buf_done) struct buf lines = BUF_INIT(IPC_DELIVER_BYTES + IPC_DELIVER_RECORDS);
    char stamp[COURIER_STAMP];

    TRY(courier_file_open(f, err));
    for (size_t i = 0; i < m->records.n; i++) {
        const struct ipc_record *r = &m->records.v[i];

        snprintf(stamp, sizeof(stamp), "%012llu", (unsigned long long)r->sequence - 1);
        TRY(courier_file_add(f, r->bytes, stamp, &lines, err));
    }
    return courier_file_flush(f, &lines, err);
}

static void to_file(struct courier_dest *d, struct ipc_req *req, const struct ipc_deliver *m)
{
    struct err err = ERR_INIT;
    struct ipc_delivered reply = {m->records.v[m->records.n - 1].sequence};

    err.rc = append(&d->file, m, &err);
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

/* ---- what the gateway asks */

/* A worker speaks with strangers: nothing that it sends may reach somebody's terminal as more than
 * text. */
static bool are_lines(const struct ipc_access *m)
{
    if (m->format == CONF_ACCESS_OFF || m->format > CONF_ACCESS_COMBINED)
        return false;
    for (size_t i = 0; i < m->lines.n; i++)
        if (m->lines.p[i] != '\n' && (m->lines.p[i] < ' ' || m->lines.p[i] > '~'))
            return false;
    return str_ends(m->lines, STR("\n"));
}

static void put_stamp(when_t now, char stamp[static COURIER_STAMP])
{
    struct when_civil t = {};

    if (when_to_civil(now, &t) != RC_OK)
        t = (struct when_civil){};
    snprintf(stamp, COURIER_STAMP, "%04d%02d%02dT%02d%02d%02dZ", t.year, t.month, t.day, t.hour,
             t.minute, t.second);
}

static enum rc write_lines(struct courier *c, const struct ipc_access *m, struct err *err)
{
    CLEANUP(buf_done) struct buf lines = BUF_INIT(IPC_ACCESS_BYTES);
    struct courier_file *f = &c->access[m->format - 1];
    struct str rest = m->lines, line;
    char stamp[COURIER_STAMP];

    put_stamp(clock_now(c->env->clock), stamp);
    f->limit = c->env->conf->gateway.access_log.size;
    f->keep = c->env->conf->gateway.access_log.keep;
    TRY(courier_file_open(f, err));
    while (rest.n) {
        line = str_head(rest, str_find(rest, '\n'));
        rest = str_skip(rest, line.n + 1);
        TRY(courier_file_add(f, line, stamp, &lines, err));
    }
    return courier_file_flush(f, &lines, err);
}

/* What is written of it when it fails, because it went into two files, comes once more. */
static void on_access(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    struct courier *c = env->state;
    const struct ipc_access *m = msg;
    struct err err = ERR_INIT;

    if (!are_lines(m))
        err.rc = ERR(&err, RC_INVAL, msg_lines);
    else
        err.rc = write_lines(c, m, &err);
    if (err.rc != RC_OK)
        ipc_reply_err(req, &err);
    else
        IGNORE_RC(ipc_reply(req, NULL)); /* on failure the gateway has been told */
}

static const struct ipc_handler handlers[] = {
    {IPC_DELIVER, on_deliver}, {IPC_ACCESS, on_access}, {IPC_NOTICE, courier_on_notice}};

const struct role_def role_courier = {
    .role = ROLE_COURIER,
    .sandbox = &sandbox,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .wanted = role_wanted_courier,
    .drain_order = 3, /* core asks it */
    .open = courier_open,
    .start = courier_start,
    .drain = courier_drain,
    .close = courier_close,
};
