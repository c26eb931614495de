/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/origin.h"

#include "conf/conf.h"
#include "http/reader.h"
#include "http/url.h"

struct nets {
    struct addr_net *p;
    size_t n;
};

struct gateway_trust {
    struct nets trusted, proxied;
};

static enum rc copy(const struct conf_nets *from, struct nets *to)
{
    if (from->n == 0)
        return RC_OK;
    to->p = mem_calloc(from->n, sizeof(*to->p));
    if (!to->p)
        return RC_NOMEM;
    memcpy(to->p, from->p, from->n * sizeof(*to->p));
    to->n = from->n;
    return RC_OK;
}

static bool has(const struct nets *nets, const struct addr *a)
{
    for (size_t i = 0; i < nets->n; i++)
        if (addr_net_has(&nets->p[i], a))
            return true;
    return false;
}

enum rc gateway_trust_new(const struct conf *conf, struct gateway_trust **out)
{
    CLEANUP(gateway_trust_freep) struct gateway_trust *t = MEM_NEW(struct gateway_trust);

    if (!t)
        return RC_NOMEM;
    TRY(copy(&conf->gateway.trusted, &t->trusted));
    TRY(copy(&conf->gateway.proxied, &t->proxied));
    *out = MOVE(t);
    return RC_OK;
}

void gateway_trust_free(struct gateway_trust *t)
{
    if (!t)
        return;
    mem_free(t->trusted.p);
    mem_free(t->proxied.p);
    mem_free(t);
}

bool gateway_trust_proxied(const struct gateway_trust *t, const struct addr *peer)
{
    return t && has(&t->proxied, peer);
}

/* ---- the hops, from the last to the first */

/* Some write the port behind the address. */
static enum rc read_hop(struct str s, struct addr *out)
{
    struct addr_port with_port;

    if (addr_parse(s, out) == RC_OK)
        return RC_OK;
    if (str_starts(s, STR("[")) && str_ends(s, STR("]")))
        return addr_parse(str_skip(str_head(s, s.n - 1), 1), out);
    TRY(addr_port_parse(s, &with_port));
    *out = with_port.addr;
    return RC_OK;
}

/* The last element of a list, taken off it. */
static struct str take_last(struct str *list)
{
    size_t at = list->n;
    struct str last;

    while (at > 0 && list->p[at - 1] != ',')
        at--;
    last = str_skip(*list, at);
    *list = str_head(*list, at > 0 ? at - 1 : 0);
    return str_trim(last);
}

/* False: there is no more to believe. */
static bool believe(const struct gateway_trust *t, struct str value, struct http_hops *hops)
{
    while (value.n) {
        struct str text = take_last(&value);
        struct addr a;

        if (text.n == 0)
            continue;
        if (hops->n == HTTP_HOPS_MAX || read_hop(text, &a) != RC_OK)
            return false;
        hops->addrs[hops->n++] = a;
        if (!has(&t->trusted, &a))
            return false;
    }
    return true;
}

/* The one value of a field that nobody else is to send; p == NULL: there is none, or there are
 * several. */
static struct str only(const struct http_reader *r, struct str name)
{
    struct str value = {NULL, 0};

    for (size_t i = 0; i < http_reader_fields(r); i++) {
        struct http_field f = http_reader_field(r, i);

        if (f.what != HTTP_NAME_VOUCHED || !str_eq(f.name, name))
            continue;
        if (value.p)
            return (struct str){NULL, 0};
        value = f.value;
    }
    return value;
}

void gateway_origin_find(const struct gateway_trust *t, const struct addr *peer,
                         const struct http_reader *request, struct gateway_origin *out)
{
    struct http_hops *hops = &out->hops;
    struct http_authority at;
    bool more = true;
    struct str s;

    out->client = *peer;
    hops->n = 0;
    hops->proto = hops->host = (struct str){NULL, 0};
    if (!t || !has(&t->trusted, peer))
        return;
    for (size_t i = http_reader_fields(request); more && i-- > 0;) {
        struct http_field f = http_reader_field(request, i);

        if (f.what == HTTP_NAME_VOUCHED && str_eq(f.name, STR("x-forwarded-for")))
            more = believe(t, f.value, hops);
    }
    if (hops->n)
        out->client = hops->addrs[hops->n - 1];
    s = only(request, STR("x-forwarded-proto"));
    if (str_ieq(s, STR("http")))
        hops->proto = STR("http");
    else if (str_ieq(s, STR("https")))
        hops->proto = STR("https");
    s = only(request, STR("x-forwarded-host"));
    if (s.n && http_authority_parse(s, &at) == RC_OK)
        hops->host = s;
}
