/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a root whose key is here: what the register has as revoked stands on it, issuers and
 * cross certificates alike, and nothing that another root has signed. And cross certificates that
 * come from elsewhere. */
#include "check.h"

#include "ceremony/make.h"
#include "unit/ceremony/roots.h"
#include "x509/crl.h"
#include "x509/name.h"

static enum rc open_root(void *arg, struct str ref, struct crypto_key **out, struct err *)
{
    struct roots *r = arg;

    for (size_t i = 0; i < 2; i++)
        if (str_eq(r->rows[i].name, ref)) {
            *out = crypto_key_ref(r->keys[i]);
            return RC_OK;
        }
    return RC_NOTFOUND;
}

static struct ceremony ceremony_of(struct roots *r, const struct check_dir *dir)
{
    return (struct ceremony){.data = dir->fd,
                             .conf = &r->conf,
                             .now = ROOTS_NOW + WHEN_DAY,
                             .open_root = open_root,
                             .arg = r,
                             .known = r->rows,
                             .n_known = 3,
                             .known_crosses = r->crosses,
                             .n_known_crosses = 1};
}

static enum rc list_of(struct roots *r, const struct ceremony *c, const char *root,
                       const struct ceremony_also *also, struct x509_crl *out)
{
    CLEANUP(ceremony_made_done) struct ceremony_made m = {.n = 0};
    CLEANUP(buf_done) struct buf der = BUF_INIT(64 * 1024);
    struct str kept;

    ceremony_made_init(&m);
    TRY(ceremony_root_crl(c, &m, str_of(root), also, &der, NULL));
    TRY(arena_str(&r->a, buf_str(&der), &kept));
    return x509_crl_parse(&r->a, kept, out, NULL);
}

static void a_roots_list_has_what_it_revoked(void)
{
    CLEANUP(check_dir_done) struct check_dir dir = {.fd = -1};
    CLEANUP(roots_done) struct roots r = {.keys = {NULL}};
    const struct x509_crl_entry *entry;
    struct x509_crl crl;
    struct ceremony c;

    check_dir_init(&dir);
    CHECK_OK(roots_make(&r));
    c = ceremony_of(&r, &dir);
    CHECK_OK(list_of(&r, &c, "root-rsa", NULL, &crl));
    CHECK_INT(crl.n, 0);
    r.crosses[0].revoked = ROOTS_NOW + WHEN_HOUR;
    r.crosses[0].reason = X509_REASON_SUPERSEDED;
    CHECK_OK(list_of(&r, &c, "root-rsa", NULL, &crl));
    CHECK_INT(crl.n, 1);
    entry = x509_crl_find(&crl, &r.cross.serial);
    CHECK(entry);
    CHECK_INT(entry->reason, X509_REASON_SUPERSEDED);
    CHECK_INT(entry->revoked, ROOTS_NOW + WHEN_HOUR);
    r.rows[2].state = STORE_ISSUER_REVOKED;
    r.rows[2].retires = ROOTS_NOW + 2 * WHEN_HOUR;
    CHECK_OK(list_of(&r, &c, "root-rsa", NULL, &crl));
    CHECK_INT(crl.n, 2);
    CHECK(x509_crl_find(&crl, &r.issuer.serial));
    CHECK_OK(list_of(&r, &c, "root-rsa-2", NULL, &crl));
    CHECK_INT(crl.n, 0); /* the other root has signed neither */
    CHECK_RC(list_of(&r, &c, "root-sm2", NULL, &crl), RC_NOTFOUND);
}

