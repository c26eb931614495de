/* SPDX-License-Identifier: Apache-2.0 */
/* Of autarky-agent. */
#include "cmd/cmd.h"

int main(int argc, char **argv)
{
    struct cmd_args args;
    int status = cmd_parse(argc, argv, &args);

    return cmd_finish(status >= 0 ? status : args.row->run(&args));
}
