/* SPDX-License-Identifier: Apache-2.0 */
#include "tlcp/tlcp_int.h"

#include <stdio.h>

#include "x509/cert.h"

enum {
    ARENA_MAX = 256 * 1024,
    ENCRYPTING = X509_KU_KEY_ENCIPHERMENT | X509_KU_DATA_ENCIPHERMENT | X509_KU_KEY_AGREEMENT,
};

MSG(msg_certificate, "tlcp.certificate",
    "certificate {0} of the peer is none that is understood here, or has no SM2 key");
MSG(msg_one, "tlcp.certificate-one",
    "the peer showed no certificate to encrypt to beside the one that signs");
MSG(msg_judged, "tlcp.certificate-judged", "the peer's certificates were not accepted");

static enum rc read_key(struct str der, struct crypto_key **out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_MAX);
    struct x509_cert cert;

    TRY(x509_cert_parse(&a, der, &cert, NULL));
    TRY(x509_cert_key(&cert, out, NULL));
    return crypto_key_type(*out) == CRYPTO_KEY_SM2 ? RC_OK : RC_UNSUPPORTED;
}

static bool encrypts(struct str der)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_MAX);
    struct x509_cert cert;

    return x509_cert_parse(&a, der, &cert, NULL) == RC_OK && !cert.is_ca &&
           (!cert.has_key_usage || cert.key_usage & ENCRYPTING);
}

enum rc tlcp_conn_encryption(const struct tlcp_conn *c, size_t *out_i)
{
    for (size_t i = 1; i < c->peer.list.n; i++)
        if (encrypts(c->peer.list.certs[i])) {
            *out_i = i;
            return RC_OK;
        }
    return RC_NOTFOUND;
}

static enum rc take_key(struct tlcp_conn *c, size_t i, struct crypto_key **out)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    enum rc rc = read_key(c->peer.list.certs[i], &k);
    char number[8];

    if (rc == RC_NOMEM)
        return tlcp_fail_on(c, rc, "Certificate");
    snprintf(number, sizeof(number), "%zu", i + 1);
    if (rc != RC_OK)
        return tlcp_fail(c, TLCP_UNSUPPORTED_CERTIFICATE, RC_CRYPTO, &msg_certificate,
                         str_of(number));
    *out = MOVE(k);
    return RC_OK;
}

static enum rc judge(struct tlcp_conn *c)
{
    static const enum tlcp_alert alerts[] = {
        [X509_TROUBLE_OTHER] = TLCP_BAD_CERTIFICATE,
        [X509_TROUBLE_ROOT] = TLCP_UNKNOWN_CA,
        [X509_TROUBLE_TIME] = TLCP_CERTIFICATE_EXPIRED,
        [X509_TROUBLE_USE] = TLCP_UNSUPPORTED_CERTIFICATE,
        [X509_TROUBLE_REVOKED] = TLCP_CERTIFICATE_REVOKED,
    };
    enum x509_trouble trouble = X509_TROUBLE_OTHER;
    struct err why = ERR_INIT;
    enum rc rc = RC_OK;

    if (c->judge)
        rc = c->judge(c->arg, c->peer.list.certs, c->peer.list.n, &trouble, &why);
    if (rc == RC_OK)
        return rc;
    if (rc == RC_NOMEM)
        return tlcp_fail_on(c, rc, "Certificate");
    IGNORE_RC(tlcp_fail(c, alerts[trouble], RC_CRYPTO, &msg_judged, STR("")));
    if (why.msg && c->err)
        *c->err = why;
    return RC_CRYPTO;
}

enum rc tlcp_peer_take(struct tlcp_conn *c, struct str body, bool both)
{
    struct tlcp_peer *p = &c->peer;
    enum rc rc;
    size_t i;

    p->bytes = mem_dup(body.p, body.n);
    rc = p->bytes ? tlcp_certificates_read(str_bytes(p->bytes, body.n), &p->list) : RC_NOMEM;
    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "Certificate");
    if (p->list.n == 0)
        return RC_OK;
    TRY(take_key(c, 0, &c->hs->peer_sign));
    if (both) {
        if (tlcp_conn_encryption(c, &i) != RC_OK)
            return tlcp_fail(c, TLCP_BAD_CERTIFICATE, RC_CRYPTO, &msg_one, STR(""));
        TRY(take_key(c, i, &c->hs->peer_encrypt));
    }
    return judge(c);
}

void tlcp_peer_done(struct tlcp_peer *p)
{
    mem_free(MOVE(p->bytes));
    p->list.n = 0;
}
