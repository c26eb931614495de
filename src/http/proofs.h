/* SPDX-License-Identifier: Apache-2.0 */
/* What proves control of names by http-01 (RFC 8555 section 8.3): a small table of answers, of
 * whoever serves /.well-known/acme-challenge/ for names of others. */
#pragma once

#include "base/list.h"
#include "base/rc.h"
#include "base/str.h"

enum { HTTP_PROOFS_MAX = 64, HTTP_PROOF_MAX = 1024 /* bytes of a token, of an answer */ };

struct http_proofs {
    struct list list;
    size_t n;
};

void http_proofs_init(struct http_proofs *p);
/* Shown from now on; RC_OK where it is already. RC_QUOTA past HTTP_PROOFS_MAX, RC_INVAL: a token
 * that is none, RC_TOOBIG, RC_NOMEM. */
enum rc http_proofs_add(struct http_proofs *p, struct str host, struct str token,
                        struct str answer);
void http_proofs_remove(struct http_proofs *p, struct str host, struct str answer);
/* What is answered when `host` (a name without port) is asked for that path; n == 0: nothing.
 * Borrowed until the next change. */
struct str http_proofs_find(const struct http_proofs *p, struct str host, struct str path);
/* Of all names; also of a table that was never used. */
void http_proofs_clear(struct http_proofs *p);
