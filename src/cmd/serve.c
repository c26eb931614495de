/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/cmd.h"
#include "crypto/crypto.h"
#include "serve/serve.h"
#include "store/store.h"

/* Whoever is neither root nor the owner would fail at the first file, and the reason would look
 * like a fault of that file. */
static int check_owner(const struct cmd_args *args)
{
    CLEANUP(fd_closep) int data = -1;
    struct err err = ERR_INIT;
    struct stat st;

    err.rc = cmd_open_data(args, &data, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    if (fstat(data, &st) != 0 || geteuid() == 0 || st.st_uid == geteuid())
        return CMD_DONE;
    return cmd_failf("the data directory %s belongs to user %u and this is user %u: start as that "
                     "user or as root, or name another directory by --data",
                     cmd_data(args), (unsigned)st.st_uid, (unsigned)geteuid());
}

int cmd_serve(const struct cmd_args *args)
{
    struct serve_options serve = {
        .data = cmd_data(args),
        .config = args->values[CMD_OPT_CONFIG],
        .without_sm = crypto_without_tls_sm(),
        .schema = store_schema_program(),
    };
    int status = check_owner(args);

    return status == CMD_DONE ? serve_run(&serve) : status;
}
