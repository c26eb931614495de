/* SPDX-License-Identifier: Apache-2.0 */
#include "agentd/uplink.h"

#include "agentd/enrol.h"
#include "agentd/report.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "json/json.h"

enum { REQUEST_MAX = 96 * 1024, LINE = 600 };

struct agentd_uplink {
    const struct agent_world *w;
    struct agentd *a;
    struct agentd_home home;
    struct agentd_link link;
    struct ev_timer timer;
    struct ev_defer over; /* the connection is let go outside of its own callbacks */
    when_t started;
    struct agentd_batch changes; /* in the report that is under way */
    struct crypto_key *next;     /* being certified; NULL: none */
    bool said;                   /* that it does not work */
    when_t retry_at;             /* the server asks not to come before; 0: it does not */
    int64_t obeys_from;          /* by the monotonic clock: when the next wish may be heard */
};

static when_t now(const struct agentd_uplink *u)
{
    return clock_now(ev_clock(u->w->ev));
}

/* Between half and one and a half of it: those who were started together do not stay so. Nor do
 * those whom a server that was busy sends away at the same moment. */
static int64_t pause_of(const struct agentd_uplink *u, int64_t span)
{
    uint64_t dice = 0;
    int64_t pause, asked = u->retry_at - now(u);

    IGNORE_RC(crypto_random(&dice, sizeof(dice))); /* then all the same */
    pause = span / 2 + (int64_t)(dice % (uint64_t)span);
    if (asked > AGENTD_REPORT_MOST)
        asked = AGENTD_REPORT_MOST;
    return asked > span / 2 ? asked + (int64_t)(dice % (uint64_t)span) : pause;
}

static void rest(struct agentd_uplink *u, int64_t span)
{
    ev_timer_start(&u->timer, pause_of(u, span), 0);
}

static void heed(struct agentd_uplink *u, const struct client_answer *answer)
{
    u->retry_at = answer->rc == RC_OK ? client_retry_after(answer->retry_after, now(u)) : 0;
}

static void end(struct agentd_uplink *u, const struct err *err)
{
    crypto_key_unref(u->next);
    u->next = NULL;
    if (err->rc != RC_OK && !u->said)
        agent_say_err(u->w, "reporting to the server", err);
    else if (err->rc == RC_OK && u->said)
        agent_say(u->w, false, "the server is told of this agent again");
    u->said = err->rc != RC_OK;
    ev_defer(u->w->ev, &u->over);
    rest(u, err->rc == RC_OK && u->changes.more ? AGENTD_REPORT_SOON : AGENTD_REPORT_EVERY);
    agentd_batch_done(&u->changes);
    agentd_batch_init(&u->changes, u->home.id);
}

static void on_over(void *arg)
{
    struct agentd_uplink *u = arg;

    agentd_link_done(&u->link);
}

/* ---- the report */

/* What it has heard of is on the disk before it is done, so that it is not done twice; what could
 * not be written down was not heard, and the server says it again. */
static enum rc hear(struct agentd_uplink *u, int64_t wish, struct err *err)
{
    int64_t before = u->home.heard;
    enum rc rc;

    u->home.heard = wish;
    rc = agentd_home_put_settings(&u->home, err);
    if (rc != RC_OK)
        u->home.heard = before;
    return rc;
}

/* One that comes too soon is not heard yet: the servers that certify would have to bear it. */
static bool too_soon(const struct agentd_uplink *u)
{
    return u->home.renews && clock_mono(ev_clock(u->w->ev)) < u->obeys_from;
}

static enum rc obey(struct agentd_uplink *u, const struct json_doc *doc, struct err *err)
{
    int64_t wish = 0;

