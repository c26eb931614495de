/* SPDX-License-Identifier: Apache-2.0 */
/* Each state of both ends, and each message that is not due in it; and what is wrong with those
 * that end a handshake: ChangeCipherSpec, Finished, and what is behind it. */
#include "check.h"

#include "ways.h"

enum { OUTSIDE = 99, STEPS_MAX = 64 };

/* Until `victim` is in that state, and has heard nothing more; RC_NOTFOUND: it never is. */
static enum rc bring(struct world *w, bool to_client, enum tlcp_state state)
{
    struct tlcp_conn *victim, *other;

    TRY(connect_pair(w));
    victim = to_client ? w->client : w->server;
    other = to_client ? w->server : w->client;
    for (int i = 0; i < STEPS_MAX; i++) {
        TRY(go_on(victim));
        while (carry(w, victim, other))
            TRY(go_on(other));
        TRY(go_on(other));
        if (victim->state == state)
            return RC_OK;
        if (!pass_one(other, victim) && victim->state == TLCP_OPEN)
            return RC_NOTFOUND;
    }
    return RC_NOTFOUND;
}

/* What the victim heard of last was pending, sealed or not; this takes its place. */
static enum rc instead(struct tlcp_conn *victim, struct tlcp_conn *other, enum tlcp_record type,
                       struct str body)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(TLCP_PENDING_MAX);

    tlcp_conn_sent(other, tlcp_conn_pending(other).n);
    if (victim->state < TLCP_WAIT_FINISHED) {
        put_record((uint8_t)type, body, &out);
    } else {
        if (victim->state == TLCP_WAIT_FINISHED) /* its own Finished is gone */
            other->out.sequence = 0;
        TRY(tlcp_guard_seal(&other->out, type, body, &out));
    }
    TRY(buf_rc(&out));
    return feed(victim, buf_str(&out)) == out.n ? RC_OK : RC_TOOBIG;
}

/* How the victim ends, and the alert that the other gets. */
static enum rc ends(struct world *w, bool to_client, int *alert)
{
    struct tlcp_conn *victim = to_client ? w->client : w->server;
    struct tlcp_conn *other = to_client ? w->server : w->client;
    char in[16];
    size_t n;
    enum rc rc = victim->state == TLCP_OPEN ? tlcp_conn_read(victim, in, sizeof(in), &n)
                                            : tlcp_conn_shake(victim, NULL);

    carry(w, victim, other);
    if (other->state == TLCP_OPEN)
        IGNORE_RC(tlcp_conn_read(other, in, sizeof(in), &n));
    else
        IGNORE_RC(tlcp_conn_shake(other, NULL));
    *alert = tlcp_conn_alert(other);
    return rc;
}

static bool due(const struct tlcp_conn *c, unsigned type)
{
    const struct tlcp_row *rows = c->server ? tlcp_server_rows : tlcp_client_rows;
    size_t n = c->server ? tlcp_server_rows_n : tlcp_client_rows_n;

    for (size_t i = 0; i < n; i++)
        if (rows[i].state == c->state && rows[i].type == type)
            return true;
    return false;
}

static const unsigned types[] = {0,
                                 TLCP_CLIENT_HELLO,
                                 TLCP_SERVER_HELLO,
                                 TLCP_NEW_SESSION_TICKET,
                                 TLCP_CERTIFICATE,
                                 TLCP_SERVER_KEY_EXCHANGE,
                                 TLCP_CERTIFICATE_REQUEST,
                                 TLCP_SERVER_HELLO_DONE,
                                 TLCP_CERTIFICATE_VERIFY,
                                 TLCP_CLIENT_KEY_EXCHANGE,
                                 TLCP_FINISHED,
                                 TLCP_CHANGE_CIPHER_SPEC,
                                 OUTSIDE};

