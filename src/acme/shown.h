/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate that a client shows, as the policy's rules may name it. */
#pragma once

#include "acme/acme_int.h"

/* Sets r->shown, where some rule or group is about certificates of clients. One
 * that does not count is as none: the request may need none. */
enum rc acme_shown_look(struct acme_request *r);
/* Nothing is judged by it: an order that renews itself will show none. */
void acme_shown_forget(struct acme_request *r);
