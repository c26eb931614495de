/* SPDX-License-Identifier: Apache-2.0 */
/* What hooks are called with: a recorder under the name of each style writes down words and
 * variables. */
#include "check.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/plan.h"
#include "agent/solver.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "ev/ev.h"

enum { PATH = 160, LOG_MAX = 16 * 1024, SAID_MAX = 2048 };

/* Of "token.thumbprint", by OpenSSL's command. */
#define VALUE "61rBZ_4knHblO0MNoxFsXZ_eTFUHum0B6IVRbhvUn5I"

struct test {
    struct check_dir dir;
    struct ev *ev;
    struct agent_world world;
    struct agent_solver *solver;
    char hook[PATH], place[PATH], env[PATH];
    unsigned calls, warnings;
    enum rc rc;
    char text[SAID_MAX], said[SAID_MAX];
    struct buf log;
};

static void on_said(void *arg, bool warn, const char *line)
{
    struct test *t = arg;

    t->warnings += warn;
    snprintf(t->said, sizeof(t->said), "%s", line);
}

static void test_done(struct test *t)
{
    agent_solver_free(t->solver);
    ev_free(t->ev);
    buf_done(&t->log);
    check_dir_done(&t->dir);
}

static enum rc put(struct test *t, const char *name, const char *text)
{
    unsigned mode = strcmp(name, "env") == 0 ? 0600 : 0755; /* secrets, or programs */

    return file_write(t->dir.fd, name, str_of(text), mode, FILE_OWNER_SELF, NULL);
}

/* Each call a line: words, and variables that begin with LE_ or DOMAIN_CONF. */
#define RECORDER                                                                                   \
    "#!/bin/sh\ncd \"${0%/*}\"\n"                                                                  \
    "{ for w in \"$@\"; do printf '[%s]' \"$w\"; done; echo; } >> log\n"                           \
    "[ -e fails ] && { echo 'it is on fire' >&2; exit 3; }\nexit 0\n"

static enum rc test_init(struct test *t)
{
    check_dir_init(&t->dir);
    TRY(crypto_init());
    buf_init(&t->log, LOG_MAX);
    snprintf(t->hook, sizeof(t->hook), "%s/hook", t->dir.path);
    snprintf(t->place, sizeof(t->place), "%s/place", t->dir.path);
    snprintf(t->env, sizeof(t->env), "%s/env", t->dir.path);
    TRY(put(t, "hook", RECORDER));
    TRY(put(t, "log", ""));
    TRY(ev_new(clock_system(), &t->ev));
    t->world = (struct agent_world){.ev = t->ev, .say = on_said, .arg = t};
    return RC_OK;
}

static struct agent_plan plan_of(const char *style, const char *value)
{
    static const struct str dns[] = {STR("wiki.example"), STR("*.wiki.example")};

    return (struct agent_plan){.way = AGENT_HOOK,
                               .style = str_of(style),
                               .value = str_of(value),
                               .challenge = STR("dns-01"),
                               .key = STR("ecdsa"),
                               .dns = dns,
                               .n_dns = 2};
}

static void on_presented(void *arg, enum rc rc, const struct err *err)
{
    struct test *t = arg;

    t->calls++;
    t->rc = rc;
    if (err)
        err_textz(err, t->text, sizeof(t->text));
}

static void wait_for(struct test *t)
{
    while (agent_solver_busy(t->solver))
        ev_run_once(t->ev, EV_WAIT);
}

/* Presented and taken away; what was called is in `log`. */
static enum rc prove(struct test *t, const struct agent_plan *plan, struct err *err)
{
    struct client_proof proof = {.type = STR("dns-01"),
                                 .identifier_type = STR("dns"),
                                 .identifier = STR("wiki.example"),
                                 .token = STR("token"),
                                 .key_authorization = STR("token.thumbprint")};

    TRY(agent_hook_new(&t->world, plan, t->place, &t->solver, err));
    t->calls = 0;
    t->solver->solver.present(t->solver->solver.arg, &proof, on_presented, t);
    wait_for(t);
    proof.proven = t->rc == RC_OK;
    t->solver->solver.cleanup(t->solver->solver.arg, &proof);
    wait_for(t);
    agent_solver_free(MOVE(t->solver));
    buf_reset(&t->log);
    return file_read(t->dir.fd, "log", &t->log, err);
}

