/* SPDX-License-Identifier: Apache-2.0 */
/* Roles with several processes, and roles that only some configurations want. */
#include <sched.h>
#include <sys/stat.h>

#include "service.h"

enum { WORKERS = 3, TRIES = 400, WAITING = 24, QUESTIONS = 20000 };

/* `addresses` is the value of listen.gateway. */
static void configure(struct service *s, const char *addresses, unsigned workers, bool site)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);

    buf_printf(&text,
               "organization: Example\ndomain: hospital.example\n"
               "listen: {api: [\"127.0.0.1:0\"], plain: [\"127.0.0.1:0\"], gateway: [%s]}\n"
               "gateway:\n  workers: %u\n",
               addresses, workers);
    if (site)
        buf_putz(&text, "  sites: [{name: wiki.hospital.example, backends: "
                        "[\"http://127.0.0.1:1\"]}]\n");
    CHECK_OK(file_write(s->dir.fd, "autarky.yaml", buf_str(&text), 0644, FILE_OWNER_SELF, NULL));
}

/* With so many workers from the first moment on; all of it is ready. */
static void start(struct service *s, unsigned workers)
{
    service_init(s);
    CHECK(fchmod(s->dir.fd, 0755) == 0); /* the keeper's user finds its socket there */
    configure(s, "\"127.0.0.1:0\"", workers, workers > 0);
    service_start(s);
    service_wait(s, " serve.ready ", "");
}

static void reload(struct service *s, const char *expected)
{
    const char *answer = service_ask(s, "reload");

    if (!strstr(answer, expected))
        fail_msg("%s, not %s", answer, expected);
}

static pid_t meet(const struct addr_port *at)
{
    int fd = service_connect(at);
    const char *pid;

    if (fd < 0)
        return 0;
    pid = strstr(service_take(&fd), "gateway pid=");
    return pid ? (pid_t)strtol(pid + strlen("gateway pid="), NULL, 10) : 0;
}

struct met {
    pid_t pids[WORKERS + 1];
    size_t n;
};

static bool has(const struct met *m, pid_t pid)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->pids[i] == pid)
            return true;
    return false;
}

/* The kernel deals connections out by their ports: who is there is met before long. */
static void meet_all(struct service *s, size_t want, struct met *m)
{
    struct addr_port at;

    m->n = 0;
    CHECK(service_address(s, "gateway", &at));
    for (int i = 0; i < TRIES && (m->n < want || i < 4 * WAITING); i++) {
        pid_t pid = meet(&at);

        CHECK(pid > 0);
        if (has(m, pid))
            continue;
        CHECK(m->n <= WORKERS);
        m->pids[m->n++] = pid;
    }
    CHECK_INT(m->n, want);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;

    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

static bool status_is(struct service *s, size_t gateways, size_t keepers)
{
    const char *status = service_ask(s, "status");

    return count(status, "gateway pid=") == gateways && count(status, "keeper pid=") == keepers;
}

/* As soon as those that drain have ended. */
static void status_becomes(struct service *s, size_t gateways, size_t keepers)
{
    for (int i = 0; i < QUESTIONS; i++)
        if (status_is(s, gateways, keepers))
            return;
    fail_msg("%s", service_ask(s, "status"));
}

/* As many as listeners.json has for the gateway. */
static void addresses_are(struct service *s, size_t n)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);
    const char *at;

    CHECK_OK(file_read(s->dir.fd, "listeners.json", &text, NULL));
    at = strstr(buf_z(&text), "\"gateway\":[");
    CHECK(at && strchr(at, ']'));
    text.p[strchr(at, ']') - text.p] = '\0';
    CHECK_INT(count(at, "127.0.0.1:"), n);
}

static void without_a_site_there_are_none(void)
{
    CLEANUP(service_done) struct service s = {};

    start(&s, 0);
    CHECK(status_is(&s, 0, 0));
    addresses_are(&s, 0);
    CHECK(!strstr(s.text, "role=gateway"));
}

static void each_worker_serves_the_one_address(void)
{
    CLEANUP(service_done) struct service s = {};
    struct met met;

    start(&s, WORKERS);
    meet_all(&s, WORKERS, &met);
    CHECK(status_is(&s, WORKERS, 1));
    addresses_are(&s, 1);
    CHECK(kill(s.pid, SIGTERM) == 0);
    CHECK_INT(service_end(&s), 0);
    CHECK(waitpid(-1, NULL, 0) < 0); /* no child of it is left over */
}

static void as_many_as_cpus(void)
{
    CLEANUP(service_done) struct service s = {};
    cpu_set_t set;

    CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
    service_init(&s);
    CHECK(fchmod(s.dir.fd, 0755) == 0);
    configure(&s, "\"127.0.0.1:0\"", 0, true);
    service_start(&s);
    service_wait(&s, " serve.ready ", "");
    CHECK(status_is(
        &s, CPU_COUNT(&set) < CONF_WORKERS_MAX ? (size_t)CPU_COUNT(&set) : CONF_WORKERS_MAX, 1));
}

