/* SPDX-License-Identifier: Apache-2.0 */
/* One channel and a peer that breaks the rules, each of them in turn: the channel ends, everybody
 * is told once, nothing leaks. */
#include "unit/ipc/world.h"

#include <fcntl.h>
#include <stdio.h>

#include "ipc/table.h"

/* In the failing-allocation mode the channel may be closed already. */
static void put_bytes(struct world *w, const void *p, size_t n)
{
    if (send(w->raw, p, n, MSG_NOSIGNAL) != (ssize_t)n && !mem_fail_fired())
        fail();
}

/* Writes one frame to the bare socket. */
static void put(struct world *w, const struct ipc_header *h, struct str payload)
{
    CLEANUP(buf_done) struct buf b = {};

    buf_init(&b, IPC_HEADER_BYTES + payload.n);
    ipc_frame_begin(&b, h);
    buf_puts(&b, payload);
    ipc_frame_end(&b);
    if (buf_rc(&b) == RC_OK)
        put_bytes(w, b.p, b.n);
}

/* The same with descriptors on the first byte. */
static void put_fds(struct world *w, const struct ipc_header *h, int n)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } control = {.space = {0}};
    CLEANUP(buf_done) struct buf b = BUF_INIT(IPC_HEADER_BYTES);
    struct iovec iov;
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_SPACE((size_t)n * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    int fds[8];

    for (int i = 0; i < n; i++)
        fds[i] = w->raw;
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, (size_t)n * sizeof(int));
    ipc_frame_begin(&b, h);
    ipc_frame_end(&b);
    iov = (struct iovec){b.p, b.n};
    if (buf_rc(&b) == RC_OK && sendmsg(w->raw, &m, MSG_NOSIGNAL) < 0 && !mem_fail_fired())
        fail();
}

static struct ipc_header head(uint8_t kind, uint16_t type, uint64_t call)
{
    return (struct ipc_header){.kind = kind, .type = type, .call = call};
}

/* A valid http request. */
static void put_http(struct world *w, uint64_t call)
{
    const struct ipc_http http = {.listener = {"api", 3}};
    const struct ipc_header h = head(IPC_REQUEST, IPC_HTTP, call);
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096);

    if (ipc_fields_encode(&ipc_http_fields, &http, &b) == RC_OK)
        put(w, &h, buf_str(&b));
}

/* ---- the misdeeds; self is core unless said otherwise */

static void garbage(struct world *w)
{
    char bytes[IPC_HEADER_BYTES];

    memset(bytes, 'A', sizeof(bytes));
    bytes[4] = 0;
    bytes[5] = IPC_VERSION;
    put_bytes(w, bytes, sizeof(bytes));
}

static void http_text(struct world *w)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: ca.hospital.example\r\n\r\n      ";

    put_bytes(w, text, sizeof(text));
}

static void unknown_type(struct world *w)
{
    const struct ipc_header h = head(IPC_REQUEST, IPC_TYPE_END + 1, 1);

    put(w, &h, STR(""));
}

static void unused_type(struct world *w)
{
    const struct ipc_header h = head(IPC_REQUEST, IPC_TYPE_END - 1, 1);

    put(w, &h, STR(""));
}

static void wrong_direction(struct world *w)
{
    const struct ipc_header h = head(IPC_REQUEST, IPC_SIGN, 1);

    put(w, &h, STR(""));
}

static void notice_as_request(struct world *w)
{
    const struct ipc_header h = head(IPC_REQUEST, IPC_HELLO, 1);

    put(w, &h, STR(""));
}

static void request_as_notice(struct world *w)
{
    const struct ipc_header h = head(IPC_NOTIFY, IPC_HTTP, 0);

    put(w, &h, STR(""));
}

/* Only the length is a lie: nothing of the payload need come. */
static void too_long(struct world *w)
{
    const struct ipc_header h = head(IPC_REQUEST, IPC_HTTP, 1);
    char bytes[IPC_HEADER_BYTES];
    CLEANUP(buf_done) struct buf b = BUF_INIT(IPC_HEADER_BYTES);

    ipc_frame_begin(&b, &h);
    if (buf_rc(&b) != RC_OK)
        return;
    memcpy(bytes, b.p, sizeof(bytes));
    memset(bytes, 0xff, 4);
    put_bytes(w, bytes, sizeof(bytes));
}

static void malformed_payload(struct world *w)
{
    const struct ipc_header h = head(IPC_REQUEST, IPC_HTTP, 1);

    put(w, &h, STR("not an http message"));
}

