/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that do not play by the rules: what one end says is changed on its way to the other, before
 * there are keys. Whatever comes, it ends with an alert, and never in an open connection. */
#include "check.h"

#include "crypto/sm2.h"
#include "flight.h"

enum change { DROP, TWICE, SWAP, CUT, LONGER, LENGTH_MORE, LENGTH_LESS, EMPTIED, CHANGES };

static void apply(const struct flight *f, size_t at, enum change what, struct buf *out)
{
    for (size_t i = 0; i < f->n; i++) {
        struct str r = f->records[i], body = r.n >= 9 ? body_of(r) : STR("");
        uint8_t type = (uint8_t)r.p[5];
        size_t mark;

        if (i != at) {
            buf_puts(out, r);
            continue;
        }
        switch (what) {
        case DROP:
            break;
        case TWICE:
            buf_puts(out, r);
            buf_puts(out, r);
            break;
        case SWAP:
            if (i + 1 < f->n)
                buf_puts(out, f->records[++i]);
            buf_puts(out, r);
            break;
        case CUT:
            put_message(type, str_head(body, body.n ? body.n - 1 : 0), out);
            break;
        case LONGER:
            buf_u8(out, 22);
            buf_u16(out, 0x0101);
            buf_u16(out, (uint16_t)(4 + body.n + 1));
            buf_u8(out, type);
            tlcp_put24(out, body.n + 1);
            buf_puts(out, body);
            buf_u8(out, 0);
            break;
        case LENGTH_MORE:
        case LENGTH_LESS:
            mark = out->n;
            buf_puts(out, r);
            if (buf_rc(out) == RC_OK && r.n > 9)
                out->p[mark + 8] = (char)(out->p[mark + 8] + (what == LENGTH_MORE ? 1 : -1));
            break;
        case EMPTIED:
            put_message(type, STR(""), out);
            break;
        case CHANGES:
            break;
        }
    }
}

/* Does it change anything? An empty message cannot be cut, the last one not swapped. */
static bool changes(const struct flight *f, size_t at, enum change what)
{
    if (what == SWAP)
        return at + 1 < f->n;
    if (what == CUT || what == EMPTIED || what == LENGTH_LESS || what == LENGTH_MORE)
        return f->records[at].n > 9 && f->records[at].p[0] == 22;
    return f->records[at].p[0] == 22;
}

static const uint16_t gcm[] = {TLCP_ECC_SM4_GCM_SM3}, ecdhe[] = {TLCP_ECDHE_SM4_CBC_SM3};

/* Everything that the server says first, and, of what the client answers, all up to its keys. */
static void each_message_changed(void)
{
    for (size_t mode = 0; mode < 4; mode++) {
        bool to_client = mode % 2;

        for (size_t at = 0; at < 6; at++)
            for (enum change what = 0; what < CHANGES; what++) {
                CLEANUP(flight_done) struct flight f = {};
                CLEANUP(buf_done) struct buf changed = BUF_INIT(TLCP_PENDING_MAX);
                struct tlcp_conn *victim;
                WORLD(w);

                w.client_conf.suites = mode / 2 ? ecdhe : gcm;
                w.client_conf.n_suites = 1;
                w.client_conf.identity = of_client.identity;
                w.shown.ask = TLCP_ASK;
                CHECK_OK(to_client ? until_server_spoke(&w) : until_client_answered(&w));
                victim = to_client ? w.client : w.server;
                CHECK_OK(listen_in(to_client ? w.server : w.client, &f));
                if (at >= f.n || !changes(&f, at, what) || (!to_client && at >= 3))
                    continue;
                apply(&f, at, what, &changed);
                CHECK_OK(buf_rc(&changed));
                feed_all(victim, buf_str(&changed));
                if (tlcp_conn_shake(victim, NULL) == RC_OK)
                    fail_msg("mode %zu: message %zu changed by %d was taken", mode, at, what);
                /* Nor does what it says make it open later. The other end may be, for as long as it
                 * has not heard the alert: all that it was told was right. */
                shake(&w);
                if ((to_client ? w.client_rc : w.server_rc) == RC_OK)
                    fail_msg("mode %zu: message %zu changed by %d opens it", mode, at, what);
            }
    }
}

