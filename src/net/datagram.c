/* SPDX-License-Identifier: Apache-2.0 */
#include "net/datagram.h"

#include <errno.h>
#include <string.h>

#include "net/sock_int.h"

enum { TRIES = 64 /* that are passed over in one call */ };

/* Room for the address that a datagram came to, aligned as the kernel wants it. */
union control {
    struct cmsghdr align;
    char v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
    char v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* On a socket of IPv6 an IPv4 client's arrival is told both ways; the one of IPv6 can be given back
 * to the kernel as it is. */
static void read_control(struct msghdr *m, struct net_origin *out)
{
    struct in_pktinfo v4;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            memcpy(&out->local, CMSG_DATA(c), sizeof(out->local));
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            memcpy(&v4, CMSG_DATA(c), sizeof(v4));
            memset(&out->local.ipi6_addr, 0, 10);
            memset(out->local.ipi6_addr.s6_addr + 10, 0xff, 2);
            memcpy(out->local.ipi6_addr.s6_addr + 12, &v4.ipi_spec_dst, 4);
            out->local.ipi6_ifindex = (unsigned)v4.ipi_ifindex;
            out->v4 = true;
        }
    }
}

static enum rc take_one(int fd, void *p, size_t cap, size_t *out_n, struct net_origin *out)
{
    union net_sockaddr sa;
    union control control;
    struct iovec iov = {p, cap};
    struct msghdr m = {.msg_name = &sa,
                       .msg_namelen = sizeof(sa),
                       .msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    struct net_origin from = {};
    ssize_t n = recvmsg(fd, &m, 0);

    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? RC_AGAIN : RC_IO;
    if (m.msg_flags & MSG_TRUNC || net_sockaddr_get(&sa, m.msg_namelen, &from.peer) != RC_OK ||
        from.peer.port == 0)
        return RC_INVAL;
    read_control(&m, &from);
    *out_n = (size_t)n;
    *out = from;
    return RC_OK;
}

enum rc net_datagram_take(int fd, void *p, size_t cap, size_t *out_n, struct net_origin *out)
{
    /* An error may be that of an answer sent before (its client is gone), told on the socket. */
    for (unsigned i = 0; i < TRIES; i++) {
        enum rc rc = take_one(fd, p, cap, out_n, out);

        if (rc == RC_OK || rc == RC_AGAIN)
            return rc;
    }
    return RC_AGAIN;
}

static void put_control(const struct net_origin *to, union control *control, struct msghdr *m)
{
    struct in_pktinfo v4 = {.ipi_ifindex = 0};
    struct in6_pktinfo v6 = to->local;
    struct cmsghdr *c = &control->align;

    memset(control, 0, sizeof(*control));
    m->msg_control = control;
    if (to->v4) {
        memcpy(&v4.ipi_spec_dst, to->local.ipi6_addr.s6_addr + 12, 4);
        m->msg_controllen = sizeof(control->v4);
        *c = (struct cmsghdr){CMSG_LEN(sizeof(v4)), IPPROTO_IP, IP_PKTINFO};
        memcpy(CMSG_DATA(c), &v4, sizeof(v4));
        return;
    }
    /* The way back is the kernel's to choose, but to a link-local address. */
    if (!IN6_IS_ADDR_LINKLOCAL(&v6.ipi6_addr))
        v6.ipi6_ifindex = 0;
    m->msg_controllen = sizeof(control->v6);
    *c = (struct cmsghdr){CMSG_LEN(sizeof(v6)), IPPROTO_IPV6, IPV6_PKTINFO};
    memcpy(CMSG_DATA(c), &v6, sizeof(v6));
}

/* An IPv4 address as a socket of IPv6 writes it. */
static socklen_t put_mapped(union net_sockaddr *sa, const struct addr_port *peer)
{
    memset(sa, 0, sizeof(*sa));
    sa->v6.sin6_family = AF_INET6;
    sa->v6.sin6_port = htons(peer->port);
    memset(sa->v6.sin6_addr.s6_addr + 10, 0xff, 2);
    memcpy(sa->v6.sin6_addr.s6_addr + 12, peer->addr.b, 4);
    return sizeof(sa->v6);
}

static bool is_v6(int fd)
{
    int domain = 0;
    socklen_t n = sizeof(domain);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_INET6;
}

enum rc net_datagram_give(int fd, struct str bytes, const struct net_origin *to)
{
    union net_sockaddr sa;
    union control control;
    char *p = (char *)(uintptr_t)bytes.p; /* sendmsg only reads it */
    struct iovec iov = {p, bytes.n};
    struct msghdr m = {.msg_name = &sa, .msg_iov = &iov, .msg_iovlen = 1};

    m.msg_namelen = to->peer.addr.n == 4 && is_v6(fd) ? put_mapped(&sa, &to->peer)
                                                      : net_sockaddr_put(&sa, &to->peer);
    if (to->peer.addr.n == 16 && IN6_IS_ADDR_LINKLOCAL(&to->local.ipi6_addr))
        sa.v6.sin6_scope_id = to->local.ipi6_ifindex;
    put_control(to, &control, &m);
    return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)bytes.n ? RC_OK : RC_NET;
}
