/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky issuer`: the authorities that sign, seen, made, replaced and given up. All of it goes
 * through the running server, which has the register; keys are made here, as the one who owns the
 * data directory. */
#include <stdio.h>
#include <string.h>

#include "authority/issuer_int.h"
#include "cmd/ask.h"
#include "json/json.h"

static bool dry(const struct cmd_args *args)
{
    return args->values[CMD_OPT_DRY_RUN] != NULL;
}

/* ---- list */

static struct str day_of(const struct json *v, const char *name)
{
    return str_head(json_shown(v, name), strlen("2026-11-20"));
}

static void show_issuer(const struct json *v)
{
    struct str retires = day_of(v, "retires"), due = json_shown(v, "due");

    printf("%-14.*s %-9.*s %-8.*s until %.*s  %.*s%s%.*s%s\n", STR_ARG(json_shown(v, "ref")),
           STR_ARG(json_shown(v, "hierarchy")), STR_ARG(json_shown(v, "state")),
           STR_ARG(day_of(v, "not_after")), STR_ARG(json_shown(v, "subject")),
           retires.n ? ", signs until " : "", STR_ARG(retires),
           str_eq(due, STR("names")) ? ", made for other names: rotate"
           : due.n                   ? ", due: rotate"
                                     : "");
}

static void show_cross(const struct json *v)
{
    struct str revoked = day_of(json_get(v, "revoked"), "at");

    printf("%.*s until %.*s%s%.*s\n", STR_ARG(json_shown(v, "name")),
           STR_ARG(day_of(v, "not_after")), revoked.n ? ", revoked on " : "", STR_ARG(revoked));
}

static enum rc show_list(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "issuers"));
    struct json_iter at = json_iter(json_get(root, "cross_certificates"));
    const struct json *v;

    while (json_next(&it, NULL, &v))
        show_issuer(v);
    while (json_next(&at, NULL, &v))
        show_cross(v);
    return RC_OK;
}

int cmd_issuer_list(const struct cmd_args *args)
{
    return ask_list(args, "issuer list", NULL, show_list);
}

enum ca_hierarchy cmd_hierarchy(const struct cmd_args *args)
{
    return args->values[CMD_OPT_STAGING]   ? CA_STAGING
           : args->values[CMD_OPT_SPECIAL] ? CA_SPECIAL
                                           : CA_INTRANET;
}

/* ---- create */

static bool signs(const struct issuer_session *s, struct str algorithm, enum ca_hierarchy hierarchy)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->rows[i].algorithm, algorithm) && s->rows[i].parent.z[0] &&
            str_eq(s->rows[i].hierarchy, ca_hierarchy_text(hierarchy)) &&
            store_issuer_at(&s->rows[i], s->ceremony.now) == STORE_ISSUER_ACTIVE)
            return true;
    return false;
}

static enum rc create_one(struct issuer_session *s, const struct ceremony_kind *kind,
                          enum ca_hierarchy hierarchy, struct err *err)
{
    struct ca_ref issuer = {str_of(kind->algorithm), 1, false, hierarchy};
    struct ca_ref root = {str_of(kind->root), 1, true, hierarchy};

    if (!ceremony_root_for(&s->ceremony, &s->made, issuer.algorithm, hierarchy)) {
        root.number = ceremony_free_number(&s->ceremony, &s->made, &root);
        TRY(ceremony_make_root(&s->ceremony, &root, &s->made, err));
    }
    issuer.number = ceremony_free_number(&s->ceremony, &s->made, &issuer);
    return ceremony_make_issuer(&s->ceremony, &issuer, s->ceremony.now, &s->made, err);
}

/* Those of the kinds that do not sign yet. */
static int missing(const struct issuer_session *s, enum ca_hierarchy hierarchy, unsigned *kinds)
{
    const char *where = ca_hierarchy_text(hierarchy).p;

    for (size_t i = 0; i < CEREMONY_KINDS; i++)
        if (signs(s, str_of(ceremony_kinds[i].algorithm), hierarchy))
            *kinds &= ~(1u << i);
    if (*kinds)
        return CMD_DONE;
    return cmd_failf("the hierarchy %s has an issuer of each of these algorithms; `autarky issuer "
                     "rotate` replaces one",
                     where);
}

