/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "cmd/cmd.h"
#include "cmd/site_int.h"

#define WIKI "    - {\"name\":\"wiki.hospital.example\",\"backends\":[\"http://a\",\"http://b\"]}\n"
#define INTRA                                                                                      \
    "    - {\"name\":\"intra\",\"backends\":[\"http://c\"],\"algorithms\":[\"rsa\",\"ecdsa\"],"    \
    "\"profile\":\"short\"}\n"

static const char *const two[] = {"http://a", "http://b"};
static const char *const one[] = {"http://c"};
static const struct site_line wiki = {STR("wiki.hospital.example"), two, 2, STR(""), STR("")};
static const struct site_line intra = {STR("intra"), one, 1, STR("rsa, ecdsa"), STR("short")};

struct place {
    struct check_dir dir;
    struct cmd_args args;
    char file[160];
};

static void place_init(struct place *p)
{
    *p = (struct place){};
    check_dir_init(&p->dir);
    p->args.values[CMD_OPT_DATA] = p->dir.path;
    snprintf(p->file, sizeof(p->file), "%s/conf.d/" SITE_FILE, p->dir.path);
}

static void place_done(struct place *p)
{
    check_dir_done(&p->dir);
}

/* Without the lines of the header. */
static struct str sites(const struct buf *b)
{
    struct str s = buf_str(b), line = {NULL, 0};

    while (!str_eq(line, STR("  sites:")) && str_next(&s, '\n', &line))
        ;
    return s;
}

static void adds_and_removes(void)
{
    CLEANUP(place_done) struct place p = {};
    CLEANUP(site_file_done) struct site_file f = SITE_FILE_INIT;

    place_init(&p);
    CHECK_OK(site_file_open(&f, &p.args, true, NULL));
    CHECK(!f.exists);
    CHECK_OK(site_file_add(&f, &wiki));
    CHECK_OK(site_file_add(&f, &intra));
    CHECK_STR(sites(&f.to), WIKI INTRA);
    CHECK_OK(site_file_write(&f, &f.is, &f.to, NULL));
    site_file_done(&f);

    CHECK_OK(site_file_open(&f, &p.args, false, NULL));
    CHECK(f.exists);
    CHECK_STR(sites(&f.is), WIKI INTRA);
    CHECK_RC(site_file_remove(&f, STR("wiki")), RC_NOTFOUND);
    CHECK_STR(sites(&f.to), WIKI INTRA);
    CHECK_OK(site_file_remove(&f, STR("wiki.hospital.example")));
    CHECK_STR(sites(&f.to), INTRA);
    CHECK_OK(site_file_write(&f, &f.is, &f.to, NULL));
    site_file_done(&f);

    /* With the last site the file goes. */
    CHECK_OK(site_file_open(&f, &p.args, false, NULL));
    CHECK_OK(site_file_remove(&f, STR("intra")));
    CHECK_INT(f.to.n, 0);
    CHECK_OK(site_file_write(&f, &f.is, &f.to, NULL));
    CHECK(access(p.file, F_OK) != 0);
    CHECK_OK(site_file_write(&f, &f.to, &f.is, NULL)); /* taken back */
    CHECK(access(p.file, F_OK) == 0);
}

/* What somebody wrote by hand into the same file stays as it is. */
static void leaves_other_lines(void)
{
#define HAND "# mine\ngateway:\n  sites:\n    - name: hand\n      backends: [http://d]\n"
    CLEANUP(place_done) struct place p = {};
    CLEANUP(site_file_done) struct site_file f = SITE_FILE_INIT;

    place_init(&p);
    CHECK_OK(site_file_open(&f, &p.args, true, NULL));
    CHECK_OK(file_write(f.dir, SITE_FILE, STR(HAND "    - {broken"), 0644, FILE_OWNER_SELF, NULL));
    site_file_done(&f);
    CHECK_OK(site_file_open(&f, &p.args, true, NULL));
    CHECK_RC(site_file_remove(&f, STR("hand")), RC_NOTFOUND);
    buf_reset(&f.to);
    buf_puts(&f.to, buf_str(&f.is));
    CHECK_OK(site_file_add(&f, &wiki));
    CHECK_STR(buf_str(&f.to), HAND "    - {broken\n" WIKI);
    CHECK_OK(site_file_write(&f, &f.is, &f.to, NULL));
    site_file_done(&f);
    CHECK_OK(site_file_open(&f, &p.args, true, NULL));
    CHECK_OK(site_file_remove(&f, STR("wiki.hospital.example")));
    CHECK_STR(buf_str(&f.to), HAND "    - {broken\n");
}

/* Nothing that somebody wrote while the command ran is lost. */
static void keeps_what_was_written_meanwhile(void)
{
    CLEANUP(place_done) struct place p = {};
    CLEANUP(site_file_done) struct site_file f = SITE_FILE_INIT;
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
    struct err err = ERR_INIT;

    place_init(&p);
    CHECK_OK(site_file_open(&f, &p.args, true, NULL));
    CHECK_OK(site_file_add(&f, &wiki));
    CHECK_OK(file_write(f.dir, SITE_FILE, STR("# mine\n"), 0644, FILE_OWNER_SELF, NULL));
    CHECK_RC(site_file_write(&f, &f.is, &f.to, &err), RC_CONFLICT);
    CHECK_STR(str_of(err.msg->code), "cmd.sites-changed");
    CHECK_OK(file_read(f.dir, SITE_FILE, &text, NULL));
    CHECK_STR(buf_str(&text), "# mine\n");
}

/* Who may only read conf.d cannot make others wait. */
static void is_not_held_up_by_readers(void)
{
    CLEANUP(place_done) struct place p = {};
    CLEANUP(site_file_done) struct site_file f = SITE_FILE_INIT, g = SITE_FILE_INIT;
    CLEANUP(fd_closep) int reader = -1;
    char path[160];
    struct stat st;

    place_init(&p);
    snprintf(path, sizeof(path), "%s/conf.d", p.dir.path);
    CHECK_OK(site_file_open(&f, &p.args, true, NULL));
    CHECK_INT(fstat(f.lock, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    reader = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_INT(flock(reader, LOCK_EX | LOCK_NB), 0);
    site_file_done(&f);
    alarm(60); /* instead of waiting for ever */
    CHECK_OK(site_file_open(&g, &p.args, true, NULL));
    alarm(0);
}

static void without_a_directory(void)
{
    CLEANUP(place_done) struct place p = {};
    CLEANUP(site_file_done) struct site_file f = SITE_FILE_INIT;
    struct err err = ERR_INIT;

    place_init(&p);
    CHECK_OK(site_file_open(&f, &p.args, false, &err));
    CHECK_INT(f.dir, -1);
    CHECK_RC(site_file_remove(&f, STR("intra")), RC_NOTFOUND);
    site_file_done(&f);
    p.args.values[CMD_OPT_DATA] = "/nonexistent";
    CHECK_RC(site_file_open(&f, &p.args, true, &err), RC_NOTFOUND);
}

CHECK_MAIN(CHECK_TEST(adds_and_removes), CHECK_TEST(leaves_other_lines),
           CHECK_TEST(keeps_what_was_written_meanwhile), CHECK_TEST(is_not_held_up_by_readers),
           CHECK_TEST(without_a_directory))
