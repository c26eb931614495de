/* SPDX-License-Identifier: Apache-2.0 */
/* PINs that a token refused, remembered: tokens lock after a few mistakes, and whoever starts a
 * program again and again, systemd or a timer, must not make them. What is kept is salt and digest
 * of a wrong PIN, and gone once one was right. */
#pragma once

#include "crypto/token.h"

/* Where that is kept. */
struct crypto_pin_mark {
    int dir;          /* open, of who owns the token's PIN */
    const char *file; /* in it */
};

/* crypto_token_open with a PIN that this token has not refused before. RC_EXISTS: it has, and was
 * not asked; else as crypto_token_open. */
enum rc crypto_token_open_marked(const struct crypto_token_at *at, struct secret *pin,
                                 const struct crypto_pin_mark *mark, struct crypto_token **out,
                                 struct err *err);
