/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <arpa/inet.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/fd.h"
#include "confine.h"

enum {
    SOMEBODY = 64901
}; /* an id that no machine gives to a user; setresuid(2) asks for no name */

static const struct sandbox least = {.user = "autarky-test", .promises = SB_STDIO};
static const struct confine_at nowhere = {
    {.dir = AT_FDCWD, .uid = SOMEBODY, .gid = SOMEBODY}, NULL, -1};

struct attempt {
    const char *name;
    confine_try fn;
    int expected;
    bool sanitizer; /* the sanitizer's build allows it */
};

static void check_attempts(const struct sandbox *sb, const struct confine_at *at, void *arg,
                           const struct attempt *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int got;

        if (a[i].sanitizer && !sandbox_strict())
            continue;
        got = confine_run(sb, at, a[i].fn, arg);
        if (got != a[i].expected)
            fail_msg("%s: %d, not %d", a[i].name, got, a[i].expected);
    }
}

#define CHECK_ATTEMPTS(sb, at, arg, list)                                                          \
    check_attempts((sb), (at), (arg), (list), sizeof(list) / sizeof((list)[0]))

/* ---- what everybody may */

static int use_memory_and_time([[maybe_unused]] void *arg)
{
    struct timespec ts;
    char *p = mem_alloc(8 << 20);
    char random[16];
    int fds[2];
    bool ok;

    if (!p)
        return -1;
    memset(p, 1, 8 << 20);
    mem_free(p);
    ok = clock_gettime(CLOCK_REALTIME, &ts) == 0 && pipe(fds) == 0 && write(fds[1], "x", 1) == 1 &&
         read(fds[0], random, 1) == 1 && getentropy(random, sizeof(random)) == 0 &&
         signal(SIGUSR1, SIG_IGN) != SIG_ERR && raise(SIGUSR1) == 0;
    return ok ? 0 : -1;
}

static int abort_itself([[maybe_unused]] void *arg)
{
    abort();
}

/* ---- what only a promise allows */

static int open_passwd([[maybe_unused]] void *arg)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int socket_inet([[maybe_unused]] void *arg)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? -1 : 0;
}

static int socket_inet6_udp([[maybe_unused]] void *arg)
{
    return socket(AF_INET6, SOCK_DGRAM, 0) < 0 ? -1 : 0;
}

static int socket_packet([[maybe_unused]] void *arg)
{
    return socket(AF_PACKET, SOCK_RAW, 0) < 0 ? -1 : 0;
}

static int socket_unix([[maybe_unused]] void *arg)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? -1 : 0;
}

static int socket_netlink([[maybe_unused]] void *arg)
{
    return socket(AF_NETLINK, SOCK_RAW, 0) < 0 ? -1 : 0;
}

static int execute([[maybe_unused]] void *arg)
{
    char *argv[] = {(char[]){"true"}, NULL};

    return execv("/bin/true", argv);
}

static int fork_itself([[maybe_unused]] void *arg)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid < 0 ? -1 : 0;
}

static void *nothing(void *arg)
{
    return arg;
}

static int start_thread([[maybe_unused]] void *arg)
{
    pthread_t t;

    return pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0 ? 0 : -1;
}

static int trace_parent([[maybe_unused]] void *arg)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 ? -1 : 0;
}

static int become_root([[maybe_unused]] void *arg)
{
    return setuid(0);
}

static int signal_parent([[maybe_unused]] void *arg)
{
    return kill(getppid(), 0);
}

static int signal_parent_thread([[maybe_unused]] void *arg)
{
    return (int)syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static int map_executable([[maybe_unused]] void *arg)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) == MAP_FAILED
               ? -1
               : 0;
}

static int make_executable([[maybe_unused]] void *arg)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? 0 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static int be_dumpable([[maybe_unused]] void *arg)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int replace_handler([[maybe_unused]] void *arg)
{
    return signal(SIGSYS, SIG_IGN) == SIG_ERR ? -1 : 0;
}

