/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of the audit log as C2SP tlog-checkpoint: signed notes of text,
 *
 *     hospital.example/audit/1            the log's origin, which is also its key's name
 *     1234                                records
 *     BASE64                              root of the tree over them
 *     time 2026-11-28T06:00:00Z           when the signer signed it, by its own clock
 *     (empty)
 *     - NAME BASE64                       signatures, the log's first; the dash is U+2014
 *
 * and keys as C2SP signed-note's verifier keys, NAME+HASH+BASE64. Signatures are Ed25519: plain
 * (type 1) or with a time (type 4, C2SP tlog-cosignature), which is what witnesses give. */
#pragma once

#include "audit/tree.h"
#include "base/err.h"
#include "base/when.h"
#include "crypto/key.h"

enum {
    NOTE_MAX = 4096, /* one note with all its signatures */
    NOTE_NAME_MAX = 255,
    NOTE_KEY_MAX = 512, /* a verifier key as text */
    NOTE_SIGNATURES_MAX = 32,
};

enum note_type { NOTE_ED25519 = 1, NOTE_COSIGNATURE = 4 };

/* A verifier key. `name` is borrowed from the text. */
struct note_key {
    struct str name;
    unsigned char hash[4];
    enum note_type type;
    struct crypto_key *key;
};
void note_key_done(struct note_key *k);
/* One line; RC_PARSE, RC_UNSUPPORTED for another type of key, RC_INVAL when the hash is another. */
enum rc note_key_parse(struct str text, struct note_key *out, struct err *err);
/* Appends it, without end of line. RC_INVAL for a name that none may have (empty, with a
 * space or a plus) or a key that is not Ed25519. */
enum rc note_key_put(struct str name, enum note_type type, const struct crypto_key *key,
                     struct buf *out);

struct note {
    struct str text;       /* what is signed: up to and with the last LF before the empty line */
    struct str signatures; /* lines */
    struct str origin;
    struct tree_head head;
    when_t at; /* 0: it does not say */
};
/* One note, exactly; all borrowed. RC_PARSE for what is no checkpoint of this form, RC_TOOBIG. */
enum rc note_parse(struct str text, struct note *out, struct err *err);
/* RC_OK when one of its signatures is by that key and holds; RC_NOTFOUND when none is by that key,
 * RC_DENIED when one is and does not hold. */
enum rc note_verify(const struct note *n, const struct note_key *key);

/* What the signer writes: appends the note. RC_INVAL for an origin that is no name of a key. */
enum rc note_sign(struct str origin, const struct tree_head *head, when_t at,
                  const struct crypto_key *key, struct buf *out);
