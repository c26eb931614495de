/* SPDX-License-Identifier: Apache-2.0 */
/* The emissary beside a keeper, name servers and a network that this test plays. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/load.h"
#include "crypto/crypto.h"
#include "dns_fake.h"
#include "emissary/emissary_int.h"
#include "ev/clock.h"
#include "log/log.h"
#include "role/child_int.h"
#include "role/roles.h"

#define NOW (INT64_C(1'795'199'040) * WHEN_SECOND)
#define PUBLIC_CA "https://ca.public.example/directory"
#define PRIVATE_CA "https://ca.private.example/directory"
#define LOCAL_CA "https://localhost:14000/directory"
#define SITE "wiki.hospital.example"

enum { TURNS = 60 };

static const struct dns_fake_rr records[] = {
    {"ca.public.example", 1, "8.8.8.8"},
    {"also.public.example", 1, "8.8.4.4"},
    {"ca.private.example", 1, "10.0.0.5"},
    {"inner.example", 1, "10.0.0.7"},
    {"inner6.example", 28, "fd00::7"},
    {"metadata.example", 1, "169.254.169.254"},
    {"both.example", 1, "8.8.8.9"},
    {"both.example", 28, "::1"},
    {NULL, 0, NULL},
};

struct world {
    struct clock_fake clock;
    struct role_child child;
    struct role_env *env;
    const struct conf *conf;
    struct check_dir dir;
    struct net *net;
    struct dns_fake dns;
    struct ipc_chan *here, *there;
    struct ipc_chan *at_core, *of_core; /* ours, core's */
    size_t told;
    char last[256];
    enum rc core_says;
    bool answered;
    enum rc rc;
    char why[1024];
};

static struct emissary *state_of(const struct world *w)
{
    return w->env->state;
}

static void quiet(void *, enum log_level, struct str)
{
}

static void on_close(void *, enum rc, const struct err *)
{
}

static void on_leave(void *)
{
}

static void turn(struct world *w)
{
    for (int i = 0; i < TURNS; i++) {
        ev_run_once(w->env->ev, EV_NOWAIT);
        dns_fake_serve(&w->dns);
    }
}

static enum rc write_updates(const struct world *w)
{
    static const char text[] = "server: 10.0.0.54\nzone: hospital.example\n";
    int fd = openat(w->dir.fd, "updates", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1;

    fd_close(&fd);
    return ok ? RC_OK : RC_IO;
}

static enum rc load(struct world *w)
{
    struct conf_report report;
    struct conf_input in;
    char text[2048];
    enum rc rc;

    snprintf(text, sizeof(text),
             "organization: Example Hospital\n"
             "domain: hospital.example\n"
             "resolvers:\n"
             "  - {zone: example, servers: [\"10.0.0.53\"]}\n"
             "gateway:\n"
             "  directories:\n"
             "    - {url: \"" PUBLIC_CA "\", agree_terms: true}\n"
             "    - {url: \"" PRIVATE_CA "\", agree_terms: true}\n"
             "    - {url: \"" LOCAL_CA "\", agree_terms: true}\n"
             "  updates:\n"
             "    - {name: ours, file: %s/updates}\n"
             "  sites:\n"
             "    - {name: " SITE ", backends: [\"http://127.0.0.1:1\"],\n"
             "       directory: \"" PUBLIC_CA "\", challenge: dns-01, dns: ours}\n",
             w->dir.path);
    conf_input_init(&in);
    conf_report_init(&report);
    rc = conf_input_add(&in, STR("test.yaml"), str_of(text));
    if (rc == RC_OK)
        rc = conf_load(&in, &w->conf, &report);
    conf_report_done(&report);
    conf_input_done(&in);
    return rc;
}

static enum rc keeper_comes(struct world *w)
{
    struct ipc_chan_conf emissary = {
        ROLE_EMISSARY, ROLE_KEEPER, role_emissary.handlers, role_emissary.n_handlers,
        on_close,      w->env};
    struct ipc_chan_conf keeper = {ROLE_KEEPER, ROLE_EMISSARY, NULL, 0, on_close, w};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(w->env->ev, fds[0], &emissary, &w->here));
    TRY(ipc_chan_new(w->env->ev, fds[1], &keeper, &w->there));
    role_emissary.peer(w->env, ROLE_KEEPER, w->here);
    return RC_OK;
}

