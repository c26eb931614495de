/* SPDX-License-Identifier: Apache-2.0 */
/* How long somebody is waited for. While it runs it uses up its time; bytes that move earn some
 * back, so that neither a standstill nor a drip lasts. Time in which nobody waits for him is free.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct gateway_patience {
    int64_t most;     /* microseconds, at the start and at most */
    int64_t per_byte; /* microseconds that a byte earns; 0: any byte earns all of them */
    int64_t left;     /* when it does not run */
    int64_t deadline; /* when it does: monotonic */
    bool runs;
};

static inline void gateway_patience_init(struct gateway_patience *p, int64_t most, int64_t per_byte)
{
    *p = (struct gateway_patience){.most = most, .per_byte = per_byte, .left = most};
}

/* Another limit; time that is used up stays so. */
static inline void gateway_patience_limit(struct gateway_patience *p, int64_t most)
{
    p->left += most - p->most;
    p->deadline += most - p->most;
    p->most = most;
}

static inline void gateway_patience_moved(struct gateway_patience *p, uint64_t bytes, int64_t now)
{
    int64_t left = p->runs ? p->deadline - now : p->left, earned = p->most;

    if (bytes == 0)
        return;
    if (p->per_byte && bytes < (uint64_t)(p->most / p->per_byte))
        earned = (int64_t)bytes * p->per_byte;
    left = left > p->most - earned ? p->most : left + earned;
    p->left = left;
    p->deadline = now + left;
}

static inline void gateway_patience_run(struct gateway_patience *p, bool runs, int64_t now)
{
    if (p->runs && !runs)
        p->left = p->deadline - now;
    else if (!p->runs && runs)
        p->deadline = now + p->left;
    p->runs = runs;
}
