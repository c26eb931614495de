/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/cert_int.h"
#include "conf/value.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "ev/clock.h"
#include "x509/cert.h"
#include "x509/csr.h"

MSG(msg_key_file, "cmd.cert-public-key",
    "{0} holds no certificate, request or private key in PEM, and is no SHA-256 in hexadecimal "
    "either");

enum { ARGS_MAX = 8192, LIMIT_MAX = 1000, FILE_MAX = 256 * 1024, HEX_SHA256 = 64, DAY = 10 };

/* What the server would refuse as well is wrong usage, whether or not one runs. */
static int check_args(const struct cmd_args *args)
{
    const char *limit = args->values[CMD_OPT_LIMIT];
    const char *status = args->values[CMD_OPT_STATUS];
    uint64_t n = 0;

    if (limit && (str_u64(str_of(limit), LIMIT_MAX, &n) != RC_OK || n == 0))
        return cmd_usagef("--limit is \"%s\"; it can be a number from 1 to %d", limit, LIMIT_MAX);
    if (status && strcmp(status, "valid") != 0 && strcmp(status, "revoked") != 0)
        return cmd_usagef("--status is \"%s\"; it can be valid or revoked", status);
    return CMD_DONE;
}

/* ---- keys, given as files or hashes */

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789abcdefABCDEF:", s.p[i]))
            return false;
    return s.n > 0;
}

static enum rc hash_of_cert(struct str text, struct buf *out)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(FILE_MAX);
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct x509_cert *cert;
    size_t n;

    TRY(x509_cert_read_pem(&arena, text, X509_CHAIN_MAX, &cert, &n, NULL));
    TRY(x509_cert_key(cert, &key, NULL));
    text_hex(out, crypto_key_spki_sha256(key));
    return buf_rc(out);
}

static enum rc hash_of_csr(struct str text, struct buf *out)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(FILE_MAX);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
    struct x509_csr csr;

    TRY(x509_csr_from_file(text, &der, NULL));
    TRY(x509_csr_parse(&arena, buf_str(&der), X509_CSR_LENIENT, &csr, NULL));
    text_hex(out, str_bytes(csr.spki_sha256, sizeof(csr.spki_sha256)));
    return buf_rc(out);
}

static enum rc hash_of_key(struct str text, struct buf *out)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    TRY(crypto_pem_read(text, NULL, &key, NULL));
    text_hex(out, crypto_key_spki_sha256(key));
    return buf_rc(out);
}

/* "PUBLIC KEY", as `openssl pkey -pubout` writes it. */
static enum rc hash_of_public_key(struct str text, struct buf *out)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf der = BUF_INIT(CRYPTO_SPKI_MAX);

    TRY(text_unpem(&text, STR("PUBLIC KEY"), NULL, &der));
    TRY(crypto_key_from_spki(buf_str(&der), &key, NULL));
    text_hex(out, crypto_key_spki_sha256(key));
    return buf_rc(out);
}

enum rc cert_read_key(const char *given, struct buf *out, struct err *err)
{
    static enum rc (*const readers[])(struct str, struct buf *) = {hash_of_cert, hash_of_csr,
                                                                   hash_of_key, hash_of_public_key};
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(FILE_MAX);

    if (strlen(given) == HEX_SHA256 && is_hex(str_of(given))) {
        buf_putz(out, given);
        return buf_rc(out);
    }
    TRY(crypto_init());
    TRY(file_read(AT_FDCWD, given, &text, err));
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
        if (readers[i](buf_str(&text), out) == RC_OK)
            return RC_OK;
    return ERR(err, RC_INVAL, msg_key_file, str_of(given));
}

/* ---- times */

int cert_put_when(const char *option, const char *given, const char *member, struct json_out *o)
{
    CLEANUP(buf_done) struct buf whole = BUF_INIT(WHEN_TEXT);
    when_t t, span;

    if (conf_span_parse(str_of(given), &span) == RC_OK) {
        t = clock_now(clock_system()) + span;
    } else {
        buf_putz(&whole, given);
        buf_putz(&whole, "T00:00:00Z");
        if (when_parse(str_of(given), &t) != RC_OK && when_parse(buf_str(&whole), &t) != RC_OK)
            return cmd_usagef("%s is \"%s\"; it can be 2026-11-20T18:24:00Z, 2026-11-20, or a time "
                              "from now, as in 30d",
                              option, given);
    }
    json_kv_when(o, member, t);
    return CMD_DONE;
}

/* ---- the question */

