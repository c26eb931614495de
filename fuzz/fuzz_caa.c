/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: caa_judge, with the records' values as strangers write them. Each line is a record:
 * flags (a '!' is critical), tag, space, value. */
#include "validate/caa_rule.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const struct str us[] = {{"ca.example", 10}};
    struct caa_query q = {us, 1, STR("https://ca.example/1"), STR("http-01"), false};
    struct dns_record records[16] = {};
    struct str rest = str_bytes(data, n), line;
    struct err err = ERR_INIT;
    size_t count = 0;

    while (count < 16 && str_next(&rest, '\n', &line)) {
        struct dns_record *r = &records[count++];

        r->flags = str_starts(line, STR("!")) ? 0x80 : 0;
        str_cut(str_skip(line, r->flags ? 1 : 0), ' ', &r->tag, &r->text);
    }
    for (int i = 0; i < 2; i++, q.wildcard = true)
        if (caa_judge(&q, records, count, &err) != RC_OK && !err.msg)
            __builtin_trap();
    return 0;
}
