/* SPDX-License-Identifier: Apache-2.0 */
/* One well-filled message of each kind. Their encodings are the fuzzer's corpus, tests/corpus/ipc,
 * and the test that keeps the two the same also notices when the bytes between processes change. */
#pragma once

#include "ipc/messages.h"
#include "ipc/notice_messages.h"
#include "ipc/probe_messages.h"
#include "ipc/public_messages.h"
#include "ipc/role.h"
#include "ipc/site_messages.h"
#include "ipc/status_messages.h"
#include "ipc/table.h"
#include "ipc/text_messages.h"
#include "ipc/waf_messages.h"

MSG(msg_sample, "ipc-test.sample", "cannot {0} the {1}");

#define S(lit)                                                                                     \
    {                                                                                              \
        "" lit, sizeof(lit) - 1                                                                    \
    }
#define A4                                                                                         \
    {                                                                                              \
        .n = 4, .b = { 10, 1, 2, 3 }                                                               \
    }
#define A6                                                                                         \
    {                                                                                              \
        .n = 16, .b = { 0x20, 1, 0xd, 0xb8, [15] = 1 }                                             \
    }

static const struct id sample_id = {"0123456789abcdefghjkmnpqrs"};
static const struct str sample_names[] = {S("wiki.hospital.example"), S("*.apps.hospital.example")};
static const struct ipc_file sample_files[] = {{S("autarky.yaml"), S("organization: X\n")},
                                               {S("conf.d/10.yaml"), S("")}};
static const struct ipc_pair sample_pairs[] = {{S("content-type"), S("application/jose+json")},
                                               {S("accept-language"), S("zh")}};
static const struct ipc_address sample_addresses[] = {{A4}, {A6}};
static const struct ipc_process sample_processes[] = {
    {ROLE_CORE, 0, 4711, S("ready"), 1, INT64_C(1795199040000000), S("seccomp, landlock 4")},
    {ROLE_SIGNER, 0, 0, S("backoff"), 3, -1, S("")}};
static const struct str sample_refs[] = {S("ecdsa-1"), S("rsa-1")};

#define SAMPLE_ERR                                                                                 \
    {                                                                                              \
        .rc = RC_DENIED, .msg = &msg_sample, .type = "caa", .status = 403, .n_args = 2,            \
        .end = {4, 8}, .args = "finddoor"                                                          \
    }

static const struct ipc_hello sample_hello = {
    1, S("0.1.0"), {"0123456789abcdefghjkmnpqrs"}, 7, S("/var/lib/autarky"), 1, true, 1, 2};
static const struct ipc_config sample_config = {3, {sample_files, 2}};
static const struct ipc_listener sample_listener = {S("api"), S("[::]:8555")};
static const struct ipc_peer sample_peer = {ROLE_CORE, 1};
static const struct ipc_none sample_none;
static const struct ipc_generation sample_generation = {UINT64_MAX};
static const struct ipc_verdict sample_verdict = {false, true, S("listen\nurls"), SAMPLE_ERR};
static const struct ipc_drain sample_drain = {30000};
static const struct ipc_ready sample_ready = {S("seccomp, landlock 4, user autarky-core")};
static const struct ipc_reload sample_reload = {true};
static const struct ipc_reloaded sample_reloaded = {3, INT64_C(1795199040000000),
                                                    S("2 keys changed")};
static const struct ipc_status sample_status = {
    3, true, INT64_C(1795199040000000), S("a reason"), {sample_processes, 2}};
static const struct ipc_http sample_http = {S("api"),
                                            S("POST"),
                                            S("/acme/new-order"),
                                            S("ca.example:8555"),
                                            A6,
                                            S("\x5f"
                                              "0123456789abcdef0123456789abcde"),
                                            S("\x0a\x1b"),
                                            S("application/jose+json"),
                                            {sample_pairs, 2},
                                            S("{}")};
static const struct ipc_http_reply sample_http_reply = {
    201, {sample_pairs, 2}, S("{\"status\":1}"), INT64_C(1795199040000000), S("crl rsa-1 3")};
static const struct ipc_api_cert sample_api_cert = {S("\x30\x03"
                                                      "csr")};
static const struct ipc_api_cert_reply sample_api_cert_reply = {
    S("-----BEGIN CERTIFICATE-----\n"), {sample_names, 2}, INT64_C(1795199040000000)};
static const struct ipc_sign sample_sign = {
    S("ecdsa-1"),      S("default"),      S("\x01\x02\x03"),
    S("\x30\x04spki"), {sample_names, 2}, {sample_addresses, 2},
    {sample_names, 1}, {sample_names, 2}, S("wiki"),
    INT64_MIN,         INT64_MAX,         {"0123456789abcdefghjkmnpqrs"}};
