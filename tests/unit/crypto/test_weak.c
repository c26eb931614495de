/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "crypto/weak.h"
#include "keys.h"
#include "keys_odd.h"
#include "tool.h"

static enum rc weigh(const char *hex, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(4096);
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;

    TRY(crypto_init());
    TRY(text_unhex(str_of(hex), &der));
    TRY(crypto_key_from_spki(buf_str(&der), &k, NULL));
    return crypto_weak_check(crypto_key_public(k), err);
}

static void weak_rsa_is_found(void)
{
    static const struct {
        const char *spki;
        const char *code;
    } weak[] = {
        {spki_roca, "crypto.weak-roca"},
        {spki_close, "crypto.weak-close-primes"},
        {spki_small, "crypto.weak-small-factor"},
    };

    for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
        struct err err = ERR_INIT;

        CHECK_RC(weigh(weak[i].spki, &err), RC_DENIED);
        CHECK(err.msg != NULL);
        CHECK_STR(str_of(err.msg->code), weak[i].code);
    }
}

static void good_keys_pass(void)
{
    static const char *const keys[] = {key_rsa, key_p256, key_p384, key_ed25519};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(keys[i]);

        CHECK(k != NULL);
        CHECK_OK(crypto_weak_check(crypto_key_public(k), NULL));
    }
}

#define ED "302a300506032b6570032100"

static void points_of_small_order_are_found(void)
{
    static const char *const small[] = {
        ED "0000000000000000000000000000000000000000000000000000000000000000",
        ED "0000000000000000000000000000000000000000000000000000000000000080",
        ED "0100000000000000000000000000000000000000000000000000000000000000",
        ED "0100000000000000000000000000000000000000000000000000000000000080",
        ED "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        ED "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ED "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        ED "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ED "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ED "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };

    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        CHECK_RC(weigh(small[i], NULL), RC_DENIED);
    /* The base point, whose order is the large one. */
    CHECK_OK(weigh(ED "5866666666666666666666666666666666666666666666666666666666666666", NULL));
}

/* ---- lists ---- */

static char work[] = "/tmp/autarky-weak-XXXXXX";

static enum rc put(const char *name, struct str content)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", work, name);
    return file_write(AT_FDCWD, path, content, 0600, FILE_OWNER_SELF, NULL);
}

static enum rc load(const char *name, struct err *err)
{
    char path[128];
    struct str s;

    snprintf(path, sizeof(path), "%s/%s", work, name);
    s = str_of(path);
    return crypto_weak_load(&s, 1, err);
}

static const struct str listed = STR("# comment\n"
                                     "0123456789abcdef0123\n"
                                     "\n"
                                     "b7ead9492dfd921fc4f9\n"
                                     "ffffffffffffffffffff\n");

static void listed_keys_are_found(void)
{
    static const char *const files[] = {"2048/blacklist.RSA-2048", "2048", "other-RSA-2048"};
    char dir[64];

    CHECK(mkdtemp(work) != NULL);
    snprintf(dir, sizeof(dir), "%s/2048", work);
    CHECK_INT(mkdir(dir, 0700), 0);
    CHECK_OK(put("2048/blacklist.RSA-2048", listed));
    CHECK_OK(put("2048/README", STR("not a list")));
    CHECK_OK(put("other-RSA-2048", listed));
    CHECK_OK(weigh(spki_debian, NULL));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct err err = ERR_INIT;

        CHECK_OK(load(files[i], NULL));
        CHECK_INT(crypto_weak_listed(2048), 3);
        CHECK_INT(crypto_weak_listed(4096), 0);
        CHECK_RC(weigh(spki_debian, &err), RC_DENIED);
        CHECK(err.msg != NULL);
        CHECK_STR(str_of(err.msg->code), "crypto.weak-listed");
    }
    good_keys_pass();
    /* Another size has a list of its own. */
    CHECK_OK(put("blacklist.RSA-4096", listed));
    CHECK_OK(load("blacklist.RSA-4096", NULL));
    CHECK_INT(crypto_weak_listed(4096), 3);
    CHECK_OK(weigh(spki_debian, NULL));
    crypto_weak_unload();
    CHECK_OK(weigh(spki_debian, NULL));
}

static void bad_lists_are_refused(void)
{
    static const struct {
        const char *name;
        struct str content;
        enum rc rc;
        const char *text;
    } cases[] = {
        {"blacklist", STR(""), RC_INVAL, "does not say of which size"},
        {"blacklist.RSA-", STR(""), RC_INVAL, "does not say of which size"},
        {"blacklist.RSA-2048x", STR(""), RC_INVAL, "does not say of which size"},
        {"a.RSA-2048", STR("0123456789abcdef012\n"), RC_PARSE, "line 1 of"},
        {"b.RSA-2048", STR("#\n0123456789abcdef01234\n"), RC_PARSE, "line 2 of"},
        {"c.RSA-2048", STR("0123456789abcdef012g\n"), RC_PARSE, "line 1 of"},
        {"d.RSA-2048", STR("0123456789abcdef0123 0123456789abcdef0123\n"), RC_PARSE, "line 1 of"},
    };
    char *const rm[] = {"rm", "-r", work, NULL};
    CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
    struct err err = ERR_INIT;
    char text[512];

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_OK(put(cases[i].name, cases[i].content));
        CHECK_RC(load(cases[i].name, &err), cases[i].rc);
        CHECK(strstr(err_textz(&err, text, sizeof(text)), cases[i].text) != NULL);
        CHECK_INT(crypto_weak_listed(2048), 0);
    }
    CHECK_RC(load("nothing", &err), RC_NOTFOUND);
    CHECK_STR(str_of(err.msg->code), "crypto.weak-list-open");
    snprintf(text, sizeof(text), "%s/empty", work);
    CHECK_INT(mkdir(text, 0700), 0);
    CHECK_RC(load("empty", &err), RC_NOTFOUND);
    CHECK_STR(str_of(err.msg->code), "crypto.weak-list-none");
    CHECK_INT(tool_run(rm, STR(""), &out), 0);
}

CHECK_MAIN(CHECK_TEST(weak_rsa_is_found), CHECK_TEST(good_keys_pass),
           CHECK_TEST(points_of_small_order_are_found), CHECK_TEST_ONCE(listed_keys_are_found),
           CHECK_TEST_ONCE(bad_lists_are_refused))
