/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: decoders of base/text; what decodes has one text, PEM what was read is read again. */
#include "base/text.h"

enum { OUT_MAX = 1 << 20 };
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void there_and_back(struct str in, enum rc (*decode)(struct str, struct buf *),
                           void (*encode)(struct buf *, struct str), bool exact)
{
    CLEANUP(buf_done)
    struct buf bytes = BUF_INIT(OUT_MAX), text = BUF_INIT(OUT_MAX), again = BUF_INIT(OUT_MAX);

    if (decode(in, &bytes) != RC_OK)
        return;
    encode(&text, buf_str(&bytes));
    if ((exact && !str_eq(buf_str(&text), in)) || decode(buf_str(&text), &again) != RC_OK ||
        !str_eq(buf_str(&again), buf_str(&bytes)))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct str in = str_bytes(data, n), rest = in, label, same;

    there_and_back(in, text_unb64, text_b64, true);
    there_and_back(in, text_unb64url, text_b64url, true);
    there_and_back(in, text_unhex, text_hex, false);
    there_and_back(in, text_unpercent, text_percent, false);
    for (CLEANUP(buf_done) struct buf der = BUF_INIT(OUT_MAX);
         text_unpem(&rest, STR(""), &label, &der) == RC_OK; buf_reset(&der)) {
        CLEANUP(buf_done) struct buf pem = BUF_INIT(OUT_MAX), again = BUF_INIT(OUT_MAX);

        text_pem(&pem, label, buf_str(&der));
        if (text_unpem(&(struct str){pem.p, pem.n}, label, &same, &again) != RC_OK ||
            !str_eq(label, same) || !str_eq(buf_str(&der), buf_str(&again)))
            __builtin_trap();
    }
    return 0;
}
