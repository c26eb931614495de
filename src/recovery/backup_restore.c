/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky backup verify` and `restore`: a backup read, and looked into, or lived from. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backup/restore.h"
#include "base/fd.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "json/out.h"
#include "recovery/backup_int.h"

MSG(msg_file, "cmd.backup-file", "{0}: {1}");

enum { TEXT_MAX = 48 << 20, PATH_BYTES = 4096, LINE_WORDS = 5 };

static enum rc get(void *arg, char *p, size_t cap, size_t *out_n, struct err *err)
{
    const int *fd = arg;
    ssize_t n;

    do {
        TRY(backup_interrupted(err));
        n = read(*fd, p, cap);
    } while (n < 0 && errno == EINTR);
    TRY(backup_interrupted(err)); /* it came before the read, which then waited for the end */
    if (n < 0)
        return ERR(err, RC_IO, msg_file, STR("the backup"), str_of(strerrordesc_np(errno)));
    *out_n = (size_t)n;
    return RC_OK;
}

static enum rc open_backup(const char *path, int *out, struct err *err)
{
    *out = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                  : open(path, O_RDONLY | O_CLOEXEC);
    if (*out >= 0)
        return RC_OK;
    return ERR(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, msg_file, str_of(path),
               str_of(strerrordesc_np(errno)));
}

/* ---- what is in it */

static void put_found_text(const struct backup_found *f, struct buf *out)
{
    const struct pack_about *a = &f->about;
    char created[WHEN_TEXT], covered[WHEN_TEXT], hex[2 * SEAL_SHA256 + 1];

    backup_hex(f->sum.file.sha256, hex);
    buf_printf(out, "backup %s of %.*s (%.*s), made %s on %.*s by %.*s%s%.*s\n", a->id.z,
               STR_ARG(a->organization), STR_ARG(a->domain), when_text(a->created, created),
               STR_ARG(a->host), STR_ARG(a->by), a->reason.n ? ": " : "", STR_ARG(a->reason));
    buf_printf(out, "Autarky %.*s, schema %u, node %s\n", STR_ARG(a->program), a->schema,
               a->node.z);
    buf_printf(out, "%llu files, the database %llu bytes; %llu bytes, SHA-256 %s\n",
               (unsigned long long)f->files, (unsigned long long)f->database,
               (unsigned long long)f->sum.file.bytes, hex);
    buf_printf(out, "%llu records of the audit log", (unsigned long long)a->records);
    if (a->note.n)
        buf_printf(out, ", %llu under the head signed %s", (unsigned long long)f->covered,
                   when_text(f->covered_at, covered));
    buf_printf(out,
               "\n%u authorities: %u keys opened and fit, %u there and closed, %u in tokens (not "
               "in the backup), %u elsewhere\n",
               f->authorities, f->keys_opened, f->keys_closed, f->keys_in_token, f->keys_elsewhere);
}

static void put_files(const struct backup_found *f, struct json_out *o)
{
    struct str rest = buf_str(&f->list), line;

    json_key(o, "files");
    json_arr(o);
    while (str_next(&rest, '\n', &line)) {
        struct str sha256, size, mode, owner;
        uint64_t bytes = 0;

        str_cut(line, ' ', &sha256, &line);
        str_cut(str_trim(line), ' ', &size, &line);
        str_cut(str_trim(line), ' ', &mode, &line);
        str_cut(line, ' ', &owner, &line);
        IGNORE_RC(str_u64(size, UINT64_MAX, &bytes)); /* written here */
        json_obj(o);
        json_kv_str(o, "path", line);
        json_kv_u64(o, "bytes", bytes);
        json_kv_str(o, "mode", mode);
        json_kv_str(o, "owner", owner);
        json_kv_str(o, "sha256", sha256);
        json_end(o);
    }
    json_end(o);
}

static void put_found(const struct backup_found *f, struct json_out *o)
{
    const struct pack_about *a = &f->about;
    char created[WHEN_TEXT], hex[2 * SEAL_SHA256 + 1];

    backup_hex(f->sum.file.sha256, hex);
    json_kv_str(o, "id", id_str(&a->id));
    json_kv_z(o, "created", when_text(a->created, created));
    json_kv_str(o, "organization", a->organization);
    json_kv_str(o, "domain", a->domain);
    json_kv_str(o, "host", a->host);
    json_kv_str(o, "by", a->by);
    json_kv_str(o, "reason", a->reason);
    json_kv_str(o, "program", a->program);
    json_kv_u64(o, "schema", a->schema);
    json_kv_str(o, "node", id_str(&a->node));
    json_kv_u64(o, "bytes", f->sum.file.bytes);
    json_kv_z(o, "sha256", hex);
    json_kv_u64(o, "records", a->records);
    json_kv_u64(o, "records_signed", f->covered);
    json_kv_u64(o, "authorities", f->authorities);
    json_kv_u64(o, "keys_opened", f->keys_opened);
    json_kv_u64(o, "keys_closed", f->keys_closed);
    json_kv_u64(o, "keys_in_tokens", f->keys_in_token);
    json_kv_u64(o, "keys_elsewhere", f->keys_elsewhere);
    put_files(f, o);
}

static int show_found(const struct cmd_args *args, const struct backup_found *f)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
    struct json_out o;

    if (cmd_json(args)) {
        json_out_init(&o, &text, JSON_PRETTY);
        json_obj(&o);
        put_found(f, &o);
        json_end(&o);
        IGNORE_RC(json_out_done(&o)); /* below */
    } else {
        buf_putz(&text, "good: it can be restored\n");
        put_found_text(f, &text);
    }
    if (buf_rc(&text) != RC_OK)
        return cmd_failf("out of memory");
    cmd_print(buf_str(&text));
    return CMD_DONE;
}

/* ---- verify */

/* For the database, which is readable by its owner alone, and gone afterwards. */
struct scratch {
    char path[PATH_BYTES];
    int fd;
};

static void scratch_done(struct scratch *s)
{
    if (s->fd >= 0)
        IGNORE_RC(file_remove_tree(AT_FDCWD, s->path, NULL)); /* in a directory for what is left */
    fd_close(&s->fd);
}

static enum rc scratch_open(struct scratch *s, struct err *err)
{
    const char *tmp = getenv("TMPDIR");

    if (snprintf(s->path, sizeof(s->path), "%s/autarky-verify-XXXXXX", tmp && *tmp ? tmp : "/tmp") <
            (int)sizeof(s->path) &&
        mkdtemp(s->path))
        s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return s->fd >= 0 ? RC_OK
                      : ERR(err, RC_IO, msg_file, str_of(s->path), str_of(strerrordesc_np(errno)));
}

static int verify(const struct cmd_args *args)
{
    CLEANUP(fd_closep) int fd = -1;
    CLEANUP(scratch_done) struct scratch scratch = {.fd = -1};
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    CLEANUP(backup_found_done) struct backup_found found = {};
    struct backup_unpack in = {.from = {get, &fd}};
    struct err err = ERR_INIT;

    backup_found_init(&found);
    err.rc = open_backup(args->operand, &fd, &err);
    if (err.rc == RC_OK)
        err.rc = backup_passphrase(args, false, &passphrase, &err);
    if (err.rc == RC_OK)
        err.rc = scratch_open(&scratch, &err);
    in.passphrase = passphrase;
    in.dir = scratch.fd;
    in.dir_name = scratch.path;
    if (err.rc == RC_OK)
        err.rc = backup_unpack(&in, &found, &err);
    if (err.rc == RC_OK)
        err.rc = backup_check(&in, &found, clock_now(clock_system()), &err);
    return err.rc == RC_OK ? show_found(args, &found) : cmd_fail(&err);
}

static int with_crypto(const struct cmd_args *args, int (*fn)(const struct cmd_args *args))
{
    struct err err = ERR_INIT;
    int status;

    err.rc = crypto_init();
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    backup_catch_signals();
    status = fn(args);
    crypto_done();
    return status;
}

int cmd_backup_verify(const struct cmd_args *args)
{
    return with_crypto(args, verify);
}

/* ---- restore */

/* What a person has to know now, and do. */
static void put_next(const struct backup_restored *r, struct buf *out)
{
    const struct pack_about *a = &r->found.about;
    char created[WHEN_TEXT];

    buf_printf(out,
               "What was done after %s is not known here:\n"
               "- certificates issued since are in no register: they stay good until they end, and "
               "cannot be revoked here. Their clients get new ones.\n"
               "- what was revoked since is good again by the lists of this server: revoke it "
               "anew.\n"
               "- users, tokens and keys of bindings that were removed since are back: remove them "
               "again.\n"
               "Copies of the audit log elsewhere say what it was: all records behind number "
               "%llu.\n",
               when_text(a->created, created), (unsigned long long)a->records);
    if (r->changed.approvals || r->changed.tokens)
        buf_printf(out, "%llu grants are to be given again, %llu tokens of agents are void.\n",
                   (unsigned long long)r->changed.approvals, (unsigned long long)r->changed.tokens);
    if (buf_str(&r->origin).n)
        buf_printf(out,
                   "The audit log goes on as %.*s, with the same key: keep trust/audit.pub anew.\n",
                   STR_ARG(buf_str(&r->origin)));
    if (r->frozen)
        buf_putz(out, "Nothing is issued until a second person has seen to it: `autarky issuance "
                      "thaw`.\n");
}

