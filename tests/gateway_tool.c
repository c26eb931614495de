/* SPDX-License-Identifier: Apache-2.0 */
/* One gateway without the other processes, for scenarios and measurements:
 *   gateway_tool CONFIGURATION [SITE CHAIN KEY]...
 * listens at listen.gateway, prints the first address in force, and serves the sites with these
 * files; conf.d beside the configuration is read as well. SIGHUP reads the configuration again,
 * SIGTERM drains and ends. */
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/file.h"
#include "conf/load.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "dns/zones.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "gateway/gateway.h"
#include "log/log.h"
#include "net/net.h"
#include "tls/site.h"

enum { TEXT_MAX = 64 * 1024 };

struct tool {
    const char *path;
    struct ev *ev;
    struct net *net;
    struct gateway *gateway;
    const struct conf *conf;
};

static enum rc load(const char *path, const struct conf **out)
{
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(fd_closep) int data = -1;
    CLEANUP(buf_done) struct buf said = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;
    char directory[4096];
    enum rc rc;

    conf_input_init(&in);
    conf_report_init(&report);
    snprintf(directory, sizeof(directory), "%s", path);
    data = open(dirname(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (data < 0)
        return RC_NOTFOUND;
    rc = conf_input_read(&in, data, directory, path, &err);
    if (rc != RC_OK) {
        err_textz(&err, directory, sizeof(directory));
        fprintf(stderr, "%s\n", directory);
        return rc;
    }
    rc = conf_load(&in, out, &report);
    conf_report_text(&report, &said);
    fprintf(stderr, "%s", buf_z(&said));
    return rc;
}

static enum rc configure(struct tool *t, struct err *err)
{
    CLEANUP(dns_zones_unrefp) struct dns_zones *zones = NULL;
    struct gateway_plan *plan;

    conf_unref(MOVE(t->conf));
    TRY(load(t->path, &t->conf));
    TRY(dns_zones_of_conf(t->conf, NULL, 0, &zones));
    TRY(gateway_prepare(t->gateway, t->conf, zones, &plan, err));
    gateway_commit(t->gateway, plan);
    return RC_OK;
}

static enum rc certify(struct tool *t, char **names, struct err *err)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(TEXT_MAX);
    CLEANUP(buf_done) struct buf pem = BUF_INIT(TEXT_MAX);
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;

    TRY(file_read(AT_FDCWD, names[1], &chain, err));
    TRY(file_read(AT_FDCWD, names[2], &pem, err));
    TRY(crypto_pem_read(buf_str(&pem), NULL, &key, err));
    TRY(tls_identity_new(buf_str(&chain), key, &id, err));
    return gateway_set_identity(t->gateway, str_of(names[0]), id);
}

static void on_hup(void *arg, int)
{
    struct err err = ERR_INIT;
    char text[1024];

    if (configure(arg, &err) != RC_OK)
        fprintf(stderr, "%s\n", err_textz(&err, text, sizeof(text)));
}

static void on_drained(void *arg)
{
    ev_stop(((struct tool *)arg)->ev);
}

static void on_term(void *arg, int)
{
    gateway_drain(((struct tool *)arg)->gateway, on_drained, arg);
}

static enum rc serve(struct tool *t, int n, char **names, struct err *err)
{
    CLEANUP(ev_signal_freep) struct ev_signal *hup = NULL, *term = NULL;
    CLEANUP(fd_closep) int fd = -1;
    struct addr_port at;
    char text[ADDR_TEXT];

    TRY(configure(t, err));
    TRY(net_listen(&t->conf->listen.gateway.p[0], &fd, &at, err));
    TRY(gateway_listen(t->gateway, fd));
    for (; n >= 3; n -= 3, names += 3)
        TRY(certify(t, names, err));
    TRY(ev_signal_new(t->ev, SIGHUP, on_hup, t, &hup));
    TRY(ev_signal_new(t->ev, SIGTERM, on_term, t, &term));
    gateway_start(t->gateway);
    printf("%s\n", addr_port_text(&at, text));
    fflush(stdout);
    ev_run(t->ev);
    gateway_free(MOVE(t->gateway));
    return RC_OK;
}

int main(int argc, char **argv)
{
    struct tool t = {.path = argv[1]};
    struct err err = ERR_INIT;
    char text[1024];
    enum rc rc;

    if (argc < 2)
        return 64;
    signal(SIGPIPE, SIG_IGN);
    log_init(&(struct log_conf){.role = "gateway", .level = LOG_LEVEL_INFO});
    rc = crypto_init();
    if (rc == RC_OK)
        rc = ev_new(clock_system(), &t.ev);
    if (rc == RC_OK)
        rc = net_system(t.ev, &t.net);
    if (rc == RC_OK)
        rc = gateway_new(&(struct gateway_conf){.ev = t.ev, .net = t.net}, &t.gateway);
    if (rc == RC_OK)
        rc = serve(&t, argc - 2, argv + 2, &err);
    if (rc != RC_OK)
        fprintf(stderr, "%s: %s\n", rc_text(rc), err_textz(&err, text, sizeof(text)));
    gateway_free(t.gateway);
    net_free(t.net);
    ev_free(t.ev);
    conf_unref(t.conf);
    crypto_done();
    return rc != RC_OK;
}
