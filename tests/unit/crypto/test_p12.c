/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "crypto/p12.h"
#include "keys.h"
#include "tool.h"
#include "x509/tbs.h"

#define PASSWORD "correct horse ~"

static enum rc secret_of(struct str s, struct secret **out)
{
    TRY(secret_new(s.n, out));
    memcpy(secret_bytes(*out), s.p, s.n);
    return RC_OK;
}

/* A certificate of `key`, signed with `by`. */
static enum rc certify(const struct crypto_key *key, const struct crypto_key *by, struct buf *out)
{
    static const struct x509_subject ca = {.common_name = STR("Example CA")};
    CLEANUP(buf_done) struct buf name = BUF_INIT(X509_NAME_MAX);
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    struct x509_tbs_in in = {
        .serial = {.n = 8, .b = {key == by ? 0x41 : 0x42}},
        .sig_alg = crypto_sig_default(by),
        .not_before = INT64_C(1'700'000'000) * WHEN_SECOND,
        .not_after = INT64_C(2'000'000'000) * WHEN_SECOND,
        .subject = {.common_name = key == by ? ca.common_name : STR("a.example")},
        .spki = crypto_key_spki(key),
        .basic = key == by ? X509_BASIC_CA : X509_BASIC_ABSENT,
        .pathlen = -1,
        .key_usage = key == by ? X509_KU_CERT_SIGN | X509_KU_CRL_SIGN : X509_KU_DIGITAL_SIGNATURE,
    };

    TRY(x509_name_build(&ca, &name));
    in.issuer = buf_str(&name);
    TRY(x509_tbs_build(&in, &tbs, NULL));
    return x509_sign_tbs(by, buf_str(&tbs), out);
}

struct bundle {
    struct crypto_key *key, *ca;
    struct buf leaf, root, file;
    struct str chain;
    struct secret *password;
};

static void bundle_done(struct bundle *b)
{
    crypto_key_unref(b->key);
    crypto_key_unref(b->ca);
    buf_done(&b->leaf);
    buf_done(&b->root);
    buf_wipe(&b->file);
    secret_free(b->password);
}

static enum rc bundle_init(struct bundle *b, const char *key, struct crypto_p12_in *in)
{
    *b = (struct bundle){.key = key_load(key), .ca = key_load(key_p384)};
    buf_init(&b->leaf, X509_CERT_MAX);
    buf_init(&b->root, X509_CERT_MAX);
    buf_init(&b->file, CRYPTO_P12_MAX);
    if (!b->key || !b->ca)
        return RC_NOMEM;
    TRY(certify(b->key, b->ca, &b->leaf));
    TRY(certify(b->ca, b->ca, &b->root));
    TRY(secret_of(STR(PASSWORD), &b->password));
    b->chain = buf_str(&b->root);
    *in = (struct crypto_p12_in){.key = b->key,
                                 .leaf = buf_str(&b->leaf),
                                 .chain = &b->chain,
                                 .n_chain = 1,
                                 .name = STR("a.example"),
                                 .password = b->password};
    return RC_OK;
}

/* $1 is the file, $2 a directory for what the program keeps. */
static int read_with(const char *script, struct str file, struct buf *out)
{
    static const char frame[] =
        "d=$(mktemp -d) && trap 'rm -r \"$d\"' EXIT && cat >\"$d/f.p12\" && "
        "P='" PASSWORD "' && cd \"$d\" && LC_ALL=C.UTF-8 && export LC_ALL && ";
    char command[2048];
    char *const run[] = {"sh", "-c", command, "sh", tool_openssl(), NULL};

    snprintf(command, sizeof(command), "%s%s", frame, script);
    buf_reset(out);
    return tool_run(run, file, out);
}

static void openssl_reads_it(void)
{
    static const char *const keys[] = {key_rsa, key_p256,    key_p384,    key_ed25519,
                                       key_sm2, key_mldsa44, key_mldsa65, key_mldsa87};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CLEANUP(bundle_done) struct bundle b = {.key = NULL};
        CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
        CLEANUP(crypto_key_unrefp) struct crypto_key *again = NULL;
        struct crypto_p12_in in;

        CHECK_OK(bundle_init(&b, keys[i], &in));
        CHECK_OK(crypto_p12_put(&in, &b.file, NULL));
        CHECK_INT(read_with("\"$1\" pkcs12 -in f.p12 -passin \"pass:$P\" -noenc 2>/dev/null",
                            buf_str(&b.file), &out),
                  0);
        CHECK_OK(crypto_pem_read(buf_str(&out), NULL, &again, NULL));
        CHECK(crypto_key_same(again, b.key) && crypto_key_has_private(again));
        CHECK(strstr(buf_z(&out), "friendlyName: a.example") != NULL);
        CHECK(strstr(buf_z(&out), "subject=CN=a.example") != NULL);
        CHECK(strstr(buf_z(&out), "subject=CN=Example CA") != NULL);
        CHECK_INT(
            read_with("\"$1\" pkcs12 -in f.p12 -passin \"pass:x\" -noenc", buf_str(&b.file), &out),
            1);
    }
}

static void its_algorithms_are_modern(void)
{
    CLEANUP(bundle_done) struct bundle b = {.key = NULL};
    CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
    struct crypto_p12_in in;

    CHECK_OK(bundle_init(&b, key_p256, &in));
    CHECK_OK(crypto_p12_put(&in, &b.file, NULL));
    CHECK_INT(read_with("\"$1\" pkcs12 -in f.p12 -passin \"pass:$P\" -info -noout",
                        buf_str(&b.file), &out),
              0);
    CHECK(strstr(buf_z(&out), "MAC: sha256, Iteration 100000") != NULL);
    CHECK(strstr(buf_z(&out), "PKCS7 Encrypted data: PBES2, PBKDF2, AES-256-CBC, Iteration 100000, "
                              "PRF hmacWithSHA256") != NULL);
    CHECK(strstr(buf_z(&out), "Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF "
                              "hmacWithSHA256") != NULL);
}

/* With keys that all of them know. */
static void others_read_it(void)
{
    static const char *const keys[] = {key_rsa, key_p256, key_p384};
    static const struct {
        const char *script, *says;
    } readers[] = {
        {"certtool --p12-info --inder --infile f.p12 --password \"$P\"", "PRIVATE KEY-----"},
        {"echo >pw && echo \"$P\" >p && certutil -N -d sql:. -f pw && "
         "pk12util -i f.p12 -d sql:. -k pw -w p && certutil -K -d sql:. -f pw",
         "a.example"},
        {"keytool -list -v -storetype PKCS12 -keystore f.p12 -storepass \"$P\"", "PrivateKeyEntry"},
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CLEANUP(bundle_done) struct bundle b = {.key = NULL};
        CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
        struct crypto_p12_in in;

        CHECK_OK(bundle_init(&b, keys[i], &in));
        CHECK_OK(crypto_p12_put(&in, &b.file, NULL));
        for (size_t r = 0; r < sizeof(readers) / sizeof(readers[0]); r++) {
            int status = read_with(readers[r].script, buf_str(&b.file), &out);

            if (status == TOOL_MISSING) /* Java is not everywhere */
                continue;
            if (status != 0 || !strstr(buf_z(&out), readers[r].says))
                CHECK_STR(buf_str(&out), readers[r].says);
        }
    }
}

static void what_cannot_be_is_refused(void)
{
    static const struct str bad[] = {STR("\xff"), {"a\0b", 3}, STR("line\n")};
    static const struct str twelve[12];
    CLEANUP(bundle_done) struct bundle b = {.key = NULL};
    CLEANUP(crypto_key_unrefp) struct crypto_key *pub = NULL;
    CLEANUP(secret_freep) struct secret *huge = NULL;
    struct crypto_p12_in good, in;
    struct str half;

    CHECK_OK(bundle_init(&b, key_p256, &good));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP(secret_freep) struct secret *s = NULL;

        in = good;
        CHECK_OK(secret_of(bad[i], &s));
        in.password = s;
        CHECK_RC(crypto_p12_put(&in, &b.file, NULL), RC_INVAL);
        in = good;
        in.name = bad[i];
        CHECK_RC(crypto_p12_put(&in, &b.file, NULL), RC_INVAL);
    }
    CHECK_OK(secret_new(CRYPTO_P12_PASSWORD_MAX + 1, &huge));
    memset(secret_bytes(huge), 'a', secret_len(huge));
    in = good;
    in.password = huge;
    CHECK_RC(crypto_p12_put(&in, &b.file, NULL), RC_INVAL);
    in = good;
    CHECK_OK(crypto_key_from_spki(crypto_key_spki(b.key), &pub, NULL));
    in.key = pub;
    CHECK_RC(crypto_p12_put(&in, &b.file, NULL), RC_INVAL);
    in = good;
    in.name = STR("\xc3\xa4");
    CHECK_OK(crypto_p12_put(&in, &b.file, NULL));
    buf_reset(&b.file);
    in = good;
    in.key = b.ca;
    CHECK_RC(crypto_p12_put(&in, &b.file, NULL), RC_INVAL);
    in = good;
    in.leaf = half = str_head(good.leaf, good.leaf.n - 1);
    CHECK_RC(crypto_p12_put(&in, &b.file, NULL), RC_INVAL);
    in = good;
    in.chain = &half;
    CHECK_RC(crypto_p12_put(&in, &b.file, NULL), RC_INVAL);
    in = good;
    in.chain = twelve;
    in.n_chain = 12;
    CHECK_RC(crypto_p12_put(&in, &b.file, NULL), RC_TOOBIG);
    CHECK_INT(b.file.n, 0);
}

CHECK_MAIN(CHECK_TEST_ONCE(openssl_reads_it), CHECK_TEST_ONCE(its_algorithms_are_modern),
           CHECK_TEST_ONCE(others_read_it), CHECK_TEST(what_cannot_be_is_refused))
