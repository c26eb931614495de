/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: what clients of acme-dns and httpreq send: core_txt_read_update, _httpreq, _register,
 * core_txt_basic, core_txt_allows, core_txt_is_name. */
#include "core/txt_ask.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf allow = BUF_INIT(2048), room = BUF_INIT(CORE_TXT_BASIC_MAX);
    CLEANUP(json_freep) struct json_doc *one = NULL, *two = NULL;
    const struct addr client = {4, {10, 1, 2, 3}};
    struct str in = str_bytes(data, n), user, password;
    struct core_txt_change c = {};
    const char *why = NULL;
    enum rc rc = core_txt_read_update(in, &one, &c, &why);

    if ((rc == RC_INVAL) != (why != NULL) || (rc == RC_OK && c.value.n != CORE_TXT_VALUE))
        __builtin_trap();
    why = NULL;
    rc = core_txt_read_httpreq(in, &two, &c, &why);
    if ((rc == RC_INVAL) != (why != NULL))
        __builtin_trap();
    (void)core_txt_is_name(c.name, STR("label"), STR("acme.example"));
    why = NULL;
    rc = core_txt_read_register(in, &allow, &why);
    if (rc == RC_INVAL && !why)
        __builtin_trap();
    (void)core_txt_allows(rc == RC_OK ? buf_str(&allow) : in, &client);
    rc = core_txt_basic(in, &room, &user, &password);
    if (rc == RC_OK && user.n + password.n + 1 != room.n)
        __builtin_trap();
    return 0;
}
