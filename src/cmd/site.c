/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky site`: the web sites behind the gateway. Adding and removing are edits of the
 * configuration, checked before they are written and taken back when the server refuses them;
 * everything else the server is asked for. */
#include <stdio.h>
#include <string.h>

#include "api/sites.h"
#include "base/name.h"
#include "base/when.h"
#include "cmd/ask.h"
#include "cmd/site_int.h"
#include "conf/conf.h"
#include "ev/clock.h"
#include "ipc/site_messages.h"
#include "json/json.h"
#include "json/out.h"

MSG(msg_foreign, "cmd.site-foreign",
    "{0} is a site, but not one that `autarky site add` has written: remove it from the file where "
    "it stands (autarky.yaml or another one in conf.d), then run `autarky reload`");
MSG(msg_no_site, "cmd.site-unknown",
    "{0} is not a site of the gateway; `autarky site list` shows those that are");

enum { TEXT_MAX = 1024 * 1024, ANSWER_MAX = 16 * 1024 * 1024, ARGS_MAX = 1024 };

static bool dry(const struct cmd_args *args)
{
    return args->values[CMD_OPT_DRY_RUN] != NULL;
}

/* The name as the configuration has it. -1: fine. */
static int operand(const struct cmd_args *args, char name[static NAME_MAX_BYTES + 1])
{
    if (name_canonical(str_of(args->operand), false, name) == RC_OK)
        return -1;
    return cmd_usagef("\"%s\" is no domain name; international ones are written as A-labels",
                      args->operand);
}

static int print_json(const char *what, const char *name, bool done, bool running,
                      struct str waits_until)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ARGS_MAX);
    struct json_out o;

    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "name", name);
    json_kv_bool(&o, what, done);
    json_kv_bool(&o, "running", running);
    if (waits_until.n)
        json_kv_str(&o, "waits_until", waits_until);
    json_end(&o);
    if (json_out_done(&o) != RC_OK)
        return cmd_failf("the answer cannot be shown: out of memory");
    buf_putz(&text, "\n");
    cmd_print(buf_str(&text));
    return CMD_DONE;
}

/* When the reload of that answer is done, because it waits for gateway.change_window; empty: it is
 * done. */
static struct str waits_until(struct str answer, struct json_doc **doc)
{
    if (json_parse(answer, answer.n, doc, NULL) != RC_OK)
        return STR("");
    return json_shown(json_root(*doc), "waits_until");
}

/* What was written takes effect, or is taken back. */
static int put_in_force(const struct cmd_args *args, const struct site_file *f, const char *what,
                        const char *name)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(TEXT_MAX), ask = BUF_INIT(ASK_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct err err = ERR_INIT, undo = ERR_INIT;
    enum rc rc = ask_reason(args, &ask);
    struct str until = STR("");
    bool running;

    if (rc == RC_OK)
        rc = cmd_control(cmd_data(args), "reload", buf_str(&ask), &answer, &err);
    running = rc == RC_OK;
    err.rc = rc;
    if (rc != RC_OK && rc != RC_NOTFOUND && rc != RC_NET) {
        cmd_fail(&err);
        if (site_file_write(f, &f->to, &f->is, &undo) != RC_OK)
            return cmd_fail(&undo);
        return cmd_failf("%s was not %s: the configuration is as it was", name, what);
    }
    if (running)
        until = waits_until(buf_str(&answer), &doc);
    if (cmd_json(args))
        return print_json(what, name, true, running, until);
    printf("%s %s%s\n", name, what,
           running ? "" : "; no server runs here now, the next one will have it so");
    if (until.n)
        printf(
            "The reload waits for gateway.change_window, since a site of before would pass on in "
            "another way or be gone; it opens at %.*s, and `autarky reload --despite-window` "
            "does not wait\n",
            STR_ARG(until));
    return CMD_DONE;
}

static int write_and_apply(const struct cmd_args *args, const struct site_file *f, const char *what,
                           const char *name)
{
    CLEANUP(buf_done) struct buf problems = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    if (cmd_try_config(args, SITE_FILE, buf_str(&f->to), NULL, &problems) != RC_OK)
        return cmd_show_problems(buf_str(&problems));
    if (dry(args) && cmd_json(args))
        return print_json(what, name, false, false, STR(""));
    if (dry(args)) {
        printf("conf.d/" SITE_FILE " would be:\n%.*s", STR_ARG(buf_str(&f->to)));
        return CMD_DONE;
    }
    err.rc = site_file_write(f, &f->is, &f->to, &err);
    return err.rc == RC_OK ? put_in_force(args, f, what, name) : cmd_fail(&err);
}

static int add(const struct cmd_args *args, struct site_file *f, const char *name)
{
    struct site_line line = {
        .name = str_of(name),
        .backends = args->many,
        .n_backends = args->n_many,
        .algorithms = str_of(args->values[CMD_OPT_ALGORITHMS]),
        .profile = str_of(args->values[CMD_OPT_PROFILE]),
    };
    struct err err = {.rc = site_file_add(f, &line)};

    return err.rc == RC_OK ? write_and_apply(args, f, "added", name) : cmd_fail(&err);
}

int cmd_site_add(const struct cmd_args *args)
{
    CLEANUP(site_file_done) struct site_file f = SITE_FILE_INIT;
    char name[NAME_MAX_BYTES + 1];
    struct err err = ERR_INIT;
    int status = operand(args, name);

    if (status >= 0)
        return status;
    if (args->n_many == 0)
        return cmd_usagef("--backend is missing: where the site really is, as in "
                          "--backend http://10.0.3.7:8080");
    err.rc = site_file_open(&f, args, !dry(args), &err);
    return err.rc == RC_OK ? add(args, &f, name) : cmd_fail(&err);
}

/* Why the file of `site add` does not have it. */
static int not_ours(const struct cmd_args *args, const char *name)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(buf_done) struct buf problems = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    if (cmd_load_config(args, &conf, &problems) != RC_OK)
        return cmd_show_problems(buf_str(&problems));
    if (conf_site_find(conf, str_of(name)))
        IGNORE_RC(ERR(&err, RC_INVAL, msg_foreign, str_of(name)));
    else
        IGNORE_RC(ERR(&err, RC_NOTFOUND, msg_no_site, str_of(name)));
    return cmd_fail(&err);
}

int cmd_site_remove(const struct cmd_args *args)
{
    CLEANUP(site_file_done) struct site_file f = SITE_FILE_INIT;
    char name[NAME_MAX_BYTES + 1];
    struct err err = ERR_INIT;
    int status = operand(args, name);

    if (status >= 0)
        return status;
    err.rc = site_file_open(&f, args, false, &err);
    if (err.rc == RC_OK)
        err.rc = site_file_remove(&f, str_of(name));
    if (err.rc == RC_NOTFOUND && !err.msg)
        return not_ours(args, name);
    return err.rc == RC_OK ? write_and_apply(args, &f, "removed", name) : cmd_fail(&err);
}

/* ---- asking the server */

/* What the server answers to `site list`, from the configuration alone, when none runs. */
static enum rc list_offline(const struct conf *conf, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    TRY(api_sites_put(&(struct api_sites){.conf = conf}, &o));
    return json_out_done(&o);
}

static struct str first_backend(const struct json *site)
{
    struct json_iter backends = json_iter(json_get(site, "backends"));
    struct str backend = {NULL, 0};
    const struct json *b;

    if (json_next(&backends, NULL, &b))
        IGNORE_RC(json_str(b, &backend)); /* shown as nothing */
    return backend;
}

/* The OCSP answer with it, and how many hours ago it was made. */
static void show_staple(const struct json *c)
{
    struct str what = json_shown(c, "staple");
    char text[32] = "-";
    when_t at;

    if (what.n && !str_eq(what, STR("none")))
        snprintf(text, sizeof(text), "%.*s", STR_ARG(str_head(what, 10)));
    if (when_parse(json_shown(c, "staple_at"), &at) == RC_OK)
        snprintf(text, sizeof(text), "%.*s, %lld h", STR_ARG(str_head(what, 10)),
                 (long long)((clock_now(clock_system()) - at) / WHEN_HOUR));
    printf("%-14s ", text);
}

static void show_certificate(const struct json *site, const struct json *c, bool first)
{
    struct str until = json_shown(c, "not_after"), reason = json_shown(c, "reason");
    struct str backend = first ? first_backend(site) : STR("");

    printf("%-36.*s %-8.*s %-10.*s %-10.*s  ", STR_ARG(first ? json_shown(site, "name") : STR("")),
           STR_ARG(json_shown(c, "algorithm")), STR_ARG(json_shown(c, "state")),
           STR_ARG(until.n ? str_head(until, 10) : STR("-")));
    show_staple(c);
    printf("%.*s\n", STR_ARG(backend));
    if (reason.n)
        printf("    %.*s\n", STR_ARG(reason));
}

static enum rc show_list(const struct json *root)
{
    struct json_iter sites = json_iter(json_get(root, "items"));
    const struct json *site, *c;

    printf("%-36s %-8s %-10s %-10s  %-14s %s\n", "SITE", "KEY", "STATE", "UNTIL", "OCSP",
           "BACKEND");
    while (json_next(&sites, NULL, &site)) {
        struct json_iter certificates = json_iter(json_get(site, "certificates"));

        bool first = true;

        for (; json_next(&certificates, NULL, &c); first = false)
            show_certificate(site, c, first);
        if (first)
            printf("%-36.*s %-8s %-10s %-10s  %-14s %.*s\n", STR_ARG(json_shown(site, "name")), "-",
                   "passed on", "-", "-", STR_ARG(first_backend(site)));
    }
    return RC_OK;
}

int cmd_site_list(const struct cmd_args *args)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    CLEANUP(buf_done) struct buf problems = BUF_INIT(TEXT_MAX);
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ASK_MAX);
    int status = ask_args(args, NULL, &ask);
    struct err err = ERR_INIT;

    if (status != CMD_DONE)
        return status;
    err.rc = ask_pages(args, "site list", buf_str(&ask), &answer, &err);
    if (err.rc == RC_OK)
        return ask_show_list(args, &answer, show_list);
    if (err.rc != RC_NOTFOUND && err.rc != RC_NET)
        return cmd_fail(&err);
    if (cmd_load_config(args, &conf, &problems) != RC_OK)
        return cmd_show_problems(buf_str(&problems));
    fprintf(stderr, "no server runs here now: this is the configuration alone\n");
    err.rc = list_offline(conf, &answer);
    return err.rc == RC_OK ? cmd_show(args, &answer, show_list) : cmd_fail(&err);
}

static enum rc show_renewed(const struct json *root)
{
    printf("%.*s gets new certificates; `autarky site list` shows them\n",
           STR_ARG(json_shown(root, "name")));
    return RC_OK;
}

int cmd_site_renew(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ARGS_MAX);
    char name[NAME_MAX_BYTES + 1];
    int status = operand(args, name);
    struct err err = ERR_INIT;
    struct json_out o;

    if (status >= 0)
        return status;
    json_out_init(&o, &ask, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "name", name);
    if (args->values[CMD_OPT_REASON])
        json_kv_z(&o, "reason", args->values[CMD_OPT_REASON]);
    json_end(&o);
    err.rc = json_out_done(&o);
    return err.rc == RC_OK ? cmd_ask(args, "site renew", buf_str(&ask), show_renewed)
                           : cmd_fail(&err);
}
