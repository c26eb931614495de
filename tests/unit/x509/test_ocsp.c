/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/file.h"
#include "pki.h"
#include "tool.h"
#include "x509/ocsp.h"

#define NOW (PKI_FROM + WHEN_DAY)

static const struct x509_serial good_serial = {16, {0x43, 1, 2, 3}};
static const struct x509_serial bad_serial = {16, {0x44, 1, 2, 3}};

/* A responder that the issuer delegated to. */
struct responder {
    struct pki p;
    struct buf der; /* its certificate */
    struct x509_ocsp_issuer issuer;
};

static void responder_done(struct responder *r)
{
    pki_done(&r->p);
    buf_done(&r->der);
}

static struct x509_tbs_in delegate_in(const struct pki *p)
{
    return (struct x509_tbs_in){
        .serial = {.n = 8, .b = {0x45}},
        .issuer = p->issuer.subject,
        .issuer_key_id = p->issuer.ski,
        .sig_alg = crypto_sig_default(p->issuer_key),
        .not_before = PKI_FROM,
        .not_after = NOW + 3 * WHEN_DAY,
        .subject = {.common_name = STR("Example Issuer OCSP")},
        .spki = crypto_key_spki(p->leaf_key),
        .subject_key_id = true,
        .key_usage = X509_KU_DIGITAL_SIGNATURE,
        .eku = X509_EKU_OCSP_SIGNING,
        .ocsp_nocheck = true,
    };
}

static enum rc responder_init(struct responder *r)
{
    struct x509_tbs_in in;

    buf_init(&r->der, X509_CERT_MAX);
    TRY(pki_init(&r->p));
    in = delegate_in(&r->p);
    TRY(pki_issue(&in, r->p.issuer_key, &r->der));
    return x509_ocsp_issuer_of(&r->p.issuer, &r->issuer);
}

static void put_singles(const struct responder *r, struct x509_ocsp_single s[static 3])
{
    static const struct x509_serial unknown = {1, {9}};

    s[0] = (struct x509_ocsp_single){
        .id = x509_ocsp_id_of(&r->issuer, X509_OCSP_SHA1, &good_serial),
        .this_update = NOW,
        .next_update = NOW + WHEN_DAY,
    };
    s[1] = s[0];
    s[1].id = x509_ocsp_id_of(&r->issuer, X509_OCSP_SHA256, &bad_serial);
    s[1].status = X509_OCSP_REVOKED;
    s[1].reason = X509_REASON_KEY_COMPROMISE;
    s[1].revoked = NOW - WHEN_HOUR;
    s[2] = s[0];
    s[2].id = x509_ocsp_id_of(&r->issuer, X509_OCSP_SHA1, &unknown);
    s[2].status = X509_OCSP_UNKNOWN;
}

static struct x509_ocsp_in answer_in(const struct responder *r, const struct x509_ocsp_single *s)
{
    return (struct x509_ocsp_in){
        .singles = s,
        .n = 3,
        .produced = NOW,
        .nonce = STR("0123456789abcdef0123456789abcdef"),
        .responder = buf_str(&r->der),
        .key = r->p.leaf_key,
    };
}

static void requests_written_and_read(void)
{
    CLEANUP(responder_done) struct responder r = {.issuer = {}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_REQUEST_MAX + 1);
    struct x509_ocsp_id ids[X509_OCSP_IDS_MAX + 1];
    struct x509_ocsp_request q;

    CHECK_OK(responder_init(&r));
    for (size_t i = 0; i <= X509_OCSP_IDS_MAX; i++)
        ids[i] = x509_ocsp_id_of(&r.issuer, i % 2 ? X509_OCSP_SHA1 : X509_OCSP_SHA256,
                                 i % 2 ? &good_serial : &bad_serial);
    CHECK_OK(x509_ocsp_request_build(ids, X509_OCSP_IDS_MAX, STR("nonce"), &der));
    CHECK_OK(x509_ocsp_request_parse(&r.p.a, buf_str(&der), &q, NULL));
    CHECK_INT(q.n, X509_OCSP_IDS_MAX);
    CHECK_STR(q.nonce, "nonce");
    CHECK(!q.is_signed && x509_ocsp_id_is(&q.ids[0], &r.issuer));
    CHECK(x509_serial_eq(&q.ids[1].serial, &good_serial) && q.ids[1].hash == X509_OCSP_SHA1);
    buf_u8(&der, 0);
    CHECK_RC(x509_ocsp_request_parse(&r.p.a, buf_str(&der), &q, NULL), RC_PARSE);
    buf_reset(&der);
    CHECK_OK(x509_ocsp_request_build(ids, X509_OCSP_IDS_MAX + 1, STR(""), &der));
    CHECK_RC(x509_ocsp_request_parse(&r.p.a, buf_str(&der), &q, NULL), RC_TOOBIG);
    buf_reset(&der);
    CHECK_OK(x509_ocsp_request_build(ids, 0, STR(""), &der));
    CHECK_RC(x509_ocsp_request_parse(&r.p.a, buf_str(&der), &q, NULL), RC_PARSE);
    CHECK_RC(x509_ocsp_request_parse(&r.p.a, (struct str){NULL, 0}, &q, NULL), RC_PARSE);
    buf_reset(&der);
    for (size_t i = 0; i <= X509_OCSP_REQUEST_MAX; i++)
        buf_u8(&der, 0x30);
    CHECK_OK(buf_rc(&der));
    CHECK_RC(x509_ocsp_request_parse(&r.p.a, buf_str(&der), &q, NULL), RC_TOOBIG);
}

