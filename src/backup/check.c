/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>

#include "audit/log.h"
#include "backup/unpack.h"
#include "ca/head.h"
#include "ca/passphrase.h"
#include "crypto/pem.h"
#include "store/events.h"
#include "store/issuers.h"
#include "store/store.h"
#include "x509/cert.h"

MSG(msg_no_database, "backup.no-database",
    "the backup has no database: it is none of an authority");
MSG(msg_schema, "backup.schema",
    "the database in the backup has schema {0}, and this program knows {1} at most: use the "
    "Autarky that made the backup, {2}, or a newer one");
MSG(msg_said, "backup.said",
    "the backup says that its audit log has {0} records, and the database in it has {1}");
MSG(msg_head, "backup.head",
    "the records of the audit log in the backup are not those of the head that was signed for "
    "them ({0}): they were altered before the backup was made, or it was put together from two");
MSG(msg_note, "backup.head-other",
    "the head that the backup says was signed last is not the one of " CA_HEAD_FILE " in it: it "
    "was altered after it was made");
MSG(msg_no_key, "backup.no-key",
    "the register has the authority {0} with a key on this host, and the backup has neither {1} "
    "nor a token's address in its place");
MSG(msg_key, "backup.key", "{0} in the backup is not the key of the certificate of {1}");
MSG(msg_clear, "backup.key-clear",
    "{0} in the backup is not an encrypted key, as those of Autarky are: {1}");

enum { ISSUERS_ARENA = 32 << 20, PATH_BYTES = 256, CERT_ARENA = 1 << 20 };

static struct str content_of(const struct backup_found *f, const char *path)
{
    for (size_t i = 0; i < f->n_kept; i++)
        if (str_eq(f->kept[i].path, str_of(path)))
            return f->kept[i].content;
    return (struct str){NULL, 0};
}

static struct str number(uint64_t v, char out[static 24])
{
    snprintf(out, 24, "%llu", (unsigned long long)v);
    return str_of(out);
}

/* ---- keys */

/* As the commands read it: the first line. */
static enum rc secret_of(struct str content, struct secret **out)
{
    struct str line, rest;

    *out = NULL;
    str_cut(content, '\n', &line, &rest);
    if (line.n == 0 || line.n > CA_PASSPHRASE_MAX)
        return RC_OK;
    TRY(secret_new(line.n, out));
    memcpy(secret_bytes(*out), line.p, line.n);
    return RC_OK;
}

static enum rc fits(const struct store_issuer *row, const struct crypto_key *key, const char *path,
                    struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(CERT_ARENA);
    struct x509_cert cert;

    TRY(x509_cert_parse(&a, row->certificate, &cert, err));
    return str_eq(cert.spki, crypto_key_spki(key))
               ? RC_OK
               : ERR(err, RC_CORRUPT, msg_key, str_of(path), row->name);
}

/* A passphrase of somebody else is no fault of the backup's: the key is there, and closed. */
static enum rc check_key(struct backup_found *f, const struct store_issuer *row, const char *path,
                         struct err *err)
{
    bool root = row->parent.z[0] == 0;
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct str pem = content_of(f, path);
    enum rc rc;

    TRY(secret_of(content_of(f, root ? "root/passphrase" : "ca.passphrase"), &passphrase));
    if (!crypto_pem_encrypted(pem))
        return ERR(err, RC_CORRUPT, msg_clear, str_of(path), STR("it could be read by anybody"));
    rc = passphrase ? crypto_pem_read(pem, passphrase, &key, err) : RC_DENIED;
    if (rc == RC_DENIED) {
        f->keys_closed++;
        return RC_OK;
    }
    TRY(rc);
    f->keys_opened++;
    return fits(row, key, path, err);
}

static enum rc check_authority(struct backup_found *f, const struct store_issuer *row,
                               struct err *err)
{
    const char *dir = row->parent.z[0] ? "ca" : "root";
    char key[PATH_BYTES], uri[PATH_BYTES];

