/* SPDX-License-Identifier: Apache-2.0 */
#include "role/serve.h"
#include "cmd/cmd.h"

int cmd_serve(const struct cmd_args *args)
{
    struct role_serve serve = {
        .data = cmd_data(args),
        .config = args->values[CMD_OPT_CONFIG],
    };

    return role_serve(&serve);
}
