/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that the supervisor holds for the roles, so that none is ever closed because a
 * process ends. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/net.h"
#include "role/supervisor_int.h"
#include "json/out.h"

enum { CONTROL_MODE = 0600 };

MSG(msg_many, "role.many-listeners",
    "more than {0} addresses to listen on; merge some under `listen`");
MSG(msg_old, "role.address-still-held",
    "{0}; this service holds it itself under another address of the present configuration: change "
    "the port as well, or restart the service");

static const struct {
    const char *kind;
    enum role owner;
} kinds[] = {
    {"api", ROLE_FRONT},
    {"plain", ROLE_FRONT},
    {"gateway", ROLE_GATEWAY},
    {"control", ROLE_CORE},
};

enum role role_socket_owner(const struct role_socket *s)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(s->l.kind, kinds[i].kind) == 0)
            return kinds[i].owner;
    return ROLE_SUPERVISOR;
}

static struct role_socket *add(struct role_sockets *s, const char *kind, struct err *err)
{
    struct role_socket *sock;

    if (s->n == ROLE_LISTENERS_MAX) {
        char most[24];

        snprintf(most, sizeof(most), "%d", ROLE_LISTENERS_MAX);
        IGNORE_RC(ERR(err, RC_TOOBIG, msg_many, str_of(most)));
        return NULL;
    }
    sock = &s->v[s->n++];
    *sock = (struct role_socket){.l = {.fd = -1}};
    snprintf(sock->l.kind, sizeof(sock->l.kind), "%s", kind);
    return sock;
}

enum rc role_sockets_control(struct role_sockets *s, const char *data, struct err *err)
{
    CLEANUP(buf_done) struct buf path;
    struct role_socket *sock;
    int fd;

    buf_init(&path, ROLE_ADDRESS_MAX - 1);
    TRY(role_control_path(data, true, &path, err));
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

static const struct role_socket *find(const struct role_sockets *s, const char *kind,
                                      const struct addr_port *want)
{
    for (size_t i = 0; s && i < s->n; i++)
        if (strcmp(s->v[i].l.kind, kind) == 0 && same_port(&s->v[i].want, want))
            return &s->v[i];
    return NULL;
}

static bool holds_port(const struct role_sockets *s, uint16_t port)
{
    for (size_t i = 0; s && i < s->n; i++)
        if (s->v[i].want.addr.n && s->v[i].want.port == port)
            return true;
    return false;
}

static enum rc bind_one(struct role_socket *sock, const struct role_sockets *old, struct err *err)
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
                         const struct role_sockets *old, struct role_sockets *out, struct err *err)
{
    for (size_t i = 0; i < ports->n; i++) {
        const struct role_socket *kept = find(old, kind, &ports->p[i]);
        struct role_socket *sock = add(out, kind, err);

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

static enum rc bind_all(const struct conf *conf, const struct role_sockets *old,
                        struct role_sockets *out, struct err *err)
{
    TRY(bind_kind("api", &conf->listen.api, old, out, err));
    TRY(bind_kind("plain", &conf->listen.plain, old, out, err));
    for (size_t i = 0; old && i < old->n; i++) {
        struct role_socket *sock;

        if (old->v[i].want.addr.n)
            continue;
        sock = add(out, old->v[i].l.kind, err);
        if (!sock)
            return RC_TOOBIG;
        *sock = old->v[i];
    }
    return RC_OK;
}

enum rc role_sockets_bind(const struct conf *conf, const struct role_sockets *old,
                          struct role_sockets *out, struct err *err)
{
    enum rc rc;

    out->n = 0;
    rc = bind_all(conf, old, out, err);
    if (rc != RC_OK)
        role_sockets_drop(out);
    return rc;
}

static bool holds_fd(const struct role_sockets *s, int fd)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].l.fd == fd)
            return true;
    return false;
}

void role_sockets_adopt(struct role_sockets *now, struct role_sockets *next)
{
    for (size_t i = 0; i < now->n; i++)
        if (!holds_fd(next, now->v[i].l.fd))
            fd_close(&now->v[i].l.fd);
    *now = *next;
    for (size_t i = 0; i < now->n; i++)
        now->v[i].fresh = false;
    next->n = 0;
}

void role_sockets_drop(struct role_sockets *next)
{
    for (size_t i = 0; i < next->n; i++)
        if (next->v[i].fresh)
            fd_close(&next->v[i].l.fd);
    next->n = 0;
}

static void put_kind(struct json_out *o, const struct role_sockets *s, const char *kind)
{
    json_key(o, kind);
    json_arr(o);
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].l.kind, kind) == 0)
            json_put_z(o, s->v[i].l.address);
    json_end(o);
}

enum rc role_sockets_json(const struct role_sockets *s, struct buf *out)
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
