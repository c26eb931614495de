/* SPDX-License-Identifier: Apache-2.0 */
/* dns-01 by dynamic updates, and the waiting for name servers: before a primary and two others that
 * this test plays, each with its faults, and a clock that it sets. */
#include "check.h"

#include <stdio.h>
#include <sys/socket.h>

#include "agent/dns_conf.h"
#include "agent/seen_zone.h"
#include "agent/solver.h"
#include "base/fd.h"
#include "crypto/crypto.h"
#include "dns/update.h"
#include "ev/clock.h"
#include "net_fake.h"

#define PRIMARY "10.0.0.53:53"
#define ZONE "hospital.example"
#define NAME "_acme-challenge.wiki." ZONE
#define PLAIN "server: 10.0.0.53\n"
#define WITH_KEY "server: 10.0.0.53\nkey: acme\nsecret: c2VjcmV0c2VjcmV0c2VjcmV0\n"

enum {
    PEERS = 3,
    SOCKETS = 64,
    VALUES = 8,
    TURNS = 30,
    SOA = 6,
    TSIG = 250,
    NEVER = 1 << 20,
    RCODE_NOTAUTH = 9,
    RCODE_SERVFAIL = 2,
    RCODE_REFUSED = 5,
};

/* A name server; the first is the primary. */
struct peer {
    const char *at;
    int lag; /* so many questions for TXT are answered without what is new */
    unsigned asked, recursive;
};

struct test {
    struct clock_fake clock;
    struct ev *ev;
    struct net *net;
    struct agent_world world;
    struct agent_dns_conf conf;
    struct agent_solver *solver;
    struct agent_seen_zone *zone;
    struct peer peers[PEERS];
    struct {
        int fd;
        struct peer *peer;
    } sockets[SOCKETS];
    size_t n_sockets;
    /* What the primary has, and does. */
    char values[VALUES][64], owner[DNS_NAME_MAX + 1];
    size_t n_values;
    const char *from, *to; /* an alias */
    const char *zone_name;
    const char *lost;           /* names of name servers with this in them have no address ... */
    unsigned lost_rcode;        /* ... and this is said of them */
    unsigned rcode, tsig_error; /* of answers to updates */
    unsigned updates, removals;
    /* What came of it. */
    int calls, warnings;
    enum rc rc;
    char why[512], said[512], changes[512];
};

/* ---- bytes of answers */

static void put_rr(struct buf *m, const char *owner, unsigned type, struct str data)
{
    IGNORE_RC(dns_name_put(str_of(owner), m));
    buf_u16(m, (uint16_t)type);
    buf_u16(m, 1);
    buf_u32(m, 1);
    buf_u16(m, (uint16_t)data.n);
    buf_puts(m, data);
}

static void put_name_rr(struct buf *m, const char *owner, unsigned type, const char *name)
{
    CLEANUP(buf_done) struct buf data = BUF_INIT(300);

    IGNORE_RC(dns_name_put(str_of(name), &data));
    put_rr(m, owner, type, buf_str(&data));
}

static void count(struct buf *m, size_t at, unsigned n)
{
    m->p[at] = (char)(n >> 8);
    m->p[at + 1] = (char)n;
}

static void put_tsig(const struct test *t, struct buf *m)
{
    IGNORE_RC(dns_name_put(STR("acme"), m));
    buf_u16(m, TSIG);
    buf_u16(m, 255);
    buf_u32(m, 0);
    buf_u16(m, 13 + 16);
    IGNORE_RC(dns_name_put(STR("hmac-sha256"), m));
    buf_u16(m, 0);
    buf_u32(m, 1);
    buf_u16(m, 300);
    buf_u16(m, 0); /* no signature */
    buf_u16(m, dns_u16(buf_str(m), 0));
    buf_u16(m, (uint16_t)t->tsig_error);
    buf_u16(m, 0);
    count(m, 10, 1);
}

