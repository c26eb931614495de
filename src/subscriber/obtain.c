/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate from any ACME server. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/also.h"
#include "agent/deploy.h"
#include "agent/place.h"
#include "agent/recipe.h"
#include "agent/sealed.h"
#include "agent/token.h"
#include "base/name.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/key.h"
#include "ev/clock.h"
#include "json/out.h"
#include "program/program.h"
#include "provider/provider.h"
#include "subscriber/agent_int.h"

MSG(msg_name, "cmd.obtain-name",
    "--name {0} is neither a DNS name nor an address; names with other letters than a to z are "
    "given as they are in DNS (xn--...)");
MSG(msg_wildcard, "cmd.obtain-wildcard",
    "{0} can be proven by DNS alone (RFC 8555 section 8): use --dns, --dns-persist, or --hook");
MSG(msg_eab_key, "cmd.obtain-eab-key",
    "the first line of {0} is not a key in base64url, as `autarky eab create` prints it");

enum { ARENA_BYTES = 256 * 1024, KEY_FILE_MAX = 4096, ANSWER_MAX = 16 * 1024 };

struct request {
    struct arena arena;
    struct agent_plan plan;
    struct agent_binding binding;
};

static void request_done(struct request *r)
{
    arena_done(&r->arena);
}

/* ---- shared */

void cmd_agent_say(void *, bool warn, const char *line)
{
    program_say("%s%s", warn ? "warning: " : "", line);
}

int cmd_agent_decide(const struct cmd_args *args, int64_t *out)
{
    const char *text = args->values[CMD_OPT_ISSUANCE_TIMEOUT];
    when_t span = 0;

    if (text && (when_parse_span(str_of(text), &span) != RC_OK || span <= 0 || span > WHEN_HOUR))
        return cmd_usagef("--issuance-timeout takes a time up to an hour, as in 30s or 5m");
    *out = span;
    return -1;
}

#ifdef AUTARKY_TEST_HOOKS
/* Stays open. */
static enum rc open_clock(void)
{
    int fd;

    return clock_test_open(&fd);
}
#else
static enum rc open_clock(void)
{
    return RC_OK;
}
#endif

int cmd_agent_run(const struct cmd_args *args, cmd_fn fn)
{
    int status;

    signal(SIGPIPE, SIG_IGN);
    if (open_clock() != RC_OK)
        return cmd_failf("the clock of the test cannot be opened");
    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL cannot be initialised");
    status = fn(args);
    crypto_done();
    return status;
}

/* ---- the command line */

enum rc cmd_agent_path(struct arena *a, const char *path, struct str *out)
{
    char here[AGENT_PATH_MAX];

    if (!path)
        return RC_OK;
    if (path[0] == '/' || agent_sealed(str_of(path)) || agent_names_token(str_of(path)))
        return arena_str(a, str_of(path), out);
    if (!getcwd(here, sizeof(here)))
        return RC_IO;
    *out = arena_printf(a, "%s/%s", here, path);
    return out->p ? RC_OK : RC_NOMEM;
}

static enum rc read_names(const struct cmd_args *args, struct request *r, struct err *err)
{
    struct str *dns = ARENA_ARRAY(&r->arena, struct str, args->n_many);
    struct addr *ips = ARENA_ARRAY(&r->arena, struct addr, args->n_many);
    struct agent_plan *plan = &r->plan;
    char name[NAME_MAX_BYTES + 1];

    if (!dns || !ips)
        return RC_NOMEM;
    for (size_t i = 0; i < args->n_many; i++) {
        struct str s = str_of(args->many[i]);

        if (addr_parse(s, &ips[plan->n_ips]) == RC_OK) {
            plan->n_ips++;
            continue;
        }
        if (name_canonical(s, true, name) != RC_OK)
            return ERR(err, RC_INVAL, msg_name, s);
        TRY(arena_str(&r->arena, str_of(name), &dns[plan->n_dns++]));
    }
    plan->dns = dns;
    plan->ips = ips;
    return RC_OK;
}