static void keeper_goes(struct world *w)
{
    if (w->env->state)
        role_emissary.peer(w->env, ROLE_KEEPER, NULL);
    ipc_chan_free(MOVE(w->here));
    ipc_chan_free(MOVE(w->there));
}

/* ---- core, who is told of records */

static void on_changed(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct world *w = arg;
    const struct ipc_changed *m = msg;
    struct err err = {.rc = w->core_says};

    w->told++;
    snprintf(w->last, sizeof(w->last), "%s %.*s %.*s %.*s %.*s %.*s", m->removed ? "-" : "+",
             STR_ARG(m->site), STR_ARG(m->zone), STR_ARG(m->name), STR_ARG(m->server),
             STR_ARG(m->reason));
    if (err.rc == RC_OK)
        IGNORE_RC(ipc_reply(req, NULL));
    else
        ipc_reply_err(req, &err);
}

static enum rc core_comes(struct world *w)
{
    static const struct ipc_handler handlers[] = {{IPC_CHANGED, on_changed}};
    struct ipc_chan_conf emissary = {ROLE_EMISSARY, ROLE_CORE, NULL, 0, on_close, w->env};
    struct ipc_chan_conf core = {ROLE_CORE, ROLE_EMISSARY, handlers, 1, on_close, w};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(w->env->ev, fds[0], &emissary, &w->at_core));
    TRY(ipc_chan_new(w->env->ev, fds[1], &core, &w->of_core));
    role_emissary.peer(w->env, ROLE_CORE, w->at_core);
    return RC_OK;
}

static void core_goes(struct world *w)
{
    if (w->env->state)
        role_emissary.peer(w->env, ROLE_CORE, NULL);
    ipc_chan_free(MOVE(w->at_core));
    ipc_chan_free(MOVE(w->of_core));
}

static void world_done(struct world *w)
{
    if (!w->env)
        return;
    keeper_goes(w);
    core_goes(w);
    if (w->dns.net)
        dns_fake_done(&w->dns);
    role_emissary.close(w->env);
    if (w->env->ev)
        ev_timer_stop(&w->child.leave);
    ev_free(w->env->ev);
    conf_unref(w->conf);
    check_dir_done(&w->dir);
}

static enum rc world_init(struct world *w)
{
    struct log_conf quietly = {.role = "test", .sink = quiet};
    struct emissary *e;

    memset(w, 0, sizeof(*w));
    log_init(&quietly);
    check_dir_init(&w->dir);
    clock_fake_init(&w->clock, NOW);
    w->env = &w->child.env;
    w->child.def = &role_emissary;
    w->env->clock = &w->clock.clock;
    w->env->data = w->dir.fd;
    TRY(write_updates(w));
    TRY(load(w));
    w->env->conf = w->conf;
    TRY(ev_new(&w->clock.clock, &w->env->ev));
    ev_timer_init(&w->child.leave, w->env->ev, on_leave, w);
    TRY(role_emissary.open(w->env, NULL));
    e = state_of(w);
    TRY(net_fake_new(w->env->ev, &e->net));
    w->net = e->net;
    dns_fake_init(&w->dns, w->net);
    dns_fake_add(&w->dns, "10.0.0.53:53", records);
    TRY(role_emissary.start(w->env, NULL));
    return keeper_comes(w);
}

#define BEGIN(w)                                                                                   \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w))

static void on_answer(void *arg, const struct ipc_answer *a)
{
    struct world *w = arg;

    w->answered = true;
    w->rc = a->rc;
    if (a->rc != RC_OK && a->err)
        err_textz(a->err, w->why, sizeof(w->why));
}

/* RC_AGAIN: there is no answer yet. */
static enum rc ask(struct world *w, enum ipc_type type, const void *msg)
{
    const struct ipc_ask in = {
        .type = type, .msg = msg, .timeout = WHEN_HOUR, .fn = on_answer, .arg = w};

    w->answered = false;
    w->why[0] = 0;
    TRY(ipc_call(w->there, &in, NULL));
    turn(w);
    return w->answered ? w->rc : RC_AGAIN;
}

static enum rc fetch(struct world *w, const char *directory, const char *url)
{
    const struct ipc_fetch msg = {.directory = str_of(directory),
                                  .method = STR("GET"),
                                  .url = str_of(url),
                                  .max_body = 1024,
                                  .timeout = WHEN_MINUTE};