/* ---- what the name servers say */

static bool inside(const char *name, const char *zone)
{
    return str_ends(str_of(name), str_of(zone));
}

static void answer_soa(const struct test *t, const char *name, struct buf *m)
{
    static const char rest[22] = {0};

    if (t->from && strcmp(name, t->from) == 0) {
        put_name_rr(m, name, DNS_CNAME, t->to);
        count(m, 6, 1);
    } else if (inside(name, t->zone_name)) {
        put_rr(m, t->zone_name, SOA, str_bytes(rest, sizeof(rest)));
        count(m, 8, 1);
    } else {
        m->p[3] = RCODE_REFUSED;
    }
}

static void answer_txt(const struct test *t, struct peer *p, const char *name, struct buf *m)
{
    size_t n = p->lag > 0 ? 1 : t->n_values; /* the first is somebody else's */
    unsigned told = 0;

    if (p->lag > 0)
        p->lag--;
    for (size_t i = 0; i < n && (i == 0 || strcmp(name, t->owner) == 0); i++, told++) {
        CLEANUP(buf_done) struct buf data = BUF_INIT(300);

        buf_u8(&data, (uint8_t)strlen(t->values[i]));
        buf_putz(&data, t->values[i]);
        put_rr(m, name, DNS_TXT, buf_str(&data));
    }
    count(m, 6, told);
}

static void answer_query(struct test *t, struct peer *p, const char *name, unsigned type,
                         struct buf *m)
{
    if (type == SOA)
        answer_soa(t, name, m);
    else if (type == DNS_TXT)
        answer_txt(t, p, name, m);
    if (type == DNS_NS) {
        put_name_rr(m, name, type, "ns1.hospital.example");
        put_name_rr(m, name, type, "ns2.hospital.example");
        count(m, 6, 2);
    }
    if (t->lost && strstr(name, t->lost)) {
        m->p[3] = (char)t->lost_rcode;
    } else if (type == DNS_A) {
        put_rr(m, name, type, str_bytes(strstr(name, "ns1") ? "\12\0\0\1" : "\12\0\0\2", 4));
        count(m, 6, 1);
    }
}

static void take_value(struct test *t, const char *owner, struct str value, bool removed)
{
    memcpy(t->owner, owner, strlen(owner) + 1);
    if (!removed && t->n_values < VALUES)
        IGNORE_RC(str_copyz(value, t->values[t->n_values++], sizeof(t->values[0])));
    for (size_t i = 0; removed && i < t->n_values; i++)
        if (str_eq(value, str_of(t->values[i])))
            memmove(t->values[i], t->values[i + 1], (VALUES - i - 1) * sizeof(t->values[0])),
                t->n_values--;
}

/* RFC 2136: the zone, then one record of class IN to be added or NONE to be taken away. */
static void answer_update(struct test *t, struct str q, size_t at, const char *zone, struct buf *m)
{
    char owner[DNS_NAME_MAX + 1];
    struct dns_rr rr;

    m->p[2] = (char)0xa8;
    m->p[3] = (char)(strcmp(zone, t->zone_name) == 0 ? t->rcode : RCODE_NOTAUTH);
    if (t->tsig_error)
        put_tsig(t, m);
    if (m->p[3] || t->tsig_error || dns_rr_read(q, &at, owner, &rr) != RC_OK)
        return;
    t->updates += rr.class == 1;
    t->removals += rr.class == 254;
    take_value(t, owner, str_bytes(q.p + rr.data + 1, rr.n - 1), rr.class == 254);
}

