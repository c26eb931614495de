/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/html_int.h"

#include "ui/assets.h"
#include "ui/page.h"

void ui_html_begin(struct buf *b, const char *title)
{
    buf_printf(b,
               "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n"
               "<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" "
               "href=\"%s\">\n</head>\n<body class=\"plain\">\n",
               title, ui_path_sheet);
}

void ui_html_end(struct buf *b)
{
    buf_putz(b, "</main>\n</body>\n</html>\n");
}

void ui_html_cell(struct buf *b, struct str text)
{
    buf_putz(b, "<td>");
    text_html_escape(b, text.n ? text : STR("\xe2\x80\x93"));
    buf_putz(b, "</td>");
}
