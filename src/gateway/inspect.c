/* SPDX-License-Identifier: Apache-2.0 */
#include "base/when.h"
#include "gateway/account.h"
#include "gateway/gateway_int.h"
#include "http/forward.h"

MSG(msg_slow, "gateway.inspect-slow", "the client sent too little of the request's body");
MSG(msg_gone, "gateway.inspect-gone", "the client went away");
MSG(msg_room, "gateway.inspect-room",
    "there is no room for the bodies of more requests that are to be inspected");
MSG(msg_unavailable, "gateway.inspect-unavailable",
    "the request could not be inspected, and the site blocks");
MSG(msg_blocked, "gateway.inspect-blocked", "the site's rules refuse the request");

enum { TAIL_MAX = 64 /* what follows the last byte of a body in chunks */ };

const char *gateway_verdict_name(enum gateway_verdict v)
{
    static const char *const names[GATEWAY_VERDICTS] = {
        [GATEWAY_PASSED] = "pass",
        [GATEWAY_MATCHED] = "match",
        [GATEWAY_DETECTED] = "detect",
        [GATEWAY_BLOCKED] = "block",
        [GATEWAY_UNAVAILABLE] = "unavailable",
    };

    return names[v];
}

/* ---- what is held */

void gateway_inspect_init(struct gateway_inspection *i)
{
    buf_init(&i->held, CONF_WAF_BODY_MAX + TAIL_MAX);
}

static void let_go(struct gateway_exchange *x)
{
    struct gateway_inspection *i = &x->inspection;

    x->gateway->held -= i->counted;
    i->counted = 0;
    buf_done(&i->held);
}

/* False: there is no room. */
static bool count(struct gateway_exchange *x)
{
    struct gateway_inspection *i = &x->inspection;

    x->gateway->held += i->held.n - i->counted;
    i->counted = i->held.n;
    return x->gateway->held <= GATEWAY_HELD_BYTES;
}

void gateway_inspect_reset(struct gateway_exchange *x)
{
    struct gateway_inspection *i = &x->inspection;

    if (i->waits && !i->told)
        x->gateway->conf.inspect.cancel(x->gateway->conf.inspect.arg, i);
    let_go(x);
    i->waits = i->told = i->holds = i->whole = false;
    i->verdict = GATEWAY_NOT_INSPECTED;
    i->found.n = 0;
    i->found.score = 0;
}

void gateway_inspect_release(struct gateway_exchange *x)
{
    struct gateway_inspection *i = &x->inspection;

    if (!i->holds)
        return;
    x->up.ended = i->whole;
    if (x->up.chunked && i->held.n) {
        buf_printf(&x->up.out, "%zx\r\n", i->held.n);
        buf_putz(&i->held, "\r\n");
    }
    if (x->up.chunked && i->whole)
        http_put_last_chunk(NULL, i->held.n ? &i->held : &x->up.out);
    x->up.piece = buf_str(&i->held);
    if (buf_rc(&i->held) != RC_OK)
        buf_fail(&x->up.out, buf_rc(&i->held));
}

void gateway_inspect_written(struct gateway_exchange *x)
{
    if (x->inspection.counted && x->up.piece.n == 0)
        let_go(x);
}

/* ---- the verdict */

static enum gateway_step unavailable(struct gateway_exchange *x)
{
    const struct gateway *g = x->gateway;
    bool blocks = x->route->waf == CONF_WAF_BLOCK && !g->waf_passes;

    x->inspection.verdict = GATEWAY_UNAVAILABLE;
    gateway_tell_inspected(x, gateway_now(g) - x->inspection.began);
    if (!blocks)
        return gateway_exchange_seek(x);
    if (x->why.rc == RC_OK)
        IGNORE_RC(ERR(&x->why, RC_AGAIN, msg_unavailable));
    return gateway_exchange_answer(x, 503);
}

static enum gateway_step decide(struct gateway_exchange *x)
{
    struct gateway_inspection *i = &x->inspection;
    const struct gateway_found *f = &i->found;

    i->waits = false;
    if (f->rc != RC_OK)
        return unavailable(x);
    if (f->status)
        i->verdict = x->route->waf == CONF_WAF_BLOCK ? GATEWAY_BLOCKED : GATEWAY_DETECTED;
    else
        i->verdict = f->n ? GATEWAY_MATCHED : GATEWAY_PASSED;
    gateway_tell_inspected(x, gateway_now(x->gateway) - i->began);
    if (i->verdict != GATEWAY_BLOCKED)
        return gateway_exchange_seek(x);
    IGNORE_RC(ERR(&x->why, RC_DENIED, msg_blocked));
    return gateway_exchange_answer(x, f->status);
}

