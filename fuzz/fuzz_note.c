/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: note_parse, note_verify. */
#include "audit/note.h"

#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* Of the notes of the corpus. */
static const char the_key[] =
    "hospital.example/audit/1+21f0ff21+Ad/bazPCes/DhT/XDLCiJgDPjrgwUBr3EP0Fj7ZkXbhW";

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(note_key_done) struct note_key key = {};
    struct note note;

    if (crypto_init() != RC_OK || note_key_parse(str_of(the_key), &key, NULL) != RC_OK)
        __builtin_trap();
    if (note_parse(str_bytes(data, n), &note, NULL) != RC_OK)
        return 0;
    if (note.text.n + 1 + note.signatures.n != n || note.head.size > TREE_SIZE_MAX)
        __builtin_trap();
    IGNORE_RC(note_verify(&note, &key)); /* the answer is any */
    return 0;
}
