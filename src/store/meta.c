/* SPDX-License-Identifier: Apache-2.0 */
#include "store/meta.h"

#include <stdio.h>
#include <string.h>

#include "store/store_int.h"

enum { KEY_MAX = 64 };
#define KEY_NODE "node"

static bool key_good(const char *key)
{
    size_t n = strlen(key);

    return n > 0 && n <= KEY_MAX &&
           strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == n;
}

enum rc store_meta_get(struct store_txn *txn, struct arena *a, const char *key, struct str *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row row = row_of(&st, a);
    struct str value;

    TRY(stmt_open(&st, txn, "SELECT value FROM meta WHERE key = ?"));
    stmt_z(&st, key);
    TRY(stmt_next(&st));
    value = row_str(&row);
    TRY(row.rc);
    *out = value;
    return RC_OK;
}

enum rc store_meta_set(struct store_txn *txn, const char *key, struct str value)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (!key_good(key) || !value.n)
        return RC_INVAL;
    TRY(stmt_open(&st, txn,
                  "INSERT INTO meta (key, value) VALUES (?, ?)"
                  " ON CONFLICT (key) DO UPDATE SET value = excluded.value"));
    stmt_z(&st, key);
    stmt_blob(&st, value, STORE_BLOB_MAX);
    return stmt_run(&st);
}

enum rc store_clock_high(struct store_txn *txn, when_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row row = row_of(&st, NULL);
    enum rc rc;

    TRY(stmt_open(&st, txn, "SELECT high FROM clock WHERE one = 1"));
    rc = stmt_next(&st);
    if (rc == RC_OK)
        *out = row_int(&row);
    else if (rc == RC_NOTFOUND)
        *out = 0;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_clock_raise(struct store_txn *txn, when_t at)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO clock (one, high) VALUES (1, ?)"
                  " ON CONFLICT (one) DO UPDATE SET high = excluded.high"
                  " WHERE excluded.high > high"));
    stmt_int(&st, at);
    return stmt_run(&st);
}

enum rc store_backup_last(struct store_txn *txn, when_t *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(256);
    struct str text;
    uint64_t at = 0;
    enum rc rc = store_meta_get(txn, &a, STORE_META_BACKUP, &text);

    if (rc == RC_OK && str_u64(text, WHEN_MAX, &at) != RC_OK)
        return RC_CORRUPT;
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    *out = (when_t)at;
    return RC_OK;
}

enum rc store_backup_made(struct store_txn *txn, when_t at)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)at);
    return store_meta_set(txn, STORE_META_BACKUP, str_of(text));
}

static enum rc node_id(struct store_txn *txn, struct id *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(256);
    struct str text;

    TRY(store_meta_get(txn, &a, KEY_NODE, &text));
    return id_parse(text, out) == RC_OK ? RC_OK : RC_CORRUPT;
}

enum rc store_node_read(struct store_txn *txn, struct store_node *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row row = row_of(&st, NULL);
    struct id id;

    TRY(node_id(txn, &id));
    TRY(stmt_open(&st, txn, "SELECT boot FROM nodes WHERE id = ?"));
    stmt_id(&st, &id);
    TRY(stmt_next(&st));
    *out = (struct store_node){.id = id, .boot = (uint64_t)row_int(&row)};
    return RC_OK;
}

enum rc store_node_start(struct store_txn *txn, when_t now, struct store_node *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct id id;
    enum rc rc = node_id(txn, &id);

    if (rc == RC_NOTFOUND) {
        TRY(id_new(&id));
        rc = store_meta_set(txn, KEY_NODE, id_str(&id));
    }
    TRY(rc);
    TRY(stmt_open(&st, txn,
                  "INSERT INTO nodes (id, boot, started) VALUES (?, 1, ?)"
                  " ON CONFLICT (id) DO UPDATE SET boot = boot + 1, started = excluded.started"));
    stmt_id(&st, &id);
    stmt_int(&st, now);
    TRY(stmt_run(&st));
    return store_node_read(txn, out);
}
