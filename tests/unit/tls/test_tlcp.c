/* SPDX-License-Identifier: Apache-2.0 */
/* TLCP and TLS on one port: a client of TLCP, moved by hand, against a server's connection. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../tlcp/made.h"
#include "../x509/pki.h"
#include "base/fd.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "tlcp/conn.h"
#include "tls/clients.h"
#include "tls/conn.h"
#include "tls/context.h"

enum { BIG = 300'000 };

struct world {
    struct clock_fake clock;
    struct ev *ev;
    struct tls_context *context;
    struct tls_site site;
    struct tls_conn *conn;
    struct tlcp_client_conf client_conf;
    struct tlcp_conn *client;
    int fd;
    enum rc opened, client_rc; /* RC_COUNT: not yet */
    char why[256];
    size_t readies, refs;
    char asked[64];
    struct str wanted; /* what is looked for in what the server says; empty: nothing */
    bool said;
};

static struct tls_site *choose(void *arg, const struct tls_hello *hello)
{
    struct world *w = arg;

    IGNORE_RC(str_copyz(hello->server_name, w->asked, sizeof(w->asked)));
    return str_eq(hello->server_name, STR("wiki.example")) ? &w->site : NULL;
}

/* There is one site, and one world at a time. */
static size_t refs;

static void site_ref(struct tls_site *)
{
    refs++;
}

static void site_unref(struct tls_site *)
{
    refs--;
}

static void on_open(void *arg, enum rc rc, const struct err *err)
{
    struct world *w = arg;

    w->opened = rc;
    if (err)
        err_textz(err, w->why, sizeof(w->why));
}

static void on_ready(void *arg)
{
    ((struct world *)arg)->readies++;
}

static void hang_up(struct world *w)
{
    tls_conn_free(MOVE(w->conn));
    tlcp_conn_free(MOVE(w->client));
    fd_close(&w->fd);
}

static void world_done(struct world *w)
{
    hang_up(w);
    tls_site_done(&w->site);
    tls_context_free(w->context);
    ev_free(w->ev);
}

static enum rc connect_pair(struct world *w)
{
    struct tls_conn_conf conf = {w->ev, w->context, on_open, w, false, NULL};
    int fds[2];

    hang_up(w);
    w->opened = RC_COUNT;
    w->client_rc = RC_AGAIN;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    w->fd = fds[1];
    TRY(tlcp_client_new(&w->client_conf, &w->client));
    return tls_conn_accept(&conf, fds[0], &w->conn);
}

static enum rc begin(struct world *w, bool speaks)
{
    struct tls_context_conf conf = {
        .alpn = STR("http/1.1"), .choose = choose, .site_ref = site_ref, .site_unref = site_unref};

    conf.clock = &w->clock.clock;

    *w = (struct world){.fd = -1, .client_conf = {.server_name = STR("wiki.example")}};
    signal(SIGPIPE, SIG_IGN);
    refs = 0;
    clock_fake_init(&w->clock, PKI_FROM + WHEN_DAY);
    conf.arg = w;
    conf.tlcp = speaks ? &w->clock.clock : NULL;
    TRY(ev_new(&w->clock.clock, &w->ev));
    TRY(tls_site_init(&w->site, STR("wiki.example")));
    TRY(tls_context_new(&conf, &w->context));
    return connect_pair(w);
}

#define BEGIN(w, speaks)                                                                           \
    CLEANUP(world_done) struct world w = {.fd = -1};                                               \
    CHECK_OK(begin(&w, speaks))

/* The client does what it can; the loop of the server turns once. */
static void turn(struct world *w)
{
    struct str out;
    unsigned char *p;
    size_t room;
    ssize_t n;

    if (w->client_rc == RC_AGAIN)
        w->client_rc = tlcp_conn_shake(w->client, NULL);
    out = tlcp_conn_pending(w->client);
    n = out.n ? send(w->fd, out.p, out.n, MSG_NOSIGNAL) : 0;
    if (n > 0)
        tlcp_conn_sent(w->client, (size_t)n);
    ev_run_once(w->ev, EV_NOWAIT);
    p = tlcp_conn_room(w->client, &room);
    n = p && room ? recv(w->fd, p, room, 0) : 0;
    if (n > 0) {
        w->said |= w->wanted.n && memmem(p, (size_t)n, w->wanted.p, w->wanted.n);
        tlcp_conn_came(w->client, (size_t)n);
    }
}

