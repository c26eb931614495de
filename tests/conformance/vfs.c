/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#include "store/sql_int.h"

static const char *const names[VFS_FILES] = {"store.db", "store.db-wal", "store.db-journal"};

struct vfs {
    sqlite3_vfs base;
    sqlite3_vfs *real;
    pthread_mutex_t lock;
    struct vfs_entry *entries;
    size_t n, cap;
    bool hole;
    uint64_t counts[VFS_OPS];
    enum vfs_op fail_op;
    unsigned fail_in; /* operations until the first that fails; 0: none does */
    unsigned fail_more;
    int fail_code;
};

/* What SQLite allocates for each file: ours, and behind it the real one. */
struct file {
    sqlite3_file base;
    struct vfs *v;
    sqlite3_file *real;
    unsigned index; /* VFS_FILES: not recorded */
    bool sync_directory;
};

const char *vfs_file_name(unsigned file)
{
    return names[file];
}

static unsigned index_of(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    for (unsigned i = 0; slash && i < VFS_FILES && names[i]; i++)
        if (strcmp(slash + 1, names[i]) == 0)
            return i;
    return VFS_FILES;
}

/* With the lock held. */
static void record(struct vfs *v, struct vfs_entry e, const void *bytes)
{
    struct vfs_entry *moved;

    if (v->n == v->cap) {
        moved = mem_realloc(v->entries, (v->cap ? v->cap * 2 : 256) * sizeof(*moved));
        if (!moved) {
            v->hole = true;
            return;
        }
        v->entries = moved;
        v->cap = v->cap ? v->cap * 2 : 256;
    }
    if (bytes) {
        e.bytes = mem_dup(bytes, e.n);
        v->hole = v->hole || !e.bytes;
    }
    v->entries[v->n++] = e;
}

/* Counts; the code of a failure that is due. With the lock held. */
static int judge(struct vfs *v, enum vfs_op op)
{
    v->counts[op]++;
    if (v->fail_in == 0 || op != v->fail_op)
        return SQLITE_OK;
    if (v->fail_in > 1) {
        v->fail_in--;
        return SQLITE_OK;
    }
    if (v->fail_more-- == 0)
        v->fail_in = v->fail_more = 0;
    return v->fail_code;
}

static int f_close(sqlite3_file *base)
{
    struct file *f = (struct file *)base;

    return f->real->pMethods->xClose(f->real);
}

static int f_read(sqlite3_file *base, void *p, int n, sqlite3_int64 at)
{
    struct file *f = (struct file *)base;

    return f->real->pMethods->xRead(f->real, p, n, at);
}

/* The record is in the order of what reaches the file: one operation at a time. */
static int f_write(sqlite3_file *base, const void *p, int n, sqlite3_int64 at)
{
    struct file *f = (struct file *)base;
    int code;

    if (f->index == VFS_FILES)
        return f->real->pMethods->xWrite(f->real, p, n, at);
    pthread_mutex_lock(&f->v->lock);
    code = judge(f->v, VFS_WRITE);
    if (code == SQLITE_OK)
        code = f->real->pMethods->xWrite(f->real, p, n, at);
    if (code == SQLITE_OK)
        record(f->v,
               (struct vfs_entry){.op = VFS_WRITE, .file = f->index, .at = at, .n = (size_t)n}, p);
    pthread_mutex_unlock(&f->v->lock);
    return code;
}

static int f_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct file *f = (struct file *)base;
    int code;

    if (f->index == VFS_FILES)
        return f->real->pMethods->xTruncate(f->real, size);
    pthread_mutex_lock(&f->v->lock);
    code = judge(f->v, VFS_TRUNCATE);
    if (code == SQLITE_OK)
        code = f->real->pMethods->xTruncate(f->real, size);
    if (code == SQLITE_OK)
        record(f->v, (struct vfs_entry){.op = VFS_TRUNCATE, .file = f->index, .at = size}, NULL);
    pthread_mutex_unlock(&f->v->lock);
    return code;
}

