/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/notice_messages.h"

enum { NAME_BYTES = 64, SUBJECT_BYTES = 1024, RECIPIENTS_BYTES = 8 << 10, TEXT_BYTES = 512 };

IPC_FIELDS(ipc_notice, IPC_F_STR(ipc_notice, receiver, NAME_BYTES), IPC_F_ID(ipc_notice, id),
           IPC_F_I64(ipc_notice, created), IPC_F_STR(ipc_notice, subject, SUBJECT_BYTES),
           IPC_F_STR(ipc_notice, recipients, RECIPIENTS_BYTES),
           IPC_F_STR(ipc_notice, body, IPC_NOTICE_BYTES));

IPC_FIELDS(ipc_noticed, IPC_F_STR(ipc_noticed, text, TEXT_BYTES));

IPC_FIELDS(ipc_tell, IPC_F_STR(ipc_tell, receiver, NAME_BYTES), IPC_F_ID(ipc_tell, id),
           IPC_F_U32(ipc_tell, attempt), IPC_F_STR(ipc_tell, body, IPC_NOTICE_BYTES));

IPC_FIELDS(ipc_told, IPC_F_ERR(ipc_told, why), IPC_F_BOOL(ipc_told, final),
           IPC_F_STR(ipc_told, text, TEXT_BYTES));
