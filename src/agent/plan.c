/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/plan.h"

#include <stdio.h>

#include "agent/place.h"
#include "base/window.h"
#include "client/client.h"
#include "json/json.h"
#include "json/out.h"

enum { VERSION = 1, TEXT_MAX = 4096, FAILURES_MAX = 1000 };

MSG(msg_json, "agent.state-not-json",
    "the state in " AGENT_HOME "/state.json cannot be read: {0}; `autarky obtain` with the same "
    "--out writes it anew");
MSG(msg_member, "agent.state-member",
    "the state in " AGENT_HOME "/state.json has no usable \"{0}\"; `autarky obtain` with the same "
    "--out writes it anew");
MSG(msg_version, "agent.state-version",
    "the state in " AGENT_HOME "/state.json was written by a later version of autarky");

MSG(msg_windows, "agent.windows",
    "{0} is \"{1}\"; windows are as in \"Sun 02:00-04:00\", \"Mon-Fri 22:00-05:00; Sat,Sun\" or "
    "\"1st Wed 20:00-22:00 UTC\"");

static const char *const ways[AGENT_WAYS] = {
    [AGENT_HTTP_LISTEN] = "http-listen",
    [AGENT_WEBROOT] = "webroot",
    [AGENT_ALPN_LISTEN] = "alpn-listen",
    [AGENT_DNS] = "dns",
    [AGENT_HOOK] = "hook",
    [AGENT_PERSIST] = "dns-persist",
};

const char *agent_way_text(enum agent_way way)
{
    return way < AGENT_WAYS ? ways[way] : NULL;
}

/* The texts of a plan, by their names in the file. */
struct field {
    const char *name;
    size_t at;
};
#define FIELD(m)                                                                                   \
    {                                                                                              \
#m, offsetof(struct agent_plan, m)                                                         \
    }
static const struct field fields[] = {
    FIELD(server),
    FIELD(ca_file),
    FIELD(style),
    FIELD(value),
    FIELD(challenge),
    FIELD(key),
    FIELD(key_uri),
    FIELD(pkcs11_module),
    FIELD(pin),
    FIELD(reuse_key),
    FIELD(ocsp),
    FIELD(ocsp_age),
    FIELD(profile),
    FIELD(chain),
    FIELD(contact),
    FIELD(account_key),
    FIELD(hook_env),
    FIELD(hook_vars),
    FIELD(hook_user),
    FIELD(hook_chain),
    FIELD(hook_timeout),
    FIELD(owner),
    FIELD(group),
    FIELD(mode),
    FIELD(selinux),
    FIELD(reload),
    FIELD(reload_timeout),
    FIELD(prove_for),
    FIELD(renew_window),
    FIELD(reload_window),
    FIELD(resolver),
    FIELD(pair),
    FIELD(ca_fingerprint),
    FIELD(ca_url),
    FIELD(proxy),
    FIELD(no_proxy),
    FIELD(proxy_private),
    FIELD(fallback_server),
    FIELD(fallback_ca_file),
    FIELD(fallback_ca_fingerprint),
    FIELD(fallback_ca_url),
    FIELD(fallback_account_key),
    FIELD(fallback_profile),
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static struct str *text_of(struct agent_plan *plan, size_t i)
{
    return (struct str *)(void *)((char *)plan + fields[i].at);
}

struct agent_ca agent_plan_ca(const struct agent_plan *plan, bool fallback)
{
    if (fallback)
        return (struct agent_ca){.server = plan->fallback_server,
                                 .ca_file = plan->fallback_ca_file,
                                 .ca_fingerprint = plan->fallback_ca_fingerprint,
                                 .ca_url = plan->fallback_ca_url,
                                 .account_key = plan->fallback_account_key,
                                 .profile = plan->fallback_profile,
                                 .fallback = true};
    return (struct agent_ca){.server = plan->server,
                             .ca_file = plan->ca_file,
                             .ca_fingerprint = plan->ca_fingerprint,
                             .ca_url = plan->ca_url,
                             .account_key = plan->account_key,
                             .profile = plan->profile};
}

bool agent_from_fallback(const struct agent_state *s)
{
    return s->issuer.n && s->plan.fallback_server.n && str_eq(s->issuer, s->plan.fallback_server);
}

/* ---- writing */

static void put_plan(struct json_out *o, const struct agent_plan *given)
{
    struct agent_plan plan = *given;
    char text[ADDR_TEXT];

    json_key(o, "plan");
    json_obj(o);
    for (size_t i = 0; i < FIELDS; i++)
        if (text_of(&plan, i)->n)
            json_kv_str(o, fields[i].name, *text_of(&plan, i));
    json_kv_z(o, "way", agent_way_text(plan.way));
    json_kv_strs(o, "dns", plan.dns, plan.n_dns);
    if (plan.n_prove)
        json_kv_strs(o, "prove", plan.prove, plan.n_prove);
    if (plan.n_also)
        json_kv_strs(o, "also", plan.also, plan.n_also);
    json_key(o, "ips");
    json_arr(o);
    for (size_t i = 0; i < plan.n_ips; i++)
        json_put_z(o, addr_text(&plan.ips[i], text));
    json_end(o);
    json_end(o);
}

static void put_text(struct json_out *o, const char *name, struct str text)
{
    if (text.n)
        json_kv_str(o, name, text);
}

/* Times as microseconds: a window that comes back must be the same, or the dice are thrown anew. */
static void put_when(struct json_out *o, const char *name, when_t t)
{
    if (t)
        json_kv_i64(o, name, t);
}

static void put_ocsp(struct json_out *o, const struct agent_state *s)
{
    if (s->plan.ocsp.n == 0)
        return;
    json_kv_u64(o, "ocsp_of", s->ocsp_of);
    put_when(o, "ocsp_since", s->ocsp_since);
    put_when(o, "ocsp_until", s->ocsp_until);
    put_when(o, "ocsp_at", s->ocsp_at);
    json_kv_u64(o, "ocsp_failures", s->ocsp_failures);
    put_text(o, "ocsp_why", s->ocsp_why);
}

enum rc agent_state_put(const struct agent_state *s, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_PRETTY);
    json_obj(&o);
    json_kv_u64(&o, "version", VERSION);
    put_plan(&o, &s->plan);
    json_kv_str(&o, "account", s->account);
    put_when(&o, "issued", s->issued);
    put_when(&o, "issue_took", s->issue_took);
    put_when(&o, "proven", s->proven);
    put_when(&o, "prove_took", s->prove_took);
    put_when(&o, "attempt", s->attempt);
    put_when(&o, "renew_at", s->renewal.due);
    put_when(&o, "look_at", s->renewal.look_at);
    put_when(&o, "window_start", s->renewal.window_start);
    put_when(&o, "window_end", s->renewal.window_end);
    put_when(&o, "not_before", s->renewal.least);
    json_kv_u64(&o, "failures", s->failures);
    put_when(&o, "next_at", s->next);
    put_when(&o, "undecided_since", s->undecided);
    put_when(&o, "silent_at", s->silent);
    put_text(&o, "why", s->why);
    put_text(&o, "fallback_account", s->fallback_account);
    put_text(&o, "issuer", s->issuer);
    put_text(&o, "pending_issuer", s->pending_issuer);
    if (s->pending) {
        json_kv_u64(&o, "pending", s->pending);
        json_kv_u64(&o, "before", s->before);
        put_when(&o, "pending_latest", s->pending_latest);
        put_when(&o, "held", s->held);
    }
    put_when(&o, "outside", s->outside);
    put_ocsp(&o, s);
    json_end(&o);
    return json_out_done(&o);
}

