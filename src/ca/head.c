/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/head.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/id.h"
#include "ca/passphrase.h"
#include "crypto/pem.h"
#include "ipc/status_messages.h"

MSG(msg_file, "ca.audit-head-file", "{0}: {1}");
MSG(msg_kind, "ca.audit-key-type",
    "the key of the audit log (ca/audit) is not Ed25519, and nothing else signs its heads");
MSG(msg_pub, "ca.audit-pub",
    "trust/audit.pub in the data directory does not fit the key ca/audit: bring both back from one "
    "backup");
MSG(msg_corrupt, "ca.audit-head-corrupt",
    "ca/audit.head in the data directory holds no head that the key of the audit log has signed; "
    "bring it back from a backup, or begin a new log with `autarky audit restart`");
MSG(msg_conflict, "ca.audit-conflict",
    "the head signed last has {0} records, and core asks for one that continues {1}");
MSG(msg_denied, "ca.audit-denied",
    "what core calls the audit log, {0} records, is no continuation of the {1} that were signed: "
    "its past was changed; no head is signed");
MSG(msg_form, "ca.audit-form", "root or proof of a head are not made of whole hashes");
MSG(msg_none, "ca.no-audit-log", "there is no audit log with signed heads here (trust/audit.pub)");

MSG(msg_why, "ca.audit-restart-reason",
    "the reason has to be one line of at most {0} bytes, without control characters");

enum {
    PUB_MAX = 64 * 1024,
    SLOTS = 2,
    ID_SHOWN = 8, /* 40 random bits */
    RESTARTED_MAX = NOTE_NAME_MAX + CA_HEAD_WHO_MAX + CA_HEAD_WHY_MAX + 3,
};

static const char key_file[] = "ca/audit.key";

struct ca_head {
    struct crypto_key *key;
    struct buf origin;
    struct buf last; /* the note; its text is what `head` was read from */
    struct tree_head head;
    struct buf restarted; /* the file, if it is about this log */
    int fd;
    unsigned slot; /* that holds it; the other one is written next */
};

