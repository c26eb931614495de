/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions for resumption by their id (GB/T 38636 section 6.4.5.2.1). A server keeps them in a
 * table of its process, which forgets the oldest; what each is bound to has to be the same when it
 * is resumed. Masters are wiped when they are forgotten. */
#pragma once

#include "base/mem.h"
#include "base/str.h"

struct clock;
struct tlcp_sessions;

enum {
    TLCP_SESSION_ID = 32,
    TLCP_MASTER = 48,
    TLCP_SESSION_BOUND = 32,
    TLCP_SESSIONS_MAX = 20'000,
    TLCP_SESSION_SECONDS = 6 * 3600, /* from its full handshake */
};

/* One session. For a client to keep, and to wipe. */
struct tlcp_session {
    uint8_t id[TLCP_SESSION_ID];
    uint8_t id_n; /* 0: it cannot be resumed */
    uint16_t suite;
    uint8_t master[TLCP_MASTER];
};

/* A table for at most `max` of them. The clock must outlive it. RC_NOMEM. */
enum rc tlcp_sessions_new(struct clock *clock, size_t max, struct tlcp_sessions **out);
void tlcp_sessions_free(struct tlcp_sessions *t);
DEFINE_FREEP(tlcp_sessions_free, struct tlcp_sessions)
/* How many there are. */
size_t tlcp_sessions_count(const struct tlcp_sessions *t);

/* Keeps a copy under its id, `bound` to these 32 bytes. RC_EXISTS, RC_NOMEM. */
enum rc tlcp_sessions_add(struct tlcp_sessions *t, const struct tlcp_session *s,
                          const uint8_t bound[static TLCP_SESSION_BOUND]);
/* The session of that id, if it is bound to the same and not too old; else RC_NOTFOUND. `out` is
 * the caller's to wipe. */
enum rc tlcp_sessions_find(struct tlcp_sessions *t, struct str id,
                           const uint8_t bound[static TLCP_SESSION_BOUND],
                           struct tlcp_session *out);
/* Forgets it: something went wrong with a connection that resumed it, or had it. */
void tlcp_sessions_remove(struct tlcp_sessions *t, struct str id);
