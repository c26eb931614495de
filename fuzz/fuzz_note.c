/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: note_parse, note_verify, note_key_parse, note_key_put. A key that was read is read again
 * as written, and a signature holds for one text only. */
#include "audit/note.h"

#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* Of the notes of the corpus. */
static const char the_key[] =
    "hospital.example/audit/1+21f0ff21+Ad/bazPCes/DhT/XDLCiJgDPjrgwUBr3EP0Fj7ZkXbhW";

static void try_key(struct str text)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(NOTE_KEY_MAX);
    CLEANUP(note_key_done) struct note_key key = {};
    CLEANUP(note_key_done) struct note_key again = {};

    if (note_key_parse(text, &key, NULL) != RC_OK)
        return;
    if (note_key_put(key.name, key.type, key.key, &out) != RC_OK ||
        note_key_parse(buf_str(&out), &again, NULL) != RC_OK ||
        memcmp(key.hash, again.hash, sizeof(key.hash)) != 0)
        __builtin_trap();
}

static void try_note(struct str text)
{
    CLEANUP(note_key_done) struct note_key key = {};
    struct note note;

    if (note_key_parse(str_of(the_key), &key, NULL) != RC_OK)
        __builtin_trap();
    if (note_parse(text, &note, NULL) != RC_OK)
        return;
    if (note.text.n + 1 + note.signatures.n != text.n || note.head.size > TREE_SIZE_MAX)
        __builtin_trap();
    IGNORE_RC(note_verify(&note, &key)); /* the answer is any */
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    if (crypto_init() != RC_OK)
        __builtin_trap();
    try_key(str_bytes(data, n));
    try_note(str_bytes(data, n));
    return 0;
}
