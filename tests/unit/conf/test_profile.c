/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: those that are always there, and what cannot work together. */
#include "problems.h"

static const struct conf_profile *find(const struct conf *conf, const char *name)
{
    const struct conf_profile *p = conf_profile_find(conf, str_of(name));

    assert_non_null(p);
    return p;
}

static void built_in(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    unsigned all_keys = (1u << CONF_KEY_COUNT) - 1;
    const struct conf_profile *p;

    CHECK_LOADS("", &conf);
    CHECK_INT(conf->n_profiles, 6);
    p = find(conf, "default");
    CHECK_INT(p->lifetime, 90 * WHEN_DAY);
    CHECK_INT(p->backdate, 5 * WHEN_MINUTE);
    CHECK_INT(p->key_algorithms, all_keys);
    CHECK_INT(p->rsa_bits, 2048);
    CHECK_INT(p->curves, (1 << CONF_CURVE_COUNT) - 1);
    CHECK_INT(p->mldsa, (1 << CONF_MLDSA_COUNT) - 1);
    CHECK_INT(p->key_usage, 0);
    CHECK_INT(p->extended_usage, 1 << CONF_EKU_SERVER_AUTH | 1 << CONF_EKU_CLIENT_AUTH);
    CHECK_INT(p->names, 1 << CONF_SAN_DNS | 1 << CONF_SAN_IP);
    CHECK(p->common_name == CONF_CN_NAME && p->revocation == CONF_REVOCATION_AUTO);
    CHECK(!p->must_staple && p->policies.n == 0 && p->locality.n == 0 && p->unit.n == 0);
    p = find(conf, "short");
    CHECK_INT(p->lifetime, 6 * WHEN_DAY);
    CHECK(p->revocation == CONF_REVOCATION_NONE);
    CHECK_INT(find(conf, "device")->lifetime, 365 * WHEN_DAY);
    p = find(conf, "client");
    CHECK_INT(p->extended_usage, 1 << CONF_EKU_CLIENT_AUTH);
    CHECK_INT(p->names, (1 << CONF_SAN_COUNT) - 1);
    CHECK(p->common_name == CONF_CN_TEXT);
    p = find(conf, "tlcp-sign");
    CHECK_INT(p->key_algorithms, 1 << CONF_KEY_SM2);
    CHECK_INT(p->key_usage, 1 << CONF_USAGE_DIGITAL_SIGNATURE | 1 << CONF_USAGE_NON_REPUDIATION);
    p = find(conf, "tlcp-enc");
    CHECK_INT(p->key_algorithms, 1 << CONF_KEY_SM2);
    CHECK_INT(p->key_usage, 1 << CONF_USAGE_KEY_ENCIPHERMENT | 1 << CONF_USAGE_DATA_ENCIPHERMENT |
                                1 << CONF_USAGE_KEY_AGREEMENT);
}

/* A built-in profile that is changed keeps what the file does not say; one of another name begins
 * as every profile does. */
static void changed(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("profiles:\n  short: {unit: Wards}\n  device: {lifetime: 30d}\n  shorty: {}\n",
                &conf);
    CHECK_INT(conf->n_profiles, 7);
    CHECK_STR(find(conf, "short")->unit, "Wards");
    CHECK_INT(find(conf, "short")->lifetime, 6 * WHEN_DAY);
    CHECK(find(conf, "short")->revocation == CONF_REVOCATION_NONE);
    CHECK_INT(find(conf, "device")->lifetime, 30 * WHEN_DAY);
    CHECK_INT(find(conf, "shorty")->lifetime, 90 * WHEN_DAY);
}