static bool is_there(int data, const char *path)
{
    return faccessat(data, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum rc make_key(struct ca_key_loader *l, struct err *err)
{
    const struct crypto_key_spec spec = {CRYPTO_KEY_ED25519, 0};
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

    if (!l->passphrase && !l->own)
        TRY(ca_passphrase_read(l->conf, l->data, &l->own, err));
    TRY(crypto_key_generate(spec, &key));
    TRY(crypto_pem_put(key, l->passphrase ? l->passphrase : l->own, &pem));
    return file_create(l->data, key_file, buf_str(&pem), 0600, FILE_OWNER_SELF, err);
}

static enum rc load_key(struct ca_head *h, struct ca_key_loader *l, struct err *err)
{
    CLEANUP(fd_closep) int dir = openat(l->data, "ca", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return ERR(err, RC_IO, msg_file, STR("ca"), str_of(strerror(errno)));
    if (!is_there(l->data, key_file) && !is_there(l->data, "ca/audit.uri"))
        TRY(make_key(l, err));
    TRY(ca_key_load(l, dir, STR("audit"), &h->key, err));
    return crypto_key_type(h->key) == CRYPTO_KEY_ED25519 ? RC_OK : ERR(err, RC_INVAL, msg_kind);
}

/* ---- trust/audit.pub */

static struct str last_line(struct str text)
{
    struct str line, last = {NULL, 0};

    while (str_next(&text, '\n', &line))
        if (str_trim(line).n)
            last = str_trim(line);
    return last;
}

/* With the new line behind what is there. */
static enum rc write_pub(int data, struct str before, struct str origin,
                         const struct crypto_key *key, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(PUB_MAX);

    buf_puts(&text, before);
    TRY(note_key_put(origin, NOTE_ED25519, key, &text));
    buf_u8(&text, '\n');
    TRY(buf_rc(&text));
    return file_write(data, CA_HEAD_KEYS, buf_str(&text), 0644, FILE_OWNER_SELF, err);
}

static enum rc load_origin(struct ca_head *h, int data, const struct conf *conf, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(PUB_MAX);
    CLEANUP(note_key_done) struct note_key k = {};
    enum rc rc = file_read(data, CA_HEAD_KEYS, &text, err);

    if (rc == RC_NOTFOUND) {
        if (err)
            *err = ERR_INIT;
        buf_printf(&h->origin, "%.*s/audit/1", STR_ARG(conf->domain));
        TRY(buf_rc(&h->origin));
        return write_pub(data, (struct str){NULL, 0}, buf_str(&h->origin), h->key, err);
    }
    TRY(rc);
    if (note_key_parse(last_line(buf_str(&text)), &k, NULL) != RC_OK ||
        !crypto_key_same(k.key, h->key))
        return ERR(err, RC_CORRUPT, msg_pub);
    buf_puts(&h->origin, k.name);
    return buf_rc(&h->origin);
}

/* ---- ca/audit.head */

static struct str slot_text(const char *slot)
{
    return str_bytes(slot, strnlen(slot, CA_HEAD_SLOT));
}

/* Of this log, by this key. */
static bool slot_good(const struct ca_head *h, const struct note_key *key, struct str text,
                      struct note *out)
{
    return text.n && note_parse(text, out, NULL) == RC_OK &&
           str_eq(out->origin, buf_str(&h->origin)) && note_verify(out, key) == RC_OK;
}

static enum rc take_slots(struct ca_head *h, const char *slots, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(NOTE_KEY_MAX);
    CLEANUP(note_key_done) struct note_key key = {};
    bool any = false, good = false;

    TRY(note_key_put(buf_str(&h->origin), NOTE_ED25519, h->key, &text));
    TRY(note_key_parse(buf_str(&text), &key, err));
    for (unsigned i = 0; i < SLOTS; i++) {
        struct str slot = slot_text(slots + (size_t)i * CA_HEAD_SLOT);
        struct note note;

        any = any || slot.n;
        if (!slot_good(h, &key, slot, &note) || (good && note.head.size <= h->head.size))
            continue;
        good = true;
        h->slot = i;
        h->head = note.head;
        buf_reset(&h->last);
        buf_puts(&h->last, slot);
    }
    TRY(buf_rc(&h->last));
    return any && !good ? ERR(err, RC_CORRUPT, msg_corrupt) : RC_OK;
}

static enum rc open_slots(struct ca_head *h, int data, struct err *err)
{
    CLEANUP(mem_freep) char *slots = mem_calloc(SLOTS, CA_HEAD_SLOT);
    struct str name = STR(CA_HEAD_FILE);
    ssize_t n;

    if (!slots)
        return RC_NOMEM;
    /* Each write waits for the disk: the confined process has no fsync. */
    h->fd = openat(data, CA_HEAD_FILE, O_RDWR | O_CREAT | O_DSYNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (h->fd < 0)
        return ERR(err, RC_IO, msg_file, name, str_of(strerror(errno)));
    n = pread(h->fd, slots, (size_t)SLOTS * CA_HEAD_SLOT, 0);
    if (n < 0)
        return ERR(err, RC_IO, msg_file, name, str_of(strerror(errno)));
    if (n == 0) {
        if (pwrite(h->fd, slots, (size_t)SLOTS * CA_HEAD_SLOT, 0) != SLOTS * CA_HEAD_SLOT)
            return ERR(err, RC_IO, msg_file, name, str_of(strerror(errno)));
        return file_sync_dir(data, "ca", err);
    }
    return take_slots(h, slots, err);
}

/* ---- ca/audit.restarted */

static void cut_restarted(struct str text, struct str *origin, struct ca_head_restart *out)
{
    struct str rest;

    str_cut(text, '\n', origin, &rest);
    str_cut(rest, '\n', &out->by, &rest);
    str_cut(rest, '\n', &out->why, &rest);
}

/* What is said in the log, and nothing depends on it: one that is not there, or is about another
 * log, says nothing. */
static enum rc load_restarted(struct ca_head *h, int data)
{
    struct str origin;
    struct ca_head_restart said;
    enum rc rc = file_read(data, CA_HEAD_RESTARTED, &h->restarted, NULL);

    if (rc == RC_NOMEM)
        return rc;
    cut_restarted(buf_str(&h->restarted), &origin, &said);
    if (rc != RC_OK || !str_eq(origin, buf_str(&h->origin)) || said.by.n > CA_HEAD_WHO_MAX ||
        said.why.n > CA_HEAD_WHY_MAX)
        buf_reset(&h->restarted);
    return RC_OK;
}

struct ca_head_restart ca_head_restarted(const struct ca_head *h)
{
    struct ca_head_restart said;
    struct str origin;

    cut_restarted(buf_str(&h->restarted), &origin, &said);
    return said;
}

static bool one_line(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return str_utf8(s);
}

/* First of all, so that no log is begun without it. */
static enum rc write_restarted(int data, const struct ca_head_restart *r, struct str origin,
                               struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(RESTARTED_MAX);

    if (r->why.n > CA_HEAD_WHY_MAX || !one_line(r->why) || !one_line(r->by))
        return ERR(err, RC_INVAL, msg_why, STR("1024"));
    buf_printf(&text, "%.*s\n%.*s\n%.*s\n", STR_ARG(origin), STR_ARG(r->by), STR_ARG(r->why));
    TRY(buf_rc(&text));
    return file_write(data, CA_HEAD_RESTARTED, buf_str(&text), 0600, FILE_OWNER_SELF, err);
}

enum rc ca_head_open(struct ca_key_loader *loader, struct ca_head **out, struct err *err)
{
    CLEANUP(ca_head_freep) struct ca_head *h = MEM_NEW(struct ca_head);

    if (!h)
        return RC_NOMEM;
    h->fd = -1;
    buf_init(&h->origin, NOTE_NAME_MAX);
    buf_init(&h->last, NOTE_MAX);
    buf_init(&h->restarted, RESTARTED_MAX);
    TRY(load_key(h, loader, err));
    TRY(load_origin(h, loader->data, loader->conf, err));
    TRY(load_restarted(h, loader->data));
    TRY(open_slots(h, loader->data, err));
    *out = MOVE(h);
    return RC_OK;
}

void ca_head_free(struct ca_head *h)
{
    if (!h)
        return;
    crypto_key_unref(h->key);
    buf_done(&h->origin);
    buf_done(&h->last);
    buf_done(&h->restarted);
    if (h->fd >= 0)
        close(h->fd);
    mem_free(h);
}

struct str ca_head_origin(const struct ca_head *h)
{
    return buf_str(&h->origin);
}

struct str ca_head_last(const struct ca_head *h)
{
    return buf_str(&h->last);
}

/* ---- signing */

struct number {
    char z[24];
};

static struct number number_of(uint64_t v)
{
    struct number n;

    snprintf(n.z, sizeof(n.z), "%llu", (unsigned long long)v);
    return n;
}

static enum rc check(const struct ca_head *h, const struct ipc_sign_head *ask, struct tree_head *to,
                     struct err *err)
{
    struct tree_hash proof[TREE_PROOF_MAX];
    struct number last = number_of(h->head.size), wants = number_of(ask->size);

    if (ask->root.n != TREE_HASH || ask->proof.n % TREE_HASH != 0 || ask->proof.n > sizeof(proof) ||
        ask->size > TREE_SIZE_MAX)
        return ERR(err, RC_INVAL, msg_form);
    if (ask->from != h->head.size)
        return ERR(err, RC_CONFLICT, msg_conflict, str_of(last.z), str_of(number_of(ask->from).z));
    if (ask->proof.n)
        memcpy(proof, ask->proof.p, ask->proof.n);
    to->size = ask->size;
    memcpy(to->root.b, ask->root.p, TREE_HASH);
    if (tree_check(&h->head, to, proof, ask->proof.n / TREE_HASH) != RC_OK)
        return ERR(err, RC_DENIED, msg_denied, str_of(wants.z), str_of(last.z));
    return RC_OK;
}

/* The whole slot: what an earlier, longer note left behind would be part of this one. */
static enum rc write_slot(const struct ca_head *h, unsigned slot, struct str note, struct err *err)
{
    char bytes[CA_HEAD_SLOT] = {0};

    if (note.n == 0 || note.n >= sizeof(bytes))
        return RC_TOOBIG;
    memcpy(bytes, note.p, note.n);
    if (pwrite(h->fd, bytes, sizeof(bytes), (off_t)slot * CA_HEAD_SLOT) != (ssize_t)sizeof(bytes))
        return ERR(err, RC_IO, msg_file, STR(CA_HEAD_FILE), str_of(strerror(errno)));
    return RC_OK;
}

enum rc ca_head_sign(struct ca_head *h, const struct ipc_sign_head *ask, when_t now,
                     struct err *err)
{
    CLEANUP(buf_done) struct buf note = BUF_INIT(NOTE_MAX);
    struct tree_head to;
    unsigned slot = h->last.n ? (h->slot + 1) % SLOTS : 0;

    if (ask->size == 0)
        return RC_OK;
    TRY(check(h, ask, &to, err));
    if (h->last.n && to.size == h->head.size)
        return RC_OK; /* it is what was signed last */
    TRY(note_sign(buf_str(&h->origin), &to, now, h->key, &note));
    TRY(write_slot(h, slot, buf_str(&note), err));
    buf_done(&h->last);
    buf_init(&h->last, NOTE_MAX);
    h->last = note; /* moved: nothing can fail behind the write */
    buf_init(&note, NOTE_MAX);
    h->slot = slot;
    h->head = to;
    return RC_OK;
}

/* ---- a new log */

/* "name/7" and "name/7-4j3b7whg" are followed by "name/8", or apart by "name/8-k2x8qm1t". */
static enum rc next_origin(struct str origin, bool apart, struct buf *out, uint64_t *number)
{
    struct str digits, ignored;
    size_t slash = origin.n;
    struct id id;

    while (slash > 0 && origin.p[slash - 1] != '/')
        slash--;
    str_cut(str_skip(origin, slash), '-', &digits, &ignored);
    if (slash == 0 || str_u64(digits, UINT32_MAX, number) != RC_OK)
        return RC_CORRUPT;
    buf_puts(out, str_head(origin, slash));
    buf_printf(out, "%llu", (unsigned long long)*number + 1);
    if (apart) {
        TRY(id_new(&id));
        buf_printf(out, "-%.*s", ID_SHOWN, id.z);
    }
    return buf_rc(out);
}

enum rc ca_head_newest(struct str slots, struct buf *out)
{
    struct str found = {NULL, 0};
    uint64_t size = 0;

    for (size_t at = 0; at + CA_HEAD_SLOT <= slots.n; at += CA_HEAD_SLOT) {
        struct str text = slot_text(slots.p + at);
        struct note note;

        if (note_parse(text, &note, NULL) != RC_OK || note.head.size < size)
            continue;
        size = note.head.size;
        found = text;
    }
    buf_puts(out, found);
    return found.n ? buf_rc(out) : RC_NOTFOUND;
}

/* For a person to keep. */
static void read_last(int data, struct buf *last)
{
    CLEANUP(buf_done) struct buf slots = BUF_INIT(SLOTS * CA_HEAD_SLOT);

    if (file_read(data, CA_HEAD_FILE, &slots, NULL) == RC_OK)
        IGNORE_RC(ca_head_newest(buf_str(&slots), last)); /* then none was signed */
}

enum rc ca_head_begin_anew(int data, const struct ca_head_restart *restart, struct buf *last,
                           struct buf *origin, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(PUB_MAX);
    CLEANUP(note_key_done) struct note_key k = {};
    char kept[64];
    uint64_t number;
    enum rc rc = file_read(data, CA_HEAD_KEYS, &text, err);

    if (rc == RC_NOTFOUND)
        return ERR(err, rc, msg_none);
    TRY(rc);
    if (note_key_parse(last_line(buf_str(&text)), &k, NULL) != RC_OK ||
        next_origin(k.name, restart->apart, origin, &number) != RC_OK)
        return ERR(err, RC_CORRUPT, msg_pub);
    TRY(write_restarted(data, restart, buf_str(origin), err));
    read_last(data, last);
    TRY(write_pub(data, buf_str(&text), buf_str(origin), k.key, err));
    snprintf(kept, sizeof(kept), CA_HEAD_FILE ".%llu", (unsigned long long)number);
    if (renameat(data, CA_HEAD_FILE, data, kept) != 0 && errno != ENOENT)
        return ERR(err, RC_IO, msg_file, STR(CA_HEAD_FILE), str_of(strerror(errno)));
    return file_sync_dir(data, "ca", err);
}
