/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/id.h"

static struct {
    char role[LOG_ROLE_MAX];
    enum log_level level;
    enum log_format format;
    uint32_t rate;
    when_t (*now)(void *arg);
    void *now_arg;
    log_sink sink;
    void *sink_arg;
    int fd; /* standard error, or our own end of it */
    bool socket;
    struct id request;
    bool stuck;    /* the last line was lost */
    uint64_t lost; /* lines that could not be written and were not yet told */
} state = {
    .role = "autarky",
    .level = LOG_LEVEL_INFO,
    .format = LOG_FORMAT_TEXT,
    .rate = LOG_RATE_DEFAULT,
    .fd = STDERR_FILENO,
};

static const char *const level_names[LOG_LEVEL_COUNT] = {"error", "warn", "info", "debug"};
static const char *const format_names[LOG_FORMAT_COUNT] = {"text", "json"};

static enum rc find_name(const char *const *names, int n, struct str s, int *out)
{
    for (int i = 0; i < n; i++)
        if (str_eq(s, str_of(names[i]))) {
            *out = i;
            return RC_OK;
        }
    return RC_NOTFOUND;
}

const char *log_level_name(enum log_level level)
{
    return (unsigned)level < LOG_LEVEL_COUNT ? level_names[level] : "unknown";
}

enum rc log_level_parse(struct str s, enum log_level *out)
{
    int i = 0;

    TRY(find_name(level_names, LOG_LEVEL_COUNT, s, &i));
    *out = (enum log_level)i;
    return RC_OK;
}

const char *log_format_name(enum log_format format)
{
    return (unsigned)format < LOG_FORMAT_COUNT ? format_names[format] : "unknown";
}

enum rc log_format_parse(struct str s, enum log_format *out)
{
    int i = 0;

    TRY(find_name(format_names, LOG_FORMAT_COUNT, s, &i));
    *out = (enum log_format)i;
    return RC_OK;
}

/* A pipe is shared with other processes, whose writes must not begin to fail because we made the
 * open file non-blocking; opening it once more gives us one of our own. On a socket each send says
 * for itself that it will not wait. A terminal or file is written as it is. */
static void open_stderr(void)
{
    struct stat st;
    int own;

    if (state.fd != STDERR_FILENO || fstat(STDERR_FILENO, &st) != 0)
        return;
    state.socket = S_ISSOCK(st.st_mode);
    if (!S_ISFIFO(st.st_mode))
        return;
    own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (own >= 0)
        state.fd = own;
}

void log_init(const struct log_conf *conf)
{
    snprintf(state.role, sizeof(state.role), "%s", conf->role);
    state.level = conf->level;
    state.format = conf->format;
    state.rate = conf->rate ? conf->rate : LOG_RATE_DEFAULT;
    state.now = conf->now;
    state.now_arg = conf->now_arg;
    state.sink = conf->sink;
    state.sink_arg = conf->sink_arg;
    if (!conf->sink)
        open_stderr();
}

bool log_wants(enum log_level level)
{
    return level <= state.level;
}

void log_request(const struct id *id)
{
    if (id)
        state.request = *id;
    else
        state.request.z[0] = '\0';
}

const struct id *log_request_current(void)
{
    return state.request.z[0] ? &state.request : NULL;
}

static bool write_once(struct str line)
{
    ssize_t n = state.socket ? send(state.fd, line.p, line.n, MSG_DONTWAIT | MSG_NOSIGNAL)
                             : write(state.fd, line.p, line.n);

    return n == (ssize_t)line.n;
}

/* One write per line. A reader that does not keep up is waited for once; after that each line is
 * tried and, if there is no room, lost at once, until one gets through: a stuck reader must not
 * slow down every event. */
static void write_stderr(struct str line)
{
    struct pollfd wait = {.fd = state.fd, .events = POLLOUT};
    bool waits = !state.socket && state.fd == STDERR_FILENO; /* a write would, so ask before */
    int saved = errno;
    bool done = !waits && write_once(line);

    if (!done && (waits || errno == EAGAIN))
        done = poll(&wait, 1, state.stuck ? 0 : LOG_WAIT_MS) == 1 && write_once(line);
    state.stuck = !done;
    state.lost += !done;
    errno = saved;
}

static when_t time_now(void)
{
    struct timespec ts;

    if (state.now)
        return state.now(state.now_arg);
    clock_gettime(CLOCK_REALTIME, &ts);
    return (when_t)ts.tv_sec * WHEN_SECOND + ts.tv_nsec / 1000;
}

static void emit(enum log_level level, const char *code, when_t at, const struct log_field *fields)
{
    struct log_line line;
    struct log_head head = {at, state.role, level, code, log_request_current()};
    struct str s;

    log_line_render(&line, state.format, &head, fields);
    s = str_bytes(line.p, line.n);
    if (state.sink)
        state.sink(state.sink_arg, level, s);
    else
        write_stderr(s);
}

static void tell_suppressed(when_t at, bool all)
{
    const char *code = NULL;
    uint64_t n = 0;

    while (log_rate_next(at / WHEN_SECOND, all, &code, &n))
        emit(LOG_LEVEL_WARN, "log.suppressed", at,
             (const struct log_field[]){LOG_Z("event", code), LOG_INT("lines", n), {.key = NULL}});
    n = state.lost;
    if (n) {
        /* If this line is lost too, it is tried again, and not counted itself. */
        state.lost = 0;
        emit(LOG_LEVEL_WARN, "log.lost", at,
             (const struct log_field[]){LOG_INT("lines", n), {.key = NULL}});
        if (state.lost)
            state.lost = n;
    }
}

void log_flush(void)
{
    tell_suppressed(time_now(), true);
}

void log_event(enum log_level level, const char *code, const struct log_field *fields)
{
    when_t at = time_now();

    if (!log_wants(level))
        return;
    tell_suppressed(at, false);
    if (log_rate_take(code, at / WHEN_SECOND, state.rate))
        emit(level, code, at, fields);
}
