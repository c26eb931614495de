/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "fixture.h"

static const char *const step1[] = {
    "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " applied INTEGER NOT NULL)",
    "CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1)", NULL};
static const char *const step2[] = {"ALTER TABLE t ADD COLUMN b INTEGER", "UPDATE t SET b = a + 1",
                                    NULL};
static const char *const step3[] = {"CREATE INDEX t_b ON t (b)", "INSERT INTO t VALUES (5, 6)",
                                    NULL};
static const char *const broken[] = {"INSERT INTO t VALUES (7, 8)",
                                     "INSERT INTO no_such VALUES (1)", NULL};
static const struct store_migration good_list[] = {
    {"one", step1}, {"two", step2}, {"three", step3}};
static const struct store_migration bad_list[] = {{"one", step1}, {"two", step2}, {"bad", broken}};

struct db {
    struct sql_db db;
    bool lib;
};

static void db_done(struct db *d)
{
    if (d->db.c)
        sql_close(&d->db);
    if (d->lib)
        sql_lib_unref();
}

static void path_in(const struct fix *f, const char *name, char path[static 128])
{
    (void)snprintf(path, 128, "%s/%s", f->dir, name);
}

/* An empty file, opened. */
static enum rc open_raw(struct fix *f, struct db *d, char path[static 128])
{
    struct sql_target target = {.path = path, .busy_ms = 10};
    FILE *file;

    if (!f->dir[0])
        TRY(fix_dir(f));
    path_in(f, "store.db", path);
    file = fopen(path, "ab");
    if (file)
        fclose(file);
    TRY(sql_lib_ref());
    d->lib = true;
    return sql_open(&d->db, &target, NULL);
}

static enum rc migrate(struct db *d, const char *path, const struct store_migration *list,
                       unsigned n, struct err *err)
{
    struct store_migrate m = {.list = list, .n = n, .path = path, .now = FIX_NOW};
    unsigned version;

    return store_migrate(&d->db, &m, &version, err);
}

/* Files in the directory whose name ends so. */
static unsigned count_files(const char *dir, const char *end)
{
    DIR *d = opendir(dir);
    unsigned n = 0;

    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        n += str_ends(str_of(e->d_name), str_of(end));
    if (d)
        closedir(d);
    return n;
}

static void from_nothing_and_from_every_version(void)
{
    for (unsigned from = 0; from <= 3; from++) {
        CLEANUP(fix_done) struct fix f = {};
        CLEANUP(db_done) struct db d = {};
        char path[128];
        int64_t v;

        CHECK_OK(open_raw(&f, &d, path));
        if (from)
            CHECK_OK(migrate(&d, path, good_list, from, NULL));
        CHECK_INT(count_files(f.dir, ".copy"), 0);
        CHECK_OK(migrate(&d, path, good_list, 3, NULL));
        CHECK_INT(count_files(f.dir, ".copy"), from > 0 && from < 3);
        CHECK_INT(count_files(f.dir, ".part"), 0);
        CHECK_OK(sql_value(&d.db, "SELECT SUM(a) * 100 + SUM(b) FROM t", &v));
        CHECK_INT(v, 608);
        CHECK_OK(sql_value(&d.db, "SELECT COUNT(*) FROM migrations", &v));
        CHECK_INT(v, 3);
        CHECK_OK(sql_value(&d.db, "SELECT applied FROM migrations WHERE name = 'two'", &v));
        CHECK_INT(v, FIX_NOW);
    }
}

static void the_copy_holds_what_was_before(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(db_done) struct db d = {}, copy = {};
    struct sql_target target = {.busy_ms = 10};
    char path[128], copied[128];
    int64_t v;

    CHECK_OK(open_raw(&f, &d, path));
    CHECK_OK(migrate(&d, path, good_list, 1, NULL));
    CHECK_OK(migrate(&d, path, good_list, 3, NULL));
    path_in(&f, "store.db.schema-1.20251113T021320Z.copy", copied);
    CHECK_INT(access(copied, R_OK), 0);
    CHECK_OK(sql_lib_ref());
    copy.lib = true;
    target.path = copied;
    CHECK_OK(sql_open(&copy.db, &target, NULL));
    CHECK_OK(sql_value(&copy.db, "SELECT MAX(number) FROM migrations", &v));
    CHECK_INT(v, 1);
    CHECK_OK(sql_value(&copy.db, "PRAGMA application_id", &v));
    CHECK_INT(v, STORE_APPLICATION_ID);
    CHECK_RC(sql_value(&copy.db, "SELECT b FROM t", &v), RC_IO);
}

