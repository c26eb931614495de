/* SPDX-License-Identifier: Apache-2.0 */
/* Core's picture of the register of authorities: read, read again, asked who signs, and for the way
 * from a certificate to the roots. */
#include "ca/issue_int.h"
#include "ev/clock.h"
#include "store/store.h"

enum { LIST_ARENA = 32 * 1024 * 1024 };

MSG(msg_no_issuer, "ca.no-issuer",
    "this CA has no active issuer for {0} keys in the hierarchy {1}; `autarky issuer list` shows "
    "what there is");
MSG(msg_none_signs, "ca.none-signs",
    "no issuer of the hierarchy {0} signs now; `autarky issuer list` shows what there is");
MSG(msg_no_issuers, "ca.register-without-issuers",
    "the register names no issuer; the data directory is not one that `autarky init` finished");
MSG(msg_not_covered, "ca.issuer-constraints",
    "no issuer was made for {0}: the domain, an internal suffix or a single name was added after "
    "the issuers were made; an administrator makes new ones with `autarky issuer rotate`");
MSG(msg_mail, "ca.issuer-constraints-mail",
    "no issuer is made for the mail address {0}: they are for addresses at the domain, or at a "
    "name "
    "below it; leave this one out");
MSG(msg_full, "ca.register-full", "the register has more than {0} authorities");

/* ---- reading */

static enum rc keep_issuer(struct ca *ca, const struct store_issuer *row, struct err *err)
{
    struct ca_issuer *i = ARENA_NEW(&ca->arena, struct ca_issuer);
    struct str der;

    if (!i)
        return RC_NOMEM;
    if (ca->n_issuers == CA_REGISTER_MAX)
        return ERR(err, RC_TOOBIG, msg_full, STR("512"));
    *i = (struct ca_issuer){.id = row->id,
                            .parent = row->parent,
                            .has_key = row->key_ref.n > 0,
                            .crl_shards = (unsigned)row->crl_shards,
                            .created = row->created};
    TRY(arena_str(&ca->arena, row->name, &i->ref));
    TRY(arena_str(&ca->arena, row->hierarchy, &i->hierarchy));
    TRY(arena_str(&ca->arena, row->algorithm, &i->algorithm));
    TRY(arena_str(&ca->arena, row->certificate, &der));
    TRY(x509_cert_parse(&ca->arena, der, &i->cert, err));
    TRY(x509_cert_key(&i->cert, &i->key, err));
    ca->issuers[ca->n_issuers++] = i;
    return RC_OK;
}

static enum rc keep_cross(struct ca *ca, const struct store_cross *row, struct err *err)
{
    struct ca_cross *c = ARENA_NEW(&ca->arena, struct ca_cross);
    struct str der;

    if (!c)
        return RC_NOMEM;
    if (ca->n_crosses == CA_REGISTER_MAX)
        return ERR(err, RC_TOOBIG, msg_full, STR("512"));
    *c = (struct ca_cross){.id = row->id, .subject = row->subject, .signer = row->signer};
    TRY(arena_str(&ca->arena, row->name, &c->ref));
    TRY(arena_str(&ca->arena, row->certificate, &der));
    TRY(x509_cert_parse(&ca->arena, der, &c->cert, err));
    ca->crosses[ca->n_crosses++] = c;
    return RC_OK;
}

static struct ca_issuer *known(const struct ca *ca, const struct id *id)
{
    for (size_t i = 0; i < ca->n_issuers; i++)
        if (str_eq(id_str(&ca->issuers[i]->id), id_str(id)))
            return ca->issuers[i];
    return NULL;
}

static struct ca_cross *known_cross(const struct ca *ca, struct str ref)
{
    for (size_t i = 0; i < ca->n_crosses; i++)
        if (str_eq(ca->crosses[i]->ref, ref))
            return ca->crosses[i];
    return NULL;
}

