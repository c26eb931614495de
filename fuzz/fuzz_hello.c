/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: tls_hello_server_name. What it accepts is a canonical name, stands in the input, and is
 * accepted again when written anew. */
#include "tls/hello.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    char name[NAME_MAX_BYTES + 1], again[NAME_MAX_BYTES + 1];
    CLEANUP(buf_done) struct buf body = BUF_INIT(NAME_MAX_BYTES + 5);
    size_t len;

    if (tls_hello_server_name(str_bytes(data, n), name) != RC_OK)
        return 0;
    len = strlen(name);
    if (len == 0 || n != len + 5 || !str_ieq(str_bytes(data + 5, len), str_of(name)) ||
        name_canonical(str_of(name), false, again) != RC_OK || strcmp(name, again) != 0)
        __builtin_trap();
    buf_u16(&body, (uint16_t)(len + 3));
    buf_u8(&body, 0);
    buf_u16(&body, (uint16_t)len);
    buf_putz(&body, name);
    if (tls_hello_server_name(buf_str(&body), again) != RC_OK || strcmp(name, again) != 0)
        __builtin_trap();
    return 0;
}
