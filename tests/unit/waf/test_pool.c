/* SPDX-License-Identifier: Apache-2.0 */
/* Inspectors as processes, with a rule engine that this test plays: what a request's target says is
 * done, from a refusal to a crash. */
#include "check.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "ev/clock.h"
#include "ipc/waf_messages.h"
#include "waf/pool.h"

enum { PLACES = 2, PATIENCE = 2000 };

/* ---- the engine */

static void (*log_line)(void *arg, const void *line);
static void *log_arg;
static bool refuse;
static char nothing[1];

static void *make(void)
{
    return nothing;
}

static void set_log_cb(void *, void (*fn)(void *arg, const void *line))
{
    log_line = fn;
}

static int rules_add(void *, const char *, const char **)
{
    return 0;
}

static int rules_add_file(void *, const char *path, const char **error)
{
    if (strcmp(path, "broken.conf") != 0)
        return 1;
    *error = "Rules error. File: broken.conf. Line: 2. ";
    return -1;
}

static void *new_transaction(void *, void *, const char *, void *arg)
{
    log_arg = arg;
    refuse = false;
    return nothing;
}

static int process_connection(void *, const char *, int, const char *, int)
{
    return 1;
}

static int process_uri(void *, const char *uri, const char *, const char *)
{
    if (strcmp(uri, "/crash") == 0) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would write about it */
        raise(SIGSEGV);
    }
    while (strcmp(uri, "/slow") == 0)
        usleep(1000);
    refuse = strcmp(uri, "/evil") == 0;
    if (refuse)
        log_line(log_arg, "[id \"942100\"] [msg \"SQL\"]");
    return 1;
}

static int add_header(void *, const unsigned char *name, size_t name_n, const unsigned char *,
                      size_t)
{
    refuse |= name_n == 1 && name[0] == '!';
    return 1;
}

static int process(void *)
{
    return 1;
}

static int append_body(void *, const unsigned char *, size_t)
{
    return 1;
}

static int intervention(void *, struct waf_intervention *out)
{
    out->status = 406;
    out->disruptive = refuse;
    return refuse;
}

static void transaction_cleanup(void *)
{
}

static const struct waf_library library = {
    .engine = nothing,
    .create_rules_set = make,
    .set_log_cb = set_log_cb,
    .rules_add = rules_add,
    .rules_add_file = rules_add_file,
    .new_transaction = new_transaction,
    .process_connection = process_connection,
    .process_uri = process_uri,
    .add_header = add_header,
    .process_headers = process,
    .append_body = append_body,
    .process_body = process,
    .intervention = intervention,
    .transaction_cleanup = transaction_cleanup,
};

/* ---- the pool */

struct job {
    bool done;
    enum rc rc;
    uint16_t status;
    uint32_t n, id;
};

struct world {
    struct ev *ev;
    struct waf_pool *pool;
    struct buf request;
    bool made, broken;
    enum rc why;
};

static void on_made(void *arg, const struct err *err)
{
    struct world *w = arg;

    w->made = true;
    w->why = err->rc;
}

static void on_done(void *, void *job, enum rc rc, const struct ipc_inspected *found,
                    const struct err *)
{
    struct job *j = job;

    j->done = true;
    j->rc = rc;
    if (rc != RC_OK)
        return;
    j->status = found->status;
    j->n = found->n;
    j->id = found->matches.n ? found->matches.v[0].id : 0;
}

static void on_broken(void *arg)
{
    ((struct world *)arg)->broken = true;
}

static enum rc begin(struct world *w, const char *rules, struct err *err)
{
    const struct waf_pool_conf conf = {.ev = w->ev,
                                       .lib = &library,
                                       .rules = str_of(rules),
                                       .n = PLACES,
                                       .on_made = on_made,
                                       .on_done = on_done,
                                       .on_broken = on_broken,
                                       .arg = w};

    return waf_pool_new(&conf, &w->pool, err);
}

static enum rc world_init(struct world *w, const char *rules)
{
    buf_init(&w->request, IPC_INSPECT_BYTES);
    TRY(ev_new(clock_system(), &w->ev));
    TRY(begin(w, rules, NULL));
    return waf_pool_wait(w->pool, NULL);
}

static void world_done(struct world *w)
{
    waf_pool_free(w->pool);
    buf_done(&w->request);
    ev_free(w->ev);
}

