/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/when.h"
#include "dns/resolver.h"
#include "dns_fake.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "json/json.h"
#include "json/out.h"

enum { STEPS = 60, ROUNDS = 20, ARENA = 1 << 20 };
#define STEP (WHEN_SECOND / 4)

static const struct dns_fake_rr lan[] = {
    {"www.lan", 1, "10.0.0.1"},
    {"www.lan", 1, "10.0.0.2"},
    {"www.lan", 28, "2001:db8::1"},
    {"alias.lan", 5, "other.lan"},
    {"other.lan", 5, "WWW.lan"},
    {"circle.lan", 5, "round.lan"},
    {"round.lan", 5, "circle.lan"},
    {"out.lan", 5, "www.dmz"},
    {"www.dmz", 1, "10.9.9.9"},
    {"txt.lan", 16, "one"},
    {"txt.lan", 16, "two"},
    {"n0.lan", 5, "n1.lan"},
    {"n1.lan", 5, "n2.lan"},
    {"n2.lan", 5, "n3.lan"},
    {"n3.lan", 5, "n4.lan"},
    {"n4.lan", 5, "n5.lan"},
    {"n5.lan", 5, "n6.lan"},
    {"n6.lan", 5, "n7.lan"},
    {"n7.lan", 5, "n8.lan"},
    {"n8.lan", 5, "n9.lan"},
    {"n9.lan", 1, "10.0.0.9"},
    {"held", 2, "ns.held"},
    {"ns.held", 1, "10.0.0.56"},
    {"ns.held", 28, "::1"},
    {"alias.held", 5, "www.lan"},
    {"bare", 2, "nowhere.bare"},
    {"inward", 2, "ns.inward"},
    {"ns.inward", 1, "127.0.0.1"},
    {"lan", 257, "issue ca.example"},
    {"lan", 257, "!future \"x\""},
    {NULL, 0, NULL},
};
/* What is held by the servers of "held", which no recursive server here knows of. */
static const struct dns_fake_rr held[] = {{"new.held", 16, "fresh"},
                                          {"alias.held", 5, "www.lan"},
                                          {"old.held", 39, "dmz"},
                                          {NULL, 0, NULL}};
static const struct dns_fake_rr dmz[] = {{"www.dmz", 1, "192.168.1.1"}, {NULL, 0, NULL}};

struct world {
    struct clock_fake clock;
    struct ev *ev;
    struct net *net;
    struct dns_fake dns;
    struct dns_fake_server *first, *second, *third, *fourth;
    struct dns_zones *zones;
    struct dns_resolver *resolver;
    struct arena arena;
    int answers;
    enum rc rc;
    const struct dns_answer *answer;
    char text[512];
};

static void world_done(struct world *w)
{
    dns_resolver_free(w->resolver);
    dns_zones_unref(w->zones);
    if (w->net)
        dns_fake_done(&w->dns);
    net_free(w->net);
    ev_free(w->ev);
    arena_done(&w->arena);
}

/* Two servers find out for everything, a third holds dmz. */
static enum rc world_open(struct world *w)
{
    static const struct addr_port all[] = {{{4, {10, 0, 0, 53}}, 53}, {{4, {10, 0, 0, 54}}, 53}};
    static const struct addr_port third[] = {{{4, {10, 0, 0, 55}}, 5353}};
    const struct dns_zone zones[] = {
        {STR("."), all, 2, false},      {STR("dmz"), third, 1, true},
        {STR("held"), NULL, 0, true},   {STR("bare"), NULL, 0, true},
        {STR("inward"), NULL, 0, true}, {STR("agreed.lan"), all, 2, false, 2}};

