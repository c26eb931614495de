/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <sys/stat.h>

#include "base/file.h"
#include "fixture.h"

static void path_in(const struct fix *f, const char *name, char path[static 128])
{
    (void)snprintf(path, 128, "%s/%s", f->dir, name);
}

static enum rc write_file(const struct fix *f, const char *name, struct str content)
{
    char path[128];
    FILE *file;

    path_in(f, name, path);
    file = fopen(path, "wb");
    if (!file)
        return RC_IO;
    fwrite(content.p, 1, content.n, file);
    return fclose(file) == 0 ? RC_OK : RC_IO;
}

static bool mentions(const struct err *err, const char *what)
{
    char text[2048];

    return strstr(err_textz(err, text, sizeof(text)), what) != NULL;
}

static void is_made_opened_and_made_safe(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_options o;
    struct stat st;
    char path[128];
    int64_t v;

    CHECK_OK(fix_dir(&f));
    o = fix_options(&f);
    o.sync = STORE_SYNC_FULL;
    o.create = false;
    CHECK_RC(store_open(&o, &f.s, NULL), RC_NOTFOUND);
    o.create = true;
    CHECK_OK(store_open(&o, &f.s, NULL));
    path_in(&f, "store.db", path);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 07777, 0600);
    path_in(&f, "store.db-wal", path);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 07777, 0600);
    static const struct {
        const char *pragma;
        int64_t value;
    } pragmas[] = {
        {"PRAGMA synchronous", 2},
        {"PRAGMA foreign_keys", 1},
        {"PRAGMA trusted_schema", 0},
        {"PRAGMA cell_size_check", 1},
        {"PRAGMA wal_autocheckpoint", 0},
        {"PRAGMA application_id", STORE_APPLICATION_ID},
        {"SELECT COUNT(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'", 1},
    };
    for (size_t i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++) {
        CHECK_OK(sql_value(&f.s->write_db, pragmas[i].pragma, &v));
        CHECK_INT(v, pragmas[i].value);
    }
    CHECK_RC(sql_exec(&f.s->read_db, "DELETE FROM meta"), RC_IO); /* query_only */
    CHECK_RC(sql_exec(&f.s->write_db, "SELECT load_extension('x')"), RC_IO);
    CHECK_RC(sql_value(&f.s->write_db, "SELECT \"not a column\"", &v), RC_IO);
    CHECK_INT(store_schema(f.s), store_schema_program());
    CHECK_OK(store_check(f.s, NULL));
}

static void a_node_keeps_its_id_and_counts_its_starts(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_options o;
    struct store_node first;

    CHECK_OK(fix_dir(&f));
    o = fix_options(&f);
    CHECK_OK(store_open(&o, &f.s, NULL));
    first = *store_node(f.s);
    CHECK_INT(first.boot, 1);
    store_close(MOVE(f.s));
    CHECK_OK(store_open(&o, &f.s, NULL));
    CHECK_STR(id_str(&store_node(f.s)->id), first.id.z);
    CHECK_INT(store_node(f.s)->boot, 2);
    CHECK_INT(store_txn_node(READ(&f))->boot, 2);
    store_close(MOVE(f.s));
    o.look = true;
    CHECK_OK(store_open(&o, &f.s, NULL));
    CHECK_INT(store_node(f.s)->boot, 2);
}

static enum rc write_meta(struct store_txn *txn, void *arg)
{
    return store_meta_set(txn, arg, STR("x"));
}

static void a_look_changes_nothing(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_options o;
    char key[] = "key";

    CHECK_OK(fix_dir(&f));
    o = fix_options(&f);
    o.look = true;
    CHECK_RC(store_open(&o, &f.s, NULL), RC_NOTFOUND);
    o.look = false;
    CHECK_OK(store_open(&o, &f.s, NULL));
    store_close(MOVE(f.s));
    o.look = true;
    CHECK_OK(store_open(&o, &f.s, NULL));
    CHECK_RC(store_write_now(f.s, write_meta, key), RC_DENIED);
    CHECK_RC(store_write(f.s, write_meta, NULL, key), RC_DENIED);
    CHECK_RC(sql_exec(&f.s->write_db, "DELETE FROM meta"), RC_IO);
}

