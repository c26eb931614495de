/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates without ACME: a key made here, or somebody's request. What goes to the server is a
 * request in PKCS#10 either way; the key stays in this process. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/cert_int.h"
#include "crypto/crypto.h"
#include "x509/csr.h"
#include "x509/envelope.h"

MSG(msg_lost, "cmd.cert-not-written",
    "the certificate {0} was issued, and its files are not all there: {1}. `autarky cert export "
    "{0}` writes the certificate again; if the key is missing, revoke it and issue another");
MSG(msg_csr_file, "cmd.csr-file", "{0}: {1}");

/* ---- what is asked for */

void cert_put_common(const struct cmd_args *args, bool names, struct json_out *j)
{
    static const struct {
        enum cmd_option option;
        const char *name;
    } texts[] = {
        {CMD_OPT_PROFILE, "profile"}, {CMD_OPT_COMMON_NAME, "common_name"},
        {CMD_OPT_REASON, "reason"},   {CMD_OPT_OWNER, "owner"},
        {CMD_OPT_TEAM, "team"},       {CMD_OPT_SERVICE, "service"},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (args->values[texts[i].option])
            json_kv_z(j, texts[i].name, args->values[texts[i].option]);
    if (args->values[CMD_OPT_DRY_RUN])
        json_kv_bool(j, "dry_run", true);
    if (args->values[CMD_OPT_KEY_BY_CA])
        json_kv_bool(j, "key_by_ca", true);
    if (!names || args->n_many == 0)
        return;
    json_key(j, "names");
    json_arr(j);
    for (size_t i = 0; i < args->n_many; i++)
        json_put_z(j, args->many[i]);
    json_end(j);
}

static enum rc make_ask(const struct cmd_args *args, struct str csr, struct buf *out)
{
    struct json_out j;

    json_out_init(&j, out, JSON_COMPACT);
    json_obj(&j);
    json_kv_b64url(&j, "csr", csr);
    cert_put_common(args, true, &j);
    json_end(&j);
    return json_out_done(&j);
}

/* ---- what came back */

void cert_print_list(const struct json *list)
{
    struct json_iter it = json_iter(list);
    const char *between = "";
    const struct json *value;
    struct str text;

    while (json_next(&it, NULL, &value))
        if (json_str(value, &text) == RC_OK) {
            printf("%s%.*s", between, STR_ARG(text));
            between = ", ";
        }
}

/* Of a plan it is a word, of a certificate which key it is sealed to. */
static bool is_escrowed(const struct json *answer)
{
    bool planned = false;

    return json_type(json_get(answer, "escrow")) == JSON_OBJECT ||
           (json_bool(json_get(answer, "escrowed"), &planned) == RC_OK && planned);
}

static struct str escrow_key(const struct json *answer)
{
    struct str key = json_shown(json_get(answer, "escrow"), "key");

    return key.n ? key : STR("that of ca.escrow");
}

static void show(const struct cmd_args *args, const struct cert_out *o, const struct json *answer)
{
    bool dry = args->values[CMD_OPT_DRY_RUN] != NULL;
    struct str serial = json_shown(answer, "serial");

    printf("%s ", dry ? "would issue a certificate for" : "issued a certificate for");
    cert_print_list(json_get(answer, "names"));
    printf("\n  profile %.*s, valid until %.*s\n", STR_ARG(json_shown(answer, "profile")),
           STR_ARG(json_shown(answer, "not_after")));
    if (serial.n)
        printf("  serial %.*s, by %.*s\n", STR_ARG(serial), STR_ARG(json_shown(answer, "issuer")));
    if (is_escrowed(answer))
        printf("  the key %s escrowed: whoever has the key of escrow, %.*s, can read what is "
               "encrypted to it\n",
               dry ? "would be" : "is", STR_ARG(escrow_key(answer)));
    for (size_t i = 0; i < o->n; i++)
        printf("  %s/%s\n", o->path, o->names[i]);
}

/* The server's answer without the PEM texts, which are in the files. */
static enum rc show_json(const struct cert_out *o, const struct json *answer)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CERT_ANSWER_MAX);
    static const char *const members[] = {"serial",    "profile", "issuer", "not_before",
                                          "not_after", "status",  "key",    "sha256"};
    struct json_iter names = json_iter(json_get(answer, "names"));
    const struct json *value;
    struct json_out j;
    struct str s;
    bool dry;

    json_out_init(&j, &text, JSON_PRETTY);
    json_obj(&j);
    if (json_bool(json_get(answer, "dry_run"), &dry) == RC_OK)
        json_kv_bool(&j, "dry_run", dry);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (json_str(json_get(answer, members[i]), &s) == RC_OK)
            json_kv_str(&j, members[i], s);
    json_kv_bool(&j, "escrowed", is_escrowed(answer));
    json_key(&j, "names");
    json_arr(&j);
    while (json_next(&names, NULL, &value))
        if (json_str(value, &s) == RC_OK)
            json_put_str(&j, s);
    json_end(&j);
    cert_out_put(o, &j);
    json_end(&j);
    TRY(json_out_done(&j));
    cmd_print(buf_str(&text));
    return RC_OK;
}

