/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/admin.h"
#include "cmd/cmd.h"
#include "net/net.h"
#include "program/program.h"

enum { MESSAGE_MAX = 4096 };

MSG(msg_no_data, "cmd.no-data",
    "the data directory {0} does not exist; `autarky init --data {0}` makes one, --data or "
    "$AUTARKY_DATA names another");
MSG(msg_data_closed, "cmd.data-closed",
    "the data directory {0} is closed to this user; run as root, or as the user that it belongs "
    "to");
MSG(msg_data, "cmd.data", "the data directory {0}: {1}; --data or $AUTARKY_DATA names another");

const char *cmd_data(const struct cmd_args *args)
{
    const char *env = getenv("AUTARKY_DATA");

    if (args->values[CMD_OPT_DATA])
        return args->values[CMD_OPT_DATA];
    return env && env[0] ? env : "/var/lib/autarky";
}

enum rc cmd_open_data(const struct cmd_args *args, int *out_fd, struct err *err)
{
    struct str data = str_of(cmd_data(args));
    int fd = open(data.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        *out_fd = fd;
        return RC_OK;
    }
    if (errno == ENOENT)
        return ERR(err, RC_NOTFOUND, msg_no_data, data);
    if (errno == EACCES)
        return ERR(err, RC_DENIED, msg_data_closed, data);
    return ERR(err, RC_IO, msg_data, data, str_of(strerrordesc_np(errno)));
}

struct str cmd_who(char out[static CMD_WHO_BYTES])
{
    struct net_cred me = {.pid = getpid(), .uid = geteuid(), .gid = getegid()};
    uid_t login;

    if (net_peer_login(&me, &login) == RC_OK && login != me.uid)
        snprintf(out, CMD_WHO_BYTES, "uid %u (login %u)", (unsigned)me.uid, (unsigned)login);
    else
        snprintf(out, CMD_WHO_BYTES, "uid %u", (unsigned)me.uid);
    return str_of(out);
}

bool cmd_json(const struct cmd_args *args)
{
    return args->values[CMD_OPT_JSON] != NULL;
}

int cmd_fail(const struct err *err)
{
    char text[MESSAGE_MAX];

    int status = cmd_failf("%s", err_textz(err, text, sizeof(text)));

    if (err->msg && strcmp(err->msg->code, API_APPROVAL_WAITS) == 0)
        return CMD_WAITING;
    return err->rc == RC_AGAIN || err->rc == RC_QUOTA ? CMD_LATER : status;
}

int cmd_failf(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    program_vsay(fmt, ap);
    va_end(ap);
    return CMD_FAILED;
}

int cmd_usagef(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    program_vsay(fmt, ap);
    va_end(ap);
    return CMD_USAGE;
}

void cmd_print(struct str text)
{
    fwrite(text.p, 1, text.n, stdout); /* cmd_finish looks */
}

int cmd_finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    cmd_failf("standard output cannot be written: %s", strerrordesc_np(errno));
    return status == CMD_DONE ? CMD_FAILED : status;
}
