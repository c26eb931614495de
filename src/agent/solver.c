/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/solver.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 2048 };

void agent_say(const struct agent_world *w, bool warn, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    va_list ap;

    if (!w->say)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    w->say(w->arg, warn, line);
}

void agent_say_err(const struct agent_world *w, const char *what, const struct err *err)
{
    char text[LINE_MAX_BYTES];

    agent_say(w, true, "%s: %s", what, err_textz(err, text, sizeof(text)));
}
