/* SPDX-License-Identifier: Apache-2.0 */
/* The messages between core and prober, as messages.h has the others. */
#pragma once

#include "ipc/fields.h"

struct ipc_validate {
    struct str challenge;       /* "http-01" ... */
    struct str identifier_type; /* "dns", "ip" */
    struct str identifier;
    bool wildcard;
    bool caa_only;      /* only whether CAA records allow it, by that challenge */
    struct str account; /* its URL, or empty */
    struct str token;
    struct str key_authorization;
    uint32_t attempt; /* from 1 */
};

struct ipc_validate_reply {
    bool ok;
    struct err why;      /* when not ok: message, arguments, problem type */
    struct str evidence; /* JSON */
    int64_t until;       /* when ok: no authorization may rest on it afterwards; 0: no such end */
};

struct ipc_preflight {
    struct str identifier_type;
    struct str identifier; /* without "*." */
    bool wildcard;
    struct str account; /* its URL, or empty */
    /* Of a challenge that is tried; empty: what http-01 would meet, with a made-up token. */
    struct str challenge, token, key_authorization;
};

struct ipc_preflight_reply {
    struct str json;
};

extern const struct ipc_fields ipc_validate_fields, ipc_validate_reply_fields, ipc_preflight_fields,
    ipc_preflight_reply_fields;