static void shake(struct world *w)
{
    for (int i = 0; i < 20; i++)
        turn(w);
}

static void one_port_for_both(void)
{
    char in[32];
    size_t n;
    BEGIN(w, true);

    tls_site_set_tlcp(&w.site, of_server.identity);
    CHECK(tls_site_has_identity(&w.site));
    shake(&w);
    CHECK_RC(w.client_rc, RC_OK);
    CHECK_RC(w.opened, RC_OK);
    CHECK_STR(str_of(w.asked), "wiki.example");
    CHECK(tls_conn_site(w.conn) == &w.site);
    CHECK_INT(refs, 1);
    CHECK_STR(str_of(tls_conn_version(w.conn)), "TLCPv1.1");
    CHECK(!tls_conn_resumed(w.conn));
    CHECK_OK(tlcp_conn_write(w.client, STR("ping"), &n));
    tls_conn_want(w.conn, TLS_READ, on_ready, &w);
    shake(&w);
    CHECK(w.readies > 0);
    CHECK_OK(tls_conn_read(w.conn, in, sizeof(in), &n));
    CHECK_STR(str_bytes(in, n), "ping");
    CHECK_RC(tls_conn_read(w.conn, in, sizeof(in), &n), RC_AGAIN);
    CHECK_OK(tls_conn_write(w.conn, STR("pong"), &n));
    shake(&w);
    CHECK_OK(tlcp_conn_read(w.client, in, sizeof(in), &n));
    CHECK_STR(str_bytes(in, n), "pong");
    CHECK_OK(tls_conn_shutdown(w.conn));
    shake(&w);
    CHECK_RC(tlcp_conn_read(w.client, in, sizeof(in), &n), RC_CLOSED);
    hang_up(&w);
    CHECK_INT(refs, 0);
}

static void sessions_are_resumed(void)
{
    struct tlcp_session session;
    BEGIN(w, true);

    tls_site_set_tlcp(&w.site, of_server.identity);
    shake(&w);
    CHECK_OK(tlcp_conn_session(w.client, &session));
    w.client_conf.session = &session;
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK(tls_conn_resumed(w.conn));
}

/* What the client has to say, for later. */
static enum rc gather(struct world *w, struct buf *out)
{
    struct str some = tlcp_conn_pending(w->client);

    buf_puts(out, some);
    tlcp_conn_sent(w->client, some.n);
    return buf_rc(out);
}

/* Whoever resumes speaks last, and may say more in the same breath, an empty record first, as some
 * do: that it has come already is no matter. */
static void what_came_with_finished_is_read(void)
{
    CLEANUP(buf_done) struct buf all = BUF_INIT(4096);
    struct tlcp_session session;
    char in[32];
    size_t n;
    BEGIN(w, true);

    tls_site_set_tlcp(&w.site, of_server.identity);
    shake(&w);
    CHECK_OK(tlcp_conn_session(w.client, &session));
    w.client_conf.session = &session;
    CHECK_OK(connect_pair(&w));
    for (int i = 0; i < 20; i++) {
        w.client_rc = tlcp_conn_shake(w.client, NULL);
        if (w.client_rc != RC_AGAIN)
            break;
        turn(&w);
    }
    CHECK_OK(w.client_rc);
    CHECK_OK(gather(&w, &all));
    CHECK_OK(tlcp_conn_write(w.client, STR(""), &n));
    CHECK_OK(gather(&w, &all));
    CHECK_OK(tlcp_conn_write(w.client, STR("ping"), &n));
    CHECK_OK(gather(&w, &all));
    CHECK_INT(send(w.fd, all.p, all.n, MSG_NOSIGNAL), all.n);
    for (int i = 0; i < 20 && w.opened == RC_COUNT; i++)
        ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_OK);
    tls_conn_want(w.conn, TLS_READ, on_ready, &w);
    shake(&w);
    CHECK(w.readies > 0);
    CHECK_OK(tls_conn_read(w.conn, in, 2, &n));
    CHECK_STR(str_bytes(in, n), "pi");
    /* Nor what is left of a record, to whom takes it bit by bit. */
    w.readies = 0;
    tls_conn_want(w.conn, TLS_READ, on_ready, &w);
    shake(&w);
    CHECK(w.readies > 0);
    CHECK_OK(tls_conn_read(w.conn, in, sizeof(in), &n));
    CHECK_STR(str_bytes(in, n), "ng");
    CHECK_RC(tls_conn_read(w.conn, in, sizeof(in), &n), RC_AGAIN);
    /* Now there is nothing, and nobody is called for it. */
    tls_conn_want(w.conn, TLS_READ, on_ready, &w);
    shake(&w);
    w.readies = 0;
    shake(&w);
    CHECK_INT(w.readies, 0);
    /* An end that came behind what was read is told of, too, with no end of the connection. */
    buf_reset(&all);
    CHECK_OK(tlcp_conn_write(w.client, STR("pong"), &n));
    CHECK_OK(gather(&w, &all));
    CHECK_OK(tlcp_conn_close(w.client));
    CHECK_OK(gather(&w, &all));
    CHECK_INT(send(w.fd, all.p, all.n, MSG_NOSIGNAL), all.n);
    tls_conn_want(w.conn, TLS_READ, on_ready, &w);
    shake(&w);
    CHECK(w.readies > 0);
    CHECK_OK(tls_conn_read(w.conn, in, sizeof(in), &n));
    CHECK_STR(str_bytes(in, n), "pong");
    w.readies = 0;
    tls_conn_want(w.conn, TLS_READ, on_ready, &w);
    shake(&w);
    CHECK(w.readies > 0);
    CHECK_RC(tls_conn_read(w.conn, in, sizeof(in), &n), RC_CLOSED);
}