static void words_of_mod_md(void)
{
    CLEANUP(test_done) struct test t = {};
    char command[2 * PATH];
    struct agent_plan plan;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    plan = plan_of("mod_md", t.hook);
    CHECK_OK(prove(&t, &plan, NULL));
    CHECK_OK(t.rc);
    CHECK_INT(t.calls, 1);
    CHECK_STR(buf_str(&t.log), "[setup][wiki.example][" VALUE "]\n[teardown][wiki.example]\n");

    CHECK_OK(CHECK_SPARED(put(&t, "log", "")));
    snprintf(command, sizeof(command), " %s  --zone example ", t.hook);
    plan = plan_of("mod_md-2", command);
    CHECK_OK(prove(&t, &plan, NULL));
    CHECK_OK(t.rc);
    CHECK_STR(buf_str(&t.log), "[--zone][example][setup][wiki.example][" VALUE "]\n"
                               "[--zone][example][teardown][wiki.example][" VALUE "]\n");
}

static void one_that_fails(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_plan plan;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put(&t, "fails", "")));
    plan = plan_of("mod_md", t.hook);
    CHECK_OK(prove(&t, &plan, NULL));
    CHECK_INT(t.calls, 1);
    CHECK_RC(t.rc, RC_CONFLICT);
    CHECK(strstr(t.text, "setup ended with status 3: it is on fire"));
    CHECK_INT(t.warnings, 1);
    CHECK(strstr(t.said, "a proof may have been left behind"));
}

/* ---- acme.sh: a stand-in with functions of its own, and a plugin that leans on them */

#define STAND_IN                                                                                   \
    "#!/bin/sh\n_where=$(dirname \"$0\")\n"                                                        \
    "_initpath() { _inited=yes; }\n"                                                               \
    "_saveaccountconf_mutable() { echo \"SAVED_$1='$2'\" >> \"$LE_CONFIG_HOME/account.conf\"; }\n" \
    "showhelp() { echo help >> \"$_where/log\"; exit 9; }\n"                                       \
    "main() { [ -z \"$1\" ] && showhelp && return; \"$@\"; }\nmain \"$@\"\n"
#define PLUGIN                                                                                     \
    "dns_rec_add() {\n"                                                                            \
    "echo \"add $1 $2 $_inited $LE_WORKING_DIR $LE_CONFIG_HOME $DOMAIN_CONF $REC_Token\" >> "      \
    "\"$LE_WORKING_DIR/log\"\n"                                                                    \
    "_saveaccountconf_mutable REC_Token \"$REC_Token\"\n"                                          \
    "[ -e \"$LE_WORKING_DIR/fails\" ] && { echo 'no such zone' >&2; return 1; }\nreturn 0\n}\n"    \
    "dns_rec_rm() { echo \"rm $1 $2\" >> \"$LE_WORKING_DIR/log\"; }\n"

static enum rc put_acme_sh(struct test *t)
{
    TRY(put(t, "acme.sh", STAND_IN));
    TRY(put(t, "account.conf", ""));
    if (mkdirat(t->dir.fd, "dnsapi", 0755) != 0)
        return RC_IO;
    TRY(put(t, "env", "REC_Token=secret word\nLE_CONFIG_HOME=/nowhere\n"));
    return put(t, "dnsapi/dns_rec.sh", PLUGIN);
}

static enum rc logged(const struct test *t, const char *home, struct buf *out)
{
    buf_printf(out,
               "add _acme-challenge.wiki.example " VALUE " yes %s %s %s/.autarky/acme.sh.conf "
               "secret word\nrm _acme-challenge.wiki.example " VALUE "\n",
               t->dir.path, home, t->place);
    return buf_rc(out);
}

