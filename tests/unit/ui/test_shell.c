/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <string.h>

#include "ui/session.h"
#include "ui/shell.h"

static bool has(struct buf *page, const char *text)
{
    return strstr(buf_z(page), text) != NULL;
}

static void says_who_and_what_that_may(void)
{
    CLEANUP(buf_done) struct buf page = BUF_INIT(1 << 16);
    const struct ui_session viewer = {
        .form = "f0rm",
        .user = {.n = 1, .name = "a\"b<c", .roles = 1u << OPERATORS_VIEWER},
    };

    ui_page_shell(&viewer, &page);
    CHECK_OK(buf_rc(&page));
    CHECK(has(&page, "data-user=\"a&quot;b&lt;c\""));
    CHECK(has(&page, "data-roles=\"viewer\""));
    CHECK(has(&page, "data-form=\"f0rm\""));
    CHECK(has(&page, "data-may=\"status,doctor,cert list,cert show,cert numbers,site list,"));
    CHECK(!has(&page, "cert revoke"));
    CHECK(has(&page, "src=\"/ui/script-"));
    CHECK(has(&page, "<noscript>"));
}

static void an_approver_sees_what_waits(void)
{
    CLEANUP(buf_done) struct buf page = BUF_INIT(1 << 16);
    const struct ui_session approver = {.user = {.n = 1, .roles = 1u << OPERATORS_APPROVER}};

    ui_page_shell(&approver, &page);
    CHECK(has(&page, "data-may=\"approval list,approval show,approval grant,approval deny\""));
}

static void pages(void)
{
    CHECK(ui_shell_has(STR("/ui/")));
    CHECK(ui_shell_has(STR("/ui/certificates")));
    CHECK(!ui_shell_has(STR("/ui")));
    CHECK(!ui_shell_has(STR("/ui/certificates/")));
    CHECK(!ui_shell_has(STR("/ui/plain")));
    CHECK(!ui_shell_has(STR("/xx/sites")));
    CHECK(!ui_shell_has(STR("")));
}

CHECK_MAIN(CHECK_TEST(says_who_and_what_that_may), CHECK_TEST(an_approver_sees_what_waits),
           CHECK_TEST(pages))
