/* SPDX-License-Identifier: Apache-2.0 */
/* What the signer does for one certificate, per issuer of an installation: key read and checked,
 * rules, to-be-signed part built, linter, signature. One process, no messages.
 * Usage: bench_signer DATA [SECONDS] */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/fd.h"
#include "ca/passphrase.h"
#include "ca/signer.h"
#include "conf/load.h"
#include "crypto/crypto.h"

enum { ARENA_BYTES = 1 << 20, NAME_BYTES = 64, SECONDS_DEFAULT = 2 };

static double clock_seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
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

static enum rc measure(struct ca_signer *s, size_t i, struct str spki, double seconds,
                       struct err *err)
{
    const struct ca_issuer *issuer = ca_signer_issuer(s, i);
    double begin = clock_seconds(CLOCK_MONOTONIC);
    double cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
    when_t now = (when_t)time(NULL) * WHEN_SECOND;
    struct ca_sign_ask ask = {
        .issuer = issuer->ref,
        .leaf = {.profile = STR("default"),
                 .spki = spki,
                 .not_before = now,
                 .not_after = now + 30 * WHEN_DAY},
        .now = now,
    };
    unsigned n = 0;

    do {
        TRY(sign_one(s, &ask, n++, err));
    } while (clock_seconds(CLOCK_MONOTONIC) - begin < seconds);
    cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("  %-10.*s %8.0f signatures per CPU second, %6.0f us of CPU each\n",
           STR_ARG(issuer->ref), n / cpu, cpu / n * 1e6);
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
