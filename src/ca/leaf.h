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
    when_t not_before, not_after;
};

/* The bit of that kind of key in conf_profile.key_algorithms. */
unsigned ca_leaf_algorithm(enum crypto_key_type type);

/* Appends the TBSCertificate. O and C from the configuration, CN the first name that fits, keyUsage
 * by the type of key, serverAuth and clientAuth, caIssuers below urls.plain when that is set.
 * RC_INVAL as x509_tbs_build. */
enum rc ca_leaf_tbs(const struct ca_leaf *leaf, const struct ca_issuer *issuer,
                    enum crypto_key_type key_type, const struct conf *conf, struct buf *out,
                    struct err *err);
