/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets by where they are: what is read, and what is refused. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/sealed.h"
#include "base/file.h"

enum { PATH = 128, BYTES = 256 };

struct test {
    struct check_dir dir;
    char path[PATH];
    struct buf out;
};

static void test_done(struct test *t)
{
    unsetenv("CREDENTIALS_DIRECTORY");
    buf_wipe(&t->out);
    check_dir_done(&t->dir);
}

static enum rc test_init(struct test *t, mode_t mode)
{
    check_dir_init(&t->dir);
    buf_init(&t->out, BYTES);
    snprintf(t->path, sizeof(t->path), "%s/token", t->dir.path);
    return file_write(t->dir.fd, "token", STR(" s3cret \nmore\n"), mode, FILE_OWNER_SELF, NULL);
}

static enum rc credential(struct test *t, const char *where, struct err *err)
{
    *err = ERR_INIT;
    setenv("CREDENTIALS_DIRECTORY", t->dir.path, 1);
    return agent_sealed_read(str_of(where), &t->out, err);
}

static void of_systemd(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_wipe) struct buf line = BUF_INIT(BYTES);
    struct err err = ERR_INIT;

    CHECK_OK(CHECK_SPARED(test_init(&t, 0400)));
    CHECK(agent_sealed(STR("credential:token")) && !agent_sealed(STR("/credential:token")));
    CHECK_OK(credential(&t, "credential:token", &err));
    CHECK_STR(buf_str(&t.out), " s3cret \nmore\n");
    CHECK_OK(agent_sealed_line(STR("credential:token"), &line, NULL));
    CHECK_STR(buf_str(&line), "s3cret");
    CHECK_RC(credential(&t, "credential:other", &err), RC_NOTFOUND);
    CHECK_STR(str_of(err.msg->code), "agent.credential-missing");
    CHECK_RC(credential(&t, "credential:../token", &err), RC_INVAL);
    CHECK_STR(str_of(err.msg->code), "agent.credential-name");
    CHECK_RC(credential(&t, "credential:..", &err), RC_INVAL);
    CHECK_RC(credential(&t, "credential:", &err), RC_INVAL);
    unsetenv("CREDENTIALS_DIRECTORY");
    CHECK_RC(agent_sealed_read(STR("credential:token"), &t.out, &err), RC_NOTFOUND);
    CHECK_STR(str_of(err.msg->code), "agent.credential-nowhere");
    /* systemd shows it to another user by an access list, which stat(2) shows as its group's. */
    CHECK(fchmodat(t.dir.fd, "token", 0440, 0) == 0);
    CHECK_OK(credential(&t, "credential:token", &err));
    CHECK(fchmodat(t.dir.fd, "token", 0444, 0) == 0);
    CHECK_RC(credential(&t, "credential:token", &err), RC_DENIED);
}

static void of_files(void)
{
    static const mode_t open[] = {0640, 0620, 0610, 0604, 0602, 0601, 0666};
    CLEANUP(test_done) struct test t = {};
    struct err err = ERR_INIT;

    CHECK_OK(CHECK_SPARED(test_init(&t, 0600)));
    CHECK_OK(agent_sealed_read(str_of(t.path), &t.out, NULL));
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        buf_reset(&t.out);
        CHECK(fchmodat(t.dir.fd, "token", open[i], 0) == 0);
        CHECK_RC(agent_sealed_read(str_of(t.path), &t.out, &err), RC_DENIED);
        CHECK_STR(str_of(err.msg->code), "agent.secret-open");
        CHECK_INT(t.out.n, 0);
        CHECK_RC(agent_sealed_check(t.dir.fd, "token", NULL), RC_DENIED);
    }
    CHECK(fchmodat(t.dir.fd, "token", 0640, 0) == 0);
    CHECK_OK(agent_sealed_read_shared(str_of(t.path), &t.out, NULL));
    CHECK(fchmodat(t.dir.fd, "token", 0660, 0) == 0);
    CHECK_RC(agent_sealed_read_shared(str_of(t.path), &t.out, NULL), RC_DENIED);
    CHECK_RC(agent_sealed_read(STR("/nowhere/at/all"), &t.out, &err), RC_NOTFOUND);
    CHECK_STR(str_of(err.msg->code), "agent.secret-file");
}

/* Longer than there is room for, and nothing in the first line. */
static void too_much_or_nothing(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_wipe) struct buf little = BUF_INIT(4), line = BUF_INIT(BYTES);
    struct err err = ERR_INIT;

    CHECK_OK(CHECK_SPARED(test_init(&t, 0600)));
    CHECK_RC(agent_sealed_read(str_of(t.path), &little, NULL), RC_TOOBIG);
    CHECK_OK(
        CHECK_SPARED(file_write(t.dir.fd, "token", STR(" \nx\n"), 0600, FILE_OWNER_SELF, NULL)));
    CHECK_RC(agent_sealed_line(str_of(t.path), &line, &err), RC_PARSE);
    CHECK_STR(str_of(err.msg->code), "agent.secret-empty");
}

CHECK_MAIN(CHECK_TEST(of_systemd), CHECK_TEST(of_files), CHECK_TEST(too_much_or_nothing))
