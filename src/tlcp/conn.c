/* SPDX-License-Identifier: Apache-2.0 */
#include "tlcp/conn.h"

#include <stdio.h>

#include "tlcp/tlcp_int.h"

MSG(msg_type, "tlcp.record-type", "the peer sent a record of type {0}, which there is not");
MSG(msg_version, "tlcp.record-version", "the peer sent a record of another version than TLCP's");
MSG(msg_long, "tlcp.record-long", "the peer sent a record that is longer than allowed");
MSG(msg_empty, "tlcp.record-empty", "the peer sent empty records where none belong, or too many");
MSG(msg_forged, "tlcp.record-forged", "a record of the peer was damaged on its way");
MSG(msg_early, "tlcp.data-early", "the peer sent data before the handshake was over");
MSG(msg_alert, "tlcp.alert", "the peer ended it with alert {0}");
MSG(msg_alerts, "tlcp.alerts", "the peer sent an alert that is damaged, or too many of them");
MSG(msg_open, "tlcp.open", "opening a record failed for want of memory or in OpenSSL");

enum { NUMBER = 8, OLD_MAJOR = 3 };

static enum rc check_list(struct str alpn)
{
    struct str name;

    if (alpn.n > TLCP_ALPN_MAX - 3)
        return RC_INVAL;
    while (str_next(&alpn, ' ', &name))
        if (name.n == 0)
            return RC_INVAL;
    return RC_OK;
}

static enum rc check_suites(const uint16_t *suites, size_t n)
{
    for (size_t i = 0; suites && i < n; i++)
        if (!tlcp_suite_find(suites[i]))
            return RC_INVAL;
    return suites && n == 0 ? RC_INVAL : RC_OK;
}

static enum rc conn_new(enum tlcp_state state, struct tlcp_conn **out)
{
    CLEANUP(tlcp_conn_freep) struct tlcp_conn *c = MEM_NEW(struct tlcp_conn);

    if (!c)
        return RC_NOMEM;
    c->state = state;
    c->alert = -1;
    buf_init(&c->pending, TLCP_PENDING_MAX);
    buf_init(&c->ticket, TLCP_TICKET_MAX);
    TRY(tlcp_handshake_new(&c->hs));
    *out = MOVE(c);
    return RC_OK;
}

enum rc tlcp_server_new(const struct tlcp_server_conf *conf, void *arg, struct tlcp_conn **out)
{
    struct tlcp_conn *c;

    TRY(check_list(conf->alpn));
    TRY(check_suites(conf->suites, conf->n_suites));
    TRY(conn_new(TLCP_WAIT_CLIENT_HELLO, &c));
    c->server = conf;
    c->judge = conf->judge;
    c->arg = arg;
    c->hs->keeps_raw = conf->raw_verify;
    *out = c;
    return RC_OK;
}

enum rc tlcp_client_new(const struct tlcp_client_conf *conf, struct tlcp_conn **out)
{
    struct tlcp_conn *c;

    if (conf->server_name.n > TLCP_NAME_MAX || conf->ticket.n > TLCP_TICKET_MAX)
        return RC_INVAL;
    TRY(check_list(conf->alpn));
    TRY(check_suites(conf->suites, conf->n_suites));
    TRY(conn_new(TLCP_START, &c));
    c->client = *conf;
    c->judge = conf->judge;
    c->arg = conf->arg;
    c->hs->keeps_raw = conf->raw_verify;
    if (conf->identity)
        c->hs->identity = tlcp_identity_ref(conf->identity);
    *out = c;
    return RC_OK;
}

void tlcp_conn_free(struct tlcp_conn *c)
{
    if (!c)
        return;
    tlcp_handshake_free(c->hs);
    tlcp_guard_done(&c->in);
    tlcp_guard_done(&c->out);
    tlcp_peer_done(&c->peer);
    if (c->bytes)
        explicit_bzero(c->bytes, c->n);
    mem_free(c->bytes);
    buf_done(&c->pending);
    buf_done(&c->ticket);
    explicit_bzero(c, sizeof(*c));
    mem_free(c);
}

/* ---- bytes */

unsigned char *tlcp_conn_room(struct tlcp_conn *c, size_t *out_n)
{
    if (!c->bytes && !(c->bytes = mem_alloc(TLCP_RECORD_MAX)))
        return NULL;
    if (c->text.n == 0 && c->at) {
        memmove(c->bytes, c->bytes + c->at, c->n - c->at);
        c->n -= c->at;
        c->at = 0;
    }
    *out_n = TLCP_RECORD_MAX - c->n;
    return c->bytes + c->n;
}

void tlcp_conn_came(struct tlcp_conn *c, size_t n)
{
    c->n += n;
}

