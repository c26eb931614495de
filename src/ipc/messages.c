/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/messages.h"

#include "ipc/role.h"

enum {
    KIB = 1 << 10,
    MIB = 1 << 20,
    NAME_BYTES = 64, /* a short name of ours: issuer, profile, listener, command */
    DNS_BYTES = 253, /* a domain name as text */
    PATH_BYTES = 4 * KIB,
    URL_BYTES = 512,    /* of an account */
    SUBJECTS_MAX = 100, /* names, or addresses, of one certificate */
    PAIRS_MAX = 32,
    ISSUERS_MAX = 64,
    CERT_BYTES = 72 * KIB, /* X509_CERT_MAX */
    PROCESSES_MAX = 96,
    STATUS_PROCESSES_MAX = 192, /* with those of a program before */
    SERIAL_BYTES = 20,
    EMAIL_BYTES = 254,
    URI_BYTES = 1 * KIB,
    COMMON_NAME_BYTES = 256, /* 64 characters */
};

const struct ipc_fields ipc_none_fields = {"ipc_none", sizeof(struct ipc_none), 0, NULL};

IPC_FIELDS(ipc_hello, IPC_F_U32(ipc_hello, version), IPC_F_STR(ipc_hello, program, NAME_BYTES),
           IPC_F_ID(ipc_hello, node), IPC_F_U64(ipc_hello, boot),
           IPC_F_STR(ipc_hello, data, PATH_BYTES), IPC_F_U8(ipc_hello, instance, UINT8_MAX),
           IPC_F_BOOL(ipc_hello, unprivileged), IPC_F_U8(ipc_hello, log_format, UINT8_MAX),
           IPC_F_U8(ipc_hello, log_level, UINT8_MAX));

IPC_FIELDS(ipc_file, IPC_F_STR(ipc_file, path, PATH_BYTES), IPC_F_STR(ipc_file, bytes, 4 * MIB));

IPC_FIELDS(ipc_config, IPC_F_U64(ipc_config, generation),
           IPC_F_LIST(ipc_config, files, ipc_file, 256));

IPC_FIELDS(ipc_listener, IPC_F_STR(ipc_listener, kind, NAME_BYTES),
           IPC_F_STR(ipc_listener, address, PATH_BYTES));

IPC_FIELDS(ipc_peer, IPC_F_U8(ipc_peer, role, ROLE_COUNT - 1),
           IPC_F_U8(ipc_peer, instance, UINT8_MAX));

IPC_FIELDS(ipc_generation, IPC_F_U64(ipc_generation, generation));

IPC_FIELDS(ipc_verdict, IPC_F_BOOL(ipc_verdict, ok), IPC_F_BOOL(ipc_verdict, restart),
           IPC_F_STR(ipc_verdict, changed, 8 * KIB), IPC_F_ERR(ipc_verdict, why));

IPC_FIELDS(ipc_drain, IPC_F_U32(ipc_drain, deadline_ms));

IPC_FIELDS(ipc_ready, IPC_F_STR(ipc_ready, sandbox, 4 * KIB));

IPC_FIELDS(ipc_reload, IPC_F_BOOL(ipc_reload, despite_window));

IPC_FIELDS(ipc_reloaded, IPC_F_U64(ipc_reloaded, generation), IPC_F_I64(ipc_reloaded, at),
           IPC_F_STR(ipc_reloaded, text, 16 * KIB));

IPC_FIELDS(ipc_process, IPC_F_U8(ipc_process, role, ROLE_COUNT - 1),
           IPC_F_U8(ipc_process, instance, UINT8_MAX), IPC_F_U32(ipc_process, pid),
           IPC_F_STR(ipc_process, state, NAME_BYTES), IPC_F_U32(ipc_process, restarts),
           IPC_F_I64(ipc_process, started_at), IPC_F_STR(ipc_process, sandbox, 4 * KIB));

IPC_FIELDS(ipc_status, IPC_F_U64(ipc_status, generation), IPC_F_BOOL(ipc_status, policy_waits),
           IPC_F_I64(ipc_status, reload_at), IPC_F_STR(ipc_status, reload_refused, 4 * KIB),
           IPC_F_LIST(ipc_status, processes, ipc_process, STATUS_PROCESSES_MAX));

