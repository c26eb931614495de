/* SPDX-License-Identifier: Apache-2.0 */
/* What an option is called, and takes; part of cmd/cmd.h. */
#pragma once

enum cmd_repeats { CMD_ONCE, CMD_MANY, CMD_MORE, CMD_KINDS };

struct cmd_option_row {
    const char *name;  /* "--data" */
    const char *value; /* "DIR"; NULL: takes none */
    const char *help;
    /* At most one of each kind in a row: what is given goes to cmd_args.many, .more or
     * .kinds. */
    enum cmd_repeats repeats;
};
