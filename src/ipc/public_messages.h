/* SPDX-License-Identifier: Apache-2.0 */
/* The messages about certificates that the gateway's sites have from other CAs: as ipc/messages.h,
 * with their tables in public_messages.c. */
#pragma once

#include "ipc/fields.h"
#include "ipc/types.h"

enum {
    IPC_FETCH_CREDITS = 16,
    IPC_FETCH_BODY = 256 * 1024, /* bytes of an answer's body */
    IPC_FETCH_LINKS = 8,
    IPC_PROOF_CREDITS = 32,
};

/* A request to another CA, signed by the keeper. */
struct ipc_fetch {
    struct str directory; /* of the configuration: says whom to trust on the way */
    struct str method;    /* GET, HEAD or POST */
    struct str url;       /* https */
    struct str accept, content_type, body;
    uint32_t max_body; /* of the answer */
    int64_t timeout;   /* microseconds */
};

/* Its answer, of whatever status; headers are empty when absent. */
struct ipc_fetched {
    uint32_t status;
    struct str nonce, location, retry_after, content_type, date;
    struct ipc_strs links;
    struct str body;
};

/* What proves control of a name, to be shown or not any more. */
struct ipc_proof {
    bool shown;
    uint8_t challenge; /* enum conf_site_challenge */
    struct str site;
    struct str token, key_authorization;
};

/* What became of a site's certificate at another CA. */
enum ipc_public_what {
    IPC_PUBLIC_ORDERED,
    IPC_PUBLIC_INSTALLED,
    IPC_PUBLIC_FAILED,
    IPC_PUBLIC_WHATS,
};

/* For the audit log. */
struct ipc_public {
    uint8_t what;
    struct str site;
    uint8_t algorithm; /* enum conf_key_algorithm */
    struct str directory;
    struct str serial; /* IPC_PUBLIC_INSTALLED; hexadecimal */
    int64_t not_after; /* the same; when_t */
    struct str sha256; /* the same; of the certificate, hexadecimal */
    struct str reason; /* IPC_PUBLIC_FAILED */
    uint32_t failures; /* the same; in a row */
};

/* A record that proves the name of a site was set or removed, or was to be. For the audit log. */
struct ipc_changed {
    bool removed;
    struct str site;
    struct str zone, name; /* of the record, behind aliases */
    struct str server;     /* that was asked, as it is configured */
    int64_t at;            /* when_t */
    struct str reason;     /* why it failed; empty: it was done */
};

extern const struct ipc_fields ipc_fetch_fields, ipc_fetched_fields, ipc_proof_fields,
    ipc_public_fields, ipc_changed_fields;
