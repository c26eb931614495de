/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine needs to trust this CA, given out over plain HTTP because it must work before
 * there is trust: the roots as PEM and DER below /trust/, with a page that shows their
 * fingerprints, and every authority and certificate of one by another below /issuer/, where
 * certificates point to (RFC 5280 section 4.2.2.1). Runs in core. Nothing here is secret and
 * nothing can be changed. */
#pragma once

struct ca;
struct http_exchange;

/* Answers a request below /trust/ or /issuer/; `x` is the callee's until http_finish. */
void trust_handle(const struct ca *ca, struct http_exchange *x);
