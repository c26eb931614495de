/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of HTTP/2 who mean ill: bytes that would be lines of HTTP/1.1 behind us, streams that we
 * are brought to reset (CVE-2025-8671), bodies that drip, connections that never end. */
#include "two.h"

#include <stdio.h>

#include "base/when.h"

static void head_of(struct two *t, uint32_t id, struct str lines)
{
    CLEANUP(buf_done) struct buf block = BUF_INIT(1 << 20);
    struct str line;

    /* As h2_block, which takes no NUL. */
    while (str_next(&lines, '\n', &line)) {
        const char *mid = line.n ? memmem(line.p, line.n, ": ", 2) : NULL;
        size_t at = mid ? (size_t)(mid - line.p) : 0;

        if (!mid)
            continue;
        buf_u8(&block, 0);
        h2_text(&block, str_head(line, at));
        h2_text(&block, str_skip(line, at + 2));
    }
    h2_frame(&t->w.t.in, H2_HEADERS, H2_END_STREAM | H2_END_HEADERS, id, buf_str(&block));
    go(t);
}

#define CASE(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static void no_byte_becomes_a_line(void)
{
    static const struct str heads[] = {
        CASE(GET2 "a: x\0y\n"),
        CASE(GET2 "a: x\1y\n"),
        CASE(GET2 "a: x\x0b"
                  "y\n"),
        CASE(GET2 "a: x\x1f"
                  "y\n"),
        CASE(GET2 "a: x\x7f"
                  "y\n"),
        CASE(GET2 "a\0b: x\n"),
        CASE(GET2 "a\1b: x\n"),
        CASE(GET2 "a\x7f"
                  "b: x\n"),
        CASE(GET2 "a\x80"
                  "b: x\n"),
        CASE(GET2 "proxy-connection: keep-alive\n"),
        CASE(":authority: wiki.example\n" GET2),
        CASE(GET2 ":authority: wiki.example\n"),
        CASE(GET2 ":authority: other.example\n"),
        CASE(":authority: wiki.example\n:authority: wiki.example\n:method: GET\n:scheme: "
             "https\n:path: /\n"),
        CASE(REQUEST("GET", "/a\0b")),
        CASE(REQUEST("GET", "/a\1b")),
        CASE(REQUEST("GET", "/a\x7f"
                            "b")),
        CASE(REQUEST("GE\0T", "/")),
        CASE(":method: GET\n:scheme: https\n:authority: wiki.exam\0ple\n:path: /\n"),
        CASE(":method: GET\n:scheme: https\n:authority: wiki.example\r\n:path: /\n"),
        CASE(":method: GET\n:scheme: htt\0ps\n:authority: wiki.example\n:path: /\n"),
    };

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        TWO;
        head_of(&t, 1, heads[i]);
        if (t.w.asked.n || (!has(&t.told, "RST_STREAM 1 1\n") && !has(&t.told, ":status: 4") &&
                            !has(&t.told, ":status: 501")))
            fail_msg("%zu: %s", i, buf_z(&t.told));
        CHECK(!t.w.closed);
        ask(&t, 3, GET2); /* the others are none the worse for it */
        CHECK(starts(&t.w.asked, "GET /x HTTP/1.1\r\n"));
    }
}

