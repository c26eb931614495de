/* SPDX-License-Identifier: Apache-2.0 */
/* A client and a server of TLCP, and the wire between them, for the tests of this folder. */
#pragma once

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/key.h"
#include "crypto/ossl.h"
#include "crypto/sign.h"
#include "ev/clock.h"
#include "tlcp/conn.h"
#include "tlcp/identity.h"

/* Made once by begin_all: keys cost more than all the rest. */
struct made {
    struct crypto_key *sign, *encrypt;
    struct buf sign_pem, encrypt_pem;
    struct tlcp_identity *identity;
};
static struct made of_server, of_client;

/* A self-signed certificate for an SM2 key. */
static enum rc certificate(const struct crypto_key *key, const char *usage, const char *name,
                           struct buf *out)
{
    X509 *x = X509_new_ex(crypto_ossl_ctx(), NULL);
    X509_NAME *subject = X509_NAME_new();
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p = NULL;
    unsigned char *der = NULL;
    int n;

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_subject_name(x, subject);
    X509_set_issuer_name(x, subject);
    X509_set_pubkey(x, crypto_ossl_pkey(key));
    X509_add_ext(x, ext, -1);
    EVP_DigestSignInit_ex(md, &p, "SM3", crypto_ossl_ctx(), NULL, crypto_ossl_pkey(key), NULL);
    EVP_PKEY_CTX_set1_id(p, CRYPTO_SM2_ID, sizeof(CRYPTO_SM2_ID) - 1);
    X509_sign_ctx(x, md);
    n = i2d_X509(x, &der);
    if (n > 0)
        text_pem(out, STR("CERTIFICATE"), str_bytes(der, (size_t)n));
    else
        buf_fail(out, RC_CRYPTO);
    OPENSSL_free(der);
    EVP_MD_CTX_free(md);
    X509_EXTENSION_free(ext);
    X509_NAME_free(subject);
    X509_free(x);
    return buf_rc(out);
}

static enum rc make(struct made *m, const char *name)
{
    struct crypto_key_spec sm2 = {CRYPTO_KEY_SM2, 0};
    struct tlcp_identity_in in;

    buf_init(&m->sign_pem, 8192);
    buf_init(&m->encrypt_pem, 8192);
    TRY(crypto_key_generate(sm2, &m->sign));
    TRY(crypto_key_generate(sm2, &m->encrypt));
    TRY(certificate(m->sign, "critical,digitalSignature,nonRepudiation", name, &m->sign_pem));
    TRY(certificate(m->encrypt, "critical,keyEncipherment,dataEncipherment,keyAgreement", name,
                    &m->encrypt_pem));
    in = (struct tlcp_identity_in){buf_str(&m->sign_pem), m->sign, buf_str(&m->encrypt_pem),
                                   m->encrypt};
    return tlcp_identity_new(&in, &m->identity, NULL);
}

static void unmake(struct made *m)
{
    tlcp_identity_unref(m->identity);
    crypto_key_unref(m->sign);
    crypto_key_unref(m->encrypt);
    buf_done(&m->sign_pem);
    buf_done(&m->encrypt_pem);
}

static enum rc begin_all(void)
{
    TRY(crypto_init());
    TRY(make(&of_server, "server"));
    return make(&of_client, "client");
}

static void end_all(void)
{
    unmake(&of_server);
    unmake(&of_client);
    crypto_done();
}

#define TLCP_MAIN(...)                                                                             \
    int main(void)                                                                                 \
    {                                                                                              \
        static const struct check_test tests_[] = {__VA_ARGS__};                                   \
        int failed_ = 1;                                                                           \
        if (begin_all() == RC_OK)                                                                  \
            failed_ = check_run(tests_, sizeof(tests_) / sizeof(tests_[0]));                       \
        end_all();                                                                                 \
        return failed_;                                                                            \
    }

struct world {
    struct clock_fake clock;
    struct tlcp_sessions *sessions;
    struct tlcp_server_conf server_conf;
    struct tlcp_client_conf client_conf;
    struct tlcp_conn *server, *client;
    enum rc server_rc, client_rc; /* of the last shake */
    struct err server_why, client_why;
    struct tlcp_shown shown;
    enum rc chosen; /* what `choose` says */
    char name[64];  /* the body of server_name that it saw */
    size_t name_n;
    size_t piece; /* bytes that go over at a time; 0: as many as there are */
    tlcp_judge server_judge;
};