/* What `auto` comes to, and the choices. */
static void revocation(void)
{
    CLEANUP(conf_unrefp) const struct conf *without = NULL, *with = NULL;

    CHECK_LOADS("", &without);
    CHECK(!conf_profile_crl(without, find(without, "default")));
    CHECK(!conf_profile_ocsp(without, find(without, "default")));
    CHECK_LOADS("urls: {plain: \"http://ca.hospital.example\"}\nprofiles:\n"
                "  c: {revocation: crl}\n  o: {revocation: ocsp}\n  b: {revocation: both}\n",
                &with);
    CHECK(conf_profile_crl(with, find(with, "default")));
    CHECK(conf_profile_ocsp(with, find(with, "default")));
    CHECK(!conf_profile_crl(with, find(with, "short")));
    CHECK(!conf_profile_ocsp(with, find(with, "short")));
    CHECK(conf_profile_crl(with, find(with, "c")) && !conf_profile_ocsp(with, find(with, "c")));
    CHECK(!conf_profile_crl(with, find(with, "o")) && conf_profile_ocsp(with, find(with, "o")));
    CHECK(conf_profile_crl(with, find(with, "b")) && conf_profile_ocsp(with, find(with, "b")));
}

static void times(void)
{
    CHECK_PROBLEM("profiles:\n  a: {lifetime: 1d, backdate: 1d}\n",
                  "4: profiles.a.backdate: the profile begins 1d before the signing and ends 1d "
                  "after it began: its certificates would have ended when they are signed; shorten "
                  "`backdate` or lengthen `lifetime`");
}

static void revocation_that_points_nowhere(void)
{
    CHECK_PROBLEM(
        "profiles:\n  a:\n    revocation: crl\n",
        "5: profiles.a.revocation: the profile wants `revocation: crl`, which points below "
        "`urls.plain`, and that is not set: set it, or choose `revocation: none`");
    CHECK_PROBLEM(
        "profiles: {a: {must_staple: true}}\n",
        "3: profiles.a.must_staple: the profile wants `must_staple`, and without OCSP there "
        "is nothing to staple: set `revocation: ocsp` or both, and `urls.plain`, or leave "
        "`must_staple` out");
    CHECK_PROBLEM(
        "urls: {plain: \"http://a\"}\nprofiles: {a: {must_staple: true, revocation: crl}}\n",
        "4: profiles.a.must_staple: the profile wants `must_staple`, and without OCSP there "
        "is nothing to staple: set `revocation: ocsp` or both, and `urls.plain`, or leave "
        "`must_staple` out");
    CHECK_PROBLEM(
        "urls: {plain: \"http://a\"}\nprofiles: {short: {must_staple: true}}\n",
        "4: profiles.short.must_staple: the profile wants `must_staple`, and without OCSP "
        "there is nothing to staple: set `revocation: ocsp` or both, and `urls.plain`, or "
        "leave `must_staple` out");
    CHECK_PROBLEM("urls: {plain: \"http://a\"}\nprofiles: {client: {must_staple: true}}\n",
                  "4: profiles.client.must_staple: the profile wants `must_staple`, which is for "
                  "servers, and its `extended_key_usage` has no serverAuth: add that, or leave "
                  "`must_staple` out");
}

static void usages_that_keys_cannot_do(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_PROBLEM("profiles: {a: {key_usage: [digitalSignature, keyEncipherment]}}\n",
                  "3: profiles.a.key_usage: ecdsa keys cannot be used for keyEncipherment: take "
                  "keyEncipherment out of the profile's `key_usage`, or ecdsa out of its "
                  "`key_algorithms`");
    CHECK_PROBLEM("profiles: {a: {key_algorithms: [rsa], key_usage: [keyAgreement]}}\n",
                  "3: profiles.a.key_usage: rsa keys cannot be used for keyAgreement: take "
                  "keyAgreement out of the profile's `key_usage`, or rsa out of its "
                  "`key_algorithms`");
    CHECK_PROBLEM("profiles: {a: {key_algorithms: [mldsa], key_usage: [dataEncipherment]}}\n",
                  "3: profiles.a.key_usage: mldsa keys cannot be used for dataEncipherment: take "
                  "dataEncipherment out of the profile's `key_usage`, or mldsa out of its "
                  "`key_algorithms`");
    CHECK_LOADS(
        "profiles: {a: {key_algorithms: [ecdsa], key_usage: [keyAgreement, nonRepudiation]},"
        " b: {key_algorithms: [ed25519], key_usage: [digitalSignature, nonRepudiation]},"
        " c: {key_algorithms: [rsa, sm2], key_usage: [keyEncipherment, dataEncipherment]}}\n",
        &conf);
}

