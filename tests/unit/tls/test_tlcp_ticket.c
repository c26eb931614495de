/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of TLCP in tickets, under the keys that servers share. */
#include "check.h"

#include "../tlcp/pair.h"
#include "tlcp/tlcp_int.h"
#include "tls/tls_int.h"

enum { KEYS = 6, NAME_BYTES = 16, TICKET = 16 + 16 + 96 + 32 };

/* Two servers, as two workers are. The client keeps what it was given last. */
struct workers {
    struct world w;
    struct tls_context *one, *other;
    char bytes[KEYS][TLS_TICKET_KEY];
    struct str keys[KEYS]; /* newest first */
    struct tlcp_session session;
    struct buf ticket;
};

static void workers_done(struct workers *s)
{
    world_done(&s->w);
    tls_context_free(s->one);
    tls_context_free(s->other);
    buf_done(&s->ticket);
}

static enum rc workers_init(struct workers *s)
{
    struct tls_context_conf conf = {.tlcp = &s->w.clock.clock};

    *s = (struct workers){.ticket = BUF_INIT(TLCP_TICKET_MAX)};
    TRY(world_init(&s->w));
    for (size_t i = 0; i < KEYS; i++) {
        memset(s->bytes[i], (int)('a' + i), TLS_TICKET_KEY);
        s->keys[i] = str_bytes(s->bytes[i], TLS_TICKET_KEY);
    }
    TRY(tls_context_new(&conf, &s->one));
    TRY(tls_context_new(&conf, &s->other));
    TRY(tls_context_set_ticket_keys(s->one, s->keys + 2, 3));
    TRY(tls_context_set_ticket_keys(s->other, s->keys + 2, 3));
    s->w.client_conf.tickets = true;
    return RC_OK;
}

#define BEGIN(s)                                                                                   \
    CLEANUP(workers_done) struct workers s = {};                                                   \
    CHECK_OK(workers_init(&s))

/* Shakes hands with one of them; what the client keeps is offered. */
static enum rc dial(struct workers *s, const struct tls_context *ctx)
{
    s->w.server_conf.tickets = tls_context_tlcp(ctx)->tickets;
    s->w.client_conf.session = s->ticket.n ? &s->session : NULL;
    s->w.client_conf.ticket = buf_str(&s->ticket);
    TRY(connect_pair(&s->w));
    shake(&s->w);
    TRY(s->w.server_rc);
    TRY(s->w.client_rc);
    TRY(say(&s->w, s->w.client, s->w.server, STR("GET / HTTP/1.1\r\n\r\n")));
    return say(&s->w, s->w.server, s->w.client, STR("HTTP/1.1 200 OK\r\n\r\n"));
}

static enum rc keep(struct workers *s)
{
    TRY(tlcp_conn_session(s->w.client, &s->session));
    buf_reset(&s->ticket);
    buf_puts(&s->ticket, tlcp_conn_ticket(s->w.client));
    return buf_rc(&s->ticket);
}

static bool resumed(const struct workers *s)
{
    return tlcp_conn_resumed(s->w.client) && tlcp_conn_resumed(s->w.server);
}

static bool neither(const struct workers *s)
{
    return !tlcp_conn_resumed(s->w.client) && !tlcp_conn_resumed(s->w.server);
}

static bool under(const struct workers *s, size_t key)
{
    return str_eq(str_head(tlcp_conn_ticket(s->w.client), NAME_BYTES),
                  str_head(s->keys[key], NAME_BYTES));
}

static void workers_resume_each_others(void)
{
    BEGIN(s);
    CHECK_OK(dial(&s, s.one));
    CHECK(neither(&s));
    CHECK_INT(tlcp_conn_ticket(s.w.client).n, TICKET);
    CHECK_INT(tlcp_sessions_count(s.w.sessions), 0);
    CHECK_OK(keep(&s));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(dial(&s, i % 2 ? s.one : s.other));
        CHECK(resumed(&s));
        /* It is good for more than once. */
        CHECK(str_eq(tlcp_conn_ticket(s.w.client), buf_str(&s.ticket)));
    }
}

static void who_offers_none_is_given_none(void)
{
    BEGIN(s);
    s.w.client_conf.tickets = false;
    CHECK_OK(dial(&s, s.one));
    CHECK_INT(tlcp_conn_ticket(s.w.client).n, 0);
    CHECK_INT(tlcp_sessions_count(s.w.sessions), 1);
    s.w.client_conf.tickets = true;
    CHECK_OK(dial(&s, s.one));
    CHECK_OK(keep(&s));
    /* A server without keys has its table. */
    s.w.server_conf.tickets = NULL;
    CHECK_OK(connect_pair(&s.w));
    shake(&s.w);
    CHECK_OK(s.w.client_rc);
    CHECK(neither(&s) && !tlcp_conn_ticket(s.w.client).n);
    CHECK_INT(tlcp_sessions_count(s.w.sessions), 2);
    /* Nor is one given to who was asked for certificates. */
    s.w.shown.ask = TLCP_ASK;
    CHECK_OK(dial(&s, s.one));
    CHECK(neither(&s));
    CHECK_RC(keep(&s), RC_NOTFOUND);
}