/* RC_NOTFOUND: this way does not come by there, or it is due. */
static enum rc try_one(enum way way, bool to_client, enum tlcp_state state, unsigned type,
                       int *alert)
{
    CLEANUP(house_done) struct house h = {};
    CLEANUP(buf_done) struct buf m = BUF_INIT(64);
    struct tlcp_conn *victim, *other;

    TRY(house_init(&h, way));
    TRY(bring(&h.w, to_client, state));
    victim = to_client ? h.w.client : h.w.server;
    other = to_client ? h.w.server : h.w.client;
    if (due(victim, type))
        return RC_NOTFOUND;
    buf_u8(&m, (uint8_t)type);
    tlcp_put24(&m, 12);
    for (int i = 0; i < 12; i++)
        buf_u8(&m, (uint8_t)i);
    TRY(buf_rc(&m));
    if (type == TLCP_CHANGE_CIPHER_SPEC)
        TRY(instead(victim, other, TLCP_CHANGE, STR("\x01")));
    else
        TRY(instead(victim, other, TLCP_HANDSHAKE, buf_str(&m)));
    return ends(&h.w, to_client, alert) == RC_CRYPTO && victim->failed ? RC_OK : RC_CORRUPT;
}

static size_t tried[2][TLCP_OPEN + 1]; /* by role and state */

/* Every message in that state, if this way comes by there. */
static void try_all(enum way way, bool to_client, enum tlcp_state s)
{
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        int alert = -1;
        enum rc rc = try_one(way, to_client, s, types[t], &alert);

        if (rc == RC_NOTFOUND && t == 0)
            return; /* it does not come by there: type 0 is never due */
        if (rc == RC_NOTFOUND)
            continue;
        tried[to_client][s]++;
        if (rc != RC_OK || alert != TLCP_UNEXPECTED_MESSAGE)
            fail_msg("way %d, %s in state %d: message %u: %s, alert %d", way,
                     to_client ? "client" : "server", s, types[t], rc_text(rc), alert);
    }
}

/* A state is looked at once in full handshakes, and once in those that resume. */
static void nothing_else_than_what_is_due(void)
{
    enum { STATES = TLCP_OPEN + 1 };
    bool before[2 * STATES] = {};

    memset(tried, 0, sizeof(tried));
    for (enum way way = 0; way < WAYS; way++) {
        for (size_t i = 0; i < 2 * STATES; i++)
            before[i] = tried[i / STATES][i % STATES] > 0 && way != RESUMED;
        for (size_t i = 0; i < 2 * STATES; i++)
            if (!before[i] && i % STATES > TLCP_START)
                try_all(way, i / STATES == 1, (enum tlcp_state)(i % STATES));
    }
    for (enum tlcp_state s = TLCP_WAIT_CLIENT_HELLO; s <= TLCP_OPEN; s++)
        CHECK(tried[0][s] + tried[1][s] > 0);
}

/* ---- each message of each handshake, twice, without its end, and left out */

enum harm { TWICE, CUT, LONGER, MISSING, HARMS };

/* So often a record comes as it should. RC_NOTFOUND: there are not as many. */
static enum rc pass_some(struct world *w, bool to_client, size_t n)
{
    struct tlcp_conn *victim, *other;

    TRY(connect_pair(w));
    victim = to_client ? w->client : w->server;
    other = to_client ? w->server : w->client;
    for (size_t i = 0;; i++) {
        TRY(go_on(victim));
        while (carry(w, victim, other))
            TRY(go_on(other));
        TRY(go_on(other));
        if (i == n)
            return RC_OK;
        if (!pass_one(other, victim))
            return RC_NOTFOUND;
    }
}

/* The next one comes in its place. RC_AGAIN: there is none, or nobody has to say this. */
static enum rc leave_out(struct tlcp_conn *other, struct tlcp_conn *victim, enum tlcp_record type,
                         struct str message)
{
    size_t n = TLCP_RECORD_HEADER + message.n;

    if (victim->state >= TLCP_WAIT_FINISHED || type == TLCP_CHANGE ||
        tlcp_conn_pending(other).n == n ||
        (message.p[0] == TLCP_CERTIFICATE_REQUEST && !victim->suite->ecdhe))
        return RC_AGAIN;
    tlcp_conn_sent(other, n);
    pass_one(other, victim);
    return RC_OK;
}

