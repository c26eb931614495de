/* SPDX-License-Identifier: Apache-2.0 */
/* The courier beside a core and syslog servers that this test plays, with real files. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "conf/load.h"
#include "courier/courier_int.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "log/log.h"
#include "net_fake.h"
#include "role/child_int.h"
#include "role/roles.h"
#include "sandbox/users.h"

#define NOW (INT64_C(1'795'199'040) * WHEN_SECOND)

enum { TURNS = 30, FILE_ROOM = 1 << 20, HEARD_MAX = 1 << 16 };

static const char config[] = "organization: Example Hospital\n"
                             "domain: hospital.example\n"
                             "gateway: {access_log: {size: 64KiB, keep: 2}}\n"
                             "audit:\n"
                             "  forward:\n"
                             "    - {name: archive, size: 64KiB, keep: 2}\n"
                             "    - {name: siem, server: \"10.0.0.9:514\", plain: true}\n";

struct world {
    struct clock_fake clock;
    struct role_child child;
    struct role_env *env;
    const struct conf *conf;
    struct check_dir dir;
    struct net *net;
    struct ipc_chan *here, *there;
    int server; /* the syslog server's end; -1: none */
    struct buf heard;
    /* what core was answered */
    bool answered;
    enum rc rc;
    uint64_t through;
    char why[1024];
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
    struct ipc_chan_conf courier = {
        ROLE_COURIER, ROLE_CORE, role_courier.handlers, role_courier.n_handlers, on_close, w->env};
    struct ipc_chan_conf core = {ROLE_CORE, ROLE_COURIER, NULL, 0, on_close, w};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(w->env->ev, fds[0], &courier, &w->here));
    return ipc_chan_new(w->env->ev, fds[1], &core, &w->there);
}

static enum rc courier_starts(struct world *w)
{
    struct courier *c;

    TRY(role_courier.open(w->env, NULL));
    c = w->env->state;
    TRY(net_fake_new(w->env->ev, &c->net));
    w->net = c->net;
    TRY(role_courier.start(w->env, NULL));
    return core_comes(w);
}

static void courier_ends(struct world *w)
{
    ipc_chan_free(MOVE(w->here));
    ipc_chan_free(MOVE(w->there));
    role_courier.close(w->env);
}

static void world_done(struct world *w)
{
    if (!w->env)
        return;
    courier_ends(w);
    fd_close(&w->server);
    buf_done(&w->heard);
    if (w->env->ev)
        ev_timer_stop(&w->child.leave);
    ev_free(w->env->ev);
    conf_unref(w->conf);
    check_dir_done(&w->dir);
}

static enum rc world_init(struct world *w, const char *text)
{
    struct log_conf quietly = {.role = "test", .sink = quiet};

    memset(w, 0, sizeof(*w));
    log_init(&quietly);
    check_dir_init(&w->dir);
    w->server = -1;
    buf_init(&w->heard, HEARD_MAX);
    clock_fake_init(&w->clock, NOW);
    w->env = &w->child.env;
    w->child.def = &role_courier;
    w->env->clock = &w->clock.clock;
    w->env->data = w->dir.fd;
    TRY(load(text, &w->conf));
    w->env->conf = w->conf;
    TRY(ev_new(&w->clock.clock, &w->env->ev));
    ev_timer_init(&w->child.leave, w->env->ev, on_leave, w);
    return courier_starts(w);
}

/* Root makes the directory for that user, so there has to be one. */
static bool user_there(void)
{
    uid_t uid;
    gid_t gid;

    return geteuid() != 0 || sandbox_user_find("autarky-courier", &uid, &gid, NULL) != RC_NOTFOUND;
}

#define BEGIN_WITH(w, text, rc)                                                                    \
    CLEANUP(world_done) struct world w = {};                                                       \
    if (!user_there())                                                                             \
        skip();                                                                                    \
    CHECK_RC(world_init(&w, text), rc)
