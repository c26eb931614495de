/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end of TLCP (tlcp/conn.h) on a connected socket, for commands: it blocks. The
 * descriptor stays the caller's. SIGPIPE must be ignored in the process. */
#pragma once

#include "base/err.h"

struct tlcp_conn;

/* Shakes hands; limits of time are those of the blocking socket. RC_TIMEOUT, RC_NET, and as
 * tlcp_conn_shake. */
enum rc tls_tlcp_connect(struct tlcp_conn *c, int fd, struct err *err);
/* Carries bytes both ways between the open connection on `fd` and `plain`, until either is broken,
 * both have ended, or nothing moved for `idle` milliseconds. RC_OK when both ended; RC_NET,
 * RC_TIMEOUT, RC_CRYPTO. Makes both descriptors nonblocking. */
enum rc tls_tlcp_relay(struct tlcp_conn *c, int fd, int plain, int idle);
