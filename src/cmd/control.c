/* SPDX-License-Identifier: Apache-2.0 */
/* The way in for an administrator on this host: the control socket, known by its path alone, so
 * that it works when TLS, DNS or the configuration do not. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "cmd/cmd.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "ipc/chan.h"
#include "json/json.h"
#include "net/net.h"
#include "serve/serve.h"

enum { LISTENERS_MAX = 64 * 1024, ANSWER_MAX = 16 * 1024 * 1024, ANSWER_SECONDS = 60 };

MSG(msg_not_running, "cmd.not-running",
    "no server answers for {0}; start one with `autarky serve --data {0}`, or look at its log");
MSG(msg_not_allowed, "cmd.control-denied",
    "{0} does not let this user in; run as root, or as the user that runs the server");
MSG(msg_no_answer, "cmd.control-no-answer",
    "the server ended the connection without an answer ({0}); ask again, and if that does not help "
    "look at its log");
MSG(msg_slow, "cmd.control-slow",
    "the server has not answered within {0} seconds; look at its log, and at the load of this "
    "host");
MSG(msg_no_data, "cmd.control-no-data",
    "no server answers for {0}: there is no such directory; --data or $AUTARKY_DATA names another");

struct conversation {
    struct ev *ev;
    struct buf *out;
    struct err err;
    enum rc rc;
    bool ended;
};

/* listeners.json names it where its path would be too long for a socket; before it is written, the
 * usual place. */
static enum rc socket_path(const char *data, struct buf *path, struct err *err)
{
    char absolute[PATH_MAX];
    CLEANUP(fd_closep) int dir = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(LISTENERS_MAX);
    struct str control;

    if (dir < 0 && errno == ENOENT)
        return ERR(err, RC_INVAL, msg_no_data, str_of(data));
    if (dir < 0 && errno == EACCES)
        return ERR(err, RC_DENIED, msg_not_allowed, str_of(data));
    if (cmd_listeners(data, &text, &doc) == RC_OK &&
        json_str(json_get(json_root(doc), "control"), &control) == RC_OK) {
        buf_puts(path, control);
        return buf_rc(path);
    }
    return serve_control_path(realpath(data, absolute) ? absolute : data, false, path, err);
}

/* It was not core that said so. */
static bool is_ours(const struct ipc_answer *a)
{
    return a->rc == RC_TIMEOUT &&
           (!a->err || !a->err->msg || strcmp(a->err->msg->code, "ipc.timeout") == 0);
}

static void answered(void *arg, const struct ipc_answer *a)
{
    struct conversation *c = arg;

    if (a->rc == RC_AGAIN) {
        buf_puts(c->out, a->chunk);
        return;
    }
    c->ended = true;
    c->rc = a->rc;
    if (a->rc == RC_OK)
        buf_puts(c->out, ((const struct ipc_admin_reply *)a->msg)->json);
    else if (is_ours(a))
        IGNORE_RC(ERR(&c->err, a->rc, msg_slow, STR("60")));
    else if (a->err)
        c->err = *a->err;
    ev_stop(c->ev);
}

static void closed(void *arg, enum rc why, const struct err *err)
{
    struct conversation *c = arg;

    (void)err;
    if (!c->ended) {
        c->rc = why;
        IGNORE_RC(ERR(&c->err, why, msg_no_answer, str_of(rc_text(why))));
    }
    ev_stop(c->ev);
}

static enum rc converse(struct conversation *c, int fd, const char *command, struct str args)
{
    struct ipc_chan_conf conf = {
        .self = ROLE_ADMIN,
        .peer = ROLE_CORE,
        .on_close = closed,
        .arg = c,
    };
    struct ipc_admin msg = {.command = str_of(command), .args = args.n ? args : STR("{}")};
    struct ipc_ask ask = {
        .type = IPC_ADMIN,
        .msg = &msg,
        .timeout = ANSWER_SECONDS * WHEN_SECOND,
        .fn = answered,
        .arg = c,
    };
    CLEANUP(ipc_chan_freep) struct ipc_chan *chan = NULL;

    TRY(ipc_chan_new(c->ev, fd, &conf, &chan));
    TRY(ipc_call(chan, &ask, NULL));
    ev_run(c->ev);
    return c->rc;
}

static enum rc connect_control(const char *path, const char *data, int *out_fd, struct err *err)
{
    enum rc rc = net_connect_unix(path, out_fd, err);

    if (rc == RC_DENIED)
        return ERR(err, rc, msg_not_allowed, str_of(path));
    if (rc == RC_NOTFOUND || rc == RC_NET)
        return ERR(err, rc, msg_not_running, str_of(data));
    return rc;
}

enum rc cmd_control(const char *data, const char *command, struct str args, struct buf *out,
                    struct err *err)
{
    struct conversation c = {.out = out, .err = ERR_INIT};
    CLEANUP(buf_done) struct buf path = BUF_INIT(PATH_MAX);
    CLEANUP(ev_freep) struct ev *ev = NULL;
    enum rc rc;
    int fd;

    TRY(socket_path(data, &path, err));
    TRY(connect_control(buf_z(&path), data, &fd, err));
    TRY(ev_new(clock_system(), &ev));
    c.ev = ev;
    rc = converse(&c, fd, command, args);
    if (rc == RC_OK)
        return buf_rc(out);
    *err = c.err;
    err->rc = rc;
    return rc;
}

int cmd_show(const struct cmd_args *args, struct buf *answer, cmd_show_fn show)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct err err = ERR_INIT;

    if (cmd_json(args)) {
        buf_putz(answer, "\n");
        cmd_print(buf_str(answer));
        return CMD_DONE;
    }
    err.rc = json_parse(buf_str(answer), ANSWER_MAX, &doc, NULL);
    if (err.rc == RC_OK)
        err.rc = show(json_root(doc));
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

int cmd_ask(const struct cmd_args *args, const char *command, struct str ask, cmd_show_fn show)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;

    err.rc = cmd_control(cmd_data(args), command, ask, &answer, &err);
    return err.rc == RC_OK ? cmd_show(args, &answer, show) : cmd_fail(&err);
}
