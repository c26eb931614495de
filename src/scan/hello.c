/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/hello.h"

#include "base/id.h"
#include "base/rd.h"

enum {
    RECORD_ALERT = 21,
    RECORD_HANDSHAKE = 22,
    RECORD_BYTES = 16384,
    SERVER_HELLO = 2,
    RANDOM_BYTES = 32,
    SESSION_BYTES = 32,
    EXT_SERVER_NAME = 0,
    EXT_GROUPS = 10,
    EXT_POINTS = 11,
    EXT_SIGALGS = 13,
    EXT_VERSIONS = 43,
    EXT_SHARE = 51,
    EXT_RENEGOTIATION = 0xff01,
};

/* Hybrid ones, elliptic curves, SM2's (RFC 8998, draft-yang-tls-hybrid-sm2-mlkem), finite fields.
 */
static const struct {
    uint16_t code;
    const char *name;
} groups[] = {
    {0x11ec, "X25519MLKEM768"},
    {0x11eb, "SecP256r1MLKEM768"},
    {0x11ed, "SecP384r1MLKEM1024"},
    {0x11ee, "curveSM2MLKEM768"},
    {0x001d, "X25519"},
    {0x0017, "secp256r1"},
    {0x0018, "secp384r1"},
    {0x0019, "secp521r1"},
    {0x001e, "X448"},
    {0x0029, "curveSM2"},
    {0x0100, "ffdhe2048"},
    {0x0101, "ffdhe3072"},
    {0x0102, "ffdhe4096"},
};
enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

const uint16_t *scan_groups(size_t *out_n)
{
    static const uint16_t codes[GROUPS] = {0x11ec, 0x11eb, 0x11ed, 0x11ee, 0x001d, 0x0017, 0x0018,
                                           0x0019, 0x001e, 0x0029, 0x0100, 0x0101, 0x0102};

    *out_n = GROUPS;
    return codes;
}

const char *scan_group_name(uint16_t group)
{
    for (size_t i = 0; i < GROUPS; i++)
        if (groups[i].code == group)
            return groups[i].name;
    return NULL;
}

uint16_t scan_group_find(struct str name)
{
    for (size_t i = 0; i < GROUPS; i++)
        if (str_ieq(str_of(groups[i].name), name))
            return groups[i].code;
    return 0;
}

const char *scan_version_name(uint16_t version)
{
    switch (version) {
    case SCAN_TLS10:
        return "TLSv1";
    case SCAN_TLS11:
        return "TLSv1.1";
    case SCAN_TLS12:
        return "TLSv1.2";
    case SCAN_TLS13:
        return "TLSv1.3";
    default:
        return NULL;
    }
}

/* ---- written */

/* The suites of what a client of that time would offer: those with AES in either mode, both ways of
 * exchanging keys, so that any server finds one. */
static const uint16_t old_suites[] = {0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x009e,
                                      0x009f, 0xc023, 0xc027, 0xc024, 0xc028, 0xc009, 0xc013,
                                      0xc00a, 0xc014, 0x0033, 0x0039, 0x009c, 0x009d, 0x003c,
                                      0x003d, 0x002f, 0x0035, 0xc008, 0xc012, 0x000a, 0x00ff};
static const uint16_t new_suites[] = {0x1301, 0x1302, 0x1303, 0x00c6, 0x00c7};
static const uint16_t sigalgs[] = {0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0809,
                                   0x080a, 0x080b, 0x0807, 0x0808, 0x0401, 0x0501, 0x0601,
                                   0x0708, 0x0904, 0x0905, 0x0906, 0x0203, 0x0201};

static void put_list(struct buf *out, const uint16_t *list, size_t n)
{
    buf_u16(out, (uint16_t)(n * 2));
    for (size_t i = 0; i < n; i++)
        buf_u16(out, list[i]);
}

/* An extension that is one list of numbers. */
static void put_list_ext(struct buf *out, uint16_t type, const uint16_t *list, size_t n)
{
    buf_u16(out, type);
    buf_u16(out, (uint16_t)(n * 2 + 2));
    put_list(out, list, n);
}

static void put_bytes_ext(struct buf *out, uint16_t type, struct str bytes)
{
    buf_u16(out, type);
    buf_u16(out, (uint16_t)bytes.n);
    buf_puts(out, bytes);
}

static void put_name(struct buf *out, struct str name)
{
    if (!name.n)
        return;
    buf_u16(out, EXT_SERVER_NAME);
    buf_u16(out, (uint16_t)(name.n + 5));
    buf_u16(out, (uint16_t)(name.n + 3));
    buf_u8(out, 0);
    buf_u16(out, (uint16_t)name.n);
    buf_puts(out, name);
}

static void put_extensions(struct buf *out, const struct scan_hello *h)
{
    put_name(out, h->name);
    put_list_ext(out, EXT_SIGALGS, sigalgs, sizeof(sigalgs) / sizeof(sigalgs[0]));
    put_list_ext(out, EXT_GROUPS, h->groups, h->n_groups);
    if (h->version == SCAN_TLS13) {
        put_bytes_ext(out, EXT_VERSIONS, str_bytes("\x02\x03\x04", 3));
        put_bytes_ext(out, EXT_SHARE, str_bytes("\0\0", 2));
    } else {
        put_bytes_ext(out, EXT_POINTS, str_bytes("\x01\0", 2));
        put_bytes_ext(out, EXT_RENEGOTIATION, str_bytes("\0", 1));
    }
}

static void put_body(struct buf *out, const struct scan_hello *h, struct str random,
                     struct str extensions)
{
    bool new = h->version == SCAN_TLS13;

