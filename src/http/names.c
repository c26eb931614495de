/* SPDX-License-Identifier: Apache-2.0 */
#include "http/names.h"

enum { LENGTH_MAX = 20, PER_LENGTH = 6 };

struct known {
    const char *name;
    enum http_name what;
};

/* By length, so that a name is compared with few others. */
static const struct known known[LENGTH_MAX][PER_LENGTH] = {
    [2] = {{"te", HTTP_NAME_TE}},
    [4] = {{"host", HTTP_NAME_HOST}, {"date", HTTP_NAME_DATE}},
    [5] = {{"proxy", HTTP_NAME_VOUCHED}},
    [6] = {{"accept", HTTP_NAME_ACCEPT},
           {"cookie", HTTP_NAME_KEPT},
           {"expect", HTTP_NAME_EXPECT},
           {"origin", HTTP_NAME_KEPT}},
    [7] = {{"trailer", HTTP_NAME_HOP}, {"upgrade", HTTP_NAME_UPGRADE}},
    [9] = {{"forwarded", HTTP_NAME_VOUCHED}, {"x-real-ip", HTTP_NAME_VOUCHED}},
    [10] = {{"connection", HTTP_NAME_CONNECTION},
            {"keep-alive", HTTP_NAME_HOP},
            {"set-cookie", HTTP_NAME_KEPT},
            {"early-data", HTTP_NAME_HOP}},
    [12] = {{"content-type", HTTP_NAME_KEPT}, {"x-request-id", HTTP_NAME_REQUEST_ID}},
    [13] = {{"authorization", HTTP_NAME_KEPT},
            {"cache-control", HTTP_NAME_KEPT},
            {"content-range", HTTP_NAME_KEPT}},
    [14] = {{"content-length", HTTP_NAME_CONTENT_LENGTH}, {"http2-settings", HTTP_NAME_HOP}},
    [16] = {{"proxy-connection", HTTP_NAME_HOP}, {"content-encoding", HTTP_NAME_KEPT}},
    [17] = {{"transfer-encoding", HTTP_NAME_TRANSFER_ENCODING}},
    [18] = {{"proxy-authenticate", HTTP_NAME_HOP}},
    [19] = {{"proxy-authorization", HTTP_NAME_HOP}},
};

static const struct str vouched[] = {STR("x-forwarded-"), STR("x-ssl-"), STR("x-client-cert"),
                                     STR("ssl-client-"), STR("client-cert")};

enum http_name http_name_of(struct str name)
{
    if (name.n < LENGTH_MAX)
        for (size_t i = 0; i < PER_LENGTH && known[name.n][i].name; i++)
            if (memcmp(known[name.n][i].name, name.p, name.n) == 0)
                return known[name.n][i].what;
    if (str_find(name, '_') < name.n)
        return HTTP_NAME_VOUCHED;
    for (size_t i = 0; i < sizeof(vouched) / sizeof(vouched[0]); i++)
        if (str_starts(name, vouched[i]))
            return HTTP_NAME_VOUCHED;
    return HTTP_NAME_OTHER;
}

bool http_is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("\"(),/:;<=>?@[\\]{}", s.p[i]))
            return false;
    return s.n > 0;
}
