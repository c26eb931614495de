/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit log costs: CPU for one event appended, for its part of folding and of the heads,
 * and for an export of all of them verified. Usage: bench_audit [RECORDS [DIRECTORY]]
 * Events are as an order makes them; a head is signed after each HEAD_EVERY. Jobs hold many events,
 * so that commits, which an order has anyway, do not count. Lines: name, value, unit. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/export.h"
#include "audit/log.h"
#include "audit/verify.h"
#include "base/fd.h"
#include "crypto/crypto.h"
#include "store/store.h"

enum { HEAD_EVERY = 1000 };

#define NOW (INT64_C(1'763'000'000) * WHEN_SECOND)
#define ORIGIN "hospital.example/audit/1"
#define OR_END(call)                                                                               \
    do {                                                                                           \
        enum rc rc_ = (call);                                                                      \
                                                                                                   \
        if (rc_ != RC_OK) {                                                                        \
            fprintf(stderr, "bench_audit: %s: %s\n", #call, rc_text(rc_));                         \
            exit(2);                                                                               \
        }                                                                                          \
    } while (0)

struct bench {
    struct store *s;
    struct id account, order;
    struct crypto_key *key;
    struct tree_head last;
    unsigned long from; /* of this job */
};

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static enum rc append(struct store_txn *txn, void *arg)
{
    const struct bench *b = arg;
    struct audit_event e = {.at = NOW,
                            .actor_kind = AUDIT_ACCOUNT,
                            .actor = id_str(&b->account),
                            .action = "order.created",
                            .object_kind = "order",
                            .object = id_str(&b->order),
                            .request = id_str(&b->order),
                            .detail = STR("{\"names\":[\"wiki.hospital.example\"],\"profile\":"
                                          "\"default\",\"rules\":\"everything-inside\"}")};

    TRY(addr_parse(STR("10.20.3.4"), &e.address));
    for (unsigned i = 0; i < HEAD_EVERY; i++) {
        e.at = NOW + (int64_t)(b->from + i);
        TRY(audit_append(txn, &e, NULL));
    }
    return RC_OK;
}

/* As core and signer do it, in one. */
static enum rc sign(struct store_txn *txn, void *arg)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(NOTE_MAX);
    struct bench *b = arg;
    struct audit_step step;
    struct note note;
    bool more = true;

    while (more)
        TRY(audit_log_fold(txn, &more));
    TRY(audit_log_step(txn, &b->last, &step));
    TRY(tree_check(&step.from, &step.to, step.proof.hash, step.proof.n));
    TRY(note_sign(STR(ORIGIN), &step.to, NOW + (int64_t)step.to.size, b->key, &text));
    TRY(note_parse(buf_str(&text), &note, NULL));
    b->last = step.to;
    return audit_log_keep(txn, &note, buf_str(&text));
}

static void grow(struct bench *b, unsigned long records)
{
    double appended = 0, signing = 0, begin;

    for (b->from = 0; b->from < records; b->from += HEAD_EVERY) {
        begin = cpu_us();
        OR_END(store_write_now(b->s, append, b));
        appended += cpu_us() - begin;
        begin = cpu_us();
        OR_END(store_write_now(b->s, sign, b));
        signing += cpu_us() - begin;
    }
    printf("append\t%.2f\tus an event\n", appended / (double)records);
    printf("heads\t%.2f\tus an event, with one after %d\n", signing / (double)records, HEAD_EVERY);
}

static void check(struct bench *b, const char *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(NOTE_KEY_MAX);
    CLEANUP(note_key_done) struct note_key key = {};
    CLEANUP(fd_closep) int dir = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct audit_verify ask = {
        .dir = dir, .name = out, .keys = &key, .n_keys = 1, .heads = -1, .heads_name = ""};
    struct audit_verdict verdict;
    struct audit_exported done;
    struct store_txn *txn;
    double begin = cpu_us();

    OR_END(store_read_begin(b->s, &txn));
    OR_END(audit_export(txn, dir, out, &done, NULL));
    store_read_end(txn);
    printf("export\t%.2f\ts\n", (cpu_us() - begin) / 1e6);
    OR_END(note_key_put(STR(ORIGIN), NOTE_ED25519, b->key, &text));
    OR_END(note_key_parse(buf_str(&text), &key, NULL));
    begin = cpu_us();
    OR_END(audit_verify(&ask, &verdict, NULL));
    printf("verify\t%.2f\ts\n", (cpu_us() - begin) / 1e6);
    if (!audit_verdict_good(&verdict) || verdict.covered != done.records) {
        fprintf(stderr, "bench_audit: the export does not hold\n");
        exit(2);
    }
    for (uint64_t first = 1; first <= done.records; first += AUDIT_BUNDLE) {
        char name[AUDIT_FILE_NAME];

        audit_bundle_name(first, name);
        (void)unlinkat(dir, name, 0);
    }
    (void)unlinkat(dir, AUDIT_HEADS_FILE, 0);
    (void)unlinkat(dir, AUDIT_FRONTIERS_FILE, 0);
}

int main(int argc, char **argv)
{
    unsigned long records = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    struct bench b = {.s = NULL};
    char dir[256], out[256], file[300];
    struct store_options o = {.dir = dir, .now = NOW, .create = true};

    (void)snprintf(dir, sizeof(dir), "%s/bench-audit-XXXXXX", argc > 2 ? argv[2] : "/var/tmp");
    (void)snprintf(out, sizeof(out), "%s/bench-out-XXXXXX", argc > 2 ? argv[2] : "/var/tmp");
    if (records == 0 || records % HEAD_EVERY || !mkdtemp(dir) || !mkdtemp(out))
        return 64;
    OR_END(crypto_init());
    OR_END(id_new(&b.account));
    OR_END(id_new(&b.order));
    OR_END(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_ED25519, 0}, &b.key));
    OR_END(store_open(&o, &b.s, NULL));
    grow(&b, records);
    check(&b, out);
    store_close(b.s);
    crypto_key_unref(b.key);
    (void)snprintf(file, sizeof(file), "%s/store.db", dir);
    (void)unlink(file);
    (void)rmdir(dir);
    (void)rmdir(out);
    return 0;
}
