/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the register: what is held against it before anything is written, and what is written.
 */
#include "check.h"

#include "ca/issue_int.h"
#include "ca/register.h"
#include "unit/ceremony/roots.h"
#include "unit/store/fixture.h"

/* A register that nothing has written to, with the two roots of `r`. */
struct held {
    struct roots r;
    struct ca *ca;
    struct ca_issuer roots[2], issuer;
    struct ca_cross cross;
};

static void held_done(struct held *h)
{
    mem_free(h->ca);
    roots_done(&h->r);
}

static enum rc start(struct held *h)
{
    h->ca = MEM_NEW(struct ca);
    if (!h->ca)
        return RC_NOMEM;
    TRY(roots_make(&h->r));
    h->roots[0] = (struct ca_issuer){.id = h->r.rows[0].id, .cert = h->r.old};
    h->roots[1] = (struct ca_issuer){.id = h->r.rows[1].id, .cert = h->r.next};
    h->issuer = (struct ca_issuer){.has_key = true};
    for (size_t i = 0; i < 2; i++)
        h->ca->issuers[h->ca->n_issuers++] = &h->roots[i];
    return RC_OK;
}

static void fill_issuers(struct held *h, size_t n)
{
    while (h->ca->n_issuers < n)
        h->ca->issuers[h->ca->n_issuers++] = &h->issuer;
}

static bool says(const struct err *err, const char *what)
{
    char text[512];

    return strstr(err_textz(err, text, sizeof(text)), what) != NULL;
}

static void what_its_signer_signed_is_taken(void)
{
    CLEANUP(held_done) struct held h = {.ca = NULL};
    struct ca_change c = {.n_issuers = 1, .n_crosses = 1};
    struct err err = ERR_INIT;
    struct store_cross cross;
    struct store_issuer row;

    CHECK_OK(start(&h));
    c.issuers = &row;
    c.crosses = &cross;
    row = h.r.rows[2];
    cross = h.r.crosses[0];
    CHECK_OK(ca_change_check(h.ca, &c, &err));
    row.parent = h.r.rows[1].id; /* the other root */
    CHECK_RC(ca_change_check(h.ca, &c, &err), RC_DENIED);
    CHECK(says(&err, "rsa-1 is not signed by its root"));
    row.parent = h.r.rows[2].id; /* by itself, so to speak */
    CHECK_RC(ca_change_check(h.ca, &c, &err), RC_DENIED);
    CHECK_OK(id_new(&row.parent));
    CHECK_RC(ca_change_check(h.ca, &c, &err), RC_DENIED);
    CHECK(says(&err, "is not in the register"));
    row = h.r.rows[2];
    row.certificate = str_head(row.certificate, row.certificate.n - 1);
    CHECK_RC(ca_change_check(h.ca, &c, &err), RC_DENIED);
}

static void a_cross_certificate_is_of_one_root_by_the_other(void)
{
    CLEANUP(held_done) struct held h = {.ca = NULL};
    struct ca_change c = {.n_crosses = 1};
    struct err err = ERR_INIT;
    struct store_cross cross;

    CHECK_OK(start(&h));
    c.crosses = &cross;
    cross = h.r.crosses[0];
    cross.signer = h.r.rows[1].id;
    CHECK_RC(ca_change_check(h.ca, &c, &err), RC_DENIED);
    CHECK(says(&err, "root-rsa-2-by-root-rsa"));
    cross = h.r.crosses[0];
    cross.subject = h.r.rows[0].id;
    CHECK_RC(ca_change_check(h.ca, &c, &err), RC_DENIED);
    cross = h.r.crosses[0];
    cross.certificate = h.r.issuer.der; /* signed by it, and of nobody's name */
    CHECK_RC(ca_change_check(h.ca, &c, &err), RC_DENIED);
    CHECK_OK(id_new(&cross.subject));
    CHECK_RC(ca_change_check(h.ca, &c, &err), RC_DENIED);
    cross = h.r.crosses[0];
    CHECK_OK(ca_change_check(h.ca, &c, &err));
}

static void there_is_room_for_so_many(void)
{
    CLEANUP(held_done) struct held h = {.ca = NULL};
    struct ca_change c = {.n_issuers = 1};
    struct err err = ERR_INIT;
    struct store_issuer row;

    CHECK_OK(start(&h));
    c.issuers = &row;
    row = h.r.rows[1]; /* a root: no key that the signer loads */
    row.key_ref = STR("");
    fill_issuers(&h, CA_REGISTER_MAX - 1);
    CHECK_OK(ca_change_check(h.ca, &c, &err));
    fill_issuers(&h, CA_REGISTER_MAX);
    CHECK_RC(ca_change_check(h.ca, &c, &err), RC_TOOBIG);
    CHECK(says(&err, "has 512 authorities and room for 512"));
    c.n_issuers = 0;
    CHECK_OK(ca_change_check(h.ca, &c, &err)); /* nothing is added */
}