static void no_part_of_a_request_is_one(void)
{
    CLEANUP(responder_done) struct responder r = {.issuer = {}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_REQUEST_MAX);
    struct x509_ocsp_request q;
    struct x509_ocsp_id id;

    CHECK_OK(responder_init(&r));
    id = x509_ocsp_id_of(&r.issuer, X509_OCSP_SHA256, &good_serial);
    CHECK_OK(x509_ocsp_request_build(&id, 1, STR("nonce"), &der));
    for (size_t n = 0; n < der.n; n++)
        CHECK(x509_ocsp_request_parse(&r.p.a, str_head(buf_str(&der), n), &q, NULL) != RC_OK);
}

/* RFC 9654: 1 to 128 bytes. */
static void nonces_have_lengths(void)
{
    CLEANUP(responder_done) struct responder r = {.issuer = {}};
    char nonce[X509_OCSP_NONCE_MAX + 1] = {0};
    struct x509_ocsp_request q;
    struct x509_ocsp_id id;

    CHECK_OK(responder_init(&r));
    id = x509_ocsp_id_of(&r.issuer, X509_OCSP_SHA1, &good_serial);
    for (size_t n = 1; n <= sizeof(nonce); n++) {
        CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_REQUEST_MAX);

        CHECK_OK(x509_ocsp_request_build(&id, 1, str_bytes(nonce, n), &der));
        CHECK_RC(x509_ocsp_request_parse(&r.p.a, buf_str(&der), &q, NULL),
                 n > X509_OCSP_NONCE_MAX ? RC_PARSE : RC_OK);
        CHECK(n > X509_OCSP_NONCE_MAX || q.nonce.n == n);
    }
}

static void answers_written_and_read(void)
{
    CLEANUP(responder_done) struct responder r = {.issuer = {}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_MAX);
    struct x509_ocsp_single singles[3];
    const struct x509_ocsp_single *found;
    struct x509_ocsp_answer a;
    struct x509_ocsp_in in;

    CHECK_OK(responder_init(&r));
    put_singles(&r, singles);
    in = answer_in(&r, singles);
    CHECK_OK(x509_ocsp_answer_build(&in, &der, NULL));
    CHECK_OK(x509_ocsp_answer_parse(&r.p.a, buf_str(&der), &a, NULL));
    CHECK(a.outcome == X509_OCSP_SUCCESSFUL && a.n == 3 && a.n_certs == 1);
    CHECK(a.produced == NOW && str_eq(a.nonce, in.nonce));
    CHECK_OK(x509_ocsp_answer_check(&r.p.a, &a, &r.p.issuer, NOW, NULL));
    found = x509_ocsp_answer_find(&a, &r.issuer, &good_serial);
    CHECK(found && found->status == X509_OCSP_GOOD && found->next_update == NOW + WHEN_DAY);
    found = x509_ocsp_answer_find(&a, &r.issuer, &bad_serial);
    CHECK(found && found->status == X509_OCSP_REVOKED && found->revoked == NOW - WHEN_HOUR &&
          found->reason == X509_REASON_KEY_COMPROMISE);
    CHECK_INT(a.singles[2].status, X509_OCSP_UNKNOWN);
    CHECK(!x509_ocsp_answer_find(&a, &r.issuer, &r.p.issuer.serial));
}

