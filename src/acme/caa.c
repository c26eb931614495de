/* SPDX-License-Identifier: Apache-2.0 */
/* CAA once more before a certificate is made (RFC 8659): it is checked with each proof of control,
 * but a proof lives longer than what a zone says, and may be of another name than the
 * certificate's. */
#include "acme/parts_int.h"

MSG(msg_unknown, "acme.caa-unknown",
    "whether CAA records forbid the certificate could not be found out just now: {0}; the order is "
    "still ready: finalize it again");

MSG(msg_forbidden, "acme.caa-several", "{0} of {1} names are refused; the first: {2}");

enum { PARALLEL = 8 };

struct check {
    struct checks *of;
    struct str shown;  /* as the order has it */
    struct str name;   /* without "*." */
    struct str method; /* by which the authorization became valid */
    bool wildcard;
};

struct checks {
    struct acme_request *r;
    void (*then)(struct acme_request *r, enum rc rc);
    struct check *list;
    size_t n, next, under_way;
    struct acme_validation *asks;
    enum rc rc;
};

struct str acme_account_uri(const struct acme *a, struct arena *arena, const struct id *account,
                            bool staging)
{
    struct str uri;

    if (!a->conf->urls.api.n)
        return STR("");
    uri = arena_printf(arena, "%.*s%s/account/%s", STR_ARG(a->conf->urls.api),
                       acme_staging_prefix(staging), account->z);
    return uri.p ? uri : STR("");
}

/* The challenge that made it valid; empty for one that is valid by something else. */
static struct str method_of(const struct store_authorization *z)
{
    for (size_t i = 0; i < z->n_challenges; i++)
        if (z->challenges[i].status == STORE_CHALLENGE_VALID)
            return z->challenges[i].type;
    return STR("");
}

static enum rc add(struct checks *c, const struct store_order_name *name)
{
    struct str value = name->name.value;
    bool wildcard = str_starts(value, STR("*."));
    struct store_authorization z;
    struct str method;

    if (name->name.type != STORE_NAME_DNS)
        return RC_OK;
    TRY(store_authorization_get(store_read(c->r->acme->store), c->r->arena, &name->authorization,
                                &z));
    method = method_of(&z);
    value = wildcard ? str_skip(value, 2) : value;
    if (!method.n || (z.validated + ACME_CAA_LIFE > c->r->now && z.wildcard == wildcard &&
                      str_eq(z.name.value, value)))
        return RC_OK;
    c->list[c->n++] = (struct check){c, name->name.value, value, method, wildcard};
    return RC_OK;
}

static void go_on(struct checks *c);

/* RFC 8555 section 6.7.1: each that is refused. That nothing was found out about one ends it,
 * unless another is refused, which says more. */
static void note(const struct check *check, enum rc rc, const struct err *why)
{
    struct checks *c = check->of;
    struct acme_request *r = c->r;
    char text[512];

    if (rc == RC_OK)
        return;
    if (rc == RC_DENIED && why) {
        c->rc = rc;
        r->subs[r->n_subs++] = (struct http_subproblem){*why, STR("dns"), check->shown};
        return;
    }
    if (c->rc == RC_DENIED)
        return;
    c->rc = ACME_ERR(r, RC_AGAIN, "serverInternal", msg_unknown,
                     str_of(why ? err_textz(why, text, sizeof(text)) : rc_text(rc)));
    r->err.status = 503;
}

static void checked(void *arg, const struct acme_validated *v)
{
    const struct check *check = arg;

    check->of->under_way--;
    note(check, v->rc, v->why);
    go_on(check->of);
}

static void ask(struct checks *c)
{
    const struct acme_options *o = &c->r->acme->options;
    struct check *check = &c->list[c->next];
    struct acme_validation *v = &c->asks[c->next++];
    enum rc rc;

    *v = (struct acme_validation){
        .challenge = check->method,
        .identifier_type = STR("dns"),
        .identifier = check->name,
        .wildcard = check->wildcard,
        .caa_only = true,
        .account = acme_account_uri(c->r->acme, c->r->arena, &c->r->account.id, c->r->staging),
        .attempt = 1,
    };
    rc = o->validate(o->validate_arg, v, checked, check);
    if (rc == RC_OK)
        c->under_way++;
    else
        note(check, rc, NULL);
}

/* Of one it is the problem, of several what they have in common. */
static void refuse(struct checks *c)
{
    struct acme_request *r = c->r;
    struct str refused = arena_printf(r->arena, "%zu", r->n_subs);
    struct str all = arena_printf(r->arena, "%zu", c->n);
    const char *type = r->subs[0].err.type;
    char first[512];

    r->err = r->subs[0].err;
    if (r->n_subs == 1)
        return;
    for (size_t i = 1; i < r->n_subs; i++)
        if (!str_eq(str_of(r->subs[i].err.type), str_of(type)))
            type = "compound";
    IGNORE_RC(ACME_ERR(r, RC_DENIED, type, msg_forbidden, refused, all,
                       str_of(err_textz(&r->subs[0].err, first, sizeof(first)))));
}

/* What could not be found out ends it, once those under way have been heard. */
static void go_on(struct checks *c)
{
    while ((c->rc == RC_OK || c->rc == RC_DENIED) && c->next < c->n && c->under_way < PARALLEL)
        ask(c);
    if (c->under_way)
        return;
    if (c->rc == RC_DENIED)
        refuse(c);
    c->then(c->r, c->rc);
}

static enum rc prepare(struct acme_request *r, const struct store_order *order, struct checks *c)
{
    c->r = r;
    c->list = ARENA_ARRAY(r->arena, struct check, order->n_names);
    c->asks = ARENA_ARRAY(r->arena, struct acme_validation, order->n_names);
    r->subs = ARENA_ARRAY(r->arena, struct http_subproblem, order->n_names);
    if (!c->list || !c->asks || !r->subs)
        return RC_NOMEM;
    if (r->acme->conf->validation.caa == CONF_CAA_OFF)
        return RC_OK;
    for (size_t i = 0; i < order->n_names; i++)
        TRY(add(c, &order->names[i]));
    return RC_OK;
}

void acme_caa_check(struct acme_request *r, const struct store_order *order,
                    void (*then)(struct acme_request *r, enum rc rc))
{
    struct checks *c = ARENA_NEW(r->arena, struct checks);
    enum rc rc = c ? prepare(r, order, c) : RC_NOMEM;

    if (rc != RC_OK || c->n == 0) {
        then(r, rc);
        return;
    }
    c->then = then;
    go_on(c);
}
