/* SPDX-License-Identifier: Apache-2.0 */
/* dehydrated: config and CONFIG_D/NAME.sh, domains.txt, certs/ALIAS with a config of its own, and
 * accounts/ with a directory for each server. */
#include "agent/solver.h"
#include "base/text.h"
#include "takeover/takeover_int.h"

/* The servers that have a name of their own there. */
static const struct {
    const char *name, *url;
} servers[] = {
    {"letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"},
    {"letsencrypt-test", "https://acme-staging-v02.api.letsencrypt.org/directory"},
    {"zerossl", "https://acme.zerossl.com/v2/DV90"},
    {"buypass", "https://api.buypass.com/acme/directory"},
    {"buypass-test", "https://api.test4.buypass.no/acme/directory"},
    {"google", "https://dv.acme-v02.api.pki.goog/directory"},
    {"google-test", "https://dv.acme-v02.test-api.pki.goog/directory"},
};

enum { OCSP_DAYS_MAX = 30, VARS_MAX = 4096 };

struct settings {
    struct takeover_vars vars;
    struct str server, account, certs, ca_file;
    struct str config, alpn; /* its file, and where answers to tls-alpn-01 would be */
};

/* ---- what is read */

/* What a shell alone could know, and what is not carried over in any case. */
static void note_lines(struct takeover_finder *f, struct takeover_cert *c,
                       const struct takeover_vars *v, size_t from, struct str file)
{
    for (size_t i = from; i < v->n; i++) {
        const struct takeover_var *var = &v->list[i];

        if (!var->name.n)
            takeover_note(f, c, "%.*s, line %u: \"%.*s\" is no assignment and was passed over",
                          STR_ARG(file), var->line, STR_ARG(var->value));
        else if (!var->known)
            takeover_note(f, c,
                          "%.*s, line %u: only a shell can know the value of %.*s; it was not "
                          "carried over",
                          STR_ARG(file), var->line, STR_ARG(var->name));
    }
}

static enum rc read_file(struct takeover_finder *f, struct takeover_cert *c,
                         struct takeover_vars *v, struct str path)
{
    size_t from = v->n;
    struct str text;

    TRY(takeover_file(f, path, &text));
    TRY(takeover_shell_read(v, text));
    note_lines(f, c, v, from, path);
    return RC_OK;
}

static enum rc read_config(struct takeover_finder *f, struct settings *s, struct str path)
{
    struct str *more, directory;
    size_t n;

    TRY(read_file(f, NULL, &s->vars, path));
    directory = takeover_shell_value(&s->vars, "CONFIG_D");
    if (!directory.n)
        return RC_OK;
    TRY(takeover_list(f, directory, ".sh", &more, &n));
    for (size_t i = 0; i < n; i++)
        TRY(read_file(f, NULL, &s->vars, more[i]));
    return RC_OK;
}

/* A setting that is assigned, and whose value nobody knows, is not taken for the usual one. */
static struct str get(struct takeover_finder *f, struct takeover_cert *c,
                      const struct takeover_vars *v, const char *name, const char *usual)
{
    const struct takeover_var *var = takeover_shell_find(v, str_of(name));

    if (var && !var->known)
        takeover_cannot(f, c, "the value of %s is not known", name);
    return var && var->known && var->value.n ? var->value : str_of(usual);
}

/* A path that is set, or NAME below BASEDIR. */
static enum rc get_path(struct takeover_finder *f, const struct settings *s, const char *setting,
                        const char *name, struct str *out)
{
    struct str set = takeover_shell_value(&s->vars, setting);
    struct str base = takeover_shell_value(&s->vars, "BASEDIR");

    return takeover_join(f, base, set.n ? set : str_of(name), out);
}

static struct str server_of(struct str ca)
{
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
        if (str_eq(ca, str_of(servers[i].name)))
            return str_of(servers[i].url);
    return ca;
}

/* The directory is named after the URL, with a line feed, in base64url. */
static enum rc find_account(struct takeover_finder *f, struct settings *s)
{
    CLEANUP(buf_done) struct buf url = BUF_INIT(4096), name = BUF_INIT(8192);
    struct str accounts;

