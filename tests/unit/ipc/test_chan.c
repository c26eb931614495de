/* SPDX-License-Identifier: Apache-2.0 */
/* Two channels that keep the rules. */
#include "unit/ipc/world.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "ipc/public_messages.h"
#include "ipc/table.h"

MSG(msg_sample, "ipc-test.sample", "cannot {0} the {1}");

static const struct ipc_http sample = {
    .listener = {"api", 3},
    .method = {"POST", 4},
    .target = {"/acme/new-order", 15},
    .host = {"ca.example", 10},
    .client = {.n = 4, .b = {10, 0, 0, 7}},
    .body = {"{}", 2},
};

static const struct ipc_admin admin = {.command = {"events", 6}, .args = {"{}", 2}};

static struct ipc_ask ask_http(struct got *got)
{
    return (struct ipc_ask){
        .type = IPC_HTTP, .msg = &sample, .timeout = WHEN_SECOND, .fn = on_answer, .arg = got};
}

static struct {
    struct id about;
    int64_t deadline;
    char target[64];
} seen;

static void on_http(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    const struct ipc_http *http = msg;
    const struct ipc_pair headers[] = {{{"Location", 8}, {"/acme/order/1", 13}}};
    const struct ipc_http_reply reply = {
        .status = 201, .headers = {headers, 1}, .body = {"made", 4}};

    (void)arg;
    (void)fd;
    seen.about = log_request_current() ? *log_request_current() : (struct id){""};
    seen.deadline = ipc_req_deadline(req);
    IGNORE_RC(str_copyz(http->target, seen.target, sizeof(seen.target)));
    IGNORE_RC(ipc_reply(req, &reply));
}

static void on_made(void *arg, const struct ipc_answer *a)
{
    const struct ipc_http_reply *reply = a->msg;
    struct got *got = arg;

    got->last++;
    got->rc = a->rc;
    if (a->rc != RC_OK)
        return;
    got->status = reply->status;
    IGNORE_RC(str_copyz(reply->body, got->body, sizeof(got->body)));
    if (reply->headers.n != 1 || !str_eq(reply->headers.v[0].value, STR("/acme/order/1")))
        got->rc = RC_CORRUPT;
    if (!log_request_current())
        got->rc = RC_CORRUPT;
    if (got->free_me)
        ipc_chan_free(MOVE(*got->free_me));
}

static void a_request_is_answered(void)
{
    struct got got = {0};
    WITH_WORLD;
    const struct id id = {"0123456789abcdefghjkmnpqrs"};
    struct ipc_ask ask = ask_http(&got);

    handle(&w.b, IPC_HTTP, on_http);
    CHECK_OK(world_open(&w, ROLE_FRONT, ROLE_CORE, false));
    CHECK_INT(ipc_chan_peer(w.a.ch), ROLE_CORE);
    CHECK(ipc_chan_idle(w.a.ch));
    ask.fn = on_made;
    log_request(&id);
    CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    log_request(NULL);
    CHECK_INT(got.last, 0);
    CHECK(!ipc_chan_idle(w.a.ch));
    pump(&w);
    CHECK_INT(got.last, 1);
    CHECK_OK(got.rc);
    CHECK_INT(got.status, 201);
    CHECK_STR(str_of(got.body), "made");
    CHECK_STR(id_str(&seen.about), id.z);
    CHECK_STR(str_of(seen.target), "/acme/new-order");
    CHECK_INT(seen.deadline, WHEN_SECOND);
    CHECK(!log_request_current());
    CHECK(ipc_chan_idle(w.a.ch) && ipc_chan_idle(w.b.ch));
    /* Nothing happens later. */
    clock_fake_advance(&w.clock, WHEN_MINUTE);
    pump(&w);
    CHECK_INT(got.last, 1);
    CHECK_INT(w.a.closes + w.b.closes, 0);
}

