/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: persist_judge, a TXT record to a line. What is allowed has to name the account. */
#include "dns/persist_rule.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static bool plausible(const struct dns_record *records, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t at = 0; at < records[i].text.n; at++)
            if (str_starts(str_skip(records[i].text, at), STR("https://ca.example/1")))
                return true;
    return false;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const struct str us[] = {{"ca.example", 10}};
    struct persist_query q = {us,
                              1,
                              {STR("https://ca.example/1")},
                              1,
                              STR("https://ca.example/h/"),
                              false,
                              1'800'000'000 * WHEN_SECOND};
    struct dns_record records[16] = {};
    struct str rest = str_bytes(data, n);
    struct err err = ERR_INIT;
    size_t count = 0;
    when_t until = -1;

    while (count < 16 && str_next(&rest, '\n', &records[count].text))
        count++;
    for (int i = 0; i < 2; i++, q.wildcard = true)
        if (persist_judge(&q, records, count, &until, &err) == RC_OK
                ? until < 0 || (until && until < q.now) || !plausible(records, count)
                : !err.msg || !err.type)
            __builtin_trap();
    return 0;
}
