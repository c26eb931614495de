/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit: what the store's writer does per second on a real disk, with one, a few and many
 * askers who each wait for their answer before they ask again. Usage: bench_store [DIRECTORY]
 * A job is a new order as the ACME server commits it: authorization, challenge, order, name, audit
 * event. synchronous=FULL; the calls of fdatasync are counted where they are made. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"
#include "store/accounts.h"
#include "store/authorizations.h"
#include "store/orders.h"
#include "store/store.h"

enum { ASKERS_MAX = 256, SAMPLES_MAX = 400000, SECONDS = 3 };

#define NOW (INT64_C(1'763'000'000) * WHEN_SECOND)

static atomic_ulong syncs;

/* In place of libc's, for SQLite as well: the program's symbols come first. */
int fdatasync(int fildes) /* NOLINT(readability-redundant-declaration): it takes libc's place */
{
    atomic_fetch_add(&syncs, 1);
    return (int)syscall(SYS_fdatasync, fildes);
}

struct bench {
    struct store *s;
    pthread_mutex_t lock;
    pthread_cond_t rung;
    bool bell;
    struct id account;
    int64_t end;
    size_t n;
    uint32_t *samples; /* microseconds */
};

struct asker {
    struct bench *b;
    struct id order, authorization, challenge;
    int64_t asked;
};

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static void ring(void *arg)
{
    struct bench *b = arg;

    pthread_mutex_lock(&b->lock);
    b->bell = true;
    pthread_cond_signal(&b->rung);
    pthread_mutex_unlock(&b->lock);
}

static enum rc new_order(struct store_txn *txn, void *arg)
{
    const struct asker *a = arg;
    struct store_challenge challenge = {
        .id = a->challenge, .type = STR("http-01"), .token = STR("DGyRejmCefe7v4NfDGDKfA")};
    struct store_authorization authz = {.id = a->authorization,
                                        .account = a->b->account,
                                        .name = {STORE_NAME_DNS, STR("wiki.hospital.example")},
                                        .expires = a->asked + WHEN_DAY,
                                        .created = a->asked,
                                        .challenges = &challenge,
                                        .n_challenges = 1};
    struct store_order_name name = {authz.name, authz.id};
    struct store_order order = {.id = a->order,
                                .account = a->b->account,
                                .expires = a->asked + WHEN_DAY,
                                .names = &name,
                                .n_names = 1,
                                .created = a->asked};
    struct audit_event event = {.at = NOW,
                                .actor_kind = AUDIT_ACCOUNT,
                                .actor = id_str(&a->b->account),
                                .action = "order.created",
                                .object_kind = "order",
                                .object = id_str(&a->order),
                                .detail = STR("{\"names\":[\"wiki.hospital.example\"]}")};

    TRY(store_authorization_add(txn, &authz));
    TRY(store_order_add(txn, &order));
    return audit_append(txn, &event, NULL);
}

static void ask(struct asker *a);

static void answered(enum rc rc, void *arg)
{
    struct asker *a = arg;
    int64_t now = now_us();

    if (rc != RC_OK) {
        fprintf(stderr, "bench_store: %s\n", rc_text(rc));
        exit(2);
    }
    if (a->b->n < SAMPLES_MAX)
        a->b->samples[a->b->n++] = (uint32_t)(now - a->asked);
    if (now < a->b->end)
        ask(a);
}

static void ask(struct asker *a)
{
    a->asked = now_us();
    if (id_new(&a->order) != RC_OK || id_new(&a->authorization) != RC_OK ||
        id_new(&a->challenge) != RC_OK || store_write(a->b->s, new_order, answered, a) != RC_OK)
        exit(2);
}

/* Bytes handed to the kernel by this process so far. */
static double written(void)
{
    unsigned long long n = 0;
    char line[64];
    FILE *file = fopen("/proc/self/io", "r");

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "wchar: ", 7) == 0)
            n = strtoull(line + 7, NULL, 10);
    if (file)
        fclose(file);
    return (double)n;
}

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* In milliseconds, of samples in order. */
static double percentile(const struct bench *b, size_t percent)
{
    size_t at = b->n * percent / 100;

    return b->samples[at] / 1e3;
}

