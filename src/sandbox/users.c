/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/users.h"

#include <errno.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

enum { ENTRY_MAX = 16384 };

MSG(msg_missing, "sandbox.user-missing",
    "the system user {0} does not exist; make it: useradd --system --user-group --no-create-home "
    "--home-dir /nonexistent --shell /usr/sbin/nologin {0} (`autarky init` run as root does)");
MSG(msg_is_root, "sandbox.user-is-root",
    "the system user {0} is root by another name; give it a user and group id of its own");
MSG(msg_lookup, "sandbox.user-lookup", "looking up the system user {0}: {1}");
MSG(msg_not_root, "sandbox.user-not-root", "only root can make the system user {0}");
MSG(msg_group, "sandbox.user-group",
    "making the system user {0}: a group of that name exists without a user; remove it: groupdel "
    "{0}");
MSG(msg_useradd, "sandbox.useradd",
    "making the system user {0}: useradd {1}; is the package passwd installed?");

const char *const sandbox_users[SANDBOX_USERS] = {
    "autarky-front",   "autarky-core",     "autarky-signer", "autarky-prober",
    "autarky-gateway", "autarky-keeper",   "autarky-runner", "autarky-courier",
    "autarky-txt",     "autarky-emissary", "autarky-waf",
};

enum rc sandbox_user_find(const char *name, uid_t *out_uid, gid_t *out_gid, struct err *err)
{
    CLEANUP(mem_freep) char *room = mem_alloc(ENTRY_MAX);
    struct passwd *found = NULL;
    struct passwd pw;
    int e;

    if (!room)
        return RC_NOMEM;
    e = getpwnam_r(name, &pw, room, ENTRY_MAX, &found);
    if (!found && (e == 0 || e == ENOENT || e == ESRCH))
        return ERR(err, RC_NOTFOUND, msg_missing, str_of(name));
    if (!found)
        return ERR(err, RC_IO, msg_lookup, str_of(name), str_of(strerrordesc_np(e)));
    if (pw.pw_uid == 0 || pw.pw_gid == 0)
        return ERR(err, RC_DENIED, msg_is_root, str_of(name));
    *out_uid = pw.pw_uid;
    *out_gid = pw.pw_gid;
    return RC_OK;
}

/* Runs a program to its end, with an environment of nothing but PATH. */
static enum rc run(char *const *argv, int *out_status)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *const env[] = {path, NULL};
    pid_t pid;
    int e = posix_spawnp(&pid, argv[0], NULL, NULL, argv, env);

    if (e != 0)
        return RC_IO;
    while (waitpid(pid, out_status, 0) < 0)
        if (errno != EINTR)
            return RC_IO;
    return RC_OK;
}

static enum rc useradd(const char *name, const char *prefix, int *out_status)
{
    /* No const: posix_spawn(3) takes none, and changes nothing. */
    static char program[] = "useradd", of_system[] = "--system", group[] = "--user-group",
                no_home[] = "--no-create-home", home[] = "--home-dir", nowhere[] = "/nonexistent",
                shell[] = "--shell", nologin[] = "/usr/sbin/nologin", other_root[] = "--prefix";
    CLEANUP(mem_freep) char *own_name = mem_strdup(name);
    CLEANUP(mem_freep) char *own_prefix = mem_strdup(prefix ? prefix : "");

    if (!own_name || !own_prefix)
        return RC_NOMEM;
    if (prefix)
        return run((char *[]){program, of_system, group, no_home, home, nowhere, shell, nologin,
                              other_root, own_prefix, own_name, NULL},
                   out_status);
    return run((char *[]){program, of_system, group, no_home, home, nowhere, shell, nologin,
                          own_name, NULL},
               out_status);
}

enum rc sandbox_user_create(const char *name, const char *prefix, struct err *err)
{
    enum { STATUS_EXISTS = 9 };
    char text[64] = "could not be run";
    int status = 0;
    uid_t uid;
    gid_t gid;
    enum rc rc;

    if (geteuid() != 0)
        return ERR(err, RC_DENIED, msg_not_root, str_of(name));
    if (!prefix) {
        rc = sandbox_user_find(name, &uid, &gid, err);
        if (rc != RC_NOTFOUND)
            return rc;
    }
    rc = useradd(name, prefix, &status);
    if (rc == RC_NOMEM)
        return rc;
    if (rc == RC_OK && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return RC_OK;
    if (rc == RC_OK && WIFEXITED(status) && WEXITSTATUS(status) == STATUS_EXISTS) {
        if (prefix)
            return RC_OK;
        return ERR(err, RC_EXISTS, msg_group, str_of(name));
    }
    if (rc == RC_OK)
        snprintf(text, sizeof(text), "ended with %s %d", WIFEXITED(status) ? "status" : "signal",
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return ERR(err, RC_IO, msg_useradd, str_of(name), str_of(text));
}
