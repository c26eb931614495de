/* SPDX-License-Identifier: Apache-2.0 */
/* What is inside of a backup's envelope (seal.h), in this order:
 *
 *     0x01, about      u32 length, JSON: struct pack_about
 *     0x02, directory  path, owner, u32 mode              each text u16 length and bytes
 *     0x03, file       path, owner, u32 mode, u64 size, the bytes, their SHA-256
 *     0x04, end        u32 entries, SHA-256 of the SHA-256s of all files, one after the other
 *
 * Paths are relative to DATA and stand in strictly ascending order, a directory before what is in
 * it. An owner is empty (who owns DATA: root, or the one user that all of it belongs to) or the
 * name of a system user of ours (sandbox/users.h). Whoever has the passphrase may have made it:
 * nothing in it is believed that is not checked here. */
#pragma once

#include "backup/seal.h"
#include "base/id.h"
#include "base/when.h"
#include "store/types.h"

enum {
    PACK_VERSION = 1,
    PACK_PATH_MAX = 255,
    PACK_DEPTH_MAX = 6,
    PACK_OWNER_MAX = 32,
    PACK_ABOUT_MAX = 16 * 1024,
    PACK_ENTRIES_MAX = 100000,
    PACK_FILE_MAX = 4 << 20, /* but for the database */
    PACK_NOTE_MAX = 4096,
    PACK_TEXT_MAX = 256,
};
#define PACK_DATABASE "db/store.db"
#define PACK_DATABASE_MAX (UINT64_C(1) << 42)

/* Of what and of when it is. */
struct pack_about {
    struct id id; /* of this backup, as the records of the audit log name it */
    when_t created;
    struct str program; /* version */
    struct str host, organization, domain;
    struct str by; /* "uid 0" */
    struct str reason;
    struct id node;
    unsigned schema;
    uint64_t records; /* of the audit log */
    struct str note;  /* the head that was signed last, as it is in the backup; may be empty */
    when_t clock;     /* the mark that the clock has passed */
};
/* Appends its JSON. */
enum rc pack_about_put(const struct pack_about *about, struct buf *out);
/* Texts are copied into the arena. RC_PARSE; RC_VERSION for a later format. */
enum rc pack_about_read(struct str json, struct arena *a, struct pack_about *out, struct err *err);

struct pack_entry {
    bool dir;
    struct str path, owner;
    unsigned mode;
    uint64_t size; /* of a file */
};

/* A path that could not lead out of the directory it is in, of plain characters. */
bool pack_path_good(struct str path);
/* What no backup has, neither written nor read: what is of a server that runs, half-written, made
 * anew or a copy of what the database has; what root has said once; and a journal beside the
 * database, which SQLite would believe. */
bool pack_path_useless(struct str path);

/* ---- writing */

struct pack_out {
    struct seal_writer *seal;
    struct crypto_hasher *all, *one;
    uint32_t n;
    uint64_t left; /* of the file under way */
};
enum rc pack_begin(struct pack_out *p, struct seal_writer *seal, const struct pack_about *about,
                   struct err *err);
void pack_out_done(struct pack_out *p);
enum rc pack_entry(struct pack_out *p, const struct pack_entry *e, struct err *err);
/* Of the file under way, all `size` bytes of it in all. */
enum rc pack_bytes(struct pack_out *p, struct str bytes, struct err *err);
enum rc pack_end(struct pack_out *p, struct seal_sum *out, struct err *err);

/* ---- reading */

/* What is done with it; what one returns that is not RC_OK ends the reading. */
struct pack_visit {
    enum rc (*about)(void *arg, const struct pack_about *about, struct err *err);
    enum rc (*entry)(void *arg, const struct pack_entry *e, struct err *err);
    enum rc (*bytes)(void *arg, struct str bytes, struct err *err);
    /* The file's bytes were all there; its digest. May be NULL. */
    enum rc (*whole)(void *arg, const unsigned char sha256[static SEAL_SHA256], struct err *err);
    void *arg;
};
struct pack_sum {
    struct seal_sum file;
    uint32_t entries;
};
/* All of it to its end. RC_CORRUPT, RC_PARSE, RC_TOOBIG, RC_VERSION, or as a visitor says. */
enum rc pack_read(struct seal_reader *seal, struct arena *a, const struct pack_visit *visit,
                  struct pack_sum *out, struct err *err);
