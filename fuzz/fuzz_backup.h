/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of an envelope in memory, and visitors that hold what they are shown against its limits. */
#pragma once

#include "backup/pack.h"
#include "base/buf.h"

static enum rc fuzz_put(void *arg, struct str bytes, struct err *)
{
    buf_puts(arg, bytes);
    return buf_rc(arg);
}

static enum rc fuzz_get(void *arg, char *p, size_t cap, size_t *out_n, struct err *)
{
    struct str *left = arg;

    *out_n = left->n < cap ? left->n : cap;
    if (*out_n)
        memcpy(p, left->p, *out_n);
    *left = str_skip(*left, *out_n);
    return RC_OK;
}

static enum rc fuzz_about(void *, const struct pack_about *about, struct err *)
{
    if (about->created < 0 || about->schema == 0)
        __builtin_trap();
    return RC_OK;
}

static enum rc fuzz_entry(void *, const struct pack_entry *e, struct err *)
{
    if (!pack_path_good(e->path) || e->mode & 07022 || (e->dir && e->size))
        __builtin_trap();
    return RC_OK;
}

static enum rc fuzz_bytes(void *, struct str bytes, struct err *)
{
    return bytes.n ? RC_OK : RC_INVAL;
}