static void errors_come_with_all_their_parts(void)
{
    struct got got = {0};
    WITH_WORLD;
    struct ipc_ask ask = ask_http(&got);
    struct err err = ERR_INIT;

    handle(&w.b, IPC_HTTP, on_request);
    CHECK_OK(world_open(&w, ROLE_FRONT, ROLE_CORE, false));
    CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    pump(&w);
    CHECK_INT(w.b.n_req, 1);
    CHECK(!ipc_req_id(w.b.req[0]));
    CHECK_RC(ERR(&err, RC_DENIED, msg_sample, STR("find"), STR("door")), RC_DENIED);
    CHECK_RC(err_problem(&err, RC_DENIED, "badCSR", 400), RC_DENIED);
    ipc_reply_err(w.b.req[--w.b.n_req], &err);
    pump(&w);
    CHECK_RC(got.rc, RC_DENIED);
    CHECK_STR(str_of(got.text), "cannot find the door");
    CHECK_STR(str_of(got.type), "badCSR");
    CHECK_INT(got.status, 400);
    /* "Again" would look like a chunk to the asker. */
    CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    pump(&w);
    CHECK_INT(w.b.n_req, 1);
    ipc_reply_err(w.b.req[--w.b.n_req], &(struct err){.rc = RC_AGAIN});
    pump(&w);
    CHECK_RC(got.rc, RC_QUOTA);
    CHECK_INT(got.last, 2);
}

/* Answers without words: that it is done, or why not. */
static void what_came_of_it_is_told(void)
{
    struct got got = {0};
    WITH_WORLD;
    const struct ipc_proof proof = {.shown = true,
                                    .site = STR("wiki.hospital.example"),
                                    .token = STR("token"),
                                    .key_authorization = STR("token.print")};
    struct ipc_ask ask = {.type = IPC_HOOK_RECORD, .msg = &proof, .fn = on_answer, .arg = &got};
    struct err err = ERR_INIT;

    handle(&w.b, IPC_HOOK_RECORD, on_request);
    CHECK_OK(world_open(&w, ROLE_KEEPER, ROLE_RUNNER, false));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
        pump(&w);
        CHECK_INT(w.b.n_req, 1);
        CHECK_RC(ERR(&err, RC_DENIED, msg_sample, STR("find"), STR("door")), RC_DENIED);
        got.text[0] = '\0';
        w.b.n_req = 0;
        /* What is said of what went well is not passed on, nor is another rc than that given. */
        ipc_reply_rc(w.b.req[0], i == 0 ? RC_OK : RC_CONFLICT, i == 2 ? NULL : &err);
        pump(&w);
        CHECK_INT(got.last, i + 1);
        CHECK_RC(got.rc, i == 0 ? RC_OK : RC_CONFLICT);
        CHECK_INT(strcmp(got.text, "cannot find the door") == 0, i == 1);
    }
    CHECK_RC(err.rc, RC_DENIED);
    CHECK(ipc_chan_idle(w.a.ch) && ipc_chan_idle(w.b.ch));
}

static void what_nobody_handles_is_answered_so(void)
{
    struct got got = {0};
    WITH_WORLD;
    struct ipc_ask ask = ask_http(&got);

    CHECK_OK(world_open(&w, ROLE_FRONT, ROLE_CORE, false));
    CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    pump(&w);
    CHECK_RC(got.rc, RC_UNSUPPORTED);
    CHECK(ipc_chan_idle(w.b.ch));
}

static void a_deadline_passes_once(void)
{
    struct got got = {0};
    WITH_WORLD;
    struct ipc_ask ask = ask_http(&got);

    handle(&w.b, IPC_HTTP, on_request);
    CHECK_OK(world_open(&w, ROLE_FRONT, ROLE_CORE, false));
    CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    pump(&w);
    CHECK_INT(w.b.n_req, 1);
    CHECK(!ipc_req_cancelled(w.b.req[0]));
    clock_fake_advance(&w.clock, WHEN_SECOND);
    pump(&w);
    CHECK_INT(got.last, 1);
    CHECK_RC(got.rc, RC_TIMEOUT);
    CHECK_INT(w.b.cancels, 1);
    CHECK(ipc_req_cancelled(w.b.req[0]));
    /* The answer that comes too late is heard by nobody, but gives the credit back. */
    CHECK(!ipc_chan_idle(w.a.ch));
    CHECK_OK(ipc_reply(w.b.req[--w.b.n_req], &(struct ipc_http_reply){.status = 200}));
    pump(&w);
    CHECK_INT(got.last, 1);
    CHECK_INT(w.b.cancels, 1);
    CHECK(ipc_chan_idle(w.a.ch));
    CHECK_INT(w.a.closes + w.b.closes, 0);
}

