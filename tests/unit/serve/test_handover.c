/* SPDX-License-Identifier: Apache-2.0 */
/* What one program hands to the next at an upgrade, and what is taken of it. */
#include "check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/net.h"
#include "serve/serve_int.h"

enum { TEXT = 65536, OLD_FD = 50, LOCK_FD = 51, STATE_FD = 52 };

/* Too large for a stack. */
static struct serve_handover given, taken;

static struct serve_handover *made(void)
{
    struct serve_handover *h = &given;
    struct serve_socket *s;

    *h = (struct serve_handover){};
    snprintf(h->version, sizeof(h->version), "1.2.3");
    h->generation = 7;
    h->lock = 4;
    s = &h->sockets.v[h->sockets.n++];
    snprintf(s->l.kind, sizeof(s->l.kind), "control");
    snprintf(s->l.address, sizeof(s->l.address), "/var/lib/autarky/control.sock");
    s->l.fd = 5;
    s = &h->sockets.v[h->sockets.n++];
    snprintf(s->l.kind, sizeof(s->l.kind), "gateway");
    snprintf(s->l.address, sizeof(s->l.address), "[::1]:4443");
    if (addr_port_parse(STR("[::1]:0"), &s->want) != RC_OK ||
        addr_port_parse(STR("[::1]:4443"), &s->local) != RC_OK)
        abort();
    s->l.fd = 6;
    s->number = 3;
    h->left[h->n_left++] = (struct serve_left){
        .role = ROLE_GATEWAY, .number = 3, .instance = 9, .pid = 1234, .since = 5, .until = 77};
    h->left[h->n_left++] = (struct serve_left){.role = ROLE_FRONT, .pid = 1235, .since = 6};
    return h;
}

static void it_comes_as_it_went(void)
{
    struct serve_handover *h = made(), *back = &taken;
    CLEANUP(fd_closep) int fd = -1;

    CHECK_OK(serve_handover_seal(h, &fd, NULL));
    CHECK_OK(serve_handover_open(fd, back, NULL));
    CHECK(memcmp(h->version, back->version, sizeof(h->version)) == 0);
    CHECK_INT(back->generation, 7);
    CHECK_INT(back->lock, 4);
    CHECK_INT(back->sockets.n, 2);
    CHECK(strcmp(back->sockets.v[0].l.address, "/var/lib/autarky/control.sock") == 0);
    CHECK_INT(back->sockets.v[0].want.addr.n, 0);
    CHECK(strcmp(back->sockets.v[1].l.kind, "gateway") == 0);
    CHECK_INT(back->sockets.v[1].l.fd, 6);
    CHECK_INT(back->sockets.v[1].number, 3);
    CHECK_INT(back->sockets.v[1].want.port, 0);
    CHECK_INT(back->sockets.v[1].local.port, 4443);
    CHECK_INT(back->n_left, 2);
    CHECK(back->left[0].role == h->left[0].role && back->left[0].number == h->left[0].number);
    CHECK(back->left[0].instance == h->left[0].instance && back->left[0].pid == h->left[0].pid);
    CHECK(back->left[0].since == h->left[0].since && back->left[0].until == h->left[0].until);
    CHECK_INT(back->left[1].role, ROLE_FRONT);
    CHECK_INT(back->left[1].until, 0);
    CHECK(write(fd, "x", 1) < 0); /* nobody changes it any more */
}

static void only_what_is_sealed_counts(void)
{
    CLEANUP(fd_closep) int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(fd >= 0 && write(fd, "{}", 2) == 2);
    CHECK_RC(serve_handover_open(fd, &taken, NULL), RC_INVAL);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
    CHECK_RC(serve_handover_open(fd, &taken, NULL), RC_PARSE);
}

/* ---- what is refused */

/* The text of made(), with `now` in the place of `was`. */
static enum rc parse_changed(const char *was, const char *now)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT), changed = BUF_INIT(TEXT);
    const char *at;

    TRY(serve_handover_put(made(), &text));
    at = strstr(buf_z(&text), was);
    if (!at) {
        fail_msg("%s is not in %s", was, buf_z(&text));
        return RC_NOTFOUND;
    }
    buf_put(&changed, buf_z(&text), (size_t)(at - buf_z(&text)));
    buf_putz(&changed, now);
    buf_putz(&changed, at + strlen(was));
    TRY(buf_rc(&changed));
    return serve_handover_parse(buf_str(&changed), &taken, NULL);
}

