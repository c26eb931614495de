/* SPDX-License-Identifier: Apache-2.0 */
#include "role/handshakes.h"

#include <string.h>

#include "conf/conf.h"
#include "ipc/chan.h"
#include "ipc/site_messages.h"
#include "log/log.h"
#include "metrics/metrics.h"

METRIC_COUNTER(failed_total, "gateway_handshakes_unsigned_total",
               "Handshakes that ended because the keeper did not sign them");

/* One handshake's question: in `asked` while the keeper has it, in `waiting` before. */
struct question {
    struct list link;
    struct handshakes *of;
    struct tls_signing *signing; /* NULL: nobody waits for it any more */
    struct ipc_call *call;
    struct tls_sign_ask ask; /* its strings are in `text` */
    char text[256 + TLS_SIGN_KEY + TLS_SIGN_MESSAGE_MAX];
};

static void pump(struct handshakes *h);

static void drop(struct question *q)
{
    list_remove(&q->link);
    mem_free(q);
}

static void fail(struct question *q, enum rc rc, const struct err *why)
{
    struct err plain = {.rc = rc};
    struct tls_signing *s = q->signing;

    log_warn("gateway.handshake-unsigned", LOG_STR("site", str_skip(q->ask.about, 1)),
             LOG_ERR(why ? why : &plain));
    metric_add(&failed_total, 0, 1);
    drop(q);
    if (s)
        tls_signing_done(s, rc, (struct str){});
}

static void wait(struct question *q, bool first)
{
    struct handshakes *h = q->of;

    q->call = NULL;
    list_remove(&q->link);
    if (first)
        list_insert(h->waiting.next, &q->link);
    else
        list_push(&h->waiting, &q->link);
    h->n_waiting++;
}

static void on_answer(void *arg, const struct ipc_answer *a)
{
    struct question *q = arg;
    struct handshakes *h = q->of;
    struct tls_signing *s = q->signing;

    q->call = NULL;
    if (!s) {
        drop(q);
    } else if (a->rc == RC_OK) {
        const struct ipc_handshaken *m = a->msg;

        drop(q);
        tls_signing_done(s, RC_OK, m->signature);
    } else if (a->rc == RC_CLOSED) {
        wait(q, true); /* the next keeper is asked */
        return;
    } else {
        fail(q, a->rc, a->err);
    }
    pump(h);
}

/* RC_QUOTA: the keeper has as many as it takes at a time. */
static enum rc send(struct question *q)
{
    struct ipc_handshake msg = {
        .site = str_skip(q->ask.about, 1),
        .algorithm = (uint8_t)(q->ask.about.p[0] - 'a'),
        .signature = (uint8_t)q->ask.alg,
        .spki_sha256 = q->ask.spki_sha256,
        .message = q->ask.message,
    };
    struct ipc_ask ask = {.type = IPC_HANDSHAKE, .msg = &msg, .fn = on_answer, .arg = q};

    return q->of->keeper ? ipc_call(q->of->keeper, &ask, &q->call) : RC_QUOTA;
}

static void pump(struct handshakes *h)
{
    while (!list_empty(&h->waiting)) {
        struct question *q = LIST_ENTRY(h->waiting.next, struct question, link);
        enum rc rc = send(q);

        if (rc == RC_QUOTA || rc == RC_CLOSED)
            return;
        h->n_waiting--;
        list_remove(&q->link);
        list_push(&h->asked, &q->link);
        if (rc != RC_OK)
            fail(q, rc, NULL);
    }
}

static struct str keep(struct question *q, size_t *at, struct str s)
{
    char *to = q->text + *at;

    memcpy(to, s.p, s.n);
    *at += s.n;
    return str_bytes(to, s.n);
}

static enum rc ask(void *arg, const struct tls_sign_ask *in, struct tls_signing *s)
{
    struct handshakes *h = arg;
    struct question *q;
    size_t at = 0;
    enum rc rc;

    if (h->n_waiting >= HANDSHAKES_WAITING_MAX)
        return RC_QUOTA;
    q = MEM_NEW(struct question);
    if (!q)
        return RC_NOMEM;
    q->of = h;
    q->signing = s;
    q->ask = *in;
    q->ask.about = keep(q, &at, in->about);
    q->ask.spki_sha256 = keep(q, &at, in->spki_sha256);
    q->ask.message = keep(q, &at, in->message);
    *tls_signing_tag(s) = q;
    list_init(&q->link);
    rc = list_empty(&h->waiting) ? send(q) : RC_QUOTA;
    if (rc == RC_OK)
        list_push(&h->asked, &q->link);
    else if (rc == RC_QUOTA || rc == RC_CLOSED)
        wait(q, false);
    else
        mem_free(q);
    return rc == RC_QUOTA || rc == RC_CLOSED ? RC_OK : rc;
}

static void cancel(void *arg, struct tls_signing *s)
{
    struct handshakes *h = arg;
    struct question *q = *tls_signing_tag(s);

    q->signing = NULL;
    if (q->call) {
        ipc_cancel(q->call); /* on_answer frees it */
        return;
    }
    h->n_waiting--;
    drop(q);
}

void handshakes_init(struct handshakes *h)
{
    *h = (struct handshakes){.signer = {ask, cancel, h}};
    list_init(&h->asked);
    list_init(&h->waiting);
}

void handshakes_keeper(struct handshakes *h, struct ipc_chan *keeper)
{
    h->keeper = keeper;
    if (keeper)
        pump(h);
}

void handshakes_done(struct handshakes *h)
{
    LIST_FOREACH (it, &h->asked) {
        struct question *q = LIST_ENTRY(it, struct question, link);

        q->signing = NULL;
        ipc_cancel(q->call);
    }
    LIST_FOREACH (it, &h->waiting)
        drop(LIST_ENTRY(it, struct question, link));
}
