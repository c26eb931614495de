/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4511 section 4.14: the extended operation StartTLS, and its response. BER with definite
 * lengths (section 5.1). */
#include "base/rd.h"
#include "starttls/starttls_int.h"

enum {
    SEQUENCE = 0x30,
    INTEGER = 0x02,
    OCTETS = 0x04,
    ENUMERATED = 0x0a,
    EXTENDED_RESPONSE = 0x78,
    SUCCESS = 0,
    PROTOCOL_ERROR = 2, /* for an operation that the server does not know */
    LENGTH_BYTES = 4,
};

static void start(struct starttls *, struct buf *out)
{
    static const unsigned char head[] = {SEQUENCE, 0x1d, INTEGER, 1, 1, 0x77, 0x18, 0x80, 0x16};

    buf_put(out, head, sizeof(head));
    buf_putz(out, "1.3.6.1.4.1.1466.20037");
}

/* A length of the short form, or of the long one in up to 4 bytes; past the end it is read as
 * failed. */
static size_t read_length(struct rd *r)
{
    uint8_t first = rd_u8(r);
    size_t n = 0;

    if (first < 0x80)
        return first;
    if (first == 0x80 || (first & 0x7f) > LENGTH_BYTES)
        rd_fail(r);
    for (unsigned i = 0; i < (first & 0x7fu) && !r->failed; i++)
        n = n << 8 | rd_u8(r);
    return n;
}

static struct str read_tlv(struct rd *r, uint8_t tag)
{
    if (rd_u8(r) != tag)
        rd_fail(r);
    return rd_bytes(r, read_length(r));
}

static bool is_number(struct str value, unsigned number)
{
    return value.n == 1 && (unsigned char)value.p[0] == number;
}

static enum rc read_message(struct starttls *s, struct str message, struct err *err)
{
    struct rd r = rd_of(message), response;
    struct str id = read_tlv(&r, INTEGER), result, text;

    response = rd_of(read_tlv(&r, EXTENDED_RESPONSE));
    result = read_tlv(&response, ENUMERATED);
    read_tlv(&response, OCTETS); /* a name that has to do with it: none */
    text = read_tlv(&response, OCTETS);
    /* Number 0 is a notice of disconnection (section 4.4.1). */
    if (rd_rc(&r) != RC_OK || rd_rc(&response) != RC_OK || !(is_number(id, 1) || is_number(id, 0)))
        return starttls_nonsense(s, message, err);
    if (is_number(id, 1) && is_number(result, SUCCESS))
        return RC_OK;
    return is_number(id, 1) && is_number(result, PROTOCOL_ERROR) ? starttls_lacking(s, err)
                                                                 : starttls_refused(s, text, err);
}

static enum rc take(struct starttls *s, struct str in, size_t *out_used, struct buf *,
                    struct err *err)
{
    struct rd r = rd_of(in);
    uint8_t tag = rd_u8(&r);
    size_t n = read_length(&r);

    if (tag != SEQUENCE)
        return starttls_nonsense(s, in, err);
    if (r.failed)
        return in.n > 1 + 1 + LENGTH_BYTES ? starttls_nonsense(s, in, err) : RC_AGAIN;
    if (n > STARTTLS_UNIT_MAX)
        return starttls_nonsense(s, in, err);
    if (n > r.left)
        return RC_AGAIN;
    *out_used = in.n - r.left + n;
    return read_message(s, rd_bytes(&r, n), err);
}

const struct starttls_protocol starttls_ldap = {.name = "ldap", .start = start, .take = take};
