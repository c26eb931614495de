/* SPDX-License-Identifier: Apache-2.0 */
/* certbot: renewal/NAME.conf says all of one certificate, live/NAME has its files as links into
 * archive/NAME, accounts/HOST/PATH/ID a JWK. */
#include <stdio.h>

#include "takeover/ini.h"
#include "takeover/takeover_int.h"

#define PARAMS "renewalparams"

struct lineage {
    struct takeover_finder *f;
    struct takeover_cert *c;
    struct takeover_ini ini;
};

static struct str param(const struct lineage *l, const char *name)
{
    struct str v = takeover_ini_get(&l->ini, PARAMS, name);

    return str_eq(v, STR("None")) ? STR("") : v;
}

/* ---- proofs */

static void take_webroot(struct lineage *l)
{
    struct str rest = param(l, "webroot_path"), first = {"", 0}, each;

    takeover_ini_next(&rest, &first);
    for (size_t i = 0; i < l->ini.n; i++) {
        const struct takeover_ini_entry *e = &l->ini.list[i];

        if (!str_eq(e->section, STR("webroot_map")))
            continue;
        if (!first.n)
            first = e->value;
        if (!str_eq(e->value, first))
            takeover_no_way(l->f, l->c, "its names have different webroots");
    }
    while (takeover_ini_next(&rest, &each))
        if (!str_eq(each, first))
            takeover_no_way(l->f, l->c, "its names have different webroots");
    if (!first.n)
        takeover_no_way(l->f, l->c, "it does not say which webroot");
    takeover_way_webroot(l->c, first, false);
}

static bool is_program(struct str command)
{
    for (size_t i = 0; i < command.n; i++) {
        char ch = command.p[i];

        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
              ch == '/' || ch == '.' || ch == '_' || ch == '-' || ch == '+'))
            return false;
    }
    return command.n && command.p[0] == '/';
}

static enum rc take_manual(struct lineage *l)
{
    struct str auth = param(l, "manual_auth_hook"), cleanup = param(l, "manual_cleanup_hook");
    struct str rest = param(l, "pref_challs"), type = {"", 0};

    takeover_ini_next(&rest, &type);
    if (!is_program(auth) || (cleanup.n && !is_program(cleanup))) {
        takeover_no_way(l->f, l->c,
                        auth.n ? "its manual hooks are command lines for a shell"
                               : "it was proven by hand");
        return RC_OK;
    }
    l->c->plan.way = AGENT_HOOK;
    l->c->plan.style = STR("certbot");
    l->c->plan.challenge = str_starts(type, STR("dns")) ? STR("dns-01") : STR("http-01");
    l->c->plan.value = arena_printf(&l->f->t->arena, "%.*s%s%.*s", STR_ARG(auth),
                                    cleanup.n ? "," : "", STR_ARG(cleanup));
    takeover_note(l->f, l->c,
                  "its manual hooks get no other variables than certbot's: see "
                  "--hook-env");
    return l->c->plan.value.p ? RC_OK : RC_NOMEM;
}

static struct str plain(const struct takeover_ini *ini, const char *name)
{
    return takeover_ini_get(ini, "", name);
}

/* The plugin's settings, as agent/dns_conf.h has them. */
static enum rc translate(struct lineage *l, const struct takeover_ini *from)
{
    CLEANUP(buf_wipe) struct buf b = BUF_INIT(8192);
    CLEANUP(buf_done) struct buf alg = BUF_INIT(64);
    struct str server = plain(from, "dns_rfc2136_server"), port = plain(from, "dns_rfc2136_port");
    struct str name = plain(from, "dns_rfc2136_name"), secret = plain(from, "dns_rfc2136_secret");
    bool six = str_find(server, ':') < server.n;

    buf_put_lower(&alg, plain(from, "dns_rfc2136_algorithm"));
    if (!server.n || !name.n || !secret.n) {
        takeover_cannot(l->f, l->c,
                        "the settings of its plugin dns-rfc2136 lack server, name or "
                        "secret");
        return RC_OK;
    }
    if (alg.n == 0 || str_eq(buf_str(&alg), STR("hmac-md5")) ||
        str_eq(buf_str(&alg), STR("hmac-sha1"))) {
        takeover_cannot(l->f, l->c,
                        "its plugin dns-rfc2136 signs updates by HMAC-MD5 or HMAC-SHA1, "
                        "which is not done here: give the name server a key of "
                        "hmac-sha256, and use --dns");
        return RC_OK;
    }
    buf_printf(&b, "# of certbot's plugin dns-rfc2136\nserver: %s%.*s%s%s%.*s\n", six ? "[" : "",
               STR_ARG(server), six ? "]" : "", port.n || six ? ":" : "",
               STR_ARG(port.n ? port
                       : six  ? STR("53")
                              : STR("")));
    buf_printf(&b, "key: %.*s\nalgorithm: %.*s\nsecret: %.*s\n", STR_ARG(name),
               STR_ARG(buf_str(&alg)), STR_ARG(secret));
    TRY(buf_rc(&b));
    return arena_str(&l->f->t->arena, buf_str(&b), &l->c->dns_conf);
}

