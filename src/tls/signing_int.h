/* SPDX-License-Identifier: Apache-2.0 */
/* Between connections and keys that are away (tls/signer.h). */
#pragma once

#include <openssl/types.h>

#include "tls/signer.h"

/* Of one connection: a handshake signs once at most. Zeroed: nothing is signed. */
struct tls_signing {
    enum { TLS_SIGNING_IDLE, TLS_SIGNING_ASKED, TLS_SIGNING_DONE, TLS_SIGNING_FAILED } state;
    struct buf signature;
    const struct tls_signer *signer;
    void *tag;
    void (*wake)(void *arg); /* whoever asked can go on */
    void *arg;
};

/* What is signed until the next call is for this connection, NULL: for none, and fails. Before and
 * after each SSL_accept. */
void tls_signing_for(struct tls_signing *s);
/* Gives up what is under way: the next SSL_accept fails. Whether something was. */
bool tls_signing_drop(struct tls_signing *s);
void tls_signing_free(struct tls_signing *s);

/* Called by what OpenSSL calls back, before it leaves a job's stack: AddressSanitizer wants to know
 * of it (job_asan.c); nothing in other builds. */
void tls_job_mark(void);

/* away.c: a key of OpenSSL's with that public half, whose signatures `signer` is asked for. NULL:
 * no memory, or of a kind that is not known; freed by EVP_PKEY_free. */
EVP_PKEY *tls_away_key(EVP_PKEY *public, const struct tls_signer *signer, struct str about);
