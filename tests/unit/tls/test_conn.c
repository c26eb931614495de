/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <unistd.h>

#include "net/proxy.h"
#include "net/stream.h"
#include "pair.h"

static enum rc begin(struct world *w, bool with_identity)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    struct tls_context_conf conf = {STR("HTTP/1.1 400 Bad Request\r\n\r\nuse https\n")};

    TRY(world_init(w, &conf));
    if (with_identity) {
        TRY(identity("one", &id));
        tls_context_set_identity(w->context, id);
    }
    return RC_OK;
}

#define BEGIN(w)                                                                                   \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(begin(&w, true))

static void version(int min, int max, const char *want, const char *group)
{
    BEGIN(w);
    SSL_set_min_proto_version(w.client, min);
    SSL_set_max_proto_version(w.client, max);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_STR(str_of(tls_conn_version(w.conn)), want);
    CHECK_STR(str_of(SSL_get0_group_name(w.client)), group);
    CHECK_OK(exchange(&w));
}

#define TCP4 "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n"

static enum rc begin_proxied(struct world *w, struct str header)
{
    TRY(begin(w, true));
    w->proxied = true;
    TRY(connect_pair(w));
    return write(w->client_fd, header.p, header.n) == (ssize_t)header.n ? RC_OK : RC_NET;
}

/* With the ClientHello right behind it, and in a packet of its own. */
static void takes_a_proxy_header(void)
{
    for (int i = 0; i < 2; i++) {
        CLEANUP(world_done) struct world w = {};
        struct net_proxy ends;

        CHECK_OK(begin_proxied(&w, STR(TCP4)));
        if (i)
            ev_run_once(w.ev, EV_NOWAIT);
        shake(&w);
        CHECK_RC(w.opened, RC_OK);
        CHECK_OK(exchange(&w));
        CHECK_OK(tls_conn_ends(w.conn, &ends));
        CHECK_INT(ends.from.port, 56324);
        CHECK_INT(ends.from.addr.b[3], 1);
        CHECK_INT(ends.to.port, 443);
    }
}

static void a_proxy_header_may_come_in_pieces(void)
{
    CLEANUP(world_done) struct world w = {};

    CHECK_OK(begin_proxied(&w, STR("")));
    for (size_t i = 0; i < strlen(TCP4); i++) {
        CHECK_INT(write(w.client_fd, &TCP4[i], 1), 1);
        ev_run_once(w.ev, EV_NOWAIT);
    }
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_OK(exchange(&w));
}

/* The load balancer looks whether we are there. */
static void a_proxy_header_may_be_local(void)
{
    CLEANUP(world_done) struct world w = {};
    struct net_proxy ends;

    CHECK_OK(begin_proxied(&w, STR("PROXY UNKNOWN\r\n")));
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_OK(exchange(&w));
    CHECK_RC(tls_conn_ends(w.conn, &ends), RC_INVAL); /* the socket was asked: one of no network */
}

static void a_proxy_header_has_to_be_there(void)
{
    CLEANUP(world_done) struct world w = {};

    CHECK_OK(begin_proxied(&w, STR("")));
    shake(&w);
    CHECK_RC(w.opened, RC_PARSE);
    CHECK(strstr(w.why, "PROXY protocol"));
}

/* ... and is nothing to those who are not known to send it. */
static void a_proxy_header_is_not_taken_from_strangers(void)
{
    BEGIN(w);
    CHECK_INT(write(w.client_fd, TCP4, strlen(TCP4)), (int)strlen(TCP4));
    shake(&w);
    clock_fake_advance(&w.clock, TLS_PLAIN_LINGER_SECONDS * WHEN_SECOND);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_UNSUPPORTED);
}

static bool nobody(void *arg, const struct addr *client)
{
    (void)arg;
    return client->b[3] != 1;
}

/* Who is told by it is asked about before anything is done for him; who is not told is let in. */
static void a_proxy_header_may_name_somebody_unwanted(void)
{
    static const struct {
        const char *header;
        enum rc rc;
    } cases[] = {{TCP4, RC_QUOTA},
                 {"PROXY TCP4 192.0.2.2 10.0.0.1 1 443\r\n", RC_OK},
                 {"PROXY UNKNOWN\r\n", RC_OK}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(world_done) struct world w = {};

        CHECK_OK(begin(&w, true));
        w.proxied = true;
        w.named = nobody;
        CHECK_OK(connect_pair(&w));
        CHECK_INT(write(w.client_fd, cases[i].header, strlen(cases[i].header)),
                  (int)strlen(cases[i].header));
        ev_run_once(w.ev, EV_NOWAIT);
        shake(&w);
        CHECK_RC(w.opened, cases[i].rc);
    }
}

