/* SPDX-License-Identifier: Apache-2.0 */
/* A small data directory with a database, backups of it in memory, and restores of these. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/make.h"
#include "backup/restore.h"
#include "base/fd.h"
#include "base/file.h"
#include "box.h"
#include "check.h"
#include "store/store.h"

enum { WORLD_MAX = 16 << 20, WORLD_PATH = 256 };
#define WORLD_NOW (INT64_C(1'763'000'000) * WHEN_SECOND)

struct world {
    struct check_dir dir;
    char data[WORLD_PATH]; /* DATA; what is restored is beside it */
    int fd;                /* of it */
    struct buf sealed;     /* the backup */
};

[[maybe_unused]] static void world_done(struct world *w)
{
    buf_done(&w->sealed);
    fd_close(&w->fd);
    check_dir_done(&w->dir);
}

[[maybe_unused]] static enum rc world_put(const struct world *w, const char *path, const char *text)
{
    return file_write(w->fd, path, str_of(text), 0600, FILE_OWNER_SELF, NULL);
}

/* Of DATA, or another directory. */
[[maybe_unused]] static enum rc world_store(const char *data, bool make, struct store **out)
{
    char db[WORLD_PATH + 8];
    struct store_options o = {.dir = db, .now = WORLD_NOW, .create = make, .sync = STORE_SYNC_OFF};

    snprintf(db, sizeof(db), "%s/db", data);
    return store_open(&o, out, NULL);
}

[[maybe_unused]] static enum rc world_init(struct world *w)
{
    CLEANUP(store_closep) struct store *s = NULL;

    *w = (struct world){.fd = -1, .dir.fd = -1};
    buf_init(&w->sealed, WORLD_MAX);
    check_dir_init(&w->dir);
    snprintf(w->data, sizeof(w->data), "%s/data", w->dir.path);
    TRY(file_mkdir(w->dir.fd, "data", 0700, FILE_OWNER_SELF, NULL));
    w->fd = open(w->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    TRY(file_mkdir(w->fd, "ca", 0700, FILE_OWNER_SELF, NULL));
    TRY(file_mkdir(w->fd, "db", 0700, FILE_OWNER_SELF, NULL));
    TRY(file_mkdir(w->fd, "trust", 0755, FILE_OWNER_SELF, NULL));
    TRY(world_put(w, "autarky.yaml",
                  "organization: Example Hospital\n"
                  "domain: hospital.example\n"));
    return world_store(w->data, true, &s);
}

[[maybe_unused]] static enum rc world_passphrase(struct secret **out)
{
    TRY(secret_new(BOX_PASSPHRASE.n, out));
    memcpy(secret_bytes(*out), BOX_PASSPHRASE.p, BOX_PASSPHRASE.n);
    return RC_OK;
}

[[maybe_unused]] static enum rc world_make(struct world *w, struct err *err)
{
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    CLEANUP(backup_made_done) struct backup_made made = {};
    struct backup_make in = {.data = w->fd,
                             .data_name = w->data,
                             .log_n = BOX_LOG_N,
                             .to = {box_put, &w->sealed},
                             .about = {.created = WORLD_NOW, .by = STR("uid 0")}};

    TRY(world_passphrase(&passphrase));
    TRY(id_new(&in.about.id));
    in.passphrase = passphrase;
    return backup_make(&in, &made, err);
}

/* Who has the passphrase writes the same again, and that no head was signed. */
struct world_forge {
    struct pack_out out;
    struct seal_writer *seal;
};

[[maybe_unused]] static enum rc world_on_about(void *arg, const struct pack_about *a,
                                               struct err *err)
{
    struct world_forge *f = arg;
    struct pack_about other = *a;

    other.note = STR("");
    return pack_begin(&f->out, f->seal, &other, err);
}

[[maybe_unused]] static enum rc world_on_entry(void *arg, const struct pack_entry *e,
                                               struct err *err)
{
    return pack_entry(&((struct world_forge *)arg)->out, e, err);
}

[[maybe_unused]] static enum rc world_on_bytes(void *arg, struct str bytes, struct err *err)
{
    return pack_bytes(&((struct world_forge *)arg)->out, bytes, err);
}

[[maybe_unused]] static enum rc world_forget_note(struct world *w)
{
    CLEANUP(seal_reader_freep) struct seal_reader *r = NULL;
    CLEANUP(seal_writer_freep) struct seal_writer *seal = NULL;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf again = BUF_INIT(WORLD_MAX);
    struct box_source source = {.left = buf_str(&w->sealed)};
    const struct seal_source from = {box_get, &source};
    const struct seal_sink to = {box_put, &again};
    struct world_forge f = {};
    const struct pack_visit visit = {world_on_about, world_on_entry, world_on_bytes, NULL, &f};
    struct pack_sum sum;
    struct seal_sum end;
    enum rc rc;

    TRY(seal_reader_new(&from, BOX_PASSPHRASE, &r, NULL));
    TRY(seal_writer_new(&to, BOX_PASSPHRASE, BOX_LOG_N, &seal, NULL));
    f.seal = seal;
    rc = pack_read(r, &a, &visit, &sum, NULL);
    if (rc == RC_OK)
        rc = pack_end(&f.out, &end, NULL);
    pack_out_done(&f.out);
    buf_reset(&w->sealed);
    buf_puts(&w->sealed, buf_str(&again));
    return rc == RC_OK ? buf_rc(&w->sealed) : rc;
}

/* To `name` beside DATA. */
[[maybe_unused]] static enum rc world_restore(struct world *w, const char *name,
                                              struct backup_restored *out, struct err *err)
{
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    struct box_source source = {.left = buf_str(&w->sealed)};
    char path[WORLD_PATH];
    struct backup_restore in = {.from = {box_get, &source},
                                .dir = path,
                                .now = WORLD_NOW + WHEN_HOUR,
                                .by = STR("uid 0"),
                                .reason = STR("INC-7")};

    snprintf(path, sizeof(path), "%s/%s", w->dir.path, name);
    TRY(world_passphrase(&passphrase));
    in.passphrase = passphrase;
    return backup_restore(&in, out, err);
}
