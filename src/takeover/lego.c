/* SPDX-License-Identifier: Apache-2.0 */
/* lego: certificates/NAME.crt, NAME.issuer.crt, NAME.key and NAME.json in one directory, and
 * accounts/HOST/MAIL/keys/MAIL.key. Neither the server nor the way is written down. */
#include "json/json.h"
#include "takeover/takeover_int.h"
#include "x509/cert.h"

/* Of several accounts at the server nobody knows which. */
static enum rc find_account(struct takeover_finder *f, struct str *out)
{
    struct str scheme, host, accounts, *list, base, keys, *files;
    CLEANUP(buf_done) struct buf b = BUF_INIT(8192);
    size_t n, n_files;

    *out = STR("");
    str_cut(f->wish->server, ':', &scheme, &host);
    while (str_starts(host, STR("/")))
        host = str_skip(host, 1);
    host = str_head(host, str_find(host, '/'));
    buf_printf(&b, "%.*s/accounts/", STR_ARG(f->t->home));
    for (size_t i = 0; i < host.n; i++) /* the port's colon is none in the name */
        buf_u8(&b, host.p[i] == ':' ? '_' : (uint8_t)host.p[i]);
    TRY(buf_rc(&b));
    TRY(arena_str(&f->t->arena, buf_str(&b), &accounts));
    TRY(takeover_list(f, accounts, "", &list, &n));
    if (n > 1)
        takeover_note(f, NULL,
                      "there are %zu accounts at that server, and which one it was is not "
                      "written down: --account-key says it",
                      n);
    if (n != 1)
        return RC_OK;
    base = list[0];
    TRY(takeover_join(f, base, STR("keys"), &keys));
    TRY(takeover_list(f, keys, ".key", &files, &n_files));
    if (n_files == 1)
        *out = files[0];
    return RC_OK;
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

static enum rc take_crt(struct takeover_finder *f, struct str crt, struct str account)
{
    struct str name = takeover_base(crt, ".crt"), dir;
    struct takeover_cert *c;

    dir = str_head(crt, crt.n - 4);
    TRY(takeover_cert_add(f, name, dir, &c));
    if (!c)
        return RC_OK;
    c->plan.server = f->wish->server;
    if (!takeover_wished(f, c))
        takeover_no_way(f, c, "lego does not write down how control was proven");
    takeover_note(f, c,
                  "what lego was told on its command line (hooks, --reuse-key, --must-staple) "
                  "is written down nowhere and was not carried over");
    TRY(takeover_account(f, c, account));
    return take_files(f, c, crt);
}

enum rc takeover_lego(struct takeover_finder *f)
{
    struct str dir, account, *list;
    size_t n;

    TRY(find_account(f, &account));
    TRY(takeover_join(f, f->t->home, STR("certificates"), &dir));
    TRY(takeover_list(f, dir, ".crt", &list, &n));
    for (size_t i = 0; i < n; i++)
        if (!str_ends(list[i], STR(".issuer.crt")))
            TRY(take_crt(f, list[i], account));
    return RC_OK;
}
