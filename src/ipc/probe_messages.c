/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/probe_messages.h"

enum {
    KIB = 1 << 10,
    NAME_BYTES = 64, /* a short name of ours */
    DNS_BYTES = 253, /* a domain name as text */
    URL_BYTES = 512, /* of an account */
};

IPC_FIELDS(ipc_validate, IPC_F_STR(ipc_validate, challenge, NAME_BYTES),
           IPC_F_STR(ipc_validate, identifier_type, NAME_BYTES),
           IPC_F_STR(ipc_validate, identifier, DNS_BYTES + 2), IPC_F_BOOL(ipc_validate, wildcard),
           IPC_F_BOOL(ipc_validate, caa_only), IPC_F_STR(ipc_validate, account, URL_BYTES),
           IPC_F_STR(ipc_validate, token, 128), IPC_F_STR(ipc_validate, key_authorization, 256),
           IPC_F_U32(ipc_validate, attempt));

IPC_FIELDS(ipc_validate_reply, IPC_F_BOOL(ipc_validate_reply, ok),
           IPC_F_ERR(ipc_validate_reply, why), IPC_F_STR(ipc_validate_reply, evidence, 8 * KIB),
           IPC_F_I64(ipc_validate_reply, until));

IPC_FIELDS(ipc_preflight, IPC_F_STR(ipc_preflight, identifier_type, NAME_BYTES),
           IPC_F_STR(ipc_preflight, identifier, DNS_BYTES + 2), IPC_F_BOOL(ipc_preflight, wildcard),
           IPC_F_STR(ipc_preflight, account, URL_BYTES),
           IPC_F_STR(ipc_preflight, challenge, NAME_BYTES), IPC_F_STR(ipc_preflight, token, 128),
           IPC_F_STR(ipc_preflight, key_authorization, 256));

IPC_FIELDS(ipc_preflight_reply, IPC_F_STR(ipc_preflight_reply, json, 128 * KIB));