static const struct {
    enum cmd_option option;
    const char *name;
} texts[] = {
    {CMD_OPT_CURSOR, "cursor"}, {CMD_OPT_NAME, "name"},     {CMD_OPT_UNDER, "under"},
    {CMD_OPT_STATUS, "status"}, {CMD_OPT_SERIAL, "serial"}, {CMD_OPT_OWNER, "owner"},
    {CMD_OPT_ISSUER, "issuer"},
};

static int put_times(const struct cmd_args *args, struct json_out *o)
{
    const char *before = args->values[CMD_OPT_EXPIRES_BEFORE];
    const char *after = args->values[CMD_OPT_EXPIRES_AFTER];
    int status = CMD_DONE;

    if (before)
        status = cert_put_when("--expires-before", before, "expires_before", o);
    if (after && status == CMD_DONE)
        status = cert_put_when("--expires-after", after, "expires_after", o);
    return status;
}

/* A word is what it looks like: the hash of a key, a serial number, or a name. A serial of ours has
 * 32 digits. */
static void put_word(const char *word, struct json_out *o)
{
    size_t n = strlen(word);

    if (n == HEX_SHA256 && is_hex(str_of(word)))
        json_kv_z(o, "key", word);
    else if (n >= 16 && is_hex(str_of(word)) && !strchr(word, '.'))
        json_kv_z(o, "serial", word);
    else
        json_kv_z(o, "name", word);
}

static int put_options(const struct cmd_args *args, struct json_out *o)
{
    CLEANUP(buf_done) struct buf key = BUF_INIT(HEX_SHA256 + 1);
    struct err err = ERR_INIT;
    uint64_t limit;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (args->values[texts[i].option])
            json_kv_z(o, texts[i].name, args->values[texts[i].option]);
    if (args->values[CMD_OPT_STAGING])
        json_kv_bool(o, "staging", true);
    if (args->values[CMD_OPT_LIMIT] &&
        str_u64(str_of(args->values[CMD_OPT_LIMIT]), LIMIT_MAX, &limit) == RC_OK)
        json_kv_u64(o, "limit", limit);
    if (args->values[CMD_OPT_PUBLIC_KEY]) {
        err.rc = cert_read_key(args->values[CMD_OPT_PUBLIC_KEY], &key, &err);
        if (err.rc != RC_OK)
            return cmd_fail(&err);
        json_kv_str(o, "key", buf_str(&key));
    }
    return put_times(args, o);
}

static int make_args(const struct cmd_args *args, struct buf *out)
{
    struct json_out o;
    int status;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    status = put_options(args, &o);
    if (args->operand && args->operand[0])
        put_word(args->operand, &o);
    json_end(&o);
    if (status == CMD_DONE && json_out_done(&o) != RC_OK)
        return cmd_failf("out of memory");
    return status;
}

/* ---- the answer */

static void show_item(const struct json *item)
{
    printf("%-34.*s %-8.*s %-10.*s  %-7.*s ", STR_ARG(json_shown(item, "serial")),
           STR_ARG(json_shown(item, "status")),
           STR_ARG(str_head(json_shown(item, "not_after"), DAY)),
           STR_ARG(json_shown(item, "origin")));
    cert_print_list(json_get(item, "names"));
    printf("\n");
}

static enum rc show(const struct json *root)
{
    struct json_iter items = json_iter(json_get(root, "items"));
    const struct json *item;
    struct str next = json_shown(root, "next");

    printf("%-34s %-8s %-10s  %-7s %s\n", "SERIAL", "STATUS", "UNTIL", "FROM", "NAMES");
    while (json_next(&items, NULL, &item))
        show_item(item);
    if (next.n)
        fprintf(stderr, "there are more: --cursor %.*s\n", STR_ARG(next));
    return RC_OK;
}

int cmd_cert_list(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ARGS_MAX);
    int status = check_args(args);

    if (status == CMD_DONE)
        status = make_args(args, &ask);
    return status == CMD_DONE ? cmd_ask(args, "cert list", buf_str(&ask), show) : status;
}

/* The same list: the server knows one question. */
int cmd_cert_find(const struct cmd_args *args)
{
    const char *word = args->operand;

    if (word && (args->values[CMD_OPT_NAME] || args->values[CMD_OPT_SERIAL] ||
                 args->values[CMD_OPT_PUBLIC_KEY]))
        return cmd_usagef("\"%s\" and --name, --serial or --public-key are one too many", word);
    return cmd_cert_list(args);
}
