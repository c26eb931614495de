/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/pack.h"

#include <stdio.h>

#include "base/file.h"
#include "base/rd.h"
#include "conf/policy.h"
#include "crypto/hash.h"
#include "json/json.h"
#include "json/out.h"
#include "sandbox/users.h"

MSG(msg_about, "backup.about", "what the backup says of itself cannot be read: {0}");
MSG(msg_version, "backup.version",
    "the backup is of version {0}, and this program knows up to {1}: use the Autarky that made it, "
    "or a newer one");
MSG(msg_form, "backup.form", "the backup's content makes no sense behind \"{0}\": {1}");
MSG(msg_digest, "backup.digest",
    "the file {0} in the backup does not have the digest that it was given when it was made");
MSG(msg_changed, "backup.changed", "{0} became shorter or longer while it was read");

enum {
    ABOUT = 1,
    DIRECTORY = 2,
    PLAIN_FILE = 3,
    END = 4,
    HEAD_MAX = 4 + PACK_PATH_MAX + PACK_OWNER_MAX
};
enum { COPY = 64 * 1024, MODE_MAX = 0755 };

/* ---- about */

enum rc pack_about_put(const struct pack_about *about, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_u64(&o, "v", PACK_VERSION);
    json_kv_str(&o, "id", id_str(&about->id));
    json_kv_i64(&o, "created", about->created);
    json_kv_str(&o, "program", about->program);
    json_kv_str(&o, "host", about->host);
    json_kv_str(&o, "organization", about->organization);
    json_kv_str(&o, "domain", about->domain);
    json_kv_str(&o, "by", about->by);
    json_kv_str(&o, "reason", about->reason);
    json_kv_str(&o, "node", id_str(&about->node));
    json_kv_u64(&o, "schema", about->schema);
    json_kv_u64(&o, "records", about->records);
    json_kv_str(&o, "note", about->note);
    json_kv_i64(&o, "clock", about->clock);
    json_end(&o);
    return json_out_done(&o);
}

static enum rc read_texts(const struct json *root, struct arena *a, struct pack_about *out,
                          struct err *err)
{
    const struct {
        const char *name;
        size_t max;
        struct str *to;
    } texts[] = {
        {"program", PACK_TEXT_MAX, &out->program},
        {"host", PACK_TEXT_MAX, &out->host},
        {"organization", PACK_TEXT_MAX, &out->organization},
        {"domain", PACK_TEXT_MAX, &out->domain},
        {"by", PACK_TEXT_MAX, &out->by},
        {"reason", STORE_TEXT_MAX, &out->reason},
        {"note", PACK_NOTE_MAX, &out->note},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct str text;

        TRY(json_want_str(root, texts[i].name, &text, err));
        if (text.n > texts[i].max || !str_utf8(text))
            return ERR(err, RC_PARSE, msg_about, str_of(texts[i].name));
        TRY(arena_str(a, text, texts[i].to));
    }
    return RC_OK;
}

static enum rc read_numbers(const struct json *root, struct pack_about *out)
{
    struct str node, id;
    uint64_t schema;

    TRY(json_i64(json_get(root, "created"), &out->created));
    TRY(json_i64(json_get(root, "clock"), &out->clock));
    TRY(json_u64(json_get(root, "records"), &out->records));
    TRY(json_u64(json_get(root, "schema"), &schema));
    TRY(json_str(json_get(root, "node"), &node));
    TRY(json_str(json_get(root, "id"), &id));
    TRY(id_parse(id, &out->id));
    if (schema == 0 || schema > UINT16_MAX || out->created < 0 || out->created > WHEN_MAX ||
        out->clock < 0 || out->clock > WHEN_MAX)
        return RC_PARSE;
    out->schema = (unsigned)schema;
    return id_parse(node, &out->node);
}

