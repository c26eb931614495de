/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate of some kind is like, as the configuration has it. Part of conf/conf.h. */
#pragma once

#include "base/mem.h"
#include "base/str.h"
#include "base/when.h"

struct conf_strs {
    const struct str *p;
    size_t n;
};

enum conf_key_algorithm {
    CONF_KEY_RSA,
    CONF_KEY_ECDSA,
    CONF_KEY_SM2,
    CONF_KEY_MLDSA,
    CONF_KEY_ED25519,
    CONF_KEY_COUNT,
};
/* The gateway's sites have keys of the first four only; of SM2 two at a time, for TLCP, and of
 * ML-DSA those of ML-DSA-65. */
enum { CONF_SITE_KEYS = CONF_KEY_MLDSA + 1 };
/* "rsa", "ecdsa": as the configuration, messages and files spell it; "unknown" outside the enum. */
const char *conf_key_algorithm_name(unsigned algorithm);
/* The same of a site's: "mldsa65", where it is "mldsa" in profiles. */
const char *conf_site_key_name(unsigned algorithm);

/* Who has the private keys of sites. */
enum conf_keys { CONF_KEYS_WORKERS, CONF_KEYS_KEEPER };

enum conf_curve { CONF_CURVE_P256, CONF_CURVE_P384, CONF_CURVE_COUNT };
enum conf_mldsa { CONF_MLDSA_44, CONF_MLDSA_65, CONF_MLDSA_87, CONF_MLDSA_COUNT };

/* By the bit of RFC 5280 section 4.2.1.3; those of CAs are not a profile's. */
enum conf_key_usage {
    CONF_USAGE_DIGITAL_SIGNATURE,
    CONF_USAGE_NON_REPUDIATION,
    CONF_USAGE_KEY_ENCIPHERMENT,
    CONF_USAGE_DATA_ENCIPHERMENT,
    CONF_USAGE_KEY_AGREEMENT,
    CONF_USAGE_COUNT
};

enum conf_extended_usage { CONF_EKU_SERVER_AUTH, CONF_EKU_CLIENT_AUTH, CONF_EKU_COUNT };

/* Kinds of names in the subjectAltName. */
enum conf_san { CONF_SAN_DNS, CONF_SAN_IP, CONF_SAN_EMAIL, CONF_SAN_URI, CONF_SAN_COUNT };
/* "dns", "ip", "email", "uri". */
const char *conf_san_name(enum conf_san kind);

enum conf_common_name {
    CONF_CN_NAME, /* one of the names: the one asked for, otherwise the first that fits */
    CONF_CN_TEXT, /* what is asked for, otherwise as above */
    CONF_CN_NONE,
};

enum conf_revocation {
    CONF_REVOCATION_AUTO, /* both when urls.plain is set, otherwise none */
    CONF_REVOCATION_NONE,
    CONF_REVOCATION_CRL,
    CONF_REVOCATION_OCSP,
    CONF_REVOCATION_BOTH,
};

enum { CONF_POLICIES_MAX = 8 /* of one profile */ };

/* A kind of certificate. What stands in one that is neither key, name, serial nor time is written
 * from here, by core and by the signer, each from its own copy. */
struct conf_profile {
    struct str name;
    when_t lifetime;         /* from notBefore to notAfter, both included */
    when_t backdate;         /* notBefore lies that much before the signing; less than lifetime */
    unsigned key_algorithms; /* bit 1 << enum conf_key_algorithm; never 0 */
    uint64_t rsa_bits;       /* at least */
    unsigned curves;         /* bit 1 << enum conf_curve; never 0 */
    unsigned mldsa;          /* bit 1 << enum conf_mldsa; never 0 */
    unsigned key_usage;      /* bit 1 << enum conf_key_usage; 0: by the type of the key */
    unsigned extended_usage; /* bit 1 << enum conf_extended_usage; never 0 */
    unsigned names;          /* bit 1 << enum conf_san; never 0 */
    enum conf_common_name common_name;
    struct str locality; /* L and OU of the subject; empty: none */
    struct str unit;
    enum conf_revocation revocation;
    bool must_staple;
    struct conf_strs policies; /* OIDs, dotted */
};
