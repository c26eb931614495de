/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/hello.h"

#include "base/rd.h"

enum { TYPE_HOST_NAME = 0 };

/* A list of two bytes of length in front. */
static struct str list16(struct rd *r)
{
    return rd_bytes(r, rd_u16(r));
}

enum rc tls_hello_server_name(struct str body, char out[static NAME_MAX_BYTES + 1])
{
    struct rd r = rd_of(body), list = rd_of(list16(&r));
    uint8_t type = rd_u8(&list);
    struct str name = list16(&list);

    TRY(rd_done(&r));
    TRY(rd_rc(&list));
    if (list.left || type != TYPE_HOST_NAME || str_ends(name, STR(".")))
        return RC_INVAL;
    return name_canonical(name, false, out) == RC_OK ? RC_OK : RC_INVAL;
}
