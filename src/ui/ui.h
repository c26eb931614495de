/* SPDX-License-Identifier: Apache-2.0 */
/* The dashboard's requests, below /ui/ of the api listener: one-time link, session, pages. Read
 * only. Runs in core; what a page shows is gathered by the caller, who asks other processes. */
#pragma once

#include "ui/page.h"
#include "ui/session.h"

struct http_exchange;

struct ui_options {
    /* Gathers what the overview shows and ends in ui_reply, now or later. `under` is the
     * domain looked for, or empty; both texts live as long as `x`. */
    void (*overview)(void *arg, struct http_exchange *x, struct str under, struct str form);
    /* Puts the sign-in on record, then calls `then` with what became of that. */
    void (*signed_in)(void *arg, struct http_exchange *x,
                      void (*then)(struct http_exchange *x, enum rc rc));
    void *arg;
};

struct ui {
    struct ui_options options;
    struct ui_sessions sessions;
};

/* Answers it; `x` is the callee's until http_finish. */
void ui_handle(struct ui *ui, struct http_exchange *x, when_t now);
/* Writes the page, after which `in` is not needed; then answers with it. */
void ui_put_overview(struct http_exchange *x, const struct ui_overview *in);
void ui_reply(struct http_exchange *x);
