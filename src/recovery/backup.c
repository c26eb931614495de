/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky backup create`: one file, whole or not there. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "ca/passphrase.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "json/out.h"
#include "recovery/backup_int.h"

MSG(msg_out, "cmd.backup-out", "{0}: {1}");
MSG(msg_signal, "cmd.backup-interrupted", "ended by a signal ({0}); nothing of it is left behind");
MSG(msg_there, "cmd.backup-there",
    "{0} is there already, and no backup is overwritten; choose another --out");

enum { PATH_BYTES = 4096, TEXT_MAX = 64 * 1024, RANDOM = 6, CONF_PROBLEMS = 64 * 1024 };

enum rc backup_passphrase(const struct cmd_args *args, bool confirm, struct secret **out,
                          struct err *err)
{
    const char *file = args->values[CMD_OPT_BACKUP_PASSPHRASE_FILE];

    return file ? ca_passphrase_file(AT_FDCWD, file, out, err)
                : ca_passphrase_ask("the backup", confirm, out, err);
}

static volatile sig_atomic_t came;

static void on_signal(int signum)
{
    came = signum;
}

void backup_catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction own = {.sa_handler = on_signal}, before; /* reads end, too */

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &own, NULL);
}

enum rc backup_interrupted(struct err *err)
{
    return came ? ERR(err, RC_CANCELLED, msg_signal, str_of(sigdescr_np(came))) : RC_OK;
}

void backup_hex(const unsigned char *bytes, char out[static 2 * SEAL_SHA256 + 1])
{
    for (size_t i = 0; i < SEAL_SHA256; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- where it goes: a file that has no name until it is whole, where the file system can; one
 * with the name of a temporary file, where it cannot */

struct target {
    const char *path; /* NULL: standard output */
    int dir, fd;
    const char *name;                                     /* in it */
    char temp[sizeof(FILE_TEMP_PREFIX) + 2 * RANDOM + 8]; /* "": it has no name */
};

static void target_done(struct target *t)
{
    if (t->dir >= 0 && t->temp[0])
        unlinkat(t->dir, t->temp, 0);
    fd_close(&t->dir);
    if (t->path)
        fd_close(&t->fd);
}

static enum rc out_failed(const struct target *t, struct err *err)
{
    return ERR(err, errno == EEXIST ? RC_EXISTS : RC_IO, msg_out,
               str_of(t->path ? t->path : "standard output"), str_of(strerrordesc_np(errno)));
}

static enum rc open_named(struct target *t, struct err *err)
{
    unsigned char random[RANDOM];

    TRY(id_random(random, sizeof(random)));
    snprintf(t->temp, sizeof(t->temp), FILE_TEMP_PREFIX "%02x%02x%02x%02x%02x%02x", random[0],
             random[1], random[2], random[3], random[4], random[5]);
    t->fd = openat(t->dir, t->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (t->fd >= 0)
        return RC_OK;
    t->temp[0] = 0;
    return out_failed(t, err);
}

static enum rc target_open(struct target *t, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    char dir[PATH_BYTES] = ".";
    struct stat st;

    *t = (struct target){.path = path, .dir = -1, .fd = -1};
    if (strcmp(path, "-") == 0) {
        t->path = NULL;
        t->fd = STDOUT_FILENO;
        return RC_OK;
    }
    t->name = slash ? slash + 1 : path;
    if (slash && str_copyz(str_bytes(path, slash == path ? 1 : (size_t)(slash - path)), dir,
                           sizeof(dir)) != RC_OK)
        return RC_TOOBIG;
    t->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->dir < 0)
        return out_failed(t, err);
    if (fstatat(t->dir, t->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return ERR(err, RC_EXISTS, msg_there, str_of(path));
    t->fd = openat(t->dir, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    return t->fd >= 0 ? RC_OK : open_named(t, err);
}

static enum rc put(void *arg, struct str bytes, struct err *err)
{
    const struct target *t = arg;

    TRY(backup_interrupted(err));
    return file_put_all(t->fd, bytes) ? RC_OK : out_failed(t, err);
}

/* link(2), unlike rename(2), never replaces anything. */
static bool give_name(const struct target *t)
{
    char self[64];

    if (t->temp[0])
        return linkat(t->dir, t->temp, t->dir, t->name, 0) == 0;
    snprintf(self, sizeof(self), "/proc/self/fd/%d", t->fd);
    return linkat(AT_FDCWD, self, t->dir, t->name, AT_SYMLINK_FOLLOW) == 0;
}

static enum rc target_keep(struct target *t, struct err *err)
{
    if (!t->path)
        return RC_OK;
    if (fsync(t->fd) != 0)
        return out_failed(t, err);
    if (!give_name(t))
        return errno == EEXIST ? ERR(err, RC_EXISTS, msg_there, str_of(t->path))
                               : out_failed(t, err);
    if (t->temp[0] && unlinkat(t->dir, t->temp, 0) == 0)
        t->temp[0] = 0;
    return fsync(t->dir) == 0 ? RC_OK : out_failed(t, err);
}

/* ---- what is said of it */

static int show_made(const struct cmd_args *args, const struct way *w, const struct backup_made *m)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
    const char *path = args->values[CMD_OPT_BACKUP_OUT];
    bool stdout_taken = strcmp(path, "-") == 0;
    char hex[2 * SEAL_SHA256 + 1];
    struct json_out o;

    backup_hex(m->sum.sha256, hex);
    if (cmd_json(args)) {
        json_out_init(&o, &text, JSON_PRETTY);
        json_obj(&o);
        json_kv_str(&o, "id", id_str(&w->id));
        json_kv_z(&o, "file", path);
        json_kv_u64(&o, "bytes", m->sum.bytes);
        json_kv_z(&o, "sha256", hex);
        json_kv_u64(&o, "files", m->files);
        json_kv_u64(&o, "database", m->database);
        json_kv_u64(&o, "records", m->records);
        json_end(&o);
        if (json_out_done(&o) != RC_OK)
            return cmd_failf("out of memory");
    } else {
        buf_printf(&text,
                   "%s: %llu bytes, %u files, %llu records of the audit log\nSHA-256 %s\n"
                   "`autarky backup verify %s` proves that it can be restored.\n",
                   path, (unsigned long long)m->sum.bytes, m->files, (unsigned long long)m->records,
                   hex, path);
    }
    fprintf(stdout_taken ? stderr : stdout, "%s", buf_z(&text));
    return CMD_DONE;
}

static void show_left_out(const struct buf *lines)
{
    struct str rest = buf_str(lines), line;

    while (str_next(&rest, '\n', &line))
        if (line.n)
            fprintf(stderr, "autarky: not in the backup: %.*s\n", STR_ARG(line));
}

static int list_only(const struct cmd_args *args, int data)
{
    struct err err = ERR_INIT;
    struct gather g;

    gather_init(&g);
    err.rc = gather_read(&g, data, args->values[CMD_OPT_CONFIG], &err);
    for (size_t i = 0; err.rc == RC_OK && i < g.n; i++)
        if (!g.v[i].entry.dir)
            printf("%.*s\n", STR_ARG(g.v[i].entry.path));
    if (err.rc == RC_OK)
        show_left_out(&g.left_out);
    gather_done(&g);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

/* ---- create */

static void fill_about(const struct way *w, const struct conf *conf, const char *host,
                       struct pack_about *out)
{
    const char *reason = w->args->values[CMD_OPT_REASON];

    *out = (struct pack_about){
        .id = w->id,
        .created = clock_now(clock_system()),
        .program = STR(AUTARKY_VERSION),
        .host = str_of(host),
        .organization = str_utf8_head(conf->organization, PACK_TEXT_MAX),
        .domain = str_utf8_head(conf->domain, PACK_TEXT_MAX),
        .by = str_of(w->by),
        .reason = str_utf8_head(str_of(reason ? reason : ""), STORE_TEXT_MAX),
    };
}

static enum rc make(struct way *w, const struct conf *conf, struct target *t,
                    struct backup_made *made, struct err *err)
{
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    char host[PACK_TEXT_MAX] = "";
    struct backup_make in = {
        .data = w->data,
        .data_name = cmd_data(w->args),
        .config = w->args->values[CMD_OPT_CONFIG],
        .to = {put, t},
    };

    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = 0;
    TRY(backup_passphrase(w->args, true, &passphrase, err));
    in.passphrase = passphrase;
    TRY(way_begin(w->args, w->data, w, err));
    fill_about(w, conf, host, &in.about);
    TRY(backup_make(&in, made, err));
    TRY(backup_interrupted(err));
    return target_keep(t, err);
}

/* What is there and not on record is said, and is no success. */
static int tell(struct way *w, const struct backup_made *made)
{
    struct err err = ERR_INIT;

    err.rc = way_created(w, made, &err);
    if (err.rc == RC_OK)
        return show_made(w->args, w, made);
    show_made(w->args, w, made);
    cmd_failf("the backup is whole, but the audit log only says that it was begun:");
    return cmd_fail(&err);
}

static int create(const struct cmd_args *args, int data)
{
    CLEANUP(target_done) struct target t = {.dir = -1, .fd = -1};
    CLEANUP(way_done) struct way w = {.args = args, .data = data, .lock = -1};
    CLEANUP(backup_made_done) struct backup_made made = {};
    CLEANUP(buf_done) struct buf problems = BUF_INIT(CONF_PROBLEMS);
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    struct err err = ERR_INIT;

    if (cmd_load_config(args, &conf, &problems) != RC_OK)
        return cmd_show_problems(buf_str(&problems));
    err.rc = target_open(&t, args->values[CMD_OPT_BACKUP_OUT], &err);
    if (err.rc == RC_OK)
        err.rc = make(&w, conf, &t, &made, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    show_left_out(&made.left_out);
    return tell(&w, &made);
}

int cmd_backup_create(const struct cmd_args *args)
{
    CLEANUP(fd_closep) int data = -1;
    struct err err = ERR_INIT;
    int status;

    err.rc = cmd_open_data(args, &data, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    if (args->values[CMD_OPT_DRY_RUN])
        return list_only(args, data);
    if (!args->values[CMD_OPT_BACKUP_OUT])
        return cmd_usagef("--out says where the backup goes; - is standard output");
    err.rc = crypto_init();
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    backup_catch_signals();
    status = create(args, data);
    crypto_done();
    return status;
}