static int f_sync(sqlite3_file *base, int flags)
{
    struct file *f = (struct file *)base;
    int code;

    if (f->index == VFS_FILES)
        return f->real->pMethods->xSync(f->real, flags);
    pthread_mutex_lock(&f->v->lock);
    code = judge(f->v, VFS_SYNC);
    if (code == SQLITE_OK) { /* the record is what counts; the real disk need not turn for it */
        record(f->v,
               (struct vfs_entry){.op = VFS_SYNC, .file = f->index, .directory = f->sync_directory},
               NULL);
        f->sync_directory = false;
    }
    pthread_mutex_unlock(&f->v->lock);
    return code;
}

static int f_size(sqlite3_file *base, sqlite3_int64 *out)
{
    struct file *f = (struct file *)base;

    return f->real->pMethods->xFileSize(f->real, out);
}

static int f_lock(sqlite3_file *base, int level)
{
    struct file *f = (struct file *)base;

    return f->real->pMethods->xLock(f->real, level);
}

static int f_unlock(sqlite3_file *base, int level)
{
    struct file *f = (struct file *)base;

    return f->real->pMethods->xUnlock(f->real, level);
}

static int f_reserved(sqlite3_file *base, int *out)
{
    struct file *f = (struct file *)base;

    return f->real->pMethods->xCheckReservedLock(f->real, out);
}

static int f_control(sqlite3_file *base, int op, void *arg)
{
    struct file *f = (struct file *)base;

    return f->real->pMethods->xFileControl(f->real, op, arg);
}

static int f_sector(sqlite3_file *base)
{
    struct file *f = (struct file *)base;

    return f->real->pMethods->xSectorSize(f->real);
}

static int f_traits(sqlite3_file *base)
{
    struct file *f = (struct file *)base;

    return f->real->pMethods->xDeviceCharacteristics(f->real);
}

static int f_shm_map(sqlite3_file *base, int page, int size, int extend, void volatile **out)
{
    struct file *f = (struct file *)base;

    return f->real->pMethods->xShmMap(f->real, page, size, extend, out);
}

static int f_shm_lock(sqlite3_file *base, int at, int n, int flags)
{
    struct file *f = (struct file *)base;

    return f->real->pMethods->xShmLock(f->real, at, n, flags);
}

static void f_shm_barrier(sqlite3_file *base)
{
    struct file *f = (struct file *)base;

    f->real->pMethods->xShmBarrier(f->real);
}

static int f_shm_unmap(sqlite3_file *base, int remove)
{
    struct file *f = (struct file *)base;

    return f->real->pMethods->xShmUnmap(f->real, remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* without memory mapping of the file, whose writes would go unseen */
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_reserved,
    .xFileControl = f_control,
    .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_traits,
    .xShmMap = f_shm_map,
    .xShmLock = f_shm_lock,
    .xShmBarrier = f_shm_barrier,
    .xShmUnmap = f_shm_unmap,
};

static int v_open(sqlite3_vfs *base, const char *path, sqlite3_file *out, int flags, int *out_flags)
{
    struct vfs *v = (struct vfs *)base;
    struct file *f = (struct file *)out;
    int code;

    *f = (struct file){.v = v, .real = (sqlite3_file *)(f + 1), .index = index_of(path)};
    /* As the system's own does (UNIXFILE_DIRSYNC in SQLite's os_unix.c). */
    f->sync_directory =
        (flags & SQLITE_OPEN_CREATE) && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL));
    code = v->real->xOpen(v->real, path, f->real, flags, out_flags);
    if (f->real->pMethods)
        f->base.pMethods = &methods;
    return code;
}