static void a_proxy_header_has_its_time(void)
{
    CLEANUP(world_done) struct world w = {};

    CHECK_OK(begin_proxied(&w, STR("PROXY ")));
    ev_run_once(w.ev, EV_NOWAIT);
    clock_fake_advance(&w.clock, TLS_HANDSHAKE_SECONDS * WHEN_SECOND);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_TIMEOUT);
}

static void tls_1_3(void)
{
    version(TLS1_3_VERSION, 0, "TLSv1.3", "X25519MLKEM768");
}

static void tls_1_2(void)
{
    version(TLS1_2_VERSION, TLS1_2_VERSION, "TLSv1.2", "x25519");
}

/* Of a client that has no other. */
static void each_group_alone(void)
{
    static struct { /* OpenSSL's macro takes constness away */
        char offered[20];
        const char *told; /* as OpenSSL calls it afterwards */
    } groups[] = {{"X25519", "x25519"},
                  {"secp256r1", "secp256r1"},
                  {"secp384r1", "secp384r1"},
                  {"X25519MLKEM768", "X25519MLKEM768"},
                  {"SecP256r1MLKEM768", "SecP256r1MLKEM768"},
                  {"SecP384r1MLKEM1024", "SecP384r1MLKEM1024"}};

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        struct tls_facts facts;

        BEGIN(w);
        CHECK_INT(SSL_set1_groups_list(w.client, groups[i].offered), 1);
        shake(&w);
        CHECK_RC(w.opened, RC_OK);
        tls_conn_facts(w.conn, &facts);
        CHECK_STR(str_of(facts.group), groups[i].told);
    }
}

/* Of a client that sends a share of one hybrid and of one classical group. */
static void hybrid_groups_first(void)
{
    static char offers[][64] = {"*secp384r1:*SecP384r1MLKEM1024", "*X25519:*SecP256r1MLKEM768"};

    for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        struct tls_facts facts;

        BEGIN(w);
        CHECK_INT(SSL_set1_groups_list(w.client, offers[i]), 1);
        shake(&w);
        CHECK_RC(w.opened, RC_OK);
        tls_conn_facts(w.conn, &facts);
        CHECK(strstr(facts.group, "MLKEM"));
    }
}

static void old_things_fail(void)
{
    BEGIN(w);
    SSL_CTX_set_security_level(w.client_ctx, 0);
    CHECK_OK(connect_pair(&w));
    SSL_set_min_proto_version(w.client, TLS1_VERSION);
    SSL_set_max_proto_version(w.client, TLS1_1_VERSION);
    shake(&w);
    CHECK_RC(w.opened, RC_CRYPTO);
    CHECK(w.why[0]);
    CHECK_OK(connect_pair(&w));
    SSL_set_max_proto_version(w.client, TLS1_2_VERSION);
    SSL_set_cipher_list(w.client, "AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA256");
    shake(&w);
    CHECK_RC(w.opened, RC_CRYPTO);
    CHECK_OK(connect_pair(&w));
    SSL_set1_groups_list(w.client, "ffdhe2048:secp521r1");
    shake(&w);
    CHECK_RC(w.opened, RC_CRYPTO);
}

static void alpn(void)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1", other[] = "\x0a"
                                                                        "acme-tls/1";
    BEGIN(w);
    SSL_set_alpn_protos(w.client, both, sizeof(both) - 1);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_STR(tls_conn_alpn(w.conn), "http/1.1");
    CHECK_OK(connect_pair(&w));
    SSL_set_alpn_protos(w.client, other, sizeof(other) - 1);
    shake(&w);
    CHECK_RC(w.opened, RC_CRYPTO);
    CHECK_INT(w.alert, SSL_AD_NO_APPLICATION_PROTOCOL);
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_STR(tls_conn_alpn(w.conn), "");
}

