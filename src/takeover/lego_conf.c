/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>

#include "takeover/lego_int.h"

#define USUAL_STORAGE ".lego"
#define USUAL_SERVER "https://acme-v02.api.letsencrypt.org/directory"

enum { LIST_MAX = 2048, SHOWN = 64, LINE_MAX_BYTES = 16 * 1024 };

static const char *const names[] = {".lego.yml", ".lego.yaml"};

/* ---- the file */

static enum rc read_file(struct takeover_finder *f, struct takeover_lego *l)
{
    struct str text;

    TRY(takeover_file(f, l->path, &text));
    TRY(conf_foreign_read(&f->t->arena, l->path, text, &l->root, f->err));
    l->dir = str_head(l->path, l->path.n - takeover_base(l->path, "").n);
    while (l->dir.n > 1 && str_ends(l->dir, STR("/")))
        l->dir.n--;
    return RC_OK;
}

static enum rc read_in(struct takeover_finder *f, struct str dir, struct takeover_lego *l)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        TRY(takeover_join(f, dir, str_of(names[i]), &l->path));
        if (takeover_is_file(l->path))
            return read_file(f, l);
    }
    return RC_OK;
}

static enum rc storage_of(struct takeover_finder *f, const struct takeover_lego *l, struct str *out)
{
    struct str storage = takeover_lego_text(l->root, "storage");

    return takeover_join(f, l->dir, storage.n ? storage : STR(USUAL_STORAGE), out);
}

static bool is_same(struct str path, struct str real)
{
    char given[PATH_MAX], found[PATH_MAX];

    return str_copyz(path, given, sizeof(given)) == RC_OK && realpath(given, found) &&
           str_eq(str_of(found), real);
}

/* One that is beside it and keeps its certificates elsewhere is about others. */
static enum rc read_beside(struct takeover_finder *f, struct takeover_lego *l)
{
    struct str home = f->t->home, dir, storage;

    dir = str_head(home, home.n - takeover_base(home, "").n);
    TRY(read_in(f, dir.n ? dir : STR("/"), l));
    if (!l->root)
        return RC_OK;
    TRY(storage_of(f, l, &storage));
    if (!is_same(storage, home))
        l->root = NULL;
    return RC_OK;
}

enum rc takeover_lego_open(struct takeover_finder *f, struct takeover_lego *out)
{
    struct takeover_lego l = {.path = f->t->home};

    if (takeover_is_file(f->t->home))
        TRY(read_file(f, &l));
    else
        TRY(read_in(f, f->t->home, &l));
    if (l.root)
        TRY(storage_of(f, &l, &f->t->home));
    else
        TRY(read_beside(f, &l));
    *out = l;
    return RC_OK;
}

/* What lego leaves of an entry's key in the names of its files. */
static bool stays(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
           (ch && strchr("-_.@", ch));
}

static bool is_called(struct str id, struct str name)
{
    size_t n = 0;

    for (size_t i = 0; i < id.n; i++) {
        char ch = id.p[i] == ':' ? '-' : id.p[i] == '*' ? '_' : id.p[i];

        if (!stays(ch))
            continue;
        if (n == name.n || name.p[n++] != ch)
            return false;
    }
    return n == name.n;
}

const struct conf_node *takeover_lego_entry(const struct takeover_lego *l, struct str name)
{
    const struct conf_node *n = conf_foreign_first(conf_foreign_get(l->root, STR("certificates")));

    while (n && !is_called(conf_foreign_key(n), name))
        n = conf_foreign_next(n);
    return n;
}

enum rc takeover_lego_rest(struct takeover_finder *f, struct takeover_cert *c,
                           const struct conf_node *map, const char *what, const char *const *known)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(LIST_MAX);

    for (const struct conf_node *n = conf_foreign_first(map); n; n = conf_foreign_next(n)) {
        const char *const *k = known;

        while (*k && !str_eq(conf_foreign_key(n), str_of(*k)))
            k++;
        if (!*k)
            buf_printf(&b, "%s%.*s", b.n ? ", " : "",
                       STR_ARG(str_head(conf_foreign_key(n), SHOWN)));
    }
    if (b.n)
        takeover_note(f, c, "of %s in .lego.yml this was not carried over: %s", what, buf_z(&b));
    return buf_rc(&b) == RC_NOMEM ? RC_NOMEM : RC_OK;
}