/* A connection that waits holds no memory for bytes. */
static void give_back(struct tlcp_conn *c)
{
    if (c->text.n || c->at < c->n || !c->bytes)
        return;
    mem_free(MOVE(c->bytes));
    c->n = c->at = 0;
}

struct str tlcp_conn_pending(const struct tlcp_conn *c)
{
    return str_skip(buf_str(&c->pending), c->sent);
}

void tlcp_conn_sent(struct tlcp_conn *c, size_t n)
{
    c->sent += n;
    if (c->sent < c->pending.n)
        return;
    c->sent = 0;
    if (c->state == TLCP_OPEN)
        buf_done(&c->pending);
    else
        buf_reset(&c->pending);
}

/* ---- records */

static enum rc read_header(struct tlcp_conn *c, struct rd *r, enum tlcp_record *type, size_t *n)
{
    uint8_t what = rd_u8(r);
    uint16_t version = rd_u16(r);
    bool first = c->state == TLCP_WAIT_CLIENT_HELLO;
    char number[NUMBER];

    *n = rd_u16(r);
    *type = (enum tlcp_record)what;
    if (what < TLCP_CHANGE || what > TLCP_DATA) {
        snprintf(number, sizeof(number), "%u", what);
        return tlcp_fail(c, TLCP_UNEXPECTED_MESSAGE, RC_CRYPTO, &msg_type, str_of(number));
    }
    /* Some say TLS in the record with their ClientHello, whose own version then counts. */
    if (version != TLCP_VERSION && !(first && version >> 8 == OLD_MAJOR))
        return tlcp_fail(c, TLCP_PROTOCOL_VERSION, RC_CRYPTO, &msg_version, STR(""));
    if (*n > TLCP_CIPHER_MAX)
        return tlcp_fail(c, TLCP_RECORD_OVERFLOW, RC_CRYPTO, &msg_long, STR(""));
    return RC_OK;
}

static enum rc open_failed(struct tlcp_conn *c, enum rc rc)
{
    if (rc == RC_DENIED)
        return tlcp_fail(c, TLCP_BAD_RECORD_MAC, RC_CRYPTO, &msg_forged, STR(""));
    if (rc == RC_TOOBIG)
        return tlcp_fail(c, TLCP_RECORD_OVERFLOW, RC_CRYPTO, &msg_long, STR(""));
    return tlcp_fail(c, TLCP_INTERNAL_ERROR, rc, &msg_open, STR(""));
}

/* The next whole record, opened; RC_AGAIN when there is none. */
static enum rc next_record(struct tlcp_conn *c, enum tlcp_record *type, struct str *body)
{
    struct rd r = rd_of(str_skip(str_bytes(c->bytes, c->n), c->at));
    size_t n;
    enum rc rc;

    if (r.left < TLCP_RECORD_HEADER)
        return RC_AGAIN;
    TRY(read_header(c, &r, type, &n));
    if (r.left < n)
        return RC_AGAIN;
    rc = tlcp_guard_open(&c->in, *type, c->bytes + c->at + TLCP_RECORD_HEADER, n, body);
    c->at += TLCP_RECORD_HEADER + n;
    if (rc != RC_OK)
        return open_failed(c, rc);
    if (body->n)
        c->empties = 0;
    else if (*type != TLCP_DATA || ++c->empties > TLCP_EMPTY_MAX)
        return tlcp_fail(c, TLCP_UNEXPECTED_MESSAGE, RC_CRYPTO, &msg_empty, STR(""));
    return RC_OK;
}

bool tlcp_conn_readable(const struct tlcp_conn *c)
{
    struct rd r = rd_of(str_skip(str_bytes(c->bytes, c->n), c->at));

    if (c->text.n || c->untold)
        return true;
    (void)rd_bytes(&r, TLCP_RECORD_HEADER - 2);
    return tlcp_vector16(&r).p && !r.failed && c->failed == RC_OK && !c->ended;
}

static enum rc take_alert(struct tlcp_conn *c, struct str body)
{
    char number[NUMBER];
    uint8_t level, what;

    if (tlcp_alert_read(body, &level, &what) != RC_OK)
        return tlcp_fail(c, TLCP_DECODE_ERROR, RC_CRYPTO, &msg_alerts, STR(""));
    c->alert = what;
    if (level == TLCP_WARNING && what == TLCP_CLOSE_NOTIFY && c->state == TLCP_OPEN) {
        c->ended = true;
        return RC_CLOSED;
    }
    if (level == TLCP_WARNING && what != TLCP_CLOSE_NOTIFY && ++c->warnings <= TLCP_WARNINGS_MAX)
        return RC_OK;
    if (level == TLCP_WARNING && what != TLCP_CLOSE_NOTIFY)
        return tlcp_fail(c, TLCP_UNEXPECTED_MESSAGE, RC_CRYPTO, &msg_alerts, STR(""));
    /* Told nothing back: it does not listen any more. */
    snprintf(number, sizeof(number), "%u", what);
    c->failed = RC_NET;
    return ERR(c->err, RC_NET, msg_alert, str_of(number));
}