static void plugins_of_acme_sh(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_done) struct buf wanted = BUF_INIT(LOG_MAX), saved = BUF_INIT(LOG_MAX);
    char plugin[2 * PATH];
    struct agent_plan plan;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_acme_sh(&t)));
    CHECK_OK(CHECK_SPARED(put(&t, "env", "REC_Token=secret word\n")));
    snprintf(plugin, sizeof(plugin), "%s/dnsapi/dns_rec.sh", t.dir.path);
    plan = plan_of("acme.sh", plugin);
    plan.hook_env = str_of(t.env);
    CHECK_OK(prove(&t, &plan, NULL));
    CHECK_OK(t.rc);
    CHECK_OK(CHECK_SPARED(logged(&t, t.dir.path, &wanted)));
    CHECK_STR(buf_str(&t.log), buf_z(&wanted));
    CHECK_OK(CHECK_SPARED(file_read(t.dir.fd, "account.conf", &saved, NULL)));
    CHECK_STR(buf_str(&saved), "SAVED_REC_Token='secret word'\n");

    /* Its own setting, in place of ours; a plugin elsewhere; and one that fails. */
    CHECK_OK(CHECK_SPARED(put(&t, "log", "")));
    CHECK_OK(CHECK_SPARED(put(&t, "fails", "")));
    CHECK_OK(CHECK_SPARED(put(&t, "dns_rec.sh", PLUGIN)));
    snprintf(plugin, sizeof(plugin), "REC_Token=secret word\nLE_CONFIG_HOME=%s/dnsapi\n",
             t.dir.path);
    CHECK_OK(CHECK_SPARED(put(&t, "env", plugin)));
    snprintf(plugin, sizeof(plugin), "%s/dns_rec.sh,%s/acme.sh", t.dir.path, t.dir.path);
    plan.value = str_of(plugin);
    CHECK_OK(prove(&t, &plan, NULL));
    CHECK_RC(t.rc, RC_CONFLICT);
    CHECK_STR(str_of(t.text), "dns_rec add ended with status 1: no such zone");
    buf_reset(&wanted);
    snprintf(plugin, sizeof(plugin), "%s/dnsapi", t.dir.path);
    CHECK_OK(CHECK_SPARED(logged(&t, plugin, &wanted)));
    CHECK_STR(buf_str(&t.log), buf_z(&wanted));
}

static void settings_beside_the_certificate(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_done) struct buf wanted = BUF_INIT(LOG_MAX);
    char plugin[2 * PATH], home[2 * PATH];
    struct agent_plan plan;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_acme_sh(&t)));
    CHECK_OK(CHECK_SPARED(put(&t, "env", "REC_Token=secret word\n")));
    CHECK(unlinkat(t.dir.fd, "account.conf", 0) == 0); /* as a package has it */
    snprintf(home, sizeof(home), "%s/.autarky", t.place);
    CHECK(mkdirat(t.dir.fd, "place", 0755) == 0 && mkdirat(t.dir.fd, "place/.autarky", 0755) == 0);
    snprintf(plugin, sizeof(plugin), "%s/dnsapi/dns_rec.sh", t.dir.path);
    plan = plan_of("acme.sh", plugin);
    plan.hook_env = str_of(t.env);
    CHECK_OK(prove(&t, &plan, NULL));
    CHECK_OK(t.rc);
    CHECK_OK(CHECK_SPARED(logged(&t, home, &wanted)));
    CHECK_STR(buf_str(&t.log), buf_z(&wanted));
}

static void refuses(void)
{
    static const struct {
        const char *style, *value, *challenge, *text;
        enum rc rc;
    } bad[] = {
        {"other", "/bin/true", "dns-01", "uacme, acme.sh, mod_md and mod_md-2", RC_UNSUPPORTED},
        {"mod_md", "/bin/true", "http-01", "cannot answer http-01; --challenge can be dns-01",
         RC_INVAL},
        {"acme.sh", "/x/dns_x.sh", "http-01", "--challenge can be dns-01", RC_INVAL},
        {"mod_md", " ", "dns-01", "cannot be executed", RC_NOTFOUND},
        {"mod_md", "true x", "dns-01", "its path does not begin with /", RC_NOTFOUND},
        {"acme.sh", "/nowhere/dns_x.sh", "dns-01", "/nowhere/dns_x.sh is no plugin", RC_NOTFOUND},
        {"acme.sh", "dns_x.sh", "dns-01", "dns_x.sh is no plugin", RC_NOTFOUND},
        {"acme.sh", "/bin/sh", "dns-01", "/bin/sh is no plugin", RC_NOTFOUND},
    };
    CLEANUP(test_done) struct test t = {};
    char plugin[2 * PATH];

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct agent_plan plan = plan_of(bad[i].style, bad[i].value);
        struct err err = ERR_INIT;

        plan.challenge = str_of(bad[i].challenge);
        CHECK_RC(prove(&t, &plan, &err), bad[i].rc);
        err_textz(&err, t.text, sizeof(t.text));
        CHECK(strstr(t.text, bad[i].text));
    }
    /* Names that would be more than a name to a shell; a plugin without acme.sh. */
    CHECK_OK(CHECK_SPARED(put(&t, "dns_x;id.sh", PLUGIN)));
    CHECK_OK(CHECK_SPARED(put(&t, "dns_x.sh", PLUGIN)));
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"dns_x;id.sh", "dns_x.sh", "dns_x.sh,/nowhere/acme.sh"};
        struct agent_plan plan;
        struct err err = ERR_INIT;

        snprintf(plugin, sizeof(plugin), "%s/%s", t.dir.path, names[i]);
        plan = plan_of("acme.sh", plugin);
        CHECK_RC(prove(&t, &plan, &err), RC_NOTFOUND);
        err_textz(&err, t.text, sizeof(t.text));
        CHECK(strstr(t.text, i == 0 ? "is no plugin" : "acme.sh, of which"));
    }
}

