/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts, as core has to do with them: it knows what alert/judge.c judges, and carries out what
 * people want of them. Part of core/core_int.h. */
#pragma once

#include "core/core_int.h"

struct core_alerts;

enum rc core_alerts_new(struct core *core);
void core_alerts_courier(struct core *core, struct ipc_chan *chan);
void core_alerts_runner(struct core *core, struct ipc_chan *chan);
/* core->conf is another one. */
void core_alerts_conf(struct core *core);
/* Nothing new is begun. What is on its way to a receiver may come to its end for
 * CORE_ALERTS_SECONDS: so long core_alerts_busy. */
void core_alerts_stop(struct core *core);
bool core_alerts_busy(const struct core *core);
enum { CORE_ALERTS_SECONDS = 5 };
/* When the store is closed. */
void core_alerts_free(struct core *core);

/* alert_agents.c: what the last reports of agents tell, into the facts, with texts in the arena. */
struct alert_facts;
enum rc core_alert_agents(const struct api_view *v, struct arena *a, struct alert_facts *f);

/* Admin commands. `alert ack` {"id"}: nobody is told of it again unless it becomes worse; the
 * alert. `alert silence` {"kind","object","owner","until"}, one of the first three at least: nobody
 * is told of what all of them fit. `alert unsilence` {"id"}. The silence. */
void core_alert_ack(struct core *core, struct ipc_req *req, const struct json *args,
                    struct core_who who);
void core_alert_silence(struct core *core, struct ipc_req *req, const struct json *args,
                        struct core_who who);
void core_alert_unsilence(struct core *core, struct ipc_req *req, const struct json *args,
                          struct core_who who);
/* `alert test` {"receiver"}: tells it something harmless, now and once; ends `req` with
 * {"receiver","delivery","answer"}, or with why it does not have it. */
void core_alert_test(struct core *core, struct ipc_req *req, const struct json *args,
                     struct core_who who);
/* There is something new to deliver. */
void core_alerts_queued(struct core *core);

/* Of the reports of months (shelf/shelf.h). `report file` {"month","name"}: the file as it is, by
 * HTTP alone. `report mail` {"receiver","month"}: {"receiver","recipients","mailed":[month...]};
 * without a month what came after the last one that this receiver was mailed. */
void core_report_file(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who);
void core_report_mail(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who);
