/* SPDX-License-Identifier: Apache-2.0 */
/* One request until it has its answer: a nonce is fetched where none is left, badNonce is tried
 * again at once, an unreachable or ill server after a growing pause. Trying a POST again is safe in
 * ACME: an order made twice expires, and a second finalize is told that the order is not ready,
 * after which the order itself is asked. */
#include "client/client_int.h"

#include <stdio.h>

#include "client/renewal.h"
#include "crypto/crypto.h"
#include "ev/clock.h"

MSG(msg_problem, "client.problem", "the server refused {0} with status {1}: {2}");
MSG(msg_ill, "client.server-ill", "the server could not answer {0}, status {1}: {2}");
MSG(msg_unreached, "client.unreached", "{0} did not reach the server: {1}");
MSG(msg_no_nonce, "client.no-nonce", "the server gave no Replay-Nonce for {0}");

static void attempt(struct client_request *r);

static bool impatient(const struct client_request *r)
{
    return r->c->patience && !r->c->heard;
}

static void answer_with(struct client_request *r, struct client_reply *reply)
{
    reply->err->rc = reply->rc;
    r->fn(r->arg, reply);
}

static void on_again(void *arg)
{
    struct client_request *r = arg;

    r->unanswered = false;
    attempt(r);
}

/* False when it has been tried often enough, or the server asks for more patience than we have. */
static bool try_again(struct client_request *r, when_t retry_at)
{
    when_t now = clock_now(ev_clock(r->c->ev));
    int64_t pause;

    if (r->tries + 1 >= CLIENT_TRIES_MAX)
        return false;
    if (retry_at && retry_at - now > CLIENT_PATIENCE_SECONDS * WHEN_SECOND)
        return false;
    r->tries++;
    pause = client_backoff(r->tries, CLIENT_TRY_SECONDS * WHEN_SECOND,
                           CLIENT_TRY_SECONDS_MAX * WHEN_SECOND);
    ev_timer_start(&r->again, retry_at && retry_at - now > pause ? retry_at - now : pause, 0);
    return true;
}

static bool unreached(enum rc rc)
{
    return rc == RC_NET || rc == RC_CLOSED || rc == RC_TIMEOUT || rc == RC_NOTFOUND ||
           rc == RC_AGAIN || rc == RC_QUOTA;
}

/* Another attempt would come too late for a caller that has somebody else to ask. */
static bool out_of_patience(const struct client_request *r)
{
    int64_t spent = clock_mono(ev_clock(r->c->ev)) - r->began;

    return impatient(r) && spent + (CLIENT_TRY_SECONDS * WHEN_SECOND << r->tries) > r->c->patience;
}

/* There was no answer. */
static void failed(struct client_request *r, enum rc rc, const struct err *why)
{
    struct err err = ERR_INIT;
    struct client_reply reply = {.rc = rc, .err = &err};
    char line[512];

    if (unreached(rc) && !out_of_patience(r) && try_again(r, 0)) {
        r->unanswered = true;
        return;
    }
    IGNORE_RC(ERR(&err, rc, msg_unreached, str_of(r->what),
                  str_of(why ? err_textz(why, line, sizeof(line)) : rc_text(rc))));
    answer_with(r, &reply);
}

static enum rc refusal(int status)
{
    return status == 429 ? RC_QUOTA : status >= 500 ? RC_NET : RC_DENIED;
}

static void say_refused(const struct client_request *r, int status, struct str line,
                        struct err *err)
{
    char digits[16];

    snprintf(digits, sizeof(digits), "%d", status);
    if (line.n == 0)
        line = STR("it says nothing more");
    if (status >= 500)
        IGNORE_RC(ERR(err, RC_NET, msg_ill, str_of(r->what), str_of(digits), line));
    else
        IGNORE_RC(ERR(err, RC_DENIED, msg_problem, str_of(r->what), str_of(digits), line));
}

static void refused(struct client_request *r, const struct client_answer *answer)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(CLIENT_ARENA_MAX);
    when_t now = clock_now(ev_clock(r->c->ev));
    struct err err = ERR_INIT;
    struct client_reply reply = {.rc = refusal(answer->status), .err = &err, .answer = answer};
    struct client_problem problem;

    client_problem_read(&a, answer->body, &problem);
    reply.problem = problem.type;
    reply.retry_at = client_retry_after(answer->retry_after, now);
    if (str_eq(problem.type, STR("badNonce")) && r->bad_nonces++ < CLIENT_BAD_NONCES_MAX) {
        /* With the nonce of this answer, which is the newest; without one, those kept are old. */
        if (answer->nonce.n == 0)
            r->c->nonces.n = 0;
        attempt(r);
        return;
    }
    if (answer->status >= 500 && try_again(r, reply.retry_at))
        return;
    if (str_eq(problem.type, STR("rateLimited")))
        reply.rc = RC_QUOTA;
    say_refused(r, answer->status, problem.line, &err);
    answer_with(r, &reply);
}

