/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

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

CHECK_MAIN(CHECK_TEST(dials), CHECK_TEST(says_why_it_cannot),
           CHECK_TEST(a_foreign_source_address_is_refused), CHECK_TEST(gives_up_in_time),
           CHECK_TEST(udp_is_connected))
