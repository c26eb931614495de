/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "ipc/fields.h"

MSG(msg_known, "ipc-test.known", "cannot {0} the {1}");

struct inner {
    uint16_t n;
    struct str name;
};

struct outer {
    uint8_t small;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    int64_t i64;
    bool yes;
    struct str text;
    struct ipc_strs strs;
    IPC_LIST(struct inner) list;
    struct inner one;
    struct addr addr;
    struct addr_port ap;
    struct id id;
};

static IPC_FIELDS(inner, IPC_F_U16(inner, n), IPC_F_STR(inner, name, 4));
static IPC_FIELDS(outer, IPC_F_U8(outer, small, 9), IPC_F_U16(outer, u16), IPC_F_U32(outer, u32),
                  IPC_F_U64(outer, u64), IPC_F_I64(outer, i64), IPC_F_BOOL(outer, yes),
                  IPC_F_STR(outer, text, 8), IPC_F_STRS(outer, strs, 3, 5),
                  IPC_F_LIST(outer, list, inner, 2), IPC_F_STRUCT(outer, one, inner),
                  IPC_F_ADDR(outer, addr), IPC_F_ADDR_PORT(outer, ap), IPC_F_ID(outer, id));

static const struct str strs[] = {{"a", 1}, {"", 0}, {"ccccc", 5}};
static const struct inner inners[] = {{1, {"one", 3}}, {2, {"", 0}}};
static const struct outer sample = {
    .small = 9,
    .u16 = 0x1234,
    .u32 = 0xdeadbeef,
    .u64 = UINT64_MAX,
    .i64 = INT64_MIN,
    .yes = true,
    .text = {"te\0xt", 5},
    .strs = {strs, 3},
    .list = {inners, 2},
    .one = {3, {"four", 4}},
    .addr = {.n = 16, .b = {0x20, 1, [15] = 9}},
    .ap = {{.n = 4, .b = {127, 0, 0, 1}}, 443},
    .id = {"0123456789abcdefghjkmnpqrs"},
};

#define WITH_BUF                                                                                   \
    [[maybe_unused]] CLEANUP(buf_done) struct buf b = BUF_INIT(4096);                              \
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4096)

static void every_kind_comes_back(void)
{
    WITH_BUF;
    struct outer got;

    CHECK_OK(ipc_fields_encode(&outer_fields, &sample, &b));
    memset(&got, 0xaa, sizeof(got));
    CHECK_OK(ipc_fields_decode(&outer_fields, buf_str(&b), &a, &got));
    CHECK_INT(got.small, 9);
    CHECK_INT(got.u16, 0x1234);
    CHECK_INT(got.u32, 0xdeadbeef);
    CHECK(got.u64 == UINT64_MAX && got.i64 == INT64_MIN && got.yes);
    CHECK(str_eq(got.text, sample.text));
    CHECK_INT(got.strs.n, 3);
    CHECK_STR(got.strs.v[0], "a");
    CHECK_STR(got.strs.v[2], "ccccc");
    CHECK_INT(got.list.n, 2);
    CHECK_INT(got.list.v[0].n, 1);
    CHECK_STR(got.list.v[0].name, "one");
    CHECK_INT(got.list.v[1].n, 2);
    CHECK_STR(got.one.name, "four");
    CHECK(addr_eq(&got.addr, &sample.addr));
    CHECK(addr_eq(&got.ap.addr, &sample.ap.addr));
    CHECK_INT(got.ap.port, 443);
    CHECK_STR(id_str(&got.id), sample.id.z);
    /* Strings point into the bytes, nothing is copied. */
    CHECK(got.text.p >= b.p && got.text.p < b.p + b.n);
}

static void nothing_comes_back_as_nothing(void)
{
    WITH_BUF;
    const struct outer empty = {0};
    struct outer got;

    CHECK_OK(ipc_fields_encode(&outer_fields, &empty, &b));
    memset(&got, 0xaa, sizeof(got));
    CHECK_OK(ipc_fields_decode(&outer_fields, buf_str(&b), &a, &got));
    CHECK(!got.yes && got.strs.n == 0 && got.list.n == 0 && got.addr.n == 0 && !got.id.z[0]);
    CHECK_INT(a.used, 0);
}

static enum rc try_encode(const struct outer *o)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096);
    enum rc rc;

    rc = ipc_fields_encode(&outer_fields, o, &b);
    if (rc != buf_rc(&b))
        return RC_CORRUPT;
    return rc;
}