enum rc ca_reload_issuers(struct ca *ca, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    struct store_issuer *rows;
    struct store_cross *crosses;
    size_t n, n_crosses;

    TRY(store_issuer_list(store_read(ca->store), &a, 0, &rows, &n));
    TRY(store_cross_list(store_read(ca->store), &a, &crosses, &n_crosses));
    if (n == 0)
        return ERR(err, RC_NOTFOUND, msg_no_issuers);
    for (size_t i = 0; i < n; i++) {
        struct ca_issuer *issuer = known(ca, &rows[i].id);

        if (!issuer)
            TRY(keep_issuer(ca, &rows[i], err));
        issuer = issuer ? issuer : ca->issuers[ca->n_issuers - 1];
        issuer->state = rows[i].state;
        issuer->activates = rows[i].activates;
        issuer->retires = rows[i].retires;
    }
    for (size_t i = 0; i < n_crosses; i++) {
        struct ca_cross *cross = known_cross(ca, crosses[i].name);

        if (!cross)
            TRY(keep_cross(ca, &crosses[i], err));
        cross = cross ? cross : ca->crosses[ca->n_crosses - 1];
        cross->revoked = crosses[i].revoked;
        cross->reason = crosses[i].reason;
    }
    return RC_OK;
}

/* ---- asking */

const struct ca_issuer *ca_issuer_by_id(const struct ca *ca, const struct id *id)
{
    return known(ca, id);
}

const struct ca_issuer *ca_issuer_find(const struct ca *ca, struct str ref)
{
    for (size_t i = 0; i < ca->n_issuers; i++)
        if (str_eq(ca->issuers[i]->ref, ref))
            return ca->issuers[i];
    return NULL;
}

const struct ca_issuer *ca_issuer_at(const struct ca *ca, size_t i)
{
    return i < ca->n_issuers ? ca->issuers[i] : NULL;
}

const struct ca_cross *ca_cross_find(const struct ca *ca, struct str ref)
{
    return known_cross(ca, ref);
}

const struct ca_cross *ca_cross_at(const struct ca *ca, size_t i)
{
    return i < ca->n_crosses ? ca->crosses[i] : NULL;
}

static enum store_issuer_state state_at(const struct ca_issuer *i, when_t now)
{
    const struct store_issuer row = {
        .state = i->state, .not_after = i->cert.not_after, .retires = i->retires};

    return store_issuer_at(&row, now);
}

static when_t now_of(const struct ca *ca)
{
    return clock_now(ev_clock(ca->ev));
}

enum store_issuer_state ca_issuer_state(const struct ca *ca, const struct ca_issuer *issuer)
{
    return state_at(issuer, now_of(ca));
}

static bool signs(const struct ca_issuer *i, struct str hierarchy, when_t now)
{
    return i->has_key && i->parent.z[0] && str_eq(i->hierarchy, hierarchy) &&
           state_at(i, now) == STORE_ISSUER_ACTIVE && i->activates <= now &&
           i->cert.not_before <= now;
}

/* The first name that its constraints do not permit; empty: all are permitted. */
static struct str outside(const struct ca_issuer *i, const struct ca_need *need,
                          char text[static ADDR_TEXT])
{
    const struct policy_names *names = need->names;

    if (!i->cert.has_constraints || !names)
        return (struct str){NULL, 0};
    for (size_t k = 0; k < names->n_dns; k++)
        if (x509_constraints_dns(&i->cert.constraints, names->dns[k], NULL) != RC_OK)
            return names->dns[k];
    for (size_t k = 0; k < names->n_ips; k++)
        if (x509_constraints_ip(&i->cert.constraints, &names->ips[k], NULL) != RC_OK)
            return str_of(addr_text(&names->ips[k], text));
    for (size_t k = 0; k < need->n_emails; k++)
        if (x509_constraints_email(&i->cert.constraints, need->emails[k], NULL) != RC_OK)
            return need->emails[k];
    return (struct str){NULL, 0};
}

/* Who outlives the leaf goes before who does not; of these the newer one. */
static bool better(const struct ca_issuer *a, const struct ca_issuer *b, const struct ca_need *need)
{
    when_t end = need->now + need->lifetime;
    bool long_a = a->cert.not_after >= end, long_b = b->cert.not_after >= end;

    if (long_a != long_b)
        return long_a;
    if (!long_a)
        return a->cert.not_after > b->cert.not_after;
    return a->activates >= b->activates;
}

struct choice {
    const struct ca_issuer *best;
    struct str refused; /* a name for which one was no choice */
    char text[ADDR_TEXT];
};

