/* SPDX-License-Identifier: Apache-2.0 */
/* Findings, each with a state and a cure, as `doctor` and `site check` print them: a line each, or
 * {"checks": [{name, state, text, cure}], "healthy": BOOL}. */
#pragma once

#include "json/out.h"

struct cmd_args;

struct examination {
    const struct cmd_args *args;
    struct json_out o;
    struct buf text;
    unsigned failed, warnings;
};

void cmd_examine_begin(struct examination *e, const struct cmd_args *args);
void cmd_examine_done(struct examination *e);
/* `state` is "ok", "warning" or "failed"; `cure` may be empty. */
void cmd_finding(struct examination *e, const char *name, struct str state, struct str text,
                 struct str cure);
/* Prints all of it; `rc` is what prevented further findings. Returns the exit status. */
int cmd_examine_show(struct examination *e, enum rc rc);
