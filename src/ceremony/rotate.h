/* SPDX-License-Identifier: Apache-2.0 */
/* When an issuer is to be replaced, and by what: decided from the register, the configuration and
 * the time alone. */
#pragma once

#include "ceremony/make.h"

enum ceremony_due {
    CEREMONY_NOT_DUE,
    CEREMONY_DUE_END,    /* its end is near: ca.rotation.before, or half of its life */
    CEREMONY_DUE_BOUNDS, /* it is made for other names than the configuration has */
};

/* Of an issuer that signs leaves and has no successor yet. */
enum ceremony_due ceremony_rotation_due(const struct conf *conf, const struct store_issuer *rows,
                                        size_t n, const struct store_issuer *issuer, when_t now);
/* The number behind the greatest there is of that kind. */
unsigned ceremony_next_number(const struct store_issuer *rows, size_t n, const struct ca_ref *like);

/* Makes the replacement of a known issuer, or of those of `made`'s register that are due; the
 * change gets their rows and the date at which the old one stops. The new one signs at once when
 * `at_once`, or when the old one is not made for the names of the configuration; else after
 * ca.rotation.overlap. */
enum rc ceremony_rotate(const struct ceremony *c, const struct store_issuer *old, bool at_once,
                        struct ceremony_made *m, struct ca_change *change, struct err *err);
