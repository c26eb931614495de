/* SPDX-License-Identifier: Apache-2.0 */
#include "base/window.h"
#include "world.h"

#define REFUSED                                                                                    \
    "{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"not that name\"}"

/* The pair on disk belongs together. */
static bool on_disk(struct world *w, const char *path)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf chain = BUF_INIT(CLIENT_PAIR_MAX);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct x509_cert *certs;
    size_t n;

    return client_pair_read(w->dir.fd, path, &chain, &key, NULL) == RC_OK &&
           x509_cert_read_pem(&a, buf_str(&chain), 4, &certs, &n, NULL) == RC_OK &&
           str_eq(certs[0].spki, crypto_key_spki(key));
}

/* ---- the way as it should be */

static void obtains_and_hands_on(void)
{
    BEGIN(w);
    set_site(&w, 1, "lab.hospital.example", 1u << CONF_KEY_ECDSA | 1u << CONF_KEY_RSA);
    CHECK_OK(keeper_starts(&w, NULL));
    turn(&w);
    CHECK_INT(w.fake.n_orders, 0); /* nobody vouches yet */
    for (unsigned i = 0; i < WORKERS; i++)
        CHECK_OK(worker_comes(&w, (uint8_t)i));
    CHECK_OK(core_comes(&w));
    CHECK_INT(w.vouches, 1);
    CHECK_STR(str_of(w.thumbprint), client_thumbprint(((struct keeper *)w.env->state)->client));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 3);
    CHECK_INT(w.fake.refused, 0);
    CHECK(on_disk(&w, "sites/wiki.hospital.example/ecdsa"));
    CHECK(on_disk(&w, "sites/lab.hospital.example/ecdsa"));
    CHECK(on_disk(&w, "sites/lab.hospital.example/rsa"));
    for (size_t i = 0; i < WORKERS; i++) {
        CHECK_INT(w.workers[i].wrong, 0);
        CHECK_INT(w.workers[i].tickets, 1);
        CHECK_INT(count(&w.workers[i].seen, "wiki.hospital.example 1;"), 1);
        CHECK_INT(count(&w.workers[i].seen, "lab.hospital.example 1;"), 1);
        CHECK_INT(count(&w.workers[i].seen, "lab.hospital.example 0;"), 1);
    }
    CHECK(memcmp(w.workers[0].keys, w.workers[1].keys, sizeof(w.workers[0].keys)) == 0);
    CHECK_OK(ask_sites(&w, 0, 9));
    CHECK_STR(buf_str(&w.told),
              "wiki.hospital.example 1 valid 0 serial;lab.hospital.example 0 valid 0 serial;"
              "lab.hospital.example 1 valid 0 serial;");
    CHECK_OK(ask_sites(&w, 1, 1));
    CHECK_INT(count(&w.told, ";"), 2);
    CHECK_OK(ask_sites(&w, 7, 9));
    CHECK_STR(buf_str(&w.told), "");
}

/* TLCP's two are obtained one by one, kept apart, handed on together, and shown and renewed as one.
 */
static void two_certificates_are_one(void)
{
    const struct keeper_slot *sign, *encrypt;
    unsigned known;
    BEGIN(w);

    CHECK_OK(add_sm2_root(&w));
    w.fake.profiles = "{\"tlcp-sign\":\"\",\"tlcp-enc\":\"\"}";
    w.conf[0].gateway.n_sites = 1;
    set_site(&w, 0, "wiki.hospital.example", 1u << CONF_KEY_SM2);
    CHECK_OK(keeper_starts(&w, NULL));
    CHECK_OK(worker_comes(&w, 0));
    CHECK_OK(core_comes(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 2);
    CHECK(on_disk(&w, "sites/wiki.hospital.example/sm2"));
    CHECK(on_disk(&w, "sites/wiki.hospital.example/sm2-enc"));
    sign = keeper_slot_find(w.env->state, STR("wiki.hospital.example"), CONF_KEY_SM2);
    CHECK(sign && !sign->encrypts);
    encrypt = sign->other;
    CHECK(encrypt && encrypt->encrypts && encrypt->other == sign);
    CHECK_STR(shared_str(sign->issued_profile), "tlcp-sign");
    CHECK_STR(shared_str(encrypt->issued_profile), "tlcp-enc");
    CHECK(!str_eq(keeper_pair_key_der(sign->pair), keeper_pair_key_der(encrypt->pair)));
    known = (unsigned)count(&w.workers[0].seen, "wiki.hospital.example 2;");
    CHECK_INT(known, 1);
    CHECK_INT(w.workers[0].wrong, 0);
    CHECK_OK(ask_sites(&w, 0, 9));
    CHECK_STR(buf_str(&w.told), "wiki.hospital.example 2 valid 0 serial;");
    CHECK_OK(ask_renew(&w, "wiki.hospital.example"));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 4);
    CHECK(count(&w.workers[0].seen, "wiki.hospital.example 2;") > known);
    CHECK_INT(w.workers[0].wrong, 0);
}

