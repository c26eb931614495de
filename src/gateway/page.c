/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/page.h"

#include "base/buf.h"
#include "base/text.h"
#include "http/response.h"

#define TELL "tell the operators of the site the number below."

/* What is the matter, and what the reader can do; where there is nothing to be done, that is "". */
static const struct said {
    int status;
    const char *text, *cure;
} texts[] = {
    {301, "What you look for is somewhere else.", ""},
    {302, "What you look for is somewhere else.", ""},
    {303, "What you look for is somewhere else.", ""},
    {307, "What you look for is somewhere else.", ""},
    {308, "What you look for is somewhere else.", ""},
    {400, "The request is malformed.",
     "Load the page anew, or delete the cookies of this site; if that does not help, " TELL},
    {403, "This site is not for your network.",
     "Ask from the network that it is for; if that should be yours, " TELL},
    {408, "The request did not arrive in time.",
     "Send it again; if it is late every time, look at your line to the network, or " TELL},
    {413, "What was sent is larger than what is taken here.",
     "Send less at a time; if it has to be so large, " TELL},
    {414, "The address that was asked for is too long.",
     "Begin at the first page of the site; if that leads here again, " TELL},
    {417, "The request expects something that is not done here.",
     "Try another program, or a newer one; if that does not help, " TELL},
    {421, "This connection is not for the site that was asked for.",
     "Load the page anew, which makes another one; if that does not help, " TELL},
    {429, "You have asked for more than this site gives you at a time.",
     "Try again in a moment; if you need more, " TELL},
    {431, "The headers of the request are too long, or too many.",
     "Delete the cookies of this site; if that does not help, " TELL},
    {501, "The request is of a kind that is not used here.",
     "Try another program, or a newer one; if the site is meant to take such requests, " TELL},
    {502, "The site cannot be reached just now, or its answer was of no use.",
     "Try again in a few minutes; if it stays so, " TELL},
    {503, "There is too much to do just now.", "Try again in a moment; if it stays so, " TELL},
    {504, "The site did not answer in time.",
     "Before you send something again, look whether it was done; if it stays so, " TELL},
    {505, "The request is of a version of HTTP that is not spoken here.",
     "Try another program, or a newer one; if that does not help, " TELL},
    {508, "The request has come back to where it was before.",
     "Only who runs the site can change that: " TELL},
};

static const struct said other = {0, "The request cannot be answered.",
                                  "Try again later; if that does not help, " TELL};

static const struct said *said_of(int status)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].status == status)
            return &texts[i];
    return &other;
}

/* Whoever names text/html wants a page; all else gets text. */
static bool wants_html(const struct http_reader *req)
{
    struct str accept = {NULL, 0}, range;

    if (req && http_reader_phase(req) >= HTTP_PHASE_BODY)
        accept = http_reader_value(req, HTTP_NAME_ACCEPT);
    while (str_next(&accept, ',', &range)) {
        range = str_trim(str_head(range, str_find(range, ';')));
        if (str_ieq(range, STR("text/html")))
            return true;
    }
    return false;
}

static void put_fields(const struct gateway_page *page, bool html, struct http_answer *out)
{
    http_answer_add(out, STR("date"), page->date);
    http_answer_add(out, STR("content-type"),
                    html ? STR("text/html; charset=utf-8") : STR("text/plain; charset=utf-8"));
    http_answer_add(out, STR("cache-control"), STR("no-store"));
    http_answer_add(out, STR("x-content-type-options"), STR("nosniff"));
    if (html)
        http_answer_add(out, STR("content-security-policy"), STR("default-src 'none'"));
    if (page->request_id.n)
        http_answer_add(out, STR("x-request-id"), page->request_id);
    if (page->location.n)
        http_answer_add(out, STR("location"), page->location);
    if (page->retry.n)
        http_answer_add(out, STR("retry-after"), page->retry);
}

static void put_body(const struct gateway_page *page, bool html, struct buf *body)
{
    const char *reason = http_reason(page->status);
    const struct said *said = said_of(page->status);
    struct str text = page->text.n ? page->text : str_of(said->text);
    const char *cure = page->text.n ? "" : said->cure;
    const char *gap = cure[0] ? " " : "";

    if (!html) {
        buf_printf(body, "%d %s\n%.*s%s%s\nRequest %.*s\n", page->status, reason, STR_ARG(text),
                   gap, cure, STR_ARG(page->request_id));
        return;
    }
    buf_printf(body,
               "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
               "<title>%d %s</title>\n<h1>%s</h1>\n<p>",
               page->status, reason, reason);
    text_html_escape(body, text);
    buf_printf(body, "%s%s</p>\n<p>Request %.*s</p>\n", gap, cure, STR_ARG(page->request_id));
}

void gateway_page_make(const struct gateway_page *page, const struct http_reader *req,
                       struct http_answer *out, struct buf *body)
{
    bool html = page->plain.n == 0 && wants_html(req);

    if (page->plain.n) {
        buf_puts(body, page->plain);
        buf_putz(body, "\n");
    } else {
        put_body(page, html, body);
    }
    out->status = page->status;
    out->n = 0;
    out->length = body->n;
    out->framing = page->headless ? HTTP_FRAMING_NONE : HTTP_FRAMING_LENGTH;
    put_fields(page, html, out);
    http_answer_add_length(out, body->n);
    if (page->headless)
        buf_reset(body);
}
