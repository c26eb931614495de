/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "cmd/site_int.h"
#include "cmd/tlcp_int.h"
#include "tls/tlcp_client.h"

static enum rc attempt(struct cmd_tlcp_dial *d, struct err *err)
{
    struct cmd_tlcp_check check = {.roots = d->roots, .target = d->target};
    struct tlcp_client_conf conf = d->conf;

    cmd_tlcp_dial_done(d);
    if (!d->target->ip.n)
        conf.server_name = str_of(d->target->host);
    if (d->roots) {
        conf.judge = cmd_tlcp_judge;
        conf.arg = &check;
    }
    conf.single = conf.ecdhe_vector = conf.raw_verify = d->gmssl;
    TRY(site_connect(str_of(d->target->host), d->target->port, &d->fd, err));
    TRY(tlcp_client_new(&conf, &d->conn));
    check.conn = d->conn;
    return tls_tlcp_connect(d->conn, d->fd, err);
}

enum rc cmd_tlcp_dial(struct cmd_tlcp_dial *d, struct err *err)
{
    struct err other = ERR_INIT;
    enum rc rc;

    d->gmssl = false;
    rc = attempt(d, err);
    if (rc != RC_NET || !d->conf.identity || !d->conn || !tlcp_conn_asked(d->conn))
        return rc;
    /* What was wrong the first time is what is told. */
    d->gmssl = true;
    return attempt(d, &other) == RC_OK ? RC_OK : rc;
}

void cmd_tlcp_dial_done(struct cmd_tlcp_dial *d)
{
    tlcp_conn_free(MOVE(d->conn));
    fd_close(&d->fd);
}
