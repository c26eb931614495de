/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/seal.h"

#include <assert.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/rd.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"
#include "crypto/password.h"

MSG(msg_none, "backup.not-one",
    "this is no backup: it does not begin as those of `autarky backup create`");
MSG(msg_format, "backup.format",
    "the backup has format {0}, and this program knows up to {1}: use the Autarky that made it, or "
    "a newer one");
MSG(msg_work, "backup.work",
    "the backup's header asks for more work (scrypt N 2^{0}, r {1}, p {2}) than any that Autarky "
    "makes: it is damaged or not one of ours");
MSG(msg_passphrase, "backup.passphrase",
    "the passphrase does not open the backup: it is another one, or the first {0} bytes of the "
    "backup are damaged");
MSG(msg_damaged, "backup.damaged",
    "the backup is damaged, cut off or put together anew at byte {0}; nothing behind that can be "
    "believed. Take another copy");
MSG(msg_more, "backup.more", "something follows behind the end of the backup: it is not as it was");

enum {
    MAGIC = 15,
    SALT = 32,
    CHECK = 32,
    CHECKED = SEAL_HEADER - CHECK,
    KEYS = 64,
    SEALED = SEAL_PIECE + SEAL_TAG,
};
static_assert(MAGIC + 5 + SALT == CHECKED);

static const char magic[] = "autarky-backup\n";

/* What both ends have in common. */
struct seal {
    struct crypto_aead *aead;
    struct crypto_hasher *hasher;
    unsigned char header[SEAL_HEADER];
    uint64_t pieces; /* done */
    uint64_t bytes;  /* of the file */
};

static void done(struct seal *s)
{
    crypto_aead_free(s->aead);
    crypto_hasher_free(s->hasher);
}

static void nonce_of(const struct seal *s, bool last, unsigned char out[static CRYPTO_AEAD_NONCE])
{
    memset(out, 0, CRYPTO_AEAD_NONCE);
    for (int i = 0; i < 8; i++)
        out[3 + i] = (unsigned char)(s->pieces >> (56 - 8 * i));
    out[11] = last ? 1 : 0;
}

/* The keys; `check` gets what the header has to end with. */
static enum rc open_keys(struct seal *s, struct str passphrase, const struct crypto_scrypt *work,
                         unsigned char check[static CRYPTO_SHA256_BYTES])
{
    struct str salt = str_bytes(s->header + CHECKED - SALT, SALT);
    unsigned char keys[KEYS];
    enum rc rc = crypto_scrypt_key(passphrase, salt, work, keys, sizeof(keys));

    if (rc == RC_OK)
        rc = crypto_aead_new(keys, &s->aead);
    if (rc == RC_OK)
        rc = crypto_hmac_sha256(str_bytes(keys + CRYPTO_AEAD_KEY, KEYS - CRYPTO_AEAD_KEY),
                                str_bytes(s->header, CHECKED), check);
    explicit_bzero(keys, sizeof(keys));
    return rc;
}

static enum rc sum(struct seal *s, struct seal_sum *out)
{
    unsigned char hash[CRYPTO_HASH_MAX];

    TRY(crypto_hasher_end(s->hasher, hash));
    memcpy(out->sha256, hash, sizeof(out->sha256));
    out->bytes = s->bytes;
    return RC_OK;
}

/* ---- writing */

struct seal_writer {
    struct seal s;
    struct seal_sink to;
    struct buf plain;  /* of the piece that is being filled */
    struct buf sealed; /* scratch */
};

static enum rc send(struct seal_writer *w, struct str bytes, struct err *err)
{
    TRY(crypto_hasher_add(w->s.hasher, bytes));
    w->s.bytes += bytes.n;
    return w->to.put(w->to.arg, bytes, err);
}

static enum rc make_header(struct seal_writer *w, struct str passphrase, unsigned log_n)
{
    const struct crypto_scrypt work = {log_n, SEAL_R, SEAL_P};
    unsigned char *h = w->s.header;

