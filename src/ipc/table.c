/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/table.h"

#include "ipc/messages.h"
#include "ipc/notice_messages.h"
#include "ipc/probe_messages.h"
#include "ipc/public_messages.h"
#include "ipc/site_messages.h"
#include "ipc/status_messages.h"
#include "ipc/text_messages.h"
#include "ipc/waf_messages.h"

enum { KIB = 1 << 10, MIB = 1 << 20, SLACK = 4 * KIB /* lengths and short fields */ };

#define SUPERVISOR IPC_ROLE(ROLE_SUPERVISOR)
#define FRONT IPC_ROLE(ROLE_FRONT)
#define CORE IPC_ROLE(ROLE_CORE)
#define SIGNER IPC_ROLE(ROLE_SIGNER)
#define PROBER IPC_ROLE(ROLE_PROBER)
#define GATEWAY IPC_ROLE(ROLE_GATEWAY)
#define KEEPER IPC_ROLE(ROLE_KEEPER)
#define RUNNER IPC_ROLE(ROLE_RUNNER)
#define COURIER IPC_ROLE(ROLE_COURIER)
#define TXT IPC_ROLE(ROLE_TXT)
#define EMISSARY IPC_ROLE(ROLE_EMISSARY)
#define REMOTE IPC_ROLE(ROLE_REMOTE)
#define ADMIN IPC_ROLE(ROLE_ADMIN)
#define WAF IPC_ROLE(ROLE_WAF)
/* What the supervisor starts. */
#define EVERY                                                                                      \
    (FRONT | GATEWAY | CORE | SIGNER | PROBER | KEEPER | RUNNER | COURIER | TXT | EMISSARY | WAF)

