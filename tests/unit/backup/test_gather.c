/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/gather.h"
#include "base/file.h"

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
           CHECK_TEST(keys_that_change_meanwhile))
