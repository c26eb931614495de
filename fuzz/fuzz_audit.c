/* SPDX-License-Identifier: Apache-2.0 */
/* Target: audit_verify, over an export whose files are the input: two lengths of 16 bits, then
 * heads.txt, frontiers.txt and the records. */
#include "audit/verify.h"

#include "base/rd.h"
#include "crypto/crypto.h"
#include "fuzz_export.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* Of the heads of the corpus. */
static const char the_key[] =
    "hospital.example/audit/1+21f0ff21+Ad/bazPCes/DhT/XDLCiJgDPjrgwUBr3EP0Fj7ZkXbhW";

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(note_key_done) struct note_key key = {};
    struct rd r = rd_of(str_bytes(data, n));
    size_t heads = rd_u16(&r), frontiers = rd_u16(&r);
    struct audit_verdict v;
    struct audit_verify ask;

    export_begin();
    if (crypto_init() != RC_OK || note_key_parse(str_of(the_key), &key, NULL) != RC_OK)
        abort();
    export_put(AUDIT_HEADS_FILE, rd_bytes(&r, heads));
    export_put(AUDIT_FRONTIERS_FILE, rd_bytes(&r, frontiers));
    if (r.failed)
        return 0;
    export_put(export_records, rd_rest(&r));
    ask = (struct audit_verify){export_dir, "export", &key, 1, -1, "", NULL};
    if (audit_verify(&ask, &v, NULL) == RC_OK && v.covered > v.records && audit_verdict_good(&v))
        abort();
    return 0;
}
