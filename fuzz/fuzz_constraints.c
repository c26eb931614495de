/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: x509_constraints_parse, _put, _dns, _ip, _email. What is read and of kinds that we write
 * is written again as it was, and a name that is allowed stays so. */
#include "x509/constraints.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const struct addr ips[] = {{4, {10, 0, 3, 7}}, {16, {0xfd}}};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf der = BUF_INIT(1 << 20);
    struct x509_constraints c, again;
    struct str dns = STR("a.b.example");

    if (x509_constraints_parse(&a, str_bytes(data, n), &c) != RC_OK)
        return 0;
    for (size_t i = 0; i < 2; i++)
        IGNORE_RC(x509_constraints_ip(&c, &ips[i], NULL));
    IGNORE_RC(x509_constraints_email(&c, STR("x@b.example"), NULL));
    if (x509_constraints_put(&c, &der) != RC_OK || x509_constraints_empty(&c))
        return 0;
    if (x509_constraints_parse(&a, buf_str(&der), &again) != RC_OK ||
        x509_constraints_dns(&c, dns, NULL) != x509_constraints_dns(&again, dns, NULL))
        __builtin_trap();
    return 0;
}
