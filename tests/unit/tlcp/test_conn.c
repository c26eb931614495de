/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "pair.h"

#define CONNECTED(w)                                                                               \
    do {                                                                                           \
        CHECK_OK(connect_pair(&(w)));                                                              \
        shake(&(w));                                                                               \
        CHECK_RC((w).client_rc, RC_OK);                                                            \
        CHECK_RC((w).server_rc, RC_OK);                                                            \
    } while (0)

static const struct {
    uint16_t code;
    const char *name;
} suites[] = {
    {TLCP_ECC_SM4_GCM_SM3, "ECC_SM4_GCM_SM3"},
    {TLCP_ECC_SM4_CBC_SM3, "ECC_SM4_CBC_SM3"},
    {TLCP_ECDHE_SM4_GCM_SM3, "ECDHE_SM4_GCM_SM3"},
    {TLCP_ECDHE_SM4_CBC_SM3, "ECDHE_SM4_CBC_SM3"},
};
enum { SUITES = sizeof(suites) / sizeof(suites[0]) };

static enum rc both_ways(struct world *w)
{
    TRY(say(w, w->client, w->server, STR("GET / HTTP/1.1\r\n\r\n")));
    return say(w, w->server, w->client, STR("HTTP/1.1 200 OK\r\n\r\n"));
}

static void by_default(void)
{
    WORLD(w);
    CONNECTED(w);
    CHECK_STR(str_of(tlcp_conn_suite(w.client)), "ECC_SM4_GCM_SM3");
    CHECK(!tlcp_conn_resumed(w.client) && !tlcp_conn_resumed(w.server));
    CHECK(tlcp_conn_certificate(w.client, 0).n && tlcp_conn_certificate(w.client, 1).n);
    CHECK(!tlcp_conn_certificate(w.client, 2).n && !tlcp_conn_certificate(w.server, 0).n);
    CHECK_INT(tlcp_conn_alpn(w.client).n, 0);
    CHECK_OK(both_ways(&w));
}

static void each_suite(void)
{
    for (size_t i = 0; i < SUITES; i++) {
        WORLD(w);
        w.client_conf.suites = &suites[i].code;
        w.client_conf.n_suites = 1;
        w.client_conf.identity = of_client.identity;
        CONNECTED(w);
        CHECK_STR(str_of(tlcp_conn_suite(w.server)), suites[i].name);
        CHECK_STR(str_of(tlcp_conn_suite(w.client)), suites[i].name);
        CHECK_OK(both_ways(&w));
        /* ECDHE takes both certificates of the client. */
        CHECK((tlcp_conn_certificate(w.server, 1).n != 0) == (i >= 2));
    }
}

static void names_and_protocols(void)
{
    WORLD(w);
    w.client_conf.server_name = STR("wiki.example");
    w.client_conf.alpn = STR("spdy http/1.1 h2");
    CONNECTED(w);
    CHECK(str_eq(str_bytes(w.name, w.name_n), STR("\0\x0f\0\0\x0cwiki.example")));
    CHECK_STR(tlcp_conn_alpn(w.client), "h2");
    CHECK_STR(tlcp_conn_alpn(w.server), "h2");
    w.server_conf.alpn = STR("");
    CONNECTED(w);
    CHECK_INT(tlcp_conn_alpn(w.client).n, 0);
    w.server_conf.alpn = STR("h3");
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK_RC(w.server_rc, RC_CRYPTO);
    CHECK_RC(w.client_rc, RC_NET);
    CHECK_INT(tlcp_conn_alert(w.client), 120);
}

static void unknown_names_are_refused(void)
{
    static const struct {
        enum rc said;
        int alert;
    } cases[] = {
        {RC_NOTFOUND, 112}, {RC_UNSUPPORTED, 40}, {RC_PARSE, 50}, {RC_INVAL, 47}, {RC_IO, 80}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WORLD(w);
        w.chosen = cases[i].said;
        CHECK_OK(connect_pair(&w));
        shake(&w);
        CHECK(w.server_rc == RC_CRYPTO || w.server_rc == cases[i].said);
        CHECK_RC(w.client_rc, RC_NET);
        CHECK_INT(tlcp_conn_alert(w.client), cases[i].alert);
    }
}

