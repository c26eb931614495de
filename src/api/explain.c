/* SPDX-License-Identifier: Apache-2.0 */
#include "api/explain.h"

#include "api/admin.h"
#include "api/names.h"
#include "api/page.h"
#include "ca/issue.h"
#include "conf/conf.h"
#include "policy/shown.h"
#include "store/accounts.h"
#include "store/certificates.h"
#include "store/store.h"
#include "x509/cert.h"

enum { FAULT_TEXT = 1024, ARENA_MAX = 1 << 20 };

MSG(msg_from, "api.explain-from",
    "\"from\" is \"{0}\"; it can be an address, \"gateway\" or \"operators\"");
MSG(msg_names, "api.explain-names",
    "\"names\" has to be a list of 1 to 100 DNS names or addresses");
MSG(msg_shown, "api.explain-shown",
    "the certificate \"{0}\" is not in the register; `autarky cert list` shows what is");
MSG(msg_account, "api.explain-account",
    "there is no account {0}; `autarky account list` shows them");

static void put_err(struct json_out *o, const char *key, const struct err *err)
{
    char text[FAULT_TEXT];

    json_kv_z(o, key, err_textz(err, text, sizeof(text)));
}

static const char *const faults[] = {
    [POLICY_FITS] = "fits, and is less specific",
    [POLICY_OTHER_FROM] = "is for others than those who ask",
    [POLICY_OTHER_NAME] = "has other names",
    [POLICY_WILDCARD] = "has names like it, but no wildcards",
    [POLICY_NETWORK] = "has it, but not for that address",
    [POLICY_CLIENT] = "has it, but not for that client",
};

/* Every rule and what it has to say; those that have other names are told of with --json alone. */
static void put_rules(struct api_explanation *e, const struct policy_query *q, struct str decides)
{
    const struct conf *conf = policy_conf(e->policy);

    json_key(e->o, "rules");
    json_arr(e->o);
    for (size_t i = 0; i < conf->n_policy; i++) {
        const struct conf_rule *rule = &conf->policy[i];
        enum policy_fault fault = policy_rule_fault(e->policy, rule, q);
        bool others = fault == POLICY_NETWORK || fault == POLICY_CLIENT;

        json_obj(e->o);
        json_kv_str(e->o, "rule", rule->name);
        json_kv_z(e->o, "text", str_eq(rule->name, decides) && !others ? "decides" : faults[fault]);
        json_kv_bool(e->o, "other", fault == POLICY_OTHER_NAME || fault == POLICY_OTHER_FROM);
        json_end(e->o);
    }
    json_end(e->o);
}

static void put_challenges(struct api_explanation *e, const struct policy_verdict *v)
{
    json_key(e->o, "challenges");
    json_arr(e->o);
    for (unsigned c = 0; c < CONF_CHALLENGE_COUNT; c++)
        if (v->challenges & 1u << c)
            json_put_z(e->o, conf_challenge_name(c));
    json_end(e->o);
}

void api_explain_name(struct api_explanation *e, const struct policy_query *q)
{
    struct policy_verdict *v = &e->verdicts[e->n];
    struct err err = ERR_INIT;
    enum rc rc = policy_judge(e->policy, q, v, &err);

    json_obj(e->o);
    json_kv_str(e->o, "name", q->value);
    /* A wildcard may be refused by the rule that decides. */
    put_rules(e, q, rc == RC_OK ? v->rule : err.n_args > 1 ? err_arg(&err, 0) : STR(""));
    json_kv_bool(e->o, "allowed", rc == RC_OK);
    if (rc == RC_OK) {
        json_kv_str(e->o, "rule", v->rule);
        json_kv_str(e->o, "pattern", v->pattern);
        put_challenges(e, v);
        json_kv_bool(e->o, "vouched", v->vouched);
        e->names[e->n++] = q->value;
    } else {
        put_err(e->o, "refused", &err);
        e->refused++;
    }
    json_end(e->o);
}

void api_explain_whole(struct api_explanation *e, struct str profile)
{
    CLEANUP(buf_done) struct buf life = BUF_INIT(64);
    struct policy_whole w = {
        .profile = profile,
        .names = e->names,
        .verdicts = e->verdicts,
        .n = e->n,
    };
    struct err err = ERR_INIT;
    enum rc rc = e->refused ? RC_DENIED : policy_judge_whole(&w, &err);

    json_kv_bool(e->o, "allowed", rc == RC_OK);
    if (rc != RC_OK && !e->refused)
        put_err(e->o, "refused", &err);
    json_kv_u64(e->o, "approvers", policy_approvers(&w));
    json_kv_bool(e->o, "reason", policy_reason(&w) != NULL);
    if (policy_lifetime(&w)) {
        when_put_span(&life, policy_lifetime(&w));
        json_kv_str(e->o, "lifetime", buf_str(&life));
    }
}

