/* SPDX-License-Identifier: Apache-2.0 */
/* Places as `autarky obtain` leaves them, for the tests of this folder. */
#pragma once

#include <stdio.h>
#include <sys/stat.h>

#include "agent/place.h"
#include "agent/plan.h"
#include "check.h"
#include "unit/prove/certs.h"

enum { PLACE_PATH = 160, PLACE_CHAIN = 32 * 1024 };

static const struct str place_dns[] = {STR("wiki.hospital.example")};

static inline struct agent_state place_state(enum agent_way way, const char *value, when_t due)
{
    return (struct agent_state){.plan = {.server = STR("http://127.0.0.1:1/directory"),
                                         .dns = place_dns,
                                         .n_dns = 1,
                                         .way = way,
                                         .style = way == AGENT_DNS ? STR("rfc2136") : STR(""),
                                         .value = str_of(value),
                                         .key = STR("ecdsa")},
                                .renewal = {.due = due}};
}

/* With a certificate of `pki`, unless that is NULL. */
static inline enum rc place_make(const char *dir, const struct pki *pki,
                                 const struct agent_state *state)
{
    CLEANUP(agent_place_done) struct agent_place p = AGENT_PLACE_INIT;
    CLEANUP(buf_done)
    struct buf text = BUF_INIT(AGENT_STATE_MAX), chain = BUF_INIT(PLACE_CHAIN);

    TRY(agent_place_open(dir, true, &p, NULL));
    TRY(agent_state_put(state, &text));
    TRY(agent_place_put_state(&p, buf_str(&text), NULL));
    if (!pki || p.live)
        return RC_OK;
    TRY(make_chain(pki, pki->leaf_key, 1, &chain));
    return agent_place_install(&p, buf_str(&chain), pki->leaf_key, NULL);
}
