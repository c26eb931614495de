/* SPDX-License-Identifier: Apache-2.0 */
/* What the signer does for one certificate, per issuer of an installation, beside the bare
 * signature of the same key: "ratio" is of all that the signer does (key read and checked, rules,
 * to-be-signed part built, linter, signature), "checked" of that and of what core does with the
 * result before it believes it (certificate read, signature verified). One process, no messages.
 * One more issuer, RSA with 2048 bits, is put into DATA.
 * Usage: bench_signer DATA [SECONDS] */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/fd.h"
#include "base/file.h"
#include "ca/passphrase.h"
#include "ca/signer.h"
#include "conf/load.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "crypto/sign.h"
#include "x509/lint.h"

enum { ARENA_BYTES = 1 << 20, NAME_BYTES = 64, SECONDS_DEFAULT = 2, TURNS_MAX = 10000 };

static double clock_seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* RSA 2048, the size that peers are measured with; issuers of our own have 3072 bits. Signed by a
 * root that is thrown away: the signer looks at its issuers' own certificates only. */
static enum rc add_rsa2048(int data, const struct conf *conf, struct secret *passphrase)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    CLEANUP(buf_done) struct buf pem = BUF_INIT(X509_CERT_MAX * 2);
    CLEANUP(buf_wipe) struct buf secret = BUF_INIT(CRYPTO_PEM_MAX);
    CLEANUP(buf_done) struct buf name = BUF_INIT(X509_NAME_MAX);
    struct x509_subject subject = {.organization = conf->organization,
                                   .common_name = STR("RSA CA 9")};
    when_t now = (when_t)time(NULL) * WHEN_SECOND;
    struct x509_tbs_in in = {
        .sig_alg = CRYPTO_SIG_RSA_SHA256,
        .basic = X509_BASIC_CA,
        .subject = subject,
        .subject_key_id = true,
        .key_usage = X509_KU_CERT_SIGN | X509_KU_CRL_SIGN,
        .not_before = now - WHEN_DAY,
        .not_after = now + 365 * WHEN_DAY,
    };

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_RSA, 2048}, &key));
    TRY(x509_name_build(&subject, &name));
    in.issuer = buf_str(&name);
    in.spki = crypto_key_spki(key);
    TRY(x509_serial_random(&in.serial));
    TRY(x509_tbs_build(&in, &tbs, NULL));
    TRY(x509_sign_tbs(key, buf_str(&tbs), &der));
    x509_cert_put_pem(buf_str(&der), &pem);
    TRY(crypto_pem_put(key, passphrase, &secret));
    TRY(file_write(data, "ca/rsa-9.crt", buf_str(&pem), 0644, FILE_OWNER_SELF, NULL));
    return file_write(data, "ca/rsa-9.key", buf_str(&secret), 0600, FILE_OWNER_SELF, NULL);
}

static enum rc load(const char *path, int data, const struct conf **conf, struct ca_signer **out,
                    struct err *err)
{
    CLEANUP(conf_input_done) struct conf_input in = {.n = 0};
    CLEANUP(conf_report_done) struct conf_report report = {.n = 0};
    CLEANUP(secret_freep) struct secret *passphrase = NULL;

    conf_input_init(&in);
    conf_report_init(&report);
    TRY(conf_input_read(&in, data, path, NULL, err));
    TRY(conf_load(&in, conf, &report));
    TRY(ca_passphrase_read(*conf, data, &passphrase, err));
    TRY(add_rsa2048(data, *conf, passphrase));
    return ca_signer_open(data, passphrase, *conf, out, err);
}

/* What is measured, in seconds of CPU: all that the signer does for one certificate; what core does
 * with it before it believes it; the bare signature of the same key over as much; and those parts
 * of the signer's work that can be done by themselves. */
enum part { WHOLE, SELF_CHECK, BARE, KEY, BUILD, LINT, PARTS };

struct bench {
    struct ca_signer *s;
    const struct ca_issuer *issuer;
    struct crypto_public public; /* of the leaf */
    struct ca_sign_ask ask;
    char name[NAME_BYTES];
    struct str dns;
    struct buf tbs, cert, sig;
    struct buf reserved; /* what core knows that `cert` is to say */
    unsigned n;
};

static void bench_done(struct bench *b)
{
    buf_done(&b->tbs);
    buf_done(&b->cert);
    buf_done(&b->sig);
    buf_done(&b->reserved);
}

static enum rc do_whole(struct bench *b, struct err *err)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(ARENA_BYTES);

    (void)snprintf(b->name, sizeof(b->name), "host-%u.hospital.example", b->n++);
    b->dns = str_of(b->name);
    b->ask.leaf.serial.b[X509_SERIAL_NEW - 1]++; /* core's to choose */
    buf_reset(&b->cert);
    return ca_signer_sign(b->s, &b->ask, &arena, &b->cert, err);
}

/* Core has it on disk. */
static enum rc reserve(struct bench *b, struct err *err)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(ARENA_BYTES);
    struct x509_cert cert;

    TRY(x509_cert_parse(&arena, buf_str(&b->cert), &cert, err));
    buf_reset(&b->reserved);
    buf_puts(&b->reserved, cert.tbs);
    return buf_rc(&b->reserved);
}

static enum rc do_self_check(struct bench *b, struct err *err)
{
    return x509_cert_check_tbs(buf_str(&b->cert), buf_str(&b->reserved), b->issuer->key, err);
}

static enum rc do_bare(struct bench *b, struct err *)
{
    buf_reset(&b->sig);
    return crypto_sign(b->issuer->key, crypto_sig_default(b->issuer->key), CRYPTO_SIG_DER,
                       buf_str(&b->cert), &b->sig);
}

