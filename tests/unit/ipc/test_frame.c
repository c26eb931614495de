/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "ipc/frame.h"

static uint32_t limit;

static enum rc allow(void *arg, const struct ipc_header *h, uint32_t *out_max)
{
    unsigned *asked = arg;

    if (h->type == 99)
        return RC_DENIED;
    if (asked)
        ++*asked;
    *out_max = limit;
    return RC_OK;
}

static void put(struct buf *b, const struct ipc_header *h, struct str payload)
{
    CLEANUP(buf_done) struct buf one = BUF_INIT(4096);

    ipc_frame_begin(&one, h);
    buf_puts(&one, payload);
    ipc_frame_end(&one);
    if (buf_rc(&one) != RC_OK)
        buf_fail(b, buf_rc(&one));
    buf_puts(b, buf_str(&one));
}

static const struct ipc_header request = {.type = 7,
                                          .kind = IPC_REQUEST,
                                          .call = 0x0102030405060708,
                                          .request = {"0123456789abcdefghjkmnpqrs"},
                                          .deadline_ms = 1500};

#define WITH_PARSER                                                                                \
    CLEANUP(buf_done) struct buf b = BUF_INIT(1 << 20);                                            \
    CLEANUP(ipc_parser_done) struct ipc_parser p = {};                                             \
    unsigned asked = 0;                                                                            \
    limit = 100;                                                                                   \
    ipc_parser_init(&p, allow, &asked)

static void the_bytes_are_as_written_down(void)
{
    WITH_PARSER;

    put(&b, &request, STR("hi"));
    CHECK_OK(buf_rc(&b));
    CHECK_INT(b.n, IPC_HEADER_BYTES + 2);
    CHECK(memcmp(b.p,
                 "\0\0\0\2"
                 "\0\4"
                 "\0\7"
                 "\0"
                 "\0"
                 "\1\2\3\4\5\6\7\10"
                 "0123456789abcdefghjkmnpqrs"
                 "\0\0\5\xdc"
                 "hi",
                 b.n) == 0);
}

static void frames_come_out_whole(void)
{
    WITH_PARSER;
    const struct ipc_header note = {.type = 8, .kind = IPC_NOTIFY, .flags = IPC_FLAG_FD};
    struct str in;

    put(&b, &request, STR("hi"));
    put(&b, &note, STR(""));
    put(&b, &request, STR("!"));
    CHECK_OK(buf_rc(&b));
    in = buf_str(&b);
    CHECK_OK(ipc_parser_feed(&p, &in));
    CHECK_INT(p.h.type, 7);
    CHECK(p.h.call == request.call);
    CHECK_STR(id_str(&p.h.request), request.request.z);
    CHECK_INT(p.h.deadline_ms, 1500);
    CHECK_STR(buf_str(&p.payload), "hi");
    CHECK(ipc_parser_idle(&p));
    CHECK_OK(ipc_parser_feed(&p, &in));
    CHECK_INT(p.h.kind, IPC_NOTIFY);
    CHECK_INT(p.h.flags, IPC_FLAG_FD);
    CHECK_STR(id_str(&p.h.request), "");
    CHECK_INT(p.payload.n, 0);
    CHECK_OK(ipc_parser_feed(&p, &in));
    CHECK_STR(buf_str(&p.payload), "!");
    CHECK_INT(in.n, 0);
    CHECK_RC(ipc_parser_feed(&p, &in), RC_AGAIN);
    CHECK_INT(asked, 3);
}

static void any_cut_is_put_together(void)
{
    for (size_t cut = 0; cut <= IPC_HEADER_BYTES + 5; cut++) {
        WITH_PARSER;
        struct str in, rest;

        put(&b, &request, STR("hello"));
        CHECK_OK(buf_rc(&b));
        in = str_head(buf_str(&b), cut);
        rest = str_skip(buf_str(&b), cut);
        if (cut < b.n) {
            CHECK_RC(ipc_parser_feed(&p, &in), RC_AGAIN);
            CHECK_INT(ipc_parser_idle(&p), cut == 0);
            in = rest;
        }
        CHECK_OK(ipc_parser_feed(&p, &in));
        CHECK_STR(buf_str(&p.payload), "hello");
    }
}

static void lengths_are_limited_before_memory_is_taken(void)
{
    WITH_PARSER;
    struct str in;
    size_t before;

    put(&b, &request, STR("hello"));
    CHECK_OK(buf_rc(&b));
    limit = 4;
    in = buf_str(&b);
    CHECK_RC(ipc_parser_feed(&p, &in), RC_TOOBIG);
    /* Within the limit, but not there yet: only what came is kept. */
    ipc_parser_init(&p, allow, &asked);
    limit = IPC_PAYLOAD_MAX;
    b.p[0] = 1;
    b.p[1] = b.p[2] = b.p[3] = 0;
    in = buf_str(&b);
    before = mem_live();
    CHECK_RC(ipc_parser_feed(&p, &in), RC_AGAIN);
    CHECK(mem_live() - before <= 1 && p.payload.cap < 4096);
}

static void bad_headers_are_refused(void)
{
    static const struct {
        size_t at;
        char byte;
        enum rc rc;
    } changes[] = {
        {5, 1, RC_VERSION}, {4, 1, RC_VERSION},        {8, IPC_KIND_COUNT, RC_PARSE},
        {9, 2, RC_PARSE},   {18, '!', RC_PARSE},       {18, 0, RC_PARSE},
        {7, 99, RC_DENIED}, {8, IPC_NOTIFY, RC_PARSE},
    };

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        WITH_PARSER;
        struct str in;

        put(&b, &request, STR(""));
        CHECK_OK(buf_rc(&b));
        b.p[changes[i].at] = changes[i].byte;
        in = buf_str(&b);
        CHECK_RC(ipc_parser_feed(&p, &in), changes[i].rc);
    }
    {
        WITH_PARSER;
        struct ipc_header h = request;
        struct str in;

        /* A request without call id. */
        h.call = 0;
        put(&b, &h, STR(""));
        in = buf_str(&b);
        CHECK_OK(buf_rc(&b));
        CHECK_RC(ipc_parser_feed(&p, &in), RC_PARSE);
        CHECK_RC(ipc_header_get(STR("short"), &h), RC_PARSE);
    }
}

static void payloads_have_a_limit(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(IPC_HEADER_BYTES + IPC_PAYLOAD_MAX + 1);

    ipc_frame_begin(&b, &request);
    CHECK(buf_reserve(&b, IPC_PAYLOAD_MAX + 1));
    buf_advance(&b, IPC_PAYLOAD_MAX + 1);
    ipc_frame_end(&b);
    CHECK_RC(buf_rc(&b), RC_TOOBIG);
}

CHECK_MAIN(CHECK_TEST(the_bytes_are_as_written_down), CHECK_TEST(frames_come_out_whole),
           CHECK_TEST(any_cut_is_put_together),
           CHECK_TEST(lengths_are_limited_before_memory_is_taken),
           CHECK_TEST(bad_headers_are_refused), CHECK_TEST(payloads_have_a_limit))
