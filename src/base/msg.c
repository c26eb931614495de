/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg.h"

/* Made by the linker around the section; weak, so that a program without any message links. */
extern const struct msg *const __start_autarky_messages[]
    __attribute__((weak, visibility("hidden")));
extern const struct msg *const __stop_autarky_messages[]
    __attribute__((weak, visibility("hidden")));

void msg_all(const struct msg *const **out_first, size_t *out_count)
{
    const struct msg *const *first = __start_autarky_messages;
    const struct msg *const *end = __stop_autarky_messages;

    *out_first = first;
    *out_count = first ? (size_t)(((uintptr_t)end - (uintptr_t)first) / sizeof(*first)) : 0;
}

/* Characters that move the cursor, end the line or turn the direction of what follows (Unicode bidi
 * controls). */
static bool unsafe(uint32_t cp)
{
    return str_is_control(cp) || (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
}

static void put_arg(struct buf *out, struct str s)
{
    while (s.n && buf_rc(out) == RC_OK) {
        uint32_t cp;
        size_t n = str_utf8_next(s, &cp);

        if (n == 0 || unsafe(cp))
            buf_putz(out, "?");
        else
            buf_put(out, s.p, n);
        s = str_skip(s, n ? n : 1);
    }
}

/* The number in "{0}" at the start of `s`, or -1. */
static int place(struct str s)
{
    if (s.n < 3 || s.p[0] != '{' || s.p[1] < '0' || s.p[1] >= '0' + MSG_ARGS_MAX || s.p[2] != '}')
        return -1;
    return s.p[1] - '0';
}

void msg_render(const struct msg *m, const struct str *args, size_t n_args, msg_translate translate,
                void *arg, struct buf *out)
{
    const char *text = translate ? translate(m->code, arg) : NULL;
    struct str rest = str_of(text ? text : m->text);

    while (rest.n) {
        size_t plain = str_find(rest, '{');
        int at;

        buf_puts(out, str_head(rest, plain));
        rest = str_skip(rest, plain);
        at = place(rest);
        if (at >= 0 && (size_t)at < n_args) {
            put_arg(out, args[at]);
            rest = str_skip(rest, 3);
        } else if (rest.n) {
            buf_putz(out, "{");
            rest = str_skip(rest, str_starts(rest, STR("{{")) ? 2 : 1);
        }
    }
}
