/* SPDX-License-Identifier: Apache-2.0 */
/* What an issuer of the intranet is made for, and when another one has to take its place. */
#pragma once

#include "conf/conf.h"
#include "x509/cert.h"

/* What it is permitted (RFC 5280 section 4.2.1.10): the domain, the internal suffixes, the single
 * names, the reserved addresses, mail at and below the domain. Lists in the arena. */
enum rc ca_bounds(const struct conf *conf, struct arena *a, struct x509_constraints *out);
/* One made now would be permitted the same as this one. */
bool ca_bounds_same(const struct conf *conf, const struct x509_cert *issuer);

enum ca_due {
    CA_NOT_DUE,
    CA_DUE_END,    /* its end is near: ca.rotation.before, or half of its life */
    CA_DUE_BOUNDS, /* it is made for other names than the configuration has */
};

/* Of an issuer that signs and has no successor. */
enum ca_due ca_due(const struct conf *conf, const struct x509_cert *issuer, bool special,
                   when_t now);
