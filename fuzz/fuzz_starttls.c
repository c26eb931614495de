/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: starttls_feed, of every protocol; prove_target_parse. The first byte of the input says
 * which protocol, the second in pieces of how many bytes the rest comes. */
#include "prove/target.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static const char *const names[] = {"smtp",  "imap", "pop3", "ldap",       "postgres",
                                    "mysql", "ftp",  "xmpp", "xmpp-server"};

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(starttls_done) struct starttls s = {};
    CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
    struct str in = str_bytes(data, n), bytes = str_skip(in, 2);
    struct prove_target target;
    enum rc rc;

    IGNORE_RC(prove_target_parse(in, &target, NULL)); /* any outcome is allowed */
    if (n < 2)
        return 0;
    rc = starttls_init(&s, starttls_find(str_of(names[data[0] % 9])), STR("a.example"), &out);
    for (rc = rc == RC_OK ? RC_AGAIN : rc; bytes.n && (rc == RC_AGAIN || rc == RC_OK);) {
        bool agreed = rc == RC_OK;
        struct err err = ERR_INIT;

        rc = starttls_feed(&s, str_head(bytes, data[1] + 1u), &out, &err);
        /* Nobody is let on after plain text behind the agreement, or without a word of why. */
        if ((agreed && rc != RC_CONFLICT) || s.total > STARTTLS_TOTAL_MAX + 256 ||
            (rc != RC_OK && rc != RC_AGAIN && rc != RC_NOMEM && !err.msg))
            __builtin_trap();
        bytes = str_skip(bytes, data[1] + 1u);
    }
    return 0;
}
