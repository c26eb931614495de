/* SPDX-License-Identifier: Apache-2.0 */
#include "store/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/store_int.h"

MSG(msg_make, "store.copy-make", "{0}: the copy of the database cannot be made: {1}");
MSG(msg_copy, "store.copy-broke",
    "{0}: copying the database failed ({1}); as much room is needed as the database takes");

static enum rc make_empty(const char *path, struct err *err)
{
    CLEANUP(fd_closep)
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd >= 0)
        return RC_OK;
    return ERR(err, errno == EEXIST ? RC_EXISTS : RC_IO, msg_make, str_of(path),
               str_of(strerrordesc_np(errno)));
}

/* Nobody but us has it, and nobody needs it after a crash. */
static int prepare(sqlite3 *to)
{
    int code = sqlite3_exec(to, "PRAGMA journal_mode = OFF", NULL, NULL, NULL);

    return code == SQLITE_OK ? sqlite3_exec(to, "PRAGMA synchronous = OFF", NULL, NULL, NULL)
                             : code;
}

static int copy_pages(sqlite3 *to, sqlite3 *from)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int code;

    if (!b)
        return sqlite3_extended_errcode(to);
    code = sqlite3_backup_step(b, -1);
    (void)sqlite3_backup_finish(b);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static enum rc copy_into(struct store_txn *txn, const char *path, struct err *err)
{
    enum { FLAGS = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE };
    sqlite3 *to = NULL;
    int code = sqlite3_open_v2(path, &to, FLAGS, SQL_VFS);

    if (code == SQLITE_OK)
        code = prepare(to);
    if (code == SQLITE_OK)
        code = copy_pages(to, txn->db->c);
    if (sqlite3_close(to) != SQLITE_OK && code == SQLITE_OK)
        code = SQLITE_IOERR;
    if (code == SQLITE_OK)
        return RC_OK;
    if (code == SQLITE_NOMEM)
        return RC_NOMEM;
    return ERR(err, RC_IO, msg_copy, str_of(path), str_of(sqlite3_errstr(code)));
}

enum rc store_copy(struct store *s, const char *path, struct err *err)
{
    struct store_txn *txn;
    enum rc rc;

    TRY(make_empty(path, err));
    rc = store_read_begin(s, &txn);
    if (rc == RC_OK) {
        rc = copy_into(txn, path, err);
        store_read_end(txn);
    }
    if (rc != RC_OK)
        (void)unlink(path);
    return rc;
}

/* ---- after it was brought back */

static enum rc change(struct store_txn *txn, const char *sql, const when_t *now, uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, sql));
    if (now)
        stmt_int(&st, *now);
    TRY(stmt_run(&st));
    if (out)
        *out = stmt_changes(&st);
    return RC_OK;
}

enum rc store_restored(struct store_txn *txn, when_t now, struct store_restored *out)
{
    TRY(change(txn, "DELETE FROM meta WHERE key = 'node'", NULL, NULL));
    /* Those of roots come from where their keys are, with numbers that are times already. */
    TRY(change(txn,
               "UPDATE crl_shards SET number = MAX(number + 1, ?1), due = MIN(due, ?1)"
               " WHERE due < 9223372036854775807",
               &now, &out->lists));
    TRY(change(txn,
               "DELETE FROM approval_votes WHERE approval IN"
               " (SELECT id FROM approvals WHERE state = 'granted')",
               NULL, NULL));
    TRY(change(txn,
               "UPDATE approvals SET state = 'pending', decided_by = -1, decided = 0"
               " WHERE state = 'granted'",
               NULL, &out->approvals));
    return change(txn,
                  "UPDATE agent_tokens SET revoked = ?1 WHERE used IS NULL AND revoked IS NULL"
                  " AND expires > ?1",
                  &now, &out->tokens);
}
