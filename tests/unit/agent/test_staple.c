/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/staple.h"
#include "base/file.h"
#include "crypto/crypto.h"

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND)

enum { PATH = 128 };

static void when_it_is_asked_for(void)
{
    struct client_staple s = {.since = NOW, .until = NOW + 10 * WHEN_DAY};
    struct agent_plan plan = {.ocsp = STR("yes")};
    struct err err = ERR_INIT;
    when_t at;

    CHECK_OK(crypto_init());
    at = agent_staple_next(&plan, &s);
    CHECK(at >= NOW + 5 * WHEN_DAY && at <= NOW + 6 * WHEN_DAY);
    plan.ocsp_age = STR("2d");
    CHECK_OK(agent_staple_check_plan(&plan, &err));
    CHECK_INT(agent_staple_next(&plan, &s), NOW + 2 * WHEN_DAY);
    plan.ocsp_age = STR("9d");
    CHECK_INT(agent_staple_next(&plan, &s), NOW + 10 * WHEN_DAY * 3 / 4);
    plan.ocsp_age = STR("31d");
    CHECK_RC(agent_staple_check_plan(&plan, &err), RC_INVAL);
    plan.ocsp_age = STR("soon");
    CHECK_RC(agent_staple_check_plan(&plan, &err), RC_INVAL);
}

/* ---- files */

struct files {
    struct check_dir dir;
    struct agent_place place;
    char path[PATH];
};

static void files_done(struct files *f)
{
    file_kill_at(0);
    agent_place_done(&f->place);
    check_dir_done(&f->dir);
}

static enum rc files_init(struct files *f)
{
    f->place = AGENT_PLACE_INIT;
    check_dir_init(&f->dir);
    snprintf(f->path, sizeof(f->path), "%s/wiki", f->dir.path);
    return agent_place_open(f->path, true, &f->place, NULL);
}

static bool make_generation(const struct files *f, const char *path)
{
    return mkdirat(f->dir.fd, path, 0755) == 0;
}

static bool reads(const struct files *f, const char *wanted)
{
    CLEANUP(buf_done) struct buf is = BUF_INIT(AGENT_STAPLE_MAX);

    if (agent_staple_get(&f->place, f->place.live, &is) != RC_OK)
        return !wanted;
    return wanted && str_eq(buf_str(&is), str_of(wanted));
}

static bool shows(const struct files *f, const char *wanted)
{
    char text[16] = "";
    int fd = openat(f->dir.fd, "wiki/ocsp.der", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        close(fd);
    return wanted ? n > 0 && strcmp(text, wanted) == 0 : fd < 0;
}

static void is_exchanged_with_the_certificate(void)
{
    CLEANUP(files_done) struct files f = {};

    CHECK_OK(CHECK_SPARED(files_init(&f)));
    CHECK(make_generation(&f, "wiki/.autarky/1") && make_generation(&f, "wiki/.autarky/2"));
    CHECK_OK(agent_staple_put(&f.place, 1, STR("one"), NULL));
    CHECK(symlinkat("1", f.dir.fd, "wiki/.autarky/live") == 0);
    f.place.live = 1;
    CHECK(reads(&f, "one"));
    CHECK_OK(agent_staple_put(&f.place, 1, STR("two"), NULL));
    CHECK(reads(&f, "two"));
    /* What another program has left there gives way. */
    CHECK(symlinkat("ocsp-17.der", f.dir.fd, "wiki/ocsp.der") == 0);
    CHECK_OK(agent_staple_link(&f.place, false, NULL));
    CHECK(faccessat(f.dir.fd, "wiki/ocsp.der", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK_OK(agent_staple_link(&f.place, true, NULL));
    CHECK(shows(&f, "two"));
    CHECK(unlinkat(f.dir.fd, "wiki/.autarky/live", 0) == 0);
    CHECK(symlinkat("2", f.dir.fd, "wiki/.autarky/live") == 0);
    f.place.live = 2;
    CHECK(reads(&f, NULL) && shows(&f, NULL));
    CHECK_OK(agent_staple_put(&f.place, 2, STR("three"), NULL));
    CHECK(shows(&f, "three"));
    CHECK_OK(agent_staple_link(&f.place, false, NULL));
    CHECK(shows(&f, NULL));
    CHECK_RC(agent_staple_get(&f.place, 0, &(struct buf){.max = 8}), RC_NOTFOUND);
    CHECK_RC(agent_staple_put(&f.place, 9, STR("x"), NULL), RC_IO);
    CHECK(faccessat(f.dir.fd, "wiki/.autarky/.tmp-ocsp", F_OK, AT_SYMLINK_NOFOLLOW) != 0);
}

CHECK_MAIN(CHECK_TEST(when_it_is_asked_for), CHECK_TEST(is_exchanged_with_the_certificate))
