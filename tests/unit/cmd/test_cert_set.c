/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are put in the place of others as one: wherever it was interrupted, the next one finds
 * all of them or none. */
#include "check.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "cmd/cert_int.h"

#define MARK ".autarky-new"
#define STAGED MARK "-"

struct set {
    struct check_dir dir;
    struct cert_out out;
};

static void set_done(struct set *s)
{
    check_dir_done(&s->dir);
}

static void start(struct set *s)
{
    static const char *const names[] = {"key.pem", "cert.pem"};

    check_dir_init(&s->dir);
    s->out = CERT_OUT_INIT;
    s->out.dir = s->dir.fd;
    s->out.owner = FILE_OWNER_SELF;
    s->out.force = true;
    for (size_t i = 0; i < 2; i++)
        s->out.names[s->out.n++] = names[i];
}

static enum rc put(struct set *s, const char *name, const char *text)
{
    return file_create(s->dir.fd, name, str_of(text), 0600, FILE_OWNER_SELF, NULL);
}

static enum rc stage(struct set *s)
{
    for (size_t i = 0; i < s->out.n; i++)
        TRY(cert_set_stage(&s->out, s->out.names[i], STR("new"), 0600, NULL));
    return RC_OK;
}

static bool is(const struct set *s, const char *name, const char *text)
{
    CLEANUP(buf_done) struct buf there = BUF_INIT(64);

    return file_read(s->dir.fd, name, &there, NULL) == RC_OK &&
           str_eq(buf_str(&there), str_of(text));
}

static bool is_there(const struct set *s, const char *name)
{
    return faccessat(s->dir.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Nothing of it is left beside the files themselves. */
static bool is_clean(const struct set *s)
{
    return !is_there(s, MARK) && !is_there(s, STAGED "key.pem") && !is_there(s, STAGED "cert.pem");
}

static void all_take_the_place_of_others(void)
{
    CLEANUP(set_done) struct set s = {.dir.fd = -1};

    start(&s);
    CHECK_OK(put(&s, "key.pem", "old"));
    CHECK_OK(put(&s, "cert.pem", "old"));
    CHECK_OK(stage(&s));
    CHECK(is(&s, "key.pem", "old") && is(&s, "cert.pem", "old"));
    CHECK_OK(cert_set_commit(&s.out, NULL));
    CHECK(is(&s, "key.pem", "new") && is(&s, "cert.pem", "new"));
    CHECK(is_clean(&s));
    CHECK_OK(cert_set_recover(s.dir.fd, NULL));
    CHECK(is(&s, "key.pem", "new") && is(&s, "cert.pem", "new"));
}

static void what_was_not_begun_goes(void)
{
    CLEANUP(set_done) struct set s = {.dir.fd = -1};

    start(&s);
    CHECK_OK(put(&s, "key.pem", "old"));
    CHECK_OK(put(&s, "cert.pem", "old"));
    CHECK_OK(cert_set_stage(&s.out, "key.pem", STR("new"), 0600, NULL));
    CHECK_RC(cert_set_stage(&s.out, "key.pem", STR("newer"), 0600, NULL), RC_EXISTS);
    CHECK_OK(cert_set_recover(s.dir.fd, NULL));
    CHECK(is(&s, "key.pem", "old") && is(&s, "cert.pem", "old"));
    CHECK(is_clean(&s));
}

/* The mark is there, and the first of the names has been changed, or is changed but for the other
 * one's removal. */
static void what_was_begun_is_finished(void)
{
    for (int changed = 0; changed < 3; changed++) {
        CLEANUP(set_done) struct set s = {.dir.fd = -1};

        start(&s);
        CHECK_OK(put(&s, "key.pem", changed ? "new" : "old"));
        CHECK_OK(put(&s, "cert.pem", "old"));
        CHECK_OK(stage(&s));
        CHECK_OK(put(&s, MARK, ""));
        if (changed == 1)
            CHECK_INT(unlinkat(s.dir.fd, STAGED "key.pem", 0), 0);
        CHECK_OK(cert_set_recover(s.dir.fd, NULL));
        CHECK(is(&s, "key.pem", "new") && is(&s, "cert.pem", "new"));
        CHECK(is_clean(&s));
    }
}

static void what_has_appeared_stays(void)
{
    CLEANUP(set_done) struct set s = {.dir.fd = -1};

    start(&s);
    s.out.force = false;
    CHECK_OK(stage(&s));
    CHECK_OK(put(&s, "key.pem", "somebody's"));
    CHECK_RC(cert_set_commit(&s.out, NULL), RC_EXISTS);
    CHECK(is(&s, "key.pem", "somebody's"));
    CHECK_OK(cert_set_recover(s.dir.fd, NULL)); /* it is not finished over it */
    CHECK(is(&s, "key.pem", "somebody's") && !is_there(&s, "cert.pem"));
    CHECK(is_clean(&s));
}

static void two_at_a_time_do_not_meet(void)
{
    CLEANUP(set_done) struct set s = {.dir.fd = -1};

    start(&s);
    CHECK_OK(stage(&s));
    CHECK_OK(put(&s, MARK, ""));
    CHECK_RC(cert_set_commit(&s.out, NULL), RC_EXISTS);
    CHECK(!is_there(&s, "key.pem") && !is_there(&s, "cert.pem"));
    CHECK_RC(cert_set_recover(-1, NULL), RC_IO);
}

CHECK_MAIN(CHECK_TEST(all_take_the_place_of_others), CHECK_TEST(what_was_not_begun_goes),
           CHECK_TEST(what_was_begun_is_finished), CHECK_TEST(what_has_appeared_stays),
           CHECK_TEST(two_at_a_time_do_not_meet))
