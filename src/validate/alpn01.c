/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8737, RFC 8738 section 6: a TLS server that, asked for the protocol acme-tls/1, shows a
 * certificate made for this challenge. */
#include "crypto/hash.h"
#include "tls/client.h"
#include "validate/validate_int.h"
#include "x509/cert.h"

MSG(msg_shake, "validate.alpn-handshake",
    "{0}: no TLS with {1}: {2}. A server must answer there that knows the protocol acme-tls/1");
MSG(msg_protocol, "validate.alpn-protocol",
    "{0}: {1} does TLS, but chose {2} when it was offered the protocol acme-tls/1; the server "
    "there must know this challenge");
MSG(msg_certificate, "validate.alpn-certificate", "{0}: the certificate that {1} showed {2}");

#define ALPN STR("acme-tls/1")

enum { SHOWN = 64, ARPA_MAX = 80, NIBBLE = 4 };

static void fail_certificate(struct validation *run, struct str why)
{
    char at[ADDR_TEXT];

    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_certificate, run->what,
                  str_of(addr_port_text(&run->fetch.to, at)), why));
    validate_fail(run, "unauthorized");
}

/* The one name, or address, that it may have. */
static bool names_only(const struct validation *run, const struct x509_cert *c)
{
    struct addr addr;

    if (c->n_other_names || c->n_emails || c->n_uris || c->n_dns + c->n_ips != 1)
        return false;
    if (run->is_ip)
        return c->n_ips == 1 && addr_parse(run->ask.identifier, &addr) == RC_OK &&
               addr_eq(&c->ips[0], &addr);
    return c->n_dns == 1 && str_ieq(c->dns[0], run->ask.identifier);
}

/* What is wrong with it; NULL: nothing. Of what it says nothing is repeated. */
static const char *fault(const struct validation *run, const struct x509_cert *c,
                         const unsigned char digest[static CRYPTO_SHA256_BYTES])
{
    if (!c->acme_digest.n)
        return "has no acmeIdentifier extension (RFC 8737): it is an ordinary certificate, or one "
               "of another challenge";
    if (!c->acme_critical)
        return "has an acmeIdentifier extension that is not critical";
    if (!names_only(run, c))
        return "must have exactly one name, the one that is being validated, and has another, or "
               "more";
    if (!str_eq(c->acme_digest, str_bytes(digest, CRYPTO_SHA256_BYTES)))
        return "belongs to another challenge or account: its digest is not that of this key "
               "authorization";
    return NULL;
}

static void judge(struct validation *run)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(TLS_CLIENT_CHAIN_MAX);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    struct err why = ERR_INIT;
    struct x509_cert c;
    enum rc rc = tls_client_certificate(run->fetch.tls, &der);
    const char *no;

    if (rc == RC_OK)
        rc = crypto_sha256(run->ask.key_authorization, digest);
    if (rc == RC_OK && x509_cert_parse(&run->arena, buf_str(&der), &c, &why) != RC_OK) {
        fail_certificate(run, arena_printf(&run->arena, "cannot be read: %.*s",
                                           STR_ARG(validate_text(run, &why))));
        return;
    }
    if (rc != RC_OK) {
        validate_finish(run, rc == RC_NOTFOUND ? RC_IO : rc);
        return;
    }
    no = fault(run, &c, digest);
    if (no)
        fail_certificate(run, str_of(no));
    else
        validate_proven(run);
}

static void on_hop(struct validation *run, enum rc rc, const struct err *err)
{
    char at[ADDR_TEXT];
    struct str to = str_of(addr_port_text(&run->fetch.to, at)), alpn;

    if (rc != RC_OK) {
        IGNORE_RC(ERR(&run->err, RC_DENIED, msg_shake, run->what, to, validate_text(run, err)));
        validate_fail(run, rc == RC_CRYPTO ? "tls" : "connection");
        return;
    }
    alpn = tls_client_alpn(run->fetch.tls);
    if (str_eq(alpn, ALPN)) {
        judge(run);
        return;
    }
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_protocol, run->what, to,
                  alpn.n ? STR("another one") : STR("none")));
    validate_fail(run, "tls");
}

/* RFC 8738 section 6: the name of the address in the reverse tree. */
static enum rc reverse_name(struct validation *run, const struct addr *a, struct str *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ARPA_MAX);

    for (size_t i = a->n; i-- > 0;) {
        if (a->n == NIBBLE)
            buf_printf(&text, "%u.", (unsigned)a->b[i]);
        else
            buf_printf(&text, "%x.%x.", (unsigned)(a->b[i] & 0xf), (unsigned)(a->b[i] >> NIBBLE));
    }
    buf_putz(&text, a->n == NIBBLE ? "in-addr.arpa" : "ip6.arpa");
    TRY(buf_rc(&text));
    return arena_str(&run->arena, buf_str(&text), out);
}

static enum rc prepare(struct validation *run)
{
    struct str host = run->ask.identifier, text;
    struct validate_hop *hop;
    struct http_url url;
    struct addr addr;

    run->alpn = ALPN;
    run->server_name = host;
    if (run->is_ip) {
        TRY(addr_parse(host, &addr));
        TRY(reverse_name(run, &addr, &run->server_name));
    }
    text = arena_printf(&run->arena,
                        run->is_ip && addr.n != NIBBLE ? "https://[%.*s]:%u/" : "https://%.*s:%u/",
                        STR_ARG(host), (unsigned)run->conf->validation.tls_port);
    if (!text.p)
        return RC_NOMEM;
    TRY(http_url_parse(text, &url, NULL));
    TRY(validate_hop_first(run, &url));
    hop = validate_hop_last(run);
    hop->text = arena_printf(&run->arena, "the certificate of %.*s:%u", STR_ARG(host),
                             (unsigned)hop->url.port);
    return hop->text.p ? RC_OK : RC_NOMEM;
}

static void begin(struct validation *run)
{
    enum rc rc = prepare(run);

    run->on_hop = on_hop;
    if (rc == RC_OK)
        validate_hop(run);
    else
        validate_finish(run, rc);
}

const struct validate_method validate_alpn01 = {
    .name = "tls-alpn-01",
    .ips = true,
    .begin = begin,
    .late = validate_hop_late,
};