static void what_is_not_exact_is_refused(void)
{
    static const char *const changes[][2] = {
        {"{\"handover\":1", "{\"handover\":2"},
        {"{\"handover\":1", "{\"handover\":1,\"more\":1"},
        {"\"version\":\"1.2.3\"",
         "\"version\":\"1234567890123456789012345678901234567890123456789012345678901234\""},
        {"\"generation\":7", "\"generation\":-7"},
        {"\"lock\":4", "\"lock\":2"},
        {"\"lock\":4", "\"lock\":1048577"},
        {"\"lock\":4", "\"lock\":\"4\""},
        {"\"kind\":\"gateway\"", "\"kind\":\"telnet\""},
        {"\"number\":3,\"fd\"", "\"number\":32,\"fd\""},
        {"\"fd\":6", "\"fd\":5"},
        {"\"fd\":6", "\"fd\":4"},
        {"\"fd\":6", "\"fd\":0"},
        {"\"want\":\"[::1]:0\"", "\"want\":\"\""},
        {"\"want\":\"[::1]:0\"", "\"want\":\"host:0\""},
        {"\"address\":\"[::1]:4443\"", "\"address\":\"[::1]:0\""},
        {"\"want\":\"\"", "\"want\":\"[::1]:0\""},
        {"\"address\":\"/var/lib/autarky/control.sock\"", "\"address\":\"\""},
        {"\"role\":\"front\"", "\"role\":\"core\""},
        {"\"instance\":9", "\"instance\":256"},
        {"\"pid\":1234", "\"pid\":1"},
        {"\"pid\":1234", "\"pid\":4294967296"},
        {"\"until\":77", "\"until\":\"77\""},
        {"\"until\":77", "\"until\":77,\"more\":0"},
        {"\"left\":[", "\"left\":{},\"right\":["},
        {"}]}", "}]"},
    };

    CHECK_OK(parse_changed("\"generation\":7", "\"generation\":8"));
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        enum rc rc = parse_changed(changes[i][0], changes[i][1]);

        if (rc == RC_OK)
            fail_msg("%s instead of %s is taken", changes[i][1], changes[i][0]);
        CHECK_RC(rc, RC_PARSE);
    }
}

static void too_many_are_refused(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVE_HANDOVER_MAX);
    buf_putz(&text, "{\"handover\":1,\"version\":\"1\",\"generation\":1,\"lock\":3,\"sockets\":[],"
                    "\"left\":[");
    for (int i = 0; i < SERVE_LEFT_MAX + 1; i++)
        buf_printf(&text,
                   "%s{\"role\":\"front\",\"number\":0,\"instance\":%d,\"pid\":%d,\"since\":1,"
                   "\"until\":1}",
                   i ? "," : "", i, 100 + i);
    buf_putz(&text, "]}");
    CHECK_OK(buf_rc(&text));
    CHECK_RC(serve_handover_parse(buf_str(&text), &taken, NULL), RC_PARSE);
}

/* ---- taken up */

/* As at an exec: descriptors that stay open, and the variable. */
struct exec {
    struct serve_handover *h, *out;
    int socket;
};

static void exec_done(struct exec *e)
{
    unsetenv(SERVE_HANDOVER_VARIABLE);
    for (int fd = OLD_FD; fd <= STATE_FD; fd++)
        close(fd);
    fd_close(&e->socket);
    mem_free(e->out);
}

/* One socket, that is where it says it is. */
static void exec_init(struct exec *e)
{
    struct serve_socket *s;

    *e = (struct exec){made(), NULL, -1};
    e->h->sockets.n = 1;
    s = &e->h->sockets.v[0];
    *s = e->h->sockets.v[1];
    CHECK_OK(addr_port_parse(STR("127.0.0.1:0"), &s->want));
    CHECK_OK(net_listen(&s->want, &e->socket, &s->local, NULL));
    addr_port_text(&s->local, s->l.address);
    s->l.fd = OLD_FD;
    e->h->lock = LOCK_FD;
}

