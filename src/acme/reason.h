/* SPDX-License-Identifier: Apache-2.0 */
/* Why a certificate is, for the register and the trail (conf_rule.reason). */
#pragma once

#include "acme/parts_int.h"

struct approval;

/* The reason of the key that the account was made with. RC_DENIED with its problem where a rule
 * wants one, this has none, and no approval is to bring one. */
enum rc acme_reason_look(struct acme_request *r, const struct policy_whole *w,
                         struct acme_judged *out);
/* The same of those who granted the approval, into `*reason`, where they gave one; RC_DENIED with
 * its problem where `wanted` and there is none at all. */
enum rc acme_reason_of_approval(struct acme_request *r, const struct approval *c, bool wanted,
                                struct str *reason);
