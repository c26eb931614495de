/* SPDX-License-Identifier: Apache-2.0 */
/* An ACME client that speaks to a struct world without a network, for tests: it signs what it is
 * told to, right or wrong. */
#pragma once

#include "jose/jws.h"
#include "json/json.h"
#include "world.h"

#define CLIENT_BASE "https://ca.hospital.example:8555"

struct client {
    struct world *w;
    struct crypto_key *key;
    const char *base; /* of the URLs it signs; NULL: CLIENT_BASE */
    bool staging;     /* paths "/acme/..." are of the staging directory */
    char kid[256];    /* URL of the account; empty: the key goes along */
    char nonce[256];  /* for the next request; empty: one is asked for */
};

/* What came back: the exchange, and its body parsed when it is JSON. */
struct reply {
    struct http_exchange *x;
    struct json_doc *doc;
    const struct json *json; /* NULL when it is none */
    int status;
};

bool client_start(struct client *c, struct world *w);
void client_done(struct client *c);
void reply_done(struct reply *r);

/* A nonce of the server, into `out`. */
bool client_nonce(struct client *c, char out[static 256]);
/* POST of `payload` ("": POST-as-GET) to a path or a whole URL, properly signed. */
struct reply client_post(struct client *c, const char *url, const char *payload);
/* The same in two parts, so that several can be under way. */
bool client_begin(struct client *c, const char *url, const char *payload, struct world_call *call);
struct reply client_end(struct world_call *call);
/* The same with any body, as it is. */
struct reply client_raw(struct client *c, const char *method, const char *path, struct str body);

/* new-account with the terms agreed; sets kid. */
bool client_register(struct client *c);
/* Makes an order for the names ("a.hospital.example,b..."); its URL and finalize URL. */
bool client_order(struct client *c, const char *names, char order[static 256]);
/* Asks for every challenge of the order. */
bool client_validate(struct client *c, const char *order);
/* Asks for the first challenge of the authorization at that URL, and lets the world judge it. */
bool client_prove(struct client *c, const char *authorization);
/* The URL of the authorization of the order's first name. */
bool client_authorization(struct client *c, const char *order, char url[static 256]);
/* The URL of the challenge of the order's first name. */
bool client_challenge(struct client *c, const char *order, char url[static 256]);
/* The payload of finalize, with a new P-256 key, or with that key. */
bool client_csr(const char *names, struct buf *payload);
bool client_csr_of(struct crypto_key *key, const char *names, struct buf *payload);
/* Finalizes with a new P-256 key and a CSR for the names. */
struct reply client_finalize(struct client *c, const char *order, const char *names);
/* The whole way; the certificate's PEM chain in *out, which the caller frees as a reply. */
struct reply client_certificate(struct client *c, const char *names);

struct x509_cert;
/* What identifies the certificate to those who ask when to renew it (RFC 9773 section 4.1). */
bool client_renewal_id(const struct x509_cert *cert, char out[static 128]);

/* The member of a reply as text, or "". */
struct str reply_text(const struct reply *r, const char *member);
/* The problem type without its prefix, or "". */
struct str reply_problem(const struct reply *r);
