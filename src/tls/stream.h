/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS connection as a stream (net/stream.h). */
#pragma once

#include "base/rc.h"

struct net_stream;
struct tls_conn;

/* Takes over an open TLS connection, also on failure. RC_NOMEM. */
enum rc tls_stream_new(struct tls_conn *tls, struct net_stream **out);
