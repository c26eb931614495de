/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "json/json.h"

enum { MAX = 1 << 20 };

/* The text of the error that parsing gives, in a buffer of the caller. */
#define CHECK_BAD(in, expected_rc, message)                                                        \
    do {                                                                                           \
        CLEANUP(json_freep) struct json_doc *bad_ = NULL;                                          \
        struct err err_ = ERR_INIT;                                                                \
        char text_[200];                                                                           \
        CHECK_RC(json_parse((in), MAX, &bad_, &err_), (expected_rc));                              \
        CHECK(!bad_ && err_.rc == (expected_rc));                                                  \
        CHECK_STR(str_of(err_textz(&err_, text_, sizeof(text_))), (message));                      \
    } while (0)

static void types_and_getters(void)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct str in = STR(" {\"s\":\"a\\u00e9\",\"i\":-5,\"u\":18446744073709551615,\"t\":true,"
                        "\"f\":false,\"n\":null,\"a\":[1,2],\"o\":{\"x\":{}},\"d\":1.5,\"\":0} ");
    const struct json *root;
    struct str s = STR("untouched");
    int64_t i = 7;
    uint64_t u = 7;
    bool b = false;

    CHECK_OK(json_parse(in, MAX, &doc, NULL));
    root = json_root(doc);
    CHECK(json_type(root) == JSON_OBJECT);
    CHECK_INT(json_len(root), 10);

    CHECK_OK(json_str(json_get(root, "s"), &s));
    CHECK_STR(s, "a\xc3\xa9");
    CHECK_OK(json_i64(json_get(root, "i"), &i));
    CHECK_INT(i, -5);
    CHECK_OK(json_u64(json_get(root, "u"), &u));
    CHECK(u == UINT64_MAX);
    CHECK_OK(json_bool(json_get(root, "t"), &b));
    CHECK(b);
    CHECK_OK(json_bool(json_get(root, "f"), &b));
    CHECK(!b);
    CHECK(json_is_null(json_get(root, "n")));
    CHECK(!json_is_null(json_get(root, "t")) && !json_is_null(NULL));
    CHECK(json_type(json_get(root, "n")) == JSON_NULL && json_type(NULL) == JSON_NULL);
    CHECK(json_type(json_get(root, "t")) == JSON_BOOL);
    CHECK(json_type(json_get(root, "d")) == JSON_NUMBER);
    CHECK(json_type(json_get(root, "a")) == JSON_ARRAY);
    CHECK(json_type(json_get(root, "s")) == JSON_STRING);
    CHECK(json_get(json_get(json_get(root, "o"), "x"), "y") == NULL);
    CHECK(json_get(root, "") != NULL);
    CHECK_STR(json_shown(root, "s"), "a\xc3\xa9");
    CHECK(!json_shown(root, "i").p && !json_shown(root, "none").p && !json_shown(NULL, "s").p);
    CHECK(json_shown_u64(root, "u") == UINT64_MAX);
    CHECK(json_shown_u64(root, "i") == 0 && json_shown_u64(root, "s") == 0);
    CHECK(json_shown_u64(root, "none") == 0 && json_shown_u64(NULL, "u") == 0);
}

