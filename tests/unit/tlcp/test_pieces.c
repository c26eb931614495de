/* SPDX-License-Identifier: Apache-2.0 */
/* Messages are not records: several come in one, and one in several, wherever it is cut. */
#include "check.h"

#include "flight.h"

/* Where the messages of the flight that was cut last begin. */
static size_t begins[RECORDS_MAX], n_begins;

enum cut { TOGETHER, BYTE_BY_BYTE, IN_TWO };

/* The messages before the keys, in other records; what is behind them stays as it is. */
static void recut(const struct flight *f, enum cut how, size_t at, struct buf *out)
{
    CLEANUP(buf_done) struct buf all = BUF_INIT(TLCP_PENDING_MAX);
    struct str rest;
    size_t i = 0;

    for (; i < f->n && f->records[i].p[0] == TLCP_HANDSHAKE; i++)
        buf_puts(&all, str_skip(f->records[i], TLCP_RECORD_HEADER));
    if (buf_rc(&all) != RC_OK)
        buf_fail(out, buf_rc(&all));
    rest = buf_str(&all);
    if (how == IN_TWO && at < rest.n) {
        put_record(TLCP_HANDSHAKE, str_head(rest, at), out);
        rest = str_skip(rest, at);
    }
    for (; rest.n; rest = str_skip(rest, how == BYTE_BY_BYTE ? 1 : TLCP_PLAIN_MAX))
        put_record(TLCP_HANDSHAKE, str_head(rest, how == BYTE_BY_BYTE ? 1 : TLCP_PLAIN_MAX), out);
    for (; i < f->n; i++)
        buf_puts(out, f->records[i]);
}

/* One flight, cut so; how many bytes of messages there were. */
static enum rc pass_cut(struct tlcp_conn *from, struct tlcp_conn *to, enum cut how, size_t at,
                        size_t *n)
{
    CLEANUP(flight_done) struct flight f = {};
    CLEANUP(buf_done) struct buf out = BUF_INIT(8 * TLCP_PENDING_MAX);

    TRY(listen_in(from, &f));
    recut(&f, how, at, &out);
    TRY(buf_rc(&out));
    *n = n_begins = 0;
    for (size_t i = 0; i < f.n && f.records[i].p[0] == TLCP_HANDSHAKE; i++) {
        begins[n_begins++] = *n;
        *n += f.records[i].n - TLCP_RECORD_HEADER;
    }
    feed_all(to, buf_str(&out));
    return RC_OK;
}

/* A handshake of which one direction comes in other records. */
static enum rc shake_cut(struct world *w, bool to_client, enum cut how, size_t at, size_t *n)
{
    TRY(connect_pair(w));
    w->client_rc = tlcp_conn_shake(w->client, NULL);
    if (to_client) {
        carry(w, w->client, w->server);
        w->server_rc = tlcp_conn_shake(w->server, NULL);
        TRY(pass_cut(w->server, w->client, how, at, n));
    } else {
        size_t hello;

        TRY(pass_cut(w->client, w->server, how, at, &hello));
        w->server_rc = tlcp_conn_shake(w->server, NULL);
        while (carry(w, w->server, w->client))
            w->client_rc = tlcp_conn_shake(w->client, NULL);
        TRY(pass_cut(w->client, w->server, how, at, n));
    }
    w->client_rc = w->server_rc = RC_AGAIN;
    shake(w);
    if (w->client_rc != RC_OK || w->server_rc != RC_OK)
        return RC_CORRUPT;
    TRY(say(w, w->client, w->server, STR("ping")));
    return say(w, w->server, w->client, STR("pong"));
}

static const uint16_t suites[] = {TLCP_ECC_SM4_GCM_SM3, TLCP_ECC_SM4_CBC_SM3,
                                  TLCP_ECDHE_SM4_GCM_SM3, TLCP_ECDHE_SM4_CBC_SM3};

