/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be seen of one certificate of `autarky obtain` without changing anything: what is
 * remembered of it, and what is in place. */
#pragma once

#include "agent/plan.h"
#include "x509/serial.h"

struct agentd_view {
    struct arena arena;
    struct agent_state state; /* in the arena */
    char serial[X509_SERIAL_TEXT];
    when_t not_before, not_after; /* of the certificate in place; 0: there is none, or it cannot be
                                     read */
};

/* Errors as agent_place_look, agent_place_state and agent_state_read; then nothing is to be freed.
 */
enum rc agentd_view_load(const char *dir, struct agentd_view *out, struct err *err);
/* Allowed on zeros. */
void agentd_view_done(struct agentd_view *v);
/* agent_next of it. */
when_t agentd_view_next(const struct agentd_view *v, when_t now);
