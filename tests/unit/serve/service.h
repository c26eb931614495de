/* SPDX-License-Identifier: Apache-2.0 */
/* A whole service for tests of the supervisor: real processes, this very program executed again as
 * `--role=NAME` (service_roles.h says what each does). What the service logs is read from a pipe;
 * nothing here sleeps. */
#pragma once

#include "service_sites.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "json/json.h"
#include "serve/serve.h"

enum { SERVICE_PATIENCE_MS = 30'000 };

struct service {
    struct check_dir dir;
    pid_t pid;
    int log; /* what it says on standard error */
    char text[SERVICE_TEXT];
    size_t n;
    size_t seen; /* up to here lines were waited for */
};

static const char service_conf[] = "organization: Example\n"
                                   "domain: hospital.example\n"
                                   "listen: {api: [\"127.0.0.1:0\"], plain: [\"127.0.0.1:0\"]}\n";

static void service_configure(struct service *s, const char *more)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);
    struct err err = ERR_INIT;

    buf_printf(&text, "%s%s", service_conf, more);
    if (file_write(s->dir.fd, "autarky.yaml", buf_str(&text), 0644, FILE_OWNER_SELF, &err) != RC_OK)
        fail_msg("autarky.yaml: %s", err_textz(&err, s->text, sizeof(s->text)));
}

static void service_init(struct service *s)
{
    memset(s, 0, sizeof(*s));
    s->log = -1;
    check_dir_init(&s->dir);
    /* What a dead supervisor leaves behind comes to this process, which can see whether there is
     * something. */
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    service_configure(s, "");
}

static void service_start_with(struct service *s, const char *program)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        fail_msg("pipe");
    fflush(NULL);
    s->pid = fork();
    if (s->pid == 0) {
        struct serve_options serve = {
            .data = s->dir.path, .defs = service_defs, .program = program};

        prctl(PR_SET_PDEATHSIG, SIGKILL); /* should a test fail and leave it behind */
        /* cmocka's handler would go on with the tests, in this process too. */
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        dup2(fds[1], SERVICE_LEAK_FD); /* nobody marked it close-on-exec */
        setenv("SERVICE_SECRET", "1", 1);
        setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1);
        _exit(serve_run(&serve));
    }
    close(fds[1]);
    fd_close(&s->log);
    s->log = fds[0];
    s->n = s->seen = 0;
    s->text[0] = '\0';
}

static void service_start(struct service *s)
{
    service_start_with(s, NULL);
}

/* Reads more of the log; false at its end. */
static bool service_read(struct service *s)
{
    struct pollfd p = {.fd = s->log, .events = POLLIN};
    ssize_t n;

    if (poll(&p, 1, SERVICE_PATIENCE_MS) != 1)
        fail_msg("nothing more was logged:\n%s", s->text);
    if (s->n > sizeof(s->text) / 2 && s->seen > s->n / 2) {
        memmove(s->text, s->text + s->seen, s->n - s->seen);
        s->n -= s->seen;
        s->seen = 0;
    }
    n = read(s->log, s->text + s->n, sizeof(s->text) - 1 - s->n);
    if (n > 0)
        s->n += (size_t)n;
    s->text[s->n] = '\0';
    return n > 0;
}

/* Waits for a line with both texts, later than the one waited for before; returns the number behind
 * `pid=`, if any. */
static pid_t service_wait(struct service *s, const char *one, const char *two)
{
    for (;;) {
        const char *end;

        while ((end = strchr(s->text + s->seen, '\n'))) {
            char line[LOG_LINE_MAX];
            const char *pid;

            snprintf(line, sizeof(line), "%.*s", (int)(end - s->text - (ptrdiff_t)s->seen),
                     s->text + s->seen);
            s->seen = (size_t)(end - s->text) + 1;
            pid = strstr(line, " pid=");
            if (strstr(line, one) && strstr(line, two))
                return pid ? (pid_t)strtol(pid + 5, NULL, 10) : 0;
        }
        if (!service_read(s))
            fail_msg("the log ended without %s %s:\n%s", one, two, s->text);
    }
}

[[maybe_unused]] static pid_t service_ready(struct service *s, enum role role)
{
    char name[32];

    snprintf(name, sizeof(name), " role=%s ", role_name(role));
    return service_wait(s, " serve.role-ready ", name);
}

/* Waits for its end, reading what it still says; the status as of waitpid(2). */
static int service_end(struct service *s)
{
    int status = -1;

    while (service_read(s))
        ;
    if (waitpid(s->pid, &status, 0) != s->pid)
        fail_msg("the supervisor is lost");
    s->pid = 0;
    return status;
}

static void service_done(struct service *s)
{
    int status;

    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, &status, 0);
        /* Its children follow. */
        while (waitpid(-1, &status, 0) > 0)
            ;
    }
    fd_close(&s->log);
    check_dir_done(&s->dir);
}

/* The first address of that kind in listeners.json. */
static bool service_address(struct service *s, const char *kind, struct addr_port *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *first;
    struct json_iter it;
    struct str address;

    if (file_read(s->dir.fd, "listeners.json", &text, NULL) != RC_OK ||
        json_parse(buf_str(&text), SERVICE_TEXT, &doc, NULL) != RC_OK)
        return false;
    it = json_iter(json_get(json_root(doc), kind));
    return json_next(&it, NULL, &first) && json_str(first, &address) == RC_OK &&
           addr_port_parse(address, out) == RC_OK;
}

static int service_connect(const struct addr_port *to)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(to->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(&at.sin_addr, to->addr.b, sizeof(at.sin_addr));
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
        fd_close(&fd);
    return fd;
}

/* What comes back on a connection, until it is closed; in a static buffer. */
static const char *service_take(int *fd)
{
    static char text[SERVICE_TEXT];
    struct pollfd p = {.fd = *fd, .events = POLLIN};
    size_t n = 0;
    ssize_t got = 1;

    while (got > 0 && n < sizeof(text) - 1) {
        if (poll(&p, 1, SERVICE_PATIENCE_MS) != 1)
            fail_msg("no answer");
        got = read(*fd, text + n, sizeof(text) - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    fd_close(fd);
    text[n] = '\0';
    return text;
}

static int service_send(struct service *s, const char *line)
{
    struct addr_port at;
    int fd;

    if (!service_address(s, "plain", &at))
        fail_msg("listeners.json says nothing of plain");
    fd = service_connect(&at);
    if (fd < 0 || write(fd, line, strlen(line)) < 0)
        fail_msg("no connection to the plain listener");
    return fd;
}

static const char *service_ask(struct service *s, const char *line)
{
    int fd = service_send(s, line);

    return service_take(&fd);
}

/* For main: the program as one of its own roles. -1 when it is not asked to be one. */
static int service_role(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && service_defs[i]; i++) {
        char arg[32];

        snprintf(arg, sizeof(arg), "--role=%s", role_name(service_defs[i]->role));
        if (strcmp(argv[1], arg) == 0)
            return role_child_run(service_defs[i]);
    }
    return -1;
}

#define SERVICE_MAIN(...)                                                                          \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        static const struct check_test tests_[] = {__VA_ARGS__};                                   \
        int role_ = service_role(argc, argv);                                                      \
                                                                                                   \
        return role_ >= 0 ? role_ : check_run(tests_, sizeof(tests_) / sizeof(tests_[0]));         \
    }