static void what_is_no_database_is_refused_with_words(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(sql_close) struct sql_db other = {};
    struct sql_target target = {.busy_ms = 10};
    struct store_options o;
    struct err err = ERR_INIT;
    char path[128], longest[600];

    CHECK_OK(fix_dir(&f));
    o = fix_options(&f);
    CHECK_OK(write_file(&f, "store.db",
                        STR("This is a letter to the hospital, not a database, "
                            "and long enough to be looked into by SQLite. ....")));
    CHECK_RC(store_open(&o, &f.s, &err), RC_CORRUPT);
    CHECK(mentions(&err, "store.db"));
    CHECK(fix_empty(f.dir));
    CHECK_OK(write_file(&f, "store.db", (struct str){"", 0}));
    o.create = false;
    CHECK_RC(store_open(&o, &f.s, &err), RC_NOTFOUND);
    CHECK(mentions(&err, "autarky init"));
    o.create = true;
    path_in(&f, "store.db", path);
    target.path = path;
    CHECK_OK(sql_lib_ref());
    enum rc rc = sql_open(&other, &target, NULL);
    if (rc == RC_OK)
        rc = sql_exec(&other, "CREATE TABLE theirs (a)");
    sql_close(&other);
    sql_lib_unref();
    CHECK_OK(rc);
    CHECK_RC(store_open(&o, &f.s, &err), RC_CORRUPT);
    CHECK(mentions(&err, "another program"));
    CHECK(fix_empty(f.dir));
    CHECK_INT(symlink("/etc/hostname", path), 0);
    CHECK_RC(store_open(&o, &f.s, &err), RC_INVAL);
    CHECK(fix_empty(f.dir));
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    o.dir = longest;
    CHECK_RC(store_open(&o, &f.s, &err), RC_TOOBIG);
    o.dir = "/nonexistent/directory";
    CHECK_RC(store_open(&o, &f.s, &err), RC_IO);
    CHECK(mentions(&err, "/nonexistent/directory"));
}

static void a_newer_database_names_both_versions(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_options o;
    struct err err = ERR_INIT;

    CHECK_OK(fix_open(&f));
    CHECK_OK(sql_exec(&f.s->write_db, "INSERT INTO migrations VALUES (99, 'later', 1)"));
    store_close(MOVE(f.s));
    o = fix_options(&f);
    CHECK_RC(store_open(&o, &f.s, &err), RC_VERSION);
    CHECK(mentions(&err, "schema 99"));
    CHECK(mentions(&err, "restore"));
}

/* Fills the page before the last two with nonsense. */
static enum rc spoil(const char *path)
{
    FILE *file = fopen(path, "r+b");
    bool good = file && fseek(file, -3 * 4096L, SEEK_END) == 0;

    for (int i = 0; good && i < 4096; i++)
        good = fputc(0x5a, file) != EOF;
    if (file)
        good = fclose(file) == 0 && good;
    return good ? RC_OK : RC_IO;
}

static void damage_is_found(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_options o;
    struct err err = ERR_INIT;
    char path[128];

    CHECK_OK(fix_base(&f));
    for (unsigned i = 100; i < 200; i++) {
        struct store_account c = fix_account(i);

        CHECK_OK(DO(&f, store_account_add(T, &c)));
    }
    store_close(MOVE(f.s));
    path_in(&f, "store.db", path);
    CHECK_OK(spoil(path));
    o = fix_options(&f);
    o.look = true;
    CHECK_OK(store_open(&o, &f.s, &err));
    CHECK_RC(store_check(f.s, &err), RC_CORRUPT);
    CHECK(mentions(&err, "backup"));
}

static void a_dangling_reference_is_found(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct err err = ERR_INIT;

    CHECK_OK(fix_base(&f));
    CHECK_OK(sql_exec(&f.s->write_db, "PRAGMA foreign_keys = OFF"));
    CHECK_OK(sql_exec(&f.s->write_db, "DELETE FROM accounts"));
    CHECK_RC(store_check(f.s, &err), RC_CORRUPT);
    CHECK(mentions(&err, "authorizations"));
}

static void a_relative_directory_stays_relative(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_options o;
    char path[128], before[512], name[16] = "db";
    struct stat st;

    CHECK_OK(fix_dir(&f));
    CHECK(getcwd(before, sizeof(before)));
    CHECK_INT(chdir(f.dir), 0);
    CHECK_INT(mkdir(name, 0700), 0);
    o = fix_options(&f);
    o.dir = name;
    enum rc rc = store_open(&o, &f.s, NULL);
    CHECK_STR(str_of(rc == RC_OK ? sqlite3_db_filename(f.s->read_db.c, "main") : ""),
              "db/store.db");
    path_in(&f, "db/store.db", path);
    CHECK_INT(stat(path, &st), 0);
    store_close(MOVE(f.s));
    CHECK_OK(store_open(&o, &f.s, NULL)); /* the library was shut down in between */
    CHECK_INT(store_node(f.s)->boot, 2);
    store_close(MOVE(f.s));
    CHECK(fix_empty(name));
    CHECK_INT(rmdir(name), 0);
    CHECK_INT(chdir(before), 0);
}

