/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <sys/stat.h>

#include "agent/kept.h"
#include "base/file.h"
#include "keys.h"

enum { PATH = 128 };

struct test {
    struct check_dir dir;
    struct agent_place place;
    struct arena a;
    struct crypto_key *key;
    char path[PATH];
};

static void test_done(struct test *t)
{
    agent_place_done(&t->place);
    crypto_key_unref(t->key);
    arena_done(&t->a);
    check_dir_done(&t->dir);
}

static enum rc test_init(struct test *t)
{
    t->place = AGENT_PLACE_INIT;
    check_dir_init(&t->dir);
    arena_init(&t->a, 1 << 20);
    snprintf(t->path, sizeof(t->path), "%s/wiki", t->dir.path);
    TRY(crypto_init());
    t->key = key_load(key_p256);
    return t->key ? agent_place_open(t->path, true, &t->place, NULL) : RC_NOMEM;
}

static struct agent_plan plan_of(const struct str *dns, size_t n)
{
    return (struct agent_plan){.key = STR("ecdsa"), .dns = dns, .n_dns = n};
}

static void comes_back_as_it_was(void)
{
    static const struct str dns[] = {STR("a.example"), STR("b.example")};
    CLEANUP(test_done) struct test t = {};
    struct agent_kept k = {.server = STR("https://ca.example/directory"),
                           .order = STR("https://ca.example/order/7"),
                           .at = 42,
                           .tries = 2},
                      got = {};
    struct agent_plan plan = plan_of(dns, 2);
    char other[AGENT_KEPT_DIGEST + 1];
    struct stat st;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(agent_kept_what(&plan, STR("web"), k.what));
    /* Another name, key or profile is another certificate. */
    CHECK_OK(agent_kept_what(&plan, STR("short"), other));
    CHECK(strcmp(other, k.what) != 0);
    plan = plan_of(dns, 1);
    CHECK_OK(agent_kept_what(&plan, STR("web"), other));
    CHECK(strcmp(other, k.what) != 0);
    CHECK_RC(agent_kept_get(&t.place, &t.a, &got, NULL), RC_NOTFOUND);
    k.key = t.key;
    CHECK_OK(agent_kept_put(&t.place, &k, NULL));
    CHECK(fstatat(t.dir.fd, "wiki/.autarky/order", &st, 0) == 0 && (st.st_mode & 07777) == 0600);
    CHECK_OK(agent_kept_get(&t.place, &t.a, &got, NULL));
    CHECK(crypto_key_same(got.key, t.key) && crypto_key_has_private(got.key));
    crypto_key_unref(MOVE(got.key));
    CHECK_STR(got.server, "https://ca.example/directory");
    CHECK_STR(got.order, "https://ca.example/order/7");
    CHECK_STR(str_of(got.what), k.what);
    CHECK_INT(got.at, 42);
    CHECK_INT(got.tries, 2);
    CHECK(!got.undecided);
    /* That of a key in a token; and one that the server has not decided about. */
    k.key = NULL;
    k.undecided = true;
    CHECK_OK(agent_kept_put(&t.place, &k, NULL));
    CHECK_OK(agent_kept_get(&t.place, &t.a, &got, NULL));
    CHECK(!got.key && got.undecided);
    k.key = t.key;
    CHECK_OK(agent_kept_put(&t.place, &k, NULL));
    CHECK_OK(agent_kept_get(&t.place, &t.a, &got, NULL));
    CHECK(crypto_key_same(got.key, t.key) && got.undecided);
    crypto_key_unref(MOVE(got.key));
    agent_kept_drop(&t.place);
    agent_kept_drop(&t.place);
    CHECK_RC(agent_kept_get(&t.place, &t.a, &got, NULL), RC_NOTFOUND);
}

static void what_is_none(void)
{
    static const char *const bad[] = {
        "",
        "server x",
        "server x\norder y\nfor z\n",
        "server x\norder y\nfor z\nat never\n",
        "order y\nserver x\nfor z\nat 1\n",
        "server x\norder \nfor z\nat 1\n",
        "server x\norder y\nfor z\nat 1\n-----BEGIN PRIVATE KEY-----\nAA\n",
        "server x\norder y\nat 1\n",
        ("server x\norder y\nfor "
         "0123456789012345678901234567890123456789012345678901234567890123456789\nat 1\ntries 0\n"),
        "server x\norder y\nfor z\nat 1\n",
        "server x\norder y\nfor z\nat 1\ntries many\n",
    };
    CLEANUP(test_done) struct test t = {};
    struct agent_kept got = {};
    struct err err = ERR_INIT;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_OK(CHECK_SPARED(file_write(t.dir.fd, "wiki/.autarky/order", str_of(bad[i]), 0600,
                                         FILE_OWNER_SELF, NULL)));
        CHECK_RC(agent_kept_get(&t.place, &t.a, &got, &err), RC_PARSE);
    }
}

static void is_over_some_time(void)
{
    struct agent_kept k = {.at = 100 * WHEN_DAY, .tries = AGENT_KEPT_TRIES - 1};

    CHECK(!agent_kept_over(&k, k.at) && !agent_kept_over(&k, k.at + 23 * WHEN_HOUR));
    CHECK(!agent_kept_over(&k, k.at - WHEN_HOUR)); /* the clock was set */
    CHECK(agent_kept_over(&k, k.at + WHEN_DAY) && agent_kept_over(&k, k.at - WHEN_DAY));
    /* Persons take their time. */
    k.undecided = true;
    CHECK(!agent_kept_over(&k, k.at + 7 * WHEN_DAY - WHEN_HOUR));
    CHECK(agent_kept_over(&k, k.at + 7 * WHEN_DAY) && agent_kept_over(&k, k.at - WHEN_DAY));
    k.undecided = false;
    k.tries++;
    CHECK(agent_kept_over(&k, k.at));
}

CHECK_MAIN(CHECK_TEST(comes_back_as_it_was), CHECK_TEST(what_is_none),
           CHECK_TEST(is_over_some_time))
