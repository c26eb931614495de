/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <fcntl.h>

#include "base/rd.h"
#include "ipc/chan_int.h"
#include "ipc/errs_int.h"
#include "log/log.h"

MSG(msg_timeout, "ipc.timeout", "the {0} process did not answer \"{1}\" in time");
MSG(msg_cancelled, "ipc.cancelled", "\"{1}\" to the {0} process was cancelled");
MSG(msg_closed, "ipc.closed", "the {0} process went away before it answered \"{1}\"");
MSG(msg_bad_answer, "ipc.bad-answer", "the answer of the {0} process to \"{1}\" is unusable: {2}");

struct ipc_call {
    struct list link;
    struct ipc_chan *ch;
    const struct ipc_rule *rule;
    uint64_t id;
    struct id about;
    ipc_answer_fn fn;
    void *arg;
    struct ev_timer timer;
    bool over; /* had its last callback; only waits for the peer's answer, which gives the credit
                  back */
    bool paused;
    uint32_t window;    /* bytes of chunks that the peer may send now */
    uint32_t ungranted; /* bytes that came and were not granted anew */
    uint64_t streamed;
};

static void call_free(struct ipc_call *call)
{
    if (!call)
        return;
    list_remove(&call->link);
    ev_timer_stop(&call->timer);
    mem_free(call);
}
DEFINE_FREEP(call_free, struct ipc_call)

static struct ipc_call *find(struct ipc_chan *ch, uint64_t id)
{
    LIST_FOREACH (it, ipc_bucket(ch->calls, id)) {
        struct ipc_call *call = LIST_ENTRY(it, struct ipc_call, link);

        if (call->id == id)
            return call;
    }
    return NULL;
}

static void callback(struct ipc_call *call, const struct ipc_answer *answer)
{
    struct id saved;

    ipc_about(&call->about, &saved);
    call->fn(call->arg, answer);
    ipc_about(&saved, NULL);
}

static void deliver(struct ipc_call *call, const struct ipc_answer *answer)
{
    call->over = true;
    ev_timer_stop(&call->timer);
    callback(call, answer);
}

static void deliver_err(struct ipc_call *call, const struct err *err)
{
    deliver(call, &(struct ipc_answer){.rc = err->rc, .err = err});
}

static void deliver_msg(struct ipc_call *call, enum rc rc, const struct msg *m)
{
    const struct str args[] = {str_of(role_name(call->ch->conf.peer)), str_of(call->rule->name),
                               str_of(rc_text(rc))};
    struct err err = ERR_INIT;

    IGNORE_RC(ERR(&err, rc, *m, args[0], args[1], args[2]));
    deliver_err(call, &err);
}

/* ---- asking */

/* The peer may have answered meanwhile; then it ignores this. */
static void give_up(struct ipc_call *call, enum rc rc, const struct msg *m)
{
    struct ipc_chan *ch = call->ch;
    const struct ipc_header h = {.type = call->rule->type, .kind = IPC_CANCEL, .call = call->id};

    ipc_chan_enter(ch);
    ipc_queue_must(ch, ipc_queue_raw(ch, &h, STR("")));
    deliver_msg(call, rc, m);
    ipc_chan_leave(ch);
}

static void on_timeout(void *arg)
{
    give_up(arg, RC_TIMEOUT, &msg_timeout);
}

static enum rc may_send(struct ipc_chan *ch, enum ipc_type type, uint16_t notify,
                        const struct ipc_rule **out)
{
    const struct ipc_rule *rule = ipc_rule_find(ch->conf.self, ch->conf.peer, (uint16_t)type);

    if (!rule || (rule->flags & IPC_F_NOTIFY) != notify)
        return RC_DENIED;
    if ((rule->flags & IPC_F_ONCE) && ch->out_once[type])
        return RC_DENIED;
    if (ch->closed)
        return RC_CLOSED;
    if (ch->queued >= IPC_QUEUE_MAX || (!notify && ch->out_flight[type] >= rule->credits))
        return RC_QUOTA;
    *out = rule;
    return RC_OK;
}

