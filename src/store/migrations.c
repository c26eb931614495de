/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/store_int.h"

MSG(msg_newer, "store.schema-newer",
    "{0}: the database has schema {1}, this program knows {2} at most; start the newer Autarky "
    "that wrote it, or restore the copy that it made before it migrated");
MSG(msg_older, "store.schema-older",
    "{0}: the database has schema {1}, this program works with {2}; `autarky serve` migrates it, "
    "after making a copy");
MSG(msg_foreign, "store.not-ours",
    "{0}: this is a database of another program (application id {1}); --data names another "
    "directory");
MSG(msg_copy, "store.copy-failed",
    "{0}: cannot make the copy that precedes a migration ({1}); nothing was changed; make room or "
    "mend the directory, then start again");
MSG(msg_step, "store.migration-failed",
    "{0}: migration {1} ({2}) failed: {3}; the database is as it was");

/* Rules for what follows: a migration that has been released never changes; the next one is
 * appended. Times are microseconds, ids the 26 characters of base/id.h, statuses the words of RFC
 * 8555. Values that are not set are NULL. Ids are random, so each index of them costs a page of its
 * own at every insertion; what only ties rows together does it by `n`, which grows. An order is
 * five commits, and each index that one of them touches is a page more to write: no index holds a
 * status that moves, or serves a question that the program does not ask. */

