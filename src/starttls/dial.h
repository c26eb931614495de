/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to one address on which TLS may begin: dialled, and with what has to be said before
 * TLS said. For whoever looks at servers; nothing of TLS is sent or read here. */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "starttls/starttls.h"

struct ev;
struct net;
struct starttls_dial;

struct starttls_dial_conf {
    struct ev *ev;
    struct net *net;
    struct addr_port to;
    int64_t timeout;                          /* microseconds, for the connection alone */
    const struct starttls_protocol *protocol; /* NULL: nothing is said */
    struct str name;                          /* as starttls_init has it */
    /* Called once, never from inside starttls_dial_new; the object may be freed in it. RC_OK: the
     * callee owns `fd`. Otherwise it is -1, and `err` says why: as net_dial, as starttls_feed,
     * RC_NET when the server ended the dialogue. `connected`: there was somebody. */
    void (*fn)(void *arg, enum rc rc, int fd, bool connected, const struct err *err);
    void *arg;
};

/* SIGPIPE must be ignored in the process. RC_NOMEM, RC_TOOBIG or RC_INVAL for the name. There is no
 * limit of time for the dialogue: that is the caller's. */
enum rc starttls_dial_new(const struct starttls_dial_conf *conf, struct starttls_dial **out);
/* The callback does not come any more. */
void starttls_dial_free(struct starttls_dial *d);
DEFINE_FREEP(starttls_dial_free, struct starttls_dial)
