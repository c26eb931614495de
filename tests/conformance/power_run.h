/* SPDX-License-Identifier: Apache-2.0 */
/* A run of the store that is written down, and every point of it at which the power may go. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "power.h"
#include "unit/store/fixture.h"

/* What runs while it is recorded: it marks in `v` what was acknowledged. */
typedef enum rc (*power_live)(struct store *s, struct vfs *v, void *arg);

/* `plan` without its directory; with AUTARKY_POWER_ALL in the environment every point is tried. */
static enum rc power_run(enum store_sync sync, power_live live, void *arg, struct power_plan plan,
                         struct power_report *report)
{
    CLEANUP(vfs_freep) struct vfs *v = NULL;
    CLEANUP(fix_done) struct fix f = {}, replayed = {};
    struct store_options o;
    enum rc rc;

    TRY(vfs_new("recording", &v));
    TRY(fix_dir(&f));
    o = fix_options(&f);
    o.sync = sync;
    o.vfs = "recording";
    TRY(store_open(&o, &f.s, NULL));
    rc = live(f.s, v, arg);
    store_close(MOVE(f.s));
    TRY(rc);
    TRY(fix_dir(&replayed));
    plan.dir = replayed.dir;
    if (getenv("AUTARKY_POWER_ALL"))
        plan.stride = 1;
    TRY(power_replay(v, &plan, report));
    fprintf(stderr, "# %u points, %u states, %u failures; %llu writes, %llu syncs%s%s\n",
            report->points, report->states, report->failures,
            (unsigned long long)vfs_count(v, VFS_WRITE), (unsigned long long)vfs_count(v, VFS_SYNC),
            report->first[0] ? "\n# first: " : "", report->first);
    return RC_OK;
}