/* Blocking the signal must not help. */
static int execute_blocked(void *arg)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    return execute(arg);
}

static int raise_limit([[maybe_unused]] void *arg)
{
    struct rlimit core = {RLIM_INFINITY, RLIM_INFINITY};

    return setrlimit(RLIMIT_CORE, &core);
}

static int other_personality([[maybe_unused]] void *arg)
{
    return syscall(SYS_unshare, CLONE_NEWUSER) < 0 ? -1 : 0;
}

/* With its handlers, among them a sanitizer's leak check, which must neither fail nor be silenced.
 */
static int exit_in_order([[maybe_unused]] void *arg)
{
    exit(0);
}

static void the_least_allows_little(void)
{
    static const struct attempt attempts[] = {
        {"memory and time", use_memory_and_time, CONFINE_WORKS, false},
        {"exit", exit_in_order, CONFINE_WORKS, false},
        {"abort", abort_itself, CONFINE_OTHER, false}, /* by SIGABRT, not SIGSYS */
        {"open", open_passwd, CONFINE_FAILS, false},
        {"socket AF_INET", socket_inet, CONFINE_KILLED, false},
        {"socket AF_INET6", socket_inet6_udp, CONFINE_KILLED, false},
        {"socket AF_PACKET", socket_packet, CONFINE_KILLED, false},
        {"socket AF_UNIX", socket_unix, CONFINE_FAILS, false},
        {"socket AF_NETLINK", socket_netlink, CONFINE_FAILS, false},
        {"execve", execute, CONFINE_KILLED, false},
        {"execve, signals blocked", execute_blocked, CONFINE_KILLED, false},
        {"fork", fork_itself, CONFINE_KILLED, true},
        {"thread", start_thread, CONFINE_KILLED, true},
        {"ptrace", trace_parent, CONFINE_KILLED, true},
        {"setuid", become_root, CONFINE_KILLED, false},
        {"kill", signal_parent, CONFINE_KILLED, true},
        {"tgkill of another", signal_parent_thread, CONFINE_KILLED, true},
        {"mmap writable and executable", map_executable, CONFINE_FAILS, true},
        {"mprotect executable", make_executable, CONFINE_FAILS, true},
        {"prctl(PR_SET_DUMPABLE)", be_dumpable, CONFINE_FAILS, true},
        {"sigaction(SIGSYS)", replace_handler, CONFINE_KILLED, true},
        {"setrlimit", raise_limit, CONFINE_FAILS, false},
        {"unshare", other_personality, CONFINE_KILLED, false},
    };

    CHECK_ATTEMPTS(&least, &nowhere, NULL, attempts);
}

static void a_promise_allows_its_own(void)
{
    static const struct attempt threads[] = {
        {"thread", start_thread, CONFINE_WORKS, false},
        {"fork", fork_itself, CONFINE_KILLED, true},
    };
    static const struct attempt inet[] = {
        {"socket AF_INET", socket_inet, CONFINE_WORKS, false},
        {"socket AF_INET6", socket_inet6_udp, CONFINE_WORKS, false},
        {"socket AF_PACKET", socket_packet, CONFINE_KILLED, false},
        {"socket AF_UNIX", socket_unix, CONFINE_FAILS, false},
    };
    static const struct attempt local[] = {
        {"socket AF_UNIX", socket_unix, CONFINE_WORKS, false},
        {"socket AF_INET", socket_inet, CONFINE_KILLED, false},
    };
    static const struct attempt exec[] = {
        {"execve", execute, CONFINE_WORKS, false},
        {"fork", fork_itself, CONFINE_WORKS, false},
    };
    struct sandbox sb = least;

    sb.promises = SB_STDIO | SB_THREADS;
    CHECK_ATTEMPTS(&sb, &nowhere, NULL, threads);
    sb.promises = SB_STDIO | SB_INET_CONNECT;
    CHECK_ATTEMPTS(&sb, &nowhere, NULL, inet);
    sb.promises = SB_STDIO | SB_UNIX;
    CHECK_ATTEMPTS(&sb, &nowhere, NULL, local);
    sb.promises = SB_EXEC;
    CHECK_ATTEMPTS(&sb, &nowhere, NULL, exec);
}