/* Columns: type and name, from, to, struct of the request, its most bytes, flags. */
#define NOTIFY(t, n, from, to, req, req_max, flags)                                                \
    [t] = {from, to, t, IPC_F_NOTIFY | (flags), n, &req##_fields, NULL, req_max, 0, 0, 0}
/* As above, then struct of the reply and its most bytes, most unanswered at a time. */
#define CALL(t, n, from, to, req, req_max, rep, rep_max, credits)                                  \
    [t] = {from, to, t, 0, n, &req##_fields, &rep##_fields, req_max, rep_max, 0, credits}
/* And the most bytes of all chunks of one answer. */
#define STREAM(t, n, from, to, req, req_max, rep, rep_max, credits, stream_max)                    \
    [t] = {from,          to,      t,       IPC_F_STREAM, n,      &req##_fields,                   \
           &rep##_fields, req_max, rep_max, stream_max,   credits}

static const struct ipc_rule rules[IPC_TYPE_END] = {
    NOTIFY(IPC_HELLO, "hello", SUPERVISOR, EVERY, ipc_hello, 2 * SLACK, IPC_F_ONCE),
    NOTIFY(IPC_CONFIG, "config", SUPERVISOR, EVERY, ipc_config, 9 * MIB, IPC_F_ONCE),
    NOTIFY(IPC_LISTENER, "listener", SUPERVISOR, EVERY, ipc_listener, 2 * SLACK, IPC_F_FD),
    NOTIFY(IPC_PEER, "peer", SUPERVISOR, EVERY, ipc_peer, 2, IPC_F_FD),
    NOTIFY(IPC_PEER_GONE, "peer-gone", SUPERVISOR, EVERY, ipc_peer, 2, 0),
    NOTIFY(IPC_START, "start", SUPERVISOR, EVERY, ipc_none, 0, IPC_F_ONCE),
    CALL(IPC_PREPARE, "prepare", SUPERVISOR, EVERY, ipc_config, 9 * MIB, ipc_verdict, 12 * KIB, 1),
    CALL(IPC_COMMIT, "commit", SUPERVISOR, EVERY, ipc_generation, 8, ipc_none, 0, 1),
    CALL(IPC_ABORT, "abort", SUPERVISOR, EVERY, ipc_generation, 8, ipc_none, 0, 1),
    CALL(IPC_DRAIN, "drain", SUPERVISOR, EVERY, ipc_drain, 4, ipc_none, 0, 1),
    CALL(IPC_PING, "ping", SUPERVISOR, EVERY, ipc_none, 0, ipc_none, 0, 4),
    CALL(IPC_MEASURE, "measure", SUPERVISOR, EVERY, ipc_none, 0, ipc_metrics, 256 * KIB + SLACK, 1),
    CALL(IPC_LEAVE, "leave", SUPERVISOR, EVERY, ipc_none, 0, ipc_none, 0, 1),

    NOTIFY(IPC_READY, "ready", EVERY, SUPERVISOR, ipc_ready, 2 * SLACK, IPC_F_ONCE),
    NOTIFY(IPC_PEER_LOST, "peer-lost", EVERY, SUPERVISOR, ipc_peer, 2, 0),

    CALL(IPC_RELOAD, "reload", CORE, SUPERVISOR, ipc_reload, 1, ipc_reloaded, 18 * KIB, 1),
    CALL(IPC_UPGRADE, "upgrade", CORE, SUPERVISOR, ipc_none, 0, ipc_reloaded, 18 * KIB, 1),
    CALL(IPC_RESTART, "restart", CORE, SUPERVISOR, ipc_restart, 1, ipc_none, 0, 1),
    CALL(IPC_STATUS, "status", CORE, SUPERVISOR, ipc_none, 0, ipc_status, 800 * KIB, 4),
    CALL(IPC_GATHER, "gather", CORE, SUPERVISOR, ipc_none, 0, ipc_gathered,
         IPC_GATHERED_BYTES + SLACK, 4),

    CALL(IPC_HTTP, "http", FRONT, CORE, ipc_http, 416 * KIB, ipc_http_reply, 5 * MIB,
         IPC_HTTP_CREDITS),
    CALL(IPC_API_CERT, "api-cert", FRONT, CORE, ipc_api_cert, 8 * KIB + SLACK, ipc_api_cert_reply,
         64 * KIB, 2),

    CALL(IPC_METRICS, "metrics", FRONT, CORE, ipc_none, 0, ipc_gathered,
         IPC_GATHERED_BYTES + 256 * KIB + SLACK, 4),

    CALL(IPC_SIGN, "sign", CORE, SIGNER, ipc_sign, 192 * KIB, ipc_sign_reply, 72 * KIB + SLACK,
         IPC_SIGN_CREDITS),
    CALL(IPC_SIGN_CRL, "sign-crl", CORE, SIGNER, ipc_sign_crl, 3 * MIB, ipc_sign_crl_reply,
         4 * MIB + SLACK, IPC_SIGN_CRL_CREDITS),
    CALL(IPC_SIGN_OCSP, "sign-ocsp", CORE, SIGNER, ipc_sign_ocsp, 2 * SLACK, ipc_sign_ocsp_reply,
         64 * KIB + SLACK, IPC_SIGN_OCSP_CREDITS),
    CALL(IPC_SIGN_HEAD, "sign-head", CORE, SIGNER, ipc_sign_head, 2 * SLACK, ipc_sign_head_reply,
         2 * SLACK, 1),
    CALL(IPC_ISSUERS, "issuers", CORE, SIGNER, ipc_none, 0, ipc_issuers, 5 * KIB, 1),

    CALL(IPC_VALIDATE, "validate", CORE, PROBER, ipc_validate, SLACK, ipc_validate_reply, 12 * KIB,
         IPC_VALIDATE_CREDITS),
    CALL(IPC_PREFLIGHT, "preflight", CORE, PROBER, ipc_preflight, SLACK, ipc_preflight_reply,
         128 * KIB + SLACK, IPC_PREFLIGHT_CREDITS),

    CALL(IPC_PROBER, "prober", FRONT, CORE, ipc_prober, 24 * KIB, ipc_none, 0, 64),
    CALL(IPC_FAR_VALIDATE, "far-validate", CORE, FRONT, ipc_far_validate, SLACK, ipc_validate_reply,
         12 * KIB, IPC_VALIDATE_CREDITS),
    CALL(IPC_FAR_PREFLIGHT, "far-preflight", CORE, FRONT, ipc_far_preflight, SLACK,
         ipc_preflight_reply, 128 * KIB + SLACK, IPC_PREFLIGHT_CREDITS),
    CALL(IPC_JOIN, "join", REMOTE, FRONT, ipc_join, KIB, ipc_joined, 260 * KIB, 1),
    CALL(IPC_REMOTE_PING, "remote-ping", FRONT, REMOTE, ipc_none, 0, ipc_none, 0, 2),
    CALL(IPC_REMOTE_VALIDATE, "remote-validate", FRONT, REMOTE, ipc_validate, SLACK,
         ipc_validate_reply, 12 * KIB, IPC_VALIDATE_CREDITS),
    CALL(IPC_REMOTE_PREFLIGHT, "remote-preflight", FRONT, REMOTE, ipc_preflight, SLACK,
         ipc_preflight_reply, 128 * KIB + SLACK, IPC_PREFLIGHT_CREDITS),

    STREAM(IPC_ADMIN, "admin", ADMIN, CORE, ipc_admin, 512 * KIB + SLACK, ipc_admin_reply,
           4 * MIB + SLACK, 8, UINT64_C(16) << 30),

    CALL(IPC_VOUCH, "vouch", KEEPER, CORE, ipc_vouch, 64, ipc_none, 0, 1),
    CALL(IPC_IDENTITY, "identity", KEEPER, GATEWAY, ipc_identity, 248 * KIB, ipc_none, 0, 16),
    CALL(IPC_HANDSHAKE, "handshake", GATEWAY, KEEPER, ipc_handshake, KIB + SLACK, ipc_handshaken,
         5 * KIB + SLACK, IPC_HANDSHAKE_CREDITS),
    NOTIFY(IPC_SEGMENT, "segment", KEEPER, GATEWAY, ipc_segment, 8, IPC_F_FD),
    CALL(IPC_TICKETS, "tickets", KEEPER, GATEWAY, ipc_tickets, KIB, ipc_none, 0, 2),
    CALL(IPC_SITES, "sites", CORE, KEEPER, ipc_sites_ask, 8, ipc_sites, 1184 * KIB, 4),
    CALL(IPC_RENEW, "renew", CORE, KEEPER, ipc_renew, KIB, ipc_none, 0, 4),
    NOTIFY(IPC_FORGET, "forget", CORE, FRONT, ipc_forget, KIB, 0),
    CALL(IPC_RUN, "run", CORE, RUNNER, ipc_run, 128, ipc_run_reply, 8 * KIB, 4),
    CALL(IPC_TELL, "tell", CORE, RUNNER, ipc_tell, 300 * KIB, ipc_told, SLACK, IPC_NOTICE_CREDITS),
    CALL(IPC_DELIVER, "deliver", CORE, COURIER, ipc_deliver, 2 * MIB, ipc_delivered, 8,
         IPC_DELIVER_CREDITS),
    CALL(IPC_NOTICE, "notice", CORE, COURIER, ipc_notice, 300 * KIB, ipc_noticed, KIB,
         IPC_NOTICE_CREDITS),
    CALL(IPC_ACCESS, "access", GATEWAY, COURIER, ipc_access, IPC_ACCESS_BYTES + SLACK, ipc_none, 0,
         IPC_ACCESS_CREDITS),
    CALL(IPC_FETCH, "fetch", KEEPER, EMISSARY, ipc_fetch, 80 * KIB, ipc_fetched,
         IPC_FETCH_BODY + 32 * KIB, IPC_FETCH_CREDITS),
    CALL(IPC_PROOF, "proof", KEEPER, GATEWAY, ipc_proof, KIB + SLACK, ipc_none, 0,
         IPC_PROOF_CREDITS),
    CALL(IPC_PLAIN_PROOF, "plain-proof", KEEPER, FRONT, ipc_proof, KIB + SLACK, ipc_none, 0,
         IPC_PROOF_CREDITS),
    CALL(IPC_RECORD, "record", KEEPER, EMISSARY, ipc_proof, KIB + SLACK, ipc_none, 0,
         IPC_PROOF_CREDITS),
    CALL(IPC_HOOK_RECORD, "hook-record", KEEPER, RUNNER, ipc_proof, KIB + SLACK, ipc_none, 0,
         IPC_PROOF_CREDITS),
    CALL(IPC_PUBLIC, "public", KEEPER, CORE, ipc_public, 8 * KIB, ipc_none, 0, 1),
    CALL(IPC_CHANGED, "changed", EMISSARY, CORE, ipc_changed, 8 * KIB, ipc_none, 0, 1),
    CALL(IPC_INSPECT, "inspect", GATEWAY, WAF, ipc_inspect, IPC_INSPECT_BYTES, ipc_inspected,
         IPC_INSPECTED_BYTES, IPC_INSPECT_CREDITS),
    CALL(IPC_TEXTS, "texts", CORE, TXT, ipc_texts, 64 * KIB, ipc_none, 0, IPC_TEXTS_CREDITS),
};

const struct ipc_rule *ipc_rule_find(enum role from, enum role to, uint16_t type)
{
    const struct ipc_rule *r;

    if (type >= IPC_TYPE_END || (unsigned)from >= ROLE_COUNT || (unsigned)to >= ROLE_COUNT)
        return NULL;
    r = &rules[type];
    return (r->from & IPC_ROLE(from)) && (r->to & IPC_ROLE(to)) ? r : NULL;
}

const struct ipc_rule *ipc_rules(size_t *out_n)
{
    *out_n = IPC_TYPE_END;
    return rules;
}

bool ipc_rules_fd(enum role from, enum role to)
{
    for (unsigned i = 0; i < IPC_TYPE_END; i++) {
        const struct ipc_rule *r = ipc_rule_find(from, to, (uint16_t)i);

        if (r && (r->flags & IPC_F_FD))
            return true;
    }
    return false;
}

const char *ipc_type_name(uint16_t type)
{
    return type < IPC_TYPE_END && rules[type].name ? rules[type].name : "unknown";
}