    TRY(get_path(f, s, "ACCOUNTDIR", "accounts", &accounts));
    buf_printf(&url, "%.*s\n", STR_ARG(s->server));
    text_b64url(&name, buf_str(&url));
    TRY(buf_rc(&name));
    s->account = arena_printf(&f->t->arena, "%.*s/%.*s/account_key.pem", STR_ARG(accounts),
                              STR_ARG(buf_str(&name)));
    return s->account.p ? RC_OK : RC_NOMEM;
}

/* Of what curl is told only the roots are of use. */
static void take_curl(struct takeover_finder *f, struct settings *s)
{
    struct str rest = takeover_shell_value(&s->vars, "CURL_OPTS"), word;
    bool path = false;

    while (str_next(&rest, ' ', &word)) {
        if (path)
            s->ca_file = word;
        else if (str_starts(word, STR("--cacert=")))
            s->ca_file = str_skip(word, sizeof("--cacert=") - 1);
        else if (word.n && !str_eq(word, STR("--cacert")))
            takeover_note(f, NULL, "CURL_OPTS has %.*s, which was not carried over", STR_ARG(word));
        path = str_eq(word, STR("--cacert"));
    }
}

/* ---- one certificate */

static void take_way(struct takeover_finder *f, struct takeover_cert *c,
                     const struct takeover_vars *v)
{
    struct str type = get(f, c, v, "CHALLENGETYPE", "http-01");
    struct str hook = get(f, c, v, "HOOK", "");

    if (str_eq(type, STR("http-01"))) {
        takeover_way_webroot(c, get(f, c, v, "WELLKNOWN", "/var/www/dehydrated"), true);
    } else if (str_eq(type, STR("dns-01")) && hook.n) {
        c->plan.way = AGENT_HOOK;
        c->plan.style = STR("dehydrated");
        c->plan.value = hook;
        c->plan.challenge = type;
        if (str_eq(takeover_shell_value(v, "HOOK_CHAIN"), STR("yes")))
            c->plan.hook_chain = STR("yes");
    } else {
        takeover_no_way(f, c,
                        str_eq(type, STR("tls-alpn-01"))
                            ? "another program answers tls-alpn-01 from ALPNCERTDIR"
                            : "CHALLENGETYPE is none that can be done");
    }
}

/* What a hook of dehydrated finds in its environment, beside what is known without its settings. */
static enum rc carry_vars(struct takeover_finder *f, const struct settings *s,
                          struct takeover_cert *c, const struct takeover_vars *v)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(VARS_MAX);
    const struct {
        const char *name;
        struct str value;
    } list[] = {
        {"WELLKNOWN", get(f, c, v, "WELLKNOWN", "/var/www/dehydrated")},
        {"BASEDIR", takeover_shell_value(&s->vars, "BASEDIR")},
        {"CERTDIR", s->certs},
        {"ALPNCERTDIR", s->alpn},
        {"CONFIG", s->config},
        {"PRIVATE_KEY_ROLLOVER", get(f, c, v, "PRIVATE_KEY_ROLLOVER", "no")},
    };

    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        if (str_find(list[i].value, '\n') < list[i].value.n)
            takeover_cannot(f, c, "%s has more than one line", list[i].name);
        buf_printf(&b, "%s=%.*s\n", list[i].name, STR_ARG(list[i].value));
    }
    TRY(buf_rc(&b));
    return arena_str(&f->t->arena, buf_str(&b), &c->plan.hook_vars);
}

/* The same for one that is called by a shell. */
static void put_vars(struct buf *b, const struct takeover_cert *c, struct str type)
{
    struct str rest = c->plan.hook_vars, line, name, value;

    buf_putz(b, "export COMMAND=sign_domains CHALLENGETYPE=");
    takeover_shell_quote(b, type);
    buf_putz(b, " KEY_ALGO=");
    takeover_shell_quote(b, agent_dehydrated_key(c->plan.key));
    buf_putz(b, " alias=");
    takeover_shell_quote(b, c->name);
    while (str_next(&rest, '\n', &line)) {
        if (!str_cut(line, '=', &name, &value))
            continue;
        buf_printf(b, " %.*s=", STR_ARG(name));
        takeover_shell_quote(b, value);
    }
    buf_putz(b, "; ");
}