    clock_fake_init(&w->clock, WHEN_DAY);
    arena_init(&w->arena, ARENA);
    TRY(ev_new(&w->clock.clock, &w->ev));
    TRY(net_fake_new(w->ev, &w->net));
    dns_fake_init(&w->dns, w->net);
    w->first = dns_fake_add(&w->dns, "10.0.0.53:53", lan);
    w->second = dns_fake_add(&w->dns, "10.0.0.54:53", lan);
    w->third = dns_fake_add(&w->dns, "10.0.0.55:5353", dmz);
    w->third->authoritative = true;
    w->fourth = dns_fake_add(&w->dns, "10.0.0.56:53", held);
    w->fourth->authoritative = true;
    TRY(dns_zones_new(zones, 6, &w->zones));
    return dns_resolver_new(w->ev, w->net, w->zones, &w->resolver);
}

static void on_answer(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct world *w = arg;
    struct err err = ERR_INIT;

    w->answers++;
    w->rc = rc;
    w->answer = answer;
    w->text[0] = '\0';
    if (rc == RC_OK && dns_answer_err(answer, &err) != RC_OK)
        err_textz(&err, w->text, sizeof(w->text));
}

static void pump(struct world *w)
{
    for (int i = 0; i < ROUNDS; i++) {
        ev_run_once(w->ev, EV_NOWAIT);
        dns_fake_serve(&w->dns);
    }
}

static enum rc start(struct world *w, const char *name, enum dns_type type, struct dns_lookup **out)
{
    struct dns_question q = {
        .name = str_of(name), .type = type, .timeout = 10 * WHEN_SECOND, .arena = &w->arena};

    w->answers = 0;
    w->answer = NULL;
    return dns_lookup_start(w->resolver, &q, on_answer, w, out);
}

/* To the end; the clock moves only when nothing else does. */
static enum rc look_up(struct world *w, const char *name, enum dns_type type)
{
    TRY(start(w, name, type, NULL));
    if (w->answers)
        return RC_CONFLICT;
    pump(w);
    for (int i = 0; i < STEPS && !w->answers; i++) {
        clock_fake_advance(&w->clock, STEP);
        pump(w);
    }
    return w->answers == 1 ? w->rc : RC_AGAIN;
}

#define WITH_WORLD                                                                                 \
    CLEANUP(world_done) struct world w = {.answers = 0};                                           \
    CHECK_OK(world_open(&w))
#define LOOK_UP(name, type, wanted)                                                                \
    CHECK_OK(look_up(&w, name, type));                                                             \
    CHECK_INT(w.answer->status, wanted)

static void finds(void)
{
    WITH_WORLD;
    char text[ADDR_TEXT];

    LOOK_UP("www.lan", DNS_A, DNS_FOUND);
    CHECK_INT(w.answer->n, 2);
    CHECK(strcmp(addr_text(&w.answer->records[1].addr, text), "10.0.0.2") == 0);
    CHECK_INT(w.answer->n_tries, 1);
    CHECK_INT(w.first->recursive, 1);
    CHECK_INT(w.second->queries, 0);
    LOOK_UP("www.lan", DNS_AAAA, DNS_FOUND);
    CHECK_INT(w.answer->n, 1);
    LOOK_UP("txt.lan", DNS_TXT, DNS_FOUND);
    CHECK_INT(w.answer->n, 2);
    CHECK_STR(w.answer->records[1].text, "two");
}

static void tells_nothing_from_nothing(void)
{
    WITH_WORLD;

    LOOK_UP("none.lan", DNS_A, DNS_NO_NAME);
    CHECK(strstr(w.text, "there is no name none.lan, says 10.0.0.53:53"));
    LOOK_UP("txt.lan", DNS_AAAA, DNS_NO_DATA);
    CHECK(strstr(w.text, "no AAAA record"));
    CHECK_INT(w.answer->n_tries, 1);
}

static void follows_aliases(void)
{
    WITH_WORLD;

    LOOK_UP("alias.lan", DNS_A, DNS_FOUND);
    CHECK_STR(w.answer->canonical, "www.lan");
    CHECK_INT(w.answer->n_aliases, 2);
    CHECK_INT(w.answer->n, 2);
    LOOK_UP("circle.lan", DNS_A, DNS_LOOP);
    CHECK(strstr(w.text, "circle"));
    LOOK_UP("n0.lan", DNS_A, DNS_LOOP); /* nine of them */
    LOOK_UP("n1.lan", DNS_A, DNS_FOUND);
    CHECK_INT(w.answer->n_aliases, DNS_ALIASES_MAX);
}

