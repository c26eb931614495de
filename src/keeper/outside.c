/* SPDX-License-Identifier: Apache-2.0 */
/* The client's way to another CA: each request goes to the emissary, as a message, and its answer
 * comes back as one. While there is no emissary, requests fail as if nobody answered, and the
 * client sends them again. */
#include "keeper/keeper_int.h"

MSG(msg_away, "keeper.emissary-away",
    "the process that carries requests to other CAs is not there; `autarky status` says how the "
    "processes are");

enum { SLACK_SECONDS = 10 /* that the emissary's own limit is met first */ };

struct client_exchange {
    struct list link;
    struct keeper_ca *ca;
    struct ipc_call *call; /* NULL: not sent, or over */
    struct ev_defer fail;
    enum rc rc;
    client_answer_fn fn;
    void *arg;
};

static struct keeper_ca *ca_of(struct client_transport *t)
{
    return (struct keeper_ca *)(void *)t;
}

static void exchange_free(struct client_exchange *x)
{
    ev_defer_cancel(&x->fail);
    list_remove(&x->link);
    mem_free(x);
}

static void finish(struct client_exchange *x, const struct client_answer *answer)
{
    client_answer_fn fn = x->fn;
    void *arg = x->arg;

    exchange_free(x);
    fn(arg, answer);
}

static void on_fail(void *arg)
{
    struct client_exchange *x = arg;
    struct err err = ERR_INIT;
    struct client_answer answer = {.rc = x->rc, .err = &err};

    if (x->rc == RC_CLOSED || x->rc == RC_QUOTA) {
        answer.rc = RC_NET;
        IGNORE_RC(ERR(&err, RC_NET, msg_away));
    }
    err.rc = answer.rc;
    finish(x, &answer);
}

static void on_fetched(void *arg, const struct ipc_answer *a)
{
    struct client_exchange *x = arg;
    const struct ipc_fetched *m = a->msg;
    struct client_answer answer = {.rc = a->rc, .err = a->err};

    x->call = NULL;
    if (a->rc == RC_CANCELLED && !x->fn) { /* given up */
        exchange_free(x);
        return;
    }
    if (a->rc == RC_CLOSED || a->rc == RC_CANCELLED) {
        x->rc = RC_CLOSED;
        on_fail(x);
        return;
    }
    if (a->rc == RC_OK) {
        answer.status = (int)m->status;
        answer.nonce = m->nonce;
        answer.location = m->location;
        answer.retry_after = m->retry_after;
        answer.content_type = m->content_type;
        answer.date = m->date;
        answer.body = m->body;
        for (size_t i = 0; i < m->links.n && i < CLIENT_LINKS_MAX; i++)
            answer.links[i] = m->links.v[i];
    }
    finish(x, &answer);
}

static enum rc call(struct client_exchange *x, const struct client_ask *ask)
{
    struct ipc_chan *emissary = x->ca->keeper->emissary;
    const struct ipc_fetch msg = {.directory = str_of(x->ca->url),
                                  .method = str_of(ask->method),
                                  .url = ask->url,
                                  .accept = ask->accept,
                                  .content_type = ask->content_type,
                                  .body = ask->body,
                                  .max_body = (uint32_t)ask->max_body,
                                  .timeout = ask->timeout};
    const struct ipc_ask how = {.type = IPC_FETCH,
                                .msg = &msg,
                                .timeout = ask->timeout + SLACK_SECONDS * WHEN_SECOND,
                                .fn = on_fetched,
                                .arg = x};

    return emissary ? ipc_call(emissary, &how, &x->call) : RC_CLOSED;
}

static enum rc outside_send(struct client_transport *t, const struct client_ask *ask,
                            client_answer_fn fn, void *arg, struct client_exchange **out)
{
    struct keeper_ca *ca = ca_of(t);
    struct client_exchange *x = MEM_NEW(struct client_exchange);

    if (!x)
        return RC_NOMEM;
    x->ca = ca;
    x->fn = fn;
    x->arg = arg;
    ev_defer_init(&x->fail, on_fail, x);
    list_push(&ca->exchanges, &x->link);
    x->rc = call(x, ask);
    if (x->rc != RC_OK) /* never from inside */
        ev_defer(ca->keeper->env->ev, &x->fail);
    *out = x;
    return RC_OK;
}

static void outside_cancel(struct client_transport *, struct client_exchange *x)
{
    x->fn = NULL;
    if (x->call)
        ipc_cancel(x->call); /* frees it */
    else
        exchange_free(x);
}

static void outside_free(struct client_transport *t)
{
    struct keeper_ca *ca = ca_of(t);

    while (!list_empty(&ca->exchanges))
        outside_cancel(t, LIST_ENTRY(ca->exchanges.next, struct client_exchange, link));
}

const struct client_transport_ops keeper_outside_ops = {outside_send, outside_cancel, outside_free};
