/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of an end-entity certificate: from what varies (key, names, times, serial) and what the
 * configuration says (organisation, URLs) to the bytes that would be signed. Core builds them to
 * know what it reserves; the signer builds them again from the same description and signs its own.
 * RFC 5280 section 4. */
#pragma once

#include "base/id.h"
#include "ca/issuer.h"
#include "conf/conf.h"
#include "crypto/key.h"
#include "x509/cert.h"
#include "x509/tbs.h"

struct ca_leaf {
    struct str profile;
    struct x509_serial serial;
    struct str spki;       /* DER, as crypto_key_spki writes it */
    const struct str *dns; /* canonical, sorted */
    size_t n_dns;
    const struct addr *ips;
    size_t n_ips;
    const struct str *emails; /* canonical, sorted */
    const struct str *uris;   /* sorted */
    size_t n_emails, n_uris;
    struct str common_name; /* asked for; empty: as the profile has it */
    when_t not_before, not_after;
};

/* The bit of that kind of key in conf_profile.key_algorithms. */
unsigned ca_leaf_algorithm(enum crypto_key_type type);

/* RC_OK when the profile certifies this key; RC_DENIED and what it lacks (algorithm, size, curve,
 * parameter set), with the problem badPublicKey. */
enum rc ca_leaf_check_key(const struct conf_profile *profile, enum crypto_key_type type,
                          unsigned bits, struct err *err);
/* RC_OK when it certifies such names and this common name; RC_DENIED and which it does not. */
enum rc ca_leaf_check_names(const struct ca_leaf *leaf, const struct conf_profile *profile,
                            struct err *err);
/* The common name that will stand in the certificate, borrowed; empty: none. */
struct str ca_leaf_common_name(const struct ca_leaf *leaf, const struct conf_profile *profile);
/* The keyUsage that the profile gives such a key, bits of X509_KU_*. */
uint16_t ca_leaf_key_usage(const struct conf_profile *profile, enum crypto_key_type type);

/* Appends the TBSCertificate: organization and country of the configuration, everything else that
 * is no description of `leaf` from the profile; caIssuers, CRL and OCSP below urls.plain when that
 * is set. RC_INVAL as x509_tbs_build, RC_NOTFOUND without such a profile. */
enum rc ca_leaf_tbs(const struct ca_leaf *leaf, const struct ca_issuer *issuer,
                    enum crypto_key_type key_type, const struct conf *conf, struct buf *out,
                    struct err *err);