/* More than the socket takes: what was taken goes out, though nobody waits to write. */
static void what_was_taken_is_sent(void)
{
    CLEANUP(mem_freep) char *bytes = mem_calloc(1, BIG);
    char in[8192];
    size_t n, put = 0, got = 0;
    BEGIN(w, true);

    CHECK(bytes);
    for (size_t i = 0; i < BIG; i++)
        bytes[i] = (char)(i * 11);
    tls_site_set_tlcp(&w.site, of_server.identity);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    for (int i = 0; i < 10'000 && got < BIG; i++) {
        if (put < BIG && tls_conn_write(w.conn, str_bytes(bytes + put, BIG - put), &n) == RC_OK)
            put += n;
        tls_conn_want(w.conn, 0, on_ready, &w);
        turn(&w);
        while (tlcp_conn_read(w.client, in, sizeof(in), &n) == RC_OK) {
            CHECK(got + n <= put && memcmp(in, bytes + got, n) == 0);
            got += n;
        }
    }
    CHECK_INT(got, BIG);
    CHECK_INT(w.readies, 0);
}

static void refusals(void)
{
    BEGIN(w, true);

    /* No certificates. */
    shake(&w);
    CHECK_RC(w.opened, RC_CRYPTO);
    CHECK(strstr(w.why, "no certificates for TLCP"));
    CHECK_INT(tlcp_conn_alert(w.client), 40);
    CHECK_INT(refs, 0);
    tls_site_set_tlcp(&w.site, of_server.identity);
    w.client_conf.server_name = STR("other.example");
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK_RC(w.opened, RC_CRYPTO);
    CHECK(strstr(w.why, "other.example"));
    CHECK_INT(tlcp_conn_alert(w.client), 112);
    w.client_conf.server_name = STR("10.0.0.1");
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK_INT(tlcp_conn_alert(w.client), 47);
    CHECK_OK(connect_pair(&w));
    fd_close(&w.fd);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_NET);
    tls_site_keep(&w.site, TLS_KIND_EC);
    CHECK(w.site.tlcp); /* there is nothing else yet */
    tls_site_clear(&w.site);
    CHECK(!tls_site_has_identity(&w.site));
}

/* ---- clients that prove who they are */

/* Two certificates of a root of SM2, for the client's keys. */
struct proof {
    struct pki p;
    struct buf root, sign, encrypt;
    struct tlcp_identity *identity;
    struct tls_clients *clients;
};

static void proof_done(struct proof *f)
{
    tls_clients_unref(f->clients);
    tlcp_identity_unref(f->identity);
    pki_done(&f->p);
    buf_done(&f->root);
    buf_done(&f->sign);
    buf_done(&f->encrypt);
}