static void call_id_falls(struct world *w)
{
    put_http(w, 7);
    put_http(w, 7);
}

/* Of two. */
static void no_credit(struct world *w)
{
    for (uint64_t i = 1; i <= 3; i++) {
        const struct ipc_header h = head(IPC_REQUEST, IPC_API_CERT, i);

        put(w, &h, STR("\0\0\0\0"));
        ev_run_once(w->ev, EV_NOWAIT);
    }
}

static void answers_nothing(struct world *w)
{
    const struct ipc_header h = head(IPC_REPLY, IPC_SIGN, 1);

    put(w, &h, STR(""));
}

static void cancels_nothing(struct world *w)
{
    const struct ipc_header h = head(IPC_CANCEL, IPC_HTTP, 1);

    put(w, &h, STR(""));
}

static void cancels_with_payload(struct world *w)
{
    const struct ipc_header h = head(IPC_CANCEL, IPC_HTTP, 1);

    put_http(w, 1);
    put(w, &h, STR("x"));
}

static void cancels_another_type(struct world *w)
{
    const struct ipc_header h = head(IPC_CANCEL, IPC_API_CERT, 1);

    put_http(w, 1);
    put(w, &h, STR(""));
}

static void credit_without_stream(struct world *w)
{
    const struct ipc_header h = head(IPC_CREDIT, IPC_HTTP, 1);

    put_http(w, 1);
    put(w, &h, STR("\0\0\0\1"));
}

/* More than the window ever holds. */
static void too_much_credit(struct world *w)
{
    const struct ipc_header request = head(IPC_REQUEST, IPC_ADMIN, 1);
    const struct ipc_header credit = head(IPC_CREDIT, IPC_ADMIN, 1);

    put(w, &request, STR("\0\0\0\0\0\0\0\0"));
    put(w, &credit, STR("\0\0\0\1"));
}

static void stray_descriptor(struct world *w)
{
    const struct ipc_header h = head(IPC_REQUEST, IPC_HTTP, 1);

    put_fds(w, &h, 1);
}

static void stray_descriptors(struct world *w)
{
    const struct ipc_header h = head(IPC_REQUEST, IPC_HTTP, 1);

    put_fds(w, &h, 8);
}

static void flag_without_descriptor(struct world *w)
{
    struct ipc_header h = head(IPC_REQUEST, IPC_HTTP, 1);

    h.flags = IPC_FLAG_FD;
    put(w, &h, STR(""));
}

static void put_peer(struct world *w, uint16_t type, uint8_t flags, int fds)
{
    struct ipc_header h = head(IPC_NOTIFY, type, 0);

    h.flags = flags;
    if (fds)
        put_fds(w, &h, fds);
    else
        put(w, &h, STR("\3\0"));
}

static void supervisor_forgets_descriptor(struct world *w)
{
    put_peer(w, IPC_PEER, IPC_FLAG_FD, 0);
}

static void supervisor_sends_no_flag(struct world *w)
{
    put_peer(w, IPC_PEER, 0, 0);
}

static void supervisor_sends_two(struct world *w)
{
    put_peer(w, IPC_PEER, IPC_FLAG_FD, 2);
}

static void supervisor_sends_unannounced(struct world *w)
{
    put_peer(w, IPC_START, 0, 1);
}

static void unannounced_after_a_message(struct world *w)
{
    put_peer(w, IPC_PEER_GONE, 0, 0);
    put_fds(w, &(struct ipc_header){.kind = IPC_NOTIFY, .type = IPC_START}, 1);
}

