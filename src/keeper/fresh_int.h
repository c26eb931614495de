/* SPDX-License-Identifier: Apache-2.0 */
/* Which slots have something that is newer than a version. */
#pragma once

#include "base/rc.h"

#include <stddef.h>
#include <stdint.h>

struct keeper;
struct keeper_row;
struct keeper_slot;

/* Room for that many slots. RC_NOMEM. */
enum rc keeper_fresh_reserve(struct keeper *k, size_t slots);
void keeper_fresh_free(struct keeper *k);
/* The slot has something new for the workers: the highest version is its. */
void keeper_slot_touch(struct keeper_slot *slot);
/* It has nothing for them, or will be gone. */
void keeper_slot_forget(struct keeper_slot *slot);
/* What a slot has to send, by its version; 0: nothing (yet). */
uint64_t keeper_slot_version(const struct keeper_slot *slot);
/* The slot with the lowest version above `version`; NULL: there is none. */
const struct keeper_slot *keeper_fresh_after(const struct keeper *k, uint64_t version);
