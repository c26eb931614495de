/* SPDX-License-Identifier: Apache-2.0 */
/* autarky-agent speaks of itself by its own name, and of the other program's commands by that
 * one's; its manual page has what it has. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "cmd/cmd.h"
#include "program/program.h"

enum { PAGE_MAX = 256 * 1024, HEAD_BYTES = 128, WORDS_MAX = 4096 };

static void own_words(void)
{
    static const struct {
        const char *text, *own;
    } cases[] = {
        {"", ""},
        {"`autarky renew DIR` again", "`autarky-agent renew DIR` again"},
        {"autarky renew --force /a", "autarky-agent renew --force /a"},
        {"use `autarky agent run`", "use `autarky-agent agent run`"},
        {"(autarky obtain)", "(autarky-agent obtain)"},
        {"that:\nautarky import acme.sh.", "that:\nautarky-agent import acme.sh."},
        {"autarky completion fish | source. autarky renew",
         "autarky-agent completion fish | source. autarky-agent renew"},
        /* What it does not have is the other's; the rest is no command. */
        {"as `autarky agent token create` prints it", "as `autarky agent token create` prints it"},
        {"as `autarky eab create` prints it", "as `autarky eab create` prints it"},
        {"`autarky agent", "`autarky agent"},
        {"`autarky ", "`autarky "},
        {"autarky", "autarky"},
        {"autarky keeps it already", "autarky keeps it already"},
        {"/opt/autarky renew", "/opt/autarky renew"},
        {"`autarky renewal pull`", "`autarky renewal pull`"},
        {"`autarky-agent renew`", "`autarky-agent renew`"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(WORDS_MAX);

        CHECK_OK(program_own_words(str_of(cases[i].text), &out));
        CHECK_STR(buf_str(&out), cases[i].own);
    }
}

static void own_words_have_a_limit(void)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(4);

    CHECK_INT(program_own_words(STR("autarky renew"), &out), RC_TOOBIG);
}

/* Neither the other's commands, nor its data directory and configuration. */
static void rows_are_the_clients(void)
{
    size_t n, own = 0;
    const struct cmd_row *rows = cmd_rows(&n);

    for (size_t i = 0; i < n; i++) {
        const char *noun = rows[i].noun;

        own += strcmp(noun, "obtain") == 0 || strcmp(noun, "renew") == 0 ||
               strcmp(noun, "agent") == 0 || strcmp(noun, "import") == 0;
        CHECK(rows[i].run != NULL);
        CHECK(!cmd_takes(&rows[i], CMD_OPT_DATA) && !cmd_takes(&rows[i], CMD_OPT_CONFIG));
        CHECK(cmd_takes(&rows[i], CMD_OPT_JSON) && cmd_takes(&rows[i], CMD_OPT_HELP));
    }
    CHECK_INT(own, 9);
    CHECK_INT(n, own + 2); /* version, completion */
}

static enum rc read_page(struct buf *out)
{
    char path[4096];
    const char *tests = getenv("AUTARKY_TESTS");

    snprintf(path, sizeof(path), "%s/../man/autarky-agent.1", tests ? tests : "tests");
    return file_read(AT_FDCWD, path, out, NULL);
}

/* A line that begins with `head` and ends there, or goes on with a blank. */
static bool has_line(struct str page, const char *head)
{
    struct str line;

    while (str_next(&page, '\n', &line))
        if (str_starts(line, str_of(head)) &&
            (line.n == strlen(head) || line.p[strlen(head)] == ' '))
            return true;
    return false;
}

static void page_has_every_command(void)
{
    CLEANUP(buf_done) struct buf page = BUF_INIT(PAGE_MAX);
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);
    char head[HEAD_BYTES];

    CHECK_OK(read_page(&page));
    for (size_t i = 0; i < n; i++) {
        snprintf(head, sizeof(head), ".It Cm %s%s%s", rows[i].noun, rows[i].verb ? " " : "",
                 rows[i].verb ? rows[i].verb : "");
        if (!has_line(buf_str(&page), head))
            fail_msg("autarky-agent(1) has no line \"%s\"", head);
    }
    CHECK(!has_line(buf_str(&page), ".It Cm serve"));
}

static bool is_taken(size_t option)
{
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    for (size_t i = 0; i < n; i++)
        if (cmd_takes(&rows[i], option))
            return true;
    return false;
}

static void page_has_its_options(void)
{
    CLEANUP(buf_done) struct buf page = BUF_INIT(PAGE_MAX);
    const struct cmd_option_row *options = cmd_option_rows();
    char head[HEAD_BYTES];

    CHECK_OK(read_page(&page));
    for (size_t i = 0; i < CMD_OPT_COUNT; i++) {
        snprintf(head, sizeof(head), ".It Fl %s%s%s", options[i].name + 1,
                 options[i].value ? " Ar " : "", options[i].value ? options[i].value : "");
        if (is_taken(i) && !has_line(buf_str(&page), head))
            fail_msg("autarky-agent(1) has no line \"%s\"", head);
    }
    CHECK(!has_line(buf_str(&page), ".It Fl -data Ar DIR"));
}

CHECK_MAIN(CHECK_TEST(own_words), CHECK_TEST(own_words_have_a_limit),
           CHECK_TEST(rows_are_the_clients), CHECK_TEST(page_has_every_command),
           CHECK_TEST(page_has_its_options))
