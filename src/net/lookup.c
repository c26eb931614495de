/* SPDX-License-Identifier: Apache-2.0 */
#include "net/lookup.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

MSG(msg_lookup, "net.lookup", "{0}");

enum { NAME_BYTES = 256 };

DEFINE_FREEP(freeaddrinfo, struct addrinfo)

static bool take(const struct sockaddr *sa, struct addr *out)
{
    const struct sockaddr_in *v4 = (const void *)sa;
    const struct sockaddr_in6 *v6 = (const void *)sa;
    struct str bytes = sa->sa_family == AF_INET ? str_bytes(&v4->sin_addr, sizeof(v4->sin_addr))
                                                : str_bytes(&v6->sin6_addr, sizeof(v6->sin6_addr));

    return (sa->sa_family == AF_INET || sa->sa_family == AF_INET6) &&
           addr_from_bytes(bytes, out) == RC_OK;
}

enum rc net_lookup(struct str name, struct addr *out, size_t max, size_t *out_n, struct err *err)
{
    CLEANUP(freeaddrinfop) struct addrinfo *found = NULL;
    const struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    char text[NAME_BYTES];
    struct addr a;
    size_t n = 0;
    int e;

    if (addr_parse(name, &a) == RC_OK) {
        if (max)
            out[0] = a;
        *out_n = 1;
        return RC_OK;
    }
    TRY(str_copyz(name, text, sizeof(text)));
    e = getaddrinfo(text, NULL, &want, &found);
    if (e != 0)
        return ERR(err, e == EAI_MEMORY ? RC_NOMEM : RC_NOTFOUND, msg_lookup,
                   str_of(gai_strerror(e)));
    for (const struct addrinfo *at = found; at; at = at->ai_next)
        if (take(at->ai_addr, &a)) {
            if (n < max)
                out[n] = a;
            n++;
        }
    if (n == 0)
        return ERR(err, RC_NOTFOUND, msg_lookup, STR("it has no address"));
    *out_n = n;
    return RC_OK;
}
