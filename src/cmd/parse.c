/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "program/program.h"

/* The command line, and the word that is looked at. */
struct words {
    int argc;
    char **argv;
    int i;
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
    fprintf(stderr, "%s: there is no command \"%s\"", program.name, given);
    suggest(given, best, least);
    fprintf(stderr, "`%s --help` lists all of them\n", program.name);
    return CMD_USAGE;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int wrong_verb(const char *noun, const char *given)
{
    const char *between = "";
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    if (given && is_help(given)) {
        cmd_help_noun(noun);
        return CMD_DONE;
    }
    if (given && given[0] == '-')
        given = NULL;
    fprintf(stderr, "%s %s: %s%s%s; there is ", program.name, noun,
            given ? "no verb \"" : "a verb is missing", given ? given : "", given ? "\"" : "");
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].noun, noun) == 0 && rows[i].verb) {
            fprintf(stderr, "%s%s", between, rows[i].verb);
            between = ", ";
        }
    fprintf(stderr, "\n");
    return CMD_USAGE;
}

bool cmd_has(struct str noun, struct str verb)
{
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    for (size_t i = 0; i < n; i++)
        if (str_eq(noun, str_of(rows[i].noun)) &&
            (!rows[i].verb || str_eq(verb, str_of(rows[i].verb))))
            return true;
    return false;
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
    *status = noun ? wrong_verb(argv[1], argc > 2 ? argv[2] : NULL) : unknown_command(argv[1]);
    return NULL;
}

static void complain(const struct cmd_row *row, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "autarky cert list: ..." without the end of the line. */
static void complain(const struct cmd_row *row, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fprintf(stderr, "%s %s%s%s: ", program.name, row->noun, row->verb ? " " : "",
            row->verb ? row->verb : "");
    vfprintf(stderr, fmt, ap);
    va_end(ap);
}

static int unknown_option(const struct cmd_row *row, const char *given)
{
    const struct cmd_option_row *options = cmd_option_rows();
    const char *best = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < CMD_OPT_COUNT; i++)
        if (cmd_takes(row, i) && distance(given, options[i].name) < least) {
            least = distance(given, options[i].name);
            best = options[i].name;
        }
    complain(row, "no option \"%s\"", given);
    suggest(given, best, least);
    return CMD_USAGE;
}

/* The value of `o`, in this word or in the next one; *i moves past it. A word that looks like an
 * option is none: what was meant was left out. -1: fine. */
static int take_value(const struct cmd_row *row, const struct cmd_option_row *o, struct words *w,
                      const char *inline_value, const char **out)
{
    const char *next = w->i + 1 < w->argc ? w->argv[w->i + 1] : NULL;

    if (!inline_value && (!next || str_starts(str_of(next), STR("--")))) {
        complain(row, "%s needs a value, %s", o->name, o->value);
        if (next)
            fprintf(stderr, "; if it is \"%s\", write %s=%s", next, o->name, next);
        fprintf(stderr, "\n");
        return CMD_USAGE;
    }
    *out = inline_value ? inline_value : next;
    w->i += !inline_value;
    if ((*out)[0])
        return -1;
    complain(row, "%s is empty; it needs %s\n", o->name, o->value);
    return CMD_USAGE;
}

static int take_one_of_many(const struct cmd_option_row *o, struct words *w,
                            const char *inline_value, size_t index, struct cmd_args *out)
{
    const char **lists[] = {
        [CMD_MANY] = out->many, [CMD_MORE] = out->more, [CMD_KINDS] = out->kinds};
    size_t *counts[] = {
        [CMD_MANY] = &out->n_many, [CMD_MORE] = &out->n_more, [CMD_KINDS] = &out->n_kinds};
    size_t *n = counts[o->repeats];
    int status;

    if (*n == CMD_VALUES_MAX) {
        complain(out->row, "%s is given more than %d times\n", o->name, CMD_VALUES_MAX);
        return CMD_USAGE;
    }
    status = take_value(out->row, o, w, inline_value, &out->values[index]);
    if (status < 0)
        lists[o->repeats][(*n)++] = out->values[index];
    return status;
}