    f->authorities++;
    if (row->key_ref.n == 0 && row->parent.z[0] == 0) {
        snprintf(key, sizeof(key), "root/%.*s.key", STR_ARG(row->name));
        if (!content_of(f, key).n) {
            f->keys_elsewhere++;
            return RC_OK;
        }
    }
    snprintf(key, sizeof(key), "%s/%.*s.key", dir, STR_ARG(row->name));
    snprintf(uri, sizeof(uri), "%s/%.*s.uri", dir, STR_ARG(row->name));
    if (content_of(f, key).n)
        return check_key(f, row, key, err);
    if (content_of(f, uri).n) {
        f->keys_in_token++;
        return RC_OK;
    }
    if (row->key_ref.n == 0 || row->state == STORE_ISSUER_RETIRED) {
        f->keys_elsewhere++;
        return RC_OK;
    }
    return ERR(err, RC_CORRUPT, msg_no_key, row->name, str_of(key));
}

static enum rc check_authorities(struct backup_found *f, struct store *store, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ISSUERS_ARENA);
    struct store_issuer *rows;
    size_t n;

    TRY(store_issuer_list(store_read(store), &a, 0, &rows, &n));
    for (size_t i = 0; i < n; i++)
        TRY(check_authority(f, &rows[i], err));
    return RC_OK;
}

/* ---- the audit log */

/* By one of the keys that the backup has: whoever knows them from elsewhere has `audit verify`. */
static bool is_signed(const struct backup_found *f, const struct note *note)
{
    struct str rest = content_of(f, "trust/audit.pub"), line;
    bool good = false;

    while (!good && str_next(&rest, '\n', &line)) {
        CLEANUP(note_key_done) struct note_key key = {};

        good = str_trim(line).n && note_key_parse(str_trim(line), &key, NULL) == RC_OK &&
               str_eq(key.name, note->origin) && note_verify(note, &key) == RC_OK;
    }
    return good;
}

/* What the backup says was signed last is what stands in it: otherwise somebody has left it out. */
static enum rc check_note(const struct backup_found *f, struct err *err)
{
    CLEANUP(buf_done) struct buf newest = BUF_INIT(NOTE_MAX);
    enum rc rc = ca_head_newest(content_of(f, CA_HEAD_FILE), &newest);

    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    return str_eq(buf_str(&newest), f->about.note) ? RC_OK : ERR(err, RC_CORRUPT, msg_note);
}

static enum rc check_audit(struct backup_found *f, struct store *store, struct err *err)
{
    struct store_txn *txn = store_read(store);
    struct note note;
    uint64_t records;
    char says[24], has[24];
    enum rc rc;

    TRY(store_event_last(txn, &records));
    if (records != f->about.records)
        return ERR(err, RC_CORRUPT, msg_said, number(f->about.records, says), number(records, has));
    TRY(check_note(f, err));
    if (f->about.note.n == 0)
        return RC_OK; /* none was signed yet */
    TRY(note_parse(f->about.note, &note, err));
    if (!is_signed(f, &note))
        return ERR(err, RC_CORRUPT, msg_head, STR("its signature is no good"));
    rc = audit_log_holds(txn, &note.head);
    if (rc == RC_DENIED || rc == RC_NOTFOUND || rc == RC_CORRUPT)
        return ERR(err, RC_CORRUPT, msg_head, STR("the root of their tree is another one"));
    TRY(rc);
    f->covered = note.head.size;
    f->covered_at = note.at;
    return RC_OK;
}

/* ---- all of it */

enum rc backup_check(const struct backup_unpack *in, struct backup_found *f, when_t now,
                     struct err *err)
{
    CLEANUP(store_closep) struct store *store = NULL;
    struct store_options options = {.now = now, .sync = STORE_SYNC_OFF};
    char dir[PATH_MAX], is[24], knows[24];
    unsigned program = store_schema_program();

    if (f->database == 0)
        return ERR(err, RC_CORRUPT, msg_no_database);
    if (f->about.schema > program)
        return ERR(err, RC_VERSION, msg_schema, number(f->about.schema, is), number(program, knows),
                   f->about.program);
    if (snprintf(dir, sizeof(dir), "%s/db", in->dir_name) >= (int)sizeof(dir))
        return RC_TOOBIG;
    options.dir = dir;
    options.look = f->about.schema == program;
    TRY(store_open(&options, &store, err));
    TRY(store_check(store, err));
    TRY(check_audit(f, store, err));
    return check_authorities(f, store, err);
}