/* It comes once as it should, before it comes as it does. */
static enum rc first(struct world *w, struct tlcp_conn *other, struct tlcp_conn *victim)
{
    pass_one(other, victim);
    TRY(go_on(victim));
    carry(w, victim, other);
    return go_on(other);
}

/* A record with one byte more, or one less; a message says so. */
static enum rc resize(enum harm harm, enum tlcp_record type, struct buf *m)
{
    size_t n;

    if (harm == LONGER)
        buf_u8(m, 0);
    else if (type == TLCP_HANDSHAKE && m->n == TLCP_MESSAGE_HEADER)
        return RC_AGAIN; /* it has no end */
    else
        m->n--;
    TRY(buf_rc(m));
    if (type != TLCP_HANDSHAKE)
        return RC_OK;
    n = m->n - TLCP_MESSAGE_HEADER;
    m->p[2] = (char)(n >> 8);
    m->p[3] = (char)n;
    return RC_OK;
}

/* One record is harmed. RC_NOTFOUND: there is none left; RC_AGAIN: this one cannot be so. */
static enum rc harm_one(enum way way, bool to_client, size_t at, enum harm harm, int *alert)
{
    CLEANUP(house_done) struct house h = {};
    CLEANUP(buf_done) struct buf m = BUF_INIT(TLCP_PLAIN_MAX + 1);
    struct tlcp_conn *victim, *other;
    enum tlcp_record type;

    TRY(house_init(&h, way));
    TRY(pass_some(&h.w, to_client, at));
    victim = to_client ? h.w.client : h.w.server;
    other = to_client ? h.w.server : h.w.client;
    TRY(look(other, victim, &type, &m));
    if (harm == MISSING)
        TRY(leave_out(other, victim, type, buf_str(&m)));
    else if (harm == TWICE)
        TRY(first(&h.w, other, victim));
    else
        TRY(resize(harm, type, &m));
    if (harm != MISSING)
        TRY(instead(victim, other, type, buf_str(&m)));
    return ends(&h.w, to_client, alert) == RC_CRYPTO && victim->failed ? RC_OK : RC_CORRUPT;
}

/* Each record of that direction; how many could be harmed so. */
static size_t harm_each(enum way way, bool to_client, enum harm harm)
{
    enum rc rc = RC_OK;
    size_t n = 0;

    for (size_t at = 0; rc != RC_NOTFOUND; at++) {
        int alert = -1;

        rc = harm_one(way, to_client, at, harm, &alert);
        n += rc == RC_OK;
        if ((rc == RC_OK && alert <= 0) || (rc != RC_OK && rc != RC_NOTFOUND && rc != RC_AGAIN))
            fail_msg("way %d, record %zu to the %s, harm %d: %s, alert %d", way, at,
                     to_client ? "client" : "server", harm, rc_text(rc), alert);
    }
    return n;
}

static void no_message_may_be_harmed(void)
{
    size_t n = 0;

    for (enum way way = 0; way < WAYS; way++)
        for (enum harm harm = 0; harm < HARMS; harm++)
            n += harm_each(way, true, harm) + harm_each(way, false, harm);
    CHECK(n > 100);
}

/* ---- the end of the handshake */

static void another_finished(void)
{
    for (enum way way = 0; way < WAYS; way++)
        for (int to_client = 0; to_client < 2; to_client++)
            for (size_t at = 0; at < TLCP_VERIFY; at += TLCP_VERIFY - 1) {
                CLEANUP(buf_done) struct buf m = BUF_INIT(64);
                struct tlcp_conn *victim, *other;
                enum tlcp_record type;
                int alert;
                HOUSE(h, way);

                CHECK_OK(bring(&h.w, to_client, TLCP_WAIT_FINISHED));
                victim = to_client ? h.w.client : h.w.server;
                other = to_client ? h.w.server : h.w.client;
                CHECK_OK(look(other, victim, &type, &m));
                CHECK_INT(m.n, TLCP_MESSAGE_HEADER + TLCP_VERIFY);
                m.p[TLCP_MESSAGE_HEADER + at] ^= 1;
                CHECK_OK(instead(victim, other, TLCP_HANDSHAKE, buf_str(&m)));
                CHECK_RC(ends(&h.w, to_client, &alert), RC_CRYPTO);
                CHECK_INT(alert, TLCP_DECRYPT_ERROR);
            }
}

