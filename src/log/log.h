/* SPDX-License-Identifier: Apache-2.0 */
/* One line per event on standard error, for journald, syslog or a file:
 *   2026-11-20T18:24:00.123Z core info acme.order-created req=... order=... names=2
 * An event is a stable code ("folder.words-with-hyphens") and typed fields. Values are quoted and
 * escaped so that no input can forge a line or a field. Roles and commands log, libraries below
 * them do not. Never allocates (LOG_ERR does; without memory it shows less), never blocks longer
 * than LOG_WAIT_MS, drops what does not fit and says so. One thread per process logs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/when.h"

struct err;
struct id;

enum {
    LOG_LINE_MAX = 4096, /* PIPE_BUF: lines of several processes never mix; longer ones are cut with
                            an ellipsis */
    LOG_VALUE_MAX = 1024, /* bytes of a value before escaping */
    LOG_FIELDS_MAX = 24,
    LOG_CODES_MAX = 256, /* event codes whose rate is kept; those beyond share one entry */
    LOG_RATE_DEFAULT = 1000,
    LOG_RATE_SECONDS = 10,
    LOG_WAIT_MS = 100,
    LOG_ROLE_MAX = 32,
};

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_COUNT
};
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_COUNT };

/* "error", "warn", "info", "debug"; "text", "json". RC_NOTFOUND when there is no such name. */
const char *log_level_name(enum log_level level);
enum rc log_level_parse(struct str s, enum log_level *out);
const char *log_format_name(enum log_format format);
enum rc log_format_parse(struct str s, enum log_format *out);

/* Takes a finished line, its newline included. */
typedef void (*log_sink)(void *arg, enum log_level level, struct str line);

struct log_conf {
    const char *role; /* copied */
    enum log_level level;
    enum log_format format;
    uint32_t rate;                /* lines per code in LOG_RATE_SECONDS; 0: LOG_RATE_DEFAULT */
    when_t (*now)(void *now_arg); /* NULL: the machine's clock */
    void *now_arg;
    log_sink sink; /* NULL: standard error */
    void *sink_arg;
};

/* Before confinement: it may reopen a pipe to make its own end non-blocking. Works unconfigured too
 * ("autarky", info, text). May be called again, when level or format change; counts of suppressed
 * lines are kept. */
void log_init(const struct log_conf *conf);
bool log_wants(enum log_level level);

/* The request that this process works for now: every line carries it as `req`. NULL: none. Copied.
 */
void log_request(const struct id *id);
/* The same to ask back, for passing it on; NULL when there is none. Borrowed until the next
 * log_request. */
const struct id *log_request_current(void);

/* Says now how many lines of which code were suppressed or lost so far; at the end of a process,
 * and from a slow timer. */
void log_flush(void);

enum log_kind { LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_BOOL, LOG_KIND_ERR };

struct log_field {
    const char *key; /* lower-case letters, digits, underscores */
    enum log_kind kind;
    struct str s;
    int64_t i;
    const struct err *err;
};

#define LOG_STR(k, v)                                                                              \
    {                                                                                              \
        .key = (k), .kind = LOG_KIND_STR, .s = (v)                                                 \
    }
/* A terminated string; NULL is logged as empty. */
#define LOG_Z(k, v)                                                                                \
    {                                                                                              \
        .key = (k), .kind = LOG_KIND_STR, .s = str_of(v)                                           \
    }
#define LOG_INT(k, v)                                                                              \
    {                                                                                              \
        .key = (k), .kind = LOG_KIND_INT, .i = (int64_t)(v)                                        \
    }
#define LOG_BOOL(k, v)                                                                             \
    {                                                                                              \
        .key = (k), .kind = LOG_KIND_BOOL, .i = (v)                                                \
    }
#define LOG_RC(v)                                                                                  \
    {                                                                                              \
        .key = "rc", .kind = LOG_KIND_STR, .s = str_of(rc_text(v))                                 \
    }
/* Prose for people, a terminated string, under the key `text`. */
#define LOG_TEXT(v)                                                                                \
    {                                                                                              \
        .key = "text", .kind = LOG_KIND_STR, .s = str_of(v)                                        \
    }
/* A struct err *: its code as `err` and its message as `text`. */
#define LOG_ERR(v)                                                                                 \
    {                                                                                              \
        .key = "err", .kind = LOG_KIND_ERR, .err = (v)                                             \
    }

#define log_error(code, ...) LOG_EVENT(LOG_LEVEL_ERROR, code, __VA_ARGS__)
#define log_warn(code, ...) LOG_EVENT(LOG_LEVEL_WARN, code, __VA_ARGS__)
#define log_info(code, ...) LOG_EVENT(LOG_LEVEL_INFO, code, __VA_ARGS__)
#define log_debug(code, ...) LOG_EVENT(LOG_LEVEL_DEBUG, code, __VA_ARGS__)

/* The code must be a literal: its address is kept. Fields are evaluated only when the level is
 * wanted. */
#define LOG_EVENT(level, code, ...)                                                                \
    do {                                                                                           \
        if (log_wants(level))                                                                      \
            log_event((level), "" code,                                                            \
                      (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}});        \
    } while (0)

/* `fields` ends with a NULL key. */
void log_event(enum log_level level, const char *code, const struct log_field *fields);