static enum rc send_msg(struct ipc_chan *ch, const struct ipc_rule *rule,
                        const struct ipc_header *h, const void *msg, int fd)
{
    CLEANUP(buf_done) struct buf frame = {};
    int own = -1;

    buf_init(&frame, IPC_HEADER_BYTES + rule->max_request);
    ipc_frame_begin(&frame, h);
    TRY(ipc_fields_encode(rule->request, msg, &frame));
    ipc_frame_end(&frame);
    if (fd >= 0) {
        own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (own < 0)
            return RC_IO;
    }
    TRY(ipc_queue(ch, &frame, own, NULL));
    ch->out_once[rule->type] = true;
    return RC_OK;
}

static uint32_t deadline_ms(int64_t timeout)
{
    int64_t ms = (timeout + 999) / 1000;

    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static struct id about_of(const struct id *given)
{
    const struct id *id = given ? given : log_request_current();

    return id ? *id : (struct id){""};
}

enum rc ipc_call(struct ipc_chan *ch, const struct ipc_ask *ask, struct ipc_call **out)
{
    CLEANUP(call_freep) struct ipc_call *call = NULL;
    const struct ipc_rule *rule = NULL;
    struct ipc_header h;

    TRY(may_send(ch, ask->type, 0, &rule));
    call = MEM_NEW(struct ipc_call);
    if (!call)
        return RC_NOMEM;
    *call = (struct ipc_call){.ch = ch,
                              .rule = rule,
                              .id = ch->last_call + 1,
                              .fn = ask->fn,
                              .arg = ask->arg,
                              .about = about_of(ask->about),
                              .window = IPC_WINDOW};
    list_init(&call->link);
    ev_timer_init(&call->timer, ch->ev, on_timeout, call);
    h = (struct ipc_header){.type = rule->type,
                            .kind = IPC_REQUEST,
                            .call = call->id,
                            .request = call->about,
                            .deadline_ms = deadline_ms(ask->timeout)};
    TRY(send_msg(ch, rule, &h, ask->msg, -1));
    ch->last_call = call->id;
    ch->out_flight[rule->type]++;
    ch->n_calls++;
    list_push(ipc_bucket(ch->calls, call->id), &call->link);
    if (ask->timeout > 0)
        ev_timer_start(&call->timer, ask->timeout, 0);
    if (out)
        *out = call;
    (void)MOVE(call);
    return RC_OK;
}

enum rc ipc_notify(struct ipc_chan *ch, enum ipc_type type, const void *msg, int fd)
{
    const struct id about = about_of(NULL);
    const struct ipc_rule *rule = NULL;
    struct ipc_header h;

    TRY(may_send(ch, type, IPC_F_NOTIFY, &rule));
    if ((fd >= 0) != ((rule->flags & IPC_F_FD) != 0))
        return RC_INVAL;
    h = (struct ipc_header){.type = rule->type,
                            .kind = IPC_NOTIFY,
                            .request = about,
                            .flags = fd >= 0 ? IPC_FLAG_FD : 0};
    return send_msg(ch, rule, &h, msg, fd);
}

void ipc_cancel(struct ipc_call *call)
{
    if (!call->over)
        give_up(call, RC_CANCELLED, &msg_cancelled);
}

/* ---- being answered */

enum rc ipc_call_admit(struct ipc_chan *ch, const struct ipc_header *h, uint32_t *out_max)
{
    const struct ipc_call *call = find(ch, h->call);

    if (!call)
        return ipc_chan_refuse(ch, "answers nothing that was asked");
    if (h->type != call->rule->type)
        return ipc_chan_refuse(ch, "answers a question of another type");
    if (h->kind == IPC_CHUNK) {
        if (!(call->rule->flags & IPC_F_STREAM) || h->length == 0)
            return ipc_chan_refuse(ch, "has no place in this answer");
        *out_max = call->window < IPC_CHUNK_MAX ? call->window : IPC_CHUNK_MAX;
    } else {
        *out_max = h->kind == IPC_ERROR ? IPC_ERROR_MAX : call->rule->max_reply;
    }
    return RC_OK;
}

/* A quarter of the window at a time: few frames, and the peer never waits while it comes. */
static void grant(struct ipc_call *call)
{
    const struct ipc_header h = {.type = call->rule->type, .kind = IPC_CREDIT, .call = call->id};
    const uint32_t granted = htonl(call->ungranted);

    if (call->paused || call->over || call->ungranted < IPC_WINDOW / 4)
        return;
    call->window += call->ungranted;
    call->ungranted = 0;
    ipc_queue_must(call->ch, ipc_queue_raw(call->ch, &h, str_bytes(&granted, sizeof(granted))));
}

static void on_chunk(struct ipc_chan *ch, struct ipc_call *call, struct str chunk)
{
    call->window -= (uint32_t)chunk.n;
    call->ungranted += (uint32_t)chunk.n;
    call->streamed += chunk.n;
    if (call->streamed > call->rule->max_stream) {
        ipc_chan_violation(ch, RC_TOOBIG, "makes the answer longer than allowed");
        return;
    }
    if (call->over)
        return;
    callback(call, &(struct ipc_answer){.rc = RC_AGAIN, .chunk = chunk});
    if (!ch->closed)
        grant(call);
}

void ipc_call_pause(struct ipc_call *call)
{
    call->paused = true;
}

void ipc_call_resume(struct ipc_call *call)
{
    call->paused = false;
    grant(call);
}

static void on_error(struct ipc_call *call, struct str payload)
{
    struct rd r = rd_of(payload);
    struct err err = ERR_INIT;

    if (ipc_err_get(&r, &err) != RC_OK || rd_done(&r) != RC_OK || err.rc == RC_OK ||
        err.rc == RC_AGAIN) {
        ipc_chan_violation(call->ch, RC_PARSE, "is malformed");
        deliver_msg(call, RC_PARSE, &msg_bad_answer);
        return;
    }
    deliver_err(call, &err);
}

static void on_reply(struct ipc_call *call, struct str payload)
{
    const struct ipc_fields *fields = call->rule->reply;
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(IPC_REQ_ARENA);
    void *msg;
    enum rc rc = RC_NOMEM;

    msg = arena_alloc(&arena, fields->size);
    if (msg)
        rc = ipc_fields_decode(fields, payload, &arena, msg);
    if (rc == RC_OK) {
        deliver(call, &(struct ipc_answer){.rc = RC_OK, .msg = msg});
        return;
    }
    if (rc != RC_NOMEM)
        ipc_chan_violation(call->ch, rc, "is malformed");
    deliver_msg(call, rc, &msg_bad_answer);
}

void ipc_call_frame(struct ipc_chan *ch, const struct ipc_header *h, struct str payload)
{
    struct ipc_call *call = find(ch, h->call);

    if (!call)
        return;
    if (h->kind == IPC_CHUNK) {
        on_chunk(ch, call, payload);
        return;
    }
    list_remove(&call->link);
    ch->n_calls--;
    ch->out_flight[call->rule->type]--;
    if (!call->over && h->kind == IPC_ERROR)
        on_error(call, payload);
    else if (!call->over)
        on_reply(call, payload);
    call_free(call);
}

void ipc_calls_end(struct ipc_chan *ch)
{
    for (size_t i = 0; i < IPC_BUCKETS; i++)
        while (!list_empty(&ch->calls[i])) {
            CLEANUP(call_freep)
            struct ipc_call *call = LIST_ENTRY(list_pop(&ch->calls[i]), struct ipc_call, link);

            ch->n_calls--;
            if (!call->over)
                deliver_msg(call, RC_CLOSED, &msg_closed);
        }
}