static void choose(const struct ca *ca, const struct ca_need *need, struct str algorithm,
                   struct choice *c)
{
    for (size_t k = 0; k < ca->n_issuers; k++) {
        const struct ca_issuer *i = ca->issuers[k];
        struct str name;

        if (!str_eq(i->algorithm, algorithm) || !signs(i, need->hierarchy, need->now))
            continue;
        name = outside(i, need, c->text);
        if (name.n)
            c->refused = name;
        else if (!c->best || better(i, c->best, need))
            c->best = i;
    }
}

enum rc ca_issuer_for(const struct ca *ca, const struct ca_need *need, const struct ca_issuer **out,
                      struct err *err)
{
    /* Any other rather than none: first what everybody can check. */
    static const struct str others[] = {{"ecdsa", 5}, {"rsa", 3}};
    struct str wanted = ca_algorithm_of(need->type);
    struct choice c = {.best = NULL};

    choose(ca, need, wanted, &c);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]) && !c.best && !c.refused.n; i++)
        choose(ca, need, others[i], &c);
    if (c.best) {
        *out = c.best;
        return RC_OK;
    }
    if (c.refused.n)
        return str_find(c.refused, '@') < c.refused.n
                   ? PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_mail, c.refused)
                   : PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_not_covered, c.refused);
    return PROBLEM(err, RC_NOTFOUND, "badCSR", msg_no_issuer, wanted, need->hierarchy);
}

bool ca_hierarchy_open(const struct ca *ca, struct str hierarchy)
{
    when_t now = now_of(ca);

    for (size_t i = 0; i < ca->n_issuers; i++)
        if (signs(ca->issuers[i], hierarchy, now))
            return true;
    return false;
}

enum rc ca_hierarchy_for(const struct ca *ca, const struct policy_names *names, bool staging,
                         struct str *out, struct err *err)
{
    /* What is of the special hierarchy has no staging: there it is judged as if there were none. */
    bool special = !staging && ca_hierarchy_open(ca, STR("special"));
    enum policy_space space;

    TRY(policy_space_of_all(ca->conf, names, special, &space, err));
    *out = staging ? ca_hierarchy_text(CA_STAGING) : policy_space_text(space);
    return RC_OK;
}

enum rc ca_serves(const struct ca *ca, const struct policy_names *names, bool staging,
                  struct err *err)
{
    struct choice c = {.best = NULL};
    struct ca_need need = {.names = names, .now = now_of(ca)};

    TRY(ca_hierarchy_for(ca, names, staging, &need.hierarchy, err));
    for (size_t i = 0; i < ca->n_issuers && !c.best; i++)
        choose(ca, &need, ca->issuers[i]->algorithm, &c);
    if (c.best)
        return RC_OK;
    if (c.refused.n)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_not_covered, c.refused);
    return ERR(err, RC_NOTFOUND, msg_none_signs, need.hierarchy);
}

static bool covered(const struct ca *ca, const struct policy_names *names)
{
    struct ca_need need = {.names = names};
    when_t now = now_of(ca);
    char text[ADDR_TEXT];

    for (size_t i = 0; i < ca->n_issuers; i++)
        if (signs(ca->issuers[i], STR("intranet"), now) && !outside(ca->issuers[i], &need, text).n)
            return true;
    return false;
}

bool ca_covers_dns(const struct ca *ca, struct str name)
{
    return covered(ca, &(struct policy_names){.dns = &name, .n_dns = 1});
}

bool ca_covers_ip(const struct ca *ca, const struct addr *ip)
{
    return covered(ca, &(struct policy_names){.ips = ip, .n_ips = 1});
}

/* ---- chains */

/* Certificates above the leaf, without the root. */
struct way {
    const struct x509_cert *certs[X509_CHAIN_MAX];
    size_t n;
    const struct ca_issuer *root; /* that it leads to, by way of others perhaps */
};

/* Upwards to the root that the issuer hangs below. */
static struct way way_up(const struct ca *ca, const struct ca_issuer *issuer)
{
    struct way w = {.n = 0};
    const struct ca_issuer *at = issuer;

    while (at && at->parent.z[0] && w.n < X509_CHAIN_MAX / 2) {
        w.certs[w.n++] = &at->cert;
        at = ca_issuer_by_id(ca, &at->parent);
    }
    w.root = at;
    return w;
}

