/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/check.h"

#include "backend/count.h"
#include "backend/find.h"
#include "base/when.h"
#include "http/client.h"
#include "log/log.h"
#include "net/proxy.h"

MSG(msg_slow, "gateway.check-slow", "it did not answer within {0} seconds");
MSG(msg_cut, "gateway.check-cut", "it closed the connection before its answer began");
MSG(msg_status, "gateway.check-status", "it answered with status {0}");

enum { STEP = 10'000, ASK_MAX = 4096 };

enum verdict { BAD, GOOD, UNKNOWN };

struct backend_check {
    struct backend_pool *pool; /* of the backend alone */
    struct backend_find find;
    struct backend_link *link;
    struct http_client *answer;
    struct buf preface, ask;
    size_t asked;
    struct ev_timer timer; /* for the next turn, or for this one's end */
    int64_t interval, up_at;
    unsigned row; /* verdicts that contradict `down` */
    bool down, running;
    struct err why;
    struct str site;
    char text[];
};

static struct backend *backend_of(const struct backend_check *c)
{
    return c->pool->members[0].backend;
}

static void tell(const struct backend_check *c)
{
    if (c->down)
        log_warn("gateway.backend-down", LOG_STR("site", c->site),
                 LOG_STR("backend", backend_of(c)->key), LOG_ERR(&c->why));
    else
        log_info("gateway.backend-up", LOG_STR("site", c->site),
                 LOG_STR("backend", backend_of(c)->key));
}

static void judge(struct backend_check *c, enum verdict v)
{
    if (v == UNKNOWN)
        return;
    if (v == BAD)
        backend_count_failure(BACKEND_FAILED_CHECK);
    if ((v == BAD) == c->down) {
        c->row = 0;
        return;
    }
    if (++c->row < (c->down ? BACKEND_CHECK_RISE : BACKEND_CHECK_FALL))
        return;
    c->row = 0;
    c->down = !c->down;
    if (!c->down)
        c->up_at = backend_now(backend_of(c));
    tell(c);
}

static void drop(struct backend_check *c)
{
    c->running = false;
    backend_find_stop(&c->find);
    backend_link_close(MOVE(c->link));
    http_client_free(MOVE(c->answer));
}

static void over(struct backend_check *c, enum verdict v)
{
    drop(c);
    judge(c, v);
    ev_timer_start(&c->timer, c->interval, 0);
}

/* What this process lacks says nothing about the backend. */
static void failed(struct backend_check *c, const struct err *why)
{
    c->why = *why;
    over(c, why->rc == RC_NOMEM || why->rc == RC_QUOTA ? UNKNOWN : BAD);
}

static enum verdict verdict(struct backend_check *c)
{
    int status = http_client_status(c->answer);
    char text[4] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                    (char)('0' + status % 10), 0};

    if (status < 400)
        return GOOD;
    IGNORE_RC(ERR(&c->why, RC_NET, msg_status, str_of(text)));
    return BAD;
}

/* RC_OK: the head of the answer is there. */
static enum rc hear(struct backend_check *c)
{
    struct net_stream *t = c->link->t;
    char bytes[4096];

    while (http_client_status(c->answer) == 0) {
        size_t n = 0;
        enum rc rc = t->ops->read(t, bytes, sizeof(bytes), &n);

        if (rc == RC_CLOSED || rc == RC_NET)
            return ERR(&c->why, RC_CLOSED, msg_cut);
        TRY(rc);
        rc = http_client_feed(c->answer, str_bytes(bytes, n), &c->why);
        if (rc == RC_PARSE || rc == RC_NOMEM)
            return rc;
    }
    return RC_OK;
}

static enum rc say(struct backend_check *c)
{
    struct net_stream *t = c->link->t;

    while (c->asked < c->ask.n) {
        size_t n = 0;
        enum rc rc = t->ops->write(t, str_skip(buf_str(&c->ask), c->asked), &n);

        if (rc == RC_NET)
            return ERR(&c->why, RC_CLOSED, msg_cut);
        TRY(rc);
        c->asked += n;
    }
    return RC_OK;
}