/* A site with TLCP's two in force, obtained now; the sign half's plan is `due`, the other's much
 * later. */
static enum rc has_two(struct world *w, when_t due, struct keeper_slot **out)
{
    TRY(add_sm2_root(w));
    w->fake.profiles = "{\"tlcp-sign\":\"\",\"tlcp-enc\":\"\"}";
    w->conf[0].gateway.n_sites = 1;
    set_site(w, 0, "wiki.hospital.example", 1u << CONF_KEY_SM2);
    TRY(keeper_starts_with_all(w));
    pass(w, 5 * WHEN_SECOND, WHEN_SECOND);
    *out = keeper_slot_find(w->env->state, STR("wiki.hospital.example"), CONF_KEY_SM2);
    if (!*out || !(*out)->pair || !(*out)->other->pair)
        return RC_CORRUPT;
    (*out)->renewal.due = due;
    (*out)->other->renewal.due = NOW + LIFE * 17 / 20;
    return RC_OK;
}

static void goes_to(struct world *w, when_t when)
{
    w->fake.now = when;
    clock_fake_advance(&w->clock, when - clock_now(w->env->clock));
    pass(w, 5 * WHEN_SECOND, WHEN_SECOND);
}

/* Whatever the dice of each say, when one is renewed so is the other; once. */
static void two_certificates_are_renewed_together(void)
{
    struct x509_serial before, fresh;
    struct keeper_slot *sign;
    BEGIN(w);

    CHECK_OK(has_two(&w, NOW + LIFE / 2, &sign));
    before = sign->other->serial;
    pass(&w, 2 * WHEN_DAY, 6 * WHEN_HOUR);
    CHECK_INT(w.fake.n_orders, 2); /* obtained one after the other: neither is behind */
    goes_to(&w, NOW + LIFE / 2);
    CHECK_INT(w.fake.n_orders, 4);
    CHECK(!x509_serial_eq(&before, &sign->other->serial));
    fresh = sign->other->serial;
    CHECK_INT(w.workers[0].wrong, 0);
    goes_to(&w, NOW + LIFE / 2 + 10 * WHEN_DAY);
    pass(&w, 2 * WHEN_DAY, 6 * WHEN_HOUR);
    CHECK_INT(w.fake.n_orders, 4);
    CHECK(x509_serial_eq(&fresh, &sign->other->serial));
}

/* A half that fails is tried again with growing pauses, and drags nobody along. */
static void a_half_that_fails_is_no_loop(void)
{
    struct x509_serial behind, fresh;
    struct keeper_slot *sign;
    BEGIN(w);

    CHECK_OK(has_two(&w, NOW + LIFE * 4 / 5, &sign));
    /* What was obtained at the time the other was is behind by a later renewal of that alone. */
    sign->other->next_at = NOW + LIFE / 2 + 12 * WHEN_HOUR;
    sign->renewal.due = NOW + LIFE / 2;
    behind = sign->other->serial;
    goes_to(&w, NOW + LIFE / 2);
    CHECK_INT(w.fake.n_orders, 3);
    fresh = sign->serial;
    acme_fake_wrong(&w.fake,
                    (struct acme_fake_answer){
                        .at = FAKE_NEW_ORDER, .times = 99, .status = 403, .body = REFUSED});
    sign->other->next_at = 0;
    goes_to(&w, NOW + LIFE / 2 + WHEN_HOUR);
    CHECK_INT(sign->other->failures, 1);
    CHECK(sign->other->next_at > clock_now(w.env->clock) + 30 * WHEN_SECOND);
    pass(&w, 10 * WHEN_MINUTE, 10 * WHEN_SECOND);
    CHECK(sign->other->failures >= 3 && sign->other->failures <= 5);
    CHECK(x509_serial_eq(&behind, &sign->other->serial));
    w.fake.wrong[0].times = 0;
    pass(&w, 3 * WHEN_HOUR, WHEN_MINUTE);
    CHECK_INT(sign->other->failures, 0);
    CHECK(!x509_serial_eq(&behind, &sign->other->serial));
    CHECK(x509_serial_eq(&fresh, &sign->serial));
}

