/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end (tls/client.h) against the server's (tls/conn.h), and against what is no TLS. */
#include "check.h"

#include <stdio.h>
#include <unistd.h>

#include "net/stream.h"
#include "pair.h"
#include "tls/client.h"
#include "tls/tls_int.h"
#include "tls/trust.h"
#include "x509/cert.h"

enum { ROUNDS = 60 };

struct both {
    struct world w;
    struct tls_client *client;
    struct net_stream *stream;
    enum rc opened;
    char why[256];
    char name[64]; /* that the server was asked for */
    size_t readies;
    bool whole;
};

static void both_done(struct both *b)
{
    if (b->stream)
        net_stream_free(b->stream);
    else
        tls_client_free(b->client);
    world_done(&b->w);
}

static void on_client_open(void *arg, enum rc rc, const struct err *err)
{
    struct both *b = arg;

    b->opened = rc;
    if (err)
        err_textz(err, b->why, sizeof(b->why));
}

static void on_stream_ready(void *arg)
{
    ((struct both *)arg)->readies++;
}

static enum rc begin(struct both *b, struct str alpn, struct str offered, const char *name)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    struct tls_context_conf server = {.alpn = alpn};
    struct tls_client_conf conf;

    TRY(world_init(&b->w, &server));
    TRY(identity("one", &id));
    tls_context_set_identity(b->w.context, id);
    SSL_free(MOVE(b->w.client));
    conf = (struct tls_client_conf){.ev = b->w.ev,
                                    .server_name = str_of(name),
                                    .alpn = offered,
                                    .on_open = on_client_open,
                                    .arg = b};
    b->opened = RC_COUNT;
    return tls_client_new(&conf, fd_move(&b->w.client_fd), &b->client);
}

static void turn(struct both *b)
{
    for (int i = 0; i < ROUNDS && (b->opened == RC_COUNT || b->w.opened == RC_COUNT); i++)
        ev_run_once(b->w.ev, EV_NOWAIT);
}

static void shakes_and_shows(void)
{
    CLEANUP(both_done) struct both b = {};
    CLEANUP(buf_done) struct buf der = BUF_INIT(TLS_CLIENT_CHAIN_MAX);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct x509_cert cert;

    CHECK_OK(begin(&b, STR("acme-tls/1"), STR("acme-tls/1"), "1.0.0.10.in-addr.arpa"));
    CHECK_INT(b.opened, RC_COUNT);
    turn(&b);
    CHECK_RC(b.opened, RC_OK);
    CHECK_STR(tls_client_alpn(b.client), "acme-tls/1");
    CHECK_OK(tls_client_certificate(b.client, &der));
    CHECK_OK(x509_cert_parse(&a, buf_str(&der), &cert, NULL));
    CHECK_STR(cert.common_name, "one");
}

static void speaks(void)
{
    CLEANUP(both_done) struct both b = {};
    char in[NET_STREAM_READ];
    size_t n = 0;

    CHECK_OK(begin(&b, STR(""), STR(""), ""));
    turn(&b);
    CHECK_RC(b.opened, RC_OK);
    CHECK_STR(tls_client_alpn(b.client), "");
    b.stream = tls_client_stream(MOVE(b.client));
    b.stream->ready = on_stream_ready;
    b.stream->arg = &b;
    CHECK_RC(b.stream->ops->read(b.stream, in, sizeof(in), &n), RC_AGAIN);
    CHECK_OK(b.stream->ops->write(b.stream, STR("ping"), &n));
    CHECK_INT(n, 4);
    CHECK_OK(tls_conn_read(b.w.conn, in, sizeof(in), &n));
    CHECK_STR(str_bytes(in, n), "ping");
    CHECK_OK(tls_conn_write(b.w.conn, STR("pong"), &n));
    b.stream->ops->want(b.stream, NET_WANT_READ);
    for (int i = 0; i < ROUNDS && !b.readies; i++)
        ev_run_once(b.w.ev, EV_NOWAIT);
    CHECK_INT(b.readies, 1);
    CHECK_OK(b.stream->ops->read(b.stream, in, sizeof(in), &n));
    CHECK_STR(str_bytes(in, n), "pong");
    tls_conn_free(MOVE(b.w.conn));
    CHECK_RC(b.stream->ops->read(b.stream, in, sizeof(in), &n), RC_CLOSED);
}

