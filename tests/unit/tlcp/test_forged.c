/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that are none in messages that are otherwise whole, for both ends: points, signatures,
 * ciphers and certificates. Where a peer signs them, they are signed as they should be: it is the
 * owner of the keys who is hostile. */
#include "check.h"

#include "flight.h"
#include "sm2.h"

static const uint16_t gcm[] = {TLCP_ECC_SM4_GCM_SM3}, ecdhe[] = {TLCP_ECDHE_SM4_CBC_SM3};

/* A number of a point, a signature or a cipher, with its value in hexadecimal. */
static enum rc put_hex(const char *hex, struct buf *out)
{
    BIGNUM *v = NULL;
    unsigned char bytes[CRYPTO_SM2_FIELD];
    int n = BN_hex2bn(&v, hex) ? BN_bn2binpad(v, bytes, sizeof(bytes)) : -1;

    BN_free(v);
    if (n < 0)
        return RC_INVAL;
    buf_put(out, bytes, sizeof(bytes));
    return buf_rc(out);
}

/* ---- points */

/* x = 1 on the curve, and 1 and p for the same number; the base points of this curve and P-256. */
#define X_1 "1"
#define X_1_AND_P "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF000000010000000000000000"
#define Y_1 "9F7A091433A81E3F218F405F792355BF2AA98B5FFA95982F03870800065279A3"
#define X_G "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
#define Y_G "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
#define X_P256 "6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
#define Y_P256 "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5"
#define FF32 "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
/* Of order 3 where a is ours and b another; those with y = 0 are of order 2. */
#define Y_ORDER_3 "D2FE2145A107EA2644177798876894D992F17ABD42D9BEA67834AA9EC001205F"

static const struct {
    uint8_t form;
    const char *x, *y;
    bool good;
} points[] = {
    {4, X_1, Y_1, true},          {4, X_G, Y_G, true},          {4, "0", "0", false},
    {4, X_1_AND_P, Y_1, false},   {4, X_G, "0", false},         {4, "0", Y_G, false},
    {4, "2", Y_ORDER_3, false},   {4, Y_G, X_G, false},         {4, X_P256, Y_P256, false},
    {4, SM2_FIELD_P, Y_G, false}, {4, X_G, FF32, false},        {4, FF32, FF32, false},
    {4, SM2_FIELD_P, "0", false}, {4, X_1, SM2_FIELD_P, false}, {2, X_G, Y_G, false},
    {3, X_G, Y_G, false},         {6, X_G, Y_G, false},         {7, X_G, Y_G, false},
    {0, X_G, Y_G, false},         {0, "0", "0", false},
};
enum { POINTS = sizeof(points) / sizeof(points[0]) };

static enum rc put_point(size_t i, struct buf *out)
{
    buf_u8(out, points[i].form);
    TRY(put_hex(points[i].x, out));
    return put_hex(points[i].y, out);
}

/* ServerKeyExchange of ECDHE with that point, signed by the server for this handshake. */
static enum rc signed_point(struct world *w, const struct crypto_key *key, struct str point,
                            struct buf *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(1024), signature = BUF_INIT(CRYPTO_SIG_MAX);

    tlcp_params_write(point, out);
    TRY(buf_rc(out));
    TRY(tlcp_signed_params(w->server->hs, buf_str(out), &text));
    TRY(crypto_sign(key, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER, buf_str(&text), &signature));
    tlcp_signature_write(buf_str(&signature), out);
    return buf_rc(out);
}

static void points_of_a_server(void)
{
    for (size_t i = 0; i < POINTS; i++) {
        CLEANUP(buf_done) struct buf point = BUF_INIT(128), body = BUF_INIT(512);
        WORLD(w);

        CHECK_OK(put_point(i, &point));
        CHECK_OK(both_proven(&w, true, ecdhe));
        CHECK_OK(signed_point(&w, of_server.sign, buf_str(&point), &body));
        /* What a good one leads to cannot be read, as the server has another number to it. */
        CHECK_INT(answer_at_once(&w, true, TLCP_SERVER_KEY_EXCHANGE, buf_str(&body)),
                  points[i].good ? -1 : TLCP_ILLEGAL_PARAMETER);
        CHECK_RC(tlcp_conn_shake(w.client, NULL), points[i].good ? RC_AGAIN : RC_CRYPTO);
    }
}

