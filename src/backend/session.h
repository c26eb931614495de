/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to a backend over which HTTP/2 is spoken (h2://, h2c://). Each carries many requests;
 * whoever has one of them has a link as of any other backend, whose stream speaks HTTP/1.1
 * (http/h2_client.h). One that has no request any more is kept for BACKEND_IDLE_SECONDS; of these
 * there is one. */
#pragma once

#include "backend/backend.h"

struct backend_session;

enum { BACKEND_SESSION_QUIET = 10 /* seconds without a byte, after which one may be dead */ };

/* Takes over the stream, also on failure, and begins a request on it. RC_NOMEM. */
enum rc backend_session_new(struct backend *b, struct net_stream *t, struct backend_link **out);
/* A request on one that there is; NULL: none takes another one. */
struct backend_link *backend_session_take(struct backend *b);
/* Ends those without requests. */
void backend_sessions_close(struct backend *b);
/* The request on that link was not looked at by the backend. */
bool backend_session_refused(const struct backend_link *l);
