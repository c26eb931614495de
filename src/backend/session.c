/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/session.h"

#include "base/when.h"
#include "http/h2_client.h"
#include "log/log.h"

enum { TURN_READS = 16 };

struct backend_session {
    struct list link;        /* in its backend's sessions; not once it is ending */
    struct backend *backend; /* a reference while there are requests */
    struct net_stream *t;
    struct http_h2_client *h2;
    struct ev_defer flush;
    struct ev_timer idle;
    size_t n;         /* streams */
    int64_t heard_at; /* monotonic: when something came, or the first of these began */
    bool pumping;     /* it is not freed */
    bool stalled, over;
};

/* What the link of a request stands on. */
struct stream {
    struct net_stream s; /* first */
    struct backend_session *session;
    struct http_h2_request *r;
    unsigned wants;
};

static void session_free(struct backend_session *s)
{
    if (!s)
        return;
    list_remove(&s->link);
    ev_timer_stop(&s->idle);
    ev_defer_cancel(&s->flush);
    net_stream_free(s->t);
    http_h2_client_free(s->h2);
    mem_free(s);
}
DEFINE_FREEP(session_free, struct backend_session)

/* ---- both directions */

/* The rest is for its requests to find out. */
static void lose(struct backend_session *s)
{
    if (s->over)
        return;
    s->over = true;
    list_remove(&s->link);
    s->t->ops->want(s->t, 0);
    http_h2_client_lost(s->h2);
}

/* Whoever has one of these may free it, and others. */
static void tell(struct backend_session *s)
{
    struct stream *r;

    while ((r = http_h2_client_due(s->h2)))
        if (r->wants)
            r->s.ready(r->s.arg);
}

static enum rc send_some(struct backend_session *s)
{
    struct str out;
    size_t n = 0;

    TRY(http_h2_client_out(s->h2, &out));
    if (out.n == 0)
        return RC_CLOSED;
    TRY(s->t->ops->write(s->t, out, &n));
    http_h2_client_sent(s->h2, n);
    return RC_OK;
}

static void send_all(struct backend_session *s)
{
    enum rc rc = RC_OK;

    while (rc == RC_OK && !s->over)
        rc = send_some(s);
    s->stalled = rc == RC_AGAIN;
    if (rc != RC_OK && rc != RC_AGAIN && rc != RC_CLOSED)
        lose(s);
}

static void read_some(struct backend_session *s)
{
    char bytes[NET_STREAM_READ];
    enum rc rc = RC_OK;
    size_t n = 0;

    for (int i = 0; i < TURN_READS && rc == RC_OK && !s->over; i++) {
        rc = s->t->ops->read(s->t, bytes, sizeof(bytes), &n);
        if (rc == RC_OK) {
            s->heard_at = backend_now(s->backend);
            rc = http_h2_client_receive(s->h2, str_bytes(bytes, n), s->heard_at);
        }
        if (rc == RC_PARSE)
            log_warn(
                "gateway.backend-h2", LOG_STR("backend", s->backend->key),
                LOG_TEXT("breaks the rules of HTTP/2, or does not speak it: connection closed"));
        if (rc != RC_OK && rc != RC_AGAIN)
            lose(s);
        if (rc == RC_OK && n < sizeof(bytes))
            return;
    }
}

/* ---- life */

/* Another one without requests is kept already, or this one takes none any more. */
static bool is_spare(const struct backend_session *s)
{
    if (http_h2_client_ending(s->h2) || s->backend->refs == 0)
        return true;
    LIST_FOREACH (it, &s->backend->sessions) {
        const struct backend_session *other = LIST_ENTRY(it, struct backend_session, link);

        if (other != s && http_h2_client_takes(other->h2))
            return true;
    }
    return false;
}

/* True: it is gone. */
static bool settle(struct backend_session *s)
{
    if (s->pumping)
        return false;
    if (s->n == 0 && (s->over || is_spare(s))) {
        session_free(s);
        return true;
    }
    if (!s->over)
        s->t->ops->want(s->t, NET_WANT_READ | (s->stalled ? NET_WANT_WRITE : 0));
    if (s->n == 0 && !ev_timer_running(&s->idle))
        ev_timer_start(&s->idle, BACKEND_IDLE_SECONDS * WHEN_SECOND, 0);
    return false;
}

static void pump(struct backend_session *s, bool reads)
{
    struct backend *b = s->backend;

    if (s->pumping)
        return;
    s->pumping = true;
    b->refs++; /* its last request may end in this */
    if (reads)
        read_some(s);
    tell(s);
    send_all(s);
    if (http_h2_client_finished(s->h2))
        lose(s);
    tell(s);
    s->pumping = false;
    (void)settle(s);
    backend_unref(b);
}

static void on_ready(void *arg)
{
    pump(arg, true);
}

static void on_flush(void *arg)
{
    pump(arg, false);
}