static void the_asker_may_cancel(void)
{
    struct got got = {0};
    WITH_WORLD;
    struct ipc_ask ask = ask_http(&got);
    struct ipc_call *call = NULL;

    handle(&w.b, IPC_HTTP, on_request);
    CHECK_OK(world_open(&w, ROLE_FRONT, ROLE_CORE, false));
    CHECK_OK(ipc_call(w.a.ch, &ask, &call));
    pump(&w);
    CHECK_INT(got.last, 0);
    ipc_cancel(call);
    CHECK_INT(got.last, 1);
    CHECK_RC(got.rc, RC_CANCELLED);
    pump(&w);
    CHECK_INT(w.b.cancels, 1);
    /* Its deadline passes unheard. */
    clock_fake_advance(&w.clock, WHEN_MINUTE);
    pump(&w);
    CHECK_INT(got.last, 1);
    CHECK_INT(w.b.cancels, 1);
    CHECK_INT(w.b.n_req, 1);
    ipc_req_drop(w.b.req[--w.b.n_req]);
    pump(&w);
    CHECK_INT(got.last, 1);
    CHECK(ipc_chan_idle(w.a.ch) && ipc_chan_idle(w.b.ch));
    /* A cancel and an answer that cross: the answer wins nothing, the cancel finds nothing. */
    CHECK_OK(ipc_call(w.a.ch, &ask, &call));
    pump(&w);
    CHECK_INT(w.b.n_req, 1);
    CHECK_OK(ipc_reply(w.b.req[--w.b.n_req], &(struct ipc_http_reply){.status = 200}));
    CHECK_INT(got.last, 1);
    ipc_cancel(call);
    pump(&w);
    CHECK_INT(got.last, 2);
    CHECK_RC(got.rc, RC_CANCELLED);
    CHECK_INT(w.a.closes + w.b.closes, 0);
    CHECK(ipc_chan_idle(w.a.ch));
}

static void the_asked_may_drop(void)
{
    struct got got = {0};
    WITH_WORLD;
    struct ipc_ask ask = ask_http(&got);

    handle(&w.b, IPC_HTTP, on_request);
    CHECK_OK(world_open(&w, ROLE_FRONT, ROLE_CORE, false));
    CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    pump(&w);
    CHECK_INT(w.b.n_req, 1);
    ipc_req_drop(w.b.req[--w.b.n_req]);
    ipc_req_drop(NULL);
    pump(&w);
    CHECK_RC(got.rc, RC_CANCELLED);
    CHECK_INT(w.b.cancels, 0);
}

static void credits_bound_what_is_under_way(void)
{
    struct got got = {0};
    WITH_WORLD;
    struct ipc_ask ask = ask_http(&got);
    const struct ipc_rule *rule = ipc_rule_find(ROLE_FRONT, ROLE_CORE, IPC_HTTP);
    struct ipc_call *call = NULL;

    handle(&w.b, IPC_HTTP, on_request);
    CHECK_OK(world_open(&w, ROLE_FRONT, ROLE_CORE, false));
    for (int i = 0; i < rule->credits; i++)
        CHECK_OK(ipc_call(w.a.ch, &ask, &call));
    CHECK_RC(ipc_call(w.a.ch, &ask, NULL), RC_QUOTA);
    pump(&w);
    CHECK_INT(w.b.n_req, rule->credits);
    /* A cancelled one still counts: the peer is still at it. */
    ipc_cancel(call);
    CHECK_RC(ipc_call(w.a.ch, &ask, NULL), RC_QUOTA);
    CHECK_OK(ipc_reply(w.b.req[--w.b.n_req], &(struct ipc_http_reply){.status = 200}));
    pump(&w);
    CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    CHECK_RC(ipc_call(w.a.ch, &ask, NULL), RC_QUOTA);
    pump(&w);
    CHECK_INT(w.a.closes + w.b.closes, 0);
}

