/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/id.h"
#include "log/log.h"

MSG(msg_test, "log.test-message", "cannot find {0}");

static char lines[64 * 1024];
static size_t used;
static when_t now;

static void keep(void *arg, enum log_level level, struct str line)
{
    (void)arg;
    (void)level;
    if (used + line.n < sizeof(lines)) {
        memcpy(lines + used, line.p, line.n);
        used += line.n;
    }
    lines[used] = '\0';
}

static when_t tell_now(void *arg)
{
    (void)arg;
    return now;
}

static void start(enum log_format format, enum log_level level)
{
    const struct log_conf conf = {
        .role = "core", .level = level, .format = format, .rate = 3, .now = tell_now, .sink = keep};

    /* Each test in a window of its own, so that no count carries over. */
    now = now / WHEN_HOUR * WHEN_HOUR + WHEN_HOUR + 1'234'567;
    log_init(&conf);
    log_flush();
    log_request(NULL);
    used = 0;
    lines[0] = '\0';
}

static struct str logged(void)
{
    return str_bytes(lines, used);
}

/* The line without its time, which is `n` bytes. */
static const char *after_time(size_t n)
{
    return used > n ? lines + n : "";
}

#define TEXT_TIME 25

static void text_has_time_role_level_code_fields(void)
{
    start(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    now = INT64_C(1795199040'123'456);
    log_info("acme.order-created", LOG_STR("order", STR("abc")), LOG_INT("names", -2),
             LOG_BOOL("wild", true), LOG_Z("who", NULL), LOG_TEXT("all is well"));
    CHECK_STR(logged(), "2026-11-20T18:24:00.123Z core info acme.order-created order=abc names=-2 "
                        "wild=true who=\"\" text=\"all is well\"\n");
}

static void json_has_the_same(void)
{
    start(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
    now = INT64_C(1795199040'123'456);
    log_warn("acme.order-created", LOG_STR("order", STR("abc")), LOG_INT("names", 2),
             LOG_BOOL("wild", false));
    CHECK_STR(logged(),
              "{\"time\":\"2026-11-20T18:24:00.123Z\",\"role\":\"core\",\"level\":\"warn\","
              "\"event\":\"acme.order-created\",\"order\":\"abc\",\"names\":2,"
              "\"wild\":false}\n");
}

static void no_input_forges_a_line(void)
{
    start(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    log_info("t.evil", LOG_STR("a", STR("x\n2026 core error fake ok=1")),
             LOG_STR("b", STR("q\" c=d")), LOG_STR("c", STR("\\\r\t\x01\x7f")),
             LOG_STR("d", STR("a b=c")));
    CHECK_STR(str_of(after_time(TEXT_TIME)),
              "core info t.evil a=\"x\\n2026 core error fake ok=1\" b=\"q\\\" c=d\" "
              "c=\"\\\\\\r\\t\\x01\\x7f\" d=\"a b=c\"\n");
    start(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    /* NOLINTBEGIN(misc-misleading-bidirectional): that is the point. */
    /* Stray and overlong bytes, a C1 control, a direction mark, a line separator; real letters
     * stay. */
    log_info("t.evil", LOG_STR("a", STR("\xff\xc0\xaf\xc2\x85\xe2\x80\xae\xe2\x80\xa8")),
             LOG_STR("b", STR("M\xc3\xbcnchen \xe5\x8c\xbb\xe9\x99\xa2")), LOG_STR("c", STR("\0")));
    CHECK_STR(str_of(after_time(TEXT_TIME)),
              "core info t.evil a=\"\\xff\\xc0\\xaf\\xc2\\x85\\xe2\\x80\\xae\\xe2\\x80\\xa8\" "
              "b=\"M\xc3\xbcnchen \xe5\x8c\xbb\xe9\x99\xa2\" c=\"\\x00\"\n");
    /* NOLINTEND(misc-misleading-bidirectional) */
}

static void no_input_breaks_json(void)
{
    start(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
    log_info("t.evil", LOG_STR("a", STR("\"},{\"\\\n\x1f\xff")));
    CHECK(strstr(lines, ",\"a\":\"\\\"},{\\\"\\\\\\n\\u001f\\u00ff\"}\n"));
    CHECK_INT(str_find(logged(), '\n'), used - 1);
}

static void long_values_and_lines_are_cut(void)
{
    static char big[LOG_LINE_MAX];
    struct str value = str_bytes(big, sizeof(big));

    memset(big, 'x', sizeof(big));
    start(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    log_info("t.long", LOG_STR("a", value), LOG_INT("b", 7));
    CHECK(used < LOG_VALUE_MAX + 100);
    CHECK(str_ends(logged(), STR("xx\xe2\x80\xa6\" b=7\n")));
    start(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    log_info("t.long", LOG_STR("a", value), LOG_STR("b", value), LOG_STR("c", value),
             LOG_STR("d", value), LOG_INT("e", 7));
    CHECK(used <= LOG_LINE_MAX);
    CHECK(str_ends(logged(), STR("\xe2\x80\xa6\" \xe2\x80\xa6\n")));
    start(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
    memset(big, '\x01', sizeof(big));
    log_info("t.long", LOG_STR("a", value), LOG_INT("e", 7));
    CHECK(str_ends(logged(), STR("\"event\":\"t.long\"}\n")));
}

static void levels_are_kept(void)
{
    enum log_level level;
    enum log_format format;

    start(LOG_FORMAT_TEXT, LOG_LEVEL_WARN);
    CHECK(log_wants(LOG_LEVEL_ERROR) && log_wants(LOG_LEVEL_WARN) && !log_wants(LOG_LEVEL_INFO));
    log_info("t.info");
    log_debug("t.debug");
    CHECK_INT(used, 0);
    log_error("t.error");
    CHECK_STR(str_of(after_time(TEXT_TIME)), "core error t.error\n");
    CHECK_OK(log_level_parse(STR("debug"), &level));
    CHECK_INT(level, LOG_LEVEL_DEBUG);
    CHECK_RC(log_level_parse(STR("verbose"), &level), RC_NOTFOUND);
    CHECK_OK(log_format_parse(STR("json"), &format));
    CHECK_INT(format, LOG_FORMAT_JSON);
    CHECK_RC(log_format_parse(STR(""), &format), RC_NOTFOUND);
    CHECK_STR(str_of(log_level_name(LOG_LEVEL_COUNT)), "unknown");
    CHECK_STR(str_of(log_format_name(LOG_FORMAT_TEXT)), "text");
}

static void the_request_is_on_every_line(void)
{
    const struct id id = {"0123456789abcdefghjkmnpqrs"};

    start(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    CHECK(!log_request_current());
    log_request(&id);
    CHECK_STR(id_str(log_request_current()), id.z);
    log_info("t.one", LOG_INT("n", 1));
    log_request(NULL);
    log_info("t.two");
    CHECK(strstr(lines, "core info t.one req=0123456789abcdefghjkmnpqrs n=1\n"));
    CHECK(strstr(lines, "core info t.two\n"));
}

static void errors_are_spelled_out(void)
{
    struct err err = ERR_INIT;

    start(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    CHECK_RC(ERR(&err, RC_NOTFOUND, msg_test, STR("it")), RC_NOTFOUND);
    log_info("t.err", LOG_ERR(&err), LOG_RC(RC_QUOTA));
    if (!mem_fail_fired())
        CHECK_STR(str_of(after_time(TEXT_TIME)),
                  "core info t.err rc=\"not found\" err=log.test-message text=\"cannot find it\" "
                  "rc=\"limit reached\"\n");
}

static size_t count(const char *what)
{
    size_t n = 0;

    for (const char *at = lines; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void too_many_of_one_code_are_suppressed(void)
{
    start(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    for (int i = 0; i < 10; i++)
        log_info("t.flood", LOG_INT("i", i));
    log_info("t.other");
    CHECK_INT(count("info t.flood "), 3);
    CHECK_INT(count("t.other"), 1);
    CHECK_INT(count("log.suppressed"), 0);
    /* Said once the window is over, by whatever comes next, and only once. */
    now += LOG_RATE_SECONDS * WHEN_SECOND;
    log_info("t.other");
    CHECK_INT(count("core warn log.suppressed event=t.flood lines=7\n"), 1);
    log_info("t.flood");
    log_info("t.other");
    CHECK_INT(count("log.suppressed"), 1);
    CHECK_INT(count("info t.flood"), 4);
}

static void flush_tells_at_once(void)
{
    start(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    for (int i = 0; i < 5; i++)
        log_info("t.flood");
    log_flush();
    CHECK_INT(count("log.suppressed event=t.flood lines=2\n"), 1);
    log_flush();
    CHECK_INT(count("log.suppressed"), 1);
}

/* Puts `fd` in place of standard error while the log is opened and written. */
static size_t log_to(int fd, const char *role, int n)
{
    int saved = dup(STDERR_FILENO);
    const struct log_conf conf = {
        .role = role, .level = LOG_LEVEL_INFO, .rate = 1000, .now = tell_now};

    now += WHEN_HOUR;
    dup2(fd, STDERR_FILENO);
    log_init(&conf);
    for (int i = 0; i < n; i++)
        log_info("t.real", LOG_INT("i", i));
    dup2(saved, STDERR_FILENO);
    close(saved);
    return (size_t)n;
}

/* Once per process: what log_init finds on a pipe stays its own. */
static void a_pipe_nobody_reads_does_not_block(void)
{
    CLEANUP(fd_closep) int r = -1;
    CLEANUP(fd_closep) int w = -1;
    int fds[2];
    char got[LOG_LINE_MAX];
    ssize_t n;

    CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
    r = fds[0];
    w = fds[1];
    CHECK_INT(fcntl(w, F_SETPIPE_SZ, 4096), 4096);
    /* Some 50 bytes a line: most of these find the pipe full, and only the first waits. */
    log_to(w, "core", 900);
    CHECK(!(fcntl(w, F_GETFL) & O_NONBLOCK));
    n = read(r, got, sizeof(got) - 1);
    CHECK(n > 0);
    got[n] = '\0';
    CHECK(strstr(got, "core info t.real i=0\n"));
    CHECK(!strstr(got, "i=899\n"));
    log_flush();
    n = read(r, got, sizeof(got) - 1);
    CHECK(n > 0);
    got[n] = '\0';
    CHECK(strstr(got, "core warn log.lost lines=8"));
}

CHECK_MAIN(CHECK_TEST(text_has_time_role_level_code_fields), CHECK_TEST(json_has_the_same),
           CHECK_TEST(no_input_forges_a_line), CHECK_TEST(no_input_breaks_json),
           CHECK_TEST(long_values_and_lines_are_cut), CHECK_TEST(levels_are_kept),
           CHECK_TEST(the_request_is_on_every_line), CHECK_TEST(errors_are_spelled_out),
           CHECK_TEST(too_many_of_one_code_are_suppressed), CHECK_TEST(flush_tells_at_once),
           CHECK_TEST_ONCE(a_pipe_nobody_reads_does_not_block))