static void limits_hold_in_encoding(void)
{
    static const struct str four[] = {{"", 0}, {"", 0}, {"", 0}, {"", 0}};
    static const struct str six[] = {{"666666", 6}};
    static const struct inner three[] = {{0}, {0}, {0}};
    static const struct inner five[] = {{0, {"55555", 5}}};

    CHECK_OK(try_encode(&sample));
    CHECK_RC(try_encode(&(struct outer){.small = 10}), RC_INVAL);
    CHECK_RC(try_encode(&(struct outer){.text = {"999999999", 9}}), RC_TOOBIG);
    CHECK_RC(try_encode(&(struct outer){.strs = {four, 4}}), RC_TOOBIG);
    CHECK_RC(try_encode(&(struct outer){.strs = {six, 1}}), RC_TOOBIG);
    CHECK_RC(try_encode(&(struct outer){.list = {three, 3}}), RC_TOOBIG);
    CHECK_RC(try_encode(&(struct outer){.list = {five, 1}}), RC_TOOBIG);
    CHECK_RC(try_encode(&(struct outer){.one = five[0]}), RC_TOOBIG);
    CHECK_RC(try_encode(&(struct outer){.addr = {.n = 5}}), RC_INVAL);
    CHECK_RC(try_encode(&(struct outer){.ap = {.addr = {.n = 17}}}), RC_INVAL);
    CHECK_RC(try_encode(&(struct outer){.id = {"not an id"}}), RC_PARSE);
}

/* Each row changes the encoding of the sample at one place. */
static const struct {
    const char *what;
    size_t at;
    char bytes[5];
    size_t n;
    enum rc rc;
} changes[] = {
    {"number above its limit", 0, "\x0a", 1, RC_PARSE},
    {"bool of 2", 23, "\2", 1, RC_PARSE},
    {"text longer than its limit", 24, "\0\0\0\x09", 4, RC_TOOBIG},
    {"text longer than everything", 24, "\xff\xff\xff\xff", 4, RC_TOOBIG},
    {"too many strings", 33, "\0\0\0\4", 4, RC_TOOBIG},
    {"a string too long", 37, "\0\0\0\6", 4, RC_TOOBIG},
    {"too many structs", 55, "\0\0\0\3", 4, RC_TOOBIG},
    {"a text in a struct too long", 61, "\0\0\0\5", 4, RC_TOOBIG},
    {"an address of 5 bytes", 84, "\5", 1, RC_PARSE},
    {"an id with another letter", 108, "!", 1, RC_PARSE},
};

static void limits_hold_in_decoding(void)
{
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        WITH_BUF;
        struct outer got;
        enum rc rc;

        CHECK_OK(ipc_fields_encode(&outer_fields, &sample, &b));
        memcpy(b.p + changes[i].at, changes[i].bytes, changes[i].n);
        rc = ipc_fields_decode(&outer_fields, buf_str(&b), &a, &got);
        if (rc != changes[i].rc && !mem_fail_fired())
            fail_msg("%s: %s", changes[i].what, rc_text(rc));
        CHECK(got.u64 == 0 && !got.text.p && !got.strs.v && !got.list.v && got.one.n == 0);
    }
}

static void addresses_have_one_form(void)
{
    WITH_BUF;
    struct outer got;

    CHECK_OK(ipc_fields_encode(&outer_fields, &sample, &b));
    /* ::ffff:0.0.0.9 */
    memset(b.p + 85, 0, 10);
    b.p[95] = b.p[96] = '\xff';
    CHECK_RC(ipc_fields_decode(&outer_fields, buf_str(&b), &a, &got), RC_PARSE);
}

/* A count costs four bytes; it must not buy memory for elements that are not there. */
static void counts_take_no_memory(void)
{
    struct many {
        IPC_LIST(struct inner) list;
        struct ipc_strs strs;
    };
    static const struct ipc_field fields[] = {
        {IPC_KIND_LIST, offsetof(struct many, list), UINT32_MAX, 0, &inner_fields},
        {IPC_KIND_STRS, offsetof(struct many, strs), UINT32_MAX, 4, NULL}};
    static const struct ipc_fields table = {"many", sizeof(struct many), 2, fields};
    WITH_BUF;
    struct many got;

    CHECK_RC(ipc_fields_decode(&table, STR("\xff\xff\xff\xff\0\0"), &a, &got), RC_PARSE);
    CHECK_RC(ipc_fields_decode(&table, STR("\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\0"), &a, &got),
             RC_PARSE);
    CHECK_INT(a.used, 0);
    /* And the arena has the last word. */
    arena_init(&a, 16);
    CHECK_RC(ipc_fields_decode(&table, STR("\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0"), &a, &got),
             RC_NOMEM);
}

