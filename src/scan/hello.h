/* SPDX-License-Identifier: Apache-2.0 */
/* What a server can do, asked without any cryptography: a ClientHello that offers little, and the
 * first thing that the server says to it. A TLS 1.3 server that is shown groups and no key share
 * names the one it wants (HelloRetryRequest, RFC 8446 section 4.1.4); one that is offered a version
 * at most answers with one it has, or an alert. Bytes in, bytes out; no socket. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

enum {
    SCAN_HELLO_MAX = 1024,       /* bytes of a ClientHello */
    SCAN_ANSWER_MAX = 16384 + 5, /* bytes that are waited for */
    SCAN_GROUPS_MAX = 16,
    SCAN_TLS10 = 0x0301,
    SCAN_TLS11 = 0x0302,
    SCAN_TLS12 = 0x0303,
    SCAN_TLS13 = 0x0304,
};

/* Groups that are asked for, by IANA's numbers, the best known first. */
const uint16_t *scan_groups(size_t *out_n);
/* "X25519MLKEM768"; NULL: none that is asked for. */
const char *scan_group_name(uint16_t group);
/* By that name, in any letters; 0: none. */
uint16_t scan_group_find(struct str name);
/* "TLSv1.2"; NULL: none. */
const char *scan_version_name(uint16_t version);

struct scan_hello {
    uint16_t version;       /* the highest offered; SCAN_TLS13: that one alone */
    const uint16_t *groups; /* what is offered; of TLS 1.3 all without a key share */
    size_t n_groups;
    struct str name; /* SNI; empty: none. A DNS name */
};
/* Appends it, as one record. RC_IO: no random bytes; RC_NOMEM, RC_TOOBIG. */
enum rc scan_hello_put(const struct scan_hello *h, struct buf *out);

struct scan_answer {
    uint16_t version; /* 0: it refused, with an alert */
    uint16_t group;   /* TLS 1.3: the one it asks for; 0: none said */
    uint16_t suite;
    uint8_t alert;
};
/* Reads what has come so far. RC_AGAIN: more is needed; RC_PARSE: that is no TLS; RC_TOOBIG. */
enum rc scan_answer_read(struct str bytes, struct scan_answer *out);
