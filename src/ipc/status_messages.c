/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/status_messages.h"

#include "ipc/messages.h"

enum {
    KIB = 1 << 10,
    NAME_BYTES = 64,
    SERIAL_BYTES = 20,
    ENTRIES_MAX = 65536,    /* X509_CRL_ENTRIES_MAX */
    CRL_BYTES = 4096 * KIB, /* X509_CRL_MAX */
    IDS_MAX = 16,           /* X509_OCSP_IDS_MAX */
    OCSP_BYTES = 64 * KIB,  /* X509_OCSP_MAX */
    NONCE_BYTES = 128,
    REASON_MAX = 10,
    HASH_BYTES = 32,
    PROOF_BYTES = 126 * HASH_BYTES, /* TREE_PROOF_MAX */
    ORIGIN_BYTES = 255,             /* NOTE_NAME_MAX */
    NOTE_BYTES = 4096,              /* NOTE_MAX */
    WHO_BYTES = 64,                 /* CA_HEAD_WHO_MAX */
    WHY_BYTES = 1024,               /* CA_HEAD_WHY_MAX */
};

IPC_FIELDS(ipc_revoked, IPC_F_STR(ipc_revoked, serial, SERIAL_BYTES), IPC_F_I64(ipc_revoked, at),
           IPC_F_U8(ipc_revoked, reason, REASON_MAX));

IPC_FIELDS(ipc_sign_crl, IPC_F_STR(ipc_sign_crl, issuer, NAME_BYTES),
           IPC_F_U32(ipc_sign_crl, shard), IPC_F_BOOL(ipc_sign_crl, delta),
           IPC_F_U64(ipc_sign_crl, number), IPC_F_U64(ipc_sign_crl, base),
           IPC_F_I64(ipc_sign_crl, this_update), IPC_F_I64(ipc_sign_crl, next_update),
           IPC_F_LIST(ipc_sign_crl, entries, ipc_revoked, ENTRIES_MAX));

IPC_FIELDS(ipc_sign_crl_reply, IPC_F_STR(ipc_sign_crl_reply, crl, CRL_BYTES));

IPC_FIELDS(ipc_cert_status, IPC_F_U8(ipc_cert_status, hash, 2),
           IPC_F_STR(ipc_cert_status, serial, SERIAL_BYTES), IPC_F_U8(ipc_cert_status, status, 2),
           IPC_F_I64(ipc_cert_status, at), IPC_F_U8(ipc_cert_status, reason, REASON_MAX));

IPC_FIELDS(ipc_sign_ocsp, IPC_F_STR(ipc_sign_ocsp, issuer, NAME_BYTES),
           IPC_F_LIST(ipc_sign_ocsp, about, ipc_cert_status, IDS_MAX),
           IPC_F_I64(ipc_sign_ocsp, this_update), IPC_F_I64(ipc_sign_ocsp, next_update),
           IPC_F_STR(ipc_sign_ocsp, nonce, NONCE_BYTES));

IPC_FIELDS(ipc_sign_ocsp_reply, IPC_F_STR(ipc_sign_ocsp_reply, response, OCSP_BYTES));

IPC_FIELDS(ipc_sign_head, IPC_F_U64(ipc_sign_head, from), IPC_F_U64(ipc_sign_head, size),
           IPC_F_STR(ipc_sign_head, root, HASH_BYTES),
           IPC_F_STR(ipc_sign_head, proof, PROOF_BYTES));

IPC_FIELDS(ipc_sign_head_reply, IPC_F_STR(ipc_sign_head_reply, origin, ORIGIN_BYTES),
           IPC_F_STR(ipc_sign_head_reply, note, NOTE_BYTES),
           IPC_F_STR(ipc_sign_head_reply, by, WHO_BYTES),
           IPC_F_STR(ipc_sign_head_reply, why, WHY_BYTES));

IPC_FIELDS(ipc_forget, IPC_F_STR(ipc_forget, tag, IPC_TAG_MAX));
