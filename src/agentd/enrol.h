/* SPDX-License-Identifier: Apache-2.0 */
/* How an agent becomes one of a server's (POST /api/v1/agents/enrol), and what it asks of it over
 * HTTPS from then on. */
#pragma once

#include "agent/solver.h"
#include "agent/trust.h"
#include "agentd/home.h"
#include "client/transport.h"

enum { AGENTD_ANSWER_MAX = 256 * 1024, AGENTD_CALL_SECONDS = 60 };

/* A connection to the server, with the agent's certificate or (`nobody`) without. */
struct agentd_link {
    struct agent_trust trust;
    struct tls_identity *identity;
    struct client_transport *transport;
};
enum rc agentd_link_open(const struct agent_world *w, const struct agentd_home *h, bool nobody,
                         struct agentd_link *out, struct err *err);
void agentd_link_done(struct agentd_link *l);

/* One request, PATH below /api/v1/agents/. The callback is as client_transport_send's; what is an
 * answer and what it says is agentd_answer's to tell. */
enum rc agentd_link_post(struct agentd_link *l, const struct agentd_home *h, const char *path,
                         struct str body, client_answer_fn fn, void *arg);
/* RC_OK: 200, and the JSON object in *doc. Otherwise the server's own words. RC_AGAIN: it asks for
 * patience (429, 503). */
struct json_doc;
enum rc agentd_answer(const struct client_answer *answer, struct json_doc **doc, struct err *err);

/* {"csr", and "token" and "name" unless empty}, for the key. */
enum rc agentd_put_csr(const struct crypto_key *key, struct str token, struct str name,
                       struct buf *out, struct err *err);
/* "chain" of such an answer, with `key`, into the home. RC_PARSE: it is not for that key. */
enum rc agentd_take_chain(struct agentd_home *h, const struct json_doc *doc, struct crypto_key *key,
                          struct err *err);

struct agentd_enrolment {
    struct str server; /* "https://ca.hospital.example:8555" */
    struct str token;
    struct str name;  /* where the token names none */
    struct str roots; /* PEM; empty: this machine's */
    bool renews;
};
/* Into the home, in which nothing but the key of an earlier attempt is. Runs the loop until it has
 * ended. RC_EXISTS: it is enrolled; RC_DENIED: the token, in the server's words. */
enum rc agentd_enrol(const struct agent_world *w, struct agentd_home *h,
                     const struct agentd_enrolment *e, struct err *err);