static void prepare(struct world *w, size_t i)
{
    w->client_conf.suites = &suites[i];
    w->client_conf.n_suites = 1;
    w->client_conf.identity = of_client.identity;
    w->client_conf.alpn = STR("h2");
    w->shown.ask = TLCP_ASK;
}

static void all_in_one_and_byte_by_byte(void)
{
    for (size_t i = 0; i < 4; i++)
        for (int to_client = 0; to_client < 2; to_client++)
            for (enum cut how = TOGETHER; how <= BYTE_BY_BYTE; how++) {
                size_t n;
                WORLD(w);

                prepare(&w, i);
                CHECK_OK(shake_cut(&w, to_client, how, 0, &n));
                CHECK(n > 100);
            }
}

/* Where the messages of a flight begin, and a little before and behind; elsewhere each STEPth. */
static bool chosen(size_t at)
{
    enum { STEP = 11, AROUND = TLCP_MESSAGE_HEADER + 1 };

    for (size_t i = 0; i < n_begins; i++)
        if (at + 2 > begins[i] && at <= begins[i] + AROUND)
            return true;
    return at % STEP == 0;
}

/* In two records: within headers of messages, between them, and within them. That each offset may
 * be an end is what came byte by byte. */
static void cut_at_each_offset(void)
{
    for (int to_client = 0; to_client < 2; to_client++) {
        size_t all = 2;
        WORLD(w);

        prepare(&w, 2);
        w.shown.ask = TLCP_ASK_NOBODY;
        for (size_t at = 1; at < all; at++)
            if ((at == 1 || chosen(at)) && shake_cut(&w, to_client, IN_TWO, at, &all) != RC_OK)
                fail_msg("%s: cut at %zu of %zu", to_client ? "to the client" : "to the server", at,
                         all);
        CHECK(all > 700);
    }
}

/* A chain that no record holds comes in several, and so it is written. */
static void longer_than_a_record(void)
{
    enum { COMMENT = 6'000, ISSUERS = 3 };
    static const char *const names[ISSUERS] = {"a", "b", "c"};
    CLEANUP(tlcp_identity_unrefp) struct tlcp_identity *id = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(64 * 1024);
    struct tlcp_identity_in in = {.sign_key = of_server.sign,
                                  .encrypt_pem = buf_str(&of_server.encrypt_pem),
                                  .encrypt_key = of_server.encrypt};
    char comment[COMMENT + 1];
    size_t n;
    WORLD(w);

    memset(comment, 'x', COMMENT);
    comment[COMMENT] = '\0';
    buf_puts(&pem, buf_str(&of_server.sign_pem));
    made_comment = comment;
    for (size_t i = 0; i < ISSUERS; i++)
        CHECK_OK(sm2_certificate(of_server.sign, "critical,keyCertSign", names[i], &pem));
    made_comment = NULL;
    in.sign_pem = buf_str(&pem);
    CHECK_OK(tlcp_identity_new(&in, &id, NULL));
    w.shown.identity = id;
    for (enum cut how = TOGETHER; how <= BYTE_BY_BYTE; how++) {
        CHECK_OK(shake_cut(&w, true, how, 0, &n));
        CHECK(n > TLCP_PLAIN_MAX);
        CHECK(tlcp_conn_certificate(w.client, 4).n > COMMENT);
    }
    /* The same of a client's. */
    w.shown.identity = of_server.identity;
    w.shown.ask = TLCP_DEMAND;
    w.client_conf.identity = id;
    for (enum cut how = TOGETHER; how <= BYTE_BY_BYTE; how++) {
        CHECK_OK(shake_cut(&w, false, how, 0, &n));
        CHECK(n > TLCP_PLAIN_MAX);
        CHECK(tlcp_conn_certificate(w.server, 4).n > COMMENT);
    }
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK_RC(w.server_rc, RC_OK);
}

TLCP_MAIN(CHECK_TEST_ONCE(all_in_one_and_byte_by_byte), CHECK_TEST_ONCE(cut_at_each_offset),
          CHECK_TEST_ONCE(longer_than_a_record))
