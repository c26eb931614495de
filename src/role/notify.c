/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "ev/clock.h"
#include "log/log.h"
#include "role/supervisor_int.h"

enum { STATE_BYTES = 96 };

void role_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t n = path ? strlen(path) : 0;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    CLEANUP(fd_closep) int fd = -1;

    if (n < 2 || n >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* abstract */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
        log_warn("role.not-notified", LOG_Z("state", state), LOG_TEXT(strerrordesc_np(errno)));
}

void role_notify_reloading(struct supervisor *sup)
{
    char state[STATE_BYTES];

    /* systemd compares this time with its own CLOCK_MONOTONIC. */
    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)clock_mono(sup->clock));
    role_notify(state);
}
