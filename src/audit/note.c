/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/note.h"

#include <string.h>

#include "base/rd.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/sign.h"

MSG(msg_key, "audit.key", "this is no verifier key of a log: NAME+HASH+KEY, as in trust/audit.pub");
MSG(msg_key_type, "audit.key-type", "verifier key {0}: its type is none of Ed25519's");
MSG(msg_key_hash, "audit.key-hash", "verifier key {0}: its hash is not that of its name and key");
MSG(msg_note, "audit.note", "this is no signed head of a log: {0}");

enum { HASH = 4, ED25519 = 32, SIGNATURE = 64, STAMP = 8, SIGNED_MAX = 256 };

/* "—", U+2014, and a space: before every signature. */
#define DASH "\xe2\x80\x94 "

static bool name_good(struct str name)
{
    struct str rest = name;
    uint32_t cp;

    if (name.n == 0 || name.n > NOTE_NAME_MAX)
        return false;
    while (rest.n) {
        size_t n = str_utf8_next(rest, &cp);

        if (n == 0 || cp <= 0x20 || cp == '+' || str_is_control(cp) || cp == 0x2028 || cp == 0x3000)
            return false;
        rest = str_skip(rest, n);
    }
    return true;
}

static enum rc key_hash(struct str name, enum note_type type, struct str key,
                        unsigned char out[static HASH])
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(NOTE_NAME_MAX + 64);
    unsigned char digest[CRYPTO_SHA256_BYTES];

    buf_puts(&text, name);
    buf_u8(&text, '\n');
    buf_u8(&text, (uint8_t)type);
    buf_puts(&text, key);
    TRY(buf_rc(&text));
    TRY(crypto_sha256(buf_str(&text), digest));
    memcpy(out, digest, HASH);
    return RC_OK;
}

static struct str raw_key(const struct crypto_key *key)
{
    struct crypto_public p = crypto_key_public(key);

    return p.type == CRYPTO_KEY_ED25519 ? p.a : (struct str){NULL, 0};
}

void note_key_done(struct note_key *k)
{
    crypto_key_unref(k->key);
    *k = (struct note_key){};
}

static enum rc read_key(struct str bytes, struct note_key *out, struct err *err)
{
    struct rd r = rd_of(bytes);
    uint8_t type = rd_u8(&r);

    if (type != NOTE_ED25519 && type != NOTE_COSIGNATURE)
        return ERR(err, RC_UNSUPPORTED, msg_key_type, out->name);
    out->type = type;
    if (r.left != ED25519)
        return ERR(err, RC_PARSE, msg_key);
    return crypto_key_from_ed25519(rd_rest(&r), &out->key, err);
}

enum rc note_key_parse(struct str text, struct note_key *out, struct err *err)
{
    CLEANUP(buf_done) struct buf hash = BUF_INIT(HASH);
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(NOTE_KEY_MAX);
    CLEANUP(note_key_done) struct note_key k = {};
    struct str rest, hex, key;

    if (!str_cut(text, '+', &k.name, &rest) || !str_cut(rest, '+', &hex, &key) ||
        !name_good(k.name) || text_unhex(hex, &hash) != RC_OK || buf_str(&hash).n != HASH ||
        text_unb64(key, &bytes) != RC_OK || buf_str(&bytes).n == 0)
        return ERR(err, RC_PARSE, msg_key);
    TRY(read_key(buf_str(&bytes), &k, err));
    TRY(key_hash(k.name, k.type, raw_key(k.key), k.hash));
    if (memcmp(k.hash, buf_str(&hash).p, HASH) != 0)
        return ERR(err, RC_INVAL, msg_key_hash, k.name);
    *out = k;
    k.key = NULL;
    return RC_OK;
}

enum rc note_key_put(struct str name, enum note_type type, const struct crypto_key *key,
                     struct buf *out)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(NOTE_KEY_MAX);
    struct str raw = raw_key(key);
    unsigned char hash[HASH];

    if (!name_good(name) || raw.n != ED25519)
        return RC_INVAL;
    TRY(key_hash(name, type, raw, hash));
    buf_u8(&bytes, (uint8_t)type);
    buf_puts(&bytes, raw);
    TRY(buf_rc(&bytes));
    buf_puts(out, name);
    buf_u8(out, '+');
    text_hex(out, str_bytes(hash, HASH));
    buf_u8(out, '+');
    text_b64(out, buf_str(&bytes));
    return buf_rc(out);
}

static bool read_hash(struct str text, struct tree_hash *out)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(TREE_HASH);

    if (text_unb64(text, &bytes) != RC_OK || buf_str(&bytes).n != TREE_HASH)
        return false;
    memcpy(out->b, buf_str(&bytes).p, TREE_HASH);
    return true;
}