static void refusals(void)
{
    CLEANUP(both_done) struct both b = {};

    CHECK_OK(begin(&b, STR("http/1.1"), STR("acme-tls/1"), "one"));
    turn(&b);
    CHECK_RC(b.opened, RC_CRYPTO);
    CHECK(strstr(b.why, "the TLS handshake failed: ") || mem_fail_fired());
}

static void no_tls(const char *bytes, size_t n, enum rc wanted)
{
    CLEANUP(both_done) struct both b = {};
    int fd;

    struct tls_client_conf conf = {.server_name = STR("one"), .on_open = on_client_open, .arg = &b};
    int fds[2];

    CHECK_OK(begin(&b, STR(""), STR(""), "one"));
    /* The test itself is the server. */
    tls_client_free(MOVE(b.client));
    conf.ev = b.w.ev;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    fd = fds[1];
    CHECK_OK(tls_client_new(&conf, fds[0], &b.client));
    CHECK_INT(write(fd, bytes, n), (ssize_t)n);
    if (!n)
        fd_close(&fd);
    for (int i = 0; i < ROUNDS && b.opened == RC_COUNT; i++)
        ev_run_once(b.w.ev, EV_NOWAIT);
    fd_close(&fd);
    CHECK_RC(b.opened, wanted);
}

static void no_tls_at_all(void)
{
    no_tls("", 0, RC_NET);
    no_tls("HTTP/1.1 400 Bad Request\r\n\r\n", 28, RC_CRYPTO);
    no_tls("\x15\x03\x01\x00\x02\x02\x46", 7, RC_CRYPTO);
    no_tls("\x16\x03\x03\xff\xff", 5, RC_CRYPTO);
}

/* A server whose certificate is for "one" is held against `trusted` (PEM; empty: nobody is). */
static enum rc begin_trusted(struct both *b, bool trusted, const char *name)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(tls_trust_freep) struct tls_trust *trust = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(8192);
    struct tls_client_conf conf;
    size_t n = 0;

    TRY(world_init(&b->w, &(struct tls_context_conf){}));
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    TRY(certificate(key, "one", &pem));
    TRY(tls_identity_new(buf_str(&pem), key, &id, NULL));
    tls_context_set_identity(b->w.context, id);
    SSL_free(MOVE(b->w.client));
    TRY(tls_trust_new(&trust));
    if (trusted)
        TRY(tls_trust_add(trust, buf_str(&pem), &n));
    if (n != trusted)
        return RC_INVAL;
    conf = (struct tls_client_conf){.ev = b->w.ev,
                                    .server_name = str_of(name),
                                    .trust = trust,
                                    .farewell = true,
                                    .whole = b->whole,
                                    .on_open = on_client_open,
                                    .arg = b};
    b->opened = RC_COUNT;
    return tls_client_new(&conf, fd_move(&b->w.client_fd), &b->client);
}

static void trusts_whom_it_is_told(void)
{
    static const struct {
        bool trusted;
        const char *name;
        enum rc rc;
    } cases[] = {{true, "one", RC_OK}, {false, "one", RC_CRYPTO}, {true, "two", RC_CRYPTO}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(both_done) struct both b = {};

        CHECK_OK(begin_trusted(&b, cases[i].trusted, cases[i].name));
        turn(&b);
        CHECK_RC(b.opened, cases[i].rc);
        if (cases[i].rc != RC_OK)
            CHECK(strstr(b.why, "the server's certificate does not hold: "));
    }
}

/* What came before the end; then how it ended. */
static enum rc read_to_end(struct both *b, size_t *out_n)
{
    char in[NET_STREAM_READ];
    enum rc rc;