/* By the issuer itself, by a delegate; not by anybody else, nor by a delegate of yesterday. */
static void who_may_answer(void)
{
    CLEANUP(responder_done) struct responder r = {.issuer = {}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_MAX);
    CLEANUP(buf_done) struct buf other = BUF_INIT(X509_CERT_MAX);
    struct x509_ocsp_single singles[3];
    struct x509_ocsp_answer a;
    struct x509_tbs_in cert;
    struct x509_ocsp_in in;

    CHECK_OK(responder_init(&r));
    put_singles(&r, singles);
    in = answer_in(&r, singles);
    CHECK_OK(x509_ocsp_answer_build(&in, &der, NULL));
    CHECK_OK(x509_ocsp_answer_parse(&r.p.a, buf_str(&der), &a, NULL));
    CHECK_RC(x509_ocsp_answer_check(&r.p.a, &a, &r.p.root, NOW, NULL), RC_DENIED);
    CHECK_RC(x509_ocsp_answer_check(&r.p.a, &a, &r.p.issuer, NOW + 4 * WHEN_DAY, NULL), RC_DENIED);
    cert = pki_leaf_in(&r.p); /* a server's certificate with the same key */
    CHECK_OK(pki_issue(&cert, r.p.issuer_key, &other));
    in.responder = buf_str(&other);
    buf_reset(&der);
    CHECK_OK(x509_ocsp_answer_build(&in, &der, NULL));
    CHECK_OK(x509_ocsp_answer_parse(&r.p.a, buf_str(&der), &a, NULL));
    CHECK_RC(x509_ocsp_answer_check(&r.p.a, &a, &r.p.issuer, NOW, NULL), RC_DENIED);
    in.responder = (struct str){NULL, 0};
    in.key = r.p.issuer_key;
    buf_reset(&der);
    CHECK_OK(x509_ocsp_answer_build(&in, &der, NULL));
    CHECK_OK(x509_ocsp_answer_parse(&r.p.a, buf_str(&der), &a, NULL));
    CHECK_OK(x509_ocsp_answer_check(&r.p.a, &a, &r.p.issuer, NOW, NULL));
}

static void failures(void)
{
    static const enum x509_ocsp_outcome all[] = {X509_OCSP_MALFORMED, X509_OCSP_INTERNAL,
                                                 X509_OCSP_TRY_LATER, X509_OCSP_UNAUTHORIZED};
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(1 << 16);
    struct x509_ocsp_answer a;

    for (size_t i = 0; i < 4; i++) {
        CLEANUP(buf_done) struct buf der = BUF_INIT(16);

        x509_ocsp_put_failure(all[i], &der);
        CHECK_OK(buf_rc(&der));
        CHECK_OK(x509_ocsp_answer_parse(&arena, buf_str(&der), &a, NULL));
        CHECK_INT(a.outcome, all[i]);
    }
    CHECK_RC(x509_ocsp_answer_parse(&arena, STR("\x30\x03\x0a\x01\x04"), &a, NULL), RC_PARSE);
    CHECK_RC(x509_ocsp_answer_parse(&arena, str_bytes("\x30\x03\x0a\x01", 5), &a, NULL), RC_PARSE);
}

static void what_cannot_be_said(void)
{
    CLEANUP(responder_done) struct responder r = {.issuer = {}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_MAX);
    struct x509_ocsp_single singles[3];
    struct x509_ocsp_in in;

    CHECK_OK(responder_init(&r));
    put_singles(&r, singles);
    in = answer_in(&r, singles);
    singles[1].reason = 7;
    CHECK_RC(x509_ocsp_answer_build(&in, &der, NULL), RC_INVAL);
    singles[1].reason = 1;
    singles[2].next_update = NOW;
    CHECK_RC(x509_ocsp_answer_build(&in, &der, NULL), RC_INVAL);
    put_singles(&r, singles);
    singles[0].id.hash = 0;
    CHECK_RC(x509_ocsp_answer_build(&in, &der, NULL), RC_INVAL);
    in.n = 0;
    CHECK_RC(x509_ocsp_answer_build(&in, &der, NULL), RC_TOOBIG);
    CHECK_INT(der.n, 0);
}

static void damage_is_noticed(void)
{
    CLEANUP(responder_done) struct responder r = {.issuer = {}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_MAX);
    struct x509_ocsp_single singles[3];
    struct x509_ocsp_answer a;
    struct x509_ocsp_in in;
    struct str data;

    CHECK_OK(responder_init(&r));
    put_singles(&r, singles);
    in = answer_in(&r, singles);
    CHECK_OK(x509_ocsp_answer_build(&in, &der, NULL));
    CHECK_OK(x509_ocsp_answer_parse(&r.p.a, buf_str(&der), &a, NULL));
    data = a.tbs;
    for (size_t n = 0; n < der.n; n++) {
        CLEANUP(arena_done) struct arena arena = ARENA_INIT(1 << 18);
        bool in_data = der.p + n >= data.p && der.p + n < data.p + data.n;

        CHECK(x509_ocsp_answer_parse(&arena, str_head(buf_str(&der), n), &a, NULL) != RC_OK);
        der.p[n] ^= 1;
        if (x509_ocsp_answer_parse(&arena, buf_str(&der), &a, NULL) == RC_OK && in_data)
            CHECK(x509_ocsp_answer_check(&arena, &a, &r.p.issuer, NOW, NULL) != RC_OK);
        der.p[n] ^= 1;
    }
}