static void getters_refuse(void)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct str in = STR("{\"s\":\"x\",\"z\":\"a\\u0000b\",\"i\":-5,\"u\":18446744073709551615,"
                        "\"one\":1.0,\"exp\":1e3,\"big\":18446744073709551616,\"huge\":1e999}");
    const struct json *root;
    struct str s = STR("untouched");
    int64_t i = 7;
    uint64_t u = 7;
    bool b = true;

    CHECK_OK(json_parse(in, MAX, &doc, NULL));
    root = json_root(doc);
    CHECK_RC(json_str(json_get(root, "none"), &s), RC_NOTFOUND);
    CHECK_RC(json_str_nul(NULL, &s), RC_NOTFOUND);
    CHECK_RC(json_str(json_get(root, "i"), &s), RC_INVAL);
    CHECK_RC(json_str(json_get(root, "z"), &s), RC_INVAL);
    CHECK_STR(s, "untouched");
    CHECK_OK(json_str_nul(json_get(root, "z"), &s));
    CHECK(s.n == 3 && memcmp(s.p, "a\0b", 3) == 0);
    CHECK_RC(json_i64(NULL, &i), RC_NOTFOUND);
    CHECK_RC(json_i64(json_get(root, "s"), &i), RC_INVAL);
    CHECK_RC(json_i64(json_get(root, "u"), &i), RC_INVAL);
    CHECK_RC(json_i64(json_get(root, "one"), &i), RC_INVAL);
    CHECK_RC(json_i64(json_get(root, "exp"), &i), RC_INVAL);
    CHECK_RC(json_i64(json_get(root, "big"), &i), RC_INVAL);
    CHECK_RC(json_u64(NULL, &u), RC_NOTFOUND);
    CHECK_RC(json_u64(json_get(root, "i"), &u), RC_INVAL);
    CHECK_RC(json_u64(json_get(root, "big"), &u), RC_INVAL);
    CHECK_RC(json_u64(json_get(root, "huge"), &u), RC_INVAL);
    CHECK(json_type(json_get(root, "huge")) == JSON_NUMBER);
    CHECK_RC(json_bool(NULL, &b), RC_NOTFOUND);
    CHECK_RC(json_bool(json_get(root, "i"), &b), RC_INVAL);
    CHECK(i == 7 && u == 7 && b);
    CHECK(json_get(json_get(root, "s"), "x") == NULL && json_get(NULL, "x") == NULL);
}

static void integers_at_the_edge(void)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_iter it;
    const struct json *v;
    int64_t i;
    uint64_t u;

    CHECK_OK(json_parse(STR("[9223372036854775807,-9223372036854775808,9223372036854775808,0]"),
                        MAX, &doc, NULL));
    it = json_iter(json_root(doc));
    CHECK(json_next(&it, NULL, &v));
    CHECK_OK(json_i64(v, &i));
    CHECK(i == INT64_MAX);
    CHECK(json_next(&it, NULL, &v));
    CHECK_OK(json_i64(v, &i));
    CHECK(i == INT64_MIN);
    CHECK(json_next(&it, NULL, &v));
    CHECK_RC(json_i64(v, &i), RC_INVAL);
    CHECK_OK(json_u64(v, &u));
    CHECK(u == (uint64_t)INT64_MAX + 1);
    CHECK(json_next(&it, NULL, &v));
    CHECK_OK(json_i64(v, &i));
    CHECK_INT(i, 0);
}

static void iterates(void)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_iter it;
    const struct json *v = NULL, *first;
    struct str name = STR("?");
    int64_t i = 0;

    CHECK_OK(json_parse(STR("[{\"a\":[10,[11,[]],{}],\"b\":12},[],{},1]"), MAX, &doc, NULL));
    it = json_iter(json_root(doc));
    CHECK(json_next(&it, &name, &first));
    CHECK_INT(name.n, 0);
    CHECK(json_next(&it, NULL, &v));
    CHECK(json_type(v) == JSON_ARRAY && json_len(v) == 0);
    CHECK(json_next(&it, NULL, &v));
    CHECK(json_type(v) == JSON_OBJECT && json_len(v) == 0);
    CHECK(json_next(&it, NULL, &v));
    CHECK_OK(json_i64(v, &i));
    CHECK_INT(i, 1);
    CHECK(!json_next(&it, NULL, &v));
    CHECK(!json_next(&it, NULL, &v));

    it = json_iter(first);
    CHECK(json_next(&it, &name, &v));
    CHECK_STR(name, "a");
    CHECK_INT(json_len(v), 3);
    CHECK(json_next(&it, &name, &v));
    CHECK_STR(name, "b");
    CHECK_OK(json_i64(v, &i));
    CHECK_INT(i, 12);
    CHECK(!json_next(&it, &name, &v));

    it = json_iter(v);
    CHECK(!json_next(&it, NULL, &v));
    it = json_iter(NULL);
    CHECK(!json_next(&it, NULL, &v));
    CHECK(json_len(NULL) == 0);
}

