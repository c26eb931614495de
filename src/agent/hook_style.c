/* SPDX-License-Identifier: Apache-2.0 */
/* What each style of hooks is called with, as its own client calls it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/hook_int.h"
#include "agent/sealed.h"
#include "base/text.h"
#include "crypto/hash.h"

MSG(msg_style, "agent.hook-style",
    "there is no style \"{0}\" of hooks; there are dehydrated, certbot, lego, lego-raw, uacme, "
    "acme.sh, mod_md and mod_md-2");
MSG(msg_path, "agent.hook-path",
    "the hook {0} cannot be executed: {1}; give its absolute path, and for certbot the auth and, "
    "behind a comma, the cleanup hook");
MSG(msg_challenge, "agent.hook-challenge",
    "hooks of style {0} cannot answer {1}; --challenge can be {2}");
MSG(msg_chain, "agent.hook-chain",
    "--hook-chain is for hooks of style dehydrated, not of style {0}: no other has one call for "
    "all challenges");
MSG(msg_env, "agent.hook-env", "{0}: line {1} is not NAME=value");

enum { NAME_MAX_TEXT = 256 };

static const struct {
    const char *name;
    bool http; /* it can answer http-01, too */
} styles[HOOK_STYLES] = {
    [HOOK_DEHYDRATED] = {"dehydrated", true},
    [HOOK_CERTBOT] = {"certbot", true},
    [HOOK_LEGO] = {"lego", false},
    [HOOK_LEGO_RAW] = {"lego-raw", false},
    [HOOK_UACME] = {"uacme", true},
    [HOOK_MOD_MD] = {"mod_md", false},
    [HOOK_MOD_MD_2] = {"mod_md-2", false},
    [HOOK_ACME_SH] = {"acme.sh", false},
};

/* ---- the environment */

static const char *pair(struct arena *a, const char *name, struct str value)
{
    return arena_printf(a, "%s=%.*s", name, STR_ARG(value)).p;
}

/* In place of one of the same name, for of two nobody knows which one a program takes. */
static enum rc put_env(const char **env, size_t *n, const char *text)
{
    size_t i = 0, length = strcspn(text, "=") + 1;

    while (i < *n && strncmp(env[i], text, length) != 0)
        i++;
    if (i == HOOK_ENV_MAX)
        return RC_TOOBIG;
    env[i] = text;
    *n += i == *n;
    return RC_OK;
}

static enum rc add_env(struct arena *a, const char **env, size_t *n, const char *name,
                       struct str value)
{
    const char *text = pair(a, name, value);

    return text ? put_env(env, n, text) : RC_NOMEM;
}

enum rc agent_hook_set(struct hook *h, const char *name, struct str value)
{
    return add_env(&h->arena, h->env, &h->n_env, name, value);
}

/* What stands there may be a secret. */
static enum rc bad_line(struct str file, unsigned number, struct err *err)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", number);
    return ERR(err, RC_PARSE, msg_env, file, str_of(text));
}

/* '#' begins a comment. */
enum rc agent_hook_variables(struct str file, struct buf *out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(HOOK_ENV_BYTES);
    struct str rest, line, name, value;

    TRY(agent_sealed_read(file, &text, err));
    buf_reserve(out, text.n + 1); /* at once: one that grows leaves copies behind */
    rest = buf_str(&text);
    for (unsigned number = 1; str_next(&rest, '\n', &line); number++) {
        line = str_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (!str_cut(line, '=', &name, &value) || name.n == 0 || str_find(name, ' ') < name.n)
            return bad_line(file, number, err);
        buf_puts(out, line);
        buf_putz(out, "\n");
    }
    return buf_rc(out);
}

/* `bare`: of a wildcard the identifier, which is the name behind it. */
static enum rc names_of(struct arena *a, const struct agent_plan *plan, char apart, bool bare,
                        struct str *out)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(CLIENT_NAMES_MAX * (CLIENT_NAME_MAX + 1));
    char text[ADDR_TEXT];

    for (size_t i = 0; i < plan->n_dns; i++) {
        size_t skipped = bare && str_starts(plan->dns[i], STR("*.")) ? 2 : 0;

        buf_printf(&b, "%.*s%c", STR_ARG(str_skip(plan->dns[i], skipped)), apart);
    }
    for (size_t i = 0; i < plan->n_ips; i++)
        buf_printf(&b, "%s%c", addr_text(&plan->ips[i], text), apart);
    TRY(buf_rc(&b));
    return arena_str(a, str_head(buf_str(&b), b.n ? b.n - 1 : 0), out);
}

