/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that the CA made for who asked, as they come: SM2EnvelopedKey (GM/T 0009). */
#include <fcntl.h>
#include <stdio.h>

#include "base/text.h"
#include "cmd/cert_int.h"
#include "crypto/crypto.h"
#include "x509/cert.h"
#include "x509/envelope.h"

MSG(msg_none, "cmd.cert-no-envelope",
    "the server's answer has no enveloped key; it may be another version: compare `autarky "
    "version` "
    "with the one that runs");
MSG(msg_other, "cmd.cert-envelope-other",
    "the key in the envelope is not that of the certificate, and is not written: ask for another, "
    "and have this one revoked");

enum { ARENA_MAX = 1024 * 1024, PEM_MAX = 256 * 1024 };

enum rc cert_envelope_read(const struct json *answer, struct buf *der, struct err *err)
{
    struct str text;

    if (json_str(json_get(answer, "enveloped_key"), &text) != RC_OK ||
        text_unb64url(text, der) != RC_OK)
        return ERR(err, RC_NOTFOUND, msg_none);
    return RC_OK;
}

enum rc cert_envelope_open(const struct crypto_key *opens, struct str der, struct str cert_pem,
                           struct crypto_key **out, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_MAX);
    struct x509_cert *cert;
    size_t n;

    TRY(x509_cert_read_pem(&a, cert_pem, X509_CHAIN_MAX, &cert, &n, err));
    TRY(x509_envelope_open(opens, der, &key, err));
    if (!str_eq(cert[0].spki, crypto_key_spki(key)))
        return ERR(err, RC_DENIED, msg_other);
    *out = MOVE(key);
    return RC_OK;
}

/* ---- cert open */

static enum rc open_it(const struct cmd_args *args, const struct cert_out *o, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *signs = NULL, *key = NULL;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_ENVELOPE_MAX), pem = BUF_INIT(PEM_MAX);

    TRY(cert_private_key(args->values[CMD_OPT_SIGN_KEY], &signs, err));
    TRY(file_read(AT_FDCWD, args->values[CMD_OPT_CERT], &pem, err));
    TRY(file_read(AT_FDCWD, args->operand, &der, err));
    TRY(cert_envelope_open(signs, buf_str(&der), buf_str(&pem), &key, err));
    return cert_out_write_key(o, key, err);
}

static enum rc show(const struct cmd_args *args, const struct cert_out *o)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CERT_ARGS_MAX);
    struct json_out j;

    if (!cmd_json(args)) {
        printf("%s/%s\n", o->path, o->names[0]);
        return RC_OK;
    }
    json_out_init(&j, &text, JSON_PRETTY);
    json_obj(&j);
    cert_out_put(o, &j);
    json_end(&j);
    TRY(json_out_done(&j));
    cmd_print(buf_str(&text));
    return RC_OK;
}

int cmd_cert_open(const struct cmd_args *args)
{
    CLEANUP(cert_out_done) struct cert_out o = CERT_OUT_INIT;
    struct err err = ERR_INIT;
    int status;

    if (!args->values[CMD_OPT_SIGN_KEY] || !args->values[CMD_OPT_CERT])
        return cmd_usagef("--sign-key and --cert are needed: the key to which the envelope was "
                          "made, and the certificate of the key in it");
    status = cert_out_open_for_key(args, &o);
    if (status != CMD_DONE)
        return status;
    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL cannot be initialised");
    err.rc = open_it(args, &o, &err);
    if (err.rc == RC_OK)
        err.rc = show(args, &o);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}
