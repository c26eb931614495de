/* SPDX-License-Identifier: Apache-2.0 */
/* What scenarios ask of the engine of TLCP, in a build without sanitizers:
 *   tlcp_tool stream MIB          so much each way through each suite, compared
 *   tlcp_tool count CASE VARIANT  one call of `measured`, for callgrind to count what it takes
 *   tlcp_tool undefined CASE      the same on secrets that memcheck takes for undefined */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fuzz/fuzz_tlcp_keys.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "crypto/crypto_int.h"
#include "crypto/pem.h"
#include "crypto/sm2.h"
#include "tlcp/conn.h"
#include "tlcp/identity.h"
#include "tlcp/tlcp_int.h"

enum { MIB = 1 << 20, PERIOD = MIB - 3, SPARE = 1 << 16, RECORD = 320, TEXT = 200 };

static struct crypto_key *sign_key, *encrypt_key;
static struct tlcp_identity *identity;

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "tlcp_tool: %s\n", what);
    exit(1);
}

static void prepare(void)
{
    struct tlcp_identity_in in = {.sign_pem = str_of(tlcp_sign_cert),
                                  .encrypt_pem = str_of(tlcp_encrypt_cert)};

    check(crypto_init() == RC_OK &&
              crypto_pem_read(str_of(tlcp_sign_key), NULL, &sign_key, NULL) == RC_OK &&
              crypto_pem_read(str_of(tlcp_encrypt_key), NULL, &encrypt_key, NULL) == RC_OK,
          "the keys");
    in.sign_key = sign_key;
    in.encrypt_key = encrypt_key;
    check(tlcp_identity_new(&in, &identity, NULL) == RC_OK, "the identity");
}

/* ---- stream */

static enum rc choose(void *, const struct tlcp_hello *, struct tlcp_shown *out, struct err *)
{
    *out = (struct tlcp_shown){.identity = identity};
    return RC_OK;
}

static void carry(struct tlcp_conn *from, struct tlcp_conn *to)
{
    struct str out = tlcp_conn_pending(from);
    size_t room = 0;
    unsigned char *p = out.n ? tlcp_conn_room(to, &room) : NULL;

    if (room > out.n)
        room = out.n;
    if (room == 0)
        return;
    memcpy(p, out.p, room);
    tlcp_conn_came(to, room);
    tlcp_conn_sent(from, room);
}

static void shake(struct tlcp_conn *client, struct tlcp_conn *server)
{
    enum rc a = RC_AGAIN, b = RC_AGAIN;

    while (a == RC_AGAIN || b == RC_AGAIN) {
        if (a == RC_AGAIN)
            a = tlcp_conn_shake(client, NULL);
        carry(client, server);
        if (b == RC_AGAIN)
            b = tlcp_conn_shake(server, NULL);
        carry(server, client);
    }
    check(a == RC_OK && b == RC_OK, "a handshake failed");
}

/* Reads what there is, and holds it against what was sent. */
static uint64_t drain(struct tlcp_conn *to, const char *block, uint64_t at, uint64_t total)
{
    static char in[SPARE];
    size_t n;
    enum rc rc;

    while (at < total && (rc = tlcp_conn_read(to, in, sizeof(in), &n)) != RC_AGAIN) {
        check(rc == RC_OK, "reading failed");
        check(memcmp(in, block + at % PERIOD, n) == 0, "other bytes came than were sent");
        at += n;
    }
    return at;
}

/* In pieces of many lengths, so that records of all sizes are among them. */
static void send_all(struct tlcp_conn *from, struct tlcp_conn *to, const char *block,
                     uint64_t total)
{
    uint64_t sent = 0, got = 0, piece = 1;

    while (got < total) {
        size_t n = 0;

        if (sent < total && !tlcp_conn_pending(from).n) {
            piece = (piece * 5 + 3) % (SPARE - 1) + 1;
            n = (size_t)(piece < total - sent ? piece : total - sent);
            check(tlcp_conn_write(from, str_bytes(block + sent % PERIOD, n), &n) == RC_OK,
                  "writing failed");
            sent += n;
        }
        carry(from, to);
        got = drain(to, block, got, total);
    }
}

static void stream(uint64_t mib)
{
    char *block = mem_alloc(PERIOD + SPARE);

    check(block && crypto_random(block, PERIOD) == RC_OK, "memory");
    memcpy(block + PERIOD, block, SPARE);
    for (size_t i = 0; i < tlcp_suites_usual_n; i++) {
        struct tlcp_server_conf of_server = {.choose = choose};
        struct tlcp_client_conf of_client = {
            .suites = &tlcp_suites_usual[i], .n_suites = 1, .identity = identity};
        CLEANUP(tlcp_conn_freep) struct tlcp_conn *server = NULL, *client = NULL;

        check(tlcp_server_new(&of_server, NULL, &server) == RC_OK &&
                  tlcp_client_new(&of_client, &client) == RC_OK,
              "connections");
        shake(client, server);
        send_all(client, server, block, mib * MIB);
        send_all(server, client, block, mib * MIB);
        printf("%s %llu\n", tlcp_conn_suite(client), (unsigned long long)mib);
        fflush(stdout);
    }
    mem_free(block);
}

/* ---- count, undefined. What is secret stands in `secret`, what comes of it in `result`. */

struct cased {
    const char *name;
    void (*make)(const char *variant);
    void (*measured)(void);
};

static unsigned char secret[RECORD], result[RECORD], code_key[TLCP_MAC] = "no key";
static struct buf sealed;
static struct tlcp_mac mac;
static size_t result_n, secret_n;
static enum rc opened;
static struct crypto_key *pairs[4];

static bool is(const char *variant, const char *name)
{
    return strcmp(variant, name) == 0;
}