static enum rc take_rfc2136(struct lineage *l)
{
    struct str path = param(l, "dns_rfc2136_credentials"), text;
    struct takeover_ini ini;
    enum rc rc = takeover_file(l->f, path, &text);

    if (rc == RC_OK)
        rc = takeover_ini_read(&l->f->t->arena, text, &ini);
    if (rc != RC_OK)
        return takeover_cannot_err(l->f, l->c, rc);
    l->c->plan.way = AGENT_DNS;
    l->c->plan.style = STR("rfc2136");
    if (param(l, "dns_rfc2136_propagation_seconds").n)
        takeover_note(l->f, l->c,
                      "instead of waiting for a fixed time the zone's name servers are "
                      "asked whether they have the record");
    TRY(takeover_join(l->f, l->c->dir, STR(".autarky/dns.conf"), &l->c->plan.value));
    return translate(l, &ini);
}

static enum rc take_way(struct lineage *l)
{
    struct str plugin = param(l, "authenticator");
    char how[128];

    if (str_eq(plugin, STR("webroot"))) {
        take_webroot(l);
        return RC_OK;
    }
    if (str_eq(plugin, STR("standalone")))
        return takeover_way_listen(l->f, l->c, AGENT_HTTP_LISTEN, param(l, "http01_address"),
                                   param(l, "http01_port"));
    if (str_eq(plugin, STR("manual")))
        return take_manual(l);
    if (str_eq(plugin, STR("dns-rfc2136")))
        return take_rfc2136(l);
    snprintf(how, sizeof(how), "certbot used its plugin %.*s", STR_ARG(str_head(plugin, 64)));
    takeover_no_way(l->f, l->c, how);
    return RC_OK;
}

/* ---- hooks: command lines for a shell, and programs in a directory */

static enum rc put_environment(struct lineage *l, struct buf *b)
{
    CLEANUP(buf_done) struct buf names = BUF_INIT(CLIENT_NAMES_MAX * (CLIENT_NAME_MAX + 1));
    char text[ADDR_TEXT];

    for (size_t i = 0; i < l->c->plan.n_dns; i++)
        buf_printf(&names, "%s%.*s", names.n ? " " : "", STR_ARG(l->c->plan.dns[i]));
    for (size_t i = 0; i < l->c->plan.n_ips; i++)
        buf_printf(&names, "%s%s", names.n ? " " : "", addr_text(&l->c->plan.ips[i], text));
    TRY(buf_rc(&names));
    buf_putz(b, "shell:export RENEWED_LINEAGE=");
    takeover_shell_quote(b, l->c->dir);
    buf_putz(b, " RENEWED_DOMAINS=");
    takeover_shell_quote(b, buf_str(&names));
    buf_putz(b, "; ");
    return RC_OK;
}

static void put_directory(struct buf *b, struct str dir)
{
    buf_putz(b, "for hook in ");
    takeover_shell_quote(b, dir);
    buf_putz(b, "/*; do case $hook in *~) continue;; esac; [ ! -f \"$hook\" ] || "
                "[ ! -x \"$hook\" ] || \"$hook\" || exit; done; ");
}

static enum rc has_programs(struct lineage *l, const char *kind, struct str *dir, bool *out)
{
    struct str *list;
    size_t n;

    *dir = arena_printf(&l->f->t->arena, "%.*s/renewal-hooks/%s", STR_ARG(l->f->t->home), kind);
    if (!dir->p)
        return RC_NOMEM;
    TRY(takeover_list(l->f, *dir, "", &list, &n));
    *out = false;
    for (size_t i = 0; i < n; i++)
        *out |= takeover_is_file(list[i]);
    return RC_OK;
}

static void put_command(struct buf *b, struct str command)
{
    if (command.n)
        buf_printf(b, "{ %.*s\n} || exit; ", STR_ARG(command));
}

/* What certbot's own plugin reloaded. */
static void put_installer(struct buf *b, struct str plugin)
{
    if (str_eq(plugin, STR("nginx")))
        buf_putz(b, "systemctl try-reload-or-restart nginx || exit; ");
    else if (str_eq(plugin, STR("apache")))
        buf_putz(b, "systemctl try-reload-or-restart apache2 || exit; ");
}

