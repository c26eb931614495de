/* SPDX-License-Identifier: Apache-2.0 */
#include "agentd/report.h"

#include "json/out.h"

enum {
    ONE_MAX = 16 * 1024,
    NAMES_SHOWN = 20,
    WHY_SHOWN = 300,
    HEAD_ROOM = 1024,
    MILLISECOND = 1000
};

struct gathering {
    struct json_out *o;
    struct buf *out;
    when_t now;
    bool troubled; /* which of them are put in this round */
    size_t n, put;
    uint64_t certificates, failing, unproven;
    when_t next;
};

/* One that waits for its window is as it should be. */
static bool is_unproven(const struct agentd_seen *s, when_t now)
{
    return s->view->state.pending != 0 && agent_waits(&s->view->state, now) == 0;
}

static bool is_troubled(const struct agentd_seen *s, when_t now)
{
    return s->failures || is_unproven(s, now) || s->unreadable;
}

static void put_when(struct json_out *o, const char *name, when_t t)
{
    if (t > 0)
        json_kv_when(o, name, t);
}

static void put_names(struct json_out *o, const struct agent_plan *plan)
{
    char text[ADDR_TEXT];

    json_key(o, "names");
    json_arr(o);
    for (size_t i = 0; i < plan->n_dns && i < NAMES_SHOWN; i++)
        json_put_str(o, plan->dns[i]);
    for (size_t i = 0; i < plan->n_ips && i < NAMES_SHOWN; i++)
        json_put_z(o, addr_text(&plan->ips[i], text));
    json_end(o);
}

static void put_span(struct json_out *o, const char *name, when_t span)
{
    if (span > 0 && span < WHEN_DAY)
        json_kv_u64(o, name, (uint64_t)(span / MILLISECOND));
}

static void put_one(struct json_out *o, const struct agentd_seen *s, when_t now)
{
    const struct agent_state *state = &s->view->state;

    json_obj(o);
    json_kv_printable(o, "directory", str_of(s->dir), WHY_SHOWN);
    if (s->unreadable) {
        json_kv_z(o, "why", "what is remembered of it cannot be read");
        json_kv_u64(o, "failures", 1);
        json_end(o);
        return;
    }
    put_names(o, &state->plan);
    json_kv_printable(o, "serial", str_of(s->view->serial), WHY_SHOWN);
    json_kv_printable(o, "server",
                      agent_from_fallback(state) ? state->plan.fallback_server : state->plan.server,
                      WHY_SHOWN);
    put_when(o, "not_before", s->view->not_before);
    put_when(o, "not_after", s->view->not_after);
    put_when(o, "issued", state->issued);
    put_when(o, "next", s->next);
    json_kv_u64(o, "failures", s->failures);
    json_kv_printable(o, "why", state->why, WHY_SHOWN);
    json_kv_bool(o, "unproven", is_unproven(s, now));
    put_when(o, "window", agent_waits(state, now));
    put_when(o, "outside", state->outside);
    put_when(o, "proven", state->proven);
    json_kv_u64(o, "places", state->plan.n_prove);
    put_span(o, "issue_ms", state->issue_took);
    put_span(o, "prove_ms", state->prove_took);
    json_end(o);
}

static void count(void *arg, const struct agentd_seen *s)
{
    struct gathering *g = arg;

    g->certificates++;
    g->failing += s->failures || s->unreadable;
    g->unproven += !s->unreadable && is_unproven(s, g->now);
    if (s->next > 0 && (!g->next || s->next < g->next))
        g->next = s->next;
}

static void put_some(void *arg, const struct agentd_seen *s)
{
    struct gathering *g = arg;
    CLEANUP(buf_done) struct buf one = BUF_INIT(ONE_MAX);
    struct json_out o;

    if (is_troubled(s, g->now) != g->troubled || g->put == AGENTD_REPORT_CERTIFICATES)
        return;
    json_out_init(&o, &one, JSON_COMPACT);
    put_one(&o, s, g->now);
    if (json_out_done(&o) != RC_OK || g->out->n + one.n + HEAD_ROOM > AGENTD_REPORT_MAX)
        return;
    json_put_raw(g->o, buf_str(&one));
    g->put++;
}

static void put_counts(const struct gathering *g, struct json_out *o)
{
    json_key(o, "counts");
    json_obj(o);
    json_kv_u64(o, "certificates", g->certificates);
    json_kv_u64(o, "failing", g->failing);
    json_kv_u64(o, "unproven", g->unproven);
    json_end(o);
}

enum rc agentd_report_put(const struct agentd *a, const struct agentd_report_head *head,
                          struct agentd_batch *changes, struct buf *out)
{
    struct json_out o;
    struct gathering g = {.o = &o, .out = out, .now = head->now};

    agentd_each(a, count, &g);
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "version", AUTARKY_VERSION);
    json_kv_when(&o, "at", head->now);
    json_kv_when(&o, "started", head->started);
    json_kv_i64(&o, "heard", head->home->heard);
    json_kv_bool(&o, "renews", head->home->renews);
    put_when(&o, "next", g.next);
    put_counts(&g, &o);
    json_key(&o, "changes");
    TRY(agentd_batch_put(changes, a, &o));
    json_key(&o, "certificates");
    json_arr(&o);
    g.troubled = true;
    agentd_each(a, put_some, &g);
    g.troubled = false;
    agentd_each(a, put_some, &g);
    json_end(&o);
    json_kv_u64(&o, "more", g.certificates - g.put);
    json_end(&o);
    return json_out_done(&o);
}