#define BEGIN(w) BEGIN_WITH(w, config, RC_OK)

/* ---- core asks */

static void on_delivered(void *arg, const struct ipc_answer *a)
{
    struct world *w = arg;

    w->answered = true;
    w->rc = a->rc;
    w->through = a->rc == RC_OK ? ((const struct ipc_delivered *)a->msg)->through : 0;
    if (a->rc != RC_OK && a->err)
        err_textz(a->err, w->why, sizeof(w->why));
}

static enum rc begin(struct world *w, const char *name, const struct ipc_record *records, size_t n)
{
    const struct ipc_deliver msg = {str_of(name), {records, n}};
    struct ipc_ask ask = {.type = IPC_DELIVER, .msg = &msg, .fn = on_delivered, .arg = w};

    w->answered = false;
    w->why[0] = 0;
    TRY(ipc_call(w->there, &ask, NULL));
    turn(w);
    return RC_OK;
}

static enum rc deliver(struct world *w, const char *name, const struct ipc_record *records,
                       size_t n)
{
    TRY(begin(w, name, records, n));
    return w->answered ? w->rc : RC_AGAIN;
}

#define RECORD(n, bytes_)                                                                          \
    {                                                                                              \
        (n), NOW + 7, STR("order.created"), STR(bytes_)                                            \
    }

static const struct ipc_record three[] = {
    RECORD(1, "{\"sequence\":1}"), RECORD(2, "{\"sequence\":2}"), RECORD(3, "{\"sequence\":3}")};
#define LINES "{\"sequence\":1}\n{\"sequence\":2}\n{\"sequence\":3}\n"

/* ---- files */

static enum rc content(const struct world *w, const char *path, struct buf *out)
{
    buf_reset(out);
    return file_read(w->dir.fd, path, out, NULL);
}

static enum rc write_raw(const struct world *w, const char *path, const char *text, int flags)
{
    CLEANUP(fd_closep) int fd = openat(w->dir.fd, path, O_WRONLY | O_CLOEXEC | flags, 0600);

    return fd >= 0 && file_put_all(fd, str_of(text)) ? RC_OK : RC_IO;
}

static void lines_are_appended(void)
{
    CLEANUP(buf_done) struct buf got = BUF_INIT(FILE_ROOM);
    struct stat st;

    BEGIN(w);
    CHECK_OK(deliver(&w, "archive", three, 2));
    CHECK_INT(w.through, 2);
    CHECK_OK(deliver(&w, "archive", three + 2, 1));
    CHECK_OK(content(&w, "forward/archive.jsonl", &got));
    CHECK_STR(buf_str(&got), LINES);
    CHECK_INT(fstatat(w.dir.fd, "forward/archive.jsonl", &st, 0), 0);
    CHECK_INT(st.st_mode & 07777, 0640);
    CHECK_INT(fstatat(w.dir.fd, "forward", &st, 0), 0);
    CHECK_INT(st.st_mode & 07777, 0750);
}

static void a_torn_line_is_cut_off(void)
{
    CLEANUP(buf_done) struct buf got = BUF_INIT(FILE_ROOM);

    BEGIN(w);
    CHECK_OK(write_raw(&w, "forward/archive.jsonl", "{\"sequence\":1}\n{\"sequ", O_CREAT));
    CHECK_OK(deliver(&w, "archive", three + 1, 2));
    CHECK_OK(content(&w, "forward/archive.jsonl", &got));
    CHECK_STR(buf_str(&got), LINES);
}

static void a_file_that_is_all_torn(void)
{
    CLEANUP(buf_done) struct buf got = BUF_INIT(FILE_ROOM);

    BEGIN(w);
    CHECK_OK(write_raw(&w, "forward/archive.jsonl", "{\"sequ", O_CREAT));
    CHECK_OK(deliver(&w, "archive", three, 3));
    CHECK_OK(content(&w, "forward/archive.jsonl", &got));
    CHECK_STR(buf_str(&got), LINES);
}

