/* SPDX-License-Identifier: Apache-2.0 */
/* Two socket pairs joined by a pump: what goes in at one end comes out at the other. */
#include "check.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net/pump.h"

enum { TURNS = 200, MUCH = 4 << 20 };

struct world {
    struct clock_fake clock;
    struct ev *ev;
    struct net_pump *pump;
    int left, right; /* the far ends */
    size_t ends;
};

static void on_end(void *arg)
{
    struct world *w = arg;

    w->ends++;
    net_pump_free(MOVE(w->pump));
}

static void world_done(struct world *w)
{
    net_pump_free(w->pump);
    fd_close(&w->left);
    fd_close(&w->right);
    ev_free(w->ev);
}

static enum rc pair(struct ev *ev, int *out_far, struct net_stream **out)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return RC_IO;
    *out_far = fds[0];
    return net_stream_fd(ev, fds[1], out);
}

static enum rc world_init(struct world *w)
{
    CLEANUP(net_stream_freep) struct net_stream *a = NULL, *b = NULL;

    *w = (struct world){.left = -1, .right = -1};
    clock_fake_init(&w->clock, 1);
    TRY(ev_new(&w->clock.clock, &w->ev));
    TRY(pair(w->ev, &w->left, &a));
    TRY(pair(w->ev, &w->right, &b));
    return net_pump_new(MOVE(a), MOVE(b), on_end, w, &w->pump);
}

static void turn(struct world *w)
{
    for (int i = 0; i < TURNS; i++)
        ev_run_once(w->ev, EV_NOWAIT);
}

static void passes_both_ways(void)
{
    CLEANUP(world_done) struct world w = {};
    char in[16];

    CHECK_OK(world_init(&w));
    CHECK_INT(send(w.left, "there", 5, 0), 5);
    CHECK_INT(send(w.right, "back", 4, 0), 4);
    turn(&w);
    CHECK_INT(recv(w.right, in, sizeof(in), 0), 5);
    CHECK_STR(str_bytes(in, 5), "there");
    CHECK_INT(recv(w.left, in, sizeof(in), 0), 4);
    CHECK_STR(str_bytes(in, 4), "back");
    CHECK_INT(w.ends, 0);
}

/* A side that does not read holds the other back: no more is taken from it than fits. */
static void holds_back(void)
{
    CLEANUP(world_done) struct world w = {};
    static char much[64 * 1024], in[64 * 1024];
    size_t sent = 0, got = 0;
    ssize_t n;

    CHECK_OK(world_init(&w));
    for (int i = 0; i < 1000; i++) {
        n = send(w.left, much, sizeof(much), 0);
        sent += n > 0 ? (size_t)n : 0;
        ev_run_once(w.ev, EV_NOWAIT);
    }
    CHECK(sent < MUCH);
    for (int i = 0; i < 1000; i++) {
        n = recv(w.right, in, sizeof(in), 0);
        got += n > 0 ? (size_t)n : 0;
        ev_run_once(w.ev, EV_NOWAIT);
    }
    CHECK_INT(got, sent);
}

static void last_words_come_first(void)
{
    CLEANUP(world_done) struct world w = {};
    char in[16];

    CHECK_OK(world_init(&w));
    CHECK_INT(send(w.left, "bye", 3, 0), 3);
    fd_close(&w.left);
    turn(&w);
    CHECK_INT(w.ends, 1);
    CHECK_INT(recv(w.right, in, sizeof(in), 0), 3);
    CHECK_INT(recv(w.right, in, sizeof(in), 0), 0);
}

CHECK_MAIN(CHECK_TEST(passes_both_ways), CHECK_TEST(holds_back), CHECK_TEST(last_words_come_first))
