/* SPDX-License-Identifier: Apache-2.0 */
/* The messages between roles. Each struct has its table, NAME_fields, in messages.c, where the
 * limits are; who may send which to whom is in table.c. Those about the gateway's sites are in
 * site_messages.h, those about challenges in probe_messages.h, those about revocation in
 * status_messages.h. A message without content is struct ipc_none (pass NULL or any pointer). */
#pragma once

#include "ipc/fields.h"
#include "ipc/types.h"

enum { IPC_TAG_MAX = 160 };

struct ipc_none {
    uint8_t unused;
};

struct ipc_hello {
    uint32_t version; /* IPC_VERSION of the supervisor */
    struct str
        program; /* its AUTARKY_VERSION; a difference means that the file was replaced under it */
    struct id node;
    uint64_t boot;   /* boot epoch: one more at each start of the node */
    struct str data; /* DATA */
    uint8_t instance;
    bool unprivileged;
    uint8_t log_format; /* enum log_format */
    uint8_t log_level;  /* enum log_level */
};

struct ipc_file {
    struct str path; /* as named in messages to people */
    struct str bytes;
};

struct ipc_config {
    uint64_t generation;
    IPC_LIST(struct ipc_file) files; /* autarky.yaml first, then conf.d in name order */
};

struct ipc_listener {
    struct str kind;    /* "api", "plain", "gateway", "control", "private" */
    struct str address; /* as text, port resolved; a path for the last two */
};

struct ipc_peer {
    uint8_t role; /* enum role */
    uint8_t instance;
};

struct ipc_generation {
    uint64_t generation;
};

struct ipc_verdict {
    bool ok;
    bool restart;       /* this role must be restarted for it */
    struct str changed; /* keys, one per line */
    struct err why;     /* when not ok */
};

struct ipc_drain {
    uint32_t deadline_ms;
};

struct ipc_ready {
    struct str sandbox; /* what confines it, and what could not */
};

struct ipc_reload {
    bool despite_window;
};

struct ipc_reloaded {
    uint64_t generation; /* in force */
    int64_t at;          /* when_t; 0: done. Otherwise it waits until then */
    struct str text;     /* what has changed; of one that waits: the sites for whose sake */
};

struct ipc_process {
    uint8_t role; /* enum role */
    uint8_t instance;
    uint32_t pid;     /* 0: not running */
    struct str state; /* "starting", "ready", "draining", "backoff", "failed" */
    uint32_t restarts;
    int64_t started_at; /* when_t */
    struct str sandbox;
};

struct ipc_status {
    uint64_t generation;
    bool policy_waits; /* the files had another policy at the start, which is not accepted */
    int64_t reload_at; /* when_t; 0: no reload waits */
    struct str reload_refused; /* why the last one was that nobody waited for */
    IPC_LIST(struct ipc_process) processes;
};

struct ipc_restart {
    uint8_t role; /* enum role: the signer, and no other */
};

struct ipc_pair {
    struct str name;
    struct str value;
};

struct ipc_http {
    struct str listener; /* "api", "plain", "private" */
    struct str method;
    struct str target;  /* as sent: path and query */
    struct str host;    /* :authority or Host, as sent */
    struct addr client; /* none: private */
    /* Of the certificate that the client showed, and whose key it has; empty: it showed none. */
    struct str shown_sha256; /* of the DER, 32 bytes */
    struct str shown_serial; /* big endian, without the sign byte */
    struct str content_type;
    IPC_LIST(struct ipc_pair) headers; /* the chosen few, names in lower case */
    struct str body;
};

struct ipc_http_reply {
    uint16_t status;
    IPC_LIST(struct ipc_pair) headers; /* Content-Type among them */
    struct str body;
    int64_t keep_until; /* when_t: as long front may give the same answer; 0: not at all */
    struct str tag;     /* under which it is told to forget it: "crl rsa-1 3" */
};

struct ipc_api_cert {
    struct str csr; /* DER */
};

struct ipc_api_cert_reply {
    struct str chain; /* PEM, leaf first */
    struct ipc_strs names;
    int64_t not_after; /* when_t */
};

struct ipc_metrics {
    struct str snapshot; /* of metrics/view.h */
};

struct ipc_measured {
    uint8_t role;   /* enum role */
    uint8_t number; /* among the processes of that role, from 0 */
    struct str snapshot;
};

enum { IPC_GATHERED_BYTES = 1 << 20 /* of all snapshots together */ };

struct ipc_gathered {
    IPC_LIST(struct ipc_measured) processes;
};

struct ipc_address {
    struct addr addr;
};

struct ipc_sign {
    struct str issuer;
    struct str profile;
    struct str serial;                      /* at most 20 bytes, big endian, positive */
    struct str spki;                        /* DER */
    struct ipc_strs names;                  /* dNSName, A-labels */
    IPC_LIST(struct ipc_address) addresses; /* iPAddress */
    struct ipc_strs emails;                 /* rfc822Name */
    struct ipc_strs uris;                   /* uniformResourceIdentifier */
    struct str common_name;                 /* asked for; empty: as the profile has it */
    int64_t not_before;                     /* when_t, whole seconds */
    int64_t not_after;
    struct id reference; /* of the reservation in core's database */
};

struct ipc_sign_reply {
    struct str certificate; /* DER */
};

/* The issuers that the signer signs with, as it has read them when it was started. */
struct ipc_issuers {
    struct ipc_strs refs; /* "rsa-1" */
};

struct ipc_admin {
    struct str command; /* "cert list" ... */
    struct str args;    /* JSON object */
};

struct ipc_admin_reply {
    struct str json; /* empty when it came in chunks */
};

extern const struct ipc_fields ipc_none_fields, ipc_hello_fields, ipc_file_fields,
    ipc_config_fields, ipc_listener_fields, ipc_peer_fields, ipc_generation_fields,
    ipc_verdict_fields, ipc_drain_fields, ipc_ready_fields, ipc_reload_fields, ipc_reloaded_fields,
    ipc_process_fields, ipc_status_fields, ipc_restart_fields, ipc_pair_fields, ipc_http_fields,
    ipc_http_reply_fields, ipc_api_cert_fields, ipc_api_cert_reply_fields, ipc_metrics_fields,
    ipc_measured_fields, ipc_gathered_fields, ipc_address_fields, ipc_sign_fields,
    ipc_sign_reply_fields, ipc_issuers_fields, ipc_admin_fields, ipc_admin_reply_fields;
