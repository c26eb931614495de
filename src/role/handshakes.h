/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures that a worker of the gateway asks the keeper for, where it has no keys itself. What
 * the keeper cannot take at once waits its turn, and for a new keeper when there is none, until
 * the handshake's time is up. */
#pragma once

#include "base/list.h"
#include "tls/signer.h"

struct ipc_chan;

enum { HANDSHAKES_WAITING_MAX = 16 * 1024 };

struct handshakes {
    /* For identities, which are about a letter, 'a' plus enum conf_key_algorithm, and the site. */
    struct tls_signer signer;
    struct ipc_chan *keeper; /* NULL: there is none now */
    struct list asked, waiting;
    size_t n_waiting;
};

void handshakes_init(struct handshakes *h);
/* There is a keeper, or none any more; before a call that it had not answered is told of. */
void handshakes_keeper(struct handshakes *h, struct ipc_chan *keeper);
/* When there is no connection any more. */
void handshakes_done(struct handshakes *h);
