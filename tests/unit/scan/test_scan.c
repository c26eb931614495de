/* SPDX-License-Identifier: Apache-2.0 */
/* A scan of a network in this process: servers that speak TLS, that say something else, that say
 * nothing, that hang up, and addresses at which nobody is. */
#include "check.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net_fake.h"
#include "scan/scan.h"
#include "tls/conn.h"
#include "tls/context.h"
#include "unit/prove/certs.h"

enum { CHAIN = 32 * 1024, SERVED = 512, TURNS = 20000, FOUND = 64, SECONDS = 5 };

struct test {
    struct pki pki;
    struct buf chain;
    struct clock_fake clock;
    struct ev *ev;
    struct net *net;
    struct tls_context *context;
    struct tls_conn *conns[SERVED];
    bool lost[SERVED];
    int fds[SERVED];
    size_t n, n_fds;
    struct scan_targets targets;
    struct scan *scan;
    char found[FOUND][SCAN_ENDPOINT_TEXT];
    enum scan_state states[FOUND];
    unsigned versions[FOUND];
    size_t groups[FOUND];
    size_t n_found, ends;
    enum rc rc, answer;
    uint32_t more[SCAN_WINDOW];
};

static void test_done(struct test **at)
{
    struct test *t = *at;

    if (!t)
        return;
    scan_free(t->scan);
    for (size_t i = 0; i < t->n; i++)
        tls_conn_free(t->conns[i]);
    for (size_t i = 0; i < t->n_fds; i++)
        fd_close(&t->fds[i]);
    tls_context_free(t->context);
    net_free(t->net);
    ev_free(t->ev);
    buf_done(&t->chain);
    scan_targets_done(&t->targets);
    pki_done(&t->pki);
    mem_free(t);
}

static const struct addr hosts[] = {
    {4, {10, 0, 0, 1}}, {4, {10, 0, 0, 2}}, {4, {10, 0, 0, 3}}, {4, {10, 0, 0, 4}}};

static enum rc test_init(struct test **out)
{
    static const struct tls_context_conf conf = {.alpn = STR("")};
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    struct test *t = MEM_NEW(struct test);

    if (!t)
        return RC_NOMEM;
    *out = t;
    buf_init(&t->chain, CHAIN);
    scan_targets_init(&t->targets);
    TRY(crypto_init());
    TRY(pki_init(&t->pki));
    TRY(make_chain(&t->pki, t->pki.leaf_key, 1, &t->chain));
    clock_fake_init(&t->clock, PKI_FROM);
    TRY(ev_new(&t->clock.clock, &t->ev));
    TRY(net_fake_new(t->ev, &t->net));
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        TRY(net_fake_rule(t->net, &(struct addr_port){hosts[i], 443}, NET_FAKE_ACCEPT));
    TRY(tls_context_new(&conf, &t->context));
    TRY(tls_identity_new(buf_str(&t->chain), t->pki.leaf_key, &id, NULL));
    tls_context_set_identity(t->context, id);
    return RC_OK;
}

static void on_conn(void *, enum rc, const struct err *)
{
}

/* 10.0.0.1 speaks TLS; .2 says something else; .3 says nothing; .4 hangs up. */
static enum rc serve_one(struct test *t)
{
    const struct tls_conn_conf conf = {.ev = t->ev, .context = t->context, .on_open = on_conn};
    struct net_target target;
    int fd;

    if (t->n == SERVED || t->n_fds == SERVED || net_fake_take(t->net, &fd, &target) != RC_OK)
        return RC_OK;
    if (target.to.addr.b[3] == 1) {
        TRY(tls_conn_accept(&conf, fd, &t->conns[t->n]));
        t->n++;
        return RC_OK;
    }
    if (target.to.addr.b[3] == 4) {
        close(fd);
        return RC_OK;
    }
    t->fds[t->n_fds++] = fd;
    if (target.to.addr.b[3] == 2 && send(fd, "SSH-2.0-x\r\n", 11, MSG_NOSIGNAL) < 0)
        return RC_IO;
    return RC_OK;
}

static enum rc on_found(void *arg, const struct scan_found *f)
{
    struct test *t = arg;

