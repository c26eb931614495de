/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

enum { SUMMARY_COLUMN = 30, OPTION_COLUMN = 34, WIDTH = 100 };

static void summary_line(FILE *to, const struct cmd_row *row)
{
    int width = fprintf(to, "  autarky %s%s%s", row->noun, row->verb ? " " : "",
                        row->verb ? row->verb : "");

    fprintf(to, "%*s%s\n", SUMMARY_COLUMN - width, "", row->summary);
}

void cmd_help_all(FILE *to)
{
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    fprintf(to, "Autarky: certificates for a network of one's own.\n\nusage: autarky COMMAND "
                "[OPTION...]\n\n");
    for (size_t i = 0; i < n; i++)
        summary_line(to, &rows[i]);
    fprintf(to, "\n`autarky COMMAND --help` shows its options. Exit status: 0 done, 2 failed, 3 "
                "partly done,\n4 waiting for a person, 5 not seen to be served, 64 wrong "
                "usage,\n75 try again later.\n");
}

bool cmd_help_noun(const char *noun)
{
    bool found = false;
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].noun, noun) != 0 || !rows[i].verb)
            continue;
        if (!found)
            printf("usage: autarky %s VERB [OPTION...]\n\n", noun);
        found = true;
        summary_line(stdout, &rows[i]);
    }
    if (found)
        printf("\n`autarky %s VERB --help` shows its options.\n", noun);
    return found;
}

/* Words that fit in what is left of the line, from `column` on. */
static void wrapped(struct str text, int column)
{
    int at = column;
    struct str word;

    while (str_next(&text, ' ', &word)) {
        if (at > column && at + 1 + (int)word.n > WIDTH) {
            printf("\n%*s", column, "");
            at = column;
        }
        at += printf("%s%.*s", at > column ? " " : "", STR_ARG(word));
    }
    printf("\n");
}

static void option_line(const struct cmd_option_row *o)
{
    int width = printf("  %s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");

    if (width >= OPTION_COLUMN) {
        printf("\n");
        width = 0;
    }
    printf("%*s", OPTION_COLUMN - width, "");
    wrapped(str_of(o->help), OPTION_COLUMN);
}

void cmd_help(const struct cmd_row *row)
{
    const struct cmd_option_row *options = cmd_option_rows();

    printf("usage: autarky %s%s%s%s%s [OPTION...]\n\n%s\n", row->noun, row->verb ? " " : "",
           row->verb ? row->verb : "", row->operand ? " " : "", row->operand ? row->operand : "",
           row->summary);
    if (row->details)
        printf("\n%s\n", row->details);
    printf("\n");
    for (size_t i = 0; i < CMD_OPT_COUNT; i++)
        if (row->options & CMD_BIT(i))
            option_line(&options[i]);
    for (size_t i = 0; i <= CMD_OPT_HELP; i++)
        option_line(&options[i]);
}
