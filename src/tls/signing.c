/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/signing_int.h"

void tls_signing_done(struct tls_signing *s, enum rc rc, struct str signature)
{
    if (s->state != TLS_SIGNING_ASKED)
        return;
    buf_init(&s->signature, CRYPTO_SIG_MAX);
    buf_puts(&s->signature, signature);
    s->state = rc == RC_OK && signature.n && buf_rc(&s->signature) == RC_OK ? TLS_SIGNING_DONE
                                                                            : TLS_SIGNING_FAILED;
    s->wake(s->arg);
}

void **tls_signing_tag(struct tls_signing *s)
{
    return &s->tag;
}

bool tls_signing_drop(struct tls_signing *s)
{
    if (s->state != TLS_SIGNING_ASKED)
        return false;
    s->signer->cancel(s->signer->arg, s);
    s->state = TLS_SIGNING_FAILED;
    return true;
}

void tls_signing_free(struct tls_signing *s)
{
    buf_done(&s->signature);
}
