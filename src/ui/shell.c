/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/shell.h"

#include "base/text.h"
#include "ui/assets.h"
#include "ui/session.h"

/* As ui/src/pages.ts has them. */
static const char *const pages[] = {
    "",       "certificates", "sites", "inventory", "agents", "alerts",    "approvals", "acme",
    "policy", "ca",           "audit", "reports",   "trust",  "operators", "settings",
};

bool ui_shell_has(struct str path)
{
    struct str page = str_skip(path, strlen("/ui/"));

    if (!str_starts(path, STR("/ui/")))
        return false;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        if (str_eq(page, str_of(pages[i])))
            return true;
    return false;
}

/* The actions that the table gives these roles, so that no button leads to a refusal. Who asks is
 * judged where the command is. */
static void put_may(unsigned roles, struct buf *out)
{
    const struct operators_action *actions;
    const char *comma = "";
    size_t n;

    actions = operators_actions(&n);
    for (size_t i = 0; i < n; i++)
        if (actions[i].roles & roles) {
            buf_printf(out, "%s%s", comma, actions[i].name);
            comma = ",";
        }
}

void ui_page_shell(const struct ui_session *session, struct buf *out)
{
    buf_putz(out, "<!doctype html>\n<html lang=\"en\" data-user=\"");
    text_html_escape(out, str_of(session->user.name));
    buf_putz(out, "\" data-roles=\"");
    operators_roles_put(session->user.roles, out);
    buf_putz(out, "\" data-may=\"");
    put_may(session->user.roles, out);
    buf_putz(out, "\" data-form=\"");
    text_html_escape(out, str_of(session->form));
    buf_printf(out,
               "\" data-version=\"%s\" data-licences=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width\">\n"
               "<meta name=\"color-scheme\" content=\"light dark\">\n<title>Autarky</title>\n"
               "<link rel=\"icon\" href=\"data:,\">\n"
               "<link rel=\"stylesheet\" href=\"%s\">\n"
               "<script type=\"module\" src=\"%s\"></script>\n</head>\n",
               AUTARKY_VERSION, ui_path_licences, ui_path_sheet, ui_path_script);
    buf_putz(out, "<body>\n<div id=\"app\"></div>\n"
                  "<noscript><main><p>The dashboard needs scripts. Without them there is <a "
                  "href=\"/ui/plain\">one page with an overview</a>.</p></main></noscript>\n"
                  "</body>\n</html>\n");
}