static enum rc do_key(struct bench *b, struct err *err)
{
    return crypto_public_read(b->ask.leaf.spki, &b->public, err);
}

static enum rc do_build(struct bench *b, struct err *err)
{
    buf_reset(&b->tbs);
    return ca_leaf_tbs(&b->ask.leaf, b->issuer, b->public.type, ca_signer_conf(b->s), &b->tbs, err);
}

static enum rc do_lint(struct bench *b, struct err *err)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(ARENA_BYTES);
    struct x509_lint_in in = {
        .kind = X509_LINT_LEAF,
        .issuer = &b->issuer->cert,
        .issuer_key = b->issuer->key,
        .spki = b->ask.leaf.spki,
        .key = &b->public,
        .dns = &b->dns,
        .n_dns = 1,
    };

    return x509_lint_tbs(&arena, buf_str(&b->tbs), &in, err);
}

/* In small turns of all of them, so that what else the machine does disturbs them alike; an odd
 * number, for OpenSSL makes new blinding for RSA every 32 uses of a key, which must not always fall
 * on the same of them. Each part finds what the one before it has left. */
static enum rc measure_turn(struct bench *b, double seconds[static PARTS], struct err *err)
{
    enum { TURN = 7 };
    static enum rc (*const parts[PARTS])(struct bench *, struct err *) = {
        [WHOLE] = do_whole, [SELF_CHECK] = do_self_check, [BARE] = do_bare,
        [KEY] = do_key,     [BUILD] = do_build,           [LINT] = do_lint,
    };

    for (enum part p = 0; p < PARTS; p++) {
        double at;

        if (p == SELF_CHECK)
            TRY(reserve(b, err));
        at = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
        for (int i = 0; i < TURN; i++)
            TRY(parts[p](b, err));
        seconds[p] = (clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - at) / TURN;
    }
    return RC_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Medians: a turn that something else got between says nothing. */
static enum rc measure(struct bench *b, double seconds, struct err *err)
{
    static double turns[PARTS][TURNS_MAX];
    double begin = clock_seconds(CLOCK_MONOTONIC), us[PARTS], turn[PARTS];
    size_t n = 0;

    do {
        TRY(measure_turn(b, turn, err));
        for (enum part p = 0; p < PARTS; p++)
            turns[p][n] = turn[p];
    } while (++n < TURNS_MAX && clock_seconds(CLOCK_MONOTONIC) - begin < seconds);
    for (enum part p = 0; p < PARTS; p++) {
        qsort(turns[p], n, sizeof(double), by_value);
        us[p] = turns[p][n / 2] * 1e6;
    }
    printf("  %-8.*s %-10s %8.0f %8.0f %5.1f %% %6.1f %% | %7.1f = %7.1f + key %4.1f, build %4.1f, "
           "lint %4.1f, other %4.1f; self-check %5.1f\n",
           STR_ARG(b->issuer->ref), crypto_key_text(b->issuer->key), 1e6 / us[WHOLE],
           1e6 / us[BARE], 100 * us[BARE] / us[WHOLE],
           100 * us[BARE] / (us[WHOLE] + us[SELF_CHECK]), us[WHOLE], us[BARE], us[KEY], us[BUILD],
           us[LINT], us[WHOLE] - us[BARE] - us[KEY] - us[BUILD] - us[LINT], us[SELF_CHECK]);
    return RC_OK;
}

static enum rc measure_all(struct ca_signer *s, struct crypto_key *key, double seconds,
                           struct err *err)
{
    when_t now = (when_t)time(NULL) * WHEN_SECOND;
    CLEANUP(bench_done)
    struct bench b = {
        .s = s,
        .ask = {.leaf = {.profile = STR("default"),
                         .spki = crypto_key_spki(key),
                         .n_dns = 1,
                         .not_before = now,
                         .not_after = now + 30 * WHEN_DAY},
                .now = now},
        .tbs = BUF_INIT(X509_TBS_MAX),
        .cert = BUF_INIT(X509_CERT_MAX),
        .sig = BUF_INIT(CRYPTO_SIG_MAX),
        .reserved = BUF_INIT(X509_TBS_MAX),
    };

    b.ask.leaf.dns = &b.dns;
    TRY(x509_serial_random(&b.ask.leaf.serial));
    printf("  %-8s %-10s %8s %8s %7s %8s | %s\n", "issuer", "key", "signed/s", "bare/s", "ratio",
           "checked", "us of CPU for one: the whole = bare signature and");
    for (size_t i = 0; i < ca_signer_count(s); i++) {
        b.issuer = ca_signer_issuer(s, i);
        b.ask.issuer = b.issuer->ref;
        TRY(measure(&b, seconds, err));
    }
    return RC_OK;
}

static enum rc run(const char *path, double seconds, struct err *err)
{
    CLEANUP(fd_closep) int data = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(ca_signer_freep) struct ca_signer *s = NULL;
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    if (data < 0)
        return RC_NOTFOUND;
    TRY(crypto_init());
    TRY(load(path, data, &conf, &s, err));
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    return measure_all(s, key, seconds, err);
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    char text[512];
    enum rc rc;

    if (argc < 2)
        return 64;
    rc = run(argv[1], argc > 2 ? strtod(argv[2], NULL) : SECONDS_DEFAULT, &err);
    if (rc == RC_OK)
        return 0;
    fprintf(stderr, "bench_signer: %s: %s\n", rc_text(rc), err_textz(&err, text, sizeof(text)));
    return 2;
}
