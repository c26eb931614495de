/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "x509/ocsp.h"

static void stapling(struct world *w, bool must)
{
    w->fake.ocsp.on = true;
    w->fake.ocsp.must_staple = must;
    w->conf[0].gateway.n_sites = 1;
}

/* What the worker got last is what the responder said, and is about that certificate. */
static bool is_good(struct world *w, enum x509_ocsp_status status)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    const struct worker *k = &w->workers[0];
    const struct keeper_slot *slot = slot_of(w, "wiki.hospital.example");
    const struct x509_ocsp_single *single;
    struct x509_ocsp_answer answer;
    struct x509_ocsp_issuer names;

    if (x509_ocsp_answer_parse(&a, buf_str(&k->staple), &answer, NULL) != RC_OK ||
        x509_ocsp_issuer_of(&w->fake.pki.issuer, &names) != RC_OK)
        return false;
    single = x509_ocsp_answer_find(&answer, &names, &slot->serial);
    return single && single->status == status && single->next_update == k->staple_until;
}

static void asked_for_and_handed_on(void)
{
    BEGIN(w);
    stapling(&w, false);
    CHECK_OK(keeper_starts(&w, NULL));
    CHECK_OK(core_comes(&w));
    CHECK_OK(worker_comes(&w, 0));
    turn(&w);
    CHECK_INT(w.fake.count[FAKE_OCSP], 1);
    CHECK_INT(w.workers[0].wrong, 0);
    CHECK(is_good(&w, X509_OCSP_GOOD));
}

static void told_of(void)
{
    BEGIN(w);
    stapling(&w, false);
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 2 * WHEN_SECOND, WHEN_SECOND);
    CHECK_OK(ask_sites(&w, 0, 10));
    CHECK_INT(w.staple, IPC_STAPLE_GOOD);
    CHECK(w.staple_until == w.staple_at + WHEN_DAY);
    w.fake.ocsp.on = false;
    CHECK_OK(ask_renew(&w, "wiki.hospital.example"));
    pass(&w, 2 * WHEN_SECOND, WHEN_SECOND);
    CHECK_OK(ask_sites(&w, 0, 10));
    CHECK_INT(w.staple, IPC_STAPLE_NONE);
    CHECK_INT(w.workers[0].staple.n, 0);
}

static void anew_after_half_of_its_life(void)
{
    BEGIN(w);
    stapling(&w, false);
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 11 * WHEN_HOUR, WHEN_HOUR);
    CHECK_INT(w.fake.count[FAKE_OCSP], 1);
    pass(&w, 4 * WHEN_HOUR, WHEN_HOUR); /* 15 in all */
    CHECK_INT(w.fake.count[FAKE_OCSP], 2);
    CHECK_INT(w.workers[0].stapled, 2);
    CHECK(is_good(&w, X509_OCSP_GOOD));
    /* A worker that comes later has everything in one. */
    worker_dies(&w, 0);
    CHECK_OK(worker_comes(&w, 0));
    CHECK_INT(count(&w.workers[0].seen, ";"), 1);
    CHECK(is_good(&w, X509_OCSP_GOOD));
}

/* The responder goes on to give the old one until the new one is made. */
static void the_same_once_more_is_no_news(void)
{
    BEGIN(w);
    stapling(&w, false);
    w.fake.ocsp.this_update = NOW - 15 * WHEN_HOUR;
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, WHEN_MINUTE, WHEN_SECOND);
    CHECK(w.fake.count[FAKE_OCSP] >= 2 && w.fake.count[FAKE_OCSP] <= 6);
    CHECK_INT(w.workers[0].stapled, 1);
    w.fake.ocsp.this_update = 0;
    pass(&w, 5 * WHEN_MINUTE, WHEN_SECOND);
    CHECK_INT(w.workers[0].stapled, 2);
    CHECK(w.workers[0].staple_until > NOW + 20 * WHEN_HOUR);
}

/* The last good one is kept to its end, and no longer. */
static void responder_down(void)
{
    BEGIN(w);
    stapling(&w, false);
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, WHEN_MINUTE, WHEN_SECOND);
    acme_fake_wrong(&w.fake,
                    (struct acme_fake_answer){.at = FAKE_OCSP, .times = 1000, .rc = RC_NET});
    pass(&w, 22 * WHEN_HOUR, 10 * WHEN_MINUTE);
    CHECK_OK(ask_sites(&w, 0, 10));
    CHECK_INT(w.staple, IPC_STAPLE_GOOD);
    CHECK(w.fake.count[FAKE_OCSP] > 20 && w.fake.count[FAKE_OCSP] < 120);
    worker_dies(&w, 0);
    CHECK_OK(worker_comes(&w, 0));
    CHECK_INT(w.workers[0].stapled, 1);
    pass(&w, 3 * WHEN_HOUR, 10 * WHEN_MINUTE);
    CHECK_OK(ask_sites(&w, 0, 10));
    CHECK_INT(w.staple, IPC_STAPLE_MISSING);
    w.fake.n_wrong = 0;
    pass(&w, 20 * WHEN_MINUTE, WHEN_MINUTE);
    CHECK_OK(ask_sites(&w, 0, 10));
    CHECK_INT(w.staple, IPC_STAPLE_GOOD);
}

