/* SPDX-License-Identifier: Apache-2.0 */
/* "What does the CA see?", for clients: before a challenge is answered, the same look that the
 * validation would take, and what of it stands in the way. Nothing is decided by it and nothing
 * written.
 *
 * Whoever could ask it about anything would have a scanner inside the network, and a name server
 * that reflects. So: signed by a valid account, about names that the rules let this account order
 * or a challenge of its own that is pending, one at a time for each account, and so many an hour;
 * the prober goes nowhere that a validation would not go. */
#include "acme/parts_int.h"

#include "ca/issue.h"
#include "log/log.h"
#include "metrics/metrics.h"

MSG(msg_form, "acme.preflight-form",
    "the payload has to have either \"identifier\", an object with \"type\" and \"value\", or "
    "\"challenge\", the URL of a challenge of this account that is pending");
MSG(msg_challenge, "acme.preflight-challenge",
    "{0} is no challenge of this account that is pending; ask before it is answered");
MSG(msg_running, "acme.preflight-running",
    "a look for this account is under way; ask again when it is answered");
MSG(msg_busy, "acme.preflight-busy",
    "as many looks as this server takes at a time are under way; ask again in a few seconds");
MSG(msg_rate, "acme.preflight-rate",
    "{0} has asked {1} times in an hour, and may no more; answer the challenge without, or ask "
    "again later");
MSG(msg_away, "acme.preflight-away", "the prober cannot look just now; ask again in a while");

static const char *const results[] = {"clear", "hindered", "failed"};
enum { CLEAR, HINDERED, FAILED };
METRIC_COUNTER_BY(preflights_total, "acme_preflights_total",
                  "Looks that clients asked for before they answered a challenge", "result",
                  results);

struct preflight {
    struct acme_identifier identifier;
    struct acme_preflight ask;
    const struct json *seen; /* while the answer is written */
};

/* ---- credits */

static bool same_account(const struct id *a, const struct id *b)
{
    return str_eq(id_str(a), id_str(b));
}

/* Seconds until the oldest of those that count is an hour old. */
static enum rc over(struct acme_request *r, const char *who, unsigned n, when_t oldest)
{
    r->retry_at = oldest + WHEN_HOUR;
    return ACME_ERR(r, RC_QUOTA, "rateLimited", msg_rate, str_of(who),
                    arena_printf(r->arena, "%u", n));
}

static enum rc check_hour(struct acme_request *r)
{
    const struct acme_preflights *p = &r->acme->preflights;
    when_t first = r->now, first_own = r->now;
    unsigned all = 0, own = 0;

    for (size_t i = 0; i < ACME_PREFLIGHTS_HOUR; i++) {
        const struct acme_preflight_mark *mark = &p->marks[i];

        if (mark->at == 0 || mark->at <= r->now - WHEN_HOUR)
            continue;
        all++;
        first = mark->at < first ? mark->at : first;
        if (!same_account(&mark->account, &r->account.id))
            continue;
        own++;
        first_own = mark->at < first_own ? mark->at : first_own;
    }
    if (own >= ACME_PREFLIGHTS_HOUR_SHARE)
        return over(r, "this account", own, first_own);
    return all >= ACME_PREFLIGHTS_HOUR ? over(r, "everybody together", all, first) : RC_OK;
}

static enum rc check_running(struct acme_request *r)
{
    const struct acme_preflights *p = &r->acme->preflights;

    for (size_t i = 0; i < p->n_running; i++)
        if (same_account(&p->running[i], &r->account.id)) {
            http_header_addf(r->x, "Retry-After", "%d", ACME_RETRY_SECONDS);
            return ACME_ERR(r, RC_QUOTA, "rateLimited", msg_running);
        }
    if (p->n_running < ACME_PREFLIGHTS_MAX)
        return RC_OK;
    http_header_addf(r->x, "Retry-After", "%d", ACME_RETRY_SECONDS);
    return ACME_ERR(r, RC_QUOTA, "rateLimited", msg_busy);
}

static void take(struct acme_request *r)
{
    struct acme_preflights *p = &r->acme->preflights;

    p->marks[p->next] = (struct acme_preflight_mark){r->account.id, r->now};
    p->next = (p->next + 1) % ACME_PREFLIGHTS_HOUR;
    p->running[p->n_running++] = r->account.id;
}