static void no_common_suite(void)
{
    static const uint16_t gcm = TLCP_ECC_SM4_GCM_SM3, cbc = TLCP_ECC_SM4_CBC_SM3;
    WORLD(w);

    w.client_conf.suites = &gcm;
    w.server_conf.suites = &cbc;
    w.client_conf.n_suites = w.server_conf.n_suites = 1;
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK_RC(w.server_rc, RC_CRYPTO);
    CHECK_INT(tlcp_conn_alert(w.client), 40);
    w.server_conf.n_suites = 0;
    CHECK_RC(connect_pair(&w), RC_INVAL);
    w.server_conf.suites = NULL;
    w.client_conf.suites = &(const uint16_t){0xe019};
    CHECK_RC(connect_pair(&w), RC_INVAL);
}

/* As Tongsuo 8.5's client has it, byte for byte but for the random: suites of RSA and the SCSV of
 * RFC 5746 beside ours, a name, and an empty session ticket. */
static void tongsuo_says_hello(void)
{
    static const struct str hello =
        STR("\x16\x01\x01\x00\x58\x01\x00\x00\x54\x01\x01"
            "0123456789abcdef0123456789abcdef"
            "\x00\x00\x12\xe0\x53\xe0\x51\xe0\x5a\xe0\x59\xe0\x13\xe0\x11\xe0"
            "\x1c\xe0\x19\x00\xff\x01\x00\x00\x19\x00\x00\x00\x11\x00\x0f\x00"
            "\x00\x0c"
            "wiki.example"
            "\x00\x23\x00\x00");
    static const uint16_t cbc = TLCP_ECC_SM4_CBC_SM3;
    WORLD(w);

    for (size_t i = 0; i < 2; i++) {
        struct str out;

        CHECK_OK(connect_pair(&w));
        CHECK_INT(feed(w.server, hello), hello.n);
        CHECK_RC(tlcp_conn_shake(w.server, NULL), RC_AGAIN);
        CHECK_STR(str_of(tlcp_conn_suite(w.server)), i ? "ECC_SM4_CBC_SM3" : "ECC_SM4_GCM_SM3");
        CHECK(str_eq(str_bytes(w.name, w.name_n), STR("\0\x0f\0\0\x0cwiki.example")));
        /* Record, message, version, random, an id of 32 bytes, the suite. */
        out = tlcp_conn_pending(w.server);
        CHECK(out.n > 5 + 4 + 2 + 32 + 1 + 32 + 2 && out.p[5] == 2 && out.p[43] == 32);
        CHECK(str_eq(str_head(str_skip(out, 76), 2), i ? STR("\xe0\x13") : STR("\xe0\x53")));
        w.server_conf.suites = &cbc;
        w.server_conf.n_suites = 1;
    }
}

static void sessions_are_resumed(void)
{
    for (size_t i = 0; i < SUITES; i++) {
        struct tlcp_session session;
        WORLD(w);

        w.client_conf.suites = &suites[i].code;
        w.client_conf.n_suites = 1;
        w.client_conf.identity = of_client.identity;
        CONNECTED(w);
        CHECK_INT(tlcp_sessions_count(w.sessions), 1);
        CHECK_OK(tlcp_conn_session(w.client, &session));
        CHECK_INT(session.id_n, TLCP_SESSION_ID);
        w.client_conf.session = &session;
        CONNECTED(w);
        CHECK(tlcp_conn_resumed(w.client) && tlcp_conn_resumed(w.server));
        CHECK_OK(both_ways(&w));
        CHECK(!tlcp_conn_certificate(w.client, 0).n);
        /* Once more, and with other offers. */
        CONNECTED(w);
        CHECK(tlcp_conn_resumed(w.server));
        w.client_conf.suites = &suites[i ^ 1].code;
        CONNECTED(w);
        CHECK(!tlcp_conn_resumed(w.server));
        CHECK_OK(both_ways(&w));
    }
}

