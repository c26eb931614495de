/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes of every kind, record by record. */
#pragma once

#include "flight.h"

/* Handshakes that between them go through all states. */
enum way { PLAIN, PROVEN, ECDHE, WITH_TICKET, RESUMED, RESUMED_BY_TICKET, RENEWED_TICKET, WAYS };

/* Tickets in the clear, renewed by choice. */
static bool renews;

static enum rc as_it_is(void *, struct str plain, struct buf *out)
{
    buf_puts(out, plain);
    return buf_rc(out);
}

static enum rc opened(void *, struct str ticket, struct buf *out, bool *renew)
{
    *renew = renews;
    buf_puts(out, ticket);
    return buf_rc(out);
}

struct house {
    struct world w;
    struct tlcp_tickets tickets;
    struct tlcp_session session;
    struct buf ticket;
};

[[maybe_unused]] static void house_done(struct house *h)
{
    buf_done(&h->ticket);
    world_done(&h->w);
}

static const uint16_t ecc[] = {TLCP_ECC_SM4_GCM_SM3}, ecdhe[] = {TLCP_ECDHE_SM4_CBC_SM3};

/* Until the next handshake goes that way. */
[[maybe_unused]] static enum rc house_init(struct house *h, enum way way)
{
    bool resumes = way >= RESUMED, tickets = way == WITH_TICKET || way > RESUMED;

    *h = (struct house){.ticket = BUF_INIT(TLCP_TICKET_MAX)};
    TRY(world_init(&h->w));
    h->tickets = (struct tlcp_tickets){&h->w.clock.clock, NULL, as_it_is, opened};
    h->w.server_conf.tickets = tickets ? &h->tickets : NULL;
    h->w.client_conf.tickets = tickets;
    h->w.client_conf.suites = way == ECDHE ? ecdhe : ecc;
    h->w.client_conf.n_suites = 1;
    h->w.client_conf.identity = way == PROVEN || way == ECDHE ? of_client.identity : NULL;
    h->w.shown.ask = way == PROVEN ? TLCP_ASK : TLCP_ASK_NOBODY;
    renews = way == RENEWED_TICKET;
    if (!resumes)
        return RC_OK;
    TRY(connect_pair(&h->w));
    shake(&h->w);
    TRY(tlcp_conn_session(h->w.client, &h->session));
    buf_puts(&h->ticket, tlcp_conn_ticket(h->w.client));
    h->w.client_conf.session = &h->session;
    h->w.client_conf.ticket = buf_str(&h->ticket);
    return buf_rc(&h->ticket);
}

#define HOUSE(h, way)                                                                              \
    CLEANUP(house_done) struct house h = {};                                                       \
    CHECK_OK(house_init(&h, way))

/* One record of what is pending. */
[[maybe_unused]] static bool pass_one(struct tlcp_conn *from, struct tlcp_conn *to)
{
    struct str out = tlcp_conn_pending(from);
    size_t n;

    if (out.n < TLCP_RECORD_HEADER)
        return false;
    n = TLCP_RECORD_HEADER + ((size_t)(unsigned char)out.p[3] << 8 | (unsigned char)out.p[4]);
    n = feed(to, str_head(out, n));
    tlcp_conn_sent(from, n);
    return n > 0;
}

[[maybe_unused]] static enum rc go_on(struct tlcp_conn *c)
{
    enum rc rc = c->state == TLCP_OPEN ? RC_OK : tlcp_conn_shake(c, NULL);

    return rc == RC_AGAIN ? RC_OK : rc;
}

/* The plain text of the record that is next, in the clear or by the victim's keys. */
[[maybe_unused]] static enum rc look(struct tlcp_conn *other, struct tlcp_conn *victim,
                                     enum tlcp_record *type, struct buf *out)
{
    CLEANUP(buf_done) struct buf copy = BUF_INIT(TLCP_RECORD_MAX);
    struct str next = tlcp_conn_pending(other), plain;
    uint64_t before = victim->in.sequence;
    size_t n;

    if (next.n < TLCP_RECORD_HEADER)
        return RC_NOTFOUND;
    *type = (enum tlcp_record)next.p[0];
    n = (size_t)(unsigned char)next.p[3] << 8 | (unsigned char)next.p[4];
    buf_puts(&copy, str_head(str_skip(next, TLCP_RECORD_HEADER), n));
    TRY(buf_rc(&copy));
    TRY(tlcp_guard_open(&victim->in, *type, (unsigned char *)copy.p, copy.n, &plain));
    victim->in.sequence = before;
    buf_puts(out, plain);
    return buf_rc(out);
}
