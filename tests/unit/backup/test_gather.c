/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/gather.h"
#include "base/file.h"
#include "sandbox/users.h"

static enum rc put(const struct check_dir *d, const char *path, const char *text)
{
    return file_write(d->fd, path, str_of(text), 0600, FILE_OWNER_SELF, NULL);
}

static enum rc fill(const struct check_dir *d)
{
    static const char *const dirs[] = {"ca", "db", "forward"};
    static const char *const files[] = {
        "autarky.yaml",    "listeners.json", "serve.lock",   "ca/rsa-1.key",  "db/store.db",
        "db/store.db-wal", "db/eab.key",     "forward/copy", "mail.password", "x.part"};

    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
        TRY(file_mkdir(d->fd, dirs[i], 0700, FILE_OWNER_SELF, NULL));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        TRY(put(d, files[i], "content"));
    return symlinkat("/etc/passwd", d->fd, "ca/link") == 0 ? RC_OK : RC_IO;
}

static void what_is_of_use_in_order(void)
{
    static const char *const want[] = {"autarky.yaml", "ca",          "ca/rsa-1.key", "db",
                                       "db/eab.key",   "db/store.db", "mail.password"};
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(gather_done) struct gather g = {};

    gather_init(&g);
    check_dir_init(&d);
    CHECK_OK(CHECK_SPARED(fill(&d)));
    CHECK_OK(gather_read(&g, d.fd, NULL, NULL));
    CHECK_INT(g.n, sizeof(want) / sizeof(want[0]));
    for (size_t i = 0; i < g.n; i++)
        CHECK_STR(g.v[i].entry.path, want[i]);
    CHECK_STR(gather_find(&g, "ca/rsa-1.key")->content, "content");
    CHECK_INT(gather_find(&g, "ca/rsa-1.key")->entry.mode, 0600);
    CHECK(!gather_find(&g, "ca/link"));
    CHECK_INT(gather_find(&g, "db/store.db")->content.n, 0); /* it is copied elsewhere */
    CHECK(str_starts(buf_str(&g.left_out), STR("ca/link: ")));
}

static void a_name_that_no_file_has(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(gather_done) struct gather g = {};

    gather_init(&g);
    check_dir_init(&d);
    CHECK_OK(CHECK_SPARED(put(&d, "two words", "x")));
    CHECK_RC(gather_read(&g, d.fd, NULL, NULL), RC_INVAL);
}

static enum rc fill_role(const struct check_dir *d, uid_t uid)
{
    static const char large[(4 << 20) + 1] = {};
    char name[64];
    int fd;

    TRY(file_mkdir(d->fd, "front", 0700, FILE_OWNER_SELF, NULL));
    TRY(put(d, "front/two words", "x"));
    TRY(put(d, "front/\x1b[2J", "x"));
    TRY(put(d, "front/z.key", "key"));
    TRY(file_write(d->fd, "front/large", str_bytes(large, sizeof(large)), 0600, FILE_OWNER_SELF,
                   NULL));
    for (int i = 0; i < 8 + 1; i++) {
        snprintf(name, sizeof(name), "front/%.*s", 2 * i + 1, "a/a/a/a/a/a/a/a/a/a");
        if (mkdirat(d->fd, name, 0700) != 0 || fchownat(d->fd, name, uid, uid, 0) != 0)
            return RC_IO;
    }
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof(name), "front/a/%d ", i);
        TRY(put(d, name, "x"));
        if (fchownat(d->fd, name, uid, uid, 0) != 0)
            return RC_IO;
    }
    for (size_t i = 0; i < 4; i++) {
        static const char *const of[] = {"front/two words", "front/\x1b[2J", "front/z.key",
                                         "front/large"};

        if (fchownat(d->fd, of[i], uid, uid, 0) != 0)
            return RC_IO;
    }
    fd = openat(d->fd, "front", O_RDONLY | O_DIRECTORY);
    if (fd < 0 || fchown(fd, uid, uid) != 0)
        return RC_IO;
    close(fd);
    return RC_OK;
}

/* It owns its directory, and may have gone bad: what is there of its own is taken or not, and the
 * backup is made. */
