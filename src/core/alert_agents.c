/* SPDX-License-Identifier: Apache-2.0 */
/* What agents have reported of their hosts, as far as it is an alert. An agent may lie, about
 * itself and nothing else: its report was held to form and size when it came. */
#include "alert/judge.h"
#include "api/agent_report.h"
#include "core/alerts.h"
#include "json/json.h"

enum { AGENTS_MAX = 200, FAILURES = ALERT_SITE_FAILURES };

static when_t read_time(const struct json *c, const char *name)
{
    struct str text;
    when_t at;

    return json_str(json_get(c, name), &text) == RC_OK && when_parse(text, &at) == RC_OK ? at : 0;
}

/* Nothing where all is well with it. */
static bool read_certificate(const struct json *c, const struct store_agent *g,
                             struct alert_trouble *t)
{
    uint64_t failures = 0;
    bool unproven = false;
    when_t next = read_time(c, "next");
    struct json_iter names = json_iter(json_get(c, "names"));
    struct str name = STR("");
    const struct json *first;

    IGNORE_RC(json_u64(json_get(c, "failures"), &failures));  /* 0 */
    IGNORE_RC(json_bool(json_get(c, "unproven"), &unproven)); /* false */
    if (json_next(&names, NULL, &first))
        IGNORE_RC(json_str(first, &name)); /* none */
    *t = (struct alert_trouble){.agent = g->name,
                                .directory = json_shown(c, "directory"),
                                .name = name.n ? name : json_shown(c, "directory"),
                                .failures = failures,
                                .unproven = unproven,
                                .ends = read_time(c, "not_after"),
                                .why = json_shown(c, "why")};
    if (failures == 0 && next && next < g->reported - STORE_AGENT_STUCK)
        t->due = next;
    return unproven || failures >= FAILURES || t->due;
}

static enum rc read_agent(struct arena *a, const struct store_agent *g, struct alert_facts *f)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_iter it;
    const struct json *c;

    if (g->report.n == 0 || json_parse(g->report, STORE_REPORT_MAX, &doc, NULL) != RC_OK)
        return RC_OK;
    it = json_iter(json_get(json_root(doc), "certificates"));
    while (json_next(&it, NULL, &c)) {
        struct alert_trouble t;

        if (!read_certificate(c, g, &t))
            continue;
        if (f->n_troubles == ALERT_TROUBLES_MAX) {
            f->more_troubles = true;
            return RC_OK;
        }
        TRY(arena_str(a, t.directory, &t.directory));
        TRY(arena_str(a, t.name, &t.name));
        TRY(arena_str(a, t.why, &t.why));
        f->troubles[f->n_troubles++] = t;
    }
    return RC_OK;
}

enum rc core_alert_agents(const struct api_view *v, struct arena *a, struct alert_facts *f)
{
    struct store_agent *list;
    size_t n;

    TRY(store_agent_troubled(store_read(v->store), a, ALERT_SKEW, AGENTS_MAX, &list, &n));
    for (size_t i = 0; i < n; i++) {
        int64_t skew = list[i].summary.skew;

        TRY(read_agent(a, &list[i], f));
        if ((skew > ALERT_SKEW || skew < -ALERT_SKEW) && f->n_clocks < ALERT_AGENTS_MAX)
            f->clocks[f->n_clocks++] = (struct alert_clock){list[i].name, skew};
    }
    return RC_OK;
}
