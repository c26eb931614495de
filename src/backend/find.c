/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/find.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/count.h"
#include "backend/session.h"
#include "base/when.h"
#include "log/log.h"
#include "net/net.h"
#include "tls/client.h"

MSG(msg_slow, "gateway.backend-handshake-slow",
    "{0} did not complete the TLS handshake within {1} seconds");
MSG(msg_cut, "gateway.backend-preface", "{0} closed the connection at once");
MSG(msg_no_h2, "gateway.backend-no-h2",
    "{0} does not choose HTTP/2 in the TLS handshake (ALPN); https:// speaks HTTP/1.1 to it");
MSG(msg_full, "gateway.backend-full", "there are already {0} connections to {1}");

enum { NUMBER = 24 };

static void dial_next(struct backend_find *f);
static void on_slow(void *arg);

void backend_find_init(struct backend_find *f, struct ev *ev,
                       void (*done)(void *arg, struct backend_link *l), void *arg)
{
    *f = (struct backend_find){.done = done, .arg = arg};
    list_init(&f->waiting);
    ev_timer_init(&f->timer, ev, on_slow, f);
}

/* It makes no connection of HTTP/2 any more: who waited for that looks again. */
static void made(struct backend_find *f)
{
    struct backend *b = f->backend;

    if (!f->makes)
        return;
    f->makes = false;
    b->maker = NULL;
    if (!list_empty(&b->queued))
        ev_defer(b->all->ev, &b->wake);
}

void backend_find_stop(struct backend_find *f)
{
    made(f);
    list_remove(&f->waiting);
    ev_timer_stop(&f->timer);
    if (!f->dial && !f->shakes)
        return;
    if (f->dial)
        net_cancel(f->backend->all->net, MOVE(f->dial));
    tls_client_free(MOVE(f->shakes));
    f->backend->n_open--;
}

/* None twice. */
static struct backend *next_backend(struct backend_find *f)
{
    f->member = backend_pool_choose(f->pool, &f->tried, f->wish);
    return f->member ? f->member->backend : NULL;
}

static void failed(struct backend_find *f)
{
    struct backend *b = f->backend;

    b->failed_at = backend_now(b);
    backend_forget(b);
    backend_count_failure(BACKEND_FAILED_CONNECT);
    log_warn("gateway.backend-unreachable", LOG_STR("backend", b->key), LOG_ERR(&f->why));
}

/* RC_AGAIN: a connection is being made. */
static enum rc begin(struct backend_find *f)
{
    struct backend *b = f->backend;
    enum rc rc;

    if (b->h2 && !b->maker) {
        b->maker = f;
        f->makes = true;
    }
    rc = backend_resolve(b, f);
    if (rc == RC_OK) {
        dial_next(f);
        rc = f->dial ? RC_AGAIN : RC_NOMEM;
    }
    return rc;
}

/* RC_OK: a kept connection; RC_AGAIN: one is being made; else there is none to be had. */
static enum rc try_backends(struct backend_find *f, struct backend_link **out)
{
    while ((f->backend = next_backend(f))) {
        struct backend *b = f->backend;
        char most[NUMBER];
        enum rc rc;

        f->addr = 0;
        *out = backend_link_take(b, f->youngest);
        if (*out)
            return RC_OK;
        if (b->h2 && b->maker && f->youngest) {
            list_push(&b->queued, &f->waiting);
            return RC_AGAIN;
        }
        if (b->n_open >= BACKEND_CONNECTIONS_MAX) {
            snprintf(most, sizeof(most), "%d", BACKEND_CONNECTIONS_MAX);
            IGNORE_RC(ERR(&f->why, RC_QUOTA, msg_full, str_of(most), b->key));
            continue;
        }
        rc = begin(f);
        if (rc == RC_AGAIN)
            return rc;
        made(f);
        f->why = (struct err){.rc = rc};
    }
    return f->why.rc;
}

/* From a callback: the next backend, or the end of the search. */
static void go_on(struct backend_find *f)
{
    struct backend_link *l = NULL;
    enum rc rc = try_backends(f, &l);

    if (rc != RC_AGAIN)
        f->done(f->arg, l);
}

/* It is reached: *f->done has it. */
static void reached(struct backend_find *f, struct backend_link *l)
{
    struct backend *b = f->backend;

    b->first = (b->first + f->addr - 1) % b->n_addrs;
    if (b->failed_at != INT64_MIN)
        b->up_at = backend_now(b);
    b->failed_at = INT64_MIN;
    f->unproven = false;
    made(f);
    f->done(f->arg, l);
}

/* This address was of no use, and f->why tells. */
static void not_reached(struct backend_find *f)
{
    dial_next(f);
    if (f->dial)
        return;
    made(f);
    failed(f);
    go_on(f);
}

static void connected(struct backend_find *f, struct net_stream *t)
{
    struct backend_link *l;
    enum rc rc = f->backend->h2 ? backend_session_new(f->backend, t, &l)
                                : backend_link_new(f->backend, t, &l);

    if (rc == RC_OK) {
        reached(f, l);
        return;
    }
    f->why = (struct err){.rc = rc};
    not_reached(f);
}