/* ---- by /api/v1/ */

static enum rc read_from(const struct json *args, struct policy_query *q, struct err *err)
{
    struct str from;

    TRY(api_arg_text(args, "from", &from, err));
    if (!from.n)
        return RC_OK;
    for (unsigned f = 0; f < CONF_FROM_COUNT; f++)
        if (str_eq(from, str_of(conf_from_name(f)))) {
            q->from = f;
            return RC_OK;
        }
    if (addr_parse(from, &q->requester) != RC_OK)
        return ERR(err, RC_INVAL, msg_from, str_head(from, API_SHOWN_MAX));
    return RC_OK;
}

static enum rc read_account(const struct api_view *v, const struct json *args, struct arena *a,
                            struct policy_query *q, struct err *err)
{
    struct store_account account;
    struct id id;

    TRY(api_arg_text(args, "eab", &q->eab, err));
    TRY(api_arg_text(args, "account", &q->account, err));
    if (!q->account.n || q->eab.n)
        return RC_OK;
    if (id_parse(q->account, &id) != RC_OK ||
        store_account_get(store_read(v->store), a, &id, &account) != RC_OK)
        return ERR(err, RC_NOTFOUND, msg_account, str_head(q->account, API_SHOWN_MAX));
    q->eab = account.eab_key;
    return RC_OK;
}

/* "serial:HEX" is one of the register; anything else what a rule may have, of any. */
static enum rc read_shown(const struct api_view *v, const struct json *args, struct arena *a,
                          struct policy_query *q, struct err *err)
{
    struct policy_shown *shown = ARENA_NEW(a, struct policy_shown);
    struct store_certificate c;
    struct x509_serial serial;
    struct str text;

    TRY(api_arg_text(args, "client_certificate", &text, err));
    if (text.n == 0)
        return RC_OK;
    if (!shown)
        return RC_NOMEM;
    q->shown = shown;
    if (!str_starts(text, STR("serial:")))
        return policy_shown_add(shown, a, "", text);
    if (x509_serial_parse(str_skip(text, strlen("serial:")), &serial) != RC_OK ||
        store_certificate_by_serial(store_read(v->store), a, x509_serial_bytes(&serial), &c) !=
            RC_OK)
        return ERR(err, RC_NOTFOUND, msg_shown, str_head(text, API_SHOWN_MAX));
    TRY(policy_shown_check(store_read(v->store), a, &c, POLICY_SHOWN_CLIENT, v->now, err));
    return policy_shown_take(shown, &c, a);
}

static enum rc explain_all(struct api_explanation *e, const struct policy_query *who,
                           const struct json *list, struct arena *a, struct err *err)
{
    struct json_iter it = json_iter(list);
    const struct json *item;
    struct store_name name;
    struct str text;

    if (json_len(list) == 0 || json_len(list) > API_EXPLAIN_MAX)
        return ERR(err, RC_INVAL, msg_names);
    json_key(e->o, "names");
    json_arr(e->o);
    while (json_next(&it, NULL, &item)) {
        struct policy_query q = *who;

        if (json_str(item, &text) != RC_OK)
            return ERR(err, RC_INVAL, msg_names);
        TRY(api_name_read(a, text, &name, err));
        if (name.type != STORE_NAME_DNS && name.type != STORE_NAME_IP)
            return ERR(err, RC_INVAL, msg_names);
        q.type = name.type == STORE_NAME_IP ? POLICY_IP : POLICY_DNS;
        q.value = name.value;
        api_explain_name(e, &q);
    }
    json_end(e->o);
    return RC_OK;
}

enum rc api_policy_explain(const struct api_view *v, const struct json *args, struct json_out *o,
                           struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_MAX);
    struct api_explanation *e = ARENA_NEW(&a, struct api_explanation);
    struct policy_query who = {.special = ca_hierarchy_open(v->ca, STR("special"))};
    struct str profile;

    if (!e)
        return RC_NOMEM;
    *e = (struct api_explanation){.policy = v->policy, .o = o};
    TRY(api_arg_text(args, "profile", &profile, err));
    TRY(read_from(args, &who, err));
    TRY(read_account(v, args, &a, &who, err));
    TRY(read_shown(v, args, &a, &who, err));
    json_obj(o);
    json_kv_str(o, "account", who.account);
    json_kv_str(o, "eab", who.eab);
    TRY(explain_all(e, &who, json_get(args, "names"), &a, err));
    api_explain_whole(e, profile.n ? profile : STR("default"));
    json_end(o);
    return RC_OK;
}