static enum rc put(struct proof *f, const struct crypto_key *key, unsigned usage, const char *name,
                   struct buf *out)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    struct x509_tbs_in in = {
        .serial = {.n = 8, .b = {0x44}},
        .issuer = f->p.root.subject,
        .issuer_key_id = f->p.root.ski,
        .sig_alg = crypto_sig_default(f->p.root_key),
        .not_before = PKI_FROM,
        .not_after = PKI_LEAF_TO - WHEN_SECOND,
        .subject = {.common_name = str_of(name)},
        .spki = crypto_key_spki(key),
        .subject_key_id = true,
        .key_usage = (uint16_t)usage,
        .eku = X509_EKU_CLIENT_AUTH,
    };

    TRY(pki_issue(&in, f->p.root_key, &der));
    buf_reset(out);
    text_pem(out, STR("CERTIFICATE"), buf_str(&der));
    return buf_rc(out);
}

/* The second may be of another subject. */
static enum rc prove(struct proof *f, const char *second, bool optional)
{
    struct tlcp_identity_in in = {.sign_key = of_client.sign, .encrypt_key = of_client.encrypt};
    struct tls_clients_conf conf = {.optional = optional};

    buf_init(&f->root, X509_CERT_MAX);
    buf_init(&f->sign, X509_CERT_MAX);
    buf_init(&f->encrypt, X509_CERT_MAX);
    TRY(pki_init_root(&f->p, key_load(key_sm2)));
    TRY(x509_cert_parse(&f->p.a, buf_str(&f->p.root_der), &f->p.root, NULL));
    text_pem(&f->root, STR("CERTIFICATE"), buf_str(&f->p.root_der));
    TRY(put(f, of_client.sign, X509_KU_DIGITAL_SIGNATURE, "laptop", &f->sign));
    TRY(put(f, of_client.encrypt, X509_KU_KEY_ENCIPHERMENT, second, &f->encrypt));
    in.sign_pem = buf_str(&f->sign);
    in.encrypt_pem = buf_str(&f->encrypt);
    TRY(tlcp_identity_new(&in, &f->identity, NULL));
    conf.roots = buf_str(&f->root);
    return tls_clients_new(&conf, &f->clients, NULL);
}

static enum rc dial(struct world *w, struct tlcp_identity *id, const uint16_t *suite)
{
    w->client_conf.identity = id;
    w->client_conf.suites = suite;
    w->client_conf.n_suites = suite ? 1 : 0;
    TRY(connect_pair(w));
    shake(w);
    return w->opened;
}

static const uint16_t suites[] = {TLCP_ECC_SM4_GCM_SM3, TLCP_ECDHE_SM4_GCM_SM3};

static void clients_prove_who_they_are(void)
{
    CLEANUP(proof_done) struct proof f = {};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    BEGIN(w, true);

    CHECK_OK(prove(&f, "laptop", false));
    tls_site_set_tlcp(&w.site, of_server.identity);
    CHECK_OK(tls_site_set_clients(&w.site, f.clients));
    for (size_t i = 0; i < 2; i++) {
        struct tls_caller *caller;
        when_t now;

        CHECK_OK(dial(&w, f.identity, &suites[i]));
        CHECK(tls_conn_clients(w.conn) == f.clients);
        buf_reset(&der);
        CHECK_OK(tls_conn_caller(w.conn, &der));
        CHECK_OK(tls_caller_new(buf_str(&der), &caller));
        CHECK_STR(caller->subject, "CN = laptop");
        tls_caller_free(caller);
        /* Whose certificates are wanted, they are told; and the messages may be what is signed. */
        w.wanted = f.p.root.subject;
        w.client_conf.raw_verify = true;
        CHECK_OK(dial(&w, f.identity, &suites[i]));
        CHECK(w.said);
        w.said = w.client_conf.raw_verify = false;
        /* Self-signed ones, and none. */
        CHECK_RC(dial(&w, of_client.identity, &suites[i]), RC_CRYPTO);
        CHECK_INT(tlcp_conn_alert(w.client), 45); /* made today, which it is not here */
        now = clock_now(&w.clock.clock);
        clock_fake_set(&w.clock, clock_now(clock_system()));
        CHECK_RC(dial(&w, of_client.identity, &suites[i]), RC_CRYPTO);
        CHECK_INT(tlcp_conn_alert(w.client), 43); /* not for clients */
        clock_fake_set(&w.clock, now);
    }
    CHECK_RC(dial(&w, NULL, &suites[0]), RC_CRYPTO);
    CHECK_INT(tlcp_conn_alert(w.client), 40);
    clock_fake_advance(&w.clock, PKI_LEAF_TO - PKI_FROM);
    CHECK_RC(dial(&w, f.identity, &suites[0]), RC_CRYPTO);
    CHECK(strstr(w.why, "not valid at this time"));
    CHECK_INT(tlcp_conn_alert(w.client), 45);
}

