/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of connections of TLCP that have shaken hands, for fuzz_tlcp_open.c. */
#pragma once

#include "fuzz_tlcp.h"
#include "tlcp/tlcp_int.h"

enum { TURNS = 8, READ_MAX = 512 };

struct pair {
    struct tlcp_conn *ends[2]; /* client, server */
    struct buf said[2];        /* application data that each has sent and the other not read */
    bool over[2];              /* what comes from it may be refused */
};

static void carry(struct tlcp_conn *from, struct tlcp_conn *to)
{
    struct str out;
    size_t room;

    while ((out = tlcp_conn_pending(from)).n) {
        unsigned char *p = tlcp_conn_room(to, &room);

        if (!p || room == 0)
            return; /* what is there is read first */
        out = str_head(out, room);
        memcpy(p, out.p, out.n);
        tlcp_conn_came(to, out.n);
        tlcp_conn_sent(from, out.n);
    }
}

static void pair_done(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        tlcp_conn_free(MOVE(p->ends[i]));
        buf_done(&p->said[i]);
    }
}

/* An abort when they do not understand each other. */
static void pair_init(struct pair *p, bool cbc)
{
    static const uint16_t suites[] = {TLCP_ECC_SM4_GCM_SM3, TLCP_ECC_SM4_CBC_SM3};
    struct tlcp_client_conf client = {.suites = &suites[cbc], .n_suites = 1};
    enum rc rc[2] = {RC_AGAIN, RC_AGAIN};

    *p = (struct pair){.said = {BUF_INIT(1 << 20), BUF_INIT(1 << 20)}};
    p->ends[1] = begin('t');
    if (tlcp_client_new(&client, &p->ends[0]) != RC_OK)
        __builtin_trap();
    for (int i = 0; i < TURNS && (rc[0] != RC_OK || rc[1] != RC_OK); i++)
        for (int k = 0; k < 2; k++) {
            rc[k] = tlcp_conn_shake(p->ends[k], NULL);
            carry(p->ends[k], p->ends[!k]);
        }
    if (rc[0] != RC_OK || rc[1] != RC_OK)
        __builtin_trap();
}

/* Reads what there is for one end: exactly what the other has said, as long as that has said
 * nothing else. */
static void listen_to(struct pair *p, int from)
{
    struct tlcp_conn *c = p->ends[!from];
    char text[READ_MAX];
    size_t n;
    enum rc rc;

    while ((rc = tlcp_conn_read(c, text, sizeof(text), &n)) == RC_OK) {
        if (!str_eq(str_bytes(text, n), str_head(buf_str(&p->said[from]), n)))
            __builtin_trap();
        buf_consume(&p->said[from], n);
    }
    if (rc == RC_AGAIN)
        return;
    if (!p->over[from] || tlcp_conn_read(c, text, sizeof(text), &n) != rc)
        __builtin_trap(); /* it has ended for no reason, or begins anew */
}
