/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/receivers.h"

#include <unistd.h>

#include "base/owned.h"
#include "sandbox/users.h"

MSG(msg_receiver, "cmd.receiver", "the receiver {0}: {1}");
MSG(msg_no_user, "cmd.receiver-user",
    "there is no user {0} for its program; make it: useradd --system --no-create-home --shell "
    "/usr/sbin/nologin {0}");

enum { WHY_BYTES = 1024, NAME_BYTES = 256 };

static enum rc check(const struct conf_receiver *r, struct err *err)
{
    char name[NAME_BYTES];
    uid_t uid;
    gid_t gid;
    enum rc rc;

    TRY(owned_program(r->command.p[0], geteuid(), err));
    if (geteuid() != 0)
        return RC_OK; /* it stays who it is */
    TRY(str_copyz(r->user, name, sizeof(name)));
    rc = sandbox_user_find(name, &uid, &gid, err);
    return rc == RC_NOTFOUND ? ERR(err, rc, msg_no_user, r->user) : rc;
}

enum rc cmd_check_receivers(const struct conf *conf, struct buf *problems)
{
    enum rc result = RC_OK;

    for (size_t i = 0; i < conf->n_receivers; i++) {
        const struct conf_receiver *r = &conf->receivers[i];
        struct err why = ERR_INIT, err = ERR_INIT;
        char text[WHY_BYTES];

        if (r->kind != CONF_RECEIVER_EXEC)
            continue;
        why.rc = check(r, &why);
        if (why.rc == RC_OK)
            continue;
        result =
            ERR(&err, RC_INVAL, msg_receiver, r->name, str_of(err_textz(&why, text, sizeof(text))));
        err_text(&err, problems);
        buf_putz(problems, "\n");
    }
    return result;
}