/* ---- sockets that were there before */

struct sockets {
    int listener;
    int pair[2];
    struct sockaddr_in at;
};

static bool sockets_open(struct sockets *s)
{
    socklen_t n = sizeof(s->at);

    s->at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return s->listener >= 0 && bind(s->listener, (struct sockaddr *)&s->at, n) == 0 &&
           listen(s->listener, 8) == 0 &&
           getsockname(s->listener, (struct sockaddr *)&s->at, &n) == 0 &&
           socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->pair) == 0;
}

static void sockets_close(struct sockets *s)
{
    close(s->listener);
    close(s->pair[0]);
    close(s->pair[1]);
}

static int connect_out(void *arg)
{
    struct sockets *s = arg;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&s->at, sizeof(s->at));
}

static int listen_more(void *arg)
{
    struct sockets *s = arg;

    return listen(s->listener, 100);
}

static int accept_one(void *arg)
{
    struct sockets *s = arg;
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    int one = 1;

    return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) == 0 &&
                   send(fd, "x", 1, 0) == 1
               ? 0
               : -1;
}

static int talk_on_pair(void *arg)
{
    struct sockets *s = arg;
    char c;
    struct iovec v = {&c, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

    return send(s->pair[0], "a", 1, 0) == 1 && recvmsg(s->pair[1], &m, 0) == 1 && c == 'a' ? 0 : -1;
}

static int send_elsewhere(void *arg)
{
    struct sockets *s = arg;

    return sendto(s->pair[0], "a", 1, 0, (struct sockaddr *)&s->at, sizeof(s->at)) < 0 &&
                   errno == EPERM
               ? -1
               : 0;
}

static void sockets_it_was_given(void)
{
    static const struct attempt channel[] = {
        {"messages", talk_on_pair, CONFINE_WORKS, false},
        {"accept", accept_one, CONFINE_KILLED, false},
        {"connect", connect_out, CONFINE_KILLED, false},
        {"sendto an address", send_elsewhere, CONFINE_FAILS, false},
    };
    static const struct attempt serving[] = {
        {"accept", accept_one, CONFINE_WORKS, false},
        {"listen", listen_more, CONFINE_KILLED, false},
        {"connect", connect_out, CONFINE_KILLED, false},
    };
    static const struct attempt calling[] = {
        {"connect", connect_out, CONFINE_WORKS, false},
        {"listen", listen_more, CONFINE_KILLED, false},
        {"accept", accept_one, CONFINE_KILLED, false},
    };
    struct sandbox sb = least;
    struct sockets s;
    int client;

    CHECK(sockets_open(&s));
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(client, (struct sockaddr *)&s.at, sizeof(s.at)) == 0);
    sb.promises = SB_STDIO | SB_FDPASS;
    CHECK_ATTEMPTS(&sb, &nowhere, &s, channel);
    sb.promises = SB_STDIO | SB_ACCEPT;
    CHECK_ATTEMPTS(&sb, &nowhere, &s, serving);
    sb.promises = SB_STDIO | SB_INET_CONNECT;
    CHECK_ATTEMPTS(&sb, &nowhere, &s, calling);
    close(client);
    sockets_close(&s);
}

/* ---- who says what was refused */