static void what_is_revoked_now_is_on_it_once(void)
{
    CLEANUP(check_dir_done) struct check_dir dir = {.fd = -1};
    CLEANUP(roots_done) struct roots r = {.keys = {NULL}};
    struct ceremony_also also = {.reason = X509_REASON_CESSATION};
    const struct x509_crl_entry *entry;
    struct x509_crl crl;
    struct ceremony c;

    check_dir_init(&dir);
    CHECK_OK(roots_make(&r));
    c = ceremony_of(&r, &dir);
    also.certificate = r.cross.der;
    CHECK_OK(list_of(&r, &c, "root-rsa", &also, &crl));
    CHECK_INT(crl.n, 1);
    entry = x509_crl_find(&crl, &r.cross.serial);
    CHECK(entry);
    CHECK_INT(entry->reason, X509_REASON_CESSATION);
    CHECK_INT(entry->revoked, c.now);
    r.crosses[0].revoked = ROOTS_NOW;
    CHECK_OK(list_of(&r, &c, "root-rsa", &also, &crl));
    CHECK_INT(crl.n, 1);
}

/* ---- cross certificates that were made elsewhere */

struct taking {
    struct roots r;
    struct ceremony c;
    struct ceremony_made m;
    char text[512];
};

static void taking_done(struct taking *t)
{
    ceremony_made_done(&t->m);
    roots_done(&t->r);
}

static enum rc begin(struct taking *t)
{
    TRY(roots_make(&t->r));
    t->c = (struct ceremony){
        .conf = &t->r.conf, .now = ROOTS_NOW + WHEN_DAY, .known = t->r.rows, .n_known = 3};
    ceremony_made_init(&t->m);
    return RC_OK;
}

static enum rc take(struct taking *t, const struct x509_cert *cert)
{
    struct err err = ERR_INIT;
    enum rc rc =
        ceremony_take_cross(&t->c, t->r.rows[1].name, t->r.rows[0].name, cert, &t->m, &err);

    err.rc = rc;
    err_textz(&err, t->text, sizeof(t->text));
    return rc;
}

/* Of the right name and key, by that key of theirs, with that path length, which is -1 for none. */
static enum rc forge(struct taking *t, size_t key, int pathlen, struct x509_cert *out)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    const struct x509_cert *cross = &t->r.cross;
    struct x509_tbs_in in = {.sig_alg = cross->sig_alg,
                             .serial = cross->serial,
                             .issuer = cross->issuer,
                             .issuer_key_id = t->r.old.ski,
                             .not_before = cross->not_before,
                             .not_after = cross->not_after,
                             .spki = cross->spki,
                             .subject_key_id = true,
                             .basic = X509_BASIC_CA,
                             .pathlen = pathlen,
                             .key_usage = cross->key_usage};
    struct str kept;

    TRY(x509_name_parse(cross->subject, &in.subject, NULL));
    TRY(x509_tbs_build(&in, &tbs, NULL));
    TRY(x509_sign_tbs(t->r.keys[key], buf_str(&tbs), &der));
    TRY(arena_str(&t->r.a, buf_str(&der), &kept));
    return x509_cert_parse(&t->r.a, kept, out, NULL);
}

static void what_the_other_root_makes_is_taken(void)
{
    CLEANUP(taking_done) struct taking t = {.r = {.keys = {NULL}}};

    CHECK_OK(begin(&t));
    CHECK_OK(take(&t, &t.r.cross));
    CHECK_INT(t.m.n_crosses, 1);
    CHECK_STR(t.m.crosses[0].name, "root-rsa-2-by-root-rsa");
    CHECK(str_eq(t.m.crosses[0].certificate, t.r.cross.der));
    CHECK(str_eq(id_str(&t.m.crosses[0].subject), id_str(&t.r.rows[1].id)));
    CHECK(str_eq(id_str(&t.m.crosses[0].signer), id_str(&t.r.rows[0].id)));
    CHECK_RC(ceremony_take_cross(&t.c, STR("root-rsa-9"), STR("root-rsa"), &t.r.cross, &t.m, NULL),
             RC_NOTFOUND);
    CHECK_RC(ceremony_take_cross(&t.c, STR("root-rsa"), STR("root-rsa"), &t.r.cross, &t.m, NULL),
             RC_INVAL);
    t.r.rows[1].hierarchy = STR("special");
    CHECK_RC(take(&t, &t.r.cross), RC_INVAL);
    CHECK_INT(t.m.n_crosses, 1);
}

