/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/rd.h"
#include "ev/clock.h"
#include "ipc/chan_int.h"
#include "ipc/errs_int.h"

MSG(msg_unsupported, "ipc.unsupported", "the {0} process does not answer \"{1}\"");
MSG(msg_dropped, "ipc.dropped", "the {0} process has dropped \"{1}\"");
MSG(msg_unsendable, "ipc.unsendable", "the {0} process cannot send its answer to \"{1}\": {2}");

struct ipc_req {
    struct list link;
    struct ipc_chan *ch; /* NULL once the channel is gone */
    const struct ipc_rule *rule;
    uint64_t id;
    struct id about;
    int64_t deadline;
    struct arena arena;
    struct buf payload; /* what the strings of the message point into */
    bool cancelled;
    bool starved; /* a write was refused for want of window */
    uint32_t window;
    uint64_t streamed;
    void (*on_cancel)(void *arg);
    void *cancel_arg;
    void (*on_room)(void *arg);
    void *room_arg;
    void *kept;
};

static struct ipc_req *find(struct ipc_chan *ch, uint64_t id)
{
    LIST_FOREACH (it, ipc_bucket(ch->reqs, id)) {
        struct ipc_req *req = LIST_ENTRY(it, struct ipc_req, link);

        if (req->id == id)
            return req;
    }
    return NULL;
}

static void req_free(struct ipc_req *req)
{
    if (!req)
        return;
    list_remove(&req->link);
    arena_done(&req->arena);
    buf_done(&req->payload);
    mem_free(req);
}
DEFINE_FREEP(req_free, struct ipc_req)

/* ---- what may come */

static enum rc admit_new(struct ipc_chan *ch, const struct ipc_header *h, uint32_t *out_max)
{
    const struct ipc_rule *rule = ipc_rule_find(ch->conf.peer, ch->conf.self, h->type);

    if (!rule)
        return ipc_chan_refuse(ch, "is not among what it may send");
    if ((h->kind == IPC_NOTIFY) != ((rule->flags & IPC_F_NOTIFY) != 0))
        return ipc_chan_refuse(ch, "is of the wrong kind");
    if (((h->flags & IPC_FLAG_FD) != 0) != ((rule->flags & IPC_F_FD) != 0))
        return ipc_chan_refuse(ch, h->flags & IPC_FLAG_FD ? "comes with a descriptor"
                                                          : "lacks its descriptor");
    if ((rule->flags & IPC_F_ONCE) && ch->in_once[h->type])
        return ipc_chan_refuse(ch, "comes a second time");
    if (h->kind == IPC_REQUEST && h->call <= ch->last_req)
        return ipc_chan_refuse(ch, "has a call id that does not rise");
    if (h->kind == IPC_REQUEST && ch->in_flight[h->type] >= rule->credits)
        return ipc_chan_refuse(ch, "comes before earlier ones are answered, without a credit");
    *out_max = rule->max_request;
    return RC_OK;
}

enum rc ipc_req_admit(struct ipc_chan *ch, const struct ipc_header *h, uint32_t *out_max)
{
    if (h->kind == IPC_REQUEST || h->kind == IPC_NOTIFY)
        return admit_new(ch, h, out_max);
    if (h->flags)
        return ipc_chan_refuse(ch, "comes with a descriptor");
    /* One that is answered already is not wrong: the two may have crossed. */
    if (h->call > ch->last_req)
        return ipc_chan_refuse(ch, "is about no request");
    *out_max = h->kind == IPC_CREDIT ? sizeof(uint32_t) : 0;
    return RC_OK;
}

/* ---- answering */

static void send_error(struct ipc_chan *ch, const struct ipc_rule *rule, uint64_t id,
                       const struct err *err)
{
    const struct ipc_header h = {.type = rule->type, .kind = IPC_ERROR, .call = id};
    CLEANUP(buf_done) struct buf frame = BUF_INIT(IPC_HEADER_BYTES + IPC_ERROR_MAX);
    struct err sent = *err;

    /* On the asking side "again" announces one more chunk, and "ok" is no error. */
    if (sent.rc == RC_AGAIN)
        sent.rc = RC_QUOTA;
    else if (sent.rc == RC_OK)
        sent.rc = RC_INVAL;
    ipc_frame_begin(&frame, &h);
    ipc_err_put(&sent, &frame);
    ipc_frame_end(&frame);
    ipc_queue_must(ch, ipc_queue(ch, &frame, -1, rule));
}

static void send_msg(struct ipc_chan *ch, const struct ipc_rule *rule, uint64_t id, enum rc rc,
                     const struct msg *m)
{
    struct err err = ERR_INIT;

    IGNORE_RC(ERR(&err, rc, *m, str_of(role_name(ch->conf.self)), str_of(rule->name),
                  str_of(rc_text(rc))));
    send_error(ch, rule, id, &err);
}

/* Takes the request off its channel's books; NULL when there is no channel to answer on. */
static struct ipc_chan *settle(struct ipc_req *req)
{
    struct ipc_chan *ch = req->ch;