static bool put_file(const struct check_dir *d, const char *name, struct str s)
{
    return file_write(d->fd, name, s, 0600, FILE_OWNER_SELF, NULL) == RC_OK;
}

static bool put_pem(const struct check_dir *d, const char *name, struct str der)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(2 * X509_CERT_MAX);

    x509_cert_put_pem(der, &pem);
    return put_file(d, name, buf_str(&pem));
}

/* OpenSSL and GnuTLS verify what we answer; OpenSSL's requests are read. */
static void others_take_it(void)
{
    CLEANUP(responder_done) struct responder r = {.issuer = {}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_MAX);
    CLEANUP(buf_done) struct buf leaf = BUF_INIT(X509_CERT_MAX);
    CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
    CLEANUP(buf_done) struct buf req = BUF_INIT(X509_OCSP_REQUEST_MAX);
    CLEANUP(check_dir_done) struct check_dir d = {};
    struct x509_ocsp_single singles[3];
    struct x509_ocsp_request q;
    struct x509_ocsp_in in;
    struct x509_tbs_in cert;
    char script[1024];
    char *sh[] = {"sh", "-ec", script, NULL};

    check_dir_init(&d);
    CHECK_OK(responder_init(&r));
    put_singles(&r, singles);
    in = answer_in(&r, singles);
    in.nonce = (struct str){NULL, 0};
    CHECK_OK(x509_ocsp_answer_build(&in, &der, NULL));
    cert = pki_leaf_in(&r.p);
    CHECK_OK(pki_issue(&cert, r.p.issuer_key, &leaf));
    CHECK(put_file(&d, "answer", buf_str(&der)) &&
          put_pem(&d, "issuer.pem", buf_str(&r.p.issuer_der)) &&
          put_pem(&d, "root.pem", buf_str(&r.p.root_der)) &&
          put_pem(&d, "leaf.pem", buf_str(&leaf)));
    snprintf(script, sizeof(script),
             "cd %s; cat root.pem issuer.pem >ca.pem;"
             "openssl ocsp -issuer issuer.pem -sha1 -cert leaf.pem -sha256 -serial "
             "0x44010203000000000000000000000000 -respin answer -CAfile ca.pem -no_nonce "
             "-attime %lld || true;"
             "ocsptool --verify-response --load-response answer --load-trust issuer.pem || true;"
             "openssl ocsp -issuer issuer.pem -cert leaf.pem -sha256 -cert leaf.pem -reqout req "
             ">/dev/null",
             d.path, (long long)(NOW / WHEN_SECOND));
    CHECK_INT(tool_run(sh, (struct str){"", 0}, &out), 0);
    CHECK(strstr(buf_z(&out), "Response verify OK"));
    CHECK(strstr(buf_z(&out), "status not yet valid")); /* it goes by the machine's clock there */
    CHECK(strstr(buf_z(&out), "good\n"));
    CHECK(strstr(buf_z(&out), "revoked\n"));
    CHECK(strstr(buf_z(&out), "Reason: keyCompromise"));
    CHECK(strstr(buf_z(&out), "Signer cert not yet activated")); /* and so does GnuTLS */
    CHECK_OK(file_read(d.fd, "req", &req, NULL));
    CHECK_OK(x509_ocsp_request_parse(&r.p.a, buf_str(&req), &q, NULL));
    CHECK(q.n == 2 && q.nonce.n >= 16 && x509_ocsp_id_is(&q.ids[0], &r.issuer) &&
          x509_ocsp_id_is(&q.ids[1], &r.issuer));
    CHECK(x509_serial_eq(&q.ids[0].serial, &cert.serial));
}

CHECK_MAIN(CHECK_TEST(requests_written_and_read), CHECK_TEST_ONCE(no_part_of_a_request_is_one),
           CHECK_TEST_ONCE(nonces_have_lengths), CHECK_TEST(answers_written_and_read),
           CHECK_TEST(who_may_answer), CHECK_TEST(failures), CHECK_TEST(what_cannot_be_said),
           CHECK_TEST_ONCE(damage_is_noticed), CHECK_TEST_ONCE(others_take_it))