/* Of the last extension line that begins so; others are for others. */
static void read_extensions(struct str lines, struct note *out)
{
    struct str line;

    while (str_next(&lines, '\n', &line))
        if (str_starts(line, STR("time ")) && when_parse(str_skip(line, 5), &out->at) != RC_OK)
            out->at = 0;
}

static enum rc split(struct str text, struct note *n, struct err *err)
{
    size_t at = 0;

    if (text.n > NOTE_MAX)
        return ERR(err, RC_TOOBIG, msg_note, STR("it is longer than 4096 bytes"));
    while (at + 1 < text.n && !(text.p[at] == '\n' && text.p[at + 1] == '\n'))
        at++;
    if (at + 2 >= text.n || text.p[text.n - 1] != '\n')
        return ERR(err, RC_PARSE, msg_note, STR("no signature follows its text"));
    n->text = str_head(text, at + 1);
    n->signatures = str_skip(text, at + 2);
    return RC_OK;
}

enum rc note_parse(struct str text, struct note *out, struct err *err)
{
    struct note n = {};
    struct str rest, size, root;

    TRY(split(text, &n, err));
    rest = n.text;
    if (!str_next(&rest, '\n', &n.origin) || !name_good(n.origin))
        return ERR(err, RC_PARSE, msg_note, STR("its first line names no log"));
    if (!str_next(&rest, '\n', &size) || (size.n > 1 && size.p[0] == '0') ||
        str_u64(size, TREE_SIZE_MAX, &n.head.size) != RC_OK)
        return ERR(err, RC_PARSE, msg_note, STR("its second line is no number of records"));
    if (!str_next(&rest, '\n', &root) || !read_hash(root, &n.head.root))
        return ERR(err, RC_PARSE, msg_note, STR("its third line is no hash"));
    read_extensions(rest, &n);
    *out = n;
    return RC_OK;
}

static enum rc check(const struct note *n, const struct note_key *key, struct str bytes)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(NOTE_MAX + SIGNED_MAX);
    struct rd r = rd_of(bytes);

    if (key->type == NOTE_COSIGNATURE)
        buf_printf(&text, "cosignature/v1\ntime %llu\n", (unsigned long long)rd_u64(&r));
    if (rd_rc(&r) != RC_OK || r.left != SIGNATURE)
        return RC_DENIED;
    buf_puts(&text, n->text);
    TRY(buf_rc(&text));
    return crypto_verify(key->key, CRYPTO_SIG_ED25519, CRYPTO_SIG_RAW, buf_str(&text), rd_rest(&r));
}

/* RC_NOTFOUND when it is another key's. */
static enum rc check_line(const struct note *n, const struct note_key *key, struct str line)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(SIGNED_MAX);
    struct str name, signature;

    if (!str_starts(line, STR(DASH)))
        return RC_NOTFOUND;
    line = str_skip(line, sizeof(DASH) - 1);
    if (!str_cut(line, ' ', &name, &signature) || !str_eq(name, key->name) ||
        text_unb64(signature, &bytes) != RC_OK || buf_str(&bytes).n <= HASH ||
        memcmp(buf_str(&bytes).p, key->hash, HASH) != 0)
        return RC_NOTFOUND;
    return check(n, key, str_skip(buf_str(&bytes), HASH));
}

enum rc note_verify(const struct note *n, const struct note_key *key)
{
    struct str rest = n->signatures, line;

    for (size_t i = 0; i < NOTE_SIGNATURES_MAX && str_next(&rest, '\n', &line); i++) {
        enum rc rc = check_line(n, key, line);

        if (rc != RC_NOTFOUND)
            return rc;
    }
    return RC_NOTFOUND;
}

static enum rc put_signature(struct str origin, struct str text, const struct crypto_key *key,
                             struct buf *out)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(SIGNED_MAX);
    unsigned char hash[HASH];

    TRY(key_hash(origin, NOTE_ED25519, raw_key(key), hash));
    buf_put(&bytes, hash, HASH);
    TRY(crypto_sign(key, CRYPTO_SIG_ED25519, CRYPTO_SIG_RAW, text, &bytes));
    TRY(buf_rc(&bytes));
    buf_putz(out, "\n" DASH);
    buf_puts(out, origin);
    buf_u8(out, ' ');
    text_b64(out, buf_str(&bytes));
    buf_u8(out, '\n');
    return buf_rc(out);
}

enum rc note_sign(struct str origin, const struct tree_head *head, when_t at,
                  const struct crypto_key *key, struct buf *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(NOTE_MAX);
    char time[WHEN_TEXT];

    if (!name_good(origin))
        return RC_INVAL;
    buf_puts(&text, origin);
    buf_printf(&text, "\n%llu\n", (unsigned long long)head->size);
    text_b64(&text, str_bytes(head->root.b, TREE_HASH));
    buf_printf(&text, "\ntime %s\n", when_text(at, time));
    TRY(buf_rc(&text));
    buf_puts(out, buf_str(&text));
    return put_signature(origin, buf_str(&text), key, out);
}
