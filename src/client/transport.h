/* SPDX-License-Identifier: Apache-2.0 */
/* How the ACME client reaches its server: one HTTP request, one answer. An interface, so that tests
 * answer themselves; over sockets it is client/http.h. No redirects are followed: ACME has none,
 * and a signed request belongs to one URL. */
#pragma once

#include "base/err.h"
#include "base/mem.h"

struct client_exchange;
struct client_transport;

enum { CLIENT_LINKS_MAX = 8 /* Link headers looked at */ };

/* Borrowed until client_transport_send returns. */
struct client_ask {
    const char *method;            /* "GET", "HEAD", "POST", "PATCH" */
    struct str url;                /* absolute */
    struct str accept;             /* empty: everything */
    struct str content_type, body; /* with POST and PATCH */
    struct str headers;            /* further ones, each with its line end; ACME has none */
    size_t max_body;               /* of the answer, bytes */
    int64_t timeout;               /* microseconds, more than 0 */
};

/* What came back, borrowed for the callback. */
struct client_answer {
    enum rc rc; /* RC_OK: there is an answer, of whatever status; RC_NOTFOUND, RC_NET,
                   RC_DENIED, RC_AGAIN (no connection), RC_CLOSED (cut), RC_PARSE, RC_TOOBIG,
                   RC_TIMEOUT, RC_NOMEM: there is none, and `err` says why */
    const struct err *err;
    int status;
    /* Headers, empty when absent. */
    struct str nonce, location, retry_after, content_type, date;
    struct str links[CLIENT_LINKS_MAX]; /* each Link header as it came, in their order */
    struct str body;
};

typedef void (*client_answer_fn)(void *arg, const struct client_answer *answer);

struct client_transport_ops {
    enum rc (*send)(struct client_transport *t, const struct client_ask *ask, client_answer_fn fn,
                    void *arg, struct client_exchange **out);
    void (*cancel)(struct client_transport *t, struct client_exchange *x);
    void (*free)(struct client_transport *t);
};

struct client_transport {
    const struct client_transport_ops *ops;
};

/* The callback comes once, never from inside this function. *out is valid until then. RC_PARSE,
 * RC_UNSUPPORTED: the URL; RC_QUOTA when too many wait already; RC_NOMEM. */
static inline enum rc client_transport_send(struct client_transport *t,
                                            const struct client_ask *ask, client_answer_fn fn,
                                            void *arg, struct client_exchange **out)
{
    return t->ops->send(t, ask, fn, arg, out);
}

/* Gives up; the callback does not come. */
static inline void client_transport_cancel(struct client_transport *t, struct client_exchange *x)
{
    t->ops->cancel(t, x);
}

/* Not from inside a callback. What is under way is given up. */
static inline void client_transport_free(struct client_transport *t)
{
    if (t)
        t->ops->free(t);
}
DEFINE_FREEP(client_transport_free, struct client_transport)