    memcpy(h, magic, MAGIC);
    h[MAGIC] = SEAL_FORMAT;
    h[MAGIC + 1] = (unsigned char)log_n;
    h[MAGIC + 2] = SEAL_R;
    h[MAGIC + 3] = SEAL_P;
    TRY(crypto_random(h + CHECKED - SALT, SALT));
    return open_keys(&w->s, passphrase, &work, h + CHECKED);
}

enum rc seal_writer_new(const struct seal_sink *to, struct str passphrase, unsigned log_n,
                        struct seal_writer **out, struct err *err)
{
    CLEANUP(seal_writer_freep) struct seal_writer *w = MEM_NEW(struct seal_writer);

    if (!w)
        return RC_NOMEM;
    w->to = *to;
    buf_init(&w->plain, SEAL_PIECE);
    buf_init(&w->sealed, SEALED);
    TRY(crypto_hasher_new(CRYPTO_SHA256, &w->s.hasher));
    TRY(make_header(w, passphrase, log_n));
    TRY(send(w, str_bytes(w->s.header, SEAL_HEADER), err));
    *out = MOVE(w);
    return RC_OK;
}

void seal_writer_free(struct seal_writer *w)
{
    if (!w)
        return;
    done(&w->s);
    buf_wipe(&w->plain);
    buf_done(&w->sealed);
    mem_free(w);
}

static enum rc flush(struct seal_writer *w, bool last, struct err *err)
{
    unsigned char nonce[CRYPTO_AEAD_NONCE];

    nonce_of(&w->s, last, nonce);
    buf_reset(&w->sealed);
    TRY(crypto_aead_seal(w->s.aead, nonce, str_bytes(w->s.header, SEAL_HEADER), buf_str(&w->plain),
                         &w->sealed));
    w->s.pieces++;
    buf_reset(&w->plain);
    return send(w, buf_str(&w->sealed), err);
}

/* A piece goes when more comes behind it, so that the last one is known for what it is. */
enum rc seal_put(struct seal_writer *w, struct str bytes, struct err *err)
{
    while (bytes.n) {
        size_t room = SEAL_PIECE - buf_str(&w->plain).n;
        struct str now = str_head(bytes, room);

        if (room == 0) {
            TRY(flush(w, false, err));
            continue;
        }
        buf_puts(&w->plain, now);
        TRY(buf_rc(&w->plain));
        bytes = str_skip(bytes, now.n);
    }
    return RC_OK;
}

enum rc seal_end(struct seal_writer *w, struct seal_sum *out, struct err *err)
{
    TRY(flush(w, true, err));
    return sum(&w->s, out);
}

/* ---- reading */

struct seal_reader {
    struct seal s;
    struct seal_source from;
    struct buf sealed; /* what was read and not opened yet: a piece, and a byte that says that
                          another one follows */
    struct buf plain;
    size_t used; /* of plain */
    bool last;   /* plain is the last piece */
};

static struct str number(uint64_t v, char out[static 24])
{
    snprintf(out, 24, "%llu", (unsigned long long)v);
    return str_of(out);
}

static enum rc damaged(const struct seal_reader *r, struct err *err)
{
    char at[24];

    return ERR(err, RC_CORRUPT, msg_damaged,
               number(SEAL_HEADER + r->s.pieces * (uint64_t)SEALED, at));
}

/* Until `b` has `n` bytes, or the end. */
static enum rc fill(struct seal_reader *r, struct buf *b, size_t n, struct err *err)
{
    size_t had = b->n, got = 1;

    while (b->n < n && got) {
        char *p = buf_reserve(b, n - b->n);

        if (!p)
            return buf_rc(b);
        TRY(r->from.get(r->from.arg, p, n - b->n, &got, err));
        buf_advance(b, got);
    }
    r->s.bytes += b->n - had;
    return crypto_hasher_add(r->s.hasher, str_skip(buf_str(b), had));
}

static enum rc read_work(const unsigned char *h, struct crypto_scrypt *out, struct err *err)
{
    char known[24], n[24], r[24], p[24];

