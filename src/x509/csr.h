/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate requests, PKCS#10 (RFC 2986), as RFC 8555 section 7.4 uses them: names and a key,
 * everything else is the profile's to decide. */
#pragma once

#include "base/arena.h"
#include "crypto/key.h"
#include "x509/tbs.h"

enum { X509_CSR_MAX = 32 * 1024, X509_CSR_ATTRIBUTES_MAX = 16 };

enum x509_csr_mode {
    X509_CSR_STRICT,  /* anything that could not be honoured is refused */
    X509_CSR_LENIENT, /* what asks for something that the profile decides anyway is ignored and
                         counted */
};

struct x509_csr {
    struct str der;
    struct str spki;
    unsigned char spki_sha256[CRYPTO_SHA256_BYTES];
    enum crypto_key_type key_type;
    unsigned key_bits;
    struct str subject;     /* Name in DER */
    struct str common_name; /* canonical, when it is a DNS name or an address, which is then among
                               those below; otherwise as given */
    bool common_name_is_name;
    const struct str
        *dns; /* of SAN and common name together: canonical, sorted (str_cmp), no duplicates */
    const struct addr *ips;   /* the same */
    const struct str *emails; /* of the SAN: canonical, sorted, no duplicates; X509_CSR_LENIENT
                                 only, as the next */
    const struct str *uris;
    size_t n_dns, n_ips, n_emails, n_uris;
    uint16_t key_usage, eku; /* asked for; 0: not asked */
    bool must_staple;
    bool empty_id;    /* of SM2: signed over the empty identifier, not CRYPTO_SM2_ID */
    bool ca;          /* asks to be one: X509_CSR_LENIENT only */
    size_t n_ignored; /* names of other kinds, extensions and attributes: X509_CSR_LENIENT only */
};

/* Checks the signature with the key inside (SM2: for CRYPTO_SM2_ID or, as OpenSSL below 4 signs by
 * default, for the empty identifier), and the key as crypto_key_from_spki and
 * crypto_weak_check do. Errors carry the problem type badCSR, or badPublicKey for a key (RFC 8555
 * section 6.7): RC_PARSE, RC_TOOBIG (more than X509_NAMES_MAX names), RC_DENIED (signature, weak
 * key), RC_INVAL (a name that is none; anything ignorable when strict), RC_UNSUPPORTED. Strict
 * still accepts keyUsage, extendedKeyUsage, basicConstraints without cA, subjectKeyIdentifier and
 * TLS feature, which clients send by habit, the challengePassword attribute, and subject attributes
 * beside the common name. */
enum rc x509_csr_parse(struct arena *a, struct str der, enum x509_csr_mode mode,
                       struct x509_csr *out, struct err *err);

/* RC_DENIED (badCSR) for one that was signed over the empty identifier unless that is `allowed`. */
enum rc x509_csr_check_id(const struct x509_csr *csr, bool allowed, struct err *err);

/* Sorts names (str_cmp), or addresses, as in struct x509_csr; drops what is there twice and returns
 * how many are left. */
size_t x509_texts_sort(struct str *list, size_t n);
size_t x509_addrs_sort(struct addr *list, size_t n);

/* A request as a file holds it, DER or PEM ("CERTIFICATE REQUEST", or "NEW CERTIFICATE REQUEST" as
 * some programs write it), as DER appended to `out`. RC_NOTFOUND when it is text without such a
 * block, RC_PARSE when the block is broken, RC_TOOBIG; with what is wrong. */
enum rc x509_csr_from_file(struct str bytes, struct buf *out, struct err *err);

/* What to ask for. */
struct x509_csr_in {
    const struct crypto_key *key;
    struct x509_subject subject; /* may be empty */
    const struct str *dns;
    const struct addr *ips;
    const struct str *emails;
    const struct str *uris;
    size_t n_dns, n_ips, n_emails, n_uris;
    bool must_staple;
};

/* Appends the request, signed, in DER. RC_INVAL, RC_TOOBIG as x509_tbs_build. */
enum rc x509_csr_build(const struct x509_csr_in *in, struct buf *out, struct err *err);