static void nothing_behind_finished(void)
{
    static const struct str behind[] = {STR("\0"), STR("\x0e\0\0\0"), STR("\x14\0\0\x0c")};

    for (enum way way = 0; way < WAYS; way++)
        for (size_t i = 0; i < 2 * sizeof(behind) / sizeof(behind[0]); i++) {
            CLEANUP(buf_done) struct buf m = BUF_INIT(64);
            bool to_client = i % 2;
            struct tlcp_conn *victim, *other;
            enum tlcp_record type;
            char in[16];
            size_t n;
            HOUSE(h, way);

            CHECK_OK(bring(&h.w, to_client, TLCP_WAIT_FINISHED));
            victim = to_client ? h.w.client : h.w.server;
            other = to_client ? h.w.server : h.w.client;
            CHECK_OK(look(other, victim, &type, &m));
            buf_puts(&m, behind[i / 2]);
            CHECK_OK(instead(victim, other, TLCP_HANDSHAKE, buf_str(&m)));
            CHECK_RC(tlcp_conn_shake(victim, NULL), RC_CRYPTO);
            CHECK_RC(tlcp_conn_read(victim, in, sizeof(in), &n), RC_CRYPTO);
            CHECK_RC(tlcp_conn_write(victim, STR("x"), &n), RC_CRYPTO);
        }
}

static void changes_are_the_one_byte(void)
{
    static const struct str bodies[] = {STR("\0"), STR("\x02"), STR("\x01\x01"), STR("\xff")};

    for (enum way way = 0; way < WAYS; way++)
        for (size_t i = 0; i < 2 * sizeof(bodies) / sizeof(bodies[0]); i++) {
            bool to_client = i % 2;
            int alert;
            HOUSE(h, way);

            CHECK_OK(bring(&h.w, to_client, TLCP_WAIT_CHANGE));
            CHECK_OK(instead(to_client ? h.w.client : h.w.server,
                             to_client ? h.w.server : h.w.client, TLCP_CHANGE, bodies[i / 2]));
            CHECK_RC(ends(&h.w, to_client, &alert), RC_CRYPTO);
            CHECK_INT(alert, TLCP_ILLEGAL_PARAMETER);
        }
}

/* Keys change between messages: what came before in the clear would count as if it were sealed. */
static void no_change_within_a_message(void)
{
    static const struct str begun[] = {STR("\x14"), STR("\x14\0\0"),
                                       STR("\x14\0\0\x0c"
                                           "abc")};

    for (enum way way = 0; way < WAYS; way++)
        for (size_t i = 0; i < 2 * sizeof(begun) / sizeof(begun[0]); i++) {
            bool to_client = i % 2;
            struct tlcp_conn *victim, *other;
            int alert;
            HOUSE(h, way);

            CHECK_OK(bring(&h.w, to_client, TLCP_WAIT_CHANGE));
            victim = to_client ? h.w.client : h.w.server;
            other = to_client ? h.w.server : h.w.client;
            CHECK_OK(instead(victim, other, TLCP_HANDSHAKE, begun[i / 2]));
            CHECK_OK(instead(victim, other, TLCP_CHANGE, STR("\x01")));
            CHECK_RC(ends(&h.w, to_client, &alert), RC_CRYPTO);
            CHECK_INT(alert, TLCP_UNEXPECTED_MESSAGE);
        }
}

TLCP_MAIN(CHECK_TEST_ONCE(nothing_else_than_what_is_due), CHECK_TEST_ONCE(no_message_may_be_harmed),
          CHECK_TEST_ONCE(another_finished), CHECK_TEST_ONCE(nothing_behind_finished),
          CHECK_TEST_ONCE(changes_are_the_one_byte), CHECK_TEST_ONCE(no_change_within_a_message))
