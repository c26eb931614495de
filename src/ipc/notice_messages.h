/* SPDX-License-Identifier: Apache-2.0 */
/* The message with which core has receivers of alerts told: as ipc/messages.h, with its table in
 * notice_messages.c. */
#pragma once

#include "ipc/fields.h"
#include "ipc/types.h"

enum {
    IPC_NOTICE_CREDITS = 20 /* one for each receiver, and tests */,
    IPC_NOTICE_BYTES = 256 << 10
};

/* For that receiver of the configuration. */
struct ipc_notice {
    struct str receiver;
    struct id id;    /* by which it knows what it has */
    int64_t created; /* when_t */
    struct str subject;
    struct str recipients; /* of mail: mailboxes with commas between them */
    struct str body;
};

struct ipc_noticed {
    struct str text; /* what the receiver's server said; may be empty */
};

/* For the program of that receiver of the configuration, of kind exec. */
struct ipc_tell {
    struct str receiver;
    struct id id;
    uint32_t attempt; /* from 0; the same one again: what came of it is asked for, not done again */
    struct str body;
};

struct ipc_told {
    struct err why;  /* without a message: it has it */
    bool final;      /* with one: it will not take it later either */
    struct str text; /* what it said last; may be empty */
};

extern const struct ipc_fields ipc_notice_fields, ipc_noticed_fields, ipc_tell_fields,
    ipc_told_fields;