static void start_twice(struct world *w)
{
    const struct ipc_header h = head(IPC_NOTIFY, IPC_START, 0);

    put(w, &h, STR(""));
    put(w, &h, STR(""));
}

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the rows read better so. */
static const struct misdeed {
    const char *name;
    enum role peer;
    void (*commit)(struct world *w);
    enum rc why;
    const char *text; /* part of what is said about it */
} misdeeds[] = {
    {"garbage", ROLE_FRONT, garbage, RC_PARSE, "no message"},
    {"http_text", ROLE_FRONT, http_text, RC_VERSION, "another version"},
    {"unknown_type", ROLE_FRONT, unknown_type, RC_DENIED, "request unknown is not among"},
    {"unused_type", ROLE_FRONT, unused_type, RC_DENIED, "request unknown is not among"},
    {"wrong_direction", ROLE_FRONT, wrong_direction, RC_DENIED, "request sign is not among"},
    {"notice_as_request", ROLE_SUPERVISOR, notice_as_request, RC_DENIED, "hello is of the wrong"},
    {"request_as_notice", ROLE_FRONT, request_as_notice, RC_DENIED, "http is of the wrong kind"},
    {"too_long", ROLE_FRONT, too_long, RC_TOOBIG, "request http is longer"},
    {"malformed_payload", ROLE_FRONT, malformed_payload, RC_TOOBIG, "http is malformed"},
    {"call_id_falls", ROLE_FRONT, call_id_falls, RC_DENIED, "does not rise"},
    {"no_credit", ROLE_FRONT, no_credit, RC_DENIED, "without a credit"},
    {"answers_nothing", ROLE_SIGNER, answers_nothing, RC_DENIED, "reply sign answers nothing"},
    {"cancels_nothing", ROLE_FRONT, cancels_nothing, RC_DENIED, "cancel http is about no"},
    {"cancels_with_payload", ROLE_FRONT, cancels_with_payload, RC_TOOBIG, "cancel http"},
    {"cancels_another_type", ROLE_FRONT, cancels_another_type, RC_DENIED, "of another type"},
    {"credit_without_stream", ROLE_FRONT, credit_without_stream, RC_PARSE, "credit http"},
    {"too_much_credit", ROLE_ADMIN, too_much_credit, RC_PARSE, "credit admin"},
    {"stray_descriptor", ROLE_FRONT, stray_descriptor, RC_DENIED, "where none may come"},
    {"stray_descriptors", ROLE_FRONT, stray_descriptors, RC_DENIED, "where none may come"},
    {"flag_without_descriptor", ROLE_FRONT, flag_without_descriptor, RC_DENIED, "comes with a"},
    {"supervisor_forgets_descriptor", ROLE_SUPERVISOR, supervisor_forgets_descriptor, RC_PARSE,
     "notification peer lacks its descriptor"},
    {"supervisor_sends_no_flag", ROLE_SUPERVISOR, supervisor_sends_no_flag, RC_DENIED,
     "notification peer lacks its descriptor"},
    {"supervisor_sends_two", ROLE_SUPERVISOR, supervisor_sends_two, RC_DENIED, "none may come"},
    {"supervisor_sends_unannounced", ROLE_SUPERVISOR, supervisor_sends_unannounced, RC_DENIED,
     "belongs to no message"},
    {"unannounced_after_a_message", ROLE_SUPERVISOR, unannounced_after_a_message, RC_DENIED,
     "belongs to no message"},
    {"start_twice", ROLE_SUPERVISOR, start_twice, RC_DENIED, "start comes a second time"},
};