void gateway_inspect_told(struct gateway_inspection *i, const struct gateway_found *found)
{
    struct gateway_exchange *x = LIST_ENTRY(i, struct gateway_exchange, inspection);

    i->found = *found;
    i->told = true;
    x->front->pump(x);
}

/* ---- asking */

static enum gateway_step ask(struct gateway_exchange *x)
{
    struct gateway_inspection *i = &x->inspection;
    const struct gateway_conf *conf = &x->gateway->conf;

    i->question = (struct gateway_question){
        .site = str_of(x->peer->site->name),
        .client = &x->origin.client,
        .version = x->front->protocol                          ? STR("2.0")
                   : http_reader_get(x->up.reader)->minor == 0 ? STR("1.0")
                                                               : STR("1.1"),
        .head = x->up.reader,
        .body = buf_str(&i->held),
        .whole = i->whole,
        .id = &x->id,
        .timeout = x->gateway->waf_timeout,
    };
    x->state = GATEWAY_INSPECT;
    i->began = gateway_now(x->gateway);
    i->told = false;
    if (!conf->inspect.ask || conf->inspect.ask(conf->inspect.arg, &i->question, i) != RC_OK)
        return unavailable(x);
    i->waits = true;
    return gateway_inspect_step(x);
}

/* The first bytes of the body are on their way, or were not asked for yet. */
static enum gateway_step wait_for_body(struct gateway_exchange *x, uint64_t before)
{
    const struct http_head *head = http_reader_get(x->up.reader);
    unsigned wants = NET_WANT_READ;
    enum rc rc;

    if (head->expects && !x->continued && x->inspection.held.n == 0) {
        x->continued = true;
        x->front->cont(x);
    }
    rc = gateway_relay_flush(&x->down, x->t);
    if (rc == RC_AGAIN)
        wants |= NET_WANT_WRITE;
    else if (rc != RC_OK)
        return GATEWAY_CUT;
    gateway_patience_moved(&x->client_time, x->up.read - before, gateway_now(x->gateway));
    x->front->want(x, wants);
    gateway_exchange_await(x, true, false);
    return GATEWAY_WAIT;
}

static enum gateway_step hold(struct gateway_exchange *x)
{
    struct gateway_inspection *i = &x->inspection;
    uint64_t before = x->up.read;
    enum rc rc;

    if (x->late) {
        x->late = false;
        IGNORE_RC(ERR(&x->why, RC_TIMEOUT, msg_slow));
        return gateway_exchange_answer(x, 408);
    }
    rc = gateway_relay_hold(&x->up, x->t, i->limit, &i->held, &x->why);
    if ((rc == RC_OK || rc == RC_AGAIN) && !count(x)) {
        IGNORE_RC(ERR(&x->why, RC_QUOTA, msg_room));
        i->began = gateway_now(x->gateway);
        i->whole = x->up.ended;
        return unavailable(x);
    }
    if (rc == RC_AGAIN)
        return wait_for_body(x, before);
    if (rc == RC_DENIED) {
        x->last = true;
        return gateway_exchange_answer(x, 400);
    }
    if (rc == RC_NOMEM || rc == RC_TOOBIG) {
        x->why = (struct err){.rc = RC_NOMEM};
        return gateway_exchange_answer(x, 503);
    }
    if (rc != RC_OK) {
        IGNORE_RC(ERR(&x->why, RC_CLOSED, msg_gone));
        return GATEWAY_CUT;
    }
    i->whole = x->up.ended;
    return ask(x);
}

enum gateway_step gateway_inspect_begin(struct gateway_exchange *x)
{
    const struct http_head *head = http_reader_get(x->up.reader);
    struct gateway_inspection *i = &x->inspection;

    i->whole = head->framing == HTTP_FRAMING_NONE || head->websocket;
    i->limit = x->gateway->waf_body; /* which a reload may change meanwhile */
    i->holds = !i->whole && i->limit > 0;
    if (!i->holds)
        return ask(x);
    x->state = GATEWAY_HOLD;
    return gateway_inspect_step(x);
}

enum gateway_step gateway_inspect_step(struct gateway_exchange *x)
{
    if (x->state == GATEWAY_HOLD)
        return hold(x);
    if (x->inspection.told)
        return decide(x);
    if (gateway_exchange_client_gone(x)) {
        IGNORE_RC(ERR(&x->why, RC_CLOSED, msg_gone));
        return GATEWAY_CUT;
    }
    x->front->want(x, x->full ? 0 : NET_WANT_READ);
    gateway_exchange_await(x, false, false);
    return GATEWAY_WAIT;
}
