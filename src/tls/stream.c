/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/stream.h"

#include "net/stream.h"
#include "tls/conn.h"

struct secure {
    struct net_stream s;
    struct tls_conn *tls;
};

static enum rc secure_read(struct net_stream *s, void *p, size_t n, size_t *out_n)
{
    enum rc rc = tls_conn_read(((struct secure *)s)->tls, p, n, out_n);

    return rc == RC_CRYPTO ? RC_NET : rc;
}

static enum rc secure_write(struct net_stream *s, struct str bytes, size_t *out_n)
{
    enum rc rc = tls_conn_write(((struct secure *)s)->tls, bytes, out_n);

    return rc == RC_CRYPTO ? RC_NET : rc;
}

static enum rc secure_shutdown(struct net_stream *s)
{
    return tls_conn_shutdown(((struct secure *)s)->tls);
}

static void secure_want(struct net_stream *s, unsigned wants)
{
    unsigned events = wants & NET_WANT_READ ? TLS_READ : 0;

    events |= wants & NET_WANT_WRITE ? TLS_WRITE : 0;
    tls_conn_want(((struct secure *)s)->tls, events, s->ready, s->arg);
}

static void secure_free(struct net_stream *s)
{
    tls_conn_free(((struct secure *)s)->tls);
    mem_free(s);
}

enum rc tls_stream_new(struct tls_conn *tls, struct net_stream **out)
{
    static const struct net_stream_ops ops = {secure_read, secure_write, secure_shutdown,
                                              secure_want, secure_free};
    struct secure *c = MEM_NEW(struct secure);

    if (!c) {
        tls_conn_free(tls);
        return RC_NOMEM;
    }
    c->s.ops = &ops;
    c->tls = tls;
    *out = &c->s;
    return RC_OK;
}