/* Who is asked for certificates shows them each time, in each suite. */
static void who_proves_is_not_resumed(void)
{
    for (size_t i = 0; i < SUITES; i++) {
        struct tlcp_session session;
        WORLD(w);

        w.client_conf.suites = &suites[i].code;
        w.client_conf.n_suites = 1;
        w.client_conf.identity = of_client.identity;
        w.shown.ask = TLCP_ASK;
        CONNECTED(w);
        CHECK_INT(tlcp_sessions_count(w.sessions), 0);
        CHECK_RC(tlcp_conn_session(w.client, &session), RC_NOTFOUND);
        w.shown.ask = TLCP_ASK_NOBODY;
        CONNECTED(w);
        CHECK_OK(tlcp_conn_session(w.client, &session));
        w.client_conf.session = &session;
        w.shown.ask = TLCP_DEMAND;
        CONNECTED(w);
        CHECK(!tlcp_conn_resumed(w.client) && !tlcp_conn_resumed(w.server));
        CHECK(tlcp_conn_certificate(w.server, 0).n);
    }
}

static void sessions_belong_to_their_site(void)
{
    struct tlcp_session session;
    WORLD(w);

    CONNECTED(w);
    CHECK_OK(tlcp_conn_session(w.client, &session));
    w.client_conf.session = &session;
    w.shown.bound[31] ^= 1;
    CONNECTED(w);
    CHECK(!tlcp_conn_resumed(w.server) && !tlcp_conn_resumed(w.client));
    w.shown.bound[31] ^= 1;
    CONNECTED(w);
    CHECK(tlcp_conn_resumed(w.server));
    /* A site that asks for certificates gets them. */
    w.shown.ask = TLCP_ASK;
    CONNECTED(w);
    CHECK(!tlcp_conn_resumed(w.server));
    w.shown.ask = TLCP_ASK_NOBODY;
    clock_fake_advance(&w.clock, TLCP_SESSION_SECONDS * WHEN_SECOND);
    CONNECTED(w);
    CHECK(!tlcp_conn_resumed(w.server));
}

static void sessions_need_their_master(void)
{
    struct tlcp_session session;
    WORLD(w);

    CONNECTED(w);
    CHECK_OK(tlcp_conn_session(w.client, &session));
    session.master[0] ^= 1;
    w.client_conf.session = &session;
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK(w.client_rc != RC_OK && w.server_rc != RC_OK);
    /* Who only knew the id takes it away from nobody. */
    session.master[0] ^= 1;
    CONNECTED(w);
    CHECK(tlcp_conn_resumed(w.server));
}

static void without_sessions_nothing_is_resumed(void)
{
    struct tlcp_session session;
    WORLD(w);

    w.server_conf.sessions = NULL;
    CONNECTED(w);
    CHECK_RC(tlcp_conn_session(w.client, &session), RC_NOTFOUND);
}

static void client_certificates(void)
{
    static const bool flags[] = {false, true};

    for (size_t i = 0; i < 4; i++) {
        WORLD(w);
        w.shown.ask = TLCP_DEMAND;
        w.client_conf.identity = of_client.identity;
        w.client_conf.single = flags[i % 2];
        w.client_conf.raw_verify = flags[i / 2];
        CONNECTED(w);
        CHECK(tlcp_conn_certificate(w.server, 0).n);
        CHECK((tlcp_conn_certificate(w.server, 1).n != 0) == !w.client_conf.single);
        CHECK_OK(both_ways(&w));
        CHECK_INT(tlcp_sessions_count(w.sessions), 0);
    }
}

static void raw_proofs_are_taken_by_choice(void)
{
    WORLD(w);
    w.server_conf.raw_verify = false;
    w.shown.ask = TLCP_DEMAND;
    w.client_conf.identity = of_client.identity;
    w.client_conf.raw_verify = true;
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK_RC(w.server_rc, RC_CRYPTO);
    CHECK_INT(tlcp_conn_alert(w.client), 51);
}

static void no_client_certificate(void)
{
    WORLD(w);
    w.shown.ask = TLCP_ASK;
    CONNECTED(w);
    CHECK_INT(tlcp_conn_certificate(w.server, 0).n, 0);
    w.shown.ask = TLCP_DEMAND;
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK_RC(w.server_rc, RC_CRYPTO);
    CHECK_INT(tlcp_conn_alert(w.client), 40);
}

