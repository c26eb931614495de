/* SPDX-License-Identifier: Apache-2.0 */
/* One certificate of the register: shown, revoked, written to files. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cert_int.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "x509/cert.h"

MSG(msg_key_file, "cmd.cert-key-file", "{0}: {1}");
MSG(msg_other_key, "cmd.cert-other-key",
    "the key in {0} is not the one of this certificate; --key-file names another file");

enum { CERT_ARENA = 1024 * 1024 };

/* ---- show */

static void line(const struct json *root, const char *label, const char *member)
{
    struct str text = json_shown(root, member);

    if (text.n)
        printf("%-14s %.*s\n", label, STR_ARG(text));
}

static void list_line(const struct json *root, const char *label, const char *member)
{
    const struct json *list = json_get(root, member);

    if (json_len(list) == 0)
        return;
    printf("%-14s ", label);
    cert_print_list(list);
    printf("\n");
}

static void flag_line(const struct json *root, const char *label, const char *member,
                      const char *text)
{
    bool is = false;

    if (json_bool(json_get(root, member), &is) == RC_OK && is)
        printf("%-14s %s\n", label, text);
}

static enum rc show(const struct json *root)
{

    line(root, "serial", "serial");
    line(root, "status", "status");
    line(root, "revoked", "revoked");
    list_line(root, "names", "names");
    line(root, "subject", "subject");
    line(root, "key", "key");
    line(root, "issuer", "issuer");
    line(root, "profile", "profile");
    line(root, "from", "not_before");
    line(root, "until", "not_after");
    list_line(root, "key usage", "key_usage");
    list_line(root, "for", "extended_key_usage");
    list_line(root, "policies", "policies");
    list_line(root, "CRL", "crl_urls");
    list_line(root, "OCSP", "ocsp_urls");
    flag_line(root, "revocation", "no_revocation",
              "looked up nowhere, and it says so (noRevAvail)");
    flag_line(root, "must staple", "must_staple", "yes");
    line(root, "issued", "issued");
    line(root, "origin", "origin");
    line(root, "account", "account");
    line(root, "requester", "requester");
    line(root, "reason", "why");
    line(root, "owner", "owner");
    line(root, "team", "team");
    line(root, "service", "service");
    line(root, "replaces", "replaces");
    line(root, "SHA-256", "sha256");
    line(root, "key SHA-256", "spki_sha256");
    if (json_type(json_get(root, "escrow")) == JSON_OBJECT)
        line(json_get(root, "escrow"), "escrowed to", "key");
    return RC_OK;
}

static enum rc make_ask(const struct cmd_args *args, struct buf *out)
{
    struct json_out j;

    json_out_init(&j, out, JSON_COMPACT);
    json_obj(&j);
    json_kv_z(&j, "serial", args->operand);
    if (args->values[CMD_OPT_REVOKE_REASON])
        json_kv_z(&j, "reason", args->values[CMD_OPT_REVOKE_REASON]);
    if (args->values[CMD_OPT_WHY])
        json_kv_z(&j, "why", args->values[CMD_OPT_WHY]);
    if (args->values[CMD_OPT_WHOLE])
        json_kv_bool(&j, "whole", true);
    if (args->values[CMD_OPT_DRY_RUN])
        json_kv_bool(&j, "dry_run", true);
    json_end(&j);
    return json_out_done(&j);
}

int cmd_cert_show(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(CERT_ARGS_MAX);
    struct err err = ERR_INIT;

    err.rc = make_ask(args, &ask);
    return err.rc == RC_OK ? cmd_ask(args, "cert show", buf_str(&ask), show) : cmd_fail(&err);
}

/* ---- revoke */

static void put_revoked(const struct json *root)
{
    bool done = str_eq(json_shown(root, "status"), STR("revoked"));

    printf("%s %.*s, for ", done ? "revoked" : "would revoke", STR_ARG(json_shown(root, "serial")));
    cert_print_list(json_get(root, "names"));
    printf("\n");
}

static enum rc show_revoked(const struct json *root)
{
    uint64_t others = json_shown_u64(root, "logical_others");

    put_revoked(root);
    if (others)
        printf("  of the same logical certificate %llu more %s valid: --whole revokes them, too\n",
               (unsigned long long)others, others == 1 ? "is" : "are");
    return RC_OK;
}

/* Of a dry run: how many these are. */
static enum rc show_whole(const struct json *root)
{
    uint64_t others = json_shown_u64(root, "logical_others");

    put_revoked(root);
    printf("  %s of the same logical certificate\n",
           others ? "and those that are valid" : "and all that was valid");
    return RC_OK;
}

