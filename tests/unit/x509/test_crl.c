/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/file.h"
#include "pki.h"
#include "tool.h"
#include "x509/crl.h"
#include "x509/oid.h"

#define NOW (PKI_FROM + WHEN_DAY)

static const struct x509_crl_entry three[] = {
    {{3, {1, 2, 3}}, X509_REASON_UNSPECIFIED, NOW - WHEN_HOUR},
    {{16, {0x43, [15] = 7}}, X509_REASON_KEY_COMPROMISE, NOW},
    {{2, {0x80, 1}}, X509_REASON_SUPERSEDED, NOW - WHEN_DAY},
};

static struct x509_crl_in full_in(const struct pki *p)
{
    return (struct x509_crl_in){
        .sig_alg = crypto_sig_default(p->issuer_key),
        .issuer = p->issuer.subject,
        .issuer_key_id = p->issuer.ski,
        .this_update = NOW,
        .next_update = NOW + 7 * WHEN_DAY,
        .number = 4711,
        .url = STR("http://ca.hospital.example/crl/rsa-1/3.crl"),
        .only_users = true,
        .delta_url = STR("http://ca.hospital.example/crl/rsa-1/3-delta.crl"),
        .entries = three,
        .n = 3,
    };
}

static void written_and_read(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    struct x509_crl_in in;
    struct x509_crl c;

    CHECK_OK(pki_init(&p));
    in = full_in(&p);
    CHECK_OK(x509_crl_sign(p.issuer_key, &in, &der, NULL));
    CHECK_OK(x509_crl_parse(&p.a, buf_str(&der), &c, NULL));
    CHECK(str_eq(c.issuer, p.issuer.subject) && str_eq(c.aki, p.issuer.ski));
    CHECK(c.this_update == NOW && c.next_update == NOW + 7 * WHEN_DAY);
    CHECK(c.has_number && !c.delta && c.has_scope && c.only_users && !c.only_cas);
    CHECK_INT(c.number, 4711);
    CHECK_STR(c.url, "http://ca.hospital.example/crl/rsa-1/3.crl");
    CHECK_STR(c.delta_url, "http://ca.hospital.example/crl/rsa-1/3-delta.crl");
    CHECK_INT(c.n, 3);
    for (size_t i = 0; i < 3; i++)
        CHECK(x509_serial_eq(&c.entries[i].serial, &three[i].serial) &&
              c.entries[i].reason == three[i].reason && c.entries[i].revoked == three[i].revoked);
    CHECK(x509_crl_find(&c, &three[1].serial) == &c.entries[1]);
    CHECK(!x509_crl_find(&c, &p.issuer.serial));
    CHECK_OK(x509_crl_check(&c, &p.issuer, p.issuer_key, NULL));
    CHECK_RC(x509_crl_check(&c, &p.root, p.root_key, NULL), RC_DENIED);
}

static void empty_and_root(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    struct x509_crl_in in;
    struct x509_crl c;

    CHECK_OK(pki_init(&p));
    in = (struct x509_crl_in){.sig_alg = crypto_sig_default(p.root_key),
                              .issuer = p.root.subject,
                              .this_update = NOW,
                              .next_update = NOW + WHEN_SECOND,
                              .number = UINT64_MAX};
    CHECK_OK(x509_crl_sign(p.root_key, &in, &der, NULL));
    CHECK_OK(x509_crl_parse(&p.a, buf_str(&der), &c, NULL));
    CHECK(c.n == 0 && !c.has_scope && c.aki.n == 0 && c.number == UINT64_MAX);
    CHECK_OK(x509_crl_check(&c, &p.root, p.root_key, NULL));
    in.only_cas = true;
    buf_reset(&der);
    CHECK_OK(x509_crl_sign(p.root_key, &in, &der, NULL));
    CHECK_OK(x509_crl_parse(&p.a, buf_str(&der), &c, NULL));
    CHECK(c.has_scope && c.only_cas && !c.only_users && c.url.n == 0);
}

static void deltas(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    struct x509_crl_in in;
    struct x509_crl c;

    CHECK_OK(pki_init(&p));
    in = full_in(&p);
    in.delta = true;
    in.base = 4700;
    CHECK_OK(x509_crl_sign(p.issuer_key, &in, &der, NULL));
    CHECK_OK(x509_crl_parse(&p.a, buf_str(&der), &c, NULL));
    CHECK(c.delta && c.base == 4700 && c.number == 4711 && c.delta_url.n == 0);
    in.base = 4712;
    CHECK_RC(x509_crl_sign(p.issuer_key, &in, &der, NULL), RC_INVAL);
}

