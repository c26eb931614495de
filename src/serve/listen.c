/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that the supervisor holds for the roles, so that none is ever closed because a
 * process ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "json/out.h"
#include "net/datagram.h"
#include "net/net.h"
#include "sandbox/users.h"
#include "serve/serve_int.h"

enum { PATH_MODE = 0600, PEOPLE_MODE = 0666, PATH_BYTES = 64 };

MSG(msg_many, "serve.many-listeners",
    "more than {0} addresses to listen on; merge some under `listen`");
MSG(msg_many_sockets, "serve.many-sockets",
    "more than {0} sockets to listen on, one for each worker and address; merge some addresses "
    "under `listen.gateway`, or lower `gateway.workers`");
MSG(msg_old, "serve.address-still-held",
    "{0}; this service holds it itself under another address of the present configuration: change "
    "the port as well, or restart the service");

MSG(msg_control, "serve.control-socket", "the socket {0}: {1}");
MSG(msg_private, "serve.private-socket", "the socket " ROLE_PRIVATE_SOCKET " in DATA: {0}");

static const struct {
    const char *kind;
    enum role owner;
} kinds[] = {
    {"api", ROLE_FRONT},    {"plain", ROLE_FRONT},   {"gateway", ROLE_GATEWAY},
    {"control", ROLE_CORE}, {"private", ROLE_FRONT}, {"dns-tcp", ROLE_TXT},
    {"dns-udp", ROLE_TXT},
};

static enum role owner_of(const char *kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kind, kinds[i].kind) == 0)
            return kinds[i].owner;
    return ROLE_SUPERVISOR;
}

bool serve_socket_known(const char *kind)
{
    return owner_of(kind) != ROLE_SUPERVISOR;
}

bool serve_socket_is_for(const struct serve_socket *s, const struct serve_slot *slot)
{
    return owner_of(s->l.kind) == slot->def->role && s->number == slot->number;
}

static bool is_full(const struct serve_sockets *s, unsigned number, struct err *err)
{
    size_t addresses = 0;
    char most[24];

    for (size_t i = 0; i < s->n; i++)
        addresses += s->v[i].number == 0;
    if (number == 0 && addresses == ROLE_LISTENERS_MAX) {
        snprintf(most, sizeof(most), "%d", ROLE_LISTENERS_MAX);
        IGNORE_RC(ERR(err, RC_TOOBIG, msg_many, str_of(most)));
        return true;
    }
    if (s->n < SERVE_SOCKETS_MAX)
        return false;
    snprintf(most, sizeof(most), "%d", SERVE_SOCKETS_MAX);
    IGNORE_RC(ERR(err, RC_TOOBIG, msg_many_sockets, str_of(most)));
    return true;
}

/* NULL when there is no room. */
static struct serve_socket *add(struct serve_sockets *s, const char *kind, unsigned number,
                                struct err *err)
{
    struct serve_socket *sock;

    if (is_full(s, number, err))
        return NULL;
    sock = &s->v[s->n++];
    *sock = (struct serve_socket){.l = {.fd = -1}, .number = number};
    snprintf(sock->l.kind, sizeof(sock->l.kind), "%s", kind);
    return sock;
}

/* From the program before. */
static bool has_kind(const struct serve_sockets *s, const char *kind)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].l.kind, kind) == 0)
            return true;
    return false;
}

static enum rc people_may(const char *path, bool people, struct err *err)
{
    if (chmod(path, people ? PEOPLE_MODE : PATH_MODE) == 0)
        return RC_OK;
    return ERR(err, RC_IO, msg_control, str_of(path), str_of(strerrordesc_np(errno)));
}

enum rc serve_sockets_control(struct serve_sockets *s, const char *data, bool people,
                              struct err *err)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(ROLE_ADDRESS_MAX - 1);
    struct serve_socket *sock;
    int fd;

    TRY(serve_control_path(data, true, &path, err));
    if (has_kind(s, "control"))
        return people_may(buf_z(&path), people, err);
    /* Core asks the kernel who it is, before it reads a byte. */
    TRY(net_listen_unix(buf_z(&path), people ? PEOPLE_MODE : PATH_MODE, &fd, err));
    sock = add(s, "control", 0, err);
    if (!sock) {
        fd_close(&fd);
        return RC_TOOBIG;
    }
    sock->l.fd = fd;
    return str_copyz(buf_str(&path), sock->l.address, sizeof(sock->l.address));
}

static enum rc give_to(int data, const char *user, struct err *err)
{
    uid_t uid;
    gid_t gid;

    TRY(sandbox_user_find(user, &uid, &gid, err));
    if (fchownat(data, ROLE_PRIVATE_SOCKET, uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
        return ERR(err, RC_IO, msg_private, str_of(strerrordesc_np(errno)));
    return RC_OK;
}

/* By a path that is short wherever DATA is. */
enum rc serve_sockets_private(struct serve_sockets *s, int data, const char *user, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    char path[PATH_BYTES];
    char text[ERR_ARGS_BYTES];
    struct err why = ERR_INIT;
    struct serve_socket *sock;
    enum rc rc;

    if (has_kind(s, "private"))
        return RC_OK;
    snprintf(path, sizeof(path), "/proc/self/fd/%d/" ROLE_PRIVATE_SOCKET, data);
    rc = net_listen_unix(path, PATH_MODE, &fd, &why);
    if (rc != RC_OK)
        return ERR(err, rc, msg_private, str_of(err_textz(&why, text, sizeof(text))));
    if (user && geteuid() == 0)
        TRY(give_to(data, user, err));
    sock = add(s, "private", 0, err);
    if (!sock)
        return RC_TOOBIG;
    sock->l.fd = fd_move(&fd);
    return str_copyz(STR(ROLE_PRIVATE_SOCKET), sock->l.address, sizeof(sock->l.address));
}

void serve_sockets_unlink(const struct serve_sockets *s, int data)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].l.kind, "control") == 0)
            unlink(s->v[i].l.address);
        else if (strcmp(s->v[i].l.kind, "private") == 0)
            unlinkat(data, s->v[i].l.address, 0);
}

