/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/key_load.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "ca/passphrase.h"
#include "crypto/pem.h"
#include "crypto/token_mark.h"

MSG(msg_passphrase, "ca.wrong-passphrase",
    "the passphrase does not open the private key {0}.key; `ca.passphrase` in autarky.yaml says "
    "where it is read from: the first line there has to be the one that the key was made with");
MSG(msg_both, "ca.key-both",
    "{0}.key and {0}.uri both are there, and only one can be the private key of {0}; take the "
    "other one away");
MSG(msg_neither, "ca.key-missing",
    "the private key of {0} is missing: neither {0}.key nor {0}.uri is there; restore it from the "
    "backup");
MSG(msg_no_module, "ca.no-pkcs11-module",
    "a key is in a PKCS#11 token, and the configuration names no module; set ca.pkcs11.module in "
    "autarky.yaml");
MSG(msg_tokens, "ca.too-many-tokens", "the keys are in more than {0} tokens");
MSG(msg_uri, "ca.key-uri", "{0}.uri: {1}");

MSG(msg_refused, "ca.pin-refused",
    "the token refused this very PIN at an earlier start, and it is not tried again: tokens lock "
    "after a few mistakes; set it right where ca.pkcs11.pin says, or, if the token has it now, "
    "remove ca/pin.refused from the data directory");

enum { REF_FILE_MAX = 128, PATH_BYTES = 4096 };

static const char refused_file[] = "ca/pin.refused";

void ca_key_loader_done(struct ca_key_loader *l)
{
    for (size_t i = 0; i < l->n_tokens; i++)
        crypto_token_unref(l->tokens[i]);
    secret_free(l->own);
    secret_free(l->pin);
    l->n_tokens = 0;
    l->own = l->pin = NULL;
}

static bool is_there(int dir, struct str ref, const char *ending, struct buf *name)
{
    struct stat st;

    buf_reset(name);
    buf_printf(name, "%.*s%s", STR_ARG(ref), ending);
    return buf_rc(name) == RC_OK && fstatat(dir, buf_z(name), &st, 0) == 0;
}

static enum rc load_file(struct ca_key_loader *l, int dir, struct str ref, const char *name,
                         struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    enum rc rc;

    TRY(file_read(dir, name, &pem, err));
    if (!l->passphrase && !l->own)
        TRY(ca_passphrase_read(l->conf, l->data, &l->own, err));
    rc = crypto_pem_read(buf_str(&pem), l->passphrase ? l->passphrase : l->own, out, err);
    return rc == RC_DENIED ? ERR(err, rc, msg_passphrase, ref) : rc;
}

static enum rc open_token(struct ca_key_loader *l, const struct crypto_token_at *at,
                          struct crypto_token **out, struct err *err)
{
    const struct crypto_pin_mark mark = {l->data, refused_file};
    enum rc rc = crypto_token_open_marked(at, l->pin, &mark, out, err);

    return rc == RC_EXISTS ? ERR(err, RC_DENIED, msg_refused) : rc;
}

enum rc ca_key_token(struct ca_key_loader *l, const struct crypto_token_uri *uri,
                     struct crypto_token **out, struct err *err)
{
    char module[PATH_BYTES], server[PATH_BYTES];
    struct crypto_token_at at = {.module = module, .uri = uri};

    for (size_t i = 0; i < l->n_tokens; i++)
        if (crypto_token_uri_same_token(&l->uris[i], uri)) {
            *out = l->tokens[i];
            return RC_OK;
        }
    if (l->conf->ca.pkcs11.module.n == 0)
        return ERR(err, RC_UNSUPPORTED, msg_no_module);
    if (l->n_tokens == CA_TOKENS_MAX)
        return ERR(err, RC_TOOBIG, msg_tokens, STR("8"));
    TRY(str_copyz(l->conf->ca.pkcs11.module, module, sizeof(module)));
    TRY(str_copyz(l->conf->ca.pkcs11.server, server, sizeof(server)));
    if (server[0])
        at.server = server;
    if (!l->pin)
        TRY(ca_passphrase_pin(l->conf, l->data, &l->pin, err));
    TRY(open_token(l, &at, &l->tokens[l->n_tokens], err));
    l->uris[l->n_tokens] = *uri;
    *out = l->tokens[l->n_tokens++];
    return RC_OK;
}

static enum rc load_token(struct ca_key_loader *l, int dir, struct str ref, const char *name,
                          struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(2 * CRYPTO_TOKEN_URI_MAX);
    struct crypto_token_uri uri;
    struct crypto_token *token;
    struct err why = ERR_INIT;
    char line[512];
    enum rc rc;

    TRY(file_read(dir, name, &text, err));
    rc = crypto_token_uri_parse(str_trim(buf_str(&text)), &uri, &why);
    if (rc != RC_OK)
        return ERR(err, rc, msg_uri, ref, str_of(err_textz(&why, line, sizeof(line))));
    TRY(ca_key_token(l, &uri, &token, err));
    return crypto_token_find(token, &uri, out, err);
}

enum rc ca_key_load(struct ca_key_loader *l, int dir, struct str ref, struct crypto_key **out,
                    struct err *err)
{
    CLEANUP(buf_done) struct buf key = BUF_INIT(REF_FILE_MAX);
    CLEANUP(buf_done) struct buf uri = BUF_INIT(REF_FILE_MAX);
    bool has_key = is_there(dir, ref, ".key", &key);
    bool has_uri = is_there(dir, ref, ".uri", &uri);

    TRY(buf_rc(&key));
    TRY(buf_rc(&uri));
    if (has_key && has_uri)
        return ERR(err, RC_CONFLICT, msg_both, ref);
    if (has_uri)
        return load_token(l, dir, ref, buf_z(&uri), out, err);
    if (!has_key)
        return ERR(err, RC_NOTFOUND, msg_neither, ref);
    return load_file(l, dir, ref, buf_z(&key), out, err);
}
