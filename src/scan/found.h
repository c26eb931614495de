/* SPDX-License-Identifier: Apache-2.0 */
/* What one endpoint showed. An endpoint is an address, a port, a protocol and the name it was asked
 * for; TLCP beside TLS on one port is an endpoint of its own. */
#pragma once

#include "base/when.h"
#include "scan/hello.h"
#include "scan/target.h"

enum {
    SCAN_CHAIN_MAX = 64 * 1024, /* bytes of PEM */
    SCAN_WHY_MAX = 512,
    SCAN_ENDPOINT_TEXT = 400,
    SCAN_CIPHER_MAX = 64,
};

enum scan_state {
    SCAN_CLOSED, /* nobody there, or nothing but silence */
    SCAN_OTHER,  /* somebody, who speaks no TLS */
    SCAN_TLS,    /* TLS, perhaps without a handshake that came to its end */
};
/* "closed", "other", "tls". */
const char *scan_state_text(enum scan_state state);

/* Bits of scan_found.versions. */
enum {
    SCAN_HAS_TLS10 = 1 << 0,
    SCAN_HAS_TLS11 = 1 << 1,
    SCAN_HAS_TLS12 = 1 << 2,
    SCAN_HAS_TLS13 = 1 << 3,
    SCAN_HAS_TLCP = 1 << 4,
};
/* "TLSv1.3" for one bit. */
const char *scan_has_text(unsigned bit);

struct scan_found {
    struct scan_endpoint at;
    bool tlcp; /* TLCP alone; else TLS */
    when_t time;
    enum scan_state state;
    unsigned versions;
    uint16_t groups[SCAN_GROUPS_MAX]; /* in the order in which the server chose them */
    size_t n_groups;
    char cipher[SCAN_CIPHER_MAX];
    struct buf chain;       /* PEM, leaf first; of TLCP behind it the one that is encrypted to */
    char why[SCAN_WHY_MAX]; /* that there is no chain; "": there is one */
};

void scan_found_init(struct scan_found *f, const struct scan_endpoint *at);
void scan_found_done(struct scan_found *f);

/* "10.1.2.3:443", "smtp:10.1.2.3:25/mail.example", "tlcp:[2001:db8::1]:443/wiki.example": unique,
 * the key of the inventory. Returns `text`. */
const char *scan_endpoint_text(const struct scan_found *f, char text[static SCAN_ENDPOINT_TEXT]);
