/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sock_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

socklen_t net_sockaddr_put(union net_sockaddr *sa, const struct addr_port *ap)
{
    memset(sa, 0, sizeof(*sa));
    if (ap->addr.n == 4) {
        sa->v4.sin_family = AF_INET;
        sa->v4.sin_port = htons(ap->port);
        memcpy(&sa->v4.sin_addr, ap->addr.b, 4);
        return sizeof(sa->v4);
    }
    if (ap->addr.n == 16) {
        sa->v6.sin6_family = AF_INET6;
        sa->v6.sin6_port = htons(ap->port);
        memcpy(&sa->v6.sin6_addr, ap->addr.b, 16);
        return sizeof(sa->v6);
    }
    return 0;
}

enum rc net_sockaddr_get(const union net_sockaddr *sa, socklen_t n, struct addr_port *out)
{
    struct addr_port ap = {.port = 0};

    if (n >= sizeof(sa->v4) && sa->any.sa_family == AF_INET) {
        TRY(addr_from_bytes(str_bytes(&sa->v4.sin_addr, 4), &ap.addr));
        ap.port = ntohs(sa->v4.sin_port);
    } else if (n >= sizeof(sa->v6) && sa->any.sa_family == AF_INET6) {
        TRY(addr_from_bytes(str_bytes(&sa->v6.sin6_addr, 16), &ap.addr));
        ap.port = ntohs(sa->v6.sin6_port);
    } else {
        return RC_INVAL;
    }
    *out = ap;
    return RC_OK;
}

struct str net_errno_text(int e)
{
    const char *text = strerrordesc_np(e);

    return text ? str_of(text) : STR("unknown error");
}

enum rc net_local_addr(int fd, struct addr_port *out)
{
    union net_sockaddr sa = {.un = {.sun_family = AF_UNSPEC}};
    socklen_t n = sizeof(sa);

    if (getsockname(fd, &sa.any, &n) != 0)
        return RC_INVAL;
    return net_sockaddr_get(&sa, n, out);
}

enum rc net_peer_addr(int fd, struct addr_port *out)
{
    union net_sockaddr sa = {.un = {.sun_family = AF_UNSPEC}};
    socklen_t n = sizeof(sa);

    if (getpeername(fd, &sa.any, &n) != 0)
        return RC_INVAL;
    return net_sockaddr_get(&sa, n, out);
}

enum rc net_settled(int fd)
{
    struct tcp_info info = {};
    socklen_t n = sizeof(info);
    int failed = 0;
    socklen_t failed_n = sizeof(failed);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &failed_n) != 0 || failed != 0)
        return RC_NET;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
        return errno == EOPNOTSUPP || errno == ENOPROTOOPT ? RC_OK : RC_NET;
    return info.tcpi_state == TCP_CLOSE || info.tcpi_state == TCP_TIME_WAIT ? RC_OK : RC_AGAIN;
}

enum rc net_peer_cred(int fd, struct net_cred *out)
{
    struct ucred cred;
    socklen_t n = sizeof(cred);
    int domain = 0;
    socklen_t domain_n = sizeof(domain);

    /* On other sockets the kernel answers too, with nobody's credentials. */
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_n) != 0 || domain != AF_UNIX ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0)
        return RC_INVAL;
    *out = (struct net_cred){cred.pid, cred.uid, cred.gid};
    return RC_OK;
}

void net_peer_groups(int fd, gid_t *out, size_t cap, size_t *out_n)
{
    socklen_t n = (socklen_t)(cap * sizeof(gid_t));

    *out_n = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out, &n) == 0 ? n / sizeof(gid_t) : 0;
}

enum rc net_peer_login(const struct net_cred *cred, uid_t *out)
{
    char path[64], text[32];
    uint64_t login;
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/loginuid", (int)cred->pid);
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (n <= 0 || str_u64(str_trim(str_bytes(text, (size_t)n)), UINT32_MAX, &login) != RC_OK ||
        login == UINT32_MAX)
        return RC_NOTFOUND;
    *out = (uid_t)login;
    return RC_OK;
}