static int v_delete(sqlite3_vfs *base, const char *path, int sync_dir)
{
    struct vfs *v = (struct vfs *)base;
    unsigned index = index_of(path);
    int code;

    if (index == VFS_FILES)
        return v->real->xDelete(v->real, path, sync_dir);
    pthread_mutex_lock(&v->lock);
    code = judge(v, VFS_DELETE);
    if (code == SQLITE_OK)
        code = v->real->xDelete(v->real, path, sync_dir);
    if (code == SQLITE_OK)
        record(v, (struct vfs_entry){.op = VFS_DELETE, .file = index, .directory = sync_dir != 0},
               NULL);
    pthread_mutex_unlock(&v->lock);
    return code;
}

static int v_access(sqlite3_vfs *base, const char *path, int flags, int *out)
{
    struct vfs *v = (struct vfs *)base;

    return v->real->xAccess(v->real, path, flags, out);
}

static int v_full_path(sqlite3_vfs *base, const char *path, int n, char *out)
{
    struct vfs *v = (struct vfs *)base;

    return v->real->xFullPathname(v->real, path, n, out);
}

static int v_randomness(sqlite3_vfs *base, int n, char *out)
{
    struct vfs *v = (struct vfs *)base;

    return v->real->xRandomness(v->real, n, out);
}

static int v_sleep(sqlite3_vfs *base, int micros)
{
    struct vfs *v = (struct vfs *)base;

    return v->real->xSleep(v->real, micros);
}

static int v_time(sqlite3_vfs *base, double *out)
{
    struct vfs *v = (struct vfs *)base;

    return v->real->xCurrentTime(v->real, out);
}

static int v_last_error(sqlite3_vfs *base, int n, char *out)
{
    struct vfs *v = (struct vfs *)base;

    return v->real->xGetLastError(v->real, n, out);
}

enum rc vfs_new(const char *name, struct vfs **out)
{
    struct vfs *v;

    TRY(sql_lib_ref());
    v = MEM_NEW(struct vfs);
    if (!v) {
        sql_lib_unref();
        return RC_NOMEM;
    }
    v->real = sqlite3_vfs_find(NULL);
    pthread_mutex_init(&v->lock, NULL);
    v->base = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(struct file) + v->real->szOsFile,
        .mxPathname = v->real->mxPathname,
        .zName = name,
        .xOpen = v_open,
        .xDelete = v_delete,
        .xAccess = v_access,
        .xFullPathname = v_full_path,
        .xRandomness = v_randomness,
        .xSleep = v_sleep,
        .xCurrentTime = v_time,
        .xGetLastError = v_last_error,
    };
    sqlite3_vfs_register(&v->base, 0);
    *out = v;
    return RC_OK;
}

void vfs_free(struct vfs *v)
{
    if (!v)
        return;
    sqlite3_vfs_unregister(&v->base);
    sql_lib_unref();
    for (size_t i = 0; i < v->n; i++)
        mem_free(v->entries[i].bytes);
    mem_free(v->entries);
    pthread_mutex_destroy(&v->lock);
    mem_free(v);
}

void vfs_mark(struct vfs *v, uint64_t mark)
{
    pthread_mutex_lock(&v->lock);
    record(v, (struct vfs_entry){.op = VFS_MARK, .mark = mark}, NULL);
    pthread_mutex_unlock(&v->lock);
}

enum rc vfs_record(struct vfs *v, const struct vfs_entry **out, size_t *out_n)
{
    if (v->hole)
        return RC_NOMEM;
    *out = v->entries;
    *out_n = v->n;
    return RC_OK;
}

void vfs_fail(struct vfs *v, enum vfs_op op, unsigned nth, unsigned more, int code)
{
    pthread_mutex_lock(&v->lock);
    v->fail_op = op;
    v->fail_in = nth;
    v->fail_more = more;
    v->fail_code = code;
    pthread_mutex_unlock(&v->lock);
}

void vfs_heal(struct vfs *v)
{
    vfs_fail(v, VFS_WRITE, 0, 0, 0);
}

uint64_t vfs_count(struct vfs *v, enum vfs_op op)
{
    uint64_t n;

    pthread_mutex_lock(&v->lock);
    n = v->counts[op];
    pthread_mutex_unlock(&v->lock);
    return n;
}