/* "--name value" or "--name=value". -1: fine. */
static int take_option(const struct cmd_row *row, struct words *w, struct cmd_args *out)
{
    const struct cmd_option_row *options = cmd_option_rows();
    const char *word = is_help(w->argv[w->i]) ? "--help" : w->argv[w->i];
    struct str name, value;
    bool inline_value = str_cut(str_of(word), '=', &name, &value);

    for (size_t o = 0; o < CMD_OPT_COUNT; o++) {
        if (!cmd_takes(row, o) || !str_eq(name, str_of(options[o].name)))
            continue;
        if (out->values[o] && !options[o].repeats) {
            complain(row, "%s is given twice\n", options[o].name);
            return CMD_USAGE;
        }
        if (options[o].repeats)
            return take_one_of_many(&options[o], w, inline_value ? value.p : NULL, o, out);
        if (options[o].value)
            return take_value(row, &options[o], w, inline_value ? value.p : NULL, &out->values[o]);
        if (inline_value) {
            complain(row, "%s takes no value\n", options[o].name);
            return CMD_USAGE;
        }
        out->values[o] = "";
        return -1;
    }
    return unknown_option(row, word);
}

/* "-" alone is standard input. */
static bool is_word(const char *arg)
{
    return arg[0] != '-' || arg[1] == '\0';
}

/* -1: fine. */
static int take_word(const char *word, struct cmd_args *out)
{
    bool several = out->row->operand && str_ends(str_of(out->row->operand), STR("..."));

    if (!out->row->operand || (out->operand && !several)) {
        complain(out->row, "\"%s\" is one word too many\n", word);
        return CMD_USAGE;
    }
    out->operand = word;
    if (several && out->n_many == CMD_VALUES_MAX) {
        complain(out->row, "more than %d words; a file may hold them\n", CMD_VALUES_MAX);
        return CMD_USAGE;
    }
    if (several)
        out->many[out->n_many++] = word;
    return -1;
}

static int take_options(struct words *w, struct cmd_args *out)
{
    for (; w->i < w->argc; w->i++) {
        const char *word = w->argv[w->i];
        int status = is_word(word) ? take_word(word, out) : take_option(out->row, w, out);

        if (status >= 0)
            return status;
    }
    if (out->row->operand && out->row->operand[0] != '[' && (!out->operand || !out->operand[0]) &&
        !out->values[CMD_OPT_HELP]) {
        complain(out->row, "%s is missing\n", out->row->operand);
        return CMD_USAGE;
    }
    return -1;
}

/* `autarky help cert list` is `autarky cert list --help`. */
static int help(int argc, char **argv)
{
    const struct cmd_row *row;
    int status = CMD_USAGE;
    int used = 0;

    if (argc < 2) {
        cmd_help_all(stdout);
        return CMD_DONE;
    }
    if (argc == 2 && cmd_help_noun(argv[1]))
        return CMD_DONE;
    row = find_row(argc, argv, &used, &status);
    if (!row)
        return status;
    cmd_help(row);
    return CMD_DONE;
}

int cmd_parse(int argc, char **argv, struct cmd_args *out)
{
    static char version[] = "version";
    struct words w = {argc, argv, 1};
    int used = 0;
    int status = CMD_USAGE;

    *out = (struct cmd_args){.row = NULL};
    if (argc < 2) {
        cmd_help_all(stderr);
        return CMD_USAGE;
    }
    if (is_help(argv[1]) || strcmp(argv[1], "help") == 0)
        return help(argc - 1, argv + 1);
    if (strcmp(argv[1], "--version") == 0)
        argv[1] = version;
    if (argv[1][0] == '-') {
        return cmd_usagef(
            "\"%s\" before the command; options come after it: %s COMMAND [OPTION...]", argv[1],
            program.name);
    }
    out->row = find_row(argc, argv, &used, &status);
    if (!out->row)
        return status;
    w.i += used;
    status = take_options(&w, out);
    if (status >= 0 || !out->values[CMD_OPT_HELP])
        return status;
    cmd_help(out->row);
    return CMD_DONE;
}
