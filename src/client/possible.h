/* SPDX-License-Identifier: Apache-2.0 */
/* What a CA can certify, as far as its roots tell. */
#pragma once

#include "conf/profile.h"
#include "x509/cert.h"

/* Whether there is a root below which a site's key of that algorithm can stand: SM2 takes one of
 * SM2, ML-DSA one of ML-DSA of any size; everything else has the classical root that each CA has.
 */
bool client_possible(const struct x509_cert *roots, size_t n, enum conf_key_algorithm algorithm);