static void limits_without_keys(void)
{
    CHECK_PROBLEM("profiles:\n  a:\n    key_algorithms: [ecdsa]\n    rsa_bits: 3072\n",
                  "6: profiles.a.rsa_bits: has no effect, for the profile's `key_algorithms` are "
                  "without rsa: add it there, or leave this out");
    CHECK_PROBLEM("profiles: {a: {key_algorithms: [rsa], curves: [p256]}}\n",
                  "3: profiles.a.curves: has no effect, for the profile's `key_algorithms` are "
                  "without ecdsa: add it there, or leave this out");
    CHECK_PROBLEM(
        "profiles: {tlcp-enc: {mldsa: [87]}}\n",
        "3: profiles.tlcp-enc.mldsa: has no effect, for the profile's `key_algorithms` are "
        "without mldsa: add it there, or leave this out");
}

static void tlcp(void)
{
    CHECK_PROBLEM(
        "profiles: {tlcp-sign: {key_algorithms: [sm2, ecdsa]}}\n",
        "3: profiles.tlcp-sign.key_algorithms: TLCP knows SM2 keys only: leave ecdsa out, "
        "`key_algorithms: [sm2]` is what this profile has; another kind of certificate is a "
        "profile of another name");
    CHECK_PROBLEM("profiles: {tlcp-sign: {key_usage: [digitalSignature, keyEncipherment]}}\n",
                  "3: profiles.tlcp-sign.key_usage: this profile is one half of TLCP's pair, and "
                  "encryption belongs to the other: leave `key_usage` out");
    CHECK_PROBLEM("profiles: {tlcp-enc: {key_usage: [digitalSignature]}}\n",
                  "3: profiles.tlcp-enc.key_usage: this profile is one half of TLCP's pair, and "
                  "signing belongs to the other: leave `key_usage` out");
}

static void names(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_PROBLEM("profiles: {default: {names: [ip]}}\n",
                  "3: profiles.default.names: this profile is the one of ACME and of the API's own "
                  "certificate: `names` has to hold dns");
    CHECK_PROBLEM(
        "profiles: {default: {extended_key_usage: [clientAuth]}}\n",
        "3: profiles.default.extended_key_usage: this profile is the one of ACME and of the "
        "API's own certificate: `extended_key_usage` has to hold serverAuth");
    CHECK_PROBLEM(
        "profiles: {a: {names: [uri]}}\n",
        "3: profiles.a.names: `common_name: name` takes one of the names, and a URI is none "
        "that fits: add another kind to `names`, or choose `common_name: none`");
    CHECK_LOADS("profiles: {a: {names: [uri], common_name: none}}\n", &conf);
    CHECK_PROBLEM("profiles: {a: {policies: [1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9]}}\n",
                  "3: profiles.a.policies: there are more than 8 policies");
    CHECK_PROBLEM("profiles: {a: {policies: [1.2, 1.3, 1.2]}}\n",
                  "3: profiles.a.policies: 1.2 is there twice; once is enough");
}

/* All of them are said, each in its line. */
static void several(void)
{
    CHECK_PROBLEMS(
        LEAST "profiles:\n  a: {lifetime: 1h, backdate: 2h}\n  b: {must_staple: true}\n"
              "  default: {names: [ip]}\n",
        "a.yaml:4: profiles.a.backdate: the profile begins 2h before the signing and ends "
        "1h after it began: its certificates would have ended when they are signed; "
        "shorten `backdate` or lengthen `lifetime`\n"
        "a.yaml:5: profiles.b.must_staple: the profile wants `must_staple`, and without "
        "OCSP there is nothing to staple: set `revocation: ocsp` or both, and "
        "`urls.plain`, or leave `must_staple` out\n"
        "a.yaml:6: profiles.default.names: this profile is the one of ACME and of the API's "
        "own certificate: `names` has to hold dns\n");
}

CHECK_MAIN(CHECK_TEST(built_in), CHECK_TEST(changed), CHECK_TEST(revocation), CHECK_TEST(times),
           CHECK_TEST(revocation_that_points_nowhere), CHECK_TEST(usages_that_keys_cannot_do),
           CHECK_TEST(limits_without_keys), CHECK_TEST(tlcp), CHECK_TEST(names),
           CHECK_TEST(several))