static void points_of_a_client(void)
{
    for (size_t i = 0; i < 2 * POINTS; i++) {
        CLEANUP(buf_done) struct buf point = BUF_INIT(128), body = BUF_INIT(512);
        WORLD(w);

        CHECK_OK(put_point(i / 2, &point));
        if (i % 2)
            buf_u16(&body, TLCP_PARAMS);
        tlcp_params_write(buf_str(&point), &body);
        CHECK_OK(buf_rc(&body));
        CHECK_OK(both_proven(&w, false, ecdhe));
        CHECK_INT(answer_at_once(&w, false, TLCP_CLIENT_KEY_EXCHANGE, buf_str(&body)),
                  points[i / 2].good ? -1 : TLCP_ILLEGAL_PARAMETER);
    }
}

/* Infinity is a single zero (GB/T 32918.1 section 4.2.9), a compressed point has 33 bytes. */
static void points_of_other_lengths(void)
{
    static const size_t lengths[] = {0, 1, 32, 33, 64, 66, 97, 129, 255};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        for (int form = 0; form < 2; form++) {
            CLEANUP(buf_done) struct buf point = BUF_INIT(256), body = BUF_INIT(1024);
            WORLD(w);

            if (lengths[i])
                buf_u8(&point, lengths[i] == 33 ? 2 : lengths[i] == 1 ? 0 : 4);
            while (point.n < lengths[i])
                buf_u8(&point, 1);
            CHECK_OK(buf_rc(&point));
            CHECK_OK(both_proven(&w, true, ecdhe));
            CHECK_OK(signed_point(&w, of_server.sign, buf_str(&point), &body));
            CHECK_INT(answer_at_once(&w, true, TLCP_SERVER_KEY_EXCHANGE, buf_str(&body)),
                      TLCP_DECODE_ERROR);
            buf_reset(&body);
            if (form)
                buf_u16(&body, (uint16_t)(4 + point.n));
            tlcp_params_write(buf_str(&point), &body);
            CHECK_OK(buf_rc(&body));
            CHECK_OK(both_proven(&w, false, ecdhe));
            CHECK_INT(answer_at_once(&w, false, TLCP_CLIENT_KEY_EXCHANGE, buf_str(&body)),
                      TLCP_DECODE_ERROR);
        }
}

#define ONCE "7E07124814B309489125EAED101113164EBF0F3458C5BD88335C1F9D596243D6"

/* An identity whose number cancels out that of ONCE. */
static enum rc make_evil(struct made *m)
{
    struct tlcp_identity_in in;

    buf_init(&m->sign_pem, 8192);
    buf_init(&m->encrypt_pem, 8192);
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_SM2, 0}, &m->sign));
    m->encrypt = sm2_cancels(ONCE);
    if (!m->encrypt)
        return RC_CRYPTO;
    TRY(sm2_certificate(m->sign, "critical,digitalSignature", "evil", &m->sign_pem));
    TRY(sm2_certificate(m->encrypt, "critical,keyAgreement", "evil", &m->encrypt_pem));
    in = (struct tlcp_identity_in){buf_str(&m->sign_pem), m->sign, buf_str(&m->encrypt_pem),
                                   m->encrypt};
    return tlcp_identity_new(&in, &m->identity, NULL);
}

