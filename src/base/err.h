/* SPDX-License-Identifier: Apache-2.0 */
/* A rich error at the edges: code, message with arguments, and, where an ACME or API client will
 * see it, the problem type (RFC 7807, RFC 8555 section 6.7) and HTTP status. Functions that take
 * `struct err *err` take it last; NULL means that the caller wants the code only. Rendered as a
 * problem document in one place, http/problem. */
#pragma once

#include "base/msg.h"

enum { ERR_ARGS_BYTES = 1024, ERR_SUBS_MAX = 100 };

/* Where in the source it was recorded. */
struct err_at {
    const char *file;
    int line;
};

struct err {
    enum rc rc;
    const struct msg *msg;
    const char *type; /* "malformed", "badCSR" ...; NULL: serverInternal */
    int status;       /* HTTP; 0: from the type */
    uint8_t n_args;
    uint16_t end[MSG_ARGS_MAX]; /* where each argument ends in `args` */
    char args[ERR_ARGS_BYTES];
    struct err_at at;
};

/* No error. */
#define ERR_INIT ((struct err){.rc = RC_OK})

/* Records what happened and returns `rc`, so that `return ERR(err, RC_INVAL, msg_bad, name,
 * value);` does both. Arguments are `struct str`; those that do not fit are cut, with an
 * ellipsis. */
#define ERR(err, rc, m, ...)                                                                       \
    err_set((err), (rc), &(m), (struct err_at){__FILE__, __LINE__},                                \
            (const struct str[]){__VA_ARGS__ __VA_OPT__(, )(struct str){NULL, 0}},                 \
            sizeof((const struct str[]){__VA_ARGS__ __VA_OPT__(, )(struct str){NULL, 0}}) /        \
                    sizeof(struct str) -                                                           \
                1)

void err_record(struct err *err, enum rc rc, const struct msg *m, struct err_at at,
                const struct str *args, size_t n_args);

/* Inline, so that a static analyser sees which code comes back. */
static inline enum rc err_set(struct err *err, enum rc rc, const struct msg *m, struct err_at at,
                              const struct str *args, size_t n_args)
{
    if (err)
        err_record(err, rc, m, at, args, n_args);
    return rc;
}

/* Adds the problem type and HTTP status (0: that of the type) to an error that is set, and returns
 * `rc`. NULL is allowed. */
static inline enum rc err_problem(struct err *err, enum rc rc, const char *type, int status)
{
    if (err) {
        err->rc = rc;
        err->type = type;
        err->status = status;
    }
    return rc;
}

/* Both at once: return PROBLEM(err, RC_DENIED, "unauthorized", msg_x, ...); */
#define PROBLEM(err, rc, type, m, ...)                                                             \
    err_problem((err), ERR((err), (rc), m __VA_OPT__(, ) __VA_ARGS__), (type), 0)

/* The message in English, or the text of the code when there is none. */
void err_text(const struct err *err, struct buf *out);

/* The same in `text`, cut to fit and always terminated; returns `text`, for one-line reports. */
const char *err_textz(const struct err *err, char *text, size_t cap);

/* The i-th argument, borrowed. */
struct str err_arg(const struct err *err, size_t i);
