/* SPDX-License-Identifier: Apache-2.0 */
/* Agents on other hosts. An administrator makes a token, which is good once; by it a host enrols,
 * and has a certificate of this CA for its own key, by which it reports from then on and renews
 * that certificate. Whoever shows it is that agent and nobody else: it can say things about itself,
 * and hear whether it was asked to renew.
 *
 * The certificate is known by its row: `origin` is CORE_AGENT_ORIGIN, which nothing else issues
 * with, and its one name begins with the agent's id. */
#pragma once

#include "core/core_int.h"

enum {
    CORE_AGENT_TOKEN_BYTES = 32,
    CORE_AGENT_NAME_MAX = 64,
    CORE_AGENT_REVOKED_MAX = 1000, /* certificates that end with an agent */
};
#define CORE_AGENT_ORIGIN "agent"
#define CORE_AGENT_TOKEN_PREFIX "aat_"
#define CORE_AGENT_TOKEN_LIFE WHEN_DAY
#define CORE_AGENT_TOKEN_LIFE_MAX (30 * WHEN_DAY)
#define CORE_AGENT_REPORT_PAUSE (20 * WHEN_SECOND) /* between two reports of one agent */
#define CORE_AGENT_ENROL_PAUSE (WHEN_MINUTE)       /* until the same may be asked for again */
#define CORE_AGENT_RENEW_PAUSE (12 * WHEN_HOUR)    /* between two certificates of one agent */

/* ---- agents.c: commands */

/* `agent token`, args {"name","within"}: answers "token", once. `agent remove` {"name"}: an agent,
 * whose certificates are revoked, or by its id a token that was not used yet. `agent renew`
 * {"name"}: it is asked to renew all that it keeps. */
void core_agent_token(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who);
void core_agent_remove(struct core *core, struct ipc_req *req, const struct json *args,
                       struct core_who who);
void core_agent_renew(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who);
/* All certificates of an agent have this as their lineage; in the arena. RC_NOMEM. */
enum rc core_agent_lineage(const struct id *agent, struct arena *a, struct str *out);

/* ---- agent_calls.c: what agents ask for */

/* POST, with JSON: /api/v1/agents/enrol {"token","csr","name"}: {"agent","name","chain" (PEM),
 * "not_after"}; by the same key again until it has reported, for an answer may be lost.
 * /api/v1/agents/self, by the certificate: api/agent_report.h; {} or {"renew": number of a wish}.
 * /api/v1/agents/self/certificate, by it as well: {"csr"}: as enrol. */
#define CORE_AGENTS CORE_API "agents/"
/* Ends `req`. */
void core_agent_call(struct core *core, struct ipc_req *req, const struct ipc_http *msg);