static void closing_ends_every_call_once(void)
{
    struct got got[3] = {{0}};
    WITH_WORLD;
    struct ipc_ask ask;

    handle(&w.b, IPC_HTTP, on_request);
    CHECK_OK(world_open(&w, ROLE_FRONT, ROLE_CORE, false));
    for (int i = 0; i < 3; i++) {
        ask = ask_http(&got[i]);
        CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    }
    pump(&w);
    CHECK_INT(w.b.n_req, 3);
    ipc_chan_free(MOVE(w.b.ch));
    CHECK_INT(w.b.cancels, 3);
    CHECK_INT(w.b.closes, 0);
    /* Their answers go nowhere. */
    CHECK_OK(ipc_reply(w.b.req[--w.b.n_req], &(struct ipc_http_reply){.status = 200}));
    pump(&w);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(got[i].last, 1);
        CHECK_RC(got[i].rc, RC_CLOSED);
    }
    CHECK(strstr(got[0].text, "\"http\""));
    CHECK_INT(w.a.closes, 1);
    CHECK_RC(w.a.why, RC_CLOSED);
    CHECK_RC(ipc_call(w.a.ch, &ask, NULL), RC_CLOSED);
    clock_fake_advance(&w.clock, WHEN_MINUTE);
    pump(&w);
    CHECK_INT(got[0].last, 1);
    CHECK_INT(w.a.closes, 1);
}

static void freeing_ends_every_call_once(void)
{
    struct got got = {0};
    WITH_WORLD;
    struct ipc_ask ask = ask_http(&got);

    handle(&w.b, IPC_HTTP, on_request);
    CHECK_OK(world_open(&w, ROLE_FRONT, ROLE_CORE, false));
    CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    ipc_chan_free(MOVE(w.a.ch));
    CHECK_INT(got.last, 1);
    CHECK_RC(got.rc, RC_CLOSED);
    CHECK_INT(w.a.closes, 0);
    /* What was queued was still sent. */
    pump(&w);
    CHECK_INT(w.b.n_requests, 1);
    CHECK_INT(w.b.cancels, 1);
    CHECK_INT(w.b.closes, 1);
}

static void a_channel_may_be_freed_in_any_callback(void)
{
    for (int round = 0; round < 3; round++) {
        struct got got = {0}, second = {0};
        WITH_WORLD;
        struct ipc_ask ask = ask_http(&got);

        handle(&w.b, IPC_HTTP, round == 0 ? on_request : on_http);
        w.b.free_in_handler = round == 0;
        CHECK_OK(world_open(&w, ROLE_FRONT, ROLE_CORE, false));
        ask.fn = round == 2 ? on_made : on_answer;
        CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
        ask.arg = &second;
        CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
        if (round)
            got.free_me = &w.a.ch;
        pump(&w);
        CHECK_INT(got.last, 1);
        CHECK_INT(second.last, 1);
        CHECK_RC(second.rc, RC_CLOSED);
    }
}

static void messages_must_keep_their_table(void)
{
    static char big[5 << 20];
    struct got got = {0};
    WITH_WORLD;
    struct ipc_ask ask = ask_http(&got);
    struct ipc_http http = sample;

    handle(&w.b, IPC_HTTP, on_request);
    CHECK_OK(world_open(&w, ROLE_FRONT, ROLE_CORE, false));
    http.method = str_bytes(big, 17);
    ask.msg = &http;
    CHECK_RC(ipc_call(w.a.ch, &ask, NULL), RC_TOOBIG);
    http = sample;
    http.client.n = 5;
    CHECK_RC(ipc_call(w.a.ch, &ask, NULL), RC_INVAL);
    ask.type = IPC_SIGN;
    CHECK_RC(ipc_call(w.a.ch, &ask, NULL), RC_DENIED);
    CHECK_RC(ipc_notify(w.a.ch, IPC_HTTP, &sample, -1), RC_DENIED);
    CHECK_RC(ipc_notify(w.a.ch, IPC_READY, &sample, -1), RC_DENIED);
    CHECK(ipc_chan_idle(w.a.ch));
    /* An answer that cannot be sent becomes an error there, too. */
    ask = ask_http(&got);
    CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    pump(&w);
    CHECK_INT(w.b.n_req, 1);
    CHECK_RC(ipc_reply(w.b.req[--w.b.n_req],
                       &(struct ipc_http_reply){.status = 200, .body = {big, sizeof(big)}}),
             RC_TOOBIG);
    pump(&w);
    CHECK_RC(got.rc, RC_TOOBIG);
    CHECK_INT(w.a.closes + w.b.closes, 0);
}

static size_t config_bytes;

static void on_config(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    const struct ipc_config *config = msg;

    (void)arg;
    (void)req;
    (void)fd;
    config_bytes = 0;
    for (size_t i = 0; i < config->files.n; i++)
        config_bytes += config->files.v[i].bytes.n;
}

