/* SPDX-License-Identifier: Apache-2.0 */
/* Users and tokens: names once, codes once, and nothing changes of one that has ended. */
#include "check.h"

#include "fixture.h"

#include <stdio.h>

#include "store/operators.h"

static struct store_user user_of(unsigned n, const char *name)
{
    return (struct store_user){.id = fix_id(n),
                               .name = str_of(name),
                               .roles = 3,
                               .host_user = -1,
                               .password = STR("kept"),
                               .totp = STR("sealed"),
                               .created = FIX_NOW,
                               .created_by = STR("uid 0")};
}

static void users(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_user alice = user_of(1, "alice"), again = user_of(2, "alice"), got, *list;
    struct store_user nobody = user_of(3, "nobody");
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_RC(store_user_find(store_read(f.s), &f.a, STR("alice"), &got), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_user_add(T, &alice)));
    CHECK_RC(DO(&f, store_user_add(T, &again)), RC_EXISTS);
    nobody.password = STR("");
    CHECK_RC(DO(&f, store_user_add(T, &nobody)), RC_INVAL);
    CHECK_OK(store_user_find(store_read(f.s), &f.a, STR("alice"), &got));
    CHECK_INT(got.n, 1);
    CHECK_INT(got.roles, 3);
    CHECK_INT(got.host_user, -1);
    CHECK_STR(got.password, "kept");
    CHECK_STR(got.totp, "sealed");
    CHECK_OK(store_user_get(store_read(f.s), &f.a, 1, &got));
    CHECK_STR(got.name, "alice");
    CHECK_RC(store_user_get(store_read(f.s), &f.a, 2, &got), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_user_set_roles(T, &alice.id, 4)));
    CHECK_OK(DO(&f, store_user_remove(T, &alice.id, FIX_NOW + 1)));
    CHECK_RC(DO(&f, store_user_remove(T, &alice.id, FIX_NOW + 2)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_user_set_roles(T, &alice.id, 1)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_user_set_password(T, &alice.id, STR("x"))), RC_CONFLICT);
    CHECK_RC(DO(&f, store_user_set_totp(T, &alice.id, STR("x"))), RC_CONFLICT);
    CHECK_RC(DO(&f, store_user_set_totp(T, &nobody.id, STR("x"))), RC_NOTFOUND);
    CHECK_RC(DO(&f, store_user_add(T, &again)), RC_EXISTS); /* nor is the name free now */
    CHECK_OK(store_user_list(store_read(f.s), &f.a, &(struct store_cursor){}, 0, &list, &n));
    CHECK_INT(n, 1);
    CHECK_INT(list[0].roles, 4);
    CHECK_INT(list[0].removed, FIX_NOW + 1);
}

static void tokens_of_a_user(void)
{
    CLEANUP(fix_done) struct fix f = {};
    const int64_t makers[] = {1, 2, 1, 0};
    struct store_token got;
    uint64_t ended = 0;
    char name[4];

    CHECK_OK(fix_open(&f));
    for (unsigned i = 0; i < 4; i++) {
        struct store_token t = {.id = fix_id(i + 1),
                                .roles = 1,
                                .person = 7,
                                .made_by = makers[i],
                                .created = FIX_NOW,
                                .expires = FIX_NOW + 5};

        (void)snprintf(name, sizeof(name), "t%u", i);
        t.name = str_of(name);
        t.digest.b[0] = (unsigned char)i;
        CHECK_OK(DO(&f, store_token_add(T, &t)));
    }
    CHECK_OK(DO(&f, store_tokens_revoke_of(T, 1, FIX_NOW + 1, &ended)));
    CHECK_INT(ended, 2);
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof(name), "t%u", i);
        CHECK_OK(store_token_by_name(store_read(f.s), &f.a, str_of(name), &got));
        CHECK_INT(got.made_by, makers[i]);
        CHECK_INT(got.revoked, makers[i] == 1 ? FIX_NOW + 1 : 0);
    }
    CHECK_OK(DO(&f, store_tokens_revoke_of(T, 1, FIX_NOW + 2, &ended)));
    CHECK_INT(ended, 0);
}

static void a_code_once(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_user alice = user_of(1, "alice"), got;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_user_add(T, &alice)));
    CHECK_OK(DO(&f, store_user_sign_in(T, &alice, 100, FIX_NOW)));
    CHECK_RC(DO(&f, store_user_sign_in(T, &alice, 100, FIX_NOW)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_user_sign_in(T, &alice, 99, FIX_NOW)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_user_sign_in(T, &alice, 101, FIX_NOW + 5)));
    CHECK_OK(store_user_find(store_read(f.s), &f.a, STR("alice"), &got));
    CHECK_INT(got.totp_step, 101);
    CHECK_INT(got.signed_in, FIX_NOW + 5);
    /* What was read before a change signs nobody in after it. */
    CHECK_OK(DO(&f, store_user_set_password(T, &alice.id, STR("other"))));
    CHECK_RC(DO(&f, store_user_sign_in(T, &got, 102, FIX_NOW)), RC_CONFLICT);
    CHECK_OK(store_user_find(store_read(f.s), &f.a, STR("alice"), &got));
    CHECK_OK(DO(&f, store_user_set_roles(T, &alice.id, 1)));
    CHECK_RC(DO(&f, store_user_sign_in(T, &got, 102, FIX_NOW)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_user_set_totp(T, &alice.id, STR("new"))));
    CHECK_OK(store_user_find(store_read(f.s), &f.a, STR("alice"), &got));
    CHECK_INT(got.totp_step, 0);
    CHECK_OK(DO(&f, store_user_sign_in(T, &got, 50, FIX_NOW)));
    CHECK_OK(DO(&f, store_user_remove(T, &alice.id, FIX_NOW)));
    CHECK_RC(DO(&f, store_user_sign_in(T, &got, 60, FIX_NOW)), RC_CONFLICT);
}