    *out = (struct crypto_scrypt){h[MAGIC + 1], h[MAGIC + 2], h[MAGIC + 3]};
    if (memcmp(h, magic, MAGIC) != 0)
        return ERR(err, RC_PARSE, msg_none);
    if (h[MAGIC] != SEAL_FORMAT)
        return ERR(err, RC_VERSION, msg_format, number(h[MAGIC], n), number(SEAL_FORMAT, known));
    if (out->log_n < SEAL_LOG_N_MIN || out->log_n > SEAL_LOG_N_MAX || out->r != SEAL_R ||
        out->p != SEAL_P)
        return ERR(err, RC_TOOBIG, msg_work, number(out->log_n, n), number(out->r, r),
                   number(out->p, p));
    return RC_OK;
}

static enum rc read_header(struct seal_reader *r, struct str passphrase, struct err *err)
{
    CLEANUP(buf_done) struct buf header = BUF_INIT(SEAL_HEADER);
    unsigned char check[CRYPTO_SHA256_BYTES];
    struct crypto_scrypt work;
    char size[24];

    TRY(fill(r, &header, SEAL_HEADER, err));
    if (header.n < SEAL_HEADER)
        return ERR(err, RC_PARSE, msg_none);
    memcpy(r->s.header, header.p, SEAL_HEADER);
    TRY(read_work(r->s.header, &work, err));
    TRY(open_keys(&r->s, passphrase, &work, check));
    if (!str_eq_ct(str_bytes(check, CHECK), str_bytes(r->s.header + CHECKED, CHECK)))
        return ERR(err, RC_DENIED, msg_passphrase, number(SEAL_HEADER, size));
    return RC_OK;
}

enum rc seal_reader_new(const struct seal_source *from, struct str passphrase,
                        struct seal_reader **out, struct err *err)
{
    CLEANUP(seal_reader_freep) struct seal_reader *r = MEM_NEW(struct seal_reader);

    if (!r)
        return RC_NOMEM;
    r->from = *from;
    buf_init(&r->sealed, SEALED + 1);
    buf_init(&r->plain, SEALED);
    TRY(crypto_hasher_new(CRYPTO_SHA256, &r->s.hasher));
    TRY(read_header(r, passphrase, err));
    *out = MOVE(r);
    return RC_OK;
}

void seal_reader_free(struct seal_reader *r)
{
    if (!r)
        return;
    done(&r->s);
    buf_wipe(&r->plain);
    buf_done(&r->sealed);
    mem_free(r);
}

static enum rc next_piece(struct seal_reader *r, struct err *err)
{
    unsigned char nonce[CRYPTO_AEAD_NONCE];
    struct str piece;
    enum rc rc;

    TRY(fill(r, &r->sealed, SEALED + 1, err));
    r->last = r->sealed.n <= SEALED;
    piece = str_head(buf_str(&r->sealed), SEALED);
    nonce_of(&r->s, r->last, nonce);
    buf_reset(&r->plain);
    r->used = 0;
    rc = crypto_aead_open(r->s.aead, nonce, str_bytes(r->s.header, SEAL_HEADER), piece, &r->plain);
    if (rc == RC_DENIED)
        return damaged(r, err);
    TRY(rc);
    r->s.pieces++;
    buf_consume(&r->sealed, piece.n);
    return RC_OK;
}

enum rc seal_get(struct seal_reader *r, char *p, size_t n, struct err *err)
{
    while (n) {
        struct str have = str_skip(buf_str(&r->plain), r->used);
        struct str now = str_head(have, n);

        if (have.n == 0) {
            if (r->last)
                return damaged(r, err);
            TRY(next_piece(r, err));
            continue;
        }
        memcpy(p, now.p, now.n);
        r->used += now.n;
        p += now.n;
        n -= now.n;
    }
    return RC_OK;
}

enum rc seal_get_end(struct seal_reader *r, struct seal_sum *out, struct err *err)
{
    if (!r->last && r->used == buf_str(&r->plain).n)
        TRY(next_piece(r, err));
    if (!r->last || r->used < buf_str(&r->plain).n)
        return ERR(err, RC_CORRUPT, msg_more);
    return sum(&r->s, out);
}