static void long_messages_arrive_whole(void)
{
    static char big[1 << 20];
    WITH_WORLD;
    struct ipc_file files[7];
    const struct ipc_config config = {.generation = 1, .files = {files, 7}};

    for (int i = 0; i < 7; i++)
        files[i] = (struct ipc_file){{"f", 1}, {big, sizeof(big)}};
    handle(&w.b, IPC_CONFIG, on_config);
    config_bytes = 0;
    CHECK_OK(world_open(&w, ROLE_SUPERVISOR, ROLE_SIGNER, false));
    CHECK_OK(ipc_notify(w.a.ch, IPC_CONFIG, &config, -1));
    for (int i = 0; i < 20; i++)
        pump(&w);
    CHECK_INT(config_bytes, sizeof(big) * 7);
    CHECK(ipc_chan_idle(w.a.ch));
    /* It may come once. */
    CHECK_RC(ipc_notify(w.a.ch, IPC_CONFIG, &config, -1), RC_DENIED);
}

static void descriptors_go_where_they_may(void)
{
    WITH_WORLD;
    const struct ipc_listener listener = {.kind = {"api", 3}, .address = {"[::]:1", 6}};
    CLEANUP(fd_closep) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct stat sent, came;

    handle(&w.b, IPC_LISTENER, on_note);
    handle(&w.b, IPC_PEER_GONE, on_note);
    CHECK_OK(world_open(&w, ROLE_SUPERVISOR, ROLE_FRONT, false));
    CHECK_RC(ipc_notify(w.a.ch, IPC_LISTENER, &listener, -1), RC_INVAL);
    CHECK_RC(ipc_notify(w.a.ch, IPC_PEER_GONE, &(struct ipc_peer){ROLE_CORE, 0}, fd), RC_INVAL);
    CHECK_OK(ipc_notify(w.a.ch, IPC_PEER_GONE, &(struct ipc_peer){ROLE_CORE, 0}, -1));
    CHECK_OK(ipc_notify(w.a.ch, IPC_LISTENER, &listener, fd));
    pump(&w);
    CHECK_INT(w.b.notes, 2);
    CHECK(w.b.fd >= 0 && w.b.fd != fd);
    CHECK_INT(fstat(fd, &sent), 0);
    CHECK_INT(fstat(w.b.fd, &came), 0);
    CHECK(sent.st_ino == came.st_ino && sent.st_rdev == came.st_rdev);
    CHECK(fcntl(w.b.fd, F_GETFD) & FD_CLOEXEC);
    /* Several in a row, in one system call or not, each with its own. */
    CHECK_OK(ipc_notify(w.a.ch, IPC_LISTENER, &listener, fd));
    CHECK_OK(ipc_notify(w.a.ch, IPC_PEER_GONE, &(struct ipc_peer){ROLE_CORE, 0}, -1));
    CHECK_OK(ipc_notify(w.a.ch, IPC_LISTENER, &listener, fd));
    pump(&w);
    CHECK_INT(w.b.notes, 5);
    CHECK(w.b.fd >= 0);
    CHECK_INT(w.a.closes + w.b.closes, 0);
}

/* The long frame leaves in pieces, and the descriptor with none of them. */
static void descriptors_wait_for_their_frame(void)
{
    static char big[1 << 20];
    WITH_WORLD;
    const struct ipc_file files[] = {{{"f", 1}, {big, sizeof(big)}}};
    const struct ipc_config config = {.files = {files, 1}};
    const struct ipc_listener listener = {.kind = {"api", 3}};
    CLEANUP(fd_closep) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    handle(&w.b, IPC_CONFIG, on_note);
    handle(&w.b, IPC_LISTENER, on_note);
    CHECK_OK(world_open(&w, ROLE_SUPERVISOR, ROLE_FRONT, false));
    CHECK_OK(ipc_notify(w.a.ch, IPC_CONFIG, &config, -1));
    CHECK_OK(ipc_notify(w.a.ch, IPC_LISTENER, &listener, fd));
    pump(&w);
    CHECK_STR(str_of(w.b.text), "");
    CHECK_INT(w.b.notes, 2);
    CHECK(w.b.fd >= 0);
}

