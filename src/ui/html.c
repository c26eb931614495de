/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/html_int.h"

#include "ui/page.h"

/* Colours have a contrast of 4.5 to 1 and more on their ground, in both schemes; no state is told
 * by colour alone. */
static const char style[] =
    ":root{color-scheme:light dark;--ground:#f6f7f9;--card:#fff;--ink:#1c2430;--faint:#5a6675;"
    "--line:#dfe4ea;--ok:#176b3a;--okbg:#e3f4ea;--warn:#7a4b00;--warnbg:#fdf0d5;--bad:#a1131b;"
    "--badbg:#fde4e4;--link:#0a58a8}\n"
    "@media(prefers-color-scheme:dark){:root{--ground:#12161c;--card:#1b212a;--ink:#e6eaf0;"
    "--faint:#a3afbd;--line:#2f3945;--ok:#7fd6a2;--okbg:#173524;--warn:#f2c46d;--warnbg:#3a2d12;"
    "--bad:#ff9c9c;--badbg:#43191c;--link:#86bdf5}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}\n"
    "header,main{max-width:70rem;margin:0 auto;padding:0 1.25rem}\n"
    "header{display:flex;align-items:center;gap:1rem;padding-top:1.25rem;flex-wrap:wrap}\n"
    "header b{font-size:1.15rem}header span{color:var(--faint)}header form{margin-left:auto}\n"
    "h1{font-size:1.6rem;margin:1rem 0 .5rem}h2{font-size:1.1rem;margin:0 0 .75rem}\n"
    "section{background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:1.1rem 1.25rem;margin:1rem 0;overflow-x:auto}\n"
    ".tiles{display:flex;gap:1rem;flex-wrap:wrap;padding:0;border:0;background:none}\n"
    ".tile{flex:1 1 9rem;background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:.8rem 1rem;color:var(--faint)}.tile b{display:block;font-size:1.6rem;"
    "color:var(--ink);font-variant-numeric:tabular-nums}\n"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .7rem .4rem 0;"
    "border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--faint);"
    "font-weight:600;font-size:.85rem}tr:last-child td{border-bottom:0}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\n"
    ".s{display:inline-block;padding:0 .55rem;border-radius:999px;font-size:.85rem;"
    "font-weight:600;white-space:nowrap}.ok{color:var(--ok);background:var(--okbg)}"
    ".warning{color:var(--warn);background:var(--warnbg)}"
    ".failed{color:var(--bad);background:var(--badbg)}\n"
    "code{font:.9em ui-monospace,monospace}.faint,small{color:var(--faint)}\n"
    "button,input{font:inherit;padding:.35rem .8rem;border-radius:7px;border:1px solid "
    "var(--line);background:var(--card);color:var(--ink)}button{cursor:pointer;font-weight:600}\n"
    "button.go{background:var(--link);color:var(--card);border:0;padding:.6rem 1.4rem}\n"
    ":focus-visible{outline:3px solid var(--link);outline-offset:2px}a{color:var(--link)}\n"
    ".top{display:flex;justify-content:space-between;gap:1rem;flex-wrap:wrap}\n";

struct str ui_style(void)
{
    return str_bytes(style, sizeof(style) - 1);
}

void ui_html_begin(struct buf *b, const char *title)
{
    buf_printf(b,
               "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n"
               "<link rel=\"stylesheet\" href=\"/ui/style.css\">\n</head>\n<body>\n",
               title);
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
