/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of GB/T 38636 section 6.4, each read and written in a file of its own.
 * What is read is borrowed from the body; RC_PARSE where it does not follow the grammar
 * (decode_error). What is written is the body, without type and length. */
#pragma once

#include "base/buf.h"
#include "base/rd.h"
#include "tlcp/conn.h"
#include "tlcp/identity.h"
#include "tlcp/ticket.h"

enum {
    TLCP_RANDOM = 32,
    TLCP_HASH = 32, /* SM3 */
    TLCP_VERIFY = 12,
    TLCP_POINT = 65, /* uncompressed */
    TLCP_PARAMS = 4 + TLCP_POINT,
    TLCP_CURVE_SM2 = 41,
    TLCP_MESSAGE_HEADER = 4,
    TLCP_HELLO_MAX = 16 * 1024,
    TLCP_CERTIFICATES_MAX = TLCP_CHAIN_BYTES_MAX,
    TLCP_SERVER_KEY_MAX = 4096,
    TLCP_REQUEST_MAX = 64 * 1024,
    TLCP_CLIENT_KEY_MAX = 4096,
    TLCP_SIGNATURE_MAX = 512,
    TLCP_NEW_TICKET_MAX = 6 + UINT16_MAX,
    TLCP_EXTENSIONS_MAX = 64,
    TLCP_ALERT_BYTES = 2,
};

enum tlcp_message {
    TLCP_CLIENT_HELLO = 1,
    TLCP_SERVER_HELLO = 2,
    TLCP_NEW_SESSION_TICKET = 4,
    TLCP_CERTIFICATE = 11,
    TLCP_SERVER_KEY_EXCHANGE = 12,
    TLCP_CERTIFICATE_REQUEST = 13,
    TLCP_SERVER_HELLO_DONE = 14,
    TLCP_CERTIFICATE_VERIFY = 15,
    TLCP_CLIENT_KEY_EXCHANGE = 16,
    TLCP_FINISHED = 20,
    TLCP_CHANGE_CIPHER_SPEC = 256, /* no handshake message, but it takes its turn among them */
};

enum { TLCP_EXT_SERVER_NAME = 0, TLCP_EXT_ALPN = 16, TLCP_EXT_SESSION_TICKET = 35 };

/* Vectors with a length of two bytes and of three. */
static inline struct str tlcp_vector16(struct rd *r)
{
    return rd_bytes(r, rd_u16(r));
}

static inline struct str tlcp_vector24(struct rd *r)
{
    size_t high = rd_u8(r);

    return rd_bytes(r, high << 16 | rd_u16(r));
}

static inline void tlcp_put24(struct buf *out, size_t n)
{
    buf_u8(out, (uint8_t)(n >> 16));
    buf_u16(out, (uint16_t)n);
}

/* Extensions, the same in both hellos (GM/T 0024-2023 annex A, RFC 5246 section 7.4.1.4, RFC 5077
 * section 3.2): p is NULL for one that is not there. Others are ignored, one that comes twice is
 * RC_PARSE. */
struct tlcp_extensions {
    struct str server_name, alpn, ticket;
};
enum rc tlcp_extensions_read(struct rd *r, struct tlcp_extensions *out);

struct tlcp_client_hello {
    uint16_t version;
    struct str random, session_id, suites, compressions;
    struct tlcp_extensions extensions;
};
enum rc tlcp_client_hello_read(struct str body, struct tlcp_client_hello *out);
struct tlcp_client_hello_out {
    const unsigned char *random;
    struct str session_id, server_name, alpn; /* alpn: separated by spaces */
    const uint16_t *suites;
    size_t n_suites;
    bool tickets;      /* offers them */
    struct str ticket; /* and shows this one, or none */
};
void tlcp_client_hello_write(const struct tlcp_client_hello_out *in, struct buf *out);

struct tlcp_server_hello {
    uint16_t version, suite;
    uint8_t compression;
    struct str random, session_id;
    struct tlcp_extensions extensions;
};
enum rc tlcp_server_hello_read(struct str body, struct tlcp_server_hello *out);
struct tlcp_server_hello_out {
    const unsigned char *random;
    struct str session_id, alpn; /* alpn: the one protocol, or empty */
    uint16_t suite;
    bool named;   /* acknowledges the name */
    bool tickets; /* NewSessionTicket will come */
};
void tlcp_server_hello_write(const struct tlcp_server_hello_out *in, struct buf *out);

