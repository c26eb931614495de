/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/chan.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "ipc/chan_int.h"
#include "log/log.h"

MSG(msg_gone, "ipc.peer-gone", "the {0} process has closed its channel");
MSG(msg_gone_amid, "ipc.peer-gone-amid", "the {0} process has closed its channel in mid-message");
MSG(msg_version, "ipc.version",
    "the {0} process speaks another version of the protocol between processes; all of them must be "
    "started from one program file");
MSG(msg_violation, "ipc.broke-rules",
    "the {0} process broke the rules of its channel, which is closed: {1} {2} {3}");
MSG(msg_garbage, "ipc.no-message",
    "the {0} process sent bytes that are no message; the channel to it is closed");

enum { READ_BYTES = 64 << 10, READ_ROUNDS = 8 };

static const char *const kind_names[IPC_KIND_COUNT] = {
    [IPC_REQUEST] = "request",     [IPC_REPLY] = "reply", [IPC_ERROR] = "error",
    [IPC_CANCEL] = "cancel",       [IPC_CHUNK] = "chunk", [IPC_CREDIT] = "credit",
    [IPC_NOTIFY] = "notification",
};

static struct str peer_name(const struct ipc_chan *ch)
{
    return str_of(role_name(ch->conf.peer));
}

void ipc_about(const struct id *id, struct id *saved)
{
    const struct id *current = log_request_current();

    if (saved)
        *saved = current ? *current : (struct id){""};
    log_request(id && id->z[0] ? id : NULL);
}

void ipc_chan_enter(struct ipc_chan *ch)
{
    ch->busy++;
}

void ipc_chan_leave(struct ipc_chan *ch)
{
    if (--ch->busy == 0 && ch->freed)
        mem_free(ch);
}

static void stop_io(struct ipc_chan *ch)
{
    ch->closed = true;
    ev_fd_free(MOVE(ch->watch));
    ipc_queue_clear(ch);
    fd_close(&ch->fd);
    fd_close(&ch->came_fd);
}

void ipc_chan_fail(struct ipc_chan *ch, const struct err *err)
{
    if (ch->closed)
        return;
    ch->why = *err;
    stop_io(ch);
    ev_defer(ch->ev, &ch->closing);
}

enum rc ipc_chan_refuse(struct ipc_chan *ch, const char *complaint)
{
    ch->complaint = complaint;
    return RC_DENIED;
}

void ipc_chan_violation(struct ipc_chan *ch, enum rc rc, const char *complaint)
{
    const struct ipc_header *h = &ch->parser.h;
    struct err err = ERR_INIT;

    IGNORE_RC(ERR(&err, rc, msg_violation, peer_name(ch), str_of(kind_names[h->kind]),
                  str_of(ipc_type_name(h->type)), str_of(complaint)));
    ipc_chan_fail(ch, &err);
}

static void on_closing(void *arg)
{
    struct ipc_chan *ch = arg;

    ipc_chan_enter(ch);
    ipc_calls_end(ch);
    if (!ch->freed)
        ipc_reqs_end(ch);
    if (!ch->freed && ch->conf.on_close)
        ch->conf.on_close(ch->conf.close_arg ? ch->conf.close_arg : ch->conf.arg, ch->why.rc,
                          &ch->why);
    ipc_chan_leave(ch);
}

static void on_flush(void *arg)
{
    ipc_queue_flush(arg);
}

static void on_stall(void *arg)
{
    ipc_queue_stalled(arg);
}

/* ---- reading */

static enum rc admit(void *arg, const struct ipc_header *h, uint32_t *out_max)
{
    struct ipc_chan *ch = arg;

    switch ((enum ipc_kind)h->kind) {
    case IPC_REPLY:
    case IPC_ERROR:
    case IPC_CHUNK:
        if (h->flags)
            return ipc_chan_refuse(ch, "comes with a descriptor");
        return ipc_call_admit(ch, h, out_max);
    case IPC_REQUEST:
    case IPC_NOTIFY:
    case IPC_CANCEL:
    case IPC_CREDIT:
    case IPC_KIND_COUNT:
        break;
    }
    return ipc_req_admit(ch, h, out_max);
}

static void dispatch(struct ipc_chan *ch)
{
    const struct ipc_header h = ch->parser.h;
    /* Ours, so that it stays when a callback frees the channel. */
    CLEANUP(buf_done) struct buf payload = ch->parser.payload;
    int fd = -1;

    buf_init(&ch->parser.payload, 0);
    if (h.flags & IPC_FLAG_FD) {
        fd = fd_move(&ch->came_fd);
        if (fd < 0) {
            ipc_chan_violation(ch, RC_PARSE, "lacks its descriptor");
            return;
        }
    }
    if (h.kind == IPC_REPLY || h.kind == IPC_ERROR || h.kind == IPC_CHUNK)
        ipc_call_frame(ch, &h, buf_str(&payload));
    else
        ipc_req_frame(ch, &h, &payload, fd);
}

static void refused(struct ipc_chan *ch, enum rc rc)
{
    struct err err = ERR_INIT;

    switch ((int)rc) {
    case RC_NOMEM:
        ipc_queue_must(ch, rc);
        return;
    case RC_DENIED:
        ipc_chan_violation(ch, rc, ch->complaint);
        return;
    case RC_TOOBIG:
        ipc_chan_violation(ch, rc, "is longer than allowed");
        return;
    case RC_VERSION:
        IGNORE_RC(ERR(&err, rc, msg_version, peer_name(ch)));
        break;
    default:
        IGNORE_RC(ERR(&err, rc, msg_garbage, peer_name(ch)));
        break;
    }
    ipc_chan_fail(ch, &err);
}

