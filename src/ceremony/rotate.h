/* SPDX-License-Identifier: Apache-2.0 */
/* When an issuer is to be replaced, and by what: decided from the register, the configuration and
 * the time alone. */
#pragma once

#include "ca/bounds.h"
#include "ceremony/make.h"

/* Of one that signs leaves and has no successor yet; else CA_NOT_DUE. */
enum ca_due ceremony_rotation_due(const struct conf *conf, const struct store_issuer *rows,
                                  size_t n, const struct store_issuer *issuer, when_t now);
/* The number behind the greatest there is of that kind. */
unsigned ceremony_next_number(const struct store_issuer *rows, size_t n, const struct ca_ref *like);

/* The first from there on that nothing made here has, and no file in root/ or ca/: a command that
 * was interrupted leaves some, and requests wait there for their root. */
unsigned ceremony_free_number(const struct ceremony *c, const struct ceremony_made *m,
                              const struct ca_ref *like);

/* RC_INVAL a root, RC_CONFLICT one that signs nothing; else its reference, parsed. */
enum rc ceremony_replaceable(const struct store_issuer *old, when_t now, struct ca_ref *out,
                             struct err *err);
/* When the replacement signs and the old one stops: now when `at_once`, when the old one is not
 * made for the names of the configuration, or when it would end sooner; else after
 * ca.rotation.overlap. */
when_t ceremony_takes_over(const struct conf *conf, const struct store_issuer *old, bool at_once,
                           when_t now);

/* Makes the replacement of a known issuer; the change gets its row, and the date at which the old
 * one stops. As the two above, and as ceremony_make_issuer. */
enum rc ceremony_rotate(const struct ceremony *c, const struct store_issuer *old, bool at_once,
                        struct ceremony_made *m, struct ca_change *change, struct err *err);
