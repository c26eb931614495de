/* SPDX-License-Identifier: Apache-2.0 */
/* Target: courier_smtp_feed. The first byte of the input says whether the server greets and
 * somebody signs in, the second in pieces of how many bytes the rest comes. */
#include "courier/smtp.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(1 << 20);
    CLEANUP(courier_smtp_done) struct courier_smtp s = {};
    struct courier_mail mail = {.host = STR("ca.example"),
                                .from = STR("ca@a.example"),
                                .to = STR("x@a.example,y@a.example"),
                                .message = STR("Subject: x\r\n\r\n.\r\n"),
                                .secret = true};
    struct str bytes = str_skip(str_bytes(data, n), 2);
    enum rc rc;

    if (n < 2)
        return 0;
    mail.greets = data[0] & 1;
    mail.user = mail.password = data[0] & 2 ? STR("u") : STR("");
    rc = courier_smtp_init(&s, &mail, &out);
    for (rc = rc == RC_OK ? RC_AGAIN : rc; bytes.n && rc == RC_AGAIN;) {
        struct err err = ERR_INIT;

        rc = courier_smtp_feed(&s, str_head(bytes, data[1] + 1u), &out, &err);
        /* Sent is what a recipient was accepted for, and refused is nothing without a word. */
        if ((rc == RC_OK && (!s.accepted || s.step != COURIER_SMTP_SENT)) ||
            s.heard > COURIER_SMTP_TALK_MAX + 256 || (rc == RC_DENIED && !err.msg))
            __builtin_trap();
        bytes = str_skip(bytes, data[1] + 1u);
    }
    return 0;
}
