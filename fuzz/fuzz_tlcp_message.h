/* SPDX-License-Identifier: Apache-2.0 */
/* The parsers of tlcp/message_int.h by the type of their message, for fuzz_tlcp_message.c; each
 * returns some of what it found. */
#pragma once

#include "tlcp/message_int.h"

static struct str client_hello(struct str body, bool)
{
    struct tlcp_client_hello h;
    struct str name;

    if (tlcp_client_hello_read(body, &h) != RC_OK)
        return STR("");
    IGNORE_RC(tlcp_alpn_choose(h.extensions.alpn, STR("h2 http/1.1"), &name));
    return h.suites;
}

static struct str server_hello(struct str body, bool)
{
    struct tlcp_server_hello h;
    struct str name = {NULL, 0};

    if (tlcp_server_hello_read(body, &h) == RC_OK)
        IGNORE_RC(tlcp_alpn_read_one(h.extensions.alpn, &name));
    return name;
}

static struct str certificates(struct str body, bool)
{
    struct tlcp_certificates c;

    return tlcp_certificates_read(body, &c) == RC_OK && c.n ? c.certs[c.n - 1] : STR("");
}

static struct str server_key(struct str body, bool ecdhe)
{
    struct tlcp_server_key k;

    return tlcp_server_key_read(body, ecdhe, &k) == RC_OK ? k.signature : STR("");
}

static struct str request(struct str body, bool)
{
    IGNORE_RC(tlcp_request_read(body));
    return STR("");
}

static struct str verify(struct str body, bool)
{
    struct str got = {NULL, 0};

    IGNORE_RC(tlcp_signature_read(body, &got));
    return got;
}

static struct str client_key(struct str body, bool ecdhe)
{
    struct str got = {NULL, 0};

    IGNORE_RC(ecdhe ? tlcp_client_key_read_point(body, &got)
                    : tlcp_client_key_read_cipher(body, &got));
    return got;
}

static struct str new_ticket(struct str body, bool)
{
    struct str got = {NULL, 0};

    IGNORE_RC(tlcp_new_ticket_read(body, &got));
    return got;
}

static struct str (*const parsers[])(struct str body, bool ecdhe) = {
    [TLCP_CLIENT_HELLO] = client_hello,      [TLCP_SERVER_HELLO] = server_hello,
    [TLCP_CERTIFICATE] = certificates,       [TLCP_SERVER_KEY_EXCHANGE] = server_key,
    [TLCP_CERTIFICATE_REQUEST] = request,    [TLCP_CERTIFICATE_VERIFY] = verify,
    [TLCP_CLIENT_KEY_EXCHANGE] = client_key, [TLCP_NEW_SESSION_TICKET] = new_ticket,
};
