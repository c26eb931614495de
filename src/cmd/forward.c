/* SPDX-License-Identifier: Apache-2.0 */
/* Lets programs that know no TLCP reach a server that speaks it: what is said to a local port goes
 * to the server under TLCP, and back. Each connection is a process of its own, so that nothing of
 * one can reach another. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/cmd.h"
#include "cmd/tlcp_int.h"
#include "crypto/crypto.h"
#include "net/net.h"
#include "tls/tlcp_client.h"

MSG(msg_wants, "cmd.forward-wants",
    "the server asked for certificates of its client, and there are none to show ({0}): give "
    "--sign-cert, --sign-key, --enc-cert and --enc-key");

MSG(msg_alpn, "cmd.forward-alpn",
    "the server speaks TLCP and does not say that it speaks {0}: leave out --alpn, or ask whoever "
    "runs it");

enum {
    CONNECTIONS_MAX = 256, /* others wait in the backlog */
    IDLE_MS = 10 * 60 * 1000,
    PATH_BYTES = 4096,
    TURN_MS = 200,
};

struct forward {
    struct cmd_tlcp_target target;
    struct cmd_tlcp_roots roots;
    struct tlcp_identity *identity; /* NULL: none is shown */
    struct str alpn;                /* empty: whatever the server speaks by itself */
    size_t children;
};

static volatile sig_atomic_t ended;

static void on_signal(int)
{
    ended = 1;
}

static enum rc carry(const struct forward *f, int plain, struct err *err)
{
    CLEANUP(cmd_tlcp_dial_done)
    struct cmd_tlcp_dial d = {.target = &f->target, .roots = &f->roots, .fd = -1};
    struct err why = ERR_INIT;
    char text[256];

    d.conf.identity = f->identity;
    d.conf.alpn = f->alpn;
    why.rc = cmd_tlcp_dial(&d, &why);
    if (why.rc == RC_OK && !str_eq(tlcp_conn_alpn(d.conn), f->alpn))
        return ERR(err, RC_UNSUPPORTED, msg_alpn, f->alpn);
    if (why.rc == RC_OK)
        return tls_tlcp_relay(d.conn, d.fd, plain, IDLE_MS);
    *err = why;
    if (f->identity || !d.conn || !tlcp_conn_asked(d.conn))
        return why.rc;
    return ERR(err, why.rc, msg_wants, str_of(err_textz(&why, text, sizeof(text))));
}

/* In the child. */
static int carry_one(const struct forward *f, int plain)
{
    struct err err = ERR_INIT;

    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    err.rc = carry(f, plain, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

static void take(struct forward *f, int listener)
{
    CLEANUP(fd_closep) int plain = -1;
    pid_t child;

    if (net_accept(listener, &plain, NULL) != RC_OK)
        return;
    child = fork();
    if (child == 0) {
        int status = carry_one(f, plain);

        _exit(status);
    }
    if (child > 0)
        f->children++;
}

static void reap(struct forward *f)
{
    while (f->children && waitpid(-1, NULL, WNOHANG) > 0)
        f->children--;
}

static void serve(struct forward *f, int listener)
{
    while (!ended) {
        struct pollfd p = {.fd = f->children < CONNECTIONS_MAX ? listener : -1, .events = POLLIN};

        if (poll(&p, 1, TURN_MS) > 0)
            take(f, listener);
        reap(f);
    }
}

static int listen_at(const char *text, int *out_fd)
{
    struct addr_port at, local;
    struct err err = ERR_INIT;
    char shown[ADDR_TEXT];

    if (addr_port_parse(str_of(text), &at) != RC_OK)
        return cmd_usagef("--tlcp takes an address and a port to listen on, as in 127.0.0.1:8080");
    err.rc = net_listen(&at, out_fd, &local, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    printf("%s\n", addr_port_text(&local, shown));
    fflush(stdout);
    return CMD_DONE;
}

static int read_roots(const struct cmd_args *args, struct cmd_tlcp_roots *out)
{
    char path[PATH_BYTES];
    struct err err = ERR_INIT;

    snprintf(path, sizeof(path), "%s/trust/roots-all.pem", cmd_data(args));
    if (args->values[CMD_OPT_ROOT])
        snprintf(path, sizeof(path), "%s", args->values[CMD_OPT_ROOT]);
    err.rc = cmd_tlcp_roots(path, out, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

static int read_alpn(const struct cmd_args *args, struct str *out)
{
    const char *name = args->values[CMD_OPT_ALPN];

    *out = str_of(name ? name : "");
    if (name && (out->n == 0 || out->n > TLCP_ALPN_MAX || memchr(name, ' ', out->n)))
        return cmd_usagef("--alpn takes one protocol, 1 to %d bytes, as in h2", TLCP_ALPN_MAX);
    return CMD_DONE;
}

static void run(struct forward *f, int listener)
{
    struct sigaction end = {.sa_handler = on_signal};

    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGINT, &end, NULL);
    signal(SIGPIPE, SIG_IGN);
    serve(f, listener);
}

int cmd_forward(const struct cmd_args *args)
{
    CLEANUP(fd_closep) int listener = -1;
    struct forward f = {};
    int status;

    if (!args->values[CMD_OPT_TLCP])
        return cmd_usagef("say where to listen: autarky forward --tlcp ADDRESS:PORT HOST:PORT");
    if (!cmd_tlcp_target(args->operand, &f.target))
        return cmd_usagef("\"%s\" is no server: a name or an address, and a port, as in "
                          "wiki.example:443",
                          args->operand);
    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL cannot be used");
    status = read_alpn(args, &f.alpn);
    if (status == CMD_DONE)
        status = cmd_tlcp_identity(args, &f.identity);
    if (status == CMD_DONE)
        status = read_roots(args, &f.roots);
    if (status == CMD_DONE)
        status = listen_at(args->values[CMD_OPT_TLCP], &listener);
    if (status == CMD_DONE)
        run(&f, listener);
    cmd_tlcp_roots_done(&f.roots);
    tlcp_identity_unref(f.identity);
    crypto_done();
    return status;
}
