/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/show.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "x509/name.h"

enum { LINE = 16 }; /* where values begin */

struct bit {
    uint16_t bit;
    const char *name;
};

static const struct bit key_usages[] = {
    {X509_KU_DIGITAL_SIGNATURE, "digitalSignature"},
    {X509_KU_KEY_ENCIPHERMENT, "keyEncipherment"},
    {X509_KU_CERT_SIGN, "keyCertSign"},
    {X509_KU_CRL_SIGN, "cRLSign"},
};
static const struct bit ekus[] = {
    {X509_EKU_SERVER_AUTH, "serverAuth"},
    {X509_EKU_CLIENT_AUTH, "clientAuth"},
};

static void key(struct buf *out, const char *name)
{
    buf_printf(out, "  %-*s", LINE - 2, name);
}

enum rc ceremony_digest_put(struct str bytes, struct buf *out)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];

    TRY(crypto_sha256(bytes, digest));
    for (size_t i = 0; i < sizeof(digest); i++)
        buf_printf(out, "%s%02X", i ? ":" : "", digest[i]);
    return buf_rc(out);
}

static void put_bits(struct buf *out, const char *name, uint16_t bits, const struct bit *all,
                     size_t n)
{
    uint16_t known = 0;

    key(out, name);
    for (size_t i = 0; i < n; i++) {
        if (bits & all[i].bit)
            buf_printf(out, "%s%s", known ? ", " : "", all[i].name);
        known |= bits & all[i].bit;
    }
    if (bits != known)
        buf_printf(out, "%sothers (0x%04x)", known ? ", " : "", (unsigned)(bits & ~known));
    buf_putz(out, "\n");
}

static void put_strs(struct buf *out, const char *name, const struct str *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        key(out, i ? "" : name);
        text_json_escape(out, v[i]);
        buf_putz(out, "\n");
    }
}

static void put_nets(struct buf *out, const char *name, const struct addr_net *v, size_t n)
{
    char text[ADDR_TEXT];

    for (size_t i = 0; i < n; i++) {
        key(out, i ? "" : name);
        buf_printf(out, "%s/%u\n", addr_text(&v[i].base, text), v[i].bits);
    }
}

static void put_constraints(const struct x509_cert *c, struct buf *out)
{
    const struct x509_constraints *n = &c->constraints;

    key(out, "Constraints");
    if (!c->has_constraints) {
        buf_putz(out, "none: it may sign for every name\n");
        return;
    }
    buf_printf(out, "%s\n", c->constraints_critical ? "critical" : "not critical");
    put_strs(out, "  names", n->permitted_dns, n->n_permitted_dns);
    put_nets(out, "  addresses", n->permitted_ip, n->n_permitted_ip);
    put_strs(out, "  mail", n->permitted_email, n->n_permitted_email);
    put_strs(out, "  not names", n->excluded_dns, n->n_excluded_dns);
    put_nets(out, "  not addr.", n->excluded_ip, n->n_excluded_ip);
    put_strs(out, "  not mail", n->excluded_email, n->n_excluded_email);
    if (n->n_other)
        buf_printf(out, "  %-*s%zu of other kinds\n", LINE - 2, "  others", n->n_other);
}

static void put_basic(const struct x509_cert *c, struct buf *out)
{
    key(out, "Authority");
    if (!c->is_ca)
        buf_putz(out, "no");
    else if (c->pathlen < 0)
        buf_putz(out, "yes, and authorities below it");
    else
        buf_printf(out, "yes, with at most %d authorities below it", c->pathlen);
    buf_putz(out, "\n");
}

static void put_name(struct buf *out, const char *what, struct str name)
{
    key(out, what);
    x509_name_text(name, out);
    buf_putz(out, "\n");
}

static enum rc put_key(const struct x509_cert *c, struct buf *out)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;

    TRY(x509_cert_key(c, &k, NULL));
    key(out, "Key");
    buf_printf(out, "%s\n", crypto_key_text(k));
    key(out, "  SHA-256");
    TRY(ceremony_digest_put(c->spki, out));
    buf_putz(out, "\n");
    return RC_OK;
}

enum rc ceremony_show(const struct x509_cert *c, struct buf *out)
{
    char serial[X509_SERIAL_TEXT], begin[WHEN_TEXT], end[WHEN_TEXT];

    put_name(out, "Subject", c->subject);
    put_name(out, "Issuer", c->issuer);
    key(out, "Serial");
    buf_printf(out, "%s\n", x509_serial_text(&c->serial, serial));
    key(out, "Valid");
    buf_printf(out, "%s to %s\n", when_text(c->not_before, begin), when_text(c->not_after, end));
    TRY(put_key(c, out));
    put_basic(c, out);
    put_bits(out, "Key usage", c->key_usage, key_usages,
             sizeof(key_usages) / sizeof(key_usages[0]));
    if (c->has_eku)
        put_bits(out, "For", c->eku, ekus, sizeof(ekus) / sizeof(ekus[0]));
    put_constraints(c, out);
    put_strs(out, "Names", c->dns, c->n_dns);
    put_strs(out, "CRL", c->crl_urls, c->n_crl_urls);
    put_strs(out, "OCSP", c->ocsp_urls, c->n_ocsp_urls);
    put_strs(out, "Issuer at", c->issuer_urls, c->n_issuer_urls);
    key(out, "Extensions");
    buf_printf(out, "%zu in all, %zu of them critical and unknown here\n", c->n_extensions,
               c->n_unknown_critical);
    key(out, "To be signed");
    TRY(ceremony_digest_put(c->tbs, out));
    buf_putz(out, "\n");
    return buf_rc(out);
}
