/* SPDX-License-Identifier: Apache-2.0 */
/* What workers of the gateway ask the web application firewall: as ipc/messages.h, with their
 * tables in waf_messages.c. The process that answers hands the same bytes on to those of its own
 * that inspect (waf/pool.h). */
#pragma once

#include "ipc/fields.h"
#include "ipc/types.h"

enum {
    IPC_INSPECT_CREDITS = 16,      /* of one worker, at one process */
    IPC_INSPECT_BODY = 128 * 1024, /* of a body, at most */
    IPC_INSPECT_HEAD = 34 * 1024,  /* of all headers, with the host of HTTP/2 */
    IPC_INSPECT_TARGET = 8 * 1024 + 16,
    IPC_INSPECT_BYTES = IPC_INSPECT_BODY + 48 * 1024,
    IPC_INSPECTED_MATCHES = 16,
    IPC_INSPECTED_TEXT = 160,
    IPC_INSPECTED_BYTES = IPC_INSPECTED_MATCHES * (IPC_INSPECTED_TEXT + 8) + 64,
};

/* A request, or as much of it as is looked at. */
struct ipc_inspect {
    struct str site;
    struct addr_port client;
    struct str method;
    struct str target;  /* path and query, as sent */
    struct str version; /* "1.0", "1.1", "2.0" */
    struct str headers; /* in their order: name, in lower case, and value, each with a NUL behind */
    struct str body;    /* its first bytes */
    bool whole;         /* and no more follow */
};

/* A rule that matched. */
struct ipc_match {
    uint32_t id;     /* 0: it cannot be told */
    struct str text; /* its message, printable ASCII */
};

struct ipc_inspected {
    uint16_t status; /* with which the rules refuse it, 400 to 599; 0: they do not */
    uint32_t score;  /* its anomaly score, where the rules say it; else 0 */
    uint32_t micros; /* that it took to inspect */
    uint32_t n;      /* rules that matched; the first of them are: */
    IPC_LIST(struct ipc_match) matches;
};

extern const struct ipc_fields ipc_inspect_fields, ipc_match_fields, ipc_inspected_fields;
