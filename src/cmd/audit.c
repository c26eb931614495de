/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky audit export`, `head`, `restart`: the audit log as files, its heads, and the way out
 * when it cannot go on. audit_verify.c checks what was exported. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/export.h"
#include "base/fd.h"
#include "ca/head.h"
#include "cmd/cmd.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "json/json.h"
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

static enum rc export(const struct cmd_args *args, int dir, struct audit_exported *out,
                      struct err *err) {
    CLEANUP(store_closep) struct store *store = NULL;
    CLEANUP(buf_done) struct buf db = BUF_INIT(4096);
    struct store_options options = {.now = clock_now(clock_system()), .look = true};
    struct store_txn * txn;
    enum rc rc;

    buf_printf(&db, "%s/db", cmd_data(args));
    TRY(buf_rc(&db));
    options.dir = buf_z(&db);
    TRY(store_open(&options, &store, err));
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
    err.rc = export(args, dir, &done, &err);
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
    err.rc = cmd_control(cmd_data(args), "signer restart", STR(""), &answer, &err);
    if (err.rc != RC_OK)
        fprintf(stderr, "autarky: the server takes it up at its next start\n");
    return CMD_DONE;
}
