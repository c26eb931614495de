/* SPDX-License-Identifier: Apache-2.0 */
/* TLCP, GB/T 38636-2020 (and GM/T 0024): one connection, either end. No socket in it: bytes that
 * came are put into tlcp_conn_room, bytes to send are in tlcp_conn_pending, and whoever calls moves
 * them (tls/tlcp.h does so for servers). No renegotiation, no compression. One thread at a time. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "tlcp/session.h"
#include "tlcp/ticket.h"
#include "x509/verify.h"

struct tlcp_conn;
struct tlcp_identity;

enum {
    TLCP_ECDHE_SM4_CBC_SM3 = 0xe011,
    TLCP_ECC_SM4_CBC_SM3 = 0xe013,
    TLCP_ECDHE_SM4_GCM_SM3 = 0xe051,
    TLCP_ECC_SM4_GCM_SM3 = 0xe053,

    TLCP_ALPN_MAX = 64,    /* bytes of a list of protocols */
    TLCP_NAME_MAX = 253,   /* of a server's name */
    TLCP_EMPTY_MAX = 32,   /* records without content, one behind the other */
    TLCP_WARNINGS_MAX = 8, /* alerts that end nothing */
    TLCP_PENDING_MAX = 128 * 1024,
};

/* What a client asks for, as it stands in its ClientHello. */
struct tlcp_hello {
    bool named;             /* it sent server_name */
    struct str server_name; /* the body of that extension, RFC 6066 section 3, unread */
};

/* Which certificates clients are asked for. With ECDHE they always are, and have to show both, for
 * there is no key exchange without. */
enum tlcp_ask { TLCP_ASK_NOBODY, TLCP_ASK, TLCP_DEMAND };

/* What the server answers with. */
struct tlcp_shown {
    struct tlcp_identity *identity;    /* a reference of its own is taken at once */
    uint8_t bound[TLCP_SESSION_BOUND]; /* sessions are bound to it (tlcp/session.h) */
    enum tlcp_ask ask;
    /* Names of those whose certificates are taken, DER, read before the next call; none: anybody's,
     * and none are told when they are too long for a message. */
    const struct str *authorities;
    size_t n_authorities;
};

/* Judges the certificates of the peer, DER, as they came: leaves first. Not RC_OK ends the
 * handshake with the alert for `trouble`, which is X509_TROUBLE_OTHER (bad_certificate) before the
 * call; RC_NOMEM with internal_error. `err` is never NULL. That the peer has the keys is not its
 * matter. NULL: anybody. */
typedef enum rc (*tlcp_judge)(void *arg, const struct str *certs, size_t n,
                              enum x509_trouble *trouble, struct err *err);

/* Shared by all connections of a server, which it outlives, as all that it points to. */
struct tlcp_server_conf {
    struct tlcp_sessions *sessions; /* NULL: nothing is resumed by its id */
    /* For clients that offer them; their sessions are then in no table. NULL: none are given. */
    const struct tlcp_tickets *tickets;
    struct str alpn;        /* separated by single spaces, the best first; empty: ignored */
    const uint16_t *suites; /* the best first; NULL: ECC before ECDHE, GCM before CBC */
    size_t n_suites;
    /* CertificateVerify is of the digest of the messages; GmSSL 3 signs the messages themselves.
     * True: that is taken as well. */
    bool raw_verify;
    /* What to show to this client. RC_NOTFOUND: there is no such name (unrecognized_name);
     * RC_UNSUPPORTED: it has nothing to show (handshake_failure); RC_PARSE and RC_INVAL: the
     * extension is damaged (decode_error, illegal_parameter); anything else is internal_error. */
    enum rc (*choose)(void *arg, const struct tlcp_hello *hello, struct tlcp_shown *out,
                      struct err *err);
    tlcp_judge judge;
};

/* Copied; what it points to outlives the connection. */
struct tlcp_client_conf {
    struct str server_name; /* empty: none is sent */
    struct str alpn;        /* as above; empty: none is sent */
    const uint16_t *suites; /* NULL: ECC alone, or all of them with an identity */
    size_t n_suites;
    struct tlcp_identity *identity;     /* shown where the server asks; NULL: none */
    const struct tlcp_session *session; /* to resume, if the server will; NULL: none */
    bool tickets;                       /* offers to keep one; GmSSL 3 hangs up on who does */
    struct str ticket; /* with `tickets`: of `session`; empty: that is resumed by its id */
    bool single;       /* shows the signing certificate without the other, as GmSSL 3 wants it */
    bool ecdhe_vector; /* length before the point of ClientKeyExchange: GmSSL, not Tongsuo */
    bool raw_verify;   /* CertificateVerify over the messages: GmSSL 3 */
    tlcp_judge judge;
    void *arg;
};