/* What 10.0.0.53 says about a name in dmz does not count. */
static void asks_each_zone_itself(void)
{
    WITH_WORLD;
    char text[ADDR_TEXT];

    LOOK_UP("out.lan", DNS_A, DNS_FOUND);
    CHECK(strcmp(addr_text(&w.answer->records[0].addr, text), "192.168.1.1") == 0);
    CHECK_INT(w.answer->n, 1);
    CHECK_INT(w.answer->n_tries, 2);
    CHECK_INT(w.third->queries, 1);
    CHECK_INT(w.third->recursive, 0);
    /* Nor does one who does not hold the zone. */
    w.third->authoritative = false;
    LOOK_UP("www.dmz", DNS_A, DNS_FAILED);
    CHECK(strstr(w.text, "10.0.0.55:5353 (not responsible)"));
}

static void tries_again(void)
{
    WITH_WORLD;

    w.first->silent = true;
    LOOK_UP("www.lan", DNS_A, DNS_FOUND);
    CHECK_INT(w.answer->n_tries, 2);
    CHECK_RC(w.answer->tries[0].rc, RC_TIMEOUT);
    CHECK_INT(w.answer->tries[0].micros, WHEN_SECOND);
    w.second->silent = true;
    w.first->queries = 0;
    LOOK_UP("www.lan", DNS_A, DNS_TIMED_OUT);
    CHECK_INT(w.first->queries, 3);
    CHECK_INT(w.answer->n_tries, 6);
    CHECK_INT(w.answer->micros, 8 * WHEN_SECOND);
    CHECK(strstr(w.text, "asked were 10.0.0.53:53, 10.0.0.54:53"));
}

static void leaves_broken_servers(void)
{
    static const struct addr_port gone[] = {{{4, {10, 0, 0, 99}}, 53}};
    const struct dns_zone zone = {STR("."), gone, 1, false};
    CLEANUP(dns_zones_unrefp) struct dns_zones *zones = NULL;
    WITH_WORLD;

    w.first->rcode = DNS_SERVFAIL;
    LOOK_UP("www.lan", DNS_A, DNS_FOUND);
    CHECK_INT(w.answer->n_tries, 2);
    w.second->rcode = DNS_REFUSED;
    LOOK_UP("www.lan", DNS_A, DNS_FAILED);
    CHECK_INT(w.answer->n_tries, 2);
    CHECK(strstr(w.text, "10.0.0.53:53 (SERVFAIL), 10.0.0.54:53 (REFUSED)"));
    w.first->rcode = w.second->rcode = 0;
    w.first->garbage = w.second->knows_nothing = true;
    LOOK_UP("www.lan", DNS_A, DNS_FOUND); /* the second has records all the same */
    CHECK_RC(w.answer->tries[0].rc, RC_PARSE);
    LOOK_UP("none.lan", DNS_A, DNS_FAILED);
    CHECK(w.answer->tries[1].lame);
    CHECK_OK(dns_zones_new(&zone, 1, &zones));
    dns_resolver_set_zones(w.resolver, zones);
    LOOK_UP("www.lan", DNS_A, DNS_FAILED);
    CHECK(strstr(w.text, "10.0.0.99:53 (unreachable)"));
}

static void long_answers_by_tcp(void)
{
    WITH_WORLD;

    w.first->only_tcp = true;
    LOOK_UP("www.lan", DNS_A, DNS_FOUND);
    CHECK_INT(w.first->by_tcp, 1);
    CHECK_INT(w.answer->n, 2);
    CHECK(w.answer->tries[0].tcp);
}

static void servers_before_edns(void)
{
    WITH_WORLD;

    w.first->no_edns = true;
    LOOK_UP("www.lan", DNS_A, DNS_FOUND);
    CHECK_INT(w.answer->n_tries, 2);
    CHECK_INT(w.first->queries, 2);
    CHECK_INT(w.second->queries, 0);
}

