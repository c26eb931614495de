/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "courier/courier_int.h"

/* RFC 5424 section 6.2.1: facility 13, log audit; severity 5, notice. */
enum { PRIORITY = 13 * 8 + 5, HEADER_MAX = 1024 };
#define SEQUENCE_ID_MAX UINT64_C(2'147'483'647) /* section 7.3.1; then it begins again with 1 */

/* Section 6.2.3: RFC 3339 with at most six digits behind the second. */
static void put_time(struct buf *out, when_t at)
{
    struct when_civil c;

    if (when_to_civil(at, &c) != RC_OK) {
        buf_putz(out, "-");
        return;
    }
    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", c.year, c.month, c.day, c.hour, c.minute,
               c.second, c.micros);
}

/* Only elements that IANA has registered, for those of one's own take an enterprise number. The
 * message is the record and nothing beside it, so without the mark of byte order: what arrives is
 * what was hashed. */
void courier_frame_put(struct buf *out, const char *host, const struct ipc_record *r)
{
    CLEANUP(buf_done) struct buf head = BUF_INIT(HEADER_MAX);
    struct str action = str_head(r->action, COURIER_MSGID_MAX);

    buf_printf(&head, "<%d>1 ", PRIORITY);
    put_time(&head, r->at);
    buf_printf(&head, " %s autarky - %.*s", host, STR_ARG(action.n ? action : STR("-")));
    buf_printf(&head,
               " [origin software=\"autarky\" swVersion=\"" AUTARKY_VERSION "\"]"
               "[meta sequenceId=\"%llu\"] ",
               (unsigned long long)((r->sequence - 1) % SEQUENCE_ID_MAX + 1));
    if (buf_rc(&head) != RC_OK) {
        buf_fail(out, buf_rc(&head));
        return;
    }
    buf_printf(out, "%zu ", head.n + r->bytes.n);
    buf_puts(out, buf_str(&head));
    buf_puts(out, r->bytes);
}