enum rc pack_about_read(struct str json, struct arena *a, struct pack_about *out, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *root;
    struct pack_about about = {};
    char is[24], knows[24];
    uint64_t v = 0;
    enum rc rc = json_parse(json, PACK_ABOUT_MAX, &doc, err);

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK || json_u64(json_get(json_root(doc), "v"), &v) != RC_OK || v == 0)
        return ERR(err, RC_PARSE, msg_about, STR("no version"));
    root = json_root(doc);
    if (v > PACK_VERSION) {
        snprintf(is, sizeof(is), "%llu", (unsigned long long)v);
        snprintf(knows, sizeof(knows), "%d", PACK_VERSION);
        return ERR(err, RC_VERSION, msg_version, str_of(is), str_of(knows));
    }
    rc = read_texts(root, a, &about, err);
    if (rc != RC_OK)
        return rc == RC_NOMEM ? rc : RC_PARSE;
    if (read_numbers(root, &about) != RC_OK)
        return ERR(err, RC_PARSE, msg_about, STR("a number"));
    *out = about;
    return RC_OK;
}

/* ---- paths */

static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           str_find(STR("-_.+@,:=~*"), c) < 10;
}

bool pack_path_good(struct str path)
{
    struct str rest = path, part;
    unsigned depth = 0;

    if (path.n == 0 || path.n > PACK_PATH_MAX || path.p[path.n - 1] == '/')
        return false;
    while (str_next(&rest, '/', &part)) {
        if (part.n == 0 || ++depth > PACK_DEPTH_MAX || str_eq(part, STR(".")) ||
            str_eq(part, STR("..")))
            return false;
        for (size_t i = 0; i < part.n; i++)
            if (!plain(part.p[i]))
                return false;
    }
    return true;
}

/* A "*" at the end stands for anything. */
static const char *const useless[] = {
    "listeners.json", "serve.lock", "init.unfinished", "control.sock",  "acme.sock",
    "forward",        "access",     "db/store.db-*",   "db/store.db.*", CONF_POLICY_OVERRIDE,
    "lost+found",
};

static bool matches(struct str path, const char *pattern)
{
    struct str p = str_of(pattern);

    if (p.n && p.p[p.n - 1] == '*')
        return str_starts(path, str_head(p, p.n - 1));
    return str_eq(path, p);
}

bool pack_path_useless(struct str path)
{
    size_t slash = path.n;
    struct str name;

    while (slash > 0 && path.p[slash - 1] != '/')
        slash--;
    name = str_skip(path, slash);
    for (size_t i = 0; i < sizeof(useless) / sizeof(useless[0]); i++)
        if (matches(path, useless[i]))
            return true;
    return str_starts(name, STR(FILE_TEMP_PREFIX)) || str_ends(name, STR(".part"));
}

static bool owner_good(struct str owner)
{
    for (size_t i = 0; i < SANDBOX_USERS; i++)
        if (str_eq(owner, str_of(sandbox_users[i])))
            return true;
    return owner.n == 0;
}

/* ---- writing */

enum rc pack_begin(struct pack_out *p, struct seal_writer *seal, const struct pack_about *about,
                   struct err *err)
{
    CLEANUP(buf_done) struct buf json = BUF_INIT(PACK_ABOUT_MAX);
    CLEANUP(buf_done) struct buf head = BUF_INIT(8);

    *p = (struct pack_out){.seal = seal};
    TRY(crypto_hasher_new(CRYPTO_SHA256, &p->all));
    TRY(crypto_hasher_new(CRYPTO_SHA256, &p->one));
    TRY(pack_about_put(about, &json));
    buf_u8(&head, ABOUT);
    buf_u32(&head, (uint32_t)buf_str(&json).n);
    TRY(buf_rc(&head));
    TRY(seal_put(seal, buf_str(&head), err));
    return seal_put(seal, buf_str(&json), err);
}

void pack_out_done(struct pack_out *p)
{
    crypto_hasher_free(p->all);
    crypto_hasher_free(p->one);
    *p = (struct pack_out){};
}

/* The digest of the file that is over, when its last byte is there. */
static enum rc close_file(struct pack_out *p, struct err *err)
{
    unsigned char hash[CRYPTO_HASH_MAX];

    TRY(crypto_hasher_end(p->one, hash));
    TRY(crypto_hasher_add(p->all, str_bytes(hash, SEAL_SHA256)));
    return seal_put(p->seal, str_bytes(hash, SEAL_SHA256), err);
}

enum rc pack_entry(struct pack_out *p, const struct pack_entry *e, struct err *err)
{
    CLEANUP(buf_done) struct buf head = BUF_INIT(HEAD_MAX + 16);

