/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "role/role.h"

/* How the supervisor starts its children: not a command for people. */
static bool is_child(int argc, char **argv, enum role *out)
{
    struct str arg = argc == 2 ? str_of(argv[1]) : STR("");

    return str_starts(arg, STR("--role=")) &&
           role_parse(str_skip(arg, strlen("--role=")), out) == RC_OK;
}

int main(int argc, char **argv)
{
    struct cmd_args args;
    enum role role;
    int status;

    mem_init();
    if (is_child(argc, argv, &role))
        return role_child_main(role);
    status = cmd_parse(argc, argv, &args);
    return cmd_finish(status >= 0 ? status : args.row->run(&args));
}