/* A message that ends early, with a length that says so, or with one that does not and another
 * message behind it. Each end at many places: every parser's own test has all of them. */
static void each_message_cut_anywhere(void)
{
    enum { PLACES = 7 };

    for (size_t i = 0; i < (size_t)4 * 6 * PLACES * 2; i++) {
        bool to_client = i & 1, lies = i >> 1 & 1;
        size_t place = i / 4 % PLACES, at = i / 4 / PLACES % 6, suite = i / 4 / PLACES / 6 % 2;
        CLEANUP(flight_done) struct flight f = {};
        CLEANUP(buf_done) struct buf changed = BUF_INIT(TLCP_PENDING_MAX);
        struct tlcp_conn *victim;
        struct str body;
        size_t n;
        WORLD(w);

        CHECK_OK(both_proven(&w, to_client, suite ? ecdhe : gcm));
        victim = to_client ? w.client : w.server;
        CHECK_OK(listen_in(to_client ? w.server : w.client, &f));
        if (at >= f.n || f.records[at].p[0] != 22 || f.records[at].n == 9 || (!to_client && at > 2))
            continue;
        body = body_of(f.records[at]);
        n = body.n * place / PLACES;
        for (size_t k = 0; k < f.n; k++)
            if (k != at)
                buf_puts(&changed, f.records[k]);
            else if (lies)
                put_record(22, str_head(str_skip(f.records[k], 5), 4 + n), &changed);
            else
                put_message((uint8_t)f.records[k].p[5], str_head(body, n), &changed);
        CHECK_OK(buf_rc(&changed));
        feed_all(victim, buf_str(&changed));
        shake(&w);
        if (victim->state == TLCP_OPEN || (!lies && !victim->failed))
            fail_msg("%s: message %zu of suite %zu, %zu of %zu bytes, was taken",
                     to_client ? "client" : "server", at, suite, n, body.n);
    }
}

/* One byte of each message at a time: no crash, and no open connection. */
static void each_byte_changed(void)
{
    for (size_t mode = 0; mode < 2; mode++) {
        size_t all = 1;

        for (size_t at = 0; at < all; at += 3) {
            CLEANUP(flight_done) struct flight f = {};
            struct tlcp_conn *victim;
            WORLD(w);

            w.client_conf.suites = gcm;
            w.client_conf.n_suites = 1;
            w.client_conf.identity = of_client.identity;
            w.shown.ask = TLCP_ASK;
            CHECK_OK(mode ? until_server_spoke(&w) : until_client_answered(&w));
            victim = mode ? w.client : w.server;
            CHECK_OK(listen_in(mode ? w.server : w.client, &f));
            all = f.bytes.n; /* signatures vary in length */
            if (at >= all)
                break;
            f.bytes.p[at] = (char)(f.bytes.p[at] ^ 0x55);
            feed_all(victim, buf_str(&f.bytes));
            shake(&w);
            if (w.client_rc == RC_OK && w.server_rc == RC_OK)
                fail_msg("mode %zu: byte %zu may be anything", mode, at);
        }
    }
}

/* Whatever is wrong with a premaster, the server says the same, and no sooner. */
static void premasters_have_one_way_to_fail(void)
{
    static const char versions[][2] = {{3, 3}, {0, 0}, {1, 2}};

    for (size_t i = 0; i < 3 + 3; i++) {
        CLEANUP(buf_done) struct buf cipher = BUF_INIT(CRYPTO_SIG_MAX), body = BUF_INIT(1024);
        char plain[TLCP_PREMASTER] = {};
        WORLD(w);

        CHECK_OK(both_proven(&w, false, gcm));
        if (i < 3)
            memcpy(plain, versions[i], 2);
        CHECK_OK(
            crypto_sm2_encrypt(of_server.encrypt, str_bytes(plain, i == 3 ? 47 : 48), &cipher));
        if (i == 4) /* the digest does not fit */
            cipher.p[cipher.n - 1] ^= 1;
        if (i == 5) /* the point is none */
            cipher.p[10] ^= 1;
        tlcp_signature_write(buf_str(&cipher), &body);
        /* The proof behind it is of other messages; without it: */
        w.shown.ask = TLCP_ASK_NOBODY;
        CHECK_OK(both_proven(&w, false, gcm));
        (void)MOVE(w.client_conf.identity);
        w.shown.ask = TLCP_ASK_NOBODY;
        CHECK_OK(until_client_answered(&w));
        CHECK_INT(answer_to(&w, false, TLCP_CLIENT_KEY_EXCHANGE, buf_str(&body)), 20);
    }
}

