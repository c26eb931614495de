/* SPDX-License-Identifier: Apache-2.0 */
/* acme.sh: a directory for each certificate, NAME or NAME_ecc, with NAME.conf, NAME.cer, NAME.key,
 * ca.cer and fullchain.cer; account.conf; ca/HOST/PATH/account.key. What was installed elsewhere is
 * a copy. */
#include <stdio.h>

#include "base/text.h"
#include "takeover/takeover_int.h"

#define SEALED "__ACME_BASE64__START_"
#define SEALED_END "__ACME_BASE64__END_"

struct one {
    struct takeover_finder *f;
    struct takeover_cert *c;
    const struct takeover_vars *account; /* settings of all */
    struct takeover_vars vars;
};

/* Those that a shell might trip over are in base64. */
static enum rc unseal(struct takeover_finder *f, struct str value, struct str *out)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(TAKEOVER_FILE_MAX);

    *out = value;
    if (!str_starts(value, STR(SEALED)) || !str_ends(value, STR(SEALED_END)))
        return RC_OK;
    value = str_skip(value, sizeof(SEALED) - 1);
    value.n -= sizeof(SEALED_END) - 1;
    if (text_unb64(value, &b) != RC_OK || str_find(buf_str(&b), '\0') < b.n)
        return buf_rc(&b) == RC_NOMEM ? RC_NOMEM : RC_PARSE;
    return arena_str(&f->t->arena, str_trim(buf_str(&b)), out);
}

/* "no" is none there. */
static enum rc get(struct one *o, const char *name, struct str *out)
{
    struct str value = takeover_shell_value(&o->vars, name);
    enum rc rc = unseal(o->f, value, out);

    if (rc == RC_PARSE) {
        takeover_cannot(o->f, o->c, "%s in its settings is not base64", name);
        rc = RC_OK;
    }
    if (str_eq(*out, STR("no")))
        *out = STR("");
    return rc;
}

/* ---- proofs */

static struct str saved(const struct one *o, const char *name)
{
    char longer[64];
    struct str v;

    snprintf(longer, sizeof(longer), "SAVED_%s", name);
    v = takeover_shell_value(o->account, longer);
    return v.n ? v : takeover_shell_value(o->account, name);
}

static enum rc take_nsupdate(struct one *o)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096);
    struct str server = saved(o, "NSUPDATE_SERVER"), key = saved(o, "NSUPDATE_KEY");
    struct str port = saved(o, "NSUPDATE_SERVER_PORT"), zone = saved(o, "NSUPDATE_ZONE");

    o->c->plan.way = AGENT_DNS;
    o->c->plan.style = STR("rfc2136");
    buf_printf(&b, "# of acme.sh's dns_nsupdate\nserver: %.*s%s%.*s\n",
               STR_ARG(server.n ? server : STR("127.0.0.1")), port.n ? ":" : "", STR_ARG(port));
    if (key.n)
        buf_printf(&b, "key_file: %.*s\n", STR_ARG(key));
    if (zone.n)
        buf_printf(&b, "zone: %.*s\n", STR_ARG(zone));
    TRY(buf_rc(&b));
    TRY(arena_str(&o->f->t->arena, buf_str(&b), &o->c->dns_conf));
    return takeover_join(o->f, o->c->dir, STR(".autarky/dns.conf"), &o->c->plan.value);
}

/* One of its plugins goes on being one, with acme.sh's own functions, as long as both are there. An
 * alias is what acme.sh itself had it write to. */
static enum rc take_plugin(struct one *o, struct str name, bool *out_taken)
{
    struct arena *a = &o->f->t->arena;
    struct str home = o->f->t->home, alias, program, plugin;

