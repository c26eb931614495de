/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of this folder: a connection, its handshake, and the table of its states. */
#pragma once

#include "crypto/key.h"
#include "tlcp/message_int.h"
#include "tlcp/record_int.h"

/* What is waited for. */
enum tlcp_state {
    TLCP_START, /* a client that has said nothing */
    TLCP_WAIT_CLIENT_HELLO,
    TLCP_WAIT_CLIENT_CERTIFICATE,
    TLCP_WAIT_CLIENT_KEY,
    TLCP_WAIT_VERIFY,
    TLCP_WAIT_SERVER_HELLO,
    TLCP_WAIT_SERVER_CERTIFICATE,
    TLCP_WAIT_SERVER_KEY,
    TLCP_WAIT_REQUEST, /* or ServerHelloDone */
    TLCP_WAIT_DONE,
    TLCP_WAIT_TICKET, /* a client that was promised one */
    TLCP_WAIT_CHANGE,
    TLCP_WAIT_FINISHED,
    TLCP_OPEN,
};

struct tlcp_peer {
    char *bytes; /* owned: the body of its Certificate */
    struct tlcp_certificates list;
};

enum { TLCP_KEY_BLOCK = 128 };

/* What only the handshake needs; wiped with it. */
struct tlcp_handshake {
    EVP_MD_CTX *transcript;
    struct buf raw; /* the messages themselves, where somebody may sign them */
    bool keeps_raw;
    size_t raw_before; /* of `raw`: without the message at hand, as `before` */
    unsigned char before[TLCP_HASH];
    struct buf message; /* what has come of the next ones */
    unsigned char client_random[TLCP_RANDOM], server_random[TLCP_RANDOM];
    unsigned char key_block[TLCP_KEY_BLOCK];
    struct tlcp_identity *identity; /* our own */
    struct crypto_key *own_once, *peer_sign, *peer_encrypt, *peer_once;
    uint8_t bound[TLCP_SESSION_BOUND];
    enum tlcp_ask ask;
    const struct str *authorities; /* only while ClientHello is answered */
    size_t n_authorities;
    bool requested; /* the server asked for certificates */
    bool promised;  /* NewSessionTicket comes before the server's ChangeCipherSpec */
    when_t until;   /* for a server: when the session in it ends */
};

struct tlcp_conn {
    const struct tlcp_server_conf *server; /* NULL: a client */
    struct tlcp_client_conf client;
    tlcp_judge judge;
    void *arg; /* of `judge`, and of the server's `choose` */
    enum tlcp_state state;
    struct tlcp_handshake *hs; /* NULL: over */
    struct tlcp_guard in, out;
    unsigned char *bytes; /* records as they come; NULL: none */
    size_t n, at;         /* bytes there are, and of these, done with */
    struct str text;      /* what is not read yet of the last record, in `bytes` */
    struct buf pending;
    size_t sent; /* of pending */
    struct err *err;
    enum rc failed; /* for good */
    bool ended;     /* the peer's close_notify came */
    bool untold;    /* it, or a failure, came behind data, and the next read tells of it */
    bool closed;    /* ours went */
    bool resumed;
    bool asked; /* of a client: the server wants certificates */
    unsigned empties, warnings;
    int alert;
    const struct tlcp_suite *suite;
    struct tlcp_session session;
    struct buf ticket; /* of a client */
    struct tlcp_peer peer;
    size_t alpn_n;
    char alpn[TLCP_ALPN_MAX];
};

/* ---- handshake.c */

/* Ends the connection for good: alert, reason, and what it returns. */
enum rc tlcp_fail(struct tlcp_conn *c, enum tlcp_alert alert, enum rc rc, const struct msg *m,
                  struct str arg);
/* The same for what no peer is to blame for; RC_PARSE and the like come from messages and get the
 * alert that says so. `what` is the message. */
enum rc tlcp_fail_on(struct tlcp_conn *c, enum rc rc, const char *what);
enum rc tlcp_handshake_new(struct tlcp_handshake **out);
void tlcp_handshake_free(struct tlcp_handshake *hs);
/* Nobody is going to sign the messages themselves: they need not be kept. */
void tlcp_raw_drop(struct tlcp_handshake *hs);
/* Begins a message, to which the caller appends its body, and sends it. */
void tlcp_message_begin(enum tlcp_message type, struct buf *out);
enum rc tlcp_message_send(struct tlcp_conn *c, struct buf *message);
/* One record, made pending. */
enum rc tlcp_record_send(struct tlcp_conn *c, enum tlcp_record type, struct str body);
/* Adds what came to those bytes; calls what the table says as soon as a message is whole. */
enum rc tlcp_handshake_take(struct tlcp_conn *c, struct str bytes);
enum rc tlcp_handshake_change(struct tlcp_conn *c, struct str body);

