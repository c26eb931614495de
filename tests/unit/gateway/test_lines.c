/* SPDX-License-Identifier: Apache-2.0 */
/* Lines on their way to who writes them, who is this test. */
#include "check.h"

#include "base/err.h"
#include "ev/clock.h"
#include "gateway/lines.h"
#include "log/log.h"

MSG(msg_full, "test.disk-full", "the disk is full");

enum { LINE = 1024 };

struct world {
    struct clock_fake clock;
    struct ev *ev;
    struct gateway_lines lines;
    enum rc takes;
    unsigned batches;
    struct buf batch, log;
    bool done;
};

static enum rc on_send(void *arg, unsigned format, struct str lines)
{
    struct world *w = arg;

    if (w->takes != RC_OK)
        return w->takes;
    if (format != 2 || lines.n > GATEWAY_LINES_BATCH || !str_ends(lines, STR("\n")))
        return RC_INVAL;
    w->batches++;
    buf_reset(&w->batch);
    buf_puts(&w->batch, lines);
    return RC_OK;
}

static void on_log(void *arg, enum log_level, struct str line)
{
    buf_puts(&((struct world *)arg)->log, line);
}

static void on_done(void *arg)
{
    ((struct world *)arg)->done = true;
}

static enum rc world_init(struct world *w)
{
    log_init(
        &(struct log_conf){.role = "test", .sink = on_log, .sink_arg = w, .level = LOG_LEVEL_INFO});
    buf_init(&w->batch, GATEWAY_LINES_BATCH);
    buf_init(&w->log, 1 << 20);
    clock_fake_init(&w->clock, 20'000 * WHEN_DAY);
    TRY(ev_new(&w->clock.clock, &w->ev));
    gateway_lines_init(&w->lines, w->ev, on_send, w, 2);
    return RC_OK;
}

static void world_done(struct world *w)
{
    gateway_lines_free(&w->lines);
    ev_free(w->ev);
    buf_done(&w->batch);
    buf_done(&w->log);
}

#define WORLD                                                                                      \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w))

static void pass(struct world *w, int64_t micros)
{
    clock_fake_advance(&w->clock, micros);
    for (int i = 0; i < 4; i++)
        ev_run_once(w->ev, EV_NOWAIT);
}

/* A kilobyte that begins with that character. */
static void put(struct world *w, char c)
{
    char line[LINE];

    memset(line, '.', sizeof(line));
    line[0] = c;
    line[LINE - 1] = '\n';
    gateway_lines_put(&w->lines, str_bytes(line, sizeof(line)));
}

static bool logs(const struct world *w, const char *text)
{
    return w->log.n && memmem(w->log.p, w->log.n, text, strlen(text));
}

static void few_lines_wait_a_moment(void)
{
    WORLD;
    gateway_lines_put(&w.lines, STR("one\n"));
    pass(&w, GATEWAY_LINES_MOMENT - 1);
    gateway_lines_put(&w.lines, STR("two\n"));
    CHECK_INT(w.batches, 0);
    pass(&w, 1);
    CHECK_STR(buf_str(&w.batch), "one\ntwo\n");
    gateway_lines_put(&w.lines, STR("three\n"));
    pass(&w, GATEWAY_LINES_MOMENT);
    CHECK_INT(w.batches, 1); /* one at a time */
    gateway_lines_told(&w.lines, RC_OK, NULL);
    pass(&w, GATEWAY_LINES_MOMENT);
    CHECK_STR(buf_str(&w.batch), "three\n");
    gateway_lines_told(&w.lines, RC_OK, NULL);
    CHECK_INT(w.lines.waiting.n, 0);
    CHECK_INT(w.log.n, 0);
}

static void enough_go_at_once(void)
{
    WORLD;
    for (int i = 0; i < GATEWAY_LINES_ENOUGH / LINE; i++)
        put(&w, 'a');
    CHECK_INT(w.batches, 1);
    CHECK_INT(w.batch.n, GATEWAY_LINES_ENOUGH);
}

static void what_was_not_taken_comes_again(void)
{
    struct err err = ERR_INIT;

    WORLD;
    w.takes = RC_CLOSED; /* nobody is there */
    gateway_lines_put(&w.lines, STR("one\n"));
    pass(&w, GATEWAY_LINES_MOMENT);
    CHECK_INT(w.batches, 0);
    w.takes = RC_OK;
    pass(&w, GATEWAY_LINES_AGAIN);
    CHECK_INT(w.batches, 1);
    gateway_lines_told(&w.lines, RC_CLOSED, &err); /* died; others tell of that */
    CHECK_INT(w.log.n, 0);
    pass(&w, GATEWAY_LINES_AGAIN);
    CHECK_INT(w.batches, 2);
    IGNORE_RC(ERR(&err, RC_IO, msg_full));
    gateway_lines_told(&w.lines, RC_IO, &err);
    gateway_lines_put(&w.lines, STR("two\n"));
    pass(&w, GATEWAY_LINES_AGAIN);
    CHECK_STR(buf_str(&w.batch), "one\ntwo\n");
    gateway_lines_told(&w.lines, RC_IO, &err);
    CHECK(logs(&w, "gateway.access-log-failed") && logs(&w, "the disk is full"));
    CHECK_INT(w.log.n, str_find(buf_str(&w.log), '\n') + 1); /* said once */
    pass(&w, GATEWAY_LINES_AGAIN);
    CHECK_INT(w.batches, 4);
    gateway_lines_told(&w.lines, RC_OK, NULL);
    CHECK(logs(&w, "gateway.access-log-again"));
    CHECK_INT(w.lines.waiting.n, 0);
}

/* Who has come takes what waits, at once. */
static void a_newcomer_is_told(void)
{
    WORLD;
    w.takes = RC_CLOSED;
    gateway_lines_put(&w.lines, STR("one\n"));
    pass(&w, GATEWAY_LINES_MOMENT);
    w.takes = RC_OK;
    gateway_lines_push(&w.lines);
    CHECK_STR(buf_str(&w.batch), "one\n");
    gateway_lines_push(&w.lines); /* what is under way is not handed on again */
    CHECK_INT(w.batches, 1);
}

/* The oldest are kept, whole, in batches; those beyond are counted, and said twice. */
static void what_finds_no_room_is_dropped(void)
{
    unsigned lines = 0;

    WORLD;
    for (int i = 0; i < GATEWAY_LINES_MAX / LINE + 5; i++)
        put(&w, 'a');
    CHECK_INT(w.lines.waiting.n, GATEWAY_LINES_MAX);
    CHECK_INT(w.lines.dropped, 5);
    CHECK(logs(&w, "gateway.access-log-full"));
    CHECK_INT(w.log.n, str_find(buf_str(&w.log), '\n') + 1);
    for (unsigned had = 0; w.batches > had;) {
        had = w.batches;
        lines += (unsigned)w.batch.n / LINE;
        gateway_lines_told(&w.lines, RC_OK, NULL);
        if (had == 1)
            put(&w, 'b');
    }
    pass(&w, GATEWAY_LINES_MOMENT);
    if (w.lines.under_way) {
        lines += (unsigned)w.batch.n / LINE;
        gateway_lines_told(&w.lines, RC_OK, NULL);
    }
    CHECK_INT(lines, GATEWAY_LINES_MAX / LINE + 1);
    CHECK(logs(&w, "gateway.access-log-dropped") && logs(&w, "lines=5"));
    CHECK_INT(w.lines.dropped, 0);
}

static void lines_are_not_cut_by_batches(void)
{
    char line[1000];

    WORLD;
    memset(line, '.', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    w.takes = RC_CLOSED;
    for (int i = 0; i < 400; i++)
        gateway_lines_put(&w.lines, str_bytes(line, sizeof(line)));
    w.takes = RC_OK;
    gateway_lines_push(&w.lines);
    CHECK_INT(w.batch.n, GATEWAY_LINES_BATCH / 1000 * 1000);
}

static void the_last_ones_go_at_the_end(void)
{
    WORLD;
    gateway_lines_put(&w.lines, STR("one\n"));
    gateway_lines_end(&w.lines, on_done, &w);
    CHECK_STR(buf_str(&w.batch), "one\n");
    CHECK(!w.done);
    gateway_lines_told(&w.lines, RC_OK, NULL);
    CHECK(w.done);
    w.done = false;
    gateway_lines_end(&w.lines, on_done, &w); /* there is nothing */
    CHECK(w.done);
}

static void the_end_waits_for_nobody_long(void)
{
    WORLD;
    w.takes = RC_CLOSED;
    gateway_lines_put(&w.lines, STR("one\n"));
    gateway_lines_end(&w.lines, on_done, &w);
    pass(&w, GATEWAY_LINES_END - 1);
    CHECK(!w.done);
    pass(&w, 1);
    CHECK(w.done);
}

CHECK_MAIN(CHECK_TEST(few_lines_wait_a_moment), CHECK_TEST(enough_go_at_once),
           CHECK_TEST(what_was_not_taken_comes_again), CHECK_TEST(a_newcomer_is_told),
           CHECK_TEST(what_finds_no_room_is_dropped), CHECK_TEST(lines_are_not_cut_by_batches),
           CHECK_TEST(the_last_ones_go_at_the_end), CHECK_TEST(the_end_waits_for_nobody_long))
