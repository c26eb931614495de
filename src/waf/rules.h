/* SPDX-License-Identifier: Apache-2.0 */
/* Rules, compiled, and what they say of a request. Blocking: whoever calls this is a process made
 * for it (inspector.h), which may take long, or end, over any rule or request. */
#pragma once

#include "base/arena.h"
#include "waf/library.h"
#include "waf/verdict.h"

struct waf_rules {
    const struct waf_library *lib;
    void *set;
};

/* `path` empty: the OWASP core rule set where Debian's package modsecurity-crs puts it, with its
 * setup and the exclusions of the administrator. Around what is read are settings of our own, which
 * hold: rules decide, of requests alone, and neither write files nor keep uploads. RC_INVAL has the
 * library's words, with file and line; RC_NOTFOUND names the package. What is loaded stays. */
enum rc waf_rules_load(const struct waf_library *lib, struct str path, struct waf_rules *out,
                       struct err *err);
/* `id` is what the library calls the request in its lines. RC_NOMEM. */
enum rc waf_rules_inspect(const struct waf_rules *rules, const struct ipc_inspect *request,
                          const char *id, struct waf_verdict *out);