static void the_first_site_brings_them(void)
{
    CLEANUP(service_done) struct service s = {};
    struct met met;
    struct addr_port at;

    start(&s, 0);
    configure(&s, "\"127.0.0.1:0\"", WORKERS, true);
    reload(&s, "generation 2: ");
    for (int i = 0; i < WORKERS; i++)
        service_ready(&s, ROLE_GATEWAY);
    meet_all(&s, WORKERS, &met);
    addresses_are(&s, 1);
    CHECK(service_address(&s, "gateway", &at));
    /* And with the last one they go; nobody listens any more. */
    configure(&s, "\"127.0.0.1:0\"", WORKERS, false);
    reload(&s, "generation 3: ");
    status_becomes(&s, 0, 0);
    addresses_are(&s, 0);
    CHECK_INT(meet(&at), 0);
    CHECK(!strstr(s.text, " serve.role-died"));
}

static void a_refused_reload_brings_none(void)
{
    CLEANUP(service_done) struct service s = {};
    struct met met;

    start(&s, 1);
    configure(&s, "\"127.0.0.1:0\"", 13, true);
    reload(&s, "refused: nothing was changed: gateway: not supported");
    meet_all(&s, 1, &met);
    CHECK(status_is(&s, 1, 1));
}

static void their_number_changes_live(void)
{
    CLEANUP(service_done) struct service s = {};
    struct addr_port was;
    struct addr_port now;
    struct met first;
    struct met more;

    start(&s, 1);
    CHECK(service_address(&s, "gateway", &was));
    meet_all(&s, 1, &first);
    configure(&s, "\"127.0.0.1:0\"", WORKERS, true);
    reload(&s, "generation 2: gateway.workers");
    for (int i = 0; i < WORKERS - 1; i++)
        service_ready(&s, ROLE_GATEWAY);
    meet_all(&s, WORKERS, &more);
    CHECK(has(&more, first.pids[0]));
    CHECK(service_address(&s, "gateway", &now));
    CHECK_INT(now.port, was.port); /* that the system chose */
    addresses_are(&s, 1);
    configure(&s, "\"127.0.0.1:0\"", 1, true);
    reload(&s, "generation 3: gateway.workers");
    status_becomes(&s, 1, 1);
    meet_all(&s, 1, &more);
    CHECK_INT(more.pids[0], first.pids[0]);
}

static void another_address_restarts_them_all(void)
{
    CLEANUP(service_done) struct service s = {};
    struct met was = {};
    struct met now;

    start(&s, 2);
    meet_all(&s, 2, &was);
    configure(&s, "\"127.0.0.1:0\", \"127.0.0.2:0\"", 2, true);
    reload(&s, "generation 2: listen.gateway (restarts gateway)");
    service_wait(&s, " test.gateway ", "listeners=2");
    service_wait(&s, " test.gateway ", "listeners=2");
    status_becomes(&s, 2, 1);
    meet_all(&s, 2, &now);
    CHECK(!has(&was, now.pids[0]) && !has(&was, now.pids[1]));
}

/* The successor alone gets what the others have. */
static void a_dead_worker_is_one_peer_less(void)
{
    CLEANUP(service_done) struct service s = {};
    struct met was = {};
    struct met now;
    size_t seen;

    start(&s, WORKERS);
    s.seen = 0;
    for (int i = 0; i < WORKERS; i++)
        service_wait(&s, " test.keeper-pushed ", "rc=ok");
    meet_all(&s, WORKERS, &was);
    seen = s.seen;
    CHECK(kill(was.pids[1], SIGKILL) == 0);
    service_wait(&s, " test.keeper-peer ", "there=false");
    service_wait(&s, " test.keeper-peer ", "there=true");
    service_wait(&s, " test.keeper-pushed ", "workers=3");
    CHECK(strncmp(service_ask(&s, "who"), "core pid=", 9) == 0);
    CHECK_INT(count(s.text + seen, " test.keeper-peer "), 2);
    meet_all(&s, WORKERS, &now);
    CHECK(has(&now, was.pids[0]) && !has(&now, was.pids[1]) && has(&now, was.pids[2]));
}