/* ---- reading */

static enum rc missing(const char *name, struct err *err)
{
    return ERR(err, RC_PARSE, msg_member, str_of(name));
}

static enum rc get_text(struct arena *a, const struct json *o, const char *name, struct str *out,
                        struct err *err)
{
    const struct json *v = json_get(o, name);
    struct str s;

    *out = (struct str){NULL, 0};
    if (!v)
        return RC_OK;
    if (json_str(v, &s) != RC_OK || s.n > TEXT_MAX)
        return missing(name, err);
    return arena_str(a, s, out);
}

static when_t get_when(const struct json *o, const char *name)
{
    int64_t t;

    return json_i64(json_get(o, name), &t) == RC_OK && t > 0 && t < WHEN_MAX ? t : 0;
}

static unsigned long get_generation(const struct json *o, const char *name)
{
    uint64_t n;

    return json_u64(json_get(o, name), &n) == RC_OK && n <= UINT32_MAX ? (unsigned long)n : 0;
}

struct texts {
    struct str *list;
    size_t n;
};

static enum rc get_list(struct arena *a, const struct json *o, const char *name, struct texts *out,
                        struct err *err)
{
    const struct json *list = json_get(o, name), *v;
    struct json_iter it = json_iter(list);
    struct str s;

    if (json_type(list) != JSON_ARRAY || json_len(list) > CLIENT_NAMES_MAX)
        return missing(name, err);
    *out = (struct texts){.list = ARENA_ARRAY(a, struct str, json_len(list))};
    if (!out->list)
        return RC_NOMEM;
    while (json_next(&it, NULL, &v)) {
        if (json_str(v, &s) != RC_OK || s.n == 0 || s.n > TEXT_MAX)
            return missing(name, err);
        TRY(arena_str(a, s, &out->list[out->n++]));
    }
    return RC_OK;
}

