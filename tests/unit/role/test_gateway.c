/* SPDX-License-Identifier: Apache-2.0 */
/* A worker of the gateway beside a keeper that this test plays: when it begins to serve. */
#include "check.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "conf/conf.h"
#include "ev/clock.h"
#include "ipc/site_messages.h"
#include "log/log.h"
#include "role/child_int.h"
#include "role/roles_int.h"
#include "tls/context.h"

enum { TURNS = 64 };

struct world {
    struct role_child child; /* its env is the worker's */
    struct clock_fake clock;
    struct conf conf;
    struct conf_site site;
    struct str backend;
    struct ipc_chan *worker, *keeper;
    int listener, client;
};

static void quiet(void *, enum log_level, struct str)
{
}

static void on_close(void *, enum rc, const struct err *)
{
}

static void open_port(struct world *w)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(at);

    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CHECK_INT(bind(w->listener, (const struct sockaddr *)&at, sizeof(at)), 0);
    CHECK_INT(listen(w->listener, 4), 0);
    CHECK_INT(getsockname(w->listener, (struct sockaddr *)&at, &n), 0);
    w->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(w->client, (const struct sockaddr *)&at, n), 0);
    CHECK(send(w->client, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL) == 18);
    w->child.env.listeners[0].fd = w->listener;
    snprintf(w->child.env.listeners[0].kind, sizeof(w->child.env.listeners[0].kind), "gateway");
    w->child.env.n_listeners = 1;
}

static void connect_keeper(struct world *w)
{
    const struct ipc_chan_conf worker = {.self = ROLE_GATEWAY,
                                         .peer = ROLE_KEEPER,
                                         .handlers = role_gateway.handlers,
                                         .n_handlers = role_gateway.n_handlers,
                                         .on_close = on_close,
                                         .arg = &w->child.env};
    const struct ipc_chan_conf keeper = {
        .self = ROLE_KEEPER, .peer = ROLE_GATEWAY, .on_close = on_close};
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    CHECK_OK(ipc_chan_new(w->child.env.ev, fds[0], &worker, &w->worker));
    CHECK_OK(ipc_chan_new(w->child.env.ev, fds[1], &keeper, &w->keeper));
}

static void world_init(struct world *w)
{
    const struct log_conf quietly = {.role = "test", .sink = quiet};

    memset(w, 0, sizeof(*w));
    log_init(&quietly);
    clock_fake_init(&w->clock, 20'000 * WHEN_DAY);
    w->backend = STR("http://10.0.0.1:81");
    w->site = (struct conf_site){.name = STR("wiki.example"), .backends = {&w->backend, 1}};
    w->conf.gateway.sites = &w->site;
    w->conf.gateway.n_sites = 1;
    w->child.env.conf = &w->conf;
    w->child.env.clock = &w->clock.clock;
    CHECK_OK(ev_new(&w->clock.clock, &w->child.env.ev));
    open_port(w);
    CHECK_OK(role_gateway.open(&w->child.env, NULL));
    CHECK_RC(role_gateway.start(&w->child.env, NULL), RC_AGAIN);
    connect_keeper(w);
}

static void world_done(struct world *w)
{
    ipc_chan_free(w->keeper);
    ipc_chan_free(w->worker);
    role_gateway.close(&w->child.env);
    fd_close(&w->client);
    fd_close(&w->listener);
    ev_free(w->child.env.ev);
}

static void pass(struct world *w, int seconds)
{
    clock_fake_advance(&w->clock, seconds * WHEN_SECOND);
    for (int i = 0; i < TURNS; i++)
        ev_run_once(w->child.env.ev, EV_NOWAIT);
}

/* The client was spoken to. */
static bool serves(const struct world *w)
{
    char byte;

    return recv(w->client, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
}

static void on_answer(void *arg, const struct ipc_answer *answer)
{
    *(enum rc *)arg = answer->rc;
}

static void push_tickets(struct world *w)
{
    static char bytes[TLS_TICKET_KEYS_MIN][TLS_TICKET_KEY];
    struct str keys[TLS_TICKET_KEYS_MIN];
    struct ipc_tickets msg = {.keys = {keys, TLS_TICKET_KEYS_MIN}};
    enum rc rc = RC_AGAIN;
    struct ipc_ask ask = {
        .type = IPC_TICKETS, .msg = &msg, .timeout = 60 * WHEN_SECOND, .fn = on_answer, .arg = &rc};

    for (size_t i = 0; i < TLS_TICKET_KEYS_MIN; i++) {
        bytes[i][0] = (char)i;
        keys[i] = str_bytes(bytes[i], TLS_TICKET_KEY);
    }
    CHECK_OK(ipc_call(w->keeper, &ask, NULL));
    pass(w, 0);
    CHECK_OK(rc);
}

static void waits_for_the_keeper(void)
{
    CLEANUP(world_done) struct world w = {};

    world_init(&w);
    pass(&w, 4);
    CHECK(!serves(&w));
    pass(&w, 1);
    CHECK(serves(&w));
}

/* Its site gets no certificate; that is known as soon as the keeper falls silent. */
static void does_not_wait_for_what_will_not_come(void)
{
    CLEANUP(world_done) struct world w = {};

    world_init(&w);
    pass(&w, 1);
    push_tickets(&w);
    CHECK(!serves(&w));
    pass(&w, 1);
    CHECK(serves(&w));
}

/* However much the keeper has to say. */
static void waits_only_so_long(void)
{
    CLEANUP(world_done) struct world w = {};

    world_init(&w);
    for (int i = 0; i < 5; i++) {
        CHECK(!serves(&w));
        push_tickets(&w);
        pass(&w, 0);
        clock_fake_advance(&w.clock, WHEN_SECOND - 1);
        pass(&w, 0);
    }
    push_tickets(&w);
    clock_fake_advance(&w.clock, 5);
    pass(&w, 0);
    CHECK(serves(&w));
}

CHECK_MAIN(CHECK_TEST_ONCE(waits_for_the_keeper),
           CHECK_TEST_ONCE(does_not_wait_for_what_will_not_come),
           CHECK_TEST_ONCE(waits_only_so_long))