/* Two points, each of which is one, whose sum is infinity: everybody would know what both have. */
static void points_that_cancel_out(void)
{
    CLEANUP(unmake) struct made evil = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *once = sm2_pair(ONCE);
    CLEANUP(buf_done) struct buf point = BUF_INIT(128), body = BUF_INIT(512);
    struct crypto_public public;

    CHECK_OK(make_evil(&evil));
    public = crypto_key_public(once);
    buf_u8(&point, 4);
    buf_puts(&point, public.a);
    buf_puts(&point, public.b);
    CHECK_OK(buf_rc(&point));
    for (int to_client = 0; to_client < 2; to_client++) {
        WORLD(w);

        buf_reset(&body);
        w.shown.identity = to_client ? evil.identity : of_server.identity;
        w.client_conf.identity = to_client ? of_client.identity : evil.identity;
        CHECK_OK(both_proven(&w, to_client, ecdhe));
        if (to_client)
            CHECK_OK(signed_point(&w, evil.sign, buf_str(&point), &body));
        else
            tlcp_params_write(buf_str(&point), &body);
        CHECK_OK(buf_rc(&body));
        CHECK_INT(answer_to(&w, to_client,
                            to_client ? TLCP_SERVER_KEY_EXCHANGE : TLCP_CLIENT_KEY_EXCHANGE,
                            buf_str(&body)),
                  TLCP_ILLEGAL_PARAMETER);
    }
}

/* ---- signatures */

/* The body of the message of that type. */
static enum rc find_body(const struct flight *f, uint8_t type, struct str *out)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->records[i].p[0] == 22 && (uint8_t)f->records[i].p[5] == type) {
            *out = body_of(f->records[i]);
            return RC_OK;
        }
    return RC_NOTFOUND;
}

/* How r and s of a good signature become those of one that is none: plus how often the order, and
 * negated; or both in place of them. */
static const struct {
    const char *r, *s; /* NULL: as it is */
    bool add_r, add_s, negate;
    bool good;
} signatures[] = {
    {.good = true},
    {.r = "0"},
    {.s = "0"},
    {.r = "0", .s = "0"},
    {.r = "1", .s = "0"},
    {.r = "0", .s = "1"},
    {.r = "1", .s = "1"},
    {.r = SM2_ORDER_N},
    {.s = SM2_ORDER_N},
    {.r = SM2_ORDER_N, .s = SM2_ORDER_N},
    /* r + s = n, so that t is zero: GB/T 32918.2 section 7.1, B5 */
    {.r = "1", .s = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54122"},
    {.r = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54122", .s = "1"},
    {.r = SM2_FIELD_P},
    {.r = FF32, .s = FF32},
    {.r = "-1"},
    {.s = "-1"},
    {.add_r = true},
    {.add_s = true},
    {.add_r = true, .add_s = true},
    {.negate = true},
};
enum { SIGNATURES = sizeof(signatures) / sizeof(signatures[0]) };

static enum rc read_integer(struct rd *r, BIGNUM *out)
{
    bool integer = rd_u8(r) == 2;
    struct str n = rd_bytes(r, rd_u8(r));

    return integer && rd_rc(r) == RC_OK && BN_bin2bn((const unsigned char *)n.p, (int)n.n, out)
               ? RC_OK
               : RC_PARSE;
}

/* DER of any number, also of one below zero (-1 alone). */
static void put_number(const BIGNUM *v, struct buf *out)
{
    unsigned char bytes[2 * CRYPTO_SM2_FIELD] = {};
    int n = BN_bn2bin(v, bytes);

    if (BN_is_negative(v))
        buf_puts(out, STR("\x02\x01\xff"));
    else
        sm2_put_integer(out, str_bytes(bytes, n ? (size_t)n : 1));
}

static enum rc forge(size_t i, struct str good, struct buf *out)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(256);
    struct rd rd = rd_of(str_skip(good, 2));
    BIGNUM *r = BN_new(), *s = BN_new(), *n = NULL;
    enum rc rc = read_integer(&rd, r);

    if (rc == RC_OK)
        rc = read_integer(&rd, s);
    BN_hex2bn(&n, SM2_ORDER_N);
    if (signatures[i].r)
        BN_hex2bn(&r, signatures[i].r);
    if (signatures[i].s)
        BN_hex2bn(&s, signatures[i].s);
    if (signatures[i].add_r)
        BN_add(r, r, n);
    if (signatures[i].add_s)
        BN_add(s, s, n);
    if (signatures[i].negate) {
        BN_sub(r, n, r);
        BN_sub(s, n, s);
    }
    put_number(r, &body);
    put_number(s, &body);
    sm2_put_sequence(buf_str(&body), out);
    BN_free(r);
    BN_free(s);
    BN_free(n);
    return rc == RC_OK ? buf_rc(out) : rc;
}

/* Who says what is signed: the server its key, of either kind, or the client that it is there. */
static const struct {
    bool to_client;
    uint8_t type;
    size_t before; /* the signature */
    const uint16_t *suite;
} signers[] = {
    {true, TLCP_SERVER_KEY_EXCHANGE, 0, gcm},
    {true, TLCP_SERVER_KEY_EXCHANGE, TLCP_PARAMS, ecdhe},
    {false, TLCP_CERTIFICATE_VERIFY, 0, gcm},
    {false, TLCP_CERTIFICATE_VERIFY, 0, ecdhe},
};
enum { SIGNERS = sizeof(signers) / sizeof(signers[0]) };

/* The signature of what is pending, and what is before it. */
static enum rc overhear(struct world *w, size_t k, struct buf *all, struct str *head,
                        struct str *signature)
{
    struct flight f = {};
    struct str body;
    struct str out = tlcp_conn_pending(signers[k].to_client ? w->server : w->client);

    buf_puts(all, out);
    TRY(buf_rc(all));
    out = buf_str(all);
    for (f.n = 0; out.n && f.n < RECORDS_MAX; f.n++) {
        size_t n = 5 + ((size_t)(unsigned char)out.p[3] << 8 | (unsigned char)out.p[4]);

        f.records[f.n] = str_head(out, n);
        out = str_skip(out, n);
    }
    TRY(find_body(&f, signers[k].type, &body));
    *head = str_head(body, signers[k].before);
    return tlcp_signature_read(str_skip(body, signers[k].before), signature);
}

/* What comes of it: a good one lets the handshake go on. */
static int judge_signature(struct world *w, size_t k, struct str head, struct str signature)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(1024);

    buf_puts(&body, head);
    tlcp_signature_write(signature, &body);
    if (buf_rc(&body) != RC_OK)
        return -2;
    return answer_at_once(w, signers[k].to_client, signers[k].type, buf_str(&body));
}