    if (t->answer != RC_OK)
        return t->answer;
    if (t->n_found < FOUND) {
        scan_endpoint_text(f, t->found[t->n_found]);
        t->states[t->n_found] = f->state;
        t->versions[t->n_found] = f->versions;
        t->groups[t->n_found] = f->n_groups;
    }
    t->n_found++;
    return RC_OK;
}

static void on_ended(void *arg, enum rc rc)
{
    struct test *t = arg;

    t->ends++;
    t->rc = rc;
}

static struct scan_conf conf_of(struct test *t)
{
    return (struct scan_conf){.ev = t->ev,
                              .net = t->net,
                              .targets = &t->targets,
                              .at_once = 8,
                              .per_host = 2,
                              .rate = 1000,
                              .timeout = SECONDS * WHEN_SECOND,
                              .found = on_found,
                              .ended = on_ended,
                              .arg = t};
}

static enum rc add(struct test *t, const char *ports, const char *target)
{
    TRY(scan_ports_parse(&t->targets, str_of(ports), NULL));
    return scan_target_add(&t->targets, str_of(target), NULL);
}

static enum rc run(struct test *t, const struct scan_conf *conf)
{
    t->ends = t->n_found = 0;
    TRY(scan_new(conf, &t->scan, NULL));
    for (int i = 0; i < TURNS && t->ends == 0; i++) {
        ev_run_once(t->ev, EV_NOWAIT);
        TRY(serve_one(t));
        clock_fake_advance(&t->clock, WHEN_SECOND / 1000);
    }
    return t->ends == 1 ? t->rc : RC_AGAIN;
}

static enum scan_state state_of(const struct test *t, const char *endpoint, size_t *out_i)
{
    for (size_t i = 0; i < t->n_found && i < FOUND; i++)
        if (strcmp(t->found[i], endpoint) == 0) {
            *out_i = i;
            return t->states[i];
        }
    fail_msg("%s was not found", endpoint);
}

static void each_kind(void)
{
    CLEANUP(test_done) struct test *t = NULL;
    struct scan_conf conf;
    size_t i = 0;

    CHECK_OK(test_init(&t));
    CHECK_OK(add(t, "443", "10.0.0.0/29"));
    conf = conf_of(t);
    CHECK_OK(run(t, &conf));
    CHECK_INT(t->n_found, 8);
    CHECK_INT(state_of(t, "10.0.0.0:443", &i), SCAN_CLOSED);
    CHECK_INT(state_of(t, "10.0.0.2:443", &i), SCAN_OTHER);
    CHECK_INT(state_of(t, "10.0.0.3:443", &i), SCAN_OTHER);
    CHECK_INT(state_of(t, "10.0.0.4:443", &i), SCAN_OTHER);
    CHECK_INT(state_of(t, "10.0.0.5:443", &i), SCAN_CLOSED);
    CHECK_INT(state_of(t, "10.0.0.1:443", &i), SCAN_TLS);
    CHECK_INT(t->versions[i], SCAN_HAS_TLS12 | SCAN_HAS_TLS13);
    CHECK(t->groups[i] >= 2);
    CHECK_INT(scan_progress(t->scan).finished, 8);
    CHECK_INT(scan_progress(t->scan).open, 0);
}

static void quickly(void)
{
    CLEANUP(test_done) struct test *t = NULL;
    struct scan_conf conf;

    CHECK_OK(test_init(&t));
    CHECK_OK(add(t, "443", "10.0.0.1"));
    conf = conf_of(t);
    conf.quick = true;
    CHECK_OK(run(t, &conf));
    CHECK_INT(net_fake_dials(t->net), 1);
    CHECK_INT(t->versions[0], SCAN_HAS_TLS13);
    CHECK_INT(t->groups[0], 1);
}

