/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/found.h"

#include <stdio.h>

#include "starttls/starttls.h"

const char *scan_state_text(enum scan_state state)
{
    static const char *const texts[] = {"closed", "other", "tls"};

    return texts[state];
}

const char *scan_has_text(unsigned bit)
{
    switch (bit) {
    case SCAN_HAS_TLS10:
        return "TLSv1";
    case SCAN_HAS_TLS11:
        return "TLSv1.1";
    case SCAN_HAS_TLS12:
        return "TLSv1.2";
    case SCAN_HAS_TLS13:
        return "TLSv1.3";
    default:
        return "TLCPv1.1";
    }
}

void scan_found_init(struct scan_found *f, const struct scan_endpoint *at)
{
    *f = (struct scan_found){.at = *at};
    buf_init(&f->chain, SCAN_CHAIN_MAX);
}

void scan_found_done(struct scan_found *f)
{
    buf_done(&f->chain);
}

const char *scan_endpoint_text(const struct scan_found *f, char text[static SCAN_ENDPOINT_TEXT])
{
    const char *protocol = f->at.protocol ? starttls_name(f->at.protocol) : "";
    char at[ADDR_TEXT];

    if (f->tlcp)
        protocol = "tlcp";
    snprintf(text, SCAN_ENDPOINT_TEXT, "%s%s%s%s%.*s", protocol, *protocol ? ":" : "",
             addr_port_text(&f->at.to, at), f->at.name.n ? "/" : "", STR_ARG(f->at.name));
    return text;
}