    return ask(w, IPC_FETCH, &msg);
}

/* How many connections to hosts, not to name servers, it tried for that. */
static size_t dials(struct world *w, const char *directory, const char *url)
{
    size_t before = net_fake_dials(w->net), queries = w->dns.servers[0].queries;

    IGNORE_RC(fetch(w, directory, url));
    return net_fake_dials(w->net) - before - (w->dns.servers[0].queries - queries);
}

/* A CA leads no further inside than it is itself. */
static void goes_no_further_inside(void)
{
    static const char *const inner[] = {"https://inner.example/",
                                        "https://inner6.example/",
                                        "https://metadata.example/",
                                        "https://both.example/",
                                        "https://10.0.0.7/",
                                        "https://127.0.0.1:8556/",
                                        "https://[::1]/",
                                        "https://localhost/",
                                        "https://169.254.169.254/",
                                        "https://[::ffff:10.0.0.7]/",
                                        "https://INNER.example/",
                                        "https://0.0.0.0/"};
    BEGIN(w);

    CHECK_INT(dials(&w, PUBLIC_CA, PUBLIC_CA), 1);
    CHECK_RC(w.rc, RC_NET);
    CHECK_INT(dials(&w, PUBLIC_CA, "https://also.public.example/x"), 1);
    for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
        if (dials(&w, PUBLIC_CA, inner[i]) != 0 || w.rc == RC_OK || w.rc == RC_NET)
            fail_msg("%s: %s", inner[i], rc_text(w.rc));
    }
    CHECK_RC(fetch(&w, PUBLIC_CA, "https://inner.example/"), RC_DENIED);
    CHECK(strstr(w.why, "inner.example") && strstr(w.why, "10.0.0.7"));

    /* One of this network may, and not to this machine. */
    CHECK_RC(fetch(&w, PRIVATE_CA, "https://inner.example/"), RC_DENIED); /* not seen yet */
    CHECK_INT(dials(&w, PRIVATE_CA, PRIVATE_CA), 1);
    CHECK_INT(dials(&w, PRIVATE_CA, "https://inner.example/"), 1);
    CHECK_INT(dials(&w, PRIVATE_CA, "https://10.0.0.7/"), 1);
    CHECK_INT(dials(&w, PRIVATE_CA, "https://localhost/"), 0);
    CHECK_RC(w.rc, RC_DENIED);

    /* One of this machine may anything. */
    CHECK_INT(dials(&w, LOCAL_CA, LOCAL_CA), 2);
    CHECK_INT(dials(&w, LOCAL_CA, "https://127.0.0.1:14000/"), 1);
}

static void asks_nobody_else(void)
{
    struct ipc_fetch msg = {.directory = STR(PUBLIC_CA),
                            .method = STR("DELETE"),
                            .url = STR(PUBLIC_CA),
                            .max_body = 1,
                            .timeout = WHEN_MINUTE};
    BEGIN(w);

    CHECK_RC(fetch(&w, "https://other.example/", PUBLIC_CA), RC_DENIED);
    CHECK_RC(fetch(&w, PUBLIC_CA, "http://ca.public.example/"), RC_UNSUPPORTED);
    CHECK_RC(fetch(&w, PUBLIC_CA, "https://none.example/"), RC_NOTFOUND);
    CHECK_RC(fetch(&w, PUBLIC_CA, "https://user@ca.public.example/"), RC_PARSE);
    CHECK_RC(ask(&w, IPC_FETCH, &msg), RC_INVAL);
    CHECK_INT(net_fake_dials(w.net), w.dns.servers[0].queries);
}

static enum rc record(struct world *w, const char *site, bool shown)
{
    const struct ipc_proof msg = {.shown = shown,
                                  .challenge = CONF_SITE_DNS_01,
                                  .site = str_of(site),
                                  .token = STR("t"),
                                  .key_authorization = STR("t.x")};

    return ask(w, IPC_RECORD, &msg);
}

