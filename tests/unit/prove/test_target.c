/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be looked at, as it is written, and what becomes of it for the names of a certificate.
 */
#include "check.h"

#include <stdio.h>

#include "prove/places.h"
#include "prove/prove.h"

static const char *shown(const struct prove_target *t, char text[static 128])
{
    const char *plain = t->tlcp ? "tlcp" : "tls";

    snprintf(text, 128, "%s %.*s %u", t->protocol ? starttls_name(t->protocol) : plain,
             STR_ARG(t->host), t->port);
    return text;
}

static void as_written(void)
{
    static const struct {
        const char *text, *shown;
    } good[] = {
        {"443", "tls  443"},
        {":443", "tls  443"},
        {"tls:443", "tls  443"},
        {"tlcp:443", "tlcp  443"},
        {"tlcp:wiki.example:443", "tlcp wiki.example 443"},
        {"tlcp:[::1]:443", "tlcp ::1 443"},
        {"smtp:25", "smtp  25"},
        {"smtp::25", "smtp  25"},
        {"wiki.example:443", "tls wiki.example 443"},
        {"localhost:443", "tls localhost 443"},
        {"tls:smtp:443", "tls smtp 443"},
        {"10.0.0.1:443", "tls 10.0.0.1 443"},
        {"[2001:db8::1]:443", "tls 2001:db8::1 443"},
        {"smtp:mail.example:25", "smtp mail.example 25"},
        {"imap:[::1]:143", "imap ::1 143"},
        {"xmpp-server:chat.example:5269", "xmpp-server chat.example 5269"},
    };
    static const struct {
        const char *text, *code;
    } bad[] = {
        {"", "prove.target"},
        {"wiki.example", "prove.target"},
        {"wiki.example:", "prove.target"},
        {"wiki.example:0", "prove.target"},
        {"wiki.example:65536", "prove.target"},
        {"wiki example:443", "prove.target"},
        {"2001:db8::1:443", "prove.protocol"},
        {"[10.0.0.1]:443", "prove.target"},
        {"[::1]", "prove.target"},
        {"gopher:wiki.example:70", "prove.protocol"},
        {"smtp:a:b:25", "prove.target"},
        {"https://wiki.example:443", "prove.protocol"},
    };
    struct prove_target t;
    char text[128];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_OK(prove_target_parse(str_of(good[i].text), &t, NULL));
        CHECK_STR(str_of(shown(&t, text)), good[i].shown);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err = ERR_INIT;

        CHECK_RC(prove_target_parse(str_of(bad[i].text), &t, &err), RC_INVAL);
        CHECK_STR(str_of(err.msg->code), bad[i].code);
    }
}

/* TLCP and SM2 go together, everything else with all that is no SM2. */
static void fits(void)
{
    static const struct {
        const char *text;
        enum crypto_key_type type;
        const char *code;
    } cases[] = {
        {"tlcp:443", CRYPTO_KEY_SM2, NULL},
        {"443", CRYPTO_KEY_P256, NULL},
        {"smtp:25", CRYPTO_KEY_MLDSA65, NULL},
        {"443", CRYPTO_KEY_SM2, "prove.sm2"},
        {"tls:wiki.example:443", CRYPTO_KEY_SM2, "prove.sm2"},
        {"smtp:25", CRYPTO_KEY_SM2, "prove.sm2"},
        {"tlcp:443", CRYPTO_KEY_RSA, "prove.tlcp"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = ERR_INIT;
        struct prove_target t;

        CHECK_OK(prove_target_parse(str_of(cases[i].text), &t, NULL));
        CHECK_RC(prove_target_fits(&t, cases[i].type, &err), cases[i].code ? RC_INVAL : RC_OK);
        if (cases[i].code)
            CHECK_STR(str_of(err.msg->code), cases[i].code);
    }
}

static const struct str dns[] = {STR("a.example"), STR("*.b.example"), STR("c.example")};
static const struct addr ips[] = {{4, {10, 0, 0, 7}}};

static enum rc asks_of(struct arena *a, const char *target, const struct prove_what *names,
                       char *out, size_t room)
{
    struct prove_what what = *names;
    static struct prove_target t;
    struct prove_ask *asks = NULL;
    struct err err = ERR_INIT;
    size_t n = 0, at = 0;

    out[0] = '\0';
    TRY(prove_target_parse(str_of(target), &t, NULL));
    what.targets = &t;
    what.n_targets = 1;
    TRY(prove_asks(a, &what, &asks, &n, &err));
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, room - at, "%.*s=%.*s ", STR_ARG(asks[i].host),
                               STR_ARG(asks[i].name));
    return RC_OK;
}

static void for_the_names(void)
{
    static const struct prove_what names = {NULL, 0, dns, ips, 3, 1};
    static const struct prove_what wild = {NULL, 0, dns + 1, NULL, 1, 0},
                                   address = {NULL, 0, NULL, ips, 0, 1};
    static const struct {
        const char *target;
        const struct prove_what *names;
        const char *asks;
    } cases[] = {
        {"443", &names, "a.example=a.example c.example=c.example 10.0.0.7= "},
        {"A.example:443", &names, "A.example=A.example "},
        {"x.b.example:443", &names, "x.b.example=x.b.example "},
        {"10.0.0.7:443", &names, "10.0.0.7= "},
        {"10.0.0.8:443", &names, "10.0.0.8=a.example 10.0.0.8=proof.b.example 10.0.0.8=c.example "},
        {"lb.other:443", &wild, "lb.other=proof.b.example "},
        {"y.x.b.example:443", &wild, "y.x.b.example=proof.b.example "},
        {"10.0.0.8:443", &address, "10.0.0.8= "},
    };
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    char text[512];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_OK(asks_of(&a, cases[i].target, cases[i].names, text, sizeof(text)));
        CHECK_STR(str_of(text), cases[i].asks);
    }
    CHECK_RC(asks_of(&a, "443", &wild, text, sizeof(text)), RC_INVAL);
}

static void no_more_than(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    static struct prove_target many[PROVE_PLACES_MAX / 3 + 1];
    const struct prove_what what = {many, PROVE_PLACES_MAX / 3 + 1, dns, ips, 3, 1};
    struct prove_ask *asks;
    struct err err = ERR_INIT;
    size_t n;

    CHECK_RC(prove_asks(&a, &what, &asks, &n, &err), RC_TOOBIG);
    CHECK_STR(str_of(err.msg->code), "prove.too-many");
}

CHECK_MAIN(CHECK_TEST(as_written), CHECK_TEST(fits), CHECK_TEST(for_the_names),
           CHECK_TEST(no_more_than))