static void give_back(struct acme_request *r)
{
    struct acme_preflights *p = &r->acme->preflights;

    for (size_t i = 0; i < p->n_running; i++)
        if (same_account(&p->running[i], &r->account.id)) {
            p->running[i] = p->running[--p->n_running];
            return;
        }
}

/* ---- what is asked about */

static enum rc read_identifier(struct acme_request *r, const struct json *value,
                               struct preflight *d)
{
    struct acme_identifier *i = &d->identifier;
    struct policy_names names = {.n_dns = 0};
    struct addr ip;

    TRY(acme_identifier_read(r, value, i, &r->err));
    TRY(acme_identifier_judge(r, i, &r->err));
    names.dns = &i->name.value;
    names.ips = &ip;
    if (i->name.type == STORE_NAME_DNS)
        names.n_dns = 1;
    else
        TRY(addr_parse(i->name.value, &ip));
    names.n_ips = 1 - names.n_dns;
    return ca_serves(r->acme->ca, &names, r->staging, &r->err);
}

static enum rc load_challenge(struct acme_request *r, struct str url, struct store_challenge *c,
                              struct store_authorization *z)
{
    struct str before = arena_printf(r->arena, "%.*s/acme/challenge/", STR_ARG(r->base));
    struct store_txn *txn = store_read(r->acme->store);
    struct id id;
    enum rc rc = RC_NOTFOUND;

    if (!before.p)
        return RC_NOMEM;
    if (str_starts(url, before) && id_parse(str_skip(url, before.n), &id) == RC_OK)
        rc = store_challenge_get(txn, r->arena, &id, c);
    if (rc == RC_OK)
        rc = store_authorization_get(txn, r->arena, &c->authorization, z);
    if (rc == RC_OK &&
        (!same_account(&z->account, &r->account.id) || z->expires <= r->now ||
         c->status != STORE_CHALLENGE_PENDING || z->status != STORE_AUTHORIZATION_PENDING))
        rc = RC_NOTFOUND;
    if (rc != RC_NOTFOUND)
        return rc;
    IGNORE_RC(ACME_ERR(r, rc, "malformed", msg_challenge, str_head(url, 256)));
    return err_problem(&r->err, rc, "malformed", 404);
}

/* With the proof that it wants, so that the look says whether it is there. */
static enum rc read_challenge(struct acme_request *r, struct str url, struct preflight *d)
{
    struct store_authorization z;
    struct store_challenge c;
    const struct jose_jwk *jwk;

    TRY(load_challenge(r, url, &c, &z));
    TRY(acme_identifier_judge_again(r, &z, &d->identifier)); /* it may be judged otherwise by now */
    TRY(acme_keys_get(&r->acme->keys, r->account.jwk, &jwk));
    d->ask.challenge = c.type;
    d->ask.token = c.token;
    d->ask.key_authorization =
        arena_printf(r->arena, "%.*s.%s", STR_ARG(c.token), jose_jwk_thumbprint(jwk));
    return d->ask.key_authorization.p ? RC_OK : RC_NOMEM;
}

static enum rc read_ask(struct acme_request *r, struct preflight *d)
{
    const struct json *identifier = json_get(r->payload, "identifier");
    const struct json *challenge = json_get(r->payload, "challenge");
    struct acme_identifier *i = &d->identifier;
    struct str url;

    if (!identifier == !challenge || (challenge && json_str(challenge, &url) != RC_OK))
        return ACME_ERR(r, RC_INVAL, "malformed", msg_form);
    TRY(identifier ? read_identifier(r, identifier, d) : read_challenge(r, url, d));
    d->ask.identifier_type = str_of(store_name_type_text(i->proven.type));
    d->ask.identifier = i->proven.value;
    d->ask.wildcard = i->wildcard;
    d->ask.account = acme_account_uri(r->acme, r->arena, &r->account.id, r->staging);
    return RC_OK;
}

/* ---- the answer */

/* An http-01 with a made-up token: that a server answered at all is as far as it can come. */
static bool reached(const struct json *http)
{
    struct str type = json_shown(http, "type");
    bool ok = false;

    IGNORE_RC(json_bool(json_get(http, "ok"), &ok)); /* not */
    return ok || str_eq(type, STR("unauthorized")) || str_eq(type, STR("incorrectResponse"));
}