/* A CA that dates one half back is not asked for it all the time; the next process knows that one
 * is behind. */
static void dates_make_no_loop(void)
{
    struct keeper_slot *sign;
    when_t first = NOW + LIFE / 2;
    BEGIN(w);

    CHECK_OK(has_two(&w, first, &sign));
    sign->other->next_at = first + WHEN_HOUR;
    keeper_slot_save(sign);
    keeper_slot_save(sign->other);
    goes_to(&w, first);
    CHECK_INT(w.fake.n_orders, 3);
    keeper_ends(&w);
    w.fake.now = NOW; /* of what comes now it says that it was issued then */
    CHECK_OK(keeper_starts_with_all(&w));
    clock_fake_advance(&w.clock, 2 * WHEN_HOUR);
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 4);
    pass(&w, 20 * WHEN_HOUR, WHEN_HOUR);
    CHECK_INT(w.fake.n_orders, 4);
    pass(&w, 8 * WHEN_HOUR, WHEN_HOUR);
    CHECK_INT(w.fake.n_orders, 5);
}

/* SM2 is in the default of `algorithms`, and not every CA has a root of it. */
static void what_cannot_be_had_is_not_asked_for(void)
{
    BEGIN(w);

    w.conf[0].gateway.n_sites = 1;
    set_site(&w, 0, "wiki.hospital.example", 1u << CONF_KEY_ECDSA | 1u << CONF_KEY_SM2);
    CHECK_OK(keeper_starts(&w, NULL));
    CHECK_OK(core_comes(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 1);
    CHECK(on_disk(&w, "sites/wiki.hospital.example/ecdsa"));
    CHECK(!on_disk(&w, "sites/wiki.hospital.example/sm2"));
    CHECK_OK(ask_sites(&w, 0, 9));
    CHECK_STR(buf_str(&w.told),
              "wiki.hospital.example 1 valid 0 serial;wiki.hospital.example 2 unavailable 0;");
    CHECK_OK(ask_renew(&w, "wiki.hospital.example"));
}

static void starts_again_with_what_it_has(void)
{
    BEGIN(w);
    struct client_renewal before;
    char account[64];

    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 2);
    before = slot_of(&w, "wiki.hospital.example")->renewal;
    memcpy(account, w.thumbprint, sizeof(account));
    keeper_ends(&w);
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 2);
    CHECK_INT(w.vouches, 2);
    CHECK_STR(str_of(w.thumbprint), account);
    CHECK_INT(slot_of(&w, "wiki.hospital.example")->renewal.due / WHEN_SECOND,
              before.due / WHEN_SECOND);
    CHECK_INT(count(&w.workers[1].seen, ";"), 2);
    CHECK_INT(w.workers[1].wrong, 0);
}

static void renews_when_due(void)
{
    BEGIN(w);
    when_t due;
    struct x509_serial serial;

    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 2);
    due = slot_of(&w, "wiki.hospital.example")->renewal.due;
    serial = slot_of(&w, "wiki.hospital.example")->serial;
    CHECK(due > NOW + LIFE / 2 && due < NOW + LIFE * 3 / 4);
    pass(&w, NOW + LIFE / 2 - clock_now(&w.clock.clock), WHEN_DAY);
    CHECK_INT(w.fake.n_orders, 2);
    w.fake.now = NOW + LIFE / 2;
    pass(&w, LIFE / 4, 6 * WHEN_HOUR);
    CHECK_INT(w.fake.n_orders, 4);
    CHECK_INT(count(&w.workers[0].seen, "wiki.hospital.example 1;"), 2);
    CHECK_INT(w.workers[0].wrong, 0);
    CHECK(!x509_serial_eq(&serial, &slot_of(&w, "wiki.hospital.example")->serial));
    CHECK(on_disk(&w, "sites/wiki.hospital.example/ecdsa"));
}