IPC_FIELDS(ipc_restart, IPC_F_U8(ipc_restart, role, ROLE_COUNT - 1));

IPC_FIELDS(ipc_pair, IPC_F_STR(ipc_pair, name, NAME_BYTES), IPC_F_STR(ipc_pair, value, 4 * KIB));

IPC_FIELDS(ipc_http, IPC_F_STR(ipc_http, listener, NAME_BYTES), IPC_F_STR(ipc_http, method, 16),
           IPC_F_STR(ipc_http, target, 4 * KIB), IPC_F_STR(ipc_http, host, 260),
           IPC_F_ADDR(ipc_http, client), IPC_F_STR(ipc_http, shown_sha256, 32),
           IPC_F_STR(ipc_http, shown_serial, 20), IPC_F_STR(ipc_http, content_type, 128),
           IPC_F_LIST(ipc_http, headers, ipc_pair, PAIRS_MAX),
           IPC_F_STR(ipc_http, body, 256 * KIB));

IPC_FIELDS(ipc_http_reply, IPC_F_U16(ipc_http_reply, status),
           IPC_F_LIST(ipc_http_reply, headers, ipc_pair, PAIRS_MAX),
           IPC_F_STR(ipc_http_reply, body, 4 * MIB + 64 * KIB),
           IPC_F_I64(ipc_http_reply, keep_until), IPC_F_STR(ipc_http_reply, tag, IPC_TAG_MAX));

IPC_FIELDS(ipc_api_cert, IPC_F_STR(ipc_api_cert, csr, 8 * KIB));

IPC_FIELDS(ipc_api_cert_reply, IPC_F_STR(ipc_api_cert_reply, chain, 32 * KIB),
           IPC_F_STRS(ipc_api_cert_reply, names, SUBJECTS_MAX, DNS_BYTES),
           IPC_F_I64(ipc_api_cert_reply, not_after));

IPC_FIELDS(ipc_metrics, IPC_F_STR(ipc_metrics, snapshot, 256 * KIB));

IPC_FIELDS(ipc_measured, IPC_F_U8(ipc_measured, role, ROLE_COUNT - 1),
           IPC_F_U8(ipc_measured, number, UINT8_MAX), IPC_F_STR(ipc_measured, snapshot, 256 * KIB));

IPC_FIELDS(ipc_gathered, IPC_F_LIST(ipc_gathered, processes, ipc_measured, PROCESSES_MAX));

IPC_FIELDS(ipc_address, IPC_F_ADDR(ipc_address, addr));

IPC_FIELDS(ipc_sign, IPC_F_STR(ipc_sign, issuer, NAME_BYTES),
           IPC_F_STR(ipc_sign, profile, NAME_BYTES), IPC_F_STR(ipc_sign, serial, SERIAL_BYTES),
           IPC_F_STR(ipc_sign, spki, 8 * KIB), IPC_F_STRS(ipc_sign, names, SUBJECTS_MAX, DNS_BYTES),
           IPC_F_LIST(ipc_sign, addresses, ipc_address, SUBJECTS_MAX),
           IPC_F_STRS(ipc_sign, emails, SUBJECTS_MAX, EMAIL_BYTES),
           IPC_F_STRS(ipc_sign, uris, SUBJECTS_MAX, URI_BYTES),
           IPC_F_STR(ipc_sign, common_name, COMMON_NAME_BYTES), IPC_F_I64(ipc_sign, not_before),
           IPC_F_I64(ipc_sign, not_after), IPC_F_ID(ipc_sign, reference));

IPC_FIELDS(ipc_sign_reply, IPC_F_STR(ipc_sign_reply, certificate, CERT_BYTES));

IPC_FIELDS(ipc_issuers, IPC_F_STRS(ipc_issuers, refs, ISSUERS_MAX, NAME_BYTES));

IPC_FIELDS(ipc_admin, IPC_F_STR(ipc_admin, command, NAME_BYTES),
           IPC_F_STR(ipc_admin, args, 512 * KIB));

IPC_FIELDS(ipc_admin_reply, IPC_F_STR(ipc_admin_reply, json, 4 * MIB));
