/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at servers of all ages: what tls_client (tls/client.h) shakes hands with when the point
 * is to see what there is and not to trust it. TLS 1.0 and 1.1, short keys and SHA-1 are
 * understood as far as OpenSSL was built with them. Shared by all connections. */
#pragma once

#include "base/mem.h"
#include "base/rc.h"
#include "base/str.h"

struct tls_client;
struct tls_survey;

/* Needs crypto_init. RC_NOMEM. */
enum rc tls_survey_new(struct tls_survey **out);
/* Every tls_client that was given it is freed before. */
void tls_survey_free(struct tls_survey *s);
DEFINE_FREEP(tls_survey_free, struct tls_survey)

struct tls_survey_facts {
    uint16_t version;   /* as on the wire: 0x0303, 0x0304; 0: none was agreed */
    const char *group;  /* of the key exchange, OpenSSL's name for it, constant; "": none */
    const char *cipher; /* OpenSSL's name for the suite, constant; "": none */
};
/* Of a connection, open or failed: what was agreed until then. */
struct tls_survey_facts tls_survey_facts(const struct tls_client *c);
