/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that must not leak: locked in memory where the limit allows, left out of core dumps, wiped
 * when freed. No copy function on purpose, never a struct str in a log. Processes that hold one:
 * signer, core (the key of account bindings), keeper, gateway (keys of session tickets), the
 * agent's key process, init. */
#pragma once

#include "base/mem.h"
#include "base/str.h"

struct secret;

enum { SECRET_MAX = 64 * 1024 };

/* `n` zero bytes, 1 to SECRET_MAX (else RC_INVAL), between two pages that fault. */
enum rc secret_new(size_t n, struct secret **out);
void secret_free(struct secret *s);
DEFINE_FREEP(secret_free, struct secret)
/* For filling and using; borrowed. */
unsigned char *secret_bytes(struct secret *s);
size_t secret_len(const struct secret *s);
/* Shortens it (a passphrase without its newline), wiping what is cut off. */
void secret_trim(struct secret *s, size_t n);
