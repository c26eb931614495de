/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway says itself. */
#include "check.h"

#include "base/buf.h"
#include "gateway/page.h"
#include "http/response.h"

/* All that gateway/ and the reader of requests (http/reader.c, rules.c, h2_request.c) answer with,
 * but for redirects and what the configuration says. */
static const int statuses[] = {400, 403, 408, 413, 414, 417, 421, 429,
                               431, 501, 502, 503, 504, 505, 508};

static enum rc make(const struct gateway_page *page, struct buf *out)
{
    struct http_answer answer;

    buf_reset(out);
    gateway_page_make(page, NULL, &answer, out);
    return buf_rc(out);
}

static void says_what_to_do(void)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(GATEWAY_PAGE_MAX);
    CLEANUP(buf_done) struct buf unknown = BUF_INIT(GATEWAY_PAGE_MAX);
    struct gateway_page page = {.status = 499, .request_id = STR("0123456789")};
    struct str first, rest;

    CHECK_OK(make(&page, &unknown));
    CHECK(strstr(buf_z(&unknown), "The request cannot be answered."));
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        page.status = statuses[i];
        CHECK_OK(make(&page, &body));
        CHECK(!strstr(buf_z(&body), "cannot be answered"));
        CHECK(strstr(buf_z(&body),
                     "tell the operators of the site the number below.\nRequest 0123456789\n"));
        /* "502 Bad Gateway", and a sentence of its own before that. */
        CHECK(str_cut(buf_str(&body), '\n', &first, &rest));
        CHECK(first.n > 4);
        CHECK(str_find(rest, '.') < 80);
        CHECK(http_reason(statuses[i])[0]);
    }
    page.status = 308;
    CHECK_OK(make(&page, &body));
    CHECK(strstr(buf_z(&body), "somewhere else.\nRequest"));
}

/* What the configuration says stands for itself. */
static void says_what_it_is_told(void)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(GATEWAY_PAGE_MAX);
    struct gateway_page page = {
        .status = 503, .text = STR("Back at noon."), .request_id = STR("7")};

    CHECK_OK(make(&page, &body));
    CHECK_STR(buf_str(&body), "503 Service Unavailable\nBack at noon.\nRequest 7\n");
    page.plain = STR("all of it");
    CHECK_OK(make(&page, &body));
    CHECK_STR(buf_str(&body), "all of it\n");
}

CHECK_MAIN(CHECK_TEST(says_what_to_do), CHECK_TEST(says_what_it_is_told))
