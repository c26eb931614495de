/* SPDX-License-Identifier: Apache-2.0 */
/* The dashboard's pages as HTML: no script, nothing loaded from elsewhere, all text from outside
 * escaped. They show what the API's answers (api/admin.h) hold and know nothing else. Pure. */
#pragma once

#include "base/buf.h"
#include "base/when.h"
#include "json/json.h"

struct ui_overview {
    const struct json *status;   /* api_status; NULL, as the others: not known now */
    const struct json *doctor;   /* api_doctor */
    const struct json *sites;    /* of `site list` */
    const struct json *expiring; /* api_cert_list, the soonest first */
    const struct json *certs;    /* api_cert_list, the newest first, or what was looked for */
    struct str search;           /* the name looked for; empty: none */
    struct str form;             /* token of the session's forms */
    when_t now;
};

/* /ui/plain: is anything wrong, the sites, the certificates, for browsers that run no script. */
void ui_page_overview(const struct ui_overview *in, struct buf *out);
/* Behind the one-time link: a button, so that programs that follow links do not use it up. */
void ui_page_sign_in(struct str token, struct buf *out);
/* Who has no session can sign in with a password, or learns of links; `why` may be empty. So may
 * `shown`, the user whose certificate was shown. */
void ui_page_signed_out(const char *why, const char *shown, struct buf *out);
