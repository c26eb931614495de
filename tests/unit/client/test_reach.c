/* SPDX-License-Identifier: Apache-2.0 */
/* Several addresses of one server, of which some lead nowhere. */
#include "check.h"

#include "base/fd.h"
#include "client/reach.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net/stream.h"
#include "net_fake.h"

enum { STEPS = 2000, ROUNDS = 20 };

struct test {
    struct clock_fake clock;
    struct ev *ev;
    struct net *net;
    struct client_reach *reach;
    struct buf chain;
    int far[NET_RACE_MAX];
    size_t n_far;
    int calls;
    enum rc rc;
    char text[1024];
};

static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "2001:db8::1"};

static enum rc names(void *, struct str, struct addr *out, size_t, size_t *out_n, struct err *)
{
    *out_n = 3;
    for (size_t i = 0; i < 3; i++)
        TRY(addr_parse(str_of(addresses[i]), &out[i]));
    return RC_OK;
}

static void on_reached(void *arg, enum rc rc, struct net_stream *stream, const struct err *err)
{
    struct test *t = arg;

    t->calls++;
    t->rc = rc;
    t->reach = NULL;
    net_stream_free(stream);
    err_textz(err, t->text, sizeof(t->text));
}

static enum rc rule(struct test *t, size_t i, enum net_fake_what what)
{
    struct addr_port at = {};

    TRY(addr_parse(str_of(addresses[i]), &at.addr));
    return net_fake_rule(t->net, &at, what);
}

static enum rc test_init(struct test *t)
{
    clock_fake_init(&t->clock, 0);
    buf_init(&t->chain, 4096);
    TRY(ev_new(&t->clock.clock, &t->ev));
    return net_fake_new(t->ev, &t->net);
}

static void test_done(struct test *t)
{
    client_reach_cancel(t->reach);
    net_free(t->net);
    ev_free(t->ev);
    buf_done(&t->chain);
    for (size_t i = 0; i < t->n_far; i++)
        fd_close(&t->far[i]);
}

static enum rc start(struct test *t, const char *text)
{
    struct client_reach_conf conf = {
        .ev = t->ev, .net = t->net, .chain = &t->chain, .names = names};
    struct http_url url;

    TRY(http_url_parse(str_of(text), &url, NULL));
    return client_reach_start(&conf, &url, on_reached, t, &t->reach);
}

/* Until the callback; the clock moves only when nothing else does. Far ends are taken, and closed
 * where nobody is to speak there. */
static void run(struct test *t, bool hang_up)
{
    for (int i = 0; i < STEPS && !t->calls; i++) {
        for (int k = 0; k < ROUNDS && !t->calls; k++) {
            int fd;

            ev_run_once(t->ev, EV_NOWAIT);
            while (net_fake_take(t->net, &fd, NULL) == RC_OK) {
                t->far[t->n_far++] = fd;
                if (hang_up)
                    fd_close(&t->far[t->n_far - 1]);
            }
        }
        if (!t->calls)
            clock_fake_advance(&t->clock, WHEN_SECOND / 20);
    }
}

/* The other kind of address comes second. */
static void a_silent_address_costs_a_moment(void)
{
    CLEANUP(test_done) struct test t = {};
    int64_t began;

    CHECK_OK(test_init(&t));
    began = clock_mono(&t.clock.clock);
    CHECK_OK(rule(&t, 0, NET_FAKE_SILENT));
    CHECK_OK(rule(&t, 1, NET_FAKE_SILENT));
    CHECK_OK(rule(&t, 2, NET_FAKE_ACCEPT));
    CHECK_OK(start(&t, "http://ca.example/"));
    run(&t, false);
    CHECK_INT(t.calls, 1);
    CHECK_OK(t.rc);
    CHECK_INT(clock_mono(&t.clock.clock) - began, NET_RACE_DELAY_MS * WHEN_SECOND / 1000);
}

static void all_silent(void)
{
    CLEANUP(test_done) struct test t = {};
    int64_t began;

    CHECK_OK(test_init(&t));
    began = clock_mono(&t.clock.clock);
    for (size_t i = 0; i < 3; i++)
        CHECK_OK(rule(&t, i, NET_FAKE_SILENT));
    CHECK_OK(start(&t, "http://ca.example/"));
    run(&t, false);
    CHECK_RC(t.rc, RC_TIMEOUT);
    CHECK(strstr(t.text, "ca.example:80 cannot be reached") != NULL);
    CHECK(clock_mono(&t.clock.clock) - began < (CLIENT_REACH_DIAL_SECONDS + 1) * WHEN_SECOND);
}

/* Who accepts and goes away, or says nothing, is left for the next one. */
static void a_handshake_that_comes_to_nothing(void)
{
    CLEANUP(test_done) struct test closed = {}, silent = {};

    CHECK_OK(crypto_init());
    CHECK_OK(test_init(&closed));
    for (size_t i = 0; i < 3; i++)
        CHECK_OK(rule(&closed, i, i == 1 ? NET_FAKE_REFUSE : NET_FAKE_ACCEPT));
    CHECK_OK(start(&closed, "https://ca.example/"));
    run(&closed, true);
    CHECK_INT(closed.calls, 1);
    CHECK_RC(closed.rc, RC_NET);
    CHECK_INT(closed.n_far, 2);

    CHECK_OK(test_init(&silent));
    for (size_t i = 0; i < 3; i++)
        CHECK_OK(rule(&silent, i, NET_FAKE_ACCEPT));
    CHECK_OK(start(&silent, "https://ca.example/"));
    run(&silent, false);
    CHECK_RC(silent.rc, RC_TIMEOUT);
    CHECK_INT(silent.n_far, 3);
    CHECK(strstr(silent.text, "did not finish the TLS handshake") != NULL);
}

CHECK_MAIN(CHECK_TEST_ONCE(a_silent_address_costs_a_moment), CHECK_TEST_ONCE(all_silent),
           CHECK_TEST_ONCE(a_handshake_that_comes_to_nothing))
