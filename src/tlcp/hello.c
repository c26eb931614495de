/* SPDX-License-Identifier: Apache-2.0 */
/* What ClientHello and ServerHello have in common. */
#include "tlcp/message_int.h"

static bool known(struct tlcp_extensions *e, uint16_t type, struct str **out)
{
    switch (type) {
    case TLCP_EXT_SERVER_NAME:
        *out = &e->server_name;
        return true;
    case TLCP_EXT_ALPN:
        *out = &e->alpn;
        return true;
    case TLCP_EXT_SESSION_TICKET:
        *out = &e->ticket;
        return true;
    default:
        return false;
    }
}

enum rc tlcp_extensions_read(struct rd *r, struct tlcp_extensions *out)
{
    struct rd list;
    size_t n = 0;

    *out = (struct tlcp_extensions){};
    if (!r->left) /* there need not be any, not even their length */
        return rd_rc(r);
    list = rd_of(tlcp_vector16(r));
    while (list.left) {
        uint16_t type = rd_u16(&list);
        struct str body = tlcp_vector16(&list), *to;

        if (++n > TLCP_EXTENSIONS_MAX)
            return RC_PARSE;
        if (!known(out, type, &to))
            continue;
        if (to->p)
            return RC_PARSE;
        *to = body.p ? body : STR("");
    }
    TRY(rd_rc(&list));
    return rd_done(r);
}

void tlcp_alpn_write(struct str spaced, struct buf *out)
{
    struct str name;
    size_t at = out->n;

    buf_u16(out, 0);
    while (str_next(&spaced, ' ', &name)) {
        buf_u8(out, (uint8_t)name.n);
        buf_puts(out, name);
    }
    if (buf_rc(out) != RC_OK)
        return;
    out->p[at] = (char)((out->n - at - 2) >> 8);
    out->p[at + 1] = (char)(out->n - at - 2);
}

static bool listed(struct str list, struct str name)
{
    struct rd r = rd_of(list);

    while (r.left)
        if (str_eq(rd_bytes(&r, rd_u8(&r)), name))
            return true;
    return false;
}

enum rc tlcp_alpn_choose(struct str list, struct str spaced, struct str *out)
{
    struct rd r = rd_of(list), names = rd_of(tlcp_vector16(&r)), all = names;
    struct str name;

    TRY(rd_done(&r));
    while (names.left)
        if (rd_bytes(&names, rd_u8(&names)).n == 0)
            return RC_PARSE;
    TRY(rd_rc(&names));
    if (!all.left)
        return RC_PARSE;
    while (str_next(&spaced, ' ', &name))
        if (listed(str_bytes(all.p, all.left), name)) {
            *out = name;
            return RC_OK;
        }
    return RC_NOTFOUND;
}

enum rc tlcp_alpn_read_one(struct str list, struct str *out)
{
    struct rd r = rd_of(list), names = rd_of(tlcp_vector16(&r));
    struct str name = rd_bytes(&names, rd_u8(&names));

    TRY(rd_done(&r));
    TRY(rd_done(&names));
    if (name.n == 0)
        return RC_PARSE;
    *out = name;
    return RC_OK;
}