struct str agent_dehydrated_key(struct str kind)
{
    if (str_starts(kind, STR("rsa")))
        return STR("rsa");
    if (str_eq(kind, STR("ecdsa")) || str_eq(kind, STR("p256")))
        return STR("prime256v1");
    return str_eq(kind, STR("p384")) ? STR("secp384r1") : kind;
}

/* Lines NAME=value. */
static enum rc carried_env(struct hook *h, struct str lines)
{
    struct str line, copy;

    while (str_next(&lines, '\n', &line)) {
        if (line.n == 0)
            continue;
        TRY(arena_str(&h->arena, line, &copy));
        TRY(put_env(h->env, &h->n_env, copy.p));
    }
    return RC_OK;
}

static enum rc file_env(struct hook *h, struct str path, struct err *err)
{
    CLEANUP(buf_wipe) struct buf lines = BUF_INIT(HOOK_ENV_BYTES + 1);

    if (path.n == 0)
        return RC_OK;
    TRY(agent_hook_variables(path, &lines, err));
    return carried_env(h, buf_str(&lines));
}

/* As one in /etc/dehydrated has them that is told nothing else. */
static enum rc dehydrated_env(struct hook *h, const struct agent_plan *plan, const char *dir)
{
    static const struct {
        const char *name;
        struct str value;
    } usual[] = {
        {"WELLKNOWN", STR("/var/www/dehydrated")},
        {"BASEDIR", STR("/etc/dehydrated")},
        {"ALPNCERTDIR", STR("/etc/dehydrated/alpn-certs")},
        {"CONFIG", STR("/etc/dehydrated/config")},
        {"COMMAND", STR("sign_domains")},
        {"PRIVATE_KEY_ROLLOVER", STR("no")},
    };
    const char *slash = strrchr(dir, '/');
    struct str names, certs = str_of(dir);

    certs.n = slash ? (size_t)(slash - dir) : 0;
    TRY(names_of(&h->arena, plan, ' ', false, &names));
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
        TRY(agent_hook_set(h, usual[i].name, usual[i].value));
    TRY(agent_hook_set(h, "CERTDIR", certs.n ? certs : STR("/")));
    TRY(agent_hook_set(h, "CHALLENGETYPE", plan->challenge));
    TRY(agent_hook_set(h, "KEY_ALGO", agent_dehydrated_key(plan->key)));
    TRY(agent_hook_set(h, "alias", str_of(slash ? slash + 1 : dir)));
    return agent_hook_set(h, "altnames", names);
}

static enum rc style_env(struct hook *h, const struct agent_plan *plan, const char *dir)
{
    struct str names;

    if (h->style == HOOK_DEHYDRATED)
        return dehydrated_env(h, plan, dir);
    if (h->style == HOOK_CERTBOT) {
        TRY(names_of(&h->arena, plan, ',', true, &names));
        TRY(agent_hook_set(h, "CERTBOT_ALL_IDENTIFIERS", names));
        TRY(agent_hook_set(h, "CERTBOT_ALL_DOMAINS", names));
        /* One is proven after the other. */
        return agent_hook_set(h, "CERTBOT_REMAINING_CHALLENGES", STR("0"));
    }
    if (h->style == HOOK_UACME)
        return agent_hook_set(h, "UACME_CONFDIR", str_of(dir));
    return RC_OK;
}

enum rc agent_hook_env(struct hook *h, const struct agent_plan *plan, const char *dir,
                       struct err *err)
{
    TRY(style_env(h, plan, dir));
    TRY(carried_env(h, plan->hook_vars));
    return file_env(h, plan->hook_env, err);
}

/* ---- challenges, in the words of each style */

static enum rc set_env(struct hook_call *c, const char *name, struct str value)
{
    return add_env(&c->arena, c->env, &c->n_env, name, value);
}

/* What DNS or the web server has to show. */
static enum rc shown(const struct hook *h, const struct client_proof *p, struct buf *out)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];

    if (h->http) {
        buf_puts(out, p->key_authorization);
        return buf_rc(out);
    }
    TRY(crypto_sha256(p->key_authorization, digest));
    text_b64url(out, str_bytes(digest, sizeof(digest)));
    return buf_rc(out);
}

static enum rc dehydrated_verb(struct hook_call *c, bool begin)
{
    return agent_hook_word(c, begin ? STR("deploy_challenge") : STR("clean_challenge"));
}

