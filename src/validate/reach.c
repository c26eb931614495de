/* SPDX-License-Identifier: Apache-2.0 */
#include "validate/reach.h"

#include "net/net.h"

MSG(msg_deny, "validate.address-denied",
    "the configuration (validation.deny) forbids connecting to {0}");
MSG(msg_special, "validate.address-special",
    "{0} is {1}, to which validation never connects; validation.allow can lift that");

MSG(msg_self, "validate.address-self",
    "{0} is this server itself; what Autarky listens on proves nothing about a name");

enum { V6_BYTES = 16, NAT64_BYTES = 12 };

static bool listed(const struct conf_nets *nets, const struct addr *addr)
{
    for (size_t i = 0; i < nets->n; i++)
        if (addr_net_has(&nets->p[i], addr))
            return true;
    return false;
}

/* 64:ff9b::/96 reaches the IPv4 address at its end (RFC 6052). */
static bool inside_nat64(const struct addr *addr, struct addr *out)
{
    static const uint8_t prefix[NAT64_BYTES] = {0x00, 0x64, 0xff, 0x9b};

    return addr->n == V6_BYTES && memcmp(addr->b, prefix, sizeof(prefix)) == 0 &&
           addr_from_bytes(str_bytes(addr->b + NAT64_BYTES, V6_BYTES - NAT64_BYTES), out) == RC_OK;
}

static const char *denied_kind(const struct addr *addr)
{
    switch (addr_kind(addr)) {
    case ADDR_LOOPBACK:
        return "a loopback address";
    case ADDR_LINK_LOCAL:
        return "a link-local address or a cloud's metadata service";
    case ADDR_MULTICAST:
        return "a multicast address";
    case ADDR_UNSPECIFIED:
        return "no address of a host";
    case ADDR_PUBLIC:
    case ADDR_PRIVATE:
    case ADDR_RESERVED:
        break;
    }
    return NULL;
}

enum rc validate_reach(const struct conf *conf, const struct addr *addr, struct err *err)
{
    char text[ADDR_TEXT];
    struct str shown = str_of(addr_text(addr, text));
    struct addr inner;
    const char *kind;

    if (listed(&conf->validation.deny, addr) ||
        (inside_nat64(addr, &inner) && listed(&conf->validation.deny, &inner)))
        return ERR(err, RC_DENIED, msg_deny, shown);
    kind = denied_kind(addr);
    if (kind && !listed(&conf->validation.allow, addr))
        return ERR(err, RC_DENIED, msg_special, shown, str_of(kind));
    return RC_OK;
}

static bool has_port(const struct conf_ports *ports, uint16_t port)
{
    for (size_t i = 0; i < ports->n; i++)
        if (ports->p[i].port == port)
            return true;
    return false;
}

/* A connection of a host to itself has the same address at both ends; among the loopback addresses
 * the kernel may choose another one. */
static bool same_host(int fd, const struct addr *to)
{
    struct addr_port local;

    return addr_kind(to) == ADDR_LOOPBACK ||
           (net_local_addr(fd, &local) == RC_OK && addr_eq(&local.addr, to));
}

enum rc validate_reach_self(const struct conf *conf, int fd, const struct addr_port *to,
                            struct err *err)
{
    char text[ADDR_TEXT];
    bool own = has_port(&conf->listen.api, to->port) || has_port(&conf->listen.plain, to->port) ||
               (conf->gateway.n_sites && has_port(&conf->listen.gateway, to->port));

    if (own && same_host(fd, &to->addr))
        return ERR(err, RC_DENIED, msg_self, str_of(addr_port_text(to, text)));
    return RC_OK;
}