/* ---- errors */

struct with_err {
    struct err err;
};
static IPC_FIELDS(with_err, IPC_F_ERR(with_err, err));

static void errors_come_back(void)
{
    WITH_BUF;
    struct with_err e = {ERR_INIT};
    struct with_err got;
    char text[256];

    CHECK_RC(ERR(&e.err, RC_DENIED, msg_known, STR("find"), STR("door")), RC_DENIED);
    CHECK_RC(err_problem(&e.err, RC_DENIED, "rateLimited", 429), RC_DENIED);
    CHECK_OK(ipc_fields_encode(&with_err_fields, &e, &b));
    CHECK_OK(ipc_fields_decode(&with_err_fields, buf_str(&b), &a, &got));
    CHECK_RC(got.err.rc, RC_DENIED);
    CHECK(got.err.msg == &msg_known);
    CHECK_STR(err_arg(&got.err, 1), "door");
    CHECK_STR(str_of(got.err.type), "rateLimited");
    CHECK_INT(got.err.status, 429);
    CHECK_STR(str_of(err_textz(&got.err, text, sizeof(text))), "cannot find the door");
    /* Nothing of it points into the bytes. */
    memset(b.p, 'x', b.n);
    CHECK_STR(err_arg(&got.err, 0), "find");
    CHECK_STR(str_of(got.err.type), "rateLimited");
}

static void no_error_is_an_error_too(void)
{
    WITH_BUF;
    struct with_err got;

    CHECK_OK(ipc_fields_encode(&with_err_fields, &(struct with_err){ERR_INIT}, &b));
    CHECK_OK(ipc_fields_decode(&with_err_fields, buf_str(&b), &a, &got));
    CHECK_OK(got.err.rc);
    CHECK(!got.err.msg && !got.err.type && got.err.n_args == 0);
}

static void unknown_errors_are_named(void)
{
    static const struct msg elsewhere = {"elsewhere.only", "x"};
    WITH_BUF;
    struct with_err e = {ERR_INIT};
    struct with_err got;
    char text[256];

    CHECK_RC(ERR(&e.err, RC_IO, elsewhere, STR("y")), RC_IO);
    e.err.type = "ourOwn";
    CHECK_OK(ipc_fields_encode(&with_err_fields, &e, &b));
    CHECK_OK(ipc_fields_decode(&with_err_fields, buf_str(&b), &a, &got));
    CHECK_RC(got.err.rc, RC_IO);
    CHECK(!got.err.type);
    CHECK(strstr(err_textz(&got.err, text, sizeof(text)), "elsewhere.only"));
}

static void malformed_errors_are_refused(void)
{
    static const struct str bad[] = {
        {"\x40\0\0\0\0\0\0\0\0\0\0\0", 12},           /* code */
        {"\1\xff\xff\0\0\0\0\0\0\0\0\0", 12},         /* status */
        {"\1\0\0\0\0\0\0\0\0\0\0\x09", 12},           /* nine arguments */
        {"\1\0\0\0\0\0\0\0\0\0\0\1\0\0\xff\xff", 16}, /* argument past the end */
        {"\1\0\0\0\0\xff\0\0\0\0\0\0", 12},           /* message code too long */
        {"", 0},
    };
    static char many[12 + 2 * (4 + 1024)] = "\1\0\0\0\0\0\0\0\0\0\0\2";

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        WITH_BUF;
        struct with_err got;

        CHECK_RC(ipc_fields_decode(&with_err_fields, bad[i], &a, &got), RC_PARSE);
    }
    {
        WITH_BUF;
        struct with_err got;

        /* Two arguments, each within its limit, together too long. */
        many[12 + 2] = many[12 + 4 + 1024 + 2] = 4;
        CHECK_RC(ipc_fields_decode(&with_err_fields, str_bytes(many, sizeof(many)), &a, &got),
                 RC_PARSE);
    }
}

CHECK_MAIN(CHECK_TEST(every_kind_comes_back), CHECK_TEST(nothing_comes_back_as_nothing),
           CHECK_TEST(limits_hold_in_encoding), CHECK_TEST(limits_hold_in_decoding),
           CHECK_TEST(addresses_have_one_form), CHECK_TEST(counts_take_no_memory),
           CHECK_TEST(errors_come_back), CHECK_TEST(no_error_is_an_error_too),
           CHECK_TEST(unknown_errors_are_named), CHECK_TEST(malformed_errors_are_refused))