static void answer(struct test *t, struct peer *p, int fd, struct str q)
{
    CLEANUP(buf_done) struct buf m = BUF_INIT(4096), framed = BUF_INIT(4098);
    char name[DNS_NAME_MAX + 1];
    size_t at = DNS_HEADER;

    p->asked++;
    p->recursive += (unsigned)q.p[2] & 1;
    if (dns_name_read(q, &at, name) != RC_OK)
        return;
    buf_puts(&m, str_head(q, at + 4));
    m.p[2] = (char)0x84;
    m.p[3] = 0;
    memset(m.p + 6, 0, 6);
    if (((unsigned char)q.p[2] >> 3 & 15) == 5)
        answer_update(t, q, at + 4, name, &m);
    else
        answer_query(t, p, name, dns_u16(q, at), &m);
    buf_u16(&framed, (uint16_t)m.n);
    buf_puts(&framed, buf_str(&m));
    (void)!send(fd, framed.p, framed.n, MSG_NOSIGNAL);
}

static void take_connections(struct test *t)
{
    struct net_target target;
    int fd;

    while (t->n_sockets < SOCKETS && net_fake_take(t->net, &fd, &target) == RC_OK) {
        char at[ADDR_TEXT];

        addr_port_text(&target.to, at);
        t->sockets[t->n_sockets].fd = fd;
        for (size_t i = 0; i < PEERS; i++)
            if (strcmp(at, t->peers[i].at) == 0)
                t->sockets[t->n_sockets].peer = &t->peers[i];
        t->n_sockets++;
    }
}

static void turn(struct test *t)
{
    char q[4096];

    for (int i = 0; i < TURNS; i++) {
        ev_run_once(t->ev, EV_NOWAIT);
        take_connections(t);
        for (size_t s = 0; s < t->n_sockets; s++) {
            ssize_t n = recv(t->sockets[s].fd, q, sizeof(q), MSG_DONTWAIT);

            if (n > DNS_HEADER + 2)
                answer(t, t->sockets[s].peer, t->sockets[s].fd, str_bytes(q + 2, (size_t)n - 2));
            if (n == 0) { /* hung up */
                fd_close(&t->sockets[s].fd);
                t->sockets[s] = t->sockets[--t->n_sockets];
            }
        }
    }
}

/* ---- the world */

static void on_said(void *arg, bool warn, const char *line)
{
    struct test *t = arg;

    t->warnings += warn;
    snprintf(t->said, sizeof(t->said), "%s", line);
}

static void on_changed(void *arg, const struct agent_record *r)
{
    struct test *t = arg;
    size_t n = strlen(t->changes);

    snprintf(t->changes + n, sizeof(t->changes) - n, "%s%s %s %s;", r->removed ? "-" : "+",
             r->why && r->why->rc != RC_OK ? "!" : "", r->zone, r->name);
}

static enum rc rule(struct test *t, const char *at, enum net_fake_what what)
{
    struct addr_port ap;

    TRY(addr_port_parse(str_of(at), &ap));
    return net_fake_rule(t->net, &ap, what);
}

static enum rc test_init(struct test *t, const char *settings)
{
    static const char *const at[PEERS] = {PRIMARY, "10.0.0.1:53", "10.0.0.2:53"};

    TRY(crypto_init());
    clock_fake_init(&t->clock, WHEN_DAY);
    TRY(ev_new(&t->clock.clock, &t->ev));
    TRY(net_fake_new(t->ev, &t->net));
    for (size_t i = 0; i < PEERS; i++) {
        t->peers[i].at = at[i];
        TRY(rule(t, at[i], NET_FAKE_ACCEPT));
    }
    t->zone_name = ZONE;
    t->n_values = 1;
    strcpy(t->values[0], "theirs"); /* checksrc: allow strcpy: of a test's own */
    t->world = (struct agent_world){.ev = t->ev,
                                    .net = t->net,
                                    .say = on_said,
                                    .arg = t,
                                    .changed = on_changed,
                                    .changed_arg = t,
                                    .confined = true};
    TRY(agent_dns_conf_parse(str_of(settings), &t->conf, NULL));
    TRY(addr_port_parse(STR(PRIMARY), &t->conf.servers[0]));
    t->conf.n_servers = 1;
    return agent_rfc2136_with(&t->world, &t->conf, &t->solver);
}