/* One call: its name, that of the certificate, files, the time. */
static enum rc put_call(struct takeover_finder *f, const struct takeover_cert *c, struct str hook,
                        const char *const *words, struct buf *b)
{
    struct str path, name = c->plan.n_dns ? c->plan.dns[0] : c->name;

    takeover_shell_quote(b, hook);
    buf_printf(b, " %s ", words[0]);
    takeover_shell_quote(b, name);
    for (size_t i = 1; words[i]; i++) {
        TRY(takeover_join(f, c->dir, str_of(words[i]), &path));
        buf_u8(b, ' ');
        takeover_shell_quote(b, path);
    }
    buf_putz(b, " \"$(date +%s)\"");
    return buf_rc(b);
}

/* A hook that is not asked for proofs is told of new certificates all the same. */
static enum rc take_hook(struct takeover_finder *f, const struct settings *s,
                         struct takeover_cert *c, const struct takeover_vars *v)
{
    static const char *const deploy[] = {"deploy_cert",   "privkey.pem", "cert.pem",
                                         "fullchain.pem", "chain.pem",   NULL};
    static const char *const ocsp[] = {"deploy_ocsp", "ocsp.der", NULL};
    CLEANUP(buf_done) struct buf b = BUF_INIT(8192);
    struct str hook = get(f, c, v, "HOOK", ""), path;

    if (!hook.n)
        return RC_OK;
    if (hook.p[0] != '/')
        takeover_cannot(f, c, "the hook %.*s has no absolute path", STR_ARG(hook));
    TRY(carry_vars(f, s, c, v));
    if (c->plan.way == AGENT_HOOK)
        return RC_OK;
    buf_putz(&b, "shell:");
    put_vars(&b, c, get(f, c, v, "CHALLENGETYPE", "http-01"));
    buf_putz(&b, c->plan.ocsp.n ? "" : "exec ");
    TRY(put_call(f, c, hook, deploy, &b));
    if (c->plan.ocsp.n) {
        TRY(takeover_join(f, c->dir, str_of(ocsp[1]), &path));
        buf_putz(&b, " || exit; [ ! -e ");
        takeover_shell_quote(&b, path);
        buf_putz(&b, " ] || exec ");
        TRY(put_call(f, c, hook, ocsp, &b));
    }
    takeover_note(f, c,
                  "of the calls of the hook %s made, for control is not proven by it; when it "
                  "fails, the certificate before comes back",
                  c->plan.ocsp.n ? "deploy_cert and deploy_ocsp alone are, always both,"
                                 : "deploy_cert alone is");
    return arena_str(&f->t->arena, buf_str(&b), &c->plan.reload);
}

/* Its answers are asked for again when they are so many days old, or have ended. */
static enum rc take_ocsp(struct takeover_finder *f, struct takeover_cert *c, struct str days)
{
    uint64_t n;

    c->plan.ocsp = STR("yes");
    if (str_u64(days, OCSP_DAYS_MAX, &n) != RC_OK || n == 0) {
        takeover_note(f, c,
                      "OCSP_DAYS was not carried over: the OCSP answer is fetched anew after "
                      "half of its life");
        return RC_OK;
    }
    c->plan.ocsp_age = arena_printf(&f->t->arena, "%ud", (unsigned)n);
    return c->plan.ocsp_age.p ? RC_OK : RC_NOMEM;
}

static enum rc note_settings(struct takeover_finder *f, struct takeover_cert *c,
                             const struct takeover_vars *v)
{
    struct str chain = takeover_shell_value(v, "PREFERRED_CHAIN");

    c->plan.chain = chain;
    if (str_eq(takeover_shell_value(v, "PRIVATE_KEY_RENEW"), STR("no")))
        c->plan.reuse_key = STR("yes");
    else if (str_eq(takeover_shell_value(v, "PRIVATE_KEY_ROLLOVER"), STR("yes")))
        takeover_note(f, c,
                      "PRIVATE_KEY_ROLLOVER was not carried over: the next key is made when it is "
                      "needed, and the one that waits in privkey.roll.pem will not be used; have "
                      "nobody be told of it (TLSA) any more");
    if (str_eq(takeover_shell_value(v, "OCSP_MUST_STAPLE"), STR("yes")))
        takeover_note(f, c, "OCSP_MUST_STAPLE was not carried over");
    if (str_eq(takeover_shell_value(v, "OCSP_FETCH"), STR("yes")))
        return take_ocsp(f, c, get(f, c, v, "OCSP_DAYS", "5"));
    return RC_OK;
}

