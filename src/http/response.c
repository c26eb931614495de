/* SPDX-License-Identifier: Apache-2.0 */
#include "http/response.h"

#include "http/names.h"

static const struct {
    int status;
    const char *text;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {511, "Network Authentication Required"},
};

const struct str http_plain_answer =
    STR("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: "
        "close\r\n\r\n"
        "This port speaks HTTPS, and the request came without TLS: use an https:// URL.\n");

/* Said here once, or never. */
static const struct str own[] = {
    STR("connection"),   STR("content-length"), STR("date"),    STR("keep-alive"),
    STR("server"),       STR("trailer"),        STR("upgrade"), STR("transfer-encoding"),
    STR("x-request-id"),
};

const char *http_reason(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Other";
}

static bool passes(const struct http_header *h)
{
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (str_ieq(own[i], h->name))
            return false;
    return http_is_token(h->name) && str_printable(h->value);
}

static struct str header(const struct http_exchange *x, struct str name)
{
    for (size_t i = 0; i < x->res.n_headers; i++)
        if (str_ieq(x->res.headers[i].name, name))
            return x->res.headers[i].value;
    return (struct str){NULL, 0};
}

void http_put_date(when_t t, struct buf *out)
{
    static const char days[7][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct when_civil c;

    if (when_to_civil(t, &c) != RC_OK) {
        t = 0;
        c = (struct when_civil){.year = 1970, .month = 1, .day = 1};
    }
    buf_printf(out, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t / WHEN_DAY % 7], c.day,
               months[c.month - 1], c.year, c.hour, c.minute, c.second);
}

bool http_response_has_body(const struct http_exchange *x)
{
    return !str_eq(x->req.method, STR("HEAD")) && x->res.status != 204 && x->res.status != 304;
}

void http_response_put_head(const struct http_exchange *x, when_t now, bool last, struct buf *out)
{
    int status = x->res.status >= 200 && x->res.status <= 599 ? x->res.status : 500;
    struct str type = header(x, STR("content-type"));

    buf_printf(out, "HTTP/1.1 %d %s\r\nDate: ", status, http_reason(status));
    http_put_date(now, out);
    buf_putz(out, "\r\n");
    if (status != 204 && status != 304)
        buf_printf(out, "Content-Length: %zu\r\n", buf_str(&x->res.body).n);
    if (last)
        buf_putz(out, "Connection: close\r\n");
    if (x->id.z[0])
        buf_printf(out, "X-Request-Id: %s\r\n", x->id.z);
    buf_putz(out, "X-Content-Type-Options: nosniff\r\n");
    if (str_ieq(str_head(type, 9), STR("text/html")) &&
        !header(x, STR("content-security-policy")).p)
        buf_putz(out, "Content-Security-Policy: default-src 'none'\r\n");
    for (size_t i = 0; i < x->res.n_headers; i++) {
        const struct http_header *h = &x->res.headers[i];

        if (passes(h))
            buf_printf(out, "%.*s: %.*s\r\n", STR_ARG(h->name), STR_ARG(h->value));
    }
    buf_putz(out, "\r\n");
}