static int show_restored(const struct cmd_args *args, const struct backup_restored *r)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
    struct json_out o;

    if (cmd_json(args)) {
        json_out_init(&o, &text, JSON_PRETTY);
        json_obj(&o);
        json_kv_z(&o, "data", cmd_data(args));
        json_kv_str(&o, "log", buf_str(&r->origin));
        json_kv_bool(&o, "frozen", r->frozen);
        json_kv_u64(&o, "lists", r->changed.lists);
        json_kv_u64(&o, "approvals", r->changed.approvals);
        json_kv_u64(&o, "agent_tokens", r->changed.tokens);
        put_found(&r->found, &o);
        json_end(&o);
        IGNORE_RC(json_out_done(&o)); /* below */
    } else {
        buf_printf(&text, "%s is there.\n", cmd_data(args));
        put_found_text(&r->found, &text);
        put_next(r, &text);
    }
    if (buf_rc(&text) != RC_OK)
        return cmd_failf("out of memory");
    cmd_print(buf_str(&text));
    return CMD_DONE;
}

static int restore(const struct cmd_args *args)
{
    CLEANUP(fd_closep) int fd = -1;
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    CLEANUP(backup_restored_done) struct backup_restored restored = {};
    const char *reason = args->values[CMD_OPT_REASON];
    char by[CMD_WHO_BYTES];
    struct backup_restore in = {
        .from = {get, &fd},
        .dir = cmd_data(args),
        .owners = geteuid() == 0,
        .now = clock_now(clock_system()),
        .reason = str_utf8_head(str_of(reason ? reason : ""), STORE_TEXT_MAX),
    };
    struct err err = ERR_INIT;

    in.by = cmd_who(by);
    backup_restored_init(&restored);
    err.rc = open_backup(args->operand, &fd, &err);
    if (err.rc == RC_OK)
        err.rc = backup_passphrase(args, false, &passphrase, &err);
    in.passphrase = passphrase;
    if (err.rc == RC_OK)
        err.rc = backup_restore(&in, &restored, &err);
    return err.rc == RC_OK ? show_restored(args, &restored) : cmd_fail(&err);
}

int cmd_backup_restore(const struct cmd_args *args)
{
    return with_crypto(args, restore);
}