/* Fields that are few, and large. */
static void large_heads(void)
{
    CLEANUP(buf_done) struct buf lines = BUF_INIT(OUT_MAX);
    CLEANUP(buf_done) struct buf block = BUF_INIT(OUT_MAX);
    TWO;

    buf_putz(&lines, GET2);
    for (int k = 0; k < 8; k++) {
        buf_printf(&lines, "x-%d: ", k);
        for (int i = 0; i < HTTP_HEAD_MAX / 8; i++)
            buf_putz(&lines, "y");
        buf_putz(&lines, "\n");
    }
    h2_block(&block, buf_z(&lines));
    h2_frame(&t.w.t.in, H2_HEADERS, H2_END_STREAM, 1, str_head(buf_str(&block), 16'000));
    h2_frame(&t.w.t.in, H2_CONTINUATION, 0, 1, str_head(str_skip(buf_str(&block), 16'000), 16'000));
    h2_frame(&t.w.t.in, H2_CONTINUATION, H2_END_HEADERS, 1, str_skip(buf_str(&block), 32'000));
    go(&t);
    CHECK(has(&t.told, "HEADERS 1\n:status: 431\n"));
    CHECK_INT(t.w.asked.n, 0);
    CHECK(!t.w.closed);
}

/* ---- MadeYouReset: each of these is an error of a stream, after which its request may be under
 * way here while the client has another one. */

enum how { NOTHING_MORE, AFTER_THE_END, HEAD_AFTER_THE_END, MORE_THAN_IT_SAID, WRONG_LENGTH, HOWS };

static void misbehave(struct two *t, enum how how, uint32_t id)
{
    struct buf *in = &t->w.t.in;

    h2_headers(in, how == MORE_THAN_IT_SAID ? 0 : H2_END_STREAM, id,
               how == MORE_THAN_IT_SAID ? POST2 "content-length: 2\n" : GET2);
    switch (how) {
    case NOTHING_MORE:
        h2_number(in, H2_WINDOW_UPDATE, id, 0);
        break;
    case AFTER_THE_END:
        h2_frame(in, H2_DATA, 0, id, STR("abc"));
        break;
    case HEAD_AFTER_THE_END:
        h2_headers(in, H2_END_STREAM, id, "a: b\n");
        break;
    case MORE_THAN_IT_SAID:
        h2_frame(in, H2_DATA, 0, id, STR("abc"));
        break;
    case WRONG_LENGTH:
        h2_frame(in, H2_PRIORITY, 0, id, STR("\0\0\0\0"));
        break;
    case HOWS:
        break;
    }
}

static void resets_that_it_is_made_to_do(void)
{
    for (enum how how = 0; how < HOWS; how++) {
        uint32_t i = 0;
        TWO;

        for (; i < HTTP_H2_RESETS_MAX + 50 && !t.w.t.shut && !t.w.closed; i++) {
            misbehave(&t, how, 2 * i + 1);
            if (i % 20 == 0)
                go(&t);
        }
        go(&t);
        if (!has(&t.told, "GOAWAY ") || !(t.w.t.shut || t.w.closed))
            fail_msg("way %d: %u streams, and the connection goes on", (int)how, i);
        CHECK(t.w.fd < 0 || t.w.hung_up);
        CHECK(net_fake_dials(t.w.net) <= 2 * (HTTP_H2_RESETS_MAX + 50)); /* to two backends */
    }
}

/* ---- time, and how much of it */

/* A byte now and then keeps no request alive. */
static void a_body_that_drips(void)
{
    int rounds = 0;
    TWO;

    h2_headers(&t.w.t.in, 0, 1, POST2 "content-length: 1000\n");
    go(&t);
    while (!has(&t.told, ":status: 408\n") && rounds++ < 1000) {
        send_data(&t, 1, 0, "x");
        wait_for(&t.w, 5);
        go(&t);
    }
    CHECK(has(&t.told, ":status: 408\n"));
    CHECK(rounds * 5 <= 2 * GATEWAY_CLIENT_SECONDS);
    CHECK(t.w.hung_up);
}

/* So many requests, and the client is told to make another connection. */
static void requests_of_a_connection_are_counted(void)
{
    TWO;

    CHECK(t.w.c);
    t.w.c->requests = GATEWAY_REQUESTS_MAX - 2;
    ask(&t, 1, GET2);
    answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(!has(&t.told, "GOAWAY "));
    ask(&t, 3, GET2);
    answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(has(&t.told, "DATA 3 END hi\n") || has(&t.told, "DATA 3 hi\n"));
    CHECK(has(&t.told, "GOAWAY 0 "));
    again(&t);
    ask(&t, 5, GET2);
    CHECK(t.w.t.shut || t.w.closed || t.w.asked.n == 0);
}

CHECK_MAIN(CHECK_TEST_ONCE(no_byte_becomes_a_line), CHECK_TEST_ONCE(large_heads),
           CHECK_TEST_ONCE(resets_that_it_is_made_to_do), CHECK_TEST(a_body_that_drips),
           CHECK_TEST(requests_of_a_connection_are_counted))