static void refused(struct world *w)
{
    unsigned before = w->fake.count[FAKE_OCSP];

    stapling(w, false);
    CHECK_OK(keeper_starts_with_all(w));
    pass(w, 30 * WHEN_SECOND, WHEN_SECOND);
    CHECK(w->fake.count[FAKE_OCSP] >= before + 2);
    CHECK_OK(ask_sites(w, 0, 10));
    CHECK_INT(w->staple, IPC_STAPLE_MISSING);
    CHECK_INT(w->workers[0].stapled, 0);
    CHECK_INT(count(&w->workers[0].seen, "wiki.hospital.example 1;"), 1);
}

static void what_does_not_verify_is_not_taken(void)
{
    static const struct acme_fake_ocsp cases[] = {
        {.other_signer = true},           {.other_serial = true},
        {.status = X509_OCSP_UNKNOWN},    {.this_update = NOW - 2 * WHEN_DAY},
        {.this_update = NOW + WHEN_HOUR},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BEGIN(w);
        w.fake.ocsp = cases[i];
        refused(&w);
    }
    {
        static const char *const bodies[] = {"", "\x30\x03\x0a\x01\x03", "no DER"};

        for (size_t i = 0; i < 3; i++) {
            BEGIN(w);
            acme_fake_wrong(&w.fake, (struct acme_fake_answer){.at = FAKE_OCSP,
                                                               .times = 9,
                                                               .status = i ? 200 : 503,
                                                               .body = bodies[i]});
            refused(&w);
        }
    }
}

/* Shown as it is, and a new certificate is ordered at once, one. */
static void revoked(void)
{
    BEGIN(w);
    stapling(&w, false);
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, WHEN_MINUTE, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 1);
    w.fake.ocsp.status = X509_OCSP_REVOKED;
    w.fake.silent = true; /* between the answer and the order there is time to look */
    pass(&w, 15 * WHEN_HOUR, WHEN_HOUR); /* 14.4 at the latest */
    w.fake.silent = false;
    ev_defer(w.env->ev, &w.fake.soon);
    for (int i = 0; i < 3; i++)
        ev_run_once(w.env->ev, EV_NOWAIT);
    CHECK(is_good(&w, X509_OCSP_REVOKED));
    w.fake.ocsp.status = X509_OCSP_GOOD;
    pass(&w, WHEN_MINUTE, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 2);
    CHECK(is_good(&w, X509_OCSP_GOOD));
}

/* A certificate that wants one waits for it, but not for ever. */
static void must_staple(void)
{
    BEGIN(w);
    stapling(&w, true);
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 2 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(count(&w.workers[0].seen, ";"), 1);
    CHECK_INT(w.workers[0].stapled, 1);
    acme_fake_wrong(&w.fake,
                    (struct acme_fake_answer){.at = FAKE_OCSP, .times = 1000, .rc = RC_NET});
    CHECK_OK(ask_renew(&w, "wiki.hospital.example"));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 2);
    CHECK_INT(count(&w.workers[0].seen, ";"), 1); /* the old one serves */
    /* Since the certificate came, and that was some seconds after it was ordered. */
    pass(&w, (KEEPER_STAPLE_AWAIT_SECONDS + 15) * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(count(&w.workers[0].seen, ";"), 2);
    CHECK_INT(w.workers[0].stapled, 1);
    w.fake.n_wrong = 0;
    pass(&w, WHEN_MINUTE, WHEN_SECOND);
    CHECK_INT(w.workers[0].stapled, 2);
}

/* Nor longer while the responder is silent, which takes more time than to refuse. */
static void must_staple_and_silence(void)
{
    BEGIN(w);
    stapling(&w, true);
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 2 * WHEN_SECOND, WHEN_SECOND);
    w.fake.ocsp.silent = true;
    CHECK_OK(ask_renew(&w, "wiki.hospital.example"));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(count(&w.workers[0].seen, ";"), 1);
    pass(&w, (KEEPER_STAPLE_AWAIT_SECONDS + 6) * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(count(&w.workers[0].seen, ";"), 2);
}