/* What a keeper that is gone had set is removed, for its successor knows nothing of it. */
static void tidies_up_after_a_keeper(void)
{
    struct addr_port at;
    BEGIN(w);

    CHECK_OK(addr_port_parse(STR("10.0.0.54:53"), &at));
    CHECK_OK(net_fake_rule(w.net, &at, NET_FAKE_SILENT));
    CHECK_RC(record(&w, "lab.hospital.example", true), RC_NOTFOUND);
    CHECK_RC(record(&w, SITE, true), RC_AGAIN);
    CHECK_INT(state_of(&w)->n_records, 1);
    CHECK_RC(record(&w, SITE, true), RC_CONFLICT); /* it is on its way */
    CHECK_INT(state_of(&w)->n_records, 1);
    keeper_goes(&w);
    for (int i = 0; state_of(&w)->n_records && i < 300; i++) {
        clock_fake_advance(&w.clock, WHEN_SECOND);
        turn(&w);
    }
    CHECK_INT(state_of(&w)->n_records, 0);
    CHECK_OK(keeper_comes(&w));
    CHECK_RC(record(&w, SITE, true), RC_AGAIN);
    CHECK(!w.answered);
    CHECK_INT(state_of(&w)->n_records, 1);
}

/* ---- what core is told of records */

static void change(struct world *w, bool removed, const char *name, const struct err *why)
{
    const struct agent_record r = {removed, "hospital.example", name, "10.0.0.54", why};

    emissary_change(state_of(w), SITE, &r);
    turn(w);
}

static void tells_core_of_records(void)
{
    struct err why = ERR_INIT;
    BEGIN(w);

    change(&w, false, "_acme-challenge." SITE, NULL); /* core is not there yet */
    CHECK_INT(w.told, 0);
    CHECK_INT(state_of(&w)->n_changes, 1);
    CHECK_OK(core_comes(&w));
    turn(&w);
    CHECK_INT(w.told, 1);
    CHECK_STR(str_of(w.last), "+ " SITE " hospital.example _acme-challenge." SITE " 10.0.0.54 ");
    CHECK_INT(state_of(&w)->n_changes, 0);
    why.rc = RC_TIMEOUT;
    change(&w, true, "_acme-challenge." SITE, &why);
    CHECK_INT(w.told, 2);
    CHECK(w.last[0] == '-' && strstr(w.last, rc_text(RC_TIMEOUT)));

    /* One that cannot write is asked again with the next, and in a while; one that comes anew at
     * once. */
    w.core_says = RC_IO;
    change(&w, false, "a", NULL);
    change(&w, false, "b", NULL);
    CHECK_INT(w.told, 4);
    CHECK_INT(state_of(&w)->n_changes, 2);
    clock_fake_advance(&w.clock, EMISSARY_CHANGE_AGAIN_SECONDS * WHEN_SECOND);
    turn(&w);
    CHECK_INT(w.told, 5);
    core_goes(&w);
    w.core_says = RC_OK;
    CHECK_OK(core_comes(&w));
    turn(&w);
    CHECK_INT(w.told, 7);
    CHECK(strstr(w.last, " b "));
    CHECK_INT(state_of(&w)->n_changes, 0);
}

static void forgets_the_oldest_of_too_many(void)
{
    BEGIN(w);

    change(&w, false, "first", NULL);
    for (int i = 0; i < EMISSARY_CHANGES_MAX; i++)
        change(&w, true, "other", NULL);
    CHECK_INT(state_of(&w)->n_changes, EMISSARY_CHANGES_MAX);
    CHECK_OK(core_comes(&w));
    for (int i = 0; i < 50; i++)
        turn(&w);
    CHECK_INT(w.told, EMISSARY_CHANGES_MAX);
    CHECK_INT(state_of(&w)->n_changes, 0);
}

/* It ends when core knows. */
static void drains_when_core_knows(void)
{
    BEGIN(w);

    change(&w, true, "_acme-challenge." SITE, NULL);
    role_emissary.drain(w.env);
    turn(&w);
    CHECK(state_of(&w)->draining);
    CHECK_OK(core_comes(&w));
    turn(&w);
    CHECK_INT(w.told, 1);
    CHECK(!state_of(&w)->draining);
}

CHECK_MAIN(CHECK_TEST_ONCE(tells_core_of_records), CHECK_TEST_ONCE(forgets_the_oldest_of_too_many),
           CHECK_TEST_ONCE(drains_when_core_knows), CHECK_TEST_ONCE(goes_no_further_inside),
           CHECK_TEST_ONCE(asks_nobody_else), CHECK_TEST_ONCE(tidies_up_after_a_keeper))
