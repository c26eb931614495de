/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of log/ among themselves: lines are put together in a buffer of fixed size, rates are
 * counted per event. */
#pragma once

#include "log/log.h"

/* A line in the making. Writes past the end mark it as cut; LINE_TAIL bytes are kept for closing it
 * properly. */
struct log_line {
    size_t n;
    bool cut;
    char p[LOG_LINE_MAX];
};

struct log_head {
    when_t at;
    const char *role;
    enum log_level level;
    const char *code;
    const struct id *request; /* NULL: none */
};

/* Renders one event, its newline included. */
void log_line_render(struct log_line *l, enum log_format format, const struct log_head *head,
                     const struct log_field *fields);

struct log_rate {
    const char *code; /* NULL: free */
    int64_t window;   /* which LOG_RATE_SECONDS since the start */
    uint32_t count;   /* lines wanted in it */
    uint64_t suppressed;
};

/* True when the code may have one more line now. */
bool log_rate_take(const char *code, int64_t seconds, uint32_t limit);
/* Takes the next entry with suppressed lines whose window has passed (any, with `all`): its code
 * and their number. */
bool log_rate_next(int64_t seconds, bool all, const char **out_code, uint64_t *out_n);