/* The server's list, and its order. */
static void alpn_list(void)
{
    static const unsigned char offered[] = "\x08http/1.1\x02h2";
    static const struct str bad[] = {
        STR(" "),
        STR("h2 "),
        STR(" h2"),
        STR("h2  http/1.1"),
        STR("0123456789012345678901234567890123456789012345678901234567890123"),
    };
    CLEANUP(world_done) struct world w = {.client_fd = -1};
    struct tls_context_conf conf = {.alpn = STR("h2 http/1.1")};
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    struct tls_context *none = NULL;

    CHECK_OK(world_init(&w, &conf));
    CHECK_OK(identity_of(key_p256, "one", &id));
    tls_context_set_identity(w.context, id);
    SSL_set_alpn_protos(w.client, offered, sizeof(offered) - 1);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_STR(tls_conn_alpn(w.conn), "h2");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        conf.alpn = bad[i];
        CHECK_RC(tls_context_new(&conf, &none), RC_INVAL);
    }
}

static void without_identity(void)
{
    CLEANUP(world_done) struct world w = {};

    CHECK_OK(begin(&w, false));
    CHECK(!tls_context_has_identity(w.context));
    shake(&w);
    CHECK_RC(w.opened, RC_CRYPTO);
}

static void another_identity_under_an_open_connection(void)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *two = NULL;
    char name[64];

    BEGIN(w);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    shown(&w, name);
    CHECK_STR(str_of(name), "one");
    CHECK_OK(identity("two", &two));
    tls_context_set_identity(w.context, two);
    CHECK_OK(exchange(&w));
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    shown(&w, name);
    CHECK_STR(str_of(name), "two");
    /* Even in the middle of a handshake. */
    CHECK_OK(connect_pair(&w));
    SSL_do_handshake(w.client);
    ev_run_once(w.ev, EV_NOWAIT);
    tls_context_set_identity(w.context, NULL);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_OK(exchange(&w));
}

static void resumes_by_ticket(void)
{
    SSL_SESSION *session;
    char in[4];

    BEGIN(w);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_OK(exchange(&w));
    CHECK_INT(SSL_read(w.client, in, sizeof(in)), -1);
    session = SSL_get1_session(w.client);
    SSL_shutdown(w.client);
    if (connect_pair(&w) == RC_OK) {
        SSL_set_session(w.client, session);
        shake(&w);
    }
    SSL_SESSION_free(session);
    CHECK_RC(w.opened, RC_OK);
    CHECK(SSL_session_reused(w.client));
    CHECK_OK(exchange(&w));
}

static void slow_handshake(void)
{
    BEGIN(w);
    SSL_do_handshake(w.client);
    ev_run_once(w.ev, EV_NOWAIT);
    clock_fake_advance(&w.clock, TLS_HANDSHAKE_SECONDS * WHEN_SECOND - 1);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_INT(w.opened, RC_COUNT);
    clock_fake_advance(&w.clock, 1);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_TIMEOUT);
}

static void client_goes_away(void)
{
    BEGIN(w);
    fd_close(&w.client_fd);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_NET);
    CHECK_OK(connect_pair(&w));
    SSL_do_handshake(w.client);
    ev_run_once(w.ev, EV_NOWAIT);
    fd_close(&w.client_fd);
    ev_run_once(w.ev, EV_NOWAIT);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_NET);
}

static void garbage(void)
{
    BEGIN(w);
    CHECK_INT(write(w.client_fd, "\x16\x03\x01\xff\xff garbage", 13), 13);
    ev_run_once(w.ev, EV_NOWAIT);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_CRYPTO);
}

