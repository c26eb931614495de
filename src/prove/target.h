/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be looked at, as a person writes it. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "starttls/starttls.h"

struct prove_target {
    const struct starttls_protocol *protocol; /* NULL: TLS, or TLCP, from the first byte */
    bool tlcp;
    struct str host; /* empty: every name of the certificate */
    uint16_t port;
};

/* "[PROTOCOL:][HOST:]PORT", an IPv6 address in brackets; "tls" and "tlcp" are protocols, too. *out
 * borrows from `text`. RC_INVAL with what is wrong. */
enum rc prove_target_parse(struct str text, struct prove_target *out, struct err *err);
