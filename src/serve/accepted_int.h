/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that is accepted: a copy of the one in force, whole, that only root can write.
 * Where its policy takes a second person, a start with another policy is served with it, as a
 * reload that is refused would have left it. */
#pragma once

#include "base/err.h"
#include "conf/accepted.h"
#include "conf/policy.h"

struct serve;

/* In DATA, where what could not be read as CONF_POLICY_ACCEPTED is kept. */
#define SERVE_ACCEPTED_ASIDE "configuration.unreadable"

/* At the start, with what the files say in sup->input and ->conf: either stays, or both become what
 * is accepted, and sup->policy_waits. A file that is damaged, or that others own or may write, is
 * set aside and counts as none. RC_INVAL: a second person would be needed, and this program cannot
 * load any more what was accepted. */
enum rc serve_accepted_take(struct serve *sup, struct err *err);
/* sup->input is accepted: by core, or it will be with the generation that is about to come. */
enum rc serve_accepted_keep(struct serve *sup, struct err *err);
/* All are ready: what was said by `autarky policy accept` has had its effect. */
void serve_accepted_ready(struct serve *sup);