/* ---- account and server */

/* Of what is named by its key: that one, or the only one. */
static const struct conf_node *chosen(const struct takeover_lego *l, const char *section,
                                      struct str *id)
{
    const struct conf_node *all = conf_foreign_get(l->root, str_of(section));
    const struct conf_node *first = conf_foreign_first(all);

    if (id->n == 0 && first && !conf_foreign_next(first))
        *id = conf_foreign_key(first);
    return id->n ? conf_foreign_get(all, *id) : NULL;
}

/* A URL, or the key of one; its short names for CAs are known to lego alone. */
static enum rc take_server(struct takeover_finder *f, const struct takeover_lego *l,
                           const struct conf_node *account, struct takeover_cert *c)
{
    struct str server = takeover_lego_text(account, "server");
    const struct conf_node *named =
        conf_foreign_get(conf_foreign_get(l->root, STR("servers")), server);
    static const char *const known[] = {"url", "overallRequestLimit", NULL};

    if (named)
        server = takeover_lego_text(named, "url");
    if (named)
        TRY(takeover_lego_rest(f, c, named, "the server", known));
    if (f->wish->server.n)
        server = f->wish->server;
    else if (server.n == 0 && !conf_foreign_get(account, STR("server")))
        server = STR(USUAL_SERVER);
    if (str_starts(server, STR("https://")) || str_starts(server, STR("http://")))
        c->plan.server = server;
    else
        takeover_cannot(f, c,
                        "\"%.*s\" is lego's name for a server, whose URL is not written down: "
                        "--server says it",
                        STR_ARG(str_head(server, SHOWN)));
    return RC_OK;
}

static enum rc take_account(struct takeover_finder *f, const struct takeover_lego *l,
                            const struct conf_node *entry, struct takeover_cert *c,
                            struct str *out_id)
{
    struct str id = takeover_lego_text(entry, "account");
    const struct conf_node *account = chosen(l, "accounts", &id);
    static const char *const known[] = {"server", "email", "keyType", "acceptsTermsOfService",
                                        "eab",    NULL};

    TRY(takeover_lego_rest(f, c, account, "the account", known));
    *out_id = id;
    return take_server(f, l, account, c);
}

/* ---- the way */

static enum rc take_listener(struct takeover_finder *f, struct takeover_cert *c,
                             const struct conf_node *of, enum agent_way way)
{
    struct str address = takeover_lego_text(of, "address"), port = STR(""), host = address;
    size_t at = address.n;

    while (at > 0 && address.p[at - 1] != ':')
        at--;
    if (address.n && at == 0) {
        takeover_no_way(f, c, "lego's address to listen at has no port");
        return RC_OK;
    }
    if (at) {
        host = str_head(address, at - 1);
        port = str_skip(address, at);
    }
    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        host = str_bytes(host.p + 1, host.n - 2);
    return takeover_way_listen(f, c, way, host, port);
}

static enum rc take_http(struct takeover_finder *f, const struct takeover_lego *l,
                         const struct conf_node *http, struct takeover_cert *c)
{
    static const char *const known[] = {"address", "webroot", "delay", NULL};
    struct str root = takeover_lego_text(http, "webroot"), path;

    TRY(takeover_lego_rest(f, c, http, "http", known));
    if (root.n) {
        TRY(takeover_join(f, l->dir, root, &path));
        takeover_way_webroot(c, path, false);
        return RC_OK;
    }
    if (conf_foreign_get(http, STR("memcachedHosts")) || conf_foreign_get(http, STR("s3Bucket"))) {
        takeover_no_way(f, c, "lego put its proofs into memcached or a bucket of S3");
        return RC_OK;
    }
    return take_listener(f, c, http, AGENT_HTTP_LISTEN);
}

