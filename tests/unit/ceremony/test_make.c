/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a root whose key is here: what the register has as revoked stands on it, issuers and
 * cross certificates alike, and nothing that another root has signed. */
#include "check.h"

#include "ceremony/make.h"
#include "unit/ceremony/roots.h"
#include "x509/crl.h"

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

CHECK_MAIN(CHECK_TEST(a_roots_list_has_what_it_revoked),
           CHECK_TEST(what_is_revoked_now_is_on_it_once))
