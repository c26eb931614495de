/* SPDX-License-Identifier: Apache-2.0 */
/* Several certificates of one name, each for another kind of key, for a service that shows a client
 * the one that it understands. Each is a directory with a life of its own: one that fails to renew
 * holds up no other. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/deploy.h"
#include "agent/place.h"
#include "agentd/places.h"
#include "agentd/view.h"
#include "crypto/key.h"
#include "json/out.h"
#include "program/program.h"
#include "subscriber/agent_int.h"

enum { KINDS_MAX = 8, ARENA_BYTES = 64 * 1024, ANSWER_MAX = 256 * 1024, KIND_BYTES = 16 };

struct set {
    const char *kind, *dir;
    struct agent_plan plan;
};

struct sets {
    struct arena arena;
    struct set of[KINDS_MAX];
    size_t n;
    struct json_out *json; /* NULL: words */
};

static void sets_done(struct sets *s)
{
    arena_done(&s->arena);
}

/* ---- the command line */

/* What services and clients tell certificates apart by. */
static enum crypto_key_type algorithm(const char *kind)
{
    struct crypto_key_spec spec = {};

    if (crypto_key_spec_parse(str_of(kind), &spec) != RC_OK)
        return CRYPTO_KEY_TYPES;
    return spec.type == CRYPTO_KEY_P384 ? CRYPTO_KEY_P256 : spec.type;
}

static int check_each(const struct cmd_args *args)
{
    for (size_t i = 0; i < args->n_kinds; i++)
        if (algorithm(args->kinds[i]) == CRYPTO_KEY_TYPES)
            return cmd_usagef("--key is \"%s\"; it can be ecdsa, p256, p384, rsa, rsa2048, "
                              "rsa3072, rsa4096, ed25519, sm2, mldsa44, mldsa65 or mldsa87",
                              args->kinds[i]);
    return -1;
}

static int check_apart(const struct cmd_args *args)
{
    for (size_t i = 1; i < args->n_kinds; i++)
        for (size_t k = 0; k < i; k++)
            if (algorithm(args->kinds[i]) == algorithm(args->kinds[k]))
                return cmd_usagef("--key %s and --key %s are of one algorithm, and a service shows "
                                  "one certificate of each: give one of them",
                                  args->kinds[k], args->kinds[i]);
    return -1;
}

int cmd_agent_check_kinds(const struct cmd_args *args)
{
    static const enum cmd_option alone[] = {CMD_OPT_KEY_URI, CMD_OPT_PAIR};
    int status = check_each(args);

    if (status >= 0 || args->n_kinds < 2)
        return status;
    if (args->n_kinds > KINDS_MAX)
        return cmd_usagef("--key is given more than %d times", KINDS_MAX);
    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
        if (args->values[alone[i]])
            return cmd_usagef("%s is for one certificate: give one --key, and obtain those of "
                              "other kinds by themselves, with another --out",
                              cmd_option_rows()[alone[i]].name);
    return check_apart(args);
}

/* HAProxy looks for FILE.rsa and FILE.ecdsa where it is told of FILE. */
static const char *ending(const char *kind)
{
    enum crypto_key_type type = algorithm(kind);

    return type == CRYPTO_KEY_RSA ? "rsa" : type == CRYPTO_KEY_P256 ? "ecdsa" : kind;
}

static enum rc read_combined(struct arena *a, const char *file, struct set *s)
{
    if (!file)
        return RC_OK;
    file = arena_printf(a, "%s.%s", file, ending(s->kind)).p;
    return file ? cmd_agent_combined(a, file, &s->plan) : RC_NOMEM;
}

/* The accounts are those of the first, from which the others are one step away, wherever all of
 * them are moved. */
static void share_accounts(struct agent_plan *plan)
{
    if (!plan->account_key.n)
        plan->account_key = STR("../" AGENT_ACCOUNT);
    if (plan->fallback_server.n && !plan->fallback_account_key.n)
        plan->fallback_account_key = STR("../" AGENT_FALLBACK_ACCOUNT);
}

