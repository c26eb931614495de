/* SPDX-License-Identifier: Apache-2.0 */
/* Two filters, because libseccomp takes only one action for "any other arguments" of a call. The
 * first says which calls there are at all; what it does not know ends the process. The second says
 * with which arguments; others fail with EPERM. The stricter verdict of the two counts. */
#include "sandbox/sandbox.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "sandbox/sandbox_int.h"

enum { LINE_MAX_BYTES = 160, NAME_BYTES = 32 };

struct filter {
    scmp_filter_ctx ctx;
};

static void filter_done(struct filter *f)
{
    if (f->ctx)
        seccomp_release(f->ctx);
    f->ctx = NULL;
}

/* What the signal handler says; filled before the filter is there. */
static char user_name[NAME_BYTES];

static size_t put_text(char *line, size_t at, const char *text)
{
    while (*text && at < LINE_MAX_BYTES - 1)
        line[at++] = *text++;
    return at;
}

static size_t put_number(char *line, size_t at, unsigned v)
{
    char digits[12];
    size_t n = sizeof(digits) - 1;

    digits[n] = '\0';
    do
        digits[--n] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    return put_text(line, at, digits + n);
}

/* Async-signal-safe. The disposition is the default again (SA_RESETHAND), so the signal sent at the
 * end ends the process, and the supervisor sees of what. */
static void refused(int sig, siginfo_t *info, [[maybe_unused]] void *context)
{
    char line[LINE_MAX_BYTES];
    const char *name = sandbox_call_name(info->si_syscall);
    size_t n = put_text(line, 0, user_name);

    n = put_text(line, n, ": ended by its sandbox: system call ");
    n = put_number(line, n, (unsigned)info->si_syscall);
    if (name) {
        n = put_text(line, n, " (");
        n = put_text(line, n, name);
        n = put_text(line, n, ")");
    }
    n = put_text(line, n, " is not among its promises\n");
    while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
        ;
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig);
}

static enum rc install_handler(const struct sandbox *sb, struct err *err)
{
    struct sigaction sa = {.sa_sigaction = refused,
                           .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND | SA_NODEFER)};

    if (str_copyz(str_of(sb->user ? sb->user : "autarky"), user_name, sizeof(user_name)) != RC_OK)
        return ERR(err, RC_TOOBIG, sandbox_msg_failed, STR("user name"), str_of(sb->user));
    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGSYS, &sa, NULL) != 0)
        return SANDBOX_ERRNO(err, "sigaction(SIGSYS)");
    return RC_OK;
}

/* libseccomp answers with a negative errno; that a rule is there already is no failure. */
static enum rc scmp(int got, const char *what, struct err *err)
{
    if (got >= 0 || got == -EEXIST)
        return RC_OK;
    if (got == -ENOMEM)
        return RC_NOMEM;
    return ERR(err, RC_IO, sandbox_msg_failed, str_of(what), str_of(strerrordesc_np(-got)));
}

static enum rc filter_init(struct filter *f, uint32_t otherwise, struct err *err)
{
    f->ctx = seccomp_init(otherwise);
    if (!f->ctx)
        return RC_NOMEM;
    TRY(scmp(seccomp_attr_set(f->ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS),
             "seccomp, other architectures", err));
    TRY(scmp(seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_NNP, 0), "seccomp", err));
    /* Only speed; libseccomp before 2.5 does not know it. */
    IGNORE_RC(scmp(seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2), "seccomp", NULL));
    return RC_OK;
}

static enum rc add_calls(struct filter *which, struct filter *how, const struct sandbox *sb,
                         size_t *count, struct err *err)
{
    for (const struct sandbox_calls *c = sandbox_calls; c->promises; c++) {
        bool given = sb->promises & c->promises;
        uint32_t action = c->error ? SCMP_ACT_ERRNO((uint32_t)c->error) : SCMP_ACT_ALLOW;

        if (given == (c->error != 0))
            continue;
        for (size_t i = 0; i < c->n; i++) {
            TRY(scmp(seccomp_rule_add_array(which->ctx, action, c->nr[i], 0, NULL), "seccomp",
                     err));
            TRY(scmp(seccomp_rule_add_array(how->ctx, SCMP_ACT_ALLOW, c->nr[i], 0, NULL), "seccomp",
                     err));
        }
        *count += c->error ? 0 : c->n;
    }
    return RC_OK;
}

