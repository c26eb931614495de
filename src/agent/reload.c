/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/child.h"
#include "base/fd.h"
#include "ev/ev.h"

MSG(msg_how, "agent.reload",
    "\"{0}\" does not say how to reload: /PATH OF A PROGRAM with arguments, unit:NAME, "
    "signal:HUP:/PATH OF A PID FILE, or shell:COMMAND");
MSG(msg_signal, "agent.reload-signal",
    "there is no signal \"{0}\" to reload by; there are HUP, USR1, USR2, INT, TERM");
MSG(msg_pid_file, "agent.reload-pid-file", "the pid file {0} cannot be used: {1}");
MSG(msg_process, "agent.reload-process",
    "the process {0} that {1} names cannot be signalled: {2}; is the service running?");
MSG(msg_unit, "agent.reload-unit",
    "{0} was not reloaded: {1}; `systemctl status {0}` and `journalctl -u {0}` say why");
MSG(msg_stopped, "agent.reload-stopped", "stopped by a signal while the service was reloaded");

enum { PID_TEXT = 32, WHY_TEXT = 512 };

static const struct {
    const char *name;
    int number;
} signals[] = {
    {"HUP", SIGHUP}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"INT", SIGINT}, {"TERM", SIGTERM},
};

/* What it says, taken apart. */
struct reload {
    const char *argv[AGENT_RELOAD_WORDS_MAX + 1];
    int signal;      /* 0: a program */
    struct str unit; /* whose it is; or empty */
    const char *pid_file;
};

static enum rc unclear(struct str how, struct err *err)
{
    return ERR(err, RC_INVAL, msg_how, how);
}

/* ---- words */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The next word, without its quotation marks, into `word`, which has room for all of `rest`. False
 * when marks are not closed. */
static bool next_word(struct str *rest, char *word)
{
    char quote = '\0';
    size_t i;

    for (i = 0; i < rest->n && (quote || !is_blank(rest->p[i])); i++) {
        char c = rest->p[i];

        if (quote ? c == quote : c == '\'' || c == '"')
            quote = quote ? '\0' : c;
        else
            *word++ = c;
    }
    *word = '\0';
    *rest = str_skip(*rest, i);
    return !quote;
}

static enum rc split(struct arena *a, struct str how, struct reload *r, struct err *err)
{
    struct str rest = how;
    size_t n = 0;

    for (;;) {
        char *word;

        while (rest.n && is_blank(rest.p[0]))
            rest = str_skip(rest, 1);
        if (rest.n == 0)
            return n ? RC_OK : unclear(how, err);
        if (n == AGENT_RELOAD_WORDS_MAX)
            return RC_TOOBIG;
        word = arena_alloc(a, rest.n + 1);
        if (!word)
            return RC_NOMEM;
        if (!next_word(&rest, word))
            return unclear(how, err);
        r->argv[n++] = word;
    }
}

/* ---- the ways */

static bool is_unit(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!letter && !(i > 0 && c == '-') && c != '.' && c != '_' && c != '@' && c != ':' &&
            c != '\\')
            return false;
    }
    return s.n > 0;
}

static enum rc take_unit(struct arena *a, struct str how, struct str unit, struct reload *r,
                         struct err *err)
{
    if (!is_unit(unit))
        return unclear(how, err);
    TRY(arena_str(a, unit, &unit));
    r->argv[0] = "/usr/bin/systemctl";
    r->argv[1] = "try-reload-or-restart";
    r->argv[2] = unit.p;
    r->unit = unit;
    return RC_OK;
}

static enum rc take_signal(struct arena *a, struct str how, struct str rest, struct reload *r,
                           struct err *err)
{
    struct str name, file;

    if (!str_cut(rest, ':', &name, &file) || !str_starts(file, STR("/")))
        return unclear(how, err);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (str_eq(name, str_of(signals[i].name)))
            r->signal = signals[i].number;
    if (!r->signal)
        return ERR(err, RC_INVAL, msg_signal, name);
    TRY(arena_str(a, file, &file));
    r->pid_file = file.p;
    return RC_OK;
}

static enum rc take_shell(struct arena *a, struct str how, struct str text, struct reload *r,
                          struct err *err)
{
    if (str_trim(text).n == 0)
        return unclear(how, err);
    TRY(arena_str(a, text, &text));
    r->argv[0] = "/bin/sh";
    r->argv[1] = "-c";
    r->argv[2] = text.p;
    return RC_OK;
}

static enum rc parse(struct arena *a, struct str how, struct reload *r, struct err *err)
{
    struct str kind, rest;

    *r = (struct reload){};
    if (how.n > AGENT_RELOAD_MAX || memchr(how.p, '\0', how.n))
        return unclear(how, err);
    if (str_starts(how, STR("/")))
        return split(a, how, r, err);
    str_cut(how, ':', &kind, &rest);
    if (str_eq(kind, STR("unit")))
        return take_unit(a, how, rest, r, err);
    if (str_eq(kind, STR("signal")))
        return take_signal(a, how, rest, r, err);
    if (str_eq(kind, STR("shell")))
        return take_shell(a, how, rest, r, err);
    return unclear(how, err);
}

enum { ARENA_BYTES = AGENT_RELOAD_MAX * (AGENT_RELOAD_WORDS_MAX + 2) };

