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

static bool trusted(const struct ca *ca, const struct ca_issuer *i)
{
    enum store_issuer_state state = ca_issuer_state(ca, i);

    return !i->parent.z[0] && (state == STORE_ISSUER_ACTIVE || state == STORE_ISSUER_RETIRING);
}

/* Those whose signatures everybody can check. */
static bool classical(const struct ca_issuer *i)
{
    return str_eq(i->algorithm, STR("rsa")) || str_eq(i->algorithm, STR("ecdsa"));
}

/* Those of which browsers for SM2 are told in a section of their own. */
static bool for_gm(const struct ca *ca, const struct ca_issuer *i)
{
    return trusted(ca, i) && str_eq(i->algorithm, STR("sm2")) &&
           !str_eq(i->hierarchy, ca_hierarchy_text(CA_STAGING));
}

/* The one that a machine is to have: the newest for everybody, or else the newest there is. */
static const struct ca_issuer *first_root(const struct ca *ca)
{
    const struct ca_issuer *best = NULL, *i;

    for (size_t k = 0; (i = ca_issuer_at(ca, k)); k++)
        if (trusted(ca, i) && str_eq(i->hierarchy, STR("intranet")) &&
            (!best || classical(i) || !classical(best)))
            best = i;
    return best;
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

static void put_files(struct buf *b, const struct ca_issuer *root)
{
    struct str ref = root->ref;

    buf_printf(b,
               "<p><a href=\"%.*s.pem\">%.*s.pem</a> (PEM: Linux, most programs) &middot; "
               "<a href=\"%.*s.cer\">%.*s.cer</a> (DER: Windows, Apple, Java)</p>\n",
               STR_ARG(ref), STR_ARG(ref), STR_ARG(ref), STR_ARG(ref));
}

static enum rc put_root(struct buf *b, const struct ca_issuer *root)
{
    char print[FINGERPRINT_TEXT];

    TRY(fingerprint(&root->cert, print));
    put_rows(b, &root->cert, print);
    put_files(b, root);
    return RC_OK;
}

static enum rc put_others(struct buf *b, const struct ca *ca, const struct ca_issuer *first)
{
    const struct ca_issuer *i;
    bool any = false;

    for (size_t k = 0; (i = ca_issuer_at(ca, k)); k++) {
        if (i == first || !trusted(ca, i) || for_gm(ca, i))
            continue;
        if (!any)
            buf_putz(b, "<h2>Other roots</h2>\n<p>For other algorithms, for names that are not of "
                        "this organisation (S), and those before or after this one.</p>\n");
        any = true;
        TRY(put_root(b, i));
    }
    return RC_OK;
}

/* What makers of browsers say of their own editions; Windows and macOS know no SM2, so that what is
 * in their stores is of no use to these browsers. */
static const char gm_english[] =
    "<p>A GM browser (&#22269;&#23494;&#27983;&#35272;&#22120;) that opens sites over TLCP, or "
    "over "
    "TLS with SM2, has to know the SM2 root as well. The store of the operating system is no help: "
    "Windows and macOS cannot check a signature of SM2, and 360, for one, does not look there for "
    "such roots. A root has to be given to the browser itself, and not every edition takes "
    "one.</p>\n"
    "<ul>\n"
    "<li>360 Enterprise Browser: the management server hands out trusted SM2 roots; an edition "
    "without a server, and the one for Linux (Xinchuang), import the file on the options page, "
    "where "
    "certificates are managed. TLCP is switched on there, too. The personal edition trusts the "
    "roots that are built in and takes no other.</li>\n"
    "<li>Qi An Xin: by the management server of the enterprise edition, or in the browser's own "
    "certificate manager, where the edition has either.</li>\n"
    "<li>ZT Browser (ZoTrus) and Red Lotus: in the browser's own certificate manager, where the "
    "version has one that takes SM2. ZoTrus takes roots of intranets into the browser by a "
    "programme "
    "of its own.</li>\n"
    "</ul>\n"
    "<p>A version that trusts only the roots that are built in cannot open these sites over TLCP "
    "without a warning; ask its maker for one that can import. It may still open them over TLS "
    "with "
    "the root at the top of this page.</p>\n";
static const char gm_chinese[] =
    "<div lang=\"zh\">\n<h3>国密浏览器</h3>\n"
    "<p>国密浏览器通过 TLCP（或使用 SM2 的 TLS）访问网站时，还必须信任上面的 SM2 根证书。"
    "把它导入操作系统没有用：Windows 和 macOS 不能验证 SM2 签名，例如 360 浏览器也不会到系统中"
    "读取这类根证书。根证书必须导入浏览器本身，而且不是每个版本都允许导入。</p>\n"
    "<ul>\n"
    "<li>360 企业安全浏览器：由管理服务器下发受信任的 SM2 根证书；单机版和信创版在选项页的证书"
    "管理中导入文件。国密协议也在选项页中开启。个人版只信任内置的根证书，不能导入。</li>\n"
    "<li>奇安信可信浏览器：由企业版的管理服务器下发，或在浏览器自带的证书管理中导入（取决于版本）。"
    "</li>\n"
    "<li>零信浏览器、红莲花浏览器：在浏览器自带的证书管理中导入，前提是该版本能够导入 SM2 根证书。"
    "零信另有预置内网根证书的计划。</li>\n"
    "</ul>\n"
    "<p>只信任内置根证书的版本，通过 TLCP 打开这些网站时一定会有警告；请向浏览器厂商索取可以导入"
    "根证书的版本。安装本页最上面的根证书后，仍可能通过 TLS 打开这些网站。</p>\n"
    "<p>本页的传输没有任何保护。安装之前，请与管理员提供的指纹核对。</p>\n"
    "</div>\n";

static enum rc put_gm(struct buf *b, const struct ca *ca)
{
    const struct ca_issuer *i;
    bool any = false;

    for (size_t k = 0; (i = ca_issuer_at(ca, k)); k++) {
        if (!for_gm(ca, i))
            continue;
        if (!any)
            buf_putz(b, "<h2 id=\"gm\">GM browsers (SM2)</h2>\n");
        any = true;
        TRY(put_root(b, i));
    }
    if (any) {
        buf_putz(b, gm_english);
        buf_putz(b, gm_chinese);
    }
    return RC_OK;
}

static enum rc put_page(struct buf *b, const struct ca *ca, const struct ca_issuer *root)
{
    struct str ref = root->ref;

    buf_putz(
        b,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n"
        "<title>Trust this organisation's certificates</title>\n"
        "<h1>Trust this organisation's certificates</h1>\n"
        "<p>Programs on this network show certificates that are signed, in the end, by this root. "
        "A machine that has it believes them.</p>\n");
    TRY(put_root(b, root));
    buf_putz(b, "<p><a href=\"roots.pem\">roots.pem</a> (all roots that everybody can check, in "
                "one file) &middot; <a href=\"roots-all.pem\">roots-all.pem</a> (of every "
                "algorithm)</p>\n"
                "<p>This page came over a connection that nothing protects. Compare the "
                "fingerprint with the one "
                "that your administrator gave you before you install the file.</p>\n");
    buf_printf(b,
               "<h2>Debian and Ubuntu</h2>\n"
               "<pre>openssl x509 -in %.*s.pem -noout -fingerprint -sha256\n"
               "sudo cp %.*s.pem /usr/local/share/ca-certificates/internal-root.crt\n"
               "sudo update-ca-certificates</pre>\n"
               "<h2>Fedora and Red Hat</h2>\n"
               "<pre>sudo trust anchor %.*s.pem</pre>\n"
               "<h2>Windows</h2>\n"
               "<pre>certutil -addstore -f Root %.*s.cer</pre>\n"
               "<h2>macOS</h2>\n"
               "<pre>sudo security add-trusted-cert -d -r trustRoot -k "
               "/Library/Keychains/System.keychain %.*s.cer</pre>\n",
               STR_ARG(ref), STR_ARG(ref), STR_ARG(ref), STR_ARG(ref), STR_ARG(ref));
    buf_putz(b,
             "<h2>Firefox</h2>\n"
             "<p>Settings, Privacy &amp; Security, View Certificates, Authorities, Import.</p>\n");
    TRY(put_gm(b, ca));
    TRY(put_others(b, ca, root));
    buf_putz(b, "</html>\n");
    return RC_OK;
}

static void reply_page(const struct ca *ca, struct http_exchange *x, const struct ca_issuer *root)
{
    if (put_page(&x->res.body, ca, root) != RC_OK) {
        http_finish(x);
        return;
    }
    http_header_add(x, "Cache-Control", STR(ASK_AGAIN));
    http_header_add(x, "Content-Security-Policy", STR("default-src 'none'"));
    http_reply(x, 200, "text/html; charset=utf-8");
}

static void finish_pem(struct http_exchange *x)
{
    http_header_add(x, "Cache-Control", STR(ASK_AGAIN));
    http_reply(x, 200, "application/x-pem-file");
}

static void reply_der(struct http_exchange *x, const struct x509_cert *cert, const char *type,
                      const char *caching)
{
    http_header_add(x, "Cache-Control", str_of(caching));
    http_reply_text(x, 200, type, cert->der);
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

/* "/issuer/rsa-1.cer", "/issuer/root-rsa-2-by-root-rsa.cer": every authority there ever was, and
 * every certificate of one by another. */
static const struct x509_cert *issuer_at(const struct ca *ca, struct str path)
{
    struct str name = str_skip(path, strlen("/issuer/"));
    const struct ca_issuer *issuer;
    const struct ca_cross *cross;

    if (!str_starts(path, STR("/issuer/")) || !str_ends(name, STR(".cer")))
        return NULL;
    name = str_head(name, name.n - strlen(".cer"));
    issuer = ca_issuer_find(ca, name);
    if (issuer)
        return &issuer->cert;
    cross = ca_cross_find(ca, name);
    return cross ? &cross->cert : NULL;
}

/* "/trust/root-rsa.pem": a root that is to be trusted. */
static const struct ca_issuer *root_at(const struct ca *ca, struct str path, const char *ending)
{
    struct str name = str_skip(path, strlen("/trust/"));
    const struct ca_issuer *root;

    if (!str_starts(path, STR("/trust/")) || !str_ends(name, str_of(ending)))
        return NULL;
    root = ca_issuer_find(ca, str_head(name, name.n - strlen(ending)));
    return root && trusted(ca, root) ? root : NULL;
}

/* The same sets as in DATA/trust; false: the path is none. */
static bool put_set(const struct ca *ca, struct str path, struct buf *out)
{
    static const struct {
        const char *path;
        enum ca_hierarchy hierarchy;
        bool all;
    } sets[] = {{"/trust/roots.pem", CA_INTRANET, false},
                {"/trust/roots-all.pem", CA_INTRANET, true},
                {"/trust/roots-special.pem", CA_SPECIAL, false},
                {"/trust/roots-all-special.pem", CA_SPECIAL, true},
                {"/trust/roots-staging.pem", CA_STAGING, false},
                {"/trust/roots-all-staging.pem", CA_STAGING, true}};
    const struct ca_issuer *i;

    for (size_t s = 0; s < sizeof(sets) / sizeof(sets[0]); s++) {
        if (!str_eq(path, str_of(sets[s].path)))
            continue;
        for (size_t k = 0; (i = ca_issuer_at(ca, k)); k++)
            if (trusted(ca, i) && (sets[s].all || classical(i)) &&
                str_eq(i->hierarchy, ca_hierarchy_text(sets[s].hierarchy)))
                x509_cert_put_pem(i->cert.der, out);
    }
    return out->n > 0;
}

void trust_handle(const struct ca *ca, struct http_exchange *x)
{
    struct str path = x->req.path;
    const struct ca_issuer *first = first_root(ca), *pem = root_at(ca, path, ".pem"),
                           *cer = root_at(ca, path, ".cer");
    const struct x509_cert *issuer = issuer_at(ca, path);

    if (!get(x)) {
        refuse(x, &msg_method, x->req.method, 405);
    } else if (issuer) {
        reply_der(x, issuer, "application/pkix-cert", KEEP_A_DAY);
    } else if (first && str_eq(path, STR("/trust/"))) {
        reply_page(ca, x, first);
    } else if (pem) {
        x509_cert_put_pem(pem->cert.der, &x->res.body);
        finish_pem(x);
    } else if (cer) {
        reply_der(x, &cer->cert, "application/x-x509-ca-cert", ASK_AGAIN);
    } else if (put_set(ca, path, &x->res.body)) {
        finish_pem(x);
    } else {
        refuse(x, &msg_nothing, path, 404);
    }
}
