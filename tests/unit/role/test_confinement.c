/* SPDX-License-Identifier: Apache-2.0 */
/* Each role's own table, entered by a child that then tries what the role may and what it may not.
 */
#include "check.h"

#include <arpa/inet.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "base/fd.h"
#include "confine.h"
#include "role/role.h"

enum { FIRST_USER = 64901, NAME_BYTES = 96 };

/* A DATA with something of everybody's in it, a listener with a connection waiting, and another
 * listener to connect to. */
struct place {
    struct check_dir dir;
    int listener;
    int client;
    int unix_listener;
    struct sockaddr_in at;
    struct sockaddr_un unix_at;
};

static const struct {
    const char *dir;
    enum role owner; /* ROLE_SUPERVISOR: root */
} dirs[] = {{"db", ROLE_CORE},       {"front", ROLE_FRONT},  {"ca", ROLE_SUPERVISOR},
            {"keeper", ROLE_KEEPER}, {"sites", ROLE_KEEPER}, {"forward", ROLE_COURIER},
            {"access", ROLE_COURIER}};

static uid_t user_of(enum role role)
{
    if (geteuid() != 0)
        return geteuid();
    return role == ROLE_SUPERVISOR ? 0 : FIRST_USER + (uid_t)role;
}

static bool make_file(int dir, const char *name, uid_t owner, mode_t mode)
{
    CLEANUP(fd_closep) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

    return fd >= 0 && fchown(fd, owner, (gid_t)-1) == 0;
}

static bool place_files(struct place *p)
{
    if (fchmod(p->dir.fd, 0755) != 0 || !make_file(p->dir.fd, "autarky.yaml", geteuid(), 0644))
        return false;
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        char name[NAME_BYTES];

        snprintf(name, sizeof(name), "%s/secret", dirs[i].dir);
        if (mkdirat(p->dir.fd, dirs[i].dir, 0700) != 0 ||
            !make_file(p->dir.fd, name, user_of(dirs[i].owner), 0600) ||
            fchownat(p->dir.fd, dirs[i].dir, user_of(dirs[i].owner), (gid_t)-1, 0) != 0)
            return false;
    }
    return true;
}

static bool place_sockets(struct place *p)
{
    socklen_t n = sizeof(p->at);

    p->at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    p->unix_at.sun_family = AF_UNIX;
    snprintf(p->unix_at.sun_path, sizeof(p->unix_at.sun_path), "%s/socket", p->dir.path);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    p->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    p->unix_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind(p->listener, (struct sockaddr *)&p->at, n) == 0 && listen(p->listener, 8) == 0 &&
           getsockname(p->listener, (struct sockaddr *)&p->at, &n) == 0 &&
           connect(p->client, (struct sockaddr *)&p->at, n) == 0 &&
           bind(p->unix_listener, (struct sockaddr *)&p->unix_at, sizeof(p->unix_at)) == 0 &&
           listen(p->unix_listener, 8) == 0 && chmod(p->unix_at.sun_path, 0777) == 0;
}

static void place_done(struct place *p)
{
    fd_close(&p->listener);
    fd_close(&p->client);
    fd_close(&p->unix_listener);
    check_dir_done(&p->dir);
}

/* ---- things to try */

static int opened(void *arg, const char *path, int flags)
{
    const struct place *p = arg;
    int fd = openat(p->dir.fd, path, flags | O_CLOEXEC, 0600);

    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int read_system(void *arg)
{
    return opened(arg, "/etc/passwd", O_RDONLY);
}

static int read_database(void *arg)
{
    return opened(arg, "db/secret", O_RDONLY);
}

static int write_database(void *arg)
{
    return opened(arg, "db/new", O_RDWR | O_CREAT);
}

static int read_ca_key(void *arg)
{
    return opened(arg, "ca/secret", O_RDONLY);
}

static int write_front(void *arg)
{
    return opened(arg, "front/secret", O_RDWR | O_TRUNC);
}

static int write_forward(void *arg)
{
    return opened(arg, "forward/secret", O_RDWR);
}

static int write_access(void *arg)
{
    return opened(arg, "access/secret", O_RDWR);
}

static int write_sites(void *arg)
{
    return opened(arg, "sites/secret", O_RDWR | O_TRUNC);
}

static int read_configuration(void *arg)
{
    return opened(arg, "autarky.yaml", O_RDONLY);
}

static int write_configuration(void *arg)
{
    return opened(arg, "autarky.yaml", O_WRONLY);
}

static int replace_configuration(void *arg)
{
    const struct place *p = arg;

    return unlinkat(p->dir.fd, "autarky.yaml", 0);
}

static int write_data(void *arg)
{
    return opened(arg, "new", O_WRONLY | O_CREAT);
}

static int socket_tcp([[maybe_unused]] void *arg)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? -1 : 0;
}

