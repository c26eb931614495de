/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/trust.h"

#include "base/text.h"
#include "ca/issue.h"
#include "http/problem.h"
#include "x509/name.h"

/* A root that is new is wanted at once; what an intermediate's name stands for never changes. */
#define ASK_AGAIN "no-cache"
#define KEEP_A_DAY "max-age=86400"

enum { FINGERPRINT_TEXT = 3 * CRYPTO_SHA256_BYTES, NAME_TEXT_MAX = 2 * X509_NAME_MAX };

MSG(msg_nothing, "trust.nothing-there",
    "there is nothing at {0}; /trust/ shows what can be fetched");
MSG(msg_method, "trust.method", "{0} is not possible here; only GET and HEAD are");

static const struct ca_issuer *root_of(const struct ca *ca)
{
    return ca_issuer_find(ca, STR("root-rsa"));
}

/* "AB:CD:...", as browsers and certificate tools show it. */
static enum rc fingerprint(const struct x509_cert *cert, char text[static FINGERPRINT_TEXT])
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned char digest[CRYPTO_SHA256_BYTES];

    TRY(x509_cert_fingerprint(cert, digest));
    for (size_t i = 0; i < sizeof(digest); i++) {
        text[3 * i] = digits[digest[i] >> 4];
        text[3 * i + 1] = digits[digest[i] & 15];
        text[3 * i + 2] = i + 1 < sizeof(digest) ? ':' : '\0';
    }
    return RC_OK;
}

static void put_rows(struct buf *b, const struct x509_cert *root, const char *print)
{
    CLEANUP(buf_done) struct buf name = BUF_INIT(NAME_TEXT_MAX);
    char until[WHEN_TEXT];

    x509_name_text(root->subject, &name);
    buf_putz(b, "<dl>\n<dt>Name</dt><dd>");
    text_html_escape(b, buf_str(&name));
    buf_printf(b,
               "</dd>\n<dt>SHA-256 fingerprint</dt><dd><code>%s</code></dd>\n"
               "<dt>Valid until</dt><dd>%s</dd>\n</dl>\n",
               print, when_text(root->not_after, until));
}

static void put_page(struct buf *b, const struct x509_cert *root, const char *print)
{
    buf_putz(
        b,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n"
        "<title>Trust this organisation's certificates</title>\n"
        "<h1>Trust this organisation's certificates</h1>\n"
        "<p>Programs on this network show certificates that are signed, in the end, by this root. "
        "A machine that has it believes them.</p>\n");
    put_rows(b, root, print);
    buf_putz(
        b,
        "<p><a href=\"root-rsa.pem\">root-rsa.pem</a> (PEM: Linux, most programs) &middot; "
        "<a href=\"root-rsa.cer\">root-rsa.cer</a> (DER: Windows, Apple, Java) &middot; "
        "<a href=\"roots.pem\">roots.pem</a> (all roots in one file)</p>\n"
        "<p>This page came over a connection that nothing protects. Compare the fingerprint with "
        "the one "
        "that your administrator gave you before you install the file.</p>\n"
        "<h2>Debian and Ubuntu</h2>\n"
        "<pre>openssl x509 -in root-rsa.pem -noout -fingerprint -sha256\n"
        "sudo cp root-rsa.pem /usr/local/share/ca-certificates/internal-root.crt\n"
        "sudo update-ca-certificates</pre>\n"
        "<h2>Fedora and Red Hat</h2>\n"
        "<pre>sudo trust anchor root-rsa.pem</pre>\n"
        "<h2>Windows</h2>\n"
        "<pre>certutil -addstore -f Root root-rsa.cer</pre>\n"
        "<h2>macOS</h2>\n"
        "<pre>sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain "
        "root-rsa.cer</pre>\n"
        "<h2>Firefox</h2>\n"
        "<p>Settings, Privacy &amp; Security, View Certificates, Authorities, Import.</p>\n"
        "</html>\n");
}

static void reply_page(struct http_exchange *x, const struct ca_issuer *root)
{
    char print[FINGERPRINT_TEXT];

    if (fingerprint(&root->cert, print) != RC_OK) {
        http_finish(x);
        return;
    }
    put_page(&x->res.body, &root->cert, print);
    http_header_add(x, "Cache-Control", STR(ASK_AGAIN));
    http_header_add(x, "Content-Security-Policy", STR("default-src 'none'"));
    http_reply(x, 200, "text/html; charset=utf-8");
}

static void reply_pem(struct http_exchange *x, const struct ca_issuer *issuer)
{
    x509_cert_put_pem(issuer->cert.der, &x->res.body);
    http_header_add(x, "Cache-Control", STR(ASK_AGAIN));
    http_reply(x, 200, "application/x-pem-file");
}

static void reply_der(struct http_exchange *x, const struct ca_issuer *issuer, const char *type,
                      const char *caching)
{
    http_header_add(x, "Cache-Control", str_of(caching));
    http_reply_text(x, 200, type, issuer->cert.der);
}

static void refuse(struct http_exchange *x, const struct msg *m, struct str arg, int status)
{
    struct err err = ERR_INIT;

    IGNORE_RC(err_set(&err, RC_NOTFOUND, m, (struct err_at){__FILE__, __LINE__}, &arg, 1));
    err.status = status;
    if (status == 405)
        http_header_add(x, "Allow", STR("GET, HEAD"));
    http_problem(x, &err);
}

static bool get(const struct http_exchange *x)
{
    return str_eq(x->req.method, STR("GET")) || str_eq(x->req.method, STR("HEAD"));
}

/* "/issuer/rsa-1.cer": intermediates only, the root is below /trust/. */
static const struct ca_issuer *issuer_at(const struct ca *ca, struct str path)
{
    struct str name = str_skip(path, strlen("/issuer/"));
    const struct ca_issuer *issuer;

    if (!str_starts(path, STR("/issuer/")) || !str_ends(name, STR(".cer")))
        return NULL;
    issuer = ca_issuer_find(ca, str_head(name, name.n - strlen(".cer")));
    return issuer == root_of(ca) ? NULL : issuer;
}

void trust_handle(const struct ca *ca, struct http_exchange *x)
{
    const struct ca_issuer *root = root_of(ca);
    const struct ca_issuer *issuer = issuer_at(ca, x->req.path);
    struct str path = x->req.path;

    if (!get(x))
        refuse(x, &msg_method, x->req.method, 405);
    else if (issuer)
        reply_der(x, issuer, "application/pkix-cert", KEEP_A_DAY);
    else if (root && str_eq(path, STR("/trust/")))
        reply_page(x, root);
    else if (root &&
             (str_eq(path, STR("/trust/root-rsa.pem")) || str_eq(path, STR("/trust/roots.pem"))))
        reply_pem(x, root);
    else if (root && str_eq(path, STR("/trust/root-rsa.cer")))
        reply_der(x, root, "application/x-x509-ca-cert", ASK_AGAIN);
    else
        refuse(x, &msg_nothing, path, 404);
}
