/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority/init_int.h"
#include "base/fd.h"
#include "base/file.h"
#include "cmd/cmd.h"

/* A data directory to be, in a directory of the test's own. What init says goes nowhere. */
struct place {
    struct check_dir parent;
    char data[96];
};

static void place_make(struct place *p)
{
    check_dir_init(&p->parent);
    snprintf(p->data, sizeof(p->data), "%s/data", p->parent.path);
    assert_non_null(freopen("/dev/null", "w", stderr));
}

static void place_done(struct place *p)
{
    check_dir_done(&p->parent);
}

static const char *below(const struct place *p, const char *name)
{
    static char path[160];

    snprintf(path, sizeof(path), "%s/%s", p->data, name);
    return path;
}

static bool there(const struct place *p, const char *name)
{
    return access(below(p, name), F_OK) == 0;
}

static void put(const struct place *p, const char *name)
{
    int fd = open(below(p, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    close(fd);
}

/* As a killed init leaves it. */
static void leave(const struct place *p, bool passphrase)
{
    struct init_dir d = {.fd = -1, .mark = -1};

    assert_int_equal(init_dir_open(&d, p->data, passphrase), CMD_DONE);
    for (size_t i = 0; i < INIT_SUBDIRS; i++)
        assert_int_equal(mkdir(below(p, init_subdirs[i]), 0700), 0);
    put(p, "ca/rsa-1.key");
    put(p, "db/store.db-journal");
    put(p, ".tmp-abc");
    put(p, "ca.passphrase");
    init_dir_done(&d);
}

static void test_finished(void)
{
    CLEANUP(place_done) struct place p = {.parent = {.fd = -1}};
    CLEANUP(init_dir_done) struct init_dir d = {.fd = -1, .mark = -1};
    struct err err = ERR_INIT;

    place_make(&p);
    CHECK_INT(init_dir_check(p.data), CMD_DONE);
    CHECK(!there(&p, "")); /* looking makes nothing */
    CHECK_INT(init_dir_open(&d, p.data, true), CMD_DONE);
    CHECK(there(&p, "init.unfinished"));
    put(&p, "autarky.yaml");
    CHECK_OK(init_dir_finish(&d, &err));
    CHECK(!there(&p, "init.unfinished"));
    CHECK_INT(init_dir_check(p.data), CMD_FAILED);
}

static void test_undo(void)
{
    CLEANUP(place_done) struct place p = {.parent = {.fd = -1}};
    CLEANUP(init_dir_done) struct init_dir d = {.fd = -1, .mark = -1};

    place_make(&p);
    CHECK_INT(init_dir_open(&d, p.data, true), CMD_DONE);
    assert_int_equal(mkdir(below(&p, "ca"), 0700), 0);
    put(&p, "ca/a.key");
    put(&p, "ca.passphrase");
    init_dir_undo(&d);
    CHECK(!there(&p, ""));
}

/* A directory that was there, and what init did not make in it, stay. */
static void test_undo_keeps(void)
{
    CLEANUP(place_done) struct place p = {.parent = {.fd = -1}};
    CLEANUP(init_dir_done) struct init_dir d = {.fd = -1, .mark = -1};

    place_make(&p);
    assert_int_equal(mkdir(p.data, 0755), 0);
    put(&p, "notes");
    put(&p, "ca.passphrase");
    CHECK_INT(init_dir_open(&d, p.data, false), CMD_DONE);
    init_dir_undo(&d);
    CHECK(there(&p, "notes"));
    CHECK(there(&p, "ca.passphrase"));
    CHECK(!there(&p, "init.unfinished"));
}

static void test_left(void)
{
    CLEANUP(place_done) struct place p = {.parent = {.fd = -1}};
    CLEANUP(init_dir_done) struct init_dir d = {.fd = -1, .mark = -1};

    place_make(&p);
    leave(&p, true);
    CHECK_INT(init_dir_check(p.data), CMD_DONE);
    CHECK(there(&p, "ca/rsa-1.key"));
    CHECK_INT(init_dir_open(&d, p.data, true), CMD_DONE);
    for (size_t i = 0; i < INIT_SUBDIRS; i++)
        CHECK(!there(&p, init_subdirs[i]));
    CHECK(!there(&p, "ca.passphrase"));
    CHECK(!there(&p, ".tmp-abc"));
}

/* The passphrase file of the one that was killed was the operator's own. */
static void test_left_passphrase(void)
{
    CLEANUP(place_done) struct place p = {.parent = {.fd = -1}};
    CLEANUP(init_dir_done) struct init_dir d = {.fd = -1, .mark = -1};

    place_make(&p);
    leave(&p, false);
    CHECK_INT(init_dir_open(&d, p.data, false), CMD_DONE);
    CHECK(!there(&p, "ca"));
    CHECK(there(&p, "ca.passphrase"));
}

/* Without the mark it is somebody's authority, whose configuration is away. */
static void test_foreign(void)
{
    static const char *const kept[] = {"ca", "root", "trust", "db", "front"};

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        CLEANUP(place_done) struct place p = {.parent = {.fd = -1}};
        CLEANUP(init_dir_done) struct init_dir d = {.fd = -1, .mark = -1};

        place_make(&p);
        assert_int_equal(mkdir(p.data, 0755), 0);
        assert_int_equal(mkdir(below(&p, kept[i]), 0755), 0);
        CHECK_INT(init_dir_check(p.data), CMD_FAILED);
        CHECK_INT(init_dir_open(&d, p.data, true), CMD_FAILED);
        CHECK(there(&p, kept[i]));
        CHECK(!there(&p, "init.unfinished"));
    }
}

/* Both marks and autarky.yaml: it was killed when all was done. */
static void test_left_complete(void)
{
    CLEANUP(place_done) struct place p = {.parent = {.fd = -1}};
    CLEANUP(init_dir_done) struct init_dir d = {.fd = -1, .mark = -1};

    place_make(&p);
    leave(&p, true);
    put(&p, "autarky.yaml");
    CHECK_INT(init_dir_open(&d, p.data, true), CMD_FAILED);
    CHECK(there(&p, "ca/rsa-1.key"));
}

static void test_two_at_once(void)
{
    CLEANUP(place_done) struct place p = {.parent = {.fd = -1}};
    CLEANUP(init_dir_done) struct init_dir first = {.fd = -1, .mark = -1};
    CLEANUP(init_dir_done) struct init_dir second = {.fd = -1, .mark = -1};

    place_make(&p);
    CHECK_INT(init_dir_open(&first, p.data, true), CMD_DONE);
    assert_int_equal(mkdir(below(&p, "ca"), 0700), 0);
    CHECK_INT(init_dir_open(&second, p.data, true), CMD_FAILED);
    CHECK(there(&p, "ca"));
    CHECK(there(&p, "init.unfinished"));
}

static void test_places_that_will_not_do(void)
{
    CLEANUP(place_done) struct place p = {.parent = {.fd = -1}};
    CLEANUP(init_dir_done) struct init_dir d = {.fd = -1, .mark = -1};
    char deep[160];

    place_make(&p);
    snprintf(deep, sizeof(deep), "%s/no/such", p.parent.path);
    CHECK_INT(init_dir_check(deep), CMD_FAILED);
    CHECK_INT(init_dir_check("/etc/passwd"), CMD_FAILED);
    CHECK_INT(init_dir_check("/etc/passwd/x"), CMD_FAILED);
    assert_int_equal(mkdir(p.data, 0755), 0);
    assert_int_equal(chmod(p.data, 0777), 0);
    CHECK_INT(init_dir_check(p.data), CMD_FAILED);
    CHECK_INT(init_dir_open(&d, p.data, true), CMD_FAILED);
    CHECK(!there(&p, "init.unfinished"));
}

CHECK_MAIN(CHECK_TEST(test_finished), CHECK_TEST(test_undo), CHECK_TEST(test_undo_keeps),
           CHECK_TEST(test_left), CHECK_TEST(test_left_passphrase), CHECK_TEST(test_foreign),
           CHECK_TEST(test_left_complete), CHECK_TEST(test_two_at_once),
           CHECK_TEST(test_places_that_will_not_do))
