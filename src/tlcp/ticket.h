/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that the client keeps (RFC 5077, which TLCP has taken over from TLS 1.2 without the
 * standard's saying so): given to clients that offer them, so that whoever has the keys, each
 * worker of a server that is, resumes them without a table. What is in them is this folder's; how
 * it is sealed, the caller's (tls/context.h has the keys). */
#pragma once

#include "base/buf.h"
#include "base/when.h"
#include "tlcp/session.h"

struct clock;

enum {
    TLCP_TICKET_MAX = 4096, /* bytes; a client offers no longer one, a server opens no longer one */
};

/* Outlives the connections that use it. */
struct tlcp_tickets {
    struct clock *clock; /* the time of day: hosts that have the same keys agree on it */
    void *arg;
    /* Appends what nobody without the keys can read or make. RC_CRYPTO, RC_NOMEM. */
    enum rc (*seal)(void *arg, struct str plain, struct buf *out);
    /* Appends what is in it; `renew`: the client should have a new one. RC_DENIED for what was not
     * sealed with a key that there is; RC_CRYPTO, RC_NOMEM. */
    enum rc (*open)(void *arg, struct str ticket, struct buf *out, bool *renew);
};

/* A session as a ticket, bound to these bytes, until then. As `seal`. */
enum rc tlcp_ticket_make(const struct tlcp_tickets *t, const struct tlcp_session *s,
                         const uint8_t bound[static TLCP_SESSION_BOUND], when_t until,
                         struct buf *out);
/* The session in a ticket, without an id, if it is bound to the same, not too old, and does not end
 * later than any that is made now; else RC_NOTFOUND, whatever is wrong with it. `out` is the
 * caller's to wipe. */
enum rc tlcp_ticket_take(const struct tlcp_tickets *t, struct str ticket,
                         const uint8_t bound[static TLCP_SESSION_BOUND], struct tlcp_session *out,
                         when_t *until, bool *renew);