static void ignores_strays(void)
{
    WITH_WORLD;

    w.first->strays = 6;
    LOOK_UP("www.lan", DNS_A, DNS_FOUND);
    CHECK_INT(w.answer->n_tries, 1);
    CHECK_RC(w.answer->tries[0].rc, RC_OK);
    w.first->strays = 70; /* this is no accident any more */
    LOOK_UP("www.lan", DNS_A, DNS_FOUND);
    CHECK_RC(w.answer->tries[0].rc, RC_PARSE);
}

static void no_server(void)
{
    static const struct addr_port server[] = {{{4, {10, 0, 0, 53}}, 53}};
    const struct dns_zone zone = {STR("dmz"), server, 1, false};
    CLEANUP(dns_zones_unrefp) struct dns_zones *zones = NULL;
    WITH_WORLD;

    CHECK_OK(dns_zones_new(&zone, 1, &zones));
    dns_resolver_set_zones(w.resolver, zones);
    LOOK_UP("www.lan", DNS_A, DNS_NO_SERVER);
    CHECK(strstr(w.text, "no name server is configured for www.lan"));
    CHECK_RC(start(&w, "not..a.name", DNS_A, NULL), RC_INVAL);
}

static void cancels_and_ends(void)
{
    WITH_WORLD;
    struct dns_lookup *l = NULL;

    CHECK_OK(start(&w, "www.lan", DNS_A, &l));
    dns_lookup_cancel(l); /* before it began */
    w.first->silent = true;
    CHECK_OK(start(&w, "www.lan", DNS_A, &l));
    pump(&w);
    CHECK_INT(w.answers, 0);
    dns_lookup_cancel(l); /* while it waits */
    CHECK_OK(start(&w, "www.lan", DNS_A, NULL));
    pump(&w);
    dns_resolver_free(w.resolver);
    w.resolver = NULL;
    clock_fake_advance(&w.clock, WHEN_MINUTE);
    pump(&w);
    CHECK_INT(w.answers, 0);
}

static void not_too_many(void)
{
    WITH_WORLD;

    arena_done(&w.arena);
    arena_init(&w.arena, 16 << 20);
    for (int i = 0; i < DNS_LOOKUPS_MAX; i++)
        CHECK_OK(start(&w, "www.lan", DNS_A, NULL));
    CHECK_RC(start(&w, "www.lan", DNS_A, NULL), RC_QUOTA);
}

static void evidence(void)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(8192);
    struct json_out o;
    struct str s;
    WITH_WORLD;

    w.first->rcode = DNS_REFUSED;
    LOOK_UP("alias.lan", DNS_A, DNS_FOUND);
    json_out_init(&o, &text, JSON_COMPACT);
    dns_answer_put(&o, w.answer);
    CHECK_OK(json_out_done(&o));
    CHECK_OK(json_parse(buf_str(&text), 8192, &doc, NULL));
    CHECK_OK(json_str(json_get(json_root(doc), "status"), &s));
    CHECK_STR(s, "found");
    CHECK_INT(json_len(json_get(json_root(doc), "records")), 2);
    CHECK_INT(json_len(json_get(json_root(doc), "aliases")), 2);
    CHECK_INT(json_len(json_get(json_root(doc), "tries")), 2);
    CHECK(memmem(text.p, text.n, "\"outcome\":\"REFUSED\"", 19));
}

static void caa_records(void)
{
    WITH_WORLD;

    LOOK_UP("lan", DNS_CAA, DNS_FOUND);
    CHECK_INT(w.answer->n, 2);
    CHECK_STR(w.answer->records[0].tag, "issue");
    CHECK_STR(w.answer->records[0].text, "ca.example");
    CHECK_INT(w.answer->records[0].flags, 0);
    CHECK_STR(w.answer->records[1].tag, "future");
    CHECK_INT(w.answer->records[1].flags, 0x80);
}

static bool no_loopback(void *, const struct addr *addr)
{
    return addr_kind(addr) != ADDR_LOOPBACK;
}

