/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken from the library's lines, and how a form that was cut is ended. */
#include "check.h"

#include "base/buf.h"
#include "waf/verdict.h"

#define TAIL                                                                                       \
    " [data \"Matched Data: x found within ARGS:id: 1' OR 1=1\"] [severity \"2\"] [uri \"/\"]"

static void takes_lines(void)
{
    struct waf_verdict v = {};

    waf_verdict_line(&v,
                     STR("ModSecurity: Warning. detected SQLi using libinjection. [file \"/x\"] "
                         "[line \"46\"] [id \"942100\"] [rev \"\"] [msg \"SQL Injection "
                         "Attack\"]" TAIL));
    waf_verdict_line(&v,
                     STR("[client 10.0.0.1] ModSecurity: Access denied with code 403 (phase 2). "
                         "[file \"/x\"] [line \"81\"] [id \"949110\"] [rev \"\"] [msg "
                         "\"Inbound Anomaly Score Exceeded (Total Score: 15)\"]" TAIL));
    waf_verdict_line(&v, STR("no rule at all"));
    waf_verdict_line(&v, STR(""));
    waf_verdict_refuse(&v, 403);
    CHECK_INT(v.n, 2);
    CHECK_INT(v.matches[0].id, 942'100);
    CHECK_STR(str_bytes(v.matches[0].text, v.matches[0].text_n), "SQL Injection Attack");
    CHECK_INT(v.matches[1].id, 949'110);
    CHECK_INT(v.score, 15);
    CHECK_INT(v.status, 403);
}

static void believes_no_imitation(void)
{
    static const char *const lines[] = {
        "Matched (Value: `[id \"1\"] [msg \"mine\"]') [file \"/x\"] [id \"2\"]",
        "[id \"2\"] [msg \"m\"] [uri \"/[id \"1\"]\"]",
        "[id \"x\"]",
        "[id \"0\"]",
        "[id \"99999999999\"]",
        "[id \"",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct waf_verdict v = {};

        waf_verdict_line(&v, str_of(lines[i]));
        CHECK_INT(v.n, 1);
        CHECK_INT(v.matches[0].id, 0);
        CHECK(str_starts(str_bytes(v.matches[0].text, v.matches[0].text_n), STR("the request")));
    }
}

static void holds_its_limits(void)
{
    CLEANUP(buf_done) struct buf line = BUF_INIT(4096);
    struct waf_verdict v = {};

    buf_putz(&line, "[id \"7\"] [msg \"");
    for (int i = 0; i < 1000; i++)
        buf_u8(&line, i == 1 ? '\n' : i == 2 ? 0xe4 : 'x');
    CHECK_OK(buf_rc(&line));
    for (int i = 0; i < 3 * IPC_INSPECTED_MATCHES; i++)
        waf_verdict_line(&v, buf_str(&line));
    CHECK_INT(v.n, 3 * IPC_INSPECTED_MATCHES);
    CHECK_INT(v.matches[0].text_n, IPC_INSPECTED_TEXT);
    CHECK_STR(str_bytes(v.matches[0].text, 4), "x??x");
}

static void refuses_with_errors_alone(void)
{
    static const int said[][2] = {{403, 403}, {406, 406}, {503, 503}, {302, 403},
                                  {200, 403}, {0, 403},   {600, 403}, {-1, 403}};

    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        struct waf_verdict v = {};

        waf_verdict_refuse(&v, said[i][0]);
        CHECK_INT(v.status, said[i][1]);
    }
}

static void ends_forms(void)
{
    static const char *const types[][2] = {
        {"multipart/form-data; boundary=xxBxx", "\r\n--xxBxx--\r\n"},
        {"Multipart/Form-Data; boundary=\"a b\"; charset=utf-8", "\r\n--a b--\r\n"},
        {"multipart/form-data; boundary=a ; x=y", "\r\n--a--\r\n"},
        {"multipart/form-data", ""},
        {"multipart/form-data; boundary=", ""},
        {"application/json; boundary=x", ""},
        {"", ""},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(256);

        waf_multipart_end(str_of(types[i][0]), &out);
        CHECK_OK(buf_rc(&out));
        CHECK_STR(buf_str(&out), types[i][1]);
    }
}

CHECK_MAIN(CHECK_TEST(takes_lines), CHECK_TEST(believes_no_imitation), CHECK_TEST(holds_its_limits),
           CHECK_TEST(refuses_with_errors_alone), CHECK_TEST(ends_forms))
