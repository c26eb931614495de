/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: http_conn on a socket, with the answers that it makes itself. */
#include <sys/socket.h>

#include "base/fd.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "http/conn.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void on_request(void *, struct http_exchange *x)
{
    http_reply_text(x, 200, "text/html", x->req.body);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct http_conn_conf conf = {
        .listener = "api", .on_request = on_request, .on_closed = mem_freep};
    struct clock_fake clock;
    CLEANUP(ev_freep) struct ev *ev = NULL;
    CLEANUP(http_conn_freep) struct http_conn *c = NULL;
    struct net_stream *t;
    void *owner = NULL; /* nothing to free: the connection is freed here */
    int fds[2];

    clock_fake_init(&clock, 0);
    if (ev_new(&clock.clock, &ev) != RC_OK || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return 0;
    conf.ev = ev;
    if (net_stream_fd(ev, fds[0], &t) == RC_OK &&
        http_conn_new(&conf, t, &(struct addr){.n = 4}, &owner, &c) == RC_OK)
        http_conn_start(c);
    if (send(fds[1], data, n, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        ev_run_once(ev, EV_NOWAIT);
    close(fds[1]);
    ev_run_once(ev, EV_NOWAIT);
    return 0;
}
