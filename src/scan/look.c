/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/look.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/text.h"
#include "ev/clock.h"
#include "starttls/dial.h"
#include "tlcp/conn.h"
#include "tls/client.h"
#include "tls/survey.h"
#include "tls/tlcp_look.h"

MSG(msg_silent, "scan.silent", "somebody listens there, and nothing came in time");
MSG(msg_gone, "scan.gone", "the server ended the connection");
MSG(msg_other, "scan.other", "what it says is not TLS");

enum { READ_BYTES = 4096 };

enum step { STEP_TLS, STEP_VERSION, STEP_GROUP, STEP_TLCP, STEP_END };

struct scan_look {
    const struct scan_look_conf *conf;
    void *arg;
    struct scan_found tls, tlcp;
    enum step step;
    enum rc broken; /* this machine, and not the endpoint, is why it ended */
    bool answered;  /* it has said something that is TLS */
    struct scan_turn turn;
    struct ev_timer patience;
    /* one connection */
    struct starttls_dial *dial;
    struct tls_client *client;
    struct tls_tlcp_look *shown; /* by TLCP */
    struct ev_fd *watch;
    int fd;
    struct buf in, out;
    /* what is asked next */
    uint16_t version;
    uint16_t groups[SCAN_GROUPS_MAX];
    size_t n_groups;
};

static void disconnect(struct scan_look *l)
{
    ev_timer_stop(&l->patience);
    starttls_dial_free(MOVE(l->dial));
    tls_client_free(MOVE(l->client));
    tls_tlcp_look_free(MOVE(l->shown));
    ev_fd_free(MOVE(l->watch));
    fd_close(&l->fd);
    buf_reset(&l->in);
    buf_reset(&l->out);
}

void scan_look_free(struct scan_look *l)
{
    if (!l)
        return;
    scan_turn_cancel(&l->turn);
    disconnect(l);
    buf_done(&l->in);
    buf_done(&l->out);
    scan_found_done(&l->tls);
    scan_found_done(&l->tlcp);
    mem_free(l);
}

enum rc scan_look_broken(const struct scan_look *l)
{
    return l->broken;
}

const struct scan_found *scan_look_found(const struct scan_look *l, size_t i)
{
    bool both = l->tls.state == SCAN_TLS && l->tlcp.state == SCAN_TLS;

    if (i == 0)
        return l->tls.state != SCAN_TLS && l->tlcp.state == SCAN_TLS ? &l->tlcp : &l->tls;
    return i == 1 && both ? &l->tlcp : NULL;
}

/* ---- from step to step */

static void why_not(struct scan_found *f, const struct err *err)
{
    err_textz(err, f->why, sizeof(f->why));
}

/* Only what came last, and only once, goes out. */
static void end(struct scan_look *l)
{
    disconnect(l);
    l->step = STEP_END;
    l->conf->fn(l->arg, l);
}

/* Descriptors or memory are out: nothing is known of the endpoint. */
static void broke(struct scan_look *l, enum rc rc)
{
    l->broken = rc;
    end(l);
}

static void begin(struct scan_look *l, enum step step)
{
    disconnect(l);
    l->step = step;
    scan_pace_ask(l->conf->pace, &l->turn);
}

static void begin_tlcp(struct scan_look *l)
{
    if (l->conf->quick || l->tls.at.protocol)
        end(l);
    else
        begin(l, STEP_TLCP);
}

/* Where nothing was agreed, TLS 1.3 may still be what it wants. */
static void begin_groups(struct scan_look *l)
{
    bool new = l->tls.versions &SCAN_HAS_TLS13;

    if (l->n_groups && !l->conf->quick && (new || !l->tls.versions))
        begin(l, STEP_GROUP);
    else
        begin_tlcp(l);
}

static unsigned has(uint16_t version)
{
    return 1u << (version - SCAN_TLS10);
}

/* The next lower version, if there is one to ask for. */
static void begin_version(struct scan_look *l, uint16_t below)
{
    if (below > SCAN_TLS10 && below <= SCAN_TLS13 && (!l->conf->quick || !l->answered)) {
        l->version = (uint16_t)(below - 1);
        begin(l, STEP_VERSION);
    } else {
        begin_groups(l);
    }
}

/* ---- the first handshake */

static void take_facts(struct scan_look *l)
{
    struct tls_survey_facts f = tls_survey_facts(l->client);
    uint16_t group = scan_group_find(str_of(f.group));

    if (!scan_version_name(f.version))
        return;
    l->answered = true;
    l->tls.versions |= has(f.version);
    l->version = f.version;
    IGNORE_RC(str_copyz(str_of(f.cipher), l->tls.cipher, sizeof(l->tls.cipher))); /* they are
                                                                                      shorter */
    if (group && (l->conf->quick || f.version != SCAN_TLS13))
        l->tls.groups[l->tls.n_groups++] = group;
}

