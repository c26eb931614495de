/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: waf_verdict_line, waf_multipart_end. What is said of a request has its limits whatever a
 * line has in it, and can be sent. */
#include "waf/verdict.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void check(const struct waf_verdict *v)
{
    for (size_t i = 0; i < v->n && i < IPC_INSPECTED_MATCHES; i++) {
        if (v->matches[i].text_n > IPC_INSPECTED_TEXT)
            __builtin_trap();
        for (size_t k = 0; k < v->matches[i].text_n; k++)
            if (v->matches[i].text[k] < ' ' || v->matches[i].text[k] > '~')
                __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf tail = BUF_INIT(512);
    struct str rest = str_bytes(data, n), line;
    struct waf_verdict v = {};

    waf_multipart_end(rest, &tail);
    while (str_next(&rest, '\n', &line))
        waf_verdict_line(&v, line);
    check(&v);
    return buf_rc(&tail) == RC_OK ? 0 : -1;
}
