/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/text_messages.h"

IPC_FIELDS(ipc_text, IPC_F_STR(ipc_text, label, IPC_TEXT_LABEL),
           IPC_F_STRS(ipc_text, values, IPC_TEXT_VALUES, IPC_TEXT_BYTES));

IPC_FIELDS(ipc_texts, IPC_F_BOOL(ipc_texts, first), IPC_F_BOOL(ipc_texts, last),
           IPC_F_LIST(ipc_texts, names, ipc_text, IPC_TEXTS_MAX));
