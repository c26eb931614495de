/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"

enum { WORDS_MAX = 16, WORD_MAX = 64, SAID_MAX = 16384 };

/* What cmd_parse returned, filled in and said. */
struct outcome {
    int status;
    struct cmd_args args;
    char out[SAID_MAX];
    char err[SAID_MAX];
};

struct capture {
    FILE *stream;
    FILE *file;
    int kept;
};

static void capture_begin(struct capture *c, FILE *stream)
{
    c->stream = stream;
    fflush(stream);
    c->file = tmpfile();
    c->kept = dup(fileno(stream));
    assert_true(c->file && c->kept >= 0 && dup2(fileno(c->file), fileno(stream)) >= 0);
}

static void capture_end(struct capture *c, char said[static SAID_MAX])
{
    size_t n;

    fflush(c->stream);
    assert_true(dup2(c->kept, fileno(c->stream)) >= 0);
    close(c->kept);
    rewind(c->file);
    n = fread(said, 1, SAID_MAX - 1, c->file);
    said[n] = '\0';
    fclose(c->file);
}

/* `line` without "autarky", its words divided by single spaces; "''" is an empty word. The words
 * live until the next call. */
static void parse(struct outcome *o, const char *line)
{
    static char words[WORDS_MAX][WORD_MAX];
    static char program[] = "autarky";
    char *argv[WORDS_MAX + 2] = {program};
    struct capture out, err;
    struct str rest = str_of(line);
    struct str word;
    int argc = 1;

    while (str_next(&rest, ' ', &word)) {
        if (str_eq(word, STR("''")))
            word.n = 0;
        assert_int_equal(str_copyz(word, words[argc], WORD_MAX), RC_OK);
        argv[argc] = words[argc];
        argc++;
    }
    capture_begin(&out, stdout);
    capture_begin(&err, stderr);
    o->status = cmd_parse(argc, argv, &o->args);
    capture_end(&err, o->err);
    capture_end(&out, o->out);
}

static const char *opt(const struct outcome *o, enum cmd_option which)
{
    return o->args.values[which] ? o->args.values[which] : "(not given)";
}

static void test_commands(void)
{
    struct outcome o;
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    for (size_t i = 0; i < n; i++) {
        char line[WORD_MAX];

        snprintf(line, sizeof(line), "%s%s%s%s", rows[i].noun, rows[i].verb ? " " : "",
                 rows[i].verb ? rows[i].verb : "", rows[i].operand ? " word" : "");
        parse(&o, line);
        CHECK_INT(o.status, -1);
        CHECK_STR(str_of(o.args.operand), rows[i].operand ? "word" : "");
        CHECK(o.args.row == &rows[i]);
        CHECK(o.args.row->run != NULL);
        CHECK_STR(str_of(o.err), "");
        CHECK_STR(str_of(o.out), "");
    }
    parse(&o, "--version");
    CHECK_INT(o.status, -1);
    CHECK_STR(str_of(o.args.row->noun), "version");
}

/* The option that a command takes by that name; CMD_OPT_COUNT: none. Two options of one name mean
 * different things to different commands. */
static unsigned taken(const struct cmd_row *row, const char *name)
{
    const struct cmd_option_row *options = cmd_option_rows();

    for (unsigned k = 0; k < CMD_OPT_COUNT; k++)
        if (cmd_takes(row, k) && strcmp(options[k].name, name) == 0)
            return k;
    return CMD_OPT_COUNT;
}

static void test_names_are_clear(void)
{
    const struct cmd_option_row *options = cmd_option_rows();
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; k < CMD_OPT_COUNT; k++)
            if (cmd_takes(&rows[i], k))
                CHECK_INT(taken(&rows[i], options[k].name), k);
}

/* Each option with each command: taken where the table says so, refused elsewhere. */
static void test_every_option(void)
{
    const struct cmd_option_row *options = cmd_option_rows();
    struct outcome o;
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; k < CMD_OPT_COUNT; k++) {
            unsigned as = taken(&rows[i], options[k].name);
            bool takes = as < CMD_OPT_COUNT;
            char line[2 * WORD_MAX];

            if (k == CMD_OPT_HELP)
                continue;
            snprintf(line, sizeof(line), "%s%s%s %s%s%s", rows[i].noun, rows[i].verb ? " " : "",
                     rows[i].verb ? rows[i].verb : "", options[k].name,
                     options[takes ? as : k].value ? "=v" : "", rows[i].operand ? " word" : "");
            parse(&o, line);
            CHECK_INT(o.status, takes ? -1 : CMD_USAGE);
            CHECK(takes || strstr(o.err, "no option \""));
            if (takes)
                CHECK_STR(str_of(opt(&o, as)), options[as].value ? "v" : "");
        }
}

