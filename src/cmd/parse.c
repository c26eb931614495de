/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

/* What every command takes. */
enum {
    COMMON = 1u << CMD_OPT_DATA | 1u << CMD_OPT_CONFIG | 1u << CMD_OPT_JSON | 1u << CMD_OPT_HELP
};

/* Steps from `a` to `b`, for "did you mean"; both short. */
static size_t distance(const char *a, const char *b)
{
    enum { MOST = 40 };
    size_t row[MOST + 1];
    size_t na = strlen(a);
    size_t nb = strlen(b);

    if (na > MOST || nb > MOST)
        return MOST;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

            diagonal = row[j];
            row[j] = change < least ? change : least;
        }
    }
    return row[nb];
}

static void suggest(const char *given, const char *best, size_t steps)
{
    if (best && steps <= strlen(given) / 2)
        fprintf(stderr, "; did you mean \"%s\"?", best);
    fprintf(stderr, "\n");
}

static int unknown_command(const char *given)
{
    const char *best = NULL;
    size_t least = SIZE_MAX;
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    for (size_t i = 0; i < n; i++)
        if (distance(given, rows[i].noun) < least) {
            least = distance(given, rows[i].noun);
            best = rows[i].noun;
        }
    fprintf(stderr, "autarky: there is no command \"%s\"", given);
    suggest(given, best, least);
    fprintf(stderr, "`autarky --help` lists all of them\n");
    return CMD_USAGE;
}

static int wrong_verb(const char *noun, const char *given)
{
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    fprintf(stderr, "autarky %s: %s%s%s; there is", noun,
            given ? "no verb \"" : "a verb is missing", given ? given : "", given ? "\"" : "");
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].noun, noun) == 0 && rows[i].verb)
            fprintf(stderr, " %s", rows[i].verb);
    fprintf(stderr, "\n");
    return CMD_USAGE;
}

/* *used is the number of words that named the command. */
static const struct cmd_row *find_row(int argc, char **argv, int *used, int *status)
{
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);
    bool noun = false;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].noun, argv[1]) != 0)
            continue;
        noun = true;
        *used = rows[i].verb ? 2 : 1;
        if (!rows[i].verb || (argc > 2 && strcmp(rows[i].verb, argv[2]) == 0))
            return &rows[i];
    }
    *status = noun ? wrong_verb(argv[1], argc > 2 && argv[2][0] != '-' ? argv[2] : NULL)
                   : unknown_command(argv[1]);
    return NULL;
}

static int unknown_option(const struct cmd_row *row, const char *given)
{
    const struct cmd_option_row *options = cmd_option_rows();
    const char *best = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < CMD_OPT_COUNT; i++)
        if ((row->options | COMMON) & 1u << i && distance(given, options[i].name) < least) {
            least = distance(given, options[i].name);
            best = options[i].name;
        }
    fprintf(stderr, "autarky %s%s%s: no option \"%s\"", row->noun, row->verb ? " " : "",
            row->verb ? row->verb : "", given);
    suggest(given, best, least);
    return CMD_USAGE;
}

/* "--name value" or "--name=value"; *i moves past what was used. -1: fine. */
static int take_option(const struct cmd_row *row, int argc, char **argv, int *i,
                       struct cmd_args *out)
{
    const struct cmd_option_row *options = cmd_option_rows();
    struct str name, value;
    bool inline_value = str_cut(str_of(argv[*i]), '=', &name, &value);

    for (size_t o = 0; o < CMD_OPT_COUNT; o++) {
        if (!((row->options | COMMON) & 1u << o) || !str_eq(name, str_of(options[o].name)))
            continue;
        if (out->values[o]) {
            fprintf(stderr, "autarky: %s is given twice\n", options[o].name);
            return CMD_USAGE;
        }
        if (!options[o].value != !inline_value && !options[o].value) {
            fprintf(stderr, "autarky: %s takes no value\n", options[o].name);
            return CMD_USAGE;
        }
        if (options[o].value && !inline_value && *i + 1 >= argc) {
            fprintf(stderr, "autarky: %s needs a value, %s\n", options[o].name, options[o].value);
            return CMD_USAGE;
        }
        out->values[o] = !options[o].value ? "" : inline_value ? value.p : argv[++*i];
        return -1;
    }
    return unknown_option(row, argv[*i]);
}

int cmd_parse(int argc, char **argv, struct cmd_args *out)
{
    int used = 0;
    int status = CMD_USAGE;

    *out = (struct cmd_args){.row = NULL};
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        cmd_help_all();
        return argc < 2 ? CMD_USAGE : CMD_DONE;
    }
    if (strcmp(argv[1], "--version") == 0)
        argv[1] += 2;
    out->row = find_row(argc, argv, &used, &status);
    if (!out->row)
        return status;
    for (int i = 1 + used; i < argc; i++) {
        if (argv[i][0] != '-') {
            fprintf(stderr, "autarky %s: \"%s\" is one word too many\n", out->row->noun, argv[i]);
            return CMD_USAGE;
        }
        status = take_option(out->row, argc, argv, &i, out);
        if (status >= 0)
            return status;
    }
    if (!out->values[CMD_OPT_HELP])
        return -1;
    cmd_help(out->row);
    return CMD_DONE;
}
