/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: json_parse, json_iter, json_next, json_out; what was read is written and read again. */
#include "json/json.h"
#include "json/out.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void copy(const struct json *v, struct json_out *o)
{
    struct json_iter it = json_iter(v);
    enum json_type type = json_type(v);
    struct str s;

    if (json_str_nul(v, &s) == RC_OK)
        json_put_str(o, s);
    else
        (type == JSON_ARRAY ? json_arr : type == JSON_OBJECT ? json_obj : json_put_null)(o);
    for (const struct json *in; json_next(&it, &s, &in); copy(in, o))
        if (type == JSON_OBJECT)
            json_key_str(o, s);
    if (type == JSON_ARRAY || type == JSON_OBJECT)
        json_end(o);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL, *again = NULL;
    CLEANUP(buf_done) struct buf b = BUF_INIT(1 << 20);
    struct json_out o;

    if (json_parse(str_bytes(data, n), 1 << 16, &doc, NULL) != RC_OK)
        return 0;
    json_out_init(&o, &b, JSON_COMPACT);
    copy(json_root(doc), &o);
    if (json_out_done(&o) != RC_OK || json_parse(buf_str(&b), b.max, &again, NULL) != RC_OK)
        __builtin_trap();
    return 0;
}