static void numbers_that_sign_nothing(void)
{
    for (size_t k = 0; k < SIGNERS; k++)
        for (size_t i = 0; i < SIGNATURES; i++) {
            CLEANUP(buf_done) struct buf all = BUF_INIT(TLCP_PENDING_MAX), forged = BUF_INIT(256);
            struct str head, good;
            int alert;
            WORLD(w);

            CHECK_OK(both_proven(&w, signers[k].to_client, signers[k].suite));
            CHECK_OK(overhear(&w, k, &all, &head, &good));
            CHECK_OK(forge(i, good, &forged));
            CHECK(!signatures[i].good || str_eq(buf_str(&forged), good));
            alert = judge_signature(&w, k, head, buf_str(&forged));
            if (alert != (signatures[i].good ? -1 : TLCP_DECRYPT_ERROR))
                fail_msg("signer %zu, signature %zu: alert %d", k, i, alert);
        }
}

/* The same two numbers written in another way than DER's, or with something around them. */
static void signatures_in_another_form(void)
{
    enum { BEHIND, LONG_LENGTH, ZERO_BEFORE, SET, CUT, FORMS };

    for (size_t k = 0; k < SIGNERS; k++)
        for (int form = 0; form < FORMS; form++) {
            CLEANUP(buf_done) struct buf all = BUF_INIT(TLCP_PENDING_MAX), made = BUF_INIT(256);
            struct str head, good, inner;
            WORLD(w);

            CHECK_OK(both_proven(&w, signers[k].to_client, signers[k].suite));
            CHECK_OK(overhear(&w, k, &all, &head, &good));
            inner = str_skip(good, 2);
            buf_u8(&made, form == SET ? 0x31 : 0x30);
            if (form == LONG_LENGTH)
                buf_u8(&made, 0x81);
            buf_u8(&made, (uint8_t)(inner.n + (form == ZERO_BEFORE)));
            if (form == ZERO_BEFORE) {
                buf_u8(&made, 2);
                buf_u8(&made, (uint8_t)(inner.p[1] + 1));
                buf_u8(&made, 0);
                inner = str_skip(inner, 2);
            }
            buf_puts(&made, form == CUT ? str_head(inner, inner.n - 1) : inner);
            if (form == BEHIND)
                buf_u8(&made, 0);
            CHECK_OK(buf_rc(&made));
            CHECK_INT(judge_signature(&w, k, head, buf_str(&made)), TLCP_DECRYPT_ERROR);
        }
}

