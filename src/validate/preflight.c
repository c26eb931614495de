/* SPDX-License-Identifier: Apache-2.0 */
#include "validate/preflight.h"

#include "ev/clock.h"
#include "json/out.h"
#include "validate/validate_int.h"

enum { SERVERS_SHOWN = 8, VIEWS = SERVERS_SHOWN + 1, ARENA = 4 * 1024 * 1024 };
enum { PLAIN = 3, PROOFS = 2, QUESTIONS = PLAIN + PROOFS };

/* Of no challenge. */
#define TOKEN STR("preflight")
#define KEY_AUTHORIZATION STR("preflight.preflight")

/* One question to one server, or to those that hold the zone. */
struct question {
    struct validate_preflight *owner;
    struct dns_lookup *lookup;
    const struct dns_answer *answer;
};

struct view {
    struct str who;
    struct question questions[QUESTIONS];
};

/* A validation that is made to see how far it comes. */
struct attempt {
    struct validate_preflight *owner;
    struct validate_ask ask;
    struct validation *run;
    bool ok;
    struct str type, why, evidence;
};

struct validate_preflight {
    struct list link;
    struct validator *validator;
    struct validate_preflight_ask ask;
    validate_preflight_fn fn;
    void *arg;
    struct arena arena;
    struct view views[VIEWS];
    size_t n_views, waiting;
    struct attempt proof, caa;
    bool has_caa;
    enum rc rc;
};

static void stop(struct validate_preflight *p)
{
    if (!list_empty(&p->link))
        p->validator->n_preflights--;
    list_remove(&p->link);
    for (size_t i = 0; i < p->n_views; i++)
        for (size_t j = 0; j < QUESTIONS; j++)
            dns_lookup_cancel(MOVE(p->views[i].questions[j].lookup));
    if (p->proof.run)
        validate_cancel(MOVE(p->proof.run));
    if (p->caa.run)
        validate_cancel(MOVE(p->caa.run));
}

void validate_preflight_cancel(struct validate_preflight *p)
{
    stop(p);
    arena_done(&p->arena);
    mem_free(p);
}

void validate_preflight_end(struct list *link)
{
    validate_preflight_cancel(LIST_ENTRY(link, struct validate_preflight, link));
}

/* ---- the answer */

static void put_view(struct json_out *o, const struct view *view)
{
    json_obj(o);
    json_kv_str(o, "asked", view->who);
    json_key(o, "answers");
    json_arr(o);
    for (size_t i = 0; i < QUESTIONS; i++)
        if (view->questions[i].answer)
            dns_answer_put(o, view->questions[i].answer);
    json_end(o);
    json_end(o);
}

static void put_attempt(struct json_out *o, const char *name, const struct attempt *a)
{
    json_key(o, name);
    json_obj(o);
    json_kv_str(o, "challenge", a->ask.challenge);
    json_kv_bool(o, "ok", a->ok);
    if (a->type.n)
        json_kv_str(o, "type", a->type);
    if (a->why.n)
        json_kv_str(o, "why", a->why);
    if (a->evidence.n) {
        json_key(o, "evidence");
        json_put_raw(o, a->evidence);
    }
    json_end(o);
}

static enum rc put(const struct validate_preflight *p, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "type", p->ask.identifier_type);
    json_kv_str(&o, "identifier", p->ask.identifier);
    json_kv_bool(&o, "wildcard", p->ask.wildcard);
    json_kv_when(&o, "at", clock_now(ev_clock(p->validator->ev)));
    json_key(&o, "views");
    json_arr(&o);
    for (size_t i = 0; i < p->n_views; i++)
        put_view(&o, &p->views[i]);
    json_end(&o);
    put_attempt(&o, p->ask.challenge.n ? "attempt" : "http", &p->proof);
    if (p->has_caa)
        put_attempt(&o, "caa", &p->caa);
    json_end(&o);
    return json_out_done(&o);
}

static void finish(struct validate_preflight *p)
{
    CLEANUP(buf_done) struct buf json = BUF_INIT(PREFLIGHT_JSON_MAX);
    enum rc rc = p->rc == RC_OK ? put(p, &json) : p->rc;

    stop(p);
    p->fn(p->arg, rc, rc == RC_OK ? buf_str(&json) : STR(""));
    arena_done(&p->arena);
    mem_free(p);
}

static void one_less(struct validate_preflight *p, enum rc rc)
{
    if (rc != RC_OK)
        p->rc = rc;
    if (--p->waiting == 0)
        finish(p);
}

/* ---- looking */

static void on_answer(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct question *q = arg;

    q->lookup = NULL;
    q->answer = answer;
    one_less(q->owner, rc);
}

static enum rc keep(struct validate_preflight *p, const struct validate_result *r,
                    struct attempt *a)
{
    char text[1024];

    a->ok = r->rc == RC_OK;
    TRY(arena_str(&p->arena, r->evidence, &a->evidence));
    if (!r->err)
        return RC_OK;
    TRY(arena_str(&p->arena, str_of(r->err->type ? r->err->type : ""), &a->type));
    return arena_str(&p->arena, str_of(err_textz(r->err, text, sizeof(text))), &a->why);
}

static void on_attempt(void *arg, const struct validate_result *r)
{
    struct attempt *a = arg;

    a->run = NULL;
    one_less(a->owner, keep(a->owner, r, a));
}