/* Also after a failure the certificates may be there, as where the server wants one of ours. */
static void on_open(void *arg, enum rc rc, const struct err *err)
{
    struct scan_look *l = arg;
    struct err bare = ERR_INIT;
    bool shown = tls_client_chain(l->client, &l->tls.chain, &bare) == RC_OK;

    if (rc == RC_NOMEM) {
        broke(l, rc);
        return;
    }
    take_facts(l);
    if (!shown) {
        buf_reset(&l->tls.chain);
        why_not(&l->tls, rc == RC_OK ? &bare : err);
    }
    l->answered |= shown;
    l->tls.state = l->answered ? SCAN_TLS : SCAN_OTHER;
    begin_version(l, l->tls.versions ? l->version : SCAN_TLS13);
}

static enum rc open_tls(struct scan_look *l)
{
    const struct tls_client_conf conf = {.ev = l->conf->ev,
                                         .server_name = l->tls.at.name,
                                         .survey = l->conf->survey,
                                         .on_open = on_open,
                                         .arg = l};

    return tls_client_new(&conf, fd_move(&l->fd), &l->client);
}

/* ---- hellos */

static void drop_group(struct scan_look *l, uint16_t group)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->n_groups; i++)
        if (l->groups[i] != group)
            l->groups[kept++] = l->groups[i];
    l->n_groups = kept;
}

static bool is_offered(const struct scan_look *l, uint16_t group)
{
    for (size_t i = 0; i < l->n_groups; i++)
        if (l->groups[i] == group)
            return true;
    return false;
}

static void answered(struct scan_look *l, const struct scan_answer *a)
{
    l->answered = true;
    l->tls.state = SCAN_TLS;
    if (l->step == STEP_VERSION) {
        if (a->version && a->version <= l->version) {
            l->tls.versions |= has(a->version);
            begin_version(l, a->version);
        } else {
            begin_groups(l);
        }
        return;
    }
    if (a->version != SCAN_TLS13 || !is_offered(l, a->group) ||
        l->tls.n_groups == SCAN_GROUPS_MAX) {
        begin_tlcp(l);
        return;
    }
    l->tls.versions |= SCAN_HAS_TLS13;
    l->tls.groups[l->tls.n_groups++] = a->group;
    drop_group(l, a->group);
    begin_groups(l);
}

/* No answer, or none that is TLS. */
static void unanswered(struct scan_look *l, const struct err *err)
{
    if (!l->answered)
        why_not(&l->tls, err);
    if (l->step == STEP_VERSION && l->answered)
        begin_groups(l);
    else
        begin_tlcp(l);
}

static void read_answer(struct scan_look *l)
{
    char *room = buf_reserve(&l->in, READ_BYTES);
    ssize_t n = room ? recv(l->fd, room, READ_BYTES, 0) : 0;
    struct scan_answer a;
    struct err err = ERR_INIT;
    enum rc rc;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        err.rc = ERR(&err, RC_NET, msg_gone);
        unanswered(l, &err);
        return;
    }
    buf_advance(&l->in, (size_t)n);
    rc = scan_answer_read(buf_str(&l->in), &a);
    if (rc == RC_OK) {
        answered(l, &a);
    } else if (rc != RC_AGAIN) {
        err.rc = ERR(&err, rc, msg_other);
        unanswered(l, &err);
    }
}

