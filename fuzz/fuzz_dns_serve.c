/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: dns_serve. By UDP no answer is longer than it may be, a short one than its question. */
#include "dns/serve.h"
#include "dns/update.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static bool find(void *, struct str label, struct dns_serve_texts *out)
{
    out->v[0] = out->v[1] = STR("LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo");
    out->n = label.n % 3;
    return label.n % 4 != 3;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const struct dns_serve_zone zone = {.zone = STR("acme.example"),
                                               .server = STR("a.ns.acme.example"),
                                               .contact = STR("hostmaster.acme.example"),
                                               .addrs = {{.n = 4}, {.n = 16}},
                                               .n_addrs = 2,
                                               .ready = true,
                                               .find = find};
    for (enum dns_serve_way way = DNS_SERVE_UDP; way <= DNS_SERVE_SHORT; way++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(DNS_MESSAGE_MAX);
        unsigned rcode = 0;

        if (dns_serve(&zone, str_bytes(data, n), way, &out, &rcode) != RC_OK)
            continue;
        if (out.n < DNS_HEADER || !(out.p[2] & 0x80) || (rcode & 0xf) != (out.p[3] & 0xfu) ||
            (way != DNS_SERVE_TCP && out.n > DNS_SERVE_ANSWER_MAX) ||
            (way == DNS_SERVE_SHORT && out.n > n) || memcmp(out.p, data, 2) != 0)
            __builtin_trap();
    }
    return 0;
}