static void keys_are_rotated(void)
{
    BEGIN(s);
    CHECK_OK(dial(&s, s.one));
    CHECK(under(&s, 3));
    CHECK_OK(keep(&s));
    clock_fake_advance(&s.w.clock, WHEN_MINUTE);
    CHECK_OK(tls_context_set_ticket_keys(s.one, s.keys + 1, 3));
    CHECK_OK(dial(&s, s.one));
    CHECK(resumed(&s) && under(&s, 2));
    /* A worker that has not heard of it yet takes it all the same; one that has gone on does not
     * take the one before. */
    CHECK_OK(tls_context_set_ticket_keys(s.one, s.keys, 3));
    CHECK_OK(dial(&s, s.one));
    CHECK(neither(&s) && under(&s, 1));
    CHECK_OK(dial(&s, s.other));
    CHECK(resumed(&s));
}

static void each_suite_has_them(void)
{
    static const uint16_t suites[] = {TLCP_ECC_SM4_GCM_SM3, TLCP_ECC_SM4_CBC_SM3,
                                      TLCP_ECDHE_SM4_GCM_SM3, TLCP_ECDHE_SM4_CBC_SM3};

    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        BEGIN(s);
        s.w.client_conf.suites = &suites[i];
        s.w.client_conf.n_suites = 1;
        s.w.client_conf.identity = of_client.identity;
        CHECK_OK(dial(&s, s.one));
        CHECK_OK(keep(&s));
        CHECK_INT(s.ticket.n, TICKET);
        CHECK_OK(dial(&s, s.other));
        CHECK(resumed(&s) && !tlcp_conn_certificate(s.w.server, 0).n);
        /* Nobody gets round the question with one. */
        s.w.shown.ask = TLCP_DEMAND;
        CHECK_OK(dial(&s, s.other));
        CHECK(neither(&s) && tlcp_conn_certificate(s.w.server, 0).n);
    }
}

/* A host that has the same keys takes them, though it has not been up as long. */
static void hosts_resume_each_others(void)
{
    CLEANUP(tls_context_freep) struct tls_context *host = NULL;
    struct clock_fake there;
    struct tls_context_conf conf = {.tlcp = &there.clock};
    BEGIN(s);

    clock_fake_init(&there, clock_now(&s.w.clock.clock));
    there.mono = 17;
    s.w.clock.mono = 1'000'000 * WHEN_SECOND;
    CHECK_OK(tls_context_new(&conf, &host));
    CHECK_OK(tls_context_set_ticket_keys(host, s.keys + 2, 3));
    CHECK_OK(dial(&s, s.one));
    CHECK_OK(keep(&s));
    CHECK_OK(dial(&s, host));
    CHECK(resumed(&s));
    clock_fake_advance(&there, TLCP_SESSION_SECONDS * WHEN_SECOND);
    CHECK_OK(dial(&s, host));
    CHECK(neither(&s));
    CHECK_OK(keep(&s));
    /* One of which the end is further away than that of any that is made: a clock was wrong. */
    CHECK_OK(dial(&s, s.one));
    CHECK(neither(&s));
    clock_fake_advance(&s.w.clock, TLCP_SESSION_SECONDS * WHEN_SECOND - WHEN_MINUTE);
    CHECK_OK(dial(&s, s.one));
    CHECK(resumed(&s));
}

/* Renewing it makes it no younger. */
static void they_end_with_their_time(void)
{
    BEGIN(s);
    CHECK_OK(dial(&s, s.one));
    CHECK_OK(keep(&s));
    clock_fake_advance(&s.w.clock, TLCP_SESSION_SECONDS * WHEN_SECOND - 1);
    CHECK_OK(tls_context_set_ticket_keys(s.one, s.keys + 1, 3));
    CHECK_OK(dial(&s, s.one));
    CHECK(resumed(&s) && under(&s, 2));
    CHECK_OK(keep(&s));
    clock_fake_advance(&s.w.clock, 1);
    CHECK_OK(dial(&s, s.one));
    CHECK(neither(&s));
}

static void they_belong_to_their_site(void)
{
    static const uint16_t cbc = TLCP_ECC_SM4_CBC_SM3;
    BEGIN(s);

    CHECK_OK(dial(&s, s.one));
    CHECK_OK(keep(&s));
    s.w.shown.bound[31] ^= 1;
    CHECK_OK(dial(&s, s.one));
    CHECK(neither(&s) && tlcp_conn_ticket(s.w.client).n == TICKET);
    s.w.shown.bound[31] ^= 1;
    s.w.client_conf.suites = &cbc;
    s.w.client_conf.n_suites = 1;
    CHECK_OK(dial(&s, s.one));
    CHECK(neither(&s));
}