static void take_bytes(struct ipc_chan *ch, struct str bytes)
{
    while (!ch->closed) {
        enum rc rc = ipc_parser_feed(&ch->parser, &bytes);

        if (rc == RC_AGAIN)
            break;
        if (rc != RC_OK) {
            refused(ch, rc);
            return;
        }
        dispatch(ch);
    }
    /* A descriptor comes with the first bytes of its frame, so one is under way now. */
    if (!ch->closed && ch->came_fd >= 0 && ipc_parser_idle(&ch->parser))
        ipc_chan_violation(ch, RC_DENIED,
                           "was followed by a descriptor that belongs to no message");
}

/* Descriptors arrive with the bytes, wanted or not; those beyond the first were closed by the
 * kernel, which says so. */
static bool take_fds(struct ipc_chan *ch, struct msghdr *m)
{
    bool ok = !(m->msg_flags & MSG_CTRUNC);

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        CLEANUP(fd_closep) int fd = -1;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        if (!ch->takes_fd || ch->came_fd >= 0 || c->cmsg_len != CMSG_LEN(sizeof(fd)))
            ok = false;
        else
            ch->came_fd = fd_move(&fd);
    }
    return ok;
}

static void peer_gone(struct ipc_chan *ch)
{
    struct err err = ERR_INIT;

    if (ipc_parser_idle(&ch->parser))
        IGNORE_RC(ERR(&err, RC_CLOSED, msg_gone, peer_name(ch)));
    else
        IGNORE_RC(ERR(&err, RC_CLOSED, msg_gone_amid, peer_name(ch)));
    ipc_chan_fail(ch, &err);
}

/* False when there is no more to read for now. */
static bool read_some(struct ipc_chan *ch)
{
    /* Shared by all channels: nothing in it is needed once take_bytes returns. */
    static char bytes[READ_BYTES];
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {bytes, sizeof(bytes)};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_LEN(sizeof(int))};
    ssize_t n = recvmsg(ch->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n < 0) {
        peer_gone(ch);
        return false;
    }
    if (!take_fds(ch, &m)) {
        ipc_chan_violation(ch, RC_DENIED, "was followed by a descriptor, where none may come");
        return false;
    }
    if (n == 0) {
        peer_gone(ch);
        return false;
    }
    take_bytes(ch, str_bytes(bytes, (size_t)n));
    return !ch->closed && (size_t)n == sizeof(bytes);
}

static void on_ready(void *arg, unsigned events)
{
    struct ipc_chan *ch = arg;

    ipc_chan_enter(ch);
    if (events & EV_READ)
        for (int i = 0; i < READ_ROUNDS && read_some(ch); i++)
            ;
    /* Also where the watch ended by itself, at an error of the socket: sets it anew. */
    if (!ch->closed)
        ipc_queue_flush(ch);
    ipc_chan_leave(ch);
}

/* ---- life */

static struct ipc_chan *make(struct ev *ev, const struct ipc_chan_conf *conf)
{
    struct ipc_chan *ch = MEM_NEW(struct ipc_chan);

    if (!ch)
        return NULL;
    ch->ev = ev;
    ch->conf = *conf;
    ch->fd = -1;
    ch->came_fd = -1;
    ch->takes_fd = ipc_rules_fd(conf->peer, conf->self);
    ipc_parser_init(&ch->parser, admit, ch);
    list_init(&ch->out);
    ev_defer_init(&ch->flush, on_flush, ch);
    ev_defer_init(&ch->closing, on_closing, ch);
    ev_timer_init(&ch->stall, ev, on_stall, ch);
    for (size_t i = 0; i < IPC_BUCKETS; i++) {
        list_init(&ch->calls[i]);
        list_init(&ch->reqs[i]);
    }
    return ch;
}

enum rc ipc_chan_new(struct ev *ev, int fd, const struct ipc_chan_conf *conf, struct ipc_chan **out)
{
    CLEANUP(fd_closep) int own = fd;
    CLEANUP(ipc_chan_freep) struct ipc_chan *ch = make(ev, conf);

    if (!ch)
        return RC_NOMEM;
    TRY(ev_fd_new(ev, own, on_ready, ch, &ch->watch));
    ch->fd = fd_move(&own);
    ev_fd_watch(ch->watch, EV_READ);
    *out = MOVE(ch);
    return RC_OK;
}

void ipc_chan_free(struct ipc_chan *ch)
{
    if (!ch || ch->freed)
        return;
    ipc_chan_enter(ch);
    if (!ch->closed && ch->fd >= 0)
        ipc_queue_flush(ch);
    ch->freed = true;
    stop_io(ch);
    ev_defer_cancel(&ch->closing);
    ipc_calls_end(ch);
    ipc_reqs_end(ch);
    ipc_parser_done(&ch->parser);
    ipc_chan_leave(ch);
}

enum role ipc_chan_peer(const struct ipc_chan *ch)
{
    return ch->conf.peer;
}

bool ipc_chan_idle(const struct ipc_chan *ch)
{
    return list_empty(&ch->out) && ch->n_calls == 0 && ch->n_reqs == 0;
}
