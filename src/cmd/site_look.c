/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/site_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"

MSG(msg_lookup, "cmd.look-up", "{0} has no address here: {1}");
MSG(msg_connect, "cmd.look-connect", "cannot connect to {0}, port {1}: {2}");

enum { HOST_BYTES = 256, PORT_BYTES = 8 };

DEFINE_FREEP(freeaddrinfo, struct addrinfo)

/* 0, or the errno value of what failed. */
static int connect_one(const struct addrinfo *at, int *out_fd)
{
    CLEANUP(fd_closep)
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct timeval limit = {.tv_sec = SITE_LOOK_SECONDS};
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int e = 0;
    socklen_t n = sizeof(e);

    if (fd < 0)
        return errno;
    if (connect(fd, at->ai_addr, at->ai_addrlen) != 0 && errno != EINPROGRESS)
        return errno;
    if (poll(&p, 1, SITE_LOOK_SECONDS * 1000) == 0)
        return ETIMEDOUT;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0 || e != 0)
        return e ? e : errno;
    if (fcntl(fd, F_SETFL, 0) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
        return errno;
    *out_fd = fd_move(&fd);
    return 0;
}

enum rc site_connect(struct str host, uint16_t port, int *out_fd, struct err *err)
{
    CLEANUP(freeaddrinfop) struct addrinfo *found = NULL;
    struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char name[HOST_BYTES], text[PORT_BYTES];
    int e;

    TRY(str_copyz(host, name, sizeof(name)));
    snprintf(text, sizeof(text), "%u", port);
    e = getaddrinfo(name, text, &want, &found);
    if (e != 0)
        return ERR(err, RC_NOTFOUND, msg_lookup, host, str_of(gai_strerror(e)));
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        e = connect_one(at, out_fd);
        if (e == 0)
            return RC_OK;
    }
    return ERR(err, e == ETIMEDOUT ? RC_TIMEOUT : RC_NET, msg_connect, host, str_of(text),
               str_of(strerrordesc_np(e)));
}
