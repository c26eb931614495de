/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: http_reader_head and http_reader_body on requests and responses, whole and byte by byte,
 * which must come to the same; http_forward_request and http_forward_response, whose messages must
 * read as what they were made from. The first byte of the input says which: 'Q', 'S', 'H' (the
 * response to HEAD). */
#include "fuzz_reader.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(http_reader_freep) struct http_reader *a = NULL, *b = NULL, *c = NULL;
    CLEANUP(buf_done) struct buf body_a = BUF_INIT(1 << 22), body_b = BUF_INIT(1 << 22);
    CLEANUP(buf_done) struct buf body_c = BUF_INIT(1 << 22), again = BUF_INIT(1 << 22);
    char kind = n ? (char)data[0] : 'Q';
    const struct http_reader_conf *conf = kind == 'Q' ? &requests : &responses;
    struct str in = str_skip(str_bytes(data, n), 1);
    bool whole;

    if (http_reader_new(conf, &a) != RC_OK || http_reader_new(conf, &b) != RC_OK ||
        http_reader_new(conf, &c) != RC_OK)
        return 0;
    http_reader_next(a, kind == 'H');
    http_reader_next(b, kind == 'H');
    http_reader_next(c, kind == 'H');
    whole = read_all(a, in, SIZE_MAX, &body_a);
    if (whole != read_all(b, in, 1, &body_b) || !str_eq(buf_str(&body_a), buf_str(&body_b)))
        __builtin_trap();
    if (!whole || http_reader_get(a)->minor == 0 ||
        (kind != 'Q' && http_reader_get(a)->status < 200))
        return 0;
    write_again(a, kind == 'Q', buf_str(&body_a), &again);
    if (!read_all(c, buf_str(&again), SIZE_MAX, &body_c) || !same(a, c) ||
        !str_eq(buf_str(&body_a), buf_str(&body_c)))
        __builtin_trap();
    return 0;
}
