/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/receivers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/sealed.h"
#include "base/owned.h"
#include "sandbox/users.h"

MSG(msg_receiver, "cmd.receiver", "the receiver {0}: {1}");
MSG(msg_no_user, "cmd.receiver-user",
    "there is no user {0} for its program; make it: useradd --system --no-create-home --shell "
    "/usr/sbin/nologin {0}");

MSG(msg_hook, "cmd.hook", "the hook {0}: {1}");
MSG(msg_file, "cmd.hook-environment", "{0}, its `environment`: {1}");

enum { WHY_BYTES = 1024, NAME_BYTES = 256, PATH_BYTES = 1024 };

/* Without root it stays who it is. */
static enum rc check_user(struct str user, struct err *err)
{
    char name[NAME_BYTES];
    uid_t uid;
    gid_t gid;
    enum rc rc;

    if (geteuid() != 0)
        return RC_OK;
    TRY(str_copyz(user, name, sizeof(name)));
    rc = sandbox_user_find(name, &uid, &gid, err);
    return rc == RC_NOTFOUND ? ERR(err, rc, msg_no_user, user) : rc;
}

static enum rc check_receiver(const struct conf_receiver *r, struct err *err)
{
    if (r->kind != CONF_RECEIVER_EXEC)
        return RC_OK;
    TRY(owned_program(r->command.p[0], geteuid(), err));
    return check_user(r->user, err);
}

static enum rc check_hook(const struct conf_hook *h, struct err *err)
{
    char path[PATH_BYTES];

    TRY(owned_program(h->command.p[0], geteuid(), err));
    if (h->cleanup.n)
        TRY(owned_program(h->cleanup.p[0], geteuid(), err));
    TRY(check_user(h->user, err));
    if (!str_starts(h->environment, STR("/"))) /* none, or systemd's affair */
        return RC_OK;
    TRY(str_copyz(h->environment, path, sizeof(path)));
    if (access(path, R_OK) == 0)
        return geteuid() == 0 ? agent_sealed_check(AT_FDCWD, path, err) : RC_OK;
    if (errno == EACCES) /* nothing for who asks, but perhaps for the runner */
        return RC_OK;
    return ERR(err, RC_NOTFOUND, msg_file, h->environment, str_of(strerrordesc_np(errno)));
}

static enum rc tell(const struct msg *what, struct str name, const struct err *why,
                    struct buf *problems)
{
    struct err err = ERR_INIT;
    char text[WHY_BYTES];

    if (why->rc == RC_OK)
        return RC_OK;
    IGNORE_RC(ERR(&err, RC_INVAL, *what, name, str_of(err_textz(why, text, sizeof(text)))));
    err_text(&err, problems);
    buf_putz(problems, "\n");
    return RC_INVAL;
}

enum rc cmd_check_programs(const struct conf *conf, struct buf *problems)
{
    enum rc result = RC_OK;

    for (size_t i = 0; i < conf->n_receivers; i++) {
        struct err why = ERR_INIT;

        why.rc = check_receiver(&conf->receivers[i], &why);
        if (tell(&msg_receiver, conf->receivers[i].name, &why, problems) != RC_OK)
            result = RC_INVAL;
    }
    for (size_t i = 0; i < conf->gateway.others.n_hooks; i++) {
        struct err why = ERR_INIT;

        why.rc = check_hook(&conf->gateway.others.hooks[i], &why);
        if (tell(&msg_hook, conf->gateway.others.hooks[i].name, &why, problems) != RC_OK)
            result = RC_INVAL;
    }
    return result;
}
