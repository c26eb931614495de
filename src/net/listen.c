/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/fd.h"
#include "net/datagram.h"
#include "net/sock_int.h"

MSG(msg_in_use, "net.address-in-use",
    "cannot listen on {0}: another program does already; stop it (`ss -lntup` shows which one it "
    "is) or configure another port under `listen`");
MSG(msg_privileged, "net.privileged-port",
    "cannot listen on {0}: ports below {1} are for root; start as root, give the program "
    "CAP_NET_BIND_SERVICE, or configure a higher port under `listen`");
MSG(msg_not_local, "net.not-a-local-address",
    "cannot listen on {0}: this machine has no such address (`ip address` lists them); configure "
    "one that it has, or [::] for all");
MSG(msg_listen, "net.listen-failed", "cannot listen on {0}: {1}");
MSG(msg_path_long, "net.path-too-long",
    "cannot use the socket {0}: its path has {1} bytes and the system allows {2}; choose a shorter "
    "directory");
MSG(msg_path_taken, "net.path-taken",
    "cannot listen on {0}: something that is no socket is there; remove it");
MSG(msg_path_served, "net.path-served",
    "cannot listen on {0}: another process serves it; is Autarky running already with this data "
    "directory?");
MSG(msg_path_open, "net.connect-unix-failed", "cannot connect to {0}: {1}; is Autarky running?");

static struct str number(unsigned long n, char text[static 24])
{
    size_t at = 24;

    do {
        text[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    return str_bytes(text + at, 24 - at);
}

static enum rc listen_failed(const struct addr_port *at, int e, struct err *err)
{
    char text[ADDR_TEXT];
    struct str where = str_of(addr_port_text(at, text));

    if (e == EADDRINUSE)
        return ERR(err, RC_EXISTS, msg_in_use, where);
    if (e == EADDRNOTAVAIL)
        return ERR(err, RC_NOTFOUND, msg_not_local, where);
    if ((e == EACCES || e == EPERM) && at->port != 0 && at->port < IPPORT_RESERVED)
        return ERR(err, RC_DENIED, msg_privileged, where, STR("1024"));
    return ERR(err, e == ENOMEM || e == ENOBUFS ? RC_NOMEM : RC_IO, msg_listen, where,
               net_errno_text(e));
}

static bool is_any_v6(const struct addr *a)
{
    static const struct addr any = {.n = 16};

    return addr_eq(a, &any);
}

enum share { ALONE, FIRST, JOINS, DATAGRAMS /* alone, of UDP */ };

/* What a server of datagrams is told of each: where it arrived. */
static int want_arrival(int fd, sa_family_t family)
{
    int on = 1;

    if (family == AF_INET6)
        return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
    return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
}

/* Of UDP two sockets with SO_REUSEADDR could have one address, and nobody would notice. */
static int try_reuse(int fd, sa_family_t family, enum share share)
{
    int on = 1;

    if (share == DATAGRAMS)
        return want_arrival(fd, family);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
        return -1;
    return share == JOINS ? setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) : 0;
}

/* Returns 0 or the errno value of what failed. */
static int try_bind(const struct addr_port *at, enum share share, int *out_fd)
{
    union net_sockaddr sa;
    socklen_t n = net_sockaddr_put(&sa, at);
    CLEANUP(fd_closep) int fd = -1;
    int type = share == DATAGRAMS ? SOCK_DGRAM : SOCK_STREAM;
    int off = 0;

    if (n == 0)
        return EAFNOSUPPORT;
    fd = socket(sa.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (try_reuse(fd, sa.any.sa_family, share) != 0)
        return errno;
    if (sa.any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0)
        return errno;
    if (bind(fd, &sa.any, n) != 0)
        return errno;
    *out_fd = fd_move(&fd);
    return 0;
}

void net_listener_prompt(int listener)
{
    int on = 1;

    /* What is no TCP has no delay. */
    (void)setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* The first of those that share is tried alone before: another service of the same user that shares
 * this address, too, would go unnoticed, and the kernel would divide the clients between the two.
 */
static int try_listen(const struct addr_port *at, enum share share, int *out_fd)
{
    CLEANUP(fd_closep) int alone = -1;
    CLEANUP(fd_closep) int fd = -1;
    int e = share == FIRST ? try_bind(at, ALONE, &alone) : 0;

    fd_close(&alone);
    if (e == 0)
        e = try_bind(at, share == FIRST ? JOINS : share, &fd);
    if (e)
        return e;
    if (share != DATAGRAMS && listen(fd, NET_BACKLOG) != 0)
        return errno;
    if (share != DATAGRAMS)
        net_listener_prompt(fd);
    *out_fd = fd_move(&fd);
    return 0;
}

static enum rc listen_at(const struct addr_port *at, enum share share, int *out_fd,
                         struct addr_port *out_local, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    struct addr_port local = {.port = 0};
    int e = try_listen(at, share, &fd);

    if ((e == EAFNOSUPPORT || e == EADDRNOTAVAIL) && is_any_v6(&at->addr)) {
        struct addr_port v4 = {.addr = {.n = 4}, .port = at->port};

        e = try_listen(&v4, share, &fd);
    }
    if (e)
        return listen_failed(at, e, err);
    if (net_local_addr(fd, &local) != RC_OK)
        return listen_failed(at, errno, err);
    if (out_local)
        *out_local = local;
    *out_fd = fd_move(&fd);
    return RC_OK;
}

enum rc net_listen(const struct addr_port *at, int *out_fd, struct addr_port *out_local,
                   struct err *err)
{
    return listen_at(at, ALONE, out_fd, out_local, err);
}

enum rc net_listen_shared(const struct addr_port *at, bool join, int *out_fd,
                          struct addr_port *out_local, struct err *err)
{
    return listen_at(at, join ? JOINS : FIRST, out_fd, out_local, err);
}

enum rc net_listen_datagrams(const struct addr_port *at, int *out_fd, struct addr_port *out_local,
                             struct err *err)
{
    return listen_at(at, DATAGRAMS, out_fd, out_local, err);
}

static enum rc unix_address(const char *path, union net_sockaddr *sa, socklen_t *out_n,
                            struct err *err)
{
    size_t n = strlen(path);
    char have[24], most[24];

    if (n > NET_UNIX_PATH_MAX || n == 0)
        return ERR(err, RC_TOOBIG, msg_path_long, str_of(path), number(n, have),
                   number(NET_UNIX_PATH_MAX, most));
    memset(sa, 0, sizeof(*sa));
    sa->un.sun_family = AF_UNIX;
    memcpy(sa->un.sun_path, path, n);
    *out_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
    return RC_OK;
}

enum rc net_connect_unix(const char *path, int *out_fd, struct err *err)
{
    union net_sockaddr sa;
    socklen_t n = 0;
    CLEANUP(fd_closep) int fd = -1;
    enum rc rc = RC_IO;

    TRY(unix_address(path, &sa, &n, err));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, &sa.any, n) == 0) {
        *out_fd = fd_move(&fd);
        return RC_OK;
    }
    if (errno == ENOENT)
        rc = RC_NOTFOUND;
    else if (errno == ECONNREFUSED)
        rc = RC_NET;
    else if (errno == EACCES || errno == EPERM)
        rc = RC_DENIED;
    else if (errno == EAGAIN)
        rc = RC_AGAIN;
    return ERR(err, rc, msg_path_open, str_of(path), net_errno_text(errno));
}

/* A socket file outlives the process that made it. It may go only if nobody answers there. */
static enum rc remove_stale(const char *path, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    struct stat st;
    enum rc rc;

    if (lstat(path, &st) != 0)
        return RC_OK;
    if (!S_ISSOCK(st.st_mode))
        return ERR(err, RC_EXISTS, msg_path_taken, str_of(path));
    rc = net_connect_unix(path, &fd, NULL);
    if (rc == RC_OK || rc == RC_AGAIN)
        return ERR(err, RC_EXISTS, msg_path_served, str_of(path));
    if (rc != RC_NET || unlink(path) != 0)
        return ERR(err, RC_EXISTS, msg_path_taken, str_of(path));
    return RC_OK;
}

enum rc net_listen_unix(const char *path, mode_t mode, int *out_fd, struct err *err)
{
    union net_sockaddr sa;
    socklen_t n = 0;
    CLEANUP(fd_closep) int fd = -1;

