/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky audit export`, `head`, `prove`, `restart`: the audit log as files, its heads, what a
 * witness wants to see, and the way out when it cannot go on. audit_verify.c checks what was
 * exported. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/export.h"
#include "audit/log.h"
#include "base/fd.h"
#include "base/text.h"
#include "ca/head.h"
#include "cmd/ask.h"
#include "cmd/cmd.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "json/json.h"
#include "json/out.h"
#include "store/store.h"

enum { ANSWER_MAX = 64 * 1024 };

/* ---- export */

/* Made if it is not there; what is in it already would be mixed with what is written. */
static int open_out(const char *path, int *out)
{
    CLEANUP(fd_closep) int fd = -1;
    struct dirent *e;
    bool empty = true;
    DIR *d;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return cmd_failf("%s cannot be made: %s", path, strerror(errno));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    d = fd < 0 ? NULL : opendir(path);
    if (!d)
        return cmd_failf("%s cannot be opened as a directory: %s", path, strerror(errno));
    while ((e = readdir(d))) /* NOLINT(concurrency-mt-unsafe): one thread */
        empty = empty && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
    closedir(d);
    if (!empty)
        return cmd_failf("%s is not empty; name a directory that is empty or not there", path);
    *out = fd_move(&fd);
    return CMD_DONE;
}

/* Without the server, or when it cannot, the newest records are exported without a head. */
static void sign_now(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;
    char text[512];
    enum rc rc = cmd_control(cmd_data(args), "audit head", STR(""), &answer, &err);

    if (rc != RC_OK)
        fprintf(stderr, "autarky: no head could be signed for the newest records: %s\n",
                err_textz(&err, text, sizeof(text)));
}

static enum rc look(const struct cmd_args *args, struct store **out, struct err *err)
{
    CLEANUP(buf_done) struct buf db = BUF_INIT(4096);
    struct store_options options = {.now = clock_now(clock_system()), .look = true};

    buf_printf(&db, "%s/db", cmd_data(args));
    TRY(buf_rc(&db));
    options.dir = buf_z(&db);
    return store_open(&options, out, err);
}

static enum rc write_export(const struct cmd_args *args, int dir, struct audit_exported *out,
                            struct err *err)
{
    CLEANUP(store_closep) struct store *store = NULL;
    struct store_txn *txn;
    enum rc rc;

    TRY(look(args, &store, err));
    TRY(store_read_begin(store, &txn));
    rc = audit_export(txn, dir, args->values[CMD_OPT_OUT], out, err);
    store_read_end(txn);
    return rc;
}

int cmd_audit_export(const struct cmd_args *args)
{
    CLEANUP(fd_closep) int dir = -1;
    struct audit_exported done = {};
    struct err err = ERR_INIT;
    int status;

    if (!args->values[CMD_OPT_OUT])
        return cmd_usagef("--out says where the files go");
    status = open_out(args->values[CMD_OPT_OUT], &dir);
    if (status != CMD_DONE)
        return status;
    sign_now(args);
    err.rc = write_export(args, dir, &done, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    printf(cmd_json(args) ? "{\"records\":%llu,\"heads\":%llu}\n"
                          : "%llu records and %llu signed heads\n",
           (unsigned long long)done.records, (unsigned long long)done.heads);
    return CMD_DONE;
}

/* ---- head */

static enum rc show_head(const struct json *root)
{
    printf("%.*s", STR_ARG(json_shown(root, "note")));
    return RC_OK;
}

int cmd_audit_head(const struct cmd_args *args)
{
    return cmd_ask(args, "audit head", STR(""), show_head);
}

/* ---- prove */

static int read_size(const struct cmd_args *args, enum cmd_option option, uint64_t *out)
{
    const char *text = args->values[option];

    if (!text || str_u64(str_of(text), TREE_SIZE_MAX, out) == RC_OK)
        return CMD_DONE;
    return cmd_usagef("\"%s\" is no number of records", text);
}

/* C2SP tlog-witness, the body of add-checkpoint. */
static void put_request(const struct audit_between *b, struct buf *out)
{
    buf_printf(out, "old %llu\n", (unsigned long long)b->from);
    for (size_t i = 0; i < b->proof.n; i++) {
        text_b64(out, str_bytes(b->proof.hash[i].b, TREE_HASH));
        buf_u8(out, '\n');
    }
    buf_u8(out, '\n');
    buf_puts(out, b->note);
}

static void put_json(const struct audit_between *b, struct buf *out)
{
    CLEANUP(buf_done) struct buf hash = BUF_INIT(2 * TREE_HASH);
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_u64(&o, "from", b->from);
    json_kv_u64(&o, "to", b->to);
    json_key(&o, "proof");
    json_arr(&o);
    for (size_t i = 0; i < b->proof.n; i++) {
        buf_reset(&hash);
        text_b64(&hash, str_bytes(b->proof.hash[i].b, TREE_HASH));
        json_put_str(&o, buf_str(&hash));
    }
    json_end(&o);
    json_kv_str(&o, "note", b->note);
    json_end(&o);
    if (json_out_done(&o) != RC_OK)
        buf_fail(out, RC_NOMEM);
    buf_u8(out, '\n');
}

static enum rc prove(const struct cmd_args *args, struct arena *a, struct audit_between *b,
                     struct err *err)
{
    CLEANUP(store_closep) struct store *store = NULL;
    struct store_txn *txn;

    TRY(look(args, &store, err));
    TRY(store_read_begin(store, &txn));
    err->rc = audit_log_prove(txn, a, b);
    store_read_end(txn);
    return RC_OK;
}

static int show_proof(const struct cmd_args *args, const struct audit_between *b)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;

    if (cmd_json(args))
        put_json(b, &text);
    else
        put_request(b, &text);
    err.rc = buf_rc(&text);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    printf("%s", buf_z(&text));
    return CMD_DONE;
}

static int no_proof(const struct audit_between *b, const struct err *err)
{
    if (err->rc == RC_NOTFOUND && b->to == 0)
        return cmd_failf("no head of the audit log was signed yet; `autarky audit head` has one "
                         "signed now");
    if (err->rc == RC_NOTFOUND)
        return cmd_failf("no head of %llu records was signed; an export's heads.txt has the sizes "
                         "of those that were",
                         (unsigned long long)b->to);
    if (err->rc == RC_INVAL)
        return cmd_failf("the signed head has %llu records, fewer than the %llu that are known "
                         "already: the log was cut off, or this is another one",
                         (unsigned long long)b->to, (unsigned long long)b->from);
    return cmd_fail(err);
}

int cmd_audit_prove(const struct cmd_args *args)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ANSWER_MAX);
    struct audit_between b = {};
    struct err err = ERR_INIT;
    int status = read_size(args, CMD_OPT_PROVE_FROM, &b.from);
    enum rc rc;

    if (status == CMD_DONE)
        status = read_size(args, CMD_OPT_PROVE_TO, &b.to);
    if (status != CMD_DONE)
        return status;
    if (!args->values[CMD_OPT_PROVE_FROM])
        return cmd_usagef("--from says how many records are under the head that is known already");
    rc = crypto_init();
    if (rc == RC_OK) {
        rc = prove(args, &a, &b, &err);
        crypto_done();
    }
    if (rc != RC_OK) {
        err.rc = rc;
        return cmd_fail(&err);
    }
    return err.rc == RC_OK ? show_proof(args, &b) : no_proof(&b, &err);
}

/* ---- restart */

int cmd_audit_restart(const struct cmd_args *args)
{
    CLEANUP(fd_closep) int data = -1;
    CLEANUP(buf_done) struct buf last = BUF_INIT(NOTE_MAX);
    CLEANUP(buf_done) struct buf origin = BUF_INIT(NOTE_NAME_MAX);
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct ca_head_restart restart = {.why = str_of(args->values[CMD_OPT_REASON])};
    struct err err = ERR_INIT;
    char who[CA_HEAD_WHO_MAX];

    if (!args->values[CMD_OPT_REASON])
        return cmd_usagef(
            "--reason says why: it is the first thing that who reads the new log wants "
            "to know");
    if (!args->values[CMD_OPT_YES])
        return cmd_usagef("this cannot be taken back: heads that were signed prove nothing about "
                          "the new log; --yes does it");
    snprintf(who, sizeof(who), "uid %u", (unsigned)getuid());
    restart.by = str_of(who);
    err.rc = cmd_open_data(args, &data, &err);
    if (err.rc == RC_OK)
        err.rc = crypto_init();
    if (err.rc == RC_OK) {
        err.rc = ca_head_begin_anew(data, &restart, &last, &origin, &err);
        crypto_done();
    }
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    printf("The next head is the first one of %.*s.\n", STR_ARG(buf_str(&origin)));
    if (buf_str(&last).n)
        printf("Signed last before it, to be kept:\n\n%.*s", STR_ARG(buf_str(&last)));
    err.rc = ask_signer_restart(args, &answer, &err);
    if (err.rc != RC_OK)
        fprintf(stderr, "autarky: the server takes it up at its next start\n");
    return CMD_DONE;
}
