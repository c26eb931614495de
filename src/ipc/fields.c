/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/fields.h"

#include <assert.h>

#include "base/rd.h"
#include "ipc/errs_int.h"

/* Lists within lists stop here; the tables are ours, this only bounds the recursion for the reader.
 */
enum { DEPTH_MAX = 4, ID_CHARS = ID_TEXT - 1 };

/* NOLINTBEGIN(misc-no-recursion): structs hold lists of structs, DEPTH_MAX deep at most. */

/* Any IPC_LIST, with its element type forgotten. */
struct any_list {
    const void *v;
    size_t n;
};

static enum rc encode(const struct ipc_fields *f, const void *msg, struct buf *out, int depth);
static enum rc decode(const struct ipc_fields *f, struct rd *r, struct arena *a, void *msg,
                      int depth);

/* ---- encoding */

static enum rc put_str(struct str s, uint64_t max, struct buf *out)
{
    if (s.n > max)
        return RC_TOOBIG;
    buf_lstr(out, s);
    return RC_OK;
}

static enum rc put_strs(const struct ipc_field *d, const struct ipc_strs *list, struct buf *out)
{
    if (list->n > d->max)
        return RC_TOOBIG;
    buf_u32(out, (uint32_t)list->n);
    for (size_t i = 0; i < list->n; i++)
        TRY(put_str(list->v[i], d->each, out));
    return RC_OK;
}

static enum rc put_list(const struct ipc_field *d, const void *at, struct buf *out, int depth)
{
    struct any_list list;

    memcpy(&list, at, sizeof(list));
    if (list.n > d->max)
        return RC_TOOBIG;
    buf_u32(out, (uint32_t)list.n);
    for (size_t i = 0; i < list.n; i++)
        TRY(encode(d->of, (const char *)list.v + i * d->of->size, out, depth));
    return RC_OK;
}

static enum rc put_number(const struct ipc_field *d, uint64_t v, size_t bytes, struct buf *out)
{
    if (v > d->max)
        return RC_INVAL;
    for (size_t i = bytes; i-- > 0;)
        buf_u8(out, (uint8_t)(v >> (8 * i)));
    return RC_OK;
}

static enum rc put_addr(const struct addr *a, struct buf *out)
{
    if (a->n != 0 && a->n != 4 && a->n != 16)
        return RC_INVAL;
    buf_u8(out, a->n);
    buf_put(out, a->b, a->n);
    return RC_OK;
}

static enum rc put_id(const struct id *id, struct buf *out)
{
    static const struct id none;
    struct id checked;

    if (id->z[0])
        TRY(id_parse(id_str(id), &checked));
    buf_put(out, id->z[0] ? id->z : none.z, ID_CHARS);
    return RC_OK;
}

static enum rc put_field(const struct ipc_field *d, const void *at, struct buf *out, int depth)
{
    switch (d->kind) {
    case IPC_KIND_U8:
        return put_number(d, *(const uint8_t *)at, 1, out);
    case IPC_KIND_U16:
        return put_number(d, *(const uint16_t *)at, 2, out);
    case IPC_KIND_U32:
        return put_number(d, *(const uint32_t *)at, 4, out);
    case IPC_KIND_U64:
        return put_number(d, *(const uint64_t *)at, 8, out);
    case IPC_KIND_I64:
        buf_u64(out, (uint64_t)(*(const int64_t *)at));
        return RC_OK;
    case IPC_KIND_BOOL:
        buf_u8(out, *(const bool *)at);
        return RC_OK;
    case IPC_KIND_STR:
        return put_str(*(const struct str *)at, d->max, out);
    case IPC_KIND_STRS:
        return put_strs(d, at, out);
    case IPC_KIND_LIST:
        return put_list(d, at, out, depth);
    case IPC_KIND_STRUCT:
        return encode(d->of, at, out, depth);
    case IPC_KIND_ADDR:
        return put_addr(at, out);
    case IPC_KIND_ADDR_PORT:
        buf_u16(out, ((const struct addr_port *)at)->port);
        return put_addr(&((const struct addr_port *)at)->addr, out);
    case IPC_KIND_ID:
        return put_id(at, out);
    case IPC_KIND_ERR:
        ipc_err_put(at, out);
        return RC_OK;
    }
    return RC_INVAL;
}

static enum rc encode(const struct ipc_fields *f, const void *msg, struct buf *out, int depth)
{
    assert(depth < DEPTH_MAX);
    for (size_t i = 0; i < f->n; i++) {
        enum rc rc =
            put_field(&f->field[i], (const char *)msg + f->field[i].offset, out, depth + 1);

        if (rc != RC_OK) {
            buf_fail(out, rc);
            return rc;
        }
    }
    return buf_rc(out);
}

enum rc ipc_fields_encode(const struct ipc_fields *f, const void *msg, struct buf *out)
{
    return encode(f, msg, out, 0);
}

/* ---- decoding */

/* A count of at most `max` whose elements, of at least `least` bytes each, can all be there: so a
 * small message cannot make us take much memory. */
static enum rc get_count(struct rd *r, uint64_t max, size_t least, size_t *out)
{
    uint32_t n = rd_u32(r);

    if (n > max)
        return RC_TOOBIG;
    if (r->failed || n > r->left / least)
        return RC_PARSE;
    *out = n;
    return RC_OK;
}

static enum rc get_str(struct rd *r, uint64_t max, struct str *out)
{
    uint32_t n = rd_u32(r);

