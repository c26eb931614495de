/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload changes, and what each change takes. The class of every key stands in the schema
 * table. */
#pragma once

#include "base/msg.h"
#include "conf/conf.h"

struct arena;

enum conf_class {
    CONF_LIVE,     /* takes effect in the running processes */
    CONF_RESTARTS, /* the named roles are started anew */
    CONF_REFUSED,  /* cannot change on an existing installation */
};

struct conf_change {
    struct str
        key; /* "listen.api", "profiles.short.lifetime", "policy[2]" for a rule added or removed */
    struct str was; /* as YAML, on one line; empty: there was none */
    struct str now;
    enum conf_class class;
    const char
        *roles; /* CONF_RESTARTS: names divided by spaces, as in "front core"; otherwise "" */
    const struct msg *reason; /* CONF_REFUSED: why; otherwise what else is to be known, or NULL */
};

struct conf_changes {
    struct conf_change *p;
    size_t n;
    struct arena *arena;
};

/* Compares two configurations key by key, in the order of the schema; the caller frees with
 * conf_changes_done. */
enum rc conf_diff(const struct conf *was, const struct conf *now, struct conf_changes *out);
void conf_changes_done(struct conf_changes *c);

/* True when some change is of that class. */
bool conf_changes_any(const struct conf_changes *c, enum conf_class class);
/* True when some change restarts that role. */
bool conf_changes_restart(const struct conf_changes *c, const char *role);
