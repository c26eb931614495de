/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates read, by our own strict DER reader: no third party's C parser sees bytes of
 * strangers here, and what it accepts is exactly DER. Fields are borrowed from the bytes parsed;
 * lists live in the arena. */
#pragma once

#include "base/arena.h"
#include "crypto/key.h"
#include "x509/tbs.h"

enum { X509_CERT_NAMES_MAX = 1000, X509_EXTENSIONS_MAX = 64, X509_CHAIN_MAX = 10 };

struct x509_cert {
    struct str der;             /* all of it; empty when only the to-be-signed part was parsed */
    struct str tbs;             /* with tag and length, as signed */
    uint8_t version;            /* 1 to 3 */
    struct x509_serial serial;  /* n is 0 when it is no number that RFC 5280 allows */
    struct str issuer, subject; /* Names in DER */
    struct str common_name;     /* the first in the subject, or empty */
    when_t not_before, not_after;
    struct str spki;
    enum crypto_sig_alg sig_alg; /* 0: one we cannot check */
    struct str signature;
    struct str ski, aki; /* empty when absent */
    bool is_ca;
    enum x509_basic basic;
    int pathlen; /* -1: no limit */
    bool has_key_usage, has_eku;
    bool basic_critical, key_usage_critical;
    uint16_t key_usage, eku;
    const struct str *dns; /* as in the SAN */
    const struct addr *ips;
    const struct str *emails; /* printable, nothing more is known of them */
    const struct str *uris;   /* the same */
    size_t n_dns, n_ips, n_emails, n_uris, n_other_names; /* others: directory names ... */
    bool san_critical;
    bool has_constraints, constraints_critical;
    struct x509_constraints constraints;
    const struct str *crl_urls; /* of each kind, the first X509_URLS_MAX */
    const struct str *ocsp_urls;
    const struct str *issuer_urls;
    size_t n_crl_urls, n_ocsp_urls, n_issuer_urls;
    const struct str *policies; /* OIDs, DER content; the first X509_POLICIES_MAX */
    size_t n_policies;
    bool must_staple, no_rev_avail, ocsp_nocheck;
    bool has_unique_ids;          /* RFC 5280 section 4.1.2.8 */
    size_t n_tls_features;        /* RFC 7633, status_request among them or not */
    const struct str *extensions; /* OIDs of all of them, in order, DER content */
    size_t n_extensions;
    uint64_t critical; /* bit i: the i-th of these is */
    size_t n_unknown_critical;
    struct str acme_digest; /* of the acmeIdentifier (RFC 8737 section 3), 32 bytes; or empty. When
                               critical, it counts as unknown as well: it is nobody's but one
                               challenge's */
    bool acme_critical;
};

/* One certificate, nothing behind it. RC_PARSE and where in the structure it broke, RC_TOOBIG. */
enum rc x509_cert_parse(struct arena *a, struct str der, struct x509_cert *out, struct err *err);
/* Only a TBSCertificate. */
enum rc x509_tbs_parse(struct arena *a, struct str tbs, struct x509_cert *out, struct err *err);
/* The certificates of a PEM text, in order, decoded into the arena; RC_NOTFOUND for none, RC_TOOBIG
 * above `max`. */
enum rc x509_cert_read_pem(struct arena *a, struct str pem, size_t max, struct x509_cert **out,
                           size_t *out_n, struct err *err);
/* The same of DER, one certificate behind the other, borrowed. */
enum rc x509_cert_read_der(struct arena *a, struct str ders, size_t max, struct x509_cert **out,
                           size_t *out_n, struct err *err);
/* Appends a "CERTIFICATE" block. */
void x509_cert_put_pem(struct str der, struct buf *out);
/* The same of each of several, one behind the other. RC_PARSE: they are not; RC_NOMEM, RC_TOOBIG.
 */
enum rc x509_cert_put_pems(struct str ders, struct buf *out);

/* The public key, by crypto_key_from_spki. */
enum rc x509_cert_key(const struct x509_cert *c, struct crypto_key **out, struct err *err);
/* Whether one of them has a key of that type; one that cannot be read has none. */
bool x509_certs_have(const struct x509_cert *certs, size_t n, enum crypto_key_type type);
/* Only the signature: RC_DENIED when it is wrong, RC_UNSUPPORTED for an algorithm we cannot check.
 */
enum rc x509_cert_check_signature(const struct x509_cert *c, const struct crypto_key *issuer,
                                  struct err *err);
/* That `der` is exactly this TBSCertificate, which the caller knows, under a signature of `issuer`:
 * what x509_cert_parse and x509_cert_check_signature would say of it, without reading once more
 * what was built here. RC_CONFLICT for another TBSCertificate, RC_PARSE, and as above. */
enum rc x509_cert_check_tbs(struct str der, struct str tbs, const struct crypto_key *issuer,
                            struct err *err);
/* Names, key ids, CA bit, key usage and signature; neither times nor the rest of a chain. RC_DENIED
 * and the reason. */
enum rc x509_cert_check_issuer(const struct x509_cert *c, const struct x509_cert *issuer,
                               struct err *err);
bool x509_cert_self_issued(const struct x509_cert *c);
/* SHA-256 of the DER. */
enum rc x509_cert_fingerprint(const struct x509_cert *c,
                              unsigned char out[static CRYPTO_SHA256_BYTES]);
/* RFC 6125 without partial wildcards; `name` canonical. By SAN alone. */
bool x509_cert_has_dns(const struct x509_cert *c, struct str name);
bool x509_cert_has_ip(const struct x509_cert *c, const struct addr *ip);