/* ---- as whom, with which limits, and that nobody else has a say in what is executed */

#define BOUNDED                                                                                    \
    "#!/bin/sh\ncd \"${0%/*}\"\n"                                                                  \
    "{ id -u; id -G; echo \"$HOME\"; grep NoNewPrivs /proc/self/status; umask; } >> log\n"         \
    "{ ulimit -c; ulimit -t; ulimit -n; ulimit -v; ulimit -f; } >> log\n"                          \
    "grep '^Max processes' /proc/self/limits >> log\n"

static enum rc run_bounded(struct test *t, struct agent_plan *plan, struct err *err)
{
    TRY(put(t, "log", ""));
    TRY(put(t, "hook", BOUNDED));
    *plan = plan_of("mod_md", t->hook);
    plan->hook_timeout = STR("90s");
    return prove(t, plan, err);
}

/* The lines of the first call, by their number. */
static struct str line_of(const struct test *t, size_t number)
{
    struct str rest = buf_str(&t->log), line = {"", 0};

    for (size_t i = 0; i <= number && str_next(&rest, '\n', &line); i++)
        ;
    return line;
}

enum { UID, GROUPS, HOMES, NNP, MASK, CORE, CPU, FILES, MEMORY, FILE_SIZE, PROCESSES };

static void limits_of_a_call(void)
{
    CLEANUP(test_done) struct test t = {};
    char number[32];
    struct agent_plan plan;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(run_bounded(&t, &plan, NULL));
    CHECK_OK(t.rc);
    snprintf(number, sizeof(number), "%u", geteuid());
    CHECK_STR(line_of(&t, UID), number);
    CHECK(str_ends(line_of(&t, NNP), STR("0"))); /* sudo is no worse than before */
    CHECK_STR(line_of(&t, CORE), "0");
    CHECK_STR(line_of(&t, CPU), "90");
    CHECK_STR(line_of(&t, FILES), "1024");
    CHECK_STR(line_of(&t, MEMORY), "4194304");
    CHECK_STR(line_of(&t, FILE_SIZE), "524288"); /* in blocks of 512 bytes */
}

static void as_another_user(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_plan plan = plan_of("mod_md", "/bin/true");
    struct err err = ERR_INIT;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    plan.hook_user = STR("no-such-user-here");
    CHECK_RC(prove(&t, &plan, &err), RC_NOTFOUND);
    CHECK(strstr(err_textz(&err, t.text, sizeof(t.text)), "there is no user"));
    plan.hook_user = STR("nobody");
    if (geteuid() != 0) {
        CHECK_RC(prove(&t, &plan, &err), RC_DENIED);
        CHECK(strstr(err_textz(&err, t.text, sizeof(t.text)), "only root runs hooks as another"));
        return;
    }
    CHECK(fchmod(t.dir.fd, 0755) == 0);
    CHECK_OK(CHECK_SPARED(put(&t, "log", "")));
    CHECK_OK(CHECK_SPARED(put(&t, "hook", BOUNDED)));
    CHECK(fchmodat(t.dir.fd, "log", 0666, 0) == 0);
    plan.value = str_of(t.hook);
    CHECK_OK(prove(&t, &plan, NULL));
    CHECK_OK(t.rc);
    CHECK_STR(line_of(&t, UID), "65534");
    CHECK_STR(line_of(&t, GROUPS), "65534");
    CHECK_STR(line_of(&t, HOMES), "/nonexistent");
    CHECK(str_ends(line_of(&t, NNP), STR("1")));
    CHECK_STR(line_of(&t, CPU), "300");
    CHECK(str_ends(str_trim(line_of(&t, PROCESSES)), STR("512                  processes")));
    CHECK_STR(line_of(&t, CORE), "0");
    CHECK_STR(line_of(&t, FILES), "1024");
}

