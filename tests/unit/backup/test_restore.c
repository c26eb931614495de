/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <errno.h>

#include "crypto/crypto.h"

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

CHECK_MAIN_WITH(crypto_init() == RC_OK, crypto_done(), CHECK_TEST_ONCE(all_of_it_is_there),
                CHECK_TEST_ONCE(a_parent_that_others_may_write),
                CHECK_TEST_ONCE(a_leftover_of_ours_goes_and_nothing_else),
                CHECK_TEST_ONCE(what_others_put_in_the_way_stays))
