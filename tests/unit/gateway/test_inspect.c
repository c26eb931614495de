/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are inspected before a backend is looked for, over HTTP/1.1 and HTTP/2; this test
 * is who inspects. */
#include "two.h"

static struct asked {
    struct gateway_inspection *i;
    const struct gateway_question *q;
    unsigned n, cancelled;
    enum rc refuse;
} asked;

static enum rc take(void *, const struct gateway_question *q, struct gateway_inspection *i)
{
    asked.n++;
    if (asked.refuse != RC_OK)
        return asked.refuse;
    asked.q = q;
    asked.i = i;
    return RC_OK;
}

static void cancel(void *, struct gateway_inspection *)
{
    asked.cancelled++;
    asked.i = NULL;
}

/* What was asked last; nothing where nothing was, as when memory was out. */
static const struct gateway_question *q(void)
{
    static const struct gateway_question none;

    return asked.q ? asked.q : &none;
}

static void prepare(struct world *w, enum conf_waf waf, size_t body)
{
    asked = (struct asked){};
    w->waf = waf;
    w->inspect = (struct gateway_ask){take, cancel, w};
    w->conf.gateway.waf.body = body;
    w->conf.gateway.waf.timeout = 2 * WHEN_SECOND;
}

#define WORLD_OF(waf, body)                                                                        \
    CLEANUP(world_done) struct world w = {};                                                       \
    prepare(&w, waf, body);                                                                        \
    CHECK_OK(world_init(&w))
#define WORLD WORLD_OF(CONF_WAF_BLOCK, 16)
#define TWO_OF(waf, body)                                                                          \
    CLEANUP(two_done) struct two t = {};                                                           \
    prepare(&t.w, waf, body);                                                                      \
    CHECK_OK(two_init(&t))

static void tell(struct world *w, int status, uint32_t id)
{
    struct gateway_inspection *i = asked.i;
    struct gateway_found f = {.rc = RC_OK, .status = status, .score = 5, .n = id ? 1 : 0};

    f.ids[0] = id;
    if (!i)
        return;
    asked.i = NULL;
    gateway_inspect_told(i, &f);
    turn(w);
}

static void give_up(struct world *w, enum rc rc)
{
    struct gateway_inspection *i = asked.i;

    if (!i)
        return;
    asked.i = NULL;
    gateway_inspect_told(i, &(struct gateway_found){.rc = rc});
    turn(w);
}

#define POST(length) "POST /f HTTP/1.1\r\n" H "Content-Length: " length "\r\n\r\n"
#define CHUNKED "POST /f HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"

static void passes(void)
{
    WORLD;
    say(&w, GET "\r\n");
    CHECK_INT(asked.n, 1);
    CHECK_INT(w.asked.n, 0);
    CHECK_STR(q()->site, "wiki.example");
    CHECK_STR(q()->version, "1.1");
    CHECK(q()->whole && q()->body.n == 0);
    tell(&w, 0, 0);
    CHECK(starts(&w.asked, "GET /x HTTP/1.1\r\n"));
    reply(&w, OK "Content-Length: 1\r\n\r\nA");
    CHECK(starts(&w.t.out, OK));
    CHECK(!has(&w.lines, "gateway.inspected"));
    /* The next one on the connection is asked about anew. */
    say(&w, GET "\r\n");
    CHECK_INT(asked.n, 2);
    CHECK_INT(asked.cancelled, 0);
}

