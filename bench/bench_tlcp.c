/* SPDX-License-Identifier: Apache-2.0 */
/* TLCP: full and resumed handshakes, the server's side alone, beside signing and decrypting once
 * with SM2; and sealing records beside bare SM4-GCM.
 * Usage: bench_tlcp [SECONDS] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/evp.h>

#include "../fuzz/fuzz_tlcp_keys.h"
#include "crypto/crypto.h"
#include "crypto/ossl.h"
#include "crypto/pem.h"
#include "crypto/sign.h"
#include "crypto/sm2.h"
#include "ev/clock.h"
#include "tlcp/conn.h"
#include "tlcp/identity.h"
#include "tlcp/record_int.h"

enum { PIECE = 16 * 1024, PREMASTER = 48, MICRO = 1'000'000 };

static struct crypto_key *sign_key, *encrypt_key;
static struct tlcp_identity *identity;
static double seconds = 2;

static double cpu(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bench_tlcp: %s failed\n", what);
    exit(1);
}

static void prepare(void)
{
    struct tlcp_identity_in in = {.sign_pem = str_of(tlcp_sign_cert),
                                  .encrypt_pem = str_of(tlcp_encrypt_cert)};

    check(crypto_init() == RC_OK, "crypto_init");
    check(crypto_pem_read(str_of(tlcp_sign_key), NULL, &sign_key, NULL) == RC_OK &&
              crypto_pem_read(str_of(tlcp_encrypt_key), NULL, &encrypt_key, NULL) == RC_OK,
          "reading the keys");
    in.sign_key = sign_key;
    in.encrypt_key = encrypt_key;
    check(tlcp_identity_new(&in, &identity, NULL) == RC_OK, "the identity");
}

static enum rc choose(void *, const struct tlcp_hello *, struct tlcp_shown *out, struct err *)
{
    *out = (struct tlcp_shown){.identity = identity};
    return RC_OK;
}

/* Signatures and decryptions, one of each, in a second. */
static double primitives(void)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(CRYPTO_SM2_CIPHER_MAX);
    char premaster[PREMASTER] = {1, 1};
    double from = cpu();
    size_t n = 0;

    check(crypto_sm2_encrypt(encrypt_key, str_bytes(premaster, PREMASTER), &sealed) == RC_OK,
          "encrypting");
    for (; cpu() - from < seconds; n++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(CRYPTO_SIG_MAX);
        CLEANUP(buf_done) struct buf plain = BUF_INIT(CRYPTO_SM2_CIPHER_MAX);

        check(crypto_sign(sign_key, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER,
                          str_bytes(premaster, PREMASTER), &out) == RC_OK &&
                  crypto_sm2_decrypt(encrypt_key, buf_str(&sealed), &plain) == RC_OK,
              "SM2");
    }
    return (double)n / (cpu() - from);
}

static void carry(struct tlcp_conn *from, struct tlcp_conn *to)
{
    struct str out;

    while ((out = tlcp_conn_pending(from)).n) {
        size_t room = 0;
        unsigned char *p = tlcp_conn_room(to, &room);

        check(p && room, "room");
        if (room > out.n)
            room = out.n;
        memcpy(p, out.p, room);
        tlcp_conn_came(to, room);
        tlcp_conn_sent(from, room);
    }
}

/* One handshake; adds what the server takes of it. */
static void shake(const struct tlcp_server_conf *conf, struct tlcp_session *session, bool resumes,
                  double *taken)
{
    CLEANUP(tlcp_conn_freep) struct tlcp_conn *server = NULL, *client = NULL;
    struct tlcp_client_conf of_client = {.session = resumes ? session : NULL};
    enum rc a = RC_AGAIN, b = RC_AGAIN;
    double from = cpu();

    check(tlcp_server_new(conf, NULL, &server) == RC_OK, "a server");
    *taken += cpu() - from;
    check(tlcp_client_new(&of_client, &client) == RC_OK, "a client");
    while (a == RC_AGAIN || b == RC_AGAIN) {
        if (a == RC_AGAIN)
            a = tlcp_conn_shake(client, NULL);
        carry(client, server);
        from = cpu();
        if (b == RC_AGAIN)
            b = tlcp_conn_shake(server, NULL);
        *taken += cpu() - from;
        carry(server, client);
    }
    check(a == RC_OK && b == RC_OK && tlcp_conn_resumed(server) == resumes, "a handshake");
    if (!resumes)
        check(tlcp_conn_session(client, session) == RC_OK, "a session");
}

