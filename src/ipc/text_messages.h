/* SPDX-License-Identifier: Apache-2.0 */
/* The message with which core tells the server of TXT records what is in its zone: as
 * ipc/messages.h, with its table in text_messages.c. */
#pragma once

#include "ipc/fields.h"
#include "ipc/types.h"

enum {
    IPC_TEXTS_CREDITS = 64, /* changes under way; more are told to come again */
    IPC_TEXTS_MAX = 256,    /* names of one message */
    IPC_TEXT_LABEL = 63,
    IPC_TEXT_VALUES = 2,
    IPC_TEXT_BYTES = 64,
};

/* A name of one label below the zone, with all the values it now has. */
struct ipc_text {
    struct str label;
    struct ipc_strs values;
};

/* Changes of some names; or, from the one that is `first` to the one that is `last`, all there
 * are, which then take the place of what was there before. Changes may come in between, and count
 * for both. */
struct ipc_texts {
    bool first, last;
    IPC_LIST(struct ipc_text) names;
};

extern const struct ipc_fields ipc_text_fields, ipc_texts_fields;