/* As logrotate does it: renamed, removed, or emptied behind the courier's back. */
static void others_may_move_the_file(void)
{
    CLEANUP(buf_done) struct buf got = BUF_INIT(FILE_ROOM);

    BEGIN(w);
    CHECK_OK(deliver(&w, "archive", three, 1));
    CHECK_INT(renameat(w.dir.fd, "forward/archive.jsonl", w.dir.fd, "forward/elsewhere"), 0);
    CHECK_OK(deliver(&w, "archive", three + 1, 1));
    CHECK_OK(content(&w, "forward/archive.jsonl", &got));
    CHECK_STR(buf_str(&got), "{\"sequence\":2}\n");
    CHECK_OK(write_raw(&w, "forward/archive.jsonl", "", O_TRUNC));
    CHECK_OK(deliver(&w, "archive", three + 2, 1));
    CHECK_OK(content(&w, "forward/archive.jsonl", &got));
    CHECK_STR(buf_str(&got), "{\"sequence\":3}\n");
    CHECK_OK(write_raw(&w, "forward/archive.jsonl", "{\"half", O_APPEND));
    CHECK_OK(deliver(&w, "archive", three, 1));
    CHECK_OK(content(&w, "forward/archive.jsonl", &got));
    CHECK_STR(buf_str(&got), "{\"sequence\":3}\n{\"sequence\":1}\n");
}

static enum rc deliver_within(struct world *w, rlim_t bytes)
{
    struct rlimit before, now;
    enum rc rc;

    (void)signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &before) != 0)
        return RC_INVAL;
    now = (struct rlimit){bytes, before.rlim_max};
    if (setrlimit(RLIMIT_FSIZE, &now) != 0)
        return RC_INVAL;
    rc = deliver(w, "archive", three + 1, 2);
    return setrlimit(RLIMIT_FSIZE, &before) == 0 ? rc : RC_INVAL;
}

/* Played by a limit: it takes the first line and half of the second one. */
static void a_full_disk_leaves_no_half_line(void)
{
    CLEANUP(buf_done) struct buf got = BUF_INIT(FILE_ROOM);

    BEGIN(w);
    CHECK_OK(deliver(&w, "archive", three, 1));
    CHECK_RC(deliver_within(&w, 2 * (rlim_t)strlen("{\"sequence\":1}\n") + 7), RC_IO);
    CHECK(strstr(w.why, "DATA/forward/archive.jsonl cannot be written: "));
    CHECK_OK(content(&w, "forward/archive.jsonl", &got));
    CHECK_STR(buf_str(&got), "{\"sequence\":1}\n");
    CHECK_OK(deliver(&w, "archive", three + 1, 2));
    CHECK_OK(content(&w, "forward/archive.jsonl", &got));
    CHECK_STR(buf_str(&got), LINES);
}

static void what_is_no_file_of_records(void)
{
    CLEANUP(buf_done) struct buf got = BUF_INIT(FILE_ROOM);

    BEGIN(w);
    CHECK_INT(mkdirat(w.dir.fd, "forward/archive.jsonl", 0700), 0);
    CHECK_RC(deliver(&w, "archive", three, 3), RC_IO);
    CHECK(strstr(w.why, "DATA/forward/archive.jsonl cannot be written: "));
    CHECK_INT(unlinkat(w.dir.fd, "forward/archive.jsonl", AT_REMOVEDIR), 0);
    CHECK_INT(mkfifoat(w.dir.fd, "forward/archive.jsonl", 0600), 0);
    CHECK_RC(deliver(&w, "archive", three, 3), RC_INVAL);
    CHECK_INT(unlinkat(w.dir.fd, "forward/archive.jsonl", 0), 0);
    CHECK_OK(write_raw(&w, "elsewhere", "here\n", O_CREAT));
    CHECK_INT(symlinkat("../elsewhere", w.dir.fd, "forward/archive.jsonl"), 0);
    CHECK_RC(deliver(&w, "archive", three, 3), RC_IO);
    CHECK_INT(unlinkat(w.dir.fd, "forward/archive.jsonl", 0), 0);
    CHECK_OK(deliver(&w, "archive", three, 3)); /* mended, it goes on */
    CHECK_OK(content(&w, "elsewhere", &got));
    CHECK_STR(buf_str(&got), "here\n");
}