static const char *const first[] = {
    "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " applied INTEGER NOT NULL) STRICT",

    "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID",

    "CREATE TABLE nodes (id TEXT PRIMARY KEY NOT NULL, boot INTEGER NOT NULL,"
    " started INTEGER NOT NULL) STRICT, WITHOUT ROWID",

    "CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), high INTEGER NOT NULL) STRICT",

    "CREATE TABLE accounts (id TEXT PRIMARY KEY NOT NULL,"
    " status TEXT NOT NULL CHECK (status IN ('valid', 'deactivated', 'revoked')),"
    " jwk TEXT NOT NULL, thumbprint BLOB NOT NULL UNIQUE, contacts TEXT, terms_at INTEGER,"
    " eab_key TEXT, system INTEGER NOT NULL, created INTEGER NOT NULL, created_from BLOB) STRICT",
    "CREATE INDEX accounts_created ON accounts (created, id)",

    "CREATE TABLE authorizations (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " account TEXT NOT NULL REFERENCES accounts (id),"
    " type TEXT NOT NULL CHECK (type IN ('dns', 'ip')), value TEXT NOT NULL, reversed TEXT,"
    " address BLOB, wildcard INTEGER NOT NULL, status TEXT NOT NULL CHECK (status IN"
    " ('pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked')),"
    " expires INTEGER NOT NULL, created INTEGER NOT NULL, validated INTEGER) STRICT",
    "CREATE INDEX authorizations_account ON authorizations"
    " (account, type, value, wildcard, status, expires, id)",
    "CREATE INDEX authorizations_expires ON authorizations (status, expires, id)",

    "CREATE TABLE challenges (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " authorization INTEGER NOT NULL REFERENCES authorizations (n), pos INTEGER NOT NULL,"
    " type TEXT NOT NULL, token TEXT NOT NULL, status TEXT NOT NULL CHECK (status IN"
    " ('pending', 'processing', 'valid', 'invalid')),"
    " requested INTEGER, validated INTEGER, attempts INTEGER NOT NULL, next_attempt INTEGER,"
    " key_thumbprint TEXT, error TEXT, evidence TEXT) STRICT",
    "CREATE UNIQUE INDEX challenges_authorization ON challenges (authorization, pos)",
    "CREATE INDEX challenges_due ON challenges (next_attempt) WHERE next_attempt IS NOT NULL",

    "CREATE TABLE issuers (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE,"
    " parent TEXT REFERENCES issuers (id), hierarchy TEXT NOT NULL, algorithm TEXT NOT NULL,"
    " subject TEXT NOT NULL, certificate BLOB NOT NULL, chain BLOB, key_ref TEXT, key_id BLOB,"
    " state TEXT NOT NULL CHECK (state IN ('active', 'retired')), not_after INTEGER NOT NULL,"
    " created INTEGER NOT NULL) STRICT",

    "CREATE TABLE certificates (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " serial BLOB NOT NULL, der BLOB NOT NULL,"
    " issuer TEXT NOT NULL REFERENCES issuers (id), hierarchy TEXT NOT NULL, profile TEXT,"
    " not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, spki_sha256 BLOB NOT NULL,"
    " fingerprint BLOB NOT NULL, authority_key_id BLOB, origin TEXT NOT NULL,"
    " account TEXT REFERENCES accounts (id), order_id TEXT, requester BLOB, reason TEXT,"
    " owner TEXT, team TEXT, service TEXT, logical TEXT NOT NULL,"
    " replaces TEXT REFERENCES certificates (id), issued INTEGER NOT NULL,"
    " status TEXT NOT NULL CHECK (status IN ('valid', 'revoked')),"
    " revoked INTEGER, revocation_reason INTEGER) STRICT",
    "CREATE INDEX certificates_issued ON certificates (issued, id)",
    "CREATE INDEX certificates_not_after ON certificates (not_after, id)",
    "CREATE INDEX certificates_spki ON certificates (spki_sha256, issued)",
    "CREATE INDEX certificates_account ON certificates (account, issued) WHERE account IS NOT NULL",
    "CREATE INDEX certificates_logical ON certificates (logical, issued)",
    "CREATE INDEX certificates_revoked ON certificates (issuer, not_after)"
    " WHERE status = 'revoked'",

    "CREATE TABLE certificate_names (certificate INTEGER NOT NULL REFERENCES certificates (n),"
    " pos INTEGER NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, reversed TEXT, address BLOB,"
    " PRIMARY KEY (certificate, pos)) STRICT, WITHOUT ROWID",
    "CREATE INDEX certificate_names_reversed ON certificate_names (reversed, certificate)"
    " WHERE reversed IS NOT NULL",
    "CREATE INDEX certificate_names_address ON certificate_names (address, certificate)"
    " WHERE address IS NOT NULL",

    "CREATE TABLE orders (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " account TEXT NOT NULL REFERENCES accounts (id), status TEXT NOT NULL CHECK (status IN"
    " ('pending', 'ready', 'processing', 'valid', 'invalid')), expires INTEGER NOT NULL,"
    " not_before INTEGER, not_after INTEGER, error TEXT, profile TEXT, replaces TEXT,"
    " certificate TEXT REFERENCES certificates (id), created INTEGER NOT NULL,"
    " created_from BLOB, processing_since INTEGER) STRICT",
    "CREATE INDEX orders_account ON orders (account, status, expires)",
    "CREATE INDEX orders_account_created ON orders (account, created, id)",
    "CREATE INDEX orders_created ON orders (created, id)",
    "CREATE INDEX orders_expires ON orders (status, expires)",
    "CREATE INDEX orders_replaces ON orders (replaces) WHERE replaces IS NOT NULL",

    "CREATE TABLE order_names (order_n INTEGER NOT NULL REFERENCES orders (n),"
    " pos INTEGER NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, reversed TEXT, address BLOB,"
    " authorization INTEGER NOT NULL REFERENCES authorizations (n),"
    " PRIMARY KEY (order_n, pos)) STRICT, WITHOUT ROWID",
    "CREATE INDEX order_names_authorization ON order_names (authorization, order_n)",

    "CREATE TABLE issuances (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, order_id TEXT "
    "REFERENCES orders (id),"
    " serial BLOB NOT NULL, tbs BLOB,"
    " tbs_sha256 BLOB NOT NULL, issuer TEXT NOT NULL REFERENCES issuers (id), profile TEXT,"
    " spki_sha256 BLOB NOT NULL, names TEXT NOT NULL, origin TEXT NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('reserved', 'done', 'voided')),"
    " created INTEGER NOT NULL, settled INTEGER, reason TEXT) STRICT",
    "CREATE UNIQUE INDEX issuances_order ON issuances (order_id)"
    " WHERE order_id IS NOT NULL AND state = 'reserved'",
    "CREATE INDEX issuances_reserved ON issuances (created, id) WHERE state = 'reserved'",

    /* Every serial that was ever put into something to be signed, here or in a certificate taken
     * over, once; and the way from it to both. */
    "CREATE TABLE serials (serial BLOB PRIMARY KEY NOT NULL,"
    " issuance INTEGER REFERENCES issuances (n), certificate INTEGER REFERENCES certificates (n))"
    " STRICT, WITHOUT ROWID",

    "CREATE TABLE blocked_keys (spki_sha256 BLOB PRIMARY KEY NOT NULL, blocked INTEGER NOT NULL,"
    " reason TEXT, certificate TEXT REFERENCES certificates (id)) STRICT, WITHOUT ROWID",

    "CREATE TABLE events (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, action TEXT NOT NULL,"
    " actor_kind TEXT NOT NULL, actor TEXT, object_kind TEXT, object TEXT, request TEXT,"
    " bytes BLOB NOT NULL) STRICT",
    "CREATE INDEX events_object ON events (object, sequence) WHERE object IS NOT NULL",
    "CREATE INDEX events_actor ON events (actor, sequence) WHERE actor IS NOT NULL",
    NULL,
};

