/* SPDX-License-Identifier: Apache-2.0 */
/* What a revocation list of one shard and one OCSP answer cost with registers of growing size, 5 %
 * of them revoked, 16 shards, one ECDSA issuer. The register is filled here, not by issuing.
 * Usage: bench_revocation DIRECTORY N... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "store/issuers.h"
#include "store/revocations.h"
#include "store/store.h"
#include "x509/ocsp.h"

enum { SHARDS = 16, BATCH = 5000, ROUNDS = 15, LOOKS = 2000, REVOKED_EACH = 20 };

#define NOW (INT64_C(1'795'800'000) * WHEN_SECOND)

struct bench {
    struct store *s;
    struct crypto_key *key, *responder;
    struct id issuer;
    unsigned long n, done; /* certificates */
    struct x509_ocsp_issuer names;
    struct buf root; /* the issuer's certificate, DER */
};

static double clock_us(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof(values[0]), by_value);
    return values[n / 2];
}

/* The i-th serial: spread as random ones are, and found again by its number. */
static struct x509_serial serial_of(unsigned long i)
{
    struct x509_serial s = {.n = X509_SERIAL_NEW};
    uint64_t a = i * UINT64_C(0x9e3779b97f4a7c15), b = (i + 7) * UINT64_C(0xbf58476d1ce4e5b9);

    memcpy(s.b, &a, sizeof(a));
    memcpy(s.b + 8, &b, sizeof(b));
    s.b[0] = (uint8_t)(0x40 | (s.b[0] & 0x3f));
    return s;
}

static enum rc add_one(struct store_txn *txn, const struct bench *b, unsigned long i)
{
    struct x509_serial serial = serial_of(i);
    bool revoked = i % REVOKED_EACH == 0;
    char der[800] = {0}, host[64];
    struct store_name name = {STORE_NAME_DNS, {host, 0}};
    struct store_certificate c = {
        .serial = x509_serial_bytes(&serial),
        .der = str_bytes(der, sizeof(der)),
        .issuer = b->issuer,
        .hierarchy = STR("intranet"),
        .not_before = NOW - WHEN_DAY,
        .not_after = NOW + 90 * WHEN_DAY,
        .names = &name,
        .n_names = 1,
        .origin = STR("bench"),
        .issued = NOW - WHEN_DAY + (when_t)i,
        .status = revoked ? STORE_CERTIFICATE_REVOKED : STORE_CERTIFICATE_VALID,
        .revoked = revoked ? NOW : 0,
        .revocation_reason = revoked ? X509_REASON_SUPERSEDED : 0,
    };
    struct store_revocation r = {.issuer = b->issuer,
                                 .shard = x509_serial_shard(&serial, SHARDS),
                                 .serial_n = serial.n,
                                 .revoked = NOW,
                                 .reason = X509_REASON_SUPERSEDED,
                                 .not_after = c.not_after};
    struct id none = {};

    TRY(id_new(&c.id));
    c.logical = c.id;
    name.value.n = (size_t)snprintf(host, sizeof(host), "host-%lu.hospital.example", i);
    memcpy(c.spki_sha256.b, serial.b, serial.n);
    memcpy(c.fingerprint.b, serial.b, serial.n);
    memcpy(r.serial, serial.b, serial.n);
    TRY(store_certificate_add(txn, &c, &none));
    return revoked ? store_revocation_add(txn, &r, NOW) : RC_OK;
}

static enum rc add_batch(struct store_txn *txn, void *arg)
{
    const struct bench *b = arg;

    for (unsigned long i = b->done; i < b->n && i < b->done + BATCH; i++)
        TRY(add_one(txn, b, i));
    return RC_OK;
}

static enum rc add_issuer(struct store_txn *txn, void *arg)
{
    const struct bench *b = arg;
    struct store_issuer issuer = {.id = b->issuer,
                                  .name = STR("ecdsa-1"),
                                  .hierarchy = STR("intranet"),
                                  .algorithm = STR("ecdsa"),
                                  .subject = STR("CN=Bench"),
                                  .certificate = buf_str(&b->root),
                                  .not_before = NOW,
                                  .not_after = NOW + 3650 * WHEN_DAY,
                                  .crl_shards = SHARDS,
                                  .created = NOW};

    TRY(store_issuer_add(txn, &issuer));
    return store_shards_make(txn, &b->issuer, SHARDS, NOW);
}

