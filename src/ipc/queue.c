/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fd.h"
#include "base/when.h"
#include "ipc/chan_int.h"

MSG(msg_stall, "ipc.peer-does-not-read",
    "the {0} process has not read what it was sent; the channel to it is closed");
MSG(msg_cannot_queue, "ipc.cannot-answer", "the channel to the {0} process is closed: {1}");

enum { GATHER = 16 };

struct outgoing {
    struct list link;
    char *p;
    size_t n;
    size_t sent;
    int fd;
    uint16_t credit_of; /* 0: none */
};

static void outgoing_free(struct ipc_chan *ch, struct outgoing *o)
{
    list_remove(&o->link);
    ch->queued -= o->n - o->sent;
    if (o->credit_of)
        ch->in_flight[o->credit_of]--;
    fd_close(&o->fd);
    mem_free(o->p);
    mem_free(o);
}

void ipc_queue_clear(struct ipc_chan *ch)
{
    ev_timer_stop(&ch->stall);
    ev_defer_cancel(&ch->flush);
    while (!list_empty(&ch->out))
        outgoing_free(ch, LIST_ENTRY(ch->out.next, struct outgoing, link));
}

static enum rc add(struct ipc_chan *ch, struct buf *frame, int fd, const struct ipc_rule *credit_of)
{
    CLEANUP(mem_freep) struct outgoing *o = NULL;

    TRY(buf_rc(frame));
    if (ch->closed)
        return RC_CLOSED;
    o = MEM_NEW(struct outgoing);
    if (!o)
        return RC_NOMEM;
    TRY(buf_take(frame, &o->p, &o->n));
    o->fd = fd;
    o->credit_of = credit_of ? credit_of->type : 0;
    ch->queued += o->n;
    list_push(&ch->out, &MOVE(o)->link);
    return RC_OK;
}

enum rc ipc_queue(struct ipc_chan *ch, struct buf *frame, int fd, const struct ipc_rule *credit_of)
{
    enum rc rc = add(ch, frame, fd, credit_of);

    if (rc != RC_OK) {
        buf_done(frame);
        fd_close(&fd);
        return rc;
    }
    /* Answers written in one iteration leave in one system call. */
    ev_defer(ch->ev, &ch->flush);
    if (ch->queued > IPC_QUEUE_HARD)
        ipc_queue_stalled(ch);
    return RC_OK;
}

void ipc_queue_stalled(struct ipc_chan *ch)
{
    struct err err = ERR_INIT;

    IGNORE_RC(ERR(&err, RC_QUOTA, msg_stall, str_of(role_name(ch->conf.peer))));
    ipc_chan_fail(ch, &err);
}

enum rc ipc_queue_raw(struct ipc_chan *ch, const struct ipc_header *h, struct str payload)
{
    CLEANUP(buf_done) struct buf frame = {};

    buf_init(&frame, IPC_HEADER_BYTES + payload.n);
    ipc_frame_begin(&frame, h);
    buf_puts(&frame, payload);
    ipc_frame_end(&frame);
    return ipc_queue(ch, &frame, -1, NULL);
}

void ipc_queue_must(struct ipc_chan *ch, enum rc rc)
{
    struct err err = ERR_INIT;

    if (rc == RC_OK || ch->closed)
        return;
    IGNORE_RC(
        ERR(&err, rc, msg_cannot_queue, str_of(role_name(ch->conf.peer)), str_of(rc_text(rc))));
    ipc_chan_fail(ch, &err);
}

static void add_control(struct msghdr *m, void *control, size_t size, int fd)
{
    struct cmsghdr *c;

    memset(control, 0, size);
    m->msg_control = control;
    m->msg_controllen = size;
    c = CMSG_FIRSTHDR(m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

/* One system call. A descriptor travels with the first byte of its frame, and that frame travels
 * alone, so that the receiver can tell whose it is. */
static ssize_t send_some(struct ipc_chan *ch)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov[GATHER];
    struct msghdr m = {.msg_iov = iov};

    LIST_FOREACH (it, &ch->out) {
        struct outgoing *o = LIST_ENTRY(it, struct outgoing, link);

        if (m.msg_iovlen == GATHER || (m.msg_iovlen && o->fd >= 0))
            break;
        iov[m.msg_iovlen++] = (struct iovec){o->p + o->sent, o->n - o->sent};
        if (o->fd < 0)
            continue;
        add_control(&m, &control, sizeof(control.space), o->fd);
        break;
    }
    return sendmsg(ch->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void sent(struct ipc_chan *ch, size_t n)
{
    while (n) {
        struct outgoing *o = LIST_ENTRY(ch->out.next, struct outgoing, link);
        size_t here = o->n - o->sent < n ? o->n - o->sent : n;

        o->sent += here;
        ch->queued -= here;
        n -= here;
        fd_close(&o->fd);
        if (o->sent == o->n)
            outgoing_free(ch, o);
    }
}

static void watch(struct ipc_chan *ch)
{
    ev_fd_watch(ch->watch, list_empty(&ch->out) ? EV_READ : EV_READ | EV_WRITE);
}

void ipc_queue_flush(struct ipc_chan *ch)
{
    while (!ch->closed && !list_empty(&ch->out)) {
        ssize_t n = send_some(ch);

        if (n > 0) {
            ev_timer_stop(&ch->stall);
            sent(ch, (size_t)n);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!ev_timer_running(&ch->stall))
                ev_timer_start(&ch->stall, IPC_STALL_SECONDS * WHEN_SECOND, 0);
            break;
        } else if (errno != EINTR) {
            /* The peer is gone, but what it sent before may still wait to be read; reading will
             * find the end. */
            ipc_queue_clear(ch);
        }
    }
    if (!ch->closed)
        watch(ch);
}