/* One may have several ways; for a wildcard only dns-01 is one. */
static enum rc take_challenge(struct takeover_finder *f, const struct takeover_lego *l,
                              const struct conf_node *challenge, struct takeover_cert *c)
{
    static const char *const known[] = {"http", "tls", "dns", NULL};
    static const char *const known_tls[] = {"address", "delay", NULL};
    const struct conf_node *http = conf_foreign_get(challenge, STR("http"));
    const struct conf_node *tls = conf_foreign_get(challenge, STR("tls"));
    const struct conf_node *dns = conf_foreign_get(challenge, STR("dns"));

    TRY(takeover_lego_rest(f, c, challenge, "the challenge", known));
    if (dns && ((!http && !tls) || takeover_has_wildcard(&c->plan)))
        return takeover_lego_dns(f, l, dns, c);
    if (http)
        return take_http(f, l, http, c);
    if (!tls) {
        takeover_no_way(f, c, "lego proved it by none of http-01, tls-alpn-01 and dns-01");
        return RC_OK;
    }
    TRY(takeover_lego_rest(f, c, tls, "tls", known_tls));
    return take_listener(f, c, tls, AGENT_ALPN_LISTEN);
}

static enum rc take_way(struct takeover_finder *f, const struct takeover_lego *l,
                        const struct conf_node *entry, struct takeover_cert *c)
{
    struct str id = takeover_lego_text(entry, "challenge");
    const struct conf_node *challenge = chosen(l, "challenges", &id);

    if (challenge)
        return take_challenge(f, l, challenge, c);
    if (str_eq(id, STR("http-01")))
        return take_listener(f, c, NULL, AGENT_HTTP_LISTEN);
    if (str_eq(id, STR("tls-alpn-01")))
        return take_listener(f, c, NULL, AGENT_ALPN_LISTEN);
    takeover_no_way(f, c,
                    id.n ? "lego proved it by a challenge that .lego.yml does not define"
                         : ".lego.yml does not say how control was proven");
    return RC_OK;
}

/* ---- names */

static enum rc take_names(struct takeover_finder *f, const struct conf_node *entry,
                          struct takeover_cert *c)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(CLIENT_NAMES_MAX * (CLIENT_NAME_MAX + 1));
    const struct conf_node *list = conf_foreign_get(entry, STR("domains"));

    if (!conf_foreign_is_list(list)) {
        takeover_cannot(f, c,
                        "lego had a request (CSR) of its owner's certified; here key and request "
                        "are made anew");
        return RC_OK;
    }
    for (const struct conf_node *n = conf_foreign_first(list); n; n = conf_foreign_next(n))
        buf_printf(&b, "%s%.*s", b.n ? " " : "", STR_ARG(conf_foreign_value(n)));
    TRY(buf_rc(&b));
    return takeover_names(f, c, buf_str(&b));
}

/* ---- hooks: a program and its arguments, with blanks between */

static void put_variable(struct buf *b, const char *name, struct str value)
{
    buf_printf(b, " %s=", name);
    takeover_shell_quote(b, value);
}

static void put_file(struct buf *b, const char *name, struct str dir, const char *suffix)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(PATH_MAX);

    buf_printf(&path, "%.*s%s", STR_ARG(dir), suffix);
    if (takeover_is_file(buf_str(&path)))
        put_variable(b, name, buf_str(&path));
}

static enum rc put_environment(const struct takeover_cert *c, struct buf *b)
{
    CLEANUP(buf_done) struct buf list = BUF_INIT(CLIENT_NAMES_MAX * (CLIENT_NAME_MAX + 1));
    char text[ADDR_TEXT];

