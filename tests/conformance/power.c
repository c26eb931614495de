/* SPDX-License-Identifier: Apache-2.0 */
#include "power.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512, FILE_MAX = 64 << 20 };

/* A file as the disk holds it. */
struct image {
    unsigned char *p;
    size_t n, cap;
    bool exists;
};

enum variant { ALL, NOTHING, SOME };

struct replay {
    const struct power_plan *plan;
    const struct vfs_entry *entries;
    size_t n;
    struct image durable[VFS_FILES];
    size_t pending[VFS_FILES]; /* the first entry that is not durable */
    uint64_t *marks;
    size_t n_marks;
    uint64_t random;
    struct power_report *report;
};

/* splitmix64: the same everywhere. */
static uint64_t next_random(struct replay *r)
{
    uint64_t z = r->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static enum rc image_room(struct image *im, size_t n)
{
    unsigned char *moved;
    size_t cap = im->cap ? im->cap : 65536;

    if (n > FILE_MAX)
        return RC_TOOBIG;
    while (cap < n)
        cap *= 2;
    if (cap != im->cap) {
        moved = mem_realloc(im->p, cap);
        if (!moved)
            return RC_NOMEM;
        im->p = moved;
        im->cap = cap;
    }
    if (n > im->n) {
        memset(im->p + im->n, 0, n - im->n);
        im->n = n;
    }
    return RC_OK;
}

static enum rc image_copy(struct image *to, const struct image *from)
{
    to->n = 0;
    TRY(image_room(to, from->n));
    if (from->n)
        memcpy(to->p, from->p, from->n);
    to->exists = from->exists;
    return RC_OK;
}

/* Which sectors of a write arrive: bit per sector, from `random`; ~0: all. */
static enum rc apply_write(struct image *im, const struct vfs_entry *e, uint64_t sectors)
{
    for (size_t at = 0; at < e->n; at += SECTOR) {
        size_t n = e->n - at < SECTOR ? e->n - at : SECTOR;

        if (!(sectors & (1U << (at / SECTOR % 32))))
            continue;
        TRY(image_room(im, (size_t)e->at + at + n));
        memcpy(im->p + e->at + at, e->bytes + at, n);
    }
    im->exists = true;
    return RC_OK;
}

static enum rc apply(struct image *im, const struct vfs_entry *e, uint64_t sectors)
{
    switch (e->op) {
    case VFS_WRITE:
        return apply_write(im, e, sectors);
    case VFS_TRUNCATE:
        TRY(image_room(im, (size_t)e->at));
        im->n = (size_t)e->at;
        im->exists = true;
        return RC_OK;
    case VFS_DELETE:
        im->n = 0;
        im->exists = false;
        return RC_OK;
    case VFS_SYNC:
    case VFS_MARK:
    case VFS_OPS:
        break;
    }
    return RC_OK;
}

/* Everything of that file before `end` reaches the disk. */
static enum rc settle(struct replay *r, unsigned file, size_t end)
{
    for (size_t i = r->pending[file]; i < end; i++)
        if (r->entries[i].op != VFS_MARK && r->entries[i].file == file)
            TRY(apply(&r->durable[file], &r->entries[i], ~UINT64_C(0)));
    r->pending[file] = end;
    return RC_OK;
}

/* The file as it may be when the power goes before entry `point`. */
static enum rc imagine(struct replay *r, unsigned file, size_t point, enum variant variant,
                       struct image *out)
{
    TRY(image_copy(out, &r->durable[file]));
    for (size_t i = r->pending[file]; variant != NOTHING && i < point; i++) {
        const struct vfs_entry *e = &r->entries[i];
        uint64_t dice = variant == SOME ? next_random(r) : 0;

        if (e->op == VFS_MARK || e->file != file)
            continue;
        if (variant == ALL || (dice & 1)) {
            TRY(apply(out, e, variant == ALL || (dice & 6) ? ~UINT64_C(0) : dice >> 8));
        } else if (e->op == VFS_DELETE) {
            break; /* what was written behind it went into another file */
        }
    }
    return RC_OK;
}

static enum rc write_image(const char *dir, const char *name, const struct image *im)
{
    char path[512];
    FILE *file;

    if (!im->exists)
        return RC_OK;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "wb");
    if (!file)
        return RC_IO;
    size_t written = im->n ? fwrite(im->p, 1, im->n, file) : 0;
    return fclose(file) == 0 && written == im->n ? RC_OK : RC_IO;
}

