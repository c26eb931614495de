/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls_int.h"

#include <errno.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include "crypto/ossl.h"
#include "tls/signing_int.h"

/* Enough for most ClientHellos: what is longer costs one more system call. */
enum { FIRST_MAX = 2048 };
/* A ClientHello is longer only by intent: those with keys of ML-KEM have 2 KiB. */
enum { KEPT_MAX = 64 * 1024 };

static bool again(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

enum rc tls_socket_look(struct tls_socket *s, struct str *out)
{
    ssize_t n;

    if (!s->first && !(s->first = mem_alloc(FIRST_MAX)))
        return RC_NOMEM;
    s->cap = FIRST_MAX;
    n = recv(s->fd, s->first + s->n, FIRST_MAX - s->n, 0);
    if (again(n))
        return RC_AGAIN;
    if (n <= 0)
        return n == 0 ? RC_CLOSED : RC_NET;
    s->n += (size_t)n;
    *out = str_bytes(s->first + s->at, s->n - s->at);
    return RC_OK;
}

void tls_socket_skip(struct tls_socket *s, size_t n)
{
    s->at += n;
    s->begins = s->at;
    if (s->at == s->n)
        tls_socket_forget(s);
}

void tls_socket_settle(struct tls_socket *s)
{
    s->keeps = false;
    if (s->first && s->at == s->n)
        tls_socket_forget(s);
}

enum rc tls_socket_rewind(struct tls_socket *s)
{
    if (!s->keeps || !s->first)
        return RC_TOOBIG;
    s->keeps = false;
    s->at = s->begins;
    return RC_OK;
}

/* Behind what is kept. What finds no room ends the keeping, and nothing else. */
static void keep(struct tls_socket *s, const void *p, size_t n)
{
    size_t cap = 2 * s->cap < s->n + n ? s->n + n : 2 * s->cap;
    unsigned char *more = NULL;

    if (n > s->cap - s->n && s->n + n <= KEPT_MAX)
        more = mem_realloc(s->first, cap);
    if (more) {
        s->first = more;
        s->cap = cap;
    }
    if (n > s->cap - s->n) {
        tls_socket_settle(s);
        return;
    }
    memcpy(s->first + s->n, p, n);
    s->n += n;
    s->at = s->n;
}

void tls_socket_forget(struct tls_socket *s)
{
    mem_free(MOVE(s->first));
    s->at = s->n = s->cap = s->begins = 0;
}

static size_t take_first(struct tls_socket *s, void *p, size_t n)
{
    if (n > s->n - s->at)
        n = s->n - s->at;
    memcpy(p, s->first + s->at, n);
    s->at += n;
    if (s->at == s->n && !s->keeps)
        tls_socket_forget(s);
    return n;
}

enum rc tls_socket_read(struct tls_socket *s, void *p, size_t n, size_t *out_n)
{
    ssize_t got;

    if (s->first && s->at < s->n) {
        *out_n = take_first(s, p, n);
        return RC_OK;
    }
    got = recv(s->fd, p, n, 0);
    s->ended = got == 0;
    if (got <= 0)
        return again(got) ? RC_AGAIN : (got == 0 ? RC_CLOSED : RC_NET);
    *out_n = (size_t)got;
    if (s->keeps && s->first)
        keep(s, p, (size_t)got);
    return RC_OK;
}

enum rc tls_socket_write(const struct tls_socket *s, struct str bytes, size_t *out_n)
{
    ssize_t put = send(s->fd, bytes.p, bytes.n, MSG_NOSIGNAL | (s->more ? MSG_MORE : 0));

    if (put < 0)
        return again(put) ? RC_AGAIN : RC_NET;
    *out_n = (size_t)put;
    return RC_OK;
}

static int on_read(BIO *b, char *p, int n)
{
    size_t got = 0;
    enum rc rc;

    tls_job_mark();
    rc = tls_socket_read(BIO_get_data(b), p, (size_t)n, &got);

    BIO_clear_retry_flags(b);
    if (rc == RC_AGAIN)
        BIO_set_retry_read(b);
    return rc == RC_OK || rc == RC_CLOSED ? (int)got : -1;
}

static int on_write(BIO *b, const char *p, int n)
{
    size_t put = 0;
    enum rc rc = tls_socket_write(BIO_get_data(b), str_bytes(p, (size_t)n), &put);

    BIO_clear_retry_flags(b);
    if (rc == RC_AGAIN)
        BIO_set_retry_write(b);
    return rc == RC_OK ? (int)put : -1;
}

static long on_control(BIO *b, int what, long, void *)
{
    const struct tls_socket *s = BIO_get_data(b);

    switch (what) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return s->ended;
    default:
        return 0;
    }
}

BIO_METHOD *tls_socket_method_new(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket");

    if (m && BIO_meth_set_read(m, on_read) == 1 && BIO_meth_set_write(m, on_write) == 1 &&
        BIO_meth_set_ctrl(m, on_control) == 1)
        return m;
    BIO_meth_free(m);
    return NULL;
}

bool tls_socket_give(struct tls_socket *s, const BIO_METHOD *method, SSL *ssl)
{
    BIO *b = BIO_new(method);

    if (!b)
        return false;
    BIO_set_data(b, s);
    BIO_set_init(b, 1);
    SSL_set_bio(ssl, b, b);
    return true;
}

int tls_socket_records(SSL *ssl, char *p, size_t n, size_t *out_n)
{
    size_t more;

    if (SSL_read_ex(ssl, p, n, out_n) != 1)
        return 0;
    while (*out_n < n && SSL_has_pending(ssl) && SSL_read_ex(ssl, p + *out_n, n - *out_n, &more))
        *out_n += more;
    crypto_ossl_clear();
    return 1;
}