static void what_cannot_be_written(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    struct x509_crl_entry bad[] = {{{0}, 0, NOW}, {{1, {1}}, 7, NOW}, {{1, {1}}, 6, NOW}};
    struct x509_crl_in in;

    CHECK_OK(pki_init(&p));
    in = full_in(&p);
    in.n = 1;
    for (size_t i = 0; i < 3; i++) {
        in.entries = &bad[i];
        CHECK_RC(x509_crl_build(&in, &der, NULL), RC_INVAL);
    }
    in = full_in(&p);
    in.next_update = in.this_update + 999'999;
    CHECK_RC(x509_crl_build(&in, &der, NULL), RC_INVAL);
    in = full_in(&p);
    in.n = X509_CRL_ENTRIES_MAX + 1;
    CHECK_RC(x509_crl_build(&in, &der, NULL), RC_TOOBIG);
    in = full_in(&p);
    CHECK_RC(x509_crl_sign(p.leaf_key, &in, &der, NULL), RC_INVAL);
    CHECK_INT(der.n, 0);
}

/* No byte may be lost, and no byte changed without somebody noticing. */
static void damage_is_noticed(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    struct x509_crl_in in;
    struct x509_crl c;

    CHECK_OK(pki_init(&p));
    in = full_in(&p);
    CHECK_OK(x509_crl_sign(p.issuer_key, &in, &der, NULL));
    for (size_t n = 0; n < der.n; n++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 16);

        CHECK(x509_crl_parse(&a, str_head(buf_str(&der), n), &c, NULL) != RC_OK);
        der.p[n] ^= 4;
        CHECK(x509_crl_parse(&a, buf_str(&der), &c, NULL) != RC_OK ||
              x509_crl_check(&c, &p.issuer, p.issuer_key, NULL) != RC_OK);
        der.p[n] ^= 4;
    }
    buf_u8(&der, 0);
    CHECK_RC(x509_crl_parse(&p.a, buf_str(&der), &c, NULL), RC_PARSE);
}

/* What others write and we do not take: an indirect list; an extension that is critical and not
 * known; one that comes twice. */
static void put_odd(struct buf *der, const struct pki *p, const char *extensions, size_t n)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_CRL_MAX);
    struct x509_der w = x509_der_of(&tbs);

    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_u64(&w, 1);
    x509_sigalg_put(&w, CRYPTO_SIG_RSA_SHA256);
    x509_der_raw(&w, p->issuer.subject);
    x509_der_time(&w, NOW);
    x509_der_time(&w, NOW + WHEN_DAY);
    x509_der_open(&w, X509_DER_CONTEXT_IN(0));
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_raw(&w, str_bytes(extensions, n));
    x509_der_close(&w);
    x509_der_close(&w);
    x509_der_close(&w);
    IGNORE_RC(x509_assemble(buf_str(&tbs), STR("x"), der));
}

#define NUMBER "\x30\x0a\x06\x03\x55\x1d\x14\x04\x03\x02\x01\x05"
static void odd_lists(void)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum rc rc;
    } odd[] = {
        {NUMBER, sizeof(NUMBER) - 1, RC_OK},
        {NUMBER NUMBER, 2 * (sizeof(NUMBER) - 1), RC_PARSE},
        /* critical, indirect */
        {"\x30\x0f\x06\x03\x55\x1d\x1c\x01\x01\xff\x04\x05\x30\x03\x84\x01\xff", 17,
         RC_UNSUPPORTED},
        /* not critical */
        {"\x30\x0c\x06\x03\x55\x1d\x1c\x04\x05\x30\x03\x81\x01\xff", 14, RC_PARSE},
        {"\x30\x0f\x06\x03\x55\x1d\x1c\x01\x01\xff\x04\x05\x30\x03\x81\x01\xff", 17, RC_OK},
        /* FALSE is the default and not written */
        {"\x30\x0f\x06\x03\x55\x1d\x1c\x01\x01\xff\x04\x05\x30\x03\x81\x01\x00", 17, RC_PARSE},
        /* delta without a number */
        {"\x30\x0d\x06\x03\x55\x1d\x1b\x01\x01\xff\x04\x03\x02\x01\x05", 15, RC_PARSE},
        /* unknown and critical, unknown and not */
        {"\x30\x0c\x06\x03\x2a\x03\x04\x01\x01\xff\x04\x02\x05\x00", 14, RC_UNSUPPORTED},
        {"\x30\x09\x06\x03\x2a\x03\x04\x04\x02\x05\x00", 11, RC_OK},
    };
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    struct x509_crl c;

    CHECK_OK(pki_init(&p));
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);

        put_odd(&der, &p, odd[i].bytes, odd[i].n);
        CHECK_OK(buf_rc(&der));
        CHECK_RC(x509_crl_parse(&p.a, buf_str(&der), &c, NULL), odd[i].rc);
    }
}

