/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/serial.h"

#include "base/text.h"
#include "crypto/crypto.h"

enum rc x509_serial_random(struct x509_serial *out)
{
    struct x509_serial s = {.n = X509_SERIAL_NEW};

    TRY(crypto_random(s.b, s.n));
    s.b[0] = (uint8_t)(0x40 | (s.b[0] & 0x3f));
    *out = s;
    return RC_OK;
}

enum rc x509_serial_from_bytes(struct str bytes, struct x509_serial *out)
{
    struct x509_serial s = {.n = 0};

    if (bytes.n == 0 || bytes.n > X509_SERIAL_MAX || bytes.p[0] == 0)
        return RC_INVAL;
    /* With the zero byte that keeps it positive it would have 21. */
    if (bytes.n == X509_SERIAL_MAX && (unsigned char)bytes.p[0] & 0x80)
        return RC_INVAL;
    s.n = (uint8_t)bytes.n;
    memcpy(s.b, bytes.p, bytes.n);
    *out = s;
    return RC_OK;
}

/* Colons between pairs, everywhere or nowhere. */
static bool strip_colons(struct str text, struct buf *out)
{
    if (str_find(text, ':') == text.n) {
        buf_puts(out, text);
        return true;
    }
    for (size_t i = 0; i < text.n; i++) {
        bool colon = i % 3 == 2;

        if ((text.p[i] == ':') != colon)
            return false;
        if (!colon)
            buf_u8(out, (uint8_t)text.p[i]);
    }
    return text.n % 3 == 2;
}

enum rc x509_serial_parse(struct str text, struct x509_serial *out)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(256);
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(128);
    struct str s;

    if (text.n > 256)
        return RC_INVAL;
    if (!strip_colons(text, &hex))
        return RC_PARSE;
    TRY(buf_rc(&hex));
    TRY(text_unhex(buf_str(&hex), &bytes));
    s = buf_str(&bytes);
    while (s.n > 0 && s.p[0] == 0)
        s = str_skip(s, 1);
    return x509_serial_from_bytes(s, out);
}

const char *x509_serial_text(const struct x509_serial *s, char text[static X509_SERIAL_TEXT])
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s->n; i++) {
        text[2 * i] = digits[s->b[i] >> 4];
        text[2 * i + 1] = digits[s->b[i] & 0xf];
    }
    text[2 * (size_t)s->n] = '\0';
    return text;
}

unsigned x509_serial_shard(const struct x509_serial *s, unsigned shards)
{
    unsigned last = s->n > 0 ? s->b[s->n - 1] : 0;

    if (s->n > 1)
        last |= (unsigned)s->b[s->n - 2] << 8;
    return shards > 1 ? last % shards : 0;
}

bool x509_serial_eq(const struct x509_serial *a, const struct x509_serial *b)
{
    return str_eq(x509_serial_bytes(a), x509_serial_bytes(b));
}
