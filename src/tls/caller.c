/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/addr.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "tls/clients.h"
#include "x509/cert.h"
#include "x509/name.h"

enum {
    WORK_MAX = 256 * 1024,
    TEXT_MAX = 2 * TLS_CALLER_NAME_MAX + TLS_CALLER_NAMES_MAX + 2 * TLS_CALLER_DER_MAX,
};

/* Where a text stands in what grows. */
struct span {
    size_t at, n;
};

static struct span since(const struct buf *text, size_t at)
{
    return (struct span){at, text->n - at};
}

static struct str in(const struct buf *text, struct span s)
{
    return str_head(str_skip(buf_str(text), s.at), s.n);
}

static void put_safe(struct str s, bool commas, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < ' ' || c > '~' || c == '\\' || (c == ',' && !commas))
            buf_printf(out, "\\x%02x", c);
        else
            buf_u8(out, c);
    }
}

/* What is too long is left out whole: a part of a name is another name. */
static struct span keep(struct buf *text, size_t at, size_t max)
{
    if (text->n - at > max)
        text->n = at;
    return since(text, at);
}

static struct span put_name(struct str der, struct buf *text)
{
    CLEANUP(buf_done) struct buf name = BUF_INIT(X509_NAME_MAX * 4);
    size_t at = text->n;

    x509_name_text(der, &name);
    if (buf_rc(&name) != RC_OK)
        buf_fail(text, buf_rc(&name));
    put_safe(buf_str(&name), true, text);
    return keep(text, at, TLS_CALLER_NAME_MAX);
}

static void put_one(const char *kind, struct str value, size_t at, struct buf *text)
{
    if (text->n > at)
        buf_putz(text, ", ");
    buf_putz(text, kind);
    put_safe(value, false, text);
}

static struct span put_names(const struct x509_cert *cert, struct buf *text)
{
    size_t at = text->n;
    char addr[ADDR_TEXT];

    for (size_t i = 0; i < cert->n_dns; i++)
        put_one("DNS:", cert->dns[i], at, text);
    for (size_t i = 0; i < cert->n_ips; i++)
        put_one("IP:", str_of(addr_text(&cert->ips[i], addr)), at, text);
    for (size_t i = 0; i < cert->n_emails; i++)
        put_one("email:", cert->emails[i], at, text);
    for (size_t i = 0; i < cert->n_uris; i++)
        put_one("URI:", cert->uris[i], at, text);
    return keep(text, at, TLS_CALLER_NAMES_MAX);
}

static struct span put_hex(struct str bytes, struct buf *text)
{
    size_t at = text->n;

    text_hex(text, bytes);
    return since(text, at);
}

static enum rc fill(struct tls_caller *c, const struct x509_cert *cert)
{
    struct buf *text = &c->text;
    unsigned char hash[CRYPTO_SHA256_BYTES];
    struct span subject, issuer, serial, sha256, names, certificate;

    TRY(crypto_sha256(cert->der, hash));
    subject = put_name(cert->subject, text);
    issuer = put_name(cert->issuer, text);
    serial = put_hex(str_bytes(cert->serial.b, cert->serial.n), text);
    sha256 = put_hex(str_bytes(hash, sizeof(hash)), text);
    names = put_names(cert, text);
    certificate.at = text->n;
    buf_putz(text, ":");
    text_b64(text, cert->der);
    buf_putz(text, ":");
    certificate = since(text, certificate.at);
    TRY(buf_rc(text));
    c->subject = in(text, subject);
    c->issuer = in(text, issuer);
    c->serial = in(text, serial);
    c->sha256 = in(text, sha256);
    c->names = in(text, names);
    c->certificate = in(text, certificate);
    c->until = cert->not_after;
    return RC_OK;
}

enum rc tls_caller_new(struct str der, struct tls_caller **out)
{
    CLEANUP(arena_done) struct arena work = ARENA_INIT(WORK_MAX);
    CLEANUP(tls_caller_freep) struct tls_caller *c = MEM_NEW(struct tls_caller);
    struct x509_cert cert;

    if (!c)
        return RC_NOMEM;
    buf_init(&c->text, TEXT_MAX);
    if (der.n > TLS_CALLER_DER_MAX)
        return RC_TOOBIG;
    TRY(x509_cert_parse(&work, der, &cert, NULL));
    TRY(fill(c, &cert));
    *out = MOVE(c);
    return RC_OK;
}

void tls_caller_free(struct tls_caller *c)
{
    if (!c)
        return;
    buf_done(&c->text);
    mem_free(c);
}
