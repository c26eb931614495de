/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pump.h"

struct way {
    struct net_stream *from, *to;
    size_t at, n; /* what was read and is not written yet */
    bool ended;   /* `from` sends no more */
    bool deaf;    /* `to` takes no more */
    char bytes[NET_STREAM_READ];
};

struct net_pump {
    struct way ways[2];
    void (*on_end)(void *arg);
    void *arg;
    bool over;
};

/* True when it came further. */
static bool move(struct way *w)
{
    enum rc rc;
    size_t n;

    if (w->n > w->at) {
        rc = w->to->ops->write(w->to, str_bytes(w->bytes + w->at, w->n - w->at), &n);
        if (rc == RC_AGAIN)
            return false;
        if (rc != RC_OK) {
            w->deaf = true;
            w->at = w->n;
            return true;
        }
        w->at += n;
        return true;
    }
    if (w->ended || w->deaf)
        return false;
    rc = w->from->ops->read(w->from, w->bytes, sizeof(w->bytes), &n);
    if (rc == RC_AGAIN)
        return false;
    w->at = 0;
    w->n = rc == RC_OK ? n : 0;
    w->ended = rc != RC_OK;
    return true;
}

/* One side is done, and the other one has what it said last; or nobody listens any more. */
static bool is_over(const struct net_pump *p)
{
    for (size_t i = 0; i < 2; i++)
        if (p->ways[i].ended && p->ways[i].at == p->ways[i].n)
            return true;
    return p->ways[0].deaf && p->ways[1].deaf;
}

static unsigned wants(const struct way *in, const struct way *out)
{
    unsigned w = out->n > out->at ? NET_WANT_WRITE : 0;

    return in->ended || in->deaf || in->n > in->at ? w : w | NET_WANT_READ;
}

static void watch(struct net_pump *p)
{
    for (size_t i = 0; i < 2; i++) {
        struct net_stream *s = p->ways[i].from;

        s->ops->want(s, p->over ? 0 : wants(&p->ways[i], &p->ways[1 - i]));
    }
}

static void on_ready(void *arg)
{
    struct net_pump *p = arg;
    bool further = true;

    while (further) {
        further = move(&p->ways[0]);
        further = move(&p->ways[1]) || further;
        /* The other side's last words are waited for: `b` may have said why before it ended. */
        if (is_over(p))
            break;
    }
    p->over = is_over(p);
    watch(p);
    if (p->over)
        p->on_end(p->arg);
}

enum rc net_pump_new(struct net_stream *a, struct net_stream *b, void (*on_end)(void *arg),
                     void *arg, struct net_pump **out)
{
    struct net_pump *p = MEM_NEW(struct net_pump);

    if (!p) {
        net_stream_free(a);
        net_stream_free(b);
        return RC_NOMEM;
    }
    p->ways[0].from = p->ways[1].to = a;
    p->ways[0].to = p->ways[1].from = b;
    p->on_end = on_end;
    p->arg = arg;
    a->ready = b->ready = on_ready;
    a->arg = b->arg = p;
    watch(p);
    *out = p;
    return RC_OK;
}

void net_pump_free(struct net_pump *p)
{
    if (!p)
        return;
    net_stream_free(p->ways[0].from);
    net_stream_free(p->ways[1].from);
    mem_free(p);
}