/* Others came meanwhile, and the workers have all up to these. */
static void must_staple_and_others(void)
{
    BEGIN(w);
    stapling(&w, true);
    CHECK_OK(keeper_starts(&w, NULL));
    CHECK_OK(worker_comes(&w, 0));
    w.fake.ocsp.silent = true;
    CHECK_OK(core_comes(&w));
    pass(&w, WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 1);
    CHECK_INT(count(&w.workers[0].seen, ";"), 0);
    w.fake.ocsp.must_staple = false;
    set_site(&w, 1, "new.hospital.example", 1u << CONF_KEY_ECDSA);
    w.conf[1].gateway.sites = w.sites;
    w.conf[1].gateway.n_sites = 2;
    CHECK_OK(role_keeper.prepare(w.env, &w.conf[1], NULL));
    w.env->conf = &w.conf[1];
    role_keeper.commit(w.env);
    pass(&w, 3 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(count(&w.workers[0].seen, "new.hospital.example 1;"), 1);
    CHECK_INT(count(&w.workers[0].seen, "wiki.hospital.example 1;"), 0);
    pass(&w, (KEEPER_STAPLE_AWAIT_SECONDS + 6) * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(count(&w.workers[0].seen, "wiki.hospital.example 1;"), 1);
}

static void few_at_a_time(void)
{
    struct keeper *k;

    BEGIN(w);
    stapling(&w, false);
    w.conf[0].gateway.n_sites = 2;
    w.sites[0].algorithms = w.sites[1].algorithms = 1u << CONF_KEY_ECDSA | 1u << CONF_KEY_RSA;
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.count[FAKE_OCSP], 4);
    k = w.env->state;
    w.fake.silent = true;
    for (int i = 0; i < 20; i++) {
        pass(&w, WHEN_HOUR, WHEN_HOUR);
        CHECK(k->stapling <= KEEPER_STAPLES_MAX);
    }
    CHECK_INT(k->stapling, KEEPER_STAPLES_MAX);
    CHECK_INT(list_empty(&k->staples), 0);
    /* It ends with all of that under way. */
    w.child.draining = true;
    role_keeper.drain(w.env);
    turn(&w);
    CHECK(w.child.drained);
}

/* A reload with the other `tls_sm`. */
static enum rc set_tls_sm(struct world *w, bool on)
{
    w->sites[0].tls_sm = on;
    w->conf[1].gateway.sites = w->sites;
    w->conf[1].gateway.n_sites = 1;
    TRY(role_keeper.prepare(w->env, &w->conf[1], NULL));
    w->env->conf = &w->conf[1];
    role_keeper.commit(w->env);
    return RC_OK;
}

/* TLCP cannot show one; TLS 1.3 can, with the certificate that signs. */
static void of_sm2_where_it_is_shown(void)
{
    const struct keeper_slot *slot;

    BEGIN(w);
    CHECK_OK(add_sm2_root(&w));
    w.fake.profiles = "{\"tlcp-sign\":\"\",\"tlcp-enc\":\"\"}";
    stapling(&w, false);
    set_site(&w, 0, "wiki.hospital.example", 1u << CONF_KEY_SM2);
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    pass(&w, 20 * WHEN_HOUR, WHEN_HOUR);
    CHECK_INT(w.fake.n_orders, 2);
    CHECK_INT(w.fake.count[FAKE_OCSP], 0);
    slot = keeper_slot_find(w.env->state, STR("wiki.hospital.example"), CONF_KEY_SM2);
    CHECK_INT(keeper_staple_state(slot), IPC_STAPLE_NONE);
    /* Those that are there get it by a reload ... */
    CHECK_OK(set_tls_sm(&w, true));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.count[FAKE_OCSP], 1);
    CHECK_INT(keeper_staple_state(slot), IPC_STAPLE_GOOD);
    CHECK_INT(w.workers[0].stapled, 1);
    CHECK_OK(set_tls_sm(&w, true));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.count[FAKE_OCSP], 1);
    /* ... and lose it by one. */
    CHECK_OK(set_tls_sm(&w, false));
    pass(&w, 20 * WHEN_HOUR, WHEN_HOUR);
    CHECK_INT(w.fake.count[FAKE_OCSP], 1);
    CHECK_INT(keeper_staple_state(slot), IPC_STAPLE_NONE);
    CHECK_INT(w.workers[0].staple.n, 0);
    CHECK_INT(w.fake.n_orders, 2);
}

CHECK_MAIN(CHECK_TEST(asked_for_and_handed_on), CHECK_TEST_ONCE(told_of),
           CHECK_TEST_ONCE(anew_after_half_of_its_life),
           CHECK_TEST_ONCE(the_same_once_more_is_no_news), CHECK_TEST_ONCE(responder_down),
           CHECK_TEST_ONCE(what_does_not_verify_is_not_taken), CHECK_TEST_ONCE(revoked),
           CHECK_TEST_ONCE(must_staple), CHECK_TEST_ONCE(must_staple_and_silence),
           CHECK_TEST_ONCE(must_staple_and_others), CHECK_TEST_ONCE(few_at_a_time),
           CHECK_TEST_ONCE(of_sm2_where_it_is_shown))
