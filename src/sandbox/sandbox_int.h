/* SPDX-License-Identifier: Apache-2.0 */
/* The mechanisms behind sandbox_enter, in the order in which it applies them. Each writes its line
 * of the report. */
#pragma once

#include <errno.h>
#include <string.h>

#include <seccomp.h>

#include "sandbox/sandbox.h"

extern const struct msg sandbox_msg_failed;

/* RC_IO with "{what}: {text of errno}". */
#define SANDBOX_ERRNO(err, what)                                                                   \
    ERR((err), RC_IO, sandbox_msg_failed, str_of(what), str_of(strerrordesc_np(errno)))

void sandbox_note(struct sandbox_report *r, enum sandbox_mechanism m, enum sandbox_state state,
                  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Core files, open files, umask. */
enum rc sandbox_limits(const struct sandbox *sb, struct sandbox_report *out, struct err *err);
/* Groups, group, user; then proves that root does not come back. */
enum rc sandbox_user_drop(const struct sandbox *sb, const struct sandbox_at *at,
                          struct sandbox_report *out, struct err *err);
/* Bounding, ambient, inheritable, permitted and effective set. Must follow sandbox_user_drop, which
 * needs some of them; sandbox_bound_caps must precede it, because it needs CAP_SETPCAP. */
enum rc sandbox_bound_caps(const struct sandbox *sb, struct sandbox_report *out, struct err *err);
enum rc sandbox_drop_caps(const struct sandbox *sb, struct sandbox_report *out, struct err *err);
enum rc sandbox_bind_to_parent(const struct sandbox_at *at, struct err *err);
enum rc sandbox_no_dump(struct sandbox_report *out, struct err *err);
enum rc sandbox_no_new_privs(const struct sandbox *sb, struct sandbox_report *out, struct err *err);
/* Opens the paths of the table while they can still be opened, and gathers the rules; *out_fd is -1
 * when there is nothing to enforce, and the report says why. */
enum rc sandbox_landlock_prepare(const struct sandbox *sb, const struct sandbox_at *at, int *out_fd,
                                 struct sandbox_report *out, struct err *err);
enum rc sandbox_landlock_enforce(int ruleset, struct err *err);
enum rc sandbox_seccomp(const struct sandbox *sb, struct sandbox_report *out, struct err *err);

/* The system calls of the promises, in seccomp_calls.c. */
struct sandbox_calls {
    unsigned promises; /* allowed when one of these is given; a probe: fails with `error` when none
                          of them is */
    int error;         /* 0: no probe */
    const int *nr;
    size_t n;
};

enum { SANDBOX_CALL_ARGS = 2 };

/* One allowed way to make a call. */
struct sandbox_way {
    int nr;
    unsigned promises; /* holds when one of these is given ... */
    unsigned unless; /* ... and none of these, for which the call stands among the others, with any
                        arguments */
    int other;       /* other arguments fail with EPERM (0), or end the process (1) */
    unsigned n_args;
    struct scmp_arg_cmp args[SANDBOX_CALL_ARGS];
};

/* Both end with an entry without promises. */
extern const struct sandbox_calls sandbox_calls[];
extern const struct sandbox_way sandbox_ways[];

/* For the line that says what was refused: async-signal-safe; NULL when it is not among those worth
 * a name. */
const char *sandbox_call_name(int nr);
