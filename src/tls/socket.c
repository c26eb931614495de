/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls_int.h"

#include <errno.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

/* Enough for most ClientHellos: what is longer costs one more system call. */
enum { FIRST_MAX = 2048 };

static bool again(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

enum rc tls_socket_look(struct tls_socket *s, struct str *out)
{
    ssize_t n;

    if (!s->first && !(s->first = mem_alloc(FIRST_MAX)))
        return RC_NOMEM;
    n = recv(s->fd, s->first + s->n, FIRST_MAX - s->n, 0);
    if (again(n))
        return RC_AGAIN;
    if (n <= 0)
        return n == 0 ? RC_CLOSED : RC_NET;
    s->n += (size_t)n;
    *out = str_bytes(s->first, s->n);
    return RC_OK;
}

void tls_socket_forget(struct tls_socket *s)
{
    mem_free(MOVE(s->first));
    s->at = s->n = 0;
}

static int take_first(struct tls_socket *s, char *p, size_t n)
{
    if (n > s->n - s->at)
        n = s->n - s->at;
    memcpy(p, s->first + s->at, n);
    s->at += n;
    if (s->at == s->n)
        tls_socket_forget(s);
    return (int)n;
}

static int on_read(BIO *b, char *p, int n)
{
    struct tls_socket *s = BIO_get_data(b);
    ssize_t got;

    BIO_clear_retry_flags(b);
    if (s->first)
        return take_first(s, p, (size_t)n);
    got = recv(s->fd, p, (size_t)n, 0);
    if (again(got))
        BIO_set_retry_read(b);
    s->ended = got == 0;
    return (int)got;
}

static int on_write(BIO *b, const char *p, int n)
{
    const struct tls_socket *s = BIO_get_data(b);
    ssize_t put = send(s->fd, p, (size_t)n, MSG_NOSIGNAL);

    BIO_clear_retry_flags(b);
    if (again(put))
        BIO_set_retry_write(b);
    return (int)put;
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
