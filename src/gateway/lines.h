/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the access log on their way to the process that writes them, which may be slow, full or
 * away: this one never waits for it. Lines are gathered and handed on in batches, one at a time; a
 * batch that was not taken is handed on again. Of what finds no room the newest is dropped, and
 * counted: `gateway_access_lines_total`, and a line in the log when that begins and when it is
 * over. */
#pragma once

#include "base/buf.h"
#include "ev/ev.h"

struct err;

enum {
    GATEWAY_LINES_MAX = 1024 * 1024,  /* bytes that wait, the batch under way included */
    GATEWAY_LINES_BATCH = 256 * 1024, /* bytes that are handed on at a time, at most */
    GATEWAY_LINES_ENOUGH = 32 * 1024, /* ... at once; fewer after a moment */
    GATEWAY_LINES_MOMENT = 250'000,   /* microseconds */
    GATEWAY_LINES_AGAIN = 1'000'000,  /* until what was not taken is handed on again */
    GATEWAY_LINES_END = 2'000'000,    /* for the last ones */
};

/* Hands on whole lines, borrowed for the call. RC_OK: gateway_lines_told will be called, not from
 * inside; else later. */
typedef enum rc (*gateway_lines_send)(void *arg, unsigned format, struct str lines);

struct gateway_lines {
    struct ev *ev;
    gateway_lines_send send;
    void *arg;
    unsigned format; /* for `send` */
    struct buf waiting;
    size_t under_way; /* bytes of it, from its front; 0: none */
    uint64_t dropped; /* since it last had nothing to do */
    bool failed;      /* the last batch was not taken, and the log says so */
    struct ev_timer timer, patience;
    void (*done)(void *arg); /* of gateway_lines_end */
    void *done_arg;
};

void gateway_lines_init(struct gateway_lines *l, struct ev *ev, gateway_lines_send send, void *arg,
                        unsigned format);
/* What still waits is lost. */
void gateway_lines_free(struct gateway_lines *l);
/* A line, with its newline. Copied. */
void gateway_lines_put(struct gateway_lines *l, struct str line);
/* For one that could not be made. */
void gateway_lines_drop(struct gateway_lines *l);
/* How it went with the batch under way. */
void gateway_lines_told(struct gateway_lines *l, enum rc rc, const struct err *err);
/* Hands on what waits, now: who takes it may have come. */
void gateway_lines_push(struct gateway_lines *l);
/* Calls `done` once nothing waits, or when it has taken too long; perhaps from inside. */
void gateway_lines_end(struct gateway_lines *l, void (*done)(void *arg), void *arg);
