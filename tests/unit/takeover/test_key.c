/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/text.h"
#include "keys.h"
#include "takeover/key.h"

/* Made for nothing else, by the libraries that certbot uses; each pair is the same key. */
static const char rsa_jwk[] =
    "{\"n\": \"ikz8xMPdebeuIHabdpVs-bxUggdq98y4wAJsYokEePr7y0HgKKf_XNe-5Q78Rj7MUuuOeIO2iz"
    "t59KS2q5U_qd7q8TS-5-w0mS-4XedsG88gtjdjo7rGQkbQIH0VH67XZqWntIIIsnHM6kbL8vUXFeBBK23IMf"
    "T-KyA3usuaY8rCZMAzrJ9cJcy_XqeOvltl9hJSQ95KqeTUI-uwrvOhjIznRsKJELk4yIctISQeFy6980Apw6"
    "KfQOp4v_ubC7BctezUNQ6GsZf47m0GO1dNVHcbCF0eHGmD49zGFf74RtJ7qR248xWPRzhSmVnQCLC5mn0w2p"
    "BJAcZLdTXsvVNRCw\", \"e\": \"AQAB\", \"d\": \"KXp4juztdk1sCGl6K-EZ63ab49mkr8gzGsc_SX"
    "gtorknnmjV-WuVT3uXUayiZdD8x9vFAYkDTRPb-k8SSDi9fM2SKiB3Jyi1B8KDqYo4ZsjC11Oaaycfwg3p6u"
    "yI0tVF3g_N0fnz8Mznt9Xe4jG2qEV3VjaZRb5kInwJqtjYp5fduC_MypgwPaCmEMD2QWqO6ugkpmReThoDmX"
    "88cNfmbvZmeyMdyfWwVXMWICgsqtfh9vL9dTeX49IoFpcJTvQ4hb6gQ__jmkDnDVMNp_hvSWXcdpueqKvine"
    "cojVuCK7WYQsc3Ww1rqMG-7UemMNNjUmB8t71MTfeJJUEwOX7IhQ\", \"p\": \"wUmlzJj28beZKgQVxre"
    "6GV0mijqO_PH3PuE6fP_0h4DxhpxraMUaEv3g3tm4OZCquJ5LQHljCw3-i_VIUlB2q7QxSWAiBaGyqzliVfc"
    "gtybsxD3zNLfD-ZwYBPOvq6-ZSOT2W1KHi8wBvKCyAOgsAdBPMC3dTXD7E9ifhiK60u8\", \"q\": \"tyw"
    "og8pTFsIKZ4kQ5hnHPcUDnyi0aLSOnrP5O9yhHU2ffM3S6sBW8X8_CObSjzI8CavRDnV0uS0Xs3Lrz6M78D2"
    "LgiY9REuPZ21kueDMFvinMj6pUuFJ_qssXRmv1dNNID2h00xySdzP-JxghU4smzeohyXj9cyDNERjiNRYc6U"
    "\", \"dp\": \"FWuzCzSckXc2azierTIpVqxDHCiXNiMesoJFeBrpn6bDnZZyNN87H4WxSSE50G9e7CzmzB"
    "NnzY7UefBJ_o1aSXcjyyzzOEqOQXmPk1Va89FFhg4TiPEgr-YDp3DWNCG2zCRLxR0lVnHac2wfrggM8HqEfC"
    "NpFi8CNFXagAQTTlM\", \"dq\": \"P8lK2ooMYTJ1ORTMI7T6YxJGbphYKtYljDKUKjpsiK3NSkLKniEYp"
    "cRwCQOIc4FE0wFYLbbNTObdCAqO_6GSb9ieylXSpAPEDnpTxz73E1DHuIGFqWz2vY6SRmF5j_ajNwT_Y3uNm"
    "Rch_StHmWRduDerolSZi7EKR5tBJhb8Llk\", \"qi\": \"dkXntqzLU1_SvcffGMG8s9L6e0Q39kulKkbr"
    "UVN0rwK-DsF3qZYOpeA8xc9ovjgL7DcartXTi6jgFSZnfDQloXRC3-VFonj92fRoZyFmFtnz_MwE-8rFB-om"
    "6UcjS5i77omqnVg4fqGZmEctFAACI1G-jw8-35Fu2sq7sj5BNy0\", \"kty\": \"RSA\"}";
