/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/text.h"
#include "x509/name.h"
#include "x509/oid.h"

static const struct x509_subject full = {
    .country = STR("DE"),
    .state = STR("Hessen"),
    .locality = STR("Gie\xc3\x9f"
                    "en"),
    .organization = STR("Example Hospital"),
    .unit = STR("IT"),
    .common_name = STR("Root, \"new\""),
};

static void written_and_read(void)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_NAME_MAX);
    CLEANUP(buf_done) struct buf text = BUF_INIT(X509_NAME_MAX);
    struct x509_subject s;
    size_t others = 99;

    CHECK_OK(x509_name_build(&full, &der));
    CHECK_OK(x509_der_check(buf_str(&der)));
    CHECK_OK(x509_name_parse(buf_str(&der), &s, &others));
    CHECK_INT(others, 0);
    CHECK_STR(s.country, "DE");
    CHECK_STR(s.state, "Hessen");
    CHECK_STR(s.locality, "Gie\xc3\x9f"
                          "en");
    CHECK_STR(s.organization, "Example Hospital");
    CHECK_STR(s.unit, "IT");
    CHECK_STR(s.common_name, "Root, \"new\"");
    x509_name_text(buf_str(&der), &text);
    CHECK_STR(buf_str(&text), "C = DE, ST = Hessen, L = Gie\xc3\x9f"
                              "en, O = Example Hospital, OU = IT, CN = Root\\, \\\"new\\\"");
}

static void exact_bytes(void)
{
    static const struct x509_subject s = {.country = STR("DE"), .common_name = STR("x")};
    CLEANUP(buf_done) struct buf der = BUF_INIT(100);
    CLEANUP(buf_done) struct buf hex = BUF_INIT(200);

    CHECK_OK(x509_name_build(&s, &der));
    text_hex(&hex, buf_str(&der));
    CHECK_STR(buf_str(&hex), "3019310b3009060355040613024445310a300806035504030c0178");
}

static void empty_is_an_empty_sequence(void)
{
    static const struct x509_subject none = {.country = {NULL, 0}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(100);
    CLEANUP(buf_done) struct buf text = BUF_INIT(100);
    struct x509_subject s;

    CHECK_OK(x509_name_build(&none, &der));
    CHECK_INT(buf_str(&der).n, 2);
    CHECK_OK(x509_name_parse(buf_str(&der), &s, NULL));
    CHECK(s.common_name.n == 0);
    x509_name_text(buf_str(&der), &text);
    CHECK_STR(buf_str(&text), "-");
}

static void impossible_attributes_are_refused(void)
{
    char long_name[2 * (X509_ATTR_MAX + 1)];
    struct x509_subject s = {.country = STR("De")};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_NAME_MAX);

    CHECK_RC(x509_name_build(&s, &der), RC_INVAL);
    s = (struct x509_subject){.country = STR("DEU")};
    CHECK_RC(x509_name_build(&s, &der), RC_INVAL);
    s = (struct x509_subject){.common_name = STR("a\nb")};
    CHECK_RC(x509_name_build(&s, &der), RC_INVAL);
    s = (struct x509_subject){.common_name = str_bytes("a\0b", 3)};
    CHECK_RC(x509_name_build(&s, &der), RC_INVAL);
    s = (struct x509_subject){.unit = STR("\xff")};
    CHECK_RC(x509_name_build(&s, &der), RC_INVAL);
    /* 65 characters are too many, 64 of two bytes are not. */
    memset(long_name, 'a', sizeof(long_name));
    s = (struct x509_subject){.organization = str_bytes(long_name, X509_ATTR_MAX + 1)};
    CHECK_RC(x509_name_build(&s, &der), RC_INVAL);
    CHECK_INT(der.n, 0);
    for (size_t i = 0; i < X509_ATTR_MAX; i++)
        memcpy(long_name + 2 * i, "\xc3\xa4", 2);
    s = (struct x509_subject){.organization = str_bytes(long_name, (size_t)2 * X509_ATTR_MAX)};
    CHECK_OK(x509_name_build(&s, &der));
}

static enum rc parse_hex(const char *hex, struct buf *der, struct x509_subject *s, size_t *others)
{
    buf_reset(der);
    TRY(text_unhex(str_of(hex), der));
    return x509_name_parse(buf_str(der), s, others);
}

static void broken_names_are_refused(void)
{
    static const char *const bad[] = {
        "",
        "3100",
        "30023100",               /* an empty RDN */
        "300431023000",           /* an attribute without its type */
        "3009310730050603550403", /* without a value */
        "300c310a3008060355040c0c0178ff",
        "300e310c300a06035504030c01780500", /* two values */
        "30010c",
    };
    CLEANUP(buf_done) struct buf der = BUF_INIT(1000);
    CLEANUP(buf_done) struct buf text = BUF_INIT(1000);
    struct x509_subject s;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(parse_hex(bad[i], &der, &s, NULL), RC_PARSE);
    x509_name_text(STR("\x30\x01\x0c"), &text);
    CHECK_STR(buf_str(&text), "?");
    CHECK_INT(x509_name_count(STR("\x30\x01\x0c"), x509_oid_der(X509_OID_CN)), 0);
}

/* Two CNs in one RDN, of which the second is a BMPString, a DC and an unknown attribute. */
static void foreign_names_are_read(void)
{
    static const char name[] = "30"
                               "3f"
                               "3117"
                               "300806035504030c0161"
                               "300b06035504031e0400620063"
                               "3113"
                               "3011060a0992268993f22c6401191603"
                               "780179"
                               "310f"
                               "300d06042a0304051305" /* 1.2.3.4.5 */
                               "68656c6c6f";
    CLEANUP(buf_done) struct buf der = BUF_INIT(1000);
    CLEANUP(buf_done) struct buf text = BUF_INIT(1000);
    struct x509_subject s;
    size_t others;

    CHECK_OK(parse_hex(name, &der, &s, &others));
    CHECK_STR(s.common_name, "a");
    CHECK_INT(others, 3);
    CHECK_INT(x509_name_count(buf_str(&der), x509_oid_der(X509_OID_CN)), 2);
    x509_name_text(buf_str(&der), &text);
    CHECK_STR(buf_str(&text),
              "CN = a, CN = \\00\\62\\00\\63, DC = \\78\\01\\79, 1.2.3.4.5 = hello");
}

static void number_of_attributes_is_limited(void)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_NAME_MAX);
    struct x509_der w = x509_der_of(&der);
    struct x509_subject s;

    x509_der_open(&w, X509_DER_SEQUENCE);
    for (int i = 0; i <= X509_NAME_ATTRS_MAX; i++)
        x509_der_raw(&w, STR("\x31\x0a\x30\x08\x06\x03\x55\x04\x0b\x0c\x01x"));
    x509_der_close(&w);
    CHECK_OK(x509_der_end(&w));
    CHECK_RC(x509_name_parse(buf_str(&der), &s, NULL), RC_PARSE);
}

CHECK_MAIN(CHECK_TEST(written_and_read), CHECK_TEST(exact_bytes),
           CHECK_TEST(empty_is_an_empty_sequence), CHECK_TEST(impossible_attributes_are_refused),
           CHECK_TEST(broken_names_are_refused), CHECK_TEST(foreign_names_are_read),
           CHECK_TEST(number_of_attributes_is_limited))