/* As SQLite's file format has it: a header of one sector, no page, and the name of a super-journal
 * with its length, sum and the magic behind it. */
static void put_journal(const char *names, uint32_t pages, uint32_t page, struct buf *out)
{
    static const unsigned char magic[] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    static const char zeros[512];
    uint32_t sum = 0;

    buf_put(out, magic, sizeof(magic));
    buf_u32(out, 0);
    buf_u32(out, 7);
    buf_u32(out, pages);
    buf_u32(out, sizeof(zeros));
    buf_u32(out, page);
    buf_put(out, zeros, sizeof(zeros) - 28);
    for (const char *p = names; *p; p++)
        sum += (uint32_t)*p;
    buf_u32(out, 0x40000000 / page + 1);
    buf_putz(out, names);
    buf_u32(out, (uint32_t)strlen(names));
    buf_u32(out, sum);
    buf_put(out, magic, sizeof(magic));
}

/* Whoever can write beside the database could have root remove any file, when root opens it. */
static void a_journal_beside_it_removes_no_other_file(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(buf_done) struct buf journal = BUF_INIT(4096);
    CLEANUP(buf_done) struct buf after = BUF_INIT(4096);
    struct store_options o;
    struct err err = ERR_INIT;
    int64_t pages = 0, page = 0;
    char path[128];

    CHECK_OK(fix_open(&f));
    CHECK_OK(sql_value(&f.s->read_db, "PRAGMA page_count", &pages));
    CHECK_OK(sql_value(&f.s->read_db, "PRAGMA page_size", &page));
    store_close(MOVE(f.s));
    path_in(&f, "victim", path);
    put_journal(path, (uint32_t)pages, (uint32_t)page, &journal);
    CHECK_OK(buf_rc(&journal));
    CHECK_OK(write_file(&f, "victim", STR("precious")));
    CHECK_OK(write_file(&f, "store.db-journal", buf_str(&journal)));
    o = fix_options(&f);
    o.create = false;
    CHECK_RC(store_open(&o, &f.s, &err), RC_IO);
    CHECK(mentions(&err, "-journal"));
    CHECK_OK(file_read(AT_FDCWD, path, &after, NULL));
    CHECK_STR(buf_str(&after), "precious");
    CHECK_OK(store_open(&o, &f.s, NULL)); /* SQLite has dropped the journal */
    CHECK_OK(store_check(f.s, NULL));
}

static void a_snapshot_does_not_move(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_txn *txn, *second;
    struct str got;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_meta_set(T, "key", STR("old"))));
    CHECK_OK(store_read_begin(f.s, &txn));
    CHECK_RC(store_read_begin(f.s, &second), RC_INVAL);
    CHECK_OK(DO(&f, store_meta_set(T, "key", STR("new"))));
    CHECK_OK(store_meta_get(txn, &f.a, "key", &got));
    CHECK_STR(got, "old");
    store_read_end(txn);
    CHECK_OK(store_meta_get(READ(&f), &f.a, "key", &got));
    CHECK_STR(got, "new");
}

static void a_used_statement_can_be_used_again_inside(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(stmt_done) struct stmt outer = {};
    CLEANUP(stmt_done) struct stmt inner = {};
    const char *sql = "SELECT key FROM meta WHERE key > ? ORDER BY key";

    CHECK_OK(fix_open(&f));
    CHECK_OK(stmt_open(&outer, READ(&f), sql));
    stmt_z(&outer, "");
    CHECK_OK(stmt_next(&outer));
    CHECK_OK(stmt_open(&inner, READ(&f), sql));
    CHECK(inner.s != outer.s);
    stmt_text(&inner, STR(""), 10);
    CHECK_RC(stmt_next(&inner), RC_NOTFOUND); /* nothing is greater than NULL */
}

FIX_MAIN(CHECK_TEST_ONCE(is_made_opened_and_made_safe),
         CHECK_TEST_ONCE(a_node_keeps_its_id_and_counts_its_starts),
         CHECK_TEST_ONCE(a_look_changes_nothing),
         CHECK_TEST_ONCE(what_is_no_database_is_refused_with_words),
         CHECK_TEST(a_newer_database_names_both_versions), CHECK_TEST_ONCE(damage_is_found),
         CHECK_TEST_ONCE(a_dangling_reference_is_found),
         CHECK_TEST_ONCE(a_relative_directory_stays_relative),
         CHECK_TEST_ONCE(a_journal_beside_it_removes_no_other_file),
         CHECK_TEST(a_snapshot_does_not_move),
         CHECK_TEST(a_used_statement_can_be_used_again_inside))
