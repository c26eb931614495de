/* SPDX-License-Identifier: Apache-2.0 */
/* The messages about the gateway's sites, to the runner and to the courier: as ipc/messages.h, with
 * their tables in site_messages.c. */
#pragma once

#include "ipc/fields.h"
#include "ipc/types.h"

/* Core vouches for the account with this key, and no other, for the names of the gateway's sites:
 * whoever takes over front cannot pose as the keeper. */
struct ipc_vouch {
    struct str thumbprint; /* RFC 7638, SHA-256, base64url */
};

/* A segment (base/segment.h) with leaves, and keys if workers have these, comes with it; identities
 * that follow may be in it. */
struct ipc_segment {
    uint64_t number; /* rises */
};

enum { IPC_IDENTITY_CHAIN_MAX = 64 << 10 /* bytes of one chain */ };

struct ipc_identity {
    struct str site;
    uint8_t algorithm; /* enum conf_key_algorithm */
    /* Where in the segment the leaf is, `leaf_n` bytes, and behind it the key, `key_n`, 0: it stays
     * with the keeper. Number 0: they are here, below. */
    uint64_t segment, at;
    uint32_t leaf_n, key_n;
    struct str leaf;                       /* DER */
    struct str issuers;                    /* DER one behind the other, without the root */
    struct str key;                        /* PKCS#8, DER; empty: it stays with the keeper */
    struct str encrypt_chain, encrypt_key; /* SM2: of the certificate to which is encrypted */
    struct str staple;                     /* OCSP answer about the leaf, DER; empty: none */
    int64_t staple_until;                  /* when_t */
};

/* What a handshake signs (tls/signer.h), where workers have no keys. */
struct ipc_handshake {
    struct str site;
    uint8_t algorithm;      /* enum conf_key_algorithm */
    uint8_t signature;      /* enum crypto_sig_alg */
    struct str spki_sha256; /* of the key that the certificate shown has */
    struct str message;     /* not yet hashed */
};

struct ipc_handshaken {
    struct str signature; /* DER where it has two numbers */
};

struct ipc_tickets {
    struct ipc_strs keys; /* as tls_context_set_ticket_keys wants them */
};

/* How it is with one certificate of a site. */
enum ipc_site_state {
    IPC_SITE_UNKNOWN, /* nobody has told */
    IPC_SITE_VALID,
    IPC_SITE_OBTAINING,
    IPC_SITE_WAITING,     /* for the next attempt */
    IPC_SITE_UNAVAILABLE, /* this CA has no root for such keys */
    IPC_SITE_MEANWHILE,   /* ours serves until that of another CA is there */
    IPC_SITE_STATES,
};
/* "unknown", "valid" ...; "unknown" outside the enum. */
const char *ipc_site_state_name(unsigned state);

/* The OCSP answer that is shown with it. */
enum ipc_staple {
    IPC_STAPLE_NONE,    /* the certificate names no responder */
    IPC_STAPLE_MISSING, /* there is none that is good now */
    IPC_STAPLE_GOOD,
    IPC_STAPLE_REVOKED, /* it says so */
    IPC_STAPLES,
};
/* "none", "missing" ...; "none" outside the enum. */
const char *ipc_staple_name(unsigned staple);

/* One certificate of a site. */
struct ipc_site {
    struct str name;
    uint8_t algorithm;               /* enum conf_key_algorithm */
    uint8_t state;                   /* enum ipc_site_state */
    struct str serial;               /* hexadecimal; empty: there is none yet */
    int64_t not_after;               /* when_t, as those that follow; 0: there is none */
    int64_t next_at;                 /* of the next attempt */
    uint32_t failures;               /* in a row */
    struct err why;                  /* of the last one */
    uint8_t staple;                  /* enum ipc_staple */
    int64_t staple_at, staple_until; /* when_t: it was true, and is; 0: there is none */
    struct str directory;            /* of the other CA that issued it; empty: ours did */
};

struct ipc_sites {
    IPC_LIST(struct ipc_site) sites; /* in the order of the configuration */
};

/* Asks for the certificates of some sites: an answer with all of them would have no bound. */
struct ipc_sites_ask {
    uint32_t from; /* index into the configuration's sites */
    uint32_t most; /* sites */
};

struct ipc_renew {
    struct str site;
};

struct ipc_run {
    struct str name; /* of a declared command; nothing else of it can be chosen */
};

struct ipc_run_reply {
    uint32_t status;   /* as waitpid(2) has it */
    struct str output; /* its first bytes */
};

enum {
    IPC_DELIVER_CREDITS = 8,           /* one for each destination */
    IPC_DELIVER_RECORDS = 256,         /* of one message */
    IPC_DELIVER_RECORD_MAX = 64 << 10, /* bytes of one */
    IPC_DELIVER_BYTES = 1 << 20,       /* of all of them */
};

/* A record of the audit log, in canonical form, with what a syslog header has to say. */
struct ipc_record {
    uint64_t sequence;
    int64_t at; /* when_t */
    struct str action;
    struct str bytes;
};

/* For that destination of audit.forward, in order. */
struct ipc_deliver {
    struct str name;
    IPC_LIST(struct ipc_record) records;
};

struct ipc_delivered {
    uint64_t through; /* sequence of the last one that the destination has */
};

enum { IPC_HANDSHAKE_CREDITS = 64 };

enum {
    IPC_ACCESS_CREDITS = 2,        /* one for each format */
    IPC_ACCESS_BYTES = 256 * 1024, /* of one message */
};

/* Lines of the access log, whole ones, of printable ASCII. */
struct ipc_access {
    uint8_t format; /* enum conf_access; not off */
    struct str lines;
};

extern const struct ipc_fields ipc_vouch_fields, ipc_segment_fields, ipc_identity_fields,
    ipc_tickets_fields, ipc_handshake_fields, ipc_handshaken_fields, ipc_site_fields,
    ipc_sites_fields, ipc_sites_ask_fields, ipc_renew_fields, ipc_run_fields, ipc_run_reply_fields,
    ipc_record_fields, ipc_deliver_fields, ipc_delivered_fields, ipc_access_fields;