static void test_values(void)
{
    struct outcome o;

    parse(&o, "cert list --data /d --json --limit=5 --name=a=b");
    CHECK_INT(o.status, -1);
    CHECK_STR(str_of(opt(&o, CMD_OPT_DATA)), "/d");
    CHECK_STR(str_of(opt(&o, CMD_OPT_JSON)), "");
    CHECK_STR(str_of(opt(&o, CMD_OPT_LIMIT)), "5");
    CHECK_STR(str_of(opt(&o, CMD_OPT_NAME)), "a=b");
    CHECK_STR(str_of(opt(&o, CMD_OPT_CURSOR)), "(not given)");
    parse(&o, "status --data -");
    CHECK_STR(str_of(opt(&o, CMD_OPT_DATA)), "-");
    parse(&o, "status --data=--json");
    CHECK_STR(str_of(opt(&o, CMD_OPT_DATA)), "--json");
    CHECK_STR(str_of(opt(&o, CMD_OPT_JSON)), "(not given)");
}

static void test_operand_and_repeats(void)
{
    struct outcome o;

    parse(&o, "site add --backend a wiki --backend=b --dry-run");
    CHECK_INT(o.status, -1);
    CHECK_STR(str_of(o.args.operand), "wiki");
    CHECK_INT(o.args.n_many, 2);
    CHECK_STR(str_of(o.args.many[0]), "a");
    CHECK_STR(str_of(o.args.many[1]), "b");
    parse(&o, "obtain --prove 443 --name a --prove=smtp:25 --name b");
    CHECK_INT(o.args.n_many, 2);
    CHECK_STR(str_of(o.args.many[1]), "b");
    CHECK_INT(o.args.n_more, 2);
    CHECK_STR(str_of(o.args.more[0]), "443");
    CHECK_STR(str_of(o.args.more[1]), "smtp:25");
    CHECK_INT(o.args.n_kinds, 0);
    parse(&o, "obtain --key p256 --name a --key=rsa2048");
    CHECK_INT(o.args.n_kinds, 2);
    CHECK_STR(str_of(o.args.kinds[0]), "p256");
    CHECK_STR(str_of(o.args.kinds[1]), "rsa2048");
    CHECK_INT(o.args.n_many, 1);
    parse(&o, "site remove");
    CHECK_INT(o.status, CMD_USAGE);
    CHECK_STR(str_of(o.err), "autarky site remove: NAME is missing\n");
    parse(&o, "site remove ''");
    CHECK_STR(str_of(o.err), "autarky site remove: NAME is missing\n");
    parse(&o, "site remove a b");
    CHECK_STR(str_of(o.err), "autarky site remove: \"b\" is one word too many\n");
    parse(&o, "site remove --help");
    CHECK_INT(o.status, CMD_DONE);
    CHECK(strstr(o.out, "usage: autarky site remove NAME [OPTION...]\n"));
    parse(&o, "site add a --backend");
    CHECK_INT(o.status, CMD_USAGE);
    CHECK_INT(o.args.n_many, 0);
}