static int socket_udp6([[maybe_unused]] void *arg)
{
    return socket(AF_INET6, SOCK_DGRAM, 0) < 0 ? -1 : 0;
}

static int connect_tcp(void *arg)
{
    const struct place *p = arg;

    return connect(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr *)&p->at, sizeof(p->at));
}

static int connect_unix(void *arg)
{
    const struct place *p = arg;

    return connect(socket(AF_UNIX, SOCK_STREAM, 0), (const struct sockaddr *)&p->unix_at,
                   sizeof(p->unix_at));
}

static int reuse_listener(void *arg)
{
    const struct place *p = arg;

    return connect(p->listener, (const struct sockaddr *)&p->at, sizeof(p->at));
}

static int listens(void *arg)
{
    const struct place *p = arg;

    return listen(p->listener, 100);
}

static int accepts(void *arg)
{
    const struct place *p = arg;

    return accept4(p->listener, NULL, NULL, SOCK_CLOEXEC) < 0 ? -1 : 0;
}

static int executes([[maybe_unused]] void *arg)
{
    char *argv[] = {(char[]){"true"}, NULL};

    return execv("/bin/true", argv);
}

static int forks([[maybe_unused]] void *arg)
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

static int starts_thread([[maybe_unused]] void *arg)
{
    pthread_t t;

    return pthread_create(&t, NULL, nothing, NULL) == 0 ? pthread_join(t, NULL) : -1;
}

static int traces([[maybe_unused]] void *arg)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 ? -1 : 0;
}

static int becomes_root([[maybe_unused]] void *arg)
{
    return setresuid(0, 0, 0);
}

static int joins_group([[maybe_unused]] void *arg)
{
    return setresgid(0, 0, 0);
}

static int kills_parent([[maybe_unused]] void *arg)
{
    return kill(getppid(), 0);
}

/* ---- who may */

enum {
    PROBER = 1 << ROLE_PROBER,
    CORE = 1 << ROLE_CORE,
    FRONT = 1 << ROLE_FRONT,
    GATEWAY = 1 << ROLE_GATEWAY,
    KEEPER = 1 << ROLE_KEEPER,
    /* Held by its user alone, as it executes programs: what it lacks it cannot pass on. */
    RUNNER = 1 << ROLE_RUNNER,
    COURIER = 1 << ROLE_COURIER,
    TXT = 1 << ROLE_TXT,
    EMISSARY = 1 << ROLE_EMISSARY,
    WAF = 1 << ROLE_WAF,
    NOBODY = 0,
    DIALLERS = PROBER | GATEWAY | RUNNER | COURIER | EMISSARY,
    ACCEPTERS = CORE | FRONT | GATEWAY | RUNNER | TXT,
    OPENERS = CORE | FRONT | KEEPER | RUNNER | COURIER |
              WAF, /* open files at all: without Landlock, modes say which */
};

enum { SANITIZER = 1, FILES = 2, CAPABILITIES = 4 };

static const struct attempt {
    const char *name;
    confine_try fn;
    unsigned may;   /* roles */
    unsigned modes; /* those that may where there is no Landlock, each running as its own user */
    unsigned flags; /* SANITIZER: its build allows it; FILES: decided by modes, so by users;
                       CAPABILITIES: by those, which only root has to give */
} attempts[] = {
    {"read a file of the system", read_system, RUNNER, OPENERS, FILES},
    {"read the database", read_database, CORE, CORE, FILES},
    {"write beside the database", write_database, CORE, CORE, FILES},
    {"read a key of the CA", read_ca_key, NOBODY, NOBODY, FILES},
    {"write the API's key", write_front, FRONT, FRONT, FILES},
    {"write a site's key", write_sites, KEEPER, KEEPER, FILES},
    {"write a copy of the audit log", write_forward, COURIER, COURIER, FILES},
    {"write the access log", write_access, COURIER, COURIER, FILES},
    {"read the configuration", read_configuration, RUNNER, OPENERS, FILES},
    {"write the configuration", write_configuration, NOBODY, NOBODY, FILES},
    {"remove the configuration", replace_configuration, NOBODY, NOBODY, FILES},
    {"make a file in DATA", write_data, NOBODY, NOBODY, FILES},
    {"socket, TCP", socket_tcp, DIALLERS, DIALLERS, 0},
    {"socket, UDP over IPv6", socket_udp6, DIALLERS, DIALLERS, 0},
    {"connect by TCP", connect_tcp, DIALLERS, DIALLERS, 0},
    {"connect to a Unix socket", connect_unix, KEEPER | RUNNER, KEEPER | RUNNER, 0},
    {"connect with a listener", reuse_listener, NOBODY, NOBODY, 0},
    {"listen", listens, RUNNER, RUNNER, 0},
    {"accept", accepts, ACCEPTERS, ACCEPTERS, 0},
    {"execute", executes, RUNNER, RUNNER, 0},
    {"fork", forks, RUNNER | WAF, RUNNER | WAF, SANITIZER},
    {"start a thread", starts_thread, CORE | RUNNER, CORE | RUNNER, SANITIZER},
    {"trace another process", traces, NOBODY, NOBODY, SANITIZER | CAPABILITIES},
    {"become root", becomes_root, RUNNER, RUNNER, CAPABILITIES},
    {"join root's group", joins_group, RUNNER, RUNNER, CAPABILITIES},
    {"signal another process", kills_parent, RUNNER, RUNNER, SANITIZER | CAPABILITIES},
};