static enum rc take_one(struct takeover_finder *f, const struct settings *s, struct str names,
                        struct str alias)
{
    struct takeover_vars vars = s->vars;
    struct str dir, own, own_dir, chain, key;
    struct takeover_cert *c;

    TRY(takeover_join(f, s->certs, alias, &dir));
    TRY(takeover_cert_add(f, alias, dir, &c));
    if (!c)
        return RC_OK;
    own_dir = takeover_shell_value(&s->vars, "DOMAINS_D");
    TRY(takeover_join(f, own_dir.n ? own_dir : dir, own_dir.n ? alias : STR("config"), &own));
    if (takeover_is_file(own))
        TRY(takeover_cannot_err(f, c, read_file(f, c, &vars, own)));
    c->plan.server = s->server;
    if (!c->plan.ca_file.n)
        c->plan.ca_file = s->ca_file;
    TRY(takeover_names(f, c, names));
    if (!takeover_wished(f, c))
        take_way(f, c, &vars);
    TRY(note_settings(f, c, &vars));
    TRY(takeover_account(f, c, s->account));
    TRY(takeover_join(f, dir, STR("fullchain.pem"), &chain));
    TRY(takeover_join(f, dir, STR("privkey.pem"), &key));
    TRY(takeover_pair(f, c, chain, STR(""), key));
    return take_hook(f, s, c, &vars); /* which is told what key it is */
}

/* "name name > alias"; the alias is the first name where none is given. */
static enum rc take_line(struct takeover_finder *f, const struct settings *s, struct str line)
{
    CLEANUP(buf_done) struct buf small = BUF_INIT(TAKEOVER_FILE_MAX);
    struct str names, alias, first, rest;

    buf_put_lower(&small, line);
    TRY(buf_rc(&small));
    str_cut(buf_str(&small), '>', &names, &alias);
    names = str_trim(names);
    alias = str_trim(alias);
    if (!alias.n) {
        str_cut(names, ' ', &first, &rest);
        alias = str_head(first, str_find(first, '\t'));
    }
    if (!alias.n || str_find(alias, '/') < alias.n || str_starts(alias, STR("."))) {
        takeover_note(f, NULL, "domains.txt: \"%.*s\" is no line that can be used", STR_ARG(line));
        return RC_OK;
    }
    return take_one(f, s, names, alias);
}

static enum rc read_domains(struct takeover_finder *f, const struct settings *s)
{
    struct str path, text, line;

    TRY(get_path(f, s, "DOMAINS_TXT", "domains.txt", &path));
    TRY(takeover_file(f, path, &text));
    while (str_next(&text, '\n', &line)) {
        line = str_trim(line);
        if (line.n && line.p[0] != '#')
            TRY(take_line(f, s, line));
    }
    return RC_OK;
}

enum rc takeover_dehydrated(struct takeover_finder *f)
{
    struct settings s = {.vars = {.arena = &f->t->arena}};
    struct str home = f->t->home, config = home, ca;

    if (takeover_is_dir(home)) {
        TRY(takeover_join(f, home, STR("config"), &config));
    } else {
        struct str name = takeover_base(home, "");

        home = str_head(home, home.n > name.n + 1 ? home.n - name.n - 1 : 1);
    }
    TRY(takeover_shell_set(&s.vars, STR("BASEDIR"), home));
    TRY(read_config(f, &s, config));
    ca = takeover_shell_value(&s.vars, "CA");
    s.server = f->wish->server.n ? f->wish->server : server_of(ca.n ? ca : STR("letsencrypt"));
    if (takeover_shell_find(&s.vars, STR("CA")) && !ca.n && !f->wish->server.n)
        s.server = STR(""); /* which is then the reason */
    s.config = config;
    TRY(get_path(f, &s, "CERTDIR", "certs", &s.certs));
    TRY(get_path(f, &s, "ALPNCERTDIR", "alpn-certs", &s.alpn));
    TRY(find_account(f, &s));
    take_curl(f, &s);
    return read_domains(f, &s);
}
