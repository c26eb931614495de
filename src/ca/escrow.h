/* SPDX-License-Identifier: Apache-2.0 */
/* The key of escrow (ca.escrow): public, SM2, and its private half is where the organisation keeps
 * it, never here. Keys that the CA makes are sealed to it (x509/envelope.h), and kept with the
 * certificate (store/escrows.h). Runs in core, which makes those keys, and in `config check`. */
#pragma once

#include "base/err.h"

struct conf;
struct crypto_key;

/* NULL where the configuration has none; otherwise the caller's. RC_INVAL, naming the file, for
 * what is no public key of SM2 on its curve, nor a certificate of one. When such a certificate
 * ends, and who signed it, is not asked: it is a way to write the key. */
enum rc ca_escrow_key(const struct conf *conf, struct crypto_key **out, struct err *err);