static void on_idle(void *arg)
{
    struct backend_session *s = arg;

    if (s->n == 0)
        session_free(s);
}

static enum rc session_new(struct backend *b, struct net_stream *t, struct backend_session **out)
{
    CLEANUP(session_freep) struct backend_session *s = MEM_NEW(struct backend_session);

    if (!s) {
        net_stream_free(t);
        return RC_NOMEM;
    }
    s->backend = b;
    s->t = t;
    list_init(&s->link);
    ev_defer_init(&s->flush, on_flush, s);
    ev_timer_init(&s->idle, b->all->ev, on_idle, s);
    TRY(http_h2_client_new(b->demand != NULL, &s->h2));
    t->ready = on_ready;
    t->arg = s;
    *out = MOVE(s);
    return RC_OK;
}

void backend_sessions_close(struct backend *b)
{
    LIST_FOREACH (it, &b->sessions) {
        struct backend_session *s = LIST_ENTRY(it, struct backend_session, link);

        if (s->n == 0 && !s->pumping)
            session_free(s);
    }
}

/* ---- a request, as its link sees it */

static struct stream *stream_of(struct net_stream *s)
{
    return (struct stream *)s;
}

static void flush_soon(struct backend_session *s)
{
    ev_defer(s->backend->all->ev, &s->flush);
}

static enum rc stream_read(struct net_stream *s, void *p, size_t n, size_t *out_n)
{
    enum rc rc = http_h2_request_read(stream_of(s)->r, p, n, out_n);

    if (rc == RC_OK)
        flush_soon(stream_of(s)->session); /* it has more room */
    return rc;
}

static enum rc stream_write(struct net_stream *s, struct str bytes, size_t *out_n)
{
    enum rc rc = http_h2_request_write(stream_of(s)->r, bytes, out_n);

    flush_soon(stream_of(s)->session);
    return rc;
}

static enum rc stream_shutdown(struct net_stream *s)
{
    enum rc rc = http_h2_request_shutdown(stream_of(s)->r);

    flush_soon(stream_of(s)->session);
    return rc;
}

/* What has come, or became possible, while nobody wanted to know is told of now. */
static void stream_want(struct net_stream *s, unsigned wants)
{
    struct stream *r = stream_of(s);

    r->wants = wants;
    if (http_h2_request_remind(r->r, wants & NET_WANT_READ, wants & NET_WANT_WRITE))
        flush_soon(r->session);
}

/* One that ends without an answer, while nothing at all has come for a while, may stand for a
 * connection that is dead without having said so: the next requests take another one. */
static void stream_free(struct net_stream *s)
{
    struct backend_session *session = stream_of(s)->session;

    if (!http_h2_request_heard(stream_of(s)->r) &&
        backend_now(session->backend) - session->heard_at >= BACKEND_SESSION_QUIET * WHEN_SECOND)
        http_h2_client_end(session->h2);
    http_h2_request_free(stream_of(s)->r);
    mem_free(stream_of(s));
    session->n--;
    if (!settle(session))
        flush_soon(session);
}

static const struct net_stream_ops stream_ops = {stream_read, stream_write, stream_shutdown,
                                                 stream_want, stream_free};

static enum rc stream_new(struct backend_session *s, struct backend_link **out)
{
    struct stream *r = MEM_NEW(struct stream);

    if (!r)
        return RC_NOMEM;
    r->s.ops = &stream_ops;
    r->session = s;
    if (http_h2_request_new(s->h2, r, &r->r) != RC_OK) {
        mem_free(r);
        return RC_NOMEM;
    }
    if (s->n++ == 0)
        s->heard_at = backend_now(s->backend);
    ev_timer_stop(&s->idle);
    return backend_link_new(s->backend, &r->s, out);
}

enum rc backend_session_new(struct backend *b, struct net_stream *t, struct backend_link **out)
{
    struct backend_session *s = NULL;
    enum rc rc;

    TRY(session_new(b, t, &s));
    s->pumping = true; /* stream_free would take it away */
    rc = stream_new(s, out);
    s->pumping = false;
    if (rc != RC_OK) {
        session_free(s);
        return rc;
    }
    list_push(&b->sessions, &s->link);
    (void)settle(s);
    flush_soon(s);
    return RC_OK;
}

struct backend_link *backend_session_take(struct backend *b)
{
    LIST_FOREACH (it, &b->sessions) {
        struct backend_session *s = LIST_ENTRY(it, struct backend_session, link);
        struct backend_link *l = NULL;

        if (!http_h2_client_takes(s->h2))
            continue;
        if (stream_new(s, &l) != RC_OK)
            return NULL;
        l->reused = true;
        return l;
    }
    return NULL;
}

bool backend_session_refused(const struct backend_link *l)
{
    return l->backend->h2 && http_h2_request_refused(((const struct stream *)l->t)->r);
}
