/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/lines.h"

#include <string.h>

#include "base/err.h"
#include "log/log.h"
#include "metrics/metrics.h"

enum { WRITTEN, DROPPED };
static const char *const results[] = {"written", "dropped"};
METRIC_COUNTER_BY(counted, "gateway_access_lines_total", "Lines of the access log", "result",
                  results);

static void look_done(struct gateway_lines *l)
{
    void (*done)(void *arg) = l->done;

    if (!done)
        return;
    l->done = NULL;
    ev_timer_stop(&l->patience);
    done(l->done_arg);
}

static void on_timer(void *arg)
{
    gateway_lines_push(arg);
}

static void on_patience(void *arg)
{
    look_done(arg);
}

void gateway_lines_init(struct gateway_lines *l, struct ev *ev, gateway_lines_send send, void *arg,
                        unsigned format)
{
    *l = (struct gateway_lines){.ev = ev, .send = send, .arg = arg, .format = format};
    buf_init(&l->waiting, GATEWAY_LINES_MAX);
    ev_timer_init(&l->timer, ev, on_timer, l);
    ev_timer_init(&l->patience, ev, on_patience, l);
}

void gateway_lines_free(struct gateway_lines *l)
{
    if (!l->ev)
        return;
    ev_timer_stop(&l->timer);
    ev_timer_stop(&l->patience);
    buf_done(&l->waiting);
}

void gateway_lines_drop(struct gateway_lines *l)
{
    metric_add(&counted, DROPPED, 1);
    if (l->dropped++ == 0)
        log_warn("gateway.access-log-full",
                 LOG_TEXT("lines of the access log come faster than they can be written, and are "
                          "dropped; how many is said when that is over"));
}

void gateway_lines_put(struct gateway_lines *l, struct str line)
{
    /* Before it fails: what waits in it would be lost with it. */
    if (line.n > GATEWAY_LINES_MAX - l->waiting.n || !buf_reserve(&l->waiting, line.n)) {
        l->waiting.rc = RC_OK;
        gateway_lines_drop(l);
        return;
    }
    buf_puts(&l->waiting, line);
    if (l->under_way || l->failed)
        return;
    if (l->waiting.n >= GATEWAY_LINES_ENOUGH)
        gateway_lines_push(l);
    else if (!ev_timer_running(&l->timer))
        ev_timer_start(&l->timer, GATEWAY_LINES_MOMENT, 0);
}

/* So many bytes of whole lines: no line is longer than a batch. */
static size_t batch(const struct gateway_lines *l)
{
    const char *end;

    if (l->waiting.n <= GATEWAY_LINES_BATCH)
        return l->waiting.n;
    end = memrchr(l->waiting.p, '\n', GATEWAY_LINES_BATCH);
    return end ? (size_t)(end + 1 - l->waiting.p) : 0;
}

void gateway_lines_push(struct gateway_lines *l)
{
    size_t n = batch(l);

    if (l->under_way || n == 0)
        return;
    if (l->send(l->arg, l->format, str_bytes(l->waiting.p, n)) == RC_OK) {
        l->under_way = n;
        ev_timer_stop(&l->timer);
    } else {
        ev_timer_start(&l->timer, GATEWAY_LINES_AGAIN, 0);
    }
}

static void taken(struct gateway_lines *l, size_t n)
{
    int64_t lines = 0;

    for (size_t i = 0; i < n; i++)
        lines += l->waiting.p[i] == '\n';
    metric_add(&counted, WRITTEN, lines);
    buf_consume(&l->waiting, n);
    if (l->waiting.n == 0 && l->waiting.cap > GATEWAY_LINES_BATCH)
        buf_done(&l->waiting);
    if (l->failed)
        log_info("gateway.access-log-again");
    l->failed = false;
    if (l->waiting.n >= GATEWAY_LINES_ENOUGH || (l->waiting.n && l->done)) {
        gateway_lines_push(l);
        return;
    }
    if (l->dropped)
        log_warn("gateway.access-log-dropped", LOG_INT("lines", l->dropped));
    l->dropped = 0;
    if (l->waiting.n)
        ev_timer_start(&l->timer, GATEWAY_LINES_MOMENT, 0);
    else
        look_done(l);
}

void gateway_lines_told(struct gateway_lines *l, enum rc rc, const struct err *err)
{
    size_t n = l->under_way;

    l->under_way = 0;
    if (rc == RC_OK) {
        taken(l, n);
        return;
    }
    /* The death of who writes is told by the supervisor, and another one comes. */
    if (rc != RC_CLOSED) {
        if (!l->failed)
            log_error("gateway.access-log-failed", LOG_RC(rc), LOG_ERR(err));
        l->failed = true;
    }
    ev_timer_start(&l->timer, GATEWAY_LINES_AGAIN, 0);
}

void gateway_lines_end(struct gateway_lines *l, void (*done)(void *arg), void *arg)
{
    l->done = done;
    l->done_arg = arg;
    if (l->waiting.n == 0) {
        look_done(l);
        return;
    }
    ev_timer_start(&l->patience, GATEWAY_LINES_END, 0);
    gateway_lines_push(l);
}
