/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "sandbox/users.h"

enum { PATH_BYTES = 128, FILE_BYTES = 65536 };

static void one_that_exists(void)
{
    struct err err = ERR_INIT;
    uid_t uid = 0;
    gid_t gid = 0;

    CHECK_OK(sandbox_user_find("nobody", &uid, &gid, &err));
    CHECK(uid != 0 && gid != 0);
}

static void one_that_is_missing_names_the_cure(void)
{
    struct err err = ERR_INIT;
    char text[512];
    uid_t uid;
    gid_t gid;

    CHECK_RC(sandbox_user_find("autarky-nobody-made", &uid, &gid, &err), RC_NOTFOUND);
    err_textz(&err, text, sizeof(text));
    CHECK(strstr(text, "useradd --system"));
    CHECK(strstr(text, "autarky init"));
}

static void root_is_no_user_for_a_role(void)
{
    struct err err = ERR_INIT;
    uid_t uid;
    gid_t gid;

    CHECK_RC(sandbox_user_find("root", &uid, &gid, &err), RC_DENIED);
}

/* In a directory with an etc/ of its own: the machine keeps the users it has. */
static void makes_one_without_shell_or_password(void)
{
    CLEANUP(check_dir_done) struct check_dir root = {};
    char path[PATH_BYTES];
    CLEANUP(buf_done) struct buf passwd = BUF_INIT(FILE_BYTES);
    struct err err = ERR_INIT;

    check_dir_init(&root);
    if (geteuid() != 0)
        return;
    snprintf(path, sizeof(path), "%s/etc", root.path);
    CHECK(mkdir(path, 0755) == 0);
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"passwd", "group", "shadow"};

        snprintf(path, sizeof(path), "%s/etc/%s", root.path, names[i]);
        CHECK_OK(file_create(AT_FDCWD, path, STR(""), 0644, FILE_OWNER_SELF, &err));
    }
    CHECK_OK(sandbox_user_create(sandbox_users[0], root.path, &err));
    CHECK_OK(sandbox_user_create(sandbox_users[0], root.path, &err));
    snprintf(path, sizeof(path), "%s/etc/passwd", root.path);
    CHECK_OK(file_read(AT_FDCWD, path, &passwd, &err));
    CHECK(strncmp(buf_z(&passwd), "autarky-front:x:", 16) == 0 ||
          strncmp(buf_z(&passwd), "autarky-front:!:", 16) == 0);
    CHECK(strstr(buf_z(&passwd), ":/nonexistent:/usr/sbin/nologin\n"));
    CHECK(strchr(buf_z(&passwd), '\n') == strrchr(buf_z(&passwd), '\n'));
}

static void a_failure_says_which_program_failed(void)
{
    struct err err = ERR_INIT;
    char text[512];

    if (geteuid() != 0)
        skip();
    CHECK_RC(sandbox_user_create("autarky-front", "/nonexistent/prefix", &err), RC_IO);
    err_textz(&err, text, sizeof(text));
    CHECK(strstr(text, "useradd ended with status"));
}

static void only_root_can(void)
{
    struct err err = ERR_INIT;

    if (geteuid() == 0)
        skip();
    CHECK_RC(sandbox_user_create("autarky-front", NULL, &err), RC_DENIED);
}

CHECK_MAIN(CHECK_TEST(one_that_exists), CHECK_TEST(one_that_is_missing_names_the_cure),
           CHECK_TEST(root_is_no_user_for_a_role),
           CHECK_TEST_ONCE(makes_one_without_shell_or_password),
           CHECK_TEST_ONCE(a_failure_says_which_program_failed), CHECK_TEST_ONCE(only_root_can))
