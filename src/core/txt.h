/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts of the server of TXT records, as clients of acme-dns and httpreq see them:
 *
 *   POST /acme-dns/register   a new account, from where txt.allow says
 *   POST /acme-dns/update     X-Api-User, X-Api-Key: a value for the account's name
 *   GET  /acme-dns/health
 *   POST /httpreq/present, /httpreq/cleanup   the same with Basic, and away again
 *
 * A change is on disk first, then with the role txt, and only then answered. */
#pragma once

#include "core/core_int.h"
#include "http/exchange.h"
#include "ipc/chan.h"

enum {
    CORE_TXT_SECONDS = 5,       /* until txt has a change; then the client is told to come again */
    CORE_TXT_AGAIN = 1,         /* seconds, when txt could not be told everything */
    CORE_TXT_CHANGES_MAX = 128, /* under way; more are told to come again */
};

/* RC_NOMEM. */
enum rc core_txt_new(struct core *core);
/* Tells txt nothing any more; core_txt_free comes when the store is closed. */
void core_txt_stop(struct core *core);
void core_txt_free(struct core *core);
/* The channel to txt is now that one, or NULL: a fresh one is told everything. */
void core_txt_server(struct core *core, struct ipc_chan *chan);
/* An account is gone: txt is told everything anew. */
void core_txt_forget(struct core *core);
/* Admin command `txt remove`; args {"name": its label, or its name in the zone}. Ends `req` as
 * core/change.h says. RC_NOTFOUND. */
void core_txt_remove(struct core *core, struct ipc_req *req, const struct json *args,
                     struct core_who who);
/* Is this request about them, and is there a zone? */
bool core_txt_serves(const struct core *core, const struct http_exchange *x);
void core_txt_handle(struct core *core, struct http_exchange *x);