static void a_role_stops_no_backup(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(gather_done) struct gather g = {};
    uid_t uid;
    gid_t gid;

    gather_init(&g);
    check_dir_init(&d);
    if (geteuid() != 0 || sandbox_user_find("autarky-front", &uid, &gid, NULL) != RC_OK)
        return;
    CHECK_OK(fill(&d));
    CHECK_OK(fill_role(&d, uid));
    CHECK_OK(gather_read(&g, d.fd, NULL, NULL));
    CHECK(gather_find(&g, "front/z.key") && gather_find(&g, "mail.password"));
    CHECK_STR(gather_find(&g, "front")->entry.owner, "autarky-front");
    CHECK(!gather_find(&g, "front/large") && !gather_find(&g, "front/two words"));
    CHECK(gather_find(&g, "front/a/a/a/a/a") && !gather_find(&g, "front/a/a/a/a/a/a"));
    CHECK(memchr(g.left_out.p, 0x1b, g.left_out.n) == NULL);
    CHECK(memmem(g.left_out.p, g.left_out.n, "front: and more", 15) != NULL);
    CHECK_OK(put(&d, "two words", "x")); /* of root: somebody's mistake */
    gather_done(&g);
    CHECK_RC(gather_read(&g, d.fd, NULL, NULL), RC_INVAL);
}

static enum rc fill_over(const struct check_dir *d, uid_t uid, size_t files, size_t bytes)
{
    CLEANUP(mem_freep) char *content = mem_calloc(1, bytes + 1);
    char name[64];

    if (!content || mkdirat(d->fd, "front", 0700) != 0 ||
        fchownat(d->fd, "front", uid, uid, 0) != 0)
        return RC_IO;
    for (size_t i = 0; i < files; i++) {
        int fd;

        snprintf(name, sizeof(name), "front/%zu", i);
        fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd < 0 || !file_put_all(fd, str_bytes(content, bytes)) || fchown(fd, uid, uid) != 0)
            return RC_IO;
        close(fd);
    }
    return RC_OK;
}

static void a_role_has_room_for_so_much(void)
{
    static const struct {
        size_t files, bytes, taken;
    } cases[] = {{8100, 1, 8000}, {20, 1 << 20, 16}};
    uid_t uid;
    gid_t gid;

    if (geteuid() != 0 || sandbox_user_find("autarky-front", &uid, &gid, NULL) != RC_OK)
        return;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(check_dir_done) struct check_dir d = {};
        CLEANUP(gather_done) struct gather g = {};

        gather_init(&g);
        check_dir_init(&d);
        CHECK_OK(fill_over(&d, uid, cases[i].files, cases[i].bytes));
        CHECK_OK(put(&d, "mail.password", "x"));
        CHECK_OK(gather_read(&g, d.fd, NULL, NULL));
        CHECK(gather_find(&g, "mail.password"));
        CHECK_INT(g.n, cases[i].taken + 2); /* front/ and mail.password */
        CHECK(g.left_out.n > 0);
    }
}

static void keys_that_change_meanwhile(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(gather_done) struct gather a = {};
    CLEANUP(gather_done) struct gather b = {};

    gather_init(&a);
    gather_init(&b);
    check_dir_init(&d);
    CHECK_OK(CHECK_SPARED(fill(&d)));
    CHECK_OK(gather_read(&a, d.fd, NULL, NULL));
    CHECK_OK(CHECK_SPARED(put(&d, "ca/audit.head", "every minute")));
    CHECK_OK(CHECK_SPARED(put(&d, "mail.password", "another")));
    CHECK_OK(gather_read(&b, d.fd, NULL, NULL));
    CHECK_STR(gather_differ(&a, &b), "");
    CHECK_OK(CHECK_SPARED(put(&d, "ca/rsa-2.key", "new")));
    gather_done(&b);
    CHECK_OK(gather_read(&b, d.fd, NULL, NULL));
    CHECK_STR(gather_differ(&a, &b), "ca/rsa-2.key");
    gather_done(&a);
    CHECK_OK(CHECK_SPARED(put(&d, "configuration.accepted", "another")));
    CHECK_OK(gather_read(&a, d.fd, NULL, NULL));
    CHECK_STR(gather_differ(&b, &a), "configuration.accepted");
}

CHECK_MAIN(CHECK_TEST(what_is_of_use_in_order), CHECK_TEST(a_name_that_no_file_has),
           CHECK_TEST_ONCE(a_role_stops_no_backup), CHECK_TEST_ONCE(a_role_has_room_for_so_much),
           CHECK_TEST(keys_that_change_meanwhile))