static enum rc make_issuer(struct bench *b)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf name = BUF_INIT(X509_NAME_MAX);
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    struct x509_tbs_in in = {
        .serial = {.n = 8, .b = {0x41}},
        .subject = {.common_name = STR("Bench")},
        .sig_alg = crypto_sig_default(b->key),
        .not_before = NOW - WHEN_DAY,
        .not_after = NOW + 3650 * WHEN_DAY,
        .spki = crypto_key_spki(b->key),
        .subject_key_id = true,
        .basic = X509_BASIC_CA,
        .pathlen = -1,
        .key_usage = X509_KU_CERT_SIGN | X509_KU_CRL_SIGN,
    };
    struct x509_cert cert;

    TRY(x509_name_build(&in.subject, &name));
    in.issuer = buf_str(&name);
    TRY(x509_tbs_build(&in, &tbs, NULL));
    TRY(x509_sign_tbs(b->key, buf_str(&tbs), &b->root));
    TRY(x509_cert_parse(&a, buf_str(&b->root), &cert, NULL));
    return x509_ocsp_issuer_of(&cert, &b->names);
}

/* ---- a shard's list: number, entries, bytes, signature, publication */

struct list {
    const struct bench *b;
    unsigned shard;
    uint64_t number;
    struct store_publication p;
};

static enum rc take_number(struct store_txn *txn, void *arg)
{
    struct list *l = arg;

    return store_crl_number(txn, &l->b->issuer, l->shard, &l->number);
}

static enum rc publish(struct store_txn *txn, void *arg)
{
    const struct list *l = arg;

    return store_crl_publish(txn, &l->p);
}

static enum rc sign_list(const struct bench *b, struct arena *a, const struct store_shard *shard,
                         uint64_t number, struct buf *der, size_t *out_n)
{
    struct store_crl_filter filter = {.expired_before = NOW};
    struct store_revocation *rows;
    struct x509_crl_entry *entries;
    struct x509_crl_in in = {.sig_alg = crypto_sig_default(b->key),
                             .issuer = STR("\x30\x00"),
                             .this_update = NOW,
                             .next_update = NOW + 7 * WHEN_DAY,
                             .number = number,
                             .url = STR("http://ca.hospital.example/crl/ecdsa-1/0.crl"),
                             .only_users = true};

    TRY(store_crl_entries(store_read(b->s), a, shard, &filter, &rows, out_n));
    entries = ARENA_ARRAY(a, struct x509_crl_entry, *out_n);
    if (!entries)
        return RC_NOMEM;
    for (size_t i = 0; i < *out_n; i++) {
        entries[i].serial.n = rows[i].serial_n;
        memcpy(entries[i].serial.b, rows[i].serial, rows[i].serial_n);
        entries[i].reason = (uint8_t)rows[i].reason;
        entries[i].revoked = rows[i].revoked;
    }
    in.entries = entries;
    in.n = *out_n;
    return x509_crl_sign(b->key, &in, der, NULL);
}

static enum rc one_list(const struct bench *b, unsigned shard, double *out_us, size_t *out_n,
                        size_t *out_bytes)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(64 << 20);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    struct list l = {.b = b, .shard = shard};
    double begin = clock_us(CLOCK_MONOTONIC);
    struct store_shard row;

    TRY(store_write_now(b->s, take_number, &l));
    TRY(store_shard_get(store_read(b->s), &b->issuer, shard, &row));
    TRY(sign_list(b, &a, &row, l.number, &der, out_n));
    l.p = (struct store_publication){.crl = {.issuer = b->issuer,
                                             .shard = shard,
                                             .number = l.number,
                                             .change = row.change,
                                             .this_update = NOW,
                                             .next_update = NOW + 7 * WHEN_DAY,
                                             .entries = *out_n,
                                             .der = buf_str(&der)},
                                     .due = NOW + WHEN_DAY};
    TRY(store_write_now(b->s, publish, &l));
    *out_us = clock_us(CLOCK_MONOTONIC) - begin;
    *out_bytes = der.n;
    return RC_OK;
}

/* ---- an answer: the register asked, and signed */

