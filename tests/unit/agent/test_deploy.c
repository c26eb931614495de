/* SPDX-License-Identifier: Apache-2.0 */
/* A new set taken into use, and back: what is in place after each way in which it can end. */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/deploy.h"
#include "base/file.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net_fake.h"
#include "unit/prove/certs.h"

enum { CHAIN = 32 * 1024, PATH = 128 };

struct test {
    struct check_dir dir;
    struct pki pki;
    struct ev *ev;
    struct net *net;
    struct agent_world world;
    struct agent_solver *solver;
    struct agent_place place;
    struct agent_plan plan;
    unsigned long fresh;
    bool stopped;
    char path[PATH], script[2 * PATH];
    struct err err;
};

static const struct str dns[] = {STR("wiki.hospital.example")};
static const struct str prove_at[] = {STR("10.0.0.1:443")};

static void test_done(struct test *t)
{
    agent_place_done(&t->place);
    agent_solver_free(t->solver);
    net_free(t->net);
    ev_free(t->ev);
    pki_done(&t->pki);
    check_dir_done(&t->dir);
}

static enum rc write_set(struct test *t, uint8_t serial)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(CHAIN);

    TRY(make_chain(&t->pki, t->pki.leaf_key, serial, &chain));
    return agent_place_write(&t->place, buf_str(&chain), t->pki.leaf_key, &t->fresh, NULL);
}

/* One set is in place when there is one `before`, and a fresh one beside it. */
static enum rc test_init(struct test *t, bool before, const char *script)
{
    t->place = AGENT_PLACE_INIT;
    check_dir_init(&t->dir);
    TRY(crypto_init());
    TRY(pki_init(&t->pki));
    TRY(ev_new(clock_system(), &t->ev));
    TRY(net_fake_new(t->ev, &t->net));
    t->world = (struct agent_world){.ev = t->ev, .net = t->net};
    snprintf(t->path, sizeof(t->path), "%s/wiki", t->dir.path);
    snprintf(t->script, sizeof(t->script), "%s/reload", t->dir.path);
    TRY(file_write(t->dir.fd, "reload", str_of(script), 0755, FILE_OWNER_SELF, NULL));
    TRY(agent_webroot_new(&t->world, t->dir.path, false, &t->solver, NULL));
    TRY(agent_place_open(t->path, true, &t->place, NULL));
    t->plan =
        (struct agent_plan){.dns = dns, .n_dns = 1, .key = STR("ecdsa"), .prove_for = STR("1s")};
    if (before) {
        TRY(write_set(t, 1));
        TRY(agent_place_switch(&t->place, t->fresh, NULL));
    }
    return write_set(t, 2);
}

static struct agent_deploy deployment(struct test *t)
{
    return (struct agent_deploy){.w = &t->world,
                                 .place = &t->place,
                                 .plan = &t->plan,
                                 .solver = t->solver,
                                 .fresh = t->fresh,
                                 .before = t->place.live,
                                 .stopped = &t->stopped};
}

static enum rc deploy(struct test *t)
{
    struct agent_deploy d = deployment(t);

    t->err = ERR_INIT;
    return agent_deploy(&d, &t->err);
}

static const char *code(const struct test *t)
{
    return t->err.msg ? t->err.msg->code : "";
}

#define FAILS_FOR_FRESH                                                                            \
    "#!/bin/sh\ncd \"${0%/*}\"\necho $(readlink wiki/.autarky/live) >> told\n"                     \
    "[ $(readlink wiki/.autarky/live) = 1 ] || { echo no >&2; exit 1; }\n"

static void check_told(struct test *t, const char *want)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(4096);

    CHECK_OK(file_read(t->dir.fd, "told", &out, NULL));
    CHECK_STR(buf_str(&out), want);
}

static void reloaded(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, true, "#!/bin/sh\necho told >> \"${0%/*}/told\"\n"));
    t.plan.reload = str_of(t.script);
    CHECK(agent_deploys(&t.plan));
    CHECK_OK(deploy(&t));
    CHECK_INT(t.place.live, t.fresh);
    check_told(&t, "told\n");
}

