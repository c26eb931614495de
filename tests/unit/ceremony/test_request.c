/* SPDX-License-Identifier: Apache-2.0 */
/* What servers write on media for a root: read again as it was written, and refused when it is
 * something else. */
#include "check.h"

#include "ceremony/request.h"
#include "unit/ceremony/roots.h"
#include "x509/crl.h"

static void revocations(void)
{
    CLEANUP(roots_done) struct roots m = {.keys = {NULL}};
    CLEANUP(buf_done) struct buf text = BUF_INIT(CEREMONY_REQUEST_MAX);
    struct ceremony_revocation r, back;

    CHECK_OK(roots_make(&m));
    r = (struct ceremony_revocation){m.issuer, X509_REASON_SUPERSEDED, STR("on Tuesday")};
    CHECK_OK(ceremony_revocation_put(&r, &text));
    CHECK_OK(ceremony_revocation_parse(&m.a, buf_str(&text), &back, NULL));
    CHECK_INT(back.reason, X509_REASON_SUPERSEDED);
    CHECK(str_eq(back.words, r.words) && str_eq(back.cert.der, m.issuer.der));
    CHECK_RC(ceremony_revocation_parse(&m.a, STR("reason: superseded\n"), &back, NULL),
             RC_NOTFOUND);
    CHECK_RC(ceremony_revocation_parse(&m.a, STR("reason: certificateHold\n"), &back, NULL),
             RC_INVAL);
    CHECK_RC(ceremony_revocation_parse(&m.a, STR("whatever: x\n"), &back, NULL), RC_PARSE);
    CHECK_RC(ceremony_revocation_parse(&m.a, STR("words: a\033[2Jb\n"), &back, NULL), RC_INVAL);
    CHECK_RC(ceremony_revocation_parse(&m.a, STR("plain: http://x.example\n"), &back, NULL),
             RC_PARSE); /* of the other kind */
}

static void cross_certificates(void)
{
    static const char *const bad[] = {"plain: https://ca.example\n", "plain: http://a b\n",
                                      "plain: http://a\033[2Jb\n", "plain:\n"};
    CLEANUP(roots_done) struct roots m = {.keys = {NULL}};
    CLEANUP(buf_done) struct buf text = BUF_INIT(CEREMONY_REQUEST_MAX);
    struct ceremony_crossing r, back;

    CHECK_OK(roots_make(&m));
    r = (struct ceremony_crossing){m.next, STR("http://ca.hospital.example")};
    CHECK_OK(ceremony_crossing_put(&r, &text));
    CHECK_OK(ceremony_crossing_parse(&m.a, buf_str(&text), &back, NULL));
    CHECK(str_eq(back.plain, r.plain) && str_eq(back.subject.der, m.next.der));
    buf_reset(&text);
    r.plain = STR("");
    CHECK_OK(ceremony_crossing_put(&r, &text));
    CHECK_OK(ceremony_crossing_parse(&m.a, buf_str(&text), &back, NULL));
    CHECK_INT(back.plain.n, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(ceremony_crossing_parse(&m.a, str_of(bad[i]), &back, NULL), RC_INVAL);
    CHECK_RC(ceremony_crossing_parse(&m.a, STR("reason: superseded\n"), &back, NULL), RC_PARSE);
    CHECK_RC(ceremony_crossing_parse(&m.a, STR("plain\n"), &back, NULL), RC_PARSE);
    CHECK_RC(ceremony_crossing_parse(&m.a, STR(""), &back, NULL), RC_NOTFOUND);
}

static void not_more_than_fits(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf text = BUF_INIT(2 * CEREMONY_REQUEST_MAX);
    struct ceremony_crossing back;

    while (text.n <= CEREMONY_REQUEST_MAX && buf_rc(&text) == RC_OK)
        buf_putz(&text, "\n");
    CHECK_OK(buf_rc(&text));
    CHECK_RC(ceremony_crossing_parse(&a, buf_str(&text), &back, NULL), RC_TOOBIG);
}

CHECK_MAIN(CHECK_TEST(revocations), CHECK_TEST(cross_certificates), CHECK_TEST(not_more_than_fits))
