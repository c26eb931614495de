/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "audit/canonical.h"
#include "json/json.h"

/* The canonical form of a JSON text. */
static enum rc canonical(const char *text, struct buf *out)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    TRY(json_parse(str_of(text), 65536, &doc, NULL));
    return canonical_put(out, json_root(doc));
}

static void one_form_for_many(void)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"{ \"b\" : 1 ,\n \"a\" : [ true , false , null ] }", "{\"a\":[true,false,null],\"b\":1}"},
        {"{}", "{}"},
        {"[]", "[]"},
        {"{\"a\":{\"z\":{},\"y\":[[],{}]},\"B\":0}", "{\"B\":0,\"a\":{\"y\":[[],{}],\"z\":{}}}"},
        {"{\"aa\":1,\"a\":2,\"b\":3,\"Z\":4,\"1\":5}",
         "{\"1\":5,\"Z\":4,\"a\":2,\"aa\":1,\"b\":3}"},
        {"[0,-1,9007199254740991,-9007199254740991]", "[0,-1,9007199254740991,-9007199254740991]"},
        /* RFC 8785 section 3.2.2.2: the shortest escapes; a slash and what is not ASCII as it is */
        {"\"\\u0008\\u0009\\u000a\\u000c\\u000d\\u0000\\u001F\\u007f\\\"\\\\\\/\"",
         "\"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f\\\"\\\\/\""},
        {"\"\\u00e9\\u20ac\\ud83d\\ude00\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
        CLEANUP(buf_done) struct buf again = BUF_INIT(4096);

        CHECK_OK(canonical(cases[i].in, &out));
        CHECK_STR(buf_str(&out), cases[i].out);
        if (cases[i].in[0] == '\"')
            continue;
        CHECK_OK(canonical(buf_z(&out), &again));
        CHECK(str_eq(buf_str(&again), buf_str(&out)));
    }
}

static void what_has_no_one_form_is_refused(void)
{
    static const char *const cases[] = {
        "1.5",
        "1e3",
        "9007199254740992",
        "-9007199254740992",
        "18446744073709551615",
        "{\"\\u00e9\":1}",
        "{\"a\\u0001\":1}",
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(4096);

        CHECK_RC(canonical(cases[i], &out), RC_INVAL);
    }
}

static void limits_hold(void)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
    CLEANUP(buf_done) struct buf text = BUF_INIT(65536);

    buf_putz(&text, "{");
    for (int i = 0; i <= CANONICAL_MEMBERS_MAX; i++)
        buf_printf(&text, "%s\"m%d\":0", i ? "," : "", i);
    buf_putz(&text, "}");
    CHECK_OK(buf_rc(&text));
    CHECK_RC(canonical(buf_z(&text), &out), RC_TOOBIG);
    buf_done(&out);
    buf_init(&out, 10);
    CHECK_RC(canonical("[1,2,3,4,5,6]", &out), RC_TOOBIG);
}

static void broken_utf8_is_replaced(void)
{
    static const struct {
        struct str in;
        const char *out;
    } cases[] = {
        {{"a\xffz", 3}, "\"a\xef\xbf\xbdz\""},
        {{"\xc0\x80", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong */
        {{"\xe0\x9f\xbf", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* overlong */
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* surrogate */
        {{"\xf0\x8f\xbf\xbf", 4}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"\xf4\x90\x80\x80", 4}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"\xe2\x82", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""}, /* cut off */
        {{"\xe2\x82\xac", 3}, "\"\xe2\x82\xac\""},
        {{"\xed\x9f\xbf", 3}, "\"\xed\x9f\xbf\""},
        {{"\xee\x80\x80", 3}, "\"\xee\x80\x80\""},
        {{"\xf4\x8f\xbf\xbf", 4}, "\"\xf4\x8f\xbf\xbf\""},
        {{"\xf0\x90\x80\x80", 4}, "\"\xf0\x90\x80\x80\""},
        {{"\xf1\x80\x80\x80", 4}, "\"\xf1\x80\x80\x80\""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(4096);

        canonical_put_str(&out, cases[i].in);
        CHECK_OK(buf_rc(&out));
        CHECK_STR(buf_str(&out), cases[i].out);
    }
}

CHECK_MAIN(CHECK_TEST(one_form_for_many), CHECK_TEST(what_has_no_one_form_is_refused),
           CHECK_TEST(limits_hold), CHECK_TEST(broken_utf8_is_replaced))
