/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of another ACME client, taken over where they are. */
#include <stdio.h>
#include <string.h>

#include "agentd/rivals.h"
#include "json/out.h"
#include "program/program.h"
#include "subscriber/agent_int.h"
#include "takeover/takeover.h"

enum { ARENA_BYTES = 64 * 1024, ANSWER_MAX = 4 << 20, LINE = 2048 };

struct importing {
    const struct cmd_args *args;
    enum takeover_client client;
    struct arena arena;
    struct takeover_wish wish;
    struct takeover found;
    struct json_out *json; /* NULL: words */
    size_t taken, kept, failed;
};

static void importing_done(struct importing *i)
{
    takeover_done(&i->found);
    arena_done(&i->arena);
}

/* ---- who else renews */

struct rivals {
    const char *client;
    char text[LINE];
    size_t n;
};

static void on_rival(void *arg, const char *client, const char *where)
{
    struct rivals *r = arg;
    size_t used = strlen(r->text);
    bool same = strcmp(client, r->client) == 0 ||
                (strcmp(client, "letsencrypt") == 0 && strcmp(r->client, "certbot") == 0);

    if (!same)
        return;
    snprintf(r->text + used, sizeof(r->text) - used, "%s%s", r->n ? ", " : "", where);
    r->n++;
}

/* -1: nobody does, or it was said that this does not matter. */
static int check_rivals(const struct importing *i)
{
    struct rivals r = {.client = takeover_client_text(i->client)};
    bool dry = i->args->values[CMD_OPT_DRY_RUN] != NULL;

    agentd_rivals("", on_rival, &r);
    if (r.n == 0 || i->args->values[CMD_OPT_DESPITE_TIMER])
        return -1;
    program_say("%s%s is still run by %s, and both would renew the same certificates: disable that "
                "first (for a timer, systemctl disable --now); --despite-timer if it is known to "
                "leave these alone",
                dry ? "warning: " : "", r.client, r.text);
    return dry ? -1 : CMD_FAILED;
}

/* ---- what is shown */

static const char *status_of(const struct importing *i, const struct takeover_cert *c,
                             const struct err *err)
{
    if (c->kept)
        return "kept";
    if (c->why.n || err->rc != RC_OK)
        return "failed";
    return i->args->values[CMD_OPT_DRY_RUN] ? "ready" : "imported";
}

static void put_json(struct importing *i, const struct takeover_cert *c, const struct err *err)
{
    struct json_out *o = i->json;
    char line[LINE];

    json_obj(o);
    json_kv_str(o, "name", c->name);
    json_kv_str(o, "directory", c->dir);
    json_kv_z(o, "status", status_of(i, c, err));
    if (c->why.n || err->rc != RC_OK)
        json_kv_str(o, "error", c->why.n ? c->why : str_of(err_textz(err, line, sizeof(line))));
    if (c->plan.server.n)
        json_kv_str(o, "server", c->plan.server);
    if (c->plan.way) {
        json_kv_z(o, "way", agent_way_text(c->plan.way));
        json_kv_str(o, "value", c->plan.value);
    }
    if (c->plan.reload.n)
        json_kv_str(o, "reload", c->plan.reload);
    if (!c->kept)
        json_kv_z(o, "account", c->account ? "kept" : "new");
    json_kv_strs(o, "notes", c->notes, c->n_notes);
    json_end(o);
}

static void put_words(const struct importing *i, const struct takeover_cert *c,
                      const struct err *err)
{
    char line[LINE];

    if (c->kept) {
        printf("%.*s: autarky keeps it already\n", STR_ARG(c->name));
        return;
    }
    if (c->why.n || err->rc != RC_OK) {
        program_say("%.*s cannot be taken over: %s", STR_ARG(c->name),
                    c->why.n ? c->why.p : err_textz(err, line, sizeof(line)));
    } else {
        printf("%.*s: %s, in %.*s\n", STR_ARG(c->name),
               i->args->values[CMD_OPT_DRY_RUN] ? "can be taken over" : "taken over",
               STR_ARG(c->dir));
        printf("  from %.*s, %s account, proven by %s %.*s\n", STR_ARG(c->plan.server),
               c->account ? "the same" : "a new", agent_way_text(c->plan.way),
               STR_ARG(c->plan.value));
        if (c->plan.reload.n)
            printf("  afterwards: %.*s\n", STR_ARG(c->plan.reload));
    }
    for (size_t k = 0; k < c->n_notes; k++)
        printf("  note: %.*s\n", STR_ARG(c->notes[k]));
}

