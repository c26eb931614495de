/* SPDX-License-Identifier: Apache-2.0 */
/* The service goes on: what the program before this one had is this one's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/log.h"
#include "net/net.h"
#include "serve/serve_int.h"

MSG(msg_variable, "serve.handover-variable",
    "the variable " SERVE_HANDOVER_VARIABLE " is not what a program before has set: unset it");
MSG(msg_descriptor, "serve.handover-descriptor",
    "the descriptor of {0} that the program before has handed over is not what it is said to be");
MSG(msg_lock, "serve.handover-lock",
    "the program before held the lock of another data directory than {0}");

/* ---- descriptors */

static enum rc foreign(const char *what, struct err *err)
{
    return ERR(err, RC_INVAL, msg_descriptor, str_of(what));
}

static bool option_is(int fd, int option, int wanted)
{
    int v;
    socklen_t n = sizeof(v);

    return getsockopt(fd, SOL_SOCKET, option, &v, &n) == 0 && v == wanted;
}

static bool is_as_said(const struct serve_socket *s)
{
    bool datagrams = strcmp(s->l.kind, "dns-udp") == 0;
    struct addr_port local;

    if (!option_is(s->l.fd, SO_TYPE, datagrams ? SOCK_DGRAM : SOCK_STREAM) ||
        (!datagrams && !option_is(s->l.fd, SO_ACCEPTCONN, 1)))
        return false;
    if (!s->want.addr.n)
        return option_is(s->l.fd, SO_DOMAIN, AF_UNIX);
    return net_local_addr(s->l.fd, &local) == RC_OK && local.port == s->local.port &&
           addr_eq(&local.addr, &s->local.addr);
}

static enum rc look_at(const struct serve_handover *h, struct err *err)
{
    for (size_t i = 0; i < h->sockets.n; i++) {
        const struct serve_socket *s = &h->sockets.v[i];

        if (!is_as_said(s) || fcntl(s->l.fd, F_SETFD, FD_CLOEXEC) != 0)
            return foreign(s->l.address, err);
    }
    return fcntl(h->lock, F_SETFD, FD_CLOEXEC) == 0 ? RC_OK : foreign("serve.lock", err);
}

/* ---- what was handed over */

static enum rc find(int *out_fd, struct err *err)
{
    const char *value = getenv(SERVE_HANDOVER_VARIABLE);
    long fd = -1, pid = -1;
    char *end;

    *out_fd = -1;
    if (!value)
        return RC_OK;
    fd = strtol(value, &end, 10);
    if (*end == ' ')
        pid = strtol(end + 1, &end, 10);
    if (*end || pid != (long)getpid() || fd <= STDERR_FILENO || fd > SERVE_HANDOVER_FD_MAX)
        return ERR(err, RC_INVAL, msg_variable);
    *out_fd = (int)fd;
    unsetenv(SERVE_HANDOVER_VARIABLE);
    return RC_OK;
}

enum rc serve_adopt(struct serve_handover **out, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    struct serve_handover *h;
    enum rc rc;

    *out = NULL;
    TRY(find(&fd, err));
    if (fd < 0)
        return RC_OK;
    h = MEM_NEW(struct serve_handover);
    rc = h ? serve_handover_open(fd, h, err) : RC_NOMEM;
    if (rc == RC_OK)
        rc = look_at(h, err);
    if (rc != RC_OK) {
        mem_free(h);
        return rc;
    }
    /* A program that is executed by its descriptor is called by that number. */
    (void)prctl(PR_SET_NAME, "autarky", 0, 0, 0);
    log_info("serve.takes-over", LOG_Z("from", h->version), LOG_Z("version", AUTARKY_VERSION),
             LOG_INT("sockets", h->sockets.n), LOG_INT("left", h->n_left));
    *out = h;
    return RC_OK;
}

enum rc serve_adopt_lock(struct serve_handover *h, int data, int *out_fd, struct err *err)
{
    struct stat ours, there;

    if (fstat(h->lock, &ours) != 0 ||
        fstatat(data, "serve.lock", &there, AT_SYMLINK_NOFOLLOW) != 0 ||
        ours.st_dev != there.st_dev || ours.st_ino != there.st_ino)
        return ERR(err, RC_CONFLICT, msg_lock, STR("the configured one"));
    *out_fd = fd_move(&h->lock);
    return RC_OK;
}

/* ---- processes */

/* The slot has no use for it but to say what it is. */
static enum rc adopt(struct serve *sup, const struct serve_left *l, struct err *err)
{
    struct serve_slot *slot;
    struct serve_proc *p;

    TRY(serve_slot_of(sup, l->role, l->number, &slot, err));
    p = MEM_NEW(struct serve_proc);
    if (!p)
        return RC_NOMEM;
    serve_proc_init(p, slot, l->pid);
    p->instance = l->instance;
    p->started_at = l->since;
    p->state = PROC_DRAINING;
    p->expected = p->alone = true;
    if (l->until)
        serve_proc_told(p, l->until);
    else if (!serve_slot_wanted(slot))
        serve_proc_drain(p);
    return RC_OK;
}

enum rc serve_adopt_left(struct serve *sup, const struct serve_handover *h, struct err *err)
{
    for (size_t i = 0; i < h->n_left; i++)
        TRY(adopt(sup, &h->left[i], err));
    return RC_OK;
}