static void a_failed_migration_changes_nothing(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(db_done) struct db d = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
    struct err err = ERR_INIT;
    char path[128];
    int64_t v;

    CHECK_OK(open_raw(&f, &d, path));
    CHECK_OK(migrate(&d, path, good_list, 2, NULL));
    CHECK_RC(migrate(&d, path, bad_list, 3, &err), RC_IO);
    err_text(&err, &text);
    CHECK(strstr(buf_z(&text), "migration 3 (bad)"));
    CHECK(strstr(buf_z(&text), "no_such"));
    CHECK_OK(sql_value(&d.db, "SELECT MAX(number) FROM migrations", &v));
    CHECK_INT(v, 2);
    CHECK_OK(sql_value(&d.db, "SELECT COUNT(*) FROM t", &v));
    CHECK_INT(v, 1);
    CHECK_OK(migrate(&d, path, good_list, 3, NULL));
}

static void no_copy_no_migration(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(db_done) struct db d = {};
    struct err err = ERR_INIT;
    char path[128], copy[128];
    int64_t v;

    CHECK_OK(open_raw(&f, &d, path));
    CHECK_OK(migrate(&d, path, good_list, 1, NULL));
    path_in(&f, "store.db.schema-1.20251113T021320Z.copy", copy);
    CHECK_INT(mkdir(copy, 0700), 0); /* in the way */
    enum rc rc = migrate(&d, path, good_list, 3, &err);
    CHECK(rc != RC_OK);
    (void)rmdir(copy);
    CHECK(str_eq(str_of(err.msg->code), STR("store.copy-failed")));
    CHECK_INT(count_files(f.dir, ".part"), 0);
    CHECK_OK(sql_value(&d.db, "SELECT MAX(number) FROM migrations", &v));
    CHECK_INT(v, 1);
}

static void a_newer_schema_is_refused(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(db_done) struct db d = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
    struct err err = ERR_INIT;
    char path[128];

    CHECK_OK(open_raw(&f, &d, path));
    CHECK_OK(migrate(&d, path, good_list, 3, NULL));
    CHECK_RC(migrate(&d, path, good_list, 2, &err), RC_VERSION);
    err_text(&err, &text);
    CHECK(strstr(buf_z(&text), "has schema 3"));
    CHECK(strstr(buf_z(&text), "knows 2"));
    CHECK(strstr(buf_z(&text), path));
}

static void a_look_never_migrates(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(db_done) struct db d = {};
    struct store_migrate m = {.list = good_list, .n = 3, .now = FIX_NOW, .look = true};
    struct err err = ERR_INIT;
    char path[128];
    unsigned version;

    CHECK_OK(open_raw(&f, &d, path));
    m.path = path;
    CHECK_OK(migrate(&d, path, good_list, 2, NULL));
    CHECK_RC(store_migrate(&d.db, &m, &version, &err), RC_VERSION);
    CHECK(str_eq(str_of(err.msg->code), STR("store.schema-older")));
    CHECK_INT(count_files(f.dir, ".copy"), 0);
}

static void the_programs_own_list_applies_step_by_step(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(db_done) struct db d = {};
    char path[128];
    unsigned n;
    const struct store_migration *list = store_migrations(&n);

    CHECK_OK(open_raw(&f, &d, path));
    for (unsigned i = 1; i <= n; i++)
        CHECK_OK(migrate(&d, path, list, i, NULL));
    CHECK_INT(n, store_schema_program());
}