static enum rc one_answer(const struct bench *b, unsigned long i, double *out_look,
                          double *out_sign)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_MAX);
    struct x509_serial serial = serial_of(i);
    double begin = clock_us(CLOCK_MONOTONIC);
    struct store_status status;
    struct x509_ocsp_single single = {.this_update = NOW, .next_update = NOW + WHEN_DAY};
    struct x509_ocsp_in in = {.singles = &single,
                              .n = 1,
                              .produced = NOW,
                              .responder = buf_str(&b->root),
                              .key = b->responder};

    TRY(store_status_get(store_read(b->s), x509_serial_bytes(&serial), &status));
    *out_look = clock_us(CLOCK_MONOTONIC) - begin;
    begin += *out_look;
    single.id = x509_ocsp_id_of(&b->names, X509_OCSP_SHA1, &serial);
    if (status.revoked) {
        single.status = X509_OCSP_REVOKED;
        single.revoked = status.revoked;
        single.reason = (uint8_t)status.reason;
    }
    TRY(x509_ocsp_answer_build(&in, &der, NULL));
    *out_sign = clock_us(CLOCK_MONOTONIC) - begin;
    return RC_OK;
}

static enum rc measure(const struct bench *b, double filling)
{
    static double look[LOOKS], sign[LOOKS], lists[ROUNDS];
    size_t entries = 0, bytes = 0;

    for (unsigned i = 0; i < ROUNDS; i++)
        TRY(one_list(b, i % SHARDS, &lists[i], &entries, &bytes));
    for (unsigned i = 0; i < LOOKS; i++)
        TRY(one_answer(b, (unsigned long)i * 7919 % b->n, &look[i], &sign[i]));
    qsort(lists, ROUNDS, sizeof(lists[0]), by_value);
    printf("%9lu %8zu %9zu %10.1f %10.1f %12.1f %12.1f %10.1f\n", b->n, entries, bytes,
           lists[ROUNDS / 2] / 1e3, lists[ROUNDS - 1] / 1e3, median(look, LOOKS),
           median(sign, LOOKS), filling);
    fflush(stdout);
    return RC_OK;
}

static enum rc run(const char *dir, unsigned long n)
{
    struct store_options options = {
        .dir = dir, .now = NOW, .create = true, .sync = STORE_SYNC_FULL};
    struct bench b = {.n = n};
    double begin = clock_us(CLOCK_MONOTONIC);
    enum rc rc = id_new(&b.issuer);

    buf_init(&b.root, X509_CERT_MAX);
    if (rc == RC_OK)
        rc = crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &b.key);
    if (rc == RC_OK)
        rc = crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &b.responder);
    if (rc == RC_OK)
        rc = make_issuer(&b);
    if (rc == RC_OK)
        rc = store_open(&options, &b.s, NULL);
    if (rc == RC_OK)
        rc = store_write_now(b.s, add_issuer, &b);
    for (; rc == RC_OK && b.done < n; b.done += BATCH)
        rc = store_write_now(b.s, add_batch, &b);
    if (rc == RC_OK)
        rc = measure(&b, (clock_us(CLOCK_MONOTONIC) - begin) / 1e6);
    store_close(b.s);
    crypto_key_unref(b.key);
    crypto_key_unref(b.responder);
    buf_done(&b.root);
    return rc;
}

/* The files of a store. */
static void remove_all(const char *dir)
{
    static const char *const files[] = {"store.db", "store.db-wal", "store.db-shm"};
    char path[600];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        (void)unlink(path); /* not all are always there */
    }
    if (rmdir(dir) != 0)
        fprintf(stderr, "bench_revocation: %s is left\n", dir);
}

int main(int argc, char **argv)
{
    char dir[512];
    enum rc rc = crypto_init();

    if (argc < 3)
        return 64;
    printf("%9s %8s %9s %10s %10s %12s %12s %10s\n", "certs", "on list", "bytes", "list ms",
           "most ms", "look-up us", "signature us", "filled s");
    for (int i = 2; i < argc && rc == RC_OK; i++) {
        snprintf(dir, sizeof(dir), "%s/revocation.XXXXXX", argv[1]);
        if (!mkdtemp(dir))
            return 2;
        rc = run(dir, strtoul(argv[i], NULL, 10));
        remove_all(dir);
    }
    if (rc != RC_OK)
        fprintf(stderr, "bench_revocation: %s\n", rc_text(rc));
    return rc == RC_OK ? 0 : 2;
}