/* ---- ciphers */

/* What a client encrypts its premaster into: x, y, C3, C2. */
static const struct {
    const char *x, *y; /* NULL: as they are */
    int c3, c2;        /* how many bytes longer than they should be */
    bool good;
} ciphers[] = {
    {.good = true},
    {.x = "0", .y = "0"},
    {.y = "0"},
    {.x = "0"},
    {.x = "1", .y = "1"},
    {.x = X_1, .y = Y_1},
    {.x = X_1_AND_P, .y = Y_1},
    {.x = "2", .y = Y_ORDER_3},
    {.x = X_P256, .y = Y_P256},
    {.x = SM2_FIELD_P},
    {.y = SM2_FIELD_P},
    {.x = FF32, .y = FF32},
    {.x = SM2_ORDER_N},
    {.x = "-1"},
    {.y = "-1"},
    {.c3 = 1},
    {.c3 = -1},
    {.c3 = -32},
    {.c2 = 1},
    {.c2 = -1},
    {.c2 = -48},
};
enum { CIPHERS = sizeof(ciphers) / sizeof(ciphers[0]), C3 = 32 };

static void put_octets(struct buf *out, struct str s, int more)
{
    struct str head = more < 0 ? str_head(s, s.n - (size_t)-more) : s;

    buf_u8(out, 4);
    buf_u8(out, (uint8_t)(s.n + (size_t)more));
    buf_puts(out, head);
    for (int i = 0; i < more; i++)
        buf_u8(out, 0);
}

static enum rc make_cipher(size_t i, struct buf *out)
{
    CLEANUP(buf_done) struct buf good = BUF_INIT(512), body = BUF_INIT(512);
    char premaster[TLCP_PREMASTER] = {1, 1};
    BIGNUM *x = BN_new(), *y = BN_new();
    struct str c3, c2;
    struct rd r;
    enum rc rc = crypto_sm2_encrypt(of_server.encrypt, str_bytes(premaster, TLCP_PREMASTER), &good);

    if (rc != RC_OK || good.p[1] & 0x80) /* 32 + 32 + 32 + 48 bytes and some need a long length */
        r = rd_of(str_skip(buf_str(&good), 3));
    else
        r = rd_of(str_skip(buf_str(&good), 2));
    if (rc == RC_OK)
        rc = read_integer(&r, x);
    if (rc == RC_OK)
        rc = read_integer(&r, y);
    rd_u8(&r);
    c3 = rd_bytes(&r, rd_u8(&r));
    rd_u8(&r);
    c2 = rd_bytes(&r, rd_u8(&r));
    if (ciphers[i].x)
        BN_hex2bn(&x, ciphers[i].x);
    if (ciphers[i].y)
        BN_hex2bn(&y, ciphers[i].y);
    put_number(x, &body);
    put_number(y, &body);
    put_octets(&body, c3, ciphers[i].c3);
    put_octets(&body, c2, ciphers[i].c2);
    BN_free(x);
    BN_free(y);
    buf_u16(out, (uint16_t)(body.n + (body.n < 0x80 ? 2 : 3)));
    buf_u8(out, 0x30);
    if (body.n >= 0x80)
        buf_u8(out, 0x81);
    buf_u8(out, (uint8_t)body.n);
    buf_puts(out, buf_str(&body));
    TRY(rc);
    return c3.n == C3 && c2.n == TLCP_PREMASTER ? buf_rc(out) : RC_CORRUPT;
}