static void what_it_did_not_make_is_not(void)
{
    CLEANUP(taking_done) struct taking t = {.r = {.keys = {NULL}}};
    struct ceremony_signer by;
    struct ceremony_plan plan;
    struct x509_cert other;

    CHECK_OK(begin(&t));
    by = (struct ceremony_signer){STR("root-rsa"), &t.r.old, t.r.keys[0]};
    plan = (struct ceremony_plan){.conf = &t.r.conf, .now = ROOTS_NOW};
    CHECK_RC(take(&t, &t.r.next), RC_DENIED); /* signed by itself */
    CHECK_RC(take(&t, &t.r.issuer), RC_DENIED);
    CHECK(strstr(t.text, "it is not that root's name and key"));
    CHECK_OK(ceremony_certify_cross(&plan, &t.r.issuer, &by, &t.r.a, &other, NULL));
    CHECK_RC(take(&t, &other), RC_DENIED); /* of somebody else's key */
    CHECK_OK(forge(&t, 1, -1, &other));
    CHECK_RC(take(&t, &other), RC_DENIED); /* by another key than the signer's */
    CHECK_INT(t.m.n_crosses, 0);
}

static void times_and_places_are_as_here(void)
{
    CLEANUP(taking_done) struct taking t = {.r = {.keys = {NULL}}};
    struct ceremony_signer by;
    struct ceremony_plan plan;
    struct x509_cert early;

    CHECK_OK(begin(&t));
    by = (struct ceremony_signer){STR("root-rsa"), &t.r.old, t.r.keys[0]};
    plan = (struct ceremony_plan){.conf = &t.r.conf, .now = ROOTS_NOW + 3 * WHEN_DAY};
    CHECK_OK(ceremony_certify_cross(&plan, &t.r.next, &by, &t.r.a, &early, NULL));
    CHECK_RC(take(&t, &early), RC_DENIED);
    CHECK(strstr(t.text, "set the clocks"));
    t.c.now = ROOTS_NOW + 3 * WHEN_DAY;
    CHECK_OK(take(&t, &early));
    t.r.conf.urls.plain = STR("http://ca.hospital.example");
    CHECK_RC(take(&t, &early), RC_DENIED);
    CHECK(strstr(t.text, "urls: plain:"));
    CHECK_OK(ceremony_certify_cross(&plan, &t.r.next, &by, &t.r.a, &early, NULL));
    CHECK_OK(take(&t, &early));
    t.r.conf.urls.plain = STR("http://elsewhere.example");
    CHECK_RC(take(&t, &early), RC_DENIED);
    CHECK(strstr(t.text, "urls: plain:"));
    t.c.now = t.r.old.not_after;
    CHECK_RC(take(&t, &early), RC_DENIED); /* the signer has ended */
}

static void nothing_is_beside(void)
{
    CLEANUP(taking_done) struct taking t = {.r = {.keys = {NULL}}};
    struct x509_cert cert;

    CHECK_OK(begin(&t));
    CHECK_OK(forge(&t, 0, 3, &cert));
    CHECK_RC(take(&t, &cert), RC_DENIED);
    CHECK(strstr(t.text, "with nothing beside"));
    CHECK_OK(forge(&t, 0, -1, &cert)); /* what makes the difference */
    CHECK_OK(take(&t, &cert));
}

CHECK_MAIN(CHECK_TEST(a_roots_list_has_what_it_revoked),
           CHECK_TEST(what_is_revoked_now_is_on_it_once),
           CHECK_TEST(what_the_other_root_makes_is_taken), CHECK_TEST(what_it_did_not_make_is_not),
           CHECK_TEST(times_and_places_are_as_here), CHECK_TEST(nothing_is_beside))
