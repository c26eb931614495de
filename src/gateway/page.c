/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/page.h"

#include "base/buf.h"
#include "http/response.h"

enum { BODY_MAX = 2048 };

static const struct {
    int status;
    const char *text;
} texts[] = {
    {400, "The request is malformed."},
    {408, "The request did not arrive in time."},
    {421, "This connection is not for the site that was asked for."},
    {502, "The site cannot be reached just now, or its answer was of no use."},
    {503, "There is too much to do just now. Try again in a moment."},
    {504, "The site did not answer in time."},
};

static const char *text_of(int status)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "The request cannot be answered.";
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

size_t gateway_page_put(const struct gateway_page *page, const struct http_reader *req,
                        struct buf *out)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(BODY_MAX);
    const char *reason = http_reason(page->status), *text = text_of(page->status);
    bool html = wants_html(req);

    if (html)
        buf_printf(&body,
                   "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
                   "<title>%d %s</title>\n<h1>%s</h1>\n<p>%s</p>\n<p>Request %.*s</p>\n",
                   page->status, reason, reason, text, STR_ARG(page->request_id));
    else
        buf_printf(&body, "%d %s\n%s\nRequest %.*s\n", page->status, reason, text,
                   STR_ARG(page->request_id));
    buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %.*s\r\n", page->status, reason, STR_ARG(page->date));
    buf_printf(out, "Content-Type: %s; charset=utf-8\r\nContent-Length: %zu\r\n",
               html ? "text/html" : "text/plain", body.n);
    buf_putz(out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
    if (html)
        buf_putz(out, "Content-Security-Policy: default-src 'none'\r\n");
    if (page->request_id.n)
        buf_printf(out, "X-Request-Id: %.*s\r\n", STR_ARG(page->request_id));
    if (page->status == 503)
        buf_putz(out, "Retry-After: 5\r\n");
    buf_printf(out, "%s\r\n", page->last ? "Connection: close\r\n" : "");
    if (page->headless)
        return 0;
    buf_puts(out, buf_str(&body));
    if (buf_rc(&body) != RC_OK)
        buf_fail(out, buf_rc(&body));
    return body.n;
}
