/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/notify.h"

static void told(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char got[64] = "";

    check_dir_init(&d);
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", d.path);
    CHECK(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    CHECK_OK(net_notify("READY=1")); /* nobody to tell */
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    CHECK_OK(net_notify("STATUS=well"));
    setenv("NOTIFY_SOCKET", "/nowhere/notify", 1);
    CHECK_RC(net_notify("READY=1"), RC_IO);
    unsetenv("NOTIFY_SOCKET");
    CHECK_INT(recv(fd, got, sizeof(got) - 1, 0), 11);
    CHECK_STR(str_of(got), "STATUS=well");
    CHECK(recv(fd, got, sizeof(got), 0) < 0);
}

static void how_often(void)
{
    char pid[24];

    snprintf(pid, sizeof(pid), "%d", getpid());
    CHECK_INT(net_notify_watchdog(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    CHECK_INT(net_notify_watchdog(), 15'000'000);
    setenv("WATCHDOG_PID", pid, 1);
    CHECK_INT(net_notify_watchdog(), 15'000'000);
    setenv("WATCHDOG_PID", "1", 1);
    CHECK_INT(net_notify_watchdog(), 0);
    unsetenv("WATCHDOG_PID");
    setenv("WATCHDOG_USEC", "often", 1);
    CHECK_INT(net_notify_watchdog(), 0);
    unsetenv("WATCHDOG_USEC");
}

CHECK_MAIN(CHECK_TEST(told), CHECK_TEST(how_often))