static void hand_over(const struct exec *e, int socket, pid_t pid)
{
    CLEANUP(fd_closep) int fd = -1;
    char value[32];

    CHECK(dup2(socket, OLD_FD) == OLD_FD && dup2(STDERR_FILENO, LOCK_FD) == LOCK_FD);
    CHECK_OK(serve_handover_seal(e->h, &fd, NULL));
    CHECK(dup2(fd, STATE_FD) == STATE_FD);
    snprintf(value, sizeof(value), "%d %d", STATE_FD, (int)pid);
    CHECK(setenv(SERVE_HANDOVER_VARIABLE, value, 1) == 0);
}

static void without_the_variable_there_is_nothing(void)
{
    struct serve_handover *out = &taken;

    unsetenv(SERVE_HANDOVER_VARIABLE);
    CHECK_OK(serve_adopt(&out, NULL));
    CHECK(!out);
}

static void sockets_are_taken_up_once(void)
{
    CLEANUP(exec_done) struct exec e = {.socket = -1};

    exec_init(&e);
    hand_over(&e, e.socket, getpid());
    CHECK_OK(serve_adopt(&e.out, NULL));
    CHECK(e.out && e.out->sockets.n == 1 && e.out->n_left == 2);
    CHECK(fcntl(OLD_FD, F_GETFD) == FD_CLOEXEC && fcntl(LOCK_FD, F_GETFD) == FD_CLOEXEC);
    CHECK(fcntl(STATE_FD, F_GETFD) < 0); /* it is closed */
    CHECK(!getenv(SERVE_HANDOVER_VARIABLE));
}

/* Of another process: inherited by a program that this one has executed. */
static void what_is_for_another_process_is_refused(void)
{
    CLEANUP(exec_done) struct exec e = {.socket = -1};

    exec_init(&e);
    hand_over(&e, e.socket, getpid() + 1);
    CHECK_RC(serve_adopt(&e.out, NULL), RC_INVAL);
    CHECK(!e.out);
}

static void a_socket_at_another_address_is_refused(void)
{
    CLEANUP(exec_done) struct exec e = {.socket = -1};

    exec_init(&e);
    e.h->sockets.v[0].local.port ^= 1;
    addr_port_text(&e.h->sockets.v[0].local, e.h->sockets.v[0].l.address);
    hand_over(&e, e.socket, getpid());
    CHECK_RC(serve_adopt(&e.out, NULL), RC_INVAL);
}

static void what_is_no_socket_is_refused(void)
{
    CLEANUP(exec_done) struct exec e = {.socket = -1};

    exec_init(&e);
    hand_over(&e, STDERR_FILENO, getpid());
    CHECK_RC(serve_adopt(&e.out, NULL), RC_INVAL);
}

static void what_does_not_listen_is_refused(void)
{
    CLEANUP(exec_done) struct exec e = {.socket = -1};
    CLEANUP(fd_closep) int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct serve_socket *s;

    exec_init(&e);
    s = &e.h->sockets.v[0];
    CHECK(bind(other, (struct sockaddr *)&at, sizeof(at)) == 0);
    CHECK_OK(net_local_addr(other, &s->local));
    addr_port_text(&s->local, s->l.address);
    hand_over(&e, other, getpid());
    CHECK_RC(serve_adopt(&e.out, NULL), RC_INVAL);
}

CHECK_MAIN(CHECK_TEST(it_comes_as_it_went), CHECK_TEST(only_what_is_sealed_counts),
           CHECK_TEST(what_is_not_exact_is_refused), CHECK_TEST(too_many_are_refused),
           CHECK_TEST(without_the_variable_there_is_nothing), CHECK_TEST(sockets_are_taken_up_once),
           CHECK_TEST(what_is_for_another_process_is_refused),
           CHECK_TEST(a_socket_at_another_address_is_refused),
           CHECK_TEST(what_is_no_socket_is_refused), CHECK_TEST(what_does_not_listen_is_refused))