static void rows_of_schema_1_are_as_they_were(void)
{
    static const char *const rows[] = {
        "INSERT INTO accounts (id, status, jwk, thumbprint, system, created)"
        " VALUES ('a', 'valid', '{}', x'01', 0, 1)",
        "INSERT INTO authorizations (id, account, type, value, wildcard, status, expires, created)"
        " VALUES ('z', 'a', 'dns', 'a.example', 0, 'pending', 2, 1)",
        "INSERT INTO issuers (id, name, hierarchy, algorithm, subject, certificate, state,"
        " not_after, created) VALUES ('i', 'rsa', 'intranet', 'rsa', 's', x'01', 'active', 2, 1)",
        "INSERT INTO issuances (id, serial, tbs_sha256, issuer, spki_sha256, names, origin, state,"
        " created) VALUES ('e', x'01', x'01', 'i', x'01', '', 'acme', 'reserved', 1)",
    };
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(db_done) struct db d = {};
    char path[128];
    int64_t v;
    unsigned n;
    const struct store_migration *list = store_migrations(&n);

    CHECK_OK(open_raw(&f, &d, path));
    CHECK_OK(migrate(&d, path, list, 1, NULL));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_OK(sql_exec(&d.db, rows[i]));
    CHECK_OK(migrate(&d, path, list, n, NULL));
    CHECK_OK(sql_value(
        &d.db, "SELECT COUNT(*) FROM authorizations WHERE id = 'z' AND evidence IS NULL", &v));
    CHECK_INT(v, 1);
    CHECK_OK(sql_value(&d.db,
                       "SELECT COUNT(*) FROM issuances WHERE id = 'e' AND logical IS NULL"
                       " AND replaces IS NULL",
                       &v));
    CHECK_INT(v, 1);
    CHECK_OK(sql_value(&d.db, "SELECT COUNT(*) FROM lineages", &v));
    CHECK_INT(v, 0);
}

/* The schema before keys were in escrow, with a certificate: it stays, and can have one from then
 * on, which nobody takes away. */
static void a_register_without_escrow_takes_it(void)
{
    static const char *const rows[] = {
        "INSERT INTO issuers (id, name, hierarchy, algorithm, subject, certificate, state,"
        " not_after, created) VALUES ('i', 'rsa', 'intranet', 'rsa', 's', x'01', 'active', 2, 1)",
        "INSERT INTO certificates (id, serial, der, issuer, hierarchy, not_before, not_after,"
        " spki_sha256, fingerprint, authority_key_id, origin, logical, issued, status)"
        " VALUES ('c', x'41', x'01', 'i', 'intranet', 1, 2, x'01', x'01', x'01', 'operator', 'c',"
        " 1, 'valid')",
    };
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(db_done) struct db d = {};
    char path[128];
    int64_t v;
    unsigned n, before = 0;
    const struct store_migration *list = store_migrations(&n);

    while (before < n && strcmp(list[before].name, "keys in escrow") != 0)
        before++;
    CHECK(before < n);
    CHECK_OK(open_raw(&f, &d, path));
    CHECK_OK(migrate(&d, path, list, before, NULL));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_OK(sql_exec(&d.db, rows[i]));
    CHECK_OK(migrate(&d, path, list, n, NULL));
    CHECK_OK(sql_value(&d.db, "SELECT COUNT(*) FROM certificates", &v));
    CHECK_INT(v, 1);
    CHECK_OK(sql_value(&d.db, "SELECT COUNT(*) FROM escrows", &v));
    CHECK_INT(v, 0);
    CHECK_OK(sql_exec(&d.db, "INSERT INTO escrows (certificate, sealed_to, envelope, created)"
                             " VALUES ('c', x'01', x'02', 3)"));
    CHECK_RC(sql_exec(&d.db, "DELETE FROM escrows"), RC_INVAL);
    CHECK_OK(sql_value(&d.db, "SELECT COUNT(*) FROM escrows", &v));
    CHECK_INT(v, 1);
}

/* Step by step means a copy of the database at each: every allocation of that fails in turn in the
 * test of the copy, with smaller steps. */
CHECK_MAIN(CHECK_TEST_ONCE(from_nothing_and_from_every_version),
           CHECK_TEST(the_copy_holds_what_was_before),
           CHECK_TEST_ONCE(a_failed_migration_changes_nothing),
           CHECK_TEST_ONCE(no_copy_no_migration), CHECK_TEST_ONCE(a_newer_schema_is_refused),
           CHECK_TEST_ONCE(a_look_never_migrates),
           CHECK_TEST_ONCE(the_programs_own_list_applies_step_by_step),
           CHECK_TEST_ONCE(rows_of_schema_1_are_as_they_were),
           CHECK_TEST_ONCE(a_register_without_escrow_takes_it))
