/* SPDX-License-Identifier: Apache-2.0 */
/* The register in numbers: what the triggers count is what there is, whatever is written. */
#include "check.h"

#include "fixture.h"
#include "store/hours.h"
#include "store/prune.h"

#define DAY_OF(at) ((at) - (at) % WHEN_DAY)

/* A register made by dice that always fall the same. */
static uint64_t dice;

static uint64_t roll(uint64_t sides)
{
    dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (dice >> 33) % sides;
}

enum { ROWS = 60, COHORTS = 256 };
static struct id ids[ROWS];

struct one {
    when_t begins, life;
    bool staging;
    int replaces; /* a row; -1: none */
};

static enum rc add(struct store_txn *txn, size_t i, const struct one *what)
{
    unsigned char serial[] = {0x41, (unsigned char)(i >> 8), (unsigned char)i};
    struct store_certificate c = {
        .issuer = fix_id(3),
        .serial = str_bytes(serial, sizeof(serial)),
        .der = STR("not looked at"),
        .hierarchy = what->staging ? STR("staging") : STR("intranet"),
        .not_before = what->begins,
        .not_after = what->begins + what->life,
        .authority_key_id = STR("key"),
        .origin = STR("acme"),
        .issued = what->begins + WHEN_MINUTE,
    };

    TRY(id_new(&c.id));
    c.logical = c.id;
    if (what->replaces >= 0)
        c.replaces = ids[what->replaces];
    ids[i] = c.id;
    return store_certificate_add(txn, &c, &(struct id){});
}

static enum rc fill(struct store_txn *txn)
{
    dice = 7;
    for (size_t i = 0; i < ROWS; i++) {
        const struct one what = {
            .begins = FIX_NOW - (when_t)roll(40 * 24 * 60) * WHEN_MINUTE,
            .life = (when_t)(1 + roll(60 * 24)) * WHEN_HOUR + (when_t)roll(60) * WHEN_MINUTE,
            .staging = roll(5) == 0,
            .replaces = i && roll(3) == 0 ? (int)roll(i) : -1,
        };

        TRY(add(txn, i, &what));
        if (roll(4) == 0)
            TRY(store_certificate_revoke(txn, &ids[i], FIX_NOW, 4));
    }
    for (size_t i = 0; i < ROWS; i += 9)
        IGNORE_RC(store_certificate_revoke(txn, &ids[i], FIX_NOW, 4)); /* some are already */
    return store_certificate_tombstone(txn, &ids[1], FIX_NOW, &(struct store_hash){});
}

static enum rc truth(struct fix *f, const char *sql, when_t from, when_t before, int64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, READ(f), sql));
    stmt_int(&st, from);
    stmt_int(&st, before);
    TRY(stmt_next(&st));
    *out = sqlite3_column_int64(st.s, 0);
    return RC_OK;
}

static const struct {
    enum store_certificates what;
    enum store_staging staging;
    const char *sql;
} kinds[] = {
    {STORE_CERTIFICATES_ISSUED, STORE_STAGING_TOO,
     "SELECT COUNT(*) FROM certificates WHERE issued >= ? AND issued < ?"},
    {STORE_CERTIFICATES_ISSUED, STORE_STAGING_ONLY,
     "SELECT COUNT(*) FROM certificates WHERE issued >= ? AND issued < ?"
     " AND hierarchy = 'staging'"},
    {STORE_CERTIFICATES_ENDING, STORE_STAGING_NOT,
     "SELECT COUNT(*) FROM certificates WHERE not_after >= ? AND not_after < ?"
     " AND status = 'valid' AND hierarchy <> 'staging'"},
    {STORE_CERTIFICATES_ENDING, STORE_STAGING_ONLY,
     "SELECT COUNT(*) FROM certificates WHERE not_after >= ? AND not_after < ?"
     " AND status = 'valid' AND hierarchy = 'staging'"},
    {STORE_CERTIFICATES_RENEWALS, STORE_STAGING_NOT,
     "SELECT COUNT(*) FROM certificates WHERE issued >= ? AND issued < ?"
     " AND replaces IS NOT NULL AND hierarchy <> 'staging'"},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), DAYS = 30 };

static void check_kind(struct fix *f, size_t k, when_t from)
{
    uint64_t days[DAYS], n;
    int64_t want, all = 0;

    CHECK_OK(store_certificates_daily(READ(f), kinds[k].what, kinds[k].staging, from, DAYS, days));
    for (size_t i = 0; i < DAYS; i++) {
        when_t begin = from + (when_t)i * WHEN_DAY;

        CHECK_OK(truth(f, kinds[k].sql, begin, begin + WHEN_DAY, &want));
        CHECK_INT(days[i], want);
        all += want;
    }
    CHECK(all > 0);
    CHECK_OK(store_certificates_within(READ(f), kinds[k].what, kinds[k].staging, from,
                                       from + DAYS * WHEN_DAY, &n));
    CHECK_INT(n, all);
    CHECK_OK(truth(f, kinds[k].sql, from, WHEN_MAX, &want));
    CHECK_OK(
        store_certificates_within(READ(f), kinds[k].what, kinds[k].staging, from, WHEN_MAX, &n));
    CHECK_INT(n, want);
    CHECK_OK(truth(f, kinds[k].sql, 0, WHEN_MAX, &want));
    CHECK_OK(store_certificates_all(READ(f), kinds[k].what, kinds[k].staging, &n));
    CHECK_INT(n, want);
}

