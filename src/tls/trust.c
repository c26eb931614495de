/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/trust.h"

#include <openssl/x509.h>

#include "base/text.h"
#include "crypto/ossl.h"
#include "tls/tls_int.h"

enum { CERT_MAX = 64 * 1024 };

enum rc tls_trust_new(struct tls_trust **out)
{
    struct tls_trust *t = MEM_NEW(struct tls_trust);

    if (!t)
        return RC_NOMEM;
    t->store = X509_STORE_new();
    if (!t->store) {
        mem_free(t);
        return RC_NOMEM;
    }
    *out = t;
    return RC_OK;
}

void tls_trust_free(struct tls_trust *t)
{
    if (!t)
        return;
    X509_STORE_free(t->store);
    mem_free(t);
}

/* False when it is none. */
static bool add(struct tls_trust *t, struct str der)
{
    const unsigned char *at = (const unsigned char *)der.p;
    X509 *x = d2i_X509(NULL, &at, (long)der.n);
    bool good = x && X509_STORE_add_cert(t->store, x) == 1;

    X509_free(x);
    crypto_ossl_clear();
    return good;
}

enum rc tls_trust_add(struct tls_trust *t, struct str pem, size_t *out_added)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(CERT_MAX);
    size_t before = t->n;

    for (;;) {
        enum rc rc;

        buf_reset(&der);
        rc = text_unpem(&pem, STR("CERTIFICATE"), NULL, &der);
        if (rc == RC_NOTFOUND)
            break;
        TRY(rc);
        if (t->n == TLS_TRUST_MAX)
            return RC_TOOBIG;
        t->n += add(t, buf_str(&der));
    }
    *out_added = t->n - before;
    return RC_OK;
}
