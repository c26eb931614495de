/* SPDX-License-Identifier: Apache-2.0 */
/* lego: certificates/NAME.crt, NAME.issuer.crt, NAME.key and NAME.json in one directory, and the
 * keys of accounts: accounts/HOST/MAIL/keys/MAIL.key up to version 4, accounts/HOST/ID/ID.key from
 * version 5 on, whose account.json has the server as well. The way is not written down there, but
 * in .lego.yml, where there is one: lego_conf.c. */
#include "json/json.h"
#include "takeover/lego_int.h"
#include "x509/cert.h"

#define USUAL_ACCOUNT "noemail@example.com"

struct account {
    struct str server, key; /* empty: not known */
};

/* Of its JSON; empty in that of version 4. */
static enum rc read_server(struct takeover_finder *f, struct str dir, struct str *out)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct str path, text, server;
    enum rc rc;

    *out = STR("");
    TRY(takeover_join(f, dir, STR("account.json"), &path));
    rc = takeover_file(f, path, &text);
    if (rc == RC_OK)
        rc = json_parse(text, TAKEOVER_FILE_MAX, &doc, NULL);
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK || json_str(json_get(json_root(doc), "server"), &server) != RC_OK)
        return RC_OK;
    return arena_str(&f->t->arena, server, out);
}

static enum rc read_account(struct takeover_finder *f, struct str dir, struct account *out)
{
    struct str keys, *files;
    size_t n;

    *out = (struct account){};
    TRY(read_server(f, dir, &out->server));
    out->key =
        arena_printf(&f->t->arena, "%.*s/%.*s.key", STR_ARG(dir), STR_ARG(takeover_base(dir, "")));
    if (!out->key.p)
        return RC_NOMEM;
    if (takeover_is_file(out->key))
        return RC_OK;
    TRY(takeover_join(f, dir, STR("keys"), &keys));
    TRY(takeover_list(f, keys, ".key", &files, &n));
    out->key = n == 1 ? files[0] : STR("");
    return RC_OK;
}

/* The name of a server's directory; the port's colon is none in it. */
static enum rc host_dir(struct takeover_finder *f, struct str accounts, struct str server,
                        struct str *out)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(8192);
    struct str scheme, host;

    str_cut(server, ':', &scheme, &host);
    while (str_starts(host, STR("/")))
        host = str_skip(host, 1);
    host = str_head(host, str_find(host, '/'));
    buf_printf(&b, "%.*s/", STR_ARG(accounts));
    for (size_t i = 0; i < host.n; i++)
        buf_u8(&b, host.p[i] == ':' ? '_' : (uint8_t)host.p[i]);
    TRY(buf_rc(&b));
    return arena_str(&f->t->arena, buf_str(&b), out);
}

/* Those in one directory that may be the server's: with another one written down they are not. */
static enum rc look_in(struct takeover_finder *f, struct str host, struct account *out, size_t *n)
{
    struct account a;
    struct str *list;
    size_t found;

    TRY(takeover_list(f, host, "", &list, &found));
    for (size_t i = 0; i < found; i++) {
        if (!takeover_is_dir(list[i]))
            continue;
        TRY(read_account(f, list[i], &a));
        if (f->wish->server.n ? a.server.n && !str_eq(a.server, f->wish->server) : !a.server.n)
            continue;
        *out = a;
        (*n)++;
    }
    return RC_OK;
}

/* Of several accounts nobody knows which. Without a server on the command line it is that of the
 * only account that has one written down. */
static enum rc find_account(struct takeover_finder *f, struct account *out)
{
    struct account last = {};
    struct str accounts, *hosts;
    size_t n = 0, n_hosts = 1;

    *out = (struct account){.server = f->wish->server};
    TRY(takeover_join(f, f->t->home, STR("accounts"), &accounts));
    if (f->wish->server.n) {
        hosts = ARENA_ARRAY(&f->t->arena, struct str, 1);
        if (!hosts)
            return RC_NOMEM;
        TRY(host_dir(f, accounts, f->wish->server, &hosts[0]));
    } else {
        TRY(takeover_list(f, accounts, "", &hosts, &n_hosts));
    }
    for (size_t i = 0; i < n_hosts; i++)
        TRY(look_in(f, hosts[i], &last, &n));
    if (n > 1)
        takeover_note(f, NULL,
                      "there are %zu accounts%s, and which one it was is not written down: %s"
                      "--account-key says it",
                      n, f->wish->server.n ? " at that server" : "",
                      f->wish->server.n ? "" : "--server and ");
    if (n != 1)
        return RC_OK;
    out->key = last.key;
    if (!f->wish->server.n)
        out->server = last.server;
    return RC_OK;
}