static void asks_the_server_when(void)
{
    BEGIN(w);
    when_t start = 0;

    CHECK_OK(when_parse(STR("2027-02-01T00:00:00Z"), &start));
    w.fake.ari = true;
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.count[FAKE_RENEWAL], 2);
    CHECK(slot_of(&w, "wiki.hospital.example")->renewal.due >= start);
    CHECK(slot_of(&w, "wiki.hospital.example")->renewal.due <= start + 2 * WHEN_DAY);
    pass(&w, 13 * WHEN_HOUR, WHEN_HOUR);
    CHECK_INT(w.fake.count[FAKE_RENEWAL], 6);
    pass(&w, start - clock_now(&w.clock.clock) - WHEN_HOUR, WHEN_HOUR);
    CHECK_INT(w.fake.n_orders, 2);
    for (int i = 0; i < 49 && w.fake.n_orders == 2; i++)
        pass(&w, WHEN_HOUR, WHEN_HOUR);
    CHECK(w.fake.n_orders >= 3);
    CHECK(strstr(w.fake.order, "\"replaces\":\""));

    /* The window of the new one is the same and has begun: that is no reason to hurry. */
    pass(&w, 3 * WHEN_DAY, WHEN_HOUR);
    CHECK(w.fake.n_orders <= 12);
}

/* ---- peers come and go */

static void peers_come_and_go(void)
{
    BEGIN(w);
    CHECK_OK(keeper_starts(&w, NULL));
    w.no_vouch = true;
    CHECK_OK(core_comes(&w));
    pass(&w, 10 * WHEN_SECOND, WHEN_SECOND);
    CHECK(w.vouches >= 3);
    CHECK_INT(w.fake.n_orders, 0);
    w.no_vouch = false;
    core_dies(&w);
    w.vouches = 0;
    CHECK_OK(core_comes(&w));
    CHECK_INT(w.vouches, 1);
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 2);

    w.workers[0].refuse = 2;
    CHECK_OK(worker_comes(&w, 0));
    pass(&w, 10 * WHEN_SECOND, WHEN_SECOND);
    CHECK(count(&w.workers[0].seen, "wiki.hospital.example 1;") >= 1);
    CHECK(count(&w.workers[0].seen, "lab.hospital.example 1;") >= 1);
    worker_dies(&w, 0);
    CHECK_OK(worker_comes(&w, 0));
    CHECK_INT(count(&w.workers[0].seen, ";"), 2);
    CHECK_INT(w.workers[0].tickets, 1);
}

/* One that no worker takes, or that no message holds, keeps no other from the workers. */
static enum rc grows_too_long(struct keeper_slot *slot)
{
    CLEANUP(buf_done) struct buf long_one = BUF_INIT(2 * KEEPER_CHAIN_MAX);
    struct x509_cert certs[2] = {{.der = STR("leaf")}};

