/* SPDX-License-Identifier: Apache-2.0 */
/* An export of the audit log in a directory of this process, written anew for each input. */
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/export.h"
#include "base/fd.h"

static char export_place[] = "/tmp/fuzz_audit.XXXXXX";
static char export_records[AUDIT_FILE_NAME];
static int export_dir = -1;

static void export_clean(void)
{
    (void)unlinkat(export_dir, AUDIT_HEADS_FILE, 0);
    (void)unlinkat(export_dir, AUDIT_FRONTIERS_FILE, 0);
    (void)unlinkat(export_dir, export_records, 0);
    (void)rmdir(export_place);
}

static void export_begin(void)
{
    if (export_dir >= 0)
        return;
    if (!mkdtemp(export_place))
        abort();
    export_dir = open(export_place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    audit_bundle_name(1, export_records);
    if (export_dir < 0 || atexit(export_clean) != 0)
        abort();
}

static void export_put(const char *name, struct str text)
{
    CLEANUP(fd_closep)
    int fd = openat(export_dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n)
        abort();
}
