/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that the supervisor holds for the roles, so that none is ever closed because a
 * process ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/map.h"
#include "net/net.h"
#include "serve/serve_int.h"
#include "json/out.h"

enum { CONTROL_MODE = 0600, DIR_BYTES = 256, LOCK_BYTES = 16 };

MSG(msg_many, "serve.many-listeners",
    "more than {0} addresses to listen on; merge some under `listen`");
MSG(msg_old, "serve.address-still-held",
    "{0}; this service holds it itself under another address of the present configuration: change "
    "the port as well, or restart the service");

MSG(msg_run_dir, "serve.run-directory", "the directory {0} for the control socket: {1}");
MSG(msg_run_dir_other, "serve.run-directory-foreign",
    "the directory {0} for the control socket belongs to somebody else or is open to others; "
    "remove it, or set XDG_RUNTIME_DIR to a directory of your own");
MSG(msg_lock, "serve.lock", "{0}/serve.lock: {1}");
MSG(msg_locked, "serve.locked",
    "another `autarky serve`, process {1}, serves {0} already; to end it: kill {1}");

static const struct {
    const char *kind;
    enum role owner;
} kinds[] = {
    {"api", ROLE_FRONT},
    {"plain", ROLE_FRONT},
    {"gateway", ROLE_GATEWAY},
    {"control", ROLE_CORE},
};

enum role serve_socket_owner(const struct serve_socket *s)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(s->l.kind, kinds[i].kind) == 0)
            return kinds[i].owner;
    return ROLE_SUPERVISOR;
}

static struct serve_socket *add(struct serve_sockets *s, const char *kind, struct err *err)
{
    struct serve_socket *sock;

    if (s->n == ROLE_LISTENERS_MAX) {
        char most[24];

        snprintf(most, sizeof(most), "%d", ROLE_LISTENERS_MAX);
        IGNORE_RC(ERR(err, RC_TOOBIG, msg_many, str_of(most)));
        return NULL;
    }
    sock = &s->v[s->n++];
    *sock = (struct serve_socket){.l = {.fd = -1}};
    snprintf(sock->l.kind, sizeof(sock->l.kind), "%s", kind);
    return sock;
}

enum rc serve_sockets_control(struct serve_sockets *s, const char *data, struct err *err)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(ROLE_ADDRESS_MAX - 1);
    struct serve_socket *sock;
    int fd;

    TRY(serve_control_path(data, true, &path, err));
    TRY(net_listen_unix(buf_z(&path), CONTROL_MODE, &fd, err));
    sock = add(s, "control", err);
    if (!sock) {
        fd_close(&fd);
        return RC_TOOBIG;
    }
    sock->l.fd = fd;
    return str_copyz(buf_str(&path), sock->l.address, sizeof(sock->l.address));
}

static bool same_port(const struct addr_port *a, const struct addr_port *b)
{
    return a->port == b->port && addr_eq(&a->addr, &b->addr);
}

static const struct serve_socket *find(const struct serve_sockets *s, const char *kind,
                                       const struct addr_port *want)
{
    for (size_t i = 0; s && i < s->n; i++)
        if (strcmp(s->v[i].l.kind, kind) == 0 && same_port(&s->v[i].want, want))
            return &s->v[i];
    return NULL;
}

static bool holds_port(const struct serve_sockets *s, uint16_t port)
{
    for (size_t i = 0; s && i < s->n; i++)
        if (s->v[i].want.addr.n && s->v[i].want.port == port)
            return true;
    return false;
}

static enum rc bind_one(struct serve_socket *sock, const struct serve_sockets *old, struct err *err)
{
    struct err why = ERR_INIT;
    char text[ADDR_TEXT];
    struct addr_port local;
    enum rc rc = net_listen(&sock->want, &sock->l.fd, &local, &why);

    if (rc == RC_EXISTS && holds_port(old, sock->want.port)) {
        char first[ERR_ARGS_BYTES];

        return ERR(err, rc, msg_old, str_of(err_textz(&why, first, sizeof(first))));
    }
    if (rc != RC_OK) {
        if (err)
            *err = why;
        return rc;
    }
    sock->fresh = true;
    return str_copyz(str_of(addr_port_text(&local, text)), sock->l.address,
                     sizeof(sock->l.address));
}

static enum rc bind_kind(const char *kind, const struct conf_ports *ports,
                         const struct serve_sockets *old, struct serve_sockets *out,
                         struct err *err)
{
    for (size_t i = 0; i < ports->n; i++) {
        const struct serve_socket *kept = find(old, kind, &ports->p[i]);
        struct serve_socket *sock = add(out, kind, err);

        if (!sock)
            return RC_TOOBIG;
        sock->want = ports->p[i];
        if (kept)
            *sock = *kept;
        else
            TRY(bind_one(sock, old, err));
    }
    return RC_OK;
}

static enum rc bind_all(const struct conf *conf, const struct serve_sockets *old,
                        struct serve_sockets *out, struct err *err)
{
    TRY(bind_kind("api", &conf->listen.api, old, out, err));
    TRY(bind_kind("plain", &conf->listen.plain, old, out, err));
    for (size_t i = 0; old && i < old->n; i++) {
        struct serve_socket *sock;

        if (old->v[i].want.addr.n)
            continue;
        sock = add(out, old->v[i].l.kind, err);
        if (!sock)
            return RC_TOOBIG;
        *sock = old->v[i];
    }
    return RC_OK;
}

