/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: scan_answer_read, as it comes and in pieces; scan_target_add, scan_ports_parse. */
#include "base/name.h"
#include "scan/hello.h"
#include "scan/target.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(scan_targets_done) struct scan_targets t = {};
    struct str in = str_bytes(data, n);
    struct scan_answer whole = {}, part = {};
    struct addr a;
    enum rc rc = scan_answer_read(in, &whole), early = RC_AGAIN;
    uint64_t count = 0;

    if (rc == RC_OK && whole.version && !scan_version_name(whole.version))
        __builtin_trap();
    for (size_t i = 0; i <= n && i < 128 && early == RC_AGAIN; i++)
        early = scan_answer_read(str_head(in, i), &part);
    /* What is settled stays so, whatever comes behind it. */
    if (early != RC_AGAIN && early != RC_NOMEM && rc != RC_NOMEM &&
        (early != rc || part.version != whole.version || part.group != whole.group))
        __builtin_trap();
    scan_targets_init(&t);
    if (scan_ports_parse(&t, in, NULL) == RC_OK && (!t.n_ports || t.n_ports > SCAN_PORTS_MAX))
        __builtin_trap();
    if (scan_ports_parse(&t, STR("443,smtp:25"), NULL) != RC_OK || addr_parse(in, &a) == RC_OK)
        return 0;
    if (memchr(data, '/', n) && scan_target_add(&t, in, NULL) == RC_OK && /* not looked up */
        scan_targets_count(&t, &count, NULL) == RC_OK && count)
        scan_targets_at(&t, count - 1);
    return 0;
}