/* What is done before an attempt has no place here; what is done after it belongs to a new
 * certificate, unless it undoes what was done before. */
static enum rc put_hooks(struct lineage *l, struct buf *b)
{
    struct str pre = param(l, "pre_hook"), dirs[3];
    bool programs[3], before;

    TRY(has_programs(l, "deploy", &dirs[0], &programs[0]));
    TRY(has_programs(l, "pre", &dirs[1], &programs[1]));
    TRY(has_programs(l, "post", &dirs[2], &programs[2]));
    before = pre.n || programs[1];
    if (before)
        takeover_note(l->f, l->c,
                      "what was run before a renewal was not carried over (%.*s), nor what was run "
                      "after it",
                      STR_ARG(pre.n ? pre : dirs[1]));
    if (programs[0])
        put_directory(b, dirs[0]);
    put_command(b, param(l, "renew_hook"));
    if (programs[2] && !before)
        put_directory(b, dirs[2]);
    if (!before)
        put_command(b, param(l, "post_hook"));
    put_installer(b, param(l, "installer"));
    return buf_rc(b);
}

static enum rc take_hooks(struct lineage *l)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096);
    size_t begun;

    TRY(put_environment(l, &b));
    begun = b.n;
    TRY(put_hooks(l, &b));
    if (b.n == begun)
        return RC_OK;
    takeover_note(l->f, l->c,
                  "its hooks are run by --reload; when one fails, the certificate before comes "
                  "back, where certbot would only have said so");
    return arena_str(&l->f->t->arena, buf_str(&b), &l->c->plan.reload);
}

/* ---- one certificate */

static enum rc take_account(struct lineage *l)
{
    struct str server = l->c->plan.server, rest, scheme, path;

    if (!str_cut(server, ':', &scheme, &rest))
        rest = server;
    while (str_starts(rest, STR("/")))
        rest = str_skip(rest, 1);
    path = arena_printf(&l->f->t->arena, "%.*s/accounts/%.*s/%.*s/private_key.json",
                        STR_ARG(l->f->t->home), STR_ARG(rest), STR_ARG(param(l, "account")));
    return path.p ? takeover_account(l->f, l->c, path) : RC_NOMEM;
}

static void note_params(struct lineage *l)
{
    struct str chain = param(l, "preferred_chain");

    l->c->plan.chain = chain;
    if (str_eq(param(l, "reuse_key"), STR("True")))
        l->c->plan.reuse_key = STR("yes");
    if (str_eq(param(l, "must_staple"), STR("True")))
        takeover_note(l->f, l->c, "must_staple was not carried over");
    if (str_eq(param(l, "autorenew"), STR("False")))
        takeover_note(l->f, l->c, "certbot was told not to renew it (autorenew); autarky will");
}

static enum rc take_pair(struct lineage *l)
{
    struct str chain, key;

    TRY(takeover_join(l->f, l->c->dir, STR("fullchain.pem"), &chain));
    TRY(takeover_join(l->f, l->c->dir, STR("privkey.pem"), &key));
    return takeover_pair(l->f, l->c, chain, STR(""), key);
}

static enum rc take_lineage(struct lineage *l)
{
    struct str server = param(l, "server");

    l->c->plan.server = l->f->wish->server.n ? l->f->wish->server : server;
    TRY(take_account(l));
    note_params(l);
    if (!takeover_wished(l->f, l->c))
        TRY(take_way(l));
    TRY(take_pair(l));
    return take_hooks(l); /* which names the names */
}

static enum rc take_conf(struct takeover_finder *f, struct str path)
{
    struct str name = takeover_base(path, ".conf"), text, live, dir;
    struct lineage l = {.f = f};
    enum rc rc;

    TRY(takeover_join(f, f->t->home, STR("live"), &live));
    TRY(takeover_join(f, live, name, &dir));
    TRY(takeover_cert_add(f, name, dir, &l.c));
    if (!l.c)
        return RC_OK;
    rc = takeover_file(f, path, &text);
    if (rc == RC_OK)
        rc = takeover_ini_read(&f->t->arena, text, &l.ini);
    if (rc != RC_OK)
        return takeover_cannot_err(f, l.c, rc);
    return take_lineage(&l);
}

enum rc takeover_certbot(struct takeover_finder *f)
{
    struct str dir, *list;
    size_t n;

    TRY(takeover_join(f, f->t->home, STR("renewal"), &dir));
    TRY(takeover_list(f, dir, ".conf", &list, &n));
    for (size_t i = 0; i < n; i++)
        TRY(take_conf(f, list[i]));
    return RC_OK;
}
