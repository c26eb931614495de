/* SPDX-License-Identifier: Apache-2.0 */
#include "net_fake.h"

#include <sys/socket.h>

#include "base/fd.h"
#include "base/list.h"
#include "ev/ev.h"

MSG(msg_fake, "test.fake-network", "the fake network says so");

struct far_end {
    int fd;
    struct net_target target;
};

struct fake {
    struct net net;
    struct ev *ev;
    struct {
        struct addr_port at;
        enum net_fake_what what;
    } rules[NET_FAKE_RULES];
    size_t n_rules;
    struct far_end ends[NET_FAKE_DIALS];
    size_t first_end, n_ends;
    size_t n_dials;
    struct list dials;
};

struct net_dial {
    struct list link;
    struct fake *fake;
    struct net_target target;
    struct ev_defer soon;
    struct ev_timer timer;
    enum net_fake_what what;
    net_dial_cb cb;
    void *arg;
};

static struct fake *fake_of(struct net *net)
{
    return LIST_ENTRY(net, struct fake, net);
}

static enum net_fake_what what_for(const struct fake *f, const struct addr_port *to)
{
    for (size_t i = f->n_rules; i-- > 0;)
        if (addr_eq(&f->rules[i].at.addr, &to->addr) &&
            (f->rules[i].at.port == 0 || f->rules[i].at.port == to->port))
            return f->rules[i].what;
    return NET_FAKE_REFUSE;
}

static void dial_free(struct net_dial *d)
{
    list_remove(&d->link);
    ev_defer_cancel(&d->soon);
    ev_timer_stop(&d->timer);
    mem_free(d);
}

static void finish(struct net_dial *d, enum rc rc, int fd)
{
    net_dial_cb cb = d->cb;
    void *arg = d->arg;
    struct err err = ERR_INIT;

    dial_free(d);
    cb(arg, rc == RC_OK ? rc : ERR(&err, rc, msg_fake), fd, rc == RC_OK ? NULL : &err);
}

static enum rc pair(struct fake *f, const struct net_target *target, int type, int *out_fd)
{
    int fds[2];

    if (f->n_ends == NET_FAKE_DIALS)
        return RC_TOOBIG;
    if (socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    f->ends[f->n_ends++] = (struct far_end){fds[1], *target};
    *out_fd = fds[0];
    return RC_OK;
}

static void on_soon(void *arg)
{
    struct net_dial *d = arg;
    int fd = -1;
    enum rc rc = RC_NET;

    if (d->what == NET_FAKE_ACCEPT)
        rc = pair(d->fake, &d->target, SOCK_STREAM, &fd);
    else if (d->what == NET_FAKE_DENY)
        rc = RC_DENIED;
    finish(d, rc, fd);
}

static void on_timeout(void *arg)
{
    finish(arg, RC_TIMEOUT, -1);
}

static enum rc fake_dial(struct net *net, const struct net_target *target, net_dial_cb cb,
                         void *arg, struct net_dial **out)
{
    struct fake *f = fake_of(net);
    struct net_dial *d = MEM_NEW(struct net_dial);

    if (!d)
        return RC_NOMEM;
    *d = (struct net_dial){
        .fake = f, .target = *target, .what = what_for(f, &target->to), .cb = cb, .arg = arg};
    ev_defer_init(&d->soon, on_soon, d);
    ev_timer_init(&d->timer, f->ev, on_timeout, d);
    list_init(&d->link);
    list_push(&f->dials, &d->link);
    f->n_dials++;
    if (d->what == NET_FAKE_SILENT)
        ev_timer_start(&d->timer, target->timeout, 0);
    else
        ev_defer(f->ev, &d->soon);
    if (out)
        *out = d;
    return RC_OK;
}

static void fake_cancel(struct net *net, struct net_dial *dial)
{
    (void)net;
    dial_free(dial);
}

static enum rc fake_udp(struct net *net, const struct net_target *target, int *out_fd,
                        struct err *err)
{
    struct fake *f = fake_of(net);

    f->n_dials++;
    if (what_for(f, &target->to) == NET_FAKE_ACCEPT)
        return pair(f, target, SOCK_SEQPACKET, out_fd);
    return ERR(err, what_for(f, &target->to) == NET_FAKE_DENY ? RC_DENIED : RC_NET, msg_fake);
}

static void fake_free(struct net *net)
{
    struct fake *f = fake_of(net);

    LIST_FOREACH (it, &f->dials)
        dial_free(LIST_ENTRY(it, struct net_dial, link));
    for (size_t i = f->first_end; i < f->n_ends; i++)
        fd_close(&f->ends[i].fd);
    mem_free(f);
}

enum rc net_fake_new(struct ev *ev, struct net **out)
{
    static const struct net_ops ops = {fake_dial, fake_cancel, fake_udp, fake_free};
    struct fake *f = MEM_NEW(struct fake);

    if (!f)
        return RC_NOMEM;
    f->net.ops = &ops;
    f->ev = ev;
    list_init(&f->dials);
    *out = &f->net;
    return RC_OK;
}

enum rc net_fake_rule(struct net *net, const struct addr_port *at, enum net_fake_what what)
{
    struct fake *f = fake_of(net);

    if (f->n_rules == NET_FAKE_RULES)
        return RC_TOOBIG;
    f->rules[f->n_rules].at = *at;
    f->rules[f->n_rules++].what = what;
    return RC_OK;
}

enum rc net_fake_take(struct net *net, int *out_fd, struct net_target *out_target)
{
    struct fake *f = fake_of(net);

    if (f->first_end == f->n_ends)
        return RC_NOTFOUND;
    if (out_target)
        *out_target = f->ends[f->first_end].target;
    *out_fd = fd_move(&f->ends[f->first_end++].fd);
    return RC_OK;
}

size_t net_fake_dials(struct net *net)
{
    return fake_of(net)->n_dials;
}