/* Of the account that .lego.yml names. */
static enum rc named_key(struct takeover_finder *f, struct str server, struct str id,
                         struct str *out)
{
    struct str accounts, host;

    *out = STR("");
    if (server.n == 0 || id.n == 0)
        return RC_OK;
    TRY(takeover_join(f, f->t->home, STR("accounts"), &accounts));
    TRY(host_dir(f, accounts, server, &host));
    *out =
        arena_printf(&f->t->arena, "%.*s/%.*s/%.*s.key", STR_ARG(host), STR_ARG(id), STR_ARG(id));
    return out->p ? RC_OK : RC_NOMEM;
}

static enum rc beside(struct takeover_finder *f, struct str crt, const char *suffix,
                      struct str *out)
{
    *out = arena_printf(&f->t->arena, "%.*s%s", (int)(crt.n - 4), crt.p, suffix);
    return out->p ? RC_OK : RC_NOMEM;
}

/* With its issuers behind it, unless --no-bundle was given. */
static enum rc is_bundle(struct takeover_finder *f, struct str crt, bool *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4 << 20);
    struct x509_cert *certs;
    struct str text;
    size_t n = 0;
    enum rc rc = takeover_file(f, crt, &text);

    if (rc == RC_OK)
        rc = x509_cert_read_pem(&a, text, X509_CHAIN_MAX, &certs, &n, f->err);
    *out = n > 1;
    return rc;
}

static enum rc take_files(struct takeover_finder *f, struct takeover_cert *c, struct str crt)
{
    struct str issuer, key, pem, pfx;
    bool bundle = true, alone;
    enum rc rc = is_bundle(f, crt, &bundle);

    if (rc != RC_OK)
        return takeover_cannot_err(f, c, rc);
    TRY(beside(f, crt, ".issuer.crt", &issuer));
    TRY(beside(f, crt, ".key", &key));
    TRY(beside(f, crt, ".pem", &pem));
    TRY(beside(f, crt, ".pfx", &pfx));
    alone = !takeover_is_file(issuer);
    TRY(takeover_also(f, c, "link", bundle ? "fullchain" : "cert", crt));
    TRY(takeover_also(f, c, "link", "privkey", key));
    if (!alone)
        TRY(takeover_also(f, c, "link", "chain", issuer));
    if (takeover_is_file(pem))
        TRY(takeover_also(f, c, "copy", "combined", pem));
    if (takeover_is_file(pfx))
        takeover_note(f, c, "%.*s (PKCS#12) is not renewed any more", STR_ARG(pfx));
    return takeover_pair(f, c, crt, bundle || alone ? STR("") : issuer, key);
}

static enum rc take_told(struct takeover_finder *f, struct takeover_cert *c,
                         const struct account *account)
{
    c->plan.server = account->server;
    if (!takeover_wished(f, c))
        takeover_no_way(f, c, "lego does not write down how control was proven");
    takeover_note(f, c,
                  "what lego was told on its command line (hooks, must-staple%s) was not carried "
                  "over",
                  c->plan.reuse_key.n ? "" : "; a key that is used again: --reuse-key");
    return takeover_account(f, c, account->key);
}

static enum rc take_configured(struct takeover_finder *f, const struct takeover_lego *l,
                               const struct conf_node *entry, struct takeover_cert *c)
{
    struct str id, key;

    TRY(takeover_lego_settings(f, l, entry, c, &id));
    TRY(named_key(f, c->plan.server, id.n ? id : STR(USUAL_ACCOUNT), &key));
    return takeover_account(f, c, key);
}

static enum rc take_crt(struct takeover_finder *f, struct str crt, const struct account *account,
                        const struct takeover_lego *l)
{
    struct str name = takeover_base(crt, ".crt"), dir;
    const struct conf_node *entry = takeover_lego_entry(l, name);
    struct takeover_cert *c;

    dir = str_head(crt, crt.n - 4);
    TRY(takeover_cert_add(f, name, dir, &c));
    if (!c)
        return RC_OK;
    TRY(entry ? take_configured(f, l, entry, c) : take_told(f, c, account));
    return take_files(f, c, crt);
}

enum rc takeover_lego(struct takeover_finder *f)
{
    struct takeover_lego l;
    struct account account;
    struct str dir, *list;
    size_t n;

    TRY(takeover_lego_open(f, &l));
    TRY(find_account(f, &account));
    TRY(takeover_join(f, f->t->home, STR("certificates"), &dir));
    TRY(takeover_list(f, dir, ".crt", &list, &n));
    for (size_t i = 0; i < n; i++)
        if (!str_ends(list[i], STR(".issuer.crt")))
            TRY(take_crt(f, list[i], &account, &l));
    return RC_OK;
}
