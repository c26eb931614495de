/* SPDX-License-Identifier: Apache-2.0 */
/* What the signer does for one certificate, per issuer of an installation: key read and checked,
 * rules, to-be-signed part built, linter, signature. One process, no messages. Beside it the bare
 * signature of the same key over the same bytes, and the check of a signature, which core makes of
 * everything that the signer returns. One more issuer, RSA with 2048 bits, is put into DATA.
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

enum { ARENA_BYTES = 1 << 20, NAME_BYTES = 64, SECONDS_DEFAULT = 2 };

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

static enum rc sign_one(struct ca_signer *s, struct ca_sign_ask *ask, unsigned n, struct err *err)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(ARENA_BYTES);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    char name[NAME_BYTES];
    struct str dns;

    (void)snprintf(name, sizeof(name), "host-%u.hospital.example", n);
    dns = str_of(name);
    ask->leaf.dns = &dns;
    ask->leaf.n_dns = 1;
    TRY(x509_serial_random(&ask->leaf.serial));
    return ca_signer_sign(s, ask, &arena, &der, err);
}

static double cpu_now(void)
{
    return clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
}

/* Of each, in seconds of CPU. */
struct costs {
    double all, sign, check;
};

/* In small turns of all three, so that what else the machine does disturbs them alike; an odd
 * number, for OpenSSL makes new blinding for RSA every 32 uses of a key, which must not always fall
 * on the same of them. */
static enum rc measure_turn(struct ca_signer *s, const struct ca_issuer *issuer,
                            struct ca_sign_ask *ask, struct costs *c, struct err *err)
{
    enum { TURN = 7, TBS = 700 /* bytes, about what a leaf has */ };
    static const char bytes[TBS];
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);
    enum crypto_sig_alg alg = crypto_sig_default(issuer->key);
    static unsigned n;
    double at = cpu_now();

    for (int i = 0; i < TURN; i++)
        TRY(sign_one(s, ask, n++, err));
    c->all += (cpu_now() - at) / TURN;
    at = cpu_now();
    for (int i = 0; i < TURN; i++) {
        buf_reset(&sig);
        TRY(crypto_sign(issuer->key, alg, CRYPTO_SIG_DER, str_bytes(bytes, TBS), &sig));
    }
    c->sign += (cpu_now() - at) / TURN;
    at = cpu_now();
    for (int i = 0; i < TURN; i++)
        TRY(crypto_verify(issuer->key, alg, CRYPTO_SIG_DER, str_bytes(bytes, TBS), buf_str(&sig)));
    c->check += (cpu_now() - at) / TURN;
    return RC_OK;
}

static enum rc measure(struct ca_signer *s, size_t i, struct str spki, double seconds,
                       struct err *err)
{
    const struct ca_issuer *issuer = ca_signer_issuer(s, i);
    double begin = clock_seconds(CLOCK_MONOTONIC);
    when_t now = (when_t)time(NULL) * WHEN_SECOND;
    struct ca_sign_ask ask = {
        .issuer = issuer->ref,
        .leaf = {.profile = STR("default"),
                 .spki = spki,
                 .not_before = now,
                 .not_after = now + 30 * WHEN_DAY},
        .now = now,
    };
    struct costs c = {0};
    unsigned turns = 0;

    do {
        TRY(measure_turn(s, issuer, &ask, &c, err));
        turns++;
    } while (clock_seconds(CLOCK_MONOTONIC) - begin < seconds);
    printf("  %-10.*s %-10s %8.0f /s, bare signatures %8.0f /s: %3.0f %%; of %7.1f us of CPU %7.1f "
           "sign, "
           "%5.1f are the rest; a check takes %6.1f\n",
           STR_ARG(issuer->ref), crypto_key_text(issuer->key), turns / c.all, turns / c.sign,
           100 * c.sign / c.all, c.all / turns * 1e6, c.sign / turns * 1e6,
           (c.all - c.sign) / turns * 1e6, c.check / turns * 1e6);
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
    for (size_t i = 0; i < ca_signer_count(s); i++)
        TRY(measure(s, i, crypto_key_spki(key), seconds, err));
    return RC_OK;
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
