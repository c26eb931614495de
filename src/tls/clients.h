/* SPDX-License-Identifier: Apache-2.0 */
/* Which clients a site serves, by their certificates: the roots that these come from, the lists of
 * what was revoked, and whether a client may come without. Immutable, shared by count within one
 * thread; the same for TLS and TLCP. A certificate holds if its chain leads to one of the roots
 * (x509/verify.h, strictly), clientAuth is among its extended key usages, and, if there are lists,
 * for it and each issuer below the root one is in force and does not have it (RFC 5280 section
 * 6.3): none in force for an issuer is a refusal. */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "base/when.h"

struct tls_clients;

enum {
    TLS_CLIENTS_ROOTS_MAX = 64,
    TLS_CLIENTS_LISTS_MAX = 64,
    TLS_CLIENTS_ID = 32,
    TLS_CALLER_DER_MAX = 8 * 1024, /* of a client's own certificate */
    TLS_CALLER_NAMES_MAX = 2048,   /* bytes that its names come to */
    TLS_CALLER_NAME_MAX = 1024,    /* the same for subject, and issuer */
};

struct tls_clients_conf {
    struct str roots; /* PEM; at least one certificate */
    struct str lists; /* PEM, "X509 CRL"; empty: nothing is looked up */
    bool optional;    /* who shows no certificate is served as well */
};

/* RC_INVAL: there is no root, or something is no certificate or no list; `err` says which.
 * RC_TOOBIG past a limit, RC_NOMEM, RC_CRYPTO. Needs crypto_init. */
enum rc tls_clients_new(const struct tls_clients_conf *conf, struct tls_clients **out,
                        struct err *err);
struct tls_clients *tls_clients_ref(struct tls_clients *c);
void tls_clients_unref(struct tls_clients *c);
DEFINE_FREEP(tls_clients_unref, struct tls_clients)
bool tls_clients_optional(const struct tls_clients *c);
/* The subjects of the roots, DER: what clients are told in handshakes. Borrowed. */
const struct str *tls_clients_names(const struct tls_clients *c, size_t *out_n);
/* Two that say the same are the same. NULL: nobody is asked. */
bool tls_clients_same(const struct tls_clients *a, const struct tls_clients *b);

/* Does it hold at that time? DER, the client's own first. With TLCP a second one that is no CA's
 * encrypts: it has to hold as well, and to be of the same subject. RC_DENIED and why; RC_PARSE,
 * RC_NOMEM. */
enum rc tls_clients_judge(struct tls_clients *c, const struct str *certs, size_t n, when_t at,
                          struct err *err);
/* Of one that held once, and is shown no more because a session is resumed: it is in its time, and
 * no list has grown old since. */
bool tls_clients_still(const struct tls_clients *c, struct str der, when_t at);

/* Who a client has proven to be, as text that is safe in a header: printable ASCII, and everything
 * else, a backslash included, as \xHH. In names a comma is \x2c: they cannot be taken for two. */
struct tls_caller {
    struct str subject, issuer; /* "C = DE, O = Example, CN = x"; what is too long is empty */
    struct str serial;          /* hexadecimal, lower case */
    struct str sha256;          /* of the certificate, the same */
    struct str names;           /* "DNS:a.example, IP:10.0.0.1, email:a@example, URI:spiffe://x" */
    struct str certificate;     /* RFC 9440 section 2.2: ":BASE64:" */
    when_t until;               /* it holds no longer */
    struct buf text;            /* what they are in */
};

/* RC_PARSE, RC_TOOBIG, RC_NOMEM. */
enum rc tls_caller_new(struct str der, struct tls_caller **out);
void tls_caller_free(struct tls_caller *c);
DEFINE_FREEP(tls_caller_free, struct tls_caller)
