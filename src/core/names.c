/* SPDX-License-Identifier: Apache-2.0 */
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/name.h"
#include "core/core_int.h"
#include "policy/policy.h"

enum { NAMES_ARENA = 64 * 1024, HOST_MAX = 256 };

static enum rc leave_out(struct core_names *names, struct str what)
{
    struct str was = names->left_out;

    names->left_out =
        arena_printf(&names->arena, "%.*s%s%.*s", STR_ARG(was), was.n ? ", " : "", STR_ARG(what));
    return names->left_out.p ? RC_OK : RC_NOMEM;
}

static enum rc add_name(struct core_names *names, const struct conf *conf, struct str text)
{
    char name[NAME_MAX_BYTES + 1];
    struct str kept;
    size_t at = 0;

    if (name_canonical(text, false, name) != RC_OK)
        return leave_out(names, text);
    if (policy_space_of(conf, POLICY_DNS, str_of(name)) != POLICY_INTRANET)
        return leave_out(names, text);
    while (at < names->n_dns && str_cmp(names->dns[at], str_of(name)) < 0)
        at++;
    if ((at < names->n_dns && str_eq(names->dns[at], str_of(name))) ||
        names->n_dns == CORE_NAMES_MAX)
        return RC_OK;
    TRY(arena_str(&names->arena, str_of(name), &kept));
    memmove(&names->dns[at + 1], &names->dns[at], (names->n_dns - at) * sizeof(names->dns[0]));
    names->dns[at] = kept;
    names->n_dns++;
    return RC_OK;
}

static enum rc add_addr(struct core_names *names, const struct conf *conf, const struct addr *a)
{
    char text[ADDR_TEXT];

    addr_text(a, text);
    for (size_t i = 0; i < names->n_ips; i++)
        if (addr_eq(&names->ips[i], a))
            return RC_OK;
    if (policy_space_of(conf, POLICY_IP, str_of(text)) != POLICY_INTRANET)
        return leave_out(names, str_of(text));
    if (names->n_ips < CORE_NAMES_MAX)
        names->ips[names->n_ips++] = *a;
    return RC_OK;
}

/* "https://ca.hospital.example:8555" to its host. */
static enum rc add_url(struct core_names *names, const struct conf *conf)
{
    struct str host = str_skip(conf->urls.api, strlen("https://"));
    struct addr_port ap;
    struct addr a;
    struct str port;

    if (conf->urls.api.n == 0)
        return RC_OK;
    if (addr_port_parse(host, &ap) == RC_OK)
        return add_addr(names, conf, &ap.addr);
    if (addr_parse(host, &a) == RC_OK)
        return add_addr(names, conf, &a);
    str_cut(host, ':', &host, &port);
    return add_name(names, conf, host);
}

static bool usable(const struct ifaddrs *i, struct addr *out)
{
    struct str bytes;

    if (!i->ifa_addr || !(i->ifa_flags & IFF_UP))
        return false;
    if (i->ifa_addr->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)i->ifa_addr;

        bytes = str_bytes(&in->sin_addr, 4);
    } else if (i->ifa_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)i->ifa_addr;

        /* One that is only meant together with an interface says nothing in a certificate. */
        if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
            return false;
        bytes = str_bytes(&in6->sin6_addr, 16);
    } else {
        return false;
    }
    return addr_from_bytes(bytes, out) == RC_OK;
}

static enum rc add_interfaces(struct core_names *names, const struct conf *conf)
{
    struct ifaddrs *all = NULL;
    struct addr a;
    enum rc rc = RC_OK;

    if (getifaddrs(&all) != 0)
        return RC_OK; /* the names are enough to begin with */
    for (const struct ifaddrs *i = all; i && rc == RC_OK; i = i->ifa_next)
        if (usable(i, &a))
            rc = add_addr(names, conf, &a);
    freeifaddrs(all);
    return rc;
}

enum rc core_names_read(struct core_names *names, const struct conf *conf)
{
    char host[HOST_MAX] = "";

    *names = (struct core_names){.n_dns = 0};
    arena_init(&names->arena, NAMES_ARENA);
    TRY(add_url(names, conf));
    TRY(add_name(names, conf, STR("localhost")));
    if (gethostname(host, sizeof(host) - 1) == 0 && host[0])
        TRY(add_name(names, conf, str_of(host)));
    return add_interfaces(names, conf);
}

void core_names_done(struct core_names *names)
{
    arena_done(&names->arena);
}

enum rc core_names_apply(struct core *core)
{
    const struct core_names *names = &core->names;
    struct str hosts[2 * CORE_NAMES_MAX];
    char texts[CORE_NAMES_MAX][ADDR_TEXT + 2];
    size_t n = 0;

    for (size_t i = 0; i < names->n_dns; i++)
        hosts[n++] = names->dns[i];
    for (size_t i = 0; i < names->n_ips; i++) {
        CLEANUP(buf_done) struct buf b = {};
        char plain[ADDR_TEXT];
        bool v6 = names->ips[i].n == 16;

        buf_init(&b, sizeof(texts[i]) - 1);
        buf_printf(&b, "%s%s%s", v6 ? "[" : "", addr_text(&names->ips[i], plain), v6 ? "]" : "");
        TRY(str_copyz(buf_str(&b), texts[i], sizeof(texts[i])));
        hosts[n++] = str_of(texts[i]);
    }
    return acme_set_hosts(core->acme, hosts, n);
}