static enum rc set_init(struct sets *sets, const struct cmd_args *args,
                        const struct agent_plan *plan)
{
    const char *out = args->values[CMD_OPT_ACME_OUT];
    struct arena *a = &sets->arena;
    struct set *s = &sets->of[sets->n];

    *s = (struct set){.kind = args->kinds[sets->n], .dir = out, .plan = *plan};
    s->plan.key = str_of(s->kind);
    if (sets->n) {
        share_accounts(&s->plan);
        s->dir = arena_printf(a, "%s/%s", out, s->kind).p;
        if (!s->dir)
            return RC_NOMEM;
    }
    sets->n++;
    return read_combined(a, args->values[CMD_OPT_COMBINED], s);
}

/* ---- what is there already */

/* HAProxy reads FILE.ecdsa and FILE.rsa only where there is no FILE. */
static int check_combined(const struct cmd_args *args)
{
    const char *file = args->values[CMD_OPT_COMBINED];

    if (!file || access(file, F_OK) != 0)
        return -1;
    return cmd_failf("%s is there, and HAProxy would go on reading that instead of %s.ecdsa and "
                     "%s.rsa; move it away first, or let --combined name another file",
                     file, file, file);
}

/* Of what is in `dir`; CRYPTO_KEY_TYPES: there is nothing. */
static enum crypto_key_type algorithm_in(const char *dir)
{
    CLEANUP(agentd_view_done) struct agentd_view v = {};
    char kind[KIND_BYTES];

    if (agentd_view_load(dir, &v, NULL) != RC_OK ||
        str_copyz(v.state.plan.key, kind, sizeof(kind)) != RC_OK)
        return CRYPTO_KEY_TYPES;
    return algorithm(kind);
}

/* Two of one algorithm would take turns in FILE.rsa, or FILE.ecdsa. */
static int check_place(const struct sets *sets, const char *dir)
{
    enum crypto_key_type there = algorithm_in(dir);

    for (size_t i = 0; there != CRYPTO_KEY_TYPES && i < sets->n; i++) {
        const struct set *s = &sets->of[i];

        if (algorithm(s->kind) == there && strcmp(s->dir, dir) != 0)
            return cmd_failf("%s holds a certificate of the same algorithm as --key %s, which "
                             "would be in %s, and both would write the same file of --combined: "
                             "give the same --key as before, in the same order, or let --combined "
                             "name another file",
                             dir, s->kind, s->dir);
    }
    return -1;
}

static int check_places(const struct sets *sets)
{
    const char *out = sets->of[0].dir;
    char *names[AGENTD_PLACES_MAX];
    bool shared = sets->of[0].plan.n_also > 0 && agentd_is_place(out);
    size_t n = shared ? agentd_places(out, names) : 0;
    int status = -1;

    for (size_t i = 0; i < n; i++) {
        if (status < 0 && i > 0) /* the first is `out` itself, which takes another kind, too */
            status = check_place(sets, names[i]);
        mem_free(names[i]);
    }
    return status;
}

/* Before the first is ordered. */
static int check_sets(const struct sets *sets, const struct cmd_args *args)
{
    int status = check_combined(args);

    for (size_t i = 0; status < 0 && i < sets->n; i++) {
        struct err err = ERR_INIT;

        err.rc = agent_deploy_check(&sets->of[i].plan, &err);
        if (err.rc == RC_OK)
            continue;
        status = cmd_fail(&err);
        program_say("that was --key %s", sets->of[i].kind);
        return err.rc == RC_INVAL ? CMD_USAGE : status;
    }
    return status < 0 ? check_places(sets) : status;
}

/* ---- all of them */

static int failed(const struct set *s, const struct agent_outcome *out, const struct err *err)
{
    int status = cmd_agent_fail(out, err);

    program_say("that was --key %s, in %s", s->kind, s->dir);
    return status;
}

/* Written, all of them, before a service is told of any: what is set up for several takes none
 * without the others. -1: they are there. */
static int obtain_all(const struct sets *sets, struct agent_options *options,
                      const struct agent_binding *binding)
{
    int status = -1;

    options->holds = true;
    for (size_t i = 0; i < sets->n; i++) {
        const struct set *s = &sets->of[i];
        struct agent_outcome out = {};
        struct err err = ERR_INIT;

        options->dir = s->dir;
        err.rc = agent_obtain(options, &s->plan, binding, &out, &err);
        if (err.rc == RC_OK)
            continue;
        if (sets->json)
            cmd_outcome_put(sets->json, s->dir, &out, &err);
        status = failed(s, &out, &err);
        if (!out.undecided) /* else the server can have the orders for the others meanwhile */
            break;
    }
    options->holds = false;
    if (status >= 0)
        program_say("no service is told of any of them; the same command goes on where this one "
                    "ended, and after an hour `%s renew %s` uses what is there",
                    program.name, sets->of[0].dir);
    return status;
}