static bool is_ok(const struct json *attempt)
{
    bool ok = false;

    IGNORE_RC(json_bool(json_get(attempt, "ok"), &ok)); /* not */
    return ok;
}

static void put_problem(struct json_out *o, const struct json *attempt, const char *of)
{
    json_obj(o);
    json_kv_z(o, "of", of);
    json_kv_str(o, "type", json_shown(attempt, "type"));
    json_kv_str(o, "detail", json_shown(attempt, "why"));
    json_end(o);
}

/* True when nothing stands in the way, as far as can be seen from here. */
static bool put_problems(struct json_out *o, const struct preflight *d)
{
    const struct json *attempt = json_get(d->seen, "attempt"), *http = json_get(d->seen, "http");
    const struct json *caa = json_get(d->seen, "caa");
    bool only_http = d->identifier.challenges == 1u << CONF_CHALLENGE_HTTP_01;
    bool clear = true;

    json_key(o, "problems");
    json_arr(o);
    if (attempt && !is_ok(attempt)) {
        put_problem(o, attempt, "challenge");
        clear = false;
    }
    if (http && !reached(http)) {
        put_problem(o, http, "http-01");
        clear &= !only_http;
    }
    if (caa && !is_ok(caa)) {
        put_problem(o, caa, "caa");
        clear = false;
    }
    json_end(o);
    return clear;
}

static enum rc put_answer(struct acme_request *r, const struct preflight *d, struct str seen,
                          bool *clear)
{
    struct json_out o = acme_reply_begin(r);

    json_obj(&o);
    json_key(&o, "seen");
    json_put_raw(&o, seen);
    json_key(&o, "verdict");
    json_obj(&o);
    *clear = put_problems(&o, d);
    json_kv_bool(&o, "ok", *clear);
    json_kv_z(&o, "do",
              !*clear ? "mend what \"problems\" says, and ask again before the challenge is "
                        "answered: an answer now would fail"
              : d->ask.token.n ? "answer the challenge: what it wants is there"
                               : "nothing is in the way as far as can be seen; put the proof in "
                                 "place, and ask once more with \"challenge\"");
    json_end(&o);
    json_end(&o);
    return json_out_done(&o);
}

static enum rc answer(struct acme_request *r, struct str seen)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct preflight *d = r->data;
    bool clear;

    TRY(json_parse(seen, ACME_SEEN_MAX, &doc, NULL));
    d->seen = json_root(doc);
    TRY(put_answer(r, d, seen, &clear));
    metric_add(&preflights_total, clear ? CLEAR : HINDERED, 1);
    log_info("acme.preflight", LOG_STR("account", id_str(&r->account.id)),
             LOG_STR("identifier", d->identifier.name.value), LOG_BOOL("clear", clear));
    return RC_OK;
}

static void looked(void *arg, enum rc rc, struct str seen)
{
    struct acme_request *r = arg;

    give_back(r);
    if (rc == RC_OK)
        rc = answer(r, seen);
    if (rc == RC_OK) {
        acme_reply_json(r, 200);
        return;
    }
    metric_add(&preflights_total, FAILED, 1);
    rc = ACME_ERR(r, RC_AGAIN, "serverInternal", msg_away);
    r->err.status = 503;
    acme_reply_fail(r, rc);
}

enum rc acme_preflight(struct acme_request *r)
{
    const struct acme_options *o = &r->acme->options;
    struct preflight *d = ARENA_NEW(r->arena, struct preflight);
    enum rc rc;

    if (!d)
        return RC_NOMEM;
    r->data = d;
    TRY(read_ask(r, d));
    TRY(check_running(r));
    TRY(check_hour(r));
    rc = o->preflight(o->preflight_arg, &d->ask, looked, r);
    if (rc == RC_OK) {
        take(r);
        return RC_OK;
    }
    http_header_addf(r->x, "Retry-After", "%d", ACME_RETRY_SECONDS);
    rc = ACME_ERR(r, RC_AGAIN, "serverInternal", msg_away);
    r->err.status = 503;
    return rc;
}
