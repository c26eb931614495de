/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/solver.h"

#include <stdarg.h>
#include <stdio.h>

#include "agent/place.h"
#include "agent/plan.h"
#include "base/addr.h"

MSG(msg_address, "agent.address", "\"{0}\" is no address and port, as in 0.0.0.0:80 or [::]:80");

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

static enum rc listen_at(struct str text, struct addr_port *out, struct err *err)
{
    return addr_port_parse(text, out) == RC_OK ? RC_OK : ERR(err, RC_INVAL, msg_address, text);
}

enum rc agent_solver_new(const struct agent_world *w, const struct agent_plan *plan,
                         const char *dir, struct agent_solver **out, struct err *err)
{
    char path[AGENT_PATH_MAX];
    struct addr_port at;

    switch (plan->way) {
    case AGENT_HTTP_LISTEN:
        TRY(listen_at(plan->value, &at, err));
        return agent_http01_new(w, &at, out, err);
    case AGENT_ALPN_LISTEN:
        TRY(listen_at(plan->value, &at, err));
        return agent_alpn01_new(w, &at, out, err);
    case AGENT_WEBROOT:
        TRY(str_copyz(plan->value, path, sizeof(path)));
        return agent_webroot_new(w, path, str_eq(plan->style, STR(AGENT_WEBROOT_BARE)), out, err);
    case AGENT_DNS:
        if (str_eq(plan->style, STR(AGENT_DNS_UPDATES)) || plan->style.n == 0)
            return agent_rfc2136_new(w, plan->value, out, err);
        return agent_dns_provider_new(w, plan->style, plan->value, out, err);
    case AGENT_HOOK:
        return agent_hook_new(w, plan, dir, out, err);
    case AGENT_PERSIST:
        return agent_persist_new(w, plan, out, err);
    case AGENT_WAYS:
        break;
    }
    return RC_UNSUPPORTED;
}
