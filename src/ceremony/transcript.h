/* SPDX-License-Identifier: Apache-2.0 */
/* What was done in a ceremony, entry by entry: root/transcript/NNNN.txt below DATA, and NNNN.sig,
 * the signature of its bytes by the root key that was used, which `openssl dgst -sha256 -verify`
 * checks (for SM2 and ML-DSA: `openssl pkeyutl -verify -rawin`). Each entry has the SHA-256 of the
 * one before it, so that none can be taken out. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/when.h"
#include "crypto/key.h"

enum { CEREMONY_TRANSCRIPT_MAX = 256 * 1024, CEREMONY_ENTRIES_MAX = 9999 };

struct ceremony_transcript {
    unsigned number;
    struct buf text;
};
void ceremony_transcript_done(struct ceremony_transcript *t);

/* Begins the next entry: when, where, who, by which program and words, and the entry before. `argv`
 * ends with NULL and holds no secret. */
enum rc ceremony_transcript_begin(int data, when_t now, char *const argv[],
                                  struct ceremony_transcript *out, struct err *err);
/* "name: value"; further lines of the value are indented. */
void ceremony_transcript_put(struct ceremony_transcript *t, const char *name, struct str value);
/* Signs and writes it; `root` is the reference of the root whose key signs. */
enum rc ceremony_transcript_end(struct ceremony_transcript *t, int data, struct str root,
                                const struct crypto_key *key, struct err *err);