static const struct ipc_sign_reply sample_sign_reply = {S("\x30\x03leaf")};
static const struct ipc_issuers sample_issuer_list = {{sample_refs, 2}};
static const struct ipc_validate sample_validate = {S("http-01"),
                                                    S("dns"),
                                                    S("wiki.hospital.example"),
                                                    true,
                                                    false,
                                                    S("https://ca.hospital.example/acme/account/x"),
                                                    S("token"),
                                                    S("token.thumbprint"),
                                                    2};
static const struct ipc_preflight sample_preflight = {
    S("dns"),
    S("wiki.hospital.example"),
    false,
    S("https://ca.hospital.example/acme/account/x"),
    S("dns-01"),
    S("token"),
    S("token.thumbprint")};
static const struct ipc_preflight_reply sample_preflight_reply = {S("{\"views\":[]}")};
static const struct ipc_validate_reply sample_validate_reply = {false, SAMPLE_ERR,
                                                                S("{\"tried\":[]}")};
static const struct ipc_admin sample_admin = {S("cert list"), S("{\"limit\":10}")};
static const struct ipc_admin_reply sample_admin_reply = {S("{\"items\":[]}")};

static const struct ipc_metrics sample_metrics = {S("\x01\x00\x00\x00\x01x")};
static const struct ipc_measured sample_measured[] = {{ROLE_CORE, 0, S("\x01\x00\x00\x00\x01x")},
                                                      {ROLE_GATEWAY, 3, S("\x01")}};
static const struct ipc_gathered sample_gathered = {{sample_measured, 2}};

static const struct ipc_vouch sample_vouch = {S("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")};
static const struct ipc_segment sample_segment = {7};
static const struct ipc_identity sample_identity = {S("wiki.hospital.example"),
                                                    1,
                                                    7,
                                                    1000,
                                                    0x300,
                                                    0x400,
                                                    S("\x30\x01x"),
                                                    S("\x30\x01y"),
                                                    S("\x30\x00"),
                                                    S("\x30\x02xy"),
                                                    S("\x30\x01z"),
                                                    S("\x30\x03"),
                                                    INT64_C(1795199040000000)};
static const struct ipc_handshake sample_handshake = {
    S("wiki.hospital.example"), 1, 5, S("0123456789abcdef0123456789abcdef"), S("to be signed")};
static const struct ipc_handshaken sample_handshaken = {S("\x30\x06\x02\x01\x01\x02\x01\x02")};
static const struct str sample_keys[] = {S("0123456789"), S("\x00\x01")};
static const struct ipc_tickets sample_tickets = {{sample_keys, 2}};
static const struct ipc_site sample_site[] = {
    {S("wiki.hospital.example"),
     0,
     IPC_SITE_VALID,
     S("0A1B"),
     INT64_C(1795199040000000),
     INT64_C(1795199040000001),
     0,
     {},
     IPC_STAPLE_GOOD,
     INT64_C(1795199040000000),
     INT64_C(1795285440000000),
     S("https://ca.example/dir")},
    {S("wiki.hospital.example"), 1, IPC_SITE_WAITING, S(""), 0, 5, 3, SAMPLE_ERR, 0, 0, 0, S("")}};
static const struct ipc_sites_ask sample_sites_ask = {100, 50};
static const struct ipc_sites sample_sites = {{sample_site, 2}};
static const struct ipc_renew sample_renew = {S("wiki.hospital.example")};
static const struct ipc_restart sample_restart = {ROLE_SIGNER};
static const struct ipc_run sample_run = {S("drill")};
static const struct ipc_run_reply sample_run_reply = {256, S("done\n")};
static struct ipc_record sample_records[] = {
    {41, INT64_C(1795199040000000), S("order.created"), S("{\"sequence\":41}")},
    {42, INT64_C(1795199040000001), S("order.ready"), S("{\"sequence\":42}")}};
static const struct ipc_deliver sample_deliver = {S("archive"), {sample_records, 2}};
static const struct ipc_delivered sample_delivered = {42};
static const struct ipc_notice sample_notice = {.receiver = S("oncall"),
                                                .id = {"0123456789abcdefghjkmnpqrs"},
                                                .created = 1'795'199'040'000'000,
                                                .subject = S("[hospital.example] critical"),
                                                .recipients = S("pki@hospital.example"),
                                                .body = S("{}")};
static const struct str sample_values[] = {S("LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo")};
static const struct ipc_text sample_text_list[] = {{S("0b7bd9b4"), {sample_values, 1}},
                                                   {S("empty"), {NULL, 0}}};