static bool same_port(const struct addr_port *a, const struct addr_port *b)
{
    return a->port == b->port && addr_eq(&a->addr, &b->addr);
}

static const struct serve_socket *find(const struct serve_sockets *s, const char *kind,
                                       const struct addr_port *want, unsigned number)
{
    for (size_t i = 0; s && i < s->n; i++)
        if (strcmp(s->v[i].l.kind, kind) == 0 && s->v[i].number == number &&
            same_port(&s->v[i].want, want))
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

/* The port that the system chose for TCP is that of UDP too. */
static enum rc listen_datagrams(struct serve_socket *sock, const struct serve_socket *tcp,
                                struct err *err)
{
    return net_listen_datagrams(tcp ? &tcp->local : &sock->want, &sock->l.fd, &sock->local, err);
}

/* The first worker's may have been given a port by the system; the others join it there. */
static enum rc listen_on(struct serve_socket *sock, const struct serve_socket *first,
                         struct err *err)
{
    if (strcmp(sock->l.kind, "dns-udp") == 0)
        return listen_datagrams(sock, first, err);
    if (first)
        return net_listen_shared(&first->local, true, &sock->l.fd, &sock->local, err);
    if (owner_of(sock->l.kind) == ROLE_GATEWAY)
        return net_listen_shared(&sock->want, false, &sock->l.fd, &sock->local, err);
    return net_listen(&sock->want, &sock->l.fd, &sock->local, err);
}

static enum rc bind_one(struct serve_socket *sock, const struct serve_socket *first,
                        const struct serve_sockets *old, struct err *err)
{
    struct err why = ERR_INIT;
    char text[ADDR_TEXT];
    enum rc rc = listen_on(sock, first, &why);

    if (rc == RC_EXISTS && holds_port(old, sock->want.port)) {
        char first_text[ERR_ARGS_BYTES];

        return ERR(err, rc, msg_old, str_of(err_textz(&why, first_text, sizeof(first_text))));
    }
    if (rc != RC_OK) {
        if (err)
            *err = why;
        return rc;
    }
    sock->fresh = true;
    return str_copyz(str_of(addr_port_text(&sock->local, text)), sock->l.address,
                     sizeof(sock->l.address));
}

/* The socket whose address in force it gets. */
static const struct serve_socket *beside(const struct serve_sockets *out, const char *kind,
                                         const struct addr_port *want, unsigned number)
{
    if (strcmp(kind, "dns-udp") == 0)
        return find(out, "dns-tcp", want, 0);
    return number ? find(out, kind, want, 0) : NULL;
}

/* What one address needs: a socket for each process. */
static enum rc bind_address(const char *kind, const struct addr_port *want, unsigned processes,
                            const struct serve_sockets *old, struct serve_sockets *out,
                            struct err *err)
{
    for (unsigned number = 0; number < processes; number++) {
        const struct serve_socket *kept = find(old, kind, want, number);
        const struct serve_socket *first = beside(out, kind, want, number);
        struct serve_socket *sock = add(out, kind, number, err);

        if (!sock)
            return RC_TOOBIG;
        sock->want = *want;
        if (kept)
            *sock = *kept;
        else
            TRY(bind_one(sock, first, old, err));
    }
    return RC_OK;
}

struct binding {
    const char *kind;
    const struct conf_ports *ports;
    unsigned processes;
};

static enum rc bind_kind(const struct binding *b, const struct serve_sockets *old,
                         struct serve_sockets *out, struct err *err)
{
    for (size_t i = 0; i < b->ports->n; i++)
        TRY(bind_address(b->kind, &b->ports->p[i], b->processes, old, out, err));
    return RC_OK;
}

static enum rc bind_all(const struct conf *conf, const struct serve_wanted *wanted,
                        const struct serve_sockets *old, struct serve_sockets *out, struct err *err)
{
    const struct binding bindings[] = {
        {"api", &conf->listen.api, 1},
        {"plain", &conf->listen.plain, 1},
        {"gateway", &conf->listen.gateway, wanted->v[ROLE_GATEWAY]},
        {"dns-tcp", &conf->txt.listen, wanted->v[ROLE_TXT]},
        {"dns-udp", &conf->txt.listen, wanted->v[ROLE_TXT]},
    };

    for (size_t i = 0; i < sizeof(bindings) / sizeof(bindings[0]); i++)
        TRY(bind_kind(&bindings[i], old, out, err));
    for (size_t i = 0; old && i < old->n; i++) {
        struct serve_socket *sock;

        if (old->v[i].want.addr.n)
            continue;
        sock = add(out, old->v[i].l.kind, 0, err);
        if (!sock)
            return RC_TOOBIG;
        *sock = old->v[i];
    }
    return RC_OK;
}

enum rc serve_sockets_bind(const struct conf *conf, const struct serve_wanted *wanted,
                           const struct serve_sockets *old, struct serve_sockets *out,
                           struct err *err)
{
    enum rc rc;

    out->n = 0;
    rc = bind_all(conf, wanted, old, out, err);
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
        if (strcmp(s->v[i].l.kind, kind) == 0 && s->v[i].number == 0)
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
    put_kind(&o, s, "dns-udp");
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].l.kind, "control") == 0)
            json_kv_z(&o, "control", s->v[i].l.address);
    json_end(&o);
    TRY(json_out_done(&o));
    buf_putz(out, "\n");
    return buf_rc(out);
}
