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

/* ---- probers on other hosts (docs/internals/validation.md) */

/* What core asks front to hand on. */
struct ipc_far_validate {
    struct str prober; /* its name in the configuration */
    struct ipc_validate ask;
};

struct ipc_far_preflight {
    struct str prober;
    struct ipc_preflight ask;
};

/* What front tells core: again and again while the prober is here, and once when it is gone. */
struct ipc_prober {
    struct str name; /* front has found the key of the certificate in the configuration */
    bool here;
    struct addr address;
    struct str program;     /* version */
    struct str certificate; /* DER, shown in the handshake */
    int64_t since;          /* connected */
};

struct ipc_join {
    struct str program; /* version */
};

struct ipc_joined {
    struct str name;
    struct str settings; /* YAML: conf_prober_settings */
};

extern const struct ipc_fields ipc_far_validate_fields, ipc_far_preflight_fields, ipc_prober_fields,
    ipc_join_fields, ipc_joined_fields;
extern const struct ipc_fields ipc_validate_fields, ipc_validate_reply_fields, ipc_preflight_fields,
    ipc_preflight_reply_fields;
