/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as problem documents (RFC 9457, which replaced RFC 7807; RFC 8555 section 6.7 for the ACME
 * types), rendered here and nowhere else. */
#pragma once

#include "base/err.h"
#include "http/exchange.h"
#include "json/out.h"

/* What went wrong with one identifier of an order (RFC 8555 section 6.7.1). */
struct http_subproblem {
    struct err err;
    struct str identifier_type; /* "dns", "ip" */
    struct str identifier;
};

/* The HTTP status of an error: its own, else the one that belongs to its ACME type, else 500. */
int http_problem_status(const struct err *err);

/* Writes the document: type (an ACME URN when err->type is set, else "about:blank"), status,
 * detail, and the stable code of the message, which programs and translations go by. */
void http_problem_put(struct json_out *o, const struct err *err, const struct http_subproblem *subs,
                      size_t n_subs);

/* The members of an error without identifiers, inside an object of the caller's that has more. */
void http_problem_members(struct json_out *o, const struct err *err);

/* The document as a whole answer. An error without a type is the server's fault: its detail is not
 * shown. */
void http_problem(struct http_exchange *x, const struct err *err);
void http_problem_subs(struct http_exchange *x, const struct err *err,
                       const struct http_subproblem *subs, size_t n_subs);
