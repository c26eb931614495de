/* SPDX-License-Identifier: Apache-2.0 */
/* A file layer for SQLite that writes down everything that reaches the disk, and fails when told
 * to. Test code: it stands in front of the system's own and passes everything on.
 *
 *     struct vfs *v;
 *     vfs_new("recording", &v);
 *     store_open(&(struct store_options){.vfs = "recording", ...});
 *     ... vfs_mark(v, 17) when something has been acknowledged ...
 *     store_close; power_replay(v, ...); vfs_free(v);
 *
 * Recorded are the files whose name begins with "store.db"; the shared index of the log ("-shm") is
 * memory and does not survive anyway. Thread safe. */
#pragma once

#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"

struct vfs;

enum vfs_op {
    VFS_WRITE,
    VFS_TRUNCATE,
    VFS_SYNC,   /* `directory`: the first of a log or journal, with which SQLite also
                 * synchronises the directory */
    VFS_DELETE, /* `directory`: synchronised at once */
    VFS_MARK,
    VFS_OPS
};

struct vfs_entry {
    enum vfs_op op;
    unsigned file; /* 0 to VFS_FILES - 1 */
    int64_t at;    /* of a write; the new length of a truncation */
    size_t n;
    unsigned char *bytes;
    bool directory;
    uint64_t mark;
};

enum { VFS_FILES = 4 };
/* "store.db", "store.db-wal", "store.db-journal"; NULL: not in use. */
const char *vfs_file_name(unsigned file);

/* Registers it under that name, which stays with the caller. */
enum rc vfs_new(const char *name, struct vfs **out);
void vfs_free(struct vfs *v);
DEFINE_FREEP(vfs_free, struct vfs)

/* Puts a note into the record: what the number means is the caller's. */
void vfs_mark(struct vfs *v, uint64_t mark);
/* The record so far; borrowed, while nothing is written. RC_NOMEM when it has a hole. */
enum rc vfs_record(struct vfs *v, const struct vfs_entry **out, size_t *out_n);

/* From now on: the n-th operation of that kind (1: the next) fails with that code of SQLite, and so
 * do the `more` after it. vfs_heal ends it. */
void vfs_fail(struct vfs *v, enum vfs_op op, unsigned nth, unsigned more, int code);
void vfs_heal(struct vfs *v);
/* Operations of that kind so far. */
uint64_t vfs_count(struct vfs *v, enum vfs_op op);