static void http_without_tls(void)
{
    char in[128];
    ssize_t n;

    BEGIN(w);
    CHECK_INT(write(w.client_fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    ev_run_once(w.ev, EV_NOWAIT);
    n = read(w.client_fd, in, sizeof(in));
    CHECK(n > 0);
    CHECK_STR(str_bytes(in, (size_t)n), "HTTP/1.1 400 Bad Request\r\n\r\nuse https\n");
    CHECK_INT(read(w.client_fd, in, sizeof(in)), 0);
    CHECK_INT(w.opened, RC_COUNT);
    clock_fake_advance(&w.clock, TLS_PLAIN_LINGER_SECONDS * WHEN_SECOND);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_UNSUPPORTED);
}

/* The client's first bytes one by one, which may be told apart only at the last of them. */
static void byte_by_byte(void)
{
    static const char request[] = "BASELINE-CONTROL / HTTP/1.1\r\n\r\n";
    BIO *out = BIO_new(BIO_s_mem());
    char *bytes;
    long n;

    BEGIN(w);
    SSL_set0_wbio(w.client, out);
    SSL_do_handshake(w.client);
    n = BIO_get_mem_data(out, &bytes);
    for (long i = 0; i < n; i++) {
        CHECK_INT(write(w.client_fd, bytes + i, 1), 1);
        ev_run_once(w.ev, EV_NOWAIT);
        CHECK_INT(w.opened, RC_COUNT);
    }
    SSL_set0_wbio(w.client, BIO_new_socket(w.client_fd, BIO_NOCLOSE));
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_OK(exchange(&w));
    CHECK_OK(connect_pair(&w));
    for (size_t i = 0; i < 10; i++) {
        CHECK_INT(write(w.client_fd, request + i, 1), 1);
        ev_run_once(w.ev, EV_NOWAIT);
    }
    CHECK_INT(recv(w.client_fd, (char[1]){}, 1, MSG_PEEK), -1);
    CHECK_INT(write(w.client_fd, request + 10, 1), 1);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_INT(recv(w.client_fd, (char[1]){}, 1, MSG_PEEK), 1);
}

/* Longer than what is read before OpenSSL is asked. */
static void long_hello(void)
{
    static unsigned char protocols[3000];

    BEGIN(w);
    for (size_t i = 0; i < sizeof(protocols); i += 100)
        protocols[i] = 99;
    memcpy(protocols + 1, "\x08http/1.1\x59", 10);
    SSL_set_alpn_protos(w.client, protocols, sizeof(protocols));
    shake(&w);
    CHECK_RC(w.opened, RC_CRYPTO);
    CHECK_INT(w.alert, SSL_AD_NO_APPLICATION_PROTOCOL);
    memset(protocols, 0, sizeof(protocols));
    for (size_t i = 0; i < sizeof(protocols); i += 100) {
        memcpy(protocols + i, "\x08http/1.1\x5a", 10);
    }
    CHECK_OK(connect_pair(&w));
    SSL_set_alpn_protos(w.client, protocols, sizeof(protocols));
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_OK(exchange(&w));
}

static void tlcp(void)
{
    char in[16];

    BEGIN(w);
    CHECK_INT(write(w.client_fd, "\x16\x01\x01\x00\x40\x01\x00\x00\x3c\x01\x01", 11), 11);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_UNSUPPORTED);
    CHECK_STR(str_of(w.why), "the client spoke TLCP, which is not served here");
    CHECK_INT(read(w.client_fd, in, sizeof(in)), 7);
    CHECK_INT(memcmp(in, "\x15\x01\x01\x00\x02\x02\x46", 7), 0);
}

/* Who shows the same to everybody takes no offence at what it is called. */
static void any_name_without_choice(void)
{
    char name[] = "my_ca.";

    BEGIN(w);
    SSL_set_tlsext_host_name(w.client, name);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK(!tls_conn_site(w.conn));
}

static void ends_in_order(void)
{
    char in[16];
    size_t n;

    BEGIN(w);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_RC(tls_conn_read(w.conn, in, sizeof(in), &n), RC_AGAIN);
    CHECK_OK(tls_conn_shutdown(w.conn));
    CHECK_INT(SSL_read(w.client, in, sizeof(in)), 0);
    CHECK_INT(SSL_get_error(w.client, 0), SSL_ERROR_ZERO_RETURN);
    SSL_write(w.client, "late", 4);
    CHECK_OK(tls_conn_read(w.conn, in, sizeof(in), &n));
    CHECK_INT(n, 4);
    SSL_shutdown(w.client);
    CHECK_RC(tls_conn_read(w.conn, in, sizeof(in), &n), RC_CLOSED);
}

static void calls_when_ready(void)
{
    char in[16];
    size_t n;

    BEGIN(w);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_RC(tls_conn_read(w.conn, in, sizeof(in), &n), RC_AGAIN);
    tls_conn_want(w.conn, TLS_READ, on_ready, &w);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_INT(w.readies, 0);
    SSL_write(w.client, "x", 1);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_INT(w.readies, 1);
    tls_conn_want(w.conn, 0, on_ready, &w);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_INT(w.readies, 1);
    tls_conn_want(w.conn, TLS_WRITE, on_ready, &w);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_INT(w.readies, 2);
}