static enum rc dehydrated_words(struct hook_call *c, const struct client_proof *p, struct str value)
{
    TRY(agent_hook_word(c, p->identifier));
    TRY(agent_hook_word(c, p->token));
    return agent_hook_word(c, value);
}

enum rc agent_hook_chain_words(struct hook *h, struct hook_call *c, const struct client_proof *p,
                               size_t n, bool begin)
{
    TRY(dehydrated_verb(c, begin));
    for (size_t i = 0; i < n; i++) {
        CLEANUP(buf_done) struct buf value = BUF_INIT(HOOK_OUTPUT_MAX);

        TRY(shown(h, &p[i], &value));
        TRY(dehydrated_words(c, &p[i], buf_str(&value)));
    }
    return RC_OK;
}

static enum rc certbot_words(struct hook *h, struct hook_call *c, const struct client_proof *p,
                             struct str value, bool begin)
{
    TRY(set_env(c, "CERTBOT_IDENTIFIER", p->identifier));
    TRY(set_env(c, "CERTBOT_DOMAIN", p->identifier));
    TRY(set_env(c, "CERTBOT_VALIDATION", value));
    if (h->http)
        TRY(set_env(c, "CERTBOT_TOKEN", p->token));
    c->auth = begin;
    return begin ? RC_OK : set_env(c, "CERTBOT_AUTH_OUTPUT", str_of(h->printed));
}

/* The name of the record, as a word. */
static enum rc record_word(struct hook_call *c, const struct client_proof *p, const char *end)
{
    char name[NAME_MAX_TEXT + 32];

    snprintf(name, sizeof(name), "_acme-challenge.%.*s%s", STR_ARG(str_head(p->identifier, 255)),
             end);
    return agent_hook_word(c, str_of(name));
}

static enum rc lego_words(struct hook *h, struct hook_call *c, const struct client_proof *p,
                          struct str value, bool begin)
{
    TRY(agent_hook_word(c, begin ? STR("present") : STR("cleanup")));
    if (h->style == HOOK_LEGO_RAW) {
        TRY(agent_hook_word(c, STR("--")));
        TRY(agent_hook_word(c, p->identifier));
        TRY(agent_hook_word(c, p->token));
        return agent_hook_word(c, p->key_authorization);
    }
    TRY(record_word(c, p, "."));
    return agent_hook_word(c, value);
}

static enum rc uacme_words(struct hook_call *c, const struct client_proof *p, struct str value,
                           bool begin)
{
    static const char *const names[] = {"UACME_METHOD", "UACME_TYPE", "UACME_IDENT", "UACME_TOKEN",
                                        "UACME_AUTH"};
    const struct str words[] = {begin       ? STR("begin")
                                : p->proven ? STR("done")
                                            : STR("failed"),
                                p->type, p->identifier, p->token, value};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        TRY(agent_hook_word(c, words[i]));
        TRY(set_env(c, names[i], words[i]));
    }
    return RC_OK;
}

/* Without the value that is to go, unless that is version 2. */
static enum rc mod_md_words(const struct hook *h, struct hook_call *c, const struct client_proof *p,
                            struct str value, bool begin)
{
    TRY(agent_hook_word(c, begin ? STR("setup") : STR("teardown")));
    TRY(agent_hook_word(c, p->identifier));
    return begin || h->style == HOOK_MOD_MD_2 ? agent_hook_word(c, value) : RC_OK;
}

static enum rc acme_sh_words(struct hook_call *c, const struct client_proof *p, struct str value,
                             bool begin)
{
    c->verb = begin ? "add" : "rm";
    TRY(agent_hook_word(c, str_of(c->verb)));
    TRY(record_word(c, p, ""));
    return agent_hook_word(c, value);
}

enum rc agent_hook_words(struct hook *h, struct hook_call *c, const struct client_proof *p,
                         bool begin)
{
    CLEANUP(buf_done) struct buf value = BUF_INIT(HOOK_OUTPUT_MAX);

    TRY(shown(h, p, &value));
    switch (h->style) {
    case HOOK_DEHYDRATED:
        TRY(dehydrated_verb(c, begin));
        return dehydrated_words(c, p, buf_str(&value));
    case HOOK_CERTBOT:
        return certbot_words(h, c, p, buf_str(&value), begin);
    case HOOK_LEGO:
    case HOOK_LEGO_RAW:
        return lego_words(h, c, p, buf_str(&value), begin);
    case HOOK_UACME:
        return uacme_words(c, p, buf_str(&value), begin);
    case HOOK_MOD_MD:
    case HOOK_MOD_MD_2:
        return mod_md_words(h, c, p, buf_str(&value), begin);
    case HOOK_ACME_SH:
        return acme_sh_words(c, p, buf_str(&value), begin);
    case HOOK_STYLES:
        break;
    }
    return RC_UNSUPPORTED;
}