/* Nobody learns which it was: the server goes on, to a Finished that it cannot read. Of a good one
 * nobody here has the premaster either, but what it opens to is what was meant. */
static void ciphers_that_are_none(void)
{
    for (size_t i = 0; i < CIPHERS; i++) {
        CLEANUP(buf_done) struct buf body = BUF_INIT(1024);
        unsigned char got[TLCP_PREMASTER];
        char meant[TLCP_PREMASTER] = {1, 1};
        struct str cipher;
        WORLD(w);

        CHECK_OK(make_cipher(i, &body));
        w.client_conf.suites = gcm;
        w.client_conf.n_suites = 1;
        CHECK_OK(until_client_answered(&w));
        CHECK_INT(answer_to(&w, false, TLCP_CLIENT_KEY_EXCHANGE, buf_str(&body)),
                  TLCP_BAD_RECORD_MAC);
        CHECK_OK(tlcp_client_key_read_cipher(buf_str(&body), &cipher));
        CHECK_OK(tlcp_premaster_take(of_server.encrypt, cipher, got));
        CHECK((memcmp(got, meant, sizeof(got)) == 0) == ciphers[i].good);
    }
}

/* ---- certificates */

/* The same Certificate, but that the key of the first or the second leaf is no point. */
static enum rc spoil(const struct flight *f, const struct made *of, int leaf, size_t i,
                     struct buf *out)
{
    CLEANUP(buf_done) struct buf point = BUF_INIT(128);
    struct crypto_public public = crypto_key_public(leaf ? of->encrypt : of->sign);
    struct str body;

    TRY(put_point(i, &point));
    TRY(find_body(f, TLCP_CERTIFICATE, &body));
    for (size_t at = 1; at + public.a.n <= body.n; at++)
        if (str_eq(str_head(str_skip(body, at), public.a.n), public.a)) {
            buf_puts(out, str_head(body, at - 1));
            buf_puts(out, buf_str(&point));
            buf_puts(out, str_skip(body, at - 1 + point.n));
            return buf_rc(out);
        }
    return RC_NOTFOUND;
}

static void certificates_without_a_point(void)
{
    for (size_t i = 0; i < 4 * POINTS; i++) {
        CLEANUP(buf_done) struct buf body = BUF_INIT(TLCP_CERTIFICATES_MAX);
        CLEANUP(flight_done) struct flight f = {};
        bool to_client = i & 1;
        struct tlcp_conn *from;
        int alert;
        WORLD(w);

        if (points[i / 4].good)
            continue;
        CHECK_OK(both_proven(&w, to_client, ecdhe));
        from = to_client ? w.server : w.client;
        CHECK_OK(listen_in(from, &f));
        CHECK_OK(spoil(&f, to_client ? &of_server : &of_client, i >> 1 & 1, i / 4, &body));
        buf_puts(&from->pending, buf_str(&f.bytes));
        CHECK_OK(buf_rc(&from->pending));
        alert = answer_at_once(&w, to_client, TLCP_CERTIFICATE, buf_str(&body));
        if (alert != TLCP_UNSUPPORTED_CERTIFICATE)
            fail_msg("point %zu, leaf %zu, %s: alert %d", i / 4, i >> 1 & 1,
                     to_client ? "client" : "server", alert);
    }
}

TLCP_MAIN(CHECK_TEST_ONCE(points_of_a_server), CHECK_TEST_ONCE(points_of_a_client),
          CHECK_TEST_ONCE(points_of_other_lengths), CHECK_TEST_ONCE(points_that_cancel_out),
          CHECK_TEST_ONCE(numbers_that_sign_nothing), CHECK_TEST_ONCE(signatures_in_another_form),
          CHECK_TEST_ONCE(ciphers_that_are_none), CHECK_TEST_ONCE(certificates_without_a_point))
