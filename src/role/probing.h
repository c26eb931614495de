/* SPDX-License-Identifier: Apache-2.0 */
/* Validations and looks asked for over a channel, and answered there: what the prober of this host
 * (prober.c) and one on another host (remote/) have in common. */
#pragma once

#include "ipc/chan.h"
#include "validate/validate.h"

struct ipc_preflight;
struct ipc_validate;

/* Embedded in its owner. */
struct probing {
    struct validator *validator;
    bool closed;               /* nothing is begun any more: RC_CLOSED */
    void (*on_end)(void *arg); /* something has ended, whatever the result; NULL: nobody asks */
    void *arg;
};

/* Each takes over `req` and answers it, now or later. */
void probing_validate(struct probing *p, struct ipc_req *req, const struct ipc_validate *m);
void probing_look(struct probing *p, struct ipc_req *req, const struct ipc_preflight *m);
