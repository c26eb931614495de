/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <errno.h>

#include "ca/head.h"
#include "conf/accepted.h"
#include "conf/policy.h"
#include "crypto/crypto.h"
#include "crypto/key.h"
#include "store/locks.h"

static enum rc restore(struct world *w, const char *name, struct err *err)
{
    CLEANUP(backup_restored_done) struct backup_restored out = {};

    backup_restored_init(&out);
    return world_restore(w, name, &out, err);
}

static bool mentions(const struct err *err, const char *what)
{
    char text[2048];

    return strstr(err_textz(err, text, sizeof(text)), what) != NULL;
}

static bool is_there(const struct world *w, const char *path)
{
    return faccessat(w->dir.fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum rc beside(const struct world *w, const char *path)
{
    return file_write(w->dir.fd, path, STR("precious"), 0600, FILE_OWNER_SELF, NULL);
}

static void all_of_it_is_there(void)
{
    CLEANUP(world_done) struct world w = {};
    CLEANUP(store_closep) struct store *s = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
    char path[WORLD_PATH];
    struct stat st;

    CHECK_OK(world_init(&w));
    CHECK_OK(world_put(&w, "mail.password", "content"));
    CHECK_OK(world_make(&w, NULL));
    CHECK_OK(restore(&w, "new", NULL));
    CHECK_RC(restore(&w, "new", NULL), RC_EXISTS);
    CHECK_INT(check_dir_count(&w.dir, NULL), 2);
    CHECK(fstatat(w.dir.fd, "new", &st, 0) == 0 && (st.st_mode & 07777) == 0755);
    CHECK_OK(file_read(w.dir.fd, "new/mail.password", &text, NULL));
    CHECK_STR(buf_str(&text), "content");
    snprintf(path, sizeof(path), "%s/new", w.dir.path);
    CHECK_OK(world_store(path, false, &s));
    CHECK_OK(store_check(s, NULL));
}

static void a_parent_that_others_may_write(void)
{
    CLEANUP(world_done) struct world w = {};
    struct err err = ERR_INIT;

    CHECK_OK(world_init(&w));
    CHECK_OK(world_make(&w, NULL));
    CHECK_INT(fchmod(w.dir.fd, 0770), 0);
    CHECK_RC(restore(&w, "new", &err), RC_DENIED);
    CHECK(mentions(&err, "mode 0770") && mentions(&err, "chmod go-w"));
    CHECK_INT(fchmod(w.dir.fd, 0707), 0);
    CHECK_RC(restore(&w, "new", NULL), RC_DENIED);
    CHECK_INT(check_dir_count(&w.dir, NULL), 1);
    CHECK_INT(fchmod(w.dir.fd, 01777), 0); /* as /tmp: nobody exchanges what is another one's */
    CHECK_OK(restore(&w, "new", NULL));
    if (geteuid() != 0)
        return;
    CHECK_INT(fchmod(w.dir.fd, 0700), 0);
    CHECK_INT(fchown(w.dir.fd, 65534, 65534), 0);
    CHECK_RC(restore(&w, "other", &err), RC_DENIED);
    CHECK(mentions(&err, "user 65534"));
}

static void a_leftover_of_ours_goes_and_nothing_else(void)
{
    CLEANUP(world_done) struct world w = {};

    CHECK_OK(world_init(&w));
    CHECK_OK(world_make(&w, NULL));
    CHECK_OK(file_mkdir(w.dir.fd, "kept", 0700, FILE_OWNER_SELF, NULL));
    CHECK_OK(beside(&w, "kept/file"));
    CHECK_OK(file_mkdir(w.dir.fd, ".new.restoring", 0755, FILE_OWNER_SELF, NULL));
    CHECK_OK(file_mkdir(w.dir.fd, ".new.restoring/ca", 0700, FILE_OWNER_SELF, NULL));
    CHECK_OK(beside(&w, ".new.restoring/ca/x.key"));
    CHECK_INT(symlinkat("../kept", w.dir.fd, ".new.restoring/link"), 0);
    CHECK_OK(restore(&w, "new", NULL));
    CHECK(is_there(&w, "kept/file"));
    CHECK(!is_there(&w, "new/link") && !is_there(&w, "new/ca/x.key"));
    CHECK(!is_there(&w, ".new.restoring"));
}

static void what_others_put_in_the_way_stays(void)
{
    CLEANUP(world_done) struct world w = {};
    struct err err = ERR_INIT;

    CHECK_OK(world_init(&w));
    CHECK_OK(world_make(&w, NULL));
    CHECK_OK(file_mkdir(w.dir.fd, ".new.restoring", 0700, FILE_OWNER_SELF, NULL));
    CHECK_OK(beside(&w, ".new.restoring/file"));
    CHECK_INT(fchmodat(w.dir.fd, ".new.restoring", 0770, 0), 0);
    CHECK_RC(restore(&w, "new", &err), RC_EXISTS);
    CHECK(mentions(&err, ".new.restoring") && mentions(&err, "remove it"));
    CHECK(is_there(&w, ".new.restoring/file"));
    CHECK_INT(renameat(w.dir.fd, ".new.restoring", w.dir.fd, "elsewhere"), 0);
    CHECK_INT(symlinkat("elsewhere", w.dir.fd, ".new.restoring"), 0);
    CHECK_RC(restore(&w, "new", NULL), RC_EXISTS);
    CHECK(is_there(&w, "elsewhere/file"));
    if (geteuid() != 0)
        return;
    CHECK_INT(unlinkat(w.dir.fd, ".new.restoring", 0), 0);
    CHECK_INT(fchmodat(w.dir.fd, "elsewhere", 0700, 0), 0);
    CHECK_INT(fchownat(w.dir.fd, "elsewhere", 65534, 65534, 0), 0);
    CHECK_INT(renameat(w.dir.fd, "elsewhere", w.dir.fd, ".new.restoring"), 0);
    CHECK_RC(restore(&w, "new", NULL), RC_EXISTS);
    CHECK(is_there(&w, ".new.restoring/file"));
}

#define CONFIG                                                                                     \
    "organization: Example Hospital\n"                                                             \
    "domain: hospital.example\n"
#define TWO CONFIG "control: {two_persons: [backup.restore], people: [a, b]}\n"

/* What was accepted last counts, whatever file was named when the backup was made. */
static void two_persons_by_what_was_accepted(void)
{
    static const struct {
        const char *files, *accepted; /* NULL: there is none */
        bool frozen;
    } cases[] = {{CONFIG, NULL, false},    {CONFIG, CONFIG, false}, {TWO, NULL, true},
                 {CONFIG, TWO, true},      {TWO, CONFIG, true},     {CONFIG, "nonsense", true},
                 {CONFIG, "x: y\n", true}, {"x: y\n", CONFIG, true}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(world_done) struct world w = {};
        CLEANUP(backup_restored_done) struct backup_restored out = {};
        CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
        struct conf_input in;

        conf_input_init(&in);
        backup_restored_init(&out);
        CHECK_OK(world_init(&w));
        CHECK_OK(world_put(&w, "autarky.yaml", cases[i].files));
        if (cases[i].accepted) {
            CHECK_OK(conf_input_add(&in, STR("autarky.yaml"), str_of(cases[i].accepted)));
            conf_accepted_put(&in, false, &text);
            CHECK_OK(world_put(&w, CONF_POLICY_ACCEPTED,
                               strcmp(cases[i].accepted, "nonsense") ? buf_z(&text) : "nonsense"));
        }
        CHECK_OK(world_make(&w, NULL));
        CHECK_OK(world_restore(&w, "new", &out, NULL));
        CHECK_INT(out.frozen, cases[i].frozen);
    }
}

static enum rc fill_locks(struct store_txn *txn, void *)
{
    for (int i = 0; i < STORE_LOCKS_MAX; i++) {
        struct store_lock lock = {.scope = STORE_LOCK_ZONE,
                                  .reason = STR("INC-1"),
                                  .set_by = STR("uid 0"),
                                  .set = WORLD_NOW};
        char zone[32];

        snprintf(zone, sizeof(zone), "z%d.example", i);
        lock.value = str_of(zone);
        TRY(id_new(&lock.id));
        TRY(store_lock_add(txn, &lock));
    }
    return RC_OK;
}

/* One that makes a restore impossible would be a way to lose everything. */
static void as_many_locks_as_there_may_be(void)
{
    CLEANUP(world_done) struct world w = {};
    CLEANUP(backup_restored_done) struct backup_restored out = {};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(store_closep) struct store *s = NULL;
    struct store_lock *locks;
    char path[WORLD_PATH];
    size_t n;

    backup_restored_init(&out);
    CHECK_OK(world_init(&w));
    CHECK_OK(world_put(&w, "autarky.yaml", TWO));
    CHECK_OK(world_store(w.data, false, &s));
    CHECK_OK(store_write_now(s, fill_locks, NULL));
    store_close(MOVE(s));
    CHECK_OK(world_make(&w, NULL));
    CHECK_OK(world_restore(&w, "new", &out, NULL));
    CHECK(out.frozen);
    snprintf(path, sizeof(path), "%s/new", w.dir.path);
    CHECK_OK(world_store(path, false, &s));
    CHECK_OK(store_lock_active(store_read(s), &a, &locks, &n));
    CHECK_INT(n, STORE_LOCKS_MAX + 1);
    CHECK_STR(locks[STORE_LOCKS_MAX].set_by, STORE_LOCK_BY_RESTORE);
}

static void no_backup_without_a_database(void)
{
    CLEANUP(world_done) struct world w = {};
    struct err err = ERR_INIT;

    CHECK_OK(world_init(&w));
    CHECK_INT(renameat(w.fd, "db/store.db", w.fd, "db/other.db"), 0);
    CHECK_INT(symlinkat("other.db", w.fd, "db/store.db"), 0);
    CHECK_RC(world_make(&w, &err), RC_AGAIN);
    CHECK(mentions(&err, "db/store.db"));
}

/* A note as a log has it; by whom it is signed is not looked at before it is compared. */
static enum rc put_head(struct world *w, struct buf *out)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf slots = BUF_INIT(2 * CA_HEAD_SLOT);
    struct tree_head head = {.size = 0};
    struct crypto_key_spec spec;

    TRY(crypto_key_spec_parse(STR("ed25519"), &spec));
    TRY(crypto_key_generate(spec, &key));
    TRY(note_sign(STR("hospital.example/audit/1"), &head, WORLD_NOW, key, out));
    buf_puts(&slots, buf_str(out));
    while (slots.n < 2 * CA_HEAD_SLOT)
        buf_u8(&slots, 0);
    TRY(buf_rc(&slots));
    return file_write(w->fd, CA_HEAD_FILE, buf_str(&slots), 0600, FILE_OWNER_SELF, NULL);
}

static void a_head_that_is_there_is_not_denied(void)
{
    CLEANUP(world_done) struct world w = {};
    CLEANUP(buf_done) struct buf note = BUF_INIT(NOTE_MAX);
    struct err err = ERR_INIT;

    CHECK_OK(world_init(&w));
    CHECK_OK(put_head(&w, &note));
    CHECK_OK(world_make(&w, NULL));
    CHECK_RC(restore(&w, "new", &err), RC_CORRUPT); /* the key is not in trust/audit.pub */
    CHECK(mentions(&err, "signature is no good"));
    CHECK_OK(world_forget_note(&w));
    CHECK_RC(restore(&w, "new", &err), RC_CORRUPT);
    CHECK(mentions(&err, "says was signed last"));
}

CHECK_MAIN_WITH(crypto_init() == RC_OK, crypto_done(), CHECK_TEST_ONCE(all_of_it_is_there),
                CHECK_TEST_ONCE(a_parent_that_others_may_write),
                CHECK_TEST_ONCE(a_leftover_of_ours_goes_and_nothing_else),
                CHECK_TEST_ONCE(what_others_put_in_the_way_stays),
                CHECK_TEST_ONCE(two_persons_by_what_was_accepted),
                CHECK_TEST_ONCE(as_many_locks_as_there_may_be),
                CHECK_TEST_ONCE(no_backup_without_a_database),
                CHECK_TEST_ONCE(a_head_that_is_there_is_not_denied))
