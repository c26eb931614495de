/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/lines.h"

struct str provider_unquote(struct str s)
{
    if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
        return str_bytes(s.p + 1, s.n - 2);
    return s;
}

bool provider_line(struct str line, struct str *out_name, struct str *out_value)
{
    size_t i = 0;
    struct str value;

    line = str_trim(line);
    if (line.n == 0 || line.p[0] == '#' || str_eq(line, STR("---")))
        return false;
    while (i < line.n && line.p[i] != ':' && line.p[i] != '=')
        i++;
    *out_name = str_trim(str_head(line, i));
    value = str_skip(line, i + 1);
    i = 0;
    while (i + 1 < value.n && !(value.p[i] == ' ' && value.p[i + 1] == '#'))
        i++;
    if (i + 1 < value.n)
        value.n = i;
    *out_value = provider_unquote(str_trim(value));
    return true;
}
