/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: net_proxy_read, net_proxy_put_v1, net_proxy_put_v2. More bytes never change an answer,
 * and what was read is written and read again, in either version. */
#include "net/proxy.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void check_again(const struct net_proxy *p,
                        void (*put)(const struct net_proxy *p, struct buf *out))
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(NET_PROXY_PUT_MAX);
    struct net_proxy again;
    size_t used;

    put(p, &out);
    if (net_proxy_read(buf_str(&out), &again, &used) != RC_OK || used != out.n ||
        again.local != p->local || !addr_eq(&again.from.addr, &p->from.addr) ||
        !addr_eq(&again.to.addr, &p->to.addr) || again.from.port != p->from.port)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct net_proxy p;
    size_t used = 0, at = 0;
    enum rc rc = RC_AGAIN;

    while (rc == RC_AGAIN && at < n)
        rc = net_proxy_read(str_bytes(data, ++at), &p, &used);
    if (rc == RC_AGAIN ? n >= NET_PROXY_MAX : net_proxy_read(str_bytes(data, n), &p, &used) != rc)
        __builtin_trap();
    if (rc != RC_OK)
        return 0;
    check_again(&p, net_proxy_put_v1);
    check_again(&p, net_proxy_put_v2);
    return 0;
}
