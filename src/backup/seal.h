/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope of a backup: bytes of any length under a passphrase, written and read in one pass
 * with memory for one piece. Not one bit of it can be changed, left out, added, cut off or moved
 * without the reader saying so before it has given out what comes behind.
 *
 *     header, SEAL_HEADER bytes:
 *         "autarky-backup\n"      15
 *         format                   1   SEAL_FORMAT
 *         log2 N, r, p of scrypt   3   (RFC 7914)
 *         0                        1
 *         salt                    32
 *         check                   32   HMAC-SHA256, by the second key, of what is before it
 *     pieces: AES-256-GCM, SEAL_PIECE bytes each and SEAL_TAG of tag behind, the last one 0 to
 *         SEAL_PIECE; the nonce is 3 bytes of 0, the number of the piece in 8 (big-endian, from 0),
 *         and 1 for the last piece, otherwise 0; the header is the additional data.
 *
 * scrypt gives both keys, 32 bytes each: the pieces' and that of the check, by which a wrong
 * passphrase is told from a damaged file. Salts are random, so no key has two files. */
#pragma once

#include "base/err.h"
#include "base/str.h"

enum {
    SEAL_FORMAT = 1,
    SEAL_HEADER = 84,
    SEAL_PIECE = 64 * 1024,
    SEAL_TAG = 16,
    SEAL_LOG_N = 17,     /* what is written: 128 MiB of memory, some 0.3 s */
    SEAL_LOG_N_MIN = 10, /* what is read; the work is no more than 256 MiB, once */
    SEAL_LOG_N_MAX = 18,
    SEAL_R = 8,
    SEAL_P = 1,
    SEAL_SHA256 = 32,
};

/* ---- writing */

/* Takes bytes; RC_IO with `err` when they cannot be kept. */
struct seal_sink {
    enum rc (*put)(void *arg, struct str bytes, struct err *err);
    void *arg;
};

struct seal_writer;
/* Writes the header. `log_n` is SEAL_LOG_N but in tests. */
enum rc seal_writer_new(const struct seal_sink *to, struct str passphrase, unsigned log_n,
                        struct seal_writer **out, struct err *err);
void seal_writer_free(struct seal_writer *w);
DEFINE_FREEP(seal_writer_free, struct seal_writer)
enum rc seal_put(struct seal_writer *w, struct str bytes, struct err *err);

/* What was written in all, header included. */
struct seal_sum {
    uint64_t bytes;
    unsigned char sha256[SEAL_SHA256];
};
/* Writes the last piece. Without it the file is no backup. */
enum rc seal_end(struct seal_writer *w, struct seal_sum *out, struct err *err);

/* ---- reading */

struct seal_source {
    /* Up to `cap` bytes into `p`; *out_n 0: the end. */
    enum rc (*get)(void *arg, char *p, size_t cap, size_t *out_n, struct err *err);
    void *arg;
};

struct seal_reader;
/* Reads the header. RC_PARSE: no backup; RC_VERSION: another format; RC_TOOBIG: scrypt is to work
 * more than any backup says; RC_DENIED: the passphrase is another one, or the header damaged. */
enum rc seal_reader_new(const struct seal_source *from, struct str passphrase,
                        struct seal_reader **out, struct err *err);
void seal_reader_free(struct seal_reader *r);
DEFINE_FREEP(seal_reader_free, struct seal_reader)
/* Exactly `n` bytes. RC_CORRUPT: damaged, cut off or put together anew; also when it ends before.
 */
enum rc seal_get(struct seal_reader *r, char *p, size_t n, struct err *err);
/* That nothing follows, neither in the envelope nor behind it; what it came to. */
enum rc seal_get_end(struct seal_reader *r, struct seal_sum *out, struct err *err);
