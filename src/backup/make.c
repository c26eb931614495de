/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/make.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "backup/gather.h"
#include "base/fd.h"
#include "ca/head.h"
#include "store/copy.h"
#include "store/events.h"
#include "store/meta.h"

MSG(msg_scratch, "backup.scratch", "{0}/" MAKE_SCRATCH ": {1}");
MSG(msg_other, "backup.other", "another backup of {0} is being made; wait for it");
MSG(msg_moving, "backup.moving",
    "{0} was changed while the backup was made, again and again; give the command again when "
    "nobody changes issuers");
MSG(msg_absent, "backup.absent",
    "{0} has no " PACK_DATABASE " that is a file of who owns the directory it is in; a backup "
    "without it would be none");
MSG(msg_behind, "backup.behind",
    "the signer has signed a head of {0} records, and the database has {1}: what is here does not "
    "belong together. See `autarky doctor` first");
MSG(msg_read, "backup.read-database", "{0}: {1}");

enum { TRIES = 5, COPY = 1 << 20 };

struct making {
    const struct backup_make *in;
    struct gather files;
    struct pack_about about;
    struct arena arena;
    int scratch; /* the directory, locked */
    char dir[PATH_MAX];
    struct err *err;
};

static enum rc scratch_failed(const struct making *m)
{
    return ERR(m->err, RC_IO, msg_scratch, str_of(m->in->data_name),
               str_of(strerrordesc_np(errno)));
}

static void empty_scratch(int dir)
{
    int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = own >= 0 ? fdopendir(own) : NULL;
    const struct dirent *e;

    if (!list) {
        fd_close(&own);
        return;
    }
    while ((e = readdir(list))) /* NOLINT(concurrency-mt-unsafe): one thread */
        if (e->d_name[0] != '.')
            unlinkat(dir, e->d_name, 0);
    closedir(list);
}

static void making_done(struct making *m)
{
    if (m->scratch >= 0) {
        empty_scratch(m->scratch);
        unlinkat(m->in->data, MAKE_SCRATCH, AT_REMOVEDIR);
    }
    fd_close(&m->scratch);
    gather_done(&m->files);
    arena_done(&m->arena);
}

/* What a backup that was killed left behind goes first. */
static enum rc open_scratch(struct making *m)
{
    CLEANUP(fd_closep) int fd = -1;

    if (mkdirat(m->in->data, MAKE_SCRATCH, 0700) != 0 && errno != EEXIST)
        return scratch_failed(m);
    fd = openat(m->in->data, MAKE_SCRATCH, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return scratch_failed(m);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return ERR(m->err, RC_AGAIN, msg_other, str_of(m->in->data_name));
    m->scratch = fd_move(&fd);
    empty_scratch(m->scratch);
    if (snprintf(m->dir, sizeof(m->dir), "%s/" MAKE_SCRATCH, m->in->data_name) >=
        (int)sizeof(m->dir))
        return RC_TOOBIG;
    return RC_OK;
}

/* ---- the database */

static enum rc open_look(const char *dir, when_t now, struct store **out, struct err *err)
{
    const struct store_options options = {.dir = dir, .now = now, .look = true};

    return store_open(&options, out, err);
}

static enum rc copy_database(struct making *m)
{
    CLEANUP(store_closep) struct store *store = NULL;
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/db", m->in->data_name) >= (int)sizeof(path))
        return RC_TOOBIG;
    TRY(open_look(path, m->about.created, &store, m->err));
    if (snprintf(path, sizeof(path), "%s/store.db", m->dir) >= (int)sizeof(path))
        return RC_TOOBIG;
    return store_copy(store, path, m->err);
}

/* Of the copy: meanwhile there is more. */
static enum rc look_at_copy(struct making *m)
{
    CLEANUP(store_closep) struct store *store = NULL;
    struct store_txn *txn;

    TRY(open_look(m->dir, m->about.created, &store, m->err));
    txn = store_read(store);
    m->about.node = store_node(store)->id;
    m->about.schema = store_schema(store);
    TRY(store_clock_high(txn, &m->about.clock));
    return store_event_last(txn, &m->about.records);
}

/* ---- what belongs together */

static enum rc read_note(struct making *m)
{
    CLEANUP(buf_done) struct buf note = BUF_INIT(NOTE_MAX);
    const struct gather_file *slots = gather_find(&m->files, CA_HEAD_FILE);
    char says[24], has[24];
    struct note parsed;
    enum rc rc;