    TRY(get(o, "Le_ChallengeAlias", &alias));
    program = arena_printf(a, "%.*s/acme.sh", STR_ARG(home));
    plugin = arena_printf(a, "%.*s/dnsapi/%.*s.sh", STR_ARG(home), STR_ARG(name));
    if (!program.p || !plugin.p)
        return RC_NOMEM;
    if (!str_starts(name, STR("dns_")) || alias.n || !takeover_is_file(program) ||
        !takeover_is_file(plugin))
        return RC_OK;
    *out_taken = true;
    o->c->plan.way = AGENT_HOOK;
    o->c->plan.style = STR("acme.sh");
    o->c->plan.value = plugin;
    o->c->plan.challenge = STR("dns-01");
    takeover_note(o->f, o->c,
                  "its plugin %.*s is called as it is, with the functions of acme.sh there: both "
                  "have to stay",
                  STR_ARG(name));
    return RC_OK;
}

/* A list for the names in their order; the last one is for those behind it. */
static struct str one_way(struct one *o, struct str list)
{
    struct str first = {"", 0}, each;

    while (str_next(&list, ',', &each)) {
        each = str_trim(each);
        if (!first.n)
            first = each;
        else if (each.n && !str_eq(first, each))
            takeover_no_way(o->f, o->c, "its names are proven in different ways");
    }
    return first;
}

static enum rc take_way(struct one *o)
{
    struct str all = takeover_shell_value(&o->vars, "Le_Webroot"), way = one_way(o, all), at, port;
    bool taken = false;
    char how[128];

    TRY(get(o, "Le_LocalAddress", &at));
    if (str_eq(way, STR("no"))) {
        TRY(get(o, "Le_HTTPPort", &port));
        return takeover_way_listen(o->f, o->c, AGENT_HTTP_LISTEN, at, port);
    }
    if (str_eq(way, STR("alpn"))) {
        TRY(get(o, "Le_TLSPort", &port));
        return takeover_way_listen(o->f, o->c, AGENT_ALPN_LISTEN, at, port);
    }
    if (str_starts(way, STR("/"))) {
        takeover_way_webroot(o->c, way, false);
        return RC_OK;
    }
    if (str_eq(way, STR("dns_nsupdate")))
        return take_nsupdate(o);
    TRY(take_plugin(o, way, &taken));
    if (taken)
        return RC_OK;
    snprintf(how, sizeof(how), "acme.sh used \"%.*s\"", STR_ARG(str_head(way, 64)));
    takeover_no_way(o->f, o->c, how);
    return RC_OK;
}

/* ---- where it is read */

/* Its own files become links; copies that it made stay copies. */
static enum rc take_files(struct one *o, struct str name)
{
    static const struct {
        const char *what, *file, *copy;
    } files[] = {{"cert", NULL, "Le_RealCertPath"},
                 {"chain", "ca.cer", "Le_RealCACertPath"},
                 {"fullchain", "fullchain.cer", "Le_RealFullChainPath"},
                 {"privkey", NULL, "Le_RealKeyPath"}};
    struct str path, own, full, key = {"", 0};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        own = arena_printf(&o->f->t->arena, "%.*s/%.*s%s", STR_ARG(o->c->dir),
                           STR_ARG(files[i].file ? str_of(files[i].file) : name),
                           files[i].file ? ""
                           : i == 0      ? ".cer"
                                         : ".key");
        if (!own.p)
            return RC_NOMEM;
        TRY(takeover_also(o->f, o->c, "link", files[i].what, own));
        key = own;
        TRY(get(o, files[i].copy, &path));
        if (str_starts(path, STR("/")))
            TRY(takeover_also(o->f, o->c, "copy", files[i].what, path));
        else if (path.n)
            takeover_note(o->f, o->c, "%s is no absolute path; it was not carried over",
                          files[i].copy);
    }
    TRY(takeover_join(o->f, o->c->dir, STR("fullchain.cer"), &full));
    return takeover_pair(o->f, o->c, full, STR(""), key);
}