    for (size_t i = 0; i < c->plan.n_dns; i++)
        buf_printf(&list, "%s%.*s", i ? "," : "", STR_ARG(c->plan.dns[i]));
    for (size_t i = 0; i < c->plan.n_ips; i++)
        buf_printf(&list, "%s%s", list.n ? "," : "", addr_text(&c->plan.ips[i], text));
    TRY(buf_rc(&list));
    buf_putz(b, "shell:export");
    put_variable(b, "LEGO_HOOK_CERT_NAME", c->name);
    put_variable(b, "LEGO_HOOK_CERT_DOMAINS", buf_str(&list));
    put_file(b, "LEGO_HOOK_CERT_PATH", c->dir, ".crt");
    put_file(b, "LEGO_HOOK_CERT_KEY_PATH", c->dir, ".key");
    put_file(b, "LEGO_HOOK_ISSUER_CERT_PATH", c->dir, ".issuer.crt");
    put_file(b, "LEGO_HOOK_CERT_PEM_PATH", c->dir, ".pem");
    return buf_rc(b);
}

static void put_command(struct buf *b, struct str command)
{
    struct str word;

    if (command.n == 0)
        return;
    buf_putz(b, ";");
    while (str_next(&command, ' ', &word)) {
        if (str_trim(word).n == 0)
            continue;
        buf_u8(b, ' ');
        takeover_shell_quote(b, str_trim(word));
    }
    buf_putz(b, " || exit");
}

/* As with certbot's: what comes before an attempt has no place here, and then what undoes it has
 * none. */
static enum rc take_hooks(struct takeover_finder *f, const struct takeover_lego *l,
                          struct takeover_cert *c)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(LINE_MAX_BYTES);
    const struct conf_node *hooks = conf_foreign_get(l->root, STR("hooks"));
    const struct conf_node *deploy = conf_foreign_get(hooks, STR("deploy"));
    struct str before = takeover_lego_text(conf_foreign_get(hooks, STR("pre")), "command");
    struct str after = takeover_lego_text(conf_foreign_get(hooks, STR("post")), "command");
    struct str command = takeover_lego_text(deploy, "command");

    if (before.n)
        takeover_note(f, c,
                      "what lego ran before a renewal was not carried over (%.*s), nor what it ran "
                      "after it",
                      STR_ARG(str_head(before, SHOWN)));
    if (before.n)
        after = STR("");
    if (command.n + after.n == 0)
        return RC_OK;
    TRY(put_environment(c, &b));
    put_command(&b, command);
    put_command(&b, after);
    c->plan.reload_timeout = STR("2m");
    takeover_note(f, c,
                  "its hooks are run by --reload; when one fails, or takes more than two minutes, "
                  "the certificate before comes back, where lego would only have said so");
    TRY(buf_rc(&b));
    return arena_str(&f->t->arena, buf_str(&b), &c->plan.reload);
}

/* ---- all of it */

enum rc takeover_lego_settings(struct takeover_finder *f, const struct takeover_lego *l,
                               const struct conf_node *entry, struct takeover_cert *c,
                               struct str *out_account)
{
    static const char *const known[] = {"domains",          "csr",     "keyType",  "challenge",
                                        "account",          "profile", "noBundle", "preferredChain",
                                        "enableCommonName", "renew",   NULL};
    static const char *const known_renew[] = {"reuseKey", NULL};
    const struct conf_node *renew = conf_foreign_get(entry, STR("renew"));

    TRY(takeover_lego_rest(f, c, renew, "its renewal", known_renew));
    if (str_eq(takeover_lego_text(renew, "reuseKey"), STR("true")))
        c->plan.reuse_key = STR("yes");
    TRY(takeover_lego_rest(f, c, entry, "the certificate", known));
    c->plan.profile = takeover_lego_text(entry, "profile");
    c->plan.chain = takeover_lego_text(entry, "preferredChain");
    TRY(take_names(f, entry, c));
    TRY(take_account(f, l, entry, c, out_account));
    if (!takeover_wished(f, c))
        TRY(take_way(f, l, entry, c));
    return take_hooks(f, l, c);
}