static enum rc get_names(struct arena *a, const struct json *o, struct agent_plan *plan,
                         struct err *err)
{
    struct texts dns, texts;
    struct addr *ips;

    TRY(get_list(a, o, "dns", &dns, err));
    TRY(get_list(a, o, "ips", &texts, err));
    ips = ARENA_ARRAY(a, struct addr, texts.n);
    if (!ips)
        return RC_NOMEM;
    for (size_t i = 0; i < texts.n; i++)
        if (addr_parse(texts.list[i], &ips[i]) != RC_OK)
            return missing("ips", err);
    plan->dns = dns.list;
    plan->n_dns = dns.n;
    plan->ips = ips;
    plan->n_ips = texts.n;
    return dns.n + texts.n ? RC_OK : missing("dns", err);
}

/* None where there is none. */
static enum rc get_places(struct arena *a, const struct json *o, struct agent_plan *plan,
                          struct err *err)
{
    struct texts list = {};

    if (json_get(o, "prove"))
        TRY(get_list(a, o, "prove", &list, err));
    plan->prove = list.list;
    plan->n_prove = list.n;
    list = (struct texts){};
    if (json_get(o, "also"))
        TRY(get_list(a, o, "also", &list, err));
    plan->also = list.list;
    plan->n_also = list.n;
    return RC_OK;
}

static enum rc get_plan(struct arena *a, const struct json *o, struct agent_plan *plan,
                        struct err *err)
{
    struct str way;

    for (size_t i = 0; i < FIELDS; i++)
        TRY(get_text(a, o, fields[i].name, text_of(plan, i), err));
    TRY(get_text(a, o, "way", &way, err));
    for (unsigned i = AGENT_HTTP_LISTEN; i < AGENT_WAYS; i++)
        if (str_eq(way, str_of(ways[i])))
            plan->way = (enum agent_way)i;
    if (!plan->way || !plan->server.n || !plan->value.n)
        return missing("way", err);
    TRY(get_places(a, o, plan, err));
    TRY(agent_windows_check(plan, err));
    return get_names(a, o, plan, err);
}

static unsigned get_failures(const struct json *o, const char *name)
{
    uint64_t n;

    if (json_u64(json_get(o, name), &n) != RC_OK)
        return 0;
    return n < FAILURES_MAX ? (unsigned)n : FAILURES_MAX;
}

static enum rc get_ocsp(struct arena *a, const struct json *o, struct agent_state *s,
                        struct err *err)
{
    s->ocsp_of = get_generation(o, "ocsp_of");
    s->ocsp_since = get_when(o, "ocsp_since");
    s->ocsp_until = get_when(o, "ocsp_until");
    s->ocsp_at = get_when(o, "ocsp_at");
    s->ocsp_failures = get_failures(o, "ocsp_failures");
    return get_text(a, o, "ocsp_why", &s->ocsp_why, err);
}

static enum rc read_all(struct arena *a, const struct json *o, struct agent_state *s,
                        struct err *err)
{
    uint64_t n = 0;

    if (json_u64(json_get(o, "version"), &n) != RC_OK)
        return missing("version", err);
    if (n != VERSION)
        return ERR(err, RC_VERSION, msg_version);
    TRY(get_plan(a, json_get(o, "plan"), &s->plan, err));
    TRY(get_text(a, o, "account", &s->account, err));
    TRY(get_text(a, o, "why", &s->why, err));
    TRY(get_text(a, o, "fallback_account", &s->fallback_account, err));
    TRY(get_text(a, o, "issuer", &s->issuer, err));
    TRY(get_text(a, o, "pending_issuer", &s->pending_issuer, err));
    s->issued = get_when(o, "issued");
    s->issue_took = get_when(o, "issue_took");
    s->proven = get_when(o, "proven");
    s->prove_took = get_when(o, "prove_took");
    s->attempt = get_when(o, "attempt");
    s->renewal.due = get_when(o, "renew_at");
    s->renewal.look_at = get_when(o, "look_at");
    s->renewal.window_start = get_when(o, "window_start");
    s->renewal.window_end = get_when(o, "window_end");
    s->renewal.least = get_when(o, "not_before");
    s->next = get_when(o, "next_at");
    s->undecided = get_when(o, "undecided_since");
    s->silent = get_when(o, "silent_at");
    s->pending = get_generation(o, "pending");
    s->before = get_generation(o, "before");
    s->pending_latest = get_when(o, "pending_latest");
    s->held = get_when(o, "held");
    s->outside = get_when(o, "outside");
    s->failures = get_failures(o, "failures");
    return get_ocsp(a, o, s, err);
}

enum rc agent_state_read(struct arena *a, struct str json, struct agent_state *out, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct agent_state s = {};
    struct err why = ERR_INIT;
    char line[256];
    enum rc rc = json_parse(json, AGENT_STATE_MAX, &doc, &why);

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return ERR(err, rc, msg_json, str_of(err_textz(&why, line, sizeof(line))));
    TRY(read_all(a, json_root(doc), &s, err));
    *out = s;
    return RC_OK;
}

