/* SPDX-License-Identifier: Apache-2.0 */
/* The header fields that mean something to whoever passes messages on (RFC 9110 section 7.6.1, RFC
 * 9112). Names are looked up once, when they are read; all others are HTTP_NAME_OTHER. */
#pragma once

#include "base/str.h"

enum http_name {
    HTTP_NAME_OTHER,
    HTTP_NAME_ACCEPT,
    HTTP_NAME_CONNECTION,
    HTTP_NAME_CONTENT_LENGTH,
    HTTP_NAME_DATE,
    HTTP_NAME_EXPECT,
    HTTP_NAME_HOST,
    HTTP_NAME_TE,
    HTTP_NAME_TRANSFER_ENCODING,
    HTTP_NAME_UPGRADE,
    HTTP_NAME_REQUEST_ID,
    HTTP_NAME_HOP, /* concerns one connection, and nothing of it is of use here: Keep-Alive ... */
    HTTP_NAME_VOUCHED, /* what backends believe a gateway about its client: X-Forwarded-For, X-SSL-*
                          ... Proxy, too, which turns into the variable HTTP_PROXY in CGI */
    HTTP_NAME_KEPT,    /* Authorization, Cookie ...: Connection cannot name it */
};

/* Of a name in lower case. One with an underscore is HTTP_NAME_VOUCHED: CGI and what descends from
 * it cannot tell X_Forwarded_For from X-Forwarded-For. */
enum http_name http_name_of(struct str name);
/* RFC 9110 section 5.6.2. */
bool http_is_token(struct str s);