static void test_usage_errors(void)
{
    static const struct {
        const char *line, *says;
    } wrong[] = {
        {"intt", "there is no command \"intt\"; did you mean \"init\"?\n`autarky --help`"},
        {"xyzzy", "there is no command \"xyzzy\"\n`autarky --help`"},
        {"''", "there is no command \"\"\n"},
        {"cert", "autarky cert: a verb is missing; there is list, find"},
        {"cert --json", "autarky cert: a verb is missing; there is list, find"},
        {"config chekc", "autarky config: no verb \"chekc\"; there is check, show\n"},
        {"help xyzzy", "there is no command \"xyzzy\"\n"},
        {"help cert fnd", "no verb \"fnd\"; there is list, find"},
        {"status extra", "autarky status: \"extra\" is one word too many\n"},
        {"cert list extra", "autarky cert list: \"extra\" is one word too many\n"},
        {"status --jsno", "autarky status: no option \"--jsno\"; did you mean \"--json\"?\n"},
        {"status --quux", "autarky status: no option \"--quux\"\n"},
        {"status -j", "autarky status: no option \"-j\"\n"},
        {"status --", "autarky status: no option \"--\"\n"},
        {"status --limit 3", "autarky status: no option \"--limit\""},
        {"status --json --json", "autarky status: --json is given twice\n"},
        {"status --data a --data b", "autarky status: --data is given twice\n"},
        {"status --json=1", "autarky status: --json takes no value\n"},
        {"status --data", "autarky status: --data needs a value, DIR\n"},
        {"status --data --json", "--data needs a value, DIR; if it is \"--json\", write "
                                 "--data=--json\n"},
        {"status --data=", "autarky status: --data is empty; it needs DIR\n"},
        {"status --data ''", "autarky status: --data is empty; it needs DIR\n"},
        {"--data /d status", "\"--data\" before the command; options come after it"},
        {"-x", "\"-x\" before the command"},
    };
    struct outcome o;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        parse(&o, wrong[i].line);
        CHECK_INT(o.status, CMD_USAGE);
        CHECK_STR(str_of(o.out), "");
        if (!strstr(o.err, wrong[i].says))
            fail_msg("%s: says \"%s\"", wrong[i].line, o.err);
    }
}

static void test_help(void)
{
    static const struct {
        const char *line, *shows;
    } asked[] = {
        {"--help", "  autarky cert list           list certificates"},
        {"-h", "usage: autarky COMMAND"},
        {"help", "Exit status: 0 done"},
        {"help status", "usage: autarky status [OPTION...]\n"},
        {"help cert list", "usage: autarky cert list [OPTION...]\n"},
        {"help cert", "usage: autarky cert VERB [OPTION...]\n"},
        {"cert --help", "usage: autarky cert VERB [OPTION...]\n"},
        {"config -h", "  autarky config show "},
        {"status -h", "usage: autarky status [OPTION...]\n"},
        {"cert list --limit 5 --help", "  --limit N "},
        {"init --help", "  --dry-run "},
    };
    struct outcome o;

    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        parse(&o, asked[i].line);
        CHECK_INT(o.status, CMD_DONE);
        CHECK_STR(str_of(o.err), "");
        if (!strstr(o.out, asked[i].shows))
            fail_msg("%s: shows \"%s\"", asked[i].line, o.out);
    }
    /* Asked for nothing: the same text, but as an error. */
    parse(&o, "");
    CHECK_INT(o.status, CMD_USAGE);
    CHECK_STR(str_of(o.out), "");
    CHECK(strstr(o.err, "usage: autarky COMMAND"));
}

/* What a command does stands apart from its name, also where the name is long, and fits. */
static void test_columns(void)
{
    struct outcome o;
    struct str rest, one;
    size_t n, found = 0;
    const struct cmd_row *rows = cmd_rows(&n);

    parse(&o, "--help");
    rest = str_of(o.out);
    while (str_next(&rest, '\n', &one)) {
        CHECK(one.n <= 100);
        for (size_t i = 0; i < n; i++) {
            char name[WORD_MAX];

            snprintf(name, sizeof(name), "  autarky %s%s%s  ", rows[i].noun,
                     rows[i].verb ? " " : "", rows[i].verb ? rows[i].verb : "");
            found += str_starts(one, str_of(name)) && str_ends(one, str_of(rows[i].summary));
        }
    }
    CHECK_INT(found, n);
}

/* No line of any help is wider than a page. */
static void test_width(void)
{
    struct outcome o;
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    for (size_t i = 0; i < n; i++) {
        char line[WORD_MAX];
        struct str rest, one;

        snprintf(line, sizeof(line), "help %s%s%s", rows[i].noun, rows[i].verb ? " " : "",
                 rows[i].verb ? rows[i].verb : "");
        parse(&o, line);
        rest = str_of(o.out);
        while (str_next(&rest, '\n', &one))
            CHECK(one.n <= 100);
    }
}

CHECK_MAIN(CHECK_TEST(test_commands), CHECK_TEST(test_names_are_clear),
           CHECK_TEST(test_every_option), CHECK_TEST(test_values),
           CHECK_TEST(test_operand_and_repeats), CHECK_TEST(test_usage_errors),
           CHECK_TEST(test_help), CHECK_TEST(test_columns), CHECK_TEST(test_width))