static void accepts_any_root(void)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "\"x\"",
                                       "null",
                                       " true ",
                                       "[]",
                                       "{}",
                                       "\t\r\n1\n",
                                       "\"\\ud83d\\ude00\"",
                                       "[1e5,-1.25E-2]"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CLEANUP(json_freep) struct json_doc *doc = NULL;

        CHECK_OK(json_parse(str_of(good[i]), MAX, &doc, NULL));
        CHECK(json_root(doc) != NULL);
    }
}

static void refuses_what_is_not_json(void)
{
    static const struct str bad[] = {
        {"", 0},
        {" ", 1},
        {"{", 1},
        {"[1,]", 4},
        {"{\"a\":1,}", 8},
        {"[1 2]", 5},
        {"{a:1}", 5},
        {"{'a':1}", 7},
        {"[1]x", 4},
        {"[1] [2]", 7},
        {"[1]\0", 4},
        {"// c\n1", 6},
        {"/* c */ 1", 9},
        {"01", 2},
        {"+1", 2},
        {".5", 2},
        {"1.", 2},
        {"1e", 2},
        {"NaN", 3},
        {"Infinity", 8},
        {"nul", 3},
        {"True", 4},
        {"\"\t\"", 3},
        {"\"\n\"", 3},
        {"\"\0\"", 3},
        {"\"\\x41\"", 6},
        {"\"\\ud800\"", 8},
        {"\"\\udc00\\ud800\"", 14},
        {"\"\xff\"", 3},
        {"\"\xc0\x80\"", 4},
        {"\"\xed\xa0\x80\"", 5},
        {"\"\xf4\x90\x80\x80\"", 6},
        {"\"\xc3\"", 3},
        {"\xef\xbb\xbf{}", 5},
        {"\"abc", 4},
        {"\"abc\\", 5},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP(json_freep) struct json_doc *doc = NULL;
        struct err err = ERR_INIT;
        enum rc rc = json_parse(bad[i], MAX, &doc, &err);

        CHECK(rc == RC_PARSE && err.rc == RC_PARSE && !doc);
    }
    CHECK_BAD(STR(""), RC_PARSE, "not JSON: no content at byte 0");
    CHECK_BAD(STR("[1]x"), RC_PARSE, "not JSON: unexpected content after document at byte 3");
}

static void refuses_past_the_limit(void)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct err err = ERR_INIT;
    char text[100];

    CHECK_OK(json_parse(STR("[1]"), 3, &doc, NULL));
    json_free(MOVE(doc));
    CHECK_RC(json_parse(STR("[1] "), 3, &doc, &err), RC_TOOBIG);
    CHECK(!doc);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))),
              "4 bytes of JSON where at most 3 are accepted");
}

static void refuses_duplicate_names(void)
{
    CLEANUP(buf_done) struct buf many = BUF_INIT(MAX);

    CHECK_BAD(STR("{\"alg\":1,\"b\":2,\"alg\":1}"), RC_PARSE,
              "the member \"alg\" occurs twice in one object");
    CHECK_BAD(STR("[{\"x\":{\"a\":1,\"\\u0061\":2}}]"), RC_PARSE,
              "the member \"a\" occurs twice in one object");
    CHECK_BAD(STR("{\"\":1,\"\":2}"), RC_PARSE, "the member \"\" occurs twice in one object");

    /* More than are compared in pairs. */
    for (int i = 0; i < 100; i++)
        buf_printf(&many, "%s\"k%d\":[{}]", i ? "," : "{", i);
    buf_putz(&many, "}");
    CHECK_OK(buf_rc(&many));
    {
        CLEANUP(json_freep) struct json_doc *doc = NULL;

        CHECK_OK(json_parse(buf_str(&many), MAX, &doc, NULL));
        CHECK_INT(json_len(json_root(doc)), 100);
    }
    many.n--;
    buf_putz(&many, ",\"k3\":0}");
    CHECK_BAD(buf_str(&many), RC_PARSE, "the member \"k3\" occurs twice in one object");
}