static void two_certificates_of_one(void)
{
    CLEANUP(proof_done) struct proof f = {};
    BEGIN(w, true);

    CHECK_OK(prove(&f, "server", false));
    tls_site_set_tlcp(&w.site, of_server.identity);
    CHECK_OK(tls_site_set_clients(&w.site, f.clients));
    CHECK_RC(dial(&w, f.identity, &suites[1]), RC_CRYPTO);
    CHECK(strstr(w.why, "same subject"));
}

static void clients_may_come_without(void)
{
    CLEANUP(proof_done) struct proof f = {};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    BEGIN(w, true);

    CHECK_OK(prove(&f, "laptop", true));
    tls_site_set_tlcp(&w.site, of_server.identity);
    CHECK_OK(tls_site_set_clients(&w.site, f.clients));
    CHECK_OK(dial(&w, NULL, &suites[0]));
    CHECK_RC(tls_conn_caller(w.conn, &der), RC_NOTFOUND);
    CHECK_OK(dial(&w, f.identity, &suites[0]));
    CHECK_OK(tls_conn_caller(w.conn, &der));
    CHECK_RC(dial(&w, of_client.identity, &suites[0]), RC_CRYPTO);
    /* Where nobody is asked, what ECDHE brings says nothing. */
    CHECK_OK(tls_site_set_clients(&w.site, NULL));
    w.wanted = f.p.root.subject;
    CHECK_OK(dial(&w, of_client.identity, &suites[1]));
    CHECK(!w.said);
    CHECK_RC(tls_conn_caller(w.conn, &der), RC_NOTFOUND);
    CHECK(!tls_conn_clients(w.conn));
}

static void where_it_is_not_spoken(void)
{
    BEGIN(w, false);

    tls_site_set_tlcp(&w.site, of_server.identity);
    shake(&w);
    CHECK_RC(w.opened, RC_UNSUPPORTED);
    CHECK_INT(tlcp_conn_alert(w.client), 70);
}

static void slow_ones_are_closed(void)
{
    BEGIN(w, true);

    tls_site_set_tlcp(&w.site, of_server.identity);
    turn(&w);
    clock_fake_advance(&w.clock, TLS_HANDSHAKE_SECONDS * WHEN_SECOND);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_TIMEOUT);
}

/* A ClientHello that says it has `says` bytes, in as many records of zeros as are taken; how many
 * bytes that were. */
static size_t send_hello(struct world *w, int fd, unsigned char version, uint32_t says)
{
    unsigned char record[5 + 16 * 1024] = {22, version, 1, 16 * 1024 / 256, 0, 1};
    size_t sent = 0;

    record[6] = (unsigned char)(says >> 16);
    record[7] = (unsigned char)(says >> 8);
    record[8] = (unsigned char)says;
    while (w->opened == RC_COUNT && sent < 1 << 20) {
        ssize_t n = send(fd, record, sizeof(record), MSG_DONTWAIT | MSG_NOSIGNAL);

        for (int i = 0; i < 4; i++)
            ev_run_once(w->ev, EV_NOWAIT);
        if (n < 0)
            break;
        sent += (size_t)n;
        memset(record + 5, 0, 4);
    }
    return sent;
}

static void endless_hellos(void)
{
    static const uint32_t says[] = {0xffffff, 100'000, 17'000};

    for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
        size_t sent;

        BEGIN(w, true);
        sent = send_hello(&w, w.fd, 1, says[i]);
        CHECK(w.opened != RC_COUNT && w.opened != RC_OK);
        if (sent > 48 * 1024)
            fail_msg("%u: %zu bytes were taken", says[i], sent);
    }
}

CHECK_MAIN_WITH(begin_all() == RC_OK, end_all(), CHECK_TEST(one_port_for_both),
                CHECK_TEST(sessions_are_resumed), CHECK_TEST(what_came_with_finished_is_read),
                CHECK_TEST_ONCE(what_was_taken_is_sent), CHECK_TEST_ONCE(refusals),
                CHECK_TEST(where_it_is_not_spoken), CHECK_TEST_ONCE(slow_ones_are_closed),
                CHECK_TEST_ONCE(clients_prove_who_they_are),
                CHECK_TEST_ONCE(two_certificates_of_one), CHECK_TEST_ONCE(clients_may_come_without),
                CHECK_TEST_ONCE(endless_hellos))
