/* SPDX-License-Identifier: Apache-2.0 */
/* What is, or will be, in the way of the renewals below some directories: for each finding what it
 * is about, how it is ("ok", "warning" or "failed"), what was found, and what to do. */
#pragma once

#include "base/err.h"
#include "base/str.h"

/* Later than this a clock gets in the way of what is valid from now on. */
#define AGENTD_SKEW_FAILED (INT64_C(300) * 1'000'000)
#define AGENTD_SKEW_WARNING (INT64_C(30) * 1'000'000)

struct agentd_finding {
    const char *name, *state;
    struct str text, cure;
};
typedef void (*agentd_finding_fn)(void *arg, const struct agentd_finding *f);

/* Looks at every certificate in `dir`, or directly below, asks its server for its directory (the
 * same server once more only if it has answered), tries its proof as `obtain --dry-run` does, and
 * looks who else renews. Nothing is changed. It runs loops of its own. RC_NOMEM. */
enum rc agentd_examine(const char *dir, agentd_finding_fn fn, void *arg);
/* That alone that is about who else renews on the machine, below `root`. */
void agentd_examine_rivals(const char *root, agentd_finding_fn fn, void *arg);
