/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token_mark.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"

enum {
    SALT = 16,
    DIGEST = CRYPTO_SHA256_BYTES,
    MARK = SALT + 2 * DIGEST,
    LINE = 2 * MARK + 1, /* hexadecimal */
    FILE_BYTES = CRYPTO_PIN_MARKS * LINE,
};

struct mark {
    unsigned char salt[SALT], token[DIGEST], pin[DIGEST];
};
static_assert(sizeof(struct mark) == MARK);

/* The file, sorted: the lines of other tokens and the mark of this one. */
struct marks {
    struct buf others;
    bool found; /* `own` is there */
    struct mark own;
    bool rubbish; /* there is something else, too */
};

static void marks_done(struct marks *m)
{
    buf_done(&m->others);
}

/* Of the token's name, whatever key in it is meant, and of the PIN behind it if there is one. */
static enum rc digest(const struct mark *m, const struct crypto_token_uri *uri, struct secret *pin,
                      unsigned char out[static DIGEST])
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(4 * CRYPTO_TOKEN_URI_MAX);
    struct crypto_token_uri token = *uri;

    token.object[0] = '\0';
    token.id_n = 0;
    buf_put(&text, m->salt, SALT);
    crypto_token_uri_put(&token, &text);
    if (pin) {
        buf_u8(&text, 0);
        buf_put(&text, secret_bytes(pin), secret_len(pin));
    }
    TRY(buf_rc(&text));
    return crypto_sha256(buf_str(&text), out);
}

static enum rc take_line(struct marks *m, struct str line, const struct crypto_token_uri *uri)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(MARK);
    unsigned char token[DIGEST];
    struct mark mark;
    enum rc rc = line.n == LINE - 1 ? text_unhex(line, &bytes) : RC_PARSE;

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK) {
        m->rubbish = true;
        return RC_OK;
    }
    memcpy(&mark, bytes.p, MARK);
    TRY(digest(&mark, uri, NULL, token));
    if (memcmp(token, mark.token, DIGEST) == 0) {
        m->found = true;
        m->own = mark;
        return RC_OK;
    }
    buf_puts(&m->others, line);
    buf_u8(&m->others, '\n');
    return buf_rc(&m->others);
}

/* A file that cannot be read is none. */
static enum rc read_marks(const struct crypto_pin_mark *at, const struct crypto_token_uri *uri,
                          struct marks *m)
{
    CLEANUP(buf_done) struct buf file = BUF_INIT(FILE_BYTES);
    enum rc rc = file_read(at->dir, at->file, &file, NULL);
    struct str rest = buf_str(&file), line;

    if (rc != RC_OK) {
        m->rubbish = rc == RC_TOOBIG;
        return rc == RC_NOMEM ? rc : RC_OK;
    }
    while (rest.n) {
        str_cut(rest, '\n', &line, &rest);
        TRY(take_line(m, line, uri));
    }
    return RC_OK;
}

static enum rc write_marks(const struct crypto_pin_mark *at, const struct marks *m)
{
    return file_write(at->dir, at->file, buf_str(&m->others), 0600, FILE_OWNER_SELF, NULL);
}

/* The last line is the one that came last. */
static enum rc remember(const struct crypto_pin_mark *at, const struct crypto_token_uri *uri,
                        struct secret *pin, struct marks *m)
{
    struct mark mark;

    TRY(crypto_random(mark.salt, SALT));
    TRY(digest(&mark, uri, NULL, mark.token));
    TRY(digest(&mark, uri, pin, mark.pin));
    if (m->others.n + LINE > FILE_BYTES)
        buf_consume(&m->others, LINE);
    text_hex(&m->others, str_bytes(&mark, MARK));
    buf_u8(&m->others, '\n');
    TRY(buf_rc(&m->others));
    return write_marks(at, m);
}

static void forget(const struct crypto_pin_mark *at, const struct marks *m)
{
    if (!m->found && !m->rubbish)
        return;
    if (m->others.n)
        IGNORE_RC(write_marks(at, m)); /* it is of a PIN that is not used any more */
    else
        unlinkat(at->dir, at->file, 0);
}

enum rc crypto_token_open_marked(const struct crypto_token_at *at, struct secret *pin,
                                 const struct crypto_pin_mark *mark, struct crypto_token **out,
                                 struct err *err)
{
    CLEANUP(marks_done) struct marks m = {.others = BUF_INIT(FILE_BYTES)};
    struct crypto_token_at asked = *at;
    unsigned char now[DIGEST];
    bool refused = false;
    enum rc rc;

    TRY(read_marks(mark, at->uri, &m));
    if (m.found) {
        TRY(digest(&m.own, at->uri, pin, now));
        if (memcmp(m.own.pin, now, DIGEST) == 0)
            return RC_EXISTS;
    }
    asked.refused = &refused;
    rc = crypto_token_open(&asked, pin, out, err);
    if (refused)
        IGNORE_RC(remember(mark, at->uri, pin, &m)); /* on a full disk it is only tried once more */
    if (rc == RC_OK)
        forget(mark, &m);
    return rc;
}
