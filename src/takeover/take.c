/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "agent/also.h"
#include "agent/place.h"
#include "base/file.h"
#include "ev/clock.h"
#include "takeover/takeover.h"

/* As after a certificate that was obtained when this one was. */
static enum rc put_state(struct agent_place *p, const struct takeover_cert *c, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENT_STATE_MAX);
    struct agent_state s = {.plan = c->plan, .issued = c->not_before};

    client_renewal_plan(&s.renewal, c->not_before, c->not_after, true, clock_now(clock_system()));
    TRY(agent_state_put(&s, &text));
    return agent_place_put_state(p, buf_str(&text), err);
}

static enum rc put_secrets(struct agent_place *p, const struct takeover_cert *c, struct err *err)
{
    if (c->account)
        TRY(agent_place_put_account(p, c->account, err));
    if (c->dns_conf.n)
        TRY(file_write(p->dir, AGENT_HOME "/dns.conf", c->dns_conf, 0600, FILE_OWNER_SELF, err));
    return RC_OK;
}

/* The state comes last: with it the certificate is autarky's. */
enum rc takeover_take(const struct takeover_cert *c, struct err *err)
{
    CLEANUP(agent_place_done) struct agent_place p = AGENT_PLACE_INIT;
    char dir[AGENT_PATH_MAX];

    TRY(str_copyz(c->dir, dir, sizeof(dir)));
    TRY(agent_place_open(dir, true, &p, err));
    TRY(agent_owner_find(c->plan.owner, c->plan.group, c->plan.mode, c->plan.selinux, &p.owner,
                         err));
    TRY(put_secrets(&p, c, err));
    TRY(agent_place_adopt(&p, c->chain, c->key, err));
    TRY(agent_also_put(&p, &c->plan, err));
    TRY(file_step());
    return put_state(&p, c, err);
}
