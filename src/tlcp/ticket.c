/* SPDX-License-Identifier: Apache-2.0 */
#include "tlcp/ticket.h"

#include "ev/clock.h"
#include "tlcp/message_int.h"
#include "tlcp/record_int.h"

enum {
    FORMAT = 1,
    PLAIN = 1 + 2 + 8 + TLCP_SESSION_BOUND + TLCP_MASTER,
    PLAIN_MAX = 2 * TLCP_TICKET_MAX, /* whatever else is sealed with these keys */
};

enum rc tlcp_ticket_make(const struct tlcp_tickets *t, const struct tlcp_session *s,
                         const uint8_t bound[static TLCP_SESSION_BOUND], when_t until,
                         struct buf *out)
{
    CLEANUP(buf_wipe) struct buf plain = BUF_INIT(PLAIN);

    buf_u8(&plain, FORMAT);
    buf_u16(&plain, s->suite);
    buf_u64(&plain, (uint64_t)until);
    buf_put(&plain, bound, TLCP_SESSION_BOUND);
    buf_put(&plain, s->master, TLCP_MASTER);
    TRY(buf_rc(&plain));
    return t->seal(t->arg, buf_str(&plain), out);
}

/* Between the clocks of hosts that have the same keys. */
#define SKEW (5 * WHEN_MINUTE)

/* Only what this folder sealed gets here; of a later program, perhaps. */
static bool read(struct str plain, const uint8_t bound[static TLCP_SESSION_BOUND],
                 struct tlcp_session *out, when_t *until)
{
    struct rd r = rd_of(plain);
    uint8_t format = rd_u8(&r);
    uint16_t suite = rd_u16(&r);
    uint64_t end = rd_u64(&r);
    struct str to = rd_bytes(&r, TLCP_SESSION_BOUND), master = rd_bytes(&r, TLCP_MASTER);

    if (rd_done(&r) != RC_OK || format != FORMAT || end > INT64_MAX || !tlcp_suite_find(suite) ||
        !str_eq(to, str_bytes(bound, TLCP_SESSION_BOUND)))
        return false;
    *out = (struct tlcp_session){.suite = suite};
    memcpy(out->master, master.p, TLCP_MASTER);
    *until = (when_t)end;
    return true;
}

enum rc tlcp_ticket_take(const struct tlcp_tickets *t, struct str ticket,
                         const uint8_t bound[static TLCP_SESSION_BOUND], struct tlcp_session *out,
                         when_t *until, bool *renew)
{
    CLEANUP(buf_wipe) struct buf plain = BUF_INIT(PLAIN_MAX);
    when_t now;

    if (ticket.n == 0 || ticket.n > TLCP_TICKET_MAX ||
        t->open(t->arg, ticket, &plain, renew) != RC_OK ||
        !read(buf_str(&plain), bound, out, until))
        return RC_NOTFOUND;
    /* What ends later than any that is made was made while a clock was wrong. */
    now = clock_now(t->clock);
    if (*until > now && *until <= now + TLCP_SESSION_SECONDS * WHEN_SECOND + SKEW)
        return RC_OK;
    explicit_bzero(out, sizeof(*out));
    return RC_NOTFOUND;
}