/* Whoever has the ticket alone gets nowhere, and takes nothing from the one who has both. */
static void they_need_their_master(void)
{
    BEGIN(s);
    CHECK_OK(dial(&s, s.one));
    CHECK_OK(keep(&s));
    s.session.master[0] ^= 1;
    CHECK_RC(dial(&s, s.one), RC_NET);
    CHECK_RC(s.w.client_rc, RC_CRYPTO);
    s.session.master[0] ^= 1;
    CHECK_OK(dial(&s, s.one));
    CHECK(resumed(&s));
}

static void forged_ones_are_a_full_handshake(void)
{
    enum { STEP = 37 };
    CLEANUP(buf_done) struct buf good = BUF_INIT(TLCP_TICKET_MAX);
    BEGIN(s);

    CHECK_OK(dial(&s, s.one));
    CHECK_OK(keep(&s));
    buf_puts(&good, buf_str(&s.ticket));
    CHECK_OK(buf_rc(&good));
    for (size_t i = 1; i < good.n; i += STEP) {
        buf_reset(&s.ticket);
        buf_puts(&s.ticket, str_head(buf_str(&good), i));
        CHECK_OK(dial(&s, s.one));
        CHECK(neither(&s));
        buf_reset(&s.ticket);
        buf_puts(&s.ticket, buf_str(&good));
        CHECK_OK(buf_rc(&s.ticket));
        s.ticket.p[i] ^= 1;
        CHECK_OK(dial(&s, s.one));
        CHECK(neither(&s));
    }
    buf_reset(&s.ticket);
    memset(buf_reserve(&s.ticket, TLCP_TICKET_MAX), 'x', TLCP_TICKET_MAX);
    buf_advance(&s.ticket, TLCP_TICKET_MAX);
    CHECK_OK(dial(&s, s.one));
    CHECK(neither(&s));
}

static void each_bit_counts(void)
{
    CLEANUP(buf_done) struct buf ticket = BUF_INIT(TLCP_TICKET_MAX), out = BUF_INIT(4096);
    const struct tls_tickets *t;
    bool renew = true;
    BEGIN(s);

    t = tls_context_tickets(s.one);
    for (size_t n = 0; n < 40; n++) {
        buf_reset(&ticket);
        buf_reset(&out);
        CHECK_OK(tls_tickets_seal(t, str_bytes(s.bytes[0], n), &ticket));
        CHECK_OK(tls_tickets_open(t, buf_str(&ticket), &out, &renew));
        CHECK(str_eq(buf_str(&out), str_bytes(s.bytes[0], n)) && !renew);
    }
    buf_reset(&out);
    for (size_t n = 0; n < ticket.n; n++)
        CHECK_RC(tls_tickets_open(t, str_head(buf_str(&ticket), n), &out, &renew), RC_DENIED);
    for (size_t i = 0; i < 8 * ticket.n; i++) {
        ticket.p[i / 8] ^= (char)(1 << i % 8);
        CHECK_RC(tls_tickets_open(t, buf_str(&ticket), &out, &renew), RC_DENIED);
        ticket.p[i / 8] ^= (char)(1 << i % 8);
    }
    CHECK_INT(out.n, 0);
}

/* A server that promised one gives it, before it changes its keys. */
static void what_was_promised_comes(void)
{
    struct str out;
    BEGIN(s);

    s.w.server_conf.tickets = tls_context_tlcp(s.one)->tickets;
    CHECK_OK(connect_pair(&s.w));
    while (s.w.server_rc == RC_AGAIN) {
        s.w.client_rc = tlcp_conn_shake(s.w.client, NULL);
        carry(&s.w, s.w.client, s.w.server);
        s.w.server_rc = tlcp_conn_shake(s.w.server, NULL);
        if (s.w.server_rc == RC_AGAIN)
            carry(&s.w, s.w.server, s.w.client);
    }
    CHECK_RC(s.w.server_rc, RC_OK);
    out = tlcp_conn_pending(s.w.server);
    CHECK(out.n > 5 && out.p[5] == TLCP_NEW_SESSION_TICKET);
    out = str_skip(out, 5 + ((size_t)(unsigned char)out.p[3] << 8 | (unsigned char)out.p[4]));
    CHECK_INT(out.p[0], TLCP_CHANGE);
    CHECK_INT(feed(s.w.client, out), out.n);
    CHECK_RC(tlcp_conn_shake(s.w.client, &s.w.client_why), RC_CRYPTO);
    CHECK_STR(str_of(s.w.client_why.msg->code), "tlcp.order");
}

TLCP_MAIN(CHECK_TEST(workers_resume_each_others), CHECK_TEST_ONCE(who_offers_none_is_given_none),
          CHECK_TEST_ONCE(each_suite_has_them), CHECK_TEST_ONCE(hosts_resume_each_others),
          CHECK_TEST_ONCE(keys_are_rotated), CHECK_TEST_ONCE(they_end_with_their_time),
          CHECK_TEST_ONCE(they_belong_to_their_site), CHECK_TEST_ONCE(they_need_their_master),
          CHECK_TEST_ONCE(forged_ones_are_a_full_handshake), CHECK_TEST_ONCE(each_bit_counts),
          CHECK_TEST_ONCE(what_was_promised_comes))