static void test_done(struct test *t)
{
    agent_solver_free(t->solver);
    agent_seen_zone_free(t->zone);
    for (size_t i = 0; i < t->n_sockets; i++)
        fd_close(&t->sockets[i].fd);
    net_free(t->net);
    ev_free(t->ev);
    crypto_done();
}

#define BEGIN(t, settings)                                                                         \
    CLEANUP(test_done) struct test t = {};                                                         \
    CHECK_OK(CHECK_SPARED(test_init(&t, settings)))

static void on_presented(void *arg, enum rc rc, const struct err *err)
{
    struct test *t = arg;

    t->calls++;
    t->rc = rc;
    t->why[0] = '\0';
    if (err)
        err_textz(err, t->why, sizeof(t->why));
}

static struct client_proof proof_of(const char *identifier, const char *authorization)
{
    return (struct client_proof){.type = STR("dns-01"),
                                 .identifier_type = STR("dns"),
                                 .identifier = str_of(identifier),
                                 .token = STR("t"),
                                 .key_authorization = str_of(authorization)};
}

static void present(struct test *t, const struct client_proof *p)
{
    t->solver->solver.present(t->solver->solver.arg, p, on_presented, t);
    turn(t);
}

static void cleanup(struct test *t, const struct client_proof *p)
{
    t->solver->solver.cleanup(t->solver->solver.arg, p);
    turn(t);
}

/* Seconds until there are so many answers; -1: none come. */
static int seconds_until(struct test *t, int calls)
{
    for (int i = 0; i < 300; i++) {
        turn(t);
        if (t->calls >= calls)
            return i;
        clock_fake_advance(&t->clock, WHEN_SECOND);
    }
    return -1;
}

static void settle(struct test *t)
{
    for (int i = 0; i < 200 && agent_solver_busy(t->solver); i++) {
        turn(t);
        clock_fake_advance(&t->clock, WHEN_SECOND);
    }
}

/* ---- it is waited for */

static void those_that_lag_are_waited_for(void)
{
    const struct client_proof p = proof_of("wiki.hospital.example", "a");
    int seconds;
    BEGIN(t, PLAIN);

    t.peers[0].lag = 2;
    t.peers[2].lag = 4;
    present(&t, &p);
    CHECK_INT(t.calls, 0);
    seconds = seconds_until(&t, 1);
    CHECK(seconds >= 6 && seconds < 10);
    CHECK_OK(t.rc);
    CHECK_INT(t.updates, 1);
    CHECK_INT(t.peers[1].asked, 5); /* each round, until the last has it */
    cleanup(&t, &p);
    CHECK_INT(t.removals, 1);
    CHECK_INT(t.n_values, 1);
    CHECK_STR(str_of(t.values[0]), "theirs");
    CHECK_STR(str_of(t.changes), "+ " ZONE " " NAME ";- " ZONE " " NAME ";");
    CHECK_INT(t.peers[0].recursive, 0);
}

static void not_for_ever(void)
{
    const struct client_proof p = proof_of("wiki.hospital.example", "a");
    int seconds;
    BEGIN(t, PLAIN "timeout: 10s\n");

    t.peers[2].lag = NEVER;
    present(&t, &p);
    seconds = seconds_until(&t, 1);
    CHECK(seconds >= 10);
    CHECK_INT(seconds, 11);
    CHECK_RC(t.rc, RC_TIMEOUT);
    CHECK(strstr(t.why, "10.0.0.2:53 does not have the record " NAME " after 10s"));
    cleanup(&t, &p);
    CHECK_INT(t.n_values, 1);
}

