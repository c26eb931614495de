/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles that could not work are refused when the configuration is read, and not when somebody
 * needs a certificate. */
#include "conf/tree_int.h"

MSG(msg_backdate, "conf.profile-backdate",
    "the profile begins {0} before the signing and ends {1} after it began: its certificates would "
    "have ended when they are signed; shorten `backdate` or lengthen `lifetime`");
MSG(msg_no_plain, "conf.profile-no-plain",
    "the profile wants `revocation: {0}`, which points below `urls.plain`, and that is not set: "
    "set it, or choose `revocation: none`");
MSG(msg_staple, "conf.profile-must-staple",
    "the profile wants `must_staple`, and without OCSP there is nothing to staple: set "
    "`revocation: ocsp` or both, and `urls.plain`, or leave `must_staple` out");
MSG(msg_staple_client, "conf.profile-must-staple-client",
    "the profile wants `must_staple`, which is for servers, and its `extended_key_usage` has no "
    "serverAuth: add that, or leave `must_staple` out");
MSG(msg_usage, "conf.profile-key-usage",
    "{0} keys cannot be used for {1}: take {1} out of the profile's `key_usage`, or {0} out of its "
    "`key_algorithms`");
MSG(msg_unused, "conf.profile-unused",
    "has no effect, for the profile's `key_algorithms` are without {0}: add it there, or leave "
    "this out");
MSG(msg_tlcp, "conf.profile-tlcp",
    "TLCP knows SM2 keys only: leave {0} out, `key_algorithms: [sm2]` is what this profile has; "
    "another kind of certificate is a profile of another name");
MSG(msg_tlcp_usage, "conf.profile-tlcp-usage",
    "this profile is one half of TLCP's pair, and {0} belongs to the other: leave `key_usage` out");
MSG(msg_default_names, "conf.profile-default-names",
    "this profile is the one of ACME and of the API's own certificate: `names` has to hold dns");
MSG(msg_default_server, "conf.profile-default-server",
    "this profile is the one of ACME and of the API's own certificate: `extended_key_usage` has to "
    "hold serverAuth");
MSG(msg_common_name, "conf.profile-common-name",
    "`common_name: name` takes one of the names, and a URI is none that fits: add another kind to "
    "`names`, or choose `common_name: none`");
MSG(msg_same_policy, "conf.profile-policy-twice", "{0} is there twice; once is enough");
MSG(msg_many_policies, "conf.profile-policies", "there are more than 8 policies");

enum { SPAN_TEXT = 64, RSA_BITS_INITIAL = 2048 };

struct check {
    struct conf_report *report;
    const struct conf_node *node; /* of the profile, or the nearest above it */
    const struct conf *conf;
    const struct conf_profile *profile;
};

/* The node of that key, or the profile's own where the key is not in the file. */
static const struct conf_node *at(const struct check *c, struct str key)
{
    const struct conf_node *n = conf_node_get(c->node, key);

    return n ? n : c->node;
}

#define SAY(c, key, m, ...)                                                                        \
    CONF_COMPLAIN((c)->report, at((c), STR(key)), m __VA_OPT__(, ) __VA_ARGS__)

static enum rc check_times(const struct check *c)
{
    CLEANUP(buf_done) struct buf back = BUF_INIT(SPAN_TEXT);
    CLEANUP(buf_done) struct buf life = BUF_INIT(SPAN_TEXT);

    if (c->profile->backdate < c->profile->lifetime)
        return RC_OK;
    when_put_span(&back, c->profile->backdate);
    when_put_span(&life, c->profile->lifetime);
    TRY(buf_rc(&back));
    TRY(buf_rc(&life));
    return SAY(c, "backdate", msg_backdate, buf_str(&back), buf_str(&life));
}

static enum rc check_revocation(const struct check *c)
{
    static const char *const texts[] = {
        [CONF_REVOCATION_CRL] = "crl",
        [CONF_REVOCATION_OCSP] = "ocsp",
        [CONF_REVOCATION_BOTH] = "both",
    };
    const struct conf_profile *p = c->profile;

    if (p->revocation >= CONF_REVOCATION_CRL && c->conf->urls.plain.n == 0)
        TRY(SAY(c, "revocation", msg_no_plain, str_of(texts[p->revocation])));
    else if (p->must_staple && !conf_profile_ocsp(c->conf, p))
        TRY(SAY(c, "must_staple", msg_staple));
    if (p->must_staple && !(p->extended_usage & 1u << CONF_EKU_SERVER_AUTH))
        return SAY(c, "must_staple", msg_staple_client);
    return RC_OK;
}

/* RFC 8410 section 5, RFC 9881 section 5, RFC 5480 section 3, RFC 3279 section 2.3.1; an SM2 key
 * does all of it (GM/T 0009). */
