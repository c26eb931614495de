/* SPDX-License-Identifier: Apache-2.0 */
#include "store/hours.h"

#include "store/certificates.h"
#include "store/sql_int.h"

enum { ZONES_ARENA = 64 * 1024 };

static const char *const names[STORE_HOUR_WHATS] = {
    [STORE_HOUR_VALIDATED] = "validated",
    [STORE_HOUR_FAILED] = "failed",
    [STORE_HOUR_DNS] = "dns",
    [STORE_HOUR_ISSUED] = "issued",
    [STORE_HOUR_NAMES] = "names",
    [STORE_HOUR_UNUSUAL] = "unusual",
    [STORE_HOUR_EVERYBODY] = "everybody",
};

/* The same in rows by zone. */
static const char *const by_zone[STORE_HOUR_WHATS] = {
    [STORE_HOUR_VALIDATED] = "validated/zone",
    [STORE_HOUR_FAILED] = "failed/zone",
    [STORE_HOUR_DNS] = "dns/zone",
    [STORE_HOUR_ISSUED] = "issued/zone",
    [STORE_HOUR_NAMES] = "names/zone",
    [STORE_HOUR_UNUSUAL] = "unusual/zone",
    [STORE_HOUR_EVERYBODY] = "everybody/zone",
};

enum rc store_hour_add(struct store_txn *txn, when_t hour, enum store_hour_what what, uint64_t n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO hours (hour, what, n) VALUES (?1, ?2, ?3)"
                  " ON CONFLICT (hour, what) DO UPDATE SET n = n + ?3"));
    stmt_int(&st, hour);
    stmt_z(&st, names[what]);
    stmt_int(&st, (int64_t)n);
    return stmt_run(&st);
}

/* One number; of no row, or of NULL, 0. */
static enum rc number(struct stmt *st, uint64_t *out)
{
    enum rc rc = stmt_next(st);
    struct row r = row_of(st, NULL);

    *out = 0;
    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    *out = (uint64_t)row_int(&r);
    return r.rc;
}

enum rc store_hour_get(struct store_txn *txn, when_t hour, enum store_hour_what what, uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT n FROM hours WHERE hour = ? AND what = ?"));
    stmt_int(&st, hour);
    stmt_z(&st, names[what]);
    return number(&st, out);
}

enum rc store_hour_sum(struct store_txn *txn, enum store_hour_what what, when_t from, when_t before,
                       uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT IFNULL(SUM(n), 0) FROM hours WHERE hour >= ? AND hour < ? AND what = ?"));
    stmt_int(&st, from);
    stmt_int(&st, before);
    stmt_z(&st, names[what]);
    return number(&st, out);
}

enum rc store_hour_most(struct store_txn *txn, enum store_hour_what what, when_t from,
                        when_t before, uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT IFNULL(MAX(n), 0) FROM hours AS h WHERE hour >= ? AND hour < ?"
                  " AND what = ? AND NOT EXISTS"
                  " (SELECT 1 FROM hours WHERE hour = h.hour AND what = 'unusual')"));
    stmt_int(&st, from);
    stmt_int(&st, before);
    stmt_z(&st, names[what]);
    return number(&st, out);
}

enum rc store_hour_first(struct store_txn *txn, when_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    uint64_t hour;

    TRY(stmt_open(&st, txn, "SELECT IFNULL(MIN(hour), 0) FROM hours"));
    TRY(number(&st, &hour));
    *out = (when_t)hour;
    return RC_OK;
}

enum rc store_hour_unusual(struct store_txn *txn, when_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    uint64_t hour;

    TRY(stmt_open(&st, txn, "SELECT IFNULL(MAX(hour), 0) FROM hours WHERE what = 'unusual'"));
    TRY(number(&st, &hour));
    *out = (when_t)hour;
    return RC_OK;
}

static enum rc forget(struct store_txn *txn, const char *sql, when_t before)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, sql));
    stmt_int(&st, before);
    return stmt_run(&st);
}

enum rc store_hours_prune(struct store_txn *txn, when_t before, when_t accounts_before)
{
    TRY(forget(txn, "DELETE FROM hours WHERE hour < ?", before));
    return forget(txn, "DELETE FROM hour_accounts WHERE hour < ?", accounts_before);
}

/* ---- what of it one account did */

static enum rc add_part(struct store_txn *txn, when_t hour, const char *what, struct str whose,
                        uint64_t n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO hour_accounts (hour, what, account, n) VALUES (?1, ?2, ?3, ?4)"
                  " ON CONFLICT (hour, what, account) DO UPDATE SET n = n + ?4"));
    stmt_int(&st, hour);
    stmt_z(&st, what);
    stmt_text(&st, whose, STORE_TEXT_MAX);
    stmt_int(&st, (int64_t)n);
    return stmt_run(&st);
}

