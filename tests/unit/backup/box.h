/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes in memory, written with little work and read a few bytes at a time. */
#pragma once

#include "backup/seal.h"
#include "base/buf.h"

enum { BOX_MAX = 4 << 20, BOX_LOG_N = SEAL_LOG_N_MIN };

#define BOX_PASSPHRASE STR("a passphrase")

[[maybe_unused]] static enum rc box_put(void *arg, struct str bytes, struct err *)
{
    buf_puts(arg, bytes);
    return buf_rc(arg);
}

struct box_source {
    struct str left;
    size_t at_once; /* 0: as much as is wanted */
};

[[maybe_unused]] static enum rc box_get(void *arg, char *p, size_t cap, size_t *out_n, struct err *)
{
    struct box_source *s = arg;
    size_t n = s->at_once && s->at_once < cap ? s->at_once : cap;

    n = n < s->left.n ? n : s->left.n;
    if (n)
        memcpy(p, s->left.p, n);
    s->left = str_skip(s->left, n);
    *out_n = n;
    return RC_OK;
}

/* `plain` in an envelope, appended. */
[[maybe_unused]] static enum rc box_seal(struct str plain, struct buf *out, struct seal_sum *sum)
{
    CLEANUP(seal_writer_freep) struct seal_writer *w = NULL;
    const struct seal_sink to = {box_put, out};

    TRY(seal_writer_new(&to, BOX_PASSPHRASE, BOX_LOG_N, &w, NULL));
    TRY(seal_put(w, str_head(plain, 7), NULL));
    TRY(seal_put(w, str_skip(plain, 7), NULL));
    return seal_end(w, sum, NULL);
}

/* Back, `n` bytes and then the end. */
[[maybe_unused]] static enum rc box_open(struct str sealed, size_t n, struct buf *out,
                                         struct seal_sum *sum, struct err *err)
{
    CLEANUP(seal_reader_freep) struct seal_reader *r = NULL;
    struct box_source s = {.left = sealed};
    const struct seal_source from = {box_get, &s};
    char *p;

    TRY(seal_reader_new(&from, BOX_PASSPHRASE, &r, err));
    p = buf_reserve(out, n + 1);
    if (!p)
        return RC_NOMEM;
    TRY(seal_get(r, p, n, err));
    buf_advance(out, n);
    return seal_get_end(r, sum, err);
}