/* The servers of a zone that names none are those of the NS records nearest above the name; where
 * they lead is judged first. */
static void finds_who_holds_it(void)
{
    WITH_WORLD;

    dns_resolver_set_filter(w.resolver, no_loopback, NULL);
    LOOK_UP("new.held", DNS_TXT, DNS_FOUND);
    CHECK_STR(w.answer->records[0].text, "fresh");
    CHECK_STR(w.answer->zone, "held");
    CHECK_INT(w.fourth->queries, 1);
    CHECK_INT(w.fourth->recursive, 0);
    CHECK_INT(w.answer->n_tries, 1);
    LOOK_UP("none.held", DNS_TXT, DNS_NO_NAME);
    CHECK(strstr(w.text, "says 10.0.0.56:53") || mem_fail_fired());
    /* Out of the zone again, to servers that are known; and by DNAME. */
    LOOK_UP("alias.held", DNS_A, DNS_FOUND);
    CHECK_STR(w.answer->canonical, "www.lan");
    LOOK_UP("www.old.held", DNS_A, DNS_FOUND);
    CHECK_STR(w.answer->canonical, "www.dmz");
    LOOK_UP("x.inward", DNS_A, DNS_NO_SERVER); /* where it leads, nobody is asked */
    LOOK_UP("x.bare", DNS_A, DNS_NO_SERVER);
    CHECK(strstr(w.text, "cannot be found") || mem_fail_fired());
    /* Parts go with the whole. */
    CHECK_OK(start(&w, "new.held", DNS_TXT, NULL));
    ev_run_once(w.ev, EV_NOWAIT);
}

static void several_agree(void)
{
    static const struct dns_fake_rr one[] = {
        {"x.agreed.lan", 1, "10.0.0.1"}, {"x.agreed.lan", 1, "10.0.0.2"}, {NULL, 0, NULL}};
    static const struct dns_fake_rr same[] = {
        {"x.agreed.lan", 1, "10.0.0.2"}, {"x.agreed.lan", 1, "10.0.0.1"}, {NULL, 0, NULL}};
    static const struct dns_fake_rr other[] = {{"x.agreed.lan", 1, "10.0.0.2"}, {NULL, 0, NULL}};
    WITH_WORLD;

    w.first->rrs = one;
    w.second->rrs = same;
    LOOK_UP("x.agreed.lan", DNS_A, DNS_FOUND);
    CHECK(w.answer->agreed);
    CHECK_INT(w.answer->n, 2);
    CHECK_INT(w.answer->n_tries, 2);
    CHECK_INT(w.first->queries, 1);
    CHECK_INT(w.second->queries, 1);
    LOOK_UP("none.agreed.lan", DNS_A, DNS_NO_NAME);
    w.second->rrs = other;
    LOOK_UP("x.agreed.lan", DNS_A, DNS_DISAGREE);
    CHECK(strstr(w.text, "do not agree about x.agreed.lan; asked were") || mem_fail_fired());
    w.second->silent = true;
    LOOK_UP("x.agreed.lan", DNS_A, DNS_TIMED_OUT);
    w.second->silent = false;
    w.second->rcode = 2;
    LOOK_UP("x.agreed.lan", DNS_A, DNS_FAILED);
}

CHECK_MAIN(CHECK_TEST(finds), CHECK_TEST(tells_nothing_from_nothing), CHECK_TEST(follows_aliases),
           CHECK_TEST(asks_each_zone_itself), CHECK_TEST(tries_again),
           CHECK_TEST(leaves_broken_servers), CHECK_TEST(long_answers_by_tcp),
           CHECK_TEST(servers_before_edns), CHECK_TEST(ignores_strays), CHECK_TEST(no_server),
           CHECK_TEST(cancels_and_ends), CHECK_TEST_ONCE(not_too_many), CHECK_TEST(evidence),
           CHECK_TEST(caa_records), CHECK_TEST(finds_who_holds_it), CHECK_TEST(several_agree))