enum rc agent_reload_check(struct str how, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    struct reload r;

    return parse(&a, how, &r, err);
}

/* ---- a program */

struct wait {
    struct err *err;
    enum rc rc;
    bool ended;
};

static void on_end(void *arg, const struct agent_child_end *end)
{
    struct wait *wait = arg;

    wait->ended = true;
    wait->rc = end->rc;
    if (end->err && wait->err)
        *wait->err = *end->err;
}

static enum rc execute(const struct agent_world *w, const struct reload *r, int64_t timeout,
                       const bool *stopped, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    const char *env[AGENT_CHILD_ENV + 1] = {};
    struct wait wait = {.err = err};
    const struct agent_child_conf conf = {
        .w = w, .argv = r->argv, .env = env, .timeout = timeout, .fn = on_end, .arg = &wait};
    struct agent_child *child;

    TRY(agent_child_env(&a, env));
    TRY(agent_child_start(&conf, &child, err));
    while (!wait.ended && !*stopped)
        ev_run_once(w->ev, EV_WAIT);
    if (wait.ended)
        return wait.rc;
    agent_child_kill(child);
    return ERR(err, RC_CANCELLED, msg_stopped);
}

/* What systemctl says of it names neither the unit, always, nor where to look. */
static enum rc reload_unit(const struct agent_world *w, const struct reload *r, int64_t timeout,
                           const bool *stopped, struct err *err)
{
    struct err why = ERR_INIT;
    char text[WHY_TEXT];

    why.rc = execute(w, r, timeout, stopped, &why);
    if (why.rc == RC_OK || why.rc == RC_NOMEM || why.rc == RC_CANCELLED) {
        if (err)
            *err = why;
        return why.rc;
    }
    return ERR(err, why.rc, msg_unit, r->unit, str_of(err_textz(&why, text, sizeof(text))));
}

/* ---- a signal */

static enum rc pid_file_bad(const struct reload *r, enum rc rc, const char *why, struct err *err)
{
    return ERR(err, rc, msg_pid_file, str_of(r->pid_file), str_of(why));
}

/* *out_owner is who wrote it. */
static enum rc read_pid(const struct reload *r, pid_t *out_pid, uid_t *out_owner, struct err *err)
{
    CLEANUP(fd_closep) int fd = open(r->pid_file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    char text[PID_TEXT];
    struct stat st;
    uint64_t number = 0;
    struct str line, rest;
    ssize_t n;

    if (fd < 0 && errno == ELOOP) /* whoever may make one could choose among all pid files */
        return pid_file_bad(r, RC_DENIED, "it is a symbolic link", err);
    if (fd < 0 || fstat(fd, &st) != 0)
        return pid_file_bad(r, errno == ENOENT ? RC_NOTFOUND : RC_IO, strerrordesc_np(errno), err);
    if (!S_ISREG(st.st_mode))
        return pid_file_bad(r, RC_DENIED, "it is no regular file", err);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return pid_file_bad(r, RC_DENIED, "others than its owner may write to it", err);
    n = read(fd, text, sizeof(text));
    /* The first line: PostgreSQL writes more behind it. */
    str_cut(str_bytes(text, n > 0 ? (size_t)n : 0), '\n', &line, &rest);
    if (str_u64(str_trim(line), INT32_MAX, &number) != RC_OK || number < 2)
        return pid_file_bad(r, RC_PARSE, "there is no number of a process in it", err);
    *out_pid = (pid_t)number;
    *out_owner = st.st_uid;
    return RC_OK;
}

static enum rc process_bad(const struct reload *r, pid_t pid, enum rc rc, const char *why,
                           struct err *err)
{
    char digits[PID_TEXT];

    snprintf(digits, sizeof(digits), "%d", pid);
    return ERR(err, rc, msg_process, str_of(digits), str_of(r->pid_file), str_of(why));
}

/* A file that another user than root or ourselves writes may only name his own processes: he could
 * have us end any other. */
static bool may_name(uid_t owner, pid_t pid)
{
    char path[PID_TEXT];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%d", pid);
    return owner == 0 || owner == geteuid() || (stat(path, &st) == 0 && st.st_uid == owner);
}

static enum rc send_signal(const struct reload *r, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    uid_t owner = 0;
    pid_t pid = 0;

    TRY(read_pid(r, &pid, &owner, err));
    fd = (int)syscall(SYS_pidfd_open, pid, 0); /* first: a number may be given away again */
    if (fd < 0)
        return process_bad(r, pid, RC_NOTFOUND, strerrordesc_np(errno), err);
    if (!may_name(owner, pid))
        return process_bad(r, pid, RC_DENIED, "it is not of the user who owns the file", err);
    if (syscall(SYS_pidfd_send_signal, fd, r->signal, NULL, 0) != 0)
        return process_bad(r, pid, errno == ESRCH ? RC_NOTFOUND : RC_DENIED, strerrordesc_np(errno),
                           err);
    return RC_OK;
}

enum rc agent_reload(const struct agent_world *w, struct str how, int64_t timeout,
                     const bool *stopped, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    struct reload r;

    TRY(parse(&a, how, &r, err));
    if (r.signal)
        return send_signal(&r, err);
    return r.unit.n ? reload_unit(w, &r, timeout, stopped, err)
                    : execute(w, &r, timeout, stopped, err);
}
