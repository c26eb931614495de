/* SPDX-License-Identifier: Apache-2.0 */
/* A report of a time that is over does not change with what comes later. */
#include "check.h"

#include "unit/store/fixture.h"

#include "audit/audit.h"
#include "base/file.h"
#include "base/text.h"
#include "report/report.h"
#include "store/endpoints.h"
#include "store/meta.h"

enum { MAX = 8 * 1024 * 1024 };

static const struct report_span span = {FIX_NOW, FIX_NOW + 30 * WHEN_DAY};

static enum rc add(struct fix *f, unsigned n, when_t issued, when_t not_after)
{
    struct fix_serial room;
    struct store_certificate c = fix_certificate(n, 3, &room);

    c.issued = c.not_before = issued;
    c.not_after = not_after;
    return DO(f, store_certificate_add(T, &c, &(struct id){}));
}

static enum rc event(struct fix *f, const char *action, when_t at, struct str detail)
{
    const struct audit_event e = {.at = at,
                                  .actor_kind = AUDIT_SYSTEM,
                                  .action = action,
                                  .object_kind = "order",
                                  .object = STR("77"),
                                  .reason = STR(",\"node\":"),
                                  .detail = detail};

    return DO(f, audit_append(T, &e, NULL));
}

static enum rc see(struct fix *f, struct str endpoint, unsigned certificate, when_t at)
{
    struct fix_serial room;
    const struct store_endpoint e = {
        .id = fix_id(certificate + 500),
        .endpoint = endpoint,
        .protocol = STR("tls"),
        .address = {4, {10, 1, 2, 3}},
        .port = 443,
        .state = STORE_ENDPOINT_TLS,
        .shown = true,
        .seen = {.sha256 = fix_hash(certificate + 2),
                 .der = STR("certificate"),
                 .serial = fix_serial(certificate, &room),
                 .subject = STR("CN=x"),
                 .names = STR("[\"a.example\",\"b.example\"]"),
                 .not_before = FIX_NOW,
                 .not_after = FIX_NOW + 90 * WHEN_DAY},
        .not_after = FIX_NOW + 90 * WHEN_DAY,
        .last_seen = at,
    };

    return DO(f, store_endpoint_see(T, &e));
}

/* 10 ends unrenewed by anything that lasts longer before 20 comes, which is a near miss for it; 30
 * ends without a successor of its name; 40 is revoked. */
static enum rc fill(struct fix *f)
{
    when_t day = WHEN_DAY;
    struct id revoked = fix_id(40);

    TRY(fix_base(f));
    TRY(add(f, 10, FIX_NOW - 85 * day, FIX_NOW + 5 * day));
    TRY(add(f, 20, FIX_NOW + 4 * day, FIX_NOW + 94 * day));
    TRY(add(f, 40, FIX_NOW + 20 * day, FIX_NOW + 20 * day + day / 2));
    TRY(add(f, 41, FIX_NOW + 21 * day, FIX_NOW + 25 * day));
    TRY(DO(f, store_certificate_revoke(T, &revoked, FIX_NOW + 20 * day + 1, 4)));
    TRY(event(f, "order.failed", FIX_NOW + day,
              STR("{\"detail\":\"all\",\"subproblems\":[{\"detail\":\"=no answer\",\"type\":"
                  "\"urn:ietf:params:acme:error:connection\"}],\"type\":\"malformed\"}")));
    TRY(event(f, "order.failed", FIX_NOW + 2 * day, STR("{\"type\":\"dns\",\"detail\":\"d\"}")));
    TRY(event(f, "approval.asked", FIX_NOW + day, STR("{\"what\":\"wildcard\"}")));
    TRY(event(f, "issuer.created", FIX_NOW + day, STR("{\"ref\":\"rsa-2\"}")));
    TRY(see(f, STR("10.1.2.3:443"), 20, FIX_NOW + 6 * day));
    return see(f, STR("10.1.2.4:443"), 999, FIX_NOW + 6 * day);
}

/* What comes after the span. */
static enum rc go_on(struct fix *f)
{
    when_t later = span.before + WHEN_DAY;
    struct id revoked = fix_id(20);

    TRY(add(f, 50, later, later + 90 * WHEN_DAY));
    TRY(DO(f, store_certificate_revoke(T, &revoked, later, 1)));
    TRY(event(f, "order.failed", later, STR("{\"type\":\"dns\",\"detail\":\"later\"}")));
    TRY(event(f, "issuer.created", later, STR("{}")));
    TRY(see(f, STR("10.1.2.3:443"), 50, later));
    TRY(see(f, STR("10.1.2.5:443"), 50, later));
    return see(f, STR("10.1.2.4:443"), 50, later);
}

static enum rc report(struct fix *f, const struct check_dir *d, struct report_numbers *out)
{
    const struct report_asked asked = {STR("Example Hospital"), span};
    struct err err = ERR_INIT;

