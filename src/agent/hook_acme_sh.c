/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins of acme.sh: files dnsapi/dns_NAME.sh, whose functions dns_NAME_add and dns_NAME_rm lean
 * on dozens of acme.sh's own. So acme.sh is needed, as somebody has installed it: a shell reads it
 * for its functions, then the plugin, and calls one. Nothing of acme.sh is in here. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/hook_int.h"
#include "agent/place.h"

MSG(msg_plugin, "agent.hook-plugin",
    "{0} is no plugin of acme.sh that can be read; give the absolute path of a file "
    "dnsapi/dns_NAME.sh and, behind a comma, that of acme.sh, where it is not beside it");
MSG(msg_program, "agent.hook-acme-sh",
    "acme.sh, of which {0} is a plugin, is not at {1}; install it, or give its path behind a "
    "comma: "
    "--hook acme.sh:{0},/PATH/acme.sh");

/* Read without arguments acme.sh would show its help; ":" has its main function do nothing. */
static const char script[] = "autarky_acme=$1 autarky_plugin=$2 autarky_call=$3_$4\n"
                             "autarky_name=$5 autarky_value=$6\n"
                             "umask 077\n"
                             "set -- :\n"
                             ". \"$autarky_acme\" || exit 126\n"
                             "_initpath || exit 126\n"
                             ". \"$autarky_plugin\" || exit 126\n"
                             "\"$autarky_call\" \"$autarky_name\" \"$autarky_value\"\n";

/* "dns_NAME" of ".../dns_NAME.sh": it is made part of a function's name. */
static bool root_of(struct str plugin, struct str *out)
{
    size_t at = plugin.n;

    while (at && plugin.p[at - 1] != '/')
        at--;
    *out = str_skip(plugin, at);
    if (!str_ends(*out, STR(".sh")) || !str_starts(*out, STR("dns_")))
        return false;
    out->n -= 3;
    for (size_t i = 0; i < out->n; i++) {
        char c = out->p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_')
            return false;
    }
    return true;
}

/* The directory of a path, without the slash. */
static struct str above(struct str path)
{
    while (path.n && path.p[path.n - 1] != '/')
        path.n--;
    return str_head(path, path.n > 1 ? path.n - 1 : 0);
}

/* Where it is, from the plugin: acme.sh has these in dnsapi/, and takes others beside itself. */
static enum rc find_program(struct hook *h, struct str plugin, struct str *out, struct err *err)
{
    struct str dir = above(plugin), home = above(dir), beside;

    beside = arena_printf(&h->arena, "%.*s/acme.sh", STR_ARG(dir));
    *out = arena_printf(&h->arena, "%.*s/acme.sh", STR_ARG(home));
    if (!beside.p || !out->p)
        return RC_NOMEM;
    if (access(beside.p, R_OK) == 0)
        *out = beside;
    return access(out->p, R_OK) == 0 ? RC_OK : ERR(err, RC_NOTFOUND, msg_program, plugin, *out);
}

static enum rc take_given(struct hook *h, struct str plugin, struct str given, struct str *out,
                          struct err *err)
{
    if (given.n == 0)
        return find_program(h, plugin, out, err);
    TRY(arena_str(&h->arena, given, out));
    return out->p[0] == '/' && access(out->p, R_OK) == 0
               ? RC_OK
               : ERR(err, RC_NOTFOUND, msg_program, plugin, given);
}

/* Settings that plugins keep, passwords among them, are where acme.sh has its own; where it has
 * none, which is so for one of a package, beside the certificate. */
static enum rc set_home(struct hook *h, struct str program, const char *dir, struct err *err)
{
    struct str home = above(program);
    struct str conf = arena_printf(&h->arena, "%.*s/account.conf", STR_ARG(home));

    if (!conf.p)
        return RC_NOMEM;
    TRY(agent_hook_set(h, "LE_WORKING_DIR", home));
    if (access(conf.p, F_OK) == 0) /* _initpath has the shell read it */
        TRY(agent_hook_file(h, conf, true, err));
    else
        home = arena_printf(&h->arena, "%s/" AGENT_HOME, dir);
    conf = arena_printf(&h->arena, "%s/" AGENT_HOME "/acme.sh.conf", dir);
    if (!home.p || !conf.p)
        return RC_NOMEM;
    TRY(agent_hook_set(h, "LE_CONFIG_HOME", home));
    return agent_hook_set(h, "DOMAIN_CONF", conf);
}

enum rc agent_hook_acme_sh(struct hook *h, struct str value, const char *dir, struct err *err)
{
    struct str plugin, program, root;

    str_cut(value, ',', &plugin, &program);
    TRY(arena_str(&h->arena, plugin, &plugin));
    if (!str_starts(plugin, STR("/")) || !root_of(plugin, &root) || access(plugin.p, R_OK) != 0)
        return ERR(err, RC_NOTFOUND, msg_plugin, plugin);
    TRY(take_given(h, plugin, program, &program, err));
    TRY(agent_hook_file(h, plugin, true, err));
    TRY(agent_hook_file(h, program, true, err));
    TRY(arena_str(&h->arena, root, &root));
    h->name = root.p;
    memcpy(h->program,
           (const char *const[]){"/bin/sh", "-c", script, program.p, program.p, plugin.p, root.p},
           7 * sizeof(h->program[0]));
    memcpy(h->cleanup, h->program, sizeof(h->cleanup));
    return set_home(h, program, dir, err);
}
