/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/constraints.h"

#include "base/name.h"

MSG(msg_not_permitted, "x509.name-not-permitted",
    "RFC 5280 4.2.1.10: the name constraints of the issuer do not permit {0}");
MSG(msg_excluded, "x509.name-excluded",
    "RFC 5280 4.2.1.10: the name constraints of the issuer exclude {0}, by \"{1}\"");

/* GeneralName, RFC 5280 section 4.2.1.6 */
enum {
    TAG_EMAIL = X509_DER_CONTEXT(1),
    TAG_DNS = X509_DER_CONTEXT(2),
    TAG_IP = X509_DER_CONTEXT(7)
};

bool x509_constraints_empty(const struct x509_constraints *c)
{
    return c->n_permitted_dns + c->n_excluded_dns + c->n_permitted_ip + c->n_excluded_ip +
               c->n_permitted_email + c->n_excluded_email ==
           0;
}

/* ---- writing ---- */

static bool canonical(struct str s)
{
    char text[NAME_MAX_BYTES + 1];

    return s.n == 0 || (name_canonical(s, false, text) == RC_OK && str_eq(s, str_of(text)));
}

static enum rc put_names(struct x509_der *w, uint8_t tag, const struct str *names, size_t n)
{
    if (n > X509_CONSTRAINTS_MAX)
        return RC_TOOBIG;
    for (size_t i = 0; i < n; i++) {
        bool below = tag == TAG_EMAIL && str_starts(names[i], STR("."));

        if (!canonical(str_skip(names[i], below)))
            return RC_INVAL;
        x509_der_open(w, X509_DER_SEQUENCE);
        x509_der_put(w, tag, names[i]);
        x509_der_close(w);
    }
    return RC_OK;
}

static enum rc put_nets(struct x509_der *w, const struct addr_net *nets, size_t n)
{
    unsigned char both[32];

    if (n > X509_CONSTRAINTS_MAX)
        return RC_TOOBIG;
    for (size_t i = 0; i < n; i++) {
        size_t len = nets[i].base.n;

        if ((len != 4 && len != 16) || nets[i].bits > 8 * len)
            return RC_INVAL;
        memset(both, 0, sizeof(both));
        memcpy(both, nets[i].base.b, len);
        for (size_t bit = 0; bit < nets[i].bits; bit++)
            both[len + bit / 8] |= (unsigned char)(0x80 >> bit % 8);
        x509_der_open(w, X509_DER_SEQUENCE);
        x509_der_put(w, TAG_IP, str_bytes(both, 2 * len));
        x509_der_close(w);
    }
    return RC_OK;
}

enum rc x509_constraints_put(const struct x509_constraints *c, struct buf *out)
{
    struct x509_der w = x509_der_of(out);

    x509_der_open(&w, X509_DER_SEQUENCE);
    if (c->n_permitted_dns + c->n_permitted_ip + c->n_permitted_email) {
        x509_der_open(&w, X509_DER_CONTEXT_IN(0));
        TRY(put_names(&w, TAG_DNS, c->permitted_dns, c->n_permitted_dns));
        TRY(put_nets(&w, c->permitted_ip, c->n_permitted_ip));
        TRY(put_names(&w, TAG_EMAIL, c->permitted_email, c->n_permitted_email));
        x509_der_close(&w);
    }
    if (c->n_excluded_dns + c->n_excluded_ip + c->n_excluded_email) {
        x509_der_open(&w, X509_DER_CONTEXT_IN(1));
        TRY(put_names(&w, TAG_DNS, c->excluded_dns, c->n_excluded_dns));
        TRY(put_nets(&w, c->excluded_ip, c->n_excluded_ip));
        TRY(put_names(&w, TAG_EMAIL, c->excluded_email, c->n_excluded_email));
        x509_der_close(&w);
    }
    x509_der_close(&w);
    return x509_der_end(&w);
}

/* ---- reading ---- */

struct lists {
    struct str *dns, *email;
    struct addr_net *ip;
    size_t n_dns, n_email, n_ip, n_other;
};

/* An address and its mask, whose ones must come first; host bits are cleared, as some CAs leave
 * them set. */