/* Needs crypto_init. `arg` is for the functions of `conf`. RC_NOMEM, RC_CRYPTO; RC_INVAL for a
 * name, a list or a suite that is none. */
enum rc tlcp_server_new(const struct tlcp_server_conf *conf, void *arg, struct tlcp_conn **out);
enum rc tlcp_client_new(const struct tlcp_client_conf *conf, struct tlcp_conn **out);
void tlcp_conn_free(struct tlcp_conn *c);
DEFINE_FREEP(tlcp_conn_free, struct tlcp_conn)

/* Where the next bytes from the peer go, and how many may; 0 when what has come must be read
 * first. NULL: no memory. */
unsigned char *tlcp_conn_room(struct tlcp_conn *c, size_t *out_n);
/* So many are there now. */
void tlcp_conn_came(struct tlcp_conn *c, size_t n);
/* A call of tlcp_conn_read has something to do without more bytes: data, or a record, is there. */
bool tlcp_conn_readable(const struct tlcp_conn *c);
/* What is to be sent, borrowed until the next call; and so much of it is. */
struct str tlcp_conn_pending(const struct tlcp_conn *c);
void tlcp_conn_sent(struct tlcp_conn *c, size_t n);

/* Goes on with the handshake as far as what has come allows. RC_OK: the connection is open;
 * RC_AGAIN: send what is pending, and bring more; otherwise it failed, and what is pending says so
 * to the peer: RC_CRYPTO (err: why), RC_NET (the peer ended it, or sent an alert), RC_NOMEM. The
 * first call of a client makes its ClientHello. */
enum rc tlcp_conn_shake(struct tlcp_conn *c, struct err *err);

/* The next two only once open. */
/* RC_OK and at least one byte, and fewer than `n` only when no whole record is left; RC_AGAIN:
 * bring more; RC_CLOSED: the peer said that it sends no more; RC_CRYPTO, RC_NET: broken. */
enum rc tlcp_conn_read(struct tlcp_conn *c, void *p, size_t n, size_t *out_n);
/* RC_OK and at least one byte taken; RC_AGAIN: send first what is pending. RC_CRYPTO, RC_NOMEM. */
enum rc tlcp_conn_write(struct tlcp_conn *c, struct str bytes, size_t *out_n);
/* Makes close_notify pending, once; nothing can be written afterwards. RC_NOMEM, RC_CRYPTO. */
enum rc tlcp_conn_close(struct tlcp_conn *c);

/* "ECC_SM4_GCM_SM3"; "" before it is chosen. */
const char *tlcp_conn_suite(const struct tlcp_conn *c);
/* The protocol that ALPN chose; empty: none. Borrowed. */
struct str tlcp_conn_alpn(const struct tlcp_conn *c);
bool tlcp_conn_resumed(const struct tlcp_conn *c);
/* The peer's certificate with that number, as it came, DER, borrowed; empty when there is none, as
 * after resumption. The first signs, and its key was used in this handshake. */
struct str tlcp_conn_certificate(const struct tlcp_conn *c, size_t i);
/* Which of them is the one that is encrypted to: the second, or else the first behind it whose key
 * usage allows it. RC_NOTFOUND. */
enum rc tlcp_conn_encryption(const struct tlcp_conn *c, size_t *out_i);
/* For a client: how to resume this; RC_NOTFOUND when the server gave neither id nor ticket. */
enum rc tlcp_conn_session(const struct tlcp_conn *c, struct tlcp_session *out);
/* For a client: the ticket of that session, the one it was resumed with or a new one; empty: there
 * is none. Borrowed. */
struct str tlcp_conn_ticket(const struct tlcp_conn *c);
/* For a client: the server asked for certificates, in this handshake. */
bool tlcp_conn_asked(const struct tlcp_conn *c);
/* The last alert that came (GB/T 38636 section 6.4.4.2), -1: none. */
int tlcp_conn_alert(const struct tlcp_conn *c);
