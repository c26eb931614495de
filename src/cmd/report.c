/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"

enum { MESSAGE_MAX = 4096 };

const char *cmd_data(const struct cmd_args *args)
{
    const char *env = getenv("AUTARKY_DATA");

    if (args->values[CMD_OPT_DATA])
        return args->values[CMD_OPT_DATA];
    return env && env[0] ? env : "/var/lib/autarky";
}

int cmd_open_data(const struct cmd_args *args)
{
    int fd = open(cmd_data(args), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        cmd_failf("data directory %s: %s; `autarky init --data %s` makes one", cmd_data(args),
                  strerror(errno), cmd_data(args));
    return fd;
}

bool cmd_json(const struct cmd_args *args)
{
    return args->values[CMD_OPT_JSON] != NULL;
}

int cmd_fail(const struct err *err)
{
    char text[MESSAGE_MAX];

    return cmd_failf("%s", err_textz(err, text, sizeof(text)));
}

int cmd_failf(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("autarky: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return CMD_FAILED;
}

int cmd_print(struct str text)
{
    if (fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0)
        return CMD_DONE;
    return cmd_failf("standard output: %s", strerror(errno));
}