static void unheard_notifications_are_no_fault(void)
{
    WITH_WORLD;
    const struct ipc_listener listener = {.kind = {"api", 3}};
    CLEANUP(fd_closep) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    CHECK_OK(world_open(&w, ROLE_SUPERVISOR, ROLE_FRONT, false));
    CHECK_OK(ipc_notify(w.a.ch, IPC_LISTENER, &listener, fd));
    pump(&w);
    CHECK_INT(w.a.closes + w.b.closes, 0);
}

static struct {
    struct ipc_req *req;
    size_t left;
    int rooms;
    enum rc last;
} flow;

static void write_on(void *arg)
{
    static char piece[IPC_CHUNK_MAX];

    (void)arg;
    flow.rooms++;
    while (flow.left && flow.req) {
        size_t n = flow.left < sizeof(piece) ? flow.left : sizeof(piece);

        flow.last = ipc_stream_write(flow.req, str_bytes(piece, n));
        if (flow.last != RC_OK)
            return;
        flow.left -= n;
    }
}

static void on_stream(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    on_request(arg, req, msg, fd);
    flow.req = req;
    ipc_req_on_room(req, write_on, NULL);
    write_on(NULL);
}

static void long_answers_flow(void)
{
    struct got got = {0};
    WITH_WORLD;
    struct ipc_ask ask = {.type = IPC_ADMIN, .msg = &admin, .fn = on_answer, .arg = &got};
    struct ipc_call *call = NULL;
    size_t before;

    memset(&flow, 0, sizeof(flow));
    flow.left = 3 << 20;
    handle(&w.b, IPC_ADMIN, on_stream);
    CHECK_OK(world_open(&w, ROLE_ADMIN, ROLE_CORE, false));
    CHECK_OK(ipc_call(w.a.ch, &ask, &call));
    got.pause = call;
    pump(&w);
    /* Paused at the first chunk: no more than the window comes. */
    CHECK_INT(got.bytes, IPC_WINDOW);
    CHECK_RC(flow.last, RC_AGAIN);
    before = flow.left;
    pump(&w);
    CHECK_INT(flow.left, before);
    CHECK_INT(got.last, 0);
    got.pause = NULL;
    ipc_call_resume(call);
    for (int i = 0; i < 10; i++)
        pump(&w);
    CHECK_INT(flow.left, 0);
    CHECK_INT(got.bytes, 3 << 20);
    CHECK_INT(got.last, 0);
    CHECK_INT(w.b.n_req, 1);
    CHECK_OK(ipc_reply(w.b.req[--w.b.n_req], &(struct ipc_admin_reply){{"", 0}}));
    pump(&w);
    CHECK_INT(got.last, 1);
    CHECK_OK(got.rc);
    CHECK_INT(w.a.closes + w.b.closes, 0);
}

static void a_stream_ends_with_its_asker(void)
{
    struct got got = {0};
    WITH_WORLD;
    struct ipc_ask ask = {.type = IPC_ADMIN, .msg = &admin, .fn = on_answer, .arg = &got};
    struct ipc_call *call = NULL;

    memset(&flow, 0, sizeof(flow));
    flow.left = 3 << 20;
    handle(&w.b, IPC_ADMIN, on_stream);
    CHECK_OK(world_open(&w, ROLE_ADMIN, ROLE_CORE, false));
    CHECK_OK(ipc_call(w.a.ch, &ask, &call));
    got.pause = call;
    pump(&w);
    CHECK(flow.req && got.last == 0);
    ipc_cancel(call);
    CHECK_RC(got.rc, RC_CANCELLED);
    pump(&w);
    CHECK_INT(w.b.cancels, 1);
    CHECK_RC(ipc_stream_write(flow.req, STR("x")), RC_CANCELLED);
    flow.req = NULL;
    CHECK_INT(got.last, 1);
}

static void streams_have_their_place(void)
{
    static char big[IPC_CHUNK_MAX + 1];
    struct got got = {0};
    WITH_WORLD;
    struct ipc_ask ask = ask_http(&got);

    handle(&w.b, IPC_HTTP, on_request);
    CHECK_OK(world_open(&w, ROLE_FRONT, ROLE_CORE, false));
    CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    pump(&w);
    CHECK_INT(w.b.n_req, 1);
    CHECK_RC(ipc_stream_write(w.b.req[0], STR("x")), RC_DENIED);
    world_done(&w);
    memset(&w, 0, sizeof(w));
    w.raw = w.a.fd = w.b.fd = -1;
    clock_fake_init(&w.clock, 0);
    memset(&flow, 0, sizeof(flow));
    handle(&w.b, IPC_ADMIN, on_stream);
    CHECK_OK(world_open(&w, ROLE_ADMIN, ROLE_CORE, false));
    ask = (struct ipc_ask){.type = IPC_ADMIN, .msg = &admin, .fn = on_answer, .arg = &got};
    CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    pump(&w);
    CHECK(flow.req);
    CHECK_RC(ipc_stream_write(flow.req, str_bytes(big, sizeof(big))), RC_TOOBIG);
    CHECK_OK(ipc_stream_write(flow.req, STR("")));
    flow.req = NULL;
}

