/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of what roles may say to each other. A message that is not in it, comes from the
 * wrong side, is too long, comes too often or too many at a time closes the channel. To add one:
 * its number in enum ipc_type, its struct and fields in messages.h and messages.c, its row in
 * table.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ipc/fields.h"
#include "ipc/role.h"

enum {
    IPC_F_NOTIFY = 1, /* no answer */
    IPC_F_STREAM = 2, /* the answer may come in chunks */
    IPC_F_FD = 4,     /* a descriptor must come with it; notifications of the supervisor only */
    IPC_F_ONCE = 8,   /* once in the life of a channel */
};

struct ipc_rule {
    uint16_t from; /* 1 << role, or several */
    uint16_t to;
    uint16_t type;
    uint16_t flags;
    const char *name;
    const struct ipc_fields *request;
    const struct ipc_fields *reply; /* NULL with IPC_F_NOTIFY */
    uint32_t max_request;           /* encoded bytes */
    uint32_t max_reply;             /* encoded bytes; an error may have IPC_ERROR_MAX */
    uint64_t max_stream;            /* bytes of all chunks together */
    uint16_t credits;               /* unanswered at a time; 0 with IPC_F_NOTIFY */
};

enum { IPC_ERROR_MAX = 2048 };

/* Credits that front and core plan with. */
enum {
    IPC_HTTP_CREDITS = 256,
    IPC_SIGN_CREDITS = 64,
    IPC_SIGN_CRL_CREDITS = 2,
    IPC_SIGN_OCSP_CREDITS = 32,
    IPC_VALIDATE_CREDITS = 64,
    IPC_PREFLIGHT_CREDITS = 4,
};

#define IPC_ROLE(r) ((uint16_t)(1u << (r)))

/* NULL when `from` may not say this to `to`. */
const struct ipc_rule *ipc_rule_find(enum role from, enum role to, uint16_t type);
/* All rows, indexed by type, for tests and documentation; unused numbers have no name. */
const struct ipc_rule *ipc_rules(size_t *out_n);
/* True when any message from `from` to `to` carries a descriptor. */
bool ipc_rules_fd(enum role from, enum role to);
/* The name of a message, or "unknown". */
const char *ipc_type_name(uint16_t type);