static bool get_net(struct str both, struct addr_net *out)
{
    struct addr_net net = {.bits = 0};
    size_t len = both.n / 2;
    bool ended = false;

    if (both.n != 8 && both.n != 32)
        return false;
    net.base.n = (uint8_t)len;
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bool one = (unsigned char)both.p[len + bit / 8] & 0x80 >> bit % 8;

        if (one && ended)
            return false;
        ended = !one;
        net.bits = (uint8_t)(net.bits + one);
    }
    for (size_t i = 0; i < len; i++)
        net.base.b[i] = (uint8_t)((unsigned char)both.p[i] & (unsigned char)both.p[len + i]);
    *out = net;
    return true;
}

struct tree {
    uint8_t tag;
    struct str name;
    struct addr_net net;
};

static bool get_tree(struct rd *trees, struct tree *out)
{
    struct rd in = x509_der_in(trees, X509_DER_SEQUENCE);

    out->tag = x509_der_peek(&in);
    switch (out->tag) {
    case TAG_DNS:
    case TAG_EMAIL:
        out->name = x509_der_get(&in, out->tag);
        if (out->name.n && !str_printable(out->name))
            return false;
        break;
    case TAG_IP:
        if (!get_net(x509_der_get(&in, TAG_IP), &out->net))
            return false;
        break;
    default:
        x509_der_any(&in, &out->tag);
    }
    /* Nothing behind it: minimum must be absent (0), and maximum as well. */
    return rd_done(&in) == RC_OK;
}

/* Only counts while the lists are NULL. */
static void add_tree(struct lists *l, const struct tree *t)
{
    switch (t->tag) {
    case TAG_DNS:
        if (l->dns)
            l->dns[l->n_dns] = t->name;
        l->n_dns++;
        break;
    case TAG_EMAIL:
        if (l->email)
            l->email[l->n_email] = t->name;
        l->n_email++;
        break;
    case TAG_IP:
        if (l->ip)
            l->ip[l->n_ip] = t->net;
        l->n_ip++;
        break;
    default:
        l->n_other++;
    }
}

static bool get_trees(struct rd trees, struct lists *l)
{
    struct tree t = {.tag = 0};

    if (trees.left == 0)
        return false;
    while (trees.left) {
        if (!get_tree(&trees, &t))
            return false;
        add_tree(l, &t);
    }
    return true;
}

static enum rc get_lists(struct arena *a, struct rd trees, struct lists *out)
{
    struct lists l = {.n_dns = 0};

    if (!get_trees(trees, &l))
        return RC_PARSE;
    if (l.n_dns > X509_CONSTRAINTS_MAX || l.n_email > X509_CONSTRAINTS_MAX ||
        l.n_ip > X509_CONSTRAINTS_MAX)
        return RC_TOOBIG;
    l.dns = ARENA_ARRAY(a, struct str, l.n_dns);
    l.email = ARENA_ARRAY(a, struct str, l.n_email);
    l.ip = ARENA_ARRAY(a, struct addr_net, l.n_ip);
    if (!l.dns || !l.email || !l.ip)
        return RC_NOMEM;
    l.n_dns = l.n_email = l.n_ip = l.n_other = 0;
    if (!get_trees(trees, &l))
        return RC_PARSE;
    *out = l;
    return RC_OK;
}

enum rc x509_constraints_parse(struct arena *a, struct str value, struct x509_constraints *out)
{
    struct rd r = rd_of(value), in = x509_der_in(&r, X509_DER_SEQUENCE);
    struct lists permitted = {.n_dns = 0}, excluded = {.n_dns = 0};
    struct str trees;

    if (rd_done(&r) != RC_OK || in.left == 0)
        return RC_PARSE;
    if (x509_der_opt(&in, X509_DER_CONTEXT_IN(0), &trees))
        TRY(get_lists(a, rd_of(trees), &permitted));
    if (x509_der_opt(&in, X509_DER_CONTEXT_IN(1), &trees))
        TRY(get_lists(a, rd_of(trees), &excluded));
    TRY(rd_done(&in));
    *out = (struct x509_constraints){
        .permitted_dns = permitted.dns,
        .excluded_dns = excluded.dns,
        .permitted_ip = permitted.ip,
        .excluded_ip = excluded.ip,
        .permitted_email = permitted.email,
        .excluded_email = excluded.email,
        .n_permitted_dns = permitted.n_dns,
        .n_excluded_dns = excluded.n_dns,
        .n_permitted_ip = permitted.n_ip,
        .n_excluded_ip = excluded.n_ip,
        .n_permitted_email = permitted.n_email,
        .n_excluded_email = excluded.n_email,
        .n_other = permitted.n_other + excluded.n_other,
    };
    return RC_OK;
}

