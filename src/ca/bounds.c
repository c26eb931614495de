/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/bounds.h"

#include "policy/policy.h"

enum { SCRATCH = 64 * 1024 };

static enum rc permit_names(const struct conf *conf, struct arena *a, struct x509_constraints *c)
{
    size_t n = 1 + conf->names.internal.n + conf->names.single.n;
    struct str *dns = ARENA_ARRAY(a, struct str, n), *mail = ARENA_ARRAY(a, struct str, 2);

    if (!dns || !mail)
        return RC_NOMEM;
    dns[c->n_permitted_dns++] = conf->domain;
    for (size_t i = 0; i < conf->names.internal.n; i++)
        dns[c->n_permitted_dns++] = conf->names.internal.p[i];
    for (size_t i = 0; i < conf->names.single.n; i++)
        dns[c->n_permitted_dns++] = conf->names.single.p[i];
    c->permitted_dns = dns;
    mail[0] = conf->domain;
    mail[1] = arena_printf(a, ".%.*s", STR_ARG(conf->domain));
    c->permitted_email = mail;
    c->n_permitted_email = 2;
    return mail[1].p ? RC_OK : RC_NOMEM;
}

enum rc ca_bounds(const struct conf *conf, struct arena *a, struct x509_constraints *out)
{
    struct addr_net *nets = ARENA_ARRAY(a, struct addr_net, POLICY_RESERVED_NETS);

    *out = (struct x509_constraints){.n_other = 0};
    if (!nets)
        return RC_NOMEM;
    policy_reserved_nets(nets);
    out->permitted_ip = nets;
    out->n_permitted_ip = POLICY_RESERVED_NETS;
    return permit_names(conf, a, out);
}

static bool same_strs(const struct str *a, size_t n, const struct str *b, size_t n_b)
{
    if (n != n_b)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!str_eq(a[i], b[i]))
            return false;
    return true;
}

static bool same_nets(const struct addr_net *a, size_t n, const struct addr_net *b, size_t n_b)
{
    if (n != n_b)
        return false;
    for (size_t i = 0; i < n; i++)
        if (a[i].bits != b[i].bits || !addr_eq(&a[i].base, &b[i].base))
            return false;
    return true;
}

bool ca_bounds_same(const struct conf *conf, const struct x509_cert *issuer)
{
    CLEANUP(arena_done) struct arena scratch = ARENA_INIT(SCRATCH);
    const struct x509_constraints *has = &issuer->constraints;
    struct x509_constraints now;

    if (conf->ca.constraints == CONF_CONSTRAINTS_NONE || !issuer->has_constraints)
        return (conf->ca.constraints == CONF_CONSTRAINTS_NONE) == !issuer->has_constraints;
    if (ca_bounds(conf, &scratch, &now) != RC_OK)
        return true; /* without memory nothing is said to have changed */
    return same_strs(now.permitted_dns, now.n_permitted_dns, has->permitted_dns,
                     has->n_permitted_dns) &&
           same_nets(now.permitted_ip, now.n_permitted_ip, has->permitted_ip, has->n_permitted_ip);
}

/* ---- due */

enum ca_due ca_due(const struct conf *conf, const struct x509_cert *issuer, bool special,
                   when_t now)
{
    when_t before = conf->ca.rotation.before, life = issuer->not_after - issuer->not_before;

    if (!special && !ca_bounds_same(conf, issuer))
        return CA_DUE_BOUNDS;
    if (before > life / 2)
        before = life / 2;
    return issuer->not_after - now <= before ? CA_DUE_END : CA_NOT_DUE;
}