/* In their place, copies as well, before the service is told. */
static void files_alone(void)
{
    static const struct str copy[] = {STR("copy:cert:")};
    CLEANUP(test_done) struct test t = {};
    struct agent_deploy d;
    char also[3 * PATH];

    CHECK_OK(test_init(&t, false, "#!/bin/sh\necho told >> \"${0%/*}/told\"\n"));
    t.plan.reload = str_of(t.script);
    snprintf(also, sizeof(also), "%.*s%s/copy.pem", STR_ARG(copy[0]), t.dir.path);
    t.plan.also = &(const struct str){also, strlen(also)};
    t.plan.n_also = 1;
    d = deployment(&t);
    CHECK_OK(agent_deploy_files(&d, &t.err));
    CHECK_INT(t.place.live, t.fresh);
    CHECK_INT(access(also + copy[0].n, F_OK), 0);
    snprintf(also, sizeof(also), "%s/privkey.pem", t.path);
    CHECK_INT(access(also, F_OK), 0);
    snprintf(also, sizeof(also), "%s/told", t.dir.path);
    CHECK_INT(access(also, F_OK), -1);
    t.plan.n_also = 0;
    CHECK_OK(deploy(&t));
    check_told(&t, "told\n");
}

static void reload_fails(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, true, FAILS_FOR_FRESH));
    t.plan.reload = str_of(t.script);
    CHECK_RC(deploy(&t), RC_CONFLICT);
    CHECK_STR(str_of(code(&t)), "agent.deploy-back");
    CHECK_INT(t.place.live, 1);
    check_told(&t, "2\n1\n");
    /* The fresh one is still there for the next attempt. */
    CHECK(faccessat(t.place.dir, ".autarky/2/privkey.pem", R_OK, 0) == 0);
    CHECK_RC(deploy(&t), RC_CONFLICT);
    check_told(&t, "2\n1\n2\n1\n");
    CHECK_INT(t.place.live, 1);
}

static void reload_fails_always(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, true, "#!/bin/sh\nexit 1\n"));
    t.plan.reload = str_of(t.script);
    CHECK_RC(deploy(&t), RC_CONFLICT);
    CHECK_STR(str_of(code(&t)), "agent.deploy-deaf");
    CHECK_INT(t.place.live, 1);
    /* Whether the one before is served all the same is seen. */
    t.plan.prove = prove_at;
    t.plan.n_prove = 1;
    CHECK_RC(deploy(&t), RC_CONFLICT);
    CHECK_STR(str_of(code(&t)), "agent.deploy-worse");
    CHECK(net_fake_dials(t.net) >= 2);
    CHECK_INT(t.place.live, 1);
}

static void nothing_to_go_back_to(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, false, "#!/bin/sh\nexit 1\n"));
    t.plan.reload = str_of(t.script);
    CHECK_RC(deploy(&t), RC_CONFLICT);
    CHECK_STR(str_of(code(&t)), "agent.deploy-first");
    CHECK_INT(t.place.live, t.fresh);
}

static void not_served(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, true, "#!/bin/sh\necho told >> \"${0%/*}/told\"\n"));
    t.plan.reload = str_of(t.script);
    t.plan.prove = prove_at;
    t.plan.n_prove = 1;
    CHECK_OK(agent_deploy_check(&t.plan, NULL));
    CHECK_RC(deploy(&t), RC_CONFLICT); /* nobody listens there, before and after */
    CHECK_STR(str_of(code(&t)), "agent.deploy-worse");
    CHECK(net_fake_dials(t.net) >= 4);
    CHECK_INT(t.place.live, 1);
    check_told(&t, "told\ntold\n");
}

static void stopped(void)
{
    CLEANUP(test_done) struct test t = {.stopped = true};

    CHECK_OK(test_init(&t, true, ""));
    t.plan.prove = prove_at;
    t.plan.n_prove = 1;
    CHECK_RC(deploy(&t), RC_CANCELLED);
    CHECK_INT(t.place.live, t.fresh);
}

