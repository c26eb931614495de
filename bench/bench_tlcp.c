/* SPDX-License-Identifier: Apache-2.0 */
/* TLCP, each suite: full and resumed handshakes, the server's side alone, beside what it has to do
 * with SM2 for one; and records sealed and opened beside bare SM4 and SM3.
 * Usage: bench_tlcp [SECONDS [beside]]
 * `beside`: only what `openssl speed` measures as well, in lines of columns with a tab between. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

enum { PIECE = 16 * 1024, SMALL = 1024, PREMASTER = 48, MICRO = 1'000'000 };

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

/* ECC: one signature and one decryption. */
static void once_of_ecc(struct str sealed)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(CRYPTO_SIG_MAX);
    CLEANUP(buf_done) struct buf plain = BUF_INIT(CRYPTO_SM2_CIPHER_MAX);

    check(crypto_sign(sign_key, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER, STR("text"), &out) == RC_OK &&
              crypto_sm2_decrypt(encrypt_key, sealed, &plain) == RC_OK,
          "SM2");
}

/* ECDHE: one signature, a fresh key, the key exchange, and the proof of the client. */
static void once_of_ecdhe(struct str signature)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(CRYPTO_SIG_MAX);
    CLEANUP(crypto_key_unrefp) struct crypto_key *once = NULL;
    struct crypto_sm2_exchange x = {
        .own = encrypt_key, .peer = encrypt_key, .peer_once = sign_key, .initiator = true};
    unsigned char agreed[PREMASTER];

    check(crypto_sign(sign_key, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER, STR("text"), &out) == RC_OK &&
              crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_SM2, 0}, &once) == RC_OK,
          "SM2");
    x.own_once = once;
    check(crypto_sm2_agree(&x, agreed, sizeof(agreed)) == RC_OK &&
              crypto_verify(sign_key, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER, STR("text"), signature) ==
                  RC_OK,
          "SM2");
}