static void on_link(void *arg)
{
    struct backend_check *c = arg;
    enum rc rc = say(c);

    if (rc == RC_OK)
        rc = hear(c);
    if (rc == RC_AGAIN) {
        c->link->t->ops->want(c->link->t, c->asked < c->ask.n ? NET_WANT_WRITE : NET_WANT_READ);
        return;
    }
    if (rc == RC_OK)
        over(c, verdict(c));
    else
        over(c, rc == RC_NOMEM ? UNKNOWN : BAD);
}

static void ask(struct backend_check *c, struct backend_link *l)
{
    c->link = l;
    if (c->ask.n == 0) {
        over(c, GOOD);
        return;
    }
    c->asked = 0;
    l->t->ready = on_link;
    l->t->arg = c;
    if (http_client_new(0, &c->answer) == RC_OK)
        on_link(c);
    else
        over(c, UNKNOWN);
}

static void on_found(void *arg, struct backend_link *l)
{
    struct backend_check *c = arg;

    if (l)
        ask(c, l);
    else
        failed(c, &c->find.why);
}

static void on_time(void *arg)
{
    struct backend_check *c = arg;
    struct backend_link *l = NULL;
    enum rc rc;

    if (c->running) {
        IGNORE_RC(ERR(&c->why, RC_TIMEOUT, msg_slow, STR("5")));
        over(c, BAD);
        return;
    }
    c->running = true;
    ev_timer_start(&c->timer, BACKEND_CHECK_SECONDS * WHEN_SECOND, 0);
    rc = backend_find_start(&c->find, c->pool, 0, &l);
    if (rc == RC_OK)
        ask(c, l);
    else if (rc != RC_AGAIN)
        failed(c, &c->find.why);
}

/* ---- life */

/* On nobody's behalf. */
static void put_proxy(enum conf_send_proxy version, struct buf *out)
{
    const struct net_proxy ours = {.local = true};

    if (version == CONF_SEND_PROXY_V1)
        net_proxy_put_v1(&ours, out);
    else if (version == CONF_SEND_PROXY_V2)
        net_proxy_put_v2(&ours, out);
}

enum rc backend_check_new(const struct backend_check_conf *conf, struct backend_check **out)
{
    CLEANUP(backend_check_freep)
    struct backend_check *c = mem_calloc(1, sizeof(*c) + conf->site.n);

    if (!c)
        return RC_NOMEM;
    memcpy(c->text, conf->site.p, conf->site.n);
    c->site = str_bytes(c->text, conf->site.n);
    c->interval = conf->interval;
    c->up_at = INT64_MIN;
    backend_find_init(&c->find, conf->backend->all->ev, on_found, c);
    ev_timer_init(&c->timer, conf->backend->all->ev, on_time, c);
    buf_init(&c->preface, NET_PROXY_PUT_MAX);
    buf_init(&c->ask, ASK_MAX);
    put_proxy(conf->send_proxy, &c->preface);
    if (conf->path.n)
        buf_printf(&c->ask,
                   "GET %.*s HTTP/1.1\r\nhost: %.*s\r\nuser-agent: autarky-check\r\n"
                   "x-forwarded-proto: https\r\nconnection: close\r\n\r\n",
                   STR_ARG(conf->path), STR_ARG(conf->site));
    TRY(buf_rc(&c->preface));
    TRY(buf_rc(&c->ask));
    c->find.preface = buf_str(&c->preface);
    TRY(backend_pool_single(conf->backend, &c->pool));
    *out = MOVE(c);
    return RC_OK;
}

void backend_check_free(struct backend_check *c)
{
    if (!c)
        return;
    backend_check_stop(c);
    backend_pool_free(c->pool);
    buf_done(&c->preface);
    buf_done(&c->ask);
    mem_free(c);
}

/* Those of many backends are spread a little. */
void backend_check_start(struct backend_check *c, const struct backend_check *before)
{
    int64_t delay = (int64_t)(backend_of(c)->all->checks++) * STEP % c->interval;

    if (before) {
        c->down = before->down;
        c->row = before->row;
        c->up_at = before->up_at;
    }
    ev_timer_start(&c->timer, delay, 0);
}

void backend_check_stop(struct backend_check *c)
{
    ev_timer_stop(&c->timer);
    drop(c);
}

bool backend_check_down(const struct backend_check *c)
{
    return c->down;
}

int64_t backend_check_up_at(const struct backend_check *c)
{
    return c->up_at;
}