static int create(struct issuer_session *s, unsigned kinds, enum ca_hierarchy hierarchy)
{
    struct err err = ERR_INIT;
    int status = CMD_DONE;

    issuer_session_keys(s);
    for (size_t i = 0; i < CEREMONY_KINDS && status == CMD_DONE; i++) {
        if (!(kinds & 1u << i))
            continue;
        err.rc = create_one(s, &ceremony_kinds[i], hierarchy, &err);
        if (err.rc != RC_OK)
            status = cmd_fail(&err);
    }
    s->rules = true;
    s->special = hierarchy == CA_SPECIAL;
    return status == CMD_DONE ? issuer_session_commit(s) : status;
}

/* What would be left aside without a word. */
static int check_options(const struct cmd_args *args)
{
    if (args->values[CMD_OPT_MEDIA] && !args->values[CMD_OPT_CSR])
        return cmd_usagef("--media goes with --csr, which makes keys and requests for a root that "
                          "is elsewhere");
    if (args->values[CMD_OPT_SPECIAL] && args->values[CMD_OPT_STAGING])
        return cmd_usagef("--special and --staging: one at a time");
    return CMD_DONE;
}

int cmd_issuer_create(const struct cmd_args *args)
{
    CLEANUP(issuer_session_done) struct issuer_session s = {.data = -1};
    enum ca_hierarchy hierarchy = cmd_hierarchy(args);
    unsigned kinds = (1u << CEREMONY_KINDS) - 1;
    struct err err = ERR_INIT;
    int status = check_options(args);

    if (status == CMD_DONE && args->values[CMD_OPT_CSR])
        return cmd_issuer_request(args);
    if (status == CMD_DONE)
        status = issuer_session_open(&s, args);
    if (status == CMD_DONE && args->values[CMD_OPT_ALGORITHMS]) {
        err.rc = ceremony_kinds_parse(str_of(args->values[CMD_OPT_ALGORITHMS]), &kinds, &err);
        status = err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
    }
    if (status == CMD_DONE)
        status = missing(&s, hierarchy, &kinds);
    if (status != CMD_DONE)
        return status;
    if (!dry(args))
        return create(&s, kinds, hierarchy);
    for (size_t i = 0; i < CEREMONY_KINDS; i++)
        if (kinds & 1u << i)
            printf("would make an %s issuer of the hierarchy %s\n", ceremony_kinds[i].label,
                   ca_hierarchy_text(hierarchy).p);
    return CMD_DONE;
}

/* ---- the next root */