static void more_than_the_socket_takes(void)
{
    static char big[1 << 20], in[65536];
    struct str rest = {big, sizeof(big)};
    size_t n, got = 0;
    enum rc rc;

    BEGIN(w);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    while ((rc = tls_conn_write(w.conn, rest, &n)) == RC_OK)
        rest = str_skip(rest, n);
    CHECK_RC(rc, RC_AGAIN);
    CHECK(rest.n > 0);
    for (int i = 0; i < 10000 && got < sizeof(big); i++) {
        int r = SSL_read(w.client, in, sizeof(in));

        got += r > 0 ? (size_t)r : 0;
        if (rest.n && tls_conn_write(w.conn, rest, &n) == RC_OK)
            rest = str_skip(rest, n);
    }
    CHECK_INT(got, sizeof(big));
}

static void identities_are_checked(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL, *other = NULL, *public = NULL;
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(8192);
    CLEANUP(buf_done) struct buf many = BUF_INIT(65536);

    BEGIN(w);
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &other));
    CHECK_OK(crypto_key_from_spki(crypto_key_spki(key), &public, NULL));
    CHECK_OK(certificate(key, "x", &pem));
    CHECK_RC(tls_identity_new(buf_str(&pem), other, &id, NULL), RC_INVAL);
    CHECK_RC(tls_identity_new(buf_str(&pem), public, &id, NULL), RC_INVAL);
    CHECK_RC(tls_identity_new(STR(""), key, &id, NULL), RC_PARSE);
    CHECK_RC(tls_identity_new(STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                              key, &id, NULL),
             RC_PARSE);
    for (int i = 0; i <= TLS_CHAIN_MAX; i++)
        buf_puts(&many, buf_str(&pem));
    CHECK_RC(tls_identity_new(buf_str(&many), key, &id, NULL), RC_TOOBIG);
    CHECK_OK(tls_identity_new(buf_str(&pem), key, &id, NULL));
}

/* The client's own certificate, and what the server makes of it. */
static void shake_with(struct world *w, int version, const char *pem, struct crypto_key *key)
{
    SSL_set_min_proto_version(w->client, version);
    SSL_set_max_proto_version(w->client, version);
    if (pem) {
        BIO *in = BIO_new_mem_buf(pem, -1);
        X509 *x = PEM_read_bio_X509(in, NULL, NULL, NULL);

        SSL_use_certificate(w->client, x);
        SSL_use_PrivateKey(w->client, crypto_ossl_pkey(key));
        X509_free(x);
        BIO_free(in);
    }
    shake(w);
}

static void asks_for_certificates(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(16384);
    const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct tls_shown shown;

    BEGIN(w);
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    CHECK_OK(certificate(key, "alice", &pem));
    for (size_t i = 0; i < 2; i++) {
        tls_context_set_asks(w.context, false);
        CHECK_OK(connect_pair(&w));
        shake_with(&w, versions[i], buf_z(&pem), key);
        CHECK_RC(w.opened, RC_OK);
        CHECK_OK(exchange(&w));
        CHECK_RC(tls_conn_shown(w.conn, &shown), RC_NOTFOUND); /* it was not asked */
        CHECK(SSL_SESSION_has_ticket(SSL_get_session(w.client)));

        tls_context_set_asks(w.context, true);
        CHECK_OK(connect_pair(&w));
        shake_with(&w, versions[i], buf_z(&pem), key);
        CHECK_RC(w.opened, RC_OK);
        CHECK_OK(exchange(&w));
        CHECK_OK(tls_conn_shown(w.conn, &shown));
        CHECK_INT(shown.n_serial, 1);
        CHECK_INT(shown.serial[0], 1);
        CHECK(!SSL_SESSION_has_ticket(SSL_get_session(w.client)));

        CHECK_OK(connect_pair(&w)); /* nobody has to */
        shake_with(&w, versions[i], NULL, NULL);
        CHECK_RC(w.opened, RC_OK);
        CHECK_OK(exchange(&w));
        CHECK_RC(tls_conn_shown(w.conn, &shown), RC_NOTFOUND);
    }
}

/* Neither a session from before it was asked nor one from after is taken up: who it was of is not
 * known of this connection. */
