/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: a client's connection and a backend's (exchange.c, pass.c, relay.c), which say what
 * stands before and behind the first byte 0xff of the input. What the backend gets must be whole
 * requests, and no more of them than the client was heard to make: else one was smuggled. */
#include "fuzz_gateway.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static struct world w;
    static char told[TOLD_MAX];
    CLEANUP(http_reader_freep) struct http_reader *r = NULL;
    struct str in = str_bytes(data, n), answers = {NULL, 0}, got;
    size_t seen = 0;
    ssize_t len;
    int fd = -1;

    if ((!w.g && world_make(&w) != RC_OK) || http_reader_new(&gateway_requests, &r) != RC_OK ||
        world_begin(&w, &fd) != RC_OK)
        return 0;
    (void)str_cut(in, '\xff', &w.in, &answers);
    turn(&w);
    (void)!send(fd, answers.p, answers.n, MSG_NOSIGNAL);
    turn(&w);
    len = recv(fd, told, sizeof(told), 0);
    got = str_bytes(told, len > 0 ? (size_t)len : 0);
    while (got.n && next_request(r, &got, &seen))
        ;
    if (w.c)
        on_closed(&w);
    if (seen > w.requests)
        __builtin_trap();
    close(fd);
    ev_run_once(w.ev, EV_NOWAIT);
    return 0;
}
