/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts, as people and programs ask for them. Runs in core; read only. */
#pragma once

#include "api/admin.h"
#include "store/alerts.h"

struct store_delivery;

/* {"items":[{"id","key","kind","severity","object","summary","action","owner","team","ends",
 * "started","updated","resolved","acked":{"at","by","reason"}}...],"next": cursor or null, and on
 * the first page "silences": all that hold, as the next has them}; what there is not is left out.
 * Arguments: limit, cursor, kind, owner, over (true: those that are over, the last first). */
enum rc api_alert_list(const struct api_view *v, const struct json *args, struct json_out *o,
                       struct err *err);
/* {"items":[{"id","kind","object","owner","until","reason","set_by","set"}...],"next"}: silences
 * that hold, in the order in which they were set. Arguments: limit, cursor. */
enum rc api_alert_silences(const struct api_view *v, const struct json *args, struct json_out *o,
                           struct err *err);
/* {"id"}: what the list has, and "told":[{"receiver","left" (seconds; null: at the beginning, or of
 * its end),"over","at","delivery","delivered","attempts","error"}...]. RC_NOTFOUND. */
enum rc api_alert_show(const struct api_view *v, const struct json *args, struct json_out *o,
                       struct err *err);
/* {"items":[{"id","receiver","subject","created","attempts","next","delivered","given_up","error"}
 * ...],"next": cursor or null}, the newest first. Arguments: limit, cursor. */
enum rc api_alert_deliveries(const struct api_view *v, const struct json *args, struct json_out *o,
                             struct err *err);

void api_alert_put(struct json_out *o, const struct store_alert *alert);
void api_silence_put(struct json_out *o, const struct store_silence *silence);
/* For status: {"warning","critical","waiting","failing","oldest"}. */
void api_alerts_put(const struct api_view *v, struct json_out *o);
/* For doctor: a sentence, the state, and the cure or NULL. */
const char *api_alerts_judge(const struct api_view *v, struct buf *out, const char **out_cure);