    while (long_one.n <= KEEPER_CHAIN_MAX && buf_rc(&long_one) == RC_OK)
        buf_putz(&long_one, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    TRY(buf_rc(&long_one));
    certs[1].der = buf_str(&long_one);
    return keeper_slot_set(slot, certs, 2, STR("key"), STR(""));
}

static void what_cannot_be_handed_on_is_passed_over(void)
{
    struct keeper_slot *wiki;
    unsigned tries;
    BEGIN(w);

    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    wiki = slot_of(&w, "wiki.hospital.example");
    CHECK(wiki && wiki->pair);
    w.workers[0].refused_site = "wiki.hospital.example";
    keeper_slot_touch(wiki);
    keeper_push_look(w.env->state);
    turn(&w);
    CHECK_INT(w.workers[0].turned_away, 1);
    CHECK_OK(ask_renew(&w, "lab.hospital.example"));
    turn(&w);
    CHECK_INT(count(&w.workers[0].seen, "lab.hospital.example 1;"), 2); /* at once */
    CHECK_INT(w.workers[0].turned_away, 1);
    pass(&w, 20 * WHEN_MINUTE, 10 * WHEN_SECOND);
    tries = w.workers[0].turned_away;
    CHECK_INT(tries, KEEPER_PUSH_TRIES_MAX);
    pass(&w, 20 * WHEN_MINUTE, 10 * WHEN_SECOND);
    CHECK_INT(w.workers[0].turned_away, tries);
    w.workers[0].refused_site = NULL;
    CHECK_OK(ask_renew(&w, "wiki.hospital.example"));
    pass(&w, 2 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(count(&w.workers[0].seen, "wiki.hospital.example 1;"), 2);

    CHECK_OK(grows_too_long(wiki));
    keeper_push_look(w.env->state);
    CHECK_OK(ask_renew(&w, "lab.hospital.example"));
    pass(&w, 2 * WHEN_SECOND, WHEN_SECOND);
    CHECK(count(&w.workers[0].seen, "lab.hospital.example 1;") >= 3);
    CHECK_INT(w.workers[0].wrong + w.workers[1].wrong, 0);
}

/* A renewal waits for its window, from whenever it is due, or may be tried again; not longer than
 * until the last tenth of the certificate's life, and not where somebody wants it now. */
static void renewals_wait_for_their_window(void)
{
    static const struct str text = STR("Sun 02:00-04:00 UTC");
    struct keeper_slot *wiki, *lab;
    struct windows w;
    when_t due, latest;
    BEGIN(world_);
    struct world *at = &world_;

    CHECK_OK(windows_parse(text, &w));
    at->conf[0].gateway.renew_window = text;
    at->sites[1].renew_window = STR("00:00-24:00");
    CHECK_OK(keeper_starts_with_all(at));
    pass(at, 5 * WHEN_SECOND, WHEN_SECOND);
    wiki = slot_of(at, "wiki.hospital.example");
    lab = slot_of(at, "lab.hospital.example");
    CHECK(wiki && wiki->pair && lab && lab->pair); /* the first one waits for nothing */
    CHECK_INT(keeper_issue_due(lab), lab->renewal.due);

    due = windows_next(&w, wiki->renewal.due);
    CHECK_INT(keeper_issue_due(wiki), due);
    wiki->renewal.due = due + WHEN_MINUTE; /* within */
    CHECK_INT(keeper_issue_due(wiki), due + WHEN_MINUTE);
    wiki->renewal.due = clock_now(at->env->clock) - WHEN_HOUR; /* missed */
    CHECK_INT(keeper_issue_due(wiki), windows_next(&w, clock_now(at->env->clock)));
    wiki->next_at = clock_now(at->env->clock) + WHEN_HOUR; /* a pause after a failure */
    CHECK_INT(keeper_issue_due(wiki), windows_next(&w, wiki->next_at));

    wiki->next_at = 0;
    latest = wiki->not_after - (wiki->not_after - wiki->not_before) / 10;
    wiki->renewal.due = WHEN_MAX;
    CHECK_INT(keeper_issue_due(wiki), latest);
    wiki->renewal.due = latest - WHEN_SECOND; /* no window is left */
    CHECK(windows_next(&w, wiki->renewal.due) > latest);
    CHECK_INT(keeper_issue_due(wiki), latest);

    wiki->renewal.due = latest - WHEN_DAY;
    CHECK_OK(ask_renew(at, "wiki.hospital.example"));
    pass(at, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(count(&at->workers[0].seen, "wiki.hospital.example 1;"), 2);
    CHECK(!wiki->forced);
}

static void tickets_rotate(void)
{
    BEGIN(w);
    char before[3][KEEPER_TICKET_BYTES];

    CHECK_OK(keeper_starts_with_all(&w));
    memcpy(before, w.workers[0].keys, sizeof(before));
    CHECK(memcmp(before[0], before[1], KEEPER_TICKET_BYTES) != 0);
    pass(&w, (KEEPER_TICKET_HOURS - 1) * WHEN_HOUR, WHEN_HOUR);
    CHECK_INT(w.workers[0].tickets, 1);
    pass(&w, WHEN_HOUR, WHEN_HOUR);
    CHECK_INT(w.workers[0].tickets, 2);
    CHECK_INT(w.workers[1].tickets, 2);
    CHECK(memcmp(w.workers[0].keys[1], before[0], KEEPER_TICKET_BYTES) == 0);
    CHECK(memcmp(w.workers[0].keys[2], before[1], KEEPER_TICKET_BYTES) == 0);
    CHECK(memcmp(w.workers[0].keys[0], before[0], KEEPER_TICKET_BYTES) != 0);
}

/* ---- what goes wrong */

static void fails_and_says_so(void)
{
    BEGIN(w);
    when_t next;

    w.conf[0].gateway.n_sites = 1;
    acme_fake_wrong(&w.fake, (struct acme_fake_answer){
                                 .at = FAKE_NEW_ORDER, .times = 3, .status = 403, .body = REFUSED});
    CHECK_OK(keeper_starts_with_all(&w));
    turn(&w);
    CHECK_OK(ask_sites(&w, 0, 9));
    CHECK_STR(buf_str(&w.told),
              "wiki.hospital.example 1 waiting 1 the server refused newOrder with "
              "status 403: rejectedIdentifier: not that name;");
    next = slot_of(&w, "wiki.hospital.example")->next_at;
    CHECK(next > NOW + 3 * WHEN_SECOND && next < NOW + 7 * WHEN_SECOND);

    /* The next process remembers. */
    keeper_ends(&w);
    CHECK_OK(keeper_starts_with_all(&w));
    CHECK_INT(w.fake.count[FAKE_NEW_ORDER], 1);
    CHECK_OK(ask_sites(&w, 0, 9));
    CHECK_STR(buf_str(&w.told),
              "wiki.hospital.example 1 waiting 1 the server refused newOrder with "
              "status 403: rejectedIdentifier: not that name;");
    pass(&w, 60 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.count[FAKE_NEW_ORDER], 4);
    CHECK_OK(ask_sites(&w, 0, 9));
    CHECK_STR(buf_str(&w.told), "wiki.hospital.example 1 valid 0 serial;");
}

/* A pause that was made in another century does not last until then; not even in a state file. */
static void survives_a_wrong_clock(void)
{
    for (int restarts = 0; restarts < 2; restarts++) {
        BEGIN(w);

        w.conf[0].gateway.n_sites = 1;
        acme_fake_wrong(&w.fake,
                        (struct acme_fake_answer){
                            .at = FAKE_NEW_ORDER, .times = 1, .status = 403, .body = REFUSED});
        clock_fake_set(&w.clock, NOW + 3650 * WHEN_DAY);
        CHECK_OK(keeper_starts_with_all(&w));
        turn(&w);
        CHECK_INT(slot_of(&w, "wiki.hospital.example")->failures, 1);
        clock_fake_set(&w.clock, NOW);
        if (restarts) {
            keeper_ends(&w);
            CHECK_OK(keeper_starts_with_all(&w));
        }
        pass(&w, 10 * WHEN_SECOND, WHEN_SECOND);
        CHECK(slot_of(&w, "wiki.hospital.example")->pair);
        CHECK_INT(slot_of(&w, "wiki.hospital.example")->failures, 0);
    }
}

/* A server asks to come again after the certificate has ended. */
static void renews_before_the_end(void)
{
    BEGIN(w);
    struct keeper_slot *slot;
    struct x509_serial serial;

    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    slot = slot_of(&w, "wiki.hospital.example");
    serial = slot->serial;
    slot->renewal.due = NOW + 3650 * WHEN_DAY;
    keeper_slot_save(slot);
    keeper_ends(&w);
    clock_fake_advance(&w.clock, LIFE * 17 / 20);
    w.fake.now = clock_now(&w.clock.clock);
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK(x509_serial_eq(&serial, &slot_of(&w, "wiki.hospital.example")->serial));
    pass(&w, LIFE / 15, WHEN_HOUR);
    CHECK(!x509_serial_eq(&serial, &slot_of(&w, "wiki.hospital.example")->serial));
}

/* What failed for want of an answer, or waits for another try, is tried as soon as core is back. */
static void is_quick_when_core_returns(void)
{
    static const int64_t down[] = {8, 120, 150, 180};

    for (size_t i = 0; i < sizeof(down) / sizeof(*down); i++) {
        BEGIN(w);
        acme_fake_wrong(&w.fake,
                        (struct acme_fake_answer){.at = FAKE_DIRECTORY, .times = 60, .rc = RC_NET});
        CHECK_OK(keeper_starts_with_all(&w));
        pass(&w, down[i] * WHEN_SECOND, WHEN_SECOND);
        CHECK_INT(w.fake.n_orders, 0);
        CHECK((slot_of(&w, "wiki.hospital.example")->failures > 0) == (down[i] > 60));
        w.fake.wrong[0].times = 0;
        core_dies(&w);
        CHECK_OK(core_comes(&w));
        pass(&w, 2 * WHEN_SECOND, WHEN_SECOND);
        CHECK_INT(w.fake.n_orders, 2);
    }
}

static void replaces_what_is_broken(void)
{
    static const char *const files[] = {"privkey.pem", "fullchain.pem"};

    for (size_t i = 0; i < 4; i++) {
        BEGIN(w);
        CLEANUP(buf_done) struct buf other = BUF_INIT(1 << 16);
        char path[128], from[128];

        CHECK_OK(keeper_starts_with_all(&w));
        pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
        keeper_ends(&w);
        snprintf(path, sizeof(path), "sites/wiki.hospital.example/ecdsa/%s", files[i % 2]);
        snprintf(from, sizeof(from), "sites/lab.hospital.example/ecdsa/%s", files[i % 2]);
        CHECK_OK(file_read(w.dir.fd, from, &other, NULL));
        /* Another's, or garbage. */
        CHECK_OK(file_write(w.dir.fd, path, i < 2 ? buf_str(&other) : STR("garbage"), 0600,
                            FILE_OWNER_SELF, NULL));
        CHECK(!on_disk(&w, "sites/wiki.hospital.example/ecdsa") || i % 2);
        CHECK_OK(file_write(w.dir.fd, "keeper/lab.hospital.example/ecdsa.json", STR("{]"), 0600,
                            FILE_OWNER_SELF, NULL));
        CHECK_OK(keeper_starts_with_all(&w));
        pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
        CHECK_INT(w.fake.n_orders, 3);
        CHECK(on_disk(&w, "sites/wiki.hospital.example/ecdsa"));
        CHECK_INT(w.workers[0].wrong, 0);
        CHECK_INT(count(&w.workers[0].seen, ";"), 2);
    }
}

static void refuses_to_start(void)
{
    BEGIN(w);
    struct err err = ERR_INIT;
    char text[1024];

    CHECK_OK(keeper_starts(&w, NULL)); /* makes the directories for the right user */
    keeper_ends(&w);
    CHECK_OK(
        file_write(w.dir.fd, "keeper/account.pem", STR("garbage"), 0600, FILE_OWNER_SELF, NULL));
    CHECK(keeper_starts(&w, &err) != RC_OK);
    err_textz(&err, text, sizeof(text));
    if (!strstr(text, "account.pem is no key that can be used"))
        fail_msg("%s", text);
    keeper_ends(&w);
    CHECK_OK(unlinkat(w.dir.fd, "keeper/account.pem", 0) == 0 ? RC_OK : RC_IO);
    CHECK_OK(file_write(w.dir.fd, "trust/roots-all.pem", STR("x"), 0600, FILE_OWNER_SELF, NULL));
    CHECK(keeper_starts(&w, &err) != RC_OK);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), "DATA/trust/roots-all.pem cannot be used"));
}

