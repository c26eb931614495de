/* SPDX-License-Identifier: Apache-2.0 */
/* The client's part of what is said before TLS begins inside another protocol, and of nothing more:
 * bytes of the server in, bytes for it out. It knows no socket and no time; the caller has both.
 * Servers are strangers: all that is kept of what they say has a limit, what they say unasked ends
 * the dialogue, and so does plain text behind their agreement, which somebody in between may have
 * put there (RFC 3207 section 6, CVE-2011-0411). */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    STARTTLS_UNIT_MAX = 8 * 1024,   /* bytes of one line, message or tag of a server */
    STARTTLS_TOTAL_MAX = 64 * 1024, /* of all that it says before TLS */
    STARTTLS_NAME_MAX = 255,
};

/* "smtp" (RFC 3207), "imap" (RFC 9051 section 6.2.1), "pop3" (RFC 2595), "ldap" (RFC 4511 section
 * 4.14), "postgres", "mysql", "ftp" (RFC 4217), "xmpp" and "xmpp-server" (RFC 6120 section 5). */
struct starttls_protocol;

/* NULL: there is none of that name. */
const struct starttls_protocol *starttls_find(struct str name);
const char *starttls_name(const struct starttls_protocol *p);
/* All names, ", " between them; for messages. */
struct str starttls_names(void);

struct starttls {
    const struct starttls_protocol *protocol;
    char name[STARTTLS_NAME_MAX + 1];
    unsigned step; /* of the protocol's own; 0 at first */
    bool offered;  /* the server has said that it can */
    bool done;
    size_t total;
    struct buf in;
};

/* Begins; what the client says first, if it speaks first, is appended to `out`. `name` is what the
 * server is called, of which XMPP has to be told; RC_TOOBIG past STARTTLS_NAME_MAX, RC_INVAL when
 * it holds what is not in names of hosts and addresses, RC_NOMEM. */
enum rc starttls_init(struct starttls *s, const struct starttls_protocol *p, struct str name,
                      struct buf *out);
/* Allowed on zeroes. */
void starttls_done(struct starttls *s);
/* Takes what the server sent and appends what has to be sent to it. RC_AGAIN: it goes on when more
 * has come; RC_OK: once `out` is sent TLS begins, and `bytes` held nothing beyond. RC_DENIED: the
 * server refuses; RC_UNSUPPORTED: it does not offer TLS; RC_PARSE: that is another protocol;
 * RC_CONFLICT: it spoke when it was not its turn; RC_TOOBIG: past the limits; RC_NOMEM. After a
 * failure only starttls_done may follow. */
enum rc starttls_feed(struct starttls *s, struct str bytes, struct buf *out, struct err *err);