static enum rc fill(struct world *w, uint64_t first, uint64_t n)
{
    static char big[30000];

    memset(big, 'x', sizeof(big));
    for (uint64_t i = first; i < first + n; i++) {
        struct ipc_record r = {i, NOW, STR("order.created"), {big, sizeof(big)}};

        TRY(deliver(w, "archive", &r, 1));
    }
    return RC_OK;
}

static bool there(const struct world *w, const char *path)
{
    return faccessat(w->dir.fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Two such records fit into a file. */
static void full_files_are_put_aside(void)
{
    CLEANUP(buf_done) struct buf got = BUF_INIT(FILE_ROOM);

    BEGIN(w);
    CHECK_OK(fill(&w, 1, 3));
    CHECK_OK(content(&w, "forward/archive.000000000002.jsonl", &got));
    CHECK_INT(got.n, 60002);
    CHECK_OK(content(&w, "forward/archive.jsonl", &got));
    CHECK_INT(got.n, 30001);
    CHECK_OK(fill(&w, 4, 4));
    CHECK(!there(&w, "forward/archive.000000000002.jsonl")); /* the oldest of three */
    CHECK(there(&w, "forward/archive.000000000004.jsonl"));
    CHECK(there(&w, "forward/archive.000000000006.jsonl"));
    /* After a restore the same numbers come again; what is there is not replaced. */
    CHECK_OK(fill(&w, 5, 2));
    CHECK(there(&w, "forward/archive.000000000006.2.jsonl") ||
          there(&w, "forward/archive.000000000005.jsonl"));
}

/* ---- lines of the access log, of a worker of the gateway */

static void on_written(void *arg, const struct ipc_answer *a)
{
    on_delivered(
        arg, &(struct ipc_answer){.rc = a->rc, .err = a->err, .msg = &(struct ipc_delivered){}});
}

/* As on a channel of its own. */
static enum rc writes(struct world *w, unsigned format, struct str lines)
{
    struct ipc_chan_conf courier = {
        ROLE_COURIER, ROLE_GATEWAY, role_courier.handlers, role_courier.n_handlers,
        on_close,     w->env};
    struct ipc_chan_conf worker = {ROLE_GATEWAY, ROLE_COURIER, NULL, 0, on_close, w};
    CLEANUP(ipc_chan_freep) struct ipc_chan *here = NULL, *there = NULL;
    const struct ipc_access msg = {(uint8_t)format, lines};
    struct ipc_ask ask = {.type = IPC_ACCESS, .msg = &msg, .fn = on_written, .arg = w};
    int fds[2];

    w->answered = false;
    w->why[0] = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(w->env->ev, fds[0], &courier, &here));
    TRY(ipc_chan_new(w->env->ev, fds[1], &worker, &there));
    TRY(ipc_call(there, &ask, NULL));
    turn(w);
    return w->answered ? w->rc : RC_AGAIN;
}

static void lines_of_the_access_log(void)
{
    CLEANUP(buf_done) struct buf got = BUF_INIT(FILE_ROOM);
    struct stat st;

    BEGIN(w);
    CHECK_OK(writes(&w, CONF_ACCESS_JSON, STR("{\"a\":1}\n{\"a\":2}\n")));
    CHECK_OK(writes(&w, CONF_ACCESS_COMBINED, STR("10.0.0.1 - -\n")));
    CHECK_OK(writes(&w, CONF_ACCESS_JSON, STR("{\"a\":3}\n")));
    CHECK_OK(content(&w, "access/access.jsonl", &got));
    CHECK_STR(buf_str(&got), "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
    CHECK_OK(content(&w, "access/access.log", &got));
    CHECK_STR(buf_str(&got), "10.0.0.1 - -\n");
    CHECK_INT(fstatat(w.dir.fd, "access/access.log", &st, 0), 0);
    CHECK_INT(st.st_mode & 07777, 0640);
}

static void what_is_no_line_is_refused(void)
{
    static const char *const bad[] = {"", "no end", "\x1b[2J\n", "a\r\n", "\xc3\xa4\n", "\x7f\n"};

    BEGIN(w);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(writes(&w, CONF_ACCESS_JSON, str_of(bad[i])), RC_INVAL);
    CHECK(strstr(w.why, "no lines of an access log"));
    CHECK_RC(writes(&w, CONF_ACCESS_OFF, STR("a\n")), RC_INVAL);
    CHECK_RC(writes(&w, CONF_ACCESS_COMBINED + 1, STR("a\n")), RC_INVAL);
    CHECK(!there(&w, "access/access.jsonl") && !there(&w, "access/access.log"));
}

/* By logrotate, or when it is full; the limit of the moment counts. */
static void access_logs_are_put_aside(void)
{
    static char line[40'000];
    CLEANUP(buf_done) struct buf got = BUF_INIT(FILE_ROOM);

    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    BEGIN(w);
    CHECK_OK(writes(&w, CONF_ACCESS_COMBINED, str_bytes(line, sizeof(line))));
    CHECK_OK(writes(&w, CONF_ACCESS_COMBINED, str_bytes(line, sizeof(line))));
    CHECK(there(&w, "access/access.20261120T182400Z.log"));
    CHECK_OK(content(&w, "access/access.log", &got));
    CHECK_INT(got.n, sizeof(line));
    for (int i = 0; i < 4; i++) {
        clock_fake_advance(&w.clock, WHEN_SECOND);
        CHECK_OK(writes(&w, CONF_ACCESS_COMBINED, str_bytes(line, sizeof(line))));
    }
    CHECK(!there(&w, "access/access.20261120T182400Z.log")); /* keep: 2 */
    CHECK(!there(&w, "access/access.20261120T182402Z.log"));
    CHECK(there(&w, "access/access.20261120T182403Z.log"));
    CHECK(there(&w, "access/access.20261120T182404Z.log"));
    CHECK_INT(renameat(w.dir.fd, "access/access.log", w.dir.fd, "access/access.log.1"), 0);
    CHECK_OK(writes(&w, CONF_ACCESS_COMBINED, STR("new\n")));
    CHECK_OK(content(&w, "access/access.log", &got));
    CHECK_STR(buf_str(&got), "new\n");
}

/* ---- syslog */

static void listens(struct world *w)
{
    struct addr_port at;

    IGNORE_RC(addr_port_parse(STR("10.0.0.9:514"), &at));
    IGNORE_RC(net_fake_rule(w->net, &at, NET_FAKE_ACCEPT));
}

static enum rc accepts(struct world *w)
{
    fd_close(&w->server);
    return net_fake_take(w->net, &w->server, NULL);
}

/* True at the client's end of it. */
static bool hears(struct world *w)
{
    char room[4096];
    ssize_t n;

    for (int i = 0; i < 100; i++) {
        n = recv(w->server, room, sizeof(room), MSG_DONTWAIT);
        if (n == 0)
            return true;
        if (n > 0)
            buf_put(&w->heard, room, (size_t)n);
        turn(w);
    }
    return false;
}

static void messages_are_counted_and_confirmed(void)
{
    char expected[1024], host[256] = "";
    uint64_t counted = 0;

    BEGIN(w);
    listens(&w);
    CHECK_INT(gethostname(host, sizeof(host) - 1), 0);
    CHECK_OK(begin(&w, "siem", three, 1));
    CHECK(!w.answered);
    CHECK_OK(accepts(&w));
    CHECK(hears(&w));
    snprintf(expected, sizeof(expected),
             "<109>1 2026-11-20T18:24:00.000007Z %s autarky - order.created "
             "[origin software=\"autarky\" swVersion=\"" AUTARKY_VERSION
             "\"][meta sequenceId=\"1\"] {\"sequence\":1}",
             host);
    CHECK(w.heard.n > 4 && memcmp(w.heard.p + 4, expected, strlen(expected)) == 0);
    CHECK_INT(w.heard.n, strlen(expected) + 4);
    CHECK(str_u64(str_head(buf_str(&w.heard), 3), 999, &counted) == RC_OK);
    CHECK_INT(counted, strlen(expected)); /* octet counting */
    CHECK(!w.answered);                   /* not before the server has closed */
    fd_close(&w.server);
    turn(&w);
    CHECK(w.answered);
    CHECK_OK(w.rc);
    CHECK_INT(w.through, 1);
}

static void sequence_ids_begin_again(void)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
    struct ipc_record r = RECORD(UINT64_C(2'147'483'647), "{}");

    courier_frame_put(&out, "host", &r);
    CHECK(strstr(buf_z(&out), "[meta sequenceId=\"2147483647\"]"));
    buf_reset(&out);
    r.sequence++;
    r.at = -1;
    r.action = STR("a-word-that-is-much-longer-than-a-msgid-may-be");
    courier_frame_put(&out, "host", &r);
    CHECK(strstr(buf_z(&out), "[meta sequenceId=\"1\"]"));
    CHECK(strstr(buf_z(&out), "<109>1 - host autarky - a-word-that-is-much-longer-than- [origin"));
}

static void one_that_closes_too_early_has_nothing(void)
{
    BEGIN(w);
    listens(&w);
    CHECK_OK(begin(&w, "siem", three, 3));
    CHECK_OK(accepts(&w));
    fd_close(&w.server); /* with everything unread: as a reset */
    turn(&w);
    CHECK(w.answered);
    CHECK_RC(w.rc, RC_NET);
    CHECK(strstr(w.why, "10.0.0.9:514"));
    CHECK_OK(begin(&w, "siem", three, 3)); /* and once more */
    CHECK_OK(accepts(&w));
    CHECK(hears(&w));
    fd_close(&w.server);
    turn(&w);
    CHECK_OK(w.rc);
}

static void one_that_talks_without_end(void)
{
    static char noise[1 << 16];

    BEGIN(w);
    listens(&w);
    CHECK_OK(begin(&w, "siem", three, 3));
    CHECK_OK(accepts(&w));
    for (int i = 0; i < 20 && !w.answered; i++) {
        (void)send(w.server, noise, sizeof(noise), MSG_DONTWAIT | MSG_NOSIGNAL);
        turn(&w);
    }
    CHECK(w.answered);
    CHECK_RC(w.rc, RC_NET);
}

static void one_that_does_not_close(void)
{
    BEGIN(w);
    listens(&w);
    CHECK_OK(begin(&w, "siem", three, 3));
    CHECK_OK(accepts(&w));
    CHECK(hears(&w));
    clock_fake_advance(&w.clock, COURIER_SECONDS * WHEN_SECOND);
    turn(&w);
    CHECK(w.answered);
    CHECK_RC(w.rc, RC_TIMEOUT);
}

static void one_that_is_not_there(void)
{
    BEGIN(w);
    CHECK_RC(deliver(&w, "siem", three, 3), RC_NET);
    CHECK(strstr(w.why, "10.0.0.9:514 could not be reached: "));
}

static void one_delivery_at_a_time(void)
{
    BEGIN(w);
    listens(&w);
    CHECK_OK(begin(&w, "siem", three, 1));
    CHECK_RC(deliver(&w, "siem", three + 1, 1), RC_QUOTA);
    CHECK(strstr(w.why, "siem"));
    CHECK_OK(accepts(&w));
    CHECK(hears(&w));
    fd_close(&w.server);
    turn(&w);
    CHECK_OK(w.rc);
    CHECK_INT(w.through, 1);
}

static void strangers_are_refused(void)
{
    BEGIN(w);
    CHECK_RC(deliver(&w, "../etc/passwd", three, 1), RC_NOTFOUND);
    CHECK_RC(deliver(&w, "archive", three, 0), RC_NOTFOUND);
    CHECK_INT(check_dir_count(&w.dir, "forward"), 1); /* DATA/access */
}

static void the_end_comes_when_all_is_across(void)
{
    BEGIN(w);
    listens(&w);
    CHECK_OK(begin(&w, "siem", three, 1));
    w.child.draining = true;
    role_courier.drain(w.env);
    turn(&w);
    CHECK(!w.child.drained);
    CHECK_RC(deliver(&w, "archive", three, 1), RC_CLOSED);
    CHECK_OK(accepts(&w));
    CHECK(hears(&w));
    fd_close(&w.server);
    turn(&w);
    CHECK_OK(w.rc);
    CHECK(w.child.drained);
}

/* However slow a server is, this process ends soon. */
static void the_end_waits_for_nobody_long(void)
{
    BEGIN(w);
    listens(&w);
    CHECK_OK(begin(&w, "siem", three, 1));
    w.child.draining = true;
    role_courier.drain(w.env);
    turn(&w);
    CHECK(!w.child.drained);
    clock_fake_advance(&w.clock, COURIER_DRAIN_SECONDS * WHEN_SECOND);
    turn(&w);
    CHECK(w.child.drained);
    CHECK(w.answered);
    CHECK_RC(w.rc, RC_CLOSED);
}

static void roots_have_to_be_there(void)
{
    static const char tls[] = "organization: Example Hospital\n"
                              "domain: hospital.example\n"
                              "audit: {forward: [{name: siem, server: \"10.0.0.9:6514\", "
                              "roots: roots.pem}]}\n";
    struct err err = ERR_INIT;
    char text[512];

    BEGIN_WITH(w, tls, RC_NOTFOUND);
    role_courier.close(w.env);
    CHECK_OK(write_raw(&w, "roots.pem", "nothing\n", O_CREAT));
    CHECK_RC(role_courier.open(w.env, &err), RC_INVAL);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))),
              "the roots of siem, roots.pem, cannot be used: no CA certificate is in "
              "it");
}

