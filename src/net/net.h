/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets. Connecting out goes through `struct net`, an interface that tests replace
 * (tests/net_fake); listening and looking at connected sockets are plain functions. Every
 * descriptor made here is non-blocking and close-on-exec. Names are resolved elsewhere (dns/,
 * net/lookup.h): what is dialled is exactly the address that is given. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/mem.h"

struct ev;
struct net;
struct net_dial;

enum { NET_BACKLOG = 1024, NET_UNIX_PATH_MAX = 107 };

/* Called once: RC_OK with a connected descriptor, which the callee owns; otherwise fd is -1 and
 * `err` says why: RC_TIMEOUT, RC_NET (refused, unreachable, reset), RC_DENIED (forbidden by this
 * machine), RC_IO. */
typedef void (*net_dial_cb)(void *arg, enum rc rc, int fd, const struct err *err);

struct net_target {
    struct addr_port to;
    struct addr bind; /* n == 0: any */
    int64_t timeout;  /* microseconds, more than 0 */
};

struct net_ops {
    enum rc (*dial)(struct net *net, const struct net_target *target, net_dial_cb cb, void *arg,
                    struct net_dial **out);
    void (*cancel)(struct net *net, struct net_dial *dial);
    enum rc (*udp)(struct net *net, const struct net_target *target, int *out_fd, struct err *err);
    void (*free)(struct net *net);
};

struct net {
    const struct net_ops *ops;
};

/* The machine's network; the loop must outlive it. RC_NOMEM. */
enum rc net_system(struct ev *ev, struct net **out);
/* Cancels what is under way. */
static inline void net_free(struct net *net)
{
    if (net)
        net->ops->free(net);
}
DEFINE_FREEP(net_free, struct net)

/* Connects by TCP. The callback never comes from inside this function. *out is valid until the
 * callback or net_cancel; NULL is allowed for a caller that never cancels. RC_NOMEM. */
static inline enum rc net_dial(struct net *net, const struct net_target *target, net_dial_cb cb,
                               void *arg, struct net_dial **out)
{
    return net->ops->dial(net, target, cb, arg, out);
}

/* Gives up; the callback does not come. */
static inline void net_cancel(struct net *net, struct net_dial *dial)
{
    net->ops->cancel(net, dial);
}

/* A UDP socket connected to target->to (the timeout plays no part), so that only that peer's
 * datagrams arrive. */
static inline enum rc net_udp(struct net *net, const struct net_target *target, int *out_fd,
                              struct err *err)
{
    return net->ops->udp(net, target, out_fd, err);
}

/* Listens for TCP. [::] takes IPv4 too, and becomes 0.0.0.0 on a machine without IPv6; port 0 lets
 * the system choose. *out_local (may be NULL) is the address in force. The message names address,
 * cause and cure: RC_EXISTS in use, RC_DENIED privileged port, RC_NOTFOUND no such local address,
 * RC_IO. */
enum rc net_listen(const struct addr_port *at, int *out_fd, struct addr_port *out_local,
                   struct err *err);
/* The same where several sockets share one address and the kernel deals the connections out among
 * them (SO_REUSEPORT). The first is refused like any other when somebody listens there; `join` adds
 * one to it, at the address in force. Only sockets of one user can share. */
enum rc net_listen_shared(const struct addr_port *at, bool join, int *out_fd,
                          struct addr_port *out_local, struct err *err);
/* Listens on a Unix stream socket that gets `mode`. A stale socket in the way is replaced; one that
 * answers, or anything else there, is RC_EXISTS. RC_TOOBIG when the path passes NET_UNIX_PATH_MAX.
 * The file is the caller's to unlink. */
enum rc net_listen_unix(const char *path, mode_t mode, int *out_fd, struct err *err);
/* Connects to one; the kernel answers at once. RC_NOTFOUND no such file, RC_NET nobody listens,
 * RC_DENIED, RC_AGAIN its queue is full, RC_TOOBIG, RC_IO. */
enum rc net_connect_unix(const char *path, int *out_fd, struct err *err);

/* Has the connections of that listener send without delay (TCP_NODELAY, which they inherit on
 * Linux: a call for all of them); net_listen has done so, who started this process perhaps not. */
void net_listener_prompt(int listener);
/* The next waiting connection; *out_peer (may be NULL) stays without address on a Unix socket.
 * RC_AGAIN when there is none, RC_QUOTA when descriptors or memory are out (do not call again at
 * once), RC_IO. It sends without delay where the listener does. */
enum rc net_accept(int listener, int *out_fd, struct addr_port *out_peer);

/* RC_INVAL on a socket that is not IPv4 or IPv6. */
enum rc net_local_addr(int fd, struct addr_port *out);
enum rc net_peer_addr(int fd, struct addr_port *out);

/* Has the connection ended in order? RC_OK: both ends were closed, and the peer's machine has
 * acknowledged all that was sent; on a socket that is not TCP, always. RC_AGAIN: not yet, or it
 * goes on. RC_NET: it was reset, as it is by a peer that closes before it has read everything. */
enum rc net_settled(int fd);

struct net_cred {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/* Who is at the other end of a Unix socket (SO_PEERCRED); RC_INVAL on another kind. */
enum rc net_peer_cred(int fd, struct net_cred *out);
/* Its groups beside that one (SO_PEERGROUPS), at most `cap`; *out_n is 0 where the kernel does not
 * say, or there are more. */
void net_peer_groups(int fd, gid_t *out, size_t cap, size_t *out_n);
/* Who signed in to this host to become that peer: the kernel's loginuid, which neither sudo nor su
 * changes (proc(5)). Of the process that connected; a peer that ended may have been replaced by
 * another one. RC_NOTFOUND: nobody signed in (a service), it has ended, or /proc does not say. */
enum rc net_peer_login(const struct net_cred *cred, uid_t *out);
