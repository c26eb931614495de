/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that a shell would source, read without one: assignments of constants, and of what was
 * assigned before. Everything whose value a shell alone can know (commands, conditions, arithmetic,
 * arrays, variables of elsewhere) is listed as such and has no value. Pure. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum { TAKEOVER_VARS_MAX = 2000, TAKEOVER_SHELL_MAX = 256 * 1024 };

struct takeover_var {
    struct str name;  /* empty: a line that is no assignment */
    struct str value; /* empty when it is not known */
    unsigned line;
    bool known;
};

struct takeover_vars {
    struct arena *arena;
    struct takeover_var *list; /* in order; of equal names the last one counts */
    size_t n, cap;
};

/* Appends what stands in `text`, where what was there before can be referred to. RC_PARSE for bytes
 * that are no text (a NUL), RC_TOOBIG, RC_NOMEM. */
enum rc takeover_shell_read(struct takeover_vars *v, struct str text);
/* A variable from outside of the file, known to the program that would source it. */
enum rc takeover_shell_set(struct takeover_vars *v, struct str name, struct str value);
/* NULL: it is not assigned. */
const struct takeover_var *takeover_shell_find(const struct takeover_vars *v, struct str name);
/* Empty when it is not assigned, or not known. */
struct str takeover_shell_value(const struct takeover_vars *v, const char *name);
/* Appends `s` as one word of a command line. */
void takeover_shell_quote(struct buf *out, struct str s);