    if (p->left || p->n == PACK_ENTRIES_MAX)
        return p->left ? ERR(err, RC_AGAIN, msg_changed, e->path) : RC_TOOBIG;
    buf_u8(&head, e->dir ? DIRECTORY : PLAIN_FILE);
    buf_u16(&head, (uint16_t)e->path.n);
    buf_puts(&head, e->path);
    buf_u16(&head, (uint16_t)e->owner.n);
    buf_puts(&head, e->owner);
    buf_u32(&head, e->mode);
    if (!e->dir)
        buf_u64(&head, e->size);
    TRY(buf_rc(&head));
    p->n++;
    p->left = e->dir ? 0 : e->size;
    TRY(seal_put(p->seal, buf_str(&head), err));
    return e->dir || e->size ? RC_OK : close_file(p, err);
}

enum rc pack_bytes(struct pack_out *p, struct str bytes, struct err *err)
{
    if (bytes.n > p->left)
        return ERR(err, RC_AGAIN, msg_changed, STR("a file"));
    if (bytes.n == 0)
        return RC_OK;
    TRY(crypto_hasher_add(p->one, bytes));
    TRY(seal_put(p->seal, bytes, err));
    p->left -= bytes.n;
    return p->left ? RC_OK : close_file(p, err);
}

enum rc pack_end(struct pack_out *p, struct seal_sum *out, struct err *err)
{
    CLEANUP(buf_done) struct buf tail = BUF_INIT(5 + SEAL_SHA256);
    unsigned char hash[CRYPTO_HASH_MAX];

    if (p->left)
        return ERR(err, RC_AGAIN, msg_changed, STR("a file"));
    TRY(crypto_hasher_end(p->all, hash));
    buf_u8(&tail, END);
    buf_u32(&tail, p->n);
    buf_put(&tail, hash, SEAL_SHA256);
    TRY(buf_rc(&tail));
    TRY(seal_put(p->seal, buf_str(&tail), err));
    return seal_end(p->seal, out, err);
}

/* ---- reading */

struct reading {
    struct seal_reader *seal;
    const struct pack_visit *visit;
    struct crypto_hasher *all, *one;
    struct buf bytes; /* scratch: one piece of a file */
    uint32_t n;
    char path[PACK_PATH_MAX + 1], owner[PACK_OWNER_MAX + 1], last[PACK_PATH_MAX + 1];
};

static void reading_done(struct reading *r)
{
    crypto_hasher_free(r->all);
    crypto_hasher_free(r->one);
    buf_wipe(&r->bytes);
}

static enum rc senseless(const struct reading *r, struct str why, struct err *err)
{
    return ERR(err, RC_PARSE, msg_form, str_of(r->last), why);
}

/* A number of `n` bytes. */
static enum rc get_number(struct reading *r, size_t n, uint64_t *out, struct err *err)
{
    unsigned char raw[8];

    TRY(seal_get(r->seal, (char *)raw, n, err));
    *out = 0;
    for (size_t i = 0; i < n; i++)
        *out = *out << 8 | raw[i];
    return RC_OK;
}

static enum rc get_text(struct reading *r, char *to, size_t max, struct str *out, struct err *err)
{
    uint64_t n;

    TRY(get_number(r, 2, &n, err));
    if (n > max)
        return senseless(r, STR("a text is too long"), err);
    TRY(seal_get(r->seal, to, n, err));
    to[n] = 0;
    *out = str_bytes(to, n);
    return RC_OK;
}

static enum rc read_about(struct reading *r, struct arena *a, struct err *err)
{
    CLEANUP(buf_done) struct buf json = BUF_INIT(PACK_ABOUT_MAX);
    struct pack_about about;
    uint64_t type, n;
    char *p;

    TRY(get_number(r, 1, &type, err));
    TRY(get_number(r, 4, &n, err));
    if (type != ABOUT || n == 0 || n > PACK_ABOUT_MAX)
        return senseless(r, STR("it does not begin with what it is of"), err);
    p = buf_reserve(&json, n);
    if (!p)
        return buf_rc(&json);
    TRY(seal_get(r->seal, p, n, err));
    buf_advance(&json, n);
    TRY(pack_about_read(buf_str(&json), a, &about, err));
    return r->visit->about(r->visit->arg, &about, err);
}

static enum rc read_entry(struct reading *r, bool dir, struct pack_entry *e, struct err *err)
{
    uint64_t mode;

