/* SPDX-License-Identifier: Apache-2.0 */
/* Takes a recorded run (vfs.h) and cuts the power at one point after another: rebuilds the
 * directory as the disk may then hold it, opens the store on it, and asks whether all that was
 * acknowledged before that point is there.
 *
 * What was synchronised is on the disk. Of what was written since, in each file by itself: all, or
 * nothing, or a random part in which single writes are torn at sectors of 512 bytes. A file's
 * deletion counts as such a write until its directory is synchronised. */
#pragma once

#include "store/store.h"
#include "vfs.h"

/* `marks` were recorded before the power went. False, and why, when something is missing or does
 * not fit together. It may write to the store, to see that it still works. */
typedef bool (*power_check)(struct store *s, const uint64_t *marks, size_t n, char why[static 256],
                            void *arg);

struct power_plan {
    const char *dir;   /* empty; belongs to the replay */
    unsigned seed;     /* of what is random; the same seed, the same states */
    unsigned variants; /* random states at each point, beside "all" and "nothing" */
    unsigned stride;   /* points between two synchronisations: every so many operations; 1: all.
                        * Those next to a synchronisation are always taken */
    bool to_failure;   /* ends with the first point at which a state fails */
    power_check check; /* the store's own store_check runs before it */
    void *arg;
};

struct power_report {
    unsigned points;
    unsigned states;
    unsigned failures;
    char first[512]; /* what failed first: point, variant, reason */
};

/* RC_OK when all states were tried, or those up to a failure, whatever came out of it. */
enum rc power_replay(struct vfs *v, const struct power_plan *plan, struct power_report *out);