    TRY(unix_address(path, &sa, &n, err));
    TRY(remove_stale(path, err));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Linux gives the file the mode of the socket, less the umask: it is never open wider than
     * wanted, not even briefly; what the umask took is given back afterwards. */
    if (fd < 0 || fchmod(fd, mode) != 0 || bind(fd, &sa.any, n) != 0)
        return ERR(err, RC_IO, msg_listen, str_of(path), net_errno_text(errno));
    if (chmod(path, mode) != 0 || listen(fd, NET_BACKLOG) != 0) {
        int e = errno;

        unlink(path);
        return ERR(err, RC_IO, msg_listen, str_of(path), net_errno_text(e));
    }
    *out_fd = fd_move(&fd);
    return RC_OK;
}

enum rc net_accept(int listener, int *out_fd, struct addr_port *out_peer)
{
    union net_sockaddr sa;
    struct addr_port peer = {.port = 0};

    for (;;) {
        socklen_t n = sizeof(sa);
        CLEANUP(fd_closep) int fd = accept4(listener, &sa.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            IGNORE_RC(net_sockaddr_get(&sa, n, &peer)); /* a Unix socket's peer has none */
            if (out_peer)
                *out_peer = peer;
            *out_fd = fd_move(&fd);
            return RC_OK;
        }
        if (errno == EAGAIN)
            return RC_AGAIN;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            return RC_QUOTA;
        /* accept(2): errors of the new connection itself are handed out here; the next one may be
         * well. */
        if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK || errno == EOPNOTSUPP ||
            errno == EFAULT)
            return RC_IO;
    }
}