static void none_that_others_could_replace(void)
{
    CLEANUP(test_done) struct test t = {};
    struct client_proof proof = {.type = STR("dns-01"),
                                 .identifier_type = STR("dns"),
                                 .identifier = STR("wiki.example"),
                                 .token = STR("token"),
                                 .key_authorization = STR("token.thumbprint")};
    struct err err = ERR_INIT;
    struct agent_plan plan;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    plan = plan_of("mod_md", t.hook);
    CHECK(fchmodat(t.dir.fd, "hook", 0757, 0) == 0);
    CHECK_RC(prove(&t, &plan, &err), RC_DENIED);
    err_textz(&err, t.text, sizeof(t.text));
    CHECK(strstr(t.text, "could have theirs run in its place") && strstr(t.text, "chmod go-w "));
    CHECK(strstr(t.text, t.hook));
    CHECK(fchmodat(t.dir.fd, "hook", 0755, 0) == 0 && fchmod(t.dir.fd, 0707) == 0);
    CHECK_RC(prove(&t, &plan, &err), RC_DENIED); /* its directory */
    CHECK(fchmod(t.dir.fd, 0700) == 0);
    if (geteuid() == 0) {
        CHECK(fchownat(t.dir.fd, "hook", 65534, 0, 0) == 0);
        CHECK_RC(prove(&t, &plan, &err), RC_DENIED);
        err_textz(&err, t.text, sizeof(t.text));
        CHECK(strstr(t.text, "belongs to user 65534; mend it: chown root:root "));
        CHECK(fchownat(t.dir.fd, "hook", 0, 0, 0) == 0);
    }
    /* Between two calls. */
    CHECK_OK(CHECK_SPARED(agent_hook_new(&t.world, &plan, t.place, &t.solver, NULL)));
    CHECK(fchmodat(t.dir.fd, "hook", 0757, 0) == 0);
    t.solver->solver.present(t.solver->solver.arg, &proof, on_presented, &t);
    wait_for(&t);
    CHECK_RC(t.rc, RC_DENIED);
    CHECK_OK(CHECK_SPARED(file_read(t.dir.fd, "log", &t.log, NULL)));
    CHECK_STR(buf_str(&t.log), "");
}

static void plugins_that_others_could_replace(void)
{
    CLEANUP(test_done) struct test t = {};
    struct err err = ERR_INIT;
    char plugin[2 * PATH];
    struct agent_plan plan;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_acme_sh(&t)));
    snprintf(plugin, sizeof(plugin), "%s/dnsapi/dns_rec.sh", t.dir.path);
    plan = plan_of("acme.sh", plugin);
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "dnsapi/dns_rec.sh" : "acme.sh";

        CHECK(fchmodat(t.dir.fd, name, 0646, 0) == 0);
        CHECK_RC(prove(&t, &plan, &err), RC_DENIED);
        err_textz(&err, t.text, sizeof(t.text));
        CHECK(strstr(t.text, name));
        CHECK(fchmodat(t.dir.fd, name, 0644, 0) == 0); /* not executable, and none the worse */
    }
    CHECK_OK(prove(&t, &plan, &err));
    CHECK_OK(t.rc);
}

static void one_that_hangs(void)
{
    CLEANUP(test_done) struct test t = {};
    struct err err = ERR_INIT;
    struct agent_plan plan;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put(&t, "hook", "#!/bin/sh\necho waiting >&2\nsleep 600\n")));
    plan = plan_of("mod_md", t.hook);
    plan.hook_timeout = STR("1s");
    CHECK_OK(prove(&t, &plan, NULL));
    CHECK_RC(t.rc, RC_TIMEOUT);
    CHECK(strstr(t.text, "setup did not end within 1 seconds and was killed: waiting"));
    plan.hook_timeout = STR("2h");
    CHECK_RC(prove(&t, &plan, &err), RC_INVAL);
    CHECK(strstr(err_textz(&err, t.text, sizeof(t.text)), "--hook-timeout is \"2h\""));
}

CHECK_MAIN(CHECK_TEST(words_of_mod_md), CHECK_TEST_ONCE(one_that_fails),
           CHECK_TEST_ONCE(plugins_of_acme_sh), CHECK_TEST_ONCE(settings_beside_the_certificate),
           CHECK_TEST(refuses), CHECK_TEST_ONCE(limits_of_a_call), CHECK_TEST_ONCE(as_another_user),
           CHECK_TEST_ONCE(none_that_others_could_replace),
           CHECK_TEST_ONCE(plugins_that_others_could_replace), CHECK_TEST_ONCE(one_that_hangs))
