/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: seal_reader_new as it is, and pack_read, pack_about_read inside of an envelope. */
#include "fuzz_backup.h"
#include "backup/pack.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void read_it(struct str file)
{
    CLEANUP(seal_reader_freep) struct seal_reader *r = NULL;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    const struct seal_source from = {fuzz_get, &file};
    const struct pack_visit visit = {fuzz_about, fuzz_entry, fuzz_bytes, NULL, NULL};
    struct pack_sum sum;

    if (seal_reader_new(&from, STR("passphrase"), &r, NULL) == RC_OK)
        IGNORE_RC(pack_read(r, &a, &visit, &sum, NULL)); /* whatever it says */
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(4 << 20);
    CLEANUP(seal_writer_freep) struct seal_writer *w = NULL;
    const struct seal_sink to = {fuzz_put, &sealed};
    struct str bytes = str_bytes(data, n);
    struct seal_sum sum;

    if (crypto_init() != RC_OK)
        return 0;
    read_it(bytes);
    if (seal_writer_new(&to, STR("passphrase"), SEAL_LOG_N_MIN, &w, NULL) == RC_OK &&
        seal_put(w, bytes, NULL) == RC_OK && seal_end(w, &sum, NULL) == RC_OK)
        read_it(buf_str(&sealed));
    return 0;
}
