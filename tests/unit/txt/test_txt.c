/* SPDX-License-Identifier: Apache-2.0 */
/* The name server beside a core that this test plays, asked over real sockets. */
#include "check.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/load.h"
#include "dns/update.h"
#include "ev/clock.h"
#include "log/log.h"
#include "net/datagram.h"
#include "net/net.h"
#include "role/child_int.h"
#include "role/roles.h"
#include "txt/txt_int.h"

#define NOW (INT64_C(1'795'199'040) * WHEN_SECOND)
#define NAME "s1.acme.hospital.example"

enum { TURNS = 30, ROOM = 2048 };

static const char config[] = "organization: Example Hospital\n"
                             "domain: hospital.example\n"
                             "txt: {zone: acme.hospital.example}\n";

struct world {
    struct clock_fake clock;
    struct role_child child;
    struct role_env *env;
    const struct conf *conf;
    struct ipc_chan *here, *there;
    struct addr_port udp, tcp;
    bool answered;
    enum rc rc;
};

static void quiet(void *, enum log_level, struct str)
{
}

static void on_close(void *, enum rc, const struct err *)
{
}

static void on_leave(void *)
{
}

static void turn(struct world *w)
{
    for (int i = 0; i < TURNS; i++)
        ev_run_once(w->env->ev, EV_NOWAIT);
}

static enum rc load(const char *text, const struct conf **out)
{
    struct conf_report report;
    struct conf_input in;
    enum rc rc;

    conf_input_init(&in);
    conf_report_init(&report);
    rc = conf_input_add(&in, STR("test.yaml"), str_of(text));
    if (rc == RC_OK)
        rc = conf_load(&in, out, &report);
    conf_report_done(&report);
    conf_input_done(&in);
    return rc;
}

static enum rc core_comes(struct world *w)
{
    struct ipc_chan_conf txt = {ROLE_TXT, ROLE_CORE, role_txt.handlers, role_txt.n_handlers,
                                on_close, w->env};
    struct ipc_chan_conf core = {ROLE_CORE, ROLE_TXT, NULL, 0, on_close, w};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(w->env->ev, fds[0], &txt, &w->here));
    return ipc_chan_new(w->env->ev, fds[1], &core, &w->there);
}

static void world_done(struct world *w)
{
    if (!w->env)
        return;
    ipc_chan_free(MOVE(w->here));
    ipc_chan_free(MOVE(w->there));
    role_txt.close(w->env);
    for (size_t i = 0; i < w->env->n_listeners; i++)
        fd_close(&w->env->listeners[i].fd);
    ev_free(w->env->ev);
    conf_unref(w->conf);
}

static enum rc world_init(struct world *w)
{
    struct log_conf quietly = {.role = "test", .sink = quiet};
    const struct addr_port at = {.addr = {4, {127, 0, 0, 1}}};

    log_init(&quietly);
    clock_fake_init(&w->clock, NOW);
    w->env = &w->child.env;
    w->child.def = &role_txt;
    w->env->clock = &w->clock.clock;
    w->env->listeners[0] = (struct role_listener){.kind = "dns-udp", .fd = -1};
    w->env->listeners[1] = (struct role_listener){.kind = "dns-tcp", .fd = -1};
    w->env->n_listeners = 2;
    TRY(load(config, &w->conf));
    w->env->conf = w->conf;
    TRY(net_listen_datagrams(&at, &w->env->listeners[0].fd, &w->udp, NULL));
    TRY(net_listen(&at, &w->env->listeners[1].fd, &w->tcp, NULL));
    TRY(ev_new(&w->clock.clock, &w->env->ev));
    ev_timer_init(&w->child.leave, w->env->ev, on_leave, w);
    TRY(role_txt.open(w->env, NULL));
    TRY(role_txt.start(w->env, NULL));
    return core_comes(w);
}

#define BEGIN(w)                                                                                   \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w))

/* ---- core says */

static void on_answer(void *arg, const struct ipc_answer *a)
{
    struct world *w = arg;

    w->answered = true;
    w->rc = a->rc;
}