static size_t open_fds(void)
{
    size_t n = 0;

    for (int fd = 0; fd < 200; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void try_misdeed(const struct misdeed *m)
{
    WITH_WORLD;
    size_t fds;

    w.a.answer_at_once = false;
    handle(&w.a, IPC_HTTP, on_request);
    handle(&w.a, IPC_ADMIN, on_request);
    handle(&w.a, IPC_API_CERT, on_request);
    CHECK_OK(world_open(&w, ROLE_CORE, m->peer, true));
    fds = open_fds();
    m->commit(&w);
    pump(&w);
    if (w.a.closes != 1 || w.a.why != m->why || !strstr(w.a.text, m->text)) {
        if (mem_fail_fired())
            return;
        fail_msg("%s: closed %d times, %s: %s", m->name, w.a.closes, rc_text(w.a.why), w.a.text);
    }
    /* The channel's own descriptor is closed, none that came stays open. */
    CHECK_INT(open_fds(), fds - 1);
}

static void every_misdeed_ends_the_channel(void)
{
    for (size_t i = 0; i < sizeof(misdeeds) / sizeof(misdeeds[0]); i++)
        try_misdeed(&misdeeds[i]);
}

/* ---- misdeeds in answering: core has asked the admin nothing, so here self asks */

static uint64_t asked(struct world *w, struct got *got, enum ipc_type type, const void *msg,
                      struct ipc_call **out)
{
    char head_bytes[IPC_HEADER_BYTES];
    const struct ipc_ask ask = {.type = type, .msg = msg, .fn = on_answer, .arg = got};
    struct ipc_header h = {.call = 0};

    if (ipc_call(w->a.ch, &ask, out) != RC_OK)
        return 0;
    pump(w);
    if (read(w->raw, head_bytes, sizeof(head_bytes)) == (ssize_t)sizeof(head_bytes))
        IGNORE_RC(ipc_header_get(str_bytes(head_bytes, sizeof(head_bytes)), &h));
    return h.call;
}

static const struct {
    const char *name;
    uint8_t kind;
    uint16_t type;
    struct str payload;
    enum rc why;
    enum rc answer;
    const char *text;
} lies[] = {
    {"of another type", IPC_REPLY, IPC_PING, {"", 0}, RC_DENIED, RC_CLOSED, "of another type"},
    {"no place", IPC_CHUNK, IPC_STATUS, {"x", 1}, RC_DENIED, RC_CLOSED, "has no place"},
    {"malformed", IPC_REPLY, IPC_STATUS, {"x", 1}, RC_PARSE, RC_PARSE, "reply status is malformed"},
    {"error of nothing", IPC_ERROR, IPC_STATUS, {"", 0}, RC_PARSE, RC_PARSE, "error status is"},
    {"error ok",
     IPC_ERROR,
     IPC_STATUS,
     {"\0\0\0\0\0\0\0\0\0\0\0\0", 12},
     RC_PARSE,
     RC_PARSE,
     "error status is"},
};

static void lies_in_answers_end_the_channel(void)
{
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        WITH_WORLD;
        struct got got = {0};
        struct ipc_header h;

        CHECK_OK(world_open(&w, ROLE_CORE, ROLE_SUPERVISOR, true));
        h = head(lies[i].kind, lies[i].type, asked(&w, &got, IPC_STATUS, NULL, NULL));
        CHECK_INT(h.call, 1);
        put(&w, &h, lies[i].payload);
        pump(&w);
        CHECK_INT(w.a.closes, 1);
        CHECK_RC(w.a.why, lies[i].why);
        CHECK(strstr(w.a.text, lies[i].text));
        CHECK_INT(got.last, 1);
        CHECK_RC(got.rc, lies[i].answer);
    }
}

static void a_second_answer_ends_the_channel(void)
{
    WITH_WORLD;
    struct got got = {0};
    struct ipc_header h;

    CHECK_OK(world_open(&w, ROLE_SUPERVISOR, ROLE_CORE, true));
    h = head(IPC_REPLY, IPC_PING, asked(&w, &got, IPC_PING, NULL, NULL));
    put(&w, &h, STR(""));
    pump(&w);
    CHECK_OK(got.rc);
    put(&w, &h, STR(""));
    pump(&w);
    CHECK_INT(got.last, 1);
    CHECK_INT(w.a.closes, 1);
    CHECK_RC(w.a.why, RC_DENIED);
}

static void a_cancelled_call_may_be_answered_once(void)
{
    WITH_WORLD;
    struct got got = {0};
    struct ipc_call *call = NULL;
    struct ipc_header h;

    CHECK_OK(world_open(&w, ROLE_SUPERVISOR, ROLE_CORE, true));
    h = head(IPC_REPLY, IPC_PING, asked(&w, &got, IPC_PING, NULL, &call));
    CHECK_INT(h.call, 1);
    ipc_cancel(call);
    CHECK_RC(got.rc, RC_CANCELLED);
    put(&w, &h, STR(""));
    pump(&w);
    CHECK_INT(w.a.closes, 0);
    put(&w, &h, STR(""));
    pump(&w);
    CHECK_INT(w.a.closes, 1);
    CHECK_INT(got.last, 1);
}

static void a_stream_keeps_its_window(void)
{
    static char piece[IPC_CHUNK_MAX];
    WITH_WORLD;
    const struct ipc_admin admin = {.command = {"", 0}};
    struct got got = {0};
    struct ipc_call *call = NULL;
    struct ipc_header h;

    CHECK_OK(world_open(&w, ROLE_ADMIN, ROLE_CORE, true));
    h = head(IPC_CHUNK, IPC_ADMIN, asked(&w, &got, IPC_ADMIN, &admin, &call));
    CHECK_INT(h.call, 1);
    ipc_call_pause(call);
    for (int i = 0; i < IPC_WINDOW / IPC_CHUNK_MAX; i++) {
        put(&w, &h, str_bytes(piece, sizeof(piece)));
        pump(&w);
    }
    CHECK_INT(got.bytes, IPC_WINDOW);
    CHECK_INT(w.a.closes, 0);
    put(&w, &h, STR("x"));
    pump(&w);
    CHECK_INT(w.a.closes, 1);
    CHECK_RC(w.a.why, RC_TOOBIG);
    CHECK_RC(got.rc, RC_CLOSED);
}

static void a_peer_may_go_in_mid_frame(void)
{
    WITH_WORLD;
    const struct ipc_header h = head(IPC_REQUEST, IPC_HTTP, 1);
    CLEANUP(buf_done) struct buf b = BUF_INIT(IPC_HEADER_BYTES);

    ipc_frame_begin(&b, &h);
    CHECK_OK(buf_rc(&b));
    CHECK_OK(world_open(&w, ROLE_CORE, ROLE_FRONT, true));
    put_bytes(&w, b.p, 20);
    pump(&w);
    CHECK_INT(w.a.closes, 0);
    fd_close(&w.raw);
    pump(&w);
    CHECK_INT(w.a.closes, 1);
    CHECK_RC(w.a.why, RC_CLOSED);
    CHECK(strstr(w.a.text, "mid-message"));
}

static void a_broken_channel_may_be_freed_before_it_is_told(void)
{
    WITH_WORLD;

    CHECK_OK(world_open(&w, ROLE_CORE, ROLE_FRONT, true));
    garbage(&w);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(ipc_call(w.a.ch, &(struct ipc_ask){.type = IPC_SIGN}, NULL), RC_DENIED);
    ipc_chan_free(MOVE(w.a.ch));
    pump(&w);
    CHECK_INT(w.a.closes, 0);
}

static void a_request_hears_of_its_end_once(void)
{
    WITH_WORLD;
    const struct ipc_header h = head(IPC_CANCEL, IPC_HTTP, 1);

    handle(&w.a, IPC_HTTP, on_request);
    CHECK_OK(world_open(&w, ROLE_CORE, ROLE_FRONT, true));
    put_http(&w, 1);
    put(&w, &h, STR(""));
    put(&w, &h, STR(""));
    pump(&w);
    CHECK_INT(w.a.cancels, 1);
    fd_close(&w.raw);
    pump(&w);
    CHECK_INT(w.a.closes, 1);
    CHECK_INT(w.a.cancels, 1);
}

/* One byte at a time is slow, not wrong. */
static void bytes_may_come_one_by_one(void)
{
    WITH_WORLD;
    const struct ipc_header h = head(IPC_NOTIFY, IPC_PEER_GONE, 0);
    CLEANUP(buf_done) struct buf b = BUF_INIT(IPC_HEADER_BYTES + 2);

    ipc_frame_begin(&b, &h);
    buf_puts(&b, STR("\3\0"));
    ipc_frame_end(&b);
    CHECK_OK(buf_rc(&b));
    handle(&w.a, IPC_PEER_GONE, on_note);
    CHECK_OK(world_open(&w, ROLE_CORE, ROLE_SUPERVISOR, true));
    for (size_t i = 0; i < b.n; i++) {
        CHECK_INT(w.a.notes, 0);
        put_bytes(&w, b.p + i, 1);
        pump(&w);
    }
    CHECK_INT(w.a.notes, 1);
    CHECK_INT(w.a.closes, 0);
}

/* What is answered but not read still counts against the credits, so a peer cannot fill our memory.
 */
static void unread_answers_use_up_credits(void)
{
    static char big[1 << 20];
    WITH_WORLD;
    const struct ipc_rule *rule = ipc_rule_find(ROLE_FRONT, ROLE_CORE, IPC_HTTP);
    uint64_t call = 0;

    handle(&w.a, IPC_HTTP, on_request);
    CHECK_OK(world_open(&w, ROLE_CORE, ROLE_FRONT, true));
    while (w.a.closes == 0 && call < 4 * (uint64_t)rule->credits) {
        put_http(&w, ++call);
        pump(&w);
        if (w.a.n_req)
            CHECK_OK(ipc_reply(w.a.req[--w.a.n_req],
                               &(struct ipc_http_reply){.status = 200, .body = {big, 100000}}));
    }
    CHECK_INT(w.a.closes, 1);
    CHECK(call <= rule->credits + UINT64_C(10));
}

CHECK_MAIN(CHECK_TEST(every_misdeed_ends_the_channel), CHECK_TEST(lies_in_answers_end_the_channel),
           CHECK_TEST(a_second_answer_ends_the_channel),
           CHECK_TEST(a_cancelled_call_may_be_answered_once), CHECK_TEST(a_stream_keeps_its_window),
           CHECK_TEST(a_peer_may_go_in_mid_frame), CHECK_TEST(bytes_may_come_one_by_one),
           CHECK_TEST(a_request_hears_of_its_end_once),
           CHECK_TEST(a_broken_channel_may_be_freed_before_it_is_told),
           CHECK_TEST_ONCE(unread_answers_use_up_credits))