static const char rsa_pem[] = "-----BEGIN RSA PRIVATE KEY-----\n"
                              "MIIEogIBAAKCAQEAikz8xMPdebeuIHabdpVs+bxUggdq98y4wAJsYokEePr7y0Hg\n"
                              "KKf/XNe+5Q78Rj7MUuuOeIO2izt59KS2q5U/qd7q8TS+5+w0mS+4XedsG88gtjdj\n"
                              "o7rGQkbQIH0VH67XZqWntIIIsnHM6kbL8vUXFeBBK23IMfT+KyA3usuaY8rCZMAz\n"
                              "rJ9cJcy/XqeOvltl9hJSQ95KqeTUI+uwrvOhjIznRsKJELk4yIctISQeFy6980Ap\n"
                              "w6KfQOp4v/ubC7BctezUNQ6GsZf47m0GO1dNVHcbCF0eHGmD49zGFf74RtJ7qR24\n"
                              "8xWPRzhSmVnQCLC5mn0w2pBJAcZLdTXsvVNRCwIDAQABAoIBACl6eI7s7XZNbAhp\n"
                              "eivhGet2m+PZpK/IMxrHP0l4LaK5J55o1flrlU97l1GsomXQ/MfbxQGJA00T2/pP\n"
                              "Ekg4vXzNkiogdycotQfCg6mKOGbIwtdTmmsnH8IN6ersiNLVRd4PzdH58/DM57fV\n"
                              "3uIxtqhFd1Y2mUW+ZCJ8CarY2KeX3bgvzMqYMD2gphDA9kFqjuroJKZkXk4aA5l/\n"
                              "PHDX5m72ZnsjHcn1sFVzFiAoLKrX4fby/XU3l+PSKBaXCU70OIW+oEP/45pA5w1T\n"
                              "Daf4b0ll3Habnqir4p3nKI1bgiu1mELHN1sNa6jBvu1HpjDTY1JgfLe9TE33iSVB\n"
                              "MDl+yIUCgYEAwUmlzJj28beZKgQVxre6GV0mijqO/PH3PuE6fP/0h4DxhpxraMUa\n"
                              "Ev3g3tm4OZCquJ5LQHljCw3+i/VIUlB2q7QxSWAiBaGyqzliVfcgtybsxD3zNLfD\n"
                              "+ZwYBPOvq6+ZSOT2W1KHi8wBvKCyAOgsAdBPMC3dTXD7E9ifhiK60u8CgYEAtywo\n"
                              "g8pTFsIKZ4kQ5hnHPcUDnyi0aLSOnrP5O9yhHU2ffM3S6sBW8X8/CObSjzI8CavR\n"
                              "DnV0uS0Xs3Lrz6M78D2LgiY9REuPZ21kueDMFvinMj6pUuFJ/qssXRmv1dNNID2h\n"
                              "00xySdzP+JxghU4smzeohyXj9cyDNERjiNRYc6UCgYAVa7MLNJyRdzZrOJ6tMilW\n"
                              "rEMcKJc2Ix6ygkV4GumfpsOdlnI03zsfhbFJITnQb17sLObME2fNjtR58En+jVpJ\n"
                              "dyPLLPM4So5BeY+TVVrz0UWGDhOI8SCv5gOncNY0IbbMJEvFHSVWcdpzbB+uCAzw\n"
                              "eoR8I2kWLwI0VdqABBNOUwKBgD/JStqKDGEydTkUzCO0+mMSRm6YWCrWJYwylCo6\n"
                              "bIitzUpCyp4hGKXEcAkDiHOBRNMBWC22zUzm3QgKjv+hkm/YnspV0qQDxA56U8c+\n"
                              "9xNQx7iBhals9r2OkkZheY/2ozcE/2N7jZkXIf0rR5lkXbg3q6JUmYuxCkebQSYW\n"
                              "/C5ZAoGAdkXntqzLU1/SvcffGMG8s9L6e0Q39kulKkbrUVN0rwK+DsF3qZYOpeA8\n"
                              "xc9ovjgL7DcartXTi6jgFSZnfDQloXRC3+VFonj92fRoZyFmFtnz/MwE+8rFB+om\n"
                              "6UcjS5i77omqnVg4fqGZmEctFAACI1G+jw8+35Fu2sq7sj5BNy0=\n"
                              "-----END RSA PRIVATE KEY-----\n";
static const char ec_jwk[] =
    "{\"d\": \"An65iiGoTksDdaWdP3tfLDnMJCsT51-tVsPa3_7xKBI\", \"x\": \"gWn_ktA--mF9pfFllO"
    "Z8l8JboWQjSPPskpO-ngmBGwQ\", \"y\": \"nvAea1QbuQtrEUr0jJ5fUuJKQORD7nqC0zPSXNuf82I\","
    " \"crv\": \"P-256\", \"kty\": \"EC\"}";
