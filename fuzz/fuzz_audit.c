/* SPDX-License-Identifier: Apache-2.0 */
/* Target: audit_verify, over an export whose files are the input: two lengths of 16 bits, then
 * heads.txt, frontiers.txt and the records. */
#include "audit/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/export.h"
#include "base/fd.h"
#include "base/rd.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* Of the heads of the corpus. */
static const char the_key[] =
    "hospital.example/audit/1+21f0ff21+Ad/bazPCes/DhT/XDLCiJgDPjrgwUBr3EP0Fj7ZkXbhW";

static char place[] = "/tmp/fuzz_audit.XXXXXX";
static int dir = -1;
static char records[AUDIT_FILE_NAME];

static void clean(void)
{
    unlinkat(dir, AUDIT_HEADS_FILE, 0);
    unlinkat(dir, AUDIT_FRONTIERS_FILE, 0);
    unlinkat(dir, records, 0);
    rmdir(place);
}

static void begin(void)
{
    if (dir >= 0)
        return;
    if (crypto_init() != RC_OK || !mkdtemp(place))
        abort();
    dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    audit_bundle_name(1, records);
    if (dir < 0 || atexit(clean) != 0)
        abort();
}

static void put(const char *name, struct str text)
{
    CLEANUP(fd_closep) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n)
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(note_key_done) struct note_key key = {};
    struct rd r = rd_of(str_bytes(data, n));
    struct audit_verdict verdict;
    struct audit_verify ask;
    size_t heads, frontiers;

    begin();
    if (note_key_parse(str_of(the_key), &key, NULL) != RC_OK)
        abort();
    heads = rd_u16(&r);
    frontiers = rd_u16(&r);
    put(AUDIT_HEADS_FILE, rd_bytes(&r, heads));
    put(AUDIT_FRONTIERS_FILE, rd_bytes(&r, frontiers));
    if (r.failed)
        return 0;
    put(records, rd_rest(&r));
    ask = (struct audit_verify){.dir = dir, .name = "export", .keys = &key, .n_keys = 1,
                                .heads = -1};
    if (audit_verify(&ask, &verdict, NULL) == RC_OK && verdict.covered > verdict.records &&
        audit_verdict_good(&verdict))
        __builtin_trap();
    return 0;
}
