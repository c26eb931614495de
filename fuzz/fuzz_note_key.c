/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: note_key_parse, note_key_put; what was read is read again as written. */
#include "audit/note.h"

#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(NOTE_KEY_MAX);
    CLEANUP(note_key_done) struct note_key key = {};
    CLEANUP(note_key_done) struct note_key again = {};

    if (crypto_init() != RC_OK)
        __builtin_trap();
    if (note_key_parse(str_bytes(data, n), &key, NULL) != RC_OK)
        return 0;
    if (note_key_put(key.name, key.type, key.key, &out) != RC_OK ||
        note_key_parse(buf_str(&out), &again, NULL) != RC_OK ||
        memcmp(key.hash, again.hash, sizeof(key.hash)) != 0)
        __builtin_trap();
    return 0;
}
