/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules said of one request, taken from the lines that the library writes: numbers and
 * messages of the rules, and the score. What of the request matched is in these lines as well, and
 * goes no further. */
#pragma once

#include "ipc/waf_messages.h"

struct waf_verdict {
    uint16_t status; /* as ipc_inspected has it */
    uint32_t score;
    uint32_t n;
    struct {
        uint32_t id;
        size_t text_n;
        char text[IPC_INSPECTED_TEXT];
    } matches[IPC_INSPECTED_MATCHES];
};

/* Takes a line of the library. One that has two numbers of rules was made so by who sent the
 * request, and has none then: nobody can choose what is logged of him. */
void waf_verdict_line(struct waf_verdict *v, struct str line);
/* The rules ended the request with this status; it counts as 403 unless it is an error's. */
void waf_verdict_refuse(struct waf_verdict *v, int status);

/* What is behind the last whole line of a body of type multipart/form-data that was cut, so that it
 * can be read as a whole one: appends nothing when the type is another or has no boundary. */
void waf_multipart_end(struct str content_type, struct buf *out);