static enum rc write_files(const struct cert_out *o, const struct json *answer,
                           const struct crypto_key *key, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *made = NULL;
    CLEANUP(buf_done) struct buf envelope = BUF_INIT(X509_ENVELOPE_MAX);
    struct err why = ERR_INIT;
    char text[512];
    enum rc rc = o->opens ? cert_envelope_read(answer, &envelope, &why) : RC_OK;

    if (rc == RC_OK && o->opens)
        rc = cert_envelope_open(o->opens, buf_str(&envelope), json_shown(answer, "certificate"),
                                &made, &why);
    if (rc == RC_OK)
        rc = cert_out_write(o, answer, made ? made : key, &why);
    if (rc == RC_OK)
        return rc;
    why.rc = rc;
    return ERR(err, rc, msg_lost, json_shown(answer, "serial"),
               str_of(err_textz(&why, text, sizeof(text))));
}

int cert_ask_and_write(const struct cmd_args *args, struct cert_out *o, struct str ask,
                       const struct crypto_key *key)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(CERT_ANSWER_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct err err = ERR_INIT;

    err.rc = cmd_control(cmd_data(args), "cert sign", ask, &answer, &err);
    if (err.rc == RC_OK)
        err.rc = json_parse(buf_str(&answer), CERT_ANSWER_MAX, &doc, &err);
    if (err.rc == RC_OK && !args->values[CMD_OPT_DRY_RUN]) {
        err.rc = write_files(o, json_root(doc), key, &err);
        if (err.rc != RC_OK) {
            cmd_fail(&err);
            return CMD_PARTLY;
        }
    }
    if (err.rc == RC_OK && cmd_json(args))
        err.rc = show_json(o, json_root(doc));
    else if (err.rc == RC_OK)
        show(args, o, json_root(doc));
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

/* ---- issue */

static bool is_tlcp(const char *profile)
{
    return profile && (strcmp(profile, "tlcp-sign") == 0 || strcmp(profile, "tlcp-enc") == 0);
}

static int read_kind(const struct cmd_args *args, struct crypto_key_spec *out)
{
    const char *kind = args->values[CMD_OPT_KEY];

    if (!kind)
        kind = is_tlcp(args->values[CMD_OPT_PROFILE]) ? "sm2" : "ecdsa";
    if (crypto_key_spec_parse(str_of(kind), out) == RC_OK)
        return CMD_DONE;
    return cmd_usagef(
        "--key is \"%s\"; it can be ecdsa, p256, p384, rsa, rsa2048, rsa3072, rsa4096, "
        "ed25519, sm2, mldsa44, mldsa65 or mldsa87",
        kind);
}

static int check_by_ca(const struct cmd_args *args)
{
    bool by_ca = args->values[CMD_OPT_KEY_BY_CA] != NULL;

    if (by_ca != (args->values[CMD_OPT_SIGN_KEY] != NULL))
        return cmd_usagef("--key-by-ca and --sign-key belong together: what the CA makes is sent "
                          "in an envelope that only the key that signs opens");
    if (by_ca && args->values[CMD_OPT_KEY])
        return cmd_usagef("--key is for a key that is made here, and with --key-by-ca none is");
    return CMD_DONE;
}

/* That of the certificate, or the one that opens what the CA sends. */
static enum rc make_key(const struct cmd_args *args, struct crypto_key_spec spec,
                        struct crypto_key **out, struct err *err)
{
    if (args->values[CMD_OPT_SIGN_KEY])
        return cert_private_key(args->values[CMD_OPT_SIGN_KEY], out, err);
    return crypto_key_generate(spec, out);
}

/* The names travel beside the request, so that the server reads them as people write them. */
static enum rc make_request(const struct crypto_key *key, struct buf *out, struct err *err)
{
    struct x509_csr_in in = {.key = key};

    return x509_csr_build(&in, out, err);
}

int cmd_cert_issue(const struct cmd_args *args)
{
    CLEANUP(cert_out_done) struct cert_out o = CERT_OUT_INIT;
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf csr = BUF_INIT(X509_CSR_MAX);
    CLEANUP(buf_done) struct buf ask = BUF_INIT(CERT_ARGS_MAX);
    struct crypto_key_spec spec;
    struct err err = ERR_INIT;
    int status = read_kind(args, &spec);

    if (status == CMD_DONE)
        status = check_by_ca(args);

    if (status == CMD_DONE && args->n_many == 0)
        status = cmd_usagef("--name is missing: say what the certificate is for");
    if (status == CMD_DONE)
        status = cert_out_open(args, true, &o);
    if (status != CMD_DONE)
        return status;
    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL cannot be initialised");
    err.rc = make_key(args, spec, &key, &err);
    if (o.enveloped)
        o.opens = key;
    if (err.rc == RC_OK)
        err.rc = make_request(key, &csr, &err);
    if (err.rc == RC_OK)
        err.rc = make_ask(args, buf_str(&csr), &ask);
    return err.rc == RC_OK ? cert_ask_and_write(args, &o, buf_str(&ask), o.opens ? NULL : key)
                           : cmd_fail(&err);
}

/* ---- sign */

static enum rc read_stdin(struct buf *out)
{
    char piece[4096];
    ssize_t n;

    while ((n = read(STDIN_FILENO, piece, sizeof(piece))) > 0)
        buf_put(out, piece, (size_t)n);
    return n < 0 ? RC_IO : buf_rc(out);
}

static enum rc read_csr(const char *path, struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(2 * X509_CSR_MAX);
    bool from_stdin = strcmp(path, "-") == 0;
    struct err why = ERR_INIT;
    char text[512];
    enum rc rc;

    if (from_stdin)
        TRY(read_stdin(&bytes));
    else
        TRY(file_read(AT_FDCWD, path, &bytes, err));
    rc = x509_csr_from_file(buf_str(&bytes), out, &why);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    why.rc = rc;
    return ERR(err, rc, msg_csr_file, from_stdin ? STR("standard input") : str_of(path),
               str_of(err_textz(&why, text, sizeof(text))));
}

int cmd_cert_sign(const struct cmd_args *args)
{
    CLEANUP(cert_out_done) struct cert_out o = CERT_OUT_INIT;
    CLEANUP(buf_done) struct buf csr = BUF_INIT(X509_CSR_MAX);
    CLEANUP(buf_done) struct buf ask = BUF_INIT(CERT_ARGS_MAX);
    struct err err = ERR_INIT;
    int status = cert_out_open(args, false, &o);

    if (status != CMD_DONE)
        return status;
    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL cannot be initialised");
    err.rc = read_csr(args->operand, &csr, &err);
    if (err.rc == RC_OK)
        err.rc = make_ask(args, buf_str(&csr), &ask);
    return err.rc == RC_OK ? cert_ask_and_write(args, &o, buf_str(&ask), NULL) : cmd_fail(&err);
}