struct way {
    enum cmd_option option;
    enum agent_way way;
    bool is_path;
};
static const struct way ways[] = {
    {CMD_OPT_HTTP_LISTEN, AGENT_HTTP_LISTEN, false}, {CMD_OPT_WEBROOT, AGENT_WEBROOT, true},
    {CMD_OPT_ALPN_LISTEN, AGENT_ALPN_LISTEN, false}, {CMD_OPT_DNS_PERSIST, AGENT_PERSIST, false},
    {CMD_OPT_DNS_CONFIG, AGENT_DNS, true},           {CMD_OPT_HOOK, AGENT_HOOK, false},
};
enum { N_WAYS = sizeof(ways) / sizeof(ways[0]) };

static const struct way *chosen_way(const struct cmd_args *args)
{
    for (size_t i = 0; i < N_WAYS; i++)
        if (args->values[ways[i].option])
            return &ways[i];
    return NULL;
}

static int check_hook_options(const char *const *v)
{
    static const enum cmd_option of_hooks[] = {CMD_OPT_HOOK_ENV, CMD_OPT_HOOK_USER,
                                               CMD_OPT_HOOK_TIMEOUT, CMD_OPT_HOOK_CHAIN,
                                               CMD_OPT_CHALLENGE};

    for (size_t i = 0; i < sizeof(of_hooks) / sizeof(of_hooks[0]); i++)
        if (v[of_hooks[i]] && !v[CMD_OPT_HOOK])
            return cmd_usagef("%s is for --hook", cmd_option_rows()[of_hooks[i]].name);
    if (v[CMD_OPT_HOOK_CHAIN] && !str_starts(str_of(v[CMD_OPT_HOOK]), STR("dehydrated:")))
        return cmd_usagef("--hook-chain is for --hook dehydrated:PATH");
    if (v[CMD_OPT_HOOK] && !strchr(v[CMD_OPT_HOOK], ':'))
        return cmd_usagef("--hook takes a style and the hook's absolute path, as in "
                          "dehydrated:/etc/hook.sh");
    return -1;
}

/* Options that are nothing without another one. */
static int check_way_options(const struct cmd_args *args)
{
    const char *const *v = args->values;

    if (!v[CMD_OPT_DNS] != !v[CMD_OPT_DNS_CONFIG])
        return cmd_usagef("--dns and --dns-config belong together");
    if (v[CMD_OPT_DNS_PERSIST] && v[CMD_OPT_DNS] && strcmp(v[CMD_OPT_DNS], AGENT_DNS_UPDATES) != 0)
        return cmd_usagef("the record of --dns-persist is written by --dns " AGENT_DNS_UPDATES
                          ", or by hand: leave --dns out");
    if (v[CMD_OPT_RESOLVER] && !v[CMD_OPT_DNS_PERSIST])
        return cmd_usagef("--resolver is for --dns-persist");
    if (v[CMD_OPT_DNS] && strcmp(v[CMD_OPT_DNS], AGENT_DNS_UPDATES) != 0 &&
        !provider_kind_find(str_of(v[CMD_OPT_DNS])))
        return cmd_usagef("--dns is \"%s\"; it can be " AGENT_DNS_UPDATES ", " PROVIDER_KINDS,
                          v[CMD_OPT_DNS]);
    return check_hook_options(v);
}

int cmd_agent_check_way(const struct cmd_args *args, bool wanted)
{
    size_t n = 0;

    for (size_t i = 0; i < N_WAYS; i++)
        n += args->values[ways[i].option] != NULL;
    if (args->values[CMD_OPT_DNS_PERSIST] && args->values[CMD_OPT_DNS_CONFIG])
        n--; /* one way: the one writes what the other needs */
    if (n == 1 || (n == 0 && !wanted))
        return check_way_options(args);
    return cmd_usagef("say how control is to be proven, in one way: --http-listen ADDR:PORT, "
                      "--webroot DIR, --alpn-listen ADDR:PORT, --dns WAY --dns-config FILE, "
                      "--dns-persist or --hook STYLE:PATH");
}

enum rc cmd_agent_way(const struct cmd_args *args, struct arena *a, struct agent_plan *plan)
{
    const struct way *way = chosen_way(args);
    const char *const *v = args->values;

