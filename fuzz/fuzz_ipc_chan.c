/* SPDX-License-Identifier: Apache-2.0 */
/* What reads from a channel. The first byte chooses the peer of core, the rest is what it sends. */
#include <sys/socket.h>

#include "base/fd.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "ipc/chan.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void on_answer(void *arg, const struct ipc_answer *answer)
{
    *(const void **)arg = answer->msg;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const enum ipc_type asks[] = {IPC_RELOAD, IPC_STATUS, IPC_ISSUERS};
    const struct ipc_chan_conf conf = {ROLE_CORE, (enum role)(n ? data[0] % ROLE_COUNT : 0)};
    struct clock_fake clock;
    const void *last = NULL;
    static const struct ipc_reload msg; /* the others ask without a word */
    struct ipc_ask ask = {.msg = &msg, .fn = on_answer, .arg = &last};
    CLEANUP(ev_freep) struct ev *ev = NULL;
    CLEANUP(ipc_chan_freep) struct ipc_chan *ch = NULL;
    int fds[2];

    clock_fake_init(&clock, 0);
    if (n < 1 || ev_new(&clock.clock, &ev) != RC_OK || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        return 0;
    if (ipc_chan_new(ev, fds[0], &conf, &ch) == RC_OK)
        for (int i = 0; i < 3 && (ask.type = asks[i]); i++)
            IGNORE_RC(ipc_call(ch, &ask, NULL)); /* what core may not ask this peer is not asked */
    if (send(fds[1], data + 1, n - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        ev_run_once(ev, EV_NOWAIT);
    close(fds[1]);
    ev_run_once(ev, EV_NOWAIT);
    return 0;
}