static enum rc take_data(struct tlcp_conn *c, struct str body)
{
    if (c->state != TLCP_OPEN)
        return tlcp_fail(c, TLCP_UNEXPECTED_MESSAGE, RC_CRYPTO, &msg_early, STR(""));
    c->text = body;
    return RC_OK;
}

/* By type of record, from ChangeCipherSpec on. */
static enum rc (*const takers[])(struct tlcp_conn *c, struct str body) = {
    tlcp_handshake_change,
    take_alert,
    tlcp_handshake_take,
    take_data,
};

static enum rc take_record(struct tlcp_conn *c)
{
    enum tlcp_record type;
    struct str body;

    if (c->failed != RC_OK)
        return c->failed;
    if (c->ended)
        return RC_CLOSED;
    TRY(next_record(c, &type, &body));
    return takers[type - TLCP_CHANGE](c, body);
}

enum rc tlcp_conn_shake(struct tlcp_conn *c, struct err *err)
{
    enum rc rc = c->failed;

    c->err = err;
    if (rc == RC_OK && c->state == TLCP_START)
        rc = tlcp_client_begin(c);
    while (rc == RC_OK && c->state != TLCP_OPEN)
        rc = take_record(c);
    if (rc != RC_OK && rc != RC_AGAIN && c->failed == RC_OK)
        c->failed = rc;
    c->err = NULL;
    give_back(c);
    return rc;
}

enum rc tlcp_conn_read(struct tlcp_conn *c, void *p, size_t n, size_t *out_n)
{
    enum rc rc = RC_OK;
    size_t done = 0;

    while (done < n && rc == RC_OK) {
        struct str piece = str_head(c->text, n - done);

        if (piece.n) {
            memcpy((char *)p + done, piece.p, piece.n);
            c->text = str_skip(c->text, piece.n);
            done += piece.n;
        } else {
            rc = take_record(c);
        }
    }
    give_back(c);
    /* What stopped it comes again with the next call. */
    c->untold = done && rc != RC_OK && rc != RC_AGAIN;
    if (done == 0)
        return rc == RC_OK ? RC_AGAIN : rc;
    *out_n = done;
    return RC_OK;
}

enum rc tlcp_conn_write(struct tlcp_conn *c, struct str bytes, size_t *out_n)
{
    struct str piece = str_head(bytes, TLCP_PLAIN_MAX);
    enum rc rc;

    if (c->failed != RC_OK || c->closed)
        return c->failed != RC_OK ? c->failed : RC_NET;
    if (tlcp_conn_pending(c).n)
        return RC_AGAIN;
    rc = tlcp_record_send(c, TLCP_DATA, piece);
    if (rc != RC_OK) {
        c->failed = rc;
        return rc;
    }
    *out_n = piece.n;
    return RC_OK;
}

enum rc tlcp_conn_close(struct tlcp_conn *c)
{
    if (c->closed || c->failed != RC_OK)
        return RC_OK;
    c->closed = true;
    return tlcp_alert_send(c, TLCP_WARNING, TLCP_CLOSE_NOTIFY);
}

/* ---- what there is to know */

const char *tlcp_conn_suite(const struct tlcp_conn *c)
{
    return c->suite ? c->suite->name : "";
}

struct str tlcp_conn_alpn(const struct tlcp_conn *c)
{
    return str_bytes(c->alpn, c->alpn_n);
}

bool tlcp_conn_resumed(const struct tlcp_conn *c)
{
    return c->resumed;
}

struct str tlcp_conn_certificate(const struct tlcp_conn *c, size_t i)
{
    return i < c->peer.list.n ? c->peer.list.certs[i] : (struct str){NULL, 0};
}

enum rc tlcp_conn_session(const struct tlcp_conn *c, struct tlcp_session *out)
{
    if (c->state != TLCP_OPEN || (c->session.id_n == 0 && c->ticket.n == 0))
        return RC_NOTFOUND;
    *out = c->session;
    return RC_OK;
}

struct str tlcp_conn_ticket(const struct tlcp_conn *c)
{
    return buf_str(&c->ticket);
}

bool tlcp_conn_asked(const struct tlcp_conn *c)
{
    return c->asked;
}

int tlcp_conn_alert(const struct tlcp_conn *c)
{
    return c->alert;
}