enum rc serve_sockets_bind(const struct conf *conf, const struct serve_sockets *old,
                           struct serve_sockets *out, struct err *err)
{
    enum rc rc;

    out->n = 0;
    rc = bind_all(conf, old, out, err);
    if (rc != RC_OK)
        serve_sockets_drop(out);
    return rc;
}

static bool holds_fd(const struct serve_sockets *s, int fd)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].l.fd == fd)
            return true;
    return false;
}

void serve_sockets_adopt(struct serve_sockets *now, struct serve_sockets *next)
{
    for (size_t i = 0; i < now->n; i++)
        if (!holds_fd(next, now->v[i].l.fd))
            fd_close(&now->v[i].l.fd);
    *now = *next;
    for (size_t i = 0; i < now->n; i++)
        now->v[i].fresh = false;
    next->n = 0;
}

void serve_sockets_drop(struct serve_sockets *next)
{
    for (size_t i = 0; i < next->n; i++)
        if (next->v[i].fresh)
            fd_close(&next->v[i].l.fd);
    next->n = 0;
}

static void put_kind(struct json_out *o, const struct serve_sockets *s, const char *kind)
{
    json_key(o, kind);
    json_arr(o);
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].l.kind, kind) == 0)
            json_put_z(o, s->v[i].l.address);
    json_end(o);
}

enum rc serve_sockets_json(const struct serve_sockets *s, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    put_kind(&o, s, "api");
    put_kind(&o, s, "plain");
    put_kind(&o, s, "gateway");
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].l.kind, "control") == 0)
            json_kv_z(&o, "control", s->v[i].l.address);
    json_end(&o);
    TRY(json_out_done(&o));
    buf_putz(out, "\n");
    return buf_rc(out);
}

/* ---- what belongs to one DATA but does not lie in it, or may be held by one process only */

/* One of ours, for us alone; /tmp belongs to everybody, so what is there already is looked at. */
static enum rc make_dir(const char *path, struct err *err)
{
    struct stat st;

    if (mkdir(path, 0700) == 0)
        return RC_OK;
    if (errno != EEXIST || lstat(path, &st) != 0)
        return ERR(err, RC_IO, msg_run_dir, str_of(path), str_of(strerrordesc_np(errno)));
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
        return ERR(err, RC_DENIED, msg_run_dir_other, str_of(path));
    return RC_OK;
}

/* `dir` gets the run directory of this DATA; its parent is made too where it is ours. */
static enum rc run_dir(const char *data, bool make, char dir[static DIR_BYTES], struct err *err)
{
    static const unsigned char key[16] =
        "autarky control"; /* a name, no secret: both sides compute it */
    unsigned long long hash = map_siphash(key, str_of(data));
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    int n;

    if (geteuid() == 0) {
        if (make)
            TRY(make_dir("/run/autarky", err));
        n = snprintf(dir, DIR_BYTES, "/run/autarky/%016llx", hash);
    } else if (xdg && xdg[0] == '/') {
        n = snprintf(dir, DIR_BYTES, "%s/autarky-%016llx", xdg, hash);
    } else {
        n = snprintf(dir, DIR_BYTES, "/tmp/autarky-%u-%016llx", (unsigned)geteuid(), hash);
    }
    if (n < 0 || n >= DIR_BYTES)
        return ERR(err, RC_TOOBIG, msg_run_dir, str_of(xdg), str_of(strerrordesc_np(ENAMETOOLONG)));
    return make ? make_dir(dir, err) : RC_OK;
}

enum rc serve_control_path(const char *data, bool make, struct buf *out, struct err *err)
{
    static const char name[] = "/control.sock";
    char dir[DIR_BYTES];

    if (strlen(data) + sizeof(name) - 1 <= NET_UNIX_PATH_MAX) {
        buf_printf(out, "%s%s", data, name);
        return buf_rc(out);
    }
    TRY(run_dir(data, make, dir, err));
    buf_printf(out, "%s%s", dir, name);
    return buf_rc(out);
}

enum rc serve_lock(int data, const char *data_name, int *out_fd, struct err *err)
{
    CLEANUP(fd_closep)
    int fd = openat(data, "serve.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    char pid[LOCK_BYTES] = "";
    ssize_t n;

    if (fd < 0)
        return ERR(err, RC_IO, msg_lock, str_of(data_name), str_of(strerrordesc_np(errno)));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return ERR(err, RC_IO, msg_lock, str_of(data_name), str_of(strerrordesc_np(errno)));
        n = pread(fd, pid, sizeof(pid) - 1, 0);
        return ERR(err, RC_CONFLICT, msg_locked, str_of(data_name),
                   str_trim(str_bytes(pid, n > 0 ? (size_t)n : 0)));
    }
    snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, strlen(pid), 0) < 0)
        return ERR(err, RC_IO, msg_lock, str_of(data_name), str_of(strerrordesc_np(errno)));
    *out_fd = fd_move(&fd);
    return RC_OK;
}