/* Messages of 1 MiB to a peer that reads nothing. */
static void who_does_not_read_is_left(void)
{
    static char big[1 << 20];
    struct got got = {0};
    WITH_WORLD;
    const struct ipc_file files[] = {{{"f", 1}, {big, sizeof(big)}}};
    const struct ipc_config config = {.generation = 1, .files = {files, 1}};
    struct ipc_ask ask = {.type = IPC_PING, .fn = on_answer, .arg = &got};

    CHECK_OK(world_open(&w, ROLE_SUPERVISOR, ROLE_SIGNER, true));
    CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    CHECK_OK(ipc_notify(w.a.ch, IPC_CONFIG, &config, -1));
    pump(&w);
    CHECK(!ipc_chan_idle(w.a.ch));
    clock_fake_advance(&w.clock, IPC_STALL_SECONDS * WHEN_SECOND - 1);
    pump(&w);
    CHECK_INT(w.a.closes, 0);
    clock_fake_advance(&w.clock, 1);
    pump(&w);
    CHECK_INT(w.a.closes, 1);
    CHECK_RC(w.a.why, RC_QUOTA);
    CHECK_INT(got.last, 1);
    CHECK_RC(got.rc, RC_CLOSED);
}

static void a_full_queue_takes_nothing_new(void)
{
    static char big[1 << 20];
    struct got got = {0};
    WITH_WORLD;
    struct ipc_file files[7];
    const struct ipc_config config = {.generation = 1, .files = {files, 7}};
    struct ipc_ask ask = {.type = IPC_PREPARE, .msg = &config, .fn = on_answer, .arg = &got};

    for (int i = 0; i < 7; i++)
        files[i] = (struct ipc_file){{"f", 1}, {big, sizeof(big)}};
    CHECK_OK(world_open(&w, ROLE_SUPERVISOR, ROLE_SIGNER, true));
    CHECK_OK(ipc_notify(w.a.ch, IPC_CONFIG, &config, -1));
    CHECK_OK(ipc_call(w.a.ch, &ask, NULL));
    pump(&w);
    ask.type = IPC_PING;
    CHECK_RC(ipc_call(w.a.ch, &ask, NULL), RC_QUOTA);
    CHECK_RC(ipc_notify(w.a.ch, IPC_PEER_GONE, &(struct ipc_peer){0}, -1), RC_QUOTA);
    CHECK_INT(w.a.closes, 0);
}

CHECK_MAIN(CHECK_TEST(a_request_is_answered), CHECK_TEST(errors_come_with_all_their_parts),
           CHECK_TEST(what_came_of_it_is_told), CHECK_TEST(what_nobody_handles_is_answered_so),
           CHECK_TEST(a_deadline_passes_once), CHECK_TEST(the_asker_may_cancel),
           CHECK_TEST(the_asked_may_drop), CHECK_TEST_ONCE(credits_bound_what_is_under_way),
           CHECK_TEST(closing_ends_every_call_once), CHECK_TEST(freeing_ends_every_call_once),
           CHECK_TEST(a_channel_may_be_freed_in_any_callback),
           CHECK_TEST(messages_must_keep_their_table), CHECK_TEST_ONCE(long_messages_arrive_whole),
           CHECK_TEST(descriptors_go_where_they_may), CHECK_TEST(descriptors_wait_for_their_frame),
           CHECK_TEST(unheard_notifications_are_no_fault), CHECK_TEST_ONCE(long_answers_flow),
           CHECK_TEST(a_stream_ends_with_its_asker), CHECK_TEST(streams_have_their_place),
           CHECK_TEST(who_does_not_read_is_left), CHECK_TEST(a_full_queue_takes_nothing_new))
