/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

static const char *const texts[RC_COUNT] = {
    [RC_OK] = "ok",
    [RC_NOMEM] = "out of memory",
    [RC_INVAL] = "invalid value",
    [RC_PARSE] = "malformed input",
    [RC_TOOBIG] = "larger than the limit",
    [RC_NOTFOUND] = "not found",
    [RC_EXISTS] = "exists already",
    [RC_DENIED] = "refused",
    [RC_CONFLICT] = "in another state",
    [RC_QUOTA] = "limit reached",
    [RC_AGAIN] = "try again",
    [RC_TIMEOUT] = "timed out",
    [RC_CANCELLED] = "cancelled",
    [RC_CLOSED] = "closed by the other side",
    [RC_IO] = "input or output failed",
    [RC_NET] = "network failed",
    [RC_CRYPTO] = "cryptographic operation failed",
    [RC_CORRUPT] = "stored data is damaged",
    [RC_VERSION] = "version mismatch",
    [RC_UNSUPPORTED] = "not supported",
};

const char *rc_text(enum rc rc)
{
    return (unsigned)rc < RC_COUNT ? texts[rc] : "unknown";
}

static const struct str ellipsis = {"...", 3};

static size_t needed(const struct str *args, size_t n, size_t each)
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += args[i].n < each ? args[i].n : each;
    return sum;
}

/* What one argument may take so that all fit: a long one is cut, short ones beside it are not. */
static size_t room_for_each(const struct str *args, size_t n)
{
    size_t each = ERR_ARGS_BYTES;

    while (needed(args, n, each) > ERR_ARGS_BYTES)
        each--;
    return each;
}

static size_t copy_arg(char *to, struct str s, size_t room)
{
    struct str head = s;

    if (s.n > room) {
        head = str_utf8_head(s, room - ellipsis.n);
        memcpy(to + head.n, ellipsis.p, ellipsis.n);
    }
    if (head.n)
        memcpy(to, head.p, head.n);
    return head.n + (s.n > room ? ellipsis.n : 0);
}

void err_record(struct err *err, enum rc rc, const struct msg *m, struct err_at at,
                const struct str *args, size_t n_args)
{
    struct err made = {.rc = rc, .msg = m, .at = at};
    size_t used = 0;
    size_t room;

    /* Made aside, for the arguments may be those of the error that is replaced. */
    made.n_args = (uint8_t)(n_args < MSG_ARGS_MAX ? n_args : MSG_ARGS_MAX);
    room = room_for_each(args, made.n_args);
    for (size_t i = 0; i < made.n_args; i++) {
        used += copy_arg(made.args + used, args[i], room);
        made.end[i] = (uint16_t)used;
    }
    *err = made;
}

struct str err_arg(const struct err *err, size_t i)
{
    size_t from;

    if (i >= err->n_args)
        return (struct str){NULL, 0};
    from = i ? err->end[i - 1] : 0;
    return str_bytes(err->args + from, err->end[i] - from);
}

void err_text(const struct err *err, struct buf *out)
{
    struct str args[MSG_ARGS_MAX];

    if (!err->msg) {
        buf_putz(out, rc_text(err->rc));
        return;
    }
    for (size_t i = 0; i < err->n_args; i++)
        args[i] = err_arg(err, i);
    msg_render(err->msg, args, err->n_args, NULL, NULL, out);
}

const char *err_textz(const struct err *err, char *text, size_t cap)
{
    enum { LINE_MAX_BYTES = 16 * 1024 };
    CLEANUP(buf_done) struct buf b = BUF_INIT(LINE_MAX_BYTES);
    struct str s;
    struct str head;

    if (cap == 0)
        return "";
    err_text(err, &b);
    s = buf_rc(&b) == RC_OK ? buf_str(&b) : str_of(rc_text(err->rc));
    head = s.n < cap ? s : str_utf8_head(s, cap > ellipsis.n ? cap - 1 - ellipsis.n : 0);
    memcpy(text, head.p, head.n);
    text[head.n] = '\0';
    if (head.n < s.n && cap > ellipsis.n)
        memcpy(text + head.n, "...", ellipsis.n + 1);
    return text;
}