/* GB/T 38636 section 6.4.4.2: each reason has its alert, at either end. */
static void certificates_are_judged(void)
{
    static const struct {
        enum rc rc;
        enum x509_trouble trouble;
        int alert;
    } cases[] = {{RC_DENIED, X509_TROUBLE_OTHER, 42},   {RC_DENIED, X509_TROUBLE_USE, 43},
                 {RC_DENIED, X509_TROUBLE_REVOKED, 44}, {RC_DENIED, X509_TROUBLE_TIME, 45},
                 {RC_DENIED, X509_TROUBLE_ROOT, 48},    {RC_PARSE, X509_TROUBLE_OTHER, 42},
                 {RC_NOMEM, X509_TROUBLE_OTHER, 80}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum rc failed = cases[i].rc == RC_NOMEM ? RC_NOMEM : RC_CRYPTO;
        WORLD(w);

        w.trouble = cases[i].trouble;
        w.judged = cases[i].rc;
        w.client_conf.judge = judge_no;
        w.client_conf.arg = &w;
        CHECK_OK(connect_pair(&w));
        shake(&w);
        CHECK_RC(w.client_rc, failed);
        CHECK_RC(w.server_rc, RC_NET);
        CHECK_INT(tlcp_conn_alert(w.server), cases[i].alert);
        w.client_conf.judge = NULL;
        w.client_conf.identity = of_client.identity;
        w.shown.ask = TLCP_ASK;
        w.server_conf.judge = judge_no;
        CHECK_OK(connect_pair(&w));
        shake(&w);
        CHECK_RC(w.server_rc, failed);
        CHECK_INT(tlcp_conn_alert(w.client), cases[i].alert);
    }
}

static void both_forms_of_the_point(void)
{
    static const uint16_t ecdhe = TLCP_ECDHE_SM4_CBC_SM3;
    WORLD(w);

    w.client_conf.suites = &ecdhe;
    w.client_conf.n_suites = 1;
    w.client_conf.identity = of_client.identity;
    w.client_conf.ecdhe_vector = true;
    CONNECTED(w);
    CHECK_OK(both_ways(&w));
    /* ECDHE without an identity comes to nothing. */
    w.client_conf.identity = NULL;
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK_RC(w.client_rc, RC_CRYPTO);
}

static void bytes_come_one_by_one(void)
{
    for (size_t i = 0; i < SUITES; i++) {
        WORLD(w);
        w.piece = 1 + i;
        w.client_conf.suites = &suites[i].code;
        w.client_conf.n_suites = 1;
        w.client_conf.identity = of_client.identity;
        w.client_conf.alpn = STR("h2");
        CONNECTED(w);
        CHECK_OK(both_ways(&w));
    }
}