/* ---- asking ---- */

/* `name` equals `base` or lies below it. A dot in front of `base`, which some CAs write, means
 * below only. */
static bool under(struct str name, struct str base)
{
    struct str tail;

    if (base.n == 0)
        return true;
    if (base.n > name.n)
        return false;
    tail = str_skip(name, name.n - base.n);
    return str_ieq(tail, base) &&
           (tail.n == name.n || base.p[0] == '.' || name.p[name.n - tail.n - 1] == '.');
}

/* All that the name stands for lies within `base`. */
static bool inside(struct str name, struct str base)
{
    /* "*.a.b" is within "a.b", and "*.a.b" itself ends in ".a.b". */
    return name_is_wildcard(name)
               ? under(str_skip(name, 2), base) || (base.n && base.p[0] == '.' && under(name, base))
               : under(name, base);
}

/* Something that the name stands for lies within `base`. */
static bool touches(struct str name, struct str base)
{
    if (inside(name, base))
        return true;
    /* Of "*.a.b", x.a.b does for the base "x.a.b"; for "y.x.a.b" nothing does, as the star is one
     * label. */
    return name_is_wildcard(name) && base.n && base.p[0] != '.' && under(base, str_skip(name, 2)) &&
           name_labels(base) == name_labels(name);
}

enum rc x509_constraints_dns(const struct x509_constraints *c, struct str name, struct err *err)
{
    bool permitted = c->n_permitted_dns == 0;

    for (size_t i = 0; i < c->n_excluded_dns; i++)
        if (touches(name, c->excluded_dns[i]))
            return ERR(err, RC_DENIED, msg_excluded, name, c->excluded_dns[i]);
    for (size_t i = 0; i < c->n_permitted_dns && !permitted; i++)
        permitted = inside(name, c->permitted_dns[i]);
    return permitted ? RC_OK : ERR(err, RC_DENIED, msg_not_permitted, name);
}

enum rc x509_constraints_ip(const struct x509_constraints *c, const struct addr *ip,
                            struct err *err)
{
    bool permitted = c->n_permitted_ip == 0;
    char text[ADDR_TEXT], net[ADDR_TEXT];

    for (size_t i = 0; i < c->n_excluded_ip; i++)
        if (addr_net_has(&c->excluded_ip[i], ip))
            return ERR(err, RC_DENIED, msg_excluded, str_of(addr_text(ip, text)),
                       str_of(addr_text(&c->excluded_ip[i].base, net)));
    for (size_t i = 0; i < c->n_permitted_ip && !permitted; i++)
        permitted = addr_net_has(&c->permitted_ip[i], ip);
    return permitted ? RC_OK : ERR(err, RC_DENIED, msg_not_permitted, str_of(addr_text(ip, text)));
}

static bool email_within(struct str email, struct str base)
{
    struct str domain = name_email_domain(email);

    if (base.n == 0)
        return true;
    if (str_find(base, '@') < base.n)
        return str_eq(email, base);
    return base.p[0] == '.'
               ? domain.n > base.n && str_ieq(str_skip(domain, domain.n - base.n), base)
               : str_ieq(domain, base);
}

enum rc x509_constraints_email(const struct x509_constraints *c, struct str email, struct err *err)
{
    bool permitted = c->n_permitted_email == 0;

    for (size_t i = 0; i < c->n_excluded_email; i++)
        if (email_within(email, c->excluded_email[i]))
            return ERR(err, RC_DENIED, msg_excluded, email, c->excluded_email[i]);
    for (size_t i = 0; i < c->n_permitted_email && !permitted; i++)
        permitted = email_within(email, c->permitted_email[i]);
    return permitted ? RC_OK : ERR(err, RC_DENIED, msg_not_permitted, email);
}