static void measure(struct bench *b, unsigned askers)
{
    static struct asker list[ASKERS_MAX];
    struct store_stats before, after;
    unsigned long syncs_before = atomic_load(&syncs);
    int64_t begin = now_us();
    double seconds, commits, bytes = written(), cpu = cpu_us();

    store_stats(b->s, &before);
    b->n = 0;
    b->end = begin + SECONDS * 1000000LL;
    for (unsigned i = 0; i < askers; i++) {
        list[i].b = b;
        ask(&list[i]);
    }
    while (store_pending(b->s)) {
        pthread_mutex_lock(&b->lock);
        while (!b->bell)
            pthread_cond_wait(&b->rung, &b->lock);
        b->bell = false;
        pthread_mutex_unlock(&b->lock);
        (void)store_collect(b->s);
    }
    seconds = (double)(now_us() - begin) / 1e6;
    store_stats(b->s, &after);
    commits = (double)(after.commits - before.commits);
    qsort(b->samples, b->n, sizeof(b->samples[0]), by_value);
    printf("%7u %9.0f %10.0f %11.2f %10.3f %8.1f %10.0f %8.2f %8.2f\n", askers,
           (double)b->n / seconds, commits / seconds, (double)b->n / commits,
           (double)(atomic_load(&syncs) - syncs_before) / (double)b->n,
           (written() - bytes) / 1024 / (double)b->n, (cpu_us() - cpu) / (double)b->n,
           percentile(b, 50), percentile(b, 99));
}

static enum rc add_account(struct store_txn *txn, void *arg)
{
    struct bench *b = arg;
    struct store_account account = {
        .id = b->account, .jwk = STR("{\"kty\":\"EC\"}"), .created = NOW};

    return store_account_add(txn, &account);
}

/* What the disk alone does: a small write and fdatasync, again and again. */
static double syncs_per_second(const char *dir)
{
    char path[512], bytes[4096] = {1};
    int64_t begin, end;
    unsigned n = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/probe", dir);
    file = fopen(path, "wb");
    if (!file)
        return 0;
    begin = now_us();
    do {
        fwrite(bytes, 1, sizeof(bytes), file);
        fflush(file);
        fdatasync(fileno(file));
        end = now_us();
    } while (++n < 100000 && end - begin < 1000000);
    fclose(file);
    unlink(path);
    return n * 1e6 / (double)(end - begin);
}

int main(int argc, char **argv)
{
    static const unsigned askers[] = {1, 8, 64, 256};
    struct bench b = {.lock = PTHREAD_MUTEX_INITIALIZER, .rung = PTHREAD_COND_INITIALIZER};
    struct err err = ERR_INIT;
    char dir[256], text[512];
    struct store_options o = {
        .dir = dir, .now = NOW, .create = true, .thread = true, .wake = ring, .wake_arg = &b};

    (void)snprintf(dir, sizeof(dir), "%s/autarky-bench-XXXXXX", argc > 1 ? argv[1] : "/var/tmp");
    b.samples = mem_calloc(SAMPLES_MAX, sizeof(b.samples[0]));
    if (!b.samples || !mkdtemp(dir) || id_new(&b.account) != RC_OK)
        return 2;
    printf("disk: %.0f fdatasync/s of 4 KiB appended\n", syncs_per_second(dir));
    if (store_open(&o, &b.s, &err) != RC_OK || store_write_now(b.s, add_account, &b) != RC_OK) {
        fprintf(stderr, "bench_store: %s\n", err_textz(&err, text, sizeof(text)));
        return 2;
    }
    printf(" askers    jobs/s  commits/s jobs/commit  syncs/job  KiB/job CPU us/job   p50 ms   p99 "
           "ms\n");
    for (size_t i = 0; i < sizeof(askers) / sizeof(askers[0]); i++)
        measure(&b, askers[i]);
    store_close(b.s);
    mem_free(b.samples);
    (void)snprintf(text, sizeof(text), "%s/store.db", dir);
    (void)unlink(text);
    (void)rmdir(dir);
    return 0;
}
