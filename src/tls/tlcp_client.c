/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tlcp_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ev/ev.h"
#include "tlcp/conn.h"
#include "tls/tls_int.h"

MSG(msg_slow, "tls.tlcp-slow", "the server did not finish the TLCP handshake in time");

enum { BLOCK = 16 * 1024 };

enum rc tls_tlcp_connect(struct tlcp_conn *c, int fd, struct err *err)
{
    struct tls_socket s = {.fd = fd};
    uint8_t needs = 0;
    enum rc rc = tls_tlcp_shake(c, &s, &needs, err);

    /* A blocking socket waits only as long as its own limit. */
    return rc == RC_AGAIN ? ERR(err, RC_TIMEOUT, msg_slow) : rc;
}

struct relay {
    struct tlcp_conn *c;
    struct tls_socket far;
    int plain;
    char up[BLOCK], down[BLOCK];
    size_t up_n, down_at, down_n;
    bool up_ended, down_ended, far_shut;
};

/* RC_AGAIN for nothing at the moment is no failure here. */
static enum rc calmly(enum rc rc)
{
    return rc == RC_AGAIN ? RC_OK : rc;
}

static enum rc move_up(struct relay *r)
{
    ssize_t n;

    TRY(calmly(tls_tlcp_flush(r->c, &r->far)));
    if (tlcp_conn_pending(r->c).n)
        return RC_OK;
    if (r->up_ended) {
        if (!r->far_shut)
            shutdown(r->far.fd, SHUT_WR);
        r->far_shut = true;
        return RC_OK;
    }
    n = read(r->plain, r->up, BLOCK);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? RC_OK : RC_NET;
    r->up_ended = n == 0;
    if (n == 0)
        return tlcp_conn_close(r->c);
    TRY(tls_tlcp_write(r->c, &r->far, str_bytes(r->up, (size_t)n), &r->up_n));
    return r->up_n == (size_t)n ? RC_OK : RC_CRYPTO; /* a block fits into a record */
}

/* RC_AGAIN: the program takes no more now. */
static enum rc put_down(struct relay *r)
{
    while (r->down_at < r->down_n) {
        ssize_t n = send(r->plain, r->down + r->down_at, r->down_n - r->down_at, MSG_NOSIGNAL);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? RC_AGAIN : RC_NET;
        r->down_at += (size_t)n;
    }
    return RC_OK;
}

/* Until nothing is left in the connection: of what is there already the socket tells nothing. */
static enum rc move_down(struct relay *r)
{
    enum rc rc = put_down(r);

    while (rc == RC_OK && !r->down_ended) {
        r->down_at = r->down_n = 0;
        rc = tls_tlcp_read(r->c, &r->far, r->down, BLOCK, &r->down_n);
        if (rc == RC_OK)
            rc = put_down(r);
        r->down_ended = rc == RC_CLOSED;
    }
    if (!r->down_ended)
        return calmly(rc);
    shutdown(r->plain, SHUT_WR);
    return RC_OK;
}

static short events(bool in, bool out)
{
    return (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0));
}

enum rc tls_tlcp_relay(struct tlcp_conn *c, int fd, int plain, int idle)
{
    CLEANUP(mem_freep) struct relay *r = MEM_NEW(struct relay);

    if (!r)
        return RC_NOMEM;
    r->c = c;
    r->far.fd = fd;
    r->plain = plain;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || fcntl(plain, F_SETFL, O_NONBLOCK) != 0)
        return RC_IO;
    for (;;) {
        struct pollfd p[2] = {{.fd = fd}, {.fd = plain}};
        bool pending, waits;

        TRY(move_up(r));
        TRY(move_down(r));
        pending = tlcp_conn_pending(c).n > 0;
        waits = r->down_at < r->down_n;
        if (r->down_ended && r->far_shut && !waits)
            return RC_OK;
        p[0].events = events(!waits && !r->down_ended, pending);
        p[1].events = events(!pending && !r->up_ended, waits);
        /* Who is waited for in no way would report its end again and again. */
        for (size_t i = 0; i < 2; i++)
            if (!p[i].events)
                p[i].fd = -1;
        if (poll(p, 2, idle) == 0)
            return RC_TIMEOUT;
    }
}
