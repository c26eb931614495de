/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <sys/un.h>

#include "service.h"

#include <fcntl.h>
#include <sys/file.h>

enum { PATH_BYTES = 256, DEATHS = 5 };

struct running {
    pid_t signer, core, front;
};

static pid_t ready_since(struct service *s, size_t seen, enum role role)
{
    s->seen = seen;
    return service_ready(s, role);
}

/* They become ready in any order, so each is looked for from the beginning. */
static struct running start(struct service *s)
{
    struct running r;

    service_start(s);
    r.signer = ready_since(s, 0, ROLE_SIGNER);
    r.core = ready_since(s, 0, ROLE_CORE);
    r.front = ready_since(s, 0, ROLE_FRONT);
    s->seen = 0;
    service_wait(s, " serve.ready ", "");
    return r;
}

static void starts_serves_and_ends(void)
{
    CLEANUP(service_done) struct service s = {};
    struct stat st;
    int status;

    service_init(&s);
    start(&s);
    CHECK(strncmp(service_ask(&s, "who"), "core pid=", 9) == 0);
    CHECK(strcmp(service_ask(&s, "signer"), "signer ok") == 0);
    CHECK(fstatat(s.dir.fd, "listeners.json", &st, 0) == 0 && (st.st_mode & 0777) == 0644);
    CHECK(fstatat(s.dir.fd, "control.sock", &st, 0) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(kill(s.pid, SIGTERM) == 0);
    CHECK_INT(service_end(&s), 0);
    CHECK(fstatat(s.dir.fd, "listeners.json", &st, 0) != 0);
    CHECK(fstatat(s.dir.fd, "control.sock", &st, 0) != 0);
    CHECK(waitpid(-1, &status, 0) < 0); /* no child of it is left over */
}

static void a_child_finds_little(void)
{
    CLEANUP(service_done) struct service s = {};

    service_init(&s);
    service_start(&s);
    service_wait(&s, " test.signer ", " env=false credentials=true leak=false");
    service_wait(&s, " serve.ready ", "");
}

static void a_dead_core_comes_back(void)
{
    CLEANUP(service_done) struct service s = {};
    struct running r;
    char who[64];

    service_init(&s);
    r = start(&s);
    CHECK(kill(r.core, SIGKILL) == 0);
    service_wait(&s, " serve.role-died ", "Killed");
    r.core = service_ready(&s, ROLE_CORE);
    snprintf(who, sizeof(who), "core pid=%d ", r.core);
    CHECK(strncmp(service_ask(&s, "who"), who, strlen(who)) == 0);
    CHECK(strcmp(service_ask(&s, "signer"), "signer ok") == 0);
    snprintf(who, sizeof(who), "front pid=%d ", r.front); /* it has never been away */
    CHECK(strncmp(service_ask(&s, "front"), who, strlen(who)) == 0);
}

/* Both ends of a channel that broke live on, and would never meet again. */
static void lost_channels_are_made_anew(void)
{
    CLEANUP(service_done) struct service s = {};
    size_t seen;

    service_init(&s);
    start(&s);
    seen = s.seen;
    CHECK(strlen(service_ask(&s, "garbage")) > 0); /* that there will be no answer */
    service_wait(&s, " serve.relinked ", "");
    service_wait(&s, " serve.relinked ", "");
    s.seen = seen;
    service_wait(&s, " test.peer ", "peer=signer there=false");
    service_wait(&s, " test.peer ", "peer=signer there=true");
    for (int i = 0; i < 50 && strcmp(service_ask(&s, "signer"), "signer ok") != 0; i++)
        (void)usleep(20'000); /* the second of the two may still be on its way */
    CHECK(strcmp(service_ask(&s, "signer"), "signer ok") == 0);
    CHECK(!strstr(s.text, " role.died "));
}

static void a_dead_signer_is_a_peer_less(void)
{
    CLEANUP(service_done) struct service s = {};
    struct running r;

    service_init(&s);
    r = start(&s);
    CHECK(kill(r.signer, SIGSTOP) == 0 && kill(r.signer, SIGKILL) == 0);
    service_wait(&s, " test.peer ", "peer=signer there=false");
    service_wait(&s, " test.peer ", "peer=signer there=true");
    CHECK(strcmp(service_ask(&s, "signer"), "signer ok") == 0);
}

static void who_keeps_dying_is_reported(void)
{
    CLEANUP(service_done) struct service s = {};
    struct running r;
    const char *status;

    service_init(&s);
    r = start(&s);
    for (int i = 0; i < DEATHS; i++) {
        CHECK(kill(r.signer, SIGKILL) == 0);
        service_wait(&s, i < DEATHS - 1 ? " serve.role-died " : " serve.role-failing ",
                     "role=signer");
        r.signer = service_ready(&s, ROLE_SIGNER);
    }
    status = service_ask(&s, "status");
    CHECK(strstr(status, "signer pid=") && strstr(status, " failing restarts=5\n"));
}

static void its_own_sandbox_ends_it(void)
{
    CLEANUP(service_done) struct service s = {};

    service_init(&s);
    start(&s);
    CHECK(strstr(service_ask(&s, "network"), "closed"));
    service_wait(&s, "ended by its sandbox", "(socket)");
    service_wait(&s, " serve.role-died ", "Bad system call");
    service_ready(&s, ROLE_CORE);
}

static void status_tells_of_all(void)
{
    CLEANUP(service_done) struct service s = {};
    const char *status;

    service_init(&s);
    start(&s);
    status = service_ask(&s, "status");
    CHECK(strstr(status, "supervisor pid=") && strstr(status, "signer pid=") &&
          strstr(status, "core pid=") && strstr(status, "front pid="));
    CHECK(strstr(status, " ready restarts=0\n"));
    CHECK(strstr(status, "seccomp: off: executes programs")); /* the supervisor's */
    CHECK(strstr(status, "seccomp: on: ") || !sandbox_strict());
    CHECK(geteuid() != 0 || strstr(status, "user: on: nobody"));
    CHECK(geteuid() == 0 || strstr(status, "user: off: not started as root"));
}

/* Of all but those that have each other; one that is stuck keeps nobody else's back. */
static void numbers_of_the_others(void)
{
    CLEANUP(service_done) struct service s = {};
    struct running r;
    int first, second;

    service_init(&s);
    r = start(&s);
    CHECK(strcmp(service_ask(&s, "numbers"), "ok: signer 0 version 1\n") == 0);
    CHECK(kill(r.signer, SIGSTOP) == 0);
    first = service_send(&s, "numbers");
    second = service_send(&s, "numbers");
    CHECK(strcmp(service_take(&first), "ok: ") == 0);
    CHECK(strcmp(service_take(&second), "ok: ") == 0);
    CHECK(kill(r.signer, SIGCONT) == 0);
    first = service_send(&s, "signer");
    CHECK(strcmp(service_take(&first), "signer ok") == 0);
    CHECK(strcmp(service_ask(&s, "numbers"), "ok: signer 0 version 1\n") == 0);
}

static void the_end_waits_for_what_is_under_way(void)
{
    CLEANUP(service_done) struct service s = {};
    int fd;

    service_init(&s);
    start(&s);
    fd = service_send(&s, "slow");
    service_wait(&s, " test.slow", "");
    CHECK(kill(s.pid, SIGTERM) == 0);
    CHECK(strcmp(service_take(&fd), "slow but there, signer ok") == 0);
    CHECK_INT(service_end(&s), 0);
}

static void a_second_signal_does_not_wait(void)
{
    CLEANUP(service_done) struct service s = {};
    struct running r;
    int64_t begun;

    service_init(&s);
    r = start(&s);
    CHECK(kill(r.core, SIGSTOP) == 0);
    begun = clock_mono(clock_system());
    CHECK(kill(s.pid, SIGTERM) == 0);
    service_wait(&s, " serve.stops", "");
    CHECK(kill(s.pid, SIGINT) == 0);
    /* SIGTERM cannot reach a stopped process; SIGKILL, two seconds later, does. */
    CHECK_INT(service_end(&s), 0);
    CHECK(clock_mono(clock_system()) - begun < ROLE_DRAIN_SECONDS * WHEN_SECOND);
}

static void nobody_outlives_the_supervisor(void)
{
    CLEANUP(service_done) struct service s = {};
    struct running r;
    int status;
    int fd;

    service_init(&s);
    r = start(&s);
    fd = service_send(&s, "spin"); /* core will not even see its channel end */
    service_wait(&s, " test.spin", "");
    CHECK(kill(s.pid, SIGKILL) == 0);
    CHECK(waitpid(s.pid, &status, 0) == s.pid);
    s.pid = 0;
    /* They come to this process, the nearest subreaper, and are dead. */
    CHECK(waitpid(r.core, &status, 0) == r.core);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CHECK(waitpid(r.signer, &status, 0) == r.signer && waitpid(r.front, &status, 0) == r.front);
    close(fd);
}

static void one_server_per_data(void)
{
    CLEANUP(service_done) struct service s = {};
    struct service second;
    char who[PATH_BYTES];

    service_init(&s);
    start(&s);
    second = s;
    second.log = -1;
    service_start(&second);
    snprintf(who, sizeof(who), "process %d, serves %s already", s.pid, s.dir.path);
    service_wait(&second, " serve.cannot-start ", who);
    CHECK_INT(WEXITSTATUS(service_end(&second)), 2);
    fd_close(&second.log);
    CHECK(strncmp(service_ask(&s, "who"), "core pid=", 9) == 0);
}

static void what_cannot_start_says_so_and_ends(void)
{
    CLEANUP(service_done) struct service s = {};

    service_init(&s);
    CHECK_OK(file_write(s.dir.fd, "broken", STR("x"), 0600, FILE_OWNER_SELF, NULL));
    service_start(&s);
    service_wait(&s, " role.cannot-go-on ", "");
    service_wait(&s, " serve.cannot-start ", "role=signer");
    CHECK_INT(WEXITSTATUS(service_end(&s)), 2);
}

static void a_bad_configuration_does_not_start(void)
{
    CLEANUP(service_done) struct service s = {};

    service_init(&s);
    service_configure(&s, "lisen: {}\n");
    service_start(&s);
    service_wait(&s, " serve.conf-problem ", "lisen");
    service_wait(&s, " serve.cannot-start ", "");
    CHECK_INT(WEXITSTATUS(service_end(&s)), 2);
}

static void no_data_is_said(void)
{
    CLEANUP(service_done) struct service s = {};
    struct check_dir there;

    service_init(&s);
    there = s.dir;
    snprintf(s.dir.path, sizeof(s.dir.path), "/nonexistent/data");
    service_start(&s);
    service_wait(&s, " serve.cannot-start ", "autarky init");
    CHECK_INT(WEXITSTATUS(service_end(&s)), 2);
    s.dir = there;
}

/* ---- another version */

/* A program that speaks version 9 of the protocol when it is the signer for the first time, and
 * later is this one. */
static void write_other_program(struct service *s, char path[static PATH_BYTES])
{
    char self[PATH_BYTES] = "";
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);

    CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    buf_printf(&text,
               "#!/bin/sh\n"
               "if [ \"$1\" = --role=signer ] && mkdir '%s/met'; then\n"
               "    printf '\\000\\000\\000\\000\\000\\011%%042d' 0 >&3\n"
               "    read -r line <&3\n"
               "fi\n"
               "exec '%s' \"$1\"\n",
               s->dir.path, self);
    CHECK_OK(file_write(s->dir.fd, "program", buf_str(&text), 0755, FILE_OWNER_SELF, NULL));
    snprintf(path, PATH_BYTES, "%s/program", s->dir.path);
}

static void another_version_restarts_all(void)
{
    CLEANUP(service_done) struct service s = {};
    char program[PATH_BYTES];

    service_init(&s);
    write_other_program(&s, program);
    service_start_with(&s, program);
    service_wait(&s, " serve.channel-lost ", "another version of the protocol");
    service_wait(&s, " serve.versions-differ ", "");
    service_wait(&s, " serve.ready ", "");
    CHECK(strcmp(service_ask(&s, "signer"), "signer ok") == 0);
}

/* A process that was taken over cannot have the others ended: the signer would forget what it has
 * signed in this hour. */
static void who_was_ready_is_no_other_version(void)
{
    CLEANUP(service_done) struct service s = {};
    struct running r;
    char signer[64];

    service_init(&s);
    r = start(&s);
    snprintf(signer, sizeof(signer), "signer pid=%d ", r.signer);
    CHECK(strcmp(service_ask(&s, "version"), "closed by the other side") == 0);
    service_ready(&s, ROLE_CORE);
    CHECK(strstr(service_ask(&s, "status"), signer));
    CHECK(!strstr(s.text, " role.version "));
}

/* ---- systemd */

static void systemd_is_told(void)
{
    CLEANUP(service_done) struct service s = {};
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {SERVICE_PATIENCE_MS / 1000, 0};
    static const char *const expected[] = {"READY=1", "RELOADING=1\nMONOTONIC_USEC=", "READY=1",
                                           "STOPPING=1"};

    service_init(&s);
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", s.dir.path);
    CHECK(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    start(&s);
    unsetenv("NOTIFY_SOCKET");
    CHECK(kill(s.pid, SIGHUP) == 0);
    service_wait(&s, " serve.reloaded ", "");
    CHECK(kill(s.pid, SIGTERM) == 0);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        char got[128] = "";

        CHECK(recv(fd, got, sizeof(got) - 1, 0) > 0);
        if (strncmp(got, expected[i], strlen(expected[i])) != 0)
            fail_msg("%s, not %s", got, expected[i]);
    }
    CHECK_INT(service_end(&s), 0);
}

/* A copy of the database that lies about is one that somebody may find. */
static void what_a_killed_backup_left_goes(void)
{
    CLEANUP(service_done) struct service s = {};
    int fd;

    service_init(&s);
    CHECK_OK(file_mkdir(s.dir.fd, ".tmp-backup", 0700, FILE_OWNER_SELF, NULL));
    CHECK_OK(file_write(s.dir.fd, ".tmp-backup/store.db", STR("x"), 0600, FILE_OWNER_SELF, NULL));
    fd = openat(s.dir.fd, ".tmp-backup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0); /* one is under way */
    service_start(&s);
    service_wait(&s, " serve.ready ", "");
    CHECK(kill(s.pid, SIGTERM) == 0);
    CHECK_INT(service_end(&s), 0);
    CHECK_INT(faccessat(s.dir.fd, ".tmp-backup/store.db", F_OK, 0), 0);
    close(fd);
    service_start(&s);
    service_wait(&s, " serve.ready ", "");
    CHECK_INT(faccessat(s.dir.fd, ".tmp-backup", F_OK, 0), -1);
}

/* ---- where the control socket is */

static void the_control_socket_is_in_data(void)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(PATH_BYTES);

    CHECK_OK(serve_control_path("/var/lib/autarky", false, &path, NULL));
    CHECK_STR(buf_str(&path), "/var/lib/autarky/control.sock");
}

static void a_long_path_moves_it(void)
{
    char data[PATH_BYTES] = "/";
    CLEANUP(buf_done) struct buf fits = BUF_INIT(PATH_BYTES);
    CLEANUP(buf_done) struct buf path = BUF_INIT(PATH_BYTES);
    CLEANUP(buf_done) struct buf other = BUF_INIT(PATH_BYTES);

    memset(data + 1, 'd', 93);
    CHECK_OK(serve_control_path(data, false, &fits, NULL));
    CHECK_INT(fits.n, NET_UNIX_PATH_MAX);
    data[94] = 'd';
    CHECK_OK(serve_control_path(data, false, &path, NULL));
    CHECK(path.n <= NET_UNIX_PATH_MAX);
    CHECK(str_ends(buf_str(&path), STR("/control.sock")) &&
          !str_starts(buf_str(&path), STR("/ddd")));
    data[94] = 'e';
    CHECK_OK(serve_control_path(data, false, &other, NULL));
    CHECK(!str_eq(buf_str(&path), buf_str(&other)));
}

static void a_foreign_run_directory_is_refused(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    char data[PATH_BYTES];
    char *slash;
    CLEANUP(buf_done) struct buf path = BUF_INIT(PATH_BYTES);
    struct err err = ERR_INIT;

    check_dir_init(&d);
    if (geteuid() == 0)
        return; /* /run/autarky is nobody's but root's */
    memset(data, 'd', sizeof(data));
    data[0] = '/';
    data[150] = '\0';
    setenv("XDG_RUNTIME_DIR", d.path, 1);
    CHECK_OK(serve_control_path(data, true, &path, &err));
    slash = strrchr(path.p, '/');
    CHECK(str_starts(buf_str(&path), str_of(d.path)) && slash);
    *slash = '\0';
    CHECK(chmod(path.p, 0777) == 0);
    buf_reset(&path);
    CHECK_RC(serve_control_path(data, true, &path, &err), RC_DENIED);
    unsetenv("XDG_RUNTIME_DIR");
}

SERVICE_MAIN(CHECK_TEST_ONCE(starts_serves_and_ends), CHECK_TEST_ONCE(a_child_finds_little),
             CHECK_TEST_ONCE(a_dead_core_comes_back), CHECK_TEST_ONCE(a_dead_signer_is_a_peer_less),
             CHECK_TEST_ONCE(who_keeps_dying_is_reported), CHECK_TEST_ONCE(its_own_sandbox_ends_it),
             CHECK_TEST_ONCE(status_tells_of_all), CHECK_TEST_ONCE(numbers_of_the_others),
             CHECK_TEST_ONCE(the_end_waits_for_what_is_under_way),
             CHECK_TEST_ONCE(a_second_signal_does_not_wait),
             CHECK_TEST_ONCE(nobody_outlives_the_supervisor), CHECK_TEST_ONCE(one_server_per_data),
             CHECK_TEST_ONCE(what_cannot_start_says_so_and_ends),
             CHECK_TEST_ONCE(a_bad_configuration_does_not_start), CHECK_TEST_ONCE(no_data_is_said),
             CHECK_TEST_ONCE(another_version_restarts_all),
             CHECK_TEST_ONCE(who_was_ready_is_no_other_version),
             CHECK_TEST_ONCE(lost_channels_are_made_anew), CHECK_TEST_ONCE(systemd_is_told),
             CHECK_TEST_ONCE(what_a_killed_backup_left_goes),
             CHECK_TEST(the_control_socket_is_in_data), CHECK_TEST(a_long_path_moves_it),
             CHECK_TEST_ONCE(a_foreign_run_directory_is_refused))