/* ---- another configuration */

static enum rc reload(struct world *w, size_t n)
{
    w->conf[1].gateway.sites = w->sites;
    w->conf[1].gateway.n_sites = n;
    TRY(role_keeper.prepare(w->env, &w->conf[1], NULL));
    w->env->conf = &w->conf[1];
    role_keeper.commit(w->env);
    pass(w, 5 * WHEN_SECOND, WHEN_SECOND);
    return RC_OK;
}

static void takes_another_configuration(void)
{
    BEGIN(w);
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 2);
    set_site(&w, 2, "new.hospital.example", 1u << CONF_KEY_ECDSA);

    /* One that does not come changes nothing. */
    w.conf[1].gateway.sites = w.sites;
    w.conf[1].gateway.n_sites = 3;
    CHECK_OK(role_keeper.prepare(w.env, &w.conf[1], NULL));
    role_keeper.abort(w.env);
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 2);

    CHECK_OK(reload(&w, 3));
    CHECK_INT(w.fake.n_orders, 3);
    CHECK_INT(count(&w.workers[0].seen, ";"), 3);
    CHECK(on_disk(&w, "sites/new.hospital.example/ecdsa"));

    /* Another profile: a new certificate. */
    w.sites[0].profile = STR("short");
    CHECK_OK(reload(&w, 3));
    CHECK_INT(w.fake.n_orders, 4);
    CHECK_INT(count(&w.workers[0].seen, "wiki.hospital.example"), 2);

    /* Gone, its files kept; and back. */
    CHECK_OK(reload(&w, 1));
    CHECK_OK(ask_sites(&w, 0, 9));
    CHECK_INT(count(&w.told, ";"), 1);
    CHECK(on_disk(&w, "sites/new.hospital.example/ecdsa"));
    CHECK_OK(reload(&w, 3));
    CHECK_INT(w.fake.n_orders, 4);
    CHECK_OK(ask_sites(&w, 0, 9));
    CHECK_INT(count(&w.told, "valid"), 3);
}