static void the_primary_alone_or_a_time(void)
{
    const struct client_proof p = proof_of("wiki.hospital.example", "a");

    {
        BEGIN(t, PLAIN "wait: primary\n");
        t.peers[0].lag = 1;
        t.peers[2].lag = NEVER;
        present(&t, &p);
        CHECK_INT(seconds_until(&t, 1), 1);
        CHECK_OK(t.rc);
        CHECK_INT(t.peers[1].asked + t.peers[2].asked, 0);
    }
    {
        BEGIN(t, PLAIN "wait: 7s\n");
        t.peers[0].lag = NEVER;
        present(&t, &p);
        CHECK_INT(seconds_until(&t, 1), 7);
        CHECK_OK(t.rc);
    }
}

static void one_that_is_away_is_told_of(void)
{
    const struct client_proof p = proof_of("wiki.hospital.example", "a");
    BEGIN(t, PLAIN);

    CHECK_OK(CHECK_SPARED(rule(&t, "10.0.0.1:53", NET_FAKE_REFUSE)));
    t.peers[2].lag = 2;
    present(&t, &p);
    CHECK(seconds_until(&t, 1) >= 2);
    CHECK_OK(t.rc);
    CHECK_INT(t.warnings, 1); /* once, not each round */
    CHECK(strstr(t.said, "10.0.0.1:53 of " ZONE " cannot be asked"));
}

static void given_up_while_waiting(void)
{
    const struct client_proof p = proof_of("wiki.hospital.example", "a");
    BEGIN(t, PLAIN);

    t.peers[2].lag = NEVER;
    present(&t, &p);
    CHECK_INT(t.n_values, 2);
    cleanup(&t, &p);
    settle(&t);
    CHECK_INT(t.calls, 0);
    CHECK_INT(t.removals, 1);
    CHECK_INT(t.n_values, 1);
}

static void several_values_of_a_name(void)
{
    const struct client_proof p = proof_of("wiki.hospital.example", "a");
    const struct client_proof star = proof_of("wiki.hospital.example", "b");
    BEGIN(t, PLAIN);

    present(&t, &p);
    CHECK_INT(seconds_until(&t, 1), 0);
    present(&t, &star);
    CHECK(seconds_until(&t, 2) <= 1);
    CHECK_INT(t.n_values, 3);
    CHECK(strcmp(t.values[1], t.values[2]) != 0);
    cleanup(&t, &p);
    CHECK_INT(t.n_values, 2);
    cleanup(&t, &star);
    CHECK_INT(t.n_values, 1);
    CHECK_STR(str_of(t.values[0]), "theirs");
}

/* ---- zones */

static void zones_behind_aliases(void)
{
    const struct client_proof p = proof_of("wiki.hospital.example", "a");
    BEGIN(t, PLAIN);

    t.from = NAME;
    t.to = "wiki.proofs.example";
    t.zone_name = "proofs.example";
    present(&t, &p);
    CHECK_INT(seconds_until(&t, 1), 0);
    CHECK_OK(t.rc);
    CHECK_STR(str_of(t.owner), "wiki.proofs.example");
    cleanup(&t, &p);
    CHECK_STR(str_of(t.changes),
              "+ proofs.example wiki.proofs.example;- proofs.example wiki.proofs.example;");
}

static void zones_that_are_not_there(void)
{
    const struct client_proof p = proof_of("wiki.hospital.example", "a");

    {
        BEGIN(t, PLAIN);
        t.zone_name = "other.example";
        present(&t, &p);
        CHECK_RC(t.rc, RC_NOTFOUND);
        CHECK(strstr(t.why, "holds no zone with " NAME " (it says REFUSED)"));
    }
    {
        BEGIN(t, PLAIN);
        t.from = t.to = NAME;
        present(&t, &p);
        CHECK_RC(t.rc, RC_CONFLICT);
        CHECK(strstr(t.why, "lead nowhere"));
    }
    {
        BEGIN(t, PLAIN "zone: wiki.hospital.example\n"); /* which the server does not have */
        present(&t, &p);
        CHECK_RC(t.rc, RC_DENIED);
        CHECK(strstr(t.why, "in the zone wiki.hospital.example: NOTAUTH"));
        CHECK_STR(str_of(t.changes), "+! wiki.hospital.example " NAME ";");
    }
}