enum rc store_hour_account_add(struct store_txn *txn, when_t hour, enum store_hour_what what,
                               const struct store_hour_account *a)
{
    return add_part(txn, hour, names[what], id_str(&a->account), a->n);
}

enum rc store_hour_zone_add(struct store_txn *txn, when_t hour, enum store_hour_what what,
                            struct str zone, uint64_t n)
{
    return add_part(txn, hour, by_zone[what], zone, n);
}

/* Those that were not told of, the most first. */
static enum rc open_parts(struct stmt *st, struct store_txn *txn, when_t hour, const char *what,
                          size_t max)
{
    TRY(stmt_open(st, txn,
                  "SELECT account, n FROM hour_accounts WHERE hour = ? AND what = ? AND told = 0"
                  " ORDER BY n DESC, account LIMIT ?"));
    stmt_int(st, hour);
    stmt_z(st, what);
    stmt_int(st, (int64_t)max);
    return RC_OK;
}

enum rc store_hour_zones(struct store_txn *txn, when_t hour, enum store_hour_what what,
                         struct store_hour_zone *out, size_t max, size_t *out_n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ZONES_ARENA);
    CLEANUP(stmt_done) struct stmt st = {};
    size_t n = 0;
    enum rc rc;

    TRY(open_parts(&st, txn, hour, by_zone[what], max));
    for (rc = stmt_next(&st); rc == RC_OK && n < max; rc = stmt_next(&st), n++) {
        struct row r = row_of(&st, &a);
        struct str zone = row_str(&r);

        out[n].n = (uint64_t)row_int(&r);
        TRY(r.rc);
        TRY(str_copyz(zone, out[n].zone, sizeof(out[n].zone)));
    }
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_hour_accounts(struct store_txn *txn, when_t hour, enum store_hour_what what,
                            struct store_hour_account *out, size_t max, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    size_t n = 0;
    enum rc rc;

    TRY(open_parts(&st, txn, hour, names[what], max));
    for (rc = stmt_next(&st); rc == RC_OK && n < max; rc = stmt_next(&st), n++) {
        struct row r = row_of(&st, NULL);

        out[n].account = row_id(&r);
        out[n].n = (uint64_t)row_int(&r);
        TRY(r.rc);
    }
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc part_told(struct store_txn *txn, when_t hour, const char *what, struct str whose)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE hour_accounts SET told = 1 WHERE hour = ? AND what = ? AND account = ?"));
    stmt_int(&st, hour);
    stmt_z(&st, what);
    stmt_text(&st, whose, STORE_TEXT_MAX);
    return stmt_run(&st);
}

enum rc store_hour_account_told(struct store_txn *txn, when_t hour, enum store_hour_what what,
                                const struct id *account)
{
    return part_told(txn, hour, names[what], id_str(account));
}

enum rc store_hour_zone_told(struct store_txn *txn, when_t hour, enum store_hour_what what,
                             struct str zone)
{
    return part_told(txn, hour, by_zone[what], zone);
}

enum rc store_hour_told(struct store_txn *txn, when_t hour, enum store_hour_what what,
                        uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT IFNULL(SUM(n), 0) FROM hour_accounts WHERE hour = ? AND what IN (?, ?)"
                  " AND told = 1"));
    stmt_int(&st, hour);
    stmt_z(&st, names[what]);
    stmt_z(&st, by_zone[what]);
    return number(&st, out);
}

/* ---- certificates */

static const char *const certificates[STORE_CERTIFICATES_WHATS] = {
    [STORE_CERTIFICATES_ISSUED] = "issued",
    [STORE_CERTIFICATES_ENDING] = "ends",
    [STORE_CERTIFICATES_RENEWALS] = "renewals",
    [STORE_CERTIFICATES_REVOKED] = "revoked",
};

/* IN and not BETWEEN: only behind equals is `hour` looked up. */
static enum rc whole_hours(struct store_txn *txn, enum store_certificates what,
                           enum store_staging staging, when_t from, when_t before, uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT IFNULL(SUM(n), 0) FROM certificate_hours WHERE what = ?"
                  " AND staging IN (?, ?) AND hour >= ? AND hour < ?"));
    stmt_z(&st, certificates[what]);
    stmt_int(&st, staging == STORE_STAGING_ONLY);
    stmt_int(&st, staging != STORE_STAGING_NOT);
    stmt_int(&st, from);
    stmt_int(&st, before);
    return number(&st, out);
}

