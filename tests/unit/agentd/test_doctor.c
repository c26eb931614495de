/* SPDX-License-Identifier: Apache-2.0 */
/* What is found, for each thing that can be wrong with a certificate. */
#include "check.h"

#include <fcntl.h>
#include <unistd.h>

#include "agentd/doctor.h"
#include "agentd/view.h"
#include "base/file.h"
#include "ev/clock.h"
#include "made.h"

enum { FOUND_MAX = 32 * 1024 };

struct test {
    struct check_dir dir;
    struct pki pki;
    char path[PLACE_PATH], file[PLACE_PATH];
    char found[FOUND_MAX];
};

static void test_done(struct test *t)
{
    pki_done(&t->pki);
    check_dir_done(&t->dir);
}

static enum rc test_init(struct test *t)
{
    check_dir_init(&t->dir);
    snprintf(t->path, sizeof(t->path), "%s/wiki", t->dir.path);
    snprintf(t->file, sizeof(t->file), "%s/dns", t->dir.path);
    TRY(crypto_init());
    return pki_init(&t->pki);
}

static void on_finding(void *arg, const struct agentd_finding *f)
{
    struct test *t = arg;
    size_t n = strlen(t->found);

    snprintf(t->found + n, sizeof(t->found) - n, "%s %s %.*s -> %.*s\n", f->state, f->name,
             STR_ARG(f->text), STR_ARG(f->cure));
}

static enum rc examine(struct test *t)
{
    t->found[0] = '\0';
    return agentd_examine(t->path, on_finding, t);
}

static bool found(const struct test *t, const char *text)
{
    return strstr(t->found, text) != NULL;
}

static void nothing_there(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(examine(&t));
    CHECK(found(&t, "warning agent no `autarky agent run` keeps"));
    CHECK(found(&t, "failed certificate nothing was obtained in"));
}

static void one_that_cannot_be_renewed(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_state s = place_state(AGENT_HOOK, "/nowhere/hook", 1);

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    s.plan.style = STR("lego");
    s.plan.challenge = STR("dns-01");
    s.why = STR("the server said no");
    s.attempt = clock_now(clock_system());
    s.failures = 3;
    s.next = s.attempt + WHEN_HOUR;
    CHECK_OK(CHECK_SPARED(place_make(t.path, NULL, &s)));
    CHECK_OK(examine(&t));
    CHECK(found(&t, "failed certificate ") && found(&t, "there is no certificate that can be"));
    CHECK(found(&t, "failed renewal ") && found(&t, "failed: the server said no; failures in"));
    CHECK(found(&t, "in a row: 3; the next one is not before"));
    CHECK(found(&t, "mend that, then: autarky renew --force"));
    CHECK(found(&t, "failed proof ") && found(&t, "/nowhere/hook"));
}

/* No failure: somebody else has to do something. */
static void one_that_persons_decide(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_state s = place_state(AGENT_WEBROOT, "/tmp", 1);

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    s.why = STR("it has the order");
    s.attempt = s.undecided = clock_now(clock_system());
    CHECK_OK(CHECK_SPARED(place_make(t.path, NULL, &s)));
    CHECK_OK(examine(&t));
    CHECK(found(&t, "warning order ") && found(&t, "the order for the first certificate since "));
    CHECK(!found(&t, "failed certificate") && !found(&t, "renewal"));
}

/* Nobody listens on port 1. */
static void a_server_that_is_away(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_state s = place_state(AGENT_WEBROOT, "/tmp", 1);

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(place_make(t.path, &t.pki, &s)));
    CHECK_OK(examine(&t));
    CHECK(found(&t, "failed server "));
    CHECK(found(&t, "something was to be done at 1970-01-01T00:00:00Z, and nobody did it"));
    CHECK(!found(&t, "failed proof"));
}