CHECK_MAIN(CHECK_TEST(lines_are_appended), CHECK_TEST(a_torn_line_is_cut_off),
           CHECK_TEST(a_file_that_is_all_torn), CHECK_TEST(others_may_move_the_file),
           CHECK_TEST_ONCE(a_full_disk_leaves_no_half_line),
           CHECK_TEST_ONCE(what_is_no_file_of_records), CHECK_TEST_ONCE(full_files_are_put_aside),
           CHECK_TEST(lines_of_the_access_log), CHECK_TEST(what_is_no_line_is_refused),
           CHECK_TEST_ONCE(access_logs_are_put_aside),
           CHECK_TEST(messages_are_counted_and_confirmed), CHECK_TEST(sequence_ids_begin_again),
           CHECK_TEST_ONCE(one_that_closes_too_early_has_nothing),
           CHECK_TEST_ONCE(one_that_talks_without_end), CHECK_TEST_ONCE(one_that_does_not_close),
           CHECK_TEST(one_that_is_not_there), CHECK_TEST_ONCE(one_delivery_at_a_time),
           CHECK_TEST(strangers_are_refused), CHECK_TEST_ONCE(the_end_comes_when_all_is_across),
           CHECK_TEST_ONCE(the_end_waits_for_nobody_long), CHECK_TEST_ONCE(roots_have_to_be_there))