static enum rc take_hooks(struct one *o)
{
    static const char *const others[] = {"Le_PreHook", "Le_PostHook", "Le_RenewHook",
                                         "Le_DeployHook", "Le_ChallengeAlias"};
    struct str command;

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        TRY(get(o, others[i], &command));
        if (command.n)
            takeover_note(o->f, o->c, "%s was not carried over: %.*s", others[i],
                          STR_ARG(str_head(command, 300)));
    }
    TRY(get(o, "Le_ReloadCmd", &command));
    if (!command.n)
        return RC_OK;
    o->c->plan.reload = arena_printf(&o->f->t->arena, "shell:%.*s", STR_ARG(command));
    takeover_note(o->f, o->c,
                  "the reload command is run by --reload; when it fails, the "
                  "certificate before comes back");
    return o->c->plan.reload.p ? RC_OK : RC_NOMEM;
}

/* ---- account */

/* The host without its port, and the path. */
static enum rc take_account(struct one *o)
{
    struct str rest = o->c->plan.server, head, host, path, key, own;

    own = takeover_shell_value(o->account, "ACCOUNT_KEY_PATH");
    if (own.n)
        return takeover_account(o->f, o->c, own);
    str_cut(rest, ':', &head, &rest);
    while (str_starts(rest, STR("/")))
        rest = str_skip(rest, 1);
    str_cut(rest, '/', &host, &path);
    host = str_head(host, str_find(host, ':'));
    key = arena_printf(&o->f->t->arena, "%.*s/ca/%.*s/%.*s/account.key", STR_ARG(o->f->t->home),
                       STR_ARG(host), STR_ARG(path));
    return key.p ? takeover_account(o->f, o->c, key) : RC_NOMEM;
}

/* ---- one certificate */

static enum rc take_server(struct one *o)
{
    struct str server, chain;

    TRY(get(o, "Le_API", &server));
    TRY(get(o, "Le_Preferred_Chain", &chain));
    o->c->plan.server = o->f->wish->server.n ? o->f->wish->server : server;
    o->c->plan.chain = chain;
    if (!o->c->plan.ca_file.n)
        o->c->plan.ca_file = takeover_shell_value(o->account, "CA_BUNDLE");
    if (!str_eq(takeover_shell_value(&o->vars, "Le_ForceNewDomainKey"), STR("1")))
        o->c->plan.reuse_key = STR("yes"); /* which is what it does unless it is told otherwise */
    return RC_OK;
}

static enum rc take_conf(struct one *o, struct str name, struct str conf)
{
    struct str text;
    enum rc rc = takeover_file(o->f, conf, &text);

    if (rc == RC_OK)
        rc = takeover_shell_read(&o->vars, text);
    if (rc != RC_OK)
        return takeover_cannot_err(o->f, o->c, rc);
    TRY(take_server(o));
    if (!takeover_wished(o->f, o->c))
        TRY(take_way(o));
    TRY(take_account(o));
    TRY(take_hooks(o));
    return take_files(o, name);
}

static enum rc take_dir(struct takeover_finder *f, const struct takeover_vars *account,
                        struct str dir)
{
    struct str name = takeover_base(dir, "_ecc"), file, conf;
    struct one o = {.f = f, .account = account, .vars = {.arena = &f->t->arena}};

    file = arena_printf(&f->t->arena, "%.*s.conf", STR_ARG(name));
    if (!file.p)
        return RC_NOMEM;
    TRY(takeover_join(f, dir, file, &conf));
    if (!takeover_is_file(conf))
        return RC_OK;
    TRY(takeover_cert_add(f, takeover_base(dir, ""), dir, &o.c));
    return o.c ? take_conf(&o, name, conf) : RC_OK;
}

enum rc takeover_acme_sh(struct takeover_finder *f)
{
    struct takeover_vars account = {.arena = &f->t->arena};
    struct str path, text, *list, certs;
    size_t n;

    TRY(takeover_join(f, f->t->home, STR("account.conf"), &path));
    if (takeover_is_file(path)) {
        TRY(takeover_file(f, path, &text));
        TRY(takeover_shell_read(&account, text));
    }
    certs = takeover_shell_value(&account, "CERT_HOME");
    TRY(takeover_list(f, certs.n ? certs : f->t->home, "", &list, &n));
    for (size_t i = 0; i < n; i++)
        TRY(take_dir(f, &account, list[i]));
    return RC_OK;
}