static void removed_under_way(void)
{
    BEGIN(w);
    w.fake.processing = 100;
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 3 * WHEN_SECOND, WHEN_SECOND);
    CHECK_OK(ask_sites(&w, 0, 9));
    CHECK_INT(count(&w.told, "obtaining"), 2);
    CHECK_OK(reload(&w, 0));
    CHECK_OK(ask_sites(&w, 0, 9));
    CHECK_STR(buf_str(&w.told), "");
}

static void renews_when_asked(void)
{
    BEGIN(w);
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_RC(ask_renew(&w, "none.hospital.example"), RC_NOTFOUND);
    CHECK(strstr(w.text, "none.hospital.example is not a site"));
    CHECK_OK(ask_renew(&w, "lab.hospital.example"));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 3);
    CHECK_INT(count(&w.workers[0].seen, "lab.hospital.example"), 2);
}

/* ---- many, and the end */

static void few_at_a_time(void)
{
    static const char *const names[] = {
        "a.hospital.example", "b.hospital.example", "c.hospital.example", "d.hospital.example",
        "e.hospital.example", "f.hospital.example", "g.hospital.example", "h.hospital.example"};
    BEGIN(w);
    for (size_t i = 0; i < 8; i++)
        set_site(&w, i, names[i], 1u << CONF_KEY_ECDSA);
    w.conf[0].gateway.n_sites = 8;
    w.fake.processing = 2;
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 60 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(w.fake.n_orders, 8);
    CHECK_INT(w.fake.most, KEEPER_ORDERS_MAX);
    CHECK_INT(count(&w.workers[1].seen, ";"), 8);
    CHECK_INT(w.workers[1].wrong, 0);
}