/* Certificates that are one thing find each other by a name, and what is reserved remembers where
 * it belongs; an authorization without a challenge says by what it is valid. */
static const char *const lineages[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on two lines */
    "CREATE TABLE lineages (name TEXT PRIMARY KEY NOT NULL, logical TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "ALTER TABLE issuances ADD COLUMN logical TEXT",
    "ALTER TABLE issuances ADD COLUMN replaces TEXT REFERENCES certificates (id)",
    "ALTER TABLE authorizations ADD COLUMN evidence TEXT",
    NULL,
};

/* What each order paid for and nobody asked: events by actor, orders and authorizations by status
 * and expiry, all orders by time. Of a series, the first is found by its id, which is the name. */
static const char *const fewer_indexes[] = {
    "DROP INDEX authorizations_account",
    "DROP INDEX authorizations_expires",
    "CREATE INDEX authorizations_account ON authorizations (account, value)",
    "DROP INDEX orders_account",
    "DROP INDEX orders_created",
    "DROP INDEX orders_expires",
    "DROP INDEX issuances_order",
    "DROP INDEX issuances_reserved",
    "CREATE UNIQUE INDEX issuances_reserved ON issuances (order_id) WHERE state = 'reserved'",
    "DROP INDEX certificates_logical",
    "CREATE INDEX certificates_logical ON certificates (logical, issued) WHERE logical <> id",
    "DROP INDEX events_actor",
    NULL,
};

static const struct store_migration migrations[] = {
    {"nodes, accounts, orders, authorizations, certificates, events", first},
    {"lineages of certificates, authorizations without challenge", lineages},
    {"fewer indexes", fewer_indexes},
};

const struct store_migration *store_migrations(unsigned *out_n)
{
    *out_n = sizeof(migrations) / sizeof(migrations[0]);
    return migrations;
}

enum { PATH_BYTES = 640 }; /* the database's path is at most 489 */

struct number {
    char z[24];
};

static struct number number_of(int64_t v)
{
    struct number n;

    (void)snprintf(n.z, sizeof(n.z), "%lld", (long long)v);
    return n;
}

/* 0 for an empty database. */
static enum rc read_version(struct sql_db *db, const struct store_migrate *m, unsigned *out,
                            struct err *err)
{
    int64_t pages = 0, application = 0, version = 0;

    TRY(sql_err(db, sql_value(db, "SELECT COUNT(*) FROM sqlite_schema", &pages), err));
    TRY(sql_err(db, sql_value(db, "PRAGMA application_id", &application), err));
    if (pages == 0 && application == 0) {
        *out = 0;
        return RC_OK;
    }
    if (application != STORE_APPLICATION_ID)
        return ERR(err, RC_CORRUPT, msg_foreign, str_of(m->path), str_of(number_of(application).z));
    TRY(sql_err(db, sql_value(db, "SELECT IFNULL(MAX(number), 0) FROM migrations", &version), err));
    *out = (unsigned)version;
    return RC_OK;
}

/* "path.schema-N.20261120T182400Z.copy" */
static void copy_path(const struct store_migrate *m, unsigned version, struct buf *out)
{
    struct when_civil c = {};

    IGNORE_RC(when_to_civil(m->now, &c)); /* out of range: zeros in a file's name */
    buf_printf(out, "%s.schema-%u.%04d%02d%02dT%02d%02d%02dZ.copy", m->path, version, c.year,
               c.month, c.day, c.hour, c.minute, c.second);
}

static enum rc sync_path(const char *path, int flags)
{
    CLEANUP(fd_closep) int fd = open(path, flags | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0 ? RC_OK : RC_IO;
}

static enum rc sync_directory_of(const char *path)
{
    CLEANUP(mem_freep) char *dir = mem_strdup(path);
    char *slash;

