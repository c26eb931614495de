/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: base/name; a canonical name is its own canonical form, reversing twice gives it back. */
#include "base/addr.h"
#include "base/name.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* What people see of it fits, and of a canonical name it is text. */
static void read_it(struct str name, bool canonical)
{
    char unicode[NAME_UNICODE_MAX];

    if (name_unicode(name, unicode) == RC_OK &&
        (strlen(unicode) >= NAME_UNICODE_MAX || (canonical && !str_utf8(str_of(unicode)))))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    char name[NAME_MAX_BYTES + 1], again[NAME_MAX_BYTES + 1], back[NAME_MAX_BYTES + 1];
    struct addr ip;

    if (name_reverse(str_bytes(data, n), again) == RC_OK &&
        (name_reverse(str_of(again), back) != RC_OK || !str_eq(str_of(back), str_bytes(data, n))))
        __builtin_trap();
    read_it(str_bytes(data, n), false);
    if (name_canonical(str_bytes(data, n), true, name) != RC_OK)
        return 0;
    read_it(str_of(name), true);
    if (name_canonical(str_of(name), true, again) != RC_OK || strcmp(name, again) != 0 ||
        name_reverse(str_of(name), again) != RC_OK || name_reverse(str_of(again), back) != RC_OK ||
        strcmp(name, back) != 0 || name_labels(str_of(name)) != name_labels(str_of(again)) ||
        !name_under(str_of(name), str_of(name)) || addr_parse(str_of(name), &ip) == RC_OK ||
        (name_canonical(str_of(name), false, again) == RC_OK) == name_is_wildcard(str_of(name)))
        __builtin_trap();
    return 0;
}
