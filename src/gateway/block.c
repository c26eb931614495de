/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/block.h"

struct gateway_block *gateway_block_take(struct gateway_blocks *all)
{
    struct gateway_block *b = all->free;

    if (b) {
        all->free = b->next;
        all->n_free--;
    } else {
        b = mem_alloc(sizeof(*b));
    }
    if (b)
        b->at = b->n = 0;
    return b;
}

void gateway_block_give(struct gateway_blocks *all, struct gateway_block *b)
{
    if (!b)
        return;
    if (all->n_free == GATEWAY_BLOCKS_KEPT) {
        mem_free(b);
        return;
    }
    b->next = all->free;
    all->free = b;
    all->n_free++;
}

void gateway_blocks_done(struct gateway_blocks *all)
{
    while (all->free) {
        struct gateway_block *b = all->free;

        all->free = b->next;
        mem_free(b);
    }
    all->n_free = 0;
}