    if (!way)
        return RC_OK;
    plan->way = way->way;
    plan->value = str_of(v[way->option]);
    if (way->way == AGENT_PERSIST) {
        plan->style = str_of(v[CMD_OPT_DNS]);
        plan->value = STR(AGENT_BY_HAND);
        plan->resolver = str_of(v[CMD_OPT_RESOLVER]);
        return cmd_agent_path(a, v[CMD_OPT_DNS_CONFIG], &plan->value);
    }
    if (way->way == AGENT_DNS)
        plan->style = str_of(v[CMD_OPT_DNS]);
    if (way->way == AGENT_HOOK) {
        str_cut(str_of(v[CMD_OPT_HOOK]), ':', &plan->style, &plan->value);
        plan->challenge = str_of(v[CMD_OPT_CHALLENGE] ? v[CMD_OPT_CHALLENGE] : "dns-01");
        plan->hook_user = str_of(v[CMD_OPT_HOOK_USER]);
        plan->hook_timeout = str_of(v[CMD_OPT_HOOK_TIMEOUT]);
        plan->hook_chain = v[CMD_OPT_HOOK_CHAIN] ? STR("yes") : STR("");
        TRY(cmd_agent_path(a, v[CMD_OPT_HOOK_ENV], &plan->hook_env));
    }
    return way->is_path ? cmd_agent_path(a, v[way->option], &plan->value) : RC_OK;
}

static enum rc check_wildcards(const struct agent_plan *plan, struct err *err)
{
    for (size_t i = 0; i < plan->n_dns; i++)
        if (name_is_wildcard(plan->dns[i]) && plan->way != AGENT_DNS &&
            plan->way != AGENT_PERSIST &&
            !(plan->way == AGENT_HOOK && str_eq(plan->challenge, STR("dns-01"))))
            return ERR(err, RC_INVAL, msg_wildcard, plan->dns[i]);
    return RC_OK;
}

static enum rc read_contact(const char *mail, struct request *r)
{
    if (!mail)
        return RC_OK;
    r->plan.contact = str_starts(str_of(mail), STR("mailto:"))
                          ? str_of(mail)
                          : arena_printf(&r->arena, "mailto:%s", mail);
    return r->plan.contact.p ? RC_OK : RC_NOMEM;
}

enum rc cmd_agent_combined(struct arena *a, const char *file, struct agent_plan *plan)
{
    struct str *also = ARENA_ARRAY(a, struct str, 2), path = {NULL, 0};

    if (!also)
        return RC_NOMEM;
    TRY(cmd_agent_path(a, file, &path));
    also[0] = arena_printf(a, AGENT_ALSO_COMBINED "%.*s", STR_ARG(path));
    also[1] = arena_printf(a, AGENT_ALSO_OCSP "%.*s" AGENT_ALSO_OCSP_END, STR_ARG(path));
    plan->also = also;
    plan->n_also = plan->ocsp.n ? 2 : 1;
    return also[0].p && also[1].p ? RC_OK : RC_NOMEM;
}

static enum rc read_deployment(const struct cmd_args *args, struct request *r, struct err *err)
{
    const char *const *v = args->values;
    struct str *prove = ARENA_ARRAY(&r->arena, struct str, args->n_more);
    struct agent_plan *plan = &r->plan;

    if (!prove)
        return RC_NOMEM;
    for (size_t i = 0; i < args->n_more; i++)
        prove[i] = str_of(args->more[i]);
    plan->prove = prove;
    plan->n_prove = args->n_more;
    plan->prove_for = str_of(v[CMD_OPT_PROVE_FOR]);
    TRY(cmd_agent_path(&r->arena, v[CMD_OPT_PAIR], &plan->pair));
    plan->owner = str_of(v[CMD_OPT_FILE_OWNER]);
    plan->group = str_of(v[CMD_OPT_FILE_GROUP]);
    plan->mode = str_of(v[CMD_OPT_KEY_MODE]);
    plan->selinux = str_of(v[CMD_OPT_SELINUX]);
    plan->reload = str_of(v[CMD_OPT_RELOAD]);
    plan->reload_timeout = str_of(v[CMD_OPT_RELOAD_TIMEOUT]);
    plan->reload_window = str_of(v[CMD_OPT_RELOAD_WINDOW]);
    plan->renew_window = str_of(v[CMD_OPT_RENEW_WINDOW]);
    plan->ocsp = v[CMD_OPT_OCSP] ? STR("yes") : STR("");
    plan->ocsp_age = str_of(v[CMD_OPT_OCSP_AGE]);
    if (v[CMD_OPT_COMBINED])
        TRY(cmd_agent_combined(&r->arena, v[CMD_OPT_COMBINED], plan));
    return v[CMD_OPT_FOR_SERVICE] ? agent_recipe_apply(str_of(v[CMD_OPT_FOR_SERVICE]), plan, err)
                                  : RC_OK;
}