static enum rc choose(void *arg, const struct tlcp_hello *hello, struct tlcp_shown *out,
                      struct err *)
{
    struct world *w = arg;

    w->name_n = hello->server_name.n < sizeof(w->name) ? hello->server_name.n : sizeof(w->name);
    if (w->name_n)
        memcpy(w->name, hello->server_name.p, w->name_n);
    *out = w->shown;
    return w->chosen;
}

[[maybe_unused]] static enum rc judge_no(void *, const struct str *, size_t, struct err *)
{
    return RC_DENIED;
}

static void hang_up(struct world *w)
{
    tlcp_conn_free(MOVE(w->server));
    tlcp_conn_free(MOVE(w->client));
}

static void world_done(struct world *w)
{
    hang_up(w);
    tlcp_sessions_free(w->sessions);
    crypto_ossl_clear();
}

static enum rc world_init(struct world *w)
{
    *w = (struct world){.chosen = RC_OK};
    clock_fake_init(&w->clock, 1'000'000 * WHEN_SECOND);
    TRY(tlcp_sessions_new(&w->clock.clock, 4, &w->sessions));
    w->shown.identity = of_server.identity;
    memset(w->shown.bound, 7, sizeof(w->shown.bound));
    w->server_conf = (struct tlcp_server_conf){.sessions = w->sessions,
                                               .alpn = STR("h2 http/1.1"),
                                               .raw_verify = true,
                                               .choose = choose,
                                               .arg = w};
    return RC_OK;
}

#define WORLD(w)                                                                                   \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w))

/* A fresh connection of both; nobody has said anything. */
static enum rc connect_pair(struct world *w)
{
    hang_up(w);
    w->server_rc = w->client_rc = RC_AGAIN;
    w->server_why = w->client_why = ERR_INIT;
    TRY(tlcp_server_new(&w->server_conf, w->server_judge, NULL, &w->server));
    return tlcp_client_new(&w->client_conf, &w->client);
}

/* Puts bytes before one end; how many it took. */
static size_t feed(struct tlcp_conn *c, struct str bytes)
{
    size_t room;
    unsigned char *p = tlcp_conn_room(c, &room);

    if (!p)
        return 0;
    if (room > bytes.n)
        room = bytes.n;
    memcpy(p, bytes.p, room);
    tlcp_conn_came(c, room);
    return room;
}

/* Moves what one has to say to the other; false: nothing. */
static bool carry(struct world *w, struct tlcp_conn *from, struct tlcp_conn *to)
{
    struct str out = tlcp_conn_pending(from);
    size_t n;

    if (w->piece)
        out = str_head(out, w->piece);
    n = out.n ? feed(to, out) : 0;
    tlcp_conn_sent(from, n);
    return n > 0;
}

/* Lets both say what they have to say. */
static void shake(struct world *w)
{
    bool moved = true;

    while (moved) {
        if (w->client_rc == RC_AGAIN)
            w->client_rc = tlcp_conn_shake(w->client, &w->client_why);
        moved = carry(w, w->client, w->server);
        if (w->server_rc == RC_AGAIN)
            w->server_rc = tlcp_conn_shake(w->server, &w->server_why);
        moved |= carry(w, w->server, w->client);
        if (w->client_rc == RC_AGAIN)
            w->client_rc = tlcp_conn_shake(w->client, &w->client_why);
    }
}

/* `bytes` from one to the other, at whatever sizes. */
[[maybe_unused]] static enum rc say(struct world *w, struct tlcp_conn *from, struct tlcp_conn *to,
                                    struct str bytes)
{
    char in[4096];
    size_t n;

    while (bytes.n) {
        struct str expected;

        TRY(tlcp_conn_write(from, bytes, &n));
        expected = str_head(bytes, n);
        bytes = str_skip(bytes, n);
        while (expected.n) {
            enum rc rc = tlcp_conn_read(to, in, sizeof(in), &n);

            if (rc == RC_AGAIN && carry(w, from, to))
                continue;
            TRY(rc);
            if (!str_eq(str_bytes(in, n), str_head(expected, n)))
                return RC_CORRUPT;
            expected = str_skip(expected, n);
        }
    }
    return RC_OK;
}