static void long_streams(void)
{
    enum { SIZES = 5 };
    static const size_t sizes[SIZES] = {1, 15, 16, 16384, 100'000};
    CLEANUP(mem_freep) char *bytes = mem_alloc(sizes[SIZES - 1]);

    CHECK(bytes);
    for (size_t i = 0; i < sizes[SIZES - 1]; i++)
        bytes[i] = (char)(i * 7);
    for (size_t i = 0; i < SUITES; i++) {
        WORLD(w);
        w.client_conf.suites = &suites[i].code;
        w.client_conf.n_suites = 1;
        w.client_conf.identity = of_client.identity;
        CONNECTED(w);
        for (size_t k = 0; k < SIZES; k++) {
            CHECK_OK(say(&w, w.client, w.server, str_bytes(bytes, sizes[k])));
            CHECK_OK(say(&w, w.server, w.client, str_bytes(bytes, sizes[k])));
        }
    }
}

static void records_wait_until_they_are_whole(void)
{
    char in[64];
    size_t n;
    WORLD(w);

    CONNECTED(w);
    CHECK_OK(tlcp_conn_write(w.client, STR("one"), &n));
    CHECK_RC(tlcp_conn_write(w.client, STR("two"), &n), RC_AGAIN);
    w.piece = tlcp_conn_pending(w.client).n - 1;
    carry(&w, w.client, w.server);
    CHECK_RC(tlcp_conn_read(w.server, in, sizeof(in), &n), RC_AGAIN);
    carry(&w, w.client, w.server);
    w.piece = 0;
    CHECK_OK(tlcp_conn_write(w.client, STR("two"), &n));
    carry(&w, w.client, w.server);
    /* All that is there, though it came in two records. */
    CHECK_OK(tlcp_conn_read(w.server, in, sizeof(in), &n));
    CHECK_STR(str_bytes(in, n), "onetwo");
    CHECK_RC(tlcp_conn_read(w.server, in, sizeof(in), &n), RC_AGAIN);
}

static void the_end_is_said(void)
{
    char in[64];
    size_t n;
    WORLD(w);

    CONNECTED(w);
    CHECK_OK(tlcp_conn_write(w.client, STR("last"), &n));
    CHECK_OK(tlcp_conn_close(w.client));
    CHECK_OK(tlcp_conn_close(w.client));
    CHECK_RC(tlcp_conn_write(w.client, STR("more"), &n), RC_NET);
    while (carry(&w, w.client, w.server))
        ;
    CHECK_OK(tlcp_conn_read(w.server, in, sizeof(in), &n));
    CHECK_STR(str_bytes(in, n), "last");
    CHECK_RC(tlcp_conn_read(w.server, in, sizeof(in), &n), RC_CLOSED);
    CHECK_RC(tlcp_conn_read(w.server, in, sizeof(in), &n), RC_CLOSED);
    /* The other direction goes on. */
    CHECK_OK(say(&w, w.server, w.client, STR("yet")));
}

static void bad_configurations(void)
{
    static const char *const lists[] = {
        "h2  http/1.1", " h2",
        "a-list-that-is-longer-than-sixty-four-bytes-together a-second-protocol"};
    char name[TLCP_NAME_MAX + 1] = {};
    WORLD(w);

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        w.client_conf.alpn = str_of(lists[i]);
        CHECK_RC(connect_pair(&w), RC_INVAL);
    }
    w.client_conf.alpn = STR("");
    w.client_conf.server_name = str_bytes(name, sizeof(name));
    CHECK_RC(connect_pair(&w), RC_INVAL);
}

static void identities_are_checked(void)
{
    struct tlcp_identity_in in = {buf_str(&of_server.sign_pem), of_server.sign,
                                  buf_str(&of_server.encrypt_pem), of_server.encrypt};
    struct tlcp_identity *id = NULL;
    struct err err = ERR_INIT;

    in.sign_key = of_server.encrypt;
    CHECK_RC(tlcp_identity_new(&in, &id, &err), RC_INVAL);
    CHECK_STR(str_of(err.msg->code), "tlcp.key");
    in = (struct tlcp_identity_in){buf_str(&of_server.encrypt_pem), of_server.encrypt,
                                   buf_str(&of_server.sign_pem), of_server.sign};
    CHECK_RC(tlcp_identity_new(&in, &id, &err), RC_INVAL);
    CHECK_STR(str_of(err.msg->code), "tlcp.key-usage");
    in.sign_pem = STR("nonsense");
    CHECK_RC(tlcp_identity_new(&in, &id, &err), RC_PARSE);
    CHECK(!id);
}

TLCP_MAIN(CHECK_TEST(by_default), CHECK_TEST_ONCE(each_suite), CHECK_TEST_ONCE(names_and_protocols),
          CHECK_TEST_ONCE(unknown_names_are_refused), CHECK_TEST_ONCE(no_common_suite),
          CHECK_TEST_ONCE(tongsuo_says_hello), CHECK_TEST(sessions_are_resumed),
          CHECK_TEST_ONCE(who_proves_is_not_resumed),
          CHECK_TEST_ONCE(sessions_belong_to_their_site),
          CHECK_TEST_ONCE(sessions_need_their_master),
          CHECK_TEST_ONCE(without_sessions_nothing_is_resumed), CHECK_TEST(client_certificates),
          CHECK_TEST_ONCE(raw_proofs_are_taken_by_choice), CHECK_TEST_ONCE(no_client_certificate),
          CHECK_TEST_ONCE(certificates_are_judged), CHECK_TEST(both_forms_of_the_point),
          CHECK_TEST_ONCE(bytes_come_one_by_one), CHECK_TEST_ONCE(long_streams),
          CHECK_TEST(records_wait_until_they_are_whole), CHECK_TEST(the_end_is_said),
          CHECK_TEST(bad_configurations), CHECK_TEST(identities_are_checked))
