/* SPDX-License-Identifier: Apache-2.0 */
#include "prove/probe.h"

#include <stdio.h>

#include "base/fd.h"
#include "base/when.h"
#include "ev/ev.h"
#include "starttls/dial.h"
#include "tlcp/conn.h"
#include "tls/client.h"
#include "tls/tlcp_look.h"

MSG(msg_slow, "prove.slow", "nothing was served within {0} seconds");
MSG(msg_tlcp, "prove.tlcp-failed", "the TLCP handshake failed: {0}");

enum { WHY_MAX = 512 };

struct prove_probe {
    struct prove_probe_conf conf;
    char name[TLS_CLIENT_NAME_MAX + 1];
    struct starttls_dial *dial;
    struct tls_client *client;
    struct tls_tlcp_look *tlcp;
    struct ev_timer patience;
};

void prove_probe_free(struct prove_probe *p)
{
    if (!p)
        return;
    ev_timer_stop(&p->patience);
    starttls_dial_free(p->dial);
    tls_client_free(p->client);
    tls_tlcp_look_free(p->tlcp);
    mem_free(p);
}

static void finish(struct prove_probe *p, enum rc rc, struct str chain, const struct err *why)
{
    struct err err = why ? *why : ERR_INIT;

    ev_timer_stop(&p->patience);
    err.rc = rc;
    p->conf.fn(p->conf.arg, rc, chain, &err);
}

static void fail(struct prove_probe *p, enum rc rc, const struct err *why)
{
    finish(p, rc, (struct str){}, why);
}

static void on_late(void *arg)
{
    struct prove_probe *p = arg;
    struct err err = ERR_INIT;
    char digits[16];

    /* Nothing of it may call any more, even if nobody frees it now. */
    tls_client_free(MOVE(p->client));
    tls_tlcp_look_free(MOVE(p->tlcp));
    starttls_dial_free(MOVE(p->dial));
    snprintf(digits, sizeof(digits), "%d", PROVE_PROBE_SECONDS);
    fail(p, ERR(&err, RC_TIMEOUT, msg_slow, str_of(digits)), &err);
}

/* ---- TLS */

static void on_open(void *arg, enum rc rc, const struct err *why)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(TLS_LOOK_CHAIN_MAX);
    struct prove_probe *p = arg;
    struct err err = ERR_INIT;

    if (rc != RC_OK) {
        fail(p, rc, why);
        return;
    }
    rc = tls_client_chain(p->client, &chain, &err);
    finish(p, rc, buf_str(&chain), rc == RC_OK ? NULL : &err);
}

static enum rc open_tls(struct prove_probe *p, int fd)
{
    const struct tls_client_conf conf = {.ev = p->conf.ev,
                                         .server_name = str_of(p->name),
                                         .key = p->conf.key,
                                         .on_open = on_open,
                                         .arg = p};

    return tls_client_new(&conf, fd, &p->client);
}

/* ---- TLCP */

static void fail_tlcp(struct prove_probe *p, enum rc rc, const struct err *why)
{
    struct err err = ERR_INIT;
    char line[WHY_MAX];

    err.rc =
        why && why->msg ? ERR(&err, rc, msg_tlcp, str_of(err_textz(why, line, sizeof(line)))) : rc;
    fail(p, rc, &err);
}

/* A server that asks for certificates has signed already; that it then wants no stranger is its
 * right. */
static void on_shown(void *arg, enum rc rc, const struct err *why)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(TLS_LOOK_CHAIN_MAX);
    struct prove_probe *p = arg;

    if (rc == RC_OK || (rc == RC_NET && tlcp_conn_asked(tls_tlcp_look_conn(p->tlcp)))) {
        rc = tls_tlcp_look_chain(p->tlcp, &chain);
        why = NULL;
    }
    if (rc == RC_OK)
        finish(p, rc, buf_str(&chain), NULL);
    else
        fail_tlcp(p, rc, why);
}

static enum rc open_tlcp(struct prove_probe *p, int fd)
{
    const struct tls_tlcp_look_conf conf = {
        .ev = p->conf.ev, .server_name = str_of(p->name), .on_end = on_shown, .arg = p};

    return tls_tlcp_look_new(&conf, fd, &p->tlcp);
}

static void on_dialled(void *arg, enum rc rc, int fd, bool, const struct err *why)
{
    struct prove_probe *p = arg;

    starttls_dial_free(MOVE(p->dial));
    if (rc == RC_OK) {
        rc = p->conf.key == TLS_LOOK_SM2 ? open_tlcp(p, fd) : open_tls(p, fd);
        why = NULL;
    }
    if (rc != RC_OK)
        fail(p, rc, why);
}

enum rc prove_probe_new(const struct prove_probe_conf *conf, struct prove_probe **out)
{
    CLEANUP(prove_probe_freep) struct prove_probe *p = MEM_NEW(struct prove_probe);
    struct starttls_dial_conf way = {.ev = conf->ev,
                                     .net = conf->net,
                                     .to = conf->to,
                                     .timeout = PROVE_PROBE_SECONDS * WHEN_SECOND,
                                     .protocol = conf->protocol,
                                     .name = conf->name,
                                     .fn = on_dialled};

    if (!p)
        return RC_NOMEM;
    p->conf = *conf;
    ev_timer_init(&p->patience, conf->ev, on_late, p);
    TRY(str_copyz(conf->name, p->name, sizeof(p->name)));
    way.arg = p;
    TRY(starttls_dial_new(&way, &p->dial));
    ev_timer_start(&p->patience, PROVE_PROBE_SECONDS * WHEN_SECOND, 0);
    *out = MOVE(p);
    return RC_OK;
}