    m->about.note = STR("");
    rc = slots ? ca_head_newest(slots->content, &note) : RC_NOTFOUND;
    if (rc != RC_OK)
        return rc == RC_NOTFOUND ? RC_OK : rc;
    TRY(arena_str(&m->arena, buf_str(&note), &m->about.note));
    TRY(note_parse(m->about.note, &parsed, m->err));
    if (parsed.head.size <= m->about.records)
        return RC_OK;
    snprintf(says, sizeof(says), "%llu", (unsigned long long)parsed.head.size);
    snprintf(has, sizeof(has), "%llu", (unsigned long long)m->about.records);
    return ERR(m->err, RC_CONFLICT, msg_behind, str_of(says), str_of(has));
}

/* Files first: the head that they have must not be of records that the copy lacks. Then the
 * database. Keys that came or went in between make it begin again, for the register of issuers
 * belongs to them. */
static enum rc take_together(struct making *m, bool *out_same)
{
    struct gather after;
    struct str differ;
    enum rc rc;

    gather_done(&m->files);
    TRY(gather_read(&m->files, m->in->data, m->in->config, m->err));
    if (!gather_find(&m->files, PACK_DATABASE)) /* a link, for instance, which the copy follows */
        return ERR(m->err, RC_AGAIN, msg_absent, str_of(m->in->data_name));
    empty_scratch(m->scratch);
    TRY(copy_database(m));
    gather_init(&after);
    rc = gather_read(&after, m->in->data, m->in->config, m->err);
    differ = rc == RC_OK ? gather_differ(&m->files, &after) : STR("");
    *out_same = differ.n == 0;
    if (rc == RC_OK && differ.n)
        rc = ERR(m->err, RC_OK, msg_moving, differ); /* shown if it stays so */
    gather_done(&after);
    return rc;
}

static enum rc take(struct making *m)
{
    bool same = false;

    for (int i = 0; i < TRIES && !same; i++) {
        enum rc rc = take_together(m, &same);

        if (rc != RC_AGAIN) /* a file that went while it was looked at */
            TRY(rc);
    }
    if (!same) {
        m->err->rc = RC_AGAIN;
        return RC_AGAIN;
    }
    TRY(look_at_copy(m));
    return read_note(m);
}

/* ---- writing */

static enum rc write_database(struct making *m, struct pack_out *p, const struct pack_entry *as,
                              uint64_t *out_size)
{
    CLEANUP(fd_closep)
    int fd = openat(m->scratch, "store.db", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(mem_freep) char *bytes = mem_alloc(COPY);
    struct pack_entry e = *as;
    struct stat st;
    ssize_t n;

    if (!bytes)
        return RC_NOMEM;
    if (fd < 0 || fstat(fd, &st) != 0)
        return scratch_failed(m);
    e.size = (uint64_t)st.st_size;
    *out_size = e.size;
    TRY(pack_entry(p, &e, m->err));
    while ((n = read(fd, bytes, COPY)) > 0)
        TRY(pack_bytes(p, str_bytes(bytes, (size_t)n), m->err));
    if (n < 0)
        return ERR(m->err, RC_IO, msg_read, e.path, str_of(strerrordesc_np(errno)));
    return RC_OK;
}

static enum rc write_all(struct making *m, struct pack_out *p, struct backup_made *out)
{
    for (size_t i = 0; i < m->files.n; i++) {
        const struct gather_file *f = &m->files.v[i];

        if (str_eq(f->entry.path, STR(PACK_DATABASE))) {
            TRY(write_database(m, p, &f->entry, &out->database));
            continue;
        }
        TRY(pack_entry(p, &f->entry, m->err));
        if (!f->entry.dir)
            TRY(pack_bytes(p, f->content, m->err));
    }
    out->files = p->n;
    return pack_end(p, &out->sum, m->err);
}

static enum rc write_out(struct making *m, struct backup_made *out)
{
    CLEANUP(seal_writer_freep) struct seal_writer *seal = NULL;
    CLEANUP(pack_out_done) struct pack_out p = {};
    struct str passphrase =
        str_bytes(secret_bytes(m->in->passphrase), secret_len(m->in->passphrase));

    TRY(seal_writer_new(&m->in->to, passphrase, m->in->log_n ? m->in->log_n : SEAL_LOG_N, &seal,
                        m->err));
    TRY(pack_begin(&p, seal, &m->about, m->err));
    return write_all(m, &p, out);
}

void backup_made_done(struct backup_made *m)
{
    buf_done(&m->note);
    buf_done(&m->left_out);
}

enum rc backup_make(const struct backup_make *in, struct backup_made *out, struct err *err)
{
    CLEANUP(making_done) struct making m = {.in = in, .about = in->about, .scratch = -1};
    struct err own = ERR_INIT;
    enum rc rc;

    *out = (struct backup_made){};
    m.err = err ? err : &own;
    gather_init(&m.files);
    arena_init(&m.arena, PACK_ABOUT_MAX);
    buf_init(&out->note, NOTE_MAX);
    buf_init(&out->left_out, 256 * 1024);
    rc = open_scratch(&m);
    if (rc == RC_OK)
        rc = take(&m);
    if (rc == RC_OK)
        rc = write_out(&m, out);
    TRY(rc);
    out->records = m.about.records;
    buf_puts(&out->note, m.about.note);
    buf_puts(&out->left_out, buf_str(&m.files.left_out));
    return buf_rc(&out->left_out);
}
