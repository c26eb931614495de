/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the register of an installation as large as years make it, through the store's own code:
 * certificates issued over the last LIFE days, renewed after two thirds of their life, of which one
 * in FORGOTTEN was not; the newest are of orders, and as many orders failed; and authorizations
 * that came and were pruned again, so that the ids of rows have gone on. The server must not run.
 * Usage: bench_register DIRECTORY CERTIFICATES AUTHORIZATIONS */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/accounts.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/issuers.h"
#include "store/orders.h"
#include "store/prune.h"
#include "store/store.h"

enum {
    LIFE = 90,
    FORGOTTEN = 200,
    ORDERS = 1000,
    BATCH = 5000,
    DER_BYTES = 800,
    SERIAL_BYTES = 16,
    STEP = 1000
};

struct bench {
    struct store *s;
    struct id account, issuer, authz;
    struct id *certificates;
    struct arena arena;
    when_t now;
    unsigned long done, n;
    int64_t at;          /* the row up to which authorizations are gone */
    unsigned long alive; /* of ours, behind it */
};

static void spread(unsigned long i, unsigned char *out, size_t n)
{
    uint64_t x = i;

    for (size_t k = 0; k < n; k++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[k] = (unsigned char)(x >> 56);
    }
}

static struct store_order order_of(const struct bench *b, when_t created,
                                   struct store_order_name *name)
{
    *name = (struct store_order_name){.name = {STORE_NAME_DNS, STR("old.hospital.example")},
                                      .authorization = b->authz};
    return (struct store_order){.account = b->account,
                                .expires = b->now + WHEN_DAY,
                                .names = name,
                                .n_names = 1,
                                .created = created};
}

/* Of one of the newest certificates; and one beside it that failed. */
static enum rc add_orders(struct store_txn *txn, const struct bench *b, when_t issued,
                          struct id *out)
{
    struct store_order_name name;
    struct store_order order = order_of(b, issued - 3 * WHEN_SECOND, &name);

    TRY(id_new(&order.id));
    TRY(store_order_add(txn, &order));
    *out = order.id;
    TRY(id_new(&order.id));
    TRY(store_order_add(txn, &order));
    return store_order_fail(txn, &order.id, STORE_ORDER_PENDING,
                            STR("{\"type\":\"urn:ietf:params:acme:error:connection\"}"));
}

static enum rc add_certificate(struct store_txn *txn, struct bench *b, unsigned long i)
{
    /* The first LIFE days ago, the last just now. */
    when_t issued = b->now - LIFE * WHEN_DAY / (when_t)b->n * (when_t)(b->n - i);
    unsigned long cycle = b->n / 3 * 2;
    bool renews = i >= cycle && i % FORGOTTEN;
    unsigned char serial[SERIAL_BYTES], der[DER_BYTES];
    char host[64];
    struct store_name name = {STORE_NAME_DNS, {host, 0}};
    struct store_certificate c = {
        .serial = str_bytes(serial, sizeof(serial)),
        .der = str_bytes(der, sizeof(der)),
        .issuer = b->issuer,
        .hierarchy = STR("intranet"),
        .not_before = issued,
        .not_after = issued + LIFE * WHEN_DAY,
        .names = &name,
        .n_names = 1,
        .account = b->account,
        .origin = STR("bench"),
        .issued = issued,
        .status = STORE_CERTIFICATE_VALID,
    };
    struct id none = {};

    TRY(id_new(&c.id));
    b->certificates[i] = c.id;
    c.logical = renews ? b->certificates[i - cycle] : c.id;
    if (renews)
        c.replaces = c.logical;
    if (i + ORDERS >= b->n)
        TRY(add_orders(txn, b, issued, &c.order));
    name.value.n =
        (size_t)snprintf(host, sizeof(host), "old-%lu.hospital.example", renews ? i - cycle : i);
    spread(i, serial, sizeof(serial));
    serial[0] = (unsigned char)(0x20 | (serial[0] & 0x1f));
    spread(i + 1, der, sizeof(der));
    spread(i + 2, c.spki_sha256.b, sizeof(c.spki_sha256.b));
    spread(i + 3, c.fingerprint.b, sizeof(c.fingerprint.b));
    return store_certificate_add(txn, &c, &none);
}

static enum rc add_certificates(struct store_txn *txn, void *arg)
{
    struct bench *b = arg;

    for (unsigned long i = b->done; i < b->n && i < b->done + BATCH; i++)
        TRY(add_certificate(txn, b, i));
    return RC_OK;
}

static enum rc add_authorization(struct store_txn *txn, const struct bench *b, unsigned long i)
{
    char host[64];
    struct store_challenge challenge = {.type = STR("http-01"),
                                        .token = STR("DGyRejmCefe7v4NfDGDKfA")};
    struct store_authorization authz = {
        .account = b->account,
        .name = {STORE_NAME_DNS, {host, 0}},
        .expires = b->now - 40 * WHEN_DAY,
        .created = b->now - 80 * WHEN_DAY,
        .challenges = &challenge,
        .n_challenges = 1,
    };

