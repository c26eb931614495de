/* SPDX-License-Identifier: Apache-2.0 */
/* Files of sections "[name]" (deeper ones with more brackets) and settings "name = value", with
 * comments behind '#', as certbot writes them. Pure; texts are borrowed. */
#pragma once

#include "base/arena.h"

enum { TAKEOVER_INI_ENTRIES_MAX = 1000, TAKEOVER_INI_MAX = 256 * 1024 };

struct takeover_ini_entry {
    struct str section; /* the innermost one; empty before the first */
    struct str name, value;
};

struct takeover_ini {
    struct takeover_ini_entry *list;
    size_t n;
};

/* Lines of another form are passed over. RC_PARSE for bytes that are no text (a NUL) and for
 * quotation marks without an end, RC_TOOBIG, RC_NOMEM. */
enum rc takeover_ini_read(struct arena *a, struct str text, struct takeover_ini *out);
/* Empty when there is none; of several the last. */
struct str takeover_ini_get(const struct takeover_ini *ini, const char *section, const char *name);
/* Elements of a value that is a list, "a, b,": while (takeover_ini_next(&rest, &element)). */
bool takeover_ini_next(struct str *rest, struct str *out);