    *out_n = 0;
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = 0;

        rc = b->stream->ops->read(b->stream, in, sizeof(in), &n);
        *out_n += n;
        if (rc != RC_OK && rc != RC_AGAIN)
            return rc;
        ev_run_once(b->w.ev, EV_NOWAIT);
    }
    return RC_AGAIN;
}

/* The server ends with TLS's farewell, or without. */
static void ends(bool whole, bool farewell, enum rc wanted)
{
    CLEANUP(both_done) struct both b = {.whole = whole};
    char in[NET_STREAM_READ];
    size_t n = 0;
    int raw;

    CHECK_OK(begin_trusted(&b, true, "one"));
    raw = dup(b.w.conn_fd);
    CHECK(raw >= 0);
    turn(&b);
    CHECK_RC(b.opened, RC_OK);
    b.stream = tls_client_stream(MOVE(b.client));
    CHECK_OK(b.stream->ops->write(b.stream, STR("records"), &n));
    CHECK_OK(b.stream->ops->shutdown(b.stream));
    CHECK_OK(tls_conn_read(b.w.conn, in, sizeof(in), &n));
    CHECK_STR(str_bytes(in, n), "records");
    CHECK_RC(tls_conn_read(b.w.conn, in, sizeof(in), &n), RC_CLOSED);
    if (farewell)
        CHECK_OK(tls_conn_shutdown(b.w.conn));
    else
        (void)shutdown(raw, SHUT_RDWR); /* as the kernel does for one that was killed */
    close(raw);
    tls_conn_free(MOVE(b.w.conn));
    CHECK_RC(read_to_end(&b, &n), wanted);
    CHECK_INT(n, 0);
}

static void an_end_that_tls_does_not_say(void)
{
    ends(false, true, RC_CLOSED);
    ends(false, false, RC_CLOSED);
    ends(true, true, RC_CLOSED);
    ends(true, false, RC_NET);
}

/* Servers that have one group only, for the client's first guess at another. */
static void groups_of_servers(void)
{
    static char groups[][20] = {"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024",
                                "secp384r1"};

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        CLEANUP(both_done) struct both b = {};
        CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
        struct tls_context_conf server = {.alpn = STR("")};
        struct tls_client_conf conf = {.on_open = on_client_open, .arg = &b};
        struct tls_facts facts;

        CHECK_OK(world_init(&b.w, &server));
        CHECK_OK(identity("one", &id));
        tls_context_set_identity(b.w.context, id);
        CHECK_INT(SSL_CTX_set1_groups_list(tls_context_ssl(b.w.context), groups[i]), 1);
        CHECK_OK(connect_pair(&b.w));
        SSL_free(MOVE(b.w.client));
        conf.ev = b.w.ev;
        b.opened = RC_COUNT;
        CHECK_OK(tls_client_new(&conf, fd_move(&b.w.client_fd), &b.client));
        turn(&b);
        CHECK_RC(b.opened, RC_OK);
        CHECK_RC(b.w.opened, RC_OK);
        tls_conn_facts(b.w.conn, &facts);
        CHECK_STR(str_of(facts.group), groups[i]);
    }
}

static void long_names(void)
{
    CLEANUP(both_done) struct both b = {};
    char name[TLS_CLIENT_NAME_MAX + 2];

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    CHECK_RC(begin(&b, STR(""), STR(""), name), RC_TOOBIG);
}

CHECK_MAIN(CHECK_TEST_ONCE(shakes_and_shows), CHECK_TEST_ONCE(speaks), CHECK_TEST_ONCE(refusals),
           CHECK_TEST_ONCE(no_tls_at_all), CHECK_TEST_ONCE(trusts_whom_it_is_told),
           CHECK_TEST_ONCE(an_end_that_tls_does_not_say), CHECK_TEST_ONCE(long_names),
           CHECK_TEST_ONCE(groups_of_servers))
