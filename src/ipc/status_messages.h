/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about whether certificates are still good: what core has the signer sign, and what it
 * tells front to forget. As ipc/messages.h. */
#pragma once

#include "ipc/fields.h"
#include "ipc/types.h"

struct ipc_revoked {
    struct str serial; /* at most 20 bytes, big endian, positive */
    int64_t at;        /* when_t */
    uint8_t reason;    /* RFC 5280 section 5.3.1 */
};

struct ipc_sign_crl {
    struct str issuer;
    uint32_t shard;
    bool delta;
    uint64_t number;
    uint64_t base;       /* of a delta */
    int64_t this_update; /* when_t, whole seconds */
    int64_t next_update;
    IPC_LIST(struct ipc_revoked) entries;
};

struct ipc_sign_crl_reply {
    struct str crl; /* DER */
};

struct ipc_cert_status {
    uint8_t hash; /* enum x509_ocsp_hash */
    struct str serial;
    uint8_t status; /* enum x509_ocsp_status */
    int64_t at;     /* of a revoked one */
    uint8_t reason;
};

struct ipc_sign_ocsp {
    struct str issuer;
    IPC_LIST(struct ipc_cert_status) about;
    int64_t this_update; /* when_t, whole seconds */
    int64_t next_update;
    struct str nonce; /* empty: none */
};

struct ipc_sign_ocsp_reply {
    struct str response; /* DER */
};

/* The tree of the audit log has `size` records and that root, and the proof (32 bytes each) says
 * that it continues what was signed last, which had `from`. Size 0 asks what was signed last. */
struct ipc_sign_head {
    uint64_t from;
    uint64_t size;
    struct str root;
    struct str proof; /* hashes, one after the other */
};

struct ipc_sign_head_reply {
    struct str origin; /* of the log */
    struct str note;   /* what is now signed last; empty: nothing */
    struct str by;  /* who began this log in place of another; empty: it is the first, or unknown */
    struct str why; /* as they said */
};

struct ipc_forget {
    struct str tag; /* of answers that may have changed; empty: all */
};

/* In place of a tag, which has a space in it: the API's own certificate, or one in its chain, may
 * have been revoked, and another is to be had. */
#define IPC_FORGET_CHAIN STR("chain")

extern const struct ipc_fields ipc_revoked_fields, ipc_sign_crl_fields, ipc_sign_crl_reply_fields,
    ipc_cert_status_fields, ipc_sign_ocsp_fields, ipc_sign_ocsp_reply_fields, ipc_sign_head_fields,
    ipc_sign_head_reply_fields, ipc_forget_fields;