static enum rc add_ways(struct filter *which, struct filter *how, const struct sandbox *sb,
                        struct err *err)
{
    for (const struct sandbox_way *w = sandbox_ways; w->promises; w++) {
        unsigned n_which = w->other ? w->n_args : 0;

        if (!(sb->promises & w->promises) || (sb->promises & w->unless))
            continue;
        TRY(scmp(seccomp_rule_add_array(which->ctx, SCMP_ACT_ALLOW, w->nr, n_which, w->args),
                 "seccomp", err));
        TRY(scmp(
            seccomp_rule_add_array(how->ctx, SCMP_ACT_ALLOW, w->nr, w->n_args - n_which, w->args),
            "seccomp", err));
    }
    return RC_OK;
}

/* These depend on numbers that only the running process knows, or have an errno for some arguments
 * and the end for all others. */
static enum rc add_special(struct filter *which, struct filter *how, const struct sandbox *sb,
                           struct err *err)
{
    static const int quiet_families[] = {AF_UNIX, AF_NETLINK};
    struct scmp_arg_cmp self = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()};

    /* abort(3) and pthread_kill(3). */
    if (!(sb->promises & SB_SANITIZER)) {
        TRY(scmp(seccomp_rule_add_array(which->ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self),
                 "seccomp, tgkill", err));
        TRY(scmp(seccomp_rule_add_array(how->ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0, NULL),
                 "seccomp, tgkill", err));
    }
    /* Name services and resolvers ask daemons and the kernel by these, and do without. */
    for (size_t i = 0; i < sizeof(quiet_families) / sizeof(quiet_families[0]); i++) {
        struct scmp_arg_cmp family = {
            .arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)quiet_families[i]};

        if (quiet_families[i] == AF_UNIX && (sb->promises & SB_UNIX))
            continue;
        TRY(scmp(seccomp_rule_add_array(which->ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1,
                                        &family),
                 "seccomp, socket", err));
    }
    return scmp(seccomp_rule_add_array(how->ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 0, NULL),
                "seccomp, socket", err);
}

enum rc sandbox_begin(const struct sandbox *sb, struct err *err)
{
    CLEANUP(filter_done) struct filter ring = {};

    if (sb->promises & SB_EXEC || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
        return RC_OK;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return SANDBOX_ERRNO(err, "prctl(PR_SET_NO_NEW_PRIVS)");
    TRY(filter_init(&ring, SCMP_ACT_ALLOW, err));
    TRY(scmp(
        seccomp_rule_add_array(ring.ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0, NULL),
        "seccomp, io_uring_setup", err));
    return scmp(seccomp_load(ring.ctx), "seccomp_load", err);
}

enum rc sandbox_seccomp(const struct sandbox *sb, struct sandbox_report *out, struct err *err)
{
    CLEANUP(filter_done) struct filter which = {};
    CLEANUP(filter_done) struct filter how = {};
    size_t count = 0;

    if (sb->promises & SB_EXEC) {
        sandbox_note(out, SANDBOX_SECCOMP, SANDBOX_OFF,
                     "executes programs, which would inherit it");
        return RC_OK;
    }
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
        sandbox_note(out, SANDBOX_SECCOMP, SANDBOX_OFF, "this kernel was built without it");
        return RC_OK;
    }
    TRY(install_handler(sb, err));
    TRY(filter_init(&which, SCMP_ACT_TRAP, err));
    TRY(filter_init(&how, SCMP_ACT_ERRNO(EPERM), err));
    /* The kernel's log shows what fails here with EPERM, which else only the caller sees. Older
     * kernels cannot. */
    IGNORE_RC(scmp(seccomp_attr_set(how.ctx, SCMP_FLTATR_CTL_LOG, 1), "seccomp", NULL));
    TRY(add_calls(&which, &how, sb, &count, err));
    TRY(add_ways(&which, &how, sb, err));
    TRY(add_special(&which, &how, sb, err));
    /* `how` goes first, and lets seccomp(2) through once more; `which` does not know that call. */
    TRY(scmp(seccomp_rule_add_array(how.ctx, SCMP_ACT_ALLOW, SCMP_SYS(seccomp), 0, NULL), "seccomp",
             err));
    TRY(scmp(seccomp_load(how.ctx), "seccomp_load", err));
    TRY(scmp(seccomp_load(which.ctx), "seccomp_load", err));
    sandbox_note(out, SANDBOX_SECCOMP, sandbox_strict() ? SANDBOX_ON : SANDBOX_PARTLY,
                 "%zu system calls%s", count,
                 sandbox_strict() ? "" : ", and those that a sanitizer needs");
    return RC_OK;
}