    if (!dir)
        return RC_NOMEM;
    slash = strrchr(dir, '/');
    if (!slash)
        return sync_path(".", O_RDONLY | O_DIRECTORY);
    *slash = 0;
    return sync_path(*dir ? dir : "/", O_RDONLY | O_DIRECTORY);
}

static enum rc vacuum_into(struct sql_db *db, const char *path)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db->c, "VACUUM INTO ?", -1, &s, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_bind_text(s, 1, path, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    enum rc rc = sql_rc(db, code);
    sqlite3_finalize(s);
    return rc;
}

/* Under another name until it is whole and on disk. */
static enum rc copy_database(struct sql_db *db, const struct store_migrate *m, unsigned version,
                             struct err *err)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(PATH_BYTES);
    CLEANUP(buf_done) struct buf part = BUF_INIT(PATH_BYTES);
    const char *from, *to;
    enum rc rc;

    copy_path(m, version, &path);
    buf_puts(&part, buf_str(&path));
    buf_putz(&part, ".part");
    to = buf_z(&path);
    from = buf_z(&part);
    TRY(sql_err(NULL, buf_rc(&path), err));
    TRY(sql_err(NULL, buf_rc(&part), err));
    (void)unlink(from);
    rc = vacuum_into(db, from);
    if (rc != RC_OK)
        return ERR(err, rc, msg_copy, str_of(to), str_of(sqlite3_errmsg(db->c)));
    rc = sync_path(from, O_RDWR);
    if (rc == RC_OK && rename(from, to) != 0)
        rc = RC_IO;
    if (rc == RC_OK)
        rc = sync_directory_of(to);
    if (rc != RC_OK)
        return ERR(err, rc, msg_copy, str_of(to), str_of(strerror(errno)));
    return RC_OK;
}

static enum rc note_applied(struct sql_db *db, unsigned number, const char *name, when_t now)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(
        db->c, "INSERT INTO migrations (number, name, applied) VALUES (?, ?, ?)", -1, &s, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(s, 1, number);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(s, 2, name, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(s, 3, now);
    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    enum rc rc = sql_rc(db, code);
    sqlite3_finalize(s);
    return rc;
}

static enum rc apply_statements(struct sql_db *db, const struct store_migrate *m, unsigned number)
{
    const struct store_migration *step = &m->list[number - 1];

    if (number == 1)
        TRY(sql_exec(db, "PRAGMA application_id = 0x41544b59"));
    for (size_t i = 0; step->statements[i]; i++)
        TRY(sql_exec(db, step->statements[i]));
    return note_applied(db, number, step->name, m->now);
}

/* Another process may have done it since the version was read; then there is nothing to do. */
static enum rc apply_one(struct sql_db *db, const struct store_migrate *m, unsigned number,
                         struct err *err)
{
    unsigned version;
    enum rc rc;

    TRY(sql_err(db, sql_exec(db, "BEGIN IMMEDIATE"), err));
    rc = read_version(db, m, &version, err);
    if (rc == RC_OK && version < number) {
        rc = apply_statements(db, m, number);
        if (rc == RC_OK)
            rc = sql_exec(db, "COMMIT");
        if (rc != RC_OK)
            rc = ERR(err, rc, msg_step, str_of(m->path), str_of(number_of(number).z),
                     str_of(m->list[number - 1].name), str_of(sqlite3_errmsg(db->c)));
    }
    if (!sqlite3_get_autocommit(db->c))
        IGNORE_RC(sql_exec(db, "ROLLBACK"));
    return rc;
}

static enum rc refuse(const struct store_migrate *m, unsigned version, const struct msg *msg,
                      struct err *err)
{
    struct number has = number_of(version), knows = number_of(m->n);

    return ERR(err, RC_VERSION, *msg, str_of(m->path), str_of(has.z), str_of(knows.z));
}

enum rc store_migrate(struct sql_db *db, const struct store_migrate *m, unsigned *out_version,
                      struct err *err)
{
    unsigned version;

    TRY(read_version(db, m, &version, err));
    if (version > m->n)
        return refuse(m, version, &msg_newer, err);
    if (version < m->n && m->look)
        return refuse(m, version, &msg_older, err);
    if (version > 0 && version < m->n)
        TRY(copy_database(db, m, version, err));
    for (unsigned number = version + 1; number <= m->n; number++)
        TRY(apply_one(db, m, number, err));
    *out_version = m->n;
    return RC_OK;
}