static const unsigned able[CONF_KEY_COUNT] = {
    [CONF_KEY_RSA] = 1u << CONF_USAGE_DIGITAL_SIGNATURE | 1u << CONF_USAGE_NON_REPUDIATION |
                     1u << CONF_USAGE_KEY_ENCIPHERMENT | 1u << CONF_USAGE_DATA_ENCIPHERMENT,
    [CONF_KEY_ECDSA] = 1u << CONF_USAGE_DIGITAL_SIGNATURE | 1u << CONF_USAGE_NON_REPUDIATION |
                       1u << CONF_USAGE_KEY_AGREEMENT,
    [CONF_KEY_ED25519] = 1u << CONF_USAGE_DIGITAL_SIGNATURE | 1u << CONF_USAGE_NON_REPUDIATION,
    [CONF_KEY_SM2] = (1u << CONF_USAGE_COUNT) - 1,
    [CONF_KEY_MLDSA] = 1u << CONF_USAGE_DIGITAL_SIGNATURE | 1u << CONF_USAGE_NON_REPUDIATION,
};

static enum rc check_key_usage(const struct check *c)
{
    static const char *const usages[CONF_USAGE_COUNT] = {"digitalSignature", "nonRepudiation",
                                                         "keyEncipherment", "dataEncipherment",
                                                         "keyAgreement"};

    for (unsigned a = 0; a < CONF_KEY_COUNT; a++) {
        unsigned wrong = c->profile->key_usage & ~able[a];

        if (!(c->profile->key_algorithms & 1u << a))
            continue;
        for (unsigned u = 0; u < CONF_USAGE_COUNT; u++)
            if (wrong & 1u << u)
                return SAY(c, "key_usage", msg_usage, str_of(conf_key_algorithm_name(a)),
                           str_of(usages[u]));
    }
    return RC_OK;
}

/* A limit for keys that the profile does not have is somebody's error; what every profile begins
 * with is none. */
static enum rc check_sizes(const struct check *c)
{
    const struct conf_profile *p = c->profile;
    const struct {
        struct str key;
        enum conf_key_algorithm algorithm;
        bool set;
    } sizes[] = {
        {STR("rsa_bits"), CONF_KEY_RSA, p->rsa_bits != RSA_BITS_INITIAL},
        {STR("curves"), CONF_KEY_ECDSA, p->curves != (1u << CONF_CURVE_COUNT) - 1},
        {STR("mldsa"), CONF_KEY_MLDSA, p->mldsa != (1u << CONF_MLDSA_COUNT) - 1},
    };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (sizes[i].set && !(p->key_algorithms & 1u << sizes[i].algorithm))
            TRY(CONF_COMPLAIN(c->report, at(c, sizes[i].key), msg_unused,
                              str_of(conf_key_algorithm_name(sizes[i].algorithm))));
    return RC_OK;
}

static enum rc check_tlcp(const struct check *c)
{
    unsigned signs = 1u << CONF_USAGE_DIGITAL_SIGNATURE | 1u << CONF_USAGE_NON_REPUDIATION;
    unsigned others = c->profile->key_algorithms & ~(1u << CONF_KEY_SM2);
    bool sign = str_eq(c->profile->name, STR("tlcp-sign"));

    if (!sign && !str_eq(c->profile->name, STR("tlcp-enc")))
        return RC_OK;
    for (unsigned a = 0; a < CONF_KEY_COUNT; a++)
        if (others & 1u << a)
            return SAY(c, "key_algorithms", msg_tlcp, str_of(conf_key_algorithm_name(a)));
    if (sign && c->profile->key_usage & ~signs)
        return SAY(c, "key_usage", msg_tlcp_usage, STR("encryption"));
    if (!sign && c->profile->key_usage & signs)
        return SAY(c, "key_usage", msg_tlcp_usage, STR("signing"));
    return RC_OK;
}

static enum rc check_names(const struct check *c)
{
    const struct conf_profile *p = c->profile;

    if (p->common_name == CONF_CN_NAME && p->names == 1u << CONF_SAN_URI)
        TRY(SAY(c, "names", msg_common_name));
    if (p->policies.n > CONF_POLICIES_MAX)
        TRY(SAY(c, "policies", msg_many_policies));
    for (size_t i = 0; i < p->policies.n; i++)
        for (size_t k = 0; k < i; k++)
            if (str_eq(p->policies.p[i], p->policies.p[k]))
                return SAY(c, "policies", msg_same_policy, p->policies.p[i]);
    if (!str_eq(p->name, STR("default")))
        return RC_OK;
    if (!(p->names & 1u << CONF_SAN_DNS))
        TRY(SAY(c, "names", msg_default_names));
    if (!(p->extended_usage & 1u << CONF_EKU_SERVER_AUTH))
        return SAY(c, "extended_key_usage", msg_default_server);
    return RC_OK;
}

enum rc conf_check_profiles(struct conf_report *report, const struct conf_node *root,
                            const struct conf *conf)
{
    const struct conf_node *profiles = conf_node_get(root, STR("profiles"));

    if (report->n)
        return RC_OK; /* what is wrong already is not in `conf` */
    for (size_t i = 0; i < conf->n_profiles; i++) {
        const struct conf_profile *p = &conf->profiles[i];
        const struct conf_node *own = conf_node_get(profiles, p->name);
        struct check c = {report, own ? own : root, conf, p};

        TRY(check_times(&c));
        TRY(check_revocation(&c));
        TRY(check_key_usage(&c));
        TRY(check_sizes(&c));
        TRY(check_tlcp(&c));
        TRY(check_names(&c));
    }
    return RC_OK;
}