static void empty_directory(const char *dir)
{
    DIR *d = opendir(dir);

    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        if (e->d_name[0] != '.')
            (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

static void fail(struct replay *r, size_t point, enum variant variant, const char *why)
{
    static const char *const words[] = {"all", "nothing", "some"};

    if (r->report->failures++ == 0)
        (void)snprintf(r->report->first, sizeof(r->report->first),
                       "power lost before operation %zu of %zu, %s of what was not synchronised "
                       "kept, %zu acknowledged: %s",
                       point, r->n, words[variant], r->n_marks, why);
}

static void judge(struct replay *r, size_t point, enum variant variant)
{
    CLEANUP(store_closep) struct store *s = NULL;
    struct store_options o = {.dir = r->plan->dir, .now = WHEN_SECOND, .sync = STORE_SYNC_OFF};
    struct err err = ERR_INIT;
    char why[256] = "", text[400];
    enum rc rc = store_open(&o, &s, &err);

    r->report->states++;
    if (rc == RC_NOTFOUND && r->n_marks == 0)
        return; /* before the first promise there may be nothing */
    if (rc == RC_OK)
        rc = store_check(s, &err);
    if (rc != RC_OK)
        fail(r, point, variant, err_textz(&err, text, sizeof(text)));
    else if (!r->plan->check(s, r->marks, r->n_marks, why, r->plan->arg))
        fail(r, point, variant, why);
}

static enum rc try_state(struct replay *r, size_t point, enum variant variant)
{
    struct image im = {};
    enum rc rc = RC_OK;

    for (unsigned file = 0; rc == RC_OK && file < VFS_FILES && vfs_file_name(file); file++) {
        rc = imagine(r, file, point, variant, &im);
        if (rc == RC_OK)
            rc = write_image(r->plan->dir, vfs_file_name(file), &im);
    }
    mem_free(im.p);
    if (rc == RC_OK)
        judge(r, point, variant);
    empty_directory(r->plan->dir);
    return rc;
}

static bool is_sync(const struct replay *r, size_t i)
{
    return i < r->n && r->entries[i].op == VFS_SYNC;
}

/* Next to a synchronisation or an acknowledgement, at the end, or by the stride. */
static bool is_point(const struct replay *r, size_t i)
{
    return i == r->n || is_sync(r, i) || (i > 0 && is_sync(r, i - 1)) ||
           (i > 0 && r->entries[i - 1].op == VFS_MARK && r->entries[i].op != VFS_MARK) ||
           i % r->plan->stride == 0;
}

static enum rc try_point(struct replay *r, size_t point)
{
    r->report->points++;
    TRY(try_state(r, point, ALL));
    TRY(try_state(r, point, NOTHING));
    for (unsigned i = 0; i < r->plan->variants; i++)
        TRY(try_state(r, point, SOME));
    return RC_OK;
}

/* The directory is synchronised before entry `end`: what was deleted stays deleted. */
static enum rc settle_directory(struct replay *r, size_t end)
{
    for (unsigned file = 0; file < VFS_FILES; file++) {
        size_t last = 0;

        for (size_t i = r->pending[file]; i < end; i++)
            if (r->entries[i].op == VFS_DELETE && r->entries[i].file == file)
                last = i + 1;
        if (last)
            TRY(settle(r, file, last));
    }
    return RC_OK;
}

/* Past the entry: what it makes durable, what it acknowledges. */
static enum rc pass(struct replay *r, size_t i)
{
    const struct vfs_entry *e = &r->entries[i];

    if (e->op == VFS_MARK)
        r->marks[r->n_marks++] = e->mark;
    else if (e->op == VFS_SYNC)
        TRY(settle(r, e->file, i));
    if (e->directory)
        TRY(settle_directory(r, i + 1));
    return RC_OK;
}

enum rc power_replay(struct vfs *v, const struct power_plan *plan, struct power_report *out)
{
    struct replay r = {.plan = plan, .random = plan->seed, .report = out};
    enum rc rc;

    *out = (struct power_report){};
    TRY(vfs_record(v, &r.entries, &r.n));
    r.marks = mem_calloc(r.n, sizeof(*r.marks));
    if (!r.marks)
        return RC_NOMEM;
    rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i <= r.n && !(plan->to_failure && out->failures); i++) {
        if (is_point(&r, i))
            rc = try_point(&r, i);
        if (rc == RC_OK && i < r.n)
            rc = pass(&r, i);
    }
    for (unsigned file = 0; file < VFS_FILES; file++)
        mem_free(r.durable[file].p);
    mem_free(r.marks);
    return rc;
}
