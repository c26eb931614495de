/* SPDX-License-Identifier: Apache-2.0 */
/* ca.escrow: the file beside the configuration that it names, what may not be in it, and that
 * another key in a file of the same name is another policy. */
#include "problems.h"

#include "conf/diff.h"
#include "conf/policy.h"

#define CONFIG LEAST "ca: {escrow: escrow.pem}\n"
#define BLOCK(label, text) "-----BEGIN " label "-----\n" text "\n-----END " label "-----\n"
#define PUBLIC(text) BLOCK("PUBLIC KEY", text)

static enum rc load_beside(const char *pem, const struct conf **out, struct buf *problems)
{
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(conf_report_done) struct conf_report report = {};
    enum rc rc;

    conf_input_init(&in);
    conf_report_init(&report);
    TRY(conf_input_add(&in, STR("a.yaml"), STR(CONFIG)));
    TRY(conf_input_add(&in, STR("/data/conf.d/escrow.pem"), str_of(pem)));
    rc = conf_load(&in, out, &report);
    conf_report_text(&report, problems);
    return rc;
}

#define CHECK_REFUSED(pem, words)                                                                  \
    do {                                                                                           \
        CLEANUP(conf_unrefp) const struct conf *none_ = NULL;                                      \
        CLEANUP(buf_done) struct buf problems_ = BUF_INIT(4096);                                   \
        CHECK_RC(load_beside((pem), &none_, &problems_), RC_INVAL);                                \
        CHECK(strstr(buf_z(&problems_), "a.yaml:3: ca.escrow: "));                                 \
        CHECK(strstr(buf_z(&problems_), (words)));                                                 \
    } while (0)

static void what_is_in_the_file_comes_along(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL, *with = NULL;
    CLEANUP(buf_done) struct buf problems = BUF_INIT(4096);

    CHECK_LOADS("", &conf);
    CHECK_INT(conf->ca.escrow.n + conf->ca.escrow_key.n, 0);
    CHECK_OK(load_beside(PUBLIC("AAAA"), &with, &problems));
    CHECK_STR(with->ca.escrow, "escrow.pem");
    CHECK_STR(with->ca.escrow_key, PUBLIC("AAAA"));
}

static void what_cannot_be_a_key_is_refused(void)
{
    static char much[20000];

    CHECK_PROBLEM("ca: {escrow: none.pem}\n",
                  "3: ca.escrow: none.pem is not in conf.d of the data directory: put it there, "
                  "with a name that ends in .pem, owned by root and writable by nobody else");
    CHECK_REFUSED("key: value\n", "has to be one PUBLIC KEY or CERTIFICATE in PEM");
    CHECK_REFUSED(BLOCK("X509 CRL", "AAAA"), "has to be one PUBLIC KEY or CERTIFICATE in PEM");
    CHECK_REFUSED(PUBLIC("AAAA") PUBLIC("AAAA"), "and nothing else");
    CHECK_REFUSED(PUBLIC("AAAA") BLOCK("X509 CRL", "AAAA"), "and nothing else");
    CHECK_REFUSED("the key of 2027\n" PUBLIC("AAAA"), "and nothing else");
    CHECK_REFUSED(PUBLIC("AAAA") "as of 2027\n", "and nothing else");
    memset(much, 'A', sizeof(much) - 1);
    memcpy(much, "-----BEGIN PUBLIC KEY-----", 26);
    CHECK_REFUSED(much, "16384 bytes at most");
}

/* It would be told to every process. */
static void a_private_key_is_refused(void)
{
    CHECK_REFUSED(BLOCK("PRIVATE KEY", "AAAA"), "escrow.pem has a private key in it");
    CHECK_REFUSED(PUBLIC("AAAA") BLOCK("ENCRYPTED PRIVATE KEY", "AAAA"), "take that key for known");
    CHECK_REFUSED(BLOCK("EC PRIVATE KEY", "AAAA"), "the public one alone");
}

static void another_key_in_it_is_another_policy(void)
{
    CLEANUP(conf_unrefp) const struct conf *a = NULL, *same = NULL, *b = NULL, *none = NULL;
    CLEANUP(conf_changes_done) struct conf_changes changes = {}, nothing = {};
    CLEANUP(buf_done) struct buf problems = BUF_INIT(4096), text = BUF_INIT(4096);
    bool is = true;

    CHECK_LOADS("", &none);
    CHECK_OK(load_beside(PUBLIC("AAAA"), &a, &problems));
    CHECK_OK(load_beside(PUBLIC("AAAA"), &same, &problems));
    CHECK_OK(load_beside(PUBLIC("BBBB"), &b, &problems));
    CHECK_OK(conf_diff(a, same, &nothing));
    CHECK_INT(nothing.n, 0);
    CHECK_OK(conf_diff(a, b, &changes));
    CHECK_INT(changes.n, 1);
    CHECK_STR(changes.p[0].key, "ca.escrow (key)");
    CHECK_STR(changes.p[0].was, "-----BEGIN PUBLIC KEY----- AAAA -----END PUBLIC KEY-----");
    CHECK_STR(changes.p[0].now, "-----BEGIN PUBLIC KEY----- BBBB -----END PUBLIC KEY-----");
    CHECK_INT(changes.p[0].class, CONF_LIVE);
    CHECK(conf_policy_changes(&changes));
    CHECK_OK(conf_policy_same(a, b, &is));
    CHECK(!is);
    CHECK_OK(conf_policy_same(a, same, &is));
    CHECK(is);
    CHECK_OK(conf_policy_text(b, &text));
    CHECK(strstr(buf_z(&text), "\nca.escrow: escrow.pem\n"));
    CHECK(strstr(buf_z(&text), "\nca.escrow (key): -----BEGIN PUBLIC KEY----- BBBB "));
    buf_reset(&text);
    CHECK_OK(conf_policy_text(none, &text));
    CHECK(!strstr(buf_z(&text), "escrow"));
}

CHECK_MAIN(CHECK_TEST(what_is_in_the_file_comes_along),
           CHECK_TEST_ONCE(what_cannot_be_a_key_is_refused),
           CHECK_TEST_ONCE(a_private_key_is_refused),
           CHECK_TEST(another_key_in_it_is_another_policy))