static void files_as_declared(void)
{
    CLEANUP(test_done) struct test t = {};
    struct stat st;

    CHECK_OK(test_init(&t, true, ""));
    t.place.owner.key = 0640;
    if (geteuid() == 0)
        t.place.owner.who = (struct file_owner){65534, 65534};
    CHECK_OK(write_set(&t, 3));
    CHECK_OK(deploy(&t));
    CHECK(fstatat(t.place.dir, "privkey.pem", &st, 0) == 0);
    CHECK_INT(st.st_mode & 07777, 0640);
    CHECK_INT(st.st_uid, geteuid() == 0 ? 65534 : geteuid());
    CHECK(fstatat(t.place.dir, "fullchain.pem", &st, 0) == 0);
    CHECK_INT(st.st_mode & 07777, 0644);
    CHECK_INT(st.st_uid, geteuid() == 0 ? 65534 : geteuid());
}

/* Where the kernel has SELinux it may not know that label; where it has not, root may set any. */
static bool may_label(struct test *t)
{
    IGNORE_RC(str_copyz(STR("system_u:object_r:cert_t:s0"), t->place.owner.label,
                        sizeof(t->place.owner.label)));
    return agent_place_label(&t->place, NULL) == RC_OK;
}

static void labelled_as_declared(void)
{
    static const char *const files[] = {"wiki/cert.pem", "wiki/privkey.pem", "wiki/.autarky/live"};
    CLEANUP(test_done) struct test t = {};
    char path[2 * PATH], label[64];

    CHECK_OK(test_init(&t, true, ""));
    if (!may_label(&t))
        return;
    CHECK(faccessat(t.place.dir, ".autarky/label.new", F_OK, 0) != 0);
    CHECK_OK(write_set(&t, 3));
    CHECK_OK(deploy(&t));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", t.dir.path, files[i]);
        memset(label, 0, sizeof(label));
        CHECK(getxattr(path, "security.selinux", label, sizeof(label) - 1) > 0);
        CHECK_STR(str_of(label), "system_u:object_r:cert_t:s0");
    }
    /* Not of what is not ours to label. */
    CHECK(getxattr(t.path, "security.selinux", label, sizeof(label)) < 0 ||
          strcmp(label, "system_u:object_r:cert_t:s0") != 0);
}

static void checked_before(void)
{
    static const struct str bad_targets[] = {STR("gopher:a:70")},
                            by_tlcp[] = {STR("tlcp:10.0.0.1:443")};
    const struct agent_plan plan = {.dns = dns, .n_dns = 1, .key = STR("ecdsa")};
    struct agent_plan p = plan;

    CHECK_OK(agent_deploy_check(&p, NULL));
    CHECK(!agent_deploys(&p));
    p.reload = STR("nginx");
    CHECK_RC(agent_deploy_check(&p, NULL), RC_INVAL);
    p = plan;
    p.prove_for = STR("2d");
    CHECK_RC(agent_deploy_check(&p, NULL), RC_INVAL);
    p = plan;
    p.selinux = STR("cert_t");
    CHECK_RC(agent_deploy_check(&p, NULL), RC_INVAL);
    p = plan;
    p.mode = STR("0777");
    CHECK_RC(agent_deploy_check(&p, NULL), RC_INVAL);
    p = plan;
    p.prove = bad_targets;
    p.n_prove = 1;
    CHECK_RC(agent_deploy_check(&p, NULL), RC_INVAL);
    p.prove = prove_at;
    p.key = STR("sm2");
    CHECK_RC(agent_deploy_check(&p, NULL), RC_INVAL);
    p.prove = by_tlcp;
    CHECK_OK(agent_deploy_check(&p, NULL));
    p.pair = STR("/etc/ssl/enc");
    CHECK_OK(agent_deploy_check(&p, NULL));
    p.key = STR("rsa");
    CHECK_RC(agent_deploy_check(&p, NULL), RC_INVAL);
    p.prove = prove_at;
    CHECK_RC(agent_deploy_check(&p, NULL), RC_INVAL);
    p.pair = STR("");
    CHECK_OK(agent_deploy_check(&p, NULL));
}

CHECK_MAIN(CHECK_TEST_ONCE(reloaded), CHECK_TEST_ONCE(files_alone), CHECK_TEST_ONCE(reload_fails),
           CHECK_TEST_ONCE(reload_fails_always), CHECK_TEST_ONCE(nothing_to_go_back_to),
           CHECK_TEST_ONCE(not_served), CHECK_TEST_ONCE(stopped),
           CHECK_TEST_ONCE(files_as_declared), CHECK_TEST_ONCE(labelled_as_declared),
           CHECK_TEST(checked_before))
