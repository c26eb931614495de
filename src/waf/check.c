/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/conf.h"
#include "role/role.h"
#include "sandbox/child.h"
#include "sandbox/users.h"
#include "waf/rules.h"

enum { TEXT_MAX = 900, TO = STDERR_FILENO + 1 };

MSG(msg_said, "waf.checked", "{0}");
MSG(msg_failed, "waf.check-failed", "looking at the rules for inspecting requests: {0}");

struct told {
    enum rc rc;
    size_t n;
    char text[TEXT_MAX];
};

/* Code of others runs here: of what the caller has open it gets the way to tell alone. */
static enum rc look(const struct conf *conf, int data, const struct sandbox_child_as *as,
                    struct err *err)
{
    struct waf_library lib;
    struct waf_rules rules;

    if (fchdir(data) != 0 || close_range(TO + 1, ~0u, 0) != 0 || !sandbox_child_become(as))
        return ERR(err, RC_IO, msg_failed, str_of(strerrordesc_np(errno)));
    TRY(waf_library_open(WAF_LIBRARY, &lib, err));
    return waf_rules_load(&lib, conf->gateway.waf.rules, &rules, err);
}

_Noreturn static void child_main(const struct conf *conf, int data,
                                 const struct sandbox_child_as *as, int to)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(8 * TEXT_MAX);
    struct err err = ERR_INIT;
    struct told told = {};

    /* DATA may be what is open at that number. */
    if ((data == TO && (data = dup(data)) < 0) || dup2(to, TO) != TO)
        _exit(1);
    told.rc = err.rc = look(conf, data, as, &err);
    if (err.rc != RC_OK)
        err_text(&err, &text);
    told.n = str_utf8_head(buf_str(&text), TEXT_MAX).n;
    if (told.n)
        memcpy(told.text, text.p, told.n);
    _exit(write(TO, &told, sizeof(told)) == sizeof(told) ? 0 : 1);
}

static enum rc hear(int from, struct err *err)
{
    struct pollfd wait = {.fd = from, .events = POLLIN};
    struct told told;

    if (poll(&wait, 1, WAF_CHECK_SECONDS * 1000) != 1)
        return ERR(err, RC_TIMEOUT, msg_failed, STR("it took too long"));
    if (read(from, &told, sizeof(told)) != sizeof(told) || told.n > TEXT_MAX)
        return ERR(err, RC_IO, msg_failed, STR("the process that does it ended"));
    return told.rc == RC_OK ? RC_OK : ERR(err, told.rc, msg_said, str_bytes(told.text, told.n));
}

enum rc waf_check(const struct conf *conf, int data, struct err *err)
{
    CLEANUP(fd_closep) int near = -1;
    CLEANUP(fd_closep) int far = -1;
    struct sandbox_child_as as = {.become = geteuid() == 0, .no_new_privs = true};
    enum rc rc;
    int fds[2];
    pid_t pid;

    if (!role_wanted_waf(conf))
        return RC_OK;
    if (as.become)
        TRY(sandbox_user_find("autarky-waf", &as.uid, &as.gid, err));
    if (pipe2(fds, O_CLOEXEC) != 0)
        return ERR(err, RC_IO, msg_failed, str_of(strerrordesc_np(errno)));
    near = fds[0];
    far = fds[1];
    pid = fork();
    if (pid == 0)
        child_main(conf, data, &as, far);
    fd_close(&far);
    if (pid < 0)
        return ERR(err, RC_IO, msg_failed, str_of(strerrordesc_np(errno)));
    rc = hear(near, err);
    kill(pid, SIGKILL); /* ours until it is waited for */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return rc;
}
