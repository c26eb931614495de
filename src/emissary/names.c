/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of the hosts that were asked for: a table, for libc's lookup opens files. The one that
 * was used longest ago makes room. */
#include "emissary/emissary_int.h"

#include "base/name.h"
#include "ev/clock.h"

MSG(msg_unknown, "emissary.name-unknown", "{0} was not looked up");

static int64_t mono(const struct emissary *e)
{
    return clock_mono(e->env->clock);
}

static struct emissary_name *find(struct emissary *e, struct str host)
{
    for (size_t i = 0; i < EMISSARY_NAMES_MAX; i++)
        if (e->names[i].host[0] && str_ieq(str_of(e->names[i].host), host))
            return &e->names[i];
    return NULL;
}

static void put_local(struct addr *out, size_t max, size_t *out_n)
{
    static const char *const texts[] = {"127.0.0.1", "::1"};

    for (*out_n = 0; *out_n < 2 && *out_n < max; (*out_n)++)
        IGNORE_RC(addr_parse(str_of(texts[*out_n]), &out[*out_n])); /* they are addresses */
}

enum rc emissary_names_known(void *arg, struct str host, struct addr *out, size_t max,
                             size_t *out_n, struct err *err)
{
    struct emissary *e = arg;
    struct emissary_name *known;

    *out_n = 0;
    if (max && addr_parse(host, &out[0]) == RC_OK) {
        *out_n = 1;
        return RC_OK;
    }
    /* RFC 6761 section 6.3: this machine, whatever name servers say. */
    if (str_ieq(host, STR("localhost"))) {
        put_local(out, max, out_n);
        return RC_OK;
    }
    known = find(e, host);
    if (!known || known->until < mono(e))
        return ERR(err, RC_NOTFOUND, msg_unknown, host);
    known->used = mono(e);
    *out_n = known->n < max ? known->n : max;
    memcpy(out, known->addrs, *out_n * sizeof(*out));
    return RC_OK;
}

static enum emissary_depth depth_of(const struct addr *a)
{
    switch (addr_kind(a)) {
    case ADDR_PUBLIC:
    case ADDR_RESERVED:
        return EMISSARY_OUTSIDE;
    case ADDR_PRIVATE:
        return EMISSARY_INSIDE;
    case ADDR_LOOPBACK:
    case ADDR_LINK_LOCAL:
    case ADDR_MULTICAST:
    case ADDR_UNSPECIFIED:
        break;
    }
    return EMISSARY_MACHINE;
}

enum emissary_depth emissary_depth(const struct addr *addrs, size_t n)
{
    enum emissary_depth most = EMISSARY_OUTSIDE;

    for (size_t i = 0; i < n; i++)
        if (depth_of(&addrs[i]) > most)
            most = depth_of(&addrs[i]);
    return most;
}

void emissary_names_put(struct emissary *e, struct str host, const struct addr *addrs, size_t n)
{
    struct emissary_name *at = find(e, host);

    for (size_t i = 0; !at && i < EMISSARY_NAMES_MAX; i++)
        if (!e->names[i].host[0])
            at = &e->names[i];
    if (!at) {
        at = &e->names[0];
        for (size_t i = 1; i < EMISSARY_NAMES_MAX; i++)
            if (e->names[i].used < at->used)
                at = &e->names[i];
    }
    if (str_copyz(host, at->host, sizeof(at->host)) != RC_OK)
        return;
    at->n = n < EMISSARY_ADDRESSES_MAX ? n : EMISSARY_ADDRESSES_MAX;
    memcpy(at->addrs, addrs, at->n * sizeof(*addrs));
    at->used = mono(e);
    at->until = at->used + EMISSARY_NAME_SECONDS * WHEN_SECOND;
}