    list_remove(&req->link);
    req->ch = NULL;
    if (ch)
        ch->n_reqs--;
    return ch;
}

static enum rc send_reply(struct ipc_req *req, struct ipc_chan *ch, const void *msg)
{
    const struct ipc_header h = {.type = req->rule->type, .kind = IPC_REPLY, .call = req->id};
    CLEANUP(buf_done) struct buf frame = {};
    enum rc rc;

    buf_init(&frame, IPC_HEADER_BYTES + req->rule->max_reply);
    ipc_frame_begin(&frame, &h);
    rc = ipc_fields_encode(req->rule->reply, msg, &frame);
    if (rc != RC_OK) {
        send_msg(ch, req->rule, req->id, rc, &msg_unsendable);
        return rc;
    }
    ipc_frame_end(&frame);
    ipc_queue_must(ch, ipc_queue(ch, &frame, -1, req->rule));
    return RC_OK;
}

enum rc ipc_reply(struct ipc_req *req, const void *msg)
{
    struct ipc_chan *ch = settle(req);
    enum rc rc = RC_OK;

    if (ch && req->cancelled)
        send_msg(ch, req->rule, req->id, RC_CANCELLED, &msg_dropped);
    else if (ch)
        rc = send_reply(req, ch, msg);
    req_free(req);
    return rc;
}

void ipc_reply_err(struct ipc_req *req, const struct err *err)
{
    struct ipc_chan *ch = settle(req);

    if (ch)
        send_error(ch, req->rule, req->id, err);
    req_free(req);
}

void ipc_reply_rc(struct ipc_req *req, enum rc rc, const struct err *why)
{
    struct err err = why ? *why : ERR_INIT;

    err.rc = rc;
    if (rc == RC_OK)
        IGNORE_RC(ipc_reply(req, NULL)); /* a failure has gone to the asker */
    else
        ipc_reply_err(req, &err);
}

void ipc_req_drop(struct ipc_req *req)
{
    struct ipc_chan *ch = req ? settle(req) : NULL;

    if (ch)
        send_msg(ch, req->rule, req->id, RC_CANCELLED, &msg_dropped);
    req_free(req);
}

enum rc ipc_stream_write(struct ipc_req *req, struct str chunk)
{
    const struct ipc_header h = {.type = req->rule->type, .kind = IPC_CHUNK, .call = req->id};

    if (!(req->rule->flags & IPC_F_STREAM))
        return RC_DENIED;
    if (req->cancelled || !req->ch || req->ch->closed)
        return RC_CANCELLED;
    if (chunk.n == 0)
        return RC_OK;
    if (chunk.n > IPC_CHUNK_MAX || chunk.n > req->rule->max_stream - req->streamed)
        return RC_TOOBIG;
    if (chunk.n > req->window) {
        req->starved = true;
        return RC_AGAIN;
    }
    TRY(ipc_queue_raw(req->ch, &h, chunk));
    req->window -= (uint32_t)chunk.n;
    req->streamed += chunk.n;
    return RC_OK;
}

void ipc_req_on_cancel(struct ipc_req *req, void (*fn)(void *arg), void *arg)
{
    req->on_cancel = fn;
    req->cancel_arg = arg;
}

void ipc_req_on_room(struct ipc_req *req, void (*fn)(void *arg), void *arg)
{
    req->on_room = fn;
    req->room_arg = arg;
}

bool ipc_req_cancelled(const struct ipc_req *req)
{
    return req->cancelled;
}

enum ipc_type ipc_req_type(const struct ipc_req *req)
{
    return (enum ipc_type)req->rule->type;
}

const struct id *ipc_req_id(const struct ipc_req *req)
{
    return req->about.z[0] ? &req->about : NULL;
}

int64_t ipc_req_deadline(const struct ipc_req *req)
{
    return req->deadline;
}

void ipc_req_keep(struct ipc_req *req, void *with)
{
    req->kept = with;
}

void *ipc_req_kept(const struct ipc_req *req)
{
    return req->kept;
}

struct arena *ipc_req_arena(struct ipc_req *req)
{
    return &req->arena;
}

/* ---- being asked */

static ipc_handler_fn handler_of(const struct ipc_chan *ch, uint16_t type)
{
    for (size_t i = 0; i < ch->conf.n_handlers; i++)
        if (ch->conf.handlers[i].type == type)
            return ch->conf.handlers[i].fn;
    return NULL;
}

static void call_handler(struct ipc_chan *ch, const struct ipc_header *h, struct ipc_req *req,
                         const void *msg, int fd)
{
    struct id saved;

    ipc_about(&h->request, &saved);
    handler_of(ch, h->type)(ch->conf.arg, req, msg, fd);
    ipc_about(&saved, NULL);
}

static void *decode(const struct ipc_rule *rule, struct str payload, struct arena *arena,
                    enum rc *rc)
{
    void *msg = arena_alloc(arena, rule->request->size);