/* The ticket, at most 64 KiB; empty: none after all. */
enum rc tlcp_new_ticket_read(struct str body, struct str *out);
void tlcp_new_ticket_write(uint32_t seconds, struct str ticket, struct buf *out);

/* A protocol list (RFC 7301 section 3.1). `spaced` is separated by spaces. */
void tlcp_alpn_write(struct str spaced, struct buf *out);
/* The first of `spaced` that the client's list has; RC_NOTFOUND, RC_PARSE. */
enum rc tlcp_alpn_choose(struct str list, struct str spaced, struct str *out);
/* The one protocol of a server's answer. */
enum rc tlcp_alpn_read_one(struct str list, struct str *out);

struct tlcp_certificates {
    struct str certs[TLCP_CHAIN_MAX];
    size_t n;
};
/* RC_TOOBIG for more than TLCP_CHAIN_MAX. */
enum rc tlcp_certificates_read(struct str body, struct tlcp_certificates *out);
void tlcp_certificates_write(const struct str *certs, size_t n, struct buf *out);

struct tlcp_server_key {
    struct str params;    /* ECDHE: what is signed; its last TLCP_POINT bytes are the point */
    struct str signature; /* DER */
};
enum rc tlcp_server_key_read(struct str body, bool ecdhe, struct tlcp_server_key *out);
/* Curve and point, which ServerKeyExchange and ClientKeyExchange share. */
void tlcp_params_write(struct str point, struct buf *out);

/* The types of certificates and the names of authorities, checked for their lengths and not used
 * any further: clients here have one identity, or none. */
enum rc tlcp_request_read(struct str body);
/* With these names, DER; without any where they do not fit. */
void tlcp_request_write(const struct str *names, size_t n, struct buf *out);

/* ECC: the SM2Cipher, without what some clients leave behind it in the vector. */
enum rc tlcp_client_key_read_cipher(struct str body, struct str *out);
/* ECDHE: the point, with the length before it or without. */
enum rc tlcp_client_key_read_point(struct str body, struct str *out);

/* One vector that is the whole body: CertificateVerify, and ServerKeyExchange of ECC. */
enum rc tlcp_signature_read(struct str body, struct str *out);
void tlcp_signature_write(struct str signature, struct buf *out);

/* ServerHelloDone, in which there is nothing. */
enum rc tlcp_done_read(struct str body);

/* Finished: TLCP_VERIFY bytes. */
enum rc tlcp_finished_read(struct str body, struct str *out);

/* ChangeCipherSpec, which is no handshake message; RC_INVAL where it is not the one byte 1. */
enum rc tlcp_change_read(struct str body);

enum tlcp_level { TLCP_WARNING = 1, TLCP_FATAL = 2 };

enum tlcp_alert {
    TLCP_CLOSE_NOTIFY = 0,
    TLCP_UNEXPECTED_MESSAGE = 10,
    TLCP_BAD_RECORD_MAC = 20,
    TLCP_RECORD_OVERFLOW = 22,
    TLCP_HANDSHAKE_FAILURE = 40,
    TLCP_BAD_CERTIFICATE = 42,
    TLCP_UNSUPPORTED_CERTIFICATE = 43,
    TLCP_CERTIFICATE_REVOKED = 44,
    TLCP_CERTIFICATE_EXPIRED = 45,
    TLCP_ILLEGAL_PARAMETER = 47,
    TLCP_UNKNOWN_CA = 48,
    TLCP_DECODE_ERROR = 50,
    TLCP_DECRYPT_ERROR = 51,
    TLCP_PROTOCOL_VERSION = 70,
    TLCP_INTERNAL_ERROR = 80,
    TLCP_UNRECOGNIZED_NAME = 112,
    TLCP_NO_APPLICATION_PROTOCOL = 120,
};

/* An alert, alone in its record. */
enum rc tlcp_alert_read(struct str body, uint8_t *level, uint8_t *what);
