/* SPDX-License-Identifier: Apache-2.0 */
/* Reloads that wait for gateway.change_window. Nothing but the time is kept of one: the files are
 * read again then, and judged as ever. */
#include "base/window.h"
#include "conf/passing.h"
#include "ev/clock.h"
#include "log/log.h"
#include "serve/serve_int.h"

/* The clock may be set meanwhile, so it is looked at now and then. */
#define LOOK_EVERY WHEN_MINUTE

static void wait_on(struct serve *sup)
{
    int64_t left = sup->reload_at - clock_now(sup->clock);

    ev_timer_start(&sup->window, left < LOOK_EVERY ? left > 0 ? left : 1 : LOOK_EVERY, 0);
}

static void on_time(void *arg)
{
    struct serve *sup = arg;
    char text[WHEN_TEXT];

    if (clock_now(sup->clock) < sup->reload_at) {
        wait_on(sup);
        return;
    }
    log_info("serve.window-due", LOG_Z("at", when_text(sup->reload_at, text)));
    sup->reload_at = 0;
    serve_reload_begin(sup, NULL, false);
}

void serve_window_init(struct serve *sup)
{
    ev_timer_init(&sup->window, sup->ev, on_time, sup);
}

void serve_window_forget(struct serve *sup)
{
    ev_timer_stop(&sup->window);
    sup->reload_at = 0;
}

enum rc serve_window_wait(struct serve *sup, const struct conf *now, struct buf *sites, when_t *out)
{
    struct str window = sup->conf->gateway.change_window;
    when_t t = clock_now(sup->clock), at;
    char text[WHEN_TEXT];
    struct windows w;
    size_t n;

    *out = 0;
    if (window.n == 0 || windows_parse(window, &w) != RC_OK)
        return RC_OK;
    at = windows_next(&w, t);
    if (at <= t)
        return RC_OK;
    TRY(conf_passing_changed(sup->conf, now, sites, &n));
    if (n == 0)
        return RC_OK;
    *out = sup->reload_at = at;
    wait_on(sup);
    log_info("serve.reload-waits", LOG_INT("generation", sup->generation),
             LOG_Z("until", when_text(at, text)), LOG_STR("sites", buf_str(sites)));
    return RC_OK;
}