    if (json_i64(json_get(json_root(doc), "renew"), &wish) != RC_OK || wish <= 0 ||
        wish == u->home.heard || too_soon(u))
        return RC_OK;
    TRY(hear(u, wish, err));
    if (u->home.renews) {
        u->obeys_from = clock_mono(ev_clock(u->w->ev)) + AGENTD_WISH_PAUSE;
        agentd_renew_all(u->a);
    }
    agent_say(u->w, !u->home.renews, "the server asks to renew every certificate%s",
              u->home.renews ? ", which is done now"
                             : ", and this agent is not set up to be told so (--allow-renew)");
    return RC_OK;
}

static void on_reported(void *arg, const struct client_answer *answer)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct agentd_uplink *u = arg;
    struct err err = ERR_INIT;

    heed(u, answer);
    err.rc = agentd_answer(answer, &doc, &err);
    if (err.rc == RC_OK) {
        agentd_batch_told(&u->changes, u->w);
        err.rc = obey(u, doc, &err);
    }
    end(u, &err);
}

static enum rc report(struct agentd_uplink *u, struct err *err)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(REQUEST_MAX);
    const struct agentd_report_head head = {now(u), u->started, &u->home};

    if (!u->link.transport)
        TRY(agentd_link_open(u->w, &u->home, false, &u->link, err));
    agentd_batch_done(&u->changes);
    agentd_batch_init(&u->changes, u->home.id);
    TRY(agentd_report_put(u->a, &head, &u->changes, &body));
    return agentd_link_post(&u->link, &u->home, "self", buf_str(&body), on_reported, u);
}

/* ---- its own certificate */

static bool is_due(const struct agentd_uplink *u)
{
    const struct agentd_home *h = &u->home;

    return now(u) > h->not_before + (h->not_after - h->not_before) / 3 * 2;
}

/* One that is not renewed now is renewed with another report. */
static void on_certified(void *arg, const struct client_answer *answer)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct agentd_uplink *u = arg;
    struct err err = ERR_INIT;

    err.rc = agentd_answer(answer, &doc, &err);
    if (err.rc == RC_OK)
        err.rc = agentd_take_chain(&u->home, doc, u->next, &err);
    if (err.rc != RC_OK)
        agent_say_err(u->w, "renewing the agent's own certificate", &err);
    crypto_key_unref(u->next);
    u->next = NULL;
    err = ERR_INIT;
    err.rc = report(u, &err);
    if (err.rc != RC_OK)
        end(u, &err);
}

static enum rc certify(struct agentd_uplink *u, struct err *err)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(REQUEST_MAX);

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &u->next));
    TRY(agentd_link_open(u->w, &u->home, false, &u->link, err));
    TRY(agentd_put_csr(u->next, STR(""), STR(""), &body, err));
    return agentd_link_post(&u->link, &u->home, "self/certificate", buf_str(&body), on_certified,
                            u);
}

static void on_time(void *arg)
{
    struct agentd_uplink *u = arg;
    struct err err = ERR_INIT;

    err.rc = is_due(u) ? certify(u, &err) : report(u, &err);
    if (err.rc != RC_OK)
        end(u, &err);
}

/* ---- its life */

enum rc agentd_uplink_new(const struct agent_world *w, struct agentd *a, struct agentd_home *home,
                          struct agentd_uplink **out)
{
    struct agentd_uplink *u = MEM_NEW(struct agentd_uplink);

    if (!u)
        return RC_NOMEM;
    u->w = w;
    u->a = a;
    u->home = *home;
    *home = AGENTD_HOME_INIT;
    u->started = now(u);
    agentd_batch_init(&u->changes, u->home.id);
    ev_timer_init(&u->timer, w->ev, on_time, u);
    ev_defer_init(&u->over, on_over, u);
    rest(u, AGENTD_REPORT_FIRST);
    *out = u;
    return RC_OK;
}

void agentd_uplink_free(struct agentd_uplink *u)
{
    if (!u)
        return;
    ev_timer_stop(&u->timer);
    ev_defer_cancel(&u->over);
    agentd_link_done(&u->link);
    crypto_key_unref(u->next);
    agentd_home_done(&u->home);
    agentd_batch_done(&u->changes);
    mem_free(u);
}
