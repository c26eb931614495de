/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/staple.h"
#include "base/file.h"
#include "unit/x509/pki.h"
#include "x509/ocsp.h"

#define NOW (PKI_FROM + WHEN_DAY)

enum { PATH = 128 };

/* An answer of the issuer's delegate about the leaf, changed by one thing at a time. */
struct test {
    struct pki pki;
    struct buf chain, responder, answer;
    struct x509_cert *certs;
    struct x509_ocsp_issuer names;
    struct x509_ocsp_single single;
    struct x509_ocsp_in in;
    struct agent_staple got;
    char text[512];
};

static void test_done(struct test *t)
{
    pki_done(&t->pki);
    buf_done(&t->chain);
    buf_done(&t->responder);
    buf_done(&t->answer);
    buf_done(&t->got.der);
}

static enum rc make_responder(struct test *t, uint32_t eku)
{
    struct x509_tbs_in in = {.serial = {.n = 8, .b = {0x45}},
                             .issuer = t->pki.issuer.subject,
                             .issuer_key_id = t->pki.issuer.ski,
                             .sig_alg = crypto_sig_default(t->pki.issuer_key),
                             .not_before = PKI_FROM,
                             .not_after = NOW + 3 * WHEN_DAY,
                             .subject = {.common_name = STR("Example Issuer OCSP")},
                             .spki = crypto_key_spki(t->pki.leaf_key),
                             .subject_key_id = true,
                             .key_usage = X509_KU_DIGITAL_SIGNATURE,
                             .eku = eku,
                             .ocsp_nocheck = true};

    buf_reset(&t->responder);
    return pki_issue(&in, t->pki.issuer_key, &t->responder);
}

static enum rc test_init(struct test *t)
{
    size_t n;

    buf_init(&t->responder, X509_CERT_MAX);
    buf_init(&t->answer, X509_OCSP_MAX);
    buf_init(&t->got.der, AGENT_STAPLE_MAX);
    TRY(crypto_init());
    TRY(pki_init(&t->pki));
    TRY(pki_chain(&t->pki, t->pki.leaf_key, &t->chain));
    TRY(x509_cert_read_pem(&t->pki.a, buf_str(&t->chain), X509_CHAIN_MAX, &t->certs, &n, NULL));
    TRY(make_responder(t, X509_EKU_OCSP_SIGNING));
    TRY(x509_ocsp_issuer_of(&t->pki.issuer, &t->names));
    t->single = (struct x509_ocsp_single){
        .id = x509_ocsp_id_of(&t->names, X509_OCSP_SHA1, &t->certs[0].serial),
        .this_update = NOW - WHEN_HOUR,
        .next_update = NOW + WHEN_DAY};
    t->in = (struct x509_ocsp_in){.singles = &t->single,
                                  .n = 1,
                                  .produced = NOW - WHEN_HOUR,
                                  .responder = buf_str(&t->responder),
                                  .key = t->pki.leaf_key};
    return RC_OK;
}

static enum rc check_at(struct test *t, when_t now)
{
    struct err err = ERR_INIT;
    enum rc rc;

    buf_reset(&t->answer);
    t->in.responder = buf_str(&t->responder);
    TRY(x509_ocsp_answer_build(&t->in, &t->answer, NULL));
    rc = agent_staple_check(&t->pki.a, buf_str(&t->answer),
                            &(struct agent_staple_of){&t->certs[0], &t->pki.issuer, now}, &t->got,
                            &err);
    err_textz(&err, t->text, sizeof(t->text));
    return rc;
}

static void what_counts(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(check_at(&t, NOW));
    CHECK(str_eq(buf_str(&t.got.der), buf_str(&t.answer)) && !t.got.revoked);
    CHECK_INT(t.got.since, t.single.this_update);
    CHECK_INT(t.got.until, t.single.next_update);
    /* That it is revoked is an answer like any other. */
    t.single.status = X509_OCSP_REVOKED;
    t.single.revoked = NOW - WHEN_DAY / 2;
    CHECK_OK(check_at(&t, NOW));
    CHECK(t.got.revoked);
}

static void what_does_not(void)
{
    CLEANUP(test_done) struct test t = {};
    static const struct x509_serial other = {2, {7, 7}};
    struct agent_staple_of of;
    struct err err = ERR_INIT;

    CHECK_OK(test_init(&t));
    of = (struct agent_staple_of){&t.certs[0], &t.pki.issuer, NOW};
    CHECK_RC(check_at(&t, t.single.next_update), RC_CRYPTO); /* it has ended */
    CHECK_RC(check_at(&t, NOW - 2 * WHEN_HOUR), RC_CRYPTO);  /* it is of tomorrow */
    t.single.status = X509_OCSP_UNKNOWN;
    CHECK_RC(check_at(&t, NOW), RC_NOTFOUND);
    t.single.status = X509_OCSP_GOOD;
    t.single.id = x509_ocsp_id_of(&t.names, X509_OCSP_SHA1, &other);
    CHECK_RC(check_at(&t, NOW), RC_CONFLICT);
    CHECK(strstr(t.text, "about another certificate"));
    t.single.id = x509_ocsp_id_of(&t.names, X509_OCSP_SHA1, &t.certs[0].serial);
    /* Whoever has any certificate of the issuer is no responder. */
    CHECK_OK(make_responder(&t, X509_EKU_SERVER_AUTH));
    CHECK_RC(check_at(&t, NOW), RC_DENIED);
    CHECK_OK(make_responder(&t, X509_EKU_OCSP_SIGNING));
    CHECK_OK(check_at(&t, NOW));
    /* Nothing was kept of what was refused, and nothing that was changed counts. */
    t.answer.p[t.answer.n / 2] ^= 1;
    CHECK(agent_staple_check(&t.pki.a, buf_str(&t.answer), &of, &t.got, &err) != RC_OK);
    CHECK(!str_eq(buf_str(&t.got.der), buf_str(&t.answer)));
    buf_reset(&t.answer);
    x509_ocsp_put_failure(X509_OCSP_TRY_LATER, &t.answer);
    CHECK_RC(agent_staple_check(&t.pki.a, buf_str(&t.answer), &of, &t.got, &err), RC_AGAIN);
}

