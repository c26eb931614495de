/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/fd.h"
#include "net/net.h"
#include "txt/txt_int.h"

enum { LENGTH = 2 /* bytes before a message */, READ_ROOM = 4096 };

struct txt_conn {
    struct list link;
    struct txt *txt;
    struct addr client;
    struct net_stream *stream;
    struct ev_timer silence;
    struct buf in, out;
};

static void conn_free(struct txt_conn *c)
{
    if (!c)
        return;
    list_remove(&c->link);
    c->txt->n_conns--;
    ev_timer_stop(&c->silence);
    net_stream_free(c->stream);
    buf_done(&c->in);
    buf_done(&c->out);
    mem_free(c);
}

static void on_silence(void *arg)
{
    conn_free(arg);
}

/* It has said something: others are silent for longer. */
static void heard(struct txt_conn *c)
{
    list_remove(&c->link);
    list_push(&c->txt->conns, &c->link);
    ev_timer_start(&c->silence, TXT_SILENT_SECONDS * WHEN_SECOND, 0);
}

/* The next whole question; RC_AGAIN: there is none yet. */
static enum rc take_question(struct txt_conn *c, struct str *out)
{
    const unsigned char *p = (const unsigned char *)c->in.p;
    size_t n;

    if (c->in.n < LENGTH)
        return RC_AGAIN;
    n = (size_t)p[0] << 8 | p[1];
    if (n > TXT_QUESTION_MAX)
        return RC_TOOBIG;
    if (c->in.n < LENGTH + n)
        return RC_AGAIN;
    *out = str_bytes(c->in.p + LENGTH, n);
    return RC_OK;
}

static enum rc answer_next(struct txt_conn *c)
{
    struct str question;

    TRY(take_question(c, &question));
    buf_u16(&c->out, 0);
    TRY(txt_answer(c->txt, question, DNS_SERVE_TCP, &c->out));
    c->out.p[0] = (char)((c->out.n - LENGTH) >> 8);
    c->out.p[1] = (char)(c->out.n - LENGTH);
    buf_consume(&c->in, LENGTH + question.n);
    heard(c);
    return RC_OK;
}

static enum rc write_some(struct txt_conn *c)
{
    size_t n = 0;

    TRY(c->stream->ops->write(c->stream, buf_str(&c->out), &n));
    buf_consume(&c->out, n);
    return RC_OK;
}

static enum rc read_some(struct txt_conn *c)
{
    void *room = buf_reserve(&c->in, READ_ROOM);
    size_t n = 0;

    if (!room)
        return RC_NOMEM;
    TRY(c->stream->ops->read(c->stream, room, READ_ROOM, &n));
    buf_advance(&c->in, n);
    return RC_OK;
}

/* What is read next waits until the answer is written: who asks and does not read has to wait. */
static enum rc step(struct txt_conn *c)
{
    enum rc rc = c->out.n ? write_some(c) : answer_next(c);

    if (rc == RC_AGAIN && c->out.n == 0)
        rc = read_some(c);
    return rc;
}

static void on_ready(void *arg)
{
    struct txt_conn *c = arg;
    enum rc rc = RC_OK;

    for (unsigned i = 0; i < TXT_TURN && rc == RC_OK; i++)
        rc = step(c);
    if (rc != RC_OK && rc != RC_AGAIN)
        conn_free(c);
    else if (c->out.n || (rc == RC_OK && c->in.n))
        c->stream->ops->want(c->stream, NET_WANT_WRITE);
    else
        c->stream->ops->want(c->stream, NET_WANT_READ);
}

static size_t of_network(const struct txt *t, const struct addr *client)
{
    size_t n = 0;

    LIST_FOREACH (link, &t->conns)
        n += txt_limit_same(&LIST_ENTRY(link, struct txt_conn, link)->client, client);
    return n;
}

static void conn_new(struct txt *t, int fd, const struct addr *client)
{
    CLEANUP(fd_closep) int mine = fd;
    struct txt_conn *c = NULL;

    if (of_network(t, client) >= TXT_OF_CLIENT)
        return;
    if (t->n_conns >= TXT_CONNECTIONS)
        conn_free(LIST_ENTRY(t->conns.next, struct txt_conn, link));
    c = MEM_NEW(struct txt_conn);
    if (!c)
        return;
    c->txt = t;
    c->client = *client;
    buf_init(&c->in, LENGTH + TXT_QUESTION_MAX + READ_ROOM);
    buf_init(&c->out, LENGTH + DNS_MESSAGE_MAX);
    ev_timer_init(&c->silence, t->env->ev, on_silence, c);
    list_init(&c->link);
    list_push(&t->conns, &c->link);
    t->n_conns++;
    if (net_stream_fd(t->env->ev, fd_move(&mine), &c->stream) != RC_OK) {
        conn_free(c);
        return;
    }
    c->stream->ready = on_ready;
    c->stream->arg = c;
    heard(c);
    c->stream->ops->want(c->stream, NET_WANT_READ);
}

void txt_tcp_ready(void *listener, unsigned)
{
    struct txt_listener *l = listener;
    struct addr_port peer;
    int fd;

    for (unsigned i = 0; i < TXT_TURN; i++) {
        enum rc rc = net_accept(l->fd, &fd, &peer);

        if (rc == RC_OK)
            conn_new(l->txt, fd, &peer.addr);
        else if (rc == RC_QUOTA && l->txt->n_conns)
            conn_free(LIST_ENTRY(l->txt->conns.next, struct txt_conn, link));
        if (rc != RC_OK)
            return;
    }
}

void txt_tcp_close_all(struct txt *t)
{
    while (!list_empty(&t->conns))
        conn_free(LIST_ENTRY(t->conns.next, struct txt_conn, link));
}
