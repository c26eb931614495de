/* SPDX-License-Identifier: Apache-2.0 */
/* When to renew, and when to try again: pure but for the dice, whose result is kept in a plain
 * struct that the caller persists, so that a restart changes no time. */
#pragma once

#include "client/documents.h"

/* By lifetime: at about two thirds of it, or half of a short one, a tenth of the lifetime wide, so
 * that certificates which were issued together are not renewed together. */
#define CLIENT_SHORT_LIFE (10 * WHEN_DAY)
/* Between looks at ARI, where the server names no time; and what it may name. */
#define CLIENT_LOOK_EVERY (6 * WHEN_HOUR)
#define CLIENT_LOOK_LEAST WHEN_MINUTE
#define CLIENT_LOOK_MOST WHEN_DAY

struct client_renewal {
    when_t due;                      /* renew then; 0: there is nothing to renew */
    when_t look_at;                  /* ask for ARI then; 0: not */
    when_t window_start, window_end; /* what it said last; 0: nothing */
    when_t least; /* nothing that ARI says makes it earlier: a tenth of the lifetime, a day at most,
                     after it was obtained, so that a server which always says "now" gets no endless
                     orders */
};

/* A new certificate: by its lifetime, and `look_at` at once if there is ARI (`looks`). */
void client_renewal_plan(struct client_renewal *r, when_t not_before, when_t not_after, bool looks,
                         when_t now);
/* What ARI said (RFC 9773 section 4.2): a random time in its window, kept as long as the window
 * stays the same; a window that is past means now. */
void client_renewal_window(struct client_renewal *r, const struct client_window *window,
                           when_t retry_at, when_t now);
/* ARI could not be asked: what was planned stays. */
void client_renewal_unknown(struct client_renewal *r, when_t now);

/* Why a server issued nothing. */
struct client_trouble {
    enum rc rc;
    bool ill;        /* as client_result.ill; or it was not reached when its root was looked for */
    when_t retry_at; /* 0: it named no time */
};

enum { CLIENT_PATIENCE_HOURS = 6 }; /* of a server that is too busy and names no time */

/* Whether a second one is asked. It is for one that ails, and for one that asks for more patience
 * than the certificate in place has, which can wait until `latest` (0: there is none); persons that
 * have not decided (RC_AGAIN) have until then. It is not
 * for what the first one refuses, nor for proofs that are not made or not found: the second would
 * do the same. Nor is it, before there has been a certificate, for a server that is not trusted
 * (RC_CRYPTO): its roots are missing. */
bool client_falls_back(const struct client_trouble *t, when_t latest, when_t now);

/* The pause after the n-th failure in a row, from 1: `first` doubled n - 1 times, at most `most`,
 * give or take a quarter. */
int64_t client_backoff(unsigned n, int64_t first, int64_t most);
