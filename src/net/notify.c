/* SPDX-License-Identifier: Apache-2.0 */
#include "net/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

enum rc net_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t n = path ? strlen(path) : 0;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    CLEANUP(fd_closep) int fd = -1;

    if (n < 2 || n >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
        return RC_OK;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* abstract */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
        return RC_IO;
    return RC_OK;
}

/* The variable is inherited by children, which are not meant. */
int64_t net_notify_watchdog(void)
{
    const char *every = getenv("WATCHDOG_USEC"), *whose = getenv("WATCHDOG_PID");
    uint64_t micros, pid;

    if (!every || str_u64(str_of(every), INT64_MAX, &micros) != RC_OK)
        return 0;
    if (whose && (str_u64(str_of(whose), INT32_MAX, &pid) != RC_OK || (pid_t)pid != getpid()))
        return 0;
    return (int64_t)micros / 2;
}