    return report_write(READ(f), &asked, d->fd, "dir", out, &err);
}

static bool has(const struct buf *b, const char *text)
{
    return memmem(b->p, b->n, text, strlen(text)) != NULL;
}

static void what_happened(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(MAX);
    struct report_numbers n;

    check_dir_init(&d);
    CHECK_OK(CHECK_SPARED(fill(&f)));
    CHECK_OK(report(&f, &d, &n));
    CHECK_INT(n.active, 1);
    CHECK_INT(n.wildcards, 1);
    CHECK_INT(n.ending, 0);
    CHECK_INT(n.issued, 3);
    CHECK_INT(n.renewed, 3);
    CHECK_INT(n.near_misses, 1); /* 20, with one day of 90 left */
    CHECK_INT(n.revoked, 1);
    CHECK_INT(n.ended, 2);
    CHECK_INT(n.lapsed, 1); /* 41 */
    CHECK_INT(n.failures, 2);
    CHECK_INT(n.approvals, 1);
    CHECK_INT(n.authority, 1);
    CHECK_INT(n.endpoints, 1);
    CHECK_INT(n.foreign, 1);
    CHECK_OK(file_read(d.fd, "failures.csv", &text, NULL));
    CHECK(has(&text, "error:connection\""));
    CHECK(has(&text, "\"'=no answer\""));
    buf_reset(&text);
    CHECK_OK(file_read(d.fd, "reasons.csv", &text, NULL));
    CHECK_STR(buf_str(&text), "\"kind\",\"orders\"\r\n"
                              "\"urn:ietf:params:acme:error:connection\",\"1\"\r\n"
                              "\"dns\",\"1\"\r\n");
    buf_reset(&text);
    CHECK_OK(file_read(d.fd, "authority.csv", &text, NULL));
    CHECK(has(&text, ",\"{\"\"ref\"\":\"\"rsa-2\"\"}\"\r\n"));
    buf_reset(&text);
    CHECK_OK(file_read(d.fd, "installed.csv", &text, NULL));
    CHECK(has(&text, "\"10.1.2.3:443\""));
}

static const char *const files[] = {
    "numbers.json", "report.html",   "report.json",     "certificates.csv", "wildcards.csv",
    "issued.csv",   "lapsed.csv",    "near-misses.csv", "revoked.csv",      "failures.csv",
    "reasons.csv",  "approvals.csv", "authority.csv",   "installed.csv",    "foreign.csv",
};

static void later_the_same(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(check_dir_done) struct check_dir first = {}, second = {};
    struct report_numbers n;

    check_dir_init(&first);
    check_dir_init(&second);
    CHECK_OK(CHECK_SPARED(fill(&f)));
    CHECK_OK(report(&f, &first, &n));
    CHECK_OK(CHECK_SPARED(go_on(&f)));
    CHECK_OK(report(&f, &second, &n));
    CHECK_INT(check_dir_count(&second, NULL), sizeof(files) / sizeof(files[0]));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        CLEANUP(buf_done) struct buf a = BUF_INIT(MAX), b = BUF_INIT(MAX);

        CHECK_OK(file_read(first.fd, files[i], &a, NULL));
        CHECK_OK(file_read(second.fd, files[i], &b, NULL));
        if (!str_eq(buf_str(&a), buf_str(&b)) && !mem_fail_fired())
            check_fail(__FILE__, __LINE__, "%s differs", files[i]);
    }
}

static void months(void)
{
    struct report_span s;
    char text[WHEN_TEXT];

    CHECK_OK(report_month(STR("2026-12"), &s));
    CHECK_STR(str_of(when_text(s.from, text)), "2026-12-01T00:00:00Z");
    CHECK_STR(str_of(when_text(s.before, text)), "2027-01-01T00:00:00Z");
    CHECK_OK(report_last_month(s.from, &s));
    CHECK_STR(str_of(when_text(s.from, text)), "2026-11-01T00:00:00Z");
    CHECK_OK(report_month(STR("2027-01"), &s));
    CHECK_OK(report_last_month(s.from, &s));
    CHECK_STR(str_of(when_text(s.from, text)), "2026-12-01T00:00:00Z");
    CHECK_RC(report_month(STR("2026-13"), &s), RC_INVAL);
    CHECK_RC(report_month(STR("2026-00"), &s), RC_INVAL);
    CHECK_RC(report_month(STR("26-10"), &s), RC_INVAL);
    CHECK_RC(report_month(STR("2026-1"), &s), RC_INVAL);
    CHECK_RC(report_month(STR("2026/10"), &s), RC_INVAL);
    CHECK_RC(report_month(STR(""), &s), RC_INVAL);
}

FIX_MAIN(CHECK_TEST(what_happened), CHECK_TEST_ONCE(later_the_same), CHECK_TEST(months))
