/* SPDX-License-Identifier: Apache-2.0 */
/* What the table of commands tells people, and shells that complete what they type. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "program/program.h"

enum { SUMMARY_COLUMN = 23 /* behind the program's name */, OPTION_COLUMN = 34, WIDTH = 100 };

static void summary_line(FILE *to, const struct cmd_row *row)
{
    int column = (int)strlen(program.name) + SUMMARY_COLUMN;
    int width = fprintf(to, "  %s %s%s%s", program.name, row->noun, row->verb ? " " : "",
                        row->verb ? row->verb : "");

    fprintf(to, "%*s", width + 2 > column ? 2 : column - width, "");
    program_put(to, str_of(row->summary));
    fputc('\n', to);
}

void cmd_help_all(FILE *to)
{
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    fprintf(to, "%s\n\nusage: %s COMMAND [OPTION...]\n\n", program.title, program.name);
    for (size_t i = 0; i < n; i++)
        summary_line(to, &rows[i]);
    fprintf(to,
            "\n`%s COMMAND --help` shows its options. Exit status: 0 done, 2 failed, 3 "
            "partly done,\n4 waiting for a person, 5 not seen to be served, 64 wrong "
            "usage,\n75 try again later.\n",
            program.name);
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
            printf("usage: %s %s VERB [OPTION...]\n\n", program.name, noun);
        found = true;
        summary_line(stdout, &rows[i]);
    }
    if (found)
        printf("\n`%s %s VERB --help` shows its options.\n", program.name, noun);
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

    printf("usage: %s %s%s%s%s%s [OPTION...]\n\n", program.name, row->noun, row->verb ? " " : "",
           row->verb ? row->verb : "", row->operand ? " " : "", row->operand ? row->operand : "");
    program_put(stdout, str_of(row->summary));
    if (row->details) {
        printf("\n\n");
        program_put(stdout, str_of(row->details));
    }
    printf("\n\n");
    for (size_t i = 0; i < CMD_OPT_COUNT; i++)
        if (i > CMD_OPT_HELP && cmd_takes(row, i))
            option_line(&options[i]);
    for (size_t i = 0; i <= CMD_OPT_HELP; i++)
        if (cmd_takes(row, i))
            option_line(&options[i]);
}

/* ---- completion ---- */

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* Whether a row before this one has its noun. */
static bool seen(const struct cmd_row *rows, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (same(rows[k].noun, rows[i].noun))
            return true;
    return false;
}

static bool is_path(const char *value)
{
    return same(value, "FILE") || same(value, "DIR");
}

static void verbs_of(const struct cmd_row *rows, size_t n, const char *noun)
{
    for (size_t i = 0; i < n; i++)
        if (same(rows[i].noun, noun))
            printf(" %s", rows[i].verb);
}

/* The options with a value: paths, or all others. Names may stand twice in the table. */
static void patterns(bool paths)
{
    const struct cmd_option_row *o = cmd_option_rows();

    for (size_t i = 0, any = 0; i < CMD_OPT_COUNT; i++)
        if (o[i].value && is_path(o[i].value) == paths)
            printf("%s%s", any++ ? "|" : "", o[i].name);
}

static void bash_words(const struct cmd_row *rows, size_t n)
{
    const struct cmd_option_row *o = cmd_option_rows();

    printf("    1:*) words='");
    for (size_t i = 0; i < n; i++)
        if (!seen(rows, i))
            printf("%s ", rows[i].noun);
    printf("help' ;;\n");
    for (size_t i = 0; i < n; i++) {
        if (seen(rows, i) || !rows[i].verb)
            continue;
        printf("    2:%s\\ *) words='", rows[i].noun);
        verbs_of(rows, n, rows[i].noun);
        printf("' ;;\n");
    }
    for (size_t i = 0; i < n; i++) {
        printf("    *:%s%s%s%s) words='", rows[i].noun, rows[i].verb ? "\\ " : "",
               rows[i].verb ? rows[i].verb : "", rows[i].verb ? "" : "*");
        for (size_t k = 0; k < CMD_OPT_COUNT; k++)
            if (cmd_takes(&rows[i], k))
                printf(" %s", o[k].name);
        printf("' ;;\n");
    }
}

static void bash(const struct cmd_row *rows, size_t n)
{
    printf("_%s() {\n"
           "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
           "  COMPREPLY=()\n"
           "  case $prev in\n    ",
           program.name);
    patterns(true);
    printf(") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n    ");
    patterns(false);
    printf(") return ;;\n"
           "  esac\n"
           "  case $COMP_CWORD:${COMP_WORDS[1]}\" \"${COMP_WORDS[2]} in\n");
    bash_words(rows, n);
    printf("  esac\n"
           "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
           "}\n"
           "complete -o bashdefault -o default -F _%s %s\n",
           program.name, program.name);
}

/* In single quotes, as fish has them. */
static void fish_quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++)
        printf(*text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
    putchar('\'');
}

static void fish_row(const struct cmd_row *rows, size_t n, size_t i)
{
    const struct cmd_option_row *o = cmd_option_rows();
    const struct cmd_row *row = &rows[i];

    if (!seen(rows, i)) {
        printf("complete -c %s -f -n __fish_use_subcommand -a %s -d ", program.name, row->noun);
        fish_quoted(row->verb ? "" : row->summary);
        printf("\n");
    }
    if (row->verb) {
        printf("complete -c %s -f -n '__fish_seen_subcommand_from %s; and not "
               "__fish_seen_subcommand_from",
               program.name, row->noun);
        verbs_of(rows, n, row->noun);
        printf("' -a %s -d ", row->verb);
        fish_quoted(row->summary);
        printf("\n");
    }
    for (size_t k = 0; k < CMD_OPT_COUNT; k++) {
        if (!cmd_takes(row, k))
            continue;
        printf("complete -c %s -n '__fish_seen_subcommand_from %s%s%s' -l %s%s -d ", program.name,
               row->noun, row->verb ? "; and __fish_seen_subcommand_from " : "",
               row->verb ? row->verb : "", o[k].name + 2,
               !o[k].value           ? ""
               : is_path(o[k].value) ? " -r"
                                     : " -x");
        fish_quoted(o[k].help);
        printf("\n");
    }
}

int cmd_completion(const struct cmd_args *args)
{
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    if (same(args->operand, "zsh"))
        printf("autoload -U +X compinit && compinit\n"
               "autoload -U +X bashcompinit && bashcompinit\n");
    if (same(args->operand, "bash") || same(args->operand, "zsh")) {
        bash(rows, n);
    } else if (same(args->operand, "fish")) {
        for (size_t i = 0; i < n; i++)
            fish_row(rows, n, i);
    } else {
        return cmd_usagef("there is completion for bash, zsh and fish, not for \"%s\"",
                          args->operand);
    }
    return CMD_DONE;
}
