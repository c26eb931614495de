/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong: the configuration, the running server's own findings, or that none runs. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/writers.h"
#include "cmd/cmd.h"
#include "cmd/examine.h"
#include "cmd/receivers.h"
#include "json/json.h"

enum { ANSWER_MAX = 4 * 1024 * 1024, TEXT_MAX = 64 * 1024 };

/* A command as it has to be typed for this data directory. */
static void failed(struct examination *e, const char *name, struct str text, const char *command)
{
    CLEANUP(buf_done) struct buf cure = BUF_INIT(TEXT_MAX);
    const char *config = e->args->values[CMD_OPT_CONFIG];

    buf_printf(&cure, "%s --data %s", command, cmd_data(e->args));
    if (config)
        buf_printf(&cure, " --config %s", config);
    cmd_finding(e, name, STR("failed"), text, buf_str(&cure));
}

/* Names of sites that are proven there, by dns-01. */
static size_t sites_of(const struct conf *conf, struct str updates,
                       struct str out[static AGENT_WRITERS_ASKED])
{
    size_t n = 0;

    for (size_t i = 0; i < conf->gateway.n_sites && n < AGENT_WRITERS_ASKED; i++) {
        const struct conf_site *s = &conf->gateway.sites[i];

        if (s->directory.n && s->challenge == CONF_SITE_DNS_01 && str_eq(s->dns, updates))
            out[n++] = s->name;
    }
    return n;
}

static void tell_updates(struct examination *e, const struct conf_update *u, const char *state,
                         struct str text, struct str cure)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(TEXT_MAX);

    buf_printf(&b, "%.*s of gateway.updates: %.*s", STR_ARG(u->name), STR_ARG(text));
    cmd_finding(e, "updates", str_of(state), buf_str(&b), cure);
}

/* Nothing is said by who may not look. */
static bool may_look(struct str file)
{
    char path[PATH_MAX];

    return str_copyz(file, path, sizeof(path)) != RC_OK || access(path, R_OK) == 0 ||
           errno != EACCES;
}

static void examine_zone(struct examination *e, const struct conf *conf,
                         const struct conf_update *u)
{
    CLEANUP(agent_dns_conf_done) struct agent_dns_conf dns = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
    struct str names[AGENT_WRITERS_ASKED];
    struct agent_writers writers = {};
    struct err err = ERR_INIT;
    size_t n = sites_of(conf, u->name, names);
    const char *cure = NULL;
    char why[1024];

    if (n == 0 || !may_look(u->file))
        return;
    err.rc = agent_dns_conf_look(u->file, &dns, &err);
    if (err.rc == RC_OK) {
        err.rc = agent_writers_ask(&dns, "_acme-challenge", names, n, &writers, &err);
        cure = agent_writers_text(&dns, &writers, &text);
    }
    if (cure)
        tell_updates(e, u, "warning", buf_str(&text), str_of(cure));
    if (err.rc != RC_OK)
        tell_updates(e, u, "warning", str_of(err_textz(&err, why, sizeof(why))), STR(""));
    else if (!cure)
        tell_updates(e, u, "ok", STR("the name server refuses updates that nobody has signed"),
                     STR(""));
}

/* Who writes into such a zone has certificates for its names, from whichever CA looks there. */
static void examine_updates(struct examination *e, const struct conf *conf)
{
    for (size_t i = 0; i < conf->gateway.others.n_updates; i++)
        examine_zone(e, conf, &conf->gateway.others.updates[i]);
}

static void examine_config(struct examination *e)
{
    CLEANUP(buf_done) struct buf problems = BUF_INIT(TEXT_MAX);
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    struct str text;
    enum rc rc = cmd_load_config(e->args, &conf, &problems);

    text = str_trim(buf_str(&problems));
    if (rc == RC_OK)
        cmd_finding(e, "configuration", STR("ok"), STR("autarky.yaml has no error"), STR(""));
    else if (rc == RC_INVAL)
        failed(e, "configuration", text, "autarky config check");
    else
        cmd_finding(e, "configuration", STR("failed"), text, STR("")); /* says itself what to do */
    if (conf && cmd_check_programs(conf, &problems) != RC_OK)
        failed(e, "programs", str_trim(buf_str(&problems)), "autarky config check");
    if (conf)
        examine_updates(e, conf);
}

static int is_root_key(const struct dirent *entry)
{
    struct str name = str_of(entry->d_name);

    return str_starts(name, STR("root-")) &&
           (str_ends(name, STR(".key")) || str_ends(name, STR(".uri")));
}

/* Who takes over this host takes over whatever lies on it: with a root key that is everything, for
 * twenty years. Said first, and in capitals. Nothing is said by who may not look. */
static void examine_root(struct examination *e)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX), path = BUF_INIT(TEXT_MAX);
    CLEANUP(buf_done) struct buf cure = BUF_INIT(TEXT_MAX);
    struct dirent **found = NULL;
    int n;

    buf_printf(&path, "%s/root", cmd_data(e->args));
    n = scandir(buf_z(&path), &found, is_root_key, alphasort);
    for (int i = 0; i < n; i++) {
        buf_printf(&text, "%s%s/%s",
                   i ? ", " : "A ROOT KEY IS ON THIS HOST, WHICH ISSUES: ", buf_z(&path),
                   found[i]->d_name);
        free(found[i]); /* checksrc: allow free: scandir's own memory */
    }
    free(found); /* checksrc: allow free: scandir's own memory */
    if (n <= 0)
        return;
    buf_printf(&cure,
               "copy %s to two media that are kept elsewhere, look that they can be read, then: "
               "autarky root forget --data %s",
               buf_z(&path), cmd_data(e->args));
    cmd_finding(e, "root key", STR("warning"), buf_str(&text), buf_str(&cure));
}

static enum rc examine_server(struct examination *e)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;
    struct json_iter checks;
    const struct json *check;
    char why[1024];
    enum rc rc = cmd_control(cmd_data(e->args), "doctor", STR(""), &answer, &err);

    if (rc != RC_OK) {
        struct str text = str_of(err_textz(&err, why, sizeof(why)));

        if (rc == RC_DENIED)
            failed(e, "server", text, "sudo autarky doctor");
        else if (rc == RC_NOTFOUND || rc == RC_NET)
            failed(e, "server", text, "autarky serve");
        else
            cmd_finding(e, "server", STR("failed"), text, STR(""));
        return RC_OK;
    }
    TRY(json_parse(buf_str(&answer), ANSWER_MAX, &doc, NULL));
    checks = json_iter(json_get(json_root(doc), "checks"));
    while (json_next(&checks, NULL, &check)) {
        char name[64] = "";

        IGNORE_RC(
            str_copyz(json_shown(check, "name"), name, sizeof(name))); /* shown without a name */
        cmd_finding(e, name, json_shown(check, "state"), json_shown(check, "text"),
                    json_shown(check, "cure"));
    }
    return RC_OK;
}

int cmd_doctor(const struct cmd_args *args)
{
    CLEANUP(cmd_examine_done) struct examination e = {};
    enum rc rc;

    cmd_examine_begin(&e, args);
    examine_root(&e);
    examine_config(&e);
    rc = examine_server(&e);
    return cmd_examine_show(&e, rc);
}