static const struct ipc_texts sample_texts = {true, false, {sample_text_list, 2}};
static const struct ipc_tell sample_tell = {S("pager"), {"0123456789abcdefghjkmnpqrs"}, 3, S("{}")};
static const struct ipc_told sample_told = {SAMPLE_ERR, true, S("no such queue")};
static const struct ipc_noticed sample_noticed = {S("250 queued")};
static const struct ipc_inspect sample_inspect = {S("wiki.hospital.example"),
                                                  {A4, 50'000},
                                                  S("POST"),
                                                  S("/a?id=1%27"),
                                                  S("2.0"),
                                                  S("host\0wiki.hospital.example\0x\0\"\0"),
                                                  S("id=1' OR 1=1"),
                                                  false};
static const struct ipc_match sample_matches[] = {{942'100, S("SQL Injection Attack")}, {0, S("")}};
static const struct ipc_inspected sample_inspected = {403, 15, 2345, 3, {sample_matches, 2}};
static const struct ipc_access sample_access = {1, S("{\"status\":200}\n")};

static const struct ipc_revoked sample_revoked[] = {
    {S("\x01\x02\x03"), INT64_C(1795199040000000), 1}, {S("\x7f"), INT64_C(1), 0}};
static const struct ipc_sign_crl sample_sign_crl = {
    S("rsa-1"),         3, true, 9, 7, INT64_C(1795199040000000), INT64_C(1795199041000000),
    {sample_revoked, 2}};
static const struct ipc_sign_crl_reply sample_sign_crl_reply = {S("\x30\x03"
                                                                  "crl")};
static const struct ipc_cert_status sample_statuses[] = {
    {1, S("\x01\x02\x03"), 1, INT64_C(1795199040000000), 5}, {2, S("\x7f"), 0, 0, 0}};
static const struct ipc_sign_ocsp sample_sign_ocsp = {S("rsa-1"),
                                                      {sample_statuses, 2},
                                                      INT64_C(1795199040000000),
                                                      INT64_C(1795199041000000),
                                                      S("0123456789abcdef")};
static const struct ipc_sign_ocsp_reply sample_sign_ocsp_reply = {S("\x30\x03\x0a\x01\x00")};
static const struct ipc_sign_head sample_sign_head = {1, 2, S("0123456789abcdef0123456789abcdef"),
                                                      S("fedcba9876543210fedcba9876543210")};
static const struct ipc_sign_head_reply sample_sign_head_reply = {
    S("hospital.example/audit/1"), S("a note"), S("uid 0"), S("INC-7")};
static const struct ipc_far_validate sample_far_validate = {
    S("ward"),
    {S("http-01"), S("dns"), S("wiki.ward.hospital.example"), false, true, S("https://ca/acme/1"),
     S("token"), S("token.thumb"), 2}};
static const struct ipc_far_preflight sample_far_preflight = {
    S("ward"), {S("dns"), S("wiki.ward.hospital.example"), true, S(""), S(""), S(""), S("")}};
static const struct ipc_prober sample_prober = {
    S("ward"), true, A4, S("0.1.0"), S("\x30\x03leaf"), INT64_C(1795199040000000)};
static const struct ipc_join sample_join = {S("0.1.0")};
static const struct ipc_joined sample_joined = {S("ward"), S("domain: hospital.example\n")};
static const struct ipc_forget sample_forget = {S("crl rsa-1 3")};

static const struct ipc_fetch sample_fetch = {S("https://ca.example/dir"),
                                              S("POST"),
                                              S("https://ca.example/order/1"),
                                              S("application/pem-certificate-chain"),
                                              S("application/jose+json"),
                                              S("{}"),
                                              65536,
                                              30'000'000};
static const struct str sample_links[] = {S("<https://ca.example/dir>;rel=\"index\"")};
static const struct ipc_fetched sample_fetched = {201,
                                                  S("nonce"),
                                                  S("https://ca.example/order/1"),
                                                  S("3"),
                                                  S("application/json"),
                                                  S("Sun, 29 Nov 2026 10:00:00 GMT"),
                                                  {sample_links, 1},
                                                  S("{\"status\":\"pending\"}")};
static const struct ipc_proof sample_proof = {true, 1, S("wiki.hospital.example"), S("token"),
                                              S("token.thumbprint")};
static const struct ipc_public sample_public = {1,
                                                S("wiki.hospital.example"),
                                                1,
                                                S("https://ca.example/dir"),
                                                S("0102ab"),
                                                INT64_C(1795199040000000),
                                                S("00ff"),
                                                S("it is busy"),
                                                3};
static const struct ipc_changed sample_changed = {true,
                                                  S("wiki.hospital.example"),
                                                  S("hospital.example"),
                                                  S("_acme-challenge.wiki.hospital.example"),
                                                  S("10.0.0.53:53"),
                                                  INT64_C(1795199040000000),
                                                  S("it is busy")};

static const struct sample {
    enum ipc_type type;
    const void *request;
    const void *reply; /* NULL: none */
} samples[] = {
    {IPC_HELLO, &sample_hello, NULL},
    {IPC_CONFIG, &sample_config, NULL},
    {IPC_LISTENER, &sample_listener, NULL},
    {IPC_PEER, &sample_peer, NULL},
    {IPC_PEER_GONE, &sample_peer, NULL},
    {IPC_START, &sample_none, NULL},
    {IPC_PREPARE, &sample_config, &sample_verdict},
    {IPC_COMMIT, &sample_generation, &sample_none},
    {IPC_ABORT, &sample_generation, &sample_none},
    {IPC_DRAIN, &sample_drain, &sample_none},
    {IPC_PING, &sample_none, &sample_none},
    {IPC_READY, &sample_ready, NULL},
    {IPC_PEER_LOST, &sample_peer, NULL},
    {IPC_RELOAD, &sample_reload, &sample_reloaded},
    {IPC_STATUS, &sample_none, &sample_status},
    {IPC_RESTART, &sample_restart, &sample_none},
    {IPC_HTTP, &sample_http, &sample_http_reply},
    {IPC_API_CERT, &sample_api_cert, &sample_api_cert_reply},
    {IPC_SIGN, &sample_sign, &sample_sign_reply},
    {IPC_ISSUERS, &sample_none, &sample_issuer_list},
    {IPC_VALIDATE, &sample_validate, &sample_validate_reply},
    {IPC_PREFLIGHT, &sample_preflight, &sample_preflight_reply},
    {IPC_ADMIN, &sample_admin, &sample_admin_reply},
    {IPC_METRICS, &sample_none, &sample_gathered},
    {IPC_MEASURE, &sample_none, &sample_metrics},
    {IPC_LEAVE, &sample_none, &sample_none},
    {IPC_UPGRADE, &sample_none, &sample_reloaded},
    {IPC_GATHER, &sample_none, &sample_gathered},
    {IPC_VOUCH, &sample_vouch, &sample_none},
    {IPC_IDENTITY, &sample_identity, &sample_none},
    {IPC_HANDSHAKE, &sample_handshake, &sample_handshaken},
    {IPC_TICKETS, &sample_tickets, &sample_none},
    {IPC_SEGMENT, &sample_segment, NULL},
    {IPC_SITES, &sample_sites_ask, &sample_sites},
    {IPC_RENEW, &sample_renew, &sample_none},
    {IPC_RUN, &sample_run, &sample_run_reply},
    {IPC_NOTICE, &sample_notice, &sample_noticed},
    {IPC_TELL, &sample_tell, &sample_told},
    {IPC_DELIVER, &sample_deliver, &sample_delivered},
    {IPC_ACCESS, &sample_access, &sample_none},
    {IPC_INSPECT, &sample_inspect, &sample_inspected},
    {IPC_TEXTS, &sample_texts, &sample_none},
    {IPC_FETCH, &sample_fetch, &sample_fetched},
    {IPC_PROOF, &sample_proof, &sample_none},
    {IPC_PLAIN_PROOF, &sample_proof, &sample_none},
    {IPC_RECORD, &sample_proof, &sample_none},
    {IPC_HOOK_RECORD, &sample_proof, &sample_none},
    {IPC_PUBLIC, &sample_public, &sample_none},
    {IPC_CHANGED, &sample_changed, &sample_none},
    {IPC_SIGN_CRL, &sample_sign_crl, &sample_sign_crl_reply},
    {IPC_SIGN_OCSP, &sample_sign_ocsp, &sample_sign_ocsp_reply},
    {IPC_SIGN_HEAD, &sample_sign_head, &sample_sign_head_reply},
    {IPC_FORGET, &sample_forget, NULL},
    {IPC_PROBER, &sample_prober, &sample_none},
    {IPC_FAR_VALIDATE, &sample_far_validate, &sample_validate_reply},
    {IPC_FAR_PREFLIGHT, &sample_far_preflight, &sample_preflight_reply},
    {IPC_JOIN, &sample_join, &sample_joined},
    {IPC_REMOTE_PING, &sample_none, &sample_none},
    {IPC_REMOTE_VALIDATE, &sample_validate, &sample_validate_reply},
    {IPC_REMOTE_PREFLIGHT, &sample_preflight, &sample_preflight_reply},
};

enum { N_SAMPLES = sizeof(samples) / sizeof(samples[0]) };