    TRY(id_new(&authz.id));
    TRY(id_new(&challenge.id));
    authz.name.value.n = (size_t)snprintf(host, sizeof(host), "gone-%lu.hospital.example", i);
    return store_authorization_add(txn, &authz);
}

/* All but the newest, as a sweep leaves them: the next row gets a number of its own. */
static enum rc prune(struct store_txn *txn, struct bench *b)
{
    struct store_prune p = {
        .before = b->now - 30 * WHEN_DAY, .young = b->now - 30 * WHEN_DAY, .at = b->at};

    while (b->alive > 1) {
        p.limit = b->alive - 1 < STEP ? (unsigned)b->alive - 1 : STEP;
        TRY(store_prune_authorizations(txn, &p));
        b->alive -= p.limit;
    }
    b->at = p.at;
    return RC_OK;
}

/* What the server has made stays. */
static enum rc pass_others(struct store_txn *txn, void *arg)
{
    struct bench *b = arg;
    struct store_prune p = {.before = INT64_MIN, .young = INT64_MAX, .limit = STEP};

    while (!p.end)
        TRY(store_prune_authorizations(txn, &p));
    b->at = p.at;
    return RC_OK;
}

static enum rc pass_authorizations(struct store_txn *txn, void *arg)
{
    struct bench *b = arg;

    for (unsigned long i = b->done; i < b->n && i < b->done + BATCH; i++)
        TRY(add_authorization(txn, b, i));
    b->alive += b->n - b->done < BATCH ? b->n - b->done : BATCH;
    return prune(txn, b);
}

static enum rc add_account(struct store_txn *txn, void *arg)
{
    const struct bench *b = arg;
    struct store_authorization authz = {.id = b->authz,
                                        .account = b->account,
                                        .name = {STORE_NAME_DNS, STR("old.hospital.example")},
                                        .expires = b->now + WHEN_DAY,
                                        .created = b->now};
    struct store_account account = {.id = b->account,
                                    .status = STORE_ACCOUNT_VALID,
                                    .jwk = STR("{\"bench\":true}"),
                                    .terms_at = b->now,
                                    .created = b->now};

    spread((unsigned long)b->now, account.thumbprint.b, sizeof(account.thumbprint.b));
    TRY(store_account_add(txn, &account));
    return store_authorization_add(txn, &authz);
}

static enum rc find_issuer(struct bench *b)
{
    struct store_issuer *list;
    size_t n;

    TRY(store_issuer_list(store_read(b->s), &b->arena, 0, &list, &n));
    if (n == 0)
        return RC_NOTFOUND;
    b->issuer = list[n - 1].id;
    return RC_OK;
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum rc fill(struct bench *b, const char *what, unsigned long n,
                    enum rc (*job)(struct store_txn *txn, void *arg))
{
    double begin = seconds();
    enum rc rc = RC_OK;

    b->n = n;
    for (b->done = 0; rc == RC_OK && b->done < n; b->done += BATCH)
        rc = store_write_now(b->s, job, b);
    printf("  %lu %s in %.0f s\n", n, what, seconds() - begin);
    fflush(stdout);
    return rc;
}

static enum rc run(struct bench *b, const char *dir, unsigned long certs, unsigned long authzs)
{
    /* What a power failure leaves of a register that a benchmark made is nobody's loss. */
    struct store_options options = {.dir = dir, .now = b->now, .sync = STORE_SYNC_OFF};

    TRY(store_open(&options, &b->s, NULL));
    TRY(id_new(&b->account));
    TRY(id_new(&b->authz));
    TRY(find_issuer(b));
    TRY(store_write_now(b->s, add_account, b));
    TRY(store_write_now(b->s, pass_others, b));
    TRY(fill(b, "certificates", certs, add_certificates));
    return fill(b, "authorizations added and pruned", authzs, pass_authorizations);
}

int main(int argc, char **argv)
{
    struct timespec t;
    struct bench b = {.at = 0};
    enum rc rc;

    if (argc != 4)
        return 64;
    clock_gettime(CLOCK_REALTIME, &t);
    b.now = (when_t)t.tv_sec * WHEN_SECOND;
    arena_init(&b.arena, 512 << 20);
    b.certificates = ARENA_ARRAY(&b.arena, struct id, strtoul(argv[2], NULL, 10) + 1);
    if (!b.certificates)
        return 2;
    rc = run(&b, argv[1], strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
    store_close(b.s);
    arena_done(&b.arena);
    if (rc != RC_OK)
        fprintf(stderr, "bench_register: %s\n", rc_text(rc));
    return rc == RC_OK ? 0 : 2;
}
