/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/waf_messages.h"

enum { DNS_BYTES = 253, METHOD_BYTES = 32, VERSION_BYTES = 8 };

IPC_FIELDS(ipc_inspect, IPC_F_STR(ipc_inspect, site, DNS_BYTES),
           IPC_F_ADDR_PORT(ipc_inspect, client), IPC_F_STR(ipc_inspect, method, METHOD_BYTES),
           IPC_F_STR(ipc_inspect, target, IPC_INSPECT_TARGET),
           IPC_F_STR(ipc_inspect, version, VERSION_BYTES),
           IPC_F_STR(ipc_inspect, headers, IPC_INSPECT_HEAD),
           IPC_F_STR(ipc_inspect, body, IPC_INSPECT_BODY), IPC_F_BOOL(ipc_inspect, whole));

IPC_FIELDS(ipc_match, IPC_F_U32(ipc_match, id), IPC_F_STR(ipc_match, text, IPC_INSPECTED_TEXT));

IPC_FIELDS(ipc_inspected, IPC_F_U16(ipc_inspected, status), IPC_F_U32(ipc_inspected, score),
           IPC_F_U32(ipc_inspected, micros), IPC_F_U32(ipc_inspected, n),
           IPC_F_LIST(ipc_inspected, matches, ipc_match, IPC_INSPECTED_MATCHES));