static void drains(void)
{
    BEGIN(w);
    w.fake.processing = 100;
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 2 * WHEN_SECOND, WHEN_SECOND);
    w.child.draining = true;
    role_keeper.drain(w.env);
    turn(&w);
    CHECK(!w.child.drained);
    pass(&w, (KEEPER_DRAIN_SECONDS + 1) * WHEN_SECOND, WHEN_SECOND);
    CHECK(w.child.drained);
    CHECK_INT(w.fake.n_orders, 2);
}

static void drains_at_once(void)
{
    BEGIN(w);
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    w.child.draining = true;
    role_keeper.drain(w.env);
    turn(&w);
    CHECK(w.child.drained);
}

/* The shortest way there is, for the mode in which every allocation fails in turn. */
static void one_site(void)
{
    BEGIN(w);
    w.conf[0].gateway.n_sites = 1;
    CHECK_OK(keeper_starts(&w, NULL));
    CHECK_OK(core_comes(&w));
    CHECK_OK(worker_comes(&w, 0));
    turn(&w);
    CHECK_INT(count(&w.workers[0].seen, "wiki.hospital.example 1;"), 1);
}

CHECK_MAIN(CHECK_TEST(one_site), CHECK_TEST_ONCE(obtains_and_hands_on),
           CHECK_TEST_ONCE(two_certificates_are_one),
           CHECK_TEST_ONCE(two_certificates_are_renewed_together),
           CHECK_TEST_ONCE(a_half_that_fails_is_no_loop), CHECK_TEST_ONCE(dates_make_no_loop),
           CHECK_TEST_ONCE(what_cannot_be_had_is_not_asked_for),
           CHECK_TEST_ONCE(starts_again_with_what_it_has), CHECK_TEST_ONCE(renews_when_due),
           CHECK_TEST_ONCE(asks_the_server_when), CHECK_TEST_ONCE(peers_come_and_go),
           CHECK_TEST_ONCE(renewals_wait_for_their_window), CHECK_TEST_ONCE(tickets_rotate),
           CHECK_TEST_ONCE(fails_and_says_so), CHECK_TEST_ONCE(survives_a_wrong_clock),
           CHECK_TEST_ONCE(renews_before_the_end), CHECK_TEST_ONCE(is_quick_when_core_returns),
           CHECK_TEST_ONCE(replaces_what_is_broken),
           CHECK_TEST_ONCE(what_cannot_be_handed_on_is_passed_over),
           CHECK_TEST_ONCE(refuses_to_start), CHECK_TEST_ONCE(takes_another_configuration),
           CHECK_TEST_ONCE(removed_under_way), CHECK_TEST_ONCE(renews_when_asked),
           CHECK_TEST_ONCE(few_at_a_time), CHECK_TEST_ONCE(drains), CHECK_TEST_ONCE(drains_at_once))
