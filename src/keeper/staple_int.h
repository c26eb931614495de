/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP answers (RFC 6960) that the gateway's workers show with certificates: a part of each slot.
 */
#pragma once

#include "base/list.h"
#include "base/shared.h"
#include "base/when.h"
#include "client/staple.h"
#include "ipc/site_messages.h"

struct client_exchange;
struct keeper;
struct keeper_slot;
struct x509_cert;

enum {
    KEEPER_STAPLES_MAX = 2,           /* asked for at a time; orders need the way, too */
    KEEPER_STAPLE_MAX = 16 * 1024,    /* bytes of one, as ipc/site_messages.c has it */
    KEEPER_STAPLE_SECONDS = 30,       /* for one */
    KEEPER_STAPLE_SECONDS_FIRST = 10, /* after a failure; doubling ... */
    KEEPER_STAPLE_SECONDS_LAST = 600, /* ... up to this */
    KEEPER_STAPLE_AWAIT_SECONDS = 10, /* a certificate that must be shown with one waits for it */
    KEEPER_STAPLE_PATH_MAX = 80,
};

/* The OCSP answer that is shown with a certificate. */
struct keeper_staple {
    struct shared *path;         /* of the responder; NULL: the certificate names none */
    struct buf der;              /* empty: none yet; otherwise verified */
    struct client_staple said;   /* by it */
    bool must;                   /* the certificate is no good without one (RFC 7633) */
    when_t awaited_until;        /* it is kept from the workers so long */
    when_t next_at;              /* the next is asked for */
    unsigned tries, failures;    /* in a row */
    struct client_exchange *ask; /* under way */
    struct list link;            /* in keeper.staples while queued */
    bool queued;
};

/* The path of the responder of a certificate for that slot; NULL: it has none that we ask.
 * RC_NOMEM. */
enum rc keeper_staple_responder(const struct keeper_slot *slot, const struct x509_cert *leaf,
                                struct shared **out);
/* Of SM2 only the one that signs is ever shown with one, and where the site has `tls_sm`: TLCP has
 * no such thing. A certificate that is in force already gets an answer, or loses it, when that
 * changes; without memory it is as it was, which is logged. */
void keeper_staple_shown(struct keeper_slot *slot, bool tls_sm);
/* The certificate is in force; its answer is asked for. Before it: keeper_staple_drop. `path` is
 * taken over. */
void keeper_staple_begin(struct keeper_slot *slot, struct shared *path, bool must);
void keeper_staple_drop(struct keeper_slot *slot);
enum ipc_staple keeper_staple_state(const struct keeper_slot *slot);
/* It has to be shown with one that is on its way: for the moment the workers keep what they have.
 */
bool keeper_staple_awaited(const struct keeper_slot *slot);
/* As keeper_issue_reached. */
void keeper_staple_reached(struct keeper *k);
void keeper_staple_init(struct keeper *k);
void keeper_staple_stop(struct keeper *k);