/* How often in a second. */
static double primitives(bool ecdhe)
{
    CLEANUP(buf_done) struct buf given = BUF_INIT(CRYPTO_SM2_CIPHER_MAX);
    char premaster[PREMASTER] = {1, 1};
    double from;
    size_t n = 0;

    check((ecdhe
               ? crypto_sign(sign_key, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER, STR("text"), &given)
               : crypto_sm2_encrypt(encrypt_key, str_bytes(premaster, PREMASTER), &given)) == RC_OK,
          "SM2");
    for (from = cpu(); cpu() - from < seconds; n++)
        (ecdhe ? once_of_ecdhe : once_of_ecc)(buf_str(&given));
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
    struct tlcp_client_conf of_client = {.session = resumes ? session : NULL, .identity = identity};
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

static double handshakes(uint16_t suite, bool resumes)
{
    CLEANUP(tlcp_sessions_freep) struct tlcp_sessions *sessions = NULL;
    struct tlcp_server_conf conf = {.choose = choose, .suites = &suite, .n_suites = 1};
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

/* MB in a second, of sealing pieces of that size, PIECE at most, or of opening what was sealed. */
static double records(uint16_t suite, size_t piece, bool opens)
{
    static const unsigned char key[TLCP_MAC] = "no secret";
    const struct tlcp_guard_keys keys = {key, key, key};
    CLEANUP(tlcp_guard_done) struct tlcp_guard seals = {}, reads = {};
    CLEANUP(buf_done) struct buf out = BUF_INIT(TLCP_RECORD_MAX);
    static char plain[PIECE];
    double taken = 0;
    size_t n = 0;

    check(tlcp_guard_init(&seals, tlcp_suite_find(suite), true, keys) == RC_OK &&
              tlcp_guard_init(&reads, tlcp_suite_find(suite), false, keys) == RC_OK,
          "keys");
    for (; taken < seconds; n++) {
        double from = cpu();
        struct str got;

        buf_reset(&out);
        check(tlcp_guard_seal(&seals, TLCP_DATA, str_bytes(plain, piece), &out) == RC_OK,
              "sealing");
        if (opens) {
            from = cpu();
            check(tlcp_guard_open(&reads, TLCP_DATA, (unsigned char *)out.p + TLCP_RECORD_HEADER,
                                  out.n - TLCP_RECORD_HEADER, &got) == RC_OK,
                  "opening");
        }
        taken += cpu() - from;
    }
    return (double)n * (double)piece / MICRO / taken;
}

/* The same bytes by nothing but OpenSSL: SM4-GCM with its tag, or SM4-CBC and SM3. */
static double bare(bool cbc)
{
    static unsigned char plain[PIECE], out[PIECE], key[TLCP_BLOCK], iv[TLCP_BLOCK], tag[TLCP_MAC];
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(crypto_ossl_ctx(), cbc ? "SM4-CBC" : "SM4-GCM", NULL);
    EVP_MD *sm3 = EVP_MD_fetch(crypto_ossl_ctx(), "SM3", NULL);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    double from = cpu();
    size_t n = 0;
    int len;

    check(cipher && sm3 && c && EVP_EncryptInit_ex2(c, cipher, key, iv, NULL) == 1, "SM4");
    for (; cpu() - from < seconds; n++) {
        check(EVP_EncryptInit_ex2(c, NULL, NULL, iv, NULL) == 1 &&
                  EVP_EncryptUpdate(c, out, &len, plain, PIECE) == 1,
              "SM4");
        if (cbc)
            check(EVP_Digest(plain, PIECE, tag, NULL, sm3, NULL) == 1, "SM3");
        else
            check(EVP_EncryptFinal_ex(c, tag, &len) == 1 &&
                      EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TLCP_BLOCK, tag) == 1,
                  "SM4-GCM");
    }
    EVP_CIPHER_CTX_free(c);
    EVP_CIPHER_free(cipher);
    EVP_MD_free(sm3);
    return (double)n * PIECE / MICRO / (cpu() - from);
}

static void print_handshakes(void)
{
    double both[] = {primitives(false), primitives(true)};

    printf("TLCP, the server's side, per second of CPU:\n"
           "  SM2 sign, decrypt                          %7.0f\n"
           "  SM2 sign, make a key, agree, verify        %7.0f\n",
           both[0], both[1]);
    for (size_t i = 0; i < tlcp_suites_usual_n; i++) {
        const struct tlcp_suite *suite = tlcp_suite_find(tlcp_suites_usual[i]);
        double full = handshakes(suite->code, false), resumed = handshakes(suite->code, true);

        printf("  %-18s full %7.0f (%3.0f %% of its SM2)  resumed %7.0f (%.1f times as many)\n",
               suite->name, full, 100 * full / both[suite->ecdhe], resumed, resumed / full);
    }
}

static void print_records(void)
{
    static const struct {
        const char *bare, *name;
        uint16_t suite;
    } rows[] = {{"SM4-GCM", "SM4-GCM", TLCP_ECC_SM4_GCM_SM3},
                {"SM4-CBC and SM3", "SM4-CBC, HMAC-SM3", TLCP_ECC_SM4_CBC_SM3}};

    printf("records of 16 KiB, MB in a second of CPU:\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double alone = bare(i), sealed = records(rows[i].suite, PIECE, false);
        double opened = records(rows[i].suite, PIECE, true);

        printf("  bare %-15s %4.0f  %-17s sealed %4.0f (%.0f %%)  opened %4.0f (%.0f %%)\n",
               rows[i].bare, alone, rows[i].name, sealed, 100 * sealed / alone, opened,
               100 * opened / alone);
    }
}

static double signatures(void)
{
    double from = cpu();
    size_t n = 0;

    for (; cpu() - from < seconds; n++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(CRYPTO_SIG_MAX);

        check(crypto_sign(sign_key, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER, STR("text"), &out) == RC_OK,
              "SM2");
    }
    return (double)n / (cpu() - from);
}

static void print_beside(void)
{
    static const size_t pieces[] = {SMALL, PIECE};

    printf("sm2\t%.0f\n", signatures());
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        printf("%zu\t%.1f\t%.1f\n", pieces[i], records(TLCP_ECC_SM4_GCM_SM3, pieces[i], false),
               records(TLCP_ECC_SM4_GCM_SM3, pieces[i], true));
}

int main(int argc, char **argv)
{
    if (argc > 1)
        seconds = strtod(argv[1], NULL);
    prepare();
    if (argc > 2 && strcmp(argv[2], "beside") == 0) {
        print_beside();
    } else {
        print_handshakes();
        print_records();
    }
    tlcp_identity_unref(identity);
    crypto_key_unref(sign_key);
    crypto_key_unref(encrypt_key);
    crypto_done();
    return 0;
}