/* -1: a signal ended it. */
static int use_one(const struct sets *sets, const struct set *s, struct agent_options *options)
{
    struct agent_outcome out = {};
    struct err err = ERR_INIT;

    options->dir = s->dir;
    err.rc = agent_renew(options, &out, &err);
    if (sets->json)
        cmd_outcome_put(sets->json, s->dir, &out, &err);
    else if (err.rc == RC_OK)
        cmd_outcome_show(s->dir, sets->of[0].dir, &out);
    if (err.rc == RC_OK)
        return CMD_DONE;
    return err.rc == RC_CANCELLED ? (failed(s, &out, &err), -1) : failed(s, &out, &err);
}

/* What came of each, as one status. */
static int use_all(const struct sets *sets, struct agent_options *options)
{
    size_t fine = 0, tried = 0;
    int status = CMD_DONE;

    options->takes = true;
    for (; tried < sets->n; tried++) {
        int one = use_one(sets, &sets->of[tried], options);

        if (one < 0)
            return CMD_FAILED;
        fine += one == CMD_DONE;
        if (one != CMD_DONE)
            status = status == CMD_DONE || status == one ? one : CMD_FAILED;
    }
    return fine > 0 && fine < tried ? CMD_PARTLY : status;
}

static int rehearse(const struct sets *sets, struct agent_options *options,
                    const struct agent_binding *binding)
{
    struct agent_outcome out = {};
    struct err err = ERR_INIT;

    options->dir = sets->of[0].dir;
    err.rc = agent_obtain(options, &sets->of[0].plan, binding, &out, &err);
    if (sets->json)
        cmd_outcome_put(sets->json, options->dir, &out, &err);
    if (err.rc != RC_OK)
        return cmd_agent_fail(&out, &err);
    if (!sets->json)
        cmd_outcome_show(options->dir, options->dir, &out);
    return CMD_DONE;
}

static int run_sets(const struct sets *sets, struct agent_options *options,
                    const struct agent_binding *binding)
{
    int status;

    if (options->dry_run)
        return rehearse(sets, options, binding);
    status = obtain_all(sets, options, binding);
    return status < 0 ? use_all(sets, options) : status;
}

int cmd_agent_obtain_kinds(const struct cmd_args *args, struct agent_options options,
                           const struct agent_plan *plan, const struct agent_binding *binding)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    CLEANUP(sets_done) struct sets sets = {.arena = ARENA_INIT(ARENA_BYTES)};
    struct json_out j;
    enum rc rc = RC_OK;
    int status;

    for (size_t i = 0; i < args->n_kinds && rc == RC_OK; i++)
        rc = set_init(&sets, args, plan);
    if (rc != RC_OK)
        return cmd_fail(&(struct err){.rc = rc});
    status = check_sets(&sets, args);
    if (status >= 0)
        return status;
    json_out_init(&j, &text, JSON_PRETTY);
    json_arr(&j);
    sets.json = cmd_json(args) ? &j : NULL;
    status = run_sets(&sets, &options, binding);
    json_end(&j);
    if (!sets.json)
        return status;
    if (json_out_done(&j) != RC_OK)
        return CMD_FAILED;
    cmd_print(buf_str(&text));
    return status;
}

/* ---- what is there besides */

static bool is_named(const struct cmd_args *args, const char *dir)
{
    const char *name = strrchr(dir, '/');

    for (size_t i = 1; i < args->n_kinds; i++)
        if (name && strcmp(name + 1, args->kinds[i]) == 0)
            return true;
    return false;
}

void cmd_agent_warn_of_others(const struct cmd_args *args)
{
    const char *out = args->values[CMD_OPT_ACME_OUT];
    char *names[AGENTD_PLACES_MAX];
    size_t n = agentd_is_place(out) ? agentd_places(out, names) : 0;

    for (size_t i = 0; i < n; i++) {
        if (i > 0 && !is_named(args, names[i]))
            program_say("%s holds a certificate as well, which `%s renew %s` goes on renewing; "
                        "remove that directory when no service reads it",
                        names[i], program.name, out);
        mem_free(names[i]);
    }
}
