/* SPDX-License-Identifier: Apache-2.0 */
/* Agents on other hosts, as they are shown. */
#pragma once

#include "api/admin.h"
#include "store/agents.h"

/* The members of an agent: "id","name","enrolled","enrolled_by","reported" and, once it has,
 * "address","version","certificates","failing","unproven","next","skew_ms"; "state": "new" (it has
 * never reported), "silent" (agents.silent has passed since it was heard of), "failing" or "good";
 * "renewal_asked" while it has not heard that. */
void api_agent_put(struct json_out *o, const struct api_view *v, const struct store_agent *agent);
void api_agent_token_put(struct json_out *o, const struct store_agent_token *token);

/* `args`: {"limit","cursor"}: {"items":[...],"next": cursor or null,"agents","silent","failing"
 * (how many there are), "enabled", and on the first page "tokens":[{"id","name","created",
 * "created_by","expires"}...], those that can still be used, STORE_AGENT_TOKENS_LIST of them, the
 * newest}. RC_INVAL. */
enum rc api_agent_list(const struct api_view *v, const struct json *args, struct json_out *o,
                       struct err *err);
/* `args`: {"limit","cursor"}: {"items":[...] of all such tokens, the newest first, "next"}.
 * RC_INVAL. */
enum rc api_agent_tokens(const struct api_view *v, const struct json *args, struct json_out *o,
                         struct err *err);
/* {"name"} (or its id): the same members, and "certificate" (serial number of its own), "report" as
 * api/agent_report.h keeps it, or null. RC_NOTFOUND. */
enum rc api_agent_show(const struct api_view *v, const struct json *args, struct json_out *o,
                       struct err *err);
/* By "name", which may be its id. RC_NOTFOUND, also when it was removed. */
enum rc api_agent_find(const struct api_view *v, const struct json *args, struct arena *a,
                       struct store_agent *out, struct err *err);
