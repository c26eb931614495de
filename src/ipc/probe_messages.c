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

IPC_FIELDS(ipc_far_validate, IPC_F_STR(ipc_far_validate, prober, NAME_BYTES),
           IPC_F_STRUCT(ipc_far_validate, ask, ipc_validate));

IPC_FIELDS(ipc_far_preflight, IPC_F_STR(ipc_far_preflight, prober, NAME_BYTES),
           IPC_F_STRUCT(ipc_far_preflight, ask, ipc_preflight));

IPC_FIELDS(ipc_prober, IPC_F_STR(ipc_prober, name, NAME_BYTES), IPC_F_BOOL(ipc_prober, here),
           IPC_F_ADDR(ipc_prober, address), IPC_F_STR(ipc_prober, program, NAME_BYTES),
           IPC_F_STR(ipc_prober, certificate, 16 * KIB), IPC_F_I64(ipc_prober, since));

IPC_FIELDS(ipc_join, IPC_F_STR(ipc_join, program, NAME_BYTES));

IPC_FIELDS(ipc_joined, IPC_F_STR(ipc_joined, name, NAME_BYTES),
           IPC_F_STR(ipc_joined, settings, 256 * KIB));