static void same_name_in_two_objects_is_fine(void)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    CHECK_OK(json_parse(STR("{\"a\":{\"a\":{\"a\":1}},\"A\":1,\"b\":[{\"a\":1},{\"a\":1}]}"), MAX,
                        &doc, NULL));
    CHECK_INT(json_len(json_root(doc)), 3);
}

static void put_nested(struct buf *b, const char *open, const char *close, int depth)
{
    buf_reset(b);
    for (int i = 0; i < depth; i++)
        buf_putz(b, open);
    buf_putz(b, "1");
    for (int i = 0; i < depth; i++)
        buf_putz(b, close);
}

static void refuses_depth(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    put_nested(&b, "[", "]", JSON_DEPTH_MAX);
    CHECK_OK(json_parse(buf_str(&b), MAX, &doc, NULL));
    json_free(MOVE(doc));
    put_nested(&b, "{\"a\":", "}", JSON_DEPTH_MAX);
    CHECK_OK(json_parse(buf_str(&b), MAX, &doc, NULL));
    put_nested(&b, "[", "]", JSON_DEPTH_MAX + 1);
    CHECK_BAD(buf_str(&b), RC_PARSE, "JSON nested deeper than 32 levels");
    put_nested(&b, "{\"a\":[", "]}", JSON_DEPTH_MAX / 2 + 1);
    CHECK_BAD(buf_str(&b), RC_PARSE, "JSON nested deeper than 32 levels");
    put_nested(&b, "[", "]", 100000);
    CHECK_BAD(buf_str(&b), RC_PARSE, "JSON nested deeper than 32 levels");
}

static void wanted_members(void)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *root, *v = NULL;
    struct err err = ERR_INIT;
    struct str s;
    char text[200];

    CHECK_OK(json_parse(STR("{\"s\":\"x\",\"z\":\"\\u0000\",\"i\":1,\"a\":[]}"), MAX, &doc, NULL));
    root = json_root(doc);
    CHECK_OK(json_want(root, "a", JSON_ARRAY, &v, &err));
    CHECK(json_type(v) == JSON_ARRAY);
    CHECK_OK(json_want_str(root, "s", &s, &err));
    CHECK_STR(s, "x");

    CHECK_RC(json_want(root, "none", JSON_ARRAY, &v, &err), RC_NOTFOUND);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))), "the member \"none\" is missing");
    CHECK_RC(json_want(root, "i", JSON_OBJECT, &v, &err), RC_INVAL);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))),
              "the member \"i\" is a number, not an object");
    CHECK_RC(json_want_str(root, "z", &s, &err), RC_INVAL);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))),
              "the member \"z\" holds a NUL character");
    CHECK_RC(json_want_str(v, "s", &s, &err), RC_INVAL);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))),
              "an array where an object with the member \"s\" was expected");
    CHECK_RC(json_want_str(NULL, "s", &s, &err), RC_INVAL);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))),
              "nothing where an object with the member \"s\" was expected");
    CHECK_STR(s, "x");
}

CHECK_MAIN(CHECK_TEST(types_and_getters), CHECK_TEST(getters_refuse),
           CHECK_TEST(integers_at_the_edge), CHECK_TEST(iterates), CHECK_TEST(accepts_any_root),
           CHECK_TEST(refuses_what_is_not_json), CHECK_TEST(refuses_past_the_limit),
           CHECK_TEST(refuses_duplicate_names), CHECK_TEST(same_name_in_two_objects_is_fine),
           CHECK_TEST(refuses_depth), CHECK_TEST(wanted_members))
