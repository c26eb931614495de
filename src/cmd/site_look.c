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
#include "http/client.h"
#include "http/url.h"

MSG(msg_lookup, "cmd.look-up", "{0} has no address here: {1}");
MSG(msg_connect, "cmd.look-connect", "cannot connect to {0}, port {1}: {2}");
MSG(msg_silent, "cmd.look-silent", "it took the connection, and then nothing came for {0} seconds");
MSG(msg_broken, "cmd.look-broken", "the connection broke: {0}");

enum { HOST_BYTES = 256, PORT_BYTES = 8, BODY_MAX = 1024 * 1024, ANSWER_MAX = 8 * 1024 * 1024 };

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

static enum rc send_all(int fd, struct str bytes, struct err *err)
{
    while (bytes.n) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR(err, RC_NET, msg_broken, str_of(strerrordesc_np(errno)));
        bytes = str_skip(bytes, (size_t)n);
    }
    return RC_OK;
}

/* Reads until the head is there, and not much more. */
static enum rc read_status(int fd, struct http_client *c, int *out_status, struct err *err)
{
    char seconds[PORT_BYTES];
    char piece[4096];

    for (size_t total = 0; http_client_status(c) == 0 && total < ANSWER_MAX;) {
        ssize_t n = recv(fd, piece, sizeof(piece), 0);
        enum rc rc;

        if (n < 0 && errno == EINTR)
            continue;
        snprintf(seconds, sizeof(seconds), "%d", SITE_LOOK_SECONDS);
        if (n < 0 && errno == EAGAIN)
            return ERR(err, RC_TIMEOUT, msg_silent, str_of(seconds));
        if (n < 0)
            return ERR(err, RC_NET, msg_broken, str_of(strerrordesc_np(errno)));
        rc = n ? http_client_feed(c, str_bytes(piece, (size_t)n), err) : http_client_eof(c, err);
        if (rc != RC_OK && rc != RC_AGAIN && rc != RC_TOOBIG)
            return rc;
        total += (size_t)n;
    }
    *out_status = http_client_status(c);
    return RC_OK;
}

enum rc site_ask_backend(struct str base, struct str site, int *out_status, struct err *err)
{
    CLEANUP(http_client_freep) struct http_client *c = NULL;
    CLEANUP(buf_done) struct buf ask = BUF_INIT(HTTP_CLIENT_HEAD_MAX);
    CLEANUP(fd_closep) int fd = -1;
    struct http_url url;

    TRY(http_url_parse(base, &url, err));
    TRY(site_connect(url.at.host, url.port, &fd, err));
    url.at = (struct http_authority){.host = site};
    url.path = STR("/");
    http_client_put_get(&url, STR("autarky"), &ask);
    TRY(buf_rc(&ask));
    TRY(http_client_new(BODY_MAX, &c));
    TRY(send_all(fd, buf_str(&ask), err));
    return read_status(fd, c, out_status, err);
}
