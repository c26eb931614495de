/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of fixed size for bytes on their way: taken when there is something to read, given back
 * when all of it is gone, so that whoever waits holds none. */
#pragma once

#include "base/mem.h"
#include "base/str.h"
#include "gateway/gateway.h"

struct gateway_block {
    struct gateway_block *next;
    size_t at, n; /* what is in it and not yet taken */
    char p[GATEWAY_BLOCK_BYTES];
};

struct gateway_blocks {
    struct gateway_block *free;
    size_t n_free;
};

/* An empty one; NULL when memory is out. */
struct gateway_block *gateway_block_take(struct gateway_blocks *all);
/* NULL is allowed. */
void gateway_block_give(struct gateway_blocks *all, struct gateway_block *b);
void gateway_blocks_done(struct gateway_blocks *all);

static inline struct str gateway_block_str(const struct gateway_block *b)
{
    return str_bytes(b->p + b->at, b->n - b->at);
}