static void reasons_have_names(void)
{
    int reason;

    for (int i = 0; i < X509_REASON_COUNT; i++) {
        if (i == 7)
            continue;
        CHECK_OK(x509_reason_parse(str_of(x509_reason_text(i)), &reason));
        CHECK_INT(reason, i);
    }
    CHECK_OK(x509_reason_parse(STR("4"), &reason));
    CHECK_INT(reason, X509_REASON_SUPERSEDED);
    CHECK_RC(x509_reason_parse(STR("7"), &reason), RC_NOTFOUND);
    CHECK_RC(x509_reason_parse(STR("11"), &reason), RC_NOTFOUND);
    CHECK_RC(x509_reason_parse(STR("lost"), &reason), RC_NOTFOUND);
    CHECK_STR(str_of(x509_reason_text(7)), "unknown");
    CHECK_STR(str_of(x509_reason_text(-1)), "unknown");
}

static bool put_file(const struct check_dir *d, const char *name, struct str s)
{
    return file_write(d->fd, name, s, 0600, FILE_OWNER_SELF, NULL) == RC_OK;
}

/* OpenSSL and GnuTLS check the list, NSS takes the one that has no scope: it knows no
 * issuingDistributionPoint. GnuTLS goes by the machine's clock, for which all here is to come. */
static void others_take_it(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    CLEANUP(buf_done) struct buf plain = BUF_INIT(X509_CRL_MAX);
    CLEANUP(buf_done) struct buf pem = BUF_INIT(X509_CERT_MAX);
    CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
    CLEANUP(check_dir_done) struct check_dir d = {};
    struct x509_crl_in in;
    char script[1024];
    char *sh[] = {"sh", "-ec", script, NULL};

    check_dir_init(&d);
    CHECK_OK(pki_init(&p));
    in = full_in(&p);
    CHECK_OK(x509_crl_sign(p.issuer_key, &in, &der, NULL));
    in.url = (struct str){NULL, 0};
    in.only_users = false;
    CHECK_OK(x509_crl_sign(p.issuer_key, &in, &plain, NULL));
    x509_cert_put_pem(buf_str(&p.issuer_der), &pem);
    CHECK(put_file(&d, "issuer.pem", buf_str(&pem)) && put_file(&d, "crl", buf_str(&der)) &&
          put_file(&d, "issuer.der", buf_str(&p.issuer_der)) &&
          put_file(&d, "plain", buf_str(&plain)));
    snprintf(script, sizeof(script),
             "cd %s; openssl crl -inform DER -in crl -CAfile issuer.pem -noout -text -verify;"
             "certtool --verify-crl --inder --load-ca-certificate issuer.der --infile crl || true;"
             "mkdir db; certutil -N -d db --empty-password; certutil -A -d db -n i -t CT,, -i "
             "issuer.pem; crlutil -I -B -d db -i plain; crlutil -L -d db -n i; rm -r db",
             d.path);
    CHECK_INT(tool_run(sh, (struct str){"", 0}, &out), 0);
    CHECK(strstr(buf_z(&out), "verify OK"));
    CHECK(strstr(buf_z(&out), "X509v3 CRL Number: \n                4711"));
    CHECK(strstr(buf_z(&out), "Only User Certificates"));
    CHECK(strstr(buf_z(&out), "Key Compromise"));
    CHECK(strstr(buf_z(&out), "3-delta.crl"));
    CHECK(strstr(buf_z(&out), "issued with a future date"));
    CHECK(!strstr(buf_z(&out), "signature is invalid"));
    CHECK(strstr(buf_z(&out), "CRL Info"));
}

CHECK_MAIN(CHECK_TEST(written_and_read), CHECK_TEST(empty_and_root), CHECK_TEST(deltas),
           CHECK_TEST(what_cannot_be_written), CHECK_TEST_ONCE(damage_is_noticed),
           CHECK_TEST(odd_lists), CHECK_TEST(reasons_have_names), CHECK_TEST_ONCE(others_take_it))
