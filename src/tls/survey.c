/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/survey.h"

#include <openssl/ssl.h>

#include "crypto/ossl.h"
#include "tls/client.h"
#include "tls/tls_int.h"

void tls_survey_free(struct tls_survey *s)
{
    if (!s)
        return;
    SSL_CTX_free(s->ctx);
    mem_free(s);
}

/* Suites without authentication are out, for whoever uses them shows no certificate. */
static bool open_up(SSL_CTX *ctx)
{
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_TICKET);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, "ALL:!aNULL:!eNULL:!PSK:!SRP") == 1;
}

enum rc tls_survey_new(struct tls_survey **out)
{
    CLEANUP(tls_survey_freep) struct tls_survey *s = MEM_NEW(struct tls_survey);

    if (!s)
        return RC_NOMEM;
    s->ctx = tls_client_context();
    if (!s->ctx || !open_up(s->ctx)) {
        crypto_ossl_clear();
        return RC_NOMEM;
    }
    *out = MOVE(s);
    return RC_OK;
}

struct tls_survey_facts tls_survey_facts(const struct tls_client *c)
{
    SSL *ssl = tls_client_ssl(c);
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    const char *group = cipher ? SSL_get0_group_name(ssl) : NULL;
    struct tls_survey_facts f = {.cipher = cipher ? SSL_CIPHER_get_name(cipher) : "",
                                 .group = group ? group : ""};

    if (cipher)
        f.version = (uint16_t)SSL_version(ssl);
    crypto_ossl_clear();
    return f;
}
