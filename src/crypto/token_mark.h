/* SPDX-License-Identifier: Apache-2.0 */
/* PINs that tokens refused, remembered: tokens lock after a few mistakes, and whoever starts a
 * program again and again, systemd or a timer, must not make them. What is kept of each token is
 * one line: salt, digest of what it is called and digest of the wrong PIN, until one was right
 * there. A token that was not asked, because it is locked or one mistake from that, refused
 * nothing. */
#pragma once

#include "crypto/token.h"

/* So many tokens in one file; another one takes the place of the one that refused longest ago. */
enum { CRYPTO_PIN_MARKS = 16 };

/* Where that is kept. What is no such line in the file counts for nothing, and goes when it is
 * written next. */
struct crypto_pin_mark {
    int dir;          /* open, of who owns the token's PIN */
    const char *file; /* in it */
};

/* crypto_token_open with a PIN that this token has not refused before. RC_EXISTS: it has, and was
 * not asked; else as crypto_token_open. */
enum rc crypto_token_open_marked(const struct crypto_token_at *at, struct secret *pin,
                                 const struct crypto_pin_mark *mark, struct crypto_token **out,
                                 struct err *err);