static void on_shaken(void *arg, enum rc rc, const struct err *err)
{
    struct backend_find *f = arg;
    struct tls_client *c = MOVE(f->shakes);

    ev_timer_stop(&f->timer);
    f->backend->n_open--;
    if (rc == RC_OK && (!f->backend->h2 || str_eq(tls_client_alpn(c), STR("h2")))) {
        connected(f, tls_client_stream(c));
        return;
    }
    tls_client_free(c);
    f->why = err ? *err : (struct err){.rc = rc};
    if (rc == RC_OK)
        IGNORE_RC(ERR(&f->why, RC_UNSUPPORTED, msg_no_h2, f->backend->key));
    f->unproven = f->unproven || rc == RC_CRYPTO || rc == RC_DENIED;
    not_reached(f);
}

static void on_slow(void *arg)
{
    struct backend_find *f = arg;

    tls_client_free(MOVE(f->shakes));
    f->backend->n_open--;
    IGNORE_RC(ERR(&f->why, RC_TIMEOUT, msg_slow, f->backend->key, STR("5")));
    not_reached(f);
}

static enum rc shake(struct backend_find *f, int fd)
{
    struct tls_client_conf conf = {
        .ev = f->backend->all->ev,
        .alpn = f->backend->h2 ? STR("h2") : STR("http/1.1"),
        .demand = f->backend->demand,
        .on_open = on_shaken,
        .arg = f,
    };

    TRY(tls_client_new(&conf, fd, &f->shakes));
    f->backend->n_open++;
    ev_timer_start(&f->timer, BACKEND_CONNECT_SECONDS * WHEN_SECOND, 0);
    return RC_OK;
}

static void on_dialled(void *arg, enum rc rc, int fd, const struct err *err)
{
    struct backend_find *f = arg;
    struct net_stream *t = NULL;

    f->dial = NULL;
    f->backend->n_open--;
    f->why = err ? *err : (struct err){.rc = rc};
    /* Short enough for the empty buffer of a new connection. */
    if (rc == RC_OK && f->preface.n &&
        send(fd, f->preface.p, f->preface.n, MSG_NOSIGNAL) != (ssize_t)f->preface.n) {
        rc = ERR(&f->why, RC_NET, msg_cut, f->backend->key);
        close(fd);
    } else if (rc == RC_OK && f->backend->demand) {
        rc = shake(f, fd);
        f->why.rc = rc;
        if (rc == RC_OK)
            return;
    } else if (rc == RC_OK) {
        rc = net_stream_fd(f->backend->all->ev, fd, &t);
        f->why.rc = rc;
    }
    if (rc == RC_OK)
        connected(f, t);
    else
        not_reached(f);
}

/* The next of the backend's addresses, if there is one. */
static void dial_next(struct backend_find *f)
{
    struct backend *b = f->backend;
    struct net_target to = {.timeout = BACKEND_CONNECT_SECONDS * WHEN_SECOND};

    while (f->addr < b->n_addrs) {
        to.to = (struct addr_port){b->addrs[(b->first + f->addr++) % b->n_addrs], b->port};
        if (net_dial(b->all->net, &to, on_dialled, f, &f->dial) == RC_OK) {
            b->n_open++;
            return;
        }
        f->why = (struct err){.rc = RC_NOMEM};
    }
}

void backend_find_resolved(struct backend_find *f, const struct err *err)
{
    if (err) {
        f->why = *err;
        made(f);
        failed(f);
        go_on(f);
        return;
    }
    dial_next(f);
    if (f->dial)
        return;
    made(f);
    go_on(f);
}

/* The first that finds no room makes another connection, for which the rest then waits again. */
static void look_again(struct backend_find *f)
{
    struct backend_link *l = backend_session_take(f->backend);

    if (l)
        f->done(f->arg, l);
    else if (f->backend->maker)
        list_push(&f->backend->queued, &f->waiting);
    else if (backend_paused(f->backend) || f->backend->n_open >= BACKEND_CONNECTIONS_MAX ||
             begin(f) != RC_AGAIN) {
        made(f);
        go_on(f);
    }
}

void backend_find_wake(struct backend *b)
{
    struct list all, *first;

    b->refs++;
    list_init(&all);
    list_splice(&all, &b->queued);
    while ((first = list_pop(&all)))
        look_again(LIST_ENTRY(first, struct backend_find, waiting));
    backend_unref(b);
}

enum rc backend_find_start(struct backend_find *f, struct backend_pool *pool, int64_t youngest,
                           struct backend_link **out)
{
    f->pool = pool;
    f->tried = 0;
    f->unproven = false;
    f->youngest = youngest;
    f->why = (struct err){.rc = RC_NET};
    return try_backends(f, out);
}

bool backend_find_has_more(const struct backend_find *f)
{
    for (size_t i = 0; i < f->pool->n; i++)
        if (!(f->tried & UINT64_C(1) << i))
            return true;
    return false;
}

enum rc backend_find_more(struct backend_find *f, struct backend_link **out)
{
    f->why = (struct err){.rc = RC_NET};
    return try_backends(f, out);
}
