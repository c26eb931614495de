/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection speaks, told by its first bytes. TLS and TLCP (GB/T 38636) share a port without
 * any negotiation between them: the version says which it is, and not every client of TLCP puts it
 * into the record's header. */
#pragma once

#include "base/str.h"

enum { TLS_PEEK_BYTES = 11 }; /* as many are always enough: to the version in the ClientHello */

enum tls_peeked {
    TLS_PEEK_MORE, /* cannot be told yet; never with TLS_PEEK_BYTES or more */
    TLS_PEEK_TLS,  /* a record with a ClientHello, of any version */
    TLS_PEEK_TLCP, /* version 0x0101 in the record or in the ClientHello */
    TLS_PEEK_HTTP, /* a method in the clear: letters, hyphens, a space if there is room for it */
    TLS_PEEK_OTHER,
};

/* `first` is all that has come so far. More bytes never change an answer but TLS_PEEK_MORE. */
enum tls_peeked tls_peek(struct str first);
