/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page autarky(1) has every command and every option of the table. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "cmd/cmd.h"

enum { PAGE_MAX = 256 * 1024, LINE_BYTES = 128 };

static enum rc read_page(struct buf *out)
{
    char path[4096];
    const char *tests = getenv("AUTARKY_TESTS");

    snprintf(path, sizeof(path), "%s/../man/autarky.1", tests ? tests : "tests");
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

    CHECK_OK(read_page(&page));
    for (size_t i = 0; i < n; i++) {
        char head[LINE_BYTES];

        snprintf(head, sizeof(head), ".It Cm %s%s%s", rows[i].noun, rows[i].verb ? " " : "",
                 rows[i].verb ? rows[i].verb : "");
        if (!has_line(buf_str(&page), head))
            fail_msg("autarky(1) has no line \"%s\"", head);
    }
    CHECK(!has_line(buf_str(&page), ".It Cm conjure"));
}

static void page_has_every_option(void)
{
    CLEANUP(buf_done) struct buf page = BUF_INIT(PAGE_MAX);
    const struct cmd_option_row *options = cmd_option_rows();

    CHECK_OK(read_page(&page));
    for (size_t i = 0; i < CMD_OPT_COUNT; i++) {
        char head[LINE_BYTES];

        snprintf(head, sizeof(head), ".It Fl %s%s%s", options[i].name + 1,
                 options[i].value ? " Ar " : "", options[i].value ? options[i].value : "");
        if (!has_line(buf_str(&page), head))
            fail_msg("autarky(1) has no line \"%s\"", head);
    }
}

CHECK_MAIN(CHECK_TEST(page_has_every_command), CHECK_TEST(page_has_every_option))
