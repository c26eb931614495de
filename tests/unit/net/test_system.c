/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net/net.h"

struct got {
    struct ev *ev;
    int calls;
    enum rc rc;
    int fd;
    char text[512];
};

static void on_dial(void *arg, enum rc rc, int fd, const struct err *err)
{
    struct got *got = arg;

    got->calls++;
    got->rc = rc;
    fd_close(&got->fd);
    got->fd = fd;
    got->text[0] = '\0';
    if (err)
        err_textz(err, got->text, sizeof(got->text));
    ev_stop(got->ev);
}

static void got_done(struct got *got)
{
    fd_close(&got->fd);
}

static struct net_target target(const char *text)
{
    struct net_target t = {.timeout = WHEN_MINUTE};

    assert_int_equal(addr_port_parse(str_of(text), &t.to), RC_OK);
    return t;
}

#define WITH_NET                                                                                   \
    struct clock_fake clock;                                                                       \
    CLEANUP(ev_freep) struct ev *ev = NULL;                                                        \
    CLEANUP(net_freep) struct net *net = NULL;                                                     \
    CLEANUP(got_done) struct got got = {.fd = -1};                                                 \
    clock_fake_init(&clock, 0);                                                                    \
    CHECK_OK(ev_new(&clock.clock, &ev));                                                           \
    CHECK_OK(net_system(ev, &net));                                                                \
    got.ev = ev

static void dials(void)
{
    WITH_NET;
    struct net_target t = target("127.0.0.1:0");
    CLEANUP(fd_closep) int l = -1;
    CLEANUP(fd_closep) int s = -1;
    struct addr_port peer;

    t.bind = t.to.addr;
    CHECK_OK(net_listen(&t.to, &l, &t.to, NULL));
    CHECK_OK(net_dial(net, &t, on_dial, &got, NULL));
    CHECK_INT(got.calls, 0);
    ev_run(ev);
    CHECK_INT(got.calls, 1);
    CHECK_OK(got.rc);
    CHECK_OK(net_peer_addr(got.fd, &peer));
    CHECK_INT(peer.port, t.to.port);
    CHECK_OK(net_accept(l, &s, NULL));
}

static void says_why_it_cannot(void)
{
    WITH_NET;
    struct net_target t = target("127.0.0.1:0");
    CLEANUP(fd_closep) int l = -1;

    /* A port that was free a moment ago. */
    CHECK_OK(net_listen(&t.to, &l, &t.to, NULL));
    fd_close(&l);
    CHECK_OK(net_dial(net, &t, on_dial, &got, NULL));
    ev_run(ev);
    CHECK_RC(got.rc, RC_NET);
    CHECK_INT(got.fd, -1);
    CHECK(strstr(got.text, "127.0.0.1:") || mem_fail_fired());
    CHECK(strstr(got.text, "refused") || mem_fail_fired());
    /* A failure at once comes by the callback as well. */
    t.to.addr.n = 0;
    CHECK_OK(net_dial(net, &t, on_dial, &got, NULL));
    CHECK_INT(got.calls, 1);
    ev_run(ev);
    CHECK_RC(got.rc, RC_NET);
}

static void a_foreign_source_address_is_refused(void)
{
    WITH_NET;
    struct net_target t = target("127.0.0.1:1");

    CHECK_OK(addr_parse(STR("192.0.2.7"), &t.bind));
    CHECK_OK(net_dial(net, &t, on_dial, &got, NULL));
    ev_run(ev);
    CHECK_RC(got.rc, RC_NET);
    CHECK(strstr(got.text, "cannot reach") || mem_fail_fired());
}