/* Of one address no more than two are open at a time, however many there are. */
static void few_at_one_address(void)
{
    CLEANUP(test_done) struct test *t = NULL;
    struct scan_conf conf;
    size_t dials;

    CHECK_OK(test_init(&t));
    CHECK_OK(net_fake_rule(t->net, &(struct addr_port){hosts[2], 0}, NET_FAKE_ACCEPT));
    CHECK_OK(add(t, "1-9", "10.0.0.3"));
    conf = conf_of(t);
    t->ends = 0;
    CHECK_OK(scan_new(&conf, &t->scan, NULL));
    for (int i = 0; i < 200; i++) {
        ev_run_once(t->ev, EV_NOWAIT);
        CHECK_OK(serve_one(t));
        clock_fake_advance(&t->clock, WHEN_SECOND / 1000);
    }
    dials = net_fake_dials(t->net);
    CHECK_INT(dials, 2);
    for (int i = 0; i < TURNS * 3 && !t->ends; i++) {
        ev_run_once(t->ev, EV_NOWAIT);
        CHECK_OK(serve_one(t));
        clock_fake_advance(&t->clock, WHEN_SECOND / 1000);
    }
    CHECK_INT(t->ends, 1);
    CHECK_OK(t->rc);
    CHECK_INT(t->n_found, 9);
}

/* A hundredth of a second for each connection: not faster. */
static void no_faster_than_allowed(void)
{
    CLEANUP(test_done) struct test *t = NULL;
    struct scan_conf conf;
    int64_t before;

    CHECK_OK(test_init(&t));
    CHECK_OK(add(t, "80", "10.0.1.0/26")); /* nobody there */
    conf = conf_of(t);
    conf.rate = 100;
    before = clock_mono(&t->clock.clock);
    CHECK_OK(run(t, &conf));
    CHECK_INT(t->n_found, 64);
    CHECK(clock_mono(&t->clock.clock) - before >= 63 * WHEN_SECOND / 100);
    CHECK(clock_mono(&t->clock.clock) - before < 2 * WHEN_SECOND);
}

static void ends_at_its_deadline(void)
{
    CLEANUP(test_done) struct test *t = NULL;
    struct scan_conf conf;

    CHECK_OK(test_init(&t));
    CHECK_OK(add(t, "443", "10.0.0.3"));
    conf = conf_of(t);
    conf.deadline = WHEN_SECOND;
    CHECK_RC(run(t, &conf), RC_TIMEOUT);
    CHECK_INT(t->n_found, 0);
    CHECK_INT(scan_progress(t->scan).finished, 0);
}

/* Stopped and gone on with, each endpoint is looked at exactly once. */
static void goes_on(void)
{
    CLEANUP(test_done) struct test *t = NULL;
    struct scan_conf conf;
    size_t first;

    CHECK_OK(test_init(&t));
    CHECK_OK(add(t, "443", "10.0.0.0/28"));
    conf = conf_of(t);
    conf.deadline = WHEN_SECOND; /* 10.0.0.3 keeps its look, the others are through */
    CHECK_RC(run(t, &conf), RC_TIMEOUT);
    first = t->n_found;
    CHECK_INT(first, 15);
    conf.at.low = scan_position(t->scan, t->more, &conf.at.n_more);
    conf.at.more = t->more;
    CHECK_INT(conf.at.low, 3);
    CHECK_INT(conf.at.n_more, 12);
    scan_free(MOVE(t->scan));
    conf.deadline = 0;
    CHECK_OK(run(t, &conf));
    CHECK_INT(t->n_found, 1);
    CHECK_STR(str_of(t->found[0]), "10.0.0.3:443");
    scan_free(MOVE(t->scan));
    conf.at.low = 17; /* of 16 */
    CHECK_RC(scan_new(&conf, &t->scan, NULL), RC_INVAL);
}

/* What cannot be written down ends it. */
static void nobody_takes_it(void)
{
    CLEANUP(test_done) struct test *t = NULL;
    struct scan_conf conf;

    CHECK_OK(test_init(&t));
    CHECK_OK(add(t, "443", "10.0.0.1"));
    conf = conf_of(t);
    conf.quick = true;
    t->answer = RC_IO;
    CHECK_RC(run(t, &conf), RC_IO);
    CHECK_INT(scan_progress(t->scan).finished, 0);
}

CHECK_MAIN(CHECK_TEST_ONCE(each_kind), CHECK_TEST(quickly), CHECK_TEST_ONCE(few_at_one_address),
           CHECK_TEST_ONCE(no_faster_than_allowed), CHECK_TEST_ONCE(ends_at_its_deadline),
           CHECK_TEST_ONCE(goes_on), CHECK_TEST(nobody_takes_it))
