/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cmd/cmd.h"

static int name_width(const struct cmd_row *row)
{
    return printf("  autarky %s%s%s", row->noun, row->verb ? " " : "", row->verb ? row->verb : "");
}

void cmd_help_all(void)
{
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    printf("Autarky: certificates for a network of one's own.\n\nusage: autarky COMMAND "
           "[OPTION...]\n\n");
    for (size_t i = 0; i < n; i++)
        printf("%*s%s\n", 28 - name_width(&rows[i]), "", rows[i].summary);
    printf("\n`autarky COMMAND --help` shows its options. Exit status: 0 done, 2 failed, 3 partly "
           "done,\n"
           "4 waiting for a person, 64 wrong usage, 75 try again later.\n");
}

static void option_line(const struct cmd_option_row *o)
{
    int width = printf("  %s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");

    if (width < 34)
        printf("%*s%s\n", 34 - width, "", o->help);
    else
        printf("\n%*s%s\n", 34, "", o->help);
}

void cmd_help(const struct cmd_row *row)
{
    const struct cmd_option_row *options = cmd_option_rows();

    printf("usage: autarky %s%s%s [OPTION...]\n\n%s\n", row->noun, row->verb ? " " : "",
           row->verb ? row->verb : "", row->summary);
    if (row->details)
        printf("\n%s\n", row->details);
    printf("\n");
    for (size_t i = 0; i < CMD_OPT_COUNT; i++)
        if (row->options & 1u << i)
            option_line(&options[i]);
    for (size_t i = 0; i <= CMD_OPT_HELP; i++)
        option_line(&options[i]);
}
