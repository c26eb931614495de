/* SPDX-License-Identifier: Apache-2.0 */
#include "role/resolv.h"

#include <fcntl.h>

#include "base/fd.h"
#include "log/log.h"

size_t role_resolv_conf(const char *what, struct addr_port *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(DNS_RESOLV_CONF_BYTES);
    CLEANUP(fd_closep) int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t found = 0;
    ssize_t n = -1;

    while (fd >= 0 && text.n < DNS_RESOLV_CONF_BYTES) {
        size_t room = DNS_RESOLV_CONF_BYTES - text.n;
        char *to = buf_reserve(&text, room);

        n = to ? read(fd, to, room) : -1;
        if (n <= 0)
            break;
        buf_advance(&text, (size_t)n);
    }
    if (n >= 0)
        found = dns_resolv_conf(buf_str(&text), out);
    if (found == 0)
        log_warn("role.no-name-servers",
                 LOG_TEXT("/etc/resolv.conf names none; only names in a "
                          "zone of `resolvers` can be looked up"),
                 LOG_Z("for", what));
    return found;
}