enum rc store_certificates_all(struct store_txn *txn, enum store_certificates what,
                               enum store_staging staging, uint64_t *out)
{
    return whole_hours(txn, what, staging, INT64_MIN, INT64_MAX, out);
}

/* Each by an index that covers it, but for those issued of one kind alone. */
static enum rc look_at(struct store_txn *txn, enum store_certificates what,
                       enum store_staging staging, when_t from, when_t before, uint64_t *out)
{
    static const char all[] = "SELECT COUNT(*) FROM certificates WHERE issued >= ? AND issued < ?";
    static const char some[] = "SELECT COUNT(*) FROM certificates WHERE issued >= ? AND issued < ?"
                               " AND (hierarchy = 'staging') = ?";
    static const char renewals[] =
        "SELECT COUNT(*) FROM certificates WHERE issued >= ? AND issued < ?"
        " AND (hierarchy = 'staging') BETWEEN ? AND ? AND replaces IS NOT NULL";
    CLEANUP(stmt_done) struct stmt st = {};
    bool both = staging == STORE_STAGING_TOO;

    if (what == STORE_CERTIFICATES_ENDING)
        return store_certificate_count(
            txn,
            &(struct store_certificate_filter){.statuses = 1u << STORE_CERTIFICATE_VALID,
                                               .staging = staging,
                                               .not_after_from = from,
                                               .not_after_before = before},
            out);
    if (what == STORE_CERTIFICATES_REVOKED)
        return RC_INVAL;
    TRY(stmt_open(&st, txn, what == STORE_CERTIFICATES_RENEWALS ? renewals : both ? all : some));
    stmt_int(&st, from);
    stmt_int(&st, before);
    if (what == STORE_CERTIFICATES_RENEWALS || !both)
        stmt_int(&st, staging == STORE_STAGING_ONLY);
    if (what == STORE_CERTIFICATES_RENEWALS)
        stmt_int(&st, staging != STORE_STAGING_NOT);
    return number(&st, out);
}

/* Of the hour that `at` is in, what is before it. */
static enum rc begun(struct store_txn *txn, enum store_certificates what,
                     enum store_staging staging, when_t at, uint64_t *out)
{
    when_t hour = store_hour_of(at);

    *out = 0;
    return at == hour || at >= WHEN_MAX ? RC_OK : look_at(txn, what, staging, hour, at, out);
}

enum rc store_certificates_within(struct store_txn *txn, enum store_certificates what,
                                  enum store_staging staging, when_t from, when_t before,
                                  uint64_t *out)
{
    when_t end = before >= WHEN_MAX ? INT64_MAX : store_hour_of(before);
    uint64_t hours, first, last;

    *out = 0;
    if (before <= from)
        return RC_OK;
    TRY(begun(txn, what, staging, from, &first));
    TRY(begun(txn, what, staging, before, &last));
    TRY(whole_hours(txn, what, staging, store_hour_of(from), end, &hours));
    *out = hours + last - first;
    return RC_OK;
}

enum rc store_certificates_daily(struct store_txn *txn, enum store_certificates what,
                                 enum store_staging staging, when_t from, size_t n, uint64_t *out)
{
    uint64_t first, last;

    TRY(begun(txn, what, staging, from, &first));
    for (size_t i = 0; i < n; i++, first = last) {
        when_t begin = from + (when_t)i * WHEN_DAY, end = begin + WHEN_DAY;

        TRY(begun(txn, what, staging, end, &last));
        TRY(whole_hours(txn, what, staging, store_hour_of(begin), store_hour_of(end), &out[i]));
        out[i] += last - first;
    }
    return RC_OK;
}

enum rc store_cohorts(struct store_txn *txn, when_t now,
                      void (*fn)(void *arg, const struct store_cohort *cohort), void *arg)
{
    CLEANUP(stmt_done) struct stmt st = {};
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT begins, ends, renewed, n FROM certificate_days WHERE ends >= ? AND n > 0"
                  " ORDER BY ends, begins, renewed LIMIT ?"));
    stmt_int(&st, now - now % WHEN_DAY);
    stmt_int(&st, STORE_COHORTS_MAX);
    for (rc = stmt_next(&st); rc == RC_OK; rc = stmt_next(&st)) {
        struct row r = row_of(&st, NULL);
        struct store_cohort c = {};

        c.begins = row_int(&r);
        c.ends = row_int(&r);
        c.renewed = row_int(&r) != 0;
        c.n = (uint64_t)row_int(&r);
        TRY(r.rc);
        fn(arg, &c);
    }
    return rc == RC_NOTFOUND ? RC_OK : rc;
}