    if (n > max)
        return RC_TOOBIG;
    *out = rd_bytes(r, n);
    return rd_rc(r);
}

static enum rc get_strs(const struct ipc_field *d, struct rd *r, struct arena *a,
                        struct ipc_strs *out)
{
    struct str *v;
    size_t n = 0;

    TRY(get_count(r, d->max, sizeof(uint32_t), &n));
    if (n == 0)
        return RC_OK;
    v = ARENA_ARRAY(a, struct str, n);
    if (!v)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++)
        TRY(get_str(r, d->each, &v[i]));
    *out = (struct ipc_strs){v, n};
    return RC_OK;
}

static enum rc get_list(const struct ipc_field *d, struct rd *r, struct arena *a, void *out,
                        int depth)
{
    struct any_list list = {NULL, 0};
    char *v;
    size_t n = 0;

    /* Every struct in a list encodes to one byte at least (a test sees to it). */
    TRY(get_count(r, d->max, 1, &n));
    if (n == 0)
        return RC_OK;
    v = arena_calloc(a, n, d->of->size);
    if (!v)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++)
        TRY(decode(d->of, r, a, v + i * d->of->size, depth));
    list = (struct any_list){v, n};
    memcpy(out, &list, sizeof(list));
    return RC_OK;
}

static enum rc get_number(const struct ipc_field *d, struct rd *r, size_t bytes, uint64_t *out)
{
    uint64_t v = 0;

    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | rd_u8(r);
    TRY(rd_rc(r));
    if (v > d->max)
        return RC_PARSE;
    *out = v;
    return RC_OK;
}

static enum rc get_addr(struct rd *r, struct addr *out)
{
    uint8_t n = rd_u8(r);
    struct str bytes = rd_bytes(r, n);
    struct addr a;

    TRY(rd_rc(r));
    if (n == 0)
        return RC_OK;
    TRY(addr_from_bytes(bytes, &a));
    /* An IPv4 address written as IPv6 is not the one form that a host has. */
    if (a.n != n)
        return RC_PARSE;
    *out = a;
    return RC_OK;
}

static enum rc get_id(struct rd *r, struct id *out)
{
    static const char none[ID_CHARS];
    struct str text = rd_bytes(r, ID_CHARS);

    TRY(rd_rc(r));
    return str_eq(text, str_bytes(none, ID_CHARS)) ? RC_OK : id_parse(text, out);
}

static enum rc get_unsigned(const struct ipc_field *d, struct rd *r, void *at)
{
    uint64_t v = 0;

    switch ((int)d->kind) {
    case IPC_KIND_U8:
        TRY(get_number(d, r, 1, &v));
        *(uint8_t *)at = (uint8_t)v;
        return RC_OK;
    case IPC_KIND_U16:
        TRY(get_number(d, r, 2, &v));
        *(uint16_t *)at = (uint16_t)v;
        return RC_OK;
    case IPC_KIND_U32:
        TRY(get_number(d, r, 4, &v));
        *(uint32_t *)at = (uint32_t)v;
        return RC_OK;
    case IPC_KIND_BOOL:
        TRY(get_number(d, r, 1, &v));
        *(bool *)at = v == 1;
        return RC_OK;
    default:
        return get_number(d, r, 8, at);
    }
}

static enum rc get_field(const struct ipc_field *d, struct rd *r, struct arena *a, void *at,
                         int depth)
{
    switch (d->kind) {
    case IPC_KIND_U8:
    case IPC_KIND_U16:
    case IPC_KIND_U32:
    case IPC_KIND_U64:
    case IPC_KIND_BOOL:
        return get_unsigned(d, r, at);
    case IPC_KIND_I64:
        *(int64_t *)at = (int64_t)rd_u64(r);
        return rd_rc(r);
    case IPC_KIND_STR:
        return get_str(r, d->max, at);
    case IPC_KIND_STRS:
        return get_strs(d, r, a, at);
    case IPC_KIND_LIST:
        return get_list(d, r, a, at, depth);
    case IPC_KIND_STRUCT:
        return decode(d->of, r, a, at, depth);
    case IPC_KIND_ADDR:
        return get_addr(r, at);
    case IPC_KIND_ADDR_PORT:
        ((struct addr_port *)at)->port = rd_u16(r);
        return get_addr(r, &((struct addr_port *)at)->addr);
    case IPC_KIND_ID:
        return get_id(r, at);
    case IPC_KIND_ERR:
        return ipc_err_get(r, at);
    }
    return RC_PARSE;
}

static enum rc decode(const struct ipc_fields *f, struct rd *r, struct arena *a, void *msg,
                      int depth)
{
    assert(depth < DEPTH_MAX);
    for (size_t i = 0; i < f->n; i++)
        TRY(get_field(&f->field[i], r, a, (char *)msg + f->field[i].offset, depth + 1));
    return RC_OK;
}

/* NOLINTEND(misc-no-recursion) */

enum rc ipc_fields_decode(const struct ipc_fields *f, struct str bytes, struct arena *a, void *msg)
{
    struct rd r = rd_of(bytes);
    enum rc rc;

    memset(msg, 0, f->size);
    rc = decode(f, &r, a, msg, 0);
    if (rc == RC_OK)
        rc = rd_done(&r);
    if (rc != RC_OK)
        memset(msg, 0, f->size);
    return rc;
}