static void hours_are_the_register(void)
{
    CLEANUP(fix_done) struct fix f = {};
    uint64_t n;
    int64_t want;

    CHECK_OK(fix_base(&f));
    CHECK_OK(DO(&f, fill(T)));
    for (size_t k = 0; k < KINDS; k++)
        for (when_t part = 0; part < WHEN_HOUR; part += 17 * WHEN_MINUTE)
            check_kind(
                &f, k,
                (kinds[k].what == STORE_CERTIFICATES_ENDING ? FIX_NOW : FIX_NOW - DAYS * WHEN_DAY) +
                    part);
    CHECK_OK(truth(&f,
                   "SELECT COUNT(*) FROM certificates WHERE revoked >= ? AND revoked < ?"
                   " AND hierarchy <> 'staging'",
                   0, WHEN_MAX, &want));
    CHECK(want > 0);
    CHECK_OK(store_certificates_all(READ(&f), STORE_CERTIFICATES_REVOKED, STORE_STAGING_NOT, &n));
    CHECK_INT(n, want);
    CHECK_RC(store_certificates_within(READ(&f), STORE_CERTIFICATES_REVOKED, STORE_STAGING_NOT,
                                       FIX_NOW + 1, WHEN_MAX, &n),
             RC_INVAL);
    CHECK_OK(store_certificates_within(READ(&f), STORE_CERTIFICATES_ENDING, STORE_STAGING_NOT,
                                       FIX_NOW, FIX_NOW, &n));
    CHECK_INT(n, 0);
}

struct sums {
    uint64_t all, renewed, before;
    when_t last;
    struct fix *f;
};

/* Each is what the register has. */
static void check_cohort(void *arg, const struct store_cohort *c)
{
    struct sums *s = arg;
    CLEANUP(stmt_done) struct stmt st = {};

    CHECK(c->ends >= s->last);
    s->last = c->ends;
    s->all += c->n;
    s->renewed += c->renewed ? c->n : 0;
    CHECK_OK(stmt_open(&st, READ(s->f),
                       "SELECT COUNT(*) FROM certificates AS c WHERE not_before >= ?1"
                       " AND not_before < ?1 + ?3 AND not_after >= ?2 AND not_after < ?2 + ?3"
                       " AND status = 'valid' AND hierarchy <> 'staging' AND ?4 ="
                       " (SELECT COUNT(*) FROM certificates WHERE replaces = c.id) > 0"));
    stmt_int(&st, c->begins);
    stmt_int(&st, c->ends);
    stmt_int(&st, WHEN_DAY);
    stmt_int(&st, c->renewed);
    CHECK_OK(stmt_next(&st));
    CHECK_INT(sqlite3_column_int64(st.s, 0), c->n);
}

static void check_cohorts(struct fix *f)
{
    struct sums s = {.f = f};
    int64_t want;

    CHECK_OK(store_cohorts(READ(f), FIX_NOW, check_cohort, &s));
    CHECK_OK(truth(f,
                   "SELECT COUNT(*) FROM certificates WHERE not_after >= ? AND not_after < ?"
                   " AND status = 'valid' AND hierarchy <> 'staging'",
                   DAY_OF(FIX_NOW), WHEN_MAX, &want));
    CHECK_INT(s.all, want);
    CHECK(s.renewed > 0 && s.renewed < s.all);
}

static void cohorts_are_the_register(void)
{
    CLEANUP(fix_done) struct fix f = {};

    CHECK_OK(fix_base(&f));
    CHECK_OK(DO(&f, fill(T)));
    check_cohorts(&f);
}

/* As if the register were older than the counts: they are made anew from what is there. */
static enum rc migrate_again(struct store_txn *txn)
{
    static const char *const undo[] = {
        "DROP TRIGGER certificates_counted", "DROP TRIGGER certificates_revoked_counted",
        "DROP TABLE certificate_hours",      "DROP TABLE certificate_days",
        "DROP INDEX certificates_renewals",  "DROP INDEX certificates_replaces",
        "DROP INDEX orders_failed",
    };
    const struct store_migration *list;
    unsigned n;

    for (size_t i = 0; i < sizeof(undo) / sizeof(undo[0]); i++)
        TRY(sql_exec(txn->db, undo[i]));
    list = store_migrations(&n);
    while (n-- && strcmp(list[n].name, "the register in numbers") != 0)
        ;
    for (const char *const *sql = list[n].statements; *sql; sql++)
        TRY(sql_exec(txn->db, *sql));
    return RC_OK;
}

static void an_older_register_is_counted(void)
{
    CLEANUP(fix_done) struct fix f = {};

    CHECK_OK(fix_base(&f));
    CHECK_OK(DO(&f, fill(T)));
    CHECK_OK(DO(&f, migrate_again(T)));
    check_cohorts(&f);
    for (size_t k = 0; k < KINDS; k++)
        check_kind(&f, k,
                   kinds[k].what == STORE_CERTIFICATES_ENDING ? FIX_NOW + WHEN_MINUTE
                                                              : FIX_NOW - DAYS * WHEN_DAY + 1);
}

static void what_fails_counts_nothing(void)
{
    CLEANUP(fix_done) struct fix f = {};
    const struct one what = {.begins = FIX_NOW, .life = WHEN_DAY, .replaces = -1};
    uint64_t n;

    CHECK_OK(fix_base(&f));
    CHECK_OK(DO(&f, add(T, 1, &what)));
    CHECK_RC(DO(&f, add(T, 1, &what)), RC_EXISTS); /* the serial was used */
    CHECK_OK(store_certificates_all(READ(&f), STORE_CERTIFICATES_ISSUED, STORE_STAGING_NOT, &n));
    CHECK_INT(n, 1);
}

FIX_MAIN(CHECK_TEST_ONCE(hours_are_the_register), CHECK_TEST_ONCE(cohorts_are_the_register),
         CHECK_TEST_ONCE(an_older_register_is_counted), CHECK_TEST(what_fails_counts_nothing))