static void resumes_nothing_where_it_asks(void)
{
    const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    BEGIN(w);
    for (size_t i = 0; i < 6; i++) {
        SSL_SESSION *left;
        bool then_asks = i < 4; /* else it is taken up, so that this test could tell */

        tls_context_set_asks(w.context, i == 2 || i == 3);
        CHECK_OK(connect_pair(&w));
        shake_with(&w, versions[i % 2], NULL, NULL);
        CHECK_OK(exchange(&w));
        left = SSL_get1_session(w.client);
        SSL_shutdown(w.client); /* else OpenSSL does not offer it again */
        tls_context_set_asks(w.context, then_asks);
        CHECK_OK(connect_pair(&w));
        SSL_set_session(w.client, left);
        shake_with(&w, versions[i % 2], NULL, NULL);
        SSL_SESSION_free(left);
        CHECK_RC(w.opened, RC_OK);
        CHECK_INT(SSL_session_reused(w.client), !then_asks);
        CHECK_INT(tls_conn_resumed(w.conn), !then_asks);
    }
}

/* They come with one call, so nobody would be told of those that are left. */
static void reads_all_records_that_came(void)
{
    char in[NET_STREAM_READ];
    size_t n;

    BEGIN(w);
    shake(&w);
    CHECK_INT(SSL_write(w.client, "one", 3), 3);
    CHECK_INT(SSL_write(w.client, "two", 3), 3);
    CHECK_INT(SSL_write(w.client, "three", 5), 5);
    CHECK_OK(tls_conn_read(w.conn, in, sizeof(in), &n));
    CHECK_STR(str_bytes(in, n), "onetwothree");
    CHECK_RC(tls_conn_read(w.conn, in, sizeof(in), &n), RC_AGAIN);
    /* More than the caller takes stays for the next time, and so does an end. */
    CHECK_INT(SSL_write(w.client, "four", 4), 4);
    CHECK_INT(SSL_write(w.client, "five", 4), 4);
    CHECK_INT(SSL_shutdown(w.client), 0);
    CHECK_OK(tls_conn_read(w.conn, in, 6, &n));
    CHECK_STR(str_bytes(in, n), "fourfi");
    CHECK_OK(tls_conn_read(w.conn, in, sizeof(in), &n));
    CHECK_STR(str_bytes(in, n), "ve");
    CHECK_RC(tls_conn_read(w.conn, in, sizeof(in), &n), RC_CLOSED);
}

/* The client's Finished and what he says first have come in one packet, and nothing else comes
 * until he has his answer. */
static void hears_what_came_with_the_finished(struct world *w)
{
    char in[16];
    size_t n;

    for (int i = 0; i < 50 && SSL_do_handshake(w->client) != 1; i++)
        ev_run_once(w->ev, EV_NOWAIT);
    CHECK_RC(w->opened, RC_COUNT);
    CHECK_INT(SSL_write(w->client, "first", 5), 5);
    for (int i = 0; i < 5 && w->opened == RC_COUNT; i++)
        ev_run_once(w->ev, EV_NOWAIT);
    CHECK_RC(w->opened, RC_OK);
    tls_conn_want(w->conn, TLS_READ, on_ready, w);
    ev_run_once(w->ev, EV_NOWAIT);
    CHECK_INT(w->readies, 1);
    /* As long as something is left, and who wants it. */
    CHECK_OK(tls_conn_read(w->conn, in, 2, &n));
    CHECK_STR(str_bytes(in, n), "fi");
    ev_run_once(w->ev, EV_NOWAIT);
    CHECK_INT(w->readies, 2);
    tls_conn_want(w->conn, 0, on_ready, w);
    ev_run_once(w->ev, EV_NOWAIT);
    CHECK_INT(w->readies, 2);
    tls_conn_want(w->conn, TLS_READ, on_ready, w);
    CHECK_OK(tls_conn_read(w->conn, in, sizeof(in), &n));
    CHECK_STR(str_bytes(in, n), "rst");
    ev_run_once(w->ev, EV_NOWAIT);
    CHECK_INT(w->readies, 2);
}

/* In TLS 1.2 who resumes says the last word of the handshake. */
static void speaks_with_the_finished_of_a_session(void)
{
    SSL_SESSION *session;

    BEGIN(w);
    SSL_CTX_set_max_proto_version(w.client_ctx, TLS1_2_VERSION);
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    session = SSL_get1_session(w.client);
    SSL_shutdown(w.client);
    if (connect_pair(&w) == RC_OK)
        SSL_set_session(w.client, session);
    SSL_SESSION_free(session);
    hears_what_came_with_the_finished(&w);
    CHECK(SSL_session_reused(w.client));
}

