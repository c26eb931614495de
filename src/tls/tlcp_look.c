/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tlcp_look.h"

#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "ev/ev.h"
#include "tlcp/conn.h"
#include "tls/tls_int.h"

struct tls_tlcp_look {
    struct tls_socket socket;
    struct tlcp_conn *conn;
    struct ev_fd *watch;
    void (*on_end)(void *arg, enum rc rc, const struct err *err);
    void *arg;
};

void tls_tlcp_look_free(struct tls_tlcp_look *l)
{
    if (!l)
        return;
    ev_fd_free(l->watch);
    tlcp_conn_free(l->conn);
    fd_close(&l->socket.fd);
    mem_free(l);
}

static void on_event(void *arg, unsigned)
{
    struct tls_tlcp_look *l = arg;
    struct err err = ERR_INIT;
    uint8_t needs = 0;
    enum rc rc = tls_tlcp_shake(l->conn, &l->socket, &needs, &err);

    ev_fd_watch(l->watch, rc == RC_AGAIN ? needs : 0);
    if (rc != RC_AGAIN)
        l->on_end(l->arg, rc, &err);
}

enum rc tls_tlcp_look_new(const struct tls_tlcp_look_conf *conf, int fd, struct tls_tlcp_look **out)
{
    CLEANUP(tls_tlcp_look_freep) struct tls_tlcp_look *l = MEM_NEW(struct tls_tlcp_look);
    const struct tlcp_client_conf client = {
        .server_name = conf->server_name, .suites = conf->suites, .n_suites = conf->n_suites};

    if (!l) {
        close(fd);
        return RC_NOMEM;
    }
    l->socket.fd = fd;
    l->on_end = conf->on_end;
    l->arg = conf->arg;
    TRY(tlcp_client_new(&client, &l->conn));
    TRY(ev_fd_new(conf->ev, fd, on_event, l, &l->watch));
    ev_fd_watch(l->watch, EV_WRITE); /* at once, for it is connected */
    *out = MOVE(l);
    return RC_OK;
}

const struct tlcp_conn *tls_tlcp_look_conn(const struct tls_tlcp_look *l)
{
    return l->conn;
}

enum rc tls_tlcp_look_chain(const struct tls_tlcp_look *l, struct buf *out_pem)
{
    size_t encrypts = 0;
    struct str der;

    TRY(tlcp_conn_encryption(l->conn, &encrypts));
    text_pem(out_pem, STR("CERTIFICATE"), tlcp_conn_certificate(l->conn, 0));
    text_pem(out_pem, STR("CERTIFICATE"), tlcp_conn_certificate(l->conn, encrypts));
    for (size_t i = 1; (der = tlcp_conn_certificate(l->conn, i)).n; i++)
        if (i != encrypts)
            text_pem(out_pem, STR("CERTIFICATE"), der);
    return buf_rc(out_pem);
}
