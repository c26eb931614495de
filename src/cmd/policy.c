/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky policy`: the rules of the configuration in the file, checked and explained. What is in
 * force may be older, until `autarky reload`. */
#include <assert.h>
#include <stdio.h>

#include "api/explain.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/name.h"
#include "ca/rules.h"
#include "cmd/policy_int.h"
#include "conf/conf.h"
#include "ev/clock.h"
#include "json/json.h"
#include "policy/check.h"

enum { ANSWER_MAX = 16 << 20, TEXT_MAX = 1 << 20, ASK_MAX = 512, FAULT_TEXT = 1024 };

/* ---- shared */

int cmd_policy_load(const struct cmd_args *args, struct policy **out)
{
    CLEANUP(buf_done) struct buf problems = BUF_INIT(TEXT_MAX);
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    struct err err = ERR_INIT;

    if (cmd_load_config(args, &conf, &problems) != RC_OK)
        return cmd_show_problems(buf_str(&problems));
    err.rc = policy_new(conf, out, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

bool cmd_policy_special(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf json = BUF_INIT(CA_RULES_FILE_MAX);
    CLEANUP(fd_closep) int data = -1;
    struct ca_rules rules;
    bool on;

    if (cmd_open_data(args, &data, NULL) != RC_OK ||
        file_read(data, "ca/rules.json", &json, NULL) != RC_OK ||
        ca_rules_parse(buf_str(&json), &rules, NULL) != RC_OK)
        return true;
    on = rules.special.on;
    ca_rules_done(&rules);
    return on;
}

void cmd_policy_put_err(struct json_out *o, const char *key, const struct err *err)
{
    char text[FAULT_TEXT];

    json_kv_z(o, key, err_textz(err, text, sizeof(text)));
}

enum rc cmd_policy_account_key(const struct cmd_args *args, struct str account, struct arena *a,
                               struct str *out, struct err *err)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ASK_MAX), answer = BUF_INIT(ANSWER_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_out o;

    json_out_init(&o, &ask, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "id", account);
    json_end(&o);
    TRY(json_out_done(&o));
    TRY(cmd_control(cmd_data(args), "account show", buf_str(&ask), &answer, err));
    TRY(json_parse(buf_str(&answer), ANSWER_MAX, &doc, err));
    return arena_str(a, json_shown(json_root(doc), "eab"), out);
}

/* ---- check */

struct findings {
    struct json_out o;
    size_t n;
};

static void found(void *arg, const struct policy_finding *f)
{
    struct findings *all = arg;

    all->n++;
    json_obj(&all->o);
    json_kv_z(&all->o, "finding", f->name);
    json_kv_str(&all->o, "rule", f->rule);
    if (f->other.n)
        json_kv_str(&all->o, "other", f->other);
    cmd_policy_put_err(&all->o, "text", &f->what);
    json_kv_z(&all->o, "cure", f->cure);
    json_end(&all->o);
}

static enum rc show_findings(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "findings"));
    const struct json *f;
    size_t n = 0;

    for (; json_next(&it, NULL, &f); n++)
        printf("%-14.*s %.*s\n               cure: %.*s\n", STR_ARG(json_shown(f, "finding")),
               STR_ARG(json_shown(f, "text")), STR_ARG(json_shown(f, "cure")));
    if (n == 0)
        printf("nothing is wrong with the rules\n");
    return RC_OK;
}

static int check(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    CLEANUP(policy_unrefp) struct policy *policy = NULL;
    struct findings all = {.n = 0};
    int status = cmd_policy_load(args, &policy);
    enum rc rc;

    if (status != CMD_DONE)
        return status;
    json_out_init(&all.o, &answer, JSON_PRETTY);
    json_obj(&all.o);
    json_key(&all.o, "findings");
    json_arr(&all.o);
    rc = policy_check(policy, cmd_policy_special(args), found, &all);
    json_end(&all.o);
    json_kv_bool(&all.o, "ok", all.n == 0);
    json_end(&all.o);
    if (rc == RC_OK)
        rc = json_out_done(&all.o);
    if (rc != RC_OK)
        return cmd_failf("the findings cannot be shown: %s", rc_text(rc));
    status = cmd_show(args, &answer, show_findings);
    return status == CMD_DONE && all.n ? CMD_FAILED : status;
}

int cmd_policy_check(const struct cmd_args *args)
{
    return args->values[CMD_OPT_DRY_RUN] ? cmd_policy_dry_run(args) : check(args);
}

/* ---- explain */

static_assert((int)CMD_VALUES_MAX <= (int)API_EXPLAIN_MAX);

struct explanation {
    const struct cmd_args *args;
    struct policy *policy;
    struct arena arena;
    struct policy_query query; /* who asks */
    struct policy_shown shown; /* and with which certificate */
    struct api_explanation of;
    struct json_out o;
};

static int read_who(struct explanation *e)
{
    const char *from = e->args->values[CMD_OPT_FROM];
    const char *eab = e->args->values[CMD_OPT_EAB];

    e->query.special = cmd_policy_special(e->args);
    e->query.eab = str_of(eab ? eab : "");
    if (!from)
        return CMD_DONE;
    for (unsigned f = 0; f < CONF_FROM_COUNT; f++)
        if (str_eq(str_of(from), str_of(conf_from_name(f)))) {
            e->query.from = f;
            return CMD_DONE;
        }
    if (addr_parse(str_of(from), &e->query.requester) != RC_OK)
        return cmd_usagef("--from is \"%s\"; it can be an address, gateway or operators", from);
    return CMD_DONE;
}

static int read_account(struct explanation *e)
{
    const char *account = e->args->values[CMD_OPT_ACCOUNT];
    struct err err = ERR_INIT;

    if (!account || str_eq(str_of(account), STR("none")))
        return CMD_DONE;
    e->query.account = str_of(account);
    if (e->args->values[CMD_OPT_EAB])
        return CMD_DONE;
    err.rc = cmd_policy_account_key(e->args, e->query.account, &e->arena, &e->query.eab, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

static int read_shown(struct explanation *e)
{
    const char *given = e->args->values[CMD_OPT_CLIENT_CERTIFICATE];
    char name[NAME_MAX_BYTES + 1];
    struct err err = ERR_INIT;

    if (!given)
        return CMD_DONE;
    e->query.shown = &e->shown;
    if (str_starts(str_of(given), STR("serial:"))) {
        struct cmd_policy_ask which = {.args = e->args,
                                       .serial = str_skip(str_of(given), strlen("serial:")),
                                       .now = clock_now(clock_system())};

        err.rc = cmd_policy_shown(&which, &e->arena, &e->shown, &err);
    } else {
        bool is_name = name_canonical(str_of(given), false, name) == RC_OK;

        err.rc = policy_shown_add(&e->shown, &e->arena, "", str_of(is_name ? name : given));
    }
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

static int read_name(struct explanation *e, const char *given, struct policy_query *q)
{
    char name[NAME_MAX_BYTES + 1], text[ADDR_TEXT];
    struct addr a;
    bool ip = addr_parse(str_of(given), &a) == RC_OK;

    *q = e->query;
    q->type = ip ? POLICY_IP : POLICY_DNS;
    if (!ip && name_canonical(str_of(given), true, name) != RC_OK)
        return cmd_usagef("--name is \"%s\", which is neither a DNS name nor an address", given);
    if (arena_str(&e->arena, str_of(ip ? addr_text(&a, text) : name), &q->value) != RC_OK)
        return cmd_failf("%s", rc_text(RC_NOMEM));
    return CMD_DONE;
}

static int explain_names(struct explanation *e)
{
    json_key(&e->o, "names");
    json_arr(&e->o);
    for (size_t i = 0; i < e->args->n_many; i++) {
        struct policy_query q;
        int status = read_name(e, e->args->many[i], &q);

        if (status != CMD_DONE)
            return status;
        api_explain_name(&e->of, &q);
    }
    json_end(&e->o);
    return CMD_DONE;
}

static void show_name(const struct json *v)
{
    struct json_iter it = json_iter(json_get(v, "rules")), types;
    const struct json *rule, *type;
    bool other = false, allowed = false, vouched = false;
    struct str text;

    printf("%.*s\n", STR_ARG(json_shown(v, "name")));
    while (json_next(&it, NULL, &rule)) {
        IGNORE_RC(json_bool(json_get(rule, "other"), &other)); /* false */
        if (!other)
            printf("  rule %.*s: %.*s\n", STR_ARG(json_shown(rule, "rule")),
                   STR_ARG(json_shown(rule, "text")));
    }
    IGNORE_RC(json_bool(json_get(v, "allowed"), &allowed)); /* false */
    if (!allowed) {
        printf("  refused: %.*s\n", STR_ARG(json_shown(v, "refused")));
        return;
    }
    IGNORE_RC(json_bool(json_get(v, "vouched"), &vouched)); /* false */
    printf("  allowed by %.*s, proof:%s", STR_ARG(json_shown(v, "rule")),
           vouched ? " none, the account's key is one" : "");
    types = json_iter(json_get(v, "challenges"));
    while (json_next(&types, NULL, &type))
        if (json_str(type, &text) == RC_OK)
            printf(" %.*s", STR_ARG(text));
    printf("\n");
}

static enum rc show_explanation(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "names"));
    const struct json *v;
    uint64_t approvers = 0;
    bool allowed = false, reason = false;

    while (json_next(&it, NULL, &v))
        show_name(v);
    IGNORE_RC(json_bool(json_get(root, "allowed"), &allowed)); /* false */
    if (json_get(root, "refused"))
        printf("together: refused: %.*s\n", STR_ARG(json_shown(root, "refused")));
    IGNORE_RC(json_u64(json_get(root, "approvers"), &approvers)); /* 0 */
    if (approvers)
        printf("together: waits for approval, by %llu of control.people\n",
               (unsigned long long)approvers);
    IGNORE_RC(json_bool(json_get(root, "reason"), &reason)); /* false */
    if (reason)
        printf("together: takes a reason, of the account's key, of an approval or of --reason\n");
    if (json_get(root, "lifetime"))
        printf("together: for %.*s at most\n", STR_ARG(json_shown(root, "lifetime")));
    printf("%s\n", allowed ? "ALLOWED" : "REFUSED");
    return RC_OK;
}

static int explain(struct explanation *e)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    const char *profile = e->args->values[CMD_OPT_PROFILE];
    int status = cmd_policy_load(e->args, &e->policy);

    if (status == CMD_DONE)
        status = read_who(e);
    if (status == CMD_DONE)
        status = read_account(e);
    if (status == CMD_DONE)
        status = read_shown(e);
    if (status != CMD_DONE)
        return status;
    json_out_init(&e->o, &answer, JSON_PRETTY);
    e->of.policy = e->policy;
    e->of.o = &e->o;
    json_obj(&e->o);
    json_kv_str(&e->o, "account", e->query.account);
    json_kv_str(&e->o, "eab", e->query.eab);
    status = explain_names(e);
    if (status != CMD_DONE)
        return status;
    api_explain_whole(&e->of, str_of(profile ? profile : "default"));
    json_end(&e->o);
    if (json_out_done(&e->o) != RC_OK)
        return cmd_failf("the explanation cannot be shown: out of memory");
    return cmd_show(e->args, &answer, show_explanation);
}

int cmd_policy_explain(const struct cmd_args *args)
{
    struct explanation e = {.args = args};
    int status;

    if (args->n_many == 0)
        return cmd_usagef("--name is missing; for example: autarky policy explain --account none "
                          "--name wiki.hospital.example");
    arena_init(&e.arena, TEXT_MAX);
    status = explain(&e);
    arena_done(&e.arena);
    policy_unref(e.policy);
    return status;
}