static void what_is_left_behind_the_cipher_is_ignored(void)
{
    CLEANUP(buf_done) struct buf cipher = BUF_INIT(1024), body = BUF_INIT(1024);
    struct str got;

    CHECK_OK(crypto_sm2_encrypt(of_server.encrypt, STR("premaster"), &cipher));
    for (size_t extra = 0; extra < 5; extra++) {
        buf_reset(&body);
        buf_u16(&body, (uint16_t)(cipher.n + extra));
        buf_puts(&body, buf_str(&cipher));
        for (size_t i = 0; i < extra; i++)
            buf_u8(&body, 0);
        CHECK_OK(tlcp_client_key_read_cipher(buf_str(&body), &got));
        CHECK(str_eq(got, buf_str(&cipher)));
    }
}

/* Records of strange types, versions and lengths, as the first thing that is heard. */
static void strange_records(void)
{
    static const struct {
        struct str bytes;
        int alert;
    } cases[] = {
        {STR("\x18\x01\x01\x00\x01x"), 10},
        {STR("\x16\x02\x00\x00\x01x"), 70},
        {STR("\x16\x01\x01\xff\xff"), 22},
        {STR("\x16\x01\x01\x00\x00"), 10},
        {STR("\x14\x01\x01\x00\x01\x01"), 10},
        {STR("\x17\x01\x01\x00\x01x"), 10},
        {STR("\x16\x01\x01\x00\x04\x0e\x00\x00\x00"), 10},
        {STR("\x16\x01\x01\x00\x04\x01\xff\xff\xff"), 50},
        {STR("\x16\x01\x01\x00\x04\x01\x00\x00\x00"), 50},
        {STR("\x15\x01\x01\x00\x01\x01"), 50},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str out;
        WORLD(w);

        CHECK_OK(connect_pair(&w));
        feed(w.server, cases[i].bytes);
        CHECK_RC(tlcp_conn_shake(w.server, NULL), RC_CRYPTO);
        out = tlcp_conn_pending(w.server);
        CHECK_INT(out.n, 7);
        CHECK_INT((unsigned char)out.p[6], cases[i].alert);
        CHECK_RC(tlcp_conn_shake(w.server, NULL), RC_CRYPTO);
    }
}

/* Some clients put a version of TLS before their ClientHello; afterwards nobody may. */
static void the_first_record_may_say_tls(void)
{
    CLEANUP(flight_done) struct flight f = {};
    WORLD(w);

    CHECK_OK(connect_pair(&w));
    CHECK_RC(tlcp_conn_shake(w.client, NULL), RC_AGAIN);
    CHECK_OK(listen_in(w.client, &f));
    f.bytes.p[1] = 3;
    f.bytes.p[2] = 1;
    feed_all(w.server, buf_str(&f.bytes));
    shake(&w);
    CHECK_RC(w.client_rc, RC_OK);
    CHECK_RC(w.server_rc, RC_OK);
}

static enum rc open_pair(struct world *w)
{
    TRY(connect_pair(w));
    shake(w);
    return w->server_rc;
}

/* A record of the client, as it would write it. */
static enum rc client_says(struct world *w, enum tlcp_record type, struct str body)
{
    TRY(tlcp_record_send(w->client, type, body));
    carry(w, w->client, w->server);
    return RC_OK;
}

