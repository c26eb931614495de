/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sandbox.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/fd.h"
#include "sandbox/sandbox_int.h"

#if defined(__SANITIZE_ADDRESS__)
static const bool strict = false;
#elif defined(__clang__)
static const bool strict = !__has_feature(address_sanitizer);
#else
static const bool strict = true;
#endif

MSG(msg_failed, "sandbox.failed", "confining this process: {0}: {1}");
MSG(msg_threads, "sandbox.threads",
    "confining this process: it has several threads already, and some mechanisms bind only one");

const struct msg sandbox_msg_failed = {"sandbox.failed", "confining this process: {0}: {1}"};

static const char *const names[SANDBOX_MECHANISMS] = {
    [SANDBOX_USER] = "user",
    [SANDBOX_CAPABILITIES] = "capabilities",
    [SANDBOX_LIMITS] = "limits",
    [SANDBOX_NO_DUMP] = "no-dump",
    [SANDBOX_NO_NEW_PRIVS] = "no-new-privs",
    [SANDBOX_LANDLOCK] = "landlock",
    [SANDBOX_SECCOMP] = "seccomp",
};

static const char *const states[] = {
    [SANDBOX_OFF] = "off",
    [SANDBOX_PARTLY] = "partly",
    [SANDBOX_ON] = "on",
};

void sandbox_note(struct sandbox_report *r, enum sandbox_mechanism m, enum sandbox_state state,
                  const char *fmt, ...)
{
    va_list ap;

    r->by[m].state = state;
    va_start(ap, fmt);
    vsnprintf(r->by[m].text, sizeof(r->by[m].text), fmt, ap);
    va_end(ap);
}

bool sandbox_strict(void)
{
    return strict;
}

/* Landlock and capabilities bind one thread; unshare(2) refuses CLONE_THREAD, which else changes
 * nothing, when there are more. */
static enum rc one_thread(struct err *err)
{
    if (unshare(CLONE_THREAD) != 0 && errno == EINVAL)
        return ERR(err, RC_INVAL, msg_threads);
    return RC_OK;
}

enum rc sandbox_enter(const struct sandbox *sb, const struct sandbox_at *at,
                      struct sandbox_report *out, struct err *err)
{
    struct sandbox eff = *sb;
    struct sandbox_report report = {};
    CLEANUP(fd_closep) int ruleset = -1;

    if (!sandbox_strict())
        eff.promises |= SB_SANITIZER;
    TRY(one_thread(err));
    TRY(sandbox_landlock_prepare(&eff, at, &ruleset, &report, err));
    TRY(sandbox_limits(&eff, &report, err));
    TRY(sandbox_bound_caps(&eff, &report, err));
    TRY(sandbox_user_drop(&eff, at, &report, err));
    TRY(sandbox_drop_caps(&eff, &report, err));
    TRY(sandbox_bind_to_parent(at, err));
    TRY(sandbox_no_dump(&report, err));
    TRY(sandbox_no_new_privs(&eff, &report, err));
    if (ruleset >= 0)
        TRY(sandbox_landlock_enforce(ruleset, err));
    TRY(sandbox_seccomp(&eff, &report, err));
    *out = report;
    return RC_OK;
}

void sandbox_report_text(const struct sandbox_report *r, struct buf *out)
{
    for (size_t i = 0; i < SANDBOX_MECHANISMS; i++)
        buf_printf(out, "%s: %s: %s\n", names[i], states[r->by[i].state], r->by[i].text);
}
