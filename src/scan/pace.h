/* SPDX-License-Identifier: Apache-2.0 */
/* How fast connections are made: so many a second, evenly, whoever asks. */
#pragma once

#include "base/list.h"
#include "ev/ev.h"

struct scan_pace {
    struct ev *ev;
    int64_t step; /* microseconds between two connections */
    int64_t next; /* monotonic: when the next one may be made */
    struct list waiting;
    struct ev_timer timer;
};

/* Part of who asks. */
struct scan_turn {
    struct list link;
    ev_cb cb;
    void *arg;
};

void scan_pace_init(struct scan_pace *p, struct ev *ev, unsigned per_second);
/* Nobody may wait any more. */
void scan_pace_done(struct scan_pace *p);
void scan_turn_init(struct scan_turn *t, ev_cb cb, void *arg);
/* Calls back once when it is the asker's turn, never from inside this function. */
void scan_pace_ask(struct scan_pace *p, struct scan_turn *t);
/* Needed before its memory goes away. */
void scan_turn_cancel(struct scan_turn *t);
