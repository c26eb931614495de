/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of this folder. */
#pragma once

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/types.h>

#include "base/str.h"
#include "tls/context.h"
#include "tls/look.h"

struct tls_clients;
struct tlcp_conn;
struct tlcp_hello;
struct tlcp_identity;
struct tlcp_server_conf;
struct tlcp_shown;
struct tls_demand;
struct tls_shown;
struct tls_tickets;

enum { TLS_REASON_MAX = 160 };

/* What one handshake has been given. Part of a connection; the SSL has it as its app data. */
struct tls_choice {
    struct tls_context *context;
    struct tls_clients *clients;    /* by what the client is asked, a reference; NULL: it is not */
    struct tls_site *site;          /* NULL: not chosen yet; with a reference */
    uint64_t asked;                 /* hash of the name it was chosen for */
    struct tls_identity *challenge; /* shown instead: the client speaks acme-tls/1; a reference */
    struct tls_identity *sm2;       /* shown instead: a handshake of RFC 8998; a reference */
    bool installed;                 /* its identities are in the SSL */
    bool particular;                /* the client says of what signatures certificates may be */
    bool passes;                    /* the site has connections passed on: no handshake */
    struct err *why;                /* takes the reason of a refusal; NULL: nobody asks */
};

/* What OpenSSL reads and writes: first the bytes that were looked at before it began, then the
 * descriptor, which stays the connection's. */
struct tls_socket {
    int fd;
    bool ended;           /* the peer sends no more */
    bool more;            /* what is written now is followed by more at once (MSG_MORE) */
    unsigned char *first; /* NULL as soon as it is read to its end */
    size_t at, n, cap;
    /* What is read stays in `first` until tls_socket_settle: the connection may be one that is
     * passed on, and then goes there from its first byte. */
    bool keeps;
    size_t begins; /* where what is kept begins: behind what was skipped */
};

/* Reads once, for tls_peek; `out` is all that has come so far and was not skipped. RC_AGAIN,
 * RC_CLOSED, RC_NET, RC_NOMEM. */
enum rc tls_socket_look(struct tls_socket *s, struct str *out);
/* Drops the first `n` of these; what `out` was given stays valid only while some are left. */
void tls_socket_skip(struct tls_socket *s, size_t n);
/* RC_OK and at least one byte, the first ones first; RC_AGAIN, RC_CLOSED, RC_NET. */
enum rc tls_socket_read(struct tls_socket *s, void *p, size_t n, size_t *out_n);
/* RC_OK and at least one byte written; RC_AGAIN, RC_NET. */
enum rc tls_socket_write(const struct tls_socket *s, struct str bytes, size_t *out_n);
/* Nothing more is kept. */
void tls_socket_settle(struct tls_socket *s);
/* Nothing more is kept, and what was is read again. RC_TOOBIG: it was more than can be. */
enum rc tls_socket_rewind(struct tls_socket *s);
/* Frees those first bytes, read or not. */
void tls_socket_forget(struct tls_socket *s);
/* NULL: no memory. Freed by BIO_meth_free, after everything that was given it. */
BIO_METHOD *tls_socket_method_new(void);
/* Has the SSL stand on `s`; false: no memory. */
bool tls_socket_give(struct tls_socket *s, const BIO_METHOD *method, SSL *ssl);
/* As SSL_read_ex, of all records that one system call has brought (SSL_CTX_set_read_ahead), as far
 * as they find room: nobody would be told of those. What is wrong with a later one the next call
 * says again. */
int tls_socket_records(SSL *ssl, char *p, size_t n, size_t *out_n);

/* OpenSSL's last error of this thread as text; empties the queue. Returns `text`. */
struct str tls_reason(char text[static TLS_REASON_MAX]);
/* The peer's own certificate, DER, appended. RC_NOTFOUND, RC_NOMEM. */
enum rc tls_peer_certificate(const SSL *ssl, struct buf *out);
/* As tls_conn_shown, of a connection that was not resumed. */
enum rc tls_peer_shown(const SSL *ssl, struct tls_shown *out);
/* Has the client understand signatures of that kind of key only; false: OpenSSL refuses. */
bool tls_look_offer(SSL *ssl, enum tls_look_key key);
/* All that the server showed, as PEM, appended. RC_CRYPTO: nothing; RC_NOMEM, RC_TOOBIG. */
enum rc tls_look_chain(SSL *ssl, struct buf *out, struct err *err);
SSL_CTX *tls_context_ssl(const struct tls_context *ctx);
const BIO_METHOD *tls_context_method(const struct tls_context *ctx);
/* At a ClientHello: as tls_context_set_asks has it; false: no memory. */
bool tls_context_ask(const struct tls_context *ctx, SSL *ssl);
const struct tls_context_conf *tls_context_conf(const struct tls_context *ctx);
/* The one of a context without `choose`. */
struct tls_site *tls_context_own_site(struct tls_context *ctx);
/* NULL: TLCP is not spoken. */
const struct tlcp_server_conf *tls_context_tlcp(const struct tls_context *ctx);
/* NULL: OpenSSL's own keys. */
const struct tls_tickets *tls_context_tickets(const struct tls_context *ctx);

/* ---- sm.c: TLS 1.3 with SM algorithms (RFC 8998) */

/* Whether what OpenSSL has at run time can do it, with this context. */
bool tls_sm_works(SSL_CTX *ctx);
/* At a ClientHello: client and site can all of it; else the handshake is as any other. */
bool tls_sm_wanted(const struct tls_site *site, SSL *ssl);
/* From now on this handshake is of RFC 8998 or nothing, its session resumes no other, and the site
 * has `sm2`. False: no memory. */
