/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs autarky (cmd/table.c) and autarky-agent (subscriber/program.c) share, and what
 * differs: each defines one `program`. Texts say "autarky COMMAND" everywhere, and are shown with
 * the program's own name. */
#pragma once

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"

struct program {
    const char *name;
    const char *title;        /* the first line of its help */
    unsigned (*schema)(void); /* of its database, with --data and --config; NULL: it has none */
    unsigned handover;        /* what it takes over from another one (serve/serve.h); 0: nothing */
    /* Whether it has that command; `verb` is what stands behind the noun, whatever that is. */
    bool (*has)(struct str noun, struct str verb);
};
extern const struct program program;

/* `text`, appended with the commands in it as this program is called: where that is autarky-agent,
 * "`autarky renew`" becomes "`autarky-agent renew`", and what it does not have stays. */
enum rc program_own_words(struct str text, struct buf *out);
/* The same, written. */
void program_put(FILE *to, struct str text);
/* "NAME: LINE" on standard error. */
void program_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void program_vsay(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