/* A listener whose queue is full answers nobody: Linux drops what comes after backlog + 1. */
static void gives_up_in_time(void)
{
    WITH_NET;
    struct net_target t = target("127.0.0.1:0");
    CLEANUP(fd_closep) int l = -1;
    CLEANUP(fd_closep) int held = -1;
    struct net_dial *d = NULL;

    CHECK_OK(net_listen(&t.to, &l, &t.to, NULL));
    CHECK_INT(listen(l, 0), 0);
    CHECK_OK(net_dial(net, &t, on_dial, &got, NULL));
    ev_run(ev);
    CHECK_OK(got.rc);
    held = fd_move(&got.fd);
    CHECK(held >= 0);
    CHECK_OK(net_dial(net, &t, on_dial, &got, &d));
    ev_run_once(ev, EV_NOWAIT);
    CHECK_INT(got.calls, 1);
    clock_fake_advance(&clock, WHEN_MINUTE);
    ev_run(ev);
    CHECK_INT(got.calls, 2);
    CHECK_RC(got.rc, RC_TIMEOUT);
    CHECK(strstr(got.text, "within 1m") || mem_fail_fired());
    /* And one that is cancelled never calls. */
    CHECK_OK(net_dial(net, &t, on_dial, &got, &d));
    net_cancel(net, d);
    clock_fake_advance(&clock, WHEN_MINUTE);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_INT(got.calls, 2);
    /* Nor one that the network takes down with it. */
    CHECK_OK(net_dial(net, &t, on_dial, &got, NULL));
    net_free(MOVE(net));
    clock_fake_advance(&clock, WHEN_MINUTE);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_INT(got.calls, 2);
}

static void udp_is_connected(void)
{
    WITH_NET;
    struct net_target t = target("127.0.0.1:9");
    CLEANUP(fd_closep) int fd = -1;
    struct addr_port peer;
    struct err err = ERR_INIT;

    CHECK_OK(net_udp(net, &t, &fd, &err));
    CHECK_OK(net_peer_addr(fd, &peer));
    CHECK_INT(peer.port, 9);
    fd_close(&fd);
    t.to.addr.n = 0;
    CHECK_RC(net_udp(net, &t, &fd, &err), RC_NET);
}

struct ends {
    int listener, near, far;
};

static void ends_done(struct ends *e)
{
    fd_close(&e->listener);
    fd_close(&e->near);
    fd_close(&e->far);
}

/* Blocking, so that nothing has to be waited for. */
static enum rc meet(struct ends *e)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);

    e->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    e->near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(e->listener, (struct sockaddr *)&at, n) != 0 || listen(e->listener, 1) != 0 ||
        getsockname(e->listener, (struct sockaddr *)&at, &n) != 0 ||
        connect(e->near, (struct sockaddr *)&at, n) != 0)
        return RC_IO;
    e->far = accept4(e->listener, NULL, NULL, SOCK_CLOEXEC);
    return e->far >= 0 ? RC_OK : RC_IO;
}

/* On loopback what the kernel does about a call is done when the call returns. */
static void an_end_in_order_is_told_from_another(void)
{
    CLEANUP(ends_done) struct ends e = {-1, -1, -1}, cut = {-1, -1, -1}, early = {-1, -1, -1};
    char room[16];

    CHECK_OK(meet(&e));
    CHECK_RC(net_settled(e.near), RC_AGAIN);
    CHECK_INT(write(e.near, "records", 7), 7);
    CHECK_INT(shutdown(e.near, SHUT_WR), 0);
    CHECK_RC(net_settled(e.near), RC_AGAIN); /* the other end is still open */
    CHECK_INT(read(e.far, room, sizeof(room)), 7);
    CHECK_INT(read(e.far, room, sizeof(room)), 0);
    fd_close(&e.far);
    CHECK_INT(read(e.near, room, sizeof(room)), 0);
    CHECK_RC(net_settled(e.near), RC_OK);

    CHECK_OK(meet(&cut)); /* closed with something unread in it */
    CHECK_INT(write(cut.near, "records", 7), 7);
    CHECK_INT(shutdown(cut.near, SHUT_WR), 0);
    fd_close(&cut.far);
    CHECK_RC(net_settled(cut.near), RC_NET);

    CHECK_OK(meet(&early)); /* closed before it came: first its end is seen, then the reset */
    fd_close(&early.far);
    CHECK_INT(write(early.near, "records", 7), 7);
    (void)shutdown(early.near, SHUT_WR);
    CHECK(net_settled(early.near) != RC_OK);
}

CHECK_MAIN(CHECK_TEST(dials), CHECK_TEST(says_why_it_cannot),
           CHECK_TEST(a_foreign_source_address_is_refused), CHECK_TEST(gives_up_in_time),
           CHECK_TEST(udp_is_connected), CHECK_TEST(an_end_in_order_is_told_from_another))