static void refused(void)
{
    const struct client_proof p = proof_of("wiki.hospital.example", "a");

    {
        BEGIN(t, PLAIN);
        t.rcode = RCODE_REFUSED;
        present(&t, &p);
        CHECK_RC(t.rc, RC_DENIED);
        CHECK(strstr(t.why, "REFUSED") && strstr(t.why, "(none is configured)"));
    }
    {
        BEGIN(t, PLAIN);
        CHECK_OK(CHECK_SPARED(rule(&t, PRIMARY, NET_FAKE_REFUSE)));
        present(&t, &p);
        CHECK_RC(t.rc, RC_NET);
        CHECK(strstr(t.why, "cannot be asked"));
        CHECK_STR(str_of(t.changes), ""); /* nothing was sent */
    }
}

static void signatures(void)
{
    static const struct {
        unsigned error;
        const char *said;
    } cases[] = {{0, "not signed"}, {16, "another secret"}, {17, "key"}, {18, "clock"}};
    const struct client_proof p = proof_of("wiki.hospital.example", "a");

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BEGIN(t, WITH_KEY);
        t.tsig_error = cases[i].error;
        t.rcode = cases[i].error ? RCODE_NOTAUTH : 0;
        present(&t, &p);
        CHECK_INT(t.calls, 1);
        if (t.rc != RC_DENIED || !strstr(t.why, cases[i].said))
            fail_msg("%u: %s: %s", cases[i].error, rc_text(t.rc), t.why);
    }
}

/* ---- who writes elsewhere waits in the same way */

static void on_seen(void *arg, enum rc rc, struct err *err)
{
    on_presented(arg, rc, err->msg ? err : NULL);
}

static enum rc wait_for(struct test *t, const char *resolver)
{
    TRY(agent_seen_zone_new(&t->world, str_of(resolver), &t->zone, NULL));
    IGNORE_RC(str_copyz(STR("ours"), t->values[1], sizeof(t->values[1])));
    memcpy(t->owner, NAME, sizeof(NAME));
    t->n_values = 2;
    return agent_seen_zone_start(t->zone, STR(NAME), STR("ours"), 20 * WHEN_SECOND, on_seen, t);
}

static void servers_that_a_resolver_names(void)
{
    BEGIN(t, PLAIN);

    t.peers[0].lag = NEVER; /* the resolver is not asked for it */
    t.peers[1].lag = 3;
    CHECK_OK(CHECK_SPARED(wait_for(&t, "10.0.0.53")));
    CHECK_INT(seconds_until(&t, 1), 3);
    CHECK_OK(t.rc);
    CHECK_INT(t.peers[0].lag, NEVER);
    CHECK_INT(t.peers[0].recursive, t.peers[0].asked);
    CHECK_INT(t.peers[1].recursive + t.peers[2].recursive, 0);
}

/* The others are waited for all the same. */
static void names_without_an_address(void)
{
    BEGIN(t, PLAIN);

    t.lost = "ns1.";
    t.lost_rcode = RCODE_SERVFAIL;
    t.peers[2].lag = 3;
    CHECK_OK(CHECK_SPARED(wait_for(&t, "10.0.0.53")));
    CHECK_INT(seconds_until(&t, 1), 3);
    CHECK_OK(t.rc);
    CHECK_INT(t.peers[1].asked, 0);
    CHECK_INT(t.peers[2].asked, 4);
    CHECK_INT(t.warnings, 1); /* once, not each round */
    CHECK(strstr(t.said, "the name server ns1.hospital.example of " ZONE " cannot be found at "
                         "10.0.0.53:53"));
}