/* ---- when */

when_t agent_latest(when_t not_before, when_t not_after)
{
    return not_after ? not_after - (not_after - not_before) / 10 : 0;
}

static when_t later(when_t a, when_t b)
{
    return a > b ? a : b;
}

static when_t earlier(when_t a, when_t b)
{
    return a < b ? a : b;
}

static enum rc check_windows(struct str text, const char *name, struct err *err)
{
    struct windows w;

    return text.n == 0 || windows_parse(text, &w) == RC_OK
               ? RC_OK
               : ERR(err, RC_INVAL, msg_windows, str_of(name), text);
}

enum rc agent_windows_check(const struct agent_plan *plan, struct err *err)
{
    TRY(check_windows(plan->renew_window, "--renew-window", err));
    return check_windows(plan->reload_window, "--reload-window", err);
}

/* The first moment from `t` on at which it may be done. */
static when_t opening(const struct agent_state *s, struct str text, when_t t)
{
    struct windows w;

    if (s->any_time || text.n == 0 || windows_parse(text, &w) != RC_OK)
        return t;
    return windows_next(&w, t);
}

bool agent_outside(const struct agent_state *s, struct str windows, when_t now)
{
    return opening(s, windows, now) > now;
}

when_t agent_due(const struct agent_state *s, when_t not_before, when_t not_after, when_t now)
{
    when_t latest = agent_latest(not_before, not_after);
    when_t planned = s->renewal.due;

    if (not_after == 0 || s->undecided)
        return 0;
    if (planned == 0 || planned >= latest)
        return latest;
    if (s->plan.renew_window.n)
        planned = opening(s, s->plan.renew_window, later(planned, now));
    return earlier(planned, latest);
}

when_t agent_ready(const struct agent_state *s, when_t now)
{
    when_t at = opening(s, s->plan.reload_window, now);
    when_t ready = s->pending_latest == 0 || at == now ? 0 : earlier(at, s->pending_latest);
    bool held = !s->any_time && s->held > now && s->held - now <= AGENT_HELD_MOST;

    return held ? later(ready, s->held) : ready;
}

when_t agent_waits(const struct agent_state *s, when_t now)
{
    when_t at = s->pending && s->failures == 0 ? agent_ready(s, now) : 0;

    return at > now ? at : 0;
}

/* One that is longer than any that is made was made while the clock was wrong. */
when_t agent_pause(const struct agent_state *s, when_t now)
{
    return s->failures && s->next > now && s->next - now <= WHEN_DAY ? s->next : 0;
}

/* Nor is a look further away than any that is planned. */
when_t agent_look_at(const struct agent_state *s, when_t now)
{
    return s->renewal.look_at > now + CLIENT_LOOK_MOST ? now : s->renewal.look_at;
}

/* One that may not be read before the next window waits for that, but not for its last tenth. */
when_t agent_ocsp_at(const struct agent_state *s, when_t now)
{
    when_t latest = agent_latest(s->ocsp_since, s->ocsp_until);

    if (s->plan.ocsp.n == 0)
        return WHEN_MAX;
    if (s->ocsp_at == 0 || (s->ocsp_failures && s->ocsp_at > now + WHEN_DAY))
        return 0;
    if (s->plan.reload_window.n == 0 || s->ocsp_at >= latest)
        return s->ocsp_at;
    return earlier(opening(s, s->plan.reload_window, later(s->ocsp_at, now)), latest);
}

when_t agent_next(const struct agent_state *s, when_t not_before, when_t not_after, when_t now)
{
    return earlier(agent_renewal_next(s, not_before, not_after, now), agent_ocsp_at(s, now));
}

when_t agent_renewal_next(const struct agent_state *s, when_t not_before, when_t not_after,
                          when_t now)
{
    when_t pause = agent_pause(s, now), due, look;

    if (s->pending)
        return later(pause, agent_ready(s, later(pause, now)));
    if (pause)
        return pause;
    due = agent_due(s, not_before, not_after, now);
    look = agent_look_at(s, now);
    return look && look < due ? look : due;
}

bool agent_clock_behind(when_t not_before, when_t now, char out[static AGENT_CLOCK_TEXT])
{
    char from[WHEN_TEXT], here[WHEN_TEXT];

    if (not_before <= now + CLIENT_SKEW_SECONDS * WHEN_SECOND)
        return false;
    snprintf(
        out, AGENT_CLOCK_TEXT,
        "the certificate in place is valid from %s, and by the clock of this machine it is %s: "
        "that clock is behind",
        when_text(not_before, from), when_text(now, here));
    return true;
}