static bool applies(const struct attempt *a, enum role role, bool landlock)
{
    if (role == ROLE_RUNNER && geteuid() != 0)
        return !(a->flags & (FILES | CAPABILITIES)); /* nothing holds it back but its user */
    /* The leak check reads files, so there only Landlock says which. */
    if ((a->flags & (landlock ? SANITIZER : SANITIZER | FILES)) && !sandbox_strict())
        return false;
    /* Without users and without Landlock nothing is left to hold a file. */
    return landlock || geteuid() == 0 || !(a->flags & FILES);
}

static void try_role(const struct role_def *def, const char *abi, bool landlock)
{
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        const struct attempt *a = &attempts[i];
        CLEANUP(place_done) struct place p = {.listener = -1, .client = -1, .unix_listener = -1};
        struct confine_at at = {.abi = abi, .stderr_fd = -1};
        bool may = (landlock ? a->may : a->modes) & 1u << def->role;
        int got;

        check_dir_init(&p.dir);
        if (!applies(a, def->role, landlock))
            continue;
        CHECK(place_files(&p) && place_sockets(&p));
        at.at = (struct sandbox_at){
            .dir = p.dir.fd, .uid = user_of(def->role), .gid = user_of(def->role)};
        got = confine_run(def->sandbox, &at, a->fn, &p);
        if (may ? got != CONFINE_WORKS : got != CONFINE_FAILS && got != CONFINE_KILLED)
            fail_msg("%s, Landlock %s: %s: %d", role_name(def->role), abi ? abi : "as it is",
                     a->name, got);
    }
}

static bool have_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
}

static void try_all(const char *abi, bool landlock)
{
    for (size_t i = 0; role_defs[i]; i++)
        try_role(role_defs[i], abi, landlock);
}

static void with_this_kernel(void)
{
    try_all(NULL, have_landlock());
}

#ifdef AUTARKY_TEST_HOOKS
static void with_an_old_landlock(void)
{
    if (!have_landlock())
        skip();
    try_all("2", true);
}

static void without_landlock(void)
{
    try_all("0", false);
}
#endif

#define CAP(c) (UINT64_C(1) << (c))

/* One role executes, and becomes who a command names; nobody else keeps any. */
static uint64_t caps_of(enum role role)
{
    return role == ROLE_RUNNER ? CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_KILL) : 0;
}

static void every_role_gives_up_what_can_be_given_up(void)
{
    for (size_t i = 0; role_defs[i]; i++) {
        const struct sandbox *sb = role_defs[i]->sandbox;

        CHECK(sb->user && sb->caps == caps_of(role_defs[i]->role));
        CHECK(!(sb->promises & SB_SANITIZER));
        CHECK(!(sb->promises & SB_EXEC) || role_defs[i]->role == ROLE_RUNNER);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(role_defs[k]->sandbox->user, sb->user) != 0);
    }
}

/* What an older kernel has is played by a seam that only builds for tests have. */
#ifdef AUTARKY_TEST_HOOKS
#define WITH_OTHERS CHECK_TEST_ONCE(with_an_old_landlock), CHECK_TEST_ONCE(without_landlock),
#else
#define WITH_OTHERS
#endif

CHECK_MAIN(CHECK_TEST_ONCE(with_this_kernel),
           WITH_OTHERS CHECK_TEST_ONCE(every_role_gives_up_what_can_be_given_up))