static void speaks_with_the_finished(void)
{
    BEGIN(w);
    hears_what_came_with_the_finished(&w);
}

/* TLS 1.2: the connection goes on as it is, or ends. */
static void no_renegotiation(void)
{
    char in[16];
    size_t n;
    bool again = false;
    enum rc rc = RC_AGAIN;

    BEGIN(w);
    SSL_set_max_proto_version(w.client, TLS1_2_VERSION);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_OK(exchange(&w));
    CHECK_INT(SSL_renegotiate(w.client), 1);
    for (int i = 0; i < 20 && !again; i++) {
        again = SSL_do_handshake(w.client) == 1;
        rc = tls_conn_read(w.conn, in, sizeof(in), &n);
    }
    CHECK(!again);
    CHECK(rc != RC_OK);
    crypto_ossl_clear();
}

/* TLS 1.3: what came with the ClientHello could have been recorded, and is never seen. */
static void no_early_data(void)
{
    SSL_SESSION *session, *made;
    char in[16];
    size_t n = 0;

    BEGIN(w);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_OK(exchange(&w)); /* the ticket comes with it */
    session = SSL_get1_session(w.client);
    CHECK_INT(SSL_SESSION_get_max_early_data(session), 0);
    made = SSL_SESSION_dup(session);
    SSL_SESSION_free(session);
    CHECK(made && SSL_SESSION_is_resumable(made));
    CHECK_INT(SSL_SESSION_set_max_early_data(made, 1000), 1);
    CHECK_OK(connect_pair(&w));
    CHECK_INT(SSL_set_session(w.client, made), 1);
    SSL_SESSION_free(made);
    CHECK_INT(SSL_write_early_data(w.client, "early", 5, &n), 1);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_INT(SSL_get_early_data_status(w.client), SSL_EARLY_DATA_REJECTED);
    CHECK_RC(tls_conn_read(w.conn, in, sizeof(in), &n), RC_AGAIN);
    CHECK_OK(exchange(&w));
}

CHECK_MAIN(CHECK_TEST(asks_for_certificates), CHECK_TEST(reads_all_records_that_came),
           CHECK_TEST_ONCE(resumes_nothing_where_it_asks), CHECK_TEST_ONCE(takes_a_proxy_header),
           CHECK_TEST_ONCE(a_proxy_header_may_come_in_pieces),
           CHECK_TEST_ONCE(a_proxy_header_may_be_local),
           CHECK_TEST_ONCE(a_proxy_header_has_to_be_there),
           CHECK_TEST_ONCE(a_proxy_header_is_not_taken_from_strangers),
           CHECK_TEST_ONCE(a_proxy_header_has_its_time), CHECK_TEST(tls_1_3), CHECK_TEST(tls_1_2),
           CHECK_TEST_ONCE(a_proxy_header_may_name_somebody_unwanted),
           CHECK_TEST_ONCE(each_group_alone), CHECK_TEST_ONCE(hybrid_groups_first),
           CHECK_TEST_ONCE(old_things_fail), CHECK_TEST(alpn), CHECK_TEST(alpn_list),
           CHECK_TEST_ONCE(byte_by_byte), CHECK_TEST(long_hello), CHECK_TEST(tlcp),
           CHECK_TEST(any_name_without_choice), CHECK_TEST(without_identity),
           CHECK_TEST(another_identity_under_an_open_connection),
           CHECK_TEST_ONCE(resumes_by_ticket), CHECK_TEST(slow_handshake),
           CHECK_TEST(client_goes_away), CHECK_TEST(garbage), CHECK_TEST(http_without_tls),
           CHECK_TEST(ends_in_order), CHECK_TEST(calls_when_ready),
           CHECK_TEST(more_than_the_socket_takes), CHECK_TEST(identities_are_checked),
           CHECK_TEST_ONCE(speaks_with_the_finished),
           CHECK_TEST_ONCE(speaks_with_the_finished_of_a_session),
           CHECK_TEST_ONCE(no_renegotiation), CHECK_TEST_ONCE(no_early_data))