#define WORLD                                                                                      \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w, "fine.conf"))

static enum rc send(struct world *w, struct job *j, const char *target, int millis)
{
    const struct ipc_inspect r = {.site = STR("wiki.example"),
                                  .method = STR("GET"),
                                  .version = STR("1.1"),
                                  .target = str_of(target),
                                  .whole = true};
    struct id id = {"0123456789abcdefghjkmnpqrs"};

    *j = (struct job){};
    buf_reset(&w->request);
    TRY(ipc_fields_encode(&ipc_inspect_fields, &r, &w->request));
    return waf_pool_send(w->pool, j, &id, buf_str(&w->request), millis * INT64_C(1000));
}

/* Real processes take real time. */
static void wait_for(struct world *w, const bool *what)
{
    for (int i = 0; i < PATIENCE * 10 && !*what; i++) {
        ev_run_once(w->ev, EV_NOWAIT);
        usleep(500);
    }
    CHECK(*what);
}

static void answers(void)
{
    struct job a, b, c;
    WORLD;

    CHECK(waf_pool_is_idle(w.pool) && waf_pool_has_room(w.pool));
    CHECK_OK(send(&w, &a, "/good", 60'000));
    CHECK_OK(send(&w, &b, "/evil", 60'000));
    CHECK(!waf_pool_has_room(w.pool) && !waf_pool_is_idle(w.pool));
    CHECK_RC(send(&w, &c, "/good", 60'000), RC_QUOTA);
    wait_for(&w, &a.done);
    wait_for(&w, &b.done);
    CHECK(waf_pool_is_idle(w.pool));
    CHECK_OK(a.rc);
    CHECK_INT(a.status, 0);
    CHECK_INT(a.n, 0);
    CHECK_OK(b.rc);
    CHECK_INT(b.status, 406);
    CHECK_INT(b.id, 942'100);
}

/* One request is lost with an inspector, and no other. */
static void loses_one(void)
{
    struct job crash, slow, good;
    WORLD;

    CHECK_OK(send(&w, &slow, "/slow", 300));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(send(&w, &crash, "/crash", 60'000));
        wait_for(&w, &crash.done);
        CHECK_RC(crash.rc, RC_IO);
        CHECK_OK(send(&w, &good, "/good", 60'000));
        wait_for(&w, &good.done);
        CHECK_OK(good.rc);
    }
    wait_for(&w, &slow.done);
    CHECK_RC(slow.rc, RC_TIMEOUT);
    for (int i = 0; i < 4; i++) {
        CHECK_OK(send(&w, &good, "/evil", 60'000));
        wait_for(&w, &good.done);
        CHECK_INT(good.status, 406);
    }
    CHECK(!w.broken);
}

static void takes_another_when_one_is_spent(void)
{
    struct job j;
    WORLD;

    for (int i = 0; i < WAF_INSPECTOR_REQUESTS + 10; i++) {
        CHECK_OK(send(&w, &j, i % 2 ? "/good" : "/evil", 60'000));
        wait_for(&w, &j.done);
        CHECK_OK(j.rc);
        CHECK_INT(j.status, i % 2 ? 0 : 406);
    }
}

static void refuses_rules(void)
{
    struct world w = {};
    struct err err = ERR_INIT;
    char text[256];

    buf_init(&w.request, 16);
    CHECK_OK(ev_new(clock_system(), &w.ev));
    CHECK_OK(begin(&w, "broken.conf", &err));
    CHECK_RC(waf_pool_wait(w.pool, &err), RC_INVAL);
    err.rc = RC_INVAL;
    CHECK(strstr(err_textz(&err, text, sizeof(text)), "broken.conf. Line: 2"));
    waf_pool_free(MOVE(w.pool));
    CHECK_OK(begin(&w, "broken.conf", &err));
    wait_for(&w, &w.made);
    CHECK_RC(w.why, RC_INVAL);
    waf_pool_free(MOVE(w.pool));
    w.made = false;
    CHECK_OK(begin(&w, "fine.conf", &err));
    wait_for(&w, &w.made);
    CHECK_OK(w.why);
    world_done(&w);
}

CHECK_MAIN(CHECK_TEST_ONCE(answers), CHECK_TEST_ONCE(loses_one),
           CHECK_TEST_ONCE(takes_another_when_one_is_spent), CHECK_TEST_ONCE(refuses_rules))
