/* SPDX-License-Identifier: Apache-2.0 */
/* What `probe --tlcp` and `forward --tlcp` share (tlcp.c): a server of TLCP, dialled. */
#pragma once

#include "base/addr.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/name.h"
#include "tlcp/conn.h"
#include "tlcp/identity.h"

struct cmd_args;

enum { CMD_TLCP_ROOTS_MAX = 64 };

struct cmd_tlcp_target {
    char host[NAME_MAX_BYTES + 1 + ADDR_TEXT]; /* canonical; an address without brackets */
    uint16_t port;
    struct addr ip; /* n is 0: `host` is a name */
};

/* "wiki.example:443", "10.0.0.1:8443", "[2001:db8::1]:443"; the port may be missing: 443. */
bool cmd_tlcp_target(const char *text, struct cmd_tlcp_target *out);

/* Roots, DER, in an arena. */
struct cmd_tlcp_roots {
    struct arena arena;
    struct str certs[CMD_TLCP_ROOTS_MAX];
    size_t n;
};

/* Of a PEM file. cmd_tlcp_roots_done also on failure. */
enum rc cmd_tlcp_roots(const char *path, struct cmd_tlcp_roots *out, struct err *err);
void cmd_tlcp_roots_done(struct cmd_tlcp_roots *r);

/* For tlcp_judge: that both leaves are of these roots, for that server, now. */
struct cmd_tlcp_check {
    const struct cmd_tlcp_roots *roots;
    const struct cmd_tlcp_target *target;
    const struct tlcp_conn *conn; /* whose handshake it is */
};
enum rc cmd_tlcp_judge(void *check, const struct str *certs, size_t n, enum x509_trouble *trouble,
                       struct err *err);

/* A handshake with a server. */
struct cmd_tlcp_dial {
    const struct cmd_tlcp_target *target;
    const struct cmd_tlcp_roots *roots; /* NULL: its certificates are not verified */
    struct tlcp_client_conf conf;       /* but for the name, who judges, and how GmSSL has it */
    bool gmssl;                         /* out: it takes certificates only as GmSSL 3 does */
    struct tlcp_conn *conn;             /* out; of failures, too, where there is one */
    int fd;                             /* out; -1: none */
};

/* Connects and shakes hands. A server that asked for certificates, was shown some and ended it is
 * dialled once more and answered as GmSSL 3 has it: without the certificate that is encrypted to in
 * ECC, with a length before the point in ECDHE, and with CertificateVerify over the messages.
 * cmd_tlcp_dial_done also on failure, for which `err` is that of the first time. RC_NOTFOUND,
 * RC_NET, RC_TIMEOUT, RC_CRYPTO. */
enum rc cmd_tlcp_dial(struct cmd_tlcp_dial *d, struct err *err);
void cmd_tlcp_dial_done(struct cmd_tlcp_dial *d);

/* The pair of a client, of --sign-cert, --sign-key, --enc-cert and --enc-key; NULL where none of
 * them is given. Needs crypto_init. CMD_DONE, or the exit status after having said what is wrong.
 */
int cmd_tlcp_identity(const struct cmd_args *args, struct tlcp_identity **out);

/* `probe --tlcp`. */
int cmd_probe_tlcp(const struct cmd_args *args);