static void blocks(void)
{
    WORLD;
    say(&w, GET "\r\n");
    tell(&w, 403, 942'100);
    CHECK(starts(&w.t.out, "HTTP/1.1 403 Forbidden\r\n"));
    CHECK(has(&w.t.out, "looks like an attack"));
    CHECK_INT(w.asked.n, 0);
    CHECK(has(&w.lines, "verdict=block"));
    CHECK(has(&w.lines, "score=5 rules=942100"));
    CHECK(!w.closed);
    say(&w, GET "\r\n");
    CHECK_INT(asked.n, 2);
}

static void only_detects(void)
{
    WORLD_OF(CONF_WAF_DETECT, 16);
    say(&w, GET "\r\n");
    tell(&w, 403, 942'100);
    CHECK(starts(&w.asked, "GET /x HTTP/1.1\r\n"));
    CHECK(has(&w.lines, "verdict=detect"));
    reply(&w, OK "Content-Length: 0\r\n\r\n");
    say(&w, GET "\r\n");
    give_up(&w, RC_TIMEOUT); /* never in the way */
    CHECK(has(&w.lines, "verdict=unavailable"));
    reply(&w, OK "Content-Length: 0\r\n\r\n");
    say(&w, GET "\r\n");
    tell(&w, 0, 1);
    CHECK(has(&w.lines, "verdict=match"));
}

static void leaves_others_alone(void)
{
    WORLD_OF(CONF_WAF_OFF, 16);
    say(&w, POST("3") "a=b");
    CHECK_INT(asked.n, 0);
    CHECK(ends(&w.asked, "\r\n\r\na=b"));
}

static void holds_a_body(void)
{
    WORLD;
    say(&w, POST("6") "a=b");
    CHECK_INT(asked.n, 0);
    CHECK_INT(w.asked.n, 0);
    say(&w, "&c=");
    CHECK_INT(asked.n, 1);
    CHECK(q()->whole);
    CHECK_STR(q()->body, "a=b&c=");
    tell(&w, 0, 0);
    CHECK(ends(&w.asked, "\r\n\r\na=b&c="));
    reply(&w, OK "Content-Length: 1\r\n\r\nA");
    CHECK(starts(&w.t.out, OK));
    CHECK(has(&w.lines, "received=6"));
    CHECK_INT(w.g->held, 0);
}

/* What is beyond the limit is not waited for, and goes after the rest. */
static void holds_its_beginning(void)
{
    WORLD;
    say(&w, POST("26") "0123456789abcdefgh");
    CHECK_INT(asked.n, 1);
    CHECK(!q()->whole);
    CHECK_STR(q()->body, "0123456789abcdef");
    CHECK_INT(w.g->held, 16);
    say(&w, "ij");
    tell(&w, 0, 0);
    CHECK(ends(&w.asked, "\r\n\r\n0123456789abcdefghij"));
    CHECK_INT(w.g->held, 0);
    say(&w, "klmnop");
    CHECK(ends(&w.asked, "ghijklmnop"));
    reply(&w, OK "Content-Length: 1\r\n\r\nA");
    CHECK(has(&w.lines, "received=26"));
    /* One that is as long as the limit is whole. */
    buf_reset(&w.asked);
    say(&w, POST("16") "0123456789abcdef");
    CHECK(q()->whole);
}

static void holds_chunks(void)
{
    WORLD;
    say(&w, CHUNKED "3\r\na=b\r\n");
    CHECK_INT(asked.n, 0);
    say(&w, "2\r\n&c\r\n0\r\n\r\n");
    CHECK_STR(q()->body, "a=b&c");
    CHECK(q()->whole);
    tell(&w, 0, 0);
    CHECK(ends(&w.asked, "\r\n\r\n5\r\na=b&c\r\n0\r\n\r\n"));
    reply(&w, OK "Content-Length: 0\r\n\r\n");
    buf_reset(&w.asked);
    say(&w, CHUNKED "12\r\n0123456789abcdefgh\r\n");
    CHECK_STR(q()->body, "0123456789abcdef");
    CHECK(!q()->whole);
    tell(&w, 0, 0);
    say(&w, "1\r\nX\r\n0\r\n\r\n");
    CHECK(has(&w.asked, "\r\n\r\n10\r\n0123456789abcdef\r\n"));
    CHECK(ends(&w.asked, "1\r\nX\r\n0\r\n\r\n"));
    reply(&w, OK "Content-Length: 0\r\n\r\n");
    /* One without a byte. */
    buf_reset(&w.asked);
    say(&w, CHUNKED "0\r\n\r\n");
    CHECK(q()->whole && q()->body.n == 0);
    tell(&w, 0, 0);
    CHECK(ends(&w.asked, "\r\n\r\n0\r\n\r\n"));
    reply(&w, OK "Content-Length: 1\r\n\r\nZ");
    CHECK(ends(&w.t.out, "Z"));
}

static void asks_for_the_body(void)
{
    WORLD;
    say(&w, "POST /f HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    CHECK_STR(buf_str(&w.t.out), "HTTP/1.1 100 Continue\r\n\r\n");
    say(&w, "a=b");
    tell(&w, 0, 0);
    reply(&w, "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 0\r\n\r\n");
    CHECK(starts(&w.t.out, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"));
    CHECK(has(&w.asked, "a=b"));
}

static void blocks_a_body(void)
{
    WORLD;
    say(&w, POST("30") "0123456789abcdef");
    tell(&w, 406, 1);
    CHECK(starts(&w.t.out, "HTTP/1.1 406 "));
    CHECK(has(&w.t.out, "connection: close"));
    CHECK_INT(w.asked.n, 0);
    CHECK_INT(w.g->held, 0);
}

static void is_strict_where_it_is_wanted(void)
{
    WORLD;
    say(&w, GET "\r\n");
    give_up(&w, RC_CLOSED);
    CHECK(starts(&w.t.out, "HTTP/1.1 503 "));
    CHECK(has(&w.t.out, "retry-after: 5"));
    CHECK(has(&w.lines, "gateway.inspect-unavailable"));
    asked.refuse = RC_QUOTA;
    buf_reset(&w.t.out);
    say(&w, GET "\r\n");
    CHECK(starts(&w.t.out, "HTTP/1.1 503 "));
    w.conf.gateway.waf.unavailable = CONF_UNAVAILABLE_PASS;
    CHECK_OK(configure(&w));
    say(&w, POST("3") "a=b");
    CHECK(ends(&w.asked, "a=b"));
    CHECK_INT(asked.cancelled, 0);
}

static void waits_no_longer_than_the_client(void)
{
    WORLD;
    say(&w, POST("6") "a");
    for (int i = 0; i < 4 && !w.closed; i++)
        wait_for(&w, GATEWAY_CLIENT_SECONDS / 2 + 1);
    CHECK(starts(&w.t.out, "HTTP/1.1 408 "));
    CHECK_INT(asked.n, 0);
    /* One that goes while the verdict is waited for takes the question along. */
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, GET "\r\n");
    CHECK_INT(asked.n, 1);
    w.t.eof = true;
    turn(&w);
    CHECK(w.closed);
    CHECK_INT(asked.cancelled, 1);
    /* And one while its body is. */
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, POST("6") "a");
    w.t.eof = true;
    turn(&w);
    CHECK(w.closed);
    CHECK_INT(w.g->held, 0);
}

/* Of a verdict nobody hurries, no timer of the gateway's tells. */
static void waits_for_a_verdict(void)
{
    WORLD;
    say(&w, GET "\r\n");
    wait_for(&w, 10 * GATEWAY_CLIENT_SECONDS);
    CHECK(!w.closed && w.t.out.n == 0);
    tell(&w, 0, 0);
    CHECK(starts(&w.asked, "GET /x HTTP/1.1\r\n"));
}

static void refuses_a_broken_body(void)
{
    WORLD;
    say(&w, CHUNKED "zz\r\n");
    CHECK(starts(&w.t.out, "HTTP/1.1 400 "));
    CHECK_INT(asked.n, 0);
}

static void looks_at_the_head_of_websocket(void)
{
    WORLD;
    say(&w, "GET /chat HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    CHECK_INT(asked.n, 1);
    CHECK(q()->whole);
    tell(&w, 0, 0);
    CHECK(has(&w.asked, "upgrade: websocket"));
}

static void holds_so_much_in_all(void)
{
    WORLD;
    w.g->held = GATEWAY_HELD_BYTES - 2;
    say(&w, POST("6") "abc");
    CHECK(starts(&w.t.out, "HTTP/1.1 503 "));
    CHECK_INT(w.g->held, GATEWAY_HELD_BYTES - 2);
    w.g->held = 0;
}

static void inspects_no_body_where_none_is_wanted(void)
{
    WORLD_OF(CONF_WAF_BLOCK, 0);
    say(&w, POST("3") "a=b");
    CHECK(!q()->whole && q()->body.n == 0);
    tell(&w, 0, 0);
    CHECK(ends(&w.asked, "\r\n\r\na=b"));
}

static void inspects_streams(void)
{
    TWO_OF(CONF_WAF_BLOCK, 16);
    h2_headers(&t.w.t.in, 0, 1, POST2);
    send_data(&t, 1, 0, "a=b");
    CHECK_INT(asked.n, 0);
    send_data(&t, 1, H2_END_STREAM, "&c=d");
    CHECK_STR(q()->body, "a=b&c=d");
    CHECK(q()->whole);
    CHECK_STR(q()->version, "2.0");
    tell(&t.w, 0, 0);
    CHECK(ends(&t.w.asked, "\r\n\r\n7\r\na=b&c=d\r\n0\r\n\r\n"));
    answer(&t, OK "Content-Length: 1\r\n\r\nA");
    CHECK(has(&t.told, ":status: 200\n"));
}

static void streams_behind_what_it_holds(void)
{
    TWO_OF(CONF_WAF_BLOCK, 4);
    h2_headers(&t.w.t.in, 0, 1, POST2);
    send_data(&t, 1, 0, "0123456");
    CHECK_STR(q()->body, "0123");
    send_data(&t, 1, H2_END_STREAM, "78");
    CHECK(!q()->whole);
    tell(&t.w, 0, 0);
    CHECK(has(&t.w.asked, "\r\n\r\n4\r\n0123\r\n"));
    CHECK(ends(&t.w.asked, "\r\n0\r\n\r\n"));
}

static void blocks_a_stream(void)
{
    TWO_OF(CONF_WAF_BLOCK, 16);
    ask(&t, 1, GET2);
    tell(&t.w, 403, 7);
    go(&t);
    CHECK(has(&t.told, ":status: 403\n"));
    ask(&t, 3, GET2);
    CHECK_INT(asked.n, 2);
    h2_frame(&t.w.t.in, H2_RST_STREAM, 0, 3, str_bytes("\0\0\0\x8", 4));
    go(&t);
    CHECK_INT(asked.cancelled, 1);
}

CHECK_MAIN(CHECK_TEST(passes), CHECK_TEST(blocks), CHECK_TEST(only_detects),
           CHECK_TEST(leaves_others_alone), CHECK_TEST(holds_a_body),
           CHECK_TEST(holds_its_beginning), CHECK_TEST(holds_chunks), CHECK_TEST(asks_for_the_body),
           CHECK_TEST(blocks_a_body), CHECK_TEST(is_strict_where_it_is_wanted),
           CHECK_TEST_ONCE(waits_no_longer_than_the_client), CHECK_TEST_ONCE(waits_for_a_verdict),
           CHECK_TEST(refuses_a_broken_body), CHECK_TEST(looks_at_the_head_of_websocket),
           CHECK_TEST(holds_so_much_in_all), CHECK_TEST(inspects_no_body_where_none_is_wanted),
           CHECK_TEST(inspects_streams), CHECK_TEST(streams_behind_what_it_holds),
           CHECK_TEST(blocks_a_stream))