static bool usable(const struct ca *ca, const struct ca_cross *c, const struct ca_issuer *subject,
                   when_t now)
{
    const struct ca_issuer *signer = ca_issuer_by_id(ca, &c->signer);

    return str_eq(id_str(&c->subject), id_str(&subject->id)) && c->cert.not_before <= now &&
           now < c->cert.not_after && !c->revoked && signer && now < signer->cert.not_after &&
           signer->state != STORE_ISSUER_REVOKED;
}

static bool visited(const struct ca_issuer *const *roots, size_t n, const struct ca_issuer *root)
{
    for (size_t i = 0; i < n; i++)
        if (roots[i] == root)
            return true;
    return false;
}

/* From root to root, the newest that was not there yet, so that the one line of certificates serves
 * whoever has any of them: a client stops at the first that it trusts. */
static void extend(const struct ca *ca, struct way *w, when_t now)
{
    const struct ca_issuer *roots[X509_CHAIN_MAX] = {w->root};
    size_t n = 1;

    while (w->root && w->n < X509_CHAIN_MAX - 1 && n < X509_CHAIN_MAX) {
        const struct ca_issuer *next = NULL;
        const struct ca_cross *by = NULL;

        for (size_t i = 0; i < ca->n_crosses; i++) {
            const struct ca_cross *c = ca->crosses[i];
            const struct ca_issuer *signer = ca_issuer_by_id(ca, &c->signer);

            if (!usable(ca, c, w->root, now) || visited(roots, n, signer))
                continue;
            if (!next || signer->cert.not_before >= next->cert.not_before) {
                next = signer;
                by = c;
            }
        }
        if (!next)
            return;
        w->certs[w->n++] = &by->cert;
        w->root = roots[n++] = next;
    }
}

static bool same_way(const struct way *a, const struct way *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->certs[i] != b->certs[i])
            return false;
    return true;
}

static void add_way(struct way ways[static CA_CHAINS_MAX], size_t *n, const struct way *w)
{
    for (size_t i = 0; i < *n; i++)
        if (same_way(&ways[i], w))
            return;
    if (*n < CA_CHAINS_MAX)
        ways[(*n)++] = *w;
}

/* First the long one, then straight to its own root, then to each other root that knows it. */
static size_t find_ways(const struct ca *ca, const struct id *issuer,
                        struct way ways[static CA_CHAINS_MAX])
{
    const struct ca_issuer *at = ca_issuer_by_id(ca, issuer);
    struct way straight, w;
    when_t now = now_of(ca);
    size_t n = 0;

    if (!at)
        return 0;
    straight = w = way_up(ca, at);
    extend(ca, &w, now);
    add_way(ways, &n, &w);
    add_way(ways, &n, &straight);
    for (size_t i = 0; straight.root && i < ca->n_crosses; i++) {
        w = straight;
        if (!usable(ca, ca->crosses[i], straight.root, now))
            continue;
        w.certs[w.n++] = &ca->crosses[i]->cert;
        add_way(ways, &n, &w);
    }
    return n;
}

size_t ca_chain_ways(const struct ca *ca, const struct id *issuer)
{
    struct way ways[CA_CHAINS_MAX];

    return find_ways(ca, issuer, ways);
}

enum rc ca_chain_pem_by(const struct ca *ca, const struct id *issuer, struct str leaf, size_t way,
                        struct buf *out)
{
    struct way ways[CA_CHAINS_MAX];
    size_t n = find_ways(ca, issuer, ways);

    if (way >= n)
        return RC_NOTFOUND;
    x509_cert_put_pem(leaf, out);
    for (size_t i = 0; i < ways[way].n; i++)
        x509_cert_put_pem(ways[way].certs[i]->der, out);
    return buf_rc(out);
}

enum rc ca_root_pem(const struct ca *ca, const struct id *issuer, struct buf *out)
{
    const struct ca_issuer *at = ca_issuer_by_id(ca, issuer);

    for (size_t i = 0; at && !x509_cert_self_issued(&at->cert) && i < X509_CHAIN_MAX; i++)
        at = ca_issuer_by_id(ca, &at->parent);
    if (!at)
        return RC_NOTFOUND;
    x509_cert_put_pem(at->cert.der, out);
    return buf_rc(out);
}

enum rc ca_chain_pem(const struct ca *ca, const struct id *issuer, struct str leaf, struct buf *out)
{
    return ca_chain_pem_by(ca, issuer, leaf, 0, out);
}