static void updates(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_state s = place_state(AGENT_DNS, t.file, 1);

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    s.plan.value = str_of(t.file);
    CHECK_OK(CHECK_SPARED(place_make(t.path, &t.pki, &s)));
    CHECK_OK(CHECK_SPARED(
        file_write(t.dir.fd, "dns", STR("server: 127.0.0.1\n"), 0600, FILE_OWNER_SELF, NULL)));
    CHECK_OK(examine(&t));
    CHECK(found(&t, "warning updates ") &&
          found(&t, "updates that go to 127.0.0.1 are not signed"));
    CHECK_OK(CHECK_SPARED(file_write(t.dir.fd, "dns",
                                     STR("server: 127.0.0.1\nkey: a\nsecret: c2VjcmV0c2VjcmV0\n"),
                                     0644, FILE_OWNER_SELF, NULL)));
    CHECK_OK(examine(&t));
    CHECK(!found(&t, "not signed"));
    CHECK(found(&t, "failed proof ") && found(&t, "holds a secret, and others may read it"));
    /* The same settings, for a record that stays. */
    s.plan.way = AGENT_PERSIST;
    CHECK_OK(CHECK_SPARED(place_make(t.path, &t.pki, &s)));
    CHECK_OK(examine(&t));
    CHECK(found(&t, "holds a secret, and others may read it"));
    s.plan.style = STR("");
    CHECK_OK(CHECK_SPARED(place_make(t.path, &t.pki, &s)));
    CHECK_OK(examine(&t));
    CHECK(!found(&t, "holds a secret"));
}

/* Somebody has let others read the key, or a copy that has it. */
static void keys_for_others(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_state s = place_state(AGENT_WEBROOT, "/tmp", 1);
    char copy[PLACE_PATH + 32];
    struct str also;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    snprintf(copy, sizeof(copy), "copy:combined:%s/all", t.dir.path);
    also = str_of(copy);
    s.plan.also = &also;
    s.plan.n_also = 1;
    CHECK_OK(CHECK_SPARED(file_write(t.dir.fd, "all", STR("x"), 0640, FILE_OWNER_SELF, NULL)));
    CHECK_OK(CHECK_SPARED(place_make(t.path, &t.pki, &s)));
    CHECK_OK(examine(&t));
    CHECK(!found(&t, "files"));
    CHECK(fchmodat(t.dir.fd, "all", 0644, 0) == 0);
    CHECK(fchmodat(t.dir.fd, "wiki/privkey.pem", 0644, 0) == 0);
    CHECK_OK(examine(&t));
    CHECK(found(&t, "warning files ") && found(&t, "with mode 0644, which is not what was decl"));
    CHECK(found(&t, "/all has the key in it, and its mode is 0644 -> chmod g-w,o= "));
}

static void files_of_others(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_state s = place_state(AGENT_WEBROOT, "/tmp", 1);

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(place_make(t.path, &t.pki, &s)));
    CHECK(unlinkat(t.dir.fd, "wiki/cert.pem", 0) == 0);
    CHECK_OK(
        CHECK_SPARED(file_write(t.dir.fd, "wiki/cert.pem", STR("x"), 0644, FILE_OWNER_SELF, NULL)));
    CHECK_OK(examine(&t));
    CHECK(found(&t, "failed files ") && found(&t, "is not of autarky's making"));
    CHECK_OK(CHECK_SPARED(
        file_write(t.dir.fd, "wiki/.autarky/state.json", STR("{"), 0600, FILE_OWNER_SELF, NULL)));
    CHECK_OK(examine(&t));
    CHECK(found(&t, "failed certificate ") && found(&t, "cannot be read"));
}

CHECK_MAIN(CHECK_TEST(nothing_there), CHECK_TEST(one_that_cannot_be_renewed),
           CHECK_TEST(one_that_persons_decide), CHECK_TEST(a_server_that_is_away),
           CHECK_TEST(updates), CHECK_TEST(files_of_others), CHECK_TEST(keys_for_others))