static double handshakes(bool resumes)
{
    CLEANUP(tlcp_sessions_freep) struct tlcp_sessions *sessions = NULL;
    struct tlcp_server_conf conf = {.choose = choose};
    struct tlcp_session session;
    double taken = 0;
    size_t n = 0;

    check(tlcp_sessions_new(clock_system(), TLCP_SESSIONS_MAX, &sessions) == RC_OK, "sessions");
    conf.sessions = sessions;
    shake(&conf, &session, false, &taken);
    for (taken = 0; taken < seconds; n++)
        shake(&conf, &session, resumes, &taken);
    return (double)n / taken;
}

/* MB in a second. */
static double records(uint16_t suite)
{
    static const unsigned char key[TLCP_MAC] = "no secret";
    CLEANUP(tlcp_guard_done) struct tlcp_guard g = {};
    CLEANUP(buf_done) struct buf out = BUF_INIT(TLCP_RECORD_MAX);
    static char plain[PIECE];
    double from = cpu();
    size_t n = 0;

    check(tlcp_guard_init(&g, tlcp_suite_find(suite), true,
                          (struct tlcp_guard_keys){key, key, key}) == RC_OK,
          "keys");
    for (; cpu() - from < seconds; n++) {
        buf_reset(&out);
        check(tlcp_guard_seal(&g, TLCP_DATA, str_bytes(plain, PIECE), &out) == RC_OK, "sealing");
    }
    return (double)n * PIECE / MICRO / (cpu() - from);
}

static double bare_gcm(void)
{
    static unsigned char plain[PIECE], out[PIECE], key[TLCP_BLOCK], iv[12];
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(crypto_ossl_ctx(), "SM4-GCM", NULL);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    double from = cpu();
    size_t n = 0;
    int len;

    check(cipher && c && EVP_EncryptInit_ex2(c, cipher, key, iv, NULL) == 1, "SM4-GCM");
    for (; cpu() - from < seconds; n++)
        check(EVP_EncryptUpdate(c, out, &len, plain, PIECE) == 1, "SM4-GCM");
    EVP_CIPHER_CTX_free(c);
    EVP_CIPHER_free(cipher);
    return (double)n * PIECE / MICRO / (cpu() - from);
}

int main(int argc, char **argv)
{
    double both, full, resumed, bare, gcm;

    if (argc > 1)
        seconds = strtod(argv[1], NULL);
    prepare();
    both = primitives();
    full = handshakes(false);
    resumed = handshakes(true);
    bare = bare_gcm();
    gcm = records(TLCP_ECC_SM4_GCM_SM3);
    printf("TLCP, ECC_SM4_GCM_SM3, the server's side, per second of CPU:\n"
           "  SM2 sign and decrypt %.0f\n  full handshakes      %.0f (%.0f %% of that)\n"
           "  resumed              %.0f (%.1f times as many)\n",
           both, full, 100 * full / both, resumed, resumed / full);
    printf("sealing records of 16 KiB, MB in a second of CPU:\n"
           "  bare SM4-GCM         %.0f\n  SM4-GCM              %.0f (%.0f %%)\n"
           "  SM4-CBC and HMAC-SM3 %.0f\n",
           bare, gcm, 100 * gcm / bare, records(TLCP_ECC_SM4_CBC_SM3));
    tlcp_identity_unref(identity);
    crypto_key_unref(sign_key);
    crypto_key_unref(encrypt_key);
    crypto_done();
    return 0;
}