static bool is_reason(const char *given)
{
    static const char *const reasons[] = {"unspecified",          "keyCompromise",
                                          "affiliationChanged",   "superseded",
                                          "cessationOfOperation", "privilegeWithdrawn"};

    for (size_t i = 0; given && i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (strcmp(given, reasons[i]) == 0)
            return true;
    return false;
}

int cmd_cert_revoke(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(CERT_ARGS_MAX);
    struct err err = ERR_INIT;

    if (!is_reason(args->values[CMD_OPT_REVOKE_REASON]))
        return cmd_usagef("--reason is %s; it can be unspecified, keyCompromise, "
                          "affiliationChanged, superseded, cessationOfOperation or "
                          "privilegeWithdrawn",
                          args->values[CMD_OPT_REVOKE_REASON] ? "none of RFC 5280" : "missing");
    err.rc = make_ask(args, &ask);
    return err.rc == RC_OK ? cmd_ask(args, "cert revoke", buf_str(&ask),
                                     args->values[CMD_OPT_WHOLE] ? show_whole : show_revoked)
                           : cmd_fail(&err);
}

/* ---- export */

enum rc cert_private_key(const char *path, struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    struct err why = ERR_INIT;
    char text[256];
    enum rc rc;

    TRY(file_read(AT_FDCWD, path, &pem, err));
    rc = crypto_pem_read(buf_str(&pem), NULL, out, &why);
    if (rc == RC_OK)
        return rc;
    why.rc = rc;
    return ERR(err, rc, msg_key_file, str_of(path), str_of(err_textz(&why, text, sizeof(text))));
}

static enum rc check_key(const char *path, const struct crypto_key *key, const struct json *answer,
                         struct err *err)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(CERT_ARENA);
    struct x509_cert *cert;
    size_t n;

    TRY(x509_cert_read_pem(&arena, json_shown(answer, "certificate"), 1, &cert, &n, err));
    if (!str_eq(cert->spki, crypto_key_spki(key)))
        return ERR(err, RC_INVAL, msg_other_key, str_of(path));
    return RC_OK;
}

static void to_stdout(const struct cmd_args *args, const struct json *answer)
{
    cmd_print(json_shown(answer, "certificate"));
    cmd_print(json_shown(answer, "chain"));
    if (args->values[CMD_OPT_WITH_ROOT])
        cmd_print(json_shown(answer, "root"));
}

static enum rc show_files(const struct cmd_args *args, const struct cert_out *o,
                          const struct json *answer)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CERT_ARGS_MAX);
    struct json_out j;

    if (!cmd_json(args)) {
        for (size_t i = 0; i < o->n; i++)
            printf("%s%s/%s\n", args->values[CMD_OPT_DRY_RUN] ? "would write " : "", o->path,
                   o->names[i]);
        return RC_OK;
    }
    json_out_init(&j, &text, JSON_PRETTY);
    json_obj(&j);
    json_kv_str(&j, "serial", json_shown(answer, "serial"));
    cert_out_put(o, &j);
    json_end(&j);
    TRY(json_out_done(&j));
    cmd_print(buf_str(&text));
    return RC_OK;
}

/* The key goes into the PKCS#12 file alone: where it is in PEM is where it came from. */
static enum rc export_to(const struct cmd_args *args, struct cert_out *o, const struct json *answer,
                         const struct crypto_key *key, struct err *err)
{
    const char *path = args->values[CMD_OPT_KEY_FILE];

    if (!o->path) {
        to_stdout(args, answer);
        return RC_OK;
    }
    if (key)
        TRY(check_key(path, key, answer, err));
    if (!args->values[CMD_OPT_DRY_RUN])
        TRY(cert_out_write(o, answer, key, err));
    return show_files(args, o, answer);
}

int cmd_cert_export(const struct cmd_args *args)
{
    CLEANUP(cert_out_done) struct cert_out o = CERT_OUT_INIT;
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf ask = BUF_INIT(CERT_ARGS_MAX);
    CLEANUP(buf_done) struct buf answer = BUF_INIT(CERT_ANSWER_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const char *key_file = args->values[CMD_OPT_KEY_FILE];
    struct err err = ERR_INIT;
    int status = args->values[CMD_OPT_OUT] ? cert_out_open(args, key_file != NULL, &o) : CMD_DONE;

    if (status != CMD_DONE)
        return status;
    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL cannot be initialised");
    if (key_file)
        err.rc = cert_private_key(key_file, &key, &err);
    if (err.rc == RC_OK)
        err.rc = make_ask(args, &ask);
    if (err.rc == RC_OK)
        err.rc = cmd_control(cmd_data(args), "cert show", buf_str(&ask), &answer, &err);
    if (err.rc == RC_OK)
        err.rc = json_parse(buf_str(&answer), CERT_ANSWER_MAX, &doc, &err);
    if (err.rc == RC_OK)
        err.rc = export_to(args, &o, json_root(doc), key, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}
