/* SPDX-License-Identifier: Apache-2.0 */
/* What a challenge (authorization.c) asks of validation.c: the first attempt, while its client
 * waits. */
#pragma once

#include "acme/acme_int.h"

/* A place for an attempt at once, to be taken before its challenge is claimed in a job; NULL: it
 * has to wait for its turn in the store, as due work. */
struct acme_attempt;
struct acme_attempt *acme_validation_place(struct acme *a, const struct id *account);
/* The first attempt starts before anything of it is on disk; `challenge` has its thumbprint. What
 * the prober says within ACME_SETTLE is written together with the claim, and `settled` tells how
 * the challenge stands. Else the claim alone is written, as processing, and the attempt goes on
 * without the request. Nothing else may touch `r` until `settled` comes, once and never from
 * inside: RC_OK with the challenge, or with NULL when somebody else changed it and the store says
 * how it stands; else the failure of the job. When this function fails, the place is free again. */
typedef void (*acme_settled)(struct acme_request *r, enum rc rc, const struct store_challenge *out);
enum rc acme_validation_start(struct acme_attempt *t, struct acme_request *r,
                              const struct store_challenge *challenge,
                              const struct store_authorization *authorization,
                              acme_settled settled);
/* True when an attempt at it is under way, whoever asked; a claim that is not written yet is
 * written now, before whatever is written next. */
bool acme_validation_joins(struct acme *a, const struct id *challenge);
