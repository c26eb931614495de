/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <unistd.h>

#include "base/fd.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net_fake.h"

struct got {
    int calls;
    enum rc rc;
    int fd;
};

static void on_dial(void *arg, enum rc rc, int fd, const struct err *err)
{
    struct got *got = arg;

    (void)err;
    got->calls++;
    got->rc = rc;
    fd_close(&got->fd);
    got->fd = fd;
}

static void got_done(struct got *got)
{
    fd_close(&got->fd);
}

static void behaves_as_told(void)
{
    struct clock_fake clock;
    CLEANUP(ev_freep) struct ev *ev = NULL;
    CLEANUP(net_freep) struct net *net = NULL;
    CLEANUP(got_done) struct got got = {.fd = -1};
    CLEANUP(fd_closep) int far = -1;
    struct net_target t = {.timeout = 10}, seen;
    struct addr_port every;
    char c = 0;

    clock_fake_init(&clock, 0);
    CHECK_OK(ev_new(&clock.clock, &ev));
    CHECK_OK(net_fake_new(ev, &net));
    CHECK_OK(addr_port_parse(STR("10.0.0.1:80"), &t.to));
    every = (struct addr_port){t.to.addr, 0};
    CHECK_OK(net_dial(net, &t, on_dial, &got, NULL));
    ev_run_once(ev, EV_NOWAIT);
    CHECK_RC(got.rc, RC_NET);
    CHECK_OK(net_fake_rule(net, &every, NET_FAKE_ACCEPT));
    CHECK_OK(net_dial(net, &t, on_dial, &got, NULL));
    ev_run_once(ev, EV_NOWAIT);
    CHECK_OK(got.rc);
    CHECK_OK(net_fake_take(net, &far, &seen));
    CHECK_INT(seen.to.port, 80);
    CHECK_INT(write(far, "x", 1), 1);
    CHECK_INT(read(got.fd, &c, 1), 1);
    CHECK_INT(c, 'x');
    fd_close(&far);
    CHECK_RC(net_fake_take(net, &far, NULL), RC_NOTFOUND);
    CHECK_OK(net_fake_rule(net, &t.to, NET_FAKE_SILENT));
    CHECK_OK(net_dial(net, &t, on_dial, &got, NULL));
    ev_run_once(ev, EV_NOWAIT);
    CHECK_INT(got.calls, 2);
    clock_fake_advance(&clock, 10);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_RC(got.rc, RC_TIMEOUT);
    CHECK_INT(net_fake_dials(net), 3);
}

CHECK_MAIN(CHECK_TEST(behaves_as_told))