static const char ec_pem[] = "-----BEGIN EC PRIVATE KEY-----\n"
                             "MHcCAQEEIAJ+uYohqE5LA3WlnT97Xyw5zCQrE+dfrVbD2t/+8SgSoAoGCCqGSM49\n"
                             "AwEHoUQDQgAEgWn/ktA++mF9pfFllOZ8l8JboWQjSPPskpO+ngmBGwSe8B5rVBu5\n"
                             "C2sRSvSMnl9S4kpA5EPueoLTM9Jc25/zYg==\n"
                             "-----END EC PRIVATE KEY-----\n";
static const char p384_jwk[] =
    "{\"d\": \"GL5L55LfAl34R6UuOzcO-RlAfBkjmQjpV-95sykQ_jocfbovCSqszymhgVsxTvvi\", \"x\":"
    " \"to-hZ6f8ZSOFx2LTe1fZMU8m6_5sVUfA8dRaSWTEQSZSj12-_M8NFwjTOMoANcaR\", \"y\": \"1omj"
    "SxxR4W2TKRrHIRK-CbillJvqXY6RVLTao0PS05vEWE8rmj18Hdzg-f8K3o_3\", \"crv\": \"P-384\", "
    "\"kty\": \"EC\"}";

static void both_forms_are_one_key(void)
{
    static const struct {
        const char *jwk, *pem, *spec;
    } cases[] = {{rsa_jwk, rsa_pem, "rsa2048"}, {ec_jwk, ec_pem, "p256"}};

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *a = NULL;
        CLEANUP(crypto_key_unrefp) struct crypto_key *b = NULL;
        CLEANUP(crypto_key_unrefp) struct crypto_key *c = NULL;
        CLEANUP(buf_wipe) struct buf pem = BUF_INIT(TAKEOVER_KEY_MAX);

        CHECK_OK(takeover_key_read(str_of(cases[i].jwk), &a, NULL));
        CHECK_OK(takeover_key_read(str_of(cases[i].pem), &b, NULL));
        CHECK(crypto_key_same(a, b) && crypto_key_has_private(a));
        CHECK_STR(takeover_key_spec(a), cases[i].spec);
        CHECK_OK(crypto_pem_put_clear(a, &pem));
        CHECK_OK(takeover_key_read(buf_str(&pem), &c, NULL));
        CHECK(crypto_key_same(a, c));
    }
}

static void others(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    CLEANUP(crypto_key_unrefp) struct crypto_key *p = NULL;
    CLEANUP(buf_done) struct buf b = BUF_INIT(8192);

    CHECK_OK(crypto_init());
    CHECK_OK(takeover_key_read(str_of(p384_jwk), &k, NULL));
    CHECK_STR(takeover_key_spec(k), "p384");
    /* Behind parameters, as `openssl ecparam -genkey` writes it. */
    buf_putz(&b, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    buf_putz(&b, ec_pem);
    CHECK_OK(takeover_key_read(buf_str(&b), &p, NULL));
}

/* One letter of a number is another, or the number is gone. */
static void broken(void)
{
    static const struct {
        const char *text;
        enum rc rc;
    } cases[] = {
        {"", RC_NOTFOUND},
        {"x", RC_NOTFOUND},
        {"{", RC_PARSE},
        {"{}", RC_PARSE},
        {"{\"kty\":\"oct\",\"k\":\"AA\"}", RC_UNSUPPORTED},
        {"{\"kty\":\"EC\",\"crv\":\"P-521\"}", RC_UNSUPPORTED},
        {"{\"kty\":\"EC\"}", RC_PARSE},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}", RC_PARSE},
        {"{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}", RC_PARSE},
        {"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", RC_PARSE},
    };
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    char text[sizeof(ec_jwk)];
    char *d;

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_RC(takeover_key_read(str_of(cases[i].text), &k, NULL), cases[i].rc);
    memcpy(text, ec_jwk, sizeof(text));
    d = strstr(text, "\"d\": \"");
    CHECK(d);
    d[7] = d[7] == 'A' ? 'B' : 'A';
    CHECK(takeover_key_read(str_of(text), &k, NULL) != RC_OK);
    CHECK(!k);
}

CHECK_MAIN(CHECK_TEST(both_forms_are_one_key), CHECK_TEST(others), CHECK_TEST(broken))
