/* SPDX-License-Identifier: Apache-2.0 */
/* Where a worker of the gateway finds what the keeper pushes. */
#pragma once

#include "check.h"

#include <unistd.h>

#include "base/mem.h"
#include "base/segment.h"
#include "ipc/site_messages.h"

struct pushed {
    struct segment *segment;
    uint64_t number;
    unsigned segments; /* that came */
};

static inline void pushed_done(struct pushed *p)
{
    segment_unref(MOVE(p->segment));
    *p = (struct pushed){};
}

/* The handler of IPC_SEGMENT. */
static inline void pushed_segment(struct pushed *p, const struct ipc_segment *m, int fd)
{
    segment_unref(MOVE(p->segment));
    if (segment_open(fd, &p->segment) == RC_OK)
        p->number = m->number;
    p->segments++;
    close(fd);
}

/* False: not where it is said to be. */
static inline bool pushed_find(const struct pushed *p, const struct ipc_identity *m,
                               struct str *leaf, struct str *key)
{
    *leaf = m->leaf;
    *key = m->key;
    if (m->segment == 0)
        return true;
    return p->segment && m->segment == p->number && m->leaf.n == 0 && m->key.n == 0 &&
           segment_look(p->segment, m->at, m->leaf_n, leaf) &&
           segment_look(p->segment, m->at + m->leaf_n, m->key_n, key);
}