/* ---- all of them */

static void import_one(struct importing *i, const struct takeover_cert *c)
{
    struct err err = ERR_INIT;

    if (!c->kept && !c->why.n && !i->args->values[CMD_OPT_DRY_RUN])
        err.rc = takeover_take(c, &err);
    if (i->json)
        put_json(i, c, &err);
    else
        put_words(i, c, &err);
    if (c->kept)
        i->kept++;
    else if (c->why.n || err.rc != RC_OK)
        i->failed++;
    else
        i->taken++;
}

static bool is_wanted(const struct cmd_args *args, const struct takeover_cert *c)
{
    for (size_t k = 0; k < args->n_many; k++)
        if (str_eq(c->name, str_of(args->many[k])))
            return true;
    return args->n_many == 0;
}

static int import_all(struct importing *i)
{
    size_t n = 0;

    for (size_t k = 0; k < i->found.n_notes && !i->json; k++)
        printf("note: %.*s\n", STR_ARG(i->found.notes[k]));
    for (size_t k = 0; k < i->found.n; k++) {
        if (!is_wanted(i->args, &i->found.certs[k]))
            continue;
        n++;
        import_one(i, &i->found.certs[k]);
    }
    if (n == 0)
        return cmd_failf("%s keeps no such certificate in %.*s", takeover_client_text(i->client),
                         STR_ARG(i->found.home));
    if (i->failed == 0)
        return i->args->values[CMD_OPT_EXIT_CODE] && !i->taken ? CMD_NOTHING : CMD_DONE;
    return i->taken + i->kept ? CMD_PARTLY : CMD_FAILED;
}

static int show_all(struct importing *i)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct json_out j;
    int status;

    if (!cmd_json(i->args))
        return import_all(i);
    json_out_init(&j, &text, JSON_PRETTY);
    i->json = &j;
    json_obj(&j);
    json_kv_strs(&j, "notes", i->found.notes, i->found.n_notes);
    json_key(&j, "items");
    json_arr(&j);
    status = import_all(i);
    i->json = NULL;
    json_end(&j);
    json_end(&j);
    if (json_out_done(&j) != RC_OK)
        return CMD_FAILED;
    cmd_print(buf_str(&text));
    return status;
}

static enum rc read_wish(struct importing *i)
{
    const char *const *v = i->args->values;
    struct takeover_wish *w = &i->wish;
    struct agent_plan plan = {};

    w->client = i->client;
    w->home = i->args->operand;
    w->server = str_of(v[CMD_OPT_ACME_SERVER]);
    w->reuse_key = v[CMD_OPT_REUSE_KEY] ? STR("yes") : STR("");
    TRY(cmd_agent_path(&i->arena, v[CMD_OPT_CA_FILE], &w->ca_file));
    TRY(cmd_agent_path(&i->arena, v[CMD_OPT_ACCOUNT_KEY], &w->account_key));
    TRY(cmd_agent_way(i->args, &i->arena, &plan));
    w->way = plan.way;
    w->style = plan.style;
    w->value = plan.value;
    w->challenge = plan.challenge;
    w->hook_env = plan.hook_env;
    w->hook_user = plan.hook_user;
    w->hook_timeout = plan.hook_timeout;
    w->hook_chain = plan.hook_chain;
    return RC_OK;
}

static int import(const struct cmd_args *args)
{
    CLEANUP(importing_done) struct importing i = {.args = args, .arena = ARENA_INIT(ARENA_BYTES)};
    struct err err = ERR_INIT;
    int status;

    for (i.client = TAKEOVER_DEHYDRATED; takeover_client_text(i.client); i.client++)
        if (strcmp(args->row->verb, takeover_client_text(i.client)) == 0)
            break;
    status = check_rivals(&i);
    if (status >= 0)
        return status;
    err.rc = read_wish(&i);
    if (err.rc == RC_OK)
        err.rc = takeover_find(&i.wish, &i.found, &err);
    return err.rc == RC_OK ? show_all(&i) : cmd_fail(&err);
}

int cmd_import(const struct cmd_args *args)
{
    int status = cmd_agent_check_way(args, false);

    return status >= 0 ? status : cmd_agent_run(args, import);
}
