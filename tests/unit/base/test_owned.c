/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/owned.h"

struct place {
    struct check_dir dir;
    char program[512], link[512], sub[512];
    char why[1024];
    enum rc (*what)(struct str path, uid_t self, struct err *err); /* NULL: owned_program */
};

static void place_init(struct place *p)
{
    CLEANUP(fd_closep) int fd = -1;

    check_dir_init(&p->dir);
    snprintf(p->sub, sizeof(p->sub), "%s/sub", p->dir.path);
    snprintf(p->program, sizeof(p->program), "%s/sub/program", p->dir.path);
    snprintf(p->link, sizeof(p->link), "%s/link", p->dir.path);
    CHECK(mkdir(p->sub, 0755) == 0 && chmod(p->sub, 0755) == 0);
    fd = open(p->program, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    CHECK(fd >= 0 && fchmod(fd, 0755) == 0);
}

static void place_done(struct place *p)
{
    check_dir_done(&p->dir);
}

static enum rc look(struct place *p, const char *path)
{
    struct err err = ERR_INIT;
    enum rc rc = (p->what ? p->what : owned_program)(str_of(path), geteuid(), &err);

    err_textz(&err, p->why, sizeof(p->why));
    return rc;
}

#define PLACE(p)                                                                                   \
    CLEANUP(place_done) struct place p = {};                                                       \
    place_init(&p)

static void what_is_ours_is_good(void)
{
    char path[1024];

    PLACE(p);
    CHECK_OK(look(&p, p.program));
    CHECK_OK(look(&p, "/bin/sh")); /* through links of root's */
    snprintf(path, sizeof(path), "%s/../sub/./program", p.sub);
    CHECK_OK(look(&p, path));
    CHECK(symlink("sub/../sub/program", p.link) == 0);
    CHECK_OK(look(&p, p.link));
    CHECK(chmod(p.program, 0711) == 0);
    CHECK_OK(look(&p, p.program));
}

static void what_others_can_write_is_not(void)
{
    char link[1024];

    PLACE(p);
    CHECK(chmod(p.program, 0757) == 0);
    CHECK_RC(look(&p, p.program), RC_DENIED);
    CHECK(strstr(p.why, "chmod go-w") && strstr(p.why, p.program));
    CHECK(chmod(p.program, 0755) == 0 && chmod(p.sub, 0777) == 0);
    CHECK_RC(look(&p, p.program), RC_DENIED);
    CHECK(strstr(p.why, p.sub));
    CHECK(symlink(p.program, p.link) == 0); /* also behind a link */
    CHECK_RC(look(&p, p.link), RC_DENIED);
    /* Where everybody may add names, a file may be somebody else's that was given another one. */
    CHECK(chmod(p.sub, 01777) == 0);
    CHECK_RC(look(&p, p.program), RC_DENIED);
    snprintf(link, sizeof(link), "%s/link", p.sub);
    CHECK(symlink("/bin/sh", link) == 0);
    CHECK_RC(look(&p, link), RC_DENIED);
}

static void nor_what_belongs_to_others(void)
{
    if (geteuid() != 0)
        skip();
    PLACE(p);
    CHECK(chown(p.program, 65534, 65534) == 0);
    CHECK_RC(look(&p, p.program), RC_DENIED);
    CHECK(strstr(p.why, "belongs to user 65534") && strstr(p.why, "chown root:root"));
    CHECK(chown(p.program, 0, 65534) == 0 && chmod(p.program, 0755) == 0);
    CHECK_OK(look(&p, p.program));
    CHECK(chmod(p.program, 0775) == 0);
    CHECK_RC(look(&p, p.program), RC_DENIED);
    CHECK(chown(p.program, 0, 0) == 0 && chmod(p.program, 0775) == 0); /* root's group */
    CHECK_OK(look(&p, p.program));
    CHECK(chown(p.sub, 65534, 0) == 0);
    CHECK_RC(look(&p, p.program), RC_DENIED);
    CHECK(chown(p.sub, 0, 0) == 0 && symlink(p.program, p.link) == 0);
    CHECK(lchown(p.link, 65534, 65534) == 0);
    CHECK_RC(look(&p, p.link), RC_DENIED);
}

static void scripts_that_a_shell_reads(void)
{
    PLACE(p);
    CHECK(chmod(p.program, 0644) == 0);
    CHECK_RC(look(&p, p.program), RC_INVAL);
    CHECK_OK(owned_script(str_of(p.program), geteuid(), NULL));
    CHECK_RC(owned_script(str_of(p.sub), geteuid(), NULL), RC_INVAL);
    CHECK(chmod(p.program, 0646) == 0);
    CHECK_RC(owned_script(str_of(p.program), geteuid(), NULL), RC_DENIED);
    CHECK_RC(owned_script(STR("relative"), geteuid(), NULL), RC_INVAL);
}

static void nor_what_is_no_program(void)
{
    char path[OWNED_PATH_MAX + 8];

    PLACE(p);
    CHECK_RC(look(&p, "program"), RC_INVAL);
    CHECK_RC(look(&p, ""), RC_INVAL);
    CHECK_RC(look(&p, "/"), RC_INVAL);
    CHECK_RC(look(&p, p.sub), RC_INVAL);
    CHECK_RC(look(&p, "/nonexistent/program"), RC_NOTFOUND);
    CHECK(strstr(p.why, "there is no program /nonexistent/program"));
    CHECK(chmod(p.program, 0644) == 0);
    CHECK_RC(look(&p, p.program), RC_INVAL);
    CHECK(strstr(p.why, "chmod 0755"));
    CHECK(symlink("link", p.link) == 0);
    CHECK_RC(look(&p, p.link), RC_TOOBIG);
    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = 0;
    CHECK_RC(look(&p, path), RC_TOOBIG);
}

/* Where a file is written: what is there already does not matter, who may lead it elsewhere does.
 */
static void places(void)
{
    char path[1024], link[1024];

    PLACE(p);
    p.what = owned_place;
    CHECK_OK(look(&p, p.program));
    CHECK(chmod(p.program, 0666) == 0);
    CHECK_OK(look(&p, p.program));
    snprintf(path, sizeof(path), "%s/missing.pem", p.sub);
    CHECK_OK(look(&p, path));
    CHECK_RC(look(&p, "relative.pem"), RC_INVAL);
    CHECK_RC(look(&p, p.sub), RC_INVAL);
    snprintf(link, sizeof(link), "%s/no/missing.pem", p.dir.path);
    CHECK_RC(look(&p, link), RC_NOTFOUND);
    CHECK(strstr(p.why, "no place for the file"));
    CHECK(symlink("sub/missing.pem", p.link) == 0);
    CHECK_OK(look(&p, p.link));
    CHECK(chmod(p.sub, 0777) == 0);
    CHECK_RC(look(&p, path), RC_DENIED);
    CHECK(strstr(p.why, "could be led elsewhere") && strstr(p.why, p.sub));
    CHECK_RC(look(&p, p.link), RC_DENIED);
    CHECK(chmod(p.sub, 01777) == 0); /* who is first there has made it his */
    CHECK_RC(look(&p, path), RC_DENIED);
    CHECK_RC(look(&p, p.program), RC_DENIED);
    CHECK(chmod(p.sub, 0755) == 0);
    if (geteuid() != 0)
        return;
    CHECK(chown(p.sub, 1, 1) == 0);
    CHECK_RC(look(&p, path), RC_DENIED);
    CHECK(strstr(p.why, "belongs to user 1"));
    CHECK(chown(p.sub, 0, 0) == 0 && lchown(p.link, 1, 1) == 0);
    CHECK_RC(look(&p, p.link), RC_DENIED);
}

CHECK_MAIN(CHECK_TEST(places), CHECK_TEST(scripts_that_a_shell_reads),
           CHECK_TEST(what_is_ours_is_good), CHECK_TEST(what_others_can_write_is_not),
           CHECK_TEST(nor_what_belongs_to_others), CHECK_TEST(nor_what_is_no_program))