static void the_signer_has_room_for_so_many_keys(void)
{
    CLEANUP(held_done) struct held h = {.ca = NULL};
    struct ca_change c = {.n_issuers = 1};
    struct err err = ERR_INIT;
    struct store_issuer row;

    CHECK_OK(start(&h));
    c.issuers = &row;
    row = h.r.rows[2];
    fill_issuers(&h, 2 + CA_ISSUERS_MAX - 1); /* the roots have none that count */
    CHECK_OK(ca_change_check(h.ca, &c, &err));
    fill_issuers(&h, 2 + CA_ISSUERS_MAX);
    CHECK_RC(ca_change_check(h.ca, &c, &err), RC_TOOBIG);
    CHECK(says(&err, "keys of 256 issuers and loads 256"));
    row = h.r.rows[1];
    row.key_ref = STR(""); /* one whose key is elsewhere fits */
    CHECK_OK(ca_change_check(h.ca, &c, &err));
}

static void there_is_room_for_so_many_cross_certificates(void)
{
    CLEANUP(held_done) struct held h = {.ca = NULL};
    struct ca_change c = {.n_crosses = 1};
    struct err err = ERR_INIT;

    CHECK_OK(start(&h));
    c.crosses = h.r.crosses;
    while (h.ca->n_crosses < CA_REGISTER_MAX - 1)
        h.ca->crosses[h.ca->n_crosses++] = &h.cross;
    CHECK_OK(ca_change_check(h.ca, &c, &err));
    h.ca->crosses[h.ca->n_crosses++] = &h.cross;
    CHECK_RC(ca_change_check(h.ca, &c, &err), RC_TOOBIG);
}

static void one_change_is_written_whole(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(roots_done) struct roots r = {.keys = {NULL}};
    struct ca_change c = {.n_issuers = 3, .n_crosses = 1, .actor = STR("uid 0"), .now = ROOTS_NOW};
    struct store_event_filter filter = {.action = STR("cross-certificate.")};
    struct store_event *events;
    struct store_issuer *rows;
    struct store_cross *crosses;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(roots_make(&r));
    c.issuers = r.rows;
    c.crosses = r.crosses;
    CHECK_OK(DO(&f, ca_change_apply(T, &c)));
    CHECK_RC(DO(&f, ca_change_apply(T, &c)), RC_EXISTS);
    c = (struct ca_change){.n_revoke = 1, .n_revoke_cross = 1, .now = ROOTS_NOW + WHEN_HOUR};
    c.revoke[0] = r.rows[2].id;
    c.revoke_cross[0].id = r.crosses[0].id;
    c.revoke_cross[0].reason = 5;
    CHECK_OK(DO(&f, ca_change_apply(T, &c)));
    CHECK_RC(DO(&f, ca_change_apply(T, &c)), RC_CONFLICT);
    c.n_revoke = 0;
    CHECK_RC(DO(&f, ca_change_apply(T, &c)), RC_CONFLICT);
    CHECK_OK(store_issuer_list(READ(&f), &f.a, 1u << STORE_ISSUER_REVOKED, &rows, &n));
    CHECK_INT(n, 1);
    CHECK_STR(rows[0].name, "rsa-1");
    CHECK_OK(store_cross_list(READ(&f), &f.a, &crosses, &n));
    CHECK_INT(n, 1);
    CHECK_INT(crosses[0].revoked, ROOTS_NOW + WHEN_HOUR);
    CHECK_INT(crosses[0].reason, 5);
    CHECK_OK(store_event_list(READ(&f), &f.a, &filter, &events, &n));
    CHECK_INT(n, 1);
    CHECK_STR(events[0].action, "cross-certificate.revoked");
    CHECK_STR(events[0].object, r.crosses[0].id.z);
}

FIX_MAIN(CHECK_TEST(what_its_signer_signed_is_taken),
         CHECK_TEST(a_cross_certificate_is_of_one_root_by_the_other),
         CHECK_TEST(there_is_room_for_so_many), CHECK_TEST(the_signer_has_room_for_so_many_keys),
         CHECK_TEST(there_is_room_for_so_many_cross_certificates),
         CHECK_TEST(one_change_is_written_whole))