static void tokens(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_token t = {.id = fix_id(1),
                            .name = STR("nagios"),
                            .digest = {{1, 2, 3}},
                            .roles = 1,
                            .person = 1000,
                            .created = FIX_NOW,
                            .created_by = STR("user alice"),
                            .expires = FIX_NOW + WHEN_DAY};
    struct store_token other = t, got, *list;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_token_add(T, &t)));
    other.id = fix_id(2);
    CHECK_RC(DO(&f, store_token_add(T, &other)), RC_EXISTS);
    other.name = STR("other");
    CHECK_RC(DO(&f, store_token_add(T, &other)), RC_EXISTS); /* the digest */
    other.digest.b[0] = 9;
    other.expires = 0;
    CHECK_RC(DO(&f, store_token_add(T, &other)), RC_INVAL);
    CHECK_OK(store_token_find(store_read(f.s), &f.a, &t.digest, &got));
    CHECK_STR(got.name, "nagios");
    CHECK_INT(got.person, 1000);
    CHECK_INT(got.expires, FIX_NOW + WHEN_DAY);
    CHECK_RC(store_token_find(store_read(f.s), &f.a, &other.digest, &got), RC_NOTFOUND);
    CHECK_OK(store_token_by_name(store_read(f.s), &f.a, STR("nagios"), &got));
    CHECK_OK(DO(&f, store_token_revoke(T, &t.id, FIX_NOW)));
    CHECK_RC(DO(&f, store_token_revoke(T, &t.id, FIX_NOW)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_token_revoke(T, &other.id, FIX_NOW)), RC_NOTFOUND);
    CHECK_OK(store_token_list(store_read(f.s), &f.a, &(struct store_cursor){}, 0, &list, &n));
    CHECK_INT(n, 1);
    CHECK_INT(list[0].revoked, FIX_NOW);
}

static void certificates_of_users(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_user alice = user_of(1, "alice"), bob = user_of(2, "bob"), got;
    struct store_user_certificate c = {.certificate = fix_id(7),
                                       .serial = STR("\x0a\x1b"),
                                       .user = 1,
                                       .added = FIX_NOW,
                                       .added_by = STR("uid 0")},
                                  none = c, *list;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_RC(DO(&f, store_user_certificate_add(T, &c)), RC_CONFLICT); /* there is no user */
    CHECK_OK(DO(&f, store_user_add(T, &alice)));
    CHECK_OK(DO(&f, store_user_add(T, &bob)));
    none.serial = STR("");
    CHECK_RC(DO(&f, store_user_certificate_add(T, &none)), RC_INVAL);
    CHECK_OK(DO(&f, store_user_certificate_add(T, &c)));
    c.user = 2;
    CHECK_RC(DO(&f, store_user_certificate_add(T, &c)), RC_EXISTS);
    CHECK_OK(store_user_of_certificate(store_read(f.s), &f.a, &c.certificate, &got));
    CHECK_STR(got.name, "alice");
    CHECK_OK(DO(&f, store_user_sign_in_shown(T, &got, &c.certificate, FIX_NOW + 3)));
    got.roles = 1;
    CHECK_RC(DO(&f, store_user_sign_in_shown(T, &got, &c.certificate, FIX_NOW)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_user_sign_in_shown(T, &bob, &c.certificate, FIX_NOW)), RC_CONFLICT);
    CHECK_OK(store_user_find(store_read(f.s), &f.a, STR("alice"), &got));
    CHECK_INT(got.signed_in, FIX_NOW + 3);
    CHECK_RC(DO(&f, store_user_certificate_remove(T, &c.certificate, 2, FIX_NOW)), RC_NOTFOUND);
    CHECK_OK(
        store_user_certificate_list(store_read(f.s), &f.a, &(struct store_cursor){}, 0, &list, &n));
    CHECK_INT(n, 1);
    CHECK_STR(list[0].serial, "\x0a\x1b");
    CHECK_INT(list[0].user, 1);
    CHECK_OK(DO(&f, store_user_certificate_remove(T, &c.certificate, 1, FIX_NOW)));
    CHECK_OK(
        store_user_certificate_list(store_read(f.s), &f.a, &(struct store_cursor){}, 0, &list, &n));
    CHECK_INT(n, 0);
    CHECK_RC(store_user_of_certificate(store_read(f.s), &f.a, &c.certificate, &got), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_user_certificate_add(T, &c))); /* bob's now */
    CHECK_OK(DO(&f, store_user_remove(T, &bob.id, FIX_NOW)));
    CHECK_RC(store_user_of_certificate(store_read(f.s), &f.a, &c.certificate, &got), RC_NOTFOUND);
    CHECK_RC(DO(&f, store_user_sign_in_shown(T, &bob, &c.certificate, FIX_NOW)), RC_CONFLICT);
    c.certificate = fix_id(8);
    CHECK_RC(DO(&f, store_user_certificate_add(T, &c)), RC_CONFLICT);
}

FIX_MAIN(CHECK_TEST(users), CHECK_TEST(certificates_of_users), CHECK_TEST(a_code_once),
         CHECK_TEST(tokens), CHECK_TEST(tokens_of_a_user))
