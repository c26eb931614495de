/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses, for the files of net/ only. */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "net/net.h"

union net_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

/* 0 when there is no address in `ap`. */
socklen_t net_sockaddr_put(union net_sockaddr *sa, const struct addr_port *ap);
/* RC_INVAL when it is neither IPv4 nor IPv6. */
enum rc net_sockaddr_get(const union net_sockaddr *sa, socklen_t n, struct addr_port *out);
/* The system's words for errno value `e`. */
struct str net_errno_text(int e);