    buf_u16(out, new ? SCAN_TLS12 : h->version);
    buf_puts(out, str_head(random, RANDOM_BYTES));
    buf_u8(out, new ? SESSION_BYTES : 0); /* as RFC 8446 appendix D.4 has it */
    if (new)
        buf_puts(out, str_skip(random, RANDOM_BYTES));
    if (new)
        put_list(out, new_suites, sizeof(new_suites) / sizeof(new_suites[0]));
    else
        put_list(out, old_suites, sizeof(old_suites) / sizeof(old_suites[0]));
    buf_u8(out, 1); /* no compression */
    buf_u8(out, 0);
    buf_u16(out, (uint16_t)extensions.n);
    buf_puts(out, extensions);
}

enum rc scan_hello_put(const struct scan_hello *h, struct buf *out)
{
    CLEANUP(buf_done) struct buf extensions = BUF_INIT(SCAN_HELLO_MAX);
    CLEANUP(buf_done) struct buf body = BUF_INIT(SCAN_HELLO_MAX);
    char random[RANDOM_BYTES + SESSION_BYTES];

    TRY(id_random(random, sizeof(random)));
    put_extensions(&extensions, h);
    TRY(buf_rc(&extensions));
    put_body(&body, h, str_bytes(random, sizeof(random)), buf_str(&extensions));
    TRY(buf_rc(&body));
    buf_u8(out, RECORD_HANDSHAKE);
    buf_u16(out, SCAN_TLS10);
    buf_u16(out, (uint16_t)(body.n + 4));
    buf_u8(out, 1); /* client_hello */
    buf_u8(out, 0);
    buf_u16(out, (uint16_t)body.n);
    buf_puts(out, buf_str(&body));
    return buf_rc(out);
}

/* ---- read */

/* Of what this asks for, only two say something here. */
static void read_extension(struct rd *r, struct scan_answer *a)
{
    uint16_t type = rd_u16(r);
    struct rd in = rd_of(rd_bytes(r, rd_u16(r)));

    if (type == EXT_VERSIONS)
        a->version = rd_u16(&in);
    else if (type == EXT_SHARE)
        a->group = rd_u16(&in); /* the key of a ServerHello may follow, which nobody asked for */
    else
        return;
    if (rd_rc(&in) != RC_OK)
        rd_fail(r);
}

static enum rc read_hello(struct str body, struct scan_answer *out)
{
    struct rd r = rd_of(body);
    struct scan_answer a = {.version = rd_u16(&r)};
    struct rd extensions;

    rd_bytes(&r, RANDOM_BYTES);
    if (rd_bytes(&r, rd_u8(&r)).n > SESSION_BYTES)
        rd_fail(&r);
    a.suite = rd_u16(&r);
    rd_u8(&r);
    extensions = rd_of(r.left ? rd_bytes(&r, rd_u16(&r)) : (struct str){});
    while (extensions.left && !extensions.failed)
        read_extension(&extensions, &a);
    TRY(rd_done(&r));
    TRY(rd_done(&extensions));
    if (!scan_version_name(a.version))
        return RC_PARSE;
    *out = a;
    return RC_OK;
}

static enum rc read_alert(struct str body, struct scan_answer *out)
{
    struct rd r = rd_of(body);
    uint8_t level = rd_u8(&r), what = rd_u8(&r);

    TRY(rd_done(&r));
    if (level != 1 && level != 2)
        return RC_PARSE;
    *out = (struct scan_answer){.alert = what};
    return RC_OK;
}

/* The handshake message may come in several records; its first ones are put together in `all`. */
static enum rc gather(struct str bytes, struct buf *all, struct scan_answer *out)
{
    struct rd r = rd_of(bytes);

    while (r.left) {
        uint8_t type = rd_u8(&r);
        uint16_t version = rd_u16(&r), n = rd_u16(&r);
        struct str body;

        if (r.failed)
            return RC_AGAIN;
        if (version >> 8 != 3 || n == 0 || n > RECORD_BYTES ||
            (type != RECORD_HANDSHAKE && type != RECORD_ALERT))
            return RC_PARSE;
        body = rd_bytes(&r, n);
        if (r.failed)
            return RC_AGAIN;
        if (type == RECORD_ALERT)
            return all->n ? RC_PARSE : read_alert(body, out);
        buf_puts(all, body);
        TRY(buf_rc(all));
        if (all->n >= 4) {
            struct rd head = rd_of(buf_str(all));
            uint32_t word = rd_u32(&head);
            size_t wanted = word & 0xffffff;

            if (word >> 24 != SERVER_HELLO || wanted > RECORD_BYTES)
                return RC_PARSE;
            if (head.left >= wanted)
                return read_hello(rd_bytes(&head, wanted), out);
        }
    }
    return RC_AGAIN;
}

/* Text of another protocol need not be long enough for a record. */
static bool begins_well(struct str bytes)
{
    static const unsigned char kinds[] = {RECORD_ALERT, RECORD_HANDSHAKE};

    return bytes.n == 0 || (memchr(kinds, bytes.p[0], sizeof(kinds)) &&
                            (bytes.n == 1 || (unsigned char)bytes.p[1] == 3));
}

enum rc scan_answer_read(struct str bytes, struct scan_answer *out)
{
    CLEANUP(buf_done) struct buf all = BUF_INIT(SCAN_ANSWER_MAX);
    enum rc rc;

    if (!begins_well(bytes))
        return RC_PARSE;
    rc = gather(bytes, &all, out);
    return rc == RC_AGAIN && bytes.n >= SCAN_ANSWER_MAX ? RC_TOOBIG : rc;
}