static void says_what_was_refused(void)
{
    struct confine_at at = nowhere;
    char line[256];
    ssize_t n;
    int fds[2];

    CHECK(pipe2(fds, O_CLOEXEC) == 0);
    at.stderr_fd = fds[1];
    CHECK_INT(confine_run(&least, &at, execute, NULL), CONFINE_KILLED);
    n = read(fds[0], line, sizeof(line) - 1);
    CHECK(n > 0);
    line[n] = '\0';
    CHECK(strstr(line, "autarky-test: ended by its sandbox: system call "));
    CHECK(strstr(line, " (execve) is not among its promises\n"));
    close(fds[0]);
    close(fds[1]);
}

/* ---- user, capabilities, limits */

static int is_nobody_else([[maybe_unused]] void *arg)
{
    struct rlimit core;
    uid_t u[3];
    gid_t g[3];
    bool ok;

    ok = getresuid(&u[0], &u[1], &u[2]) == 0 && getresgid(&g[0], &g[1], &g[2]) == 0 &&
         u[0] == SOMEBODY && u[1] == SOMEBODY && u[2] == SOMEBODY && g[0] == SOMEBODY &&
         g[1] == SOMEBODY && g[2] == SOMEBODY && getgroups(0, NULL) == 0 &&
         getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 &&
         prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
         umask(077) == 077;
    return ok ? 0 : -1;
}

static void root_becomes_its_user(void)
{
    if (geteuid() != 0)
        skip();
    CHECK_INT(confine_run(&least, &nowhere, is_nobody_else, NULL), CONFINE_WORKS);
}

/* Ids of root are refused, whatever the name. */
#define CAP(c) (UINT64_C(1) << (c))

static int holds_what_it_keeps([[maybe_unused]] void *arg)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
    uint32_t kept = (uint32_t)(CAP(CAP_SETUID) | CAP(CAP_KILL));

    return syscall(SYS_capget, &head, data) == 0 && data[0].effective == kept &&
                   data[0].permitted == kept && data[0].inheritable == 0 &&
                   data[1].permitted == 0 && prctl(PR_GET_KEEPCAPS) == 0 &&
                   prctl(PR_CAPBSET_READ, CAP_CHOWN) == 0
               ? 0
               : -1;
}

static int reads_a_file_of_root([[maybe_unused]] void *arg)
{
    return open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

/* They survive the change of user, which else drops all; and nothing else does. */
static void a_table_may_keep_capabilities(void)
{
    static const struct sandbox keeps = {.user = "autarky-test",
                                         .promises = SB_STDIO | SB_EXEC,
                                         .caps = CAP(CAP_SETUID) | CAP(CAP_KILL)};
    static const struct attempt attempts[] = {
        {"hold them", holds_what_it_keeps, CONFINE_WORKS, false},
        {"signal another user's process", signal_parent, CONFINE_WORKS, false},
        {"read a file of root's", reads_a_file_of_root, CONFINE_FAILS, false},
    };

    if (geteuid() != 0)
        skip();
    CHECK_ATTEMPTS(&keeps, &nowhere, NULL, attempts);
}

static void root_by_another_name_is_refused(void)
{
    struct confine_at at = nowhere;

    if (geteuid() != 0)
        skip();
    at.at.uid = 0;
    CHECK_INT(confine_run(&least, &at, use_memory_and_time, NULL), CONFINE_NOT_IN);
}

static int count_files([[maybe_unused]] void *arg)
{
    struct rlimit files;

    return getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur == 77 && files.rlim_max == 77
               ? 0
               : -1;
}

static void files_are_limited(void)
{
    struct sandbox sb = least;

    sb.files = 77;
    CHECK_INT(confine_run(&sb, &nowhere, count_files, NULL), CONFINE_WORKS);
}

/* ---- the report */

/* Runs in a child too: entering is for good. The report comes back as text over a pipe. */
static ssize_t report_of(const struct sandbox *sb, const char *abi, char *text, size_t cap)
{
    int fds[2];
    ssize_t n;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        struct sandbox_report r;
        struct buf b;

        if (abi)
            setenv("AUTARKY_LANDLOCK_ABI", abi, 1);
        buf_init(&b, 4096);
        if (sandbox_enter(sb, &nowhere.at, &r, NULL) == RC_OK)
            sandbox_report_text(&r, &b);
        if (write(fds[1], b.p, b.n) < 0)
            _exit(1);
        _exit(0);
    }
    close(fds[1]);
    waitpid(pid, NULL, 0);
    n = read(fds[0], text, cap - 1);
    close(fds[0]);
    text[n > 0 ? n : 0] = '\0';
    return n;
}