static void no_name_with_an_address(void)
{
    static const struct {
        unsigned rcode;
        int warnings;
    } cases[] = {{RCODE_SERVFAIL, 3}, {0, 1}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BEGIN(t, PLAIN);
        t.lost = "ns";
        t.lost_rcode = cases[i].rcode;
        CHECK_OK(CHECK_SPARED(wait_for(&t, "10.0.0.53")));
        CHECK_INT(seconds_until(&t, 1), 0);
        CHECK_OK(t.rc);
        CHECK_INT(t.warnings, cases[i].warnings);
        CHECK(strstr(t.said, "the name servers of " ZONE " cannot be found at 10.0.0.53:53"));
        CHECK_INT(t.peers[1].asked + t.peers[2].asked, 0);
    }
}

static void servers_that_never_have_it(void)
{
    BEGIN(t, PLAIN);

    t.peers[2].lag = NEVER;
    CHECK_OK(CHECK_SPARED(wait_for(&t, "10.0.0.53")));
    CHECK(seconds_until(&t, 1) >= 20);
    CHECK_RC(t.rc, RC_TIMEOUT);
    CHECK(strstr(t.why, "10.0.0.2:53 does not have the record"));
}

static void resolvers_that_do_not_say(void)
{
    {
        BEGIN(t, PLAIN); /* the second of two */
        CHECK_OK(CHECK_SPARED(rule(&t, "10.0.0.9:53", NET_FAKE_REFUSE)));
        CHECK_OK(CHECK_SPARED(wait_for(&t, "10.0.0.9 10.0.0.53")));
        CHECK_INT(seconds_until(&t, 1), 0);
        CHECK_OK(t.rc);
        CHECK_INT(t.warnings, 0);
        CHECK(t.peers[2].asked > 0);
    }
    {
        BEGIN(t, PLAIN);
        t.zone_name = "other.example";
        CHECK_OK(CHECK_SPARED(wait_for(&t, "10.0.0.53")));
        CHECK_INT(seconds_until(&t, 1), 0);
        CHECK_OK(t.rc); /* and a person is told */
        CHECK_INT(t.warnings, 1);
        CHECK(strstr(t.said, "the zone of " NAME " cannot be found at 10.0.0.53:53"));
    }
    {
        BEGIN(t, PLAIN);
        CHECK_OK(CHECK_SPARED(agent_seen_zone_new(&t.world, STR("none"), &t.zone, NULL)));
        CHECK(!t.zone);
        CHECK_RC(agent_seen_zone_new(&t.world, STR("x y"), &t.zone, NULL), RC_PARSE);
    }
}

static void forgotten_while_waiting(void)
{
    BEGIN(t, PLAIN);

    t.peers[2].lag = NEVER;
    CHECK_OK(CHECK_SPARED(wait_for(&t, "10.0.0.53")));
    turn(&t);
    agent_seen_zone_forget(t.zone);
    CHECK(seconds_until(&t, 1) <= 1);
    CHECK_RC(t.rc, RC_CANCELLED);
}

CHECK_MAIN(CHECK_TEST_ONCE(those_that_lag_are_waited_for), CHECK_TEST_ONCE(not_for_ever),
           CHECK_TEST_ONCE(the_primary_alone_or_a_time),
           CHECK_TEST_ONCE(one_that_is_away_is_told_of), CHECK_TEST_ONCE(given_up_while_waiting),
           CHECK_TEST_ONCE(several_values_of_a_name), CHECK_TEST_ONCE(zones_behind_aliases),
           CHECK_TEST_ONCE(zones_that_are_not_there), CHECK_TEST_ONCE(refused),
           CHECK_TEST_ONCE(signatures), CHECK_TEST_ONCE(servers_that_a_resolver_names),
           CHECK_TEST_ONCE(names_without_an_address), CHECK_TEST_ONCE(no_name_with_an_address),
           CHECK_TEST_ONCE(servers_that_never_have_it), CHECK_TEST_ONCE(resolvers_that_do_not_say),
           CHECK_TEST_ONCE(forgotten_while_waiting))
