/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: scan_answer_read, as it comes and in pieces; scan_target_add, scan_ports_parse. */
#include "scan/hello.h"
#include "scan/target.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* What is settled stays so, whatever comes behind it. */
static bool steady(struct str in, enum rc rc, const struct scan_answer *whole)
{
    struct scan_answer part = {};
    enum rc early = RC_AGAIN;

    for (size_t i = 0; i <= in.n && i < 128 && early == RC_AGAIN; i++)
        early = scan_answer_read(str_head(in, i), &part);
    return early == RC_AGAIN || early == RC_NOMEM || rc == RC_NOMEM ||
           (early == rc && part.version == whole->version && part.group == whole->group);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(scan_targets_done) struct scan_targets t = {};
    struct str in = str_bytes(data, n), head, rest;
    struct addr a;
    struct scan_answer whole = {};
    enum rc rc = scan_answer_read(in, &whole);
    uint64_t count = 0;

    if (!steady(in, rc, &whole) || (whole.version && !scan_version_name(whole.version)))
        __builtin_trap();
    scan_targets_init(&t);
    if (scan_ports_parse(&t, in, NULL) == RC_OK && (!t.n_ports || t.n_ports > SCAN_PORTS_MAX))
        __builtin_trap();
    if (scan_ports_parse(&t, STR("443,smtp:25"), NULL) == RC_OK && str_cut(in, '/', &head, &rest) &&
        addr_parse(head, &a) == RC_OK && /* no name to look up */
        scan_target_add(&t, in, NULL) == RC_OK && scan_targets_count(&t, &count, NULL) == RC_OK &&
        count)
        scan_targets_at(&t, count - 1);
    return 0;
}