/* The key of an external binding, from its file. */
static enum rc read_eab_key(struct arena *a, const char *file, struct str *out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(KEY_FILE_MAX), key = BUF_INIT(KEY_FILE_MAX);
    struct str line;

    TRY(agent_sealed_line(str_of(file), &text, err));
    line = buf_str(&text);
    while (str_ends(line, STR("=")))
        line.n--;
    if (text_unb64url(line, &key) != RC_OK || key.n == 0)
        return ERR(err, RC_PARSE, msg_eab_key, str_of(file));
    return arena_str(a, buf_str(&key), out);
}

static enum rc read_binding(const struct cmd_args *args, struct request *r, struct err *err)
{
    const char *const *v = args->values;
    struct agent_binding *b = &r->binding;

    b->agree_terms = v[CMD_OPT_AGREE_TOS] != NULL;
    b->eab_kid = str_of(v[CMD_OPT_EAB_KID]);
    b->fallback_eab_kid = str_of(v[CMD_OPT_FALLBACK_EAB_KID]);
    if (b->eab_kid.n)
        TRY(read_eab_key(&r->arena, v[CMD_OPT_EAB_KEY_FILE], &b->eab_key, err));
    if (b->fallback_eab_kid.n)
        TRY(read_eab_key(&r->arena, v[CMD_OPT_FALLBACK_EAB_KEY_FILE], &b->fallback_eab_key, err));
    return RC_OK;
}

static enum rc read_fallback(const struct cmd_args *args, struct request *r)
{
    const char *const *v = args->values;
    struct agent_plan *plan = &r->plan;

    plan->fallback_server = str_of(v[CMD_OPT_FALLBACK_SERVER]);
    plan->fallback_ca_fingerprint = str_of(v[CMD_OPT_FALLBACK_CA_FINGERPRINT]);
    plan->fallback_ca_url = str_of(v[CMD_OPT_FALLBACK_CA_URL]);
    plan->fallback_profile = str_of(v[CMD_OPT_FALLBACK_PROFILE]);
    TRY(cmd_agent_path(&r->arena, v[CMD_OPT_FALLBACK_CA_FILE], &plan->fallback_ca_file));
    return cmd_agent_path(&r->arena, v[CMD_OPT_FALLBACK_ACCOUNT_KEY], &plan->fallback_account_key);
}

/* One in a token is not made unless somebody says of which kind. */
static enum rc read_key(const struct cmd_args *args, struct request *r)
{
    const char *const *v = args->values;
    struct agent_plan *plan = &r->plan;
    const char *usual = v[CMD_OPT_KEY_URI] ? "" : "ecdsa";

    plan->key = str_of(args->n_kinds ? args->kinds[0] : usual);
    plan->reuse_key = v[CMD_OPT_REUSE_KEY] ? STR("yes") : STR("");
    plan->key_uri = str_of(v[CMD_OPT_KEY_URI]);
    TRY(cmd_agent_path(&r->arena, v[CMD_OPT_PKCS11_MODULE], &plan->pkcs11_module));
    return cmd_agent_path(&r->arena, v[CMD_OPT_KEY_PIN], &plan->pin);
}

static enum rc read_plan(const struct cmd_args *args, struct request *r, struct err *err)
{
    const char *const *v = args->values;
    struct agent_plan *plan = &r->plan;