static void on_answer(void *arg, const struct client_answer *answer)
{
    struct client_request *r = arg;
    struct err err = ERR_INIT;
    struct client_reply reply = {.rc = RC_OK, .err = &err, .answer = answer};

    r->exchange = NULL;
    if (answer->rc != RC_OK) {
        failed(r, answer->rc, answer->err);
        return;
    }
    r->c->heard = true;
    client_nonce_put(&r->c->nonces, answer->nonce);
    if (answer->status < 200 || answer->status > 299) {
        refused(r, answer);
        return;
    }
    reply.retry_at = client_retry_after(answer->retry_after, clock_now(ev_clock(r->c->ev)));
    answer_with(r, &reply);
}

static void on_nonce(void *arg, const struct client_answer *answer)
{
    struct client_request *r = arg;
    struct err err = ERR_INIT;
    struct client_nonces *pool = &r->c->nonces;

    r->exchange = NULL;
    if (answer->rc != RC_OK) {
        failed(r, answer->rc, answer->err);
        return;
    }
    r->c->heard = true;
    client_nonce_put(pool, answer->nonce);
    if (answer->status < 200 || answer->status > 299)
        refused(r, answer);
    else if (pool->n == 0)
        failed(r, ERR(&err, RC_PARSE, msg_no_nonce, str_of(r->what)), &err);
    else
        attempt(r);
}

static enum rc send_signed(struct client_request *r, const char *nonce)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(JOSE_JWS_MAX);
    struct jose_jws_in in = {.key = r->c->key,
                             .nonce = str_of(nonce),
                             .url = r->url,
                             .kid = r->with_key ? (struct str){NULL, 0} : str_of(r->c->kid),
                             .payload = r->payload};
    struct client_ask ask = {.method = "POST",
                             .url = r->url,
                             .accept = r->accept,
                             .content_type = STR("application/jose+json"),
                             .max_body = r->max_body,
                             .timeout = CLIENT_REQUEST_SECONDS * WHEN_SECOND};

    TRY(jose_jws_sign(&in, &body));
    ask.body = buf_str(&body);
    return client_transport_send(r->c->transport, &ask, on_answer, r, &r->exchange);
}

static enum rc send_plain(struct client_request *r, const char *method, struct str url,
                          client_answer_fn fn)
{
    int seconds = impatient(r) ? CLIENT_FIRST_SECONDS : CLIENT_REQUEST_SECONDS;
    struct client_ask ask = {.method = method,
                             .url = url,
                             .accept = r->accept,
                             .max_body = r->max_body,
                             .timeout = seconds * WHEN_SECOND};

    return client_transport_send(r->c->transport, &ask, fn, r, &r->exchange);
}

static void attempt(struct client_request *r)
{
    char nonce[JOSE_NONCE_MAX + 1];
    enum rc rc;

    if (r->get)
        rc = send_plain(r, "GET", r->url, on_answer);
    else if (client_nonce_take(&r->c->nonces, nonce))
        rc = send_signed(r, nonce);
    else
        rc = send_plain(r, "HEAD", r->c->directory.new_nonce, on_nonce);
    if (rc != RC_OK)
        failed(r, rc, NULL);
}

void client_request_init(struct client_request *r, struct client *c)
{
    *r = (struct client_request){.c = c};
    ev_timer_init(&r->again, c->ev, on_again, r);
}

void client_request_start(struct client_request *r)
{
    r->tries = 0;
    r->bad_nonces = 0;
    r->unanswered = false;
    r->began = clock_mono(ev_clock(r->c->ev));
    ev_timer_start(&r->again, 0, 0);
}

void client_request_hurry(struct client_request *r)
{
    if (r->unanswered)
        ev_timer_start(&r->again, 0, 0);
}

void client_request_stop(struct client_request *r)
{
    ev_timer_stop(&r->again);
    r->unanswered = false;
    if (r->exchange)
        client_transport_cancel(r->c->transport, MOVE(r->exchange));
}