static enum rc say(struct world *w, bool first, bool last, const char *label, const char *value)
{
    const struct str values[] = {str_of(value)};
    const struct ipc_text text = {str_of(label), {values, value ? 1 : 0}};
    const struct ipc_texts msg = {first, last, {&text, label ? 1 : 0}};
    struct ipc_ask ask = {.type = IPC_TEXTS, .msg = &msg, .fn = on_answer, .arg = w};

    w->answered = false;
    TRY(ipc_call(w->there, &ask, NULL));
    turn(w);
    return w->answered ? w->rc : RC_TIMEOUT;
}

/* ---- clients ask */

static int client_to(const struct addr_port *at, int type)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(at->port)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        fd_close(&fd);
    return fd;
}

static bool sends(int fd, const char *p, size_t n)
{
    return fd >= 0 && send(fd, p, n, 0) == (ssize_t)n;
}

static size_t question(const char *name, char out[static ROOM])
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(ROOM);
    const struct dns_query q = {.id = 7, .type = DNS_TXT, .name = str_of(name)};
    size_t n;

    if (dns_query_put(&q, &b) != RC_OK)
        return 0;
    n = b.n;
    memcpy(out, b.p, n);
    return n;
}

/* The code of the answer by UDP, -1 when none comes; `out` gets it. */
static int ask(struct world *w, const char *name, char out[static ROOM], size_t *out_n)
{
    CLEANUP(fd_closep) int fd = client_to(&w->udp, SOCK_DGRAM);
    size_t n = question(name, out);
    ssize_t got;

    if (fd < 0 || n == 0 || send(fd, out, n, 0) != (ssize_t)n)
        return -1;
    turn(w);
    got = recv(fd, out, ROOM, MSG_DONTWAIT);
    *out_n = got > 0 ? (size_t)got : 0;
    return got >= DNS_HEADER ? out[3] & 0xf : -1;
}

static bool has(const char *p, size_t n, const char *text)
{
    return memmem(p, n, text, strlen(text)) != NULL;
}

static void what_core_says(void)
{
    char out[ROOM];
    size_t n = 0;

    BEGIN(w);
    CHECK_INT(ask(&w, NAME, out, &n), DNS_SERVFAIL);
    CHECK_OK(say(&w, true, false, "s1", "one"));
    CHECK_INT(ask(&w, NAME, out, &n), DNS_SERVFAIL); /* not all of it yet */
    CHECK_OK(say(&w, false, true, "s2", "two"));
    CHECK_INT(ask(&w, NAME, out, &n), DNS_NOERROR);
    CHECK(has(out, n, "\3one"));
    CHECK_OK(say(&w, false, false, "s1", "other"));
    CHECK_INT(ask(&w, NAME, out, &n), DNS_NOERROR);
    CHECK(has(out, n, "\5other") && !has(out, n, "\3one"));
    CHECK_OK(say(&w, false, false, "s1", NULL));
    CHECK_INT(ask(&w, NAME, out, &n), DNS_NOERROR);
    CHECK_INT(dns_u16(str_bytes(out, n), 6), 0);
    CHECK_INT(ask(&w, "s3.acme.hospital.example", out, &n), DNS_NXDOMAIN);
    CHECK_INT(ask(&w, "hospital.example", out, &n), DNS_REFUSED);
    CHECK_RC(say(&w, false, false, "a.b", "x"), RC_INVAL);
    CHECK_RC(say(&w, false, false, "s9", "\1"), RC_INVAL);
}

/* Everything anew: what is not in it is gone, and a change in between counts for both. */
static void everything_anew(void)
{
    char out[ROOM];
    size_t n = 0;

    BEGIN(w);
    CHECK_OK(say(&w, true, true, "s1", "one"));
    CHECK_OK(say(&w, true, false, "s2", "two"));
    CHECK_INT(ask(&w, NAME, out, &n), DNS_NOERROR);
    CHECK_OK(say(&w, false, false, "s4", "four"));
    CHECK_INT(ask(&w, "s4.acme.hospital.example", out, &n), DNS_NOERROR);
    CHECK_OK(say(&w, false, true, "s3", "three"));
    CHECK_INT(ask(&w, NAME, out, &n), DNS_NXDOMAIN);
    CHECK_INT(ask(&w, "s4.acme.hospital.example", out, &n), DNS_NOERROR);
    CHECK(has(out, n, "\4four"));
}