    plan->server = str_of(v[CMD_OPT_ACME_SERVER]);
    TRY(cmd_agent_way(args, &r->arena, plan));
    plan->profile = str_of(v[CMD_OPT_ACME_PROFILE]);
    plan->chain = str_of(v[CMD_OPT_CHAIN]);
    TRY(read_key(args, r));
    TRY(cmd_agent_path(&r->arena, v[CMD_OPT_CA_FILE], &plan->ca_file));
    TRY(cmd_agent_path(&r->arena, v[CMD_OPT_ACCOUNT_KEY], &plan->account_key));
    plan->ca_fingerprint = str_of(v[CMD_OPT_CA_FINGERPRINT]);
    plan->ca_url = str_of(v[CMD_OPT_CA_URL]);
    plan->proxy = str_of(v[CMD_OPT_PROXY]);
    plan->no_proxy = str_of(v[CMD_OPT_NO_PROXY]);
    plan->proxy_private = v[CMD_OPT_PROXY_PRIVATE] ? STR("yes") : STR("");
    TRY(read_fallback(args, r));
    TRY(read_contact(v[CMD_OPT_CONTACT], r));
    TRY(read_names(args, r, err));
    TRY(check_wildcards(plan, err));
    TRY(read_deployment(args, r, err));
    TRY(agent_deploy_check(plan, err));
    return read_binding(args, r, err);
}

/* Options that are nothing without another one. */
struct pair {
    enum cmd_option option, other;
};

static int check_needed(const char *const *v, const struct pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[pairs[i].option] && !v[pairs[i].other])
            return cmd_usagef("%s is for %s", cmd_option_rows()[pairs[i].option].name,
                              cmd_option_rows()[pairs[i].other].name);
    return -1;
}

static int check_fallback(const char *const *v)
{
    static const struct pair pairs[] = {
        {CMD_OPT_FALLBACK_CA_FILE, CMD_OPT_FALLBACK_SERVER},
        {CMD_OPT_FALLBACK_CA_FINGERPRINT, CMD_OPT_FALLBACK_SERVER},
        {CMD_OPT_FALLBACK_CA_URL, CMD_OPT_FALLBACK_CA_FINGERPRINT},
        {CMD_OPT_FALLBACK_ACCOUNT_KEY, CMD_OPT_FALLBACK_SERVER},
        {CMD_OPT_FALLBACK_PROFILE, CMD_OPT_FALLBACK_SERVER},
        {CMD_OPT_FALLBACK_EAB_KID, CMD_OPT_FALLBACK_SERVER},
        {CMD_OPT_FALLBACK_EAB_KID, CMD_OPT_FALLBACK_EAB_KEY_FILE},
        {CMD_OPT_FALLBACK_EAB_KEY_FILE, CMD_OPT_FALLBACK_EAB_KID},
    };

    if (v[CMD_OPT_FALLBACK_CA_FINGERPRINT] && v[CMD_OPT_FALLBACK_CA_FILE])
        return cmd_usagef("--fallback-ca-fingerprint and --fallback-ca-file are for the same: give "
                          "one of them");
    if (v[CMD_OPT_FALLBACK_SERVER] && v[CMD_OPT_ACME_SERVER] &&
        strcmp(v[CMD_OPT_FALLBACK_SERVER], v[CMD_OPT_ACME_SERVER]) == 0)
        return cmd_usagef("--fallback-server is the same as --server, and would be no help when "
                          "that one fails");
    return check_needed(v, pairs, sizeof(pairs) / sizeof(pairs[0]));
}

/* Module and PIN are for keys in tokens, and those for them. */
static int check_tokens(const char *const *v)
{
    static const enum cmd_option accounts[] = {CMD_OPT_ACCOUNT_KEY, CMD_OPT_FALLBACK_ACCOUNT_KEY};
    static const enum cmd_option for_tokens[] = {CMD_OPT_PKCS11_MODULE, CMD_OPT_KEY_PIN};
    const struct cmd_option_row *rows = cmd_option_rows();
    const char *what = v[CMD_OPT_KEY_URI] ? rows[CMD_OPT_KEY_URI].name : NULL;

    for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++)
        if (agent_names_token(str_of(v[accounts[i]])))
            what = rows[accounts[i]].name;
    for (size_t i = 0; i < sizeof(for_tokens) / sizeof(for_tokens[0]); i++) {
        const char *name = rows[for_tokens[i]].name;

        if (what && !v[for_tokens[i]])
            return cmd_usagef("%s names a key in a token, which takes %s, too", what, name);
        if (!what && v[for_tokens[i]])
            return cmd_usagef("%s is for --key-uri and for --account-key pkcs11:...", name);
    }
    return -1;
}