bool tls_sm_take(struct tls_site *site, SSL *ssl);
/* Whether this context's sites may. */
bool tls_context_sm(const struct tls_context *ctx);

/* Of what signs, and of what issued the two. RC_PARSE, RC_NOMEM. */
enum rc tls_identity_of_tlcp(const struct tlcp_identity *from, struct tls_identity **out);
bool tls_identity_install(struct tls_identity *id, SSL *ssl);
/* The length of its key; 0: it cannot be read. */
int tls_identity_bits(struct tls_identity *id);
bool tls_identity_is(const struct tls_identity *id, const X509 *leaf);
/* Has the handshake show its OCSP answer; false: there is none that is good at `now`, or no memory.
 */
bool tls_identity_show_staple(const struct tls_identity *id, SSL *ssl, when_t now);

/* OpenSSL's callbacks for choosing; `arg` is not used. */
int tls_choice_on_hello(SSL *ssl, int *alert, void *arg);
int tls_choice_on_certificate(SSL *ssl, void *arg);
int tls_choice_on_name(SSL *ssl, int *alert, void *arg);
int tls_choice_on_status(SSL *ssl, void *arg);
/* Judges what a client shows; 1: it may go on. */
int tls_choice_on_client(X509_STORE_CTX *shown, void *arg);
/* A session of a client whose certificate no longer holds is as good as unknown. */
SSL_TICKET_RETURN tls_choice_on_session(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                        size_t name_n, SSL_TICKET_STATUS status, void *arg);
/* clients.c: for a hash; and OpenSSL's word for why one was refused, of which it makes an alert. */
/* Has the client be asked, and told the names of the roots. False: no memory. */
bool tls_clients_ask(const struct tls_clients *c, SSL *ssl);
const unsigned char *tls_clients_id(const struct tls_clients *c);
int tls_clients_alert(const struct err *why);
/* Of what tls_clients_judge said. */
enum x509_trouble tls_clients_trouble(const struct err *why);
/* The same for TLCP; `arg` is the struct tls_choice. */
enum rc tls_choice_tlcp_client(void *arg, const struct str *certs, size_t n,
                               enum x509_trouble *trouble, struct err *err);
enum rc tls_choice_tlcp(void *arg, const struct tlcp_hello *hello, struct tlcp_shown *out,
                        struct err *err);
/* Gives the reference back. */
void tls_choice_done(struct tls_choice *c);

/* Ticket keys: as tls_context_set_ticket_keys. */
enum rc tls_tickets_new(const struct str *keys, size_t n, struct tls_tickets **out);
void tls_tickets_free(struct tls_tickets *t);
DEFINE_FREEP(tls_tickets_free, struct tls_tickets)
/* Has the SSL_CTX ask for them, from then on. */
bool tls_tickets_use(SSL_CTX *ssl);
/* The same keys over bytes, for TLCP: what is sealed here no ticket of TLS can be taken for, nor
 * the other way round. RC_TOOBIG, RC_CRYPTO, RC_NOMEM. */
enum rc tls_tickets_seal(const struct tls_tickets *t, struct str plain, struct buf *out);
/* `renew`: it is under a key that no longer encrypts. RC_DENIED: none of these keys made it, as it
 * is; RC_CRYPTO, RC_NOMEM. */
enum rc tls_tickets_open(const struct tls_tickets *t, struct str ticket, struct buf *out,
                         bool *renew);

/* ---- tlcp.c: a connection of TLCP on a struct tls_socket. What RC_AGAIN waits for is in *needs,
 * EV_READ or EV_WRITE. */

/* RC_OK: open; RC_AGAIN; otherwise it failed, as tlcp_conn_shake says, and the peer was told. */
enum rc tls_tlcp_shake(struct tlcp_conn *c, struct tls_socket *s, uint8_t *needs, struct err *err);
/* As tls_conn_read. */
enum rc tls_tlcp_read(struct tlcp_conn *c, struct tls_socket *s, void *p, size_t n, size_t *out_n);
/* As tls_conn_write; what was taken may still have to be sent. */
enum rc tls_tlcp_write(struct tlcp_conn *c, const struct tls_socket *s, struct str bytes,
                       size_t *out_n);
/* Sends what is to be sent: RC_OK when nothing is left of it; RC_AGAIN, RC_NET. */
enum rc tls_tlcp_flush(struct tlcp_conn *c, const struct tls_socket *s);
/* Something can be done without waiting for bytes: to send, or, where `reads`, to read what came
 * behind the handshake, or is left of a record. The descriptor does not tell of that, but that it
 * can be written to it tells at once. */
bool tls_tlcp_due(const struct tlcp_conn *c, bool reads);

/* What all clients have in common. NULL: no memory. */
SSL_CTX *tls_client_context(void);
/* demand.c, for client.c. Borrowed. */
SSL_CTX *tls_demand_context(const struct tls_demand *d);
struct str tls_demand_name(const struct tls_demand *d);
/* Has the connection resume what there is to resume; false: no memory. */
bool tls_demand_resume(const struct tls_demand *d, SSL *ssl);
struct tls_client;
SSL *tls_client_ssl(const struct tls_client *c);

struct tls_survey {
    SSL_CTX *ctx;
};

struct tls_trust {
    X509_STORE *store;
    size_t n;
};