static enum rc ask_one(struct validate_preflight *p, struct question *out, enum dns_type type,
                       struct str name)
{
    struct dns_question q = {.name = name,
                             .type = type,
                             .timeout = p->validator->conf->validation.timeout,
                             .arena = &p->arena};
    enum rc rc;

    out->owner = p;
    rc = dns_lookup_start(p->validator->resolver, &q, on_answer, out, &out->lookup);
    if (rc == RC_INVAL) /* too long for a label in front */
        return RC_OK;
    TRY(rc);
    p->waiting++;
    return RC_OK;
}

/* Where the proof of the challenge stands; when none is named, wherever one could. */
static enum rc ask_proof(struct validate_preflight *p, struct question *out)
{
    static const char *const any[PROOFS] = {"dns-01", "dns-persist-01"};
    bool named = p->ask.challenge.n > 0;
    struct validate_ask ask = {.identifier = p->ask.identifier, .account = p->ask.account};

    for (size_t i = 0; i < (named ? 1 : PROOFS); i++) {
        struct str name;

        ask.challenge = named ? p->ask.challenge : str_of(any[i]);
        TRY(validate_txt_name(&p->arena, &ask, &name));
        TRY(ask_one(p, &out[i], DNS_TXT, name));
    }
    return RC_OK;
}

static enum rc ask_view(struct validate_preflight *p, struct view *view)
{
    static const enum dns_type types[PLAIN] = {DNS_AAAA, DNS_A, DNS_CAA};

    for (size_t i = 0; i < PLAIN; i++)
        TRY(ask_one(p, &view->questions[i], types[i], p->ask.identifier));
    return ask_proof(p, &view->questions[PLAIN]);
}

/* The lookups that begin now ask those of this zone alone. */
static enum rc add_view(struct validate_preflight *p, struct str who, const struct dns_zone *zone)
{
    CLEANUP(dns_zones_unrefp) struct dns_zones *only = NULL;
    CLEANUP(dns_zones_unrefp)
    struct dns_zones *usual = dns_zones_ref(dns_resolver_zones(p->validator->resolver));
    struct view *view = &p->views[p->n_views];
    enum rc rc;

    TRY(arena_str(&p->arena, who, &view->who));
    TRY(dns_zones_new(zone, 1, &only));
    p->n_views++;
    dns_resolver_set_zones(p->validator->resolver, only);
    rc = ask_view(p, view);
    dns_resolver_set_zones(p->validator->resolver, usual);
    return rc;
}

static enum rc add_views(struct validate_preflight *p)
{
    const struct dns_zone *zone =
        dns_zones_find(dns_resolver_zones(p->validator->resolver), p->ask.identifier);
    struct dns_zone one = {.name = STR("."), .n_servers = 1};
    char who[ADDR_TEXT];

    for (size_t i = 0; zone && i < zone->n_servers && i < SERVERS_SHOWN; i++) {
        one.servers = &zone->servers[i];
        one.authoritative = zone->authoritative;
        TRY(add_view(p, str_of(addr_port_text(one.servers, who)), &one));
    }
    return add_view(p, STR("the servers of the NS records"),
                    &(struct dns_zone){.name = STR("."), .authoritative = true});
}

static enum rc attempt(struct validate_preflight *p, struct attempt *a, bool caa_only)
{
    a->owner = p;
    a->ask = (struct validate_ask){
        .challenge = p->ask.challenge.n ? p->ask.challenge : STR("http-01"),
        .identifier_type = p->ask.identifier_type,
        .identifier = p->ask.identifier,
        .wildcard = p->ask.wildcard,
        .caa_only = caa_only,
        .account = p->ask.account,
        .token = p->ask.challenge.n ? p->ask.token : TOKEN,
        .key_authorization = p->ask.challenge.n ? p->ask.key_authorization : KEY_AUTHORIZATION,
        .attempt = 1,
    };
    TRY(validate_start(p->validator, &a->ask, on_attempt, a, &a->run));
    p->waiting++;
    return RC_OK;
}

static enum rc begin(struct validate_preflight *p)
{
    bool is_name = str_eq(p->ask.identifier_type, STR("dns"));

    TRY(attempt(p, &p->proof, false)); /* the first, which judges the identifier */
    if (!is_name)
        return RC_OK;
    p->has_caa = p->validator->conf->validation.caa != CONF_CAA_OFF;
    if (p->has_caa)
        TRY(attempt(p, &p->caa, true));
    return add_views(p);
}

enum rc validate_preflight(struct validator *v, const struct validate_preflight_ask *ask,
                           validate_preflight_fn fn, void *arg, struct validate_preflight **out)
{
    struct validate_preflight *p;
    enum rc rc;

    if (v->n_preflights == PREFLIGHT_MAX)
        return RC_QUOTA;
    p = MEM_NEW(struct validate_preflight);
    if (!p)
        return RC_NOMEM;
    p->validator = v;
    p->ask = *ask;
    p->fn = fn;
    p->arg = arg;
    arena_init(&p->arena, ARENA);
    list_init(&p->link);
    list_push(&v->preflights, &p->link);
    v->n_preflights++;
    rc = begin(p);
    if (rc != RC_OK) {
        validate_preflight_cancel(p);
        return rc;
    }
    *out = p;
    return RC_OK;
}