static int check_together(const struct cmd_args *args)
{
    static const struct pair pairs[] = {
        {CMD_OPT_CA_URL, CMD_OPT_CA_FINGERPRINT},
        {CMD_OPT_RELOAD_TIMEOUT, CMD_OPT_RELOAD},
        {CMD_OPT_OCSP_AGE, CMD_OPT_OCSP},
    };
    const char *const *v = args->values;
    int status = check_needed(v, pairs, sizeof(pairs) / sizeof(pairs[0]));

    if (status >= 0)
        return status;
    if (v[CMD_OPT_CA_FINGERPRINT] && v[CMD_OPT_CA_FILE])
        return cmd_usagef("--ca-fingerprint and --ca-file are for the same: give one of them");
    if ((v[CMD_OPT_PROVE_FOR] || v[CMD_OPT_PAIR]) && !args->n_more)
        return cmd_usagef("%s is for --prove", v[CMD_OPT_PROVE_FOR] ? "--prove-for" : "--pair");
    if (!v[CMD_OPT_EAB_KID] != !v[CMD_OPT_EAB_KEY_FILE])
        return cmd_usagef("--eab-kid and --eab-key-file belong together");
    status = check_tokens(v);
    return status >= 0 ? status : check_fallback(v);
}

static int check_usage(const struct cmd_args *args)
{
    const char *const *v = args->values;
    int status;

    if (!v[CMD_OPT_ACME_SERVER])
        return cmd_usagef("--server is missing: the URL of the server's directory, as in "
                          "https://ca.hospital.example:8555/acme/directory");
    if (args->n_many == 0)
        return cmd_usagef("--name is missing: say what the certificate is for");
    if (!v[CMD_OPT_ACME_OUT])
        return cmd_usagef("--out is missing: the directory where the files go");
    status = cmd_agent_check_kinds(args);
    return status >= 0 ? status : check_together(args);
}

/* ---- what came of it */

static int show(const struct cmd_args *args, const struct agent_outcome *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    const char *dir = args->values[CMD_OPT_ACME_OUT];
    const struct err fine = ERR_INIT;
    struct json_out j;

    if (!cmd_json(args)) {
        cmd_outcome_show(dir, dir, out);
        return CMD_DONE;
    }
    json_out_init(&j, &text, JSON_PRETTY);
    cmd_outcome_put(&j, dir, out, &fine);
    if (json_out_done(&j) != RC_OK)
        return CMD_FAILED;
    cmd_print(buf_str(&text));
    return CMD_DONE;
}

static int obtain_one(const struct cmd_args *args, const struct agent_options *options,
                      const struct request *r)
{
    struct agent_outcome out = {};
    struct err err = ERR_INIT;

    err.rc = agent_obtain(options, &r->plan, &r->binding, &out, &err);
    return err.rc == RC_OK ? show(args, &out) : cmd_agent_fail(&out, &err);
}

static int obtain(const struct cmd_args *args)
{
    CLEANUP(request_done) struct request r = {.arena = ARENA_INIT(ARENA_BYTES)};
    struct agent_options options = {.dir = args->values[CMD_OPT_ACME_OUT],
                                    .say = cmd_agent_say,
                                    .dry_run = args->values[CMD_OPT_DRY_RUN] != NULL,
                                    .despite_window = args->values[CMD_OPT_DESPITE_WINDOW] != NULL};
    struct err err = ERR_INIT;
    int status = cmd_agent_decide(args, &options.decide);

    if (status >= 0)
        return status;
    err.rc = read_plan(args, &r, &err);
    if (err.rc == RC_INVAL)
        return cmd_fail(&err), CMD_USAGE;
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    status = args->n_kinds > 1 ? cmd_agent_obtain_kinds(args, options, &r.plan, &r.binding)
                               : obtain_one(args, &options, &r);
    if (!options.dry_run)
        cmd_agent_warn_of_others(args);
    return status;
}

int cmd_obtain(const struct cmd_args *args)
{
    int status = check_usage(args);

    if (status < 0)
        status = cmd_agent_check_way(args, true);
    if (status >= 0)
        return status;
    return cmd_agent_run(args, obtain);
}