/* ---- the style, and what is executed */

static enum rc check_program(struct hook *h, const char *path, struct err *err)
{
    /* Who becomes another one cannot say what that one may execute. */
    if (path[0] == '/' && (h->apart || access(path, X_OK) == 0))
        return agent_hook_file(h, str_of(path), false, err);
    return ERR(err, RC_NOTFOUND, msg_path, str_of(path),
               path[0] == '/' ? str_of("it is not there, or not executable")
                              : str_of("its path does not begin with /"));
}

static enum rc take_program(struct hook *h, struct str path, const char **out, struct err *err)
{
    struct str copy;

    TRY(arena_str(&h->arena, path, &copy));
    *out = copy.p;
    return check_program(h, copy.p, err);
}

/* mod_md splits its command at blanks, and puts what is said behind. */
static enum rc take_command(struct hook *h, struct str value, struct err *err)
{
    struct str word, copy;
    size_t n = 0;

    while (str_next(&value, ' ', &word)) {
        if (word.n == 0)
            continue;
        if (n == HOOK_WORDS_MAX / 2)
            return RC_TOOBIG;
        TRY(arena_str(&h->arena, word, &copy));
        h->program[n++] = copy.p;
    }
    return check_program(h, n ? h->program[0] : "", err);
}

static enum rc take_programs(struct hook *h, const struct agent_plan *plan, const char *dir,
                             struct err *err)
{
    struct str first, second;

    if (h->style == HOOK_ACME_SH)
        return agent_hook_acme_sh(h, plan->value, dir, err);
    if (h->style == HOOK_CERTBOT) {
        str_cut(plan->value, ',', &first, &second);
        TRY(take_program(h, first, &h->program[0], err));
        return second.n ? take_program(h, second, &h->cleanup[0], err) : RC_OK;
    }
    if (h->style == HOOK_MOD_MD || h->style == HOOK_MOD_MD_2)
        TRY(take_command(h, plan->value, err));
    else
        TRY(take_program(h, plan->value, &h->program[0], err));
    memcpy(h->cleanup, h->program, sizeof(h->cleanup));
    return RC_OK;
}

static enum rc take_words(struct hook *h, const struct str *words, size_t n, const char **out,
                          struct err *err)
{
    struct str copy;

    if (n > HOOK_WORDS_MAX)
        return RC_TOOBIG;
    for (size_t i = 0; i < n; i++) {
        TRY(arena_str(&h->arena, words[i], &copy));
        out[i] = copy.p;
    }
    return n ? check_program(h, out[0], err) : RC_OK;
}

static void find_style(struct hook *h, struct str style)
{
    h->style = HOOK_DEHYDRATED;
    while (h->style < HOOK_STYLES && !str_eq(style, str_of(styles[h->style].name)))
        h->style++;
}

enum rc agent_hook_style_as(struct hook *h, const struct agent_hook_conf *conf, struct err *err)
{
    find_style(h, conf->style);
    if (h->style == HOOK_STYLES || h->style == HOOK_ACME_SH || conf->n_command == 0)
        return ERR(err, RC_UNSUPPORTED, msg_style, conf->style);
    TRY(take_words(h, conf->command, conf->n_command, h->program, err));
    if (h->style == HOOK_CERTBOT)
        return take_words(h, conf->cleanup, conf->n_cleanup, h->cleanup, err);
    memcpy(h->cleanup, h->program, sizeof(h->cleanup));
    return RC_OK;
}

enum rc agent_hook_style(struct hook *h, const struct agent_plan *plan, const char *dir,
                         struct err *err)
{
    bool http = str_eq(plan->challenge, STR("http-01"));

    find_style(h, plan->style);
    if (h->style == HOOK_STYLES)
        return ERR(err, RC_UNSUPPORTED, msg_style, plan->style);
    if (http ? !styles[h->style].http : !str_eq(plan->challenge, STR("dns-01")))
        return ERR(err, RC_INVAL, msg_challenge, plan->style, plan->challenge,
                   styles[h->style].http ? STR("dns-01 or http-01") : STR("dns-01"));
    if (plan->hook_chain.n && h->style != HOOK_DEHYDRATED)
        return ERR(err, RC_INVAL, msg_chain, plan->style);
    h->http = http;
    return take_programs(h, plan, dir, err);
}