static int check_next(const struct cmd_args *args, unsigned *kinds)
{
    static const enum cmd_option elsewhere[] = {CMD_OPT_SHARES, CMD_OPT_TOKEN};
    struct err err = ERR_INIT;

    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
        if (args->values[elsewhere[i]])
            return cmd_usagef("%s is for a machine without a server; here the next root is opened "
                              "by what opens the present one",
                              cmd_option_rows()[elsewhere[i]].name);
    if (args->values[CMD_OPT_ALGORITHMS])
        err.rc = ceremony_kinds_parse(str_of(args->values[CMD_OPT_ALGORITHMS]), kinds, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

static enum rc make_next(struct issuer_session *s, const struct store_issuer *old, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct ca_ref ref;

    TRY(ca_ref_parse(old->name, &ref));
    /* So the passphrase is the right one, and whose root is elsewhere gets none here. */
    TRY(s->ceremony.open_root(s, old->name, &key, err));
    s->like = arena_printf(&s->arena, "%.*s", STR_ARG(old->name)).p;
    ref.number = ceremony_next_number(s->rows, s->n, &ref);
    return ceremony_make_root(&s->ceremony, &ref, &s->made, err);
}

/* The roots that sign now, each once. */
static size_t present_roots(const struct issuer_session *s, unsigned kinds,
                            const struct store_issuer *out[static CEREMONY_KINDS])
{
    enum ca_hierarchy hierarchy = cmd_hierarchy(s->args);
    size_t n = 0;

    for (size_t i = 0; i < CEREMONY_KINDS; i++) {
        const struct store_issuer *root = ceremony_root_for(
            &s->ceremony, &s->made, str_of(ceremony_kinds[i].algorithm), hierarchy);
        bool twice = false;

        for (size_t k = 0; k < n; k++)
            twice |= out[k] == root;
        if (kinds & 1u << i && root && !twice)
            out[n++] = root;
    }
    return n;
}

int issuer_next_root(const struct cmd_args *args)
{
    CLEANUP(issuer_session_done) struct issuer_session s = {.data = -1};
    const struct store_issuer *roots[CEREMONY_KINDS] = {NULL};
    unsigned kinds = (1u << CEREMONY_KINDS) - 1;
    struct err err = ERR_INIT;
    int status = check_next(args, &kinds);
    size_t n = 0;

    if (status == CMD_DONE)
        status = issuer_session_open(&s, args);
    if (status == CMD_DONE)
        n = present_roots(&s, kinds, roots);
    if (status == CMD_DONE && n == 0)
        status = cmd_failf("no root of these algorithms signs here that could have a successor; "
                           "`autarky issuer list` shows all");
    issuer_session_keys(&s);
    for (size_t i = 0; i < n && status == CMD_DONE; i++) {
        err.rc = make_next(&s, roots[i], &err);
        if (err.rc != RC_OK)
            status = cmd_fail(&err);
    }
    return status == CMD_DONE ? issuer_session_commit(&s) : status;
}

/* ---- rotate */

struct chosen {
    const struct store_issuer *v[CEREMONY_MADE_MAX];
    size_t n;
};

/* One by name, or all that are due, or all that sign. */
static int choose(const struct issuer_session *s, struct chosen *out)
{
    const struct cmd_args *args = s->args;
    bool due = args->values[CMD_OPT_DUE] != NULL;

    if (args->operand && due)
        return cmd_usagef("--due looks for issuers by itself; leave %s out", args->operand);
    if (args->operand) {
        out->v[0] = issuer_session_find(s, args->operand);
        out->n = out->v[0] ? 1 : 0;
        return out->n ? CMD_DONE : CMD_FAILED;
    }
    for (size_t i = 0; i < s->n && out->n < CEREMONY_MADE_MAX; i++) {
        const struct store_issuer *row = &s->rows[i];
        enum ca_due why = ceremony_rotation_due(s->conf, s->rows, s->n, row, s->ceremony.now);
        bool active = row->parent.z[0] && row->key_ref.n && !row->retires &&
                      store_issuer_at(row, s->ceremony.now) == STORE_ISSUER_ACTIVE;

        if (due ? why != CA_NOT_DUE : active)
            out->v[out->n++] = row;
    }
    return CMD_DONE;
}

static int rotate(struct issuer_session *s, const struct chosen *chosen)
{
    struct err err = ERR_INIT;
    int status = CMD_DONE;

    issuer_session_keys(s);
    for (size_t i = 0; i < chosen->n && status == CMD_DONE; i++) {
        s->like = arena_printf(&s->arena, "%.*s", STR_ARG(chosen->v[i]->name)).p;
        err.rc = ceremony_rotate(&s->ceremony, chosen->v[i], s->args->values[CMD_OPT_NOW] != NULL,
                                 &s->made, &s->change, &err);
        if (err.rc != RC_OK)
            status = cmd_fail(&err);
    }
    s->rules = true;
    return status == CMD_DONE ? issuer_session_commit(s) : status;
}

int cmd_issuer_rotate(const struct cmd_args *args)
{
    CLEANUP(issuer_session_done) struct issuer_session s = {.data = -1};
    struct chosen chosen = {.n = 0};
    int status = check_options(args);

    if (status == CMD_DONE)
        status = issuer_session_open(&s, args);
    if (status == CMD_DONE)
        status = choose(&s, &chosen);
    if (status != CMD_DONE)
        return status;
    if (chosen.n && !dry(args))
        return args->values[CMD_OPT_CSR] ? issuer_request_rotation(&s, chosen.v, chosen.n)
                                         : rotate(&s, &chosen);
    for (size_t i = 0; i < chosen.n; i++)
        printf("would replace %.*s\n", STR_ARG(chosen.v[i]->name));
    if (!chosen.n && !cmd_json(args))
        printf("no issuer is to be replaced\n");
    return CMD_DONE;
}

/* ---- retire */

int cmd_issuer_retire(const struct cmd_args *args)
{
    CLEANUP(issuer_session_done) struct issuer_session s = {.data = -1};
    const struct store_issuer *row;
    int status = issuer_session_open(&s, args);

    if (status != CMD_DONE)
        return status;
    row = issuer_session_find(&s, args->operand);
    if (!row)
        return CMD_FAILED;
    if (store_issuer_at(row, s.ceremony.now) != STORE_ISSUER_ACTIVE)
        return cmd_failf("%s is %s already", args->operand,
                         store_issuer_state_text(store_issuer_at(row, s.ceremony.now)));
    s.change.retire[0].id = row->id;
    s.change.retire[0].at = s.ceremony.now;
    s.change.n_retire = 1;
    return issuer_session_commit_or_tell(&s, "retire", args->operand);
}
