/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of a root passphrase on paper: text that people print, keep apart and type in again. A
 * share is 18 groups of five characters. The last character of each group checks that group and its
 * place, so that a slip is found where it was made; the last two groups check the whole. Characters
 * are digits and capitals without I, L, O and U; small letters, and I, L and O for 1, 1 and 0, are
 * understood.
 *
 * The secret is 32 random bytes; the passphrase is their text in hexadecimal. Runs in commands. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "crypto/shamir.h"

enum {
    CEREMONY_SECRET = 32,
    CEREMONY_SHARES_MAX = 16,
    CEREMONY_SHARE_GROUPS = 18,
    CEREMONY_SHARE_TEXT_MAX = 4096, /* of what is read: groups, or the whole sheet */
    CEREMONY_SET_TEXT = 9,          /* of a set's name, with the terminator */
};

struct ceremony_share {
    uint32_t set;      /* random; the same in all shares of one passphrase */
    uint8_t threshold; /* so many are needed */
    uint8_t count;     /* of so many */
    uint8_t number;    /* from 1 */
    unsigned char bytes[CEREMONY_SECRET];
};

/* "3/5": any 3 of 5. RC_INVAL. */
enum rc ceremony_shares_parse(struct str text, unsigned *threshold, unsigned *count,
                              struct err *err);
/* Makes a secret, its passphrase and `count` shares of it. Wipe the shares. */
enum rc ceremony_shares_make(unsigned threshold, unsigned count, struct ceremony_share *out,
                             struct secret **passphrase);
/* The passphrase again, from `n` shares. RC_INVAL: of different sets, one twice, or too few; says
 * which. */
enum rc ceremony_shares_join(const struct ceremony_share *shares, size_t n,
                             struct secret **passphrase, struct err *err);

/* Three lines of six groups, "1: AAAAA BBBBB ...". */
void ceremony_share_put(const struct ceremony_share *s, struct buf *out);
/* Groups alone, or a sheet with them: lines that begin with a number and a colon, if there are any,
 * count and no others. RC_PARSE, and which group is wrong. */
enum rc ceremony_share_parse(struct str text, struct ceremony_share *out, struct err *err);
const char *ceremony_set_text(uint32_t set, char text[static CEREMONY_SET_TEXT]);

/* A sheet to be printed. */
struct ceremony_sheet {
    struct str organization;
    struct str root; /* name and fingerprint, a line each */
    struct str made; /* the day */
};
void ceremony_sheet_put(const struct ceremony_share *s, const struct ceremony_sheet *sheet,
                        struct buf *out);
