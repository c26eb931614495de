/* SPDX-License-Identifier: Apache-2.0 */
/* The dashboard's requests, below /ui/ of the api listener: signing in and out, pages. Read only.
 * Runs in core; what a page shows is gathered by the caller, who asks other processes. */
#pragma once

#include "operators/known.h"
#include "ui/page.h"
#include "ui/session.h"

struct http_exchange;

struct ui;

/* Somebody who tries to sign in with a password; lives in the exchange's memory. */
struct ui_try {
    struct ui *ui;
    struct http_exchange *x;
    struct str user, password, code; /* as they came */
    struct str known;                /* the cookie of an earlier sign-in; empty: none */
    bool shown;                      /* with the certificate that was shown, and none of these */
    when_t now;
    struct ui_user is;                /* to be filled by who checks, as the next */
    char knows[OPERATORS_KNOWN_TEXT]; /* of operators/known.h, to be kept by the browser */
    when_t until;                     /* of RC_QUOTA: when to try again */
    /* Ends it: RC_OK, and `is` has a session; RC_DENIED, and nobody learns why; RC_QUOTA; else it
     * could not be told. */
    void (*then)(struct ui_try *t, enum rc rc);
};

struct ui_options {
    /* Gathers what the overview shows and ends in ui_reply, now or later. `under` is the
     * domain looked for, or empty; both texts live as long as `x`. */
    void (*overview)(void *arg, struct http_exchange *x, struct str under, struct str form);
    /* Puts the sign-in on record, then calls `then` with what became of that. */
    void (*signed_in)(void *arg, struct http_exchange *x,
                      void (*then)(struct http_exchange *x, enum rc rc));
    /* Checks, puts what came of it on record, then calls t->then, now or later. */
    void (*check)(void *arg, struct ui_try *t);
    /* The user whose certificate the client has shown; false: none. */
    bool (*shown)(void *arg, const struct http_exchange *x,
                  char name[static OPERATORS_NAME_MAX + 1]);
    /* Whether that certificate is still good for that user. */
    bool (*holds)(void *arg, const struct ui_user *user);
    void *arg;
};

struct ui {
    struct ui_options options;
    struct ui_sessions sessions;
};

/* The session of the cookie among those of the header, now seen; NULL: none. Borrowed until the
 * next call. */
struct ui_session *ui_session_of(struct ui *ui, struct str cookies, when_t now);
/* Whether a browser says that a page of this very host made it send this: `origin` and `host` are
 * the request's headers (RFC 6454 section 7). */
bool ui_same_origin(struct str origin, struct str host);
/* Whether a browser says that another site made it send this, by Origin or Sec-Fetch-Site. What
 * says nothing is no browser. */
bool ui_from_elsewhere(struct str origin, struct str site, struct str host);
/* Answers it; `x` is the callee's until http_finish. */
void ui_handle(struct ui *ui, struct http_exchange *x, when_t now);
/* Writes the page, after which `in` is not needed; then answers with it. */
void ui_put_overview(struct http_exchange *x, const struct ui_overview *in);
void ui_reply(struct http_exchange *x);