static void make_cbc(const char *variant)
{
    unsigned char header[TLCP_MAC_HEADER] = {[11] = 0, [12] = TEXT};
    unsigned char padding = RECORD - TEXT - TLCP_MAC - 1;

    tlcp_mac_init(&mac, code_key);
    tlcp_mac_make(&mac, header, secret, (struct tlcp_mac_length){TEXT, TEXT, TEXT}, secret + TEXT);
    memset(secret + TEXT + TLCP_MAC, padding, padding + 1U);
    if (is(variant, "padding"))
        secret[RECORD - 2] ^= 1;
    if (is(variant, "length"))
        secret[RECORD - 1] = 255;
    if (is(variant, "code"))
        secret[TEXT] ^= 1;
}

static void run_cbc(void)
{
    unsigned char header[TLCP_MAC_HEADER] = {};

    IGNORE_RC(tlcp_cbc_check(&mac, header, secret, RECORD, &result_n));
}

static void make_choose(const char *variant)
{
    secret[0] = secret[1] = is(variant, "version") ? 3 : 1;
    secret_n = is(variant, "length") ? TLCP_PREMASTER - 1 : TLCP_PREMASTER;
    opened = is(variant, "failed") ? RC_DENIED : RC_OK;
}

static void run_choose(void)
{
    tlcp_premaster_choose(opened, secret_n, secret, result);
}

/* All of what a server does with a premaster; what OpenSSL takes of it is not counted. */
static void make_take(const char *variant)
{
    unsigned char premaster[TLCP_PREMASTER] = {1, 1};
    size_t n = is(variant, "length") ? TLCP_PREMASTER - 1 : TLCP_PREMASTER;

    premaster[1] = is(variant, "version") ? 2 : 1;
    buf_init(&sealed, CRYPTO_SM2_CIPHER_MAX);
    check(crypto_sm2_encrypt(is(variant, "key") ? sign_key : encrypt_key, str_bytes(premaster, n),
                             &sealed) == RC_OK,
          "encrypting");
    if (is(variant, "damaged"))
        sealed.p[sealed.n - 1] ^= 1;
    if (is(variant, "digest"))
        sealed.p[sealed.n - TLCP_PREMASTER - 3] ^= 1;
}

static void run_take(void)
{
    IGNORE_RC(tlcp_premaster_take(encrypt_key, buf_str(&sealed), result));
}

/* d, r and x_bar of the key exchange. */
static void make_scalar(const char *variant)
{
    enum { N = CRYPTO_SM2_FIELD };

    memset(secret, is(variant, "ones") ? 0xff : 0, 3 * N);
    if (is(variant, "random"))
        check(crypto_random(secret, 3 * N) == RC_OK, "random bytes");
    if (is(variant, "one"))
        secret[N - 1] = secret[2 * N - 1] = 1;
    memset(secret + 2 * N, 0, N / 2);
}

static void run_scalar(void)
{
    enum { N = CRYPTO_SM2_FIELD };

    crypto_sm2_scalar(secret, secret + N, secret + 2 * N, result);
}

static void make_agree(const char *)
{
    for (size_t i = 0; i < 4; i++)
        check(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_SM2, 0}, &pairs[i]) == RC_OK,
              "keys");
}

static void run_agree(void)
{
    IGNORE_RC(crypto_sm2_agree(
        &(struct crypto_sm2_exchange){pairs[0], pairs[1], pairs[2], pairs[3], true}, result,
        TLCP_PREMASTER));
}

/* So that it is known that a branch on a secret is seen. */
static void make_leak(const char *variant)
{
    secret[0] = is(variant, "one");
}

static void run_leak(void)
{
    if (secret[0])
        for (volatile unsigned i = 0; i < 100; i++)
            result[i] = (unsigned char)i;
}

static const struct cased cases[] = {
    {"cbc", make_cbc, run_cbc},       {"choose", make_choose, run_choose},
    {"take", make_take, run_take},    {"scalar", make_scalar, run_scalar},
    {"agree", make_agree, run_agree}, {"leak", make_leak, run_leak},
};

void measured(void (*run)(void));

/* What callgrind is told to look at. */
__attribute__((noinline)) void measured(void (*run)(void))
{
    run();
}

/* The bytes stay as they are; memcheck does not know them any more, as they depend on memory that
 * nobody has written. */
static void hide(unsigned char *p, size_t n)
{
    volatile unsigned char *unknown = mem_alloc(1);

    check(unknown != NULL, "memory");
    for (size_t i = 0; i < n; i++) {
        unsigned char zero = *unknown;

        zero = (unsigned char)(zero - *unknown);
        p[i] ^= zero;
    }
}

static void use(const char *name, const char *variant, bool undefined)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!is(name, cases[i].name))
            continue;
        cases[i].make(variant);
        if (undefined)
            hide(secret, sizeof(secret));
        measured(cases[i].measured);
        return;
    }
    check(false, "there is no such case");
}

int main(int argc, char **argv)
{
    bool undefined = argc == 3 && is(argv[1], "undefined");

    prepare();
    if (argc == 3 && is(argv[1], "stream"))
        stream(strtoull(argv[2], NULL, 10));
    else if (undefined || (argc == 4 && is(argv[1], "count")))
        use(argv[2], undefined ? "good" : argv[3], undefined);
    else
        check(false, "usage: stream MIB, count CASE VARIANT, undefined CASE");
    for (size_t i = 0; i < 4; i++)
        crypto_key_unref(pairs[i]);
    buf_done(&sealed);
    tlcp_identity_unref(identity);
    crypto_key_unref(sign_key);
    crypto_key_unref(encrypt_key);
    crypto_done();
    return 0;
}