/* What is there stays while core is away. */
static void core_is_away(void)
{
    char out[ROOM];
    size_t n = 0;

    BEGIN(w);
    CHECK_OK(say(&w, true, true, "s1", "one"));
    ipc_chan_free(MOVE(w.there));
    turn(&w);
    CHECK_INT(ask(&w, NAME, out, &n), DNS_NOERROR);
    CHECK(has(out, n, "\3one"));
}

static void by_tcp(void)
{
    CLEANUP(fd_closep) int fd = -1;
    char q[ROOM], out[ROOM], two[2 * ROOM];
    size_t n = question(NAME, q);
    ssize_t got;

    BEGIN(w);
    CHECK_OK(say(&w, true, true, "s1", "one"));
    fd = client_to(&w.tcp, SOCK_STREAM);
    CHECK(n > 0);
    turn(&w);
    /* Two questions at once, the second one in pieces. */
    two[0] = 0;
    two[1] = (char)n;
    memcpy(two + 2, q, n);
    memcpy(two + 2 + n, two, 2 + n);
    CHECK(sends(fd, two, 2 * n));
    turn(&w);
    got = recv(fd, out, sizeof(out), MSG_DONTWAIT);
    CHECK(got > 2);
    CHECK_INT(dns_u16(str_bytes(out, (size_t)got), 0), got - 2);
    CHECK(has(out, (size_t)got, "\3one"));
    CHECK(sends(fd, two + 2 * n, 4));
    turn(&w);
    CHECK_INT(recv(fd, out, sizeof(out), MSG_DONTWAIT), got);
    /* Silence ends it. */
    clock_fake_advance(&w.clock, (TXT_SILENT_SECONDS + 1) * WHEN_SECOND);
    turn(&w);
    CHECK_INT(recv(fd, out, sizeof(out), MSG_DONTWAIT), 0);
}

/* One network has so many connections, and the next one is closed at once. */
static void many_connections(void)
{
    int fds[TXT_OF_CLIENT + 1];
    char one;
    size_t open = 0;

    BEGIN(w);
    for (size_t i = 0; i <= TXT_OF_CLIENT; i++) {
        fds[i] = client_to(&w.tcp, SOCK_STREAM);
        turn(&w);
    }
    for (size_t i = 0; i <= TXT_OF_CLIENT; i++) {
        open += recv(fds[i], &one, 1, MSG_DONTWAIT) < 0;
        fd_close(&fds[i]);
    }
    CHECK_INT(open, TXT_OF_CLIENT);
    turn(&w);
    CHECK_INT(((struct txt *)w.env->state)->n_conns, 0);
}

static void too_often(void)
{
    struct txt_limit *l = mem_alloc(sizeof(*l));
    const struct addr a = {4, {10, 1, 2, 3}}, beside = {4, {10, 1, 2, 99}};
    const struct addr other = {4, {10, 1, 3, 3}};
    unsigned n[3] = {0};

    CHECK(l);
    CHECK_OK(txt_limit_init(l));
    for (int i = 0; i < TXT_BURST + 10; i++)
        n[txt_limit_take(l, i % 2 ? &a : &beside, NOW)]++;
    CHECK_INT(n[TXT_ANSWER], TXT_BURST);
    CHECK_INT(n[TXT_SHORT], 5);
    CHECK_INT(n[TXT_DROP], 5);
    if (map_siphash(l->key, STR("")) != 0) /* another network has its own, but for a collision */
        n[txt_limit_take(l, &other, NOW)]++;
    CHECK(n[TXT_ANSWER] >= TXT_BURST);
    n[TXT_ANSWER] = 0;
    for (int i = 0; i < 100; i++)
        n[TXT_ANSWER] += txt_limit_take(l, &a, NOW + WHEN_SECOND / 2) == TXT_ANSWER;
    CHECK_INT(n[TXT_ANSWER], TXT_RATE / 2);
    for (int i = 0; i < TXT_BURST; i++)
        CHECK_INT(txt_limit_take(l, &a, INT64_MAX - 1), TXT_ANSWER);
    mem_free(l);
}

CHECK_MAIN(CHECK_TEST(what_core_says), CHECK_TEST(everything_anew), CHECK_TEST(core_is_away),
           CHECK_TEST(by_tcp), CHECK_TEST(many_connections), CHECK_TEST(too_often))
