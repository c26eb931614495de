/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <string.h>

#include "ui/page.h"

#define HOSTILE "<script>alert(1)</script>\\\"'&"
#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND) /* 2027-01-15 */

static const struct json *parse(const char *text, struct json_doc **doc)
{
    if (json_parse(str_of(text), 1 << 16, doc, NULL) != RC_OK)
        return NULL;
    return json_root(*doc);
}

static const char status_text[] =
    "{\"organization\":\"" HOSTILE "\",\"domain\":\"hospital.example\",\"certificates\":"
    "{\"valid\":3,\"expiring_in_30d\":2,\"revoked\":1},\"issuers\":[{\"name\":\"rsa-1\","
    "\"subject\":\"" HOSTILE "\",\"algorithm\":\"rsa\",\"state\":\"active\","
    "\"not_after\":\"2034-11-27T19:28:28Z\"}]}";
static const char doctor_text[] =
    "{\"checks\":[{\"name\":\"clock\",\"state\":\"ok\",\"text\":\"fine\",\"cure\":\"\"},"
    "{\"name\":\"role\",\"state\":\"failed\",\"text\":\"" HOSTILE "\",\"cure\":\"" HOSTILE "\"}]}";
static const char sites_text[] =
    "{\"keeper\":\"running\",\"items\":[{\"name\":\"" HOSTILE "\",\"backends\":[\"http://a\"],"
    "\"certificates\":[{\"algorithm\":\"ecdsa\",\"state\":\"valid\",\"serial\":\"0A\","
    "\"not_after\":\"2027-01-20T00:00:00Z\",\"next_at\":\"2027-01-18T00:00:00Z\",\"failures\":0,"
    "\"reason\":null},{\"algorithm\":\"rsa\",\"state\":\"waiting\",\"serial\":null,"
    "\"not_after\":null,\"next_at\":null,\"failures\":3,\"reason\":\"" HOSTILE "\"}]}]}";
static const char certs_text[] =
    "{\"items\":[{\"serial\":\"0A1B\",\"names\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"" HOSTILE "\"],"
    "\"profile\":\"default\",\"origin\":\"gateway\",\"not_after\":\"2027-01-01T00:00:00Z\","
    "\"issued\":\"2026-12-01T00:00:00Z\",\"status\":\"revoked\"}],\"next\":null}";

static bool has(const struct buf *page, const char *what)
{
    return page->n && memmem(page->p, page->n, what, strlen(what)) != NULL;
}

static void everything_is_there_and_escaped(void)
{
    CLEANUP(buf_done) struct buf page = BUF_INIT(1 << 20);
    CLEANUP(json_freep)
    struct json_doc *status = NULL, *doctor = NULL, *sites = NULL, *certs = NULL;
    struct ui_overview in = {.status = parse(status_text, &status),
                             .doctor = parse(doctor_text, &doctor),
                             .sites = parse(sites_text, &sites),
                             .certs = parse(certs_text, &certs),
                             .search = STR("\"><script>"),
                             .form = STR("token"),
                             .now = NOW};

    CHECK(in.status && in.doctor && in.sites && in.certs);
    in.expiring = in.certs;
    ui_page_overview(&in, &page);
    CHECK_OK(buf_rc(&page));
    CHECK(!has(&page, "<script"));
    CHECK(has(&page, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;"));
    CHECK(has(&page, "value=\"&quot;&gt;&lt;script&gt;\""));
    CHECK(has(&page, "something needs a person"));
    CHECK(has(&page, "<b>1</b>sites"));
    CHECK(has(&page, "<b>2</b>expire within 30 days"));
    CHECK(has(&page, "<span class=\"s warning\">4</span>")); /* days left of the site's */
    CHECK(has(&page, "<span class=\"s failed\">expired</span>"));
    CHECK(has(&page, "<td>2027-01-18</td>"));
    CHECK(has(&page, "and 2 more"));
    CHECK(has(&page, "Certificates found"));
}

static void nothing_is_known(void)
{
    CLEANUP(buf_done) struct buf page = BUF_INIT(1 << 20);
    struct ui_overview in = {.now = NOW};

    ui_page_overview(&in, &page);
    CHECK_OK(buf_rc(&page));
    CHECK(has(&page, "not known"));
    CHECK(has(&page, "There is none yet."));
    CHECK(has(&page, "Newest certificates"));
}

static void other_pages(void)
{
    CLEANUP(buf_done) struct buf page = BUF_INIT(1 << 16);

    ui_page_sign_in(STR("\"><b>"), &page);
    CHECK(has(&page, "name=\"token\" value=\"&quot;&gt;&lt;b&gt;\""));
    buf_reset(&page);
    ui_page_signed_out("No.", "", &page);
    CHECK_OK(buf_rc(&page));
    CHECK(!has(&page, "by certificate"));
    CHECK(has(&page, "autarky ui link"));
    ui_page_signed_out("", "al<ice", &page);
    CHECK(has(&page, "Sign in as al&lt;ice, by certificate"));
}

CHECK_MAIN(CHECK_TEST(everything_is_there_and_escaped), CHECK_TEST(nothing_is_known),
           CHECK_TEST(other_pages))