/* Connections that wait, for a worker that is busy or for one that dies, meet one in the end. */
static void no_death_loses_who_waits(void)
{
    CLEANUP(service_done) struct service s = {};
    struct addr_port at;
    struct met was = {};
    int fds[WAITING];

    start(&s, WORKERS);
    meet_all(&s, WORKERS, &was);
    CHECK_INT(was.n, WORKERS);
    CHECK(service_address(&s, "gateway", &at));
    for (int i = 0; i < WORKERS; i++)
        CHECK(kill(was.pids[i], SIGSTOP) == 0);
    for (int i = 0; i < WAITING; i++) {
        fds[i] = service_connect(&at);
        CHECK(fds[i] >= 0);
    }
    CHECK(kill(was.pids[0], SIGKILL) == 0);
    service_wait(&s, " serve.role-died ", "role=gateway");
    for (int i = 1; i < WORKERS; i++)
        CHECK(kill(was.pids[i], SIGCONT) == 0);
    for (int i = 0; i < WAITING; i++)
        CHECK(strncmp(service_take(&fds[i]), "gateway pid=", 12) == 0);
}

/* The kernel would let two services of one user share it, and divide the clients between them. */
static void another_service_there_refuses_all(void)
{
    CLEANUP(service_done) struct service s = {};
    CLEANUP(fd_closep) int taken = -1;
    struct addr_port at;
    char text[SERVICE_LINE];

    start(&s, 0);
    CHECK_OK(addr_port_parse(STR("127.0.0.1:0"), &at));
    CHECK_OK(net_listen_shared(&at, false, &taken, &at, NULL));
    snprintf(text, sizeof(text), "\"127.0.0.1:%u\"", at.port);
    configure(&s, text, WORKERS, true);
    snprintf(text, sizeof(text), "refused: cannot listen on 127.0.0.1:%u: ", at.port);
    reload(&s, text);
    CHECK(status_is(&s, 0, 0));
}

/* Sixteen addresses are as many as 32 workers can have. */
static void too_many_sockets_are_refused(void)
{
    CLEANUP(service_done) struct service s = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);

    start(&s, 0);
    for (int i = 1; i <= 17; i++)
        buf_printf(&text, "%s\"127.0.0.%d:0\"", i > 1 ? ", " : "", i);
    configure(&s, buf_z(&text), CONF_WORKERS_MAX, true);
    reload(&s, "refused: more than 512 sockets");
    addresses_are(&s, 0);
}

/* The way of the keeper alone to front. */
static void front_has_a_private_listener(void)
{
    CLEANUP(service_done) struct service s = {};
    struct stat st;
    char name[64];

    start(&s, 0);
    CHECK(fstatat(s.dir.fd, ROLE_PRIVATE_SOCKET, &st, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK(S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0600);
    CHECK(geteuid() != 0 || st.st_uid != 0);
    addresses_are(&s, 0);
    CHECK(!strstr(service_ask(&s, "front"), "private"));
    configure(&s, "\"127.0.0.1:0\"", 1, true);
    snprintf(name, sizeof(name), "answer=\"%s\"", service_ask(&s, "front"));
    *strstr(name, " generation") = '\0'; /* it is one more by then */
    reload(&s, "generation 2: ");
    service_wait(&s, " test.keeper-private ", name);
    CHECK(kill(s.pid, SIGTERM) == 0);
    CHECK_INT(service_end(&s), 0);
    CHECK(fstatat(s.dir.fd, ROLE_PRIVATE_SOCKET, &st, AT_SYMLINK_NOFOLLOW) != 0);
}

static void what_lies_in_its_way_is_named(void)
{
    CLEANUP(service_done) struct service s = {};

    service_init(&s);
    CHECK_OK(file_write(s.dir.fd, ROLE_PRIVATE_SOCKET, STR("x"), 0600, FILE_OWNER_SELF, NULL));
    service_start(&s);
    service_wait(&s, " serve.cannot-start ", "the socket acme.sock in DATA: ");
    CHECK_INT(WEXITSTATUS(service_end(&s)), 2);
    CHECK(faccessat(s.dir.fd, ROLE_PRIVATE_SOCKET, F_OK, 0) == 0);
}

SERVICE_MAIN(
    CHECK_TEST_ONCE(without_a_site_there_are_none),
    CHECK_TEST_ONCE(each_worker_serves_the_one_address), CHECK_TEST_ONCE(as_many_as_cpus),
    CHECK_TEST_ONCE(the_first_site_brings_them), CHECK_TEST_ONCE(a_refused_reload_brings_none),
    CHECK_TEST_ONCE(their_number_changes_live), CHECK_TEST_ONCE(another_address_restarts_them_all),
    CHECK_TEST_ONCE(a_dead_worker_is_one_peer_less), CHECK_TEST_ONCE(no_death_loses_who_waits),
    CHECK_TEST_ONCE(another_service_there_refuses_all),
    CHECK_TEST_ONCE(too_many_sockets_are_refused), CHECK_TEST_ONCE(front_has_a_private_listener),
    CHECK_TEST_ONCE(what_lies_in_its_way_is_named))
