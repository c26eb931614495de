/* SPDX-License-Identifier: Apache-2.0 */
#include "agentd/home.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "crypto/pem.h"
#include "json/json.h"
#include "json/out.h"
#include "x509/cert.h"

#define IDENTITY "identity.pem"
#define ROOTS "roots.pem"
#define SETTINGS "agent.json"

enum { VERSION = 1, CERT_ARENA = 4 << 20, TEXT_MAX = 2048 };

MSG(msg_dir, "agentd.home", "the agent's directory {0} cannot be opened: {1}");
MSG(msg_identity, "agentd.home-identity",
    "{0} of the agent's directory cannot be used: {1}; remove it, and enrol the agent anew");
MSG(msg_settings, "agentd.home-settings",
    "agent.json of the agent's directory has no usable \"{0}\"; remove the directory, and enrol "
    "the agent anew");

void agentd_home_done(struct agentd_home *h)
{
    fd_close(&h->dir);
    crypto_key_unref(h->key);
    buf_done(&h->chain);
    buf_done(&h->roots);
    arena_done(&h->arena);
    *h = AGENTD_HOME_INIT;
}

bool agentd_home_enrolled(const struct agentd_home *h)
{
    return h->key && h->chain.n > 0 && h->server.n > 0;
}

/* ---- the identity */

static enum rc broken(const char *name, enum rc rc, const struct err *why, struct err *err)
{
    char line[512];

    return rc == RC_NOMEM ? rc
                          : ERR(err, rc, msg_identity, str_of(name),
                                str_of(err_textz(why, line, sizeof(line))));
}

/* What is no certificate is left out: the key is in the same file. */
static enum rc take_chain(struct agentd_home *h, struct str pem)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(CERT_ARENA);
    struct x509_cert *certs;
    size_t n;

    buf_reset(&h->chain);
    if (!memmem(pem.p, pem.n, "BEGIN CERTIFICATE", strlen("BEGIN CERTIFICATE")))
        return RC_OK;
    TRY(x509_cert_read_pem(&a, pem, X509_CHAIN_MAX, &certs, &n, NULL));
    for (size_t i = 0; i < n; i++)
        x509_cert_put_pem(certs[i].der, &h->chain);
    h->not_before = certs[0].not_before;
    h->not_after = certs[0].not_after;
    return buf_rc(&h->chain);
}

static enum rc load_identity(struct agentd_home *h, struct err *err)
{
    CLEANUP(secret_freep) struct secret *pem = NULL;
    struct err why = ERR_INIT;
    struct str text = {NULL, 0};
    enum rc rc = file_read_secret(h->dir, IDENTITY, CRYPTO_PEM_MAX, &pem, &why);

    if (rc == RC_NOTFOUND)
        return RC_OK;
    if (rc == RC_OK) {
        text = str_bytes(secret_bytes(pem), secret_len(pem));
        rc = crypto_pem_read(text, NULL, &h->key, &why);
    }
    if (rc == RC_OK)
        rc = take_chain(h, text);
    why.rc = rc;
    return rc == RC_OK ? rc : broken(IDENTITY, rc, &why, err);
}

enum rc agentd_home_put_identity(struct agentd_home *h, struct crypto_key *key, struct str chain,
                                 struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(CERT_ARENA);
    struct x509_cert *certs;
    struct crypto_key *before = h->key;
    size_t n;

    if (chain.n)
        TRY(x509_cert_read_pem(&a, chain, X509_CHAIN_MAX, &certs, &n, err));
    TRY(crypto_pem_put_clear(key, &pem));
    buf_puts(&pem, chain);
    TRY(buf_rc(&pem));
    TRY(file_write(h->dir, IDENTITY, buf_str(&pem), 0600, FILE_OWNER_SELF, err));
    h->key = crypto_key_ref(key);
    crypto_key_unref(before);
    return take_chain(h, chain);
}

/* ---- who the server is */

enum rc agentd_home_put_roots(struct agentd_home *h, struct str pem, struct err *err)
{
    buf_reset(&h->roots);
    buf_puts(&h->roots, pem);
    TRY(buf_rc(&h->roots));
    return file_write(h->dir, ROOTS, pem, 0644, FILE_OWNER_SELF, err);
}

/* ---- settings */

static enum rc get_text(struct agentd_home *h, const struct json *o, const char *name,
                        struct str *out, struct err *err)
{
    struct str text;

    if (json_str(json_get(o, name), &text) != RC_OK || text.n == 0 || text.n > TEXT_MAX)
        return ERR(err, RC_PARSE, msg_settings, str_of(name));
    return arena_str(&h->arena, text, out);
}

static enum rc load_settings(struct agentd_home *h, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENTD_SETTINGS_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    enum rc rc = file_read(h->dir, SETTINGS, &text, err);
    const struct json *root;
    uint64_t version = 0;

    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    rc = json_parse(buf_str(&text), AGENTD_SETTINGS_MAX, &doc, NULL);
    if (rc == RC_NOMEM)
        return rc;
    root = rc == RC_OK ? json_root(doc) : NULL;
    if (json_u64(json_get(root, "version"), &version) != RC_OK || version != VERSION)
        return ERR(err, RC_PARSE, msg_settings, STR("version"));
    TRY(get_text(h, root, "server", &h->server, err));
    TRY(get_text(h, root, "id", &h->id, err));
    TRY(get_text(h, root, "name", &h->name, err));
    if (json_bool(json_get(root, "renews"), &h->renews) != RC_OK)
        return ERR(err, RC_PARSE, msg_settings, STR("renews"));
    if (json_i64(json_get(root, "heard"), &h->heard) != RC_OK || h->heard < 0)
        return ERR(err, RC_PARSE, msg_settings, STR("heard"));
    return RC_OK;
}

enum rc agentd_home_put_settings(const struct agentd_home *h, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENTD_SETTINGS_MAX);
    struct json_out o;

    json_out_init(&o, &text, JSON_PRETTY);
    json_obj(&o);
    json_kv_u64(&o, "version", VERSION);
    json_kv_str(&o, "server", h->server);
    json_kv_str(&o, "id", h->id);
    json_kv_str(&o, "name", h->name);
    json_kv_bool(&o, "renews", h->renews);
    json_kv_i64(&o, "heard", h->heard);
    json_end(&o);
    TRY(json_out_done(&o));
    return file_write(h->dir, SETTINGS, buf_str(&text), 0644, FILE_OWNER_SELF, err);
}

/* ---- all of it */

static enum rc load(struct agentd_home *h, struct err *err)
{
    enum rc rc;

    TRY(load_identity(h, err));
    rc = file_read(h->dir, ROOTS, &h->roots, err);
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    return load_settings(h, err);
}

enum rc agentd_home_open(const char *path, bool make, struct agentd_home *out, struct err *err)
{
    CLEANUP(agentd_home_done) struct agentd_home h = AGENTD_HOME_INIT;

    arena_init(&h.arena, AGENTD_SETTINGS_MAX + TEXT_MAX);
    buf_init(&h.chain, AGENTD_IDENTITY_MAX);
    buf_init(&h.roots, AGENTD_ROOTS_MAX);
    if (make)
        TRY(file_mkdir(AT_FDCWD, path, 0700, FILE_OWNER_SELF, err));
    h.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (h.dir < 0)
        return ERR(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, msg_dir, str_of(path),
                   str_of(strerrordesc_np(errno)));
    TRY(load(&h, err));
    *out = h;
    h = AGENTD_HOME_INIT;
    return RC_OK;
}
