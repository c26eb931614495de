/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of the messages between roles, with the structs (ipc/messages.h) of request and
 * reply. Numbers never change their meaning within an IPC_VERSION. */
#pragma once

enum ipc_type {
    /* supervisor to every role */
    IPC_HELLO = 1, /* ipc_hello, notify, once, first */
    IPC_CONFIG,    /* ipc_config, notify, once */
    IPC_LISTENER,  /* ipc_listener, notify, with the listening descriptor */
    IPC_PEER,      /* ipc_peer, notify, with this role's end of a fresh channel to that peer */
    IPC_PEER_GONE, /* ipc_peer, notify: that process has ended */
    IPC_START,     /* ipc_none, notify, once: confine yourself and begin */
    IPC_PREPARE,   /* ipc_config -> ipc_verdict: could you live with this configuration? */
    IPC_COMMIT,    /* ipc_generation -> ipc_none */
    IPC_ABORT,     /* ipc_generation -> ipc_none */
    IPC_DRAIN,     /* ipc_drain -> ipc_none, when done */
    IPC_PING,      /* ipc_none -> ipc_none */
    /* every role to the supervisor */
    IPC_READY,     /* ipc_ready, notify, once */
    IPC_PEER_LOST, /* ipc_peer, notify: the channel to that process broke, and it has not ended */
    /* supervisor to every role */
    IPC_MEASURE = 20, /* ipc_none -> ipc_metrics, its own */
    IPC_LEAVE,        /* ipc_none -> ipc_none: from here on without supervisor and peers */
    /* core to the supervisor */
    IPC_RELOAD = 32, /* ipc_reload -> ipc_reloaded */
    IPC_STATUS,      /* ipc_none -> ipc_status */
    IPC_RESTART,     /* ipc_restart -> ipc_none, when it is under way: read your files anew */
    IPC_GATHER,      /* ipc_none -> ipc_gathered, of those that have no channel to front */
    IPC_UPGRADE,     /* ipc_none -> ipc_reloaded: that version can take over, and will */
    /* front to core */
    IPC_HTTP = 48, /* ipc_http -> ipc_http_reply */
    IPC_API_CERT,  /* ipc_api_cert -> ipc_api_cert_reply */
    IPC_METRICS,   /* ipc_none -> ipc_gathered, core's own among them */
    IPC_PROBER, /* ipc_prober -> ipc_none: a remote prober is here, or gone; refused, it is cut */
    /* core to signer */
    IPC_SIGN = 64, /* ipc_sign -> ipc_sign_reply */
    IPC_ISSUERS,   /* ipc_none -> ipc_issuers */
    IPC_SIGN_CRL,  /* ipc_sign_crl -> ipc_sign_crl_reply */
    IPC_SIGN_OCSP, /* ipc_sign_ocsp -> ipc_sign_ocsp_reply */
    IPC_SIGN_HEAD, /* ipc_sign_head -> ipc_sign_head_reply */
    /* core to prober */
    IPC_VALIDATE = 80, /* ipc_validate -> ipc_validate_reply */
    IPC_PREFLIGHT,     /* ipc_preflight -> ipc_preflight_reply */
    /* admin to core */
    IPC_ADMIN = 96, /* ipc_admin -> chunks of JSON, or ipc_admin_reply with all of it */
    /* keeper to core */
    IPC_VOUCH = 104, /* ipc_vouch -> ipc_none */
    /* core to courier */
    IPC_NOTICE = 105, /* ipc_notice -> ipc_noticed, when the receiver has it */
    /* gateway to courier */
    IPC_ACCESS = 106, /* ipc_access -> ipc_none, when the lines are in the file */
    /* keeper to gateway */
    IPC_IDENTITY = 108, /* ipc_identity -> ipc_none, when it is in force */
    IPC_TICKETS,        /* ipc_tickets -> ipc_none */
    IPC_SEGMENT,        /* ipc_segment, notify, with the descriptor */
    /* core to keeper */
    IPC_SITES = 112, /* ipc_sites_ask -> ipc_sites */
    IPC_RENEW,       /* ipc_renew -> ipc_none, when it is under way */
    /* core to front */
    IPC_FORGET = 116,  /* ipc_forget, notify: answers with that tag are not to be given any more */
    IPC_FAR_VALIDATE,  /* ipc_far_validate -> ipc_validate_reply, by that remote prober */
    IPC_FAR_PREFLIGHT, /* ipc_far_preflight -> ipc_preflight_reply */
    /* core to runner */
    IPC_RUN = 120, /* ipc_run -> ipc_run_reply */
    IPC_TELL,      /* ipc_tell -> ipc_told, when the program has ended */
    /* a remote prober to front */
    IPC_JOIN = 122, /* ipc_join -> ipc_joined */
    /* front to a remote prober */
    IPC_REMOTE_PING = 124, /* ipc_none -> ipc_none; the first one at once */
    IPC_REMOTE_VALIDATE,   /* ipc_validate -> ipc_validate_reply */
    IPC_REMOTE_PREFLIGHT,  /* ipc_preflight -> ipc_preflight_reply */
    /* core to courier */
    IPC_DELIVER = 127, /* ipc_deliver -> ipc_delivered, when the destination has them */
    /* core to txt */
    IPC_TEXTS = 130, /* ipc_texts -> ipc_none, when questions are answered so */
    /* keeper to emissary */
    IPC_FETCH = 131, /* ipc_fetch -> ipc_fetched: a request to another CA, and its answer */
    /* keeper to gateway, to front, to emissary, and to runner */
    IPC_PROOF = 132, /* ipc_proof -> ipc_none, when it can be seen, or cannot any more */
    IPC_PLAIN_PROOF, /* the same */
    IPC_RECORD,      /* the same, of dns-01 */
    IPC_HOOK_RECORD, /* the same, by a hook */
    /* keeper to core */
    IPC_PUBLIC = 136, /* ipc_public -> ipc_none, when it is in the audit log */
    /* emissary to core */
    IPC_CHANGED = 137, /* ipc_changed -> ipc_none, when it is in the audit log */
    /* gateway to keeper */
    IPC_HANDSHAKE = 138, /* ipc_handshake -> ipc_handshaken: a signature with a site's key */
    /* gateway to waf */
    IPC_INSPECT = 140, /* ipc_inspect -> ipc_inspected: what the rules say of a request */
    IPC_TYPE_END = 160,
};
