/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that the CA made for who asked, as they come: SM2EnvelopedKey (GM/T 0009). */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "ca/passphrase.h"
#include "cmd/cert_int.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "x509/cert.h"
#include "x509/envelope.h"

MSG(msg_none, "cmd.cert-no-envelope",
    "the server's answer has no enveloped key; it may be another version: compare `autarky "
    "version` "
    "with the one that runs");
MSG(msg_opener, "cmd.cert-opener", "{0}: {1}");
MSG(msg_other_key, "cmd.cert-envelope-other-key",
    "the key in the envelope is not the one of --public-key, and is not written: compare with "
    "\"spki_sha256\" of `autarky cert show --json`");
MSG(msg_escrow_file, "cmd.cert-escrow-file",
    "{0} cannot be written: {1}. The audit log says that the sealed key was handed out; another "
    "--out gets it again, which stands there, too");
MSG(msg_other, "cmd.cert-envelope-other",
    "the key in the envelope is not that of the certificate, and is not written: ask for another, "
    "and have this one revoked");

enum { ARENA_MAX = 1024 * 1024, PEM_MAX = 256 * 1024, HEX_MAX = 128, SEALED_MODE = 0600 };

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

/* A key that is kept for years is kept encrypted, that of escrow above all. */
static enum rc read_opener(const struct cmd_args *args, struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    const char *path = args->values[CMD_OPT_SIGN_KEY];
    const char *file = args->values[CMD_OPT_SIGN_KEY_PASSPHRASE_FILE];
    struct err why = ERR_INIT;
    char text[256];
    enum rc rc;

    TRY(file_read(AT_FDCWD, path, &pem, err));
    if (crypto_pem_encrypted(buf_str(&pem)))
        TRY(file ? ca_passphrase_file(AT_FDCWD, file, &passphrase, err)
                 : ca_passphrase_ask("the key that opens the envelope", false, &passphrase, err));
    rc = crypto_pem_read(buf_str(&pem), passphrase, out, &why);
    if (rc == RC_OK)
        return rc;
    why.rc = rc;
    return ERR(err, rc, msg_opener, str_of(path), str_of(err_textz(&why, text, sizeof(text))));
}

/* Whose certificate is a stone in the register by now is known by the hash of its key. */
static enum rc open_by_key(const struct crypto_key *opens, struct str der, const char *given,
                           struct crypto_key **out, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf wanted = BUF_INIT(HEX_MAX), found = BUF_INIT(HEX_MAX);

    TRY(cert_read_key(given, &wanted, err));
    TRY(x509_envelope_open(opens, der, &key, err));
    text_hex(&found, crypto_key_spki_sha256(key));
    TRY(buf_rc(&found));
    if (!str_ieq(buf_str(&wanted), buf_str(&found)))
        return ERR(err, RC_DENIED, msg_other_key);
    *out = MOVE(key);
    return RC_OK;
}

static enum rc open_it(const struct cmd_args *args, const struct cert_out *o, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *opens = NULL, *key = NULL;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_ENVELOPE_MAX), pem = BUF_INIT(PEM_MAX);

    TRY(file_read(AT_FDCWD, args->operand, &der, err));
    if (args->values[CMD_OPT_CERT])
        TRY(file_read(AT_FDCWD, args->values[CMD_OPT_CERT], &pem, err));
    TRY(read_opener(args, &opens, err));
    if (args->values[CMD_OPT_CERT])
        TRY(cert_envelope_open(opens, buf_str(&der), buf_str(&pem), &key, err));
    else
        TRY(open_by_key(opens, buf_str(&der), args->values[CMD_OPT_OPEN_PUBLIC_KEY], &key, err));
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

    if (!args->values[CMD_OPT_SIGN_KEY] ||
        !args->values[CMD_OPT_CERT] == !args->values[CMD_OPT_OPEN_PUBLIC_KEY])
        return cmd_usagef("--sign-key is needed, the key to which the envelope was made, and one "
                          "of --cert and --public-key, which say whose key is in it");
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

/* ---- cert escrow */

static enum rc ask_escrow(const struct cmd_args *args, struct buf *answer, struct err *err)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(CERT_ARGS_MAX);
    struct json_out j;

    json_out_init(&j, &ask, JSON_COMPACT);
    json_obj(&j);
    json_kv_z(&j, "serial", args->operand);
    json_kv_z(&j, "reason", args->values[CMD_OPT_REASON]);
    if (args->values[CMD_OPT_DRY_RUN])
        json_kv_bool(&j, "dry_run", true);
    json_end(&j);
    TRY(json_out_done(&j));
    return cmd_control(cmd_data(args), "cert escrow", buf_str(&ask), answer, err);
}

static enum rc write_sealed(const char *path, const struct json *answer, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_ENVELOPE_MAX);
    struct err why = ERR_INIT;
    char text[256];
    enum rc rc;

    TRY(cert_envelope_read(answer, &der, err));
    rc = file_create(AT_FDCWD, path, buf_str(&der), SEALED_MODE, FILE_OWNER_SELF, &why);
    if (rc == RC_OK)
        return rc;
    why.rc = rc;
    return ERR(err, rc, msg_escrow_file, str_of(path), str_of(err_textz(&why, text, sizeof(text))));
}

static void show_sealed(const struct cmd_args *args, const struct json *answer)
{
    const char *out = args->values[CMD_OPT_ESCROW_OUT];
    const struct json *escrow = json_get(answer, "escrow");
    bool dry = args->values[CMD_OPT_DRY_RUN] != NULL;

    printf("%s the key of %.*s, for ", dry ? "would hand out" : "handed out",
           STR_ARG(json_shown(answer, "serial")));
    cert_print_list(json_get(answer, "names"));
    printf("\n  sealed at %.*s to the key of escrow %.*s\n", STR_ARG(json_shown(escrow, "since")),
           STR_ARG(json_shown(escrow, "key")));
    if (!dry)
        printf("  where that one is: autarky cert open %s --sign-key KEY-OF-ESCROW --public-key "
               "%.*s --out DIR\n",
               out, STR_ARG(json_shown(answer, "spki_sha256")));
}

/* What could not be written would have been handed out for nothing, and stand in the trail. */
static int check_escrow(const struct cmd_args *args)
{
    const char *out = args->values[CMD_OPT_ESCROW_OUT];

    if (!args->values[CMD_OPT_REASON])
        return cmd_usagef("--reason is missing: say why this key is wanted; it stands in the audit "
                          "log beside who asked");
    if (!out && !cmd_json(args) && !args->values[CMD_OPT_DRY_RUN])
        return cmd_usagef("--out is missing: say into which file the sealed key goes; with --json "
                          "it is \"enveloped_key\" of the answer");
    if (out && faccessat(AT_FDCWD, out, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return cmd_failf("%s is there already, and nothing was asked for", out);
    return CMD_DONE;
}

int cmd_cert_escrow(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(CERT_ANSWER_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct err err = ERR_INIT;
    int status = check_escrow(args);

    if (status != CMD_DONE)
        return status;
    err.rc = ask_escrow(args, &answer, &err);
    if (err.rc == RC_OK)
        err.rc = json_parse(buf_str(&answer), CERT_ANSWER_MAX, &doc, &err);
    if (err.rc == RC_OK && args->values[CMD_OPT_ESCROW_OUT] && !args->values[CMD_OPT_DRY_RUN])
        err.rc = write_sealed(args->values[CMD_OPT_ESCROW_OUT], json_root(doc), &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    if (cmd_json(args))
        cmd_print(buf_str(&answer));
    else
        show_sealed(args, json_root(doc));
    return CMD_DONE;
}
