/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/serve.h"
#include "cmd/cmd.h"

int cmd_serve(const struct cmd_args *args)
{
    struct serve_options serve = {
        .data = cmd_data(args),
        .config = args->values[CMD_OPT_CONFIG],
    };

    return serve_run(&serve);
}