/* False: the connection is lost. */
static bool send_out(struct scan_look *l, struct str bytes, size_t *out_n)
{
    ssize_t n = bytes.n ? send(l->fd, bytes.p, bytes.n, MSG_NOSIGNAL) : 0;

    *out_n = n > 0 ? (size_t)n : 0;
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static void on_hello(void *arg, unsigned)
{
    struct scan_look *l = arg;
    struct err err = ERR_INIT;
    size_t n = 0;

    if (!l->out.n) {
        read_answer(l);
        return;
    }
    if (!send_out(l, buf_str(&l->out), &n)) {
        err.rc = ERR(&err, RC_NET, msg_gone);
        unanswered(l, &err);
        return;
    }
    buf_consume(&l->out, n);
    ev_fd_watch(l->watch, l->out.n ? EV_WRITE : EV_READ);
}

static enum rc open_hello(struct scan_look *l)
{
    size_t n = 0;
    const uint16_t *all = scan_groups(&n);
    bool walk = l->step == STEP_GROUP;
    const struct scan_hello hello = {.version = walk ? SCAN_TLS13 : l->version,
                                     .groups = walk ? l->groups : all,
                                     .n_groups = walk ? l->n_groups : n,
                                     .name = l->tls.at.name};

    TRY(scan_hello_put(&hello, &l->out));
    TRY(ev_fd_new(l->conf->ev, l->fd, on_hello, l, &l->watch));
    ev_fd_watch(l->watch, EV_WRITE);
    return RC_OK;
}

/* ---- TLCP */

static void take_tlcp(struct scan_look *l)
{
    const struct tlcp_conn *conn = tls_tlcp_look_conn(l->shown);
    struct str der;

    for (size_t i = 0; (der = tlcp_conn_certificate(conn, i)).n; i++)
        text_pem(&l->tlcp.chain, STR("CERTIFICATE"), der);
    if (l->tlcp.chain.n && buf_rc(&l->tlcp.chain) == RC_OK) {
        l->tlcp.state = SCAN_TLS;
        l->tlcp.versions = SCAN_HAS_TLCP;
        IGNORE_RC(str_copyz(str_of(tlcp_conn_suite(conn)), l->tlcp.cipher,
                            sizeof(l->tlcp.cipher))); /* they are shorter */
    }
    end(l);
}

/* A handshake that fails at the end has shown its certificates all the same. */
static void on_tlcp(void *arg, enum rc, const struct err *)
{
    take_tlcp(arg);
}

static enum rc open_tlcp(struct scan_look *l)
{
    static const uint16_t suites[] = {TLCP_ECC_SM4_GCM_SM3, TLCP_ECC_SM4_CBC_SM3,
                                      TLCP_ECDHE_SM4_GCM_SM3, TLCP_ECDHE_SM4_CBC_SM3};
    const struct tls_tlcp_look_conf conf = {.ev = l->conf->ev,
                                            .server_name = l->tls.at.name,
                                            .suites = suites,
                                            .n_suites = sizeof(suites) / sizeof(suites[0]),
                                            .on_end = on_tlcp,
                                            .arg = l};

    return tls_tlcp_look_new(&conf, fd_move(&l->fd), &l->shown);
}

/* ---- connections */

/* Nothing that was found before is lost by what fails later. */
static void failed(struct scan_look *l, enum scan_state state, const struct err *err)
{
    if (l->step == STEP_TLS) {
        l->tls.state = state;
        why_not(&l->tls, err);
    }
    end(l);
}

static void on_late(void *arg)
{
    struct scan_look *l = arg;
    struct err err = ERR_INIT;

    err.rc = ERR(&err, RC_TIMEOUT, msg_silent);
    /* Some say nothing to what they do not know: that is an answer, as long as they said something
     * to the rest. */
    if (l->step == STEP_VERSION && l->answered)
        begin_groups(l);
    else if (l->step == STEP_GROUP && l->answered)
        begin_tlcp(l);
    else
        failed(l, SCAN_OTHER, &err);
}

static void on_dialled(void *arg, enum rc rc, int fd, bool connected, const struct err *err)
{
    static enum rc (*const opens[])(struct scan_look * l) = {
        [STEP_TLS] = open_tls,
        [STEP_VERSION] = open_hello,
        [STEP_GROUP] = open_hello,
        [STEP_TLCP] = open_tlcp,
    };
    struct scan_look *l = arg;

    l->fd = fd;
    if (rc == RC_NOMEM || rc == RC_IO) {
        broke(l, rc);
        return;
    }
    if (rc != RC_OK) {
        failed(l, connected ? SCAN_OTHER : SCAN_CLOSED, err);
        return;
    }
    starttls_dial_free(MOVE(l->dial));
    rc = opens[l->step](l);
    if (rc != RC_OK)
        broke(l, rc);
}

static void on_turn(void *arg)
{
    struct scan_look *l = arg;
    const struct starttls_dial_conf way = {.ev = l->conf->ev,
                                           .net = l->conf->net,
                                           .to = l->tls.at.to,
                                           .timeout = l->conf->timeout,
                                           .protocol = l->tls.at.protocol,
                                           .name = l->tls.at.name,
                                           .fn = on_dialled,
                                           .arg = l};

    enum rc rc = starttls_dial_new(&way, &l->dial);

    if (rc == RC_OK)
        ev_timer_start(&l->patience, l->conf->timeout + WHEN_SECOND / 10, 0);
    else
        broke(l, rc);
}

enum rc scan_look_new(const struct scan_look_conf *conf, const struct scan_endpoint *at, void *arg,
                      struct scan_look **out)
{
    struct scan_look *l = MEM_NEW(struct scan_look);
    size_t n = 0;
    const uint16_t *groups = scan_groups(&n);

    if (!l)
        return RC_NOMEM;
    l->conf = conf;
    l->arg = arg;
    l->fd = -1;
    scan_found_init(&l->tls, at);
    scan_found_init(&l->tlcp, at);
    l->tlcp.tlcp = true;
    l->tls.time = l->tlcp.time = clock_now(ev_clock(conf->ev));
    buf_init(&l->in, SCAN_ANSWER_MAX + READ_BYTES);
    buf_init(&l->out, SCAN_HELLO_MAX);
    scan_turn_init(&l->turn, on_turn, l);
    ev_timer_init(&l->patience, conf->ev, on_late, l);
    for (; l->n_groups < n; l->n_groups++)
        l->groups[l->n_groups] = groups[l->n_groups];
    begin(l, STEP_TLS);
    *out = l;
    return RC_OK;
}