static void when_it_is_asked_for(void)
{
    struct agent_staple s = {.since = NOW, .until = NOW + 10 * WHEN_DAY};
    struct agent_plan plan = {.ocsp = STR("yes")};
    struct err err = ERR_INIT;
    when_t at = agent_staple_next(&plan, &s);

    CHECK(at >= NOW + 5 * WHEN_DAY && at <= NOW + 6 * WHEN_DAY);
    plan.ocsp_age = STR("2d");
    CHECK_OK(agent_staple_check_plan(&plan, &err));
    CHECK_INT(agent_staple_next(&plan, &s), NOW + 2 * WHEN_DAY);
    plan.ocsp_age = STR("9d");
    CHECK_INT(agent_staple_next(&plan, &s), NOW + 10 * WHEN_DAY * 3 / 4);
    plan.ocsp_age = STR("31d");
    CHECK_RC(agent_staple_check_plan(&plan, &err), RC_INVAL);
    plan.ocsp_age = STR("soon");
    CHECK_RC(agent_staple_check_plan(&plan, &err), RC_INVAL);
}

/* ---- files */

struct files {
    struct check_dir dir;
    struct agent_place place;
    char path[PATH];
};

static void files_done(struct files *f)
{
    file_kill_at(0);
    agent_place_done(&f->place);
    check_dir_done(&f->dir);
}

static enum rc files_init(struct files *f)
{
    f->place = AGENT_PLACE_INIT;
    check_dir_init(&f->dir);
    snprintf(f->path, sizeof(f->path), "%s/wiki", f->dir.path);
    return agent_place_open(f->path, true, &f->place, NULL);
}

static bool make_generation(const struct files *f, const char *path)
{
    return mkdirat(f->dir.fd, path, 0755) == 0;
}

static bool reads(const struct files *f, const char *wanted)
{
    CLEANUP(buf_done) struct buf is = BUF_INIT(AGENT_STAPLE_MAX);

    if (agent_staple_get(&f->place, f->place.live, &is) != RC_OK)
        return !wanted;
    return wanted && str_eq(buf_str(&is), str_of(wanted));
}

static bool shows(const struct files *f, const char *wanted)
{
    char text[16] = "";
    int fd = openat(f->dir.fd, "wiki/ocsp.der", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        close(fd);
    return wanted ? n > 0 && strcmp(text, wanted) == 0 : fd < 0;
}

static void is_exchanged_with_the_certificate(void)
{
    CLEANUP(files_done) struct files f = {};

    CHECK_OK(CHECK_SPARED(files_init(&f)));
    CHECK(make_generation(&f, "wiki/.autarky/1") && make_generation(&f, "wiki/.autarky/2"));
    CHECK_OK(agent_staple_put(&f.place, 1, STR("one"), NULL));
    CHECK(symlinkat("1", f.dir.fd, "wiki/.autarky/live") == 0);
    f.place.live = 1;
    CHECK(reads(&f, "one"));
    CHECK_OK(agent_staple_put(&f.place, 1, STR("two"), NULL));
    CHECK(reads(&f, "two"));
    /* What another program has left there gives way. */
    CHECK(symlinkat("ocsp-17.der", f.dir.fd, "wiki/ocsp.der") == 0);
    CHECK_OK(agent_staple_link(&f.place, false, NULL));
    CHECK(faccessat(f.dir.fd, "wiki/ocsp.der", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK_OK(agent_staple_link(&f.place, true, NULL));
    CHECK(shows(&f, "two"));
    CHECK(unlinkat(f.dir.fd, "wiki/.autarky/live", 0) == 0);
    CHECK(symlinkat("2", f.dir.fd, "wiki/.autarky/live") == 0);
    f.place.live = 2;
    CHECK(reads(&f, NULL) && shows(&f, NULL));
    CHECK_OK(agent_staple_put(&f.place, 2, STR("three"), NULL));
    CHECK(shows(&f, "three"));
    CHECK_OK(agent_staple_link(&f.place, false, NULL));
    CHECK(shows(&f, NULL));
    CHECK_RC(agent_staple_get(&f.place, 0, &(struct buf){.max = 8}), RC_NOTFOUND);
    CHECK_RC(agent_staple_put(&f.place, 9, STR("x"), NULL), RC_IO);
    CHECK(faccessat(f.dir.fd, "wiki/.autarky/.tmp-ocsp", F_OK, AT_SYMLINK_NOFOLLOW) != 0);
}

CHECK_MAIN(CHECK_TEST(what_counts), CHECK_TEST(what_does_not), CHECK_TEST(when_it_is_asked_for),
           CHECK_TEST(is_exchanged_with_the_certificate))
