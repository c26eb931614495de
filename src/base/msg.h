/* SPDX-License-Identifier: Apache-2.0 */
/* The message catalogue. A message is a stable code and an English text with numbered places: "{0}
 * is not {1}". It is declared beside the code that uses it, with MSG; the linker gathers all of
 * them, so that a program can list its catalogue and a translation is a table from code to text
 * (see msg_translate). */
#pragma once

#include "base/buf.h"

struct msg {
    const char *code; /* "conf.unknown-key": folder, dot, words with hyphens; unique */
    const char *text; /* {0} to {7}; "{{" is a brace */
};

enum { MSG_ARGS_MAX = 8 };

/* Declares a message as a static constant: MSG(msg_unknown_key, "conf.unknown-key", "{0}..."); */
#define MSG(name, code_, text_)                                                                    \
    static const struct msg name = {code_, text_};                                                 \
    static const struct msg *const name##_entry                                                    \
        __attribute__((section("autarky_messages"), used)) = &name

/* All messages linked into this program. */
void msg_all(const struct msg *const **out_first, size_t *out_count);

/* A translation gives the text for a code, or NULL to keep the English one. */
typedef const char *(*msg_translate)(const char *code, void *arg);

/* Writes the text with its arguments put in; `translate` may be NULL. A place without an argument
 * stays as it is, and control characters (with line separators and those that turn the direction of
 * writing) and bytes that are not UTF-8 become '?' in arguments, which often come from strangers
 * and end in terminals and logs. */
void msg_render(const struct msg *m, const struct str *args, size_t n_args, msg_translate translate,
                void *arg, struct buf *out);
