/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/site_messages.h"

enum {
    KIB = 1 << 10,
    NAME_BYTES = 64,
    DNS_BYTES = 253,
    SERIAL_BYTES = 20,
    THUMBPRINT_BYTES = 43,
    TICKET_KEYS_MAX = 4,
    TICKET_KEY_BYTES = 80,
    SITES_MAX = 256, /* certificates in one answer */
};

IPC_FIELDS(ipc_vouch, IPC_F_STR(ipc_vouch, thumbprint, THUMBPRINT_BYTES));

IPC_FIELDS(ipc_segment, IPC_F_U64(ipc_segment, number));

IPC_FIELDS(ipc_identity, IPC_F_STR(ipc_identity, site, DNS_BYTES),
           IPC_F_U8(ipc_identity, algorithm, UINT8_MAX), IPC_F_U64(ipc_identity, segment),
           IPC_F_U64(ipc_identity, at), IPC_F_U32(ipc_identity, leaf_n),
           IPC_F_U32(ipc_identity, key_n), IPC_F_STR(ipc_identity, leaf, IPC_IDENTITY_CHAIN_MAX),
           IPC_F_STR(ipc_identity, issuers, IPC_IDENTITY_CHAIN_MAX),
           IPC_F_STR(ipc_identity, key, 16 * KIB),
           IPC_F_STR(ipc_identity, encrypt_chain, IPC_IDENTITY_CHAIN_MAX),
           IPC_F_STR(ipc_identity, encrypt_key, 16 * KIB),
           IPC_F_STR(ipc_identity, staple, 16 * KIB), IPC_F_I64(ipc_identity, staple_until));
IPC_FIELDS(ipc_handshake, IPC_F_STR(ipc_handshake, site, DNS_BYTES),
           IPC_F_U8(ipc_handshake, algorithm, UINT8_MAX),
           IPC_F_U8(ipc_handshake, signature, UINT8_MAX), IPC_F_STR(ipc_handshake, spki_sha256, 32),
           IPC_F_STR(ipc_handshake, message, 512));
IPC_FIELDS(ipc_handshaken, IPC_F_STR(ipc_handshaken, signature, 5 * KIB));

IPC_FIELDS(ipc_tickets, IPC_F_STRS(ipc_tickets, keys, TICKET_KEYS_MAX, TICKET_KEY_BYTES));

IPC_FIELDS(ipc_site, IPC_F_STR(ipc_site, name, DNS_BYTES), IPC_F_U8(ipc_site, algorithm, UINT8_MAX),
           IPC_F_U8(ipc_site, state, IPC_SITE_STATES - 1),
           IPC_F_STR(ipc_site, serial, 2 * SERIAL_BYTES), IPC_F_I64(ipc_site, not_after),
           IPC_F_I64(ipc_site, next_at), IPC_F_U32(ipc_site, failures), IPC_F_ERR(ipc_site, why),
           IPC_F_U8(ipc_site, staple, IPC_STAPLES - 1), IPC_F_I64(ipc_site, staple_at),
           IPC_F_I64(ipc_site, staple_until), IPC_F_STR(ipc_site, directory, 2 * KIB));

IPC_FIELDS(ipc_sites, IPC_F_LIST(ipc_sites, sites, ipc_site, SITES_MAX));

IPC_FIELDS(ipc_sites_ask, IPC_F_U32(ipc_sites_ask, from), IPC_F_U32(ipc_sites_ask, most));

IPC_FIELDS(ipc_renew, IPC_F_STR(ipc_renew, site, DNS_BYTES));

IPC_FIELDS(ipc_run, IPC_F_STR(ipc_run, name, NAME_BYTES));

IPC_FIELDS(ipc_run_reply, IPC_F_U32(ipc_run_reply, status),
           IPC_F_STR(ipc_run_reply, output, 4 * KIB));

const char *ipc_site_state_name(unsigned state)
{
    static const char *const names[IPC_SITE_STATES] = {
        [IPC_SITE_UNKNOWN] = "unknown",         [IPC_SITE_VALID] = "valid",
        [IPC_SITE_OBTAINING] = "obtaining",     [IPC_SITE_WAITING] = "waiting",
        [IPC_SITE_UNAVAILABLE] = "unavailable", [IPC_SITE_MEANWHILE] = "meanwhile",
    };

    return names[state < IPC_SITE_STATES ? state : IPC_SITE_UNKNOWN];
}

const char *ipc_staple_name(unsigned staple)
{
    static const char *const names[IPC_STAPLES] = {
        [IPC_STAPLE_NONE] = "none",
        [IPC_STAPLE_MISSING] = "missing",
        [IPC_STAPLE_GOOD] = "good",
        [IPC_STAPLE_REVOKED] = "revoked",
    };

    return names[staple < IPC_STAPLES ? staple : IPC_STAPLE_NONE];
}

IPC_FIELDS(ipc_record, IPC_F_U64(ipc_record, sequence), IPC_F_I64(ipc_record, at),
           IPC_F_STR(ipc_record, action, NAME_BYTES),
           IPC_F_STR(ipc_record, bytes, IPC_DELIVER_RECORD_MAX));

IPC_FIELDS(ipc_deliver, IPC_F_STR(ipc_deliver, name, NAME_BYTES),
           IPC_F_LIST(ipc_deliver, records, ipc_record, IPC_DELIVER_RECORDS));

IPC_FIELDS(ipc_delivered, IPC_F_U64(ipc_delivered, through));

IPC_FIELDS(ipc_access, IPC_F_U8(ipc_access, format, UINT8_MAX),
           IPC_F_STR(ipc_access, lines, IPC_ACCESS_BYTES));