    *e = (struct pack_entry){.dir = dir};
    TRY(get_text(r, r->path, PACK_PATH_MAX, &e->path, err));
    TRY(get_text(r, r->owner, PACK_OWNER_MAX, &e->owner, err));
    TRY(get_number(r, 4, &mode, err));
    if (!dir)
        TRY(get_number(r, 8, &e->size, err));
    e->mode = (unsigned)mode;
    if (!pack_path_good(e->path))
        return senseless(r, STR("a path is not plain"), err);
    if (pack_path_useless(e->path))
        return senseless(r, STR("no backup has a file of that name"), err);
    if (r->n && str_cmp(str_of(r->last), e->path) >= 0)
        return senseless(r, STR("paths are not in order"), err);
    if (!owner_good(e->owner))
        return senseless(r, STR("an owner is none of Autarky's users"), err);
    if (mode > MODE_MAX || mode & 0022)
        return senseless(r, STR("others could write what belongs to one"), err);
    if (e->size > (str_eq(e->path, STR(PACK_DATABASE)) ? PACK_DATABASE_MAX : PACK_FILE_MAX))
        return senseless(r, STR("a file is too large"), err);
    if (++r->n > PACK_ENTRIES_MAX)
        return senseless(r, STR("there are too many files"), err);
    memcpy(r->last, r->path, e->path.n + 1);
    return RC_OK;
}

static enum rc read_bytes(struct reading *r, uint64_t left, struct err *err)
{
    unsigned char hash[CRYPTO_HASH_MAX], said[SEAL_SHA256];

    while (left) {
        size_t n = left < COPY ? (size_t)left : COPY;
        char *p;

        buf_reset(&r->bytes);
        p = buf_reserve(&r->bytes, n);
        if (!p)
            return buf_rc(&r->bytes);
        TRY(seal_get(r->seal, p, n, err));
        buf_advance(&r->bytes, n);
        TRY(crypto_hasher_add(r->one, buf_str(&r->bytes)));
        TRY(r->visit->bytes(r->visit->arg, buf_str(&r->bytes), err));
        left -= n;
    }
    TRY(crypto_hasher_end(r->one, hash));
    TRY(seal_get(r->seal, (char *)said, sizeof(said), err));
    if (memcmp(said, hash, sizeof(said)) != 0)
        return ERR(err, RC_CORRUPT, msg_digest, str_of(r->path));
    TRY(crypto_hasher_add(r->all, str_bytes(hash, SEAL_SHA256)));
    return r->visit->whole ? r->visit->whole(r->visit->arg, hash, err) : RC_OK;
}

static enum rc read_end(struct reading *r, struct pack_sum *out, struct err *err)
{
    unsigned char hash[CRYPTO_HASH_MAX], said[SEAL_SHA256];
    uint64_t n;

    TRY(get_number(r, 4, &n, err));
    TRY(seal_get(r->seal, (char *)said, sizeof(said), err));
    TRY(crypto_hasher_end(r->all, hash));
    if (n != r->n || memcmp(said, hash, sizeof(said)) != 0)
        return senseless(r, STR("its end belongs to other files"), err);
    out->entries = r->n;
    return seal_get_end(r->seal, &out->file, err);
}

static enum rc read_all(struct reading *r, struct arena *a, struct pack_sum *out, struct err *err)
{
    TRY(read_about(r, a, err));
    for (;;) {
        struct pack_entry e;
        uint64_t type;

        TRY(get_number(r, 1, &type, err));
        if (type == END)
            return read_end(r, out, err);
        if (type != DIRECTORY && type != PLAIN_FILE)
            return senseless(r, STR("something of a kind that there is not"), err);
        TRY(read_entry(r, type == DIRECTORY, &e, err));
        TRY(r->visit->entry(r->visit->arg, &e, err));
        if (!e.dir)
            TRY(read_bytes(r, e.size, err));
    }
}

enum rc pack_read(struct seal_reader *seal, struct arena *a, const struct pack_visit *visit,
                  struct pack_sum *out, struct err *err)
{
    CLEANUP(reading_done) struct reading r = {.seal = seal, .visit = visit};

    buf_init(&r.bytes, COPY);
    TRY(crypto_hasher_new(CRYPTO_SHA256, &r.all));
    TRY(crypto_hasher_new(CRYPTO_SHA256, &r.one));
    return read_all(&r, a, out, err);
}
