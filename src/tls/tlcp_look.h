/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end of one TLCP handshake (tlcp/conn.h) in the loop, with a stranger, for looking at
 * what is there: the certificates are taken as they are, unverified, and nothing is sent behind it.
 * SIGPIPE must be ignored in the process. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

struct ev;
struct tls_tlcp_look;
struct tlcp_conn;

struct tls_tlcp_look_conf {
    struct ev *ev;
    struct str server_name; /* empty: none is sent; outlives it */
    const uint16_t *suites; /* NULL: ECC alone; outlives it */
    size_t n_suites;
    /* Called once, never from inside tls_tlcp_look_new, and the look may be freed in it. RC_OK: the
     * handshake is done, so the server has both its keys; otherwise as tlcp_conn_shake. There is no
     * time limit: that is the caller's. */
    void (*on_end)(void *arg, enum rc rc, const struct err *err);
    void *arg;
};

/* Takes over `fd`, a connected nonblocking socket, also on failure, and shakes hands. Needs
 * crypto_init. RC_INVAL or RC_TOOBIG for the name, RC_NOMEM, RC_IO, RC_CRYPTO. */
enum rc tls_tlcp_look_new(const struct tls_tlcp_look_conf *conf, int fd,
                          struct tls_tlcp_look **out);
/* Closes at once, without a word. */
void tls_tlcp_look_free(struct tls_tlcp_look *l);
DEFINE_FREEP(tls_tlcp_look_free, struct tls_tlcp_look)

/* Once it has ended: borrowed. After a handshake that failed it has what came before it did. */
const struct tlcp_conn *tls_tlcp_look_conn(const struct tls_tlcp_look *l);
/* All that the server showed, as PEM, appended, in the order of GB/T 38636 section 6.4.5.3 however
 * it came: the one that signs, the one that is encrypted to, the others. RC_NOTFOUND without both;
 * RC_NOMEM, RC_TOOBIG. */
enum rc tls_tlcp_look_chain(const struct tls_tlcp_look *l, struct buf *out_pem);
