/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/public_messages.h"

enum {
    KIB = 1 << 10,
    URL_BYTES = 2048,
    HEADER_BYTES = 2048,
    DNS_BYTES = 253,
    TOKEN_BYTES = 512,
    SERIAL_BYTES = 20,
};

IPC_FIELDS(ipc_fetch, IPC_F_STR(ipc_fetch, directory, URL_BYTES), IPC_F_STR(ipc_fetch, method, 8),
           IPC_F_STR(ipc_fetch, url, URL_BYTES), IPC_F_STR(ipc_fetch, accept, 256),
           IPC_F_STR(ipc_fetch, content_type, 256), IPC_F_STR(ipc_fetch, body, 64 * KIB),
           IPC_F_U32(ipc_fetch, max_body), IPC_F_I64(ipc_fetch, timeout));

IPC_FIELDS(ipc_fetched, IPC_F_U32(ipc_fetched, status), IPC_F_STR(ipc_fetched, nonce, HEADER_BYTES),
           IPC_F_STR(ipc_fetched, location, HEADER_BYTES), IPC_F_STR(ipc_fetched, retry_after, 256),
           IPC_F_STR(ipc_fetched, content_type, 256), IPC_F_STR(ipc_fetched, date, 256),
           IPC_F_STRS(ipc_fetched, links, IPC_FETCH_LINKS, HEADER_BYTES),
           IPC_F_STR(ipc_fetched, body, IPC_FETCH_BODY));

IPC_FIELDS(ipc_proof, IPC_F_BOOL(ipc_proof, shown), IPC_F_U8(ipc_proof, challenge, UINT8_MAX),
           IPC_F_STR(ipc_proof, site, DNS_BYTES), IPC_F_STR(ipc_proof, token, TOKEN_BYTES),
           IPC_F_STR(ipc_proof, key_authorization, 2 * TOKEN_BYTES));

IPC_FIELDS(ipc_public, IPC_F_U8(ipc_public, what, IPC_PUBLIC_WHATS - 1),
           IPC_F_STR(ipc_public, site, DNS_BYTES), IPC_F_U8(ipc_public, algorithm, UINT8_MAX),
           IPC_F_STR(ipc_public, directory, URL_BYTES),
           IPC_F_STR(ipc_public, serial, 2 * SERIAL_BYTES), IPC_F_I64(ipc_public, not_after),
           IPC_F_STR(ipc_public, sha256, 64), IPC_F_STR(ipc_public, reason, 2 * KIB),
           IPC_F_U32(ipc_public, failures));

IPC_FIELDS(ipc_changed, IPC_F_BOOL(ipc_changed, removed), IPC_F_STR(ipc_changed, site, DNS_BYTES),
           IPC_F_STR(ipc_changed, zone, DNS_BYTES), IPC_F_STR(ipc_changed, name, DNS_BYTES),
           IPC_F_STR(ipc_changed, server, 256), IPC_F_I64(ipc_changed, at),
           IPC_F_STR(ipc_changed, reason, 2 * KIB));