    *rc = msg ? ipc_fields_decode(rule->request, payload, arena, msg) : RC_NOMEM;
    return msg;
}

static void on_notify(struct ipc_chan *ch, const struct ipc_header *h, struct str payload, int fd)
{
    const struct ipc_rule *rule = ipc_rule_find(ch->conf.peer, ch->conf.self, h->type);
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(IPC_REQ_ARENA);
    CLEANUP(fd_closep) int own = fd;
    const void *msg;
    enum rc rc;

    ch->in_once[h->type] = true;
    msg = decode(rule, payload, &arena, &rc);
    /* Notifications are what the peer counts on having been heard. */
    if (rc == RC_NOMEM)
        ipc_queue_must(ch, rc);
    else if (rc != RC_OK)
        ipc_chan_violation(ch, rc, "is malformed");
    else if (handler_of(ch, h->type))
        call_handler(ch, h, NULL, msg, fd_move(&own));
}

static struct ipc_req *make(struct ipc_chan *ch, const struct ipc_rule *rule,
                            const struct ipc_header *h, struct buf *payload)
{
    struct ipc_req *req = MEM_NEW(struct ipc_req);

    if (!req)
        return NULL;
    *req = (struct ipc_req){.ch = ch,
                            .rule = rule,
                            .id = h->call,
                            .about = h->request,
                            .deadline = INT64_MAX,
                            .payload = *payload,
                            .window = IPC_WINDOW};
    list_init(&req->link);
    buf_init(payload, 0);
    arena_init(&req->arena, IPC_REQ_ARENA);
    if (h->deadline_ms)
        req->deadline = clock_mono(ev_clock(ch->ev)) + (int64_t)h->deadline_ms * 1000;
    return req;
}

static void on_request(struct ipc_chan *ch, const struct ipc_header *h, struct buf *payload)
{
    const struct ipc_rule *rule = ipc_rule_find(ch->conf.peer, ch->conf.self, h->type);
    CLEANUP(req_freep) struct ipc_req *req = NULL;
    const void *msg = NULL;
    enum rc rc = RC_NOMEM;

    ch->last_req = h->call;
    ch->in_once[h->type] = true;
    ch->in_flight[h->type]++;
    req = make(ch, rule, h, payload);
    if (req)
        msg = decode(rule, buf_str(&req->payload), &req->arena, &rc);
    if (rc == RC_NOMEM) {
        send_msg(ch, rule, h->call, rc, &msg_unsendable);
    } else if (rc != RC_OK) {
        ipc_chan_violation(ch, rc, "is malformed");
    } else if (!handler_of(ch, h->type)) {
        send_msg(ch, rule, h->call, RC_UNSUPPORTED, &msg_unsupported);
    } else {
        list_push(ipc_bucket(ch->reqs, req->id), &req->link);
        ch->n_reqs++;
        call_handler(ch, h, MOVE(req), msg, -1);
    }
}

static void cancel(struct ipc_req *req)
{
    struct id saved;

    if (req->cancelled)
        return;
    req->cancelled = true;
    ipc_about(&req->about, &saved);
    if (req->on_cancel)
        req->on_cancel(req->cancel_arg);
    ipc_about(&saved, NULL);
}

static void on_credit(struct ipc_chan *ch, struct ipc_req *req, struct str payload)
{
    struct rd r = rd_of(payload);
    uint32_t n = rd_u32(&r);
    struct id saved;

    if (rd_done(&r) != RC_OK || !(req->rule->flags & IPC_F_STREAM) ||
        n > IPC_WINDOW - req->window) {
        ipc_chan_violation(ch, RC_PARSE, "is malformed");
        return;
    }
    req->window += n;
    if (!req->starved || !req->on_room)
        return;
    req->starved = false;
    ipc_about(&req->about, &saved);
    req->on_room(req->room_arg);
    ipc_about(&saved, NULL);
}

void ipc_req_frame(struct ipc_chan *ch, const struct ipc_header *h, struct buf *payload, int fd)
{
    struct ipc_req *req;

    if (h->kind == IPC_NOTIFY) {
        on_notify(ch, h, buf_str(payload), fd);
        return;
    }
    if (h->kind == IPC_REQUEST) {
        on_request(ch, h, payload);
        return;
    }
    req = find(ch, h->call);
    if (req && req->rule->type != h->type)
        ipc_chan_violation(ch, RC_DENIED, "is about a request of another type");
    else if (req && h->kind == IPC_CANCEL)
        cancel(req);
    else if (req)
        on_credit(ch, req, buf_str(payload));
}

void ipc_reqs_end(struct ipc_chan *ch)
{
    for (size_t i = 0; i < IPC_BUCKETS; i++)
        while (!list_empty(&ch->reqs[i])) {
            struct ipc_req *req = LIST_ENTRY(list_pop(&ch->reqs[i]), struct ipc_req, link);

            ch->n_reqs--;
            req->ch = NULL;
            cancel(req);
        }
}