/* A row: in this state this message may come, this long, and is then taken by that function. */
struct tlcp_row {
    enum tlcp_state state;
    enum tlcp_message type;
    size_t max;
    enum rc (*take)(struct tlcp_conn *c, struct str body);
    bool verifies; /* it is about the messages before it */
};
extern const struct tlcp_row tlcp_server_rows[], tlcp_client_rows[];
extern const size_t tlcp_server_rows_n, tlcp_client_rows_n;

/* Says ClientHello. */
enum rc tlcp_client_begin(struct tlcp_conn *c);

/* ---- alert.c, change_cipher_spec.c, finished.c: both ends alike */

/* Says it; nothing ends by that. */
enum rc tlcp_alert_send(struct tlcp_conn *c, enum tlcp_level level, enum tlcp_alert what);

enum rc tlcp_take_change(struct tlcp_conn *c, struct str body);
/* Says it, and begins to write with the keys. */
enum rc tlcp_change_send(struct tlcp_conn *c);
enum rc tlcp_finished_send(struct tlcp_conn *c);
/* RC_OK when the peer's is right. */
enum rc tlcp_finished_check(struct tlcp_conn *c, struct str body);
/* The handshake is over. */
void tlcp_finish(struct tlcp_conn *c);

/* ---- keys.c: GB/T 38636 section 6.5 */

/* PRF with SM3; the seed is label, a and b. */
enum rc tlcp_prf(struct str secret, const char *label, struct str a, struct str b,
                 unsigned char *out, size_t n);
/* c->session.master from the premaster. */
enum rc tlcp_master(struct tlcp_conn *c, struct str premaster);
/* From the master: the key block. */
enum rc tlcp_expand(struct tlcp_conn *c);
/* Begins to read, or to write, with the keys. */
enum rc tlcp_use_keys(struct tlcp_conn *c, bool writes);
/* The digest of all messages so far. */
enum rc tlcp_transcript(const struct tlcp_handshake *hs, unsigned char out[static TLCP_HASH]);

/* ---- exchange.c: the premaster, and signatures */

enum { TLCP_PREMASTER = 48 };

/* The signed part of ServerKeyExchange. */
enum rc tlcp_signed_params(const struct tlcp_handshake *hs, struct str params, struct buf *out);
enum rc tlcp_signed_certificate(const struct tlcp_handshake *hs, struct str encryption,
                                struct buf *out);
/* A key for this exchange alone, and its point. */
enum rc tlcp_once_make(struct tlcp_handshake *hs, unsigned char point[static TLCP_POINT]);
/* The peer's; RC_INVAL for no point of the curve. */
enum rc tlcp_once_take(struct tlcp_handshake *hs, struct str point);
/* ECDHE: what both have. */
enum rc tlcp_agree(const struct tlcp_conn *c, unsigned char out[static TLCP_PREMASTER]);
/* ECC, for a client: a fresh premaster, and the message. */
enum rc tlcp_premaster_make(struct tlcp_conn *c, unsigned char out[static TLCP_PREMASTER],
                            struct buf *message);
/* ECC, for a server: what the client meant, or random bytes where that cannot be told, which end in
 * a Finished that nobody can read. */
enum rc tlcp_premaster_take(const struct crypto_key *key, struct str cipher,
                            unsigned char out[static TLCP_PREMASTER]);

/* `out`, random until now, becomes `meant` if that was `opened` (RC_OK), has the length and begins
 * with the version; which it is, no branch and no address tells. */
void tlcp_premaster_choose(enum rc opened, size_t n,
                           const unsigned char meant[static TLCP_PREMASTER],
                           unsigned char out[static TLCP_PREMASTER]);

/* ---- identity.c, peer.c */

const struct crypto_key *tlcp_identity_encrypt_key(const struct tlcp_identity *id);
struct str tlcp_identity_encrypt_cert(const struct tlcp_identity *id);
/* The body of Certificate; `single`: without the one that is encrypted to. */
void tlcp_identity_write(const struct tlcp_identity *id, bool single, struct buf *out);

/* Keeps the certificates of a Certificate, has them judged, and takes their keys: the first one's,
 * and with `both`, that of the one which is encrypted to. Fails the connection. */
enum rc tlcp_peer_take(struct tlcp_conn *c, struct str body, bool both);
void tlcp_peer_done(struct tlcp_peer *p);
