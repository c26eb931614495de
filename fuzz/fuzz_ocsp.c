/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: x509_ocsp_request_parse (first byte even) and x509_ocsp_answer_parse (odd). A request
 * with hashes that we know is written again, and read. */
#include "crypto/crypto.h"
#include "x509/ocsp.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void again(struct arena *a, const struct x509_ocsp_request *q)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(2 * X509_OCSP_REQUEST_MAX);
    struct x509_ocsp_request r;

    for (size_t i = 0; i < q->n; i++)
        if (!q->ids[i].hash)
            return;
    if (x509_ocsp_request_build(q->ids, q->n, q->nonce, &der) != RC_OK ||
        x509_ocsp_request_parse(a, buf_str(&der), &r, NULL) != RC_OK || r.n != q->n)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct x509_ocsp_request q;
    struct x509_ocsp_answer answer;

    if (n == 0 || crypto_init() != RC_OK)
        return 0;
    if (data[0] & 1)
        IGNORE_RC(x509_ocsp_answer_parse(&a, str_bytes(data + 1, n - 1), &answer, NULL));
    else if (x509_ocsp_request_parse(&a, str_bytes(data + 1, n - 1), &q, NULL) == RC_OK)
        again(&a, &q);
    return 0;
}