static void empty_records_are_counted(void)
{
    char in[16];
    size_t n;
    WORLD(w);

    CHECK_OK(open_pair(&w));
    for (int i = 0; i < TLCP_EMPTY_MAX; i++) {
        CHECK_OK(client_says(&w, TLCP_DATA, STR("")));
        CHECK_RC(tlcp_conn_read(w.server, in, sizeof(in), &n), RC_AGAIN);
    }
    CHECK_OK(client_says(&w, TLCP_DATA, STR("x")));
    CHECK_OK(tlcp_conn_read(w.server, in, sizeof(in), &n));
    for (int i = 0; i < TLCP_EMPTY_MAX; i++)
        CHECK_OK(client_says(&w, TLCP_DATA, STR("")));
    CHECK_RC(tlcp_conn_read(w.server, in, sizeof(in), &n), RC_AGAIN);
    CHECK_OK(client_says(&w, TLCP_DATA, STR("")));
    CHECK_RC(tlcp_conn_read(w.server, in, sizeof(in), &n), RC_CRYPTO);
}

static void nothing_begins_anew(void)
{
    static const struct str hello = STR("\x01\x00\x00\x01x");
    static const enum tlcp_record types[] = {TLCP_HANDSHAKE, TLCP_CHANGE, TLCP_ALERT};
    char in[16];
    size_t n;

    for (size_t i = 0; i < 3; i++) {
        WORLD(w);
        CHECK_OK(open_pair(&w));
        CHECK_INT(tlcp_sessions_count(w.sessions), 1);
        CHECK_OK(client_says(&w, types[i], i == 1 ? STR("\x01") : hello));
        CHECK_RC(tlcp_conn_read(w.server, in, sizeof(in), &n), RC_CRYPTO);
        CHECK_RC(tlcp_conn_write(w.server, STR("x"), &n), RC_CRYPTO);
        /* Nor is such a connection's session resumed. */
        CHECK_INT(tlcp_sessions_count(w.sessions), 0);
    }
}

static void alerts_end_or_are_counted(void)
{
    char in[16];
    size_t n;
    WORLD(w);

    CHECK_OK(open_pair(&w));
    for (int i = 0; i < TLCP_WARNINGS_MAX; i++) {
        CHECK_OK(client_says(&w, TLCP_ALERT, STR("\x01\x5a")));
        CHECK_RC(tlcp_conn_read(w.server, in, sizeof(in), &n), RC_AGAIN);
        CHECK_INT(tlcp_conn_alert(w.server), 90);
    }
    CHECK_OK(client_says(&w, TLCP_ALERT, STR("\x01\x5a")));
    CHECK_RC(tlcp_conn_read(w.server, in, sizeof(in), &n), RC_CRYPTO);
    CHECK_OK(open_pair(&w));
    CHECK_OK(client_says(&w, TLCP_ALERT, STR("\x02\x50")));
    CHECK_RC(tlcp_conn_read(w.server, in, sizeof(in), &n), RC_NET);
    CHECK_INT(tlcp_conn_alert(w.server), 80);
}

static void damaged_records_end_it(void)
{
    char in[16];
    size_t n;
    WORLD(w);

    for (size_t i = 0; i < 2; i++) {
        w.client_conf.suites = i ? gcm : (const uint16_t[]){TLCP_ECC_SM4_CBC_SM3};
        w.client_conf.n_suites = 1;
        CHECK_OK(open_pair(&w));
        CHECK_OK(tlcp_conn_write(w.client, STR("attack"), &n));
        w.client->pending.p[w.client->pending.n - 1] ^= 1;
        carry(&w, w.client, w.server);
        CHECK_RC(tlcp_conn_read(w.server, in, sizeof(in), &n), RC_CRYPTO);
        carry(&w, w.server, w.client);
        CHECK_RC(tlcp_conn_read(w.client, in, sizeof(in), &n), RC_NET);
        CHECK_INT(tlcp_conn_alert(w.client), 20);
    }
}

TLCP_MAIN(CHECK_TEST_ONCE(each_message_changed), CHECK_TEST_ONCE(each_message_cut_anywhere),
          CHECK_TEST_ONCE(each_byte_changed), CHECK_TEST_ONCE(premasters_have_one_way_to_fail),
          CHECK_TEST_ONCE(what_is_left_behind_the_cipher_is_ignored), CHECK_TEST(strange_records),
          CHECK_TEST_ONCE(the_first_record_may_say_tls), CHECK_TEST_ONCE(empty_records_are_counted),
          CHECK_TEST_ONCE(nothing_begins_anew), CHECK_TEST_ONCE(alerts_end_or_are_counted),
          CHECK_TEST_ONCE(damaged_records_end_it))