/* 0: there is no io_uring, and the errno says so; 1 and more: what is wrong. */
static int begun(const struct sandbox *sb)
{
    char params[256] = {0}; /* more than struct io_uring_params has */
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (sandbox_begin(sb, NULL) != RC_OK)
            _exit(1);
        if (sb->promises & SB_EXEC)
            _exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : 2);
        _exit(syscall(SYS_io_uring_setup, 1, params) == -1 && errno == ENOSYS ? 0 : 3);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}

static void no_ring_goes_past_it(void)
{
    static const struct sandbox executes = {.user = "autarky-test", .promises = SB_STDIO | SB_EXEC};

    CHECK_INT(begun(&least), 0);
    CHECK_INT(begun(&executes), 0);
}

static void the_report_tells_all(void)
{
    static const char *const lines[] = {"user: ",         "capabilities: ", "limits: ", "no-dump: ",
                                        "no-new-privs: ", "landlock: ",     "seccomp: "};
    char text[4096];

    CHECK(report_of(&least, NULL, text, sizeof(text)) > 0);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (!strstr(text, lines[i]))
            fail_msg("no line %s in %s", lines[i], text);
    CHECK(geteuid() != 0 || strstr(text, "user: on: autarky-test, uid 64901"));
    CHECK(geteuid() == 0 || strstr(text, "user: off: not started as root"));
    CHECK(!sandbox_strict() || strstr(text, "seccomp: on: "));
    CHECK(sandbox_strict() || strstr(text, "seccomp: partly: "));
}

static void the_report_says_what_is_missing(void)
{
    struct sandbox sb = {.promises = SB_EXEC};
    char text[4096];

    CHECK(report_of(&sb, NULL, text, sizeof(text)) > 0);
    CHECK(strstr(text, "seccomp: off: executes programs"));
    CHECK(strstr(text, "landlock: off: executes programs"));
    CHECK(strstr(text, "no-new-privs: off: executes programs"));
}

/* ---- misuse */

static int wait_on_pipe(void *arg)
{
    char c;

    return (int)read(*(int *)arg, &c, 1);
}

static void *waiter(void *arg)
{
    wait_on_pipe(arg);
    return NULL;
}

static void threads_come_later(void)
{
    struct sandbox_report r;
    struct err err = ERR_INIT;
    pthread_t t;
    int fds[2];

    CHECK(pipe2(fds, O_CLOEXEC) == 0);
    CHECK(pthread_create(&t, NULL, waiter, &fds[0]) == 0);
    CHECK_RC(sandbox_enter(&least, &nowhere.at, &r, &err), RC_INVAL);
    close(fds[1]);
    pthread_join(t, NULL);
    close(fds[0]);
}

CHECK_MAIN(CHECK_TEST_ONCE(the_least_allows_little), CHECK_TEST_ONCE(a_promise_allows_its_own),
           CHECK_TEST_ONCE(sockets_it_was_given), CHECK_TEST_ONCE(says_what_was_refused),
           CHECK_TEST_ONCE(root_becomes_its_user), CHECK_TEST_ONCE(a_table_may_keep_capabilities),
           CHECK_TEST_ONCE(root_by_another_name_is_refused), CHECK_TEST_ONCE(files_are_limited),
           CHECK_TEST_ONCE(no_ring_goes_past_it), CHECK_TEST_ONCE(the_report_tells_all),
           CHECK_TEST_ONCE(the_report_says_what_is_missing), CHECK_TEST_ONCE(threads_come_later))
